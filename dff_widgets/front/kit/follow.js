// Follow a model of plain values: one message may change many of them, and each piece of work is done once.

/** @typedef {import("./types.d.ts").PaneModel} Model what a pane is drawn from: a widget's model, or its part of the app's */

/**
 * `on(names, work)`: call `work` once, after all values of a message are in place, until `signal` is aborted.
 * @param {Model} model
 * @param {AbortSignal} signal
 */
export function follow(model, signal) {
  /** @type {Set<() => void>} */
  const due = new Set();
  const run = () => {
    const todo = [...due];
    due.clear();
    if (!signal.aborted) for (const work of todo) work();
  };
  const later = (/** @type {() => void} */ work) => {
    if (!due.size) queueMicrotask(run);
    due.add(work);
  };
  return (/** @type {string[]} */ names, /** @type {() => void} */ work) => {
    for (const name of names) {
      const action = () => later(work);
      model.on(`change:${name}`, action);
      signal.addEventListener("abort", () => model.off(`change:${name}`, action), { once: true });
    }
  };
}
