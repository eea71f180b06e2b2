// The tree of factors as plain data: which nodes there are, where an arrow key leads, how large they are drawn.

/**
 * @typedef {{k: number, explained: number, shares: number[], gains: number[], parents: number[], overlaps: number[]}} Level
 * @typedef {{ks: number[], grids: [number, number][], kept: number, levels: Level[]}} Stack
 * @typedef {{k: number, factor: number, parent: number, overlap: number, share: number, gain: number}} Node
 */

/**
 * All factors, level by level; `parent` is a place in this list, -1 in the first level.
 * @param {Stack} stack
 * @returns {Node[]}
 */
export function nodesOf({ levels }) {
  let above = 0; // where the level above begins
  let start = 0;
  return levels.flatMap(({ k, shares, gains, parents, overlaps }, level) => {
    const nodes = shares.map((share, factor) => ({
      k,
      factor,
      share,
      gain: gains[factor],
      overlap: overlaps[factor],
      parent: level ? above + parents[factor] : -1,
    }));
    [above, start] = [start, start + k];
    return nodes;
  });
}

/**
 * The nodes above one, from its parent to the root.
 * @param {Node[]} nodes
 * @param {number} i
 */
export function* ancestors(nodes, i) {
  for (let p = nodes[i]?.parent ?? -1; p >= 0; p = nodes[p].parent) yield p;
}

/**
 * The images that a node fills most, best first.
 * @param {number[]} sums per kept image the mean of the node's map
 * @param {number} most
 */
export function fullest(sums, most) {
  return sums
    .map((_, image) => image)
    .sort((a, b) => sums[b] - sums[a] || a - b)
    .slice(0, most);
}

/**
 * Where a key leads from node i: to the parent, the first child, a neighbour in the level; -1 for nowhere.
 * @param {Node[]} nodes
 * @param {number} i
 * @param {string} key
 */
export function neighbour(nodes, i, key) {
  const beside = (/** @type {number} */ j) => (nodes[j]?.k === nodes[i].k ? j : -1);
  switch (key) {
    case "ArrowUp":
      return nodes[i].parent;
    case "ArrowDown":
      return nodes.findIndex((node) => node.parent === i);
    case "ArrowLeft":
      return beside(i - 1);
    case "ArrowRight":
      return beside(i + 1);
    case "Home":
      return 0;
    case "End":
      return nodes.length - 1;
    default:
      return -1;
  }
}

const SMALLEST = 34,
  LARGEST = 84; // side of a thumbnail in CSS pixels
const PADDING = 14; //                of a node and the gap to the next
const MOST = 4; //                    thumbnails in a node

/**
 * The side of all thumbnails, so that the widest level fits, and how many of them each level has room for.
 * @param {number} width of the rows in CSS pixels
 * @param {number[]} ks factors in each level
 */
export function measure(width, ks) {
  const room = (/** @type {number} */ k) => width / k - PADDING;
  const side = Math.floor(Math.min(LARGEST, Math.max(SMALLEST, room(Math.max(1, ...ks)))));
  const counts = ks.map((k) => Math.min(MOST, Math.max(1, Math.floor((room(k) + 3) / (side + 3)))));
  return { side, counts };
}

/**
 * A link from the middle of a parent's lower edge to the middle of a child's upper one, as an SVG path.
 * @param {{x: number, y: number}} from
 * @param {{x: number, y: number}} to
 */
export function linkPath(from, to) {
  const middle = (from.y + to.y) / 2;
  return `M${from.x},${from.y}C${from.x},${middle} ${to.x},${middle} ${to.x},${to.y}`;
}

/** The width of a link in CSS pixels, for an overlap of 0..1. @param {number} overlap */
export const linkWidth = (overlap) => 1 + 9 * overlap;
