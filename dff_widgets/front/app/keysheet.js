// The list of keys, over the app.

import { FOCUS_KEYS } from "../focus/keys.js";
import { listen, make } from "../kit/dom.js";
import { icon } from "../kit/icons.js";
import { KEYMAP } from "../kit/keys.js";

const WRITTEN = /** @type {Record<string, string>} */ ({
  Escape: "Esc",
  ArrowRight: "→",
  Enter: "Enter",
  "mod+z": "Ctrl Z",
  "mod+shift+z": "Ctrl ⇧ Z",
  "mod+y": "Ctrl Y",
});
const MOUSE = [
  ["click an image", "select the factor there"],
  ["double click", "open the image"],
  ["click a colour", "hide or show"],
  ["Alt-click it", "show alone"],
  ["hold P", "see what is like the place under the pointer"],
];

/** @param {string} id @param {string[]} keys */
function written(id, keys) {
  const shown = id === "factor" ? ["1", "9"] : keys.slice(0, 1);
  const marks = shown.map((key) => make("kbd", { class: "dffw-kbd", text: WRITTEN[key] ?? key }));
  return id === "factor" ? [marks[0], "–", marks[1]] : marks;
}

/**
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export function keySheet(root, signal) {
  const close = make("button", { class: "dffw-tool", title: "Close (Esc)", aria: { label: "Close" } }, icon("close"));
  /** @param {string[]} names */
  const column = (...names) => make("div", {}, ...groups.filter((_, i) => names.includes(titles[i])));
  const titles = [...new Set(KEYMAP.map((key) => key.group))];
  const groups = titles.map((group) =>
    make(
      "section",
      {},
      make("h3", { text: group }),
      list(KEYMAP.filter((key) => key.group === group).map((key) => [written(key.id, key.keys), key.says])),
    ),
  );
  const mouse = make("section", {}, make("h3", { text: "Pointer" }), list(MOUSE.map(([what, says]) => [[what], says])));
  const opened = make(
    "section",
    {},
    make("h3", { text: "An open image" }),
    list(FOCUS_KEYS.map(([key, says]) => [[make("kbd", { class: "dffw-kbd", text: WRITTEN[key] ?? key })], says])),
  );
  const element = make("div", {
    class: "dffw-sheet",
    hidden: true,
    aria: { role: "dialog", label: "Keys", modal: false },
  });
  element.append(
    make("div", { class: "dffw-sheet-head" }, make("h2", { text: "Keys" }), close),
    make(
      "div",
      { class: "dffw-sheet-body" },
      make("div", {}, column("Factors", "Editing"), mouse),
      make("div", {}, column("View", "Images"), opened),
    ),
  );
  root.append(element);
  /** @type {HTMLElement | null} */
  let before = null;

  function toggle() {
    if (element.hidden) {
      before = /** @type {HTMLElement | null} */ (/** @type {any} */ (root.getRootNode()).activeElement);
      element.hidden = false;
      close.focus();
    } else {
      element.hidden = true;
      (before?.isConnected ? before : root).focus({ preventScroll: true });
    }
  }
  listen(close, "click", toggle, signal);
  return { toggle, isOpen: () => !element.hidden };
}

/** @param {[(Node | string)[], string][]} rows */
function list(rows) {
  return make("dl", {}, ...rows.flatMap(([keys, says]) => [make("dt", {}, ...keys), make("dd", { text: says })]));
}
