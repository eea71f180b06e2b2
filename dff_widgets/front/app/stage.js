// The stage: tabs and switches over the gallery, or another pane; focus over it; a drawer under it.

import { mountGallery } from "../gallery/gallery.js";
import { freshId, make } from "../kit/dom.js";
import { segments } from "../kit/segments.js";
import { mountDrawer } from "./drawer.js";
import { lookSwitches } from "./switches.js";

/** @import { Context, Mounted } from "../kit/types.d.ts" */

/**
 * @param {HTMLElement} host
 * @param {HTMLElement} bar  over it: tabs and switches
 * @param {HTMLElement} root
 * @param {Context} context
 */
export function mountStage(host, bar, root, context) {
  const { store, choose, signal } = context;
  const { FOCUS, STAGE } = context.panes;
  const panels = new Map([
    ["gallery", panel()],
    ...STAGE.map(({ name }) => /** @type {[string, HTMLElement]} */ ([name, panel()])),
  ]);
  const tabs = segments({ label: "Views", tabs: true }, (tab) => choose({ tab, opened: -1 }), signal);
  const switches = lookSwitches(root, context);
  bar.append(tabs.element, make("div", { class: "dffw-grow" }), ...switches.elements);
  const focus = make("div", { class: "dffw-panel dffw-focus-host", hidden: true });
  host.append(...panels.values(), focus);
  mountDrawer(host, context);

  const gallery = /** @type {HTMLElement} */ (panels.get("gallery"));
  mountGallery(gallery, root, context);
  /** @type {Map<string, Mounted>} */
  const mounted = new Map();

  /** @param {string} name */
  function mountOnce(name) {
    const pane = STAGE.find((other) => other.name === name);
    if (pane && !mounted.has(name))
      mounted.set(name, pane.mount(/** @type {HTMLElement} */ (panels.get(name)), context));
    mounted.get(name)?.update?.();
  }

  /** @type {Mounted | null} */
  let focused = null;
  function syncFocus() {
    const open = FOCUS !== null && store.get("opened") >= 0;
    const closes = !open && !focus.hidden;
    if (closes && focus.contains(/** @type {any} */ (root.getRootNode()).activeElement))
      root.focus({ preventScroll: true }); // keys go on being heard
    focus.hidden = !open;
    if (open && !focused) focused = /** @type {import("../kit/types.d.ts").Pane} */ (FOCUS).mount(focus, context);
    return open;
  }

  function sync() {
    const tab = panels.has(store.get("tab")) ? store.get("tab") : "gallery";
    const all = [
      { value: "gallery", text: "Gallery" },
      ...STAGE.map(({ name, title }) => ({ value: name, text: title })),
    ];
    tabs.show(
      all.map((one) => ({ ...one, controls: panels.get(one.value)?.id })),
      tab,
    );
    const open = syncFocus();
    for (const [name, element] of panels) element.hidden = open || name !== tab;
    switches.show(tab === "gallery" && !open);
    mountOnce(tab);
  }

  store.on(["tab", "opened"], sync, signal);
  signal.addEventListener("abort", () => {
    for (const each of [...mounted.values(), focused]) each?.dispose?.();
  });
  sync();
  return { filter: switches.filter };
}

function panel() {
  return make("div", { class: "dffw-panel", id: freshId(), aria: { role: "tabpanel" } });
}
