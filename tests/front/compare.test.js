import assert from "node:assert/strict";
import { test } from "node:test";
import { mapsOf, sharesOf, strongestRow, valuesAt } from "../../dff_widgets/front/compare/values.js";

const side = {
  title: "",
  line: "",
  rows: [2, 0],
  gains: [1, 1],
  shares: [0.75, 0.25],
  grids: [
    [1, 2],
    [2, 1],
  ],
};
const heat = Uint8Array.from([0, 255, 51, 51, 255, 0, 102, 102]);

test("a buffer is cut into the maps of each image and factor", () => {
  const [first, second, third] = mapsOf(side, heat, 3);
  assert.deepEqual([...first.maps[0]], [0, 255]);
  assert.deepEqual([...first.maps[1]], [51, 51]);
  assert.deepEqual([...second.maps[0]], [255, 0]);
  assert.deepEqual([second.h, second.w], [2, 1]);
  assert.deepEqual(third.maps, []);
});

test("a buffer that is too short, or a side that is not there, gives no maps", () => {
  assert.deepEqual(mapsOf(side, heat.subarray(0, 3), 1)[0].maps, []);
  assert.deepEqual(mapsOf(undefined, heat, 1)[0].maps, []);
});

test("values stand in the rows of their factors", () => {
  const [maps] = mapsOf(side, heat, 1);
  const values = valuesAt(side, maps, 0.75, 0.5);
  assert.equal(values[2], 1);
  assert.equal(values[1], undefined);
  assert.ok(Math.abs(values[0] - 0.2) < 1e-9);
  assert.deepEqual(
    [0, 1, 2].map((row) => sharesOf(side)[row]),
    ["25 %", undefined, "75 %"],
  );
});

test("the strongest row is among those that are shown", () => {
  assert.equal(strongestRow([0.2, undefined, 0.9], [true, true, true]), 2);
  assert.equal(strongestRow([0.2, undefined, 0.9], [true, true, false]), 0);
  assert.equal(strongestRow([0, undefined, 0], [true, true, true]), -1);
});
