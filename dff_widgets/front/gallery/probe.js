// The probe: while P is held, where the network sees what is under the pointer, in all images on the stage.

import { listen } from "../kit/dom.js";
import { typing } from "../kit/keys.js";

/** @import { Context } from "../kit/types.d.ts" */

const WARM = [255, 140, 0];

/**
 * @param {HTMLElement} root  whose keys are heard
 * @param {HTMLElement} scroller
 * @param {Context} context
 * @param {{
 *   under: (event: PointerEvent) => { image: number, at: number[] } | null,
 *   seen: () => number[],
 *   repaint: () => void,
 * }} gallery  under: the image and the place in it, as fractions
 */
export function mountProbe(root, scroller, context, gallery) {
  const { store, ask, signal } = context;
  /** @type {Map<number, HTMLCanvasElement>} */
  const maps = new Map();
  let [held, asking] = [false, false];
  /** @type {PointerEvent | null} the last place that was pointed at */
  let last = null;
  let moved = false; // since it was asked about

  /** @param {boolean} down */
  function hold(down) {
    if (held === down) return;
    held = down;
    root.classList.toggle("dffw-probing", down);
    if (down) look();
    else {
      maps.clear();
      gallery.repaint();
    }
  }

  /** Ask about the last place; one question at a time. */
  async function look() {
    const place = held && last ? gallery.under(last) : null;
    if (!place || asking || context.asleep()) return;
    [asking, moved] = [true, false];
    const of = gallery.seen();
    try {
      const { content, buffers } = await ask("probe", { image: place.image, x: place.at[0], y: place.at[1], of });
      if (held) {
        of.forEach((image, n) => {
          maps.set(image, drawn(buffers[n], /** @type {any} */ (content.grids)[n]));
        });
        gallery.repaint();
      }
    } catch {
      maps.clear(); // there is nothing to compare yet
    }
    asking = false;
    if (moved) look();
  }

  listen(
    scroller,
    "pointermove",
    (/** @type {PointerEvent} */ event) => {
      [last, moved] = [event, true];
      if (held) look();
    },
    signal,
    { passive: true },
  );
  const isP = (/** @type {KeyboardEvent} */ event) => event.key.toLowerCase() === "p";
  listen(
    root,
    "keydown",
    (/** @type {KeyboardEvent} */ event) => {
      const free = !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.composedPath()[0]);
      if (isP(event) && free && store.get("opened") < 0 && store.get("tab") === "gallery") hold(true);
    },
    signal,
  );
  listen(root, "keyup", (/** @type {KeyboardEvent} */ event) => isP(event) && hold(false), signal);
  listen(root, "focusout", () => hold(false), signal);
  store.on(["opened", "tab", "stack"], () => hold(false), signal);
  return { map: (/** @type {number} */ image) => (held ? maps.get(image) : undefined) };
}

/** Cosines as a picture: the more alike, the less transparent. @param {DataView} bytes @param {[number, number]} grid */
function drawn(bytes, [h, w]) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [w, h];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const picture = context.createImageData(w, h);
  for (let i = 0; i < h * w; i++) picture.data.set([...WARM, bytes.getUint8(i)], 4 * i);
  context.putImageData(picture, 0, 0);
  return canvas;
}
