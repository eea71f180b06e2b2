// The chart's parts: axes, a curve with its band, a point.

import { draw } from "../kit/svg.js";
import { deviation, heightOf, mean } from "./measure.js";
import { MARGIN, shapeOf } from "./plot.js";

/** @typedef {import("./plot.js").Frame} Frame @typedef {import("./measure.js").Point} Point @typedef {import("./measure.js").Measure} Measure */

const APART = 22; // CSS pixels between two numbers of an axis, at least

/** @param {number} x @param {number} y @param {string} content @param {Record<string, string | number>} [attributes] */
export function text(x, y, content, attributes = {}) {
  const element = draw("text", { x, y, "text-anchor": "middle", ...attributes });
  element.textContent = content;
  return element;
}

/** @param {Frame} frame @param {number[]} ks @param {Measure} measure */
export function axesOf({ width, height, levels, x, y }, ks, measure) {
  const axes = draw("g", { "aria-hidden": "true", class: "dffw-sweep-axes" });
  for (const level of levels) {
    axes.append(
      draw("line", {
        x1: MARGIN.left,
        x2: width - MARGIN.right,
        y1: y(level),
        y2: y(level),
        class: level ? "dffw-rule" : "dffw-base",
      }),
      text(MARGIN.left - 8, y(level) + 4, String(level), { "text-anchor": "end" }),
    );
  }
  let free = Number.NEGATIVE_INFINITY;
  for (const k of ks) {
    axes.append(draw("line", { x1: x(k), x2: x(k), y1: y(0), y2: y(0) + 4, class: "dffw-base" }));
    if (x(k) - free < APART) continue;
    free = x(k);
    axes.append(text(x(k), y(0) + 17, String(k)));
  }
  const label = measure === "iou" ? "mean best-part IoU (0–1)" : "explained energy of the activations (%)";
  const [across, down] = [(MARGIN.left + width - MARGIN.right) / 2, (MARGIN.top + height - MARGIN.bottom) / 2];
  axes.append(
    text(across, height - 8, "number of factors k", { class: "dffw-axis" }),
    text(0, 0, label, { class: "dffw-axis", transform: `translate(14 ${down}) rotate(-90)` }),
  );
  return axes;
}

/**
 * The mean over the seeds with a band of one deviation.
 * @param {Frame} frame @param {number[]} ks @param {Point[]} own of one layer @param {Measure} measure @param {string} color
 */
export function curveOf({ x, y }, ks, own, measure, color) {
  const columns = ks
    .map((k) => ({ k, values: own.filter((p) => p.k === k).map((p) => heightOf(p, measure)) }))
    .filter(({ values }) => values.length);
  const line = (/** @type {number} */ end) =>
    columns.map(({ k, values }) => `${x(k)},${y(Math.max(0, mean(values) + end * deviation(values)))}`);
  const curve = draw("polyline", { points: line(0).join(" "), stroke: color, class: "dffw-sweep-curve" });
  if (!columns.some(({ values }) => values.length > 1)) return [curve];
  return [
    draw("polygon", { points: [...line(1), ...line(-1).reverse()].join(" "), fill: color, class: "dffw-sweep-band" }),
    curve,
  ];
}

/** @param {number} i of the layer @param {number} x @param {number} y @param {string} color */
export function pointOf(i, x, y, color) {
  const element = draw("path", {
    d: shapeOf(i, 4.5),
    transform: `translate(${x} ${y})`,
    fill: color,
    role: "option",
    tabindex: -1,
  });
  /** @type {any} */ (element).dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes our keys
  return element;
}
