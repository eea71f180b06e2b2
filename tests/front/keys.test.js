import assert from "node:assert/strict";
import { test } from "node:test";
import { KEYMAP, keyOf, pressed } from "../../dff_widgets/front/kit/keys.js";

test("no key does two things, and each is explained", () => {
  const all = KEYMAP.flatMap(({ keys }) => keys);
  assert.equal(new Set(all).size, all.length);
  assert.ok(KEYMAP.every(({ says, group }) => says && group));
});

test("keys are found by what was pressed", () => {
  assert.equal(keyOf({ key: "3" }).id, "factor");
  assert.equal(keyOf({ key: "V", shiftKey: true }).id, "hide"); // caps lock
  assert.equal(keyOf({ key: "?", shiftKey: true }).id, "keys");
  assert.equal(keyOf({ key: "z", ctrlKey: true }).id, "undo");
  assert.equal(keyOf({ key: "Z", metaKey: true, shiftKey: true }).id, "redo");
  assert.equal(keyOf({ key: "s", ctrlKey: true }), undefined); // the notebook's own: save
  assert.equal(keyOf({ key: "f", altKey: true }), undefined);
  assert.equal(pressed({ key: "Escape" }), "Escape");
});
