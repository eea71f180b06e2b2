// Overlays that are being replaced fade, and the new ones come up: nothing blinks.

const FAINT = 0.28;
const LASTS = 180; // ms

/** @param {() => void} changed */
export function fader(changed) {
  let [from, target, since] = [1, 1, 0];

  function value() {
    const t = Math.min((performance.now() - since) / LASTS, 1);
    return from + (target - from) * t;
  }

  function run() {
    changed();
    if (performance.now() - since < LASTS) requestAnimationFrame(run);
  }

  return {
    value,
    /** @param {boolean} faint */
    to(faint) {
      const next = faint ? FAINT : 1;
      if (next === target) return;
      [from, target, since] = [value(), next, performance.now()];
      requestAnimationFrame(run);
    },
  };
}
