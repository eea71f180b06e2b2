// Photos as pictures to draw from: decoded once, made grey once, let go when many others were seen since.

import { bytes } from "./dom.js";

/** @import { Bytes } from "./types.d.ts" */
/** @typedef {{ colour: ImageBitmap, grey: HTMLCanvasElement | null }} Photo */

const MOST = 400; // decoded at a time

/** @param {(image: number) => void} ready */
export function photoShelf(ready) {
  /** @type {Map<number, Photo>} in the order of their use */
  const shelf = new Map();
  /** @type {Map<number, Bytes>} being decoded */
  const coming = new Map();

  /** @param {number} image */
  function drop(image) {
    shelf.get(image)?.colour.close();
    shelf.delete(image);
  }

  /** @param {number} image @param {Bytes} jpeg */
  async function put(image, jpeg) {
    if (coming.get(image) === jpeg) return;
    coming.set(image, jpeg);
    const colour = await createImageBitmap(new Blob([/** @type {BlobPart} */ (bytes(jpeg))])).catch(() => null);
    if (coming.get(image) !== jpeg) return void colour?.close(); // another came meanwhile
    coming.delete(image);
    if (!colour) return;
    drop(image);
    shelf.set(image, { colour, grey: null });
    if (shelf.size > MOST) drop(/** @type {number} */ (shelf.keys().next().value));
    ready(image);
  }

  return {
    put,
    /** @param {number} image @param {boolean} grey @returns {CanvasImageSource & { width: number, height: number } | null} */
    get(image, grey) {
      const photo = shelf.get(image);
      if (!photo) return null;
      shelf.delete(image);
      shelf.set(image, photo); // the last that is let go
      if (!grey) return photo.colour;
      photo.grey ??= withoutColour(photo.colour);
      return photo.grey;
    },
    /** @param {number} image */
    has: (image) => shelf.has(image) || coming.has(image),
    clear() {
      coming.clear();
      for (const image of [...shelf.keys()]) drop(image);
    },
  };
}

/** @param {ImageBitmap} photo */
function withoutColour(photo) {
  const canvas = document.createElement("canvas");
  canvas.width = photo.width;
  canvas.height = photo.height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.drawImage(photo, 0, 0);
  context.globalCompositeOperation = "saturation";
  context.fillStyle = "#808080";
  context.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}
