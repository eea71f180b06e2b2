// The drawer under the stage: the selected factor, closer.

import { listen, make } from "../kit/dom.js";
import { icon } from "../kit/icons.js";

/** @import { Context, Mounted } from "../kit/types.d.ts" */

/**
 * @param {HTMLElement} host
 * @param {Context} context
 */
export function mountDrawer(host, context) {
  const { CLOSER } = context.panes;
  if (!CLOSER) return;
  const { store, signal } = context;
  const pane = /** @type {import("../kit/types.d.ts").Pane} */ (CLOSER);
  const close = make("button", { class: "dffw-tool", title: "Close", aria: { label: "Close" } }, icon("close"));
  const inside = make("div", { class: "dffw-drawer-body" });
  const drawer = make("section", { class: "dffw-drawer", hidden: true, aria: { label: pane.title } }, close, inside);
  host.append(drawer);
  /** @type {Mounted | null} */
  let mounted = null;

  function sync() {
    const open = store.get("closer");
    drawer.hidden = !open;
    if (open) mounted ??= pane.mount(inside, context);
    if (open) mounted?.update?.();
  }
  listen(close, "click", () => store.set({ closer: false }), signal);
  store.on("closer", sync, signal);
  signal.addEventListener("abort", () => mounted?.dispose?.());
  sync();
}
