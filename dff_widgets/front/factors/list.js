// The cards of all factors. A card belongs to a concept: when k changes, those that go on keep theirs.

import { make } from "../kit/dom.js";
import { afterFrame } from "../kit/frames.js";
import { factorsOf, presentLevel } from "../kit/levels.js";
import { factorCard } from "./card.js";
import { strongestPatches } from "./patches.js";

/** @import { Context } from "../kit/types.d.ts" */
/** @import { Card } from "./card.js" */

/**
 * @param {HTMLElement} host
 * @param {HTMLElement} root
 * @param {Context} context
 */
export function mountFactors(host, root, context) {
  const { store, tiles, signal } = context;
  const list = make("div", { class: "dffw-cards", aria: { role: "list", label: "Factors" } });
  const parked = make("p", { class: "dffw-parked", hidden: true });
  host.append(list, parked);
  /** @type {Map<number, Card>} by concept */
  const cards = new Map();
  /** @type {Card[]} of concepts that are not at this k: the next new one takes it */
  const spare = [];

  function sync() {
    const factors = factorsOf(store);
    const selected = store.get("selected");
    const wanted = new Set(factors.map((factor) => factor.concept));
    for (const [concept, card] of cards) {
      if (wanted.has(concept)) continue;
      card.retire();
      cards.delete(concept);
      spare.push(card);
    }
    for (const factor of factors) {
      const card = cards.get(factor.concept) ?? spare.pop() ?? factorCard(root, context);
      cards.set(factor.concept, card);
      if (list.children[factor.index] !== card.element)
        list.insertBefore(card.element, list.children[factor.index] ?? null);
      card.sync(factor, factor.index === selected);
    }
    syncParked();
  }

  function syncParked() {
    const names = store.get("appearance").parked[store.get("k")] ?? [];
    parked.hidden = !names.length;
    parked.textContent = `Not at k = ${store.get("k")}: ${names.join(", ")}`;
  }

  function drawPatches() {
    const level = presentLevel(store);
    if (!level) return;
    const { kept } = store.get("stack");
    factorsOf(store, level).forEach((factor) => {
      cards
        .get(factor.concept)
        ?.patches.show(strongestPatches(kept, (image) => tiles.maps(image, level.k, false), factor.index));
    });
  }
  const patchesSoon = afterFrame(drawPatches, signal);

  store.on(["k", "stack", "appearance", "scores", "selected", "opacities", "hidden", "solo", "asleep"], sync, signal);
  store.on(["k", "stack", "heat", "photos"], patchesSoon, signal);
  const away = tiles.onReady((image) => {
    for (const card of cards.values()) card.patches.ready(image);
  });
  signal.addEventListener("abort", away);
  sync();
  patchesSoon();
  return {
    /** @param {number} factor */
    name(factor) {
      const concept = factorsOf(store)[factor]?.concept;
      if (concept !== undefined) cards.get(concept)?.focusName();
    },
  };
}
