import assert from "node:assert/strict";
import { test } from "node:test";
import { cutAt, factorsOf, mapsAt, packing, presentLevel } from "../../dff_widgets/front/kit/levels.js";
import { createStore } from "../../dff_widgets/front/kit/store.js";

const level = (k, concepts) => ({
  k,
  explained: 0.1 * k,
  concepts,
  shares: concepts.map(() => 1 / k),
  gains: concepts.map(() => 1),
  parents: [],
  overlaps: [],
  quantiles: concepts.map(() => [0, 100, 200]),
});
const state = (changes) =>
  createStore({
    k: 2,
    solo: -1,
    hidden: [],
    opacities: {},
    stack: {
      key: "a",
      ks: [1, 2, 4],
      grids: [],
      kept: 0,
      suggested: 2,
      levels: [level(1, [0]), level(2, [0, 1]), level(4, [0, 2, 1, 3])],
    },
    appearance: {
      levels: { 2: { colors: ["#111111", "#222222"], names: [["head"], []], titles: ["head", "factor 1"] } },
    },
    ...changes,
  });

test("each image's maps are found where the kernel packed them", () => {
  const ks = [1, 3];
  const grids = [
    [2, 3],
    [4, 1],
  ];
  const whole = Uint8Array.from({ length: 4 * (6 + 4) }, (_, i) => i);
  const places = packing(ks, grids, 2);
  assert.deepEqual(places, [
    { start: 0, length: 24 },
    { start: 24, length: 16 },
  ]);
  const second = whole.subarray(24);
  assert.deepEqual(
    mapsAt(second, ks, 3, 4).map((m) => [...m]),
    [
      [28, 29, 30, 31],
      [32, 33, 34, 35],
      [36, 37, 38, 39],
    ],
  );
  assert.deepEqual(
    mapsAt(second, ks, 1, 4).map((m) => m[0]),
    [24],
  );
  assert.deepEqual(mapsAt(second.subarray(0, 5), ks, 3, 4), []); // cut short on its way
  assert.deepEqual(mapsAt(second, ks, 2, 4), []); // a k that is not there
});

test("images beyond those kept have no place in the buffer", () => {
  assert.equal(
    packing(
      [1],
      [
        [2, 2],
        [2, 2],
      ],
      1,
    ).length,
    1,
  );
});

test("a percentile lies between the levels of the table", () => {
  const table = [0, 10, 30];
  assert.deepEqual(
    [0, 25, 50, 75, 100, 120, -3].map((p) => cutAt(table, p)),
    [0, 5, 10, 20, 30, 30, 0],
  );
  assert.equal(cutAt([], 75), 256);
  assert.equal(cutAt([7], 75), 7);
});

test("the present level is that of k, or the nearest", () => {
  assert.equal(presentLevel(state({ k: 2 })).k, 2);
  assert.equal(presentLevel(state({ k: 9 })).k, 4);
  assert.equal(presentLevel(state({ stack: { levels: [] } })), null);
  assert.deepEqual(factorsOf(state({ stack: { levels: [] } })), []);
});

test("what is done to a concept holds at each k; another k has its own names", () => {
  const store = state({ hidden: [1], opacities: { 0: 0.25 } });
  assert.deepEqual(
    factorsOf(store).map((f) => f.strength),
    [0.25, 0],
  );
  assert.deepEqual(
    factorsOf(store).map((f) => f.title),
    ["head", "factor 1"],
  );
  store.set({ k: 4 });
  assert.deepEqual(
    factorsOf(store).map((f) => f.strength),
    [0.25, 0.7, 0, 0.7],
  );
  assert.deepEqual(
    factorsOf(store).map((f) => f.title),
    ["factor 0", "factor 1", "factor 2", "factor 3"],
  );
});

test("alone is shown what is solo, hidden or not; where it is not at this k, all are", () => {
  const store = state({ solo: 1, hidden: [1] });
  assert.deepEqual(
    factorsOf(store).map((f) => f.strength),
    [0, 0.7],
  );
  store.set({ k: 1 });
  assert.deepEqual(
    factorsOf(store).map((f) => f.strength),
    [0.7],
  );
});
