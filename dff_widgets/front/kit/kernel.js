// What needs a kernel sleeps without one, and says so.

/** @import { State, Store } from "./types.d.ts" */

export const ASLEEP = "Asleep: this needs the kernel. Run the cell again to wake it.";

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
    controls.forEach((control, i) => {
      control.disabled = asleep;
      control.title = asleep ? ASLEEP : titles[i];
      if (store.get("page")) control.hidden = true; // there never was a kernel: nothing to wait for
    });
  };
  store.on(["asleep", "page"], sync, signal);
  sync();
}
