// One node of the tree: its thumbnails, a bar in its colour, its name and its share.

import { make, percent } from "../kit/dom.js";
import { tinted } from "../kit/tinted.js";

/**
 * @typedef {import("./nodes.js").Node} Node
 * @typedef {CanvasImageSource & {width: number, height: number}} Drawable
 * @typedef {{image: number, caption: string, values: Uint8Array, h: number, w: number}} Picture an image and the node's map on it
 */

const STRENGTH = 0.85; // of the heat over the photo, which is grey

/** @param {Picture} picture */
function thumb({ image, caption }) {
  return make("canvas", { class: "dffw-tree-thumb", title: caption, data: { image: String(image) } });
}

/**
 * The middle square of a picture, as `drawImage` takes it.
 * @param {{width: number, height: number}} picture
 * @returns {[number, number, number, number]}
 */
export function square({ width, height }) {
  const side = Math.min(width, height);
  return [(width - side) / 2, (height - side) / 2, side, side];
}

/**
 * Draw a thumbnail: the photo in grey, and the node's map over it.
 * @param {HTMLCanvasElement} canvas
 * @param {Drawable | null} photo null where it is still to come
 * @param {Picture} picture
 * @param {{color: string, gain: number, side: number}} look side in CSS pixels
 */
export function paintThumb(canvas, photo, { values, h, w }, { color, gain, side }) {
  const size = Math.round(side * (window.devicePixelRatio || 1));
  [canvas.width, canvas.height] = [size, size];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  if (photo) context.drawImage(photo, ...square(photo), 0, 0, size, size);
  if (!values.length) return;
  const heat = tinted(values, h, w, color, gain);
  const shape = photo ?? heat; // the grid's cells need not be square: what counts is the image's shape
  const [x, y, width, height] = square(shape);
  const [across, down] = [w / shape.width, h / shape.height];
  context.globalAlpha = STRENGTH;
  context.drawImage(heat, x * across, y * down, width * across, height * down, 0, 0, size, size);
}

/**
 * What is said of a node.
 * @param {Node[]} nodes
 * @param {string[]} names
 * @param {number} i
 */
export function sentence(nodes, names, i) {
  const { k, parent, overlap, share } = nodes[i];
  const origin = parent < 0 ? "" : `, ${percent(overlap)} inside ${names[parent]} of k = ${nodes[parent].k}`;
  return `k = ${k}: ${names[i]}, share ${percent(share)}${origin}`;
}

/**
 * The element of a node; its thumbnails are still empty.
 * @param {{node: Node, name: string, color: string, said: string, depth: number, pictures: Picture[]}} what
 */
export function nodeElement({ node, name, color, said, depth, pictures }) {
  const about = {
    role: "treeitem",
    label: said,
    selected: false,
    level: depth,
    posinset: node.factor + 1,
    setsize: node.k,
  };
  return make(
    "div",
    { class: "dffw-tree-node", tabIndex: -1, title: said, aria: about, css: { "--dffw-color": color } },
    make("div", { class: "dffw-tree-thumbs" }, ...pictures.map(thumb)),
    make(
      "div",
      { class: "dffw-tree-name" },
      make("span", { text: name, dir: "auto" }),
      make("span", { text: percent(node.share) }),
    ),
  );
}
