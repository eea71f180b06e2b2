// Work that waits for the next frame, once, however often it was asked for.

/**
 * @param {() => void} work
 * @param {AbortSignal} signal
 * @returns {() => void} asks for it
 */
export function everyFrame(work, signal) {
  let due = 0;
  signal.addEventListener("abort", () => cancelAnimationFrame(due));
  return () => {
    if (due || signal.aborted) return;
    due = requestAnimationFrame(() => {
      due = 0;
      work();
    });
  };
}

/**
 * Work that waits until it has not been asked for during `quiet` ms.
 * @param {() => void} work @param {number} quiet @param {AbortSignal} signal
 */
export function afterQuiet(work, quiet, signal) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    clearTimeout(timer);
    if (!signal.aborted) timer = setTimeout(work, quiet);
  };
}
