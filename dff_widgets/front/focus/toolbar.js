// The row of tools over the image.

import { describe, listen, make, say } from "../kit/dom.js";
import { slider } from "../kit/slider.js";

/**
 * @typedef {object} Acts what the buttons do
 * @property {(kind: "holes" | "smooth" | "find") => void} shape
 * @property {(review: string) => void} review
 * @property {() => void} undo
 * @property {() => void} redo
 * @property {(by: number) => void} zoom
 * @property {() => void} fit
 * @property {() => void} compare
 * @property {(by: number) => void} step
 * @property {() => void} close
 * @property {() => void} done gives the keys back to the image
 */

const TOOLS = /** @type {const} */ ([
  ["brush", "Brush", "Brush (B)"],
  ["polygon", "Polygon", "Polygon (P): click its corners; Enter or a double click closes it, Escape drops it"],
  ["region", "Grow", "Grow by a click: what is alike and connected (W); with Erase it is cut away"],
  ["hand", "Move", "Move the image (D, or hold space)"],
]);

export class Toolbar {
  /** @param {import("./channel.js").Channel} channel @param {Acts} acts @param {AbortSignal} signal */
  constructor(channel, acts, signal) {
    this.channel = channel;
    this.acts = acts;
    this.signal = signal;
    const press = (/** @type {string} */ text, /** @type {string} */ title, /** @type {() => void} */ f, kind = "") =>
      this.button(text, title, f, kind);
    /** @type {Map<string, HTMLButtonElement>} */
    this.tools = new Map(
      TOOLS.map(([name, text, title]) => [name, press(text, title, () => channel.put("tool", name))]),
    );
    this.eraser = press("Erase", "Erase (E, or hold Shift)", () => channel.put("erase", !channel.get("erase")));
    this.holes = press("Fill holes", "Fill the holes of this mask (O)", () => acts.shape("holes"));
    this.smooth = press("Smooth", "Smooth the border of this mask, by the brush's radius (U)", () =>
      acts.shape("smooth"),
    );
    this.find = press("Find in others", "Find this mask in the other images; reviewed and corrected ones stay", () =>
      acts.shape("find"),
    );
    this.range = slider(
      { label: "Radius of the brush in image pixels", min: 0.5, step: 0.5, value: 1 },
      (value, held) => channel.put("radius", value, held),
      signal,
    );
    this.radius = this.range.element;
    this.radius.title = "Radius of the brush ([ and ])";
    this.radiusText = make("span", { class: "dffw-focus-number" });
    this.undo = press("↶", "Undo (Ctrl+Z)", acts.undo);
    this.redo = press("↷", "Redo (Ctrl+Shift+Z)", acts.redo);
    this.zoomText = make("span", { class: "dffw-focus-number", title: "Screen pixels per image pixel" });
    this.beside = press("Raw beside", "The raw heat maps beside the sharp ones (C)", acts.compare);
    this.back = press("‹", "Previous image (←, Page Up)", () => acts.step(-1));
    this.forth = press("›", "Next image (→, Page Down)", () => acts.step(1));
    this.where = make("span", { class: "dffw-focus-where" });
    this.accept = press("✓ Accept", "Accept the image (A)", () => acts.review("accepted"), "dffw-focus-accept");
    this.reject = press("✕ Reject", "Reject the image (X)", () => acts.review("rejected"), "dffw-focus-reject");
    this.judging = group("Review", "", this.accept, this.reject);
    this.painting = make(
      "div",
      { class: "dffw-focus-painting" },
      group("Tool", "dffw-focus-seg", ...this.tools.values()),
      this.eraser,
      make("label", { class: "dffw-focus-radius" }, "Radius", this.radius, this.radiusText),
      group("Shape", "", this.holes, this.smooth, this.find),
      group("History", "", this.undo, this.redo),
    );
    this.element = make(
      "div",
      { class: "dffw-focus-bar", aria: { role: "toolbar", label: "Tools" } },
      press("✕", "Close (Escape)", acts.close, "dffw-focus-close"),
      group("Image", "", this.back, this.forth),
      this.judging,
      this.where,
      this.painting,
      this.beside,
    );
    /** stands in a corner of the stage */
    this.zoom = group(
      "Zoom",
      "dffw-focus-zoom",
      this.zoomText,
      press("−", "Zoom out (-)", () => acts.zoom(1 / 1.25)),
      press("+", "Zoom in (+)", () => acts.zoom(1.25)),
      press("Fit", "Fit (0)", acts.fit),
    );
  }

  /** After a click with the mouse the keys go to the image again, so that space and Enter mean it. @param {string} text @param {string} title @param {() => void} f @param {string} kind */
  button(text, title, f, kind) {
    const button = make("button", {
      class: `dffw-btn ${kind}`,
      text,
      title,
      aria: { label: title.replace(/ \(.*/, "") },
    });
    listen(
      button,
      "click",
      (event) => {
        f();
        if (event.detail) this.acts.done();
      },
      this.signal,
    );
    return button;
  }

  /** @param {{scale: number, image: {h: number, w: number}}} view @param {{comparable: boolean, compared: boolean, place: number[], caption: string, asleep: boolean}} now */
  sync(view, { comparable, compared, place: [index = 0, count = 0], caption, asleep }) {
    const get = this.channel.get;
    for (const [name, button] of this.tools) describe(button, "pressed", name === get("tool"));
    describe(this.eraser, "pressed", get("erase"));
    this.radius.max = String(Math.max(8, Math.ceil(Math.max(view.image.h, view.image.w) / 6)));
    this.range.show(get("radius"));
    say(this.radiusText, `${Math.round(10 * get("radius")) / 10} px`);
    [this.undo.disabled, this.redo.disabled] = [!get("can_undo"), !get("can_redo")];
    [this.back.disabled, this.forth.disabled] = [index <= 0, index >= count - 1];
    say(this.where, `${index + 1} of ${count} · ${caption}`);
    this.where.title = caption;
    say(this.zoomText, `${Math.round(100 * view.scale)} %`);
    this.find.hidden = get("mode") !== "masks" || !get("findable");
    this.judging.hidden = !get("review");
    this.judging.inert = asleep;
    describe(this.accept, "pressed", get("review") === "accepted");
    describe(this.reject, "pressed", get("review") === "rejected");
    this.beside.hidden = !comparable;
    describe(this.beside, "pressed", compared);
    this.painting.inert = asleep;
  }
}

/** @param {string} label @param {string} kind @param {...Node} children */
function group(label, kind, ...children) {
  return make("div", { class: `dffw-focus-group ${kind}`, aria: { role: "group", label } }, ...children);
}
