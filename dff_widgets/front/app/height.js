// How high the app is: its own height, a person's, or the whole screen.

import { describe, listen, make } from "../kit/dom.js";
import { everyFrame } from "../kit/frames.js";

/** @import { Context } from "../kit/types.d.ts" */

const OWN = 720;
const OF_WINDOW = 0.85;
const LEAST = 420;
const STEP = 20; // an arrow key's

/** @param {number} chosen  0: none @param {number} windowHeight @param {number} [room]  in the cell's output */
export function heightOf(chosen, windowHeight, room = Number.POSITIVE_INFINITY) {
  const own = Math.min(OWN, OF_WINDOW * windowHeight, room);
  return Math.max(Math.round(chosen > 0 ? chosen : own), LEAST);
}

/**
 * How high the app may be where the output of a cell is of a limited height and scrolls, as marimo's is: what is below
 * would be out of sight, the status line first.
 * @param {HTMLElement} root
 */
function roomIn(root) {
  let around = 0; // padding and borders between
  for (let box = parentOf(root); box && box !== document.body; box = parentOf(box)) {
    const style = getComputedStyle(box);
    for (const side of ["paddingTop", "paddingBottom", "borderTopWidth", "borderBottomWidth"])
      around += Number.parseFloat(/** @type {any} */ (style)[side]) || 0;
    if (style.maxHeight.endsWith("px") && style.overflowY !== "visible")
      return Number.parseFloat(style.maxHeight) - around;
  }
  return Number.POSITIVE_INFINITY;
}

/** @param {Element} element @returns {Element | null}  also out of a shadow root */
function parentOf(element) {
  const above = element.assignedSlot ?? element.parentNode;
  if (above instanceof ShadowRoot) return above.host;
  return above instanceof Element ? above : null;
}

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export function mountHeight(root, { store, choose, release, signal }) {
  const edge = make("div", {
    class: "dffw-edge",
    tabIndex: 0,
    title: "Drag to make it higher; double click for its own height",
    aria: { role: "separator", orientation: "horizontal", label: "Height", valuemin: LEAST },
  });
  root.append(edge);

  function apply() {
    const height = heightOf(store.get("height"), window.innerHeight, roomIn(root));
    root.style.height = `${height}px`;
    describe(edge, "valuenow", height);
    describe(edge, "valuemax", Math.max(height, window.innerHeight));
  }

  /** @param {number} height @param {boolean} held */
  const put = (height, held) => choose({ height: Math.max(Math.round(height), LEAST) }, { held });

  listen(
    edge,
    "pointerdown",
    (/** @type {PointerEvent} */ down) => {
      const from = root.offsetHeight;
      edge.setPointerCapture(down.pointerId);
      const dragging = new AbortController();
      listen(edge, "pointermove", (move) => put(from + move.clientY - down.clientY, true), dragging.signal);
      listen(
        edge,
        "pointerup pointercancel",
        () => {
          dragging.abort();
          release();
        },
        dragging.signal,
      );
    },
    signal,
  );
  listen(edge, "dblclick", () => choose({ height: 0 }), signal);
  listen(
    edge,
    "keydown",
    (event) => {
      const step = { ArrowDown: STEP, ArrowUp: -STEP }[/** @type {string} */ (event.key)];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      put(root.offsetHeight + step, false);
    },
    signal,
  );

  /** @type {Set<(full: boolean) => void>} */
  const watchers = new Set();
  const isFull = () => root.matches(":fullscreen, .dffw-filled");
  const tell = () =>
    watchers.forEach((watcher) => {
      watcher(isFull());
    });

  async function toggleFull() {
    if (root.matches(":fullscreen")) return document.exitFullscreen();
    if (root.classList.contains("dffw-filled")) root.classList.remove("dffw-filled");
    else await root.requestFullscreen?.().catch(() => root.classList.add("dffw-filled")); // not allowed in some frames
    tell();
  }

  store.on("height", apply, signal);
  listen(window, "resize", everyFrame(apply, signal), signal);
  listen(document, "fullscreenchange", tell, signal);
  apply();
  everyFrame(apply, signal)(); // once more where it is put into the page after it was made
  return { toggleFull, isFull, onFull: (/** @type {(full: boolean) => void} */ watcher) => void watchers.add(watcher) };
}
