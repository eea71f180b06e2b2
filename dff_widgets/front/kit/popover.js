// What opens under a button, and closes again: menus, and panels with boxes in them.

import { describe, listen, make } from "./dom.js";
import { arrow } from "./roving.js";

/**
 * @typedef {object} Popover
 * @property {(built?: Node[]) => void} open
 * @property {(options?: { focus?: boolean }) => void} close
 * @property {HTMLElement} element
 */

const GAP = 4; // between the button and what opens, and to the app's edges

/**
 * @param {HTMLElement} button  opens and closes it
 * @param {{ root: HTMLElement, label: string, menu?: boolean, wide?: boolean }} options  root: the app, within which it stays
 * @param {(close: () => void, signal: AbortSignal) => Node[]} build  called at each opening; what listens, ends with it
 * @param {AbortSignal} signal
 * @returns {Popover}
 */
export function popover(button, { root, label, menu = false, wide = false }, build, signal) {
  const element = make("div", {
    class: `dffw-popover${menu ? " dffw-menu" : ""}${wide ? " dffw-wide" : ""}`,
    hidden: true,
    aria: { role: menu ? "menu" : "dialog", label },
  });
  /** @type {AbortController | null} */
  let opened = null;
  describe(button, "haspopup", menu ? "menu" : "dialog");
  describe(button, "expanded", false);

  function close({ focus = true } = {}) {
    if (!opened) return;
    opened.abort();
    opened = null;
    const inside = element.contains(/** @type {Document | ShadowRoot} */ (root.getRootNode()).activeElement);
    element.hidden = true;
    element.remove();
    element.replaceChildren();
    describe(button, "expanded", false);
    if (focus && inside) button.focus();
  }

  function open() {
    close();
    opened = new AbortController();
    element.replaceChildren(...build(close, opened.signal));
    element.hidden = false;
    root.append(element);
    describe(button, "expanded", true);
    place(element, button, root);
    if (menu) menuKeys(element, opened.signal);
    element
      .querySelector(/** @type {any} */ ("[data-first], button:not(:disabled), input, select"))
      ?.focus({ preventScroll: true });
    listen(
      element,
      "keydown",
      (event) => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        event.preventDefault();
        event.stopPropagation();
        close();
      },
      opened.signal,
    );
    const outside = (/** @type {Event} */ event) => {
      const path = event.composedPath();
      if (!path.includes(element) && !path.includes(button)) close({ focus: false });
    };
    listen(document, "pointerdown focusin", outside, opened.signal, { capture: true });
  }

  listen(button, "click", () => (opened ? close() : open()), signal);
  signal.addEventListener("abort", () => close({ focus: false }));
  return { open, close, element };
}

/**
 * Under the button, within the root; as high as there is room.
 * @param {HTMLElement} element @param {HTMLElement} button @param {HTMLElement} root
 */
function place(element, button, root) {
  const [from, within] = [button.getBoundingClientRect(), root.getBoundingClientRect()];
  const left = Math.min(from.left - within.left, within.width - element.offsetWidth - GAP);
  const below = within.bottom - from.bottom - 2 * GAP;
  const above = from.top - within.top - 2 * GAP;
  const up = below < Math.min(element.scrollHeight, 200) && above > below;
  element.style.left = `${Math.max(left, GAP)}px`;
  element.style.top = up ? "auto" : `${from.bottom - within.top + GAP}px`;
  element.style.bottom = up ? `${within.bottom - from.top + GAP}px` : "auto";
  element.style.maxHeight = `${Math.max(up ? above : below, 120)}px`;
}

/** Arrows, Home and End among the items. @param {HTMLElement} element @param {AbortSignal} signal */
function menuKeys(element, signal) {
  const stop = element.querySelector("[aria-checked=true]") ?? element.querySelector("[role^=menuitem]:not(:disabled)");
  if (stop instanceof HTMLElement) stop.tabIndex = 0;
  listen(
    element,
    "keydown",
    (event) => {
      const items = /** @type {HTMLElement[]} */ ([...element.querySelectorAll("[role^=menuitem]:not(:disabled)")]);
      const step = arrow(event.key);
      const at = items.indexOf(event.target);
      if (at < 0 || (!step && event.key !== "Home" && event.key !== "End")) return;
      event.preventDefault();
      event.stopPropagation();
      const to = step
        ? (at + step[0] + step[1] + items.length) % items.length
        : event.key === "Home"
          ? 0
          : items.length - 1;
      items[to].focus();
    },
    signal,
  );
}

/**
 * An item of a menu.
 * @param {string} text
 * @param {() => void} action
 * @param {{ note?: string, checked?: boolean, disabled?: boolean, key?: string }} options
 * @param {AbortSignal} signal
 */
export function menuItem(text, action, { note, checked, disabled = false, key }, signal) {
  const radio = checked !== undefined;
  const item = make("button", {
    class: "dffw-item",
    disabled,
    tabIndex: -1,
    aria: { role: radio ? "menuitemradio" : "menuitem", ...(radio ? { checked } : {}) },
    data: checked ? { first: "true" } : {},
  });
  item.append(
    make("span", { class: "dffw-item-text dffw-one-line", text }),
    ...(note ? [make("span", { class: "dffw-item-note dffw-one-line", text: note })] : []),
    ...(key ? [make("kbd", { class: "dffw-kbd", text: key, aria: { hidden: true } })] : []),
  );
  listen(item, "click", action, signal);
  return item;
}
