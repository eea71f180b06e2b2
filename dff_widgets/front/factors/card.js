// A card: one factor, its colour, name, strongest patches, how well it fits its parts, its share, its opacity.

import { describe, listen, make, percent, say } from "../kit/dom.js";
import { icon } from "../kit/icons.js";
import { menuItem, popover } from "../kit/popover.js";
import { slider } from "../kit/slider.js";
import { nameBox } from "./names.js";
import { patchRow } from "./patches.js";
import { setOpacity, toggleHidden, toggleSolo } from "./showing.js";

/** @import { Context } from "../kit/types.d.ts" */
/** @import { Factor } from "../kit/levels.js" */
/** @typedef {ReturnType<typeof factorCard>} Card */

const POINTED = 90; // ms over a card until the images show it

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export function factorCard(root, context) {
  const { store, choose, signal } = context;
  /** @type {Factor | undefined} */
  let factor;
  const present = () => factor;
  /** @param {(factor: Factor) => void} work */
  const withFactor = (work) => () => factor && work(factor);

  const swatch = make("button", { class: "dffw-chip-color" });
  const digit = make("span", { class: "dffw-digit", aria: { hidden: true } });
  const naming = nameBox(context, present);
  const patches = patchRow(context);
  const score = scoreCell();
  const opacity = slider(
    { label: "Opacity", value: 0.7, says: percent },
    (value, held) => factor && setOpacity(context, factor, value, held),
    signal,
  );
  const more = make("button", { class: "dffw-more" }, icon("more"));
  const element = make(
    "div",
    { class: "dffw-card", aria: { role: "listitem" } },
    make("span", { class: "dffw-color-cell" }, swatch, digit),
    make("span", { class: "dffw-middle" }, naming.element, patches.element),
    score.element,
    opacity.element,
    more,
  );

  listen(
    swatch,
    "click",
    (event) => {
      event.stopPropagation();
      if (factor) (event.altKey ? toggleSolo : toggleHidden)(context, factor);
    },
    signal,
  );
  listen(
    element,
    "click",
    (event) => {
      if (event.target.closest("button, input") || !factor) return;
      choose({ selected: store.get("selected") === factor.index ? -1 : factor.index });
    },
    signal,
  );
  const pointed = pointing(element, store, present, signal);
  const menu = popover(
    more,
    { root, label: "Factor", menu: true },
    (close, opened) => {
      /** @param {string} text @param {(factor: Factor) => void} work @param {string} [key] @param {boolean} [disabled] */
      const item = (text, work, key, disabled) =>
        menuItem(
          text,
          () => {
            close();
            withFactor(work)();
          },
          { key, disabled },
          opened,
        );
      const hidden = factor?.hidden;
      return [
        item(store.get("solo") === factor?.concept ? "Show all" : "Show alone", (one) => toggleSolo(context, one), "s"),
        item(hidden ? "Show" : "Hide", (one) => toggleHidden(context, one), "v"),
        item("Name it", () => naming.focus(), "Enter", context.asleep()),
        ...(context.panes.CLOSER
          ? [
              item("Look closer", (one) => {
                choose({ selected: one.index });
                store.set({ closer: true });
              }),
            ]
          : []),
        ...context.panes.FACTOR_ACTIONS.map(({ title, run }) =>
          item(title, (one) => run(context, one), undefined, context.asleep()),
        ),
      ];
    },
    signal,
  );

  /** @param {Factor} now @param {boolean} selected */
  function sync(now, selected) {
    factor = now;
    const [name, alone] = [now.title.slice(0, 100), store.get("solo") === now.concept];
    element.style.setProperty("--dffw-color", now.color);
    element.classList.toggle("dffw-selected", selected);
    element.classList.toggle("dffw-hidden", now.strength === 0);
    describe(element, "current", selected);
    say(digit, now.index < 9 ? String(now.index + 1) : "");
    swatch.title = `${now.hidden ? "Show" : "Hide"} ${name} (v); Alt-click: ${alone ? "all" : "alone"} (s)`;
    describe(swatch, "label", `Show ${name}`);
    describe(swatch, "pressed", !now.hidden);
    naming.sync(now);
    score.sync(now, store.get("scores"), store.get("k"), context.asleep());
    opacity.show(now.opacity);
    describe(opacity.element, "label", `Opacity of ${name}`);
    more.title = `More for ${name}`;
    describe(more, "label", more.title);
  }

  return {
    element,
    sync,
    patches,
    focusName: naming.focus,
    /** Its factor is not at this k; another may have the card. */
    retire() {
      menu.close({ focus: false });
      pointed.end();
      naming.forget();
      factor = undefined;
      element.remove();
    },
  };
}

/** How well it fits its parts, and its share. */
function scoreCell() {
  const iou = make("b", { class: "dffw-num" });
  const bar = make("i", {});
  const share = make("span", { class: "dffw-num" });
  const element = make(
    "span",
    { class: "dffw-score" },
    iou,
    make("small", { text: "IoU" }),
    make("span", { class: "dffw-share" }, bar),
    share,
  );
  return {
    element,
    /** @param {Factor} factor @param {import("../kit/types.d.ts").Scores} scores @param {number} k @param {boolean} asleep */
    sync(factor, scores, k, asleep) {
      const known = scores.k === k ? scores.iou[factor.index] : null;
      const recounted = !asleep && (scores.stale || (scores.k > 0 && scores.k !== k));
      const images = scores.k === k ? (scores.over?.[factor.index] ?? 0) : 0;
      const over = images ? `, over ${images} image${images === 1 ? "" : "s"} that say whether they are there` : "";
      say(iou, known === null || known === undefined ? (recounted ? "…" : "–") : known.toFixed(2));
      element.classList.toggle("dffw-recounted", recounted);
      iou.title = recounted
        ? "IoU with its parts, being recounted"
        : `Intersection over union with the parts it is named after${over}`;
      say(share, percent(factor.share));
      share.title = `It holds ${percent(factor.share)} of what all factors explain`;
      bar.style.width = `${100 * factor.share}%`;
    },
  };
}

/** The images show a factor while its card is pointed at. @param {HTMLElement} element @param {Context["store"]} store @param {() => Factor | undefined} present @param {AbortSignal} signal */
function pointing(element, store, present, signal) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  listen(
    element,
    "pointerenter",
    (event) => {
      if (event.pointerType === "touch") return;
      timer = setTimeout(() => store.set({ hovered: present()?.index ?? -1 }), POINTED);
    },
    signal,
  );
  function end() {
    clearTimeout(timer);
    store.set({ hovered: -1 });
  }
  listen(element, "pointerleave pointerdown", end, signal);
  signal.addEventListener("abort", () => clearTimeout(timer));
  return { end };
}
