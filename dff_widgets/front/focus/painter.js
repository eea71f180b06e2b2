// What the pointer does on the image: strokes, polygons, moving it about.

import { listen } from "../kit/dom.js";
import { clamp } from "./view.js";

/**
 * @typedef {import("./view.js").Point} Point
 * @typedef {import("./masks.js").Shape} Shape
 * @typedef {object} Desk what the painter works on
 * @property {HTMLCanvasElement} canvas
 * @property {import("./view.js").View} view
 * @property {import("./masks.js").Masks} masks
 * @property {import("./channel.js").Channel} channel
 * @property {() => boolean} mayPaint says why not, where not
 * @property {() => void} moved the image is elsewhere on the screen
 * @property {() => void} changed something else is to be drawn
 */

const CLOSE = 7; // screen pixels from a corner that are the corner itself

const tenths = (/** @type {number} */ v) => Math.round(10 * v) / 10;

export class Painter {
  /** @param {Desk} desk @param {AbortSignal} signal */
  constructor(desk, signal) {
    this.desk = desk;
    /** in image pixels, while over the canvas @type {Point | null} */
    this.pointer = null;
    /** while a button is down @type {"" | "pan" | "stroke"} */
    this.busy = "";
    /** of the screen, from where the image is dragged @type {Point} */
    this.grip = [0, 0];
    this.space = false;
    this.shift = false;
    /** of the polygon in the making @type {Point[]} */
    this.corners = [];
    /** the stroke in the making @type {Shape | null} */
    this.shape = null;
    const on = (/** @type {string} */ events, /** @type {(event: any) => void} */ f) =>
      listen(desk.canvas, events, f, signal);
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup pointercancel", (event) => this.up(event));
    on("pointerleave", () => this.leave());
    on("dblclick", () => this.tool() === "polygon" && this.closePolygon());
    on("blur", () => {
      [this.space, this.shift] = [false, false];
    });
    listen(desk.canvas, "wheel", (event) => this.wheel(event), signal, { passive: false });
  }

  tool() {
    return this.desk.channel.get("tool");
  }

  erasing() {
    return this.desk.channel.get("erase") !== this.shift;
  }

  panning() {
    return this.space || this.tool() === "hand";
  }

  /** @param {PointerEvent} event @returns {Point} */
  at(event) {
    const box = this.desk.canvas.getBoundingClientRect();
    return this.desk.view.toImage([event.clientX - box.left, event.clientY - box.top]);
  }

  /** @param {PointerEvent} event */
  down(event) {
    const { canvas, view } = this.desk;
    canvas.focus({ preventScroll: true });
    if (this.busy || event.button > 1 || !view.image.h) return;
    event.preventDefault();
    [this.pointer, this.shift] = [this.at(event), event.shiftKey];
    if (event.button === 1 || this.panning()) {
      [this.busy, this.grip] = ["pan", [event.clientX, event.clientY]];
    } else if (!this.desk.mayPaint()) return;
    else if (this.tool() === "brush") {
      this.busy = "stroke";
      this.shape = this.begin([this.pointer], "stroke");
    } else if (this.tool() === "region") this.ask("region", this.pointer);
    else this.corner(this.pointer);
    if (this.busy) canvas.setPointerCapture(event.pointerId);
    this.desk.changed();
  }

  /** Add a corner to the polygon, or close it where its first one is. @param {Point} point */
  corner(point) {
    const near = (/** @type {Point} */ p) =>
      Math.hypot(p[0] - point[0], p[1] - point[1]) * this.desk.view.scale < CLOSE;
    if (this.corners.length >= 3 && near(this.corners[0])) this.closePolygon();
    else if (!this.corners.length || !near(this.corners[this.corners.length - 1])) this.corners.push(point);
  }

  /** @param {PointerEvent} event */
  move(event) {
    [this.pointer, this.shift] = [this.at(event), event.shiftKey];
    if (this.busy === "pan") {
      this.desk.view.pan(event.clientX - this.grip[0], event.clientY - this.grip[1]);
      this.grip = [event.clientX, event.clientY];
      this.desk.moved();
    } else if (this.shape) {
      const all = event.getCoalescedEvents?.() ?? [];
      const least = clamp((this.shape.radius * this.desk.view.scale) / 8, 1.5, 4);
      for (const each of all.length ? all : [event]) this.extend(this.shape, this.at(each), least);
    }
    this.desk.changed();
  }

  /** Add a point to the stroke, unless it is nearer to the last than anyone could see. @param {Shape} shape @param {Point} point @param {number} least */
  extend(shape, point, least) {
    const [x, y] = shape.points[shape.points.length - 1];
    if (Math.hypot(point[0] - x, point[1] - y) * this.desk.view.scale < least) return;
    shape.points.push(point);
    this.desk.masks.stamp(shape, shape.points.length - 2);
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (!this.busy) return;
    if (this.shape) {
      if (event.type === "pointerup") this.extend(this.shape, this.at(event), 0.01); // a cancelled one says nothing of the place
      this.finish(this.shape);
      this.shape = null;
    }
    this.busy = "";
    this.desk.changed();
  }

  leave() {
    if (!this.busy) this.pointer = null;
    this.desk.changed();
  }

  /** The wheel scrolls the page until the image is being worked on. @param {WheelEvent} event */
  wheel(event) {
    const { canvas, view } = this.desk;
    if (canvas.getRootNode() instanceof Document && document.activeElement !== canvas && !event.ctrlKey) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    const lines = event.deltaMode ? 16 : 1;
    view.zoom(Math.exp(-clamp(event.deltaY * lines, -200, 200) * 0.002), [
      event.clientX - box.left,
      event.clientY - box.top,
    ]);
    this.desk.moved();
  }

  /** @param {Point[]} points @param {"stroke" | "polygon"} kind */
  begin(points, kind) {
    const { masks, channel } = this.desk;
    return masks.begin({
      kind,
      points,
      part: channel.get("part"),
      index: channel.get("place")[0],
      radius: kind === "stroke" ? channel.get("radius") : 0,
      erase: this.erasing(),
    });
  }

  /** Tell the kernel. @param {Shape} shape */
  finish(shape) {
    const { kind, erase, part, index, radius } = shape;
    const points = shape.points.map(([x, y]) => [tenths(x), tenths(y)]);
    shape.id = this.desk.channel.tell({
      do: kind,
      index,
      part,
      mode: this.desk.channel.get("mode"),
      points,
      erase,
      ...(kind === "stroke" ? { radius } : {}),
    });
  }

  /** What the kernel finds around a point. @param {"region"} kind @param {Point} point */
  ask(kind, point) {
    const { view, channel } = this.desk;
    if (!view.holds(point)) return;
    channel.tell({
      do: kind,
      index: channel.get("place")[0],
      part: channel.get("part"),
      mode: channel.get("mode"),
      points: [point.map(tenths)],
      erase: this.erasing(),
    });
  }

  closePolygon() {
    const points = this.corners;
    this.corners = [];
    if (points.length >= 3) this.finish(this.begin(points, "polygon"));
    this.desk.changed();
  }

  /** Drop the polygon in the making; whether there was one. */
  dropPolygon() {
    const there = this.corners.length > 0;
    this.corners = [];
    if (there) this.desk.changed();
    return there;
  }
}
