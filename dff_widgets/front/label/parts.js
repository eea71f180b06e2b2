// Which parts there are, which factor each is on, and how well the best factor covers it: plain data.

/**
 * @typedef {object} Part
 * @property {string} name
 * @property {string[]} colors of the factors that are named after it
 * @property {number[]} on those factors
 * @property {number | null} coverage 0..1, of those factors, else of the factor that covers it best; null: not known
 * @property {number} best the factor that covers it best, -1: not known
 */

/**
 * Known parts first, in their order, then those that are measured, then other names that factors have.
 * @param {{known: string[], measured: string[], coverage: number[][], names: string[][], colors: string[]}} what
 * @returns {Part[]}
 */
export function partsOf({ known, measured, coverage, names, colors }) {
  const all = [...new Set([...known, ...measured, ...names.flat()])];
  return all.map((name) => {
    const on = names.flatMap((own, factor) => (own.includes(name) ? [factor] : []));
    const column = measured.indexOf(name);
    const covered = column < 0 ? [] : coverage.map((row) => row[column] ?? 0);
    const best = covered.length ? covered.indexOf(Math.max(...covered)) : -1;
    const shown = on.length ? Math.max(...on.map((factor) => covered[factor] ?? 0)) : (covered[best] ?? 0);
    return { name, on, best, coverage: covered.length ? shown : null, colors: on.map((factor) => colors[factor]) };
  });
}

/**
 * How far the pages are, in words.
 * @param {{at: number, pages: number, size: number, done: number, of: number} | null} sampling
 * @param {number} n images in the set
 * @param {number} shown images that the factors are shown in, 0: all
 */
export function progressOf(sampling, n, shown) {
  if (!sampling) return `The factors are shown in all ${n} images.`;
  const where = shown ? `page ${sampling.at + 1} of ${sampling.pages}, ${shown} images` : `all ${n} images`;
  return `${sampling.done} of ${sampling.of} done · ${where}`;
}
