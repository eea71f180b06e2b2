// What needs a kernel sleeps without one, and says so.

import { describe } from "./dom.js";

/** @import { State, Store } from "./types.d.ts" */

export const ASLEEP = "Asleep: this needs the kernel. Run the cell again to wake it.";
export const ON_A_PAGE = "This is an exported page: open the notebook to do this.";

/**
 * Disable controls while no kernel answers.
 * @param {Store<State>} store
 * @param {AbortSignal} signal
 * @param {...(HTMLButtonElement | HTMLInputElement | HTMLSelectElement)} controls
 */
export function needsKernel(store, signal, ...controls) {
  const titles = controls.map((control) => control.title);
  const sync = () => {
    const asleep = store.get("asleep");
    const why = store.get("page") ? ON_A_PAGE : ASLEEP;
    controls.forEach((control, i) => {
      control.disabled = asleep;
      control.title = asleep ? why : titles[i];
      describe(control, "disabled", asleep);
    });
  };
  store.on(["asleep", "page"], sync, signal);
  sync();
}
