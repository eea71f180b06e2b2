// A button of the top bar: a small word over what is chosen.

import { make, say } from "../kit/dom.js";
import { icon } from "../kit/icons.js";

/** @param {string} caption */
export function pickButton(caption) {
  const value = make("span", { class: "dffw-one-line", dir: "auto" });
  const button = make(
    "button",
    { class: "dffw-pick" },
    make("small", { class: "dffw-one-line", text: caption }),
    make("span", { class: "dffw-pick-value" }, value, icon("down")),
  );
  return {
    button,
    /** @param {string} text @param {string} [title] */
    show(text, title = text) {
      say(value, text);
      button.title = title;
    },
  };
}
