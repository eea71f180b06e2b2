// A kernel that dies while the page is open is noticed when somebody turns to the app: an idle page asks nothing.

import { listen } from "./dom.js";

/** @import { Model, State, Store } from "./types.d.ts" */

const QUIET = 10_000; // ms without a word from the kernel, after which it is asked
const PATIENCE = 8000; // ms for its answer: it may be at work

/**
 * JupyterLab ends the channels of a kernel that has gone, so that the question itself fails: asleep at once. Where a
 * kernel hangs or the connection is cut, nobody answers.
 * @param {HTMLElement} root
 * @param {Model} model
 * @param {Store<State>} store
 * @param {{ hello: (patience?: number) => void, quiet: () => number }} kernel
 * @param {AbortSignal} signal
 */
export function watchKernel(root, model, store, { hello, quiet }, signal) {
  /** @param {Event} event */
  const turnedTo = (event) => {
    const dragging = event instanceof PointerEvent && event.buttons > 0;
    if (!dragging && !document.hidden && !store.get("asleep") && quiet() > QUIET) hello(PATIENCE);
  };
  listen(root, "pointermove keydown focusin", turnedTo, signal, { capture: true, passive: true });
  listen(document, "visibilitychange", turnedTo, signal);

  const ended = () => hello(PATIENCE); // ipywidgets says so of a kernel that is restarted
  const event = /** @type {any} */ ("comm_live_update");
  model.on(event, ended);
  signal.addEventListener("abort", () => model.off(event, ended));
}
