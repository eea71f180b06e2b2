// Which curve is which layer, and at which k each layer fits the parts best.

import { make } from "../kit/dom.js";
import { draw } from "../kit/svg.js";
import { bestOf, said } from "./measure.js";
import { shapeOf } from "./plot.js";

/** @param {number} i of the layer @param {string} color */
function sign(i, color) {
  return draw(
    "svg",
    { width: 26, height: 14, "aria-hidden": "true" },
    draw("line", { x1: 0, x2: 26, y1: 7, y2: 7, stroke: color, "stroke-width": 2 }),
    draw("path", { d: shapeOf(i, 4.5), transform: "translate(13 7)", fill: color }),
  );
}

/**
 * The entries of the legend. There is no best where explained shares are shown; see `bestOf`.
 * @param {{layers: string[], seeds: number[], points: import("./measure.js").Point[], measure: import("./measure.js").Measure, colors: string[], hint: string}} what
 */
export function legendOf({ layers, seeds, points, measure, colors, hint }) {
  const best = measure === "iou" ? layers.map((layer) => bestOf(points, layer)) : [];
  const highest = Math.max(...best.map((one) => one?.value ?? 0));
  const entries = layers.map((layer, i) => {
    const own = best[i];
    const entry = make(
      "li",
      {},
      sign(i, colors[i % colors.length]),
      make("span", { text: layer || "default layer" }),
      make("span", { class: "dffw-sweep-best", text: own ? `best ${said(own.value, measure)} at k = ${own.k}` : "" }),
    );
    entry.classList.toggle("dffw-sweep-highest", Boolean(own) && layers.length > 1 && own?.value === highest);
    return entry;
  });
  const notes = points.length && hint ? [hint] : [];
  if (seeds.length > 1) notes.push("line: mean over the seeds, band: ± 1 standard deviation");
  if (measure === "explained" && layers.length > 1) notes.push("shares of two layers' activations do not compare");
  return [...entries, ...notes.map((note) => make("li", { class: "dffw-sweep-best", text: note }))];
}
