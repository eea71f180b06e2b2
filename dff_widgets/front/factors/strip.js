// The factors of a narrow app: a strip of chips, and a button for the rest.

import { describe, listen, make, say } from "../kit/dom.js";
import { factorsOf } from "../kit/levels.js";
import { toggleHidden, toggleSolo } from "./showing.js";

/** @import { Context } from "../kit/types.d.ts" */
/** @import { Factor } from "../kit/levels.js" */

/**
 * @param {HTMLElement} host
 * @param {HTMLElement} root
 * @param {Context} context
 */
export function mountStrip(host, root, context) {
  const { store, signal } = context;
  const chips = make("div", { class: "dffw-strip-chips", aria: { role: "list", label: "Factors" } });
  const more = make("button", { class: "dffw-btn", text: "Factors …", title: "Names, opacity, coverage" });
  host.append(chips, more);
  listen(more, "click", () => root.querySelector(".dffw-side")?.classList.toggle("dffw-open"), signal);

  /** @type {ReturnType<typeof chip>[]} */
  const every = [];
  function sync() {
    const factors = factorsOf(store);
    while (every.length < factors.length) {
      const one = chip(context, every.length);
      every.push(one);
      chips.append(one.element);
    }
    every.forEach((one, i) => {
      one.element.hidden = i >= factors.length;
      if (i < factors.length) one.sync(factors[i], store.get("selected") === i);
    });
  }
  store.on(["k", "stack", "appearance", "selected", "hidden", "solo", "opacities"], sync, signal);
  sync();
}

/** @param {Context} context @param {number} index */
function chip(context, index) {
  const { store, choose, signal } = context;
  const swatch = make("button", { class: "dffw-chip-color" });
  const name = make("button", { class: "dffw-one-line", dir: "auto" });
  const element = make("span", { class: "dffw-factor-chip", aria: { role: "listitem" } }, swatch, name);
  listen(
    swatch,
    "click",
    (event) => {
      const factor = factorsOf(store)[index];
      if (factor) (event.altKey ? toggleSolo : toggleHidden)(context, factor);
    },
    signal,
  );
  listen(name, "click", () => choose({ selected: store.get("selected") === index ? -1 : index }), signal);
  return {
    element,
    /** @param {Factor} factor @param {boolean} selected */
    sync(factor, selected) {
      element.style.setProperty("--dffw-color", factor.color);
      element.classList.toggle("dffw-selected", selected);
      say(name, factor.title);
      name.title = factor.title;
      describe(name, "pressed", selected);
      describe(swatch, "label", `Show ${factor.title.slice(0, 100)}`);
      describe(swatch, "pressed", !factor.hidden);
    },
  };
}
