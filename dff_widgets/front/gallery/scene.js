// What is to be drawn, the same for all tiles of a frame, and the layers of one of them.

import { ink } from "../kit/heat.js";
import { drawnLook, factorsOf, presentLevel } from "../kit/levels.js";
import { ruleOf } from "../kit/rule.js";

/** @import { Context, Photo, State, Store } from "../kit/types.d.ts" */
/** @import { Layer } from "../kit/heat.js" */
/** @import { Factor } from "../kit/levels.js" */
/** @import { Maps } from "../kit/tiles.js" */

const BESIDE = 0.15; // how much is left of the others while one is pointed at

/**
 * @typedef {object} Scene
 * @property {number} k  0: there are no factors yet
 * @property {Factor[]} factors
 * @property {boolean} sharp  the sharp maps are wanted
 * @property {boolean} mask
 * @property {boolean} auto
 * @property {number} percentile
 * @property {Photo} photo
 * @property {number} hovered
 */

/** @param {Store<State>} store @returns {Scene} */
export function sceneOf(store) {
  const level = presentLevel(store);
  const look = drawnLook(store);
  const auto = look === "masks" && store.get("threshold") === "auto";
  return {
    k: level?.k ?? 0,
    factors: factorsOf(store, level),
    sharp: look === "sharp" || auto,
    mask: look === "masks",
    auto,
    percentile: store.get("percentile"),
    photo: store.get("photo"),
    hovered: store.get("hovered"),
  };
}

/** Whether what is drawn is of another place than what was asked for. @param {Store<State>} store */
export function isStale(store) {
  const [place, stack] = [store.get("place"), store.get("stack")];
  if (!stack.levels.length || store.get("asleep")) return false;
  return (
    (place.key !== undefined && place.key !== stack.key) ||
    (store.get("layer") !== "" && store.get("layer") !== place.layer)
  );
}

/**
 * How strongly a factor is drawn: as it is set, and less while another is pointed at.
 * @param {Factor} factor @param {number} hovered
 */
export function drawnStrength({ index, strength, opacity }, hovered) {
  if (hovered < 0) return strength;
  return index === hovered ? Math.max(strength, opacity) : strength * BESIDE;
}

/**
 * @param {Context["tiles"]} tiles
 * @param {Scene} scene
 * @param {number} image
 * @param {Maps} maps
 * @param {number} pixels  of the tile's longer side
 * @returns {Layer[]}
 */
export function layersOf(tiles, scene, image, maps, pixels) {
  const { k, factors, mask, percentile, hovered } = scene;
  /** @type {Layer[]} */
  const layers = [];
  for (const factor of factors) {
    const opacity = drawnStrength(factor, hovered);
    if (opacity <= 0) continue;
    layers.push({
      grid: tiles.grid(image, k, factor.index, maps, mask, pixels),
      ink: ink(factor.color),
      opacity,
      ...ruleOf({ look: mask ? "masks" : "heat", percentile }, maps.sharp, factor),
    });
  }
  return layers;
}

/** What a tile's overlay depends on, beside its own maps: the same words, the same picture. @param {Scene} scene */
export function signatureOf({ k, factors, mask, sharp, percentile, hovered }) {
  const each = factors.map((factor) => `${factor.color}${drawnStrength(factor, hovered)}`);
  return `${k} ${mask ? percentile : "heat"} ${sharp} ${each.join()}`;
}
