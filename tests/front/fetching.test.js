import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { fetching } from "../../dff_widgets/front/kit/fetching.js";

test("what is on its way is counted per kind of request, image by image, until nothing is", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const asked = [];
  const ask = (what, { of }, { part }) =>
    new Promise((resolve) => {
      asked.push({ what, of, answer: (image) => part({ content: { image }, buffers: [] }), resolve });
    });
  const taken = [];
  const told = [];
  const { wish } = fetching(
    ask,
    ({ content }) => taken.push(content.image),
    (what, { done, total }) => told.push([what, done, total]),
    new AbortController().signal,
  );
  for (const image of [3, 5, 3]) wish("sharp", { k: 4 }, image);
  mock.timers.tick(50);
  assert.deepEqual(
    asked.map(({ what, of }) => [what, of]),
    [["sharp", [3, 5]]],
  );
  asked[0].answer(5);
  wish("sharp", { k: 4 }, 6);
  wish("tiles", {}, 6);
  mock.timers.tick(50);
  asked[1].answer(6);
  assert.deepEqual(told, [
    ["sharp", 0, 1],
    ["sharp", 0, 2],
    ["sharp", 1, 2],
    ["sharp", 1, 3],
    ["tiles", 0, 1],
    ["sharp", 2, 3],
  ]);
  asked[0].resolve(); // the kernel ended without the third: nothing is on its way
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(told.at(-1), ["sharp", 0, 0]);
  assert.deepEqual(taken, [5, 6]);
  mock.timers.reset();
});
