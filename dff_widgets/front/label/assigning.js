// Names by what the factors cover, and taking them back.

import { listen, make, say } from "../kit/dom.js";
import { needsKernel } from "../kit/kernel.js";

/** @typedef {import("../kit/types.d.ts").Context} Context */

/**
 * What the scores say, in a line.
 * @param {{mean: number | null, covered: number, of: number, stale: boolean}} scores
 */
export function scoreLine({ mean, covered, of, stale }) {
  if (!of) return "No part masks to measure with: paint some (double click an image), or open images that have them.";
  const measured = `${covered} of ${of} images${stale ? ", still counting" : ""}`;
  return mean === null ? `No factor is named after a part · ${measured}` : `Mean IoU ${mean.toFixed(2)} · ${measured}`;
}

/** @param {Context} context */
export function assigning({ store, ask, signal }) {
  const cut = make("input", {
    type: "number",
    class: "dffw-box dffw-label-count",
    min: "0",
    max: "100",
    step: "5",
    aria: { label: "Coverage in percent above which a part is assigned" },
  });
  const assign = make("button", {
    class: "dffw-btn",
    text: "Assign above",
    title: "Name every factor after the parts of which it covers more than this",
  });
  const clear = make("button", { class: "dffw-btn", text: "Clear", title: "Take all names away" });
  const said = make("p", { class: "dffw-label-hint", aria: { role: "status" } });
  const element = make(
    "section",
    { class: "dffw-label-section" },
    make("h4", { text: "By coverage" }),
    make("div", { class: "dffw-label-row" }, assign, cut, make("span", { text: "%" }), clear),
    said,
  );
  const send = (/** @type {string} */ what, payload = {}) =>
    ask(what, payload).catch((error) => say(said, error.message));
  const share = () => Math.min(Math.max(Number(cut.value) || 0, 0), 100) / 100;
  listen(assign, "click", () => send("assign", { threshold: share() }), signal);
  listen(clear, "click", () => send("clear"), signal);
  listen(cut, "keydown", (event) => event.stopPropagation(), signal);
  function sync() {
    const scores = store.get("scores");
    if (document.activeElement !== cut) cut.value = String(Math.round(100 * scores.threshold));
    say(said, scoreLine(scores));
  }
  needsKernel(store, signal, cut, assign, clear);
  store.on("scores", sync, signal);
  sync();
  return element;
}
