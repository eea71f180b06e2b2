// The points of a sweep as numbers: values, means, deviations, the best of each layer. No document.

/**
 * @typedef {{layer: string, k: number, seed: number, iou?: number, explained: number, error: number}} Point
 * @typedef {"iou" | "explained"} Measure
 */

/** @param {{layer: string, k: number, seed: number}} point */
export const keyOf = ({ layer, k, seed }) => JSON.stringify([layer, k, seed]);

/** As it is drawn: an IoU of 0..1, a share in percent. @param {Point} point @param {Measure} measure */
export const heightOf = (point, measure) => (measure === "iou" ? (point.iou ?? 0) : 100 * point.explained);

/** @param {number} value @param {Measure} measure */
export const said = (value, measure) => (measure === "iou" ? value.toFixed(3) : `${value.toFixed(1)} %`);

/** @param {number[]} values */
export const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** The sample's standard deviation; 0 of one value. @param {number[]} values */
export function deviation(values) {
  const m = mean(values);
  return values.length > 1 ? Math.sqrt(values.reduce((a, v) => a + (v - m) ** 2, 0) / (values.length - 1)) : 0;
}

/** Round numbers from 0 to at least `most`, about six of them. @param {number} most */
export function ticks(most) {
  const rough = (most || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((f) => f * power >= rough * 0.999) ?? 10);
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

/** Points that can be drawn. @param {Point[]} points @param {string[]} layers @param {Measure} measure */
export const shownOf = (points, layers, measure) =>
  points.filter((p) => layers.includes(p.layer) && p[measure] !== undefined);

/**
 * The k of a layer at which the mean over the seeds is highest, or null. Only of IoU: what is explained grows with k,
 * and shares of the activations of two layers do not compare.
 * @param {Point[]} points
 * @param {string} layer
 * @returns {{k: number, value: number} | null}
 */
export function bestOf(points, layer) {
  const own = points.filter((p) => p.layer === layer && p.iou !== undefined);
  const ks = [...new Set(own.map((p) => p.k))];
  const all = ks.map((k) => ({ k, value: mean(own.filter((p) => p.k === k).map((p) => p.iou ?? 0)) }));
  return all.reduce(
    (best, one) => (best === null || one.value > best.value ? one : best),
    /** @type {{k: number, value: number} | null} */ (null),
  );
}

/**
 * What is said of a point.
 * @param {Point} point
 * @param {number[]} seeds values of its layer and k, all seeds
 * @param {Measure} measure
 */
export function describePoint(point, seeds, measure) {
  const own = [
    point.iou === undefined ? "" : `mean best-part IoU ${point.iou.toFixed(3)}`,
    `explains ${(100 * point.explained).toFixed(1)} %`,
  ];
  const spread =
    seeds.length > 1
      ? `mean of ${seeds.length} seeds ${said(mean(seeds), measure)} ± ${said(deviation(seeds), measure)}`
      : "";
  return [`${point.layer}, k = ${point.k}, seed ${point.seed}`, own.filter(Boolean).join(" · "), spread].filter(
    Boolean,
  );
}
