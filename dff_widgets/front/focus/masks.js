// The part masks in the browser: the kernel's, and what was painted since it sent them.

import { bytes, make } from "../kit/dom.js";
import { ink } from "../kit/heat.js";
import { area, border, same, unpack } from "./bits.js";
import { clamp } from "./view.js";

/**
 * @typedef {object} Shape a stroke or a polygon, in image pixels
 * @property {"stroke" | "polygon"} kind
 * @property {[number, number][]} points
 * @property {string} part
 * @property {number} index of the image
 * @property {number} radius 0 for a polygon
 * @property {boolean} erase
 * @property {string} [id] of the message that tells of it
 *
 * @typedef {object} Mask
 * @property {Uint8Array} raw as it came
 * @property {Uint8Array} bits
 * @property {boolean} touched drawn on here
 * @property {Path2D | null} path its border, where it is not stale
 * @property {number | null} area in pixels, likewise
 */

const WASH = 0.35; // of the selected part's pixels

/** @param {HTMLCanvasElement} canvas @param {boolean} [readOften] */
const ink2d = (canvas, readOften = false) =>
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: readOften }));

/**
 * Draw a stroke, or fill a polygon; a stroke from one of its points on.
 * @param {CanvasRenderingContext2D} context
 * @param {Shape} shape
 * @param {number} from
 */
function trace(context, { kind, points, radius }, from) {
  context.beginPath();
  for (const [x, y] of points.slice(from)) context.lineTo(x, y);
  if (kind === "polygon") {
    context.fill("evenodd");
    return;
  }
  const [x, y] = points[points.length - 1];
  context.lineTo(x, y); // a single point is a line too
  [context.lineCap, context.lineJoin, context.lineWidth] = ["round", "round", 2 * radius];
  context.stroke();
}

export class Masks {
  /** @param {import("../kit/follow.js").Model} model */
  constructor(model) {
    this.model = model;
    this.height = 0;
    this.width = 0;
    /** @type {Map<string, Mask>} */
    this.all = new Map();
    /** drawn here and not yet in the kernel's masks; the last may be in the making @type {Shape[]} */
    this.pending = [];
    this.loading = 0;
    this.scratch = make("canvas");
    this.wash = make("canvas"); // the pixels of the selected part
    /** @type {string | null} */
    this.washOf = null;
  }

  /** @param {string} name */
  list(name) {
    return this.model.get(name) ?? [];
  }

  /** @param {string} part */
  color(part) {
    return this.list("part_colors")[this.list("parts").indexOf(part)] ?? "#999999";
  }

  /** Take what the kernel sent, and draw over it what it has not answered yet; false if something newer came. */
  async load() {
    this.loading += 1;
    const mine = this.loading;
    const [parts, packed, [h = 0, w = 0], [index], handled] = [
      this.list("parts"),
      this.list("masks"),
      this.list("mask_size"),
      this.list("place"),
      this.model.get("handled"),
    ];
    const known = this.pending.findIndex((shape) => shape.id && shape.id === handled);
    this.pending = this.pending.slice(known + 1).filter((shape) => shape.index === index);
    const found = await Promise.all(
      parts.map((/** @type {string} */ part, /** @type {number} */ j) =>
        this.unpacked(part, packed[j] ? bytes(packed[j]) : new Uint8Array(0), h, w),
      ),
    );
    if (mine !== this.loading) return false;
    this.all = new Map(parts.map((/** @type {string} */ part, /** @type {number} */ j) => [part, found[j]]));
    if (this.height !== h || this.width !== w) {
      [this.height, this.width] = [h, w];
      for (const canvas of [this.scratch, this.wash]) [canvas.width, canvas.height] = [w, h];
    }
    for (const shape of this.pending) this.stamp(shape);
    this.repaint();
    return true;
  }

  /** Most masks stay as they are. @param {string} part @param {Uint8Array} raw @param {number} h @param {number} w @returns {Promise<Mask>} */
  async unpacked(part, raw, h, w) {
    const old = this.all.get(part);
    if (old && !old.touched && this.height === h && this.width === w && same(old.raw, raw)) return old;
    return { raw, bits: await unpack(raw, h * w), touched: false, path: null, area: null };
  }

  /** Draw a shape, which the kernel is yet to be told of. @param {Shape} shape */
  begin(shape) {
    this.pending.push(shape);
    this.stamp(shape);
    return shape;
  }

