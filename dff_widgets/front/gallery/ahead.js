// While nothing happens, the heat maps of the other k are enlarged, the nearest first, so that they are there at once.

import { afterQuiet } from "../kit/frames.js";

/** @import { Context } from "../kit/types.d.ts" */
/** @import { Tile } from "./tile.js" */

const QUIET = 250; // ms
const MOST = 2000; // heat maps: half of those that are kept
const idle = (/** @type {() => void} */ work) =>
  "requestIdleCallback" in window ? requestIdleCallback(work, { timeout: 1000 }) : setTimeout(work, 50);

/**
 * @param {Context} context
 * @param {() => Tile[]} seen
 * @returns {() => void} to be called when something was drawn
 */
export function ahead({ store, tiles, signal }, seen) {
  let turn = 0;

  /**
   * One k, and the others when there is time again.
   * @param {number[]} ks @param {number} own  the turn it was begun in: a later one goes before
   * @param {number} room  for how many heat maps
   */
  function enlarge([k, ...others], own, room) {
    const shown = seen();
    const left = room - k * shown.length;
    if (signal.aborted || own !== turn || left < 0 || store.get("look") !== "heat") return;
    for (const tile of shown) {
      const maps = tiles.maps(tile.image, k, false);
      const pixels = Math.max(tile.canvas.width, tile.canvas.height);
      for (let f = 0; maps && f < k; f++) tiles.grid(tile.image, k, f, maps, false, pixels);
    }
    if (others.length) idle(() => enlarge(others, own, left));
  }

  return afterQuiet(
    () => {
      const k = store.get("k");
      const ks = store.get("stack").ks.filter((other) => other !== k);
      ks.sort((a, b) => Math.abs(a - k) - Math.abs(b - k));
      turn += 1;
      const own = turn;
      if (ks.length) idle(() => enlarge(ks, own, MOST));
    },
    QUIET,
    signal,
  );
}
