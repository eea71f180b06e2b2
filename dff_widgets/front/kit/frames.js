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
 * Work that waits until the next frame is on the screen: it is of what one looks at after the images.
 * @param {() => void} work @param {AbortSignal} signal
 */
export const afterFrame = (work, signal) => everyFrame(() => setTimeout(() => signal.aborted || work()), signal);

/**
 * Work that is done at once, so that the next frame has it whenever that comes; but once a frame, and what is asked
 * for after that waits for the next.
 * @param {() => void} work @param {AbortSignal} signal
 * @returns {() => void} asks for it
 */
export function onceAFrame(work, signal) {
  let [done, again] = [0, false];
  signal.addEventListener("abort", () => cancelAnimationFrame(done));

  function run() {
    [done, again] = [0, false];
    work();
    done = requestAnimationFrame(() => {
      done = 0;
      if (again) run();
    });
  }

  return () => {
    if (signal.aborted) return;
    if (done) again = true;
    else run();
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
