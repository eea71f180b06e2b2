// Which key does what: one table, for the keys themselves and for the sheet that lists them.

/**
 * @typedef {object} Key
 * @property {string} id
 * @property {string[]} keys  as KeyboardEvent.key has them; "mod+z" needs Ctrl or Cmd
 * @property {string} says  in the sheet
 * @property {string} group
 */

/** @type {Key[]} */
export const KEYMAP = [
  {
    id: "factor",
    keys: ["1", "2", "3", "4", "5", "6", "7", "8", "9"],
    says: "select a factor, or none",
    group: "Factors",
  },
  { id: "less", keys: ["["], says: "one factor fewer", group: "Factors" },
  { id: "more", keys: ["]"], says: "one factor more", group: "Factors" },
  { id: "hide", keys: ["v"], says: "hide or show it", group: "Factors" },
  { id: "solo", keys: ["s"], says: "show it alone", group: "Factors" },
  { id: "name", keys: ["Enter"], says: "name it", group: "Factors" },
  { id: "heat", keys: ["h"], says: "heat maps", group: "View" },
  { id: "sharp", keys: ["r"], says: "sharp heat maps", group: "View" },
  { id: "masks", keys: ["m"], says: "masks", group: "View" },
  { id: "photo", keys: ["g"], says: "grey, colour, dim", group: "View" },
  { id: "smaller", keys: ["-"], says: "smaller images", group: "View" },
  { id: "larger", keys: ["+", "="], says: "larger images", group: "View" },
  { id: "full", keys: ["f"], says: "full screen", group: "View" },
  { id: "filter", keys: ["/"], says: "filter by name", group: "Images" },
  { id: "accept", keys: ["a"], says: "accept the image", group: "Images" },
  { id: "reject", keys: ["x"], says: "reject the image", group: "Images" },
  { id: "escape", keys: ["Escape"], says: "back, select none", group: "Images" },
  { id: "undo", keys: ["mod+z"], says: "undo", group: "Editing" },
  { id: "redo", keys: ["mod+shift+z", "mod+y"], says: "redo", group: "Editing" },
  { id: "keys", keys: ["?"], says: "this list", group: "Editing" },
];

/**
 * The name of what was pressed, as KEYMAP writes it.
 * @param {{ key: string, ctrlKey?: boolean, metaKey?: boolean, altKey?: boolean, shiftKey?: boolean }} event
 */
export function pressed(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.altKey) return `alt+${key}`;
  if (!event.ctrlKey && !event.metaKey) return key;
  return `mod+${event.shiftKey ? "shift+" : ""}${key}`;
}

/** @param {Parameters<typeof pressed>[0]} event @returns {Key | undefined} */
export function keyOf(event) {
  const name = pressed(event);
  return KEYMAP.find(({ keys }) => keys.includes(name));
}

/** Whether an element takes keys for itself, as a box of text does. @param {EventTarget | null} target */
export function typing(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["range", "checkbox", "radio", "button"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}
