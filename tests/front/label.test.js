import assert from "node:assert/strict";
import { test } from "node:test";
import { scoreLine } from "../../dff_widgets/front/label/assigning.js";
import { partsOf, progressOf } from "../../dff_widgets/front/label/parts.js";

test("parts are those that are known, measured or given, each once, with the factors that are on them", () => {
  const parts = partsOf({
    known: ["head", "legs"],
    measured: ["legs", "tail"],
    coverage: [
      [0.1, 0.8],
      [0.9, 0.3],
    ],
    names: [["head"], ["legs", "hoof"]],
    colors: ["#111111", "#222222"],
  });
  assert.deepEqual(
    parts.map(({ name, on, coverage, best }) => [name, on, coverage, best]),
    [
      ["head", [0], null, -1],
      ["legs", [1], 0.9, 1],
      ["tail", [], 0.8, 0],
      ["hoof", [1], null, -1],
    ],
  );
  assert.deepEqual(parts[1].colors, ["#222222"]);
});

test("how far the pages are is said", () => {
  assert.match(progressOf(null, 30, 0), /all 30 images/);
  assert.equal(
    progressOf({ at: 1, pages: 6, size: 5, done: 5, of: 30 }, 30, 5),
    "5 of 30 done · page 2 of 6, 5 images",
  );
  assert.equal(progressOf({ at: 1, pages: 6, size: 5, done: 5, of: 30 }, 30, 0), "5 of 30 done · all 30 images");
});

test("scores are a line, also where there are none", () => {
  assert.match(scoreLine({ mean: null, covered: 0, of: 0, stale: false }), /No part masks/);
  assert.equal(
    scoreLine({ mean: null, covered: 3, of: 12, stale: true }),
    "No factor is named after a part · 3 of 12 images, still counting",
  );
  assert.equal(scoreLine({ mean: 0.634, covered: 12, of: 12, stale: false }), "Mean IoU 0.63 · 12 of 12 images");
});
