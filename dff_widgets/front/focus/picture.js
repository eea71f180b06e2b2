// The photo with its factors over it, as it is on the screen: painting changes neither.

import { make } from "../kit/dom.js";
import { compose, enlarge, ink, reach } from "../kit/heat.js";

/**
 * @typedef {import("./factors.js").Maps} Maps
 * @typedef {import("./factors.js").Drawn} Drawn
 * @typedef {CanvasImageSource & {width: number, height: number}} Drawable
 */

const HEAT_PIXELS = 256; // a heat map is smooth: enlarged this far, the rest is the canvas's
const MASK_PIXELS = 640; // a mask has an edge

/** The factors over one another as one canvas; maps are enlarged once, and blended again at every change. */
export class Blend {
  constructor() {
    this.canvas = make("canvas");
    /** @type {Map<string, import("../kit/heat.js").Grid>} of the maps that were drawn last */
    this.grids = new Map();
    /** @type {Uint8Array[] | null} */
    this.of = null;
  }

  /** @param {Maps} maps @param {Drawn[]} drawn @param {number} pixels of the image on the screen, its longer side */
  draw({ h, w, maps }, drawn, pixels) {
    if (this.of !== maps && !maps.every((map, f) => map === this.of?.[f])) this.grids.clear();
    this.of = maps;
    const masked = drawn.some(({ cut }) => cut !== null);
    const { height, width } = reach(h, w, pixels, masked ? MASK_PIXELS : HEAT_PIXELS);
    const grid = (/** @type {number} */ f) => {
      const name = `${f} ${height}`;
      const found = this.grids.get(name) ?? enlarge(maps[f], h, w, height, width);
      this.grids.set(name, found);
      return found;
    };
    [this.canvas.width, this.canvas.height] = [width, height];
    const pixelsOut = new ImageData(width, height);
    const layers = drawn.flatMap(({ color, strength, gain, cut }, f) =>
      strength > 0 && maps[f] ? [{ grid: grid(f), ink: ink(color), opacity: strength, gain, cut }] : [],
    );
    compose(layers, pixelsOut.data);
    /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d")).putImageData(pixelsOut, 0, 0);
    return this.canvas;
  }
}

/**
 * @typedef {object} Scene
 * @property {import("./view.js").View} view
 * @property {Drawable | null} photo
 * @property {number} dim 0..1, of the photo
 * @property {HTMLCanvasElement | null} heat
 */

/**
 * Draw a scene over a whole canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {Scene} scene
 * @param {number} ratio device pixels a screen pixel
 */
export function paint(canvas, { view, photo, dim, heat }, ratio) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  const { h, w } = view.image;
  if (!h || !w) return;
  const scale = ratio * view.scale;
  context.setTransform(scale, 0, 0, scale, ratio * view.x, ratio * view.y);
  if (photo) {
    context.imageSmoothingEnabled = (scale * w) / photo.width < 6; // far in, pixels are pixels
    context.imageSmoothingQuality = "medium";
    context.fillStyle = "#000";
    context.fillRect(0, 0, w, h);
    context.globalAlpha = dim;
    context.drawImage(photo, 0, 0, w, h);
  }
  context.globalAlpha = 1;
  context.imageSmoothingEnabled = true;
  if (heat) context.drawImage(heat, 0, 0, w, h);
}
