// The parts that are painted: one is selected, a new one can be named.

import { describe, freshId, listen, make, percent, say } from "../kit/dom.js";
import { segments } from "../kit/segments.js";

const CLEAR = "Clear the selected part in this image";
const FITS = 0.5; // of the prediction that was corrected, in common with that of now
const PRESENCES = ["unknown", "present", "absent"];
const MARKS = /** @type {Record<string, string>} */ ({ unknown: "?", present: "✓", absent: "–" });

export class PartList {
  /**
   * @param {import("./channel.js").Channel} channel
   * @param {import("./masks.js").Masks} masks
   * @param {{clear: () => void, say: (part: string, presence: string) => void, done: () => void, changed: () => void}} acts
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
      title: CLEAR,
      aria: { label: CLEAR },
    });
    this.modes = segments({ label: "What is painted" }, (mode) => this.choose(mode), signal);
    this.alone = make("input", { type: "checkbox" });
    this.onePixel = make(
      "label",
      { class: "dffw-focus-row", title: "What is painted is taken from the other factors" },
      make("span", {}, this.alone, " One factor a pixel"),
    );
    this.unfit = make("p", { class: "dffw-focus-unfit", aria: { role: "status" } });
    listen(this.alone, "change", () => channel.put("alone", this.alone.checked), signal);
    listen(this.list, "click", (event) => this.click(event), signal);
    listen(this.picker, "keydown", (event) => this.key(event), signal);
    listen(this.picker, "input", (event) => this.input(event), signal);
    listen(this.shown, "change", acts.changed, signal);
    listen(this.clear, "click", acts.clear, signal);
    this.element = make(
      "section",
      { class: "dffw-focus-section" },
      this.modes.element,
      this.picker,
      this.options,
      this.list,
      make("div", { class: "dffw-focus-row" }, make("label", {}, this.shown, " Show masks"), this.clear),
      this.onePixel,
      this.unfit,
    );
  }

  /** @param {string} mode */
  choose(mode) {
    this.channel.put("mode", mode);
    this.acts.done();
  }

  /** The other mode, where there is one. */
  turn() {
    if (this.channel.get("correctable")) this.choose(this.channel.get("mode") === "masks" ? "parts" : "masks");
  }

  /** @param {MouseEvent} event */
  click(event) {
    const said = /** @type {HTMLElement} */ (event.target).closest(".dffw-focus-presence");
    if (said) {
      const row = [...this.list.children].indexOf(/** @type {HTMLElement} */ (said.parentElement));
      const now = PRESENCES.indexOf(this.channel.get("presence")[row]);
      this.acts.say(this.channel.get("parts")[row], PRESENCES[(now + 1) % PRESENCES.length]);
      return;
    }
    const button = /** @type {HTMLElement} */ (event.target).closest(".dffw-focus-line");
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
          "div",
          { class: "dffw-focus-line" },
          make(
            "button",
            { class: "dffw-focus-part", title: part, aria: { label: part } },
            make("kbd", { text: j < 9 ? String(j + 1) : "", aria: { hidden: "true" } }),
            make("i", { class: "dffw-swatch", css: { "--dffw-color": this.masks.color(part) } }),
            make("span", { class: "dffw-focus-name", text: part, dir: "auto" }),
            make("span", { class: "dffw-focus-share" }),
          ),
          make("button", { class: "dffw-focus-presence", hidden: true }),
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
      const cell = this.list.children[j]?.querySelector(".dffw-focus-share");
      if (cell) say(cell, share ? (share < 0.1 ? `${(100 * share).toFixed(1)} %` : percent(share)) : "");
    });
  }

  mark() {
    const selected = this.channel.get("part");
    this.channel.get("parts").forEach((/** @type {string} */ part, /** @type {number} */ j) => {
      const line = this.list.children[j];
      if (!line) return;
      const [button, said] = /** @type {HTMLButtonElement[]} */ ([...line.children]);
      describe(button, "pressed", part === selected);
      this.markLine(button, said, part, j);
    });
    this.clear.disabled = !selected;
    this.markMode();
  }

  /** Whether the part is there; or whether the factor's mask was corrected. @param {HTMLElement} button @param {HTMLButtonElement} said @param {string} part @param {number} j */
  markLine(button, said, part, j) {
    const [presence, fit] = [this.channel.get("presence")[j], this.channel.get("fits")[j] ?? -1];
    said.hidden = !presence;
    if (presence) {
      say(said, MARKS[presence]);
      said.title = `${part} is ${presence} in this image: click to say otherwise`;
      describe(said, "label", said.title);
      said.dataset.presence = presence;
    }
    button.classList.toggle("dffw-focus-corrected", fit >= 0);
    button.classList.toggle("dffw-focus-misfit", fit >= 0 && fit < FITS);
    button.title =
      fit < 0 ? part : fit < FITS ? `${part}: corrected, and predicted elsewhere by now` : `${part}: corrected`;
  }

  markMode() {
    const [mode, { length }] = [this.channel.get("mode"), this.channel.get("parts")];
    const masks = mode === "masks";
    const correctable = this.channel.get("correctable");
    const modes = [{ value: "parts", text: "Parts", title: "Paint the parts that masks are measured with (T)" }];
    if (correctable) modes.unshift({ value: "masks", text: "Edit masks", title: "Correct the factors' own masks (T)" });
    this.modes.show(modes, mode);
    this.picker.hidden = masks;
    this.onePixel.hidden = !masks || length < 2;
    this.alone.checked = this.channel.get("alone");
    say(this.clear, masks ? "Reset" : "Clear");
    this.clear.title = masks ? "Reset this mask to what is predicted in this image" : CLEAR;
    describe(this.clear, "label", this.clear.title);
    const parked = this.channel.get("parked");
    this.unfit.hidden = !masks || !parked.length;
    say(this.unfit, parked.length ? `Corrected here, and no factor by now: ${parked.join(", ")}` : "");
  }
}
