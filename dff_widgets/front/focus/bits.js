// Part masks as bytes, one a pixel: unpacked, outlined, counted. No canvas, no document.

/**
 * What `pack_mask` packed: zlib of bits, row after row.
 * @param {Uint8Array} packed nothing for an empty mask
 * @param {number} count of pixels
 */
export async function unpack(packed, count) {
  const pixels = new Uint8Array(count);
  if (!packed.length) return pixels;
  const stream = new Blob([/** @type {BlobPart} */ (packed)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bits = new Uint8Array(await new Response(stream).arrayBuffer());
  for (let p = 0; p < count; p++) pixels[p] = (bits[p >> 3] >> (7 - (p & 7))) & 1;
  return pixels;
}

/** @param {Uint8Array} a @param {Uint8Array} b */
export const same = (a, b) => a.length === b.length && a.every((v, i) => v === b[i]);

/** @param {Uint8Array} bits */
export const area = (bits) => bits.reduce((sum, bit) => sum + bit, 0);

/**
 * The border of a mask along the edges of its pixels, as straight lines: x, y, x, y, ...
 * @param {Uint8Array} bits (h, w)
 * @param {number} h
 * @param {number} w
 * @returns {number[]}
 */
export function border(bits, h, w) {
  /** @type {number[]} */
  const lines = [];
  const at = (/** @type {number} */ y, /** @type {number} */ x) =>
    y < 0 || x < 0 || y >= h || x >= w ? 0 : bits[y * w + x];
  const first = bits.indexOf(1);
  if (first < 0) return lines;
  const last = Math.floor(bits.lastIndexOf(1) / w) + 1;
  const since = new Int32Array(w + 1).fill(-1); // per column line, the row at which its present edge began
  for (let y = Math.floor(first / w); y <= last; y++) {
    let from = -1;
    for (let x = 0; x <= w; x++) {
      const here = at(y, x);
      if (x < w && here !== at(y - 1, x)) from = from < 0 ? x : from;
      else if (from >= 0) {
        lines.push(from, y, x, y);
        from = -1;
      }
      if (y < h && here !== at(y, x - 1)) since[x] = since[x] < 0 ? y : since[x];
      else if (since[x] >= 0) {
        lines.push(x, since[x], x, y);
        since[x] = -1;
      }
    }
  }
  return lines;
}
