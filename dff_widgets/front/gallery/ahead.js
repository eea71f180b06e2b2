// While nothing happens, the heat maps of the next k and the one before are enlarged, so that they are there at once.

import { afterQuiet } from "../kit/frames.js";

/** @import { Context } from "../kit/types.d.ts" */
/** @import { Tile } from "./tile.js" */

const QUIET = 250; // ms
const idle = (/** @type {() => void} */ work) =>
  "requestIdleCallback" in window ? requestIdleCallback(work, { timeout: 1000 }) : setTimeout(work, 50);

/**
 * @param {Context} context
 * @param {() => Tile[]} seen
 * @returns {() => void} to be called when something was drawn
 */
export function ahead({ store, tiles, signal }, seen) {
  /** @param {number} k */
  function enlarge(k) {
    if (signal.aborted || store.get("look") !== "heat") return;
    for (const tile of seen()) {
      const maps = tiles.maps(tile.image, k, false);
      const pixels = Math.max(tile.canvas.width, tile.canvas.height);
      for (let f = 0; maps && f < k; f++) tiles.grid(tile.image, k, f, maps, false, pixels);
    }
  }

  return afterQuiet(
    () => {
      const { ks } = store.get("stack");
      const at = ks.indexOf(store.get("k"));
      for (const k of [ks[at + 1], ks[at - 1]]) if (k !== undefined) idle(() => enlarge(k));
    },
    QUIET,
    signal,
  );
}
