// k: a row of numbers over bars of the explained share. A press, or a drag along the row, changes it at once.

import { describe, listen, make, percent } from "../kit/dom.js";
import { roving } from "../kit/roving.js";

/** @import { Context } from "../kit/types.d.ts" */

const BAR = 26; // px of the highest
const LEAST = 3;
const OFFERED = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/**
 * How high the bars are, in px, for shares of what is explained (0..1).
 * @param {number[]} explained
 */
export function barHeights(explained) {
  const most = Math.max(...explained, 1e-9);
  return explained.map((share) => Math.max(LEAST, Math.round((BAR * share) / most)));
}

/** @param {Context} context */
export function kRow({ store, choose, release, signal }) {
  const group = make("div", { class: "dffw-ks", aria: { role: "radiogroup", label: "Number of factors, k" } });
  const element = make(
    "div",
    { class: "dffw-k" },
    make("span", { class: "dffw-k-label", aria: { hidden: true } }, "Factors", make("br"), "k"),
    group,
  );
  /** @type {HTMLButtonElement[]} */
  let buttons = [];
  let drawn = "";
  const move = roving(group, signal, (item) => choose({ k: Number(item.dataset.k) }));

  function build() {
    const { ks, levels, suggested } = store.get("stack");
    const several = ks.length > 1 ? ks : OFFERED; // one alone was steered: any k leads back from it
    const all = [...new Set([...several, store.get("k")])].sort((a, b) => a - b);
    const signature = JSON.stringify([all, suggested, levels.map((level) => level.explained)]);
    if (signature === drawn) return;
    drawn = signature;
    const shares = all.map((k) => levels.find((level) => level.k === k)?.explained ?? 0);
    const heights = barHeights(shares);
    // those that are there stay: the pointer may be over one, and the focus on it
    buttons = all.map((k) => buttons.find((button) => Number(button.dataset.k) === k) ?? numberButton(k));
    buttons.forEach((button, i) => {
      syncNumber(button, all[i], shares[i], heights[i], all[i] === suggested);
    });
    if (buttons.length !== group.children.length || buttons.some((button, i) => group.children[i] !== button))
      group.replaceChildren(...buttons);
  }

  function sync() {
    build();
    const k = store.get("k");
    for (const button of buttons) describe(button, "checked", Number(button.dataset.k) === k);
    move.set(
      buttons,
      buttons.find((button) => Number(button.dataset.k) === k),
    );
  }

  /** @param {PointerEvent} event */
  function under(event) {
    return buttons.find((button) => {
      const box = button.getBoundingClientRect();
      return event.clientX >= box.left - 1 && event.clientX < box.right + 1;
    });
  }

  listen(
    group,
    "pointerdown",
    (/** @type {PointerEvent} */ down) => {
      if (down.button !== 0 || !under(down)) return;
      const dragging = new AbortController();
      /** @param {PointerEvent} event */
      const follow = (event) => {
        const button = under(event);
        if (button) choose({ k: Number(button.dataset.k) }, { held: true });
      };
      const end = () => {
        dragging.abort();
        release();
      };
      follow(down);
      listen(window, "pointermove", follow, dragging.signal);
      listen(window, "pointerup pointercancel blur", end, dragging.signal);
    },
    signal,
  );
  listen(
    group,
    "click",
    (event) => {
      // by a keyboard or a screen reader: no pointer came before
      const button = event.target.closest("button");
      if (button) choose({ k: Number(button.dataset.k) });
    },
    signal,
  );

  store.on(["k", "stack"], sync, signal);
  sync();
  return element;
}

/** @param {number} k */
function numberButton(k) {
  return make(
    "button",
    { class: "dffw-number", data: { k: String(k) }, aria: { role: "radio" } },
    make("i"),
    make("span", { text: String(k) }),
  );
}

/** @param {HTMLButtonElement} button @param {number} k @param {number} share @param {number} height @param {boolean} suggested */
function syncNumber(button, k, share, height, suggested) {
  const says = share > 0 ? `k = ${k} explains ${percent(share)} of the activations` : `k = ${k}`;
  button.title = suggested ? `${says}; suggested` : says;
  describe(button, "label", button.title);
  button.classList.toggle("dffw-suggested", suggested);
  /** @type {HTMLElement} */ (button.firstElementChild).style.height = `${share > 0 ? height : LEAST}px`;
}
