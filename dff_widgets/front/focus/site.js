// Where the focus pane stands: in the app, or in a `FocusView` of its own.

import { bytes } from "../kit/dom.js";
import { photoShelf } from "../kit/photos.js";
import { storeFactors, traitFactors } from "./factors.js";

/**
 * @typedef {import("./picture.js").Drawable} Drawable
 * @typedef {object} Site
 * @property {import("./factors.js").Factors} factors
 * @property {() => number[]} place the image that is open, and how many there are
 * @property {() => string} caption
 * @property {() => [number, number] | []} size of the image that is open, height and width
 * @property {() => Drawable | null} photo of the image that is open
 * @property {() => number} dim 0..1, of the photo
 * @property {() => boolean} arrived whether what the kernel sent is of the image that is open
 * @property {(f: () => void) => void} onPhoto
 * @property {(by: number) => void} step
 * @property {() => void} close
 * @property {() => boolean} closed
 * @property {() => boolean} asleep
 * @property {boolean} alone
 */

/**
 * The large photo, once it is decoded.
 * @param {import("../kit/follow.js").Model} model
 * @param {(names: string[], f: () => void) => void} on
 * @param {AbortSignal} signal
 */
function largePhoto(model, on, signal) {
  /** @type {() => void} */
  let ready = () => {};
  const shelf = photoShelf(() => ready());
  function load() {
    const jpeg = model.get("photo");
    shelf.clear();
    if (jpeg && bytes(jpeg).length) shelf.put(0, jpeg);
    else ready();
  }
  on(["photo", "place"], load); // two images may have the same photo
  load();
  signal.addEventListener("abort", shelf.clear);
  return {
    get: (/** @type {boolean} */ grey) => shelf.get(0, grey),
    /** @param {() => void} f */
    onReady(f) {
      ready = f;
    },
  };
}

const DIM = 0.38; // of a photo that is to recede, as in the gallery

/**
 * In the app: what is there is shown at once, the large photo and the masks follow when the kernel has sent them.
 * @param {import("../kit/types.d.ts").Context} context
 * @param {import("../kit/follow.js").Model} model
 * @param {(names: string[], f: () => void) => void} on
 * @returns {Site}
 */
export function appSite(context, model, on) {
  const { store, tiles, choose, signal } = context;
  const large = largePhoto(model, on, signal);
  const opened = () => store.get("opened");
  const arrived = () => model.get("opened") === opened();
  const grey = () => store.get("photo") === "grey";
  return {
    factors: storeFactors(context),
    place: () => [store.get("order").indexOf(opened()), store.get("order").length],
    caption: () => store.get("captions")[opened()] ?? "",
    size: () => (arrived() && model.get("size")?.[0] ? model.get("size") : (store.get("sizes")[opened()] ?? [])),
    photo: () => (arrived() ? large.get(grey()) : null) ?? tiles.photo(opened(), grey()),
    dim: () => (store.get("photo") === "dim" ? DIM : 1),
    arrived,
    onPhoto(f) {
      large.onReady(f);
      store.on(["photo", "opened"], f, signal);
      signal.addEventListener(
        "abort",
        tiles.onReady((image) => (image < 0 || image === opened()) && f()),
      );
    },
    step(by) {
      const order = store.get("order");
      const to = order[order.indexOf(opened()) + by];
      if (to !== undefined) choose({ opened: to });
    },
    close: () => choose({ opened: -1 }),
    closed: () => opened() < 0,
    asleep: () => context.asleep(),
    alone: false,
  };
}

/**
 * @param {import("../kit/follow.js").Model} model
 * @param {(names: string[], f: () => void) => void} on
 * @param {import("./channel.js").Channel} channel
 * @param {AbortSignal} signal
 * @returns {Site}
 */
export function widgetSite(model, on, channel, signal) {
  const large = largePhoto(model, on, signal);
  return {
    factors: traitFactors(model, on),
    place: () => channel.get("place"),
    caption: () => channel.get("caption"),
    size: () => (channel.get("size")[0] ? channel.get("size") : []),
    photo: () => large.get(false),
    dim: () => 1,
    arrived: () => true,
    onPhoto: large.onReady,
    step: (by) => void channel.tell({ do: "step", by }),
    close: () => channel.put("closed", true),
    closed: () => channel.get("closed"),
    asleep: () => false,
    alone: true,
  };
}