  /** Put a shape into the bits of its part, where it covers half a pixel; of a stroke, what follows a point. @param {Shape} shape */
  stamp(shape, from = 0) {
    const mask = this.all.get(shape.part);
    const [h, w] = this.list("size");
    if (!mask || !this.width || !h) return;
    const [left, right] = range(shape, from, 0, w, this.width);
    const [top, bottom] = range(shape, from, 1, h, this.height);
    if (left >= right || top >= bottom) return;
    const context = ink2d(this.scratch, true);
    context.setTransform(this.width / w, 0, 0, this.height / h, 0, 0);
    trace(context, shape, from);
    const drawn = context.getImageData(left, top, right - left, bottom - top).data;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(left, top, right - left, bottom - top);
    const value = shape.erase ? 0 : 1;
    for (let y = top, p = 3; y < bottom; y++)
      for (let x = left; x < right; x++, p += 4) if (drawn[p] > 127) mask.bits[y * this.width + x] = value;
    [mask.path, mask.area, mask.touched] = [null, null, true];
    if (this.washOf === shape.part) this.washBox(left, top, right, bottom);
  }

  /** Draw all masks in their own pixels: the selected part's filled and last. @param {CanvasRenderingContext2D} context @param {number} pixel a screen pixel in theirs */
  draw(context, pixel) {
    const selected = this.model.get("part");
    if (this.all.has(selected)) this.drawWash(context, selected);
    [context.lineCap, context.lineJoin] = ["round", "round"];
    for (const [part, mask] of [...this.all].sort(([a], [b]) => Number(a === selected) - Number(b === selected))) {
      mask.path ??= pathOf(border(mask.bits, this.height, this.width));
      const width = part === selected ? 2 : 1.25;
      for (const [color, extra] of /** @type {[string, number][]} */ ([
        ["#000a", 1.5],
        [this.color(part), 0],
      ])) {
        // a dark seam shows on any photo
        [context.strokeStyle, context.lineWidth] = [color, (width + extra) * pixel];
        context.stroke(mask.path);
      }
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {string} part */
  drawWash(context, part) {
    if (this.washOf !== part) {
      this.washOf = part;
      this.washBox(0, 0, this.width, this.height);
    }
    context.globalAlpha = WASH;
    context.imageSmoothingEnabled = false;
    context.drawImage(this.wash, 0, 0);
    context.globalAlpha = 1;
  }

  /** Colours changed. */
  repaint() {
    this.washOf = null;
  }

  /** @param {number} left @param {number} top @param {number} right @param {number} bottom */
  washBox(left, top, right, bottom) {
    const mask = this.all.get(this.washOf ?? "");
    if (!mask || right <= left || bottom <= top) return;
    const pixels = new ImageData(right - left, bottom - top);
    const { r, g, b } = ink(this.color(this.washOf ?? ""));
    for (let y = top, p = 0; y < bottom; y++)
      for (let x = left; x < right; x++, p += 4) if (mask.bits[y * this.width + x]) pixels.data.set([r, g, b, 255], p);
    ink2d(this.wash).putImageData(pixels, left, top);
  }

  /** The parts that have a pixel of the image. @param {number} x @param {number} y in image pixels */
  under(x, y) {
    const [h, w] = this.list("size");
    const p = Math.floor((y * this.height) / h) * this.width + Math.floor((x * this.width) / w);
    return [...this.all].filter(([, mask]) => mask.bits[p]).map(([part]) => part);
  }

  /** 0..1 of the image. @param {string} part */
  share(part) {
    const mask = this.all.get(part);
    if (!mask?.bits.length) return 0;
    mask.area ??= area(mask.bits);
    return mask.area / mask.bits.length;
  }
}

/**
 * The columns (axis 0) or rows (1) of a mask that a shape may touch.
 * @param {Shape} shape @param {number} from its first point @param {0 | 1} axis @param {number} size of the image @param {number} n of the mask
 */
function range({ points, radius }, from, axis, size, n) {
  const values = points.slice(from).map((point) => point[axis]);
  const [low, high] = [Math.min(...values) - radius - 1, Math.max(...values) + radius + 1];
  return [clamp(Math.floor((low * n) / size), 0, n), clamp(Math.ceil((high * n) / size), 0, n)];
}

/** @param {number[]} lines x, y, x, y, ... */
function pathOf(lines) {
  const path = new Path2D();
  for (let i = 0; i < lines.length; i += 4) {
    path.moveTo(lines[i], lines[i + 1]);
    path.lineTo(lines[i + 2], lines[i + 3]);
  }
  return path;
}
