// The gallery: all images in rows, of which only those near the window of the stage exist.

import { listen, make, say } from "../kit/dom.js";
import { everyFrame, onceAFrame } from "../kit/frames.js";
import { presentLevel } from "../kit/levels.js";
import { reviewsOf } from "../kit/review.js";
import { ahead } from "./ahead.js";
import { fader } from "./fade.js";
import { mountHand } from "./hand.js";
import { fittingHeight, justify, rowsWithin } from "./layout.js";
import { meanOf, orderOf } from "./order.js";
import { mountProbe } from "./probe.js";
import { isStale, sceneOf, signatureOf } from "./scene.js";
import { composeTile, describeTile, makeTile, markTile, paintTile, placeTile } from "./tile.js";

/** @import { Context } from "../kit/types.d.ts" */
/** @import { Layout } from "./layout.js" */
/** @import { Tile } from "./tile.js" */

const GAP = 12;
const CAPTION = 24;
const MARGIN = 14;
const BEYOND = 1; // screens above and below that are kept
const BUDGET = 5; // ms of painting in a frame of scrolling

/**
 * @param {HTMLElement} host
 * @param {HTMLElement} root  of the app
 * @param {Context} context
 */
export function mountGallery(host, root, context) {
  const { store, tiles, signal } = context;
  const list = make("div", { class: "dffw-images", aria: { role: "list", label: "Images" } });
  const nothing = make("p", { class: "dffw-nothing", hidden: true });
  const scroller = make("div", { class: "dffw-scroller" }, list, nothing);
  host.append(scroller);

  /** @type {number[]} */
  let order = [];
  /** @type {Layout} */
  let layout = { rows: [], boxes: [], total: 0 };
  /** @type {Map<number, Tile>} by place in the order */
  const living = new Map();
  const fade = fader(() => repaint(), signal);
  let width = 0;
  let height = 0;

  function reorder() {
    const level = presentLevel(store);
    const factor = Math.max(store.get("selected"), 0);
    order = orderOf(store.get("captions"), {
      filter: store.get("filter"),
      sort: store.get("sort"),
      strength: (image) => meanOf(level ? tiles.maps(image, level.k, false)?.maps[factor] : undefined),
      reviewed: store.get("reviewed"),
      reviews: reviewsOf(store),
      doubts: store.get("notes").doubts,
    });
    store.set({ order });
    for (const [place, tile] of living) if (order[place] !== tile.image) drop(place);
    arrange();
  }

  /** Something was said of the images; while one is open, those that are gone through stay. */
  function renote() {
    if (store.get("opened") < 0 && (store.get("reviewed") || store.get("sort") === "doubt")) reorder();
    mark();
  }

  function mark() {
    const [reviews, { corrected = [], misfits = [] }] = [reviewsOf(store), store.get("notes")];
    for (const { image, badge } of living.values())
      markTile(badge, reviews[image], corrected.includes(image), misfits.includes(image));
  }

  /** Rows anew; what was at the top of the window stays there. */
  function arrange() {
    const sizes = store.get("sizes");
    const ratios = order.map((image) => (sizes[image] ? sizes[image][1] / sizes[image][0] : 1));
    const anchor = layout.rows[rowsWithin(layout.rows, scroller.scrollTop, scroller.scrollTop + 1)[0]]?.first ?? 0;
    const offset = (layout.boxes[anchor]?.top ?? 0) - scroller.scrollTop;
    layout = justify(ratios, roomFor(ratios));
    list.style.height = `${layout.total}px`;
    if (scroller.scrollTop > 0 && layout.boxes[anchor]) scroller.scrollTop = layout.boxes[anchor].top - offset;
    sayNothing();
    inhabit();
  }

  /** @param {number[]} ratios */
  function roomFor(ratios) {
    const view = height - 2 * MARGIN;
    const lone = view - CAPTION;
    const room = { width: Math.max(width - 2 * MARGIN, 40), gap: GAP, caption: CAPTION, most: lone };
    const wished = store.get("tile_size") || fittingHeight(ratios, room, view);
    store.set({ row_height: wished });
    return { ...room, height: wished, most: ratios.length === 1 ? lone : Math.min(lone, 2 * wished) };
  }

  function sayNothing() {
    const filter = store.get("filter");
    nothing.hidden = order.length > 0;
    say(
      nothing,
      store.get("reviewed") && store.get("captions").length
        ? `No image here is ${store.get("reviewed")}.`
        : filter
          ? `No image's name has “${filter}”.`
          : "No images yet: choose a folder or a data set above, or drop photos here.",
    );
  }

  /** @param {number} place */
  function drop(place) {
    living.get(place)?.figure.remove();
    living.delete(place);
  }

  /** The tiles near the window live; the others do not, but for one that has the focus. */
  function inhabit() {
    const [top, bottom] = [scroller.scrollTop - BEYOND * height, scroller.scrollTop + (1 + BEYOND) * height];
    const [from, to] = rowsWithin(layout.rows, top, bottom);
    const [first, end] = [layout.rows[from]?.first ?? 0, layout.rows[to - 1]?.end ?? 0];
    const focused = hand.focused();
    for (const place of [...living.keys()]) if ((place < first || place >= end) && place !== focused) drop(place);
    const captions = store.get("captions");
    for (let place = first; place < end; place++) {
      const image = order[place];
      let tile = living.get(place);
      if (!tile) {
        tile = makeTile(image);
        living.set(place, tile);
        list.append(tile.figure);
      }
      if (tile.box !== layout.boxes[place]) placeTile(tile, layout.boxes[place], captions[image] ?? `image ${image}`);
    }
    hand.sync();
    mark();
    paintSoon();
  }

  /** @param {Tile} tile */
  function isSeen({ box }) {
    return box.top + box.height >= scroller.scrollTop && box.top <= scroller.scrollTop + height;
  }

  let hurried = false; // what a person changed is drawn in one frame, however long that takes

  function paint() {
    const [scene, started] = [sceneOf(store), performance.now()];
    const signature = signatureOf(scene);
    const due = [...living.values()].filter((tile) => tile.due);
    const sorted = [...due.filter(isSeen), ...due.filter((tile) => !isSeen(tile))];
    for (const tile of sorted) {
      const urgent = hurried && isSeen(tile);
      if (!urgent && performance.now() - started > BUDGET) break;
      composeTile(tile, tiles, scene, signature);
      const alike = probe.map(tile.image);
      paintTile(tile, tiles, scene, alike ? 0 : fade.value(), alike);
      describeTile(tile, tile.button.title, scene);
      tile.due = false;
    }
    hurried = false;
    host.dataset.frames = String(Number(host.dataset.frames ?? 0) + 1);
    if (sorted.some((tile) => tile.due)) paintSoon();
    else enlargeAhead();
  }
  const enlargeAhead = ahead(context, () => [...living.values()].filter(isSeen));
  const paintSoon = everyFrame(paint, signal);

  const paintNow = onceAFrame(paint, signal);

  function repaint() {
    for (const tile of living.values()) tile.due = true;
    hurried = true;
    paintNow();
  }

  const hand = mountHand(host, scroller, context, {
    tiles: () => living,
    placeOf: (image) => order.indexOf(image),
    layout: () => layout,
    count: () => order.length,
    inhabit,
  });

  const probe = mountProbe(root, scroller, context, {
    under: hand.under,
    seen: () => [...living.values()].filter(isSeen).map((tile) => tile.image),
    repaint,
  });

  const resize = new ResizeObserver(() => {
    if (scroller.clientWidth === width && scroller.clientHeight === height) return;
    [width, height] = [scroller.clientWidth, scroller.clientHeight];
    if (width && height) arrange();
  });
  resize.observe(scroller);
  signal.addEventListener("abort", () => resize.disconnect());

  tiles.onReady((image) => {
    for (const tile of living.values()) {
      if (image >= 0 && tile.image !== image) continue;
      tile.composed = "";
      tile.due = true;
    }
    paintSoon();
  });
  store.on(["captions", "sizes", "filter", "sort", "reviewed"], reorder, signal);
  store.on("notes", renote, signal);
  store.on("opened", () => store.get("opened") < 0 && renote(), signal);
  store.on(["selected", "k", "stack"], () => store.get("sort") === "factor" && reorder(), signal);
  store.on("tile_size", arrange, signal);
  store.on(
    [
      "k",
      "stack",
      "heat",
      "appearance",
      "opacities",
      "hidden",
      "solo",
      "hovered",
      "look",
      "photo",
      "percentile",
      "threshold",
      "asleep",
    ],
    repaint,
    signal,
  );
  store.on(["place", "stack", "layer", "asleep"], () => fade.to(isStale(store)), signal);
  listen(scroller, "scroll", everyFrame(inhabit, signal), signal, { passive: true });
  reorder();
}
