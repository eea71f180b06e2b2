// How a factor is drawn: one rule for its mask, in the gallery, in focus, wherever there is one.

import { cutAt } from "./levels.js";

const HALF = 127.5; // of a sharp map: more likely inside than not

/**
 * @param {{look: string, percentile: number}} choices
 * @param {boolean} sharp  whether its map is
 * @param {{gain: number, quantiles: number[]}} factor
 * @returns {{gain: number, cut: number | null}} cut: the level 0..255 of its mask; null where its heat is drawn
 */
export function ruleOf({ look, percentile }, sharp, { gain, quantiles }) {
  const level = sharp ? HALF : cutAt(quantiles, percentile);
  return { gain: sharp ? 1 : gain, cut: look === "masks" ? level : null };
}
