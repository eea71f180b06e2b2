// The review: how far it is, which images are shown, and in which order; accept and reject are keys.

import { listen, make, say } from "../kit/dom.js";
import { counted, reviewsOf } from "../kit/review.js";
import { segments } from "../kit/segments.js";

/** @import { Context } from "../kit/types.d.ts" */

const TITLES = /** @type {const} */ ([
  ["", "All"],
  ["unreviewed", "Left"],
  ["accepted", "Accepted"],
  ["rejected", "Rejected"],
]);

/**
 * @param {Context} context
 * @returns {HTMLElement}
 */
export function reviewing({ store, choose, signal }) {
  const bar = make("progress", { max: 1, aria: { label: "Images that are reviewed" } });
  const said = make("p", { class: "dffw-label-hint", aria: { role: "status" } });
  const shown = segments(
    { label: "Images by their review" },
    (reviewed) => choose({ reviewed: /** @type {any} */ (reviewed) }),
    signal,
  );
  const doubt = make("input", { type: "checkbox" });
  const open = make("button", {
    class: "dffw-btn dffw-primary",
    text: "Review one by one",
    title: "Open the first image that is left: A accepts, X rejects, → goes on",
  });
  listen(doubt, "change", () => choose({ sort: doubt.checked ? "doubt" : "as given" }), signal);
  listen(open, "click", () => choose({ opened: firstLeft(), tab: "gallery" }), signal);

  function firstLeft() {
    const reviews = reviewsOf(store);
    const order = store.get("order");
    return order.find((image) => reviews[image] === "unreviewed") ?? order[0] ?? 0;
  }

  function sync() {
    const counts = counted(reviewsOf(store));
    const all = store.get("captions").length;
    const { misfits = [], parked = 0 } = store.get("notes");
    bar.value = all ? 1 - counts.unreviewed / all : 0;
    const words = [`${counts.accepted} accepted`, `${counts.rejected} rejected`, `${counts.unreviewed} left`];
    if (misfits.length) words.push(`⚠ corrections that no longer fit in ${misfits.length}`);
    if (parked) words.push(`${parked} of a factor that is not here`);
    say(said, words.join(" · "));
    shown.show(
      TITLES.map(([value, text]) => ({ value, text, title: value ? `${counts[value]} images` : `${all} images` })),
      store.get("reviewed"),
    );
    doubt.checked = store.get("sort") === "doubt";
    open.disabled = !all;
  }
  store.on(["notes", "captions", "reviewed", "sort"], sync, signal);
  sync();
  return make(
    "section",
    { class: "dffw-label-section dffw-review" },
    make("h4", { text: "Review" }),
    bar,
    said,
    shown.element,
    make("label", { class: "dffw-review-doubt" }, doubt, " least certain first"),
    make("div", { class: "dffw-label-row" }, open),
  );
}
