// What is shown of the factors: hidden, alone, how strongly. By concept, so that it holds when k changes.

/** @import { Context } from "../kit/types.d.ts" */
/** @import { Factor } from "../kit/levels.js" */

/** @param {Context} context @param {Factor} factor */
export function toggleHidden({ store, choose }, factor) {
  const hidden = store.get("hidden");
  store.set({ solo: -1 });
  choose({
    hidden: factor.hidden ? hidden.filter((concept) => concept !== factor.concept) : [...hidden, factor.concept],
  });
}

/** @param {Context} context @param {Factor} factor */
export function toggleSolo({ store }, factor) {
  store.set({ solo: store.get("solo") === factor.concept ? -1 : factor.concept });
}

/** @param {Context} context @param {Factor} factor @param {number} opacity @param {boolean} held */
export function setOpacity({ store, choose }, factor, opacity, held) {
  choose({ opacities: { ...store.get("opacities"), [factor.concept]: opacity } }, { held });
}
