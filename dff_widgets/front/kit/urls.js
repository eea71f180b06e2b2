// JPEGs as the addresses of blobs, which are given back when others take their place.

import { bytes } from "./dom.js";

export class Urls {
  constructor() {
    /** @type {string[]} */
    this.all = [];
  }

  /** @param {(DataView | Uint8Array)[]} jpegs @returns {string[]} one address a picture */
  replace(jpegs) {
    this.dispose();
    this.all = jpegs.map((jpeg) =>
      URL.createObjectURL(new Blob([/** @type {BlobPart} */ (bytes(jpeg))], { type: "image/jpeg" })),
    );
    return this.all;
  }

  dispose() {
    for (const url of this.all) URL.revokeObjectURL(url);
    this.all = [];
  }
}
