// One stop for Tab, arrows inside: rows of numbers, segments, tabs, cells, tiles.

import { listen } from "./dom.js";

const STEPS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

/**
 * The step an arrow key makes, or null.
 * @param {string} key
 * @returns {[number, number] | null} rows, columns
 */
export const arrow = (key) => /** @type {any} */ (STEPS)[key] ?? null;

/**
 * Whether Tab comes to an element. Written only where it changes: a write has the page styled again.
 * @param {HTMLElement} element @param {boolean} on
 */
export function tabStop(element, on) {
  const index = on ? 0 : -1;
  if (element.tabIndex !== index || !element.hasAttribute("tabindex")) element.tabIndex = index;
}

/**
 * A list of controls that is one stop for Tab. Arrows move the focus and, where `pick` is given, choose; Home and End go
 * to the ends.
 * @param {HTMLElement} host
 * @param {AbortSignal} signal
 * @param {(item: HTMLElement) => void} [pick]
 */
export function roving(host, signal, pick) {
  /** @type {HTMLElement[]} */
  let items = [];

  /** @param {HTMLElement | undefined} item */
  function stopAt(item) {
    for (const other of items) tabStop(other, other === item);
  }

  listen(
    host,
    "keydown",
    (event) => {
      const at = items.indexOf(event.target);
      const step = arrow(event.key);
      if (at < 0 || (!step && event.key !== "Home" && event.key !== "End")) return;
      const to = step ? at + step[0] + step[1] : event.key === "Home" ? 0 : items.length - 1;
      const next = items[Math.min(Math.max(to, 0), items.length - 1)];
      event.preventDefault();
      event.stopPropagation();
      stopAt(next);
      next.focus();
      if (next !== event.target) pick?.(next);
    },
    signal,
  );
  listen(host, "focusin", (event) => items.includes(event.target) && stopAt(event.target), signal);

  return {
    /** @param {HTMLElement[]} all @param {HTMLElement | undefined} [current] where Tab comes to */
    set(all, current = all[0]) {
      items = all;
      stopAt(items.find((item) => item === document.activeElement) ?? current ?? all[0]);
    },
  };
}
