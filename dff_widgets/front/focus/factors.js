// Which factors are drawn over the image, and how: from the app's store, or from the traits of a `FocusView`.

import { bytes } from "../kit/dom.js";
import { drawnLook, factorsOf, presentLevel } from "../kit/levels.js";
import { ruleOf } from "../kit/rule.js";

/**
 * @typedef {{h: number, w: number, maps: Uint8Array[]}} Maps
 * @typedef {{title: string, color: string, strength: number, gain: number, cut: number | null}} Drawn a factor: strength 0..1, cut the level 0..255 of its mask
 * @typedef {object} Factors
 * @property {() => Drawn[]} drawn
 * @property {() => Maps | null} maps of the image that is open
 * @property {() => {maps: Maps, drawn: Drawn[]} | null} raw what is shown beside it: the maps before they were sharpened
 * @property {(f: () => void) => void} onChange
 */

/**
 * @param {import("../kit/types.d.ts").Context} context
 * @returns {Factors}
 */
export function storeFactors({ store, tiles, signal }) {
  const choices = () => ({
    look: drawnLook(store),
    threshold: store.get("threshold"),
    percentile: store.get("percentile"),
  });
  function maps() {
    const { look, threshold } = choices();
    const k = presentLevel(store)?.k ?? 0;
    return tiles.maps(store.get("opened"), k, look === "sharp" || (look === "masks" && threshold === "auto"));
  }
  const drawn = (/** @type {boolean} */ sharp) =>
    factorsOf(store).map((factor) => ({ ...factor, ...ruleOf(choices(), sharp, factor) }));
  return {
    drawn: () => drawn(maps()?.sharp ?? false),
    maps,
    raw() {
      const found =
        drawnLook(store) === "sharp" ? tiles.maps(store.get("opened"), presentLevel(store)?.k ?? 0, false) : null;
      return found && { maps: found, drawn: drawn(false) };
    },
    onChange(f) {
      store.on(
        [
          "stack",
          "heat",
          "appearance",
          "k",
          "look",
          "asleep",
          "threshold",
          "percentile",
          "opacities",
          "hidden",
          "solo",
          "opened",
        ],
        f,
        signal,
      );
      const stop = tiles.onReady((image) => {
        if (image < 0 || image === store.get("opened")) f();
      });
      signal.addEventListener("abort", stop);
    },
  };
}

/**
 * @param {import("../kit/follow.js").Model} model
 * @param {(names: string[], f: () => void) => void} on
 * @returns {Factors}
 */
export function traitFactors(model, on) {
  /** @param {string} heat @param {string} grid @returns {Maps | null} */
  function maps(heat, grid) {
    const [h = 0, w = 0] = model.get(grid);
    const all = bytes(model.get(heat));
    const count = h * w ? Math.floor(all.length / (h * w)) : 0;
    return count
      ? { h, w, maps: Array.from({ length: count }, (_, j) => all.subarray(j * h * w, (j + 1) * h * w)) }
      : null;
  }
  /** @param {number[]} gains @param {number[]} levels */
  function drawn(gains, levels) {
    const [names, colors, opacity, visible] = ["names", "colors", "opacity", "visible"].map((name) => model.get(name));
    return names.map((/** @type {string} */ title, /** @type {number} */ j) => ({
      title,
      color: colors[j],
      strength: visible[j] ? opacity[j] : 0,
      gain: gains[j] ?? 1,
      cut: levels[j] === undefined ? null : 255 * levels[j],
    }));
  }
  return {
    drawn: () => drawn(model.get("gains"), model.get("levels")),
    maps: () => maps("heat", "grid"),
    raw() {
      const found = maps("raw", "raw_grid");
      return found && { maps: found, drawn: drawn(model.get("raw_gains"), []) };
    },
    onChange: (f) =>
      on(
        ["heat", "grid", "gains", "levels", "raw", "raw_grid", "raw_gains", "names", "colors", "opacity", "visible"],
        f,
      ),
  };
}
