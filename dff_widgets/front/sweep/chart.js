// Fig. 4 while it grows: a curve per layer over k, and every factorization as a point that can be chosen.

import { listen, make } from "../kit/dom.js";
import { draw } from "../kit/svg.js";
import { axesOf, curveOf, pointOf, text } from "./drawing.js";
import { describePoint, heightOf, keyOf, shownOf } from "./measure.js";
import { frameOf, neighbourOf } from "./plot.js";

/**
 * @typedef {import("./measure.js").Point} Point
 * @typedef {{point: Point, x: number, y: number, element: SVGElement}} Mark
 */

const REACH = 16; // CSS pixels from a point at which the pointer still finds it
const NARROWEST = 240;

export class Chart {
  /** @param {import("../kit/follow.js").Model} model @param {AbortSignal} signal */
  constructor(model, signal) {
    this.model = model;
    this.svg = draw("svg", { class: "dffw-sweep-chart" });
    this.tip = make("div", { class: "dffw-sweep-tip", hidden: true, aria: { hidden: "true" } });
    this.element = make("div", { class: "dffw-sweep-plot" }, this.svg, this.tip);
    this.chosen = draw("circle", { r: 9, class: "dffw-sweep-chosen" });
    this.ring = draw("circle", { r: 9, class: "dffw-sweep-ring" });
    /** @type {Mark[]} from left to right */
    this.marks = [];
    this.told = ""; //    the key of the point that the tip is about
    this.focused = ""; // the key of the point that has, or had last, the focus
    const on = (/** @type {string} */ name, /** @type {(event: any) => void} */ f) => listen(this.svg, name, f, signal);
    on("pointermove", (event) => this.tell(this.nearest(event)));
    on("pointerleave", () => this.tell(this.underFocus()));
    on("click", (event) => this.click(event));
    on("focusin", ({ target }) => this.focus(target));
    on("focusout", () => this.tell(undefined));
    on("keydown", (event) => this.key(event));
  }

  /** @param {string} name */
  get(name) {
    return this.model.get(name);
  }

  /** @param {Point} point */
  lines(point) {
    const seeds = this.marks.filter((m) => m.point.layer === point.layer && m.point.k === point.k);
    return describePoint(
      point,
      seeds.map((m) => heightOf(m.point, this.get("measure"))),
      this.get("measure"),
    );
  }

  draw() {
    const [layers, ks, seeds, measure, colors] = ["layers", "ks", "seeds", "measure", "colors"].map((name) =>
      this.get(name),
    );
    const points = shownOf(this.get("points"), layers, measure);
    const frame = frameOf({ width: Math.max(this.element.clientWidth, NARROWEST), ks, seeds, points, measure });
    const active = this.svg.contains(/** @type {any} */ (this.svg.getRootNode()).activeElement);
    const curves = draw("g", { "aria-hidden": "true" });
    this.marks = layers.flatMap((/** @type {string} */ layer, /** @type {number} */ i) => {
      const color = colors[i % colors.length];
      const own = points.filter((p) => p.layer === layer);
      curves.append(...curveOf(frame, ks, own, measure, color));
      return own.map((point) => {
        const [x, y] = [frame.x(point.k) + frame.dodge(point.seed), frame.y(heightOf(point, measure))];
        return { point, x, y, element: pointOf(i, x, y, color) };
      });
    });
    this.marks.sort((a, b) => a.x - b.x || b.y - a.y);
    const choices = draw("g", { role: "listbox", "aria-label": "Factorizations" }, ...this.marks.map((m) => m.element));
    const nothing = text(frame.width / 2, frame.height / 2 - 20, "no results yet", { class: "dffw-axis" });
    this.svg.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
    this.svg.setAttribute("height", String(frame.height));
    this.svg.replaceChildren(
      axesOf(frame, ks, measure),
      curves,
      this.marks.length ? choices : nothing,
      draw("g", { "aria-hidden": "true" }, this.chosen, this.ring),
    ); // above the points, which may overlap
    this.choose();
    this.tell(this.find(this.told));
    if (active) /** @type {any} */ (this.find(this.focused)?.element)?.focus({ preventScroll: true });
  }

  /** @param {string} key */
  find(key) {
    return this.marks.find((m) => keyOf(m.point) === key);
  }

  /** Mark the selected point; one stop of the Tab key. */
  choose() {
    const selected = keyOf(this.get("selected") ?? {});
    const stop = this.find(this.focused) ?? this.find(selected) ?? this.marks[0];
    circle(this.chosen, this.find(selected));
    for (const mark of this.marks) {
      mark.element.setAttribute("aria-selected", String(keyOf(mark.point) === selected));
      mark.element.setAttribute("aria-label", this.lines(mark.point).slice(0, 2).join(": "));
      mark.element.setAttribute("tabindex", mark === stop ? "0" : "-1");
    }
  }

  /** @param {Point} point */
  select({ layer, k, seed }) {
    if (keyOf(this.get("selected") ?? {}) === keyOf({ layer, k, seed })) {
      this.model.send({ do: "again" });
      return;
    }
    this.model.set("selected", { layer, k, seed });
    this.model.save_changes();
    this.choose();
  }

  /** @param {Mark | undefined} mark */
  tell(mark) {
    this.told = mark ? keyOf(mark.point) : "";
    circle(this.ring, mark);
    this.tip.hidden = !mark;
    if (!mark) return;
    const [head, ...lines] = this.lines(mark.point);
    this.tip.replaceChildren(make("b", { text: head }), ...lines.map((line) => make("div", { text: line })));
    const room = this.element.clientWidth - this.tip.offsetWidth - 4;
    this.tip.style.left = `${Math.max(4, Math.min(mark.x + 12, room))}px`;
    this.tip.style.top =
      mark.y > this.tip.offsetHeight + 14 ? `${mark.y - this.tip.offsetHeight - 10}px` : `${mark.y + 12}px`;
  }

  /** @param {MouseEvent} event */
  nearest(event) {
    const box = this.svg.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const away = (/** @type {Mark} */ m) => Math.hypot(m.x - x, m.y - y);
    const best = this.marks.reduce(
      (a, b) => (!a || away(b) < away(a) ? b : a),
      /** @type {Mark | undefined} */ (undefined),
    );
    return best && away(best) <= REACH ? best : undefined;
  }

  underFocus() {
    return this.marks.find((m) => m.element === /** @type {any} */ (this.svg.getRootNode()).activeElement);
  }

  /** @param {MouseEvent} event */
  click(event) {
    const mark = this.nearest(event);
    if (!mark) return;
    this.focused = keyOf(mark.point);
    this.select(mark.point);
    mark.element.focus({ preventScroll: true });
  }

  /** @param {EventTarget} target */
  focus(target) {
    const mark = this.marks.find((m) => m.element === target);
    if (!mark) return;
    this.focused = keyOf(mark.point);
    this.choose();
    this.tell(mark);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const mark = this.underFocus();
    if (!mark || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") this.select(mark.point);
    else if (/^(Arrow(Up|Down|Left|Right)|Home|End)$/.test(event.key))
      neighbourOf(this.marks, mark, event.key)?.element.focus({ preventScroll: true });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** @param {SVGElement} element @param {Mark | undefined} mark */
function circle(element, mark) {
  element.setAttribute("visibility", mark ? "visible" : "hidden");
  if (mark) element.setAttribute("transform", `translate(${mark.x} ${mark.y})`);
}
