// Where in the set a factor is strongest, and the pieces of photos there.

import { make } from "../kit/dom.js";

/** @import { Context } from "../kit/types.d.ts" */
/** @import { Maps } from "../kit/tiles.js" */

const SIDE = 38; // px of a patch
const PART = 0.36; // of the photo's shorter side

/** @typedef {{ image: number, x: number, y: number, value: number }} Patch  x, y: 0..1 of the photo */

/**
 * The places where a factor is strongest, one in an image.
 * @param {number} images
 * @param {(image: number) => Maps | null} mapsOf
 * @param {number} factor
 * @param {number} [most]
 * @returns {Patch[]}
 */
export function strongestPatches(images, mapsOf, factor, most = 3) {
  /** @type {Patch[]} */
  const found = [];
  for (let image = 0; image < images; image++) {
    const maps = mapsOf(image);
    const map = maps?.maps[factor];
    if (!maps || !map) continue;
    let best = 0;
    for (let p = 1; p < map.length; p++) if (map[p] > map[best]) best = p;
    if (map[best] > 0) {
      found.push({
        image,
        x: ((best % maps.w) + 0.5) / maps.w,
        y: (Math.floor(best / maps.w) + 0.5) / maps.h,
        value: map[best],
      });
    }
  }
  return found.sort((a, b) => b.value - a.value || a.image - b.image).slice(0, most);
}

/**
 * The square around a place that is cut out of a photo of so many pixels, within it.
 * @param {Patch} patch @param {number} width @param {number} height
 */
export function cropOf({ x, y }, width, height) {
  const side = PART * Math.min(width, height);
  /** @param {number} at @param {number} length */
  const start = (at, length) => Math.min(Math.max(at * length - side / 2, 0), length - side);
  return { left: start(x, width), top: start(y, height), side };
}

/** @param {Context} context */
export function patchRow({ tiles }) {
  const scale = window.devicePixelRatio || 1;
  const canvases = Array.from({ length: 3 }, () =>
    make("canvas", { width: Math.round(SIDE * scale), height: Math.round(SIDE * scale), aria: { hidden: true } }),
  );
  const element = make("span", { class: "dffw-patches" }, ...canvases);
  /** @type {Patch[]} */
  let patches = [];
  let waiting = false; // for a photo

  function draw() {
    waiting = false;
    canvases.forEach((canvas, i) => {
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      context.clearRect(0, 0, canvas.width, canvas.height);
      const patch = patches[i];
      canvas.style.visibility = patch ? "visible" : "hidden";
      if (!patch) return;
      const photo = tiles.photo(patch.image, false);
      if (!photo) {
        waiting = true;
        return;
      }
      const { left, top, side } = cropOf(patch, photo.width, photo.height);
      context.drawImage(photo, left, top, side, side, 0, 0, canvas.width, canvas.height);
    });
  }

  return {
    element,
    /** @param {Patch[]} now */
    show(now) {
      patches = now;
      draw();
    },
    /** @param {number} image */
    ready(image) {
      if (waiting && (image < 0 || patches.some((patch) => patch.image === image))) draw();
    },
  };
}
