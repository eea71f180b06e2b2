// A slider: drawn at each step, told to the kernel when it is let go.

import { describe, listen, make } from "./dom.js";

/**
 * @param {{ label: string, min?: number, max?: number, step?: number, value: number, says?: (value: number) => string }} options
 * @param {(value: number, held: boolean) => void} change  held while the hand is on it
 * @param {AbortSignal} signal
 */
export function slider({ label, min = 0, max = 1, step = 0.01, value, says }, change, signal) {
  const element = make("input", { type: "range", class: "dffw-range", min, max, step, value, aria: { label } });

  /** @param {number} now */
  function show(now) {
    if (Number(element.value) !== now) element.value = String(now);
    const part = max > min ? (now - min) / (max - min) : 0;
    element.style.setProperty("--dffw-part", `${100 * Math.min(Math.max(part, 0), 1)}%`);
    if (says) describe(element, "valuetext", says(now));
  }

  listen(
    element,
    "input",
    () => {
      show(Number(element.value));
      change(Number(element.value), true);
    },
    signal,
  );
  listen(element, "change", () => change(Number(element.value), false), signal);
  show(value);
  return { element, show };
}
