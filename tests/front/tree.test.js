import assert from "node:assert/strict";
import { test } from "node:test";
import { sentence, square } from "../../dff_widgets/front/tree/node.js";
import { ancestors, fullest, linkPath, measure, neighbour, nodesOf } from "../../dff_widgets/front/tree/nodes.js";

const level = (k, parents, overlaps) => ({
  k,
  explained: 0,
  shares: parents.map(() => 1 / k),
  gains: parents.map((_, f) => f + 1),
  parents,
  overlaps,
});
const stack = {
  ks: [1, 2, 4],
  grids: [],
  kept: 0,
  levels: [level(1, [-1], [1]), level(2, [0, 0], [0.5, 1]), level(4, [0, 0, 1, 1], [1, 0.2, 0.3, 0.4])],
};

test("the nodes are all factors, tied to places in the list", () => {
  const nodes = nodesOf(stack);
  assert.deepEqual(
    nodes.map(({ k, factor, parent }) => [k, factor, parent]),
    [
      [1, 0, -1],
      [2, 0, 0],
      [2, 1, 0],
      [4, 0, 1],
      [4, 1, 1],
      [4, 2, 2],
      [4, 3, 2],
    ],
  );
  assert.equal(nodes[4].overlap, 0.2);
  assert.equal(nodes[6].gain, 4);
  assert.deepEqual([...ancestors(nodes, 6)], [2, 0]);
  assert.deepEqual([...ancestors(nodes, -1)], []);
  assert.deepEqual(nodesOf({ ...stack, levels: [] }), []);
});

test("arrows lead along the links and stay within a level", () => {
  const nodes = nodesOf(stack);
  const walk = (i, key) => neighbour(nodes, i, key);
  assert.equal(walk(6, "ArrowUp"), 2);
  assert.equal(walk(0, "ArrowUp"), -1);
  assert.equal(walk(2, "ArrowDown"), 5);
  assert.equal(walk(6, "ArrowDown"), -1);
  assert.equal(walk(2, "ArrowRight"), -1);
  assert.equal(walk(1, "ArrowRight"), 2);
  assert.equal(walk(3, "ArrowLeft"), -1);
  assert.equal(walk(3, "Home"), 0);
  assert.equal(walk(0, "End"), 6);
});

test("a node shows the images that it fills most, the first of equals", () => {
  assert.deepEqual(fullest([1, 3, 2, 3], 3), [1, 3, 2]);
  assert.deepEqual(fullest([], 3), []);
});

test("the widest level fits, and others have room for more thumbnails, up to a page's least", () => {
  for (const width of [300, 560, 880, 1600, 3000]) {
    const ks = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    const { side, counts } = measure(width, ks);
    assert.ok(side >= 34 && side <= 84);
    counts.forEach((count, i) => {
      assert.ok(count >= 1);
      if (side > 34) assert.ok(count * side + 3 * (count - 1) <= width / ks[i]);
    });
    assert.deepEqual(
      [...counts].sort((a, b) => b - a),
      counts,
    );
  }
});

test("a link starts and ends upright", () => {
  assert.equal(linkPath({ x: 0, y: 0 }, { x: 10, y: 20 }), "M0,0C0,10 10,10 10,20");
});

test("what is said of a node names its parent", () => {
  const nodes = nodesOf(stack);
  const names = ["all", "a", "b", "c", "d", "e", "f"];
  assert.equal(sentence(nodes, names, 0), "k = 1: all, share 100 %");
  assert.equal(sentence(nodes, names, 4), "k = 4: d, share 25 %, 20 % inside a of k = 2");
});

test("of a picture the middle is shown", () => {
  assert.deepEqual(square({ width: 30, height: 10 }), [10, 0, 10, 10]);
  assert.deepEqual(square({ width: 10, height: 20 }), [0, 5, 10, 10]);
});
