// Beside the pointer, where one looks: which factor is strongest there, and the others after it.

import { make } from "../kit/dom.js";
import { strongest } from "../kit/heat.js";

/** @import { Factor } from "../kit/levels.js" */

const AWAY = 14; // px from the pointer
const MOST = 4;
const LEAST = 0.01;

/** @param {HTMLElement} host  within which it stays */
export function readout(host) {
  const element = make("div", { class: "dffw-readout", hidden: true, aria: { role: "status", live: "off" } });
  host.append(element);

  /** @param {PointerEvent} event @param {Factor[]} factors @param {number[]} values  0..1 per factor */
  function show(event, factors, values) {
    const first = strongest(values, factors);
    const ranked = factors
      .filter((factor) => factor.strength > 0 && values[factor.index] >= LEAST)
      .sort((a, b) => values[b.index] - values[a.index])
      .slice(0, MOST);
    const lines = ranked.map((factor) => line(factor, values[factor.index], factor.index === first));
    element.replaceChildren(
      ...(lines.length ? lines : [make("span", { class: "dffw-mut", text: "no factor shown here" })]),
    );
    element.hidden = false;
    const box = host.getBoundingClientRect();
    const x = beside(event.clientX - box.left, element.offsetWidth, box.width);
    const y = beside(event.clientY - box.top, element.offsetHeight, box.height);
    element.style.transform = `translate(${x}px, ${y}px)`;
  }

  return {
    show,
    hide() {
      element.hidden = true;
    },
  };
}

/** @param {number} pointer @param {number} size @param {number} room */
function beside(pointer, size, room) {
  return pointer + AWAY + size > room ? Math.max(pointer - AWAY - size, 0) : pointer + AWAY;
}

/** @param {Factor} factor @param {number} value @param {boolean} first */
function line(factor, value, first) {
  return make(
    "span",
    { class: first ? "dffw-reading dffw-first" : "dffw-reading" },
    make("i", { class: "dffw-swatch", css: { "--dffw-color": factor.color } }),
    make("span", { class: "dffw-one-line", text: factor.title, dir: "auto" }),
    make("span", { class: "dffw-num", text: value.toFixed(2) }),
  );
}
