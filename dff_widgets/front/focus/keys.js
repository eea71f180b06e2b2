// Which key means what while an image is in focus.

/** @type {Record<string, string>} */
const KEYS = {
  b: "brush",
  p: "polygon",
  w: "region",
  o: "holes",
  u: "smooth",
  t: "mode",
  a: "accept",
  x: "reject",
  ArrowRight: "next",
  ArrowLeft: "previous",
  d: "hand",
  e: "erase",
  0: "fit",
  c: "compare",
  "[": "narrower",
  "]": "wider",
  "+": "in",
  "=": "in",
  "-": "out",
  PageUp: "previous",
  PageDown: "next",
  Escape: "escape",
};

/**
 * @param {{key: string, ctrlKey?: boolean, metaKey?: boolean, altKey?: boolean, shiftKey?: boolean}} event
 * @param {{onCanvas: boolean, onRange: boolean}} where the focus is
 * @returns {string} the action; "" for none
 */
export function keyAction({ key, ctrlKey, metaKey, altKey, shiftKey }, { onCanvas, onRange }) {
  const small = key.toLowerCase();
  if (ctrlKey || metaKey) return small === "z" ? (shiftKey ? "redo" : "undo") : small === "y" ? "redo" : "";
  if (altKey || (onRange && /^(Page|Arrow)/.test(key))) return "";
  if (/^[1-9]$/.test(key)) return "part";
  if (key === " ") return onCanvas ? "space" : "";
  if (key === "Enter") return onCanvas ? "polygonDone" : "";
  return KEYS[key] ?? KEYS[small] ?? "";
}

/** What the sheet of keys says of them. @type {[string, string][]} */
export const FOCUS_KEYS = [
  ["1", "select part 1 to 9"],
  ["b", "brush"],
  ["p", "polygon; Enter closes it, Esc drops it"],
  ["e", "erase; or hold Shift"],
  ["[", "smaller brush; ] larger"],
  ["w", "grow by a click; with e cut"],
  ["o", "fill holes; u smooth"],
  ["t", "factors' masks, or parts"],
  ["d", "move the image; or hold space"],
  ["0", "fit the image"],
  ["c", "raw maps beside the sharp ones"],
  ["a", "accept the image; x reject it"],
  ["ArrowRight", "next image; ← the one before"],
];
