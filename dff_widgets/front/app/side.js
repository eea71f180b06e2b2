// Beside the stage: the factors, and the panes that come in their place.

import { mountFactors } from "../factors/list.js";
import { mountMatrix } from "../factors/matrix.js";
import { mountSteer } from "../factors/steer.js";
import { freshId, listen, make } from "../kit/dom.js";
import { icon } from "../kit/icons.js";
import { segments } from "../kit/segments.js";

/** @import { Context, Mounted } from "../kit/types.d.ts" */

/**
 * @param {HTMLElement} host
 * @param {HTMLElement} root
 * @param {Context} context
 */
export function mountSide(host, root, context) {
  const { store, signal } = context;
  const { SIDE } = context.panes;
  const factors = make("div", {
    class: "dffw-side-panel",
    id: freshId(),
    aria: { role: "tabpanel", label: "Factors" },
  });
  const panels = new Map([["factors", factors]]);
  for (const { name, title } of SIDE) {
    panels.set(
      name,
      make("div", { class: "dffw-side-panel", id: freshId(), hidden: true, aria: { role: "tabpanel", label: title } }),
    );
  }
  const tabs = segments({ label: "Beside the stage", tabs: true }, show, signal);
  const close = make(
    "button",
    { class: "dffw-tool dffw-side-close", title: "Close", aria: { label: "Close" } },
    icon("close"),
  );
  host.append(make("div", { class: "dffw-side-tabs" }, tabs.element, close), ...panels.values());
  listen(close, "click", () => host.classList.remove("dffw-open"), signal);

  const list = mountFactors(factors, root, context);
  mountMatrix(factors, context);
  mountSteer(factors, root, context);
  /** @type {Map<string, Mounted>} */
  const mounted = new Map();

  /** @param {string} side */
  function show(side) {
    const all = [
      { value: "factors", text: "Factors" },
      ...SIDE.map(({ name, title }) => ({ value: name, text: title })),
    ];
    tabs.show(
      all.map((one) => ({ ...one, controls: panels.get(one.value)?.id })),
      side,
    );
    for (const [name, panel] of panels) panel.hidden = name !== side;
    const pane = SIDE.find(({ name }) => name === side);
    if (pane && !mounted.has(side))
      mounted.set(side, pane.mount(/** @type {HTMLElement} */ (panels.get(side)), context));
    mounted.get(side)?.update?.();
    store.set({ side });
  }
  store.on("side", () => show(store.get("side")), signal);
  signal.addEventListener("abort", () => {
    for (const each of mounted.values()) each.dispose?.();
  });
  show(store.get("side"));
  return {
    /** @param {number} factor */
    name(factor) {
      show("factors");
      list.name(factor);
    },
  };
}
