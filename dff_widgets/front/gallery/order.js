// Which images are shown, and in which order.

/** @import { Sort } from "../kit/types.d.ts" */

const NATURAL = new Intl.Collator("en", { numeric: true, sensitivity: "base" }); // 2 before 10

/**
 * @param {string[]} captions
 * @param {object} by
 * @param {string} by.filter
 * @param {Sort} by.sort
 * @param {(image: number) => number} by.strength  of the selected factor
 * @param {string} [by.reviewed]
 * @param {string[]} [by.reviews]
 * @param {number[]} [by.doubts]
 * @returns {number[]}
 */
export function orderOf(captions, { filter, sort, strength, reviewed = "", reviews = [], doubts = [] }) {
  const wanted = filter.trim().toLocaleLowerCase();
  const shown = captions
    .map((_, i) => i)
    .filter((i) => !wanted || captions[i].toLocaleLowerCase().includes(wanted))
    .filter((i) => !reviewed || reviews[i] === reviewed);
  if (sort === "doubt") return shown.sort((a, b) => (doubts[b] ?? 0) - (doubts[a] ?? 0) || a - b);
  if (sort === "name") return shown.sort((a, b) => NATURAL.compare(captions[a], captions[b]) || a - b);
  if (sort !== "factor") return shown;
  const values = new Map(shown.map((i) => [i, strength(i)]));
  return shown.sort((a, b) => (values.get(b) ?? 0) - (values.get(a) ?? 0) || a - b);
}

/** @param {Uint8Array | undefined} map */
export function meanOf(map) {
  if (!map?.length) return -1; // not here yet: last
  let sum = 0;
  for (const v of map) sum += v;
  return sum / map.length;
}
