// What the sides of a comparison say of a point of an image, row by row. No document.

import { valueAt } from "../kit/heat.js";

/**
 * @typedef {{title: string, line: string, rows: number[], gains: number[], shares: number[], grids: [number, number][]}} Side
 * @typedef {{maps: Uint8Array[], h: number, w: number}} Maps of one image on one side
 */

/**
 * The maps of each image of a side, out of its one buffer.
 * @param {Side | undefined} side
 * @param {Uint8Array} heat
 * @param {number} images
 * @returns {Maps[]}
 */
export function mapsOf(side, heat, images) {
  const { rows = [], grids = [] } = side ?? {};
  let start = 0;
  return Array.from({ length: images }, (_, i) => {
    const [h, w] = grids[i] ?? [0, 0];
    const size = rows.length * h * w;
    const whole = size > 0 && start + size <= heat.length;
    const from = start;
    start += size;
    const maps = whole ? rows.map((_row, f) => heat.subarray(from + f * h * w, from + (f + 1) * h * w)) : [];
    return { maps, h, w };
  });
}

/**
 * Per row the strength 0..1 at a point of an image; undefined where the side has no such factor.
 * @param {Side | undefined} side
 * @param {Maps | undefined} maps
 * @param {number} x 0..1 across
 * @param {number} y 0..1 down
 * @returns {(number | undefined)[]}
 */
export function valuesAt(side, maps, x, y) {
  /** @type {(number | undefined)[]} */
  const values = [];
  (side?.rows ?? []).forEach((row, f) => {
    values[row] = maps?.maps[f] && valueAt(maps.maps[f], maps.h, maps.w, x, y) / 255;
  });
  return values;
}

/** The visible row that is strongest, or -1. @param {(number | undefined)[]} values @param {boolean[]} visible */
export function strongestRow(values, visible) {
  return values.reduce(
    (/** @type {number} */ best, v, row) => (visible[row] && (v ?? 0) > (values[best] ?? 0) ? row : best),
    -1,
  );
}

/** Per row the share of what is explained, as text. @param {Side | undefined} side */
export function sharesOf(side) {
  /** @type {(string | undefined)[]} */
  const values = [];
  side?.rows.forEach((row, f) => {
    values[row] = `${Math.round(100 * side.shares[f])} %`;
  });
  return values;
}
