import assert from "node:assert/strict";
import { test } from "node:test";
import { keyAction } from "../../dff_widgets/front/focus/keys.js";
import { orderOf } from "../../dff_widgets/front/gallery/order.js";
import { counted, judge, reviewsOf } from "../../dff_widgets/front/kit/review.js";

const store = (/** @type {any} */ values) => ({ get: (/** @type {string} */ name) => values[name] });
const said = store({ captions: ["a", "b", "c"], notes: { reviews: { accepted: [2], rejected: [0] } } });

test("reviews of every image, and how many there are", () => {
  assert.deepEqual(reviewsOf(/** @type {any} */ (said)), ["rejected", "unreviewed", "accepted"]);
  assert.deepEqual(counted(reviewsOf(/** @type {any} */ (said))), { unreviewed: 1, accepted: 1, rejected: 1 });
});

test("before anything was said nothing is reviewed", () => {
  const nothing = store({ captions: ["a"], notes: {} });
  assert.deepEqual(reviewsOf(/** @type {any} */ (nothing)), ["unreviewed"]);
});

test("the same said again takes it back", () => {
  /** @type {any[]} */
  const asked = [];
  const context = /** @type {any} */ ({ store: said, ask: (/** @type {any[]} */ ...all) => asked.push(all) });
  judge(context, [2], "accepted");
  judge(context, [1, 2], "accepted");
  assert.deepEqual(asked, [
    ["review", { images: [2], review: "unreviewed" }],
    ["review", { images: [1, 2], review: "accepted" }],
  ]);
});

test("images by their review, and the least certain first", () => {
  const by = {
    filter: "",
    strength: () => 0,
    reviews: ["rejected", "unreviewed", "unreviewed"],
    doubts: [0.1, 0.2, 0.9],
  };
  assert.deepEqual(orderOf(["a", "b", "c"], { ...by, sort: "as given", reviewed: "unreviewed" }), [1, 2]);
  assert.deepEqual(orderOf(["a", "b", "c"], { ...by, sort: "doubt" }), [2, 1, 0]);
});

test("keys of a review in focus", () => {
  const canvas = { onCanvas: true, onRange: false };
  assert.equal(keyAction({ key: "a" }, canvas), "accept");
  assert.equal(keyAction({ key: "x" }, canvas), "reject");
  assert.equal(keyAction({ key: "ArrowRight" }, canvas), "next");
  assert.equal(keyAction({ key: "ArrowRight" }, { onCanvas: false, onRange: true }), "");
});
