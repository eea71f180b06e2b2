// The present k: its factors out of the stack, with the colours and names that they have.

/** @import { StackLevel, State, Store } from "./types.d.ts" */

const OKABE_ITO = ["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999"];
export const OPACITY = 0.7; // of a factor nobody has touched

/**
 * @typedef {object} Factor
 * @property {number} index
 * @property {number} concept
 * @property {string} color
 * @property {string[]} names
 * @property {string} title
 * @property {number} share  0..1
 * @property {number} gain
 * @property {number[]} quantiles
 * @property {number} opacity  0..1, as set
 * @property {boolean} hidden  by hand
 * @property {number} strength  0..1, as drawn: 0 where hidden, or where another is shown alone
 */

/**
 * The level of the stack that is shown: that of the chosen k, or the nearest there is; null before the first.
 * @param {Store<State>} store
 * @returns {StackLevel | null}
 */
export function presentLevel(store) {
  const { levels } = store.get("stack");
  const k = store.get("k");
  return levels.find((level) => level.k === k) ?? nearest(levels, k);
}

/** @param {StackLevel[]} levels @param {number} k */
function nearest(levels, k) {
  return levels.reduce(
    (best, level) => (best === null || Math.abs(level.k - k) < Math.abs(best.k - k) ? level : best),
    /** @type {StackLevel | null} */ (null),
  );
}

/**
 * The factors of a level, as they are to be drawn and named.
 * @param {Store<State>} store
 * @param {StackLevel | null} [level]
 * @returns {Factor[]}
 */
export function factorsOf(store, level = presentLevel(store)) {
  if (!level) return [];
  const look = store.get("appearance").levels[level.k];
  const [opacities, hidden, solo] = [store.get("opacities"), store.get("hidden"), store.get("solo")];
  const alone = level.concepts.includes(solo);
  return level.concepts.map((concept, index) => {
    const opacity = opacities[concept] ?? OPACITY;
    const off = hidden.includes(concept);
    const shown = alone ? concept === solo : !off;
    return {
      index,
      concept,
      color: look?.colors[index] ?? OKABE_ITO[concept % OKABE_ITO.length],
      names: look?.names[index] ?? [],
      title: look?.titles[index] ?? `factor ${index}`,
      share: level.shares[index] ?? 0,
      gain: level.gains[index] ?? 1,
      quantiles: level.quantiles[index] ?? [],
      opacity,
      hidden: off,
      strength: shown ? opacity : 0,
    };
  });
}

/**
 * The level 0..255 from which a factor's heat is in its mask.
 * @param {number[]} quantiles  at equally spaced percentiles 0..100
 * @param {number} percentile
 */
export function cutAt(quantiles, percentile) {
  if (!quantiles.length) return 256;
  const at = (Math.min(Math.max(percentile, 0), 100) / 100) * (quantiles.length - 1);
  const low = Math.min(Math.floor(at), Math.max(quantiles.length - 2, 0));
  const high = Math.min(low + 1, quantiles.length - 1);
  return quantiles[low] + (quantiles[high] - quantiles[low]) * (at - low);
}

/**
 * Where each image's heat begins in the buffer, and how long it is: for each k in ks, k maps of h * w bytes.
 * @param {number[]} ks
 * @param {[number, number][]} grids
 * @param {number} kept
 * @returns {{ start: number, length: number }[]}
 */
export function packing(ks, grids, kept) {
  const maps = ks.reduce((sum, k) => sum + k, 0);
  let start = 0;
  return grids.slice(0, kept).map(([h, w]) => {
    const place = { start, length: maps * h * w };
    start += place.length;
    return place;
  });
}

/**
 * The maps of one k within an image's own piece.
 * @param {Uint8Array} piece
 * @param {number[]} ks
 * @param {number} k
 * @param {number} cells  h * w
 * @returns {Uint8Array[]}
 */
export function mapsAt(piece, ks, k, cells) {
  const before = ks.slice(0, ks.indexOf(k)).reduce((sum, other) => sum + other, 0);
  if (!ks.includes(k) || piece.length < (before + k) * cells) return [];
  return Array.from({ length: k }, (_, f) => piece.subarray((before + f) * cells, (before + f + 1) * cells));
}

/**
 * What is drawn: sharp maps come from the kernel, and without one it is the heat.
 * @param {Store<State>} store
 */
export function drawnLook(store) {
  const look = store.get("look");
  return look === "sharp" && store.get("asleep") ? "heat" : look;
}
