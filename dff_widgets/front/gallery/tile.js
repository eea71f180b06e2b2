// One image on the stage: its photo under its factors, and its name.

import { describe, make, say } from "../kit/dom.js";
import { compose } from "../kit/heat.js";
import { contain } from "./layout.js";
import { layersOf } from "./scene.js";

/** @import { Context } from "../kit/types.d.ts" */
/** @import { Box } from "./layout.js" */
/** @import { Scene } from "./scene.js" */

const DIM = 0.62; // how much black lies over a dim photo

/**
 * @typedef {object} Tile
 * @property {number} image
 * @property {HTMLElement} figure
 * @property {HTMLCanvasElement} canvas
 * @property {HTMLButtonElement} button  its name; opens it
 * @property {HTMLElement} badge  what was said of it
 * @property {Box} box
 * @property {HTMLCanvasElement} overlay  its factors, over one another, at their own size
 * @property {string} composed  what the overlay was made of
 * @property {boolean} due  to be painted
 */

/** @param {number} image @returns {Tile} */
export function makeTile(image) {
  const canvas = make("canvas", { aria: { role: "img" } });
  const button = make("button", { class: "dffw-caption dffw-one-line", tabIndex: -1, dir: "auto" });
  const badge = make("span", { class: "dffw-badge", hidden: true, aria: { role: "img" } });
  const figure = make(
    "figure",
    { class: "dffw-tile", data: { image: String(image) }, aria: { role: "listitem" } },
    canvas,
    badge,
    button,
  );
  const overlay = document.createElement("canvas");
  return {
    image,
    figure,
    canvas,
    button,
    badge,
    box: { left: 0, top: 0, width: 0, height: 0 },
    overlay,
    composed: "",
    due: true,
  };
}

const SIGNS = { accepted: "✓", rejected: "✕", unreviewed: "" };

/**
 * @param {HTMLElement} badge
 * @param {import("../kit/review.js").Review} review @param {boolean} corrected @param {boolean} misfit
 */
export function markTile(badge, review, corrected, misfit) {
  const sign = `${SIGNS[review] ?? ""}${misfit ? "⚠" : corrected ? "✎" : ""}`;
  badge.hidden = !sign;
  say(badge, sign);
  badge.dataset.review = review;
  const words = [
    review === "unreviewed" ? "" : review,
    corrected ? "corrected" : "",
    misfit ? "predicted elsewhere by now" : "",
  ];
  badge.title = words.filter(Boolean).join(", ");
  describe(badge, "label", badge.title);
}

/** @param {Tile} tile @param {Box} box @param {string} caption */
export function placeTile(tile, box, caption) {
  const { figure, canvas, button } = tile;
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(box.width * scale), Math.round(box.height * scale)];
  figure.style.transform = `translate(${box.left}px, ${box.top}px)`;
  if (box.width !== tile.box.width || box.height !== tile.box.height) {
    figure.style.width = `${box.width}px`;
    canvas.style.height = `${box.height}px`;
  }
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    tile.due = true;
  }
  tile.box = box;
  say(button, caption);
  button.title = caption;
}

/**
 * @param {Tile} tile
 * @param {Context["tiles"]} tiles
 * @param {Scene} scene
 * @param {string} signature  of the scene
 */
export function composeTile(tile, tiles, scene, signature) {
  const maps = scene.k ? tiles.maps(tile.image, scene.k, scene.sharp) : null;
  const pixels = Math.max(tile.canvas.width, tile.canvas.height);
  const name = maps ? `${signature} ${maps.sharp} ${Math.ceil(pixels / 64)}` : "";
  if (name === tile.composed) return;
  tile.composed = name;
  if (!maps) return;
  const layers = layersOf(tiles, scene, tile.image, maps, pixels);
  const { overlay } = tile;
  const { h, w } = layers[0]?.grid ?? { h: 1, w: 1 };
  if (overlay.width !== w || overlay.height !== h) {
    overlay.width = w;
    overlay.height = h;
  }
  const context = /** @type {CanvasRenderingContext2D} */ (overlay.getContext("2d"));
  const picture = context.createImageData(w, h);
  compose(layers, picture.data);
  context.putImageData(picture, 0, 0);
}

/**
 * @param {Tile} tile
 * @param {Context["tiles"]} tiles
 * @param {Scene} scene
 * @param {number} fade  0..1, how strongly the factors are drawn
 * @param {HTMLCanvasElement} [alike]  in their place, how like everything is to what is pointed at
 */
export function paintTile(tile, tiles, scene, fade, alike) {
  const { canvas, overlay } = tile;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.clearRect(0, 0, canvas.width, canvas.height);
  const photo = tiles.photo(tile.image, scene.photo === "grey" && scene.k > 0);
  if (!photo) return;
  const at = contain(photo.width / photo.height, canvas.width, canvas.height);
  context.drawImage(photo, at.left, at.top, at.width, at.height);
  if (scene.photo === "dim") {
    context.fillStyle = `rgb(0 0 0 / ${DIM})`;
    context.fillRect(at.left, at.top, at.width, at.height);
  }
  if (alike) context.drawImage(alike, at.left, at.top, at.width, at.height);
  if (!tile.composed || !fade) return;
  context.globalAlpha = fade;
  context.drawImage(overlay, at.left, at.top, at.width, at.height);
  context.globalAlpha = 1;
}

/** @param {Tile} tile @param {string} caption @param {Scene} scene */
export function describeTile(tile, caption, { factors }) {
  const shown = factors.filter((factor) => factor.strength > 0).map((factor) => factor.title.slice(0, 60));
  describe(tile.canvas, "label", shown.length ? `${caption}, with ${shown.join(", ")}` : caption);
}
