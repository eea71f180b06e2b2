// A row per factor in a focus view of its own: whether it is shown, and how strongly. In the app its cards do this.

import { listen, make } from "../kit/dom.js";

export class FactorList {
  /** @param {import("./channel.js").Channel} channel @param {AbortSignal} signal */
  constructor(channel, signal) {
    this.channel = channel;
    this.list = make("div", { class: "dffw-focus-list" });
    this.element = make(
      "section",
      { class: "dffw-focus-section" },
      make("b", { text: "Factors", aria: { role: "heading", level: 4 } }),
      this.list,
    );
    listen(this.list, "input", (event) => this.changed(event.target, true), signal);
    listen(this.list, "change", (event) => this.changed(event.target, false), signal);
  }

  /** @param {HTMLInputElement} input @param {boolean} held */
  changed(input, held) {
    const place = [...this.list.children].indexOf(/** @type {Element} */ (input.closest(".dffw-focus-row")));
    if (input.type === "range") this.channel.putAt("opacity", place, Number(input.value), held);
    else if (!held) this.channel.putAt("visible", place, input.checked);
  }

  build() {
    const [names, colors] = [this.channel.get("names"), this.channel.get("colors")];
    this.element.hidden = !names.length;
    this.list.replaceChildren(
      ...names.map((/** @type {string} */ name, /** @type {number} */ j) =>
        make(
          "div",
          { class: "dffw-focus-row" },
          make("input", { type: "checkbox", aria: { label: `Show ${name}` } }),
          make("i", { class: "dffw-swatch", css: { "--dffw-color": colors[j] } }),
          make("span", { class: "dffw-focus-name", text: name, title: name, dir: "auto" }),
          make("input", { type: "range", min: "0", max: "1", step: "0.01", aria: { label: `Opacity of ${name}` } }),
        ),
      ),
    );
    this.sync();
  }

  sync() {
    const [visible, opacity] = [this.channel.get("visible"), this.channel.get("opacity")];
    [...this.list.children].forEach((row, j) => {
      /** @type {HTMLInputElement} */ (row.firstElementChild).checked = visible[j];
      /** @type {HTMLInputElement} */ (row.lastElementChild).value = String(opacity[j]);
    });
  }
}
