// Heat maps as numbers: made larger, put over one another, cut, read at a point. No canvas, no document.

/** @typedef {{ r: number, g: number, b: number }} Ink */
/** @typedef {{ h: number, w: number, values: Uint16Array }} Grid  strength 0..255 times 256 */

export const UNIT = 256; // of a Grid's values

/** @param {string} hex  #RRGGBB @returns {Ink} */
export function ink(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));
  return { r, g, b };
}

/**
 * For each of `to` samples: the two neighbours among `from`, and the weight of the second (centres aligned).
 * @param {number} from
 * @param {number} to
 */
function taps(from, to) {
  const low = new Uint16Array(to);
  const high = new Uint16Array(to);
  const weight = new Float32Array(to);
  for (let i = 0; i < to; i++) {
    const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    low[i] = Math.floor(at);
    high[i] = Math.min(low[i] + 1, from - 1);
    weight[i] = at - low[i];
  }
  return { low, high, weight };
}

/**
 * Bilinear, half-pixel centres: what `heat.upsample` does. Once per heat map; all that is drawn is made from it.
 * @param {Uint8Array} map  (h, w) row-major
 * @param {number} h @param {number} w
 * @param {number} height @param {number} width
 * @returns {Grid}
 */
export function enlarge(map, h, w, height, width) {
  const values = new Uint16Array(height * width);
  const [ys, xs] = [taps(h, height), taps(w, width)];
  const row = new Float32Array(w);
  for (let y = 0; y < height; y++) {
    const [top, bottom, t] = [ys.low[y] * w, ys.high[y] * w, ys.weight[y]];
    for (let x = 0; x < w; x++) row[x] = UNIT * (map[top + x] + (map[bottom + x] - map[top + x]) * t);
    const start = y * width;
    for (let x = 0; x < width; x++) {
      const left = row[xs.low[x]];
      values[start + x] = left + (row[xs.high[x]] - left) * xs.weight[x] + 0.5;
    }
  }
  return { h: height, w: width, values };
}

/**
 * How large a heat map is made to be drawn in a box of so many device pixels: whole multiples of the grid's cells.
 * @param {number} h @param {number} w
 * @param {number} pixels  of the box's longer side
 * @param {number} most
 */
export function reach(h, w, pixels, most) {
  const longer = Math.max(h, w, 1);
  const times = Math.max(1, Math.round(Math.min(pixels, most) / longer));
  return { height: h * times, width: w * times };
}

/**
 * @typedef {object} Layer  a factor as it is put over the others
 * @property {Grid} grid
 * @property {Ink} ink
 * @property {number} opacity  0..1
 * @property {number} gain
 * @property {number | null} cut  the level 0..255 from which it is in the mask; null: its heat is drawn
 */

/** @param {number} n */
const planes = (n) => ({
  red: new Float32Array(n),
  green: new Float32Array(n),
  blue: new Float32Array(n),
  through: new Float32Array(n),
});
let scratch = planes(0);

/** Room for sums over n pixels, kept from call to call. @param {number} n */
function cleared(n) {
  if (scratch.red.length !== n) scratch = planes(n);
  for (const plane of [scratch.red, scratch.green, scratch.blue]) plane.fill(0);
  scratch.through.fill(1); // how much of what lies below is still seen
  return scratch;
}

/**
 * Layers over one another, the first at the bottom, as straight RGBA.
 * @param {Layer[]} layers  all of one size, and all heat or all masks
 * @param {Uint8ClampedArray} out  (h, w, 4)
 */
export function compose(layers, out) {
  const drawn = layers.filter((layer) => layer.opacity > 0);
  if (!drawn.length) out.fill(0);
  else if (drawn.length <= MOST_BITS && drawn.every((layer) => layer.cut !== null)) composeMasks(drawn, out);
  else composeHeat(drawn, out);
}

