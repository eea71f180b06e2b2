// One of a few, side by side: a switch, or a row of tabs. One stop for Tab, arrows choose.

import { describe, listen, make, say } from "./dom.js";
import { roving } from "./roving.js";

/** @typedef {{ value: string, text: string, title?: string, disabled?: boolean, controls?: string }} Segment */

/**
 * @param {{ label: string, tabs?: boolean }} options  tabs: they show one of several panels
 * @param {(value: string) => void} pick
 * @param {AbortSignal} signal
 */
export function segments({ label, tabs = false }, pick, signal) {
  const element = make("div", {
    class: tabs ? "dffw-tabs" : "dffw-segments",
    aria: { role: tabs ? "tablist" : "radiogroup", label },
  });
  const move = roving(element, signal, (item) => pick(String(item.dataset.value)));
  /** @type {Map<string, HTMLButtonElement>} */
  const buttons = new Map();
  const chosen = tabs ? "selected" : "checked";

  /** @param {Segment} segment */
  function build({ value }) {
    const button = make("button", {
      class: tabs ? "dffw-tab" : "dffw-segment",
      data: { value },
      aria: { role: tabs ? "tab" : "radio", [chosen]: false },
    });
    listen(button, "click", () => pick(value), signal);
    buttons.set(value, button);
    return button;
  }

  /** @param {Segment[]} all @param {string} value */
  function show(all, value) {
    for (const [key, button] of [...buttons]) {
      if (all.some((segment) => segment.value === key)) continue;
      button.remove();
      buttons.delete(key);
    }
    all.forEach((segment, place) => {
      const button = buttons.get(segment.value) ?? build(segment);
      if (element.children[place] !== button) element.insertBefore(button, element.children[place] ?? null);
      say(button, segment.text);
      button.dataset.text = segment.text;
      button.title = segment.title ?? "";
      button.disabled = segment.disabled ?? false;
      if (segment.controls) describe(button, "controls", segment.controls);
      describe(button, chosen, segment.value === value);
    });
    move.set(
      [...buttons.values()].filter((button) => !button.disabled),
      buttons.get(value),
    );
  }

  return { element, show };
}
