import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bestOf,
  describePoint,
  deviation,
  keyOf,
  mean,
  shownOf,
  ticks,
} from "../../dff_widgets/front/sweep/measure.js";
import { range } from "../../dff_widgets/front/sweep/pickers.js";
import { frameOf, neighbourOf, shapeOf } from "../../dff_widgets/front/sweep/plot.js";

const point = (layer, k, seed, iou, explained = 0.3) => ({ layer, k, seed, iou, explained, error: 0.5 });
const points = [
  point("a", 1, 0, 0.2),
  point("a", 1, 1, 0.4),
  point("a", 2, 0, 0.5),
  point("a", 2, 1, 0.1),
  point("b", 3, 0, 0.9),
];

test("ticks are round, start at 0, and reach what is to be shown", () => {
  for (const most of [0.013, 0.2, 0.52, 1, 7, 42, 99.5, 100]) {
    const all = ticks(most);
    assert.equal(all[0], 0);
    assert.ok(all[all.length - 1] >= most * (1 - 1e-9));
    assert.ok(all.length >= 3 && all.length <= 8, `${most}: ${all}`);
  }
  assert.deepEqual(ticks(0.5), [0, 0.1, 0.2, 0.3, 0.4, 0.5]);
});

test("the best k of a layer is that of the highest mean over its seeds", () => {
  assert.deepEqual(bestOf(points, "a").k, 1);
  assert.ok(Math.abs(bestOf(points, "a").value - 0.3) < 1e-12);
  assert.deepEqual(bestOf(points, "b"), { k: 3, value: 0.9 });
  assert.equal(bestOf(points, "c"), null);
  assert.equal(bestOf([{ layer: "a", k: 1, seed: 0, explained: 1, error: 0 }], "a"), null);
});

test("mean and deviation are those of a sample", () => {
  assert.equal(mean([1, 2, 6]), 3);
  assert.ok(Math.abs(deviation([1, 2, 6]) - Math.sqrt(7)) < 1e-12);
  assert.equal(deviation([4]), 0);
});

test("points without the measure, or of other layers, are not shown", () => {
  const bare = { layer: "a", k: 1, seed: 0, explained: 0.5, error: 0.7 };
  assert.equal(shownOf([...points, bare], ["a"], "iou").length, 4);
  assert.equal(shownOf([bare], ["a"], "explained").length, 1);
});

test("the scales put k and values into the frame, seeds beside each other", () => {
  const { x, y, dodge, levels, width, height } = frameOf({
    width: 600,
    ks: [1, 2, 3],
    seeds: [0, 1, 2],
    points,
    measure: "iou",
  });
  assert.ok(x(1) > 56 && x(1) < x(2) && x(3) < width - 16);
  assert.ok(y(0) > y(levels[levels.length - 1]) && y(0) < height);
  assert.equal(dodge(1), 0);
  assert.equal(dodge(0), -dodge(2));
  assert.ok(x(2) - x(1) > dodge(2) - dodge(0));
});

test("keys lead along a curve, and up and down among the points of a k", () => {
  const marks = points
    .map((p, i) => ({ point: p, x: 10 * p.k + p.seed, y: -100 * p.iou, i }))
    .sort((a, b) => a.x - b.x);
  const at = (layer, k, seed) => marks.find((m) => keyOf(m.point) === keyOf({ layer, k, seed }));
  assert.equal(neighbourOf(marks, at("a", 1, 0), "ArrowRight"), at("a", 2, 0));
  assert.equal(neighbourOf(marks, at("a", 1, 0), "ArrowUp"), at("a", 1, 1));
  assert.equal(neighbourOf(marks, at("a", 1, 1), "ArrowUp"), undefined);
  assert.equal(neighbourOf(marks, at("b", 3, 0), "Home"), marks[0]);
});

test("a point says its seeds only where there are several", () => {
  assert.equal(describePoint(points[0], [0.2], "iou").length, 2);
  assert.match(describePoint(points[0], [0.2, 0.4], "iou")[2], /mean of 2 seeds 0.300 ± 0.141/);
});

test("layers have shapes of their own, and begin again", () => {
  assert.notEqual(shapeOf(0, 4), shapeOf(1, 4));
  assert.equal(shapeOf(0, 4), shapeOf(6, 4));
});

test("a range has both its ends", () => {
  assert.deepEqual(range(2, 4), [2, 3, 4]);
  assert.deepEqual(range(3, 2), []);
});
