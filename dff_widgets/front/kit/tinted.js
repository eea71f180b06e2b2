// A heat map at the network's resolution as a canvas, which CSS enlarges.

import { make } from "./dom.js";
import { ink } from "./heat.js";

/**
 * A factor's colour with its strength, times `gain`, as alpha.
 * @param {Uint8Array} values (h, w) row-major
 * @param {number} h
 * @param {number} w
 * @param {string} color #RRGGBB
 * @param {number} gain
 */
export function tinted(values, h, w, color, gain) {
  const canvas = make("canvas", { width: w, height: h });
  if (!values.length) return canvas;
  const pixels = new ImageData(w, h);
  const { r, g, b } = ink(color);
  for (let p = 0; p < values.length; p++) pixels.data.set([r, g, b, Math.round(values[p] * gain)], 4 * p); // clamped
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(pixels, 0, 0);
  return canvas;
}
