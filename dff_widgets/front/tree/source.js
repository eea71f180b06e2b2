// Where the tree comes from: the app's store, or the traits of a `TreeView`. Both give the same plain data.

import { bytes } from "../kit/dom.js";
import { photoShelf } from "../kit/photos.js";
import { fullest, nodesOf } from "./nodes.js";

/**
 * @typedef {import("./nodes.js").Node} Node
 * @typedef {import("./node.js").Picture} Picture
 * @typedef {import("./node.js").Drawable} Drawable
 * @typedef {{nodes: Node[], names: string[], colors: string[], pictures: (i: number, most: number) => Picture[]}} Tree
 * @typedef {object} Source
 * @property {() => Tree} tree
 * @property {(image: number) => Drawable | null} photo in grey; null where it is still to come
 * @property {() => number} k the present level
 * @property {(nodes: Node[]) => number} chosen the selected node, -1 for none
 * @property {(node: Node | undefined) => void} choose
 * @property {(f: () => void) => void} onTree another tree
 * @property {(f: () => void) => void} onChoice another level, another node
 * @property {(f: (image: number) => void) => void} onPhoto a photo came; -1: any
 */

/** @param {Uint8Array} values */
const mean = (values) => values.reduce((sum, v) => sum + v, 0) / (values.length || 1);

/**
 * From the stack: nothing of it asks the kernel.
 * @param {import("../kit/types.d.ts").Context} context
 * @returns {Source}
 */
export function storeSource({ store, choose, tiles, signal }) {
  return {
    tree: () => treeOf(store, tiles),
    photo: (image) => tiles.photo(image, true),
    k: () => store.get("k"),
    chosen: (nodes) => nodes.findIndex(({ k, factor }) => k === store.get("k") && factor === store.get("selected")),
    choose: (node) => choose(node ? { k: node.k, selected: node.factor } : { selected: -1 }),
    onTree: (f) => store.on(["stack", "heat", "captions", "appearance"], f, signal),
    onChoice: (f) => store.on(["k", "selected"], f, signal),
    onPhoto: (f) => signal.addEventListener("abort", tiles.onReady(f)),
  };
}

/**
 * @param {import("../kit/types.d.ts").Store<import("../kit/types.d.ts").State>} store
 * @param {import("../kit/types.d.ts").Context["tiles"]} tiles
 * @returns {Tree}
 */
function treeOf(store, tiles) {
  const [stack, captions, { levels }] = [store.get("stack"), store.get("captions"), store.get("appearance")];
  const nodes = nodesOf(stack);
  const empty = { h: 0, w: 0, maps: [] };
  return {
    nodes,
    names: nodes.map(({ k, factor }) => levels[k]?.titles[factor] ?? `factor ${factor}`),
    colors: nodes.map(({ k, factor }) => levels[k]?.colors[factor] ?? "#888888"),
    pictures(i, most) {
      const { k, factor } = nodes[i];
      const all = Array.from({ length: stack.kept }, (_, image) => {
        const { h, w, maps } = tiles.maps(image, k, false) ?? empty;
        return { image, caption: captions[image] ?? "", values: maps[factor] ?? new Uint8Array(), h, w };
      });
      return fullest(
        all.map(({ values }) => mean(values)),
        most,
      ).map((image) => all[image]);
    },
  };
}

/**
 * From the traits of a `TreeView`.
 * @param {import("../kit/follow.js").Model} model
 * @param {(names: string[], f: () => void) => void} on
 * @param {AbortSignal} signal
 * @returns {Source}
 */
export function traitSource(model, on, signal) {
  /** @type {(image: number) => void} */
  let ready = () => {};
  const shelf = photoShelf((image) => ready(image));
  const load = () => {
    shelf.clear();
    model.get("tiles").forEach((/** @type {DataView} */ jpeg, /** @type {number} */ image) => {
      shelf.put(image, jpeg);
    });
  };
  load();
  on(["tiles"], load);
  signal.addEventListener("abort", shelf.clear);
  return {
    tree: () => treeOfTraits(model),
    photo: (image) => shelf.get(image, true),
    k: () => model.get("k"),
    chosen(nodes) {
      const [k, factor] = model.get("selected");
      return nodes.findIndex((node) => node.k === k && node.factor === factor);
    },
    choose(node) {
      model.set("selected", node ? [node.k, node.factor] : []);
      if (node) model.set("k", node.k);
      model.save_changes();
    },
    onTree: (f) => on(["tiles", "nodes", "names", "colors", "captions", "heat", "grids"], f),
    onChoice: (f) => on(["k", "selected"], f),
    onPhoto(f) {
      ready = f;
    },
  };
}

/**
 * @param {import("../kit/follow.js").Model} model
 * @returns {Tree}
 */
function treeOfTraits(model) {
  const [nodes, names, colors, captions, grids] = ["nodes", "names", "colors", "captions", "grids"].map((name) =>
    model.get(name),
  );
  const heat = bytes(model.get("heat"));
  let next = 0; //  among the maps of all nodes
  let start = 0; // of the next one in the buffer
  /** @type {Picture[][]} */
  const pictures = nodes.map((/** @type {{tiles: number[]}} */ node) =>
    node.tiles.map((image) => {
      const [h, w] = grids[next] ?? [0, 0];
      const values = heat.subarray(start, start + h * w);
      [next, start] = [next + 1, start + h * w];
      return { image, caption: captions[image] ?? "", values, h, w };
    }),
  );
  return {
    nodes: nodes.map((/** @type {Node} */ node) => ({ ...node, gain: 1 })), // what arrives is as strong as it is drawn
    names,
    colors,
    pictures: (i, most) => pictures[i].slice(0, most),
  };
}
