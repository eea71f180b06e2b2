import assert from "node:assert/strict";
import { test } from "node:test";
import { fileName } from "../../dff_widgets/front/app/export_menu.js";
import { heightOf } from "../../dff_widgets/front/app/height.js";
import { barHeights } from "../../dff_widgets/front/app/k_row.js";
import { shapeOf } from "../../dff_widgets/front/app/layer_picker.js";
import { besides, progress, timeLeft } from "../../dff_widgets/front/app/status.js";
import { completions, suggestion } from "../../dff_widgets/front/factors/names.js";
import { cropOf, strongestPatches } from "../../dff_widgets/front/factors/patches.js";
import { meanOf, orderOf } from "../../dff_widgets/front/gallery/order.js";
import { themeOf } from "../../dff_widgets/front/kit/theme.js";

test("bars are as high as what they explain", () => {
  assert.deepEqual(barHeights([0.1, 0.2, 0.4]), [7, 13, 26]);
  assert.deepEqual(barHeights([0, 0]), [3, 3]); // still seen
  assert.deepEqual(barHeights([]), []);
});

test("the app is 720 px high, or less than the window, or as one likes, or as a cell's output has room", () => {
  assert.deepEqual([heightOf(0, 1000), heightOf(0, 600), heightOf(900, 600), heightOf(10, 1000)], [720, 510, 900, 420]);
  assert.deepEqual([heightOf(0, 1000, 576), heightOf(0, 1000, 300), heightOf(900, 1000, 576)], [576, 420, 900]);
});

test("progress in words", () => {
  assert.equal(progress({ step: "extracting", done: 30, total: 1200, left: 12.4 }), "extracting 30/1,200, 12 s left");
  assert.equal(progress({ step: "sketching", done: 0, total: 0, left: null }), "sketching");
  assert.deepEqual([0.2, 89, 600, null, Infinity].map(timeLeft), ["a second left", "89 s left", "10 min left", "", ""]);
});

test("what the browser says itself is not said twice", () => {
  assert.equal(besides("12 images · 4 factors explain 41 % of the activations · 3.20 s", true), "3.20 s");
  assert.equal(besides("1 image · 1 factor explains 20 %", true), "");
  assert.equal(besides("the first 12 of 100 photos", true), "the first 12 of 100 photos");
});

test("layers and files by name", () => {
  assert.equal(shapeOf({ grid: [14, 10], channels: 512 }), "14×10×512");
  assert.equal(shapeOf({ grid: null, channels: 512 }), "512");
  assert.equal(
    fileName({ images: "my photos/x", network: "vgg19", k: 4 }, { path: "labels.html" }),
    "my_photos_x-vgg19-k4.html",
  );
  assert.equal(fileName({ images: "", network: "a", k: 2 }, { path: "yolo" }), "images-a-k2-yolo");
});

test("a suggestion is the part that is covered best and has no name yet", () => {
  const scores = {
    parts: ["head", "torso", "legs"],
    coverage: [
      [0.2, 0.9, 0.6],
      [0.01, 0, 0.04],
    ],
  };
  assert.deepEqual(suggestion(scores, 0, []), ["torso", 0.9]);
  assert.deepEqual(suggestion(scores, 0, ["torso"]), ["legs", 0.6]);
  assert.equal(suggestion(scores, 0, ["torso", "legs"]), null); // 0.2 is not worth a second name
  assert.equal(suggestion(scores, 1, []), null);
  assert.deepEqual(completions(["a", "b"], ["b"]), ["a", "b + a"]);
});

test("patches are where a factor is strongest, one in an image", () => {
  const maps = [[0, 9, 1, 0, 0, 0], [0, 0, 0, 0, 0, 20], [0, 0, 0, 0, 0, 0], null, [7, 0, 0, 0, 0, 0]];
  const mapsOf = (image) => maps[image] && { h: 2, w: 3, sharp: false, maps: [Uint8Array.from(maps[image])] };
  const found = strongestPatches(5, mapsOf, 0, 2);
  assert.deepEqual(
    found.map((patch) => patch.image),
    [1, 0],
  );
  assert.deepEqual([found[0].x, found[0].y], [2.5 / 3, 0.75]);
  const { left, top, side } = cropOf(found[0], 300, 200);
  assert.ok(left >= 0 && top >= 0 && left + side <= 300 && top + side <= 200);
});

test("images are sorted and filtered", () => {
  const names = ["b10", "B2", "a"];
  const by = (changes) => orderOf(names, { filter: "", sort: "as given", strength: (i) => [1, 3, 2][i], ...changes });
  assert.deepEqual(by({}), [0, 1, 2]);
  assert.deepEqual(by({ sort: "name" }), [2, 1, 0]);
  assert.deepEqual(by({ sort: "factor" }), [1, 2, 0]);
  assert.deepEqual(by({ filter: " b" }), [0, 1]);
  assert.equal(meanOf(Uint8Array.from([0, 10])), 5);
  assert.equal(meanOf(undefined), -1);
});

test("the theme is what the page says, else what the system does", () => {
  const page = ({ body = {}, classes = [], html = {}, dark = false }) => ({
    body: { dataset: body, classList: classes },
    documentElement: { getAttribute: (name) => html[name] ?? null, dataset: {}, classList: [] },
    defaultView: { matchMedia: () => ({ matches: dark }) },
  });
  assert.equal(themeOf(page({ body: { jpThemeLight: "false" } })), "dark");
  assert.equal(themeOf(page({ body: { jpThemeLight: "true" }, dark: true })), "light");
  assert.equal(themeOf(page({ body: { vscodeThemeKind: "vscode-high-contrast" } })), "dark");
  assert.equal(themeOf(page({ classes: ["marimo", "light"], dark: true })), "light");
  assert.equal(themeOf(page({ html: { theme: "dark" } })), "dark");
  assert.equal(themeOf(page({ dark: true })), "dark");
  assert.equal(themeOf(page({})), "light");
});
