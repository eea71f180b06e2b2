// Keys: from what was pressed to what happens.

import { toggleHidden, toggleSolo } from "../factors/showing.js";
import { listen } from "../kit/dom.js";
import { afterQuiet } from "../kit/frames.js";
import { keyOf, typing } from "../kit/keys.js";
import { factorsOf } from "../kit/levels.js";
import { judge } from "../kit/review.js";

/** @import { Context, Photo } from "../kit/types.d.ts" */

const PHOTOS = /** @type {Photo[]} */ (["grey", "colour", "dim"]);
const SIZES = { least: 80, most: 480, step: 20 };
const SETTLED = 250; // ms after the last key of a run until the kernel is told

/**
 * @typedef {object} Actions
 * @property {() => void} toggleFull
 * @property {() => void} toggleKeys
 * @property {() => void} filter
 * @property {(factor: number) => void} name
 */

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @param {Actions} actions
 */
export function mountKeys(root, context, actions) {
  const { store, choose, ask, signal } = context;
  const settle = afterQuiet(context.release, SETTLED, signal);

  /** @param {number} step */
  function stepK(step) {
    const { ks } = store.get("stack");
    const next = ks[ks.indexOf(store.get("k")) + step];
    if (next === undefined) return;
    choose({ k: next }, { held: true });
    settle();
  }

  /** @param {number} step */
  function stepSize(step) {
    const size = Math.min(Math.max(store.get("row_height") + step, SIZES.least), SIZES.most);
    choose({ tile_size: size }, { held: true });
    settle();
  }

  /** @param {(factor: import("../kit/levels.js").Factor) => void} work */
  function withSelected(work) {
    const factor = factorsOf(store)[store.get("selected")];
    if (factor) work(factor);
    return Boolean(factor);
  }

  /** One step back: what lies over the others first. */
  function stepBack() {
    if (store.get("opened") >= 0) choose({ opened: -1 });
    else if (store.get("solo") >= 0) store.set({ solo: -1 });
    else if (store.get("selected") >= 0) choose({ selected: -1 });
    else return false;
    return true;
  }

  /** The image that is open, or has the focus. @param {KeyboardEvent} event @param {"accepted" | "rejected"} review */
  function judgeCurrent(event, review) {
    const tile = /** @type {HTMLElement} */ (event.target).closest("[data-image]");
    const image = store.get("opened") >= 0 ? store.get("opened") : Number(tile?.getAttribute("data-image") ?? -1);
    if (image < 0 || context.asleep()) return false;
    judge(context, [image], review).catch(() => {});
    return true;
  }

  /** @type {Record<string, (event: KeyboardEvent) => unknown>} false: the key was of no use here */
  const does = {
    factor: ({ key }) => {
      const factor = Number(key) - 1;
      if (factor >= factorsOf(store).length) return false;
      return choose({ selected: store.get("selected") === factor ? -1 : factor });
    },
    less: () => stepK(-1),
    more: () => stepK(1),
    hide: () => withSelected((factor) => toggleHidden(context, factor)),
    solo: () => withSelected((factor) => toggleSolo(context, factor)),
    name: (event) => {
      if (/** @type {HTMLElement} */ (event.target).closest("button, a, [role=option]") || context.asleep())
        return false;
      return withSelected((factor) => actions.name(factor.index));
    },
    heat: () => choose({ look: "heat" }),
    sharp: () => choose({ look: "sharp" }),
    masks: () => choose({ look: "masks" }),
    photo: () => choose({ photo: PHOTOS[(PHOTOS.indexOf(store.get("photo")) + 1) % PHOTOS.length] }),
    smaller: () => stepSize(-SIZES.step),
    larger: () => stepSize(SIZES.step),
    full: () => actions.toggleFull(),
    filter: () => actions.filter(),
    accept: (event) => judgeCurrent(event, "accepted"),
    reject: (event) => judgeCurrent(event, "rejected"),
    escape: stepBack,
    undo: () => store.get("appearance").undoable && !context.asleep() && ask("undo"),
    redo: () => store.get("appearance").redoable && !context.asleep() && ask("redo"),
    keys: () => actions.toggleKeys(),
  };

  listen(
    root,
    "keydown",
    (/** @type {KeyboardEvent} */ event) => {
      const key = keyOf(event);
      if (!key || event.defaultPrevented || event.isComposing) return;
      const target = /** @type {EventTarget} */ (event.composedPath()[0]);
      if (typing(target)) return;
      const sheet = root.querySelector(".dffw-sheet:not([hidden])");
      if (sheet && key.id === "escape") actions.toggleKeys();
      else if (does[key.id](event) === false) return;
      event.preventDefault();
      event.stopPropagation();
    },
    signal,
  );
}
