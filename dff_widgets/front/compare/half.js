// One side: every image under the heat maps of its factors. Each heat map is a canvas at the network's resolution,
// enlarged and blended by CSS: opacity of a row is one custom property for all images of both sides.

import { listen, make, say } from "../kit/dom.js";
import { tinted } from "../kit/tinted.js";
import { mapsOf } from "./values.js";

/**
 * @typedef {import("./values.js").Side} Side
 * @typedef {object} Tile
 * @property {HTMLElement} stack
 * @property {HTMLElement} mark where the pointer is, on the same place of both sides
 * @property {HTMLElement} figure
 * @property {string} caption
 */

export class Half {
  /** @param {"left" | "right"} which @param {Element} bar its settings @param {AbortSignal} signal */
  constructor(which, bar, signal) {
    const name = which === "left" ? "Left" : "Right";
    this.line = make("div", { class: "dffw-compare-line dffw-num", aria: { role: "status", live: "polite" } });
    this.grid = make("div", {
      class: "dffw-compare-grid",
      tabIndex: 0,
      aria: { role: "list", label: `${name}: images` },
    });
    this.element = make("section", { class: "dffw-compare-half", aria: { label: name } }, bar, this.line, this.grid);
    /** @type {Tile[]} */
    this.tiles = [];
    /** @type {import("./values.js").Maps[]} */
    this.maps = [];
    /** @type {(image: number, x: number, y: number) => void} */
    this.pointed = () => {};
    /** @type {(image: number, x: number, y: number) => void} */
    this.clicked = () => {};
    listen(this.grid, "pointermove", (event) => this.at(event, this.pointed), signal);
    listen(this.grid, "pointerleave", () => this.pointed(-1, 0, 0), signal);
    listen(this.grid, "click", (event) => this.at(event, this.clicked), signal);
  }

  /** @param {PointerEvent} event @param {(image: number, x: number, y: number) => void} told */
  at(event, told) {
    const stack = /** @type {HTMLElement} */ (event.target).closest(".dffw-compare-stack");
    const image = this.tiles.findIndex((tile) => tile.stack === stack);
    if (image < 0 || !stack) {
      told(-1, 0, 0);
      return;
    }
    const box = stack.getBoundingClientRect();
    told(image, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  /** @param {HTMLImageElement[]} photos decoded @param {string[]} captions */
  build(photos, captions) {
    this.tiles = photos.map((photo, i) => {
      const mark = make("i", { class: "dffw-compare-mark", hidden: true });
      const shape = photo.naturalWidth / photo.naturalHeight || 1;
      const stack = make(
        "div",
        {
          class: "dffw-compare-stack",
          aria: { role: "img" },
          css: { "aspect-ratio": String(shape), "--dffw-fit": String(Math.min(1, shape)) },
        },
        photo.cloneNode(),
        mark,
      );
      const caption = captions[i] ?? "";
      const figure = make(
        "figure",
        { aria: { role: "listitem" } },
        stack,
        make("figcaption", { class: "dffw-one-line", text: caption, title: caption, dir: "auto" }),
      );
      return { stack, mark, figure, caption };
    });
    this.grid.replaceChildren(...this.tiles.map((tile) => tile.figure));
  }

  /** @param {Side | undefined} side @param {Uint8Array} heat @param {string[]} colors per row */
  heat(side, heat, colors) {
    this.maps = mapsOf(side, heat, this.tiles.length);
    this.tiles.forEach(({ stack, mark }, i) => {
      for (const canvas of stack.querySelectorAll("canvas")) canvas.remove();
      const { maps, h, w } = this.maps[i];
      mark.before(
        ...maps.map((map, f) => {
          const row = side?.rows[f] ?? 0;
          const canvas = tinted(map, h, w, colors[row] ?? "#888888", side?.gains[f] ?? 1);
          canvas.style.opacity = `var(--dffw-row-${row}, 0)`;
          return canvas;
        }),
      );
    });
  }

  /** @param {number} image @param {number} x @param {number} y */
  point(image, x, y) {
    this.tiles.forEach(({ mark }, i) => {
      mark.hidden = i !== image;
      if (i === image) Object.assign(mark.style, { left: `${100 * x}%`, top: `${100 * y}%` });
    });
  }

  /** @param {Side | undefined} side @param {string[]} shown names of the rows that are */
  describe(side, shown) {
    say(this.line, side?.line ?? "");
    for (const { stack, caption } of this.tiles)
      stack.setAttribute("aria-label", `${caption}${shown.length ? `, with ${shown.join(", ")}` : ""}`);
  }
}
