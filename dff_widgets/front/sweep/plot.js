// Where things stand in the chart: margins, scales, shapes. No document.

import { heightOf, ticks } from "./measure.js";

export const MARGIN = { left: 56, right: 16, top: 12, bottom: 46 };
const LOWEST = 230,
  HIGHEST = 460; // of the chart in CSS pixels
const DODGE = 8; //                   between the seeds of a k, at most

/** A point of a layer has a shape of its own, beside its colour. @type {((r: number) => string)[]} */
const SHAPES = [
  (r) => `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0Z`,
  (r) => `M${-r * 0.9},${-r * 0.9}h${1.8 * r}v${1.8 * r}h${-1.8 * r}Z`,
  (r) => `M0,${-1.2 * r}L${1.2 * r},${0.9 * r}H${-1.2 * r}Z`,
  (r) => `M0,${-1.3 * r}L${1.3 * r},0L0,${1.3 * r}L${-1.3 * r},0Z`,
  (r) => `M0,${1.2 * r}L${1.2 * r},${-0.9 * r}H${-1.2 * r}Z`,
  (r) =>
    `M${-r},${-r / 3}h${r * 0.67}v${-r * 0.67}h${r * 0.67}v${r * 0.67}h${r * 0.67}v${r * 0.67}h${-r * 0.67}v${r * 0.67}h${-r * 0.67}v${-r * 0.67}h${-r * 0.67}Z`,
];

/** @param {number} i of the layer @param {number} r */
export const shapeOf = (i, r) => SHAPES[i % SHAPES.length](r);

/**
 * @typedef {object} Frame
 * @property {number} width
 * @property {number} height
 * @property {number[]} levels of the ticks
 * @property {(k: number) => number} x
 * @property {(value: number) => number} y
 * @property {(seed: number) => number} dodge
 */

/**
 * @param {{width: number, ks: number[], seeds: number[], points: import("./measure.js").Point[], measure: import("./measure.js").Measure}} what
 * @returns {Frame}
 */
export function frameOf({ width, ks, seeds, points, measure }) {
  const height = Math.round(Math.min(HIGHEST, Math.max(LOWEST, width * 0.5)));
  const inner = { w: width - MARGIN.left - MARGIN.right, h: height - MARGIN.top - MARGIN.bottom };
  const whole = measure === "iou" ? 1 : 100;
  const levels = ticks(
    Math.max(points.length ? Math.max(...points.map((p) => heightOf(p, measure))) : whole, whole / 20),
  );
  const [first, last] = [Math.min(...ks) - 0.5, Math.max(...ks) + 0.5];
  const x = (/** @type {number} */ k) => MARGIN.left + ((k - first) / (last - first)) * inner.w;
  const y = (/** @type {number} */ value) => MARGIN.top + (1 - value / levels[levels.length - 1]) * inner.h;
  const near = ks.length > 1 ? Math.min(...ks.slice(1).map((k, i) => x(k) - x(ks[i]))) : inner.w;
  const step = Math.min(DODGE, (0.6 * near) / seeds.length);
  return { width, height, levels, x, y, dodge: (seed) => (seeds.indexOf(seed) - (seeds.length - 1) / 2) * step };
}

/**
 * Where a key leads among the points. Left and right: the same layer and seed at another k; up and down: the points of
 * this k, by value.
 * @template {{point: import("./measure.js").Point, x: number, y: number}} M
 * @param {M[]} marks from left to right
 * @param {M} mark
 * @param {string} key
 * @returns {M | undefined}
 */
export function neighbourOf(marks, mark, key) {
  const { layer, k, seed } = mark.point;
  if (key === "Home") return marks[0];
  if (key === "End") return marks[marks.length - 1];
  if (key === "ArrowUp" || key === "ArrowDown") {
    const column = marks.filter((m) => m.point.k === k).sort((a, b) => b.y - a.y || a.x - b.x);
    return column[column.indexOf(mark) + (key === "ArrowUp" ? 1 : -1)];
  }
  const row = marks.filter((m) => m.point.layer === layer && m.point.seed === seed);
  return row[row.indexOf(mark) + (key === "ArrowRight" ? 1 : -1)];
}