/** @param {Layer[]} layers @param {Uint8ClampedArray} out */
function composeHeat(layers, out) {
  const n = out.length / 4;
  const { red, green, blue, through } = cleared(n);
  for (const { grid, ink: color, opacity, gain, cut } of layers) {
    const { values } = grid;
    const { r, g, b } = color;
    const scale = gain / (255 * UNIT);
    const least = leastOf(cut);
    for (let p = 0; p < n; p++) {
      const v = values[p];
      if (v === 0 || v < least) continue;
      const a = (cut === null ? Math.min(v * scale, 1) : 1) * opacity;
      const rest = 1 - a;
      red[p] = red[p] * rest + r * a;
      green[p] = green[p] * rest + g * a;
      blue[p] = blue[p] * rest + b * a;
      through[p] *= rest;
    }
  }
  for (let p = 0, q = 0; p < n; p++, q += 4) {
    const a = 1 - through[p];
    const by = a > 0 ? 1 / a : 0;
    out[q] = red[p] * by;
    out[q + 1] = green[p] * by;
    out[q + 2] = blue[p] * by;
    out[q + 3] = 255 * a;
  }
}

/** The least value of a Grid that is drawn. @param {number | null} cut */
const leastOf = (cut) => (cut === null ? 0 : Math.max(Math.round(cut * UNIT), 1));

/**
 * Masks are there or not: each pixel's pattern of them has one colour, computed once.
 * @param {Layer[]} layers @param {Uint8ClampedArray} out
 */
function composeMasks(layers, out) {
  const n = out.length / 4;
  if (patterns.length !== n) patterns = new Uint16Array(n);
  patterns.fill(0);
  layers.forEach(({ grid: { values }, cut }, f) => {
    const [least, bit] = [leastOf(cut), 1 << f];
    for (let p = 0; p < n; p++) if (values[p] >= least) patterns[p] |= bit;
  });
  const words = new Uint32Array(out.buffer, out.byteOffset, n);
  const colors = new Uint32Array(1 << layers.length);
  for (let pattern = 1; pattern < colors.length; pattern++) colors[pattern] = patternColor(layers, pattern);
  for (let p = 0; p < n; p++) words[p] = colors[patterns[p]];
}

const MOST_BITS = 12; // of a pattern: its table is small
let patterns = new Uint16Array(0);

/** Those of the layers whose bits are set, over one another, as a word of RGBA. @param {Layer[]} layers @param {number} pattern */
function patternColor(layers, pattern) {
  let [r, g, b, through] = [0, 0, 0, 1];
  layers.forEach(({ ink: color, opacity }, f) => {
    if (!(pattern & (1 << f))) return;
    const rest = 1 - opacity;
    [r, g, b] = [r * rest + color.r * opacity, g * rest + color.g * opacity, b * rest + color.b * opacity];
    through *= rest;
  });
  const a = 1 - through;
  pixel.set([r / a, g / a, b / a, 255 * a]); // rounded and clamped
  return word[0];
}
const pixel = new Uint8ClampedArray(4);
const word = new Uint32Array(pixel.buffer); // in the machine's own order of bytes, as the picture is

/**
 * The strength 0..255 of a map at a point of the image, bilinear as drawn.
 * @param {Uint8Array} map @param {number} h @param {number} w
 * @param {number} x  0..1 across @param {number} y  0..1 down
 */
export function valueAt(map, h, w, x, y) {
  const column = Math.min(Math.max(x * w - 0.5, 0), w - 1);
  const row = Math.min(Math.max(y * h - 0.5, 0), h - 1);
  const [x0, y0] = [Math.floor(column), Math.floor(row)];
  const [x1, y1] = [Math.min(x0 + 1, w - 1), Math.min(y0 + 1, h - 1)];
  /** @param {number} a @param {number} b @param {number} t */
  const mix = (a, b, t) => a + (b - a) * t;
  const top = mix(map[y0 * w + x0], map[y0 * w + x1], column - x0);
  const bottom = mix(map[y1 * w + x0], map[y1 * w + x1], column - x0);
  return mix(top, bottom, row - y0);
}

/**
 * The index of the largest strength among what is shown, -1 where there is none.
 * @param {number[]} values
 * @param {{ strength: number }[]} factors
 */
export function strongest(values, factors) {
  return values.reduce((best, v, f) => (factors[f]?.strength > 0 && v > (values[best] ?? 0) ? f : best), -1);
}
