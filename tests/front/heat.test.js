import assert from "node:assert/strict";
import { test } from "node:test";
import { compose, enlarge, ink, reach, strongest, UNIT, valueAt } from "../../dff_widgets/front/kit/heat.js";

/** A seeded generator, so that a failure can be seen again. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** Bilinear at one sample, written as the formula. */
function slow(map, h, w, height, width, y, x) {
  const clamp = (v, n) => Math.min(Math.max(v, 0), n - 1);
  const [sy, sx] = [clamp(((y + 0.5) * h) / height - 0.5, h), clamp(((x + 0.5) * w) / width - 0.5, w)];
  let sum = 0;
  for (let r = 0; r < h; r++)
    for (let c = 0; c < w; c++)
      sum += map[r * w + c] * Math.max(0, 1 - Math.abs(r - sy)) * Math.max(0, 1 - Math.abs(c - sx));
  return sum;
}

test("enlarging is bilinear with half-pixel centres, on awkward shapes", () => {
  const next = random(1);
  for (const [h, w, height, width] of [
    [3, 5, 17, 23],
    [1, 4, 9, 8],
    [4, 1, 8, 9],
    [1, 1, 5, 3],
    [6, 4, 3, 2],
    [7, 7, 7, 7],
  ]) {
    const map = Uint8Array.from({ length: h * w }, () => 255 * next());
    const { values } = enlarge(map, h, w, height, width);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        assert.ok(Math.abs(values[y * width + x] / UNIT - slow(map, h, w, height, width, y, x)) < 0.01);
  }
});

test("a value at a point is the enlarged one there", () => {
  const next = random(2);
  const map = Uint8Array.from({ length: 15 }, () => 255 * next());
  const { values } = enlarge(map, 3, 5, 12, 20);
  for (let y = 0; y < 12; y++)
    for (let x = 0; x < 20; x++)
      assert.ok(Math.abs(valueAt(map, 3, 5, (x + 0.5) / 20, (y + 0.5) / 12) - values[y * 20 + x] / UNIT) < 0.01);
});

test("an enlarged map keeps the shape of its grid and its bounds", () => {
  assert.deepEqual(reach(14, 10, 1000, 112), { height: 112, width: 80 });
  assert.deepEqual(reach(14, 14, 30, 112), { height: 28, width: 28 });
  assert.deepEqual(reach(300, 200, 100, 112), { height: 300, width: 200 });
});

/** One pixel of layers over a photo, by the definition of "over". */
function over(photo, layers, p) {
  let color = photo;
  for (const { grid, ink: c, opacity, gain, cut } of layers) {
    const v = grid.values[p] / UNIT;
    const strength = cut === null ? Math.min((v / 255) * gain, 1) : v > 0 && v >= cut ? 1 : 0;
    color = color.map((old, channel) => old * (1 - strength * opacity) + [c.r, c.g, c.b][channel] * strength * opacity);
  }
  return color;
}

test("composed layers over a photo are the layers put over it one by one", () => {
  const next = random(3);
  const layers = ["#E69F00", "#56B4E9", "#009E73"].map((hex, f) => ({
    grid: { h: 4, w: 6, values: Uint16Array.from({ length: 24 }, () => 255 * UNIT * next()) },
    ink: ink(hex),
    opacity: [0.7, 0, 0.4][f],
    gain: [1, 1, 1.5][f],
    cut: [null, null, 120][f],
  }));
  const out = new Uint8ClampedArray(4 * 24);
  compose(layers, out);
  for (let p = 0; p < 24; p++) {
    const photo = [200, 100, 50];
    const a = out[4 * p + 3] / 255;
    const got = photo.map((v, channel) => v * (1 - a) + out[4 * p + channel] * a);
    over(photo, layers, p).forEach((want, channel) => {
      assert.ok(Math.abs(got[channel] - want) < 2.5, `${got} is not ${want}`);
    });
  }
});

test("nothing over nothing is transparent, and what was there before is gone", () => {
  const out = new Uint8ClampedArray(8).fill(9);
  compose([], out);
  assert.deepEqual([out[3], out[7]], [0, 0]);
});

test("a mask holds what is at its level or above, never zero", () => {
  const grid = { h: 1, w: 4, values: Uint16Array.from([0, 99, 100, 101].map((v) => v * UNIT)) };
  const out = new Uint8ClampedArray(16);
  const layer = { grid, ink: ink("#ff0000"), opacity: 1, gain: 1 };
  compose([{ ...layer, cut: 100 }], out);
  assert.deepEqual(
    [3, 7, 11, 15].map((i) => out[i]),
    [0, 0, 255, 255],
  );
  compose([{ ...layer, cut: 0 }], out);
  assert.deepEqual(
    [3, 7, 11, 15].map((i) => out[i]),
    [0, 255, 255, 255],
  );
});

test("the strongest factor is among those shown", () => {
  assert.equal(strongest([0.2, 0.9, 0.5], [{ strength: 1 }, { strength: 0 }, { strength: 0.1 }]), 2);
  assert.equal(strongest([0, 0], [{ strength: 1 }, { strength: 1 }]), -1);
});
