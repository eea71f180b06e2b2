import assert from "node:assert/strict";
import { test } from "node:test";
import {
  contain,
  fittingHeight,
  justify,
  neighbour,
  rowsWithin,
  tileRatio,
} from "../../dff_widgets/front/gallery/layout.js";

/** A seeded generator. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

const room = (changes) => ({ width: 1000, height: 150, gap: 12, caption: 24, most: 500, ...changes });

test("rows fill the width, keep the order, and overlap nowhere", () => {
  const next = random(4);
  for (let trial = 0; trial < 60; trial++) {
    const n = 1 + Math.floor(60 * next());
    const ratios = Array.from({ length: n }, () => 0.2 + 5 * next() ** 2);
    const here = room({ width: 250 + 1500 * next(), height: 80 + 200 * next() });
    const { rows, boxes, total } = justify(ratios, here);
    assert.equal(boxes.length, n);
    assert.equal(rows[0].first, 0);
    assert.equal(rows.at(-1).end, n);
    rows.forEach((row, r) => {
      if (r) assert.equal(row.first, rows[r - 1].end);
      if (r) assert.ok(row.top >= rows[r - 1].top + rows[r - 1].height + here.caption);
      const own = boxes.slice(row.first, row.end);
      const right = own.at(-1).left + own.at(-1).width;
      if (r < rows.length - 1) assert.ok(Math.abs(right - here.width) < 0.01);
      else assert.ok(right <= here.width + 0.01);
      own.forEach((box, i) => {
        assert.ok(Math.abs(box.width / box.height - tileRatio(ratios[row.first + i])) < 1e-9);
        assert.equal(box.height, row.height);
        if (i) assert.ok(Math.abs(box.left - own[i - 1].left - own[i - 1].width - here.gap) < 1e-9);
      });
    });
    assert.ok(Math.abs(total - (rows.at(-1).top + rows.at(-1).height + here.caption)) < 1e-9);
  }
});

test("rows are about as high as wished", () => {
  const { rows } = justify(Array(40).fill(1), room());
  for (const { height } of rows) assert.ok(height > 100 && height < 225);
});

test("one photo is large and in the middle", () => {
  const { boxes } = justify([1], room());
  assert.deepEqual(boxes[0], { left: 250, top: 0, width: 500, height: 500 });
  const { boxes: wide } = justify([4], room());
  assert.deepEqual(wide[0], { left: 0, top: 0, width: 1000, height: 250 });
});

test("nothing is nothing", () => {
  assert.deepEqual(justify([], room()), { rows: [], boxes: [], total: 0 });
});

test("few images are as large as the view allows, many as usual", () => {
  const { height: _, ...free } = room();
  const height = fittingHeight(Array(12).fill(1), free, 560);
  assert.ok(justify(Array(12).fill(1), { ...free, height }).total <= 560);
  assert.ok(height >= 140);
  assert.equal(fittingHeight(Array(90).fill(1), free, 560), 140);
  assert.equal(fittingHeight(Array(5000).fill(1), free, 560), 140);
});

test("the rows in view are found", () => {
  const { rows } = justify(Array(500).fill(1), room());
  for (const [top, bottom] of [
    [0, 300],
    [1234, 1700],
    [1e6, 1e6 + 5],
    [rows[7].top, rows[7].top + 1],
  ]) {
    const [from, to] = rowsWithin(rows, top, bottom);
    const meets = rows
      .map((row, r) => [r, row])
      .filter(([r, row]) => row.top < bottom && (rows[r + 1]?.top ?? Infinity) > top);
    assert.deepEqual([from, to], [meets[0][0], meets.at(-1)[0] + 1]);
  }
  assert.deepEqual(rowsWithin([], 0, 10), [0, 0]);
});

test("down and up go to the nearest across, and stay at the ends", () => {
  const layout = justify(Array(20).fill(1), room({ width: 600 }));
  const per = layout.rows[0].end;
  assert.equal(neighbour(layout, 1, 1), per + 1);
  assert.equal(neighbour(layout, per + 1, -1), 1);
  assert.equal(neighbour(layout, 1, -1), 1);
  assert.equal(neighbour(layout, 19, 1), 19);
});

test("a photo is contained in its tile", () => {
  assert.deepEqual(contain(2, 100, 100), { left: 0, top: 25, width: 100, height: 50 });
  assert.deepEqual(contain(0.5, 100, 100), { left: 25, top: 0, width: 50, height: 100 });
});
