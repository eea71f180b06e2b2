// What the sections of the closer have in common.

import { make } from "../kit/dom.js";

/**
 * A part with its heading and a line that explains it.
 * @param {{kind: string, heading: string, hint: string, tool?: Node}} what a tool stands beside the heading
 * @param {...Node} children
 */
export function section({ kind, heading, hint, tool }, ...children) {
  return make(
    "section",
    { class: `dffw-closer-part dffw-closer-of-${kind}`, aria: { label: heading } },
    make(
      "div",
      { class: "dffw-closer-heading" },
      make("b", { text: heading, aria: { role: "heading", level: 4 } }),
      tool,
    ),
    make("div", { class: "dffw-closer-hint", text: hint, title: hint }),
    ...children,
  );
}

/** A bar that is filled to a share of 0..1. @param {number} share */
export function meter(share) {
  const filled = make("i");
  filled.style.width = `${100 * Math.min(1, Math.max(0, share))}%`;
  return make("div", { class: "dffw-closer-meter", aria: { hidden: "true" } }, filled);
}

/** A list, also for Safari, which drops the role of a list without bullets. @param {string} className @param {Node[]} items */
export const list = (className, items) => make("ul", { className, aria: { role: "list" } }, ...items);
