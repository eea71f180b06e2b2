// The parts that are painted: one is selected, a new one can be named.

import { describe, freshId, listen, make, percent, say } from "../kit/dom.js";

export class PartList {
  /**
   * @param {import("./channel.js").Channel} channel
   * @param {import("./masks.js").Masks} masks
   * @param {{clear: () => void, done: () => void, changed: () => void}} acts
   * @param {AbortSignal} signal
   */
  constructor(channel, masks, acts, signal) {
    this.channel = channel;
    this.masks = masks;
    this.acts = acts;
    this.options = make("datalist", { id: freshId() });
    this.picker = make("input", {
      type: "text",
      class: "dffw-box dffw-focus-picker",
      placeholder: "find or add a part",
      autocomplete: "off",
      aria: { label: "Find or add a part" },
    });
    this.picker.setAttribute("list", this.options.id);
    this.list = make("div", { class: "dffw-focus-list", aria: { role: "group", label: "Parts" } });
    this.shown = make("input", { type: "checkbox", checked: true });
    this.clear = make("button", {
      class: "dffw-btn",
      text: "Clear",
      title: "Clear the selected part in this image",
      aria: { label: "Clear the selected part in this image" },
    });
    listen(this.list, "click", (event) => this.click(event), signal);
    listen(this.picker, "keydown", (event) => this.key(event), signal);
    listen(this.picker, "input", (event) => this.input(event), signal);
    listen(this.shown, "change", acts.changed, signal);
    listen(this.clear, "click", acts.clear, signal);
    this.element = make(
      "section",
      { class: "dffw-focus-section" },
      make("b", { text: "Parts", aria: { role: "heading", level: 4 } }),
      this.picker,
      this.options,
      this.list,
      make("div", { class: "dffw-focus-row" }, make("label", {}, this.shown, " Show masks"), this.clear),
    );
  }

  /** @param {MouseEvent} event */
  click(event) {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    const place = [...this.list.children].indexOf(/** @type {HTMLElement} */ (button));
    if (place < 0) return;
    this.channel.put("part", this.channel.get("parts")[place]);
    if (event.detail) this.acts.done();
  }

  /** @param {string} name */
  pick(name) {
    this.picker.value = "";
    if (name) this.channel.put("part", name);
    this.acts.done();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    event.stopPropagation();
    if (event.key === "Enter") this.pick(this.picker.value.trim());
    else if (event.key === "Escape") this.pick("");
    else return;
    event.preventDefault();
  }

  /** A name taken from the list, not typed. @param {InputEvent} event */
  input(event) {
    if (event.inputType === "insertReplacementText" || !(event instanceof InputEvent)) this.pick(this.picker.value);
  }

  build() {
    const parts = this.channel.get("parts");
    this.options.replaceChildren(...parts.map((/** @type {string} */ value) => make("option", { value })));
    this.list.replaceChildren(
      ...parts.map((/** @type {string} */ part, /** @type {number} */ j) =>
        make(
          "button",
          { class: "dffw-focus-part", title: part, aria: { label: part } },
          make("kbd", { text: j < 9 ? String(j + 1) : "", aria: { hidden: "true" } }),
          make("i", { class: "dffw-swatch", css: { "--dffw-color": this.masks.color(part) } }),
          make("span", { class: "dffw-focus-name", text: part, dir: "auto" }),
          make("span", { class: "dffw-focus-share" }),
        ),
      ),
    );
    this.masks.repaint();
    this.areas();
    this.mark();
  }

  areas() {
    this.channel.get("parts").forEach((/** @type {string} */ part, /** @type {number} */ j) => {
      const share = this.masks.share(part);
      const cell = this.list.children[j]?.lastElementChild;
      if (cell) say(cell, share ? (share < 0.1 ? `${(100 * share).toFixed(1)} %` : percent(share)) : "");
    });
  }

  mark() {
    const selected = this.channel.get("part");
    this.channel.get("parts").forEach((/** @type {string} */ part, /** @type {number} */ j) => {
      const button = this.list.children[j];
      if (button) describe(button, "pressed", part === selected);
    });
    this.clear.disabled = !selected;
  }
}
