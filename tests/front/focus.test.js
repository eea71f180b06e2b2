import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { area, border, same, unpack } from "../../dff_widgets/front/focus/bits.js";
import { FOCUS_KEYS, keyAction } from "../../dff_widgets/front/focus/keys.js";
import { View } from "../../dff_widgets/front/focus/view.js";
import { cutAt } from "../../dff_widgets/front/kit/levels.js";
import { ruleOf } from "../../dff_widgets/front/kit/rule.js";

const close = (a, b) => a.every((v, i) => Math.abs(v - b[i]) < 1e-9);

function viewOf([h, w], [height, width]) {
  const view = new View();
  view.resize(height, width);
  view.show(h, w);
  return view;
}

test("an image is fitted into its stage, in the middle", () => {
  const view = viewOf([100, 200], [300, 416]);
  assert.equal(view.scale, 2);
  assert.deepEqual([view.x, view.y], [8, 50]);
  view.resize(300, 216);
  assert.equal(view.scale, 1);
});

test("the way to the screen and back leads to the same point", () => {
  const view = viewOf([90, 70], [400, 500]);
  view.zoom(3.7, [120, 80]);
  view.pan(-33, 12);
  for (const point of [
    [0, 0],
    [70, 90],
    [12.5, 3.25],
  ])
    assert.ok(close(view.toImage(view.toScreen(point)), point));
});

test("zooming keeps the point under the pointer, within bounds", () => {
  const view = viewOf([90, 70], [400, 500]);
  const before = view.toImage([200, 150]);
  view.zoom(1.3, [200, 150]);
  assert.ok(close(view.toImage([200, 150]), before));
  view.zoom(1e9, [200, 150]);
  assert.equal(view.scale, 40);
});

test("a piece of the image stays in sight", () => {
  const view = viewOf([90, 70], [400, 500]);
  view.pan(1e6, -1e6);
  const [left, top] = view.toScreen([0, 0]);
  const [right, bottom] = view.toScreen([70, 90]);
  assert.ok(left <= 460 && right >= 40 && top <= 360 && bottom >= 40);
});

test("the same image in more pixels stays where it is on the screen", () => {
  const view = viewOf([100, 100], [400, 400]);
  view.zoom(2, [100, 100]);
  const middle = view.toScreen([50, 50]);
  view.show(400, 400);
  assert.ok(close(view.toScreen([200, 200]), middle));
  view.show(50, 70);
  assert.ok(view.fitted);
});

test("points outside the image are not held", () => {
  const view = viewOf([10, 20], [100, 100]);
  assert.deepEqual(
    [
      [0, 0],
      [19.9, 9.9],
      [20, 5],
      [5, 10],
      [-0.1, 5],
    ].map((p) => view.holds(p)),
    [true, true, false, false, false],
  );
});

test("a packed mask is unpacked", async () => {
  const bits = Uint8Array.from([1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 1]);
  const packed = deflateSync(Uint8Array.from([0b10011010, 0b01100000]));
  assert.ok(same(await unpack(packed, 11), bits));
  assert.ok(same(await unpack(new Uint8Array(0), 3), new Uint8Array(3)));
  assert.equal(area(bits), 6);
});

/** Per pixel edge whether it is a border, as `x,y,x,y` of unit length; a slow and readable twin. */
function edges(bits, h, w) {
  const at = (y, x) => (y >= 0 && x >= 0 && y < h && x < w ? bits[y * w + x] : 0);
  const found = new Set();
  for (let y = 0; y <= h; y++)
    for (let x = 0; x <= w; x++) {
      if (x < w && at(y, x) !== at(y - 1, x)) found.add(`${x},${y},${x + 1},${y}`);
      if (y < h && at(y, x) !== at(y, x - 1)) found.add(`${x},${y},${x},${y + 1}`);
    }
  return found;
}

test("the border of a mask runs along the edges of its pixels", () => {
  let seed = 1;
  const random = () => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647;
  };
  for (const [h, w] of [
    [1, 1],
    [3, 5],
    [7, 4],
    [9, 9],
  ])
    for (let round = 0; round < 20; round++) {
      const bits = Uint8Array.from({ length: h * w }, () => Number(random() < 0.5));
      const lines = border(bits, h, w);
      const units = new Set();
      for (let i = 0; i < lines.length; i += 4) {
        const [x0, y0, x1, y1] = lines.slice(i, i + 4);
        for (let x = x0; x < x1; x++) units.add(`${x},${y0},${x + 1},${y0}`);
        for (let y = y0; y < y1; y++) units.add(`${x0},${y},${x0},${y + 1}`);
      }
      assert.deepEqual([...units].sort(), [...edges(bits, h, w)].sort());
    }
  assert.deepEqual(border(new Uint8Array(12), 3, 4), []);
});

test("a factor is cut where the gallery cuts it", () => {
  const factor = { gain: 3, quantiles: Array.from({ length: 101 }, (_, q) => 2.55 * q) };
  const choices = { look: "masks", threshold: null, percentile: 75 };
  assert.deepEqual(ruleOf(choices, false, factor), { gain: 3, cut: cutAt(factor.quantiles, 75) });
  assert.deepEqual(ruleOf({ ...choices, threshold: "auto" }, true, factor), { gain: 1, cut: 127.5 });
  assert.deepEqual(ruleOf({ ...choices, look: "heat" }, false, factor), { gain: 3, cut: null });
});

test("keys mean the image only where the image has them", () => {
  const on = { onCanvas: true, onRange: false };
  assert.equal(keyAction({ key: "B" }, on), "brush");
  assert.equal(keyAction({ key: "4" }, on), "part");
  assert.equal(keyAction({ key: "z", ctrlKey: true }, on), "undo");
  assert.equal(keyAction({ key: "Z", metaKey: true, shiftKey: true }, on), "redo");
  assert.equal(keyAction({ key: "c", ctrlKey: true }, on), "");
  assert.equal(keyAction({ key: " " }, { ...on, onCanvas: false }), "");
  assert.equal(keyAction({ key: "PageUp" }, { onCanvas: false, onRange: true }), "");
  assert.equal(keyAction({ key: "m" }, on), ""); // the app's own: masks
});

test("what the sheet lists means something", () => {
  for (const [key] of FOCUS_KEYS) assert.notEqual(keyAction({ key }, { onCanvas: true, onRange: false }), "", key);
});
