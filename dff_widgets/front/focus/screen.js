// The canvases of the focus pane: the photo with its factors, the masks over it, what the pointer is doing.

import { make } from "../kit/dom.js";
import { everyFrame } from "../kit/frames.js";
import { drawCorners, drawRing } from "./cursor.js";
import { Blend, paint } from "./picture.js";

/**
 * @typedef {object} Shown what is drawn
 * @property {HTMLElement} host counts the frames
 * @property {import("./view.js").View} view
 * @property {import("./masks.js").Masks} masks
 * @property {import("./channel.js").Channel} channel
 * @property {import("./site.js").Site} site
 * @property {() => import("./painter.js").Painter} painter
 * @property {() => boolean} withMasks
 */

export class Screen {
  /** @param {Shown} shown @param {AbortSignal} signal */
  constructor(shown, signal) {
    this.shown = shown;
    this.canvas = make("canvas", { tabIndex: 0, class: "dffw-focus-canvas", aria: { role: "application" } });
    this.raw = make("canvas", { class: "dffw-focus-canvas", aria: { role: "img" } });
    this.backdrop = make("canvas"); // photo and factors as they are on the screen, for painting changes neither
    this.blend = new Blend();
    this.rawBlend = new Blend();
    this.stale = true; // whether the backdrop is
    this.schedule = everyFrame(() => this.draw(), signal);
  }

  /** Photo, factors, or their place on the screen changed. */
  spoil() {
    this.stale = true;
    this.schedule();
  }

  /** @param {number} w @param {number} h in screen pixels */
  resize(w, h) {
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.backdrop, this.raw]) {
      if (canvas.width !== Math.round(w * ratio)) canvas.width = Math.round(w * ratio);
      if (canvas.height !== Math.round(h * ratio)) canvas.height = Math.round(h * ratio);
    }
    this.shown.view.resize(h, w);
  }

  draw() {
    if (!this.canvas.width) return;
    if (this.stale) this.drawBackdrop();
    const { host, view, masks, channel, site } = this.shown;
    const painter = this.shown.painter();
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.backdrop, 0, 0);
    this.drawMasks(context, ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (painter.corners.length) drawCorners(context, view, painter, masks.color(channel.get("part")));
    const brush = channel.get("tool") === "brush" && !painter.space && painter.busy !== "pan" && !site.asleep();
    if (brush) drawRing(context, view, painter, channel.get("radius"));
    if (site.photo() || !view.image.h) host.dataset.frames = String(Number(host.dataset.frames ?? 0) + 1);
  }

  /** @param {CanvasRenderingContext2D} context @param {number} ratio */
  drawMasks(context, ratio) {
    const { view, masks, site, withMasks } = this.shown;
    if (!view.image.h || !masks.width || !withMasks() || !site.arrived()) return;
    const across = (view.scale * view.image.w) / masks.width; // screen pixels in one of theirs
    const down = (view.scale * view.image.h) / masks.height;
    context.setTransform(ratio * across, 0, 0, ratio * down, ratio * view.x, ratio * view.y);
    masks.draw(context, 1 / across);
  }

  drawBackdrop() {
    this.stale = false;
    const ratio = window.devicePixelRatio || 1;
    const { view, site, channel } = this.shown;
    const pixels = ratio * view.scale * Math.max(view.image.h, view.image.w);
    const scene = { view, photo: site.photo(), dim: site.dim() };
    const maps = site.factors.maps();
    paint(this.backdrop, { ...scene, heat: maps && this.blend.draw(maps, site.factors.drawn(), pixels) }, ratio);
    const raw = channel.get("beside") ? site.factors.raw() : null;
    if (raw) paint(this.raw, { ...scene, heat: this.rawBlend.draw(raw.maps, raw.drawn, pixels) }, ratio);
  }
}
