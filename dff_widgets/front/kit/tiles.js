// Of each image its photo and its heat maps, from the state or asked for: what gallery, patches and focus draw from.

import { bytes } from "./dom.js";
import { fetching } from "./fetching.js";
import { enlarge, reach } from "./heat.js";
import { mapsAt, packing } from "./levels.js";
import { photoShelf } from "./photos.js";

/** @import { Answer, Ask, State, Store } from "./types.d.ts" */
/** @import { Grid } from "./heat.js" */
/** @typedef {{ h: number, w: number, maps: Uint8Array[], sharp: boolean }} Maps  of one image and k */
/** @typedef {ReturnType<typeof createTiles>} Tiles */

const MOST_GRIDS = 4000; // enlarged heat maps that are kept, about 6 kB each
const HEAT_PIXELS = 56; // a heat map is smooth: enlarged this far, the rest is the canvas's
const MASK_PIXELS = 224; // a mask has an edge

/**
 * @param {Store<State>} store
 * @param {Ask} ask
 * @param {AbortSignal} signal
 */
export function createTiles(store, ask, signal) {
  /** @type {Set<(image: number) => void>} */
  const listeners = new Set();
  /** @param {number} image  -1: all of them */
  const ready = (image) =>
    listeners.forEach((listener) => {
      listener(image);
    });
  const photos = photoShelf(ready);
  const { wish } = fetching(
    ask,
    take,
    (what, progress) => what === "sharp" && store.set({ sharpening: progress }),
    signal,
  );
  /** @type {Map<string, Grid>} */
  const grids = new Map();
  /** @type {Map<number, Uint8Array>} of images beyond those in the state */
  const later = new Map();
  /** @type {Map<string, Maps>} by image and k */
  const sharp = new Map();
  let places = packed();

  function packed() {
    const { ks, grids: shapes, kept } = store.get("stack");
    return packing(ks, shapes, kept);
  }

  function forgetHeat() {
    places = packed();
    grids.clear();
    later.clear();
    sharp.clear();
    ready(-1);
  }

  function forgetPhotos() {
    photos.clear();
    ready(-1);
  }

  /** @param {Answer} answer */
  function take({ content, buffers }) {
    const image = Number(content.image);
    if (content.key !== undefined && content.key !== store.get("stack").key) return; // of a stack that is gone
    if (content.grid) {
      const [h, w] = /** @type {[number, number]} */ (content.grid);
      const k = Number(content.k);
      const whole = bytes(buffers[0]);
      sharp.set(`${image} ${k}`, {
        h,
        w,
        sharp: true,
        maps: Array.from({ length: k }, (_, f) => whole.subarray(f * h * w, (f + 1) * h * w)),
      });
      for (let f = 0; f < k; f++) dropGrids(`sharp ${image} ${k} ${f}`);
      ready(image);
      return;
    }
    if (buffers[0]?.byteLength) photos.put(image, buffers[0]);
    if (buffers[1]?.byteLength) later.set(image, bytes(buffers[1]));
    ready(image);
  }

  /** @param {string} start */
  function dropGrids(start) {
    for (const name of grids.keys()) if (name.startsWith(`${start} `)) grids.delete(name);
  }

  /** @param {number} image */
  function piece(image) {
    const place = places[image];
    if (!place) return later.get(image);
    return bytes(store.get("heat")).subarray(place.start, place.start + place.length);
  }

  /** @param {number} image @param {boolean} grey */
  function photo(image, grey) {
    const found = photos.get(image, grey);
    if (found || photos.has(image)) return found;
    const jpeg = store.get("photos")[image];
    if (jpeg?.byteLength) photos.put(image, jpeg);
    else if (!store.get("page")) wish("tiles", {}, image);
    return null;
  }

  /** Those that an exported page brings along. @param {number} image @param {number} k @returns {Maps | undefined} */
  function seenMaps(image, k) {
    const seen = store.get("seen");
    if (seen?.k !== k || !seen.grids[image]) return undefined;
    const area = (/** @type {[number, number]} */ [rows, columns]) => k * rows * columns;
    const start = seen.grids.slice(0, image).reduce((sum, grid) => sum + area(grid), 0);
    const [h, w] = seen.grids[image];
    const whole = bytes(seen.maps).subarray(start, start + area(seen.grids[image]));
    const maps = Array.from({ length: k }, (_, f) => whole.subarray(f * h * w, (f + 1) * h * w));
    sharp.set(`${image} ${k}`, { h, w, sharp: true, maps });
    return sharp.get(`${image} ${k}`);
  }

  /**
   * The heat maps of an image at one k; the sharp ones where they are wanted and there.
   * @param {number} image @param {number} k @param {boolean} sharpened
   * @returns {Maps | null}
   */
  function maps(image, k, sharpened) {
    if (sharpened) {
      const found = sharp.get(`${image} ${k}`) ?? seenMaps(image, k);
      if (found) return found;
      if (!store.get("asleep")) wish("sharp", { k }, image);
    }
    const { ks, grids: shapes } = store.get("stack");
    const own = piece(image);
    const [h, w] = shapes[image] ?? [0, 0];
    if (!own) {
      if (h && !store.get("page")) wish("tiles", {}, image);
      return null;
    }
    const found = mapsAt(own, ks, k, h * w);
    return found.length ? { h, w, maps: found, sharp: false } : null;
  }

  /**
   * One heat map, enlarged: made once, then kept.
   * @param {number} image @param {number} k @param {number} f @param {Maps} from
   * @param {boolean} mask @param {number} pixels  of the box it is drawn in, its longer side
   */
  function grid(image, k, f, from, mask, pixels) {
    const { height, width } = reach(from.h, from.w, pixels, mask ? MASK_PIXELS : HEAT_PIXELS);
    const name = `${from.sharp ? "sharp" : "heat"} ${image} ${k} ${f} ${height}`;
    let found = grids.get(name);
    if (!found) {
      found = enlarge(from.maps[f], from.h, from.w, height, width);
      if (grids.size >= MOST_GRIDS) grids.delete(/** @type {string} */ (grids.keys().next().value));
      grids.set(name, found);
    }
    return found;
  }

  store.on(["stack", "heat"], forgetHeat, signal);
  store.on("photos", forgetPhotos, signal);
  signal.addEventListener("abort", () => {
    photos.clear();
    grids.clear();
  });

  return {
    photo,
    maps,
    grid,
    /** Whether an image's own piece of heat is here, so that any k of it is. @param {number} image */
    has: (image) => Boolean(piece(image)?.length),
    /** @param {(image: number) => void} listener  called with an image that came, or -1 for all */
    onReady(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
