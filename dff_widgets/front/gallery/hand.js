// The hand on the gallery: pointer and keys, what is read, selected and opened by them.

import { listen } from "../kit/dom.js";
import { strongest, valueAt } from "../kit/heat.js";
import { factorsOf, presentLevel } from "../kit/levels.js";
import { arrow, tabStop } from "../kit/roving.js";
import { contain, neighbour } from "./layout.js";
import { readout } from "./readout.js";

/** @import { Context } from "../kit/types.d.ts" */
/** @import { Layout } from "./layout.js" */
/** @import { Tile } from "./tile.js" */

/**
 * @typedef {object} Gallery
 * @property {() => Map<number, Tile>} tiles  those that live, by place
 * @property {(image: number) => number} placeOf
 * @property {() => Layout} layout
 * @property {() => number} count
 * @property {() => void} inhabit
 */

/**
 * @param {HTMLElement} host
 * @param {HTMLElement} scroller
 * @param {Context} context
 * @param {Gallery} gallery
 */
export function mountHand(host, scroller, context, gallery) {
  const { store, choose, signal } = context;
  const shown = readout(host);
  let current = 0; // the place that Tab comes to

  /** @param {Event} event */
  function imageUnder(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const figure = /** @type {HTMLElement | null} */ (target.closest(".dffw-tile"));
    return { image: Number(figure?.dataset.image ?? -1), canvas: target instanceof HTMLCanvasElement ? target : null };
  }

  /** Where the pointer is, as fractions of the photo. @param {number} image @param {HTMLCanvasElement} canvas @param {MouseEvent} event */
  function placeIn(image, canvas, event) {
    const photo = context.tiles.photo(image, false);
    if (!photo) return null;
    const box = canvas.getBoundingClientRect();
    const at = contain(photo.width / photo.height, box.width, box.height);
    const [x, y] = [(event.clientX - box.left - at.left) / at.width, (event.clientY - box.top - at.top) / at.height];
    return x < 0 || y < 0 || x > 1 || y > 1 ? null : [x, y];
  }

  /** Per factor its strength 0..1 under the pointer. @param {number} image @param {HTMLCanvasElement} canvas @param {MouseEvent} event */
  function valuesAt(image, canvas, event) {
    const level = presentLevel(store);
    const maps = level && context.tiles.maps(image, level.k, store.get("look") === "sharp");
    const at = placeIn(image, canvas, event);
    return maps && at ? maps.maps.map((map) => valueAt(map, maps.h, maps.w, at[0], at[1]) / 255) : [];
  }

  function read(/** @type {PointerEvent} */ event) {
    const { image, canvas } = imageUnder(event);
    const values = image >= 0 && canvas && event.pointerType !== "touch" ? valuesAt(image, canvas, event) : [];
    if (values.length) shown.show(event, factorsOf(store), values);
    else shown.hide();
  }

  function select(/** @type {MouseEvent} */ event) {
    const { image, canvas } = imageUnder(event);
    if (image < 0 || !canvas) return;
    if (store.get("pointing")) {
      const at = placeIn(image, canvas, event);
      if (at) store.set({ pointed: [image, ...at] });
      return;
    }
    current = gallery.placeOf(image);
    sync();
    const factor = strongest(valuesAt(image, canvas, event), factorsOf(store));
    if (factor !== store.get("selected")) choose({ selected: factor });
  }

  /** @param {number} image */
  function open(image) {
    if (image >= 0 && context.panes.FOCUS) choose({ opened: image });
  }

  /** @param {number} place */
  function goTo(place) {
    const box = gallery.layout().boxes[place];
    if (!box) return;
    current = place;
    if (box.top < scroller.scrollTop) scroller.scrollTop = box.top;
    const below = box.top + box.height + 40 - scroller.clientHeight;
    if (below > scroller.scrollTop) scroller.scrollTop = below;
    gallery.inhabit();
    gallery.tiles().get(place)?.button.focus({ preventScroll: true });
  }

  function move(/** @type {KeyboardEvent} */ event) {
    const step = arrow(event.key);
    const last = gallery.count() - 1;
    if (!step && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    event.stopPropagation();
    if (!step) goTo(event.key === "Home" ? 0 : last);
    else if (step[1]) goTo(Math.min(Math.max(current + step[1], 0), last));
    else goTo(neighbour(gallery.layout(), current, step[0]));
  }

  /** One stop for Tab among the images. */
  function sync() {
    current = Math.min(current, Math.max(gallery.count() - 1, 0));
    const tiles = gallery.tiles();
    const stop = tiles.has(current) ? current : Math.min(...tiles.keys());
    for (const [place, { button }] of tiles) tabStop(button, place === stop);
  }

  listen(scroller, "pointermove", read, signal, { passive: true });
  listen(scroller, "pointerleave scroll", shown.hide, signal, { passive: true });
  listen(scroller, "click", select, signal);
  listen(scroller, "dblclick", (event) => open(imageUnder(event).image), signal);
  listen(scroller, "click", (event) => event.target.closest(".dffw-caption") && open(imageUnder(event).image), signal);
  listen(scroller, "keydown", move, signal);
  listen(
    scroller,
    "focusin",
    (event) => {
      const place = gallery.placeOf(imageUnder(event).image);
      if (place >= 0) current = place;
      sync();
    },
    signal,
  );
  store.on(["k", "stack"], shown.hide, signal); // it is of the heat before

  /** The image under the pointer, and the place in it as fractions. @param {PointerEvent} event */
  function under(event) {
    const { image, canvas } = imageUnder(event);
    const at = image >= 0 && canvas ? placeIn(image, canvas, event) : null;
    return at && { image, at };
  }

  return {
    sync,
    under,
    /** The place that has the focus, -1: none. */
    focused: () => (scroller.matches(":focus-within") ? current : -1),
  };
}
