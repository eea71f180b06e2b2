// Overlays that are being replaced fade, and the new ones come up: nothing blinks.

const FAINT = 0.28;
const LASTS = 180; // ms
const LATER = 100; // ms that the new ones have before the old ones fade: most are there by then

/** @param {() => void} changed @param {AbortSignal} signal */
export function fader(changed, signal) {
  let [from, target, since] = [1, 1, 0];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  signal.addEventListener("abort", () => clearTimeout(waiting));

  function value() {
    const t = Math.min((performance.now() - since) / LASTS, 1);
    return from + (target - from) * t;
  }

  function run() {
    if (signal.aborted) return;
    changed();
    if (performance.now() - since < LASTS) requestAnimationFrame(run);
  }

  /** @param {number} next */
  function begin(next) {
    waiting = undefined;
    if (next === target) return;
    [from, target, since] = [value(), next, performance.now()];
    requestAnimationFrame(run);
  }

  return {
    value,
    /** @param {boolean} faint */
    to(faint) {
      if (!faint) {
        clearTimeout(waiting);
        begin(1);
      } else waiting ??= setTimeout(() => begin(FAINT), LATER);
    },
  };
}
