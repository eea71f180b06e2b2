// The focus pane: its pieces put together, and what keys and buttons mean.
//
// A stroke is drawn here at once, and told to the kernel as one message when it ends. The kernel owns the masks: its
// answer replaces what was drawn. Everything is in image pixels; `View` alone knows of the screen.

import { describe, listen, make, say } from "../kit/dom.js";
import { follow } from "../kit/follow.js";
import { channelOf } from "./channel.js";
import { FactorList } from "./factor_list.js";
import { keyAction } from "./keys.js";
import { Masks } from "./masks.js";
import { Painter } from "./painter.js";
import { PartList } from "./part_list.js";
import { Screen } from "./screen.js";
import { Toolbar } from "./toolbar.js";
import { clamp, View } from "./view.js";

/** @typedef {import("./site.js").Site} Site @typedef {import("../kit/follow.js").Model} Model */

export class Desk {
  /**
   * @param {HTMLElement} host
   * @param {Model} model
   * @param {(channel: import("./channel.js").Channel, on: any) => Site} place
   * @param {AbortSignal} signal
   */
  constructor(host, model, place, signal) {
    this.host = host;
    this.model = model;
    this.channel = channelOf(model);
    this.view = new View();
    this.masks = new Masks(model);
    const on = follow(model, signal);
    this.site = place(this.channel, on);
    this.screen = new Screen(
      {
        host,
        view: this.view,
        masks: this.masks,
        channel: this.channel,
        site: this.site,
        painter: () => this.painter,
        withMasks: () => this.parts.shown.checked,
      },
      signal,
    );
    this.canvas = this.screen.canvas;
    this.painter = new Painter(
      {
        canvas: this.canvas,
        view: this.view,
        masks: this.masks,
        channel: this.channel,
        mayPaint: () => this.mayPaint(),
        moved: () => this.moved(),
        changed: () => this.changed(),
      },
      signal,
    );
    const done = () => this.canvas.focus({ preventScroll: true });
    this.tools = new Toolbar(this.channel, { ...this.acts(), done }, signal);
    this.parts = new PartList(
      this.channel,
      this.masks,
      {
        clear: () => this.clear(),
        say: (part, presence) => this.declare(part, presence),
        done,
        changed: () => this.screen.schedule(),
      },
      signal,
    );
    this.factors = this.site.alone ? new FactorList(this.channel, signal) : null;
    this.build();
    this.listen(on, signal);
    this.refresh();
  }

  build() {
    this.status = make("div", { class: "dffw-focus-message", aria: { role: "status" } });
    this.readout = make("div", { class: "dffw-focus-readout" });
    this.tag = make("span", { class: "dffw-focus-tag", text: "sharp" });
    this.stage = make("div", { class: "dffw-focus-stage" }, this.canvas, this.tag, this.tools.zoom);
    this.rawStage = make(
      "div",
      { class: "dffw-focus-stage", hidden: true },
      this.screen.raw,
      make("span", { class: "dffw-focus-tag", text: "raw" }),
    );
    const panel = make("div", { class: "dffw-focus-panel" }, this.parts.element, this.factors?.element);
    this.host.classList.add("dffw-focus");
    this.host.classList.toggle("dffw-focus-alone", this.site.alone);
    this.host.replaceChildren(
      this.tools.element,
      make("div", { class: "dffw-focus-main" }, this.rawStage, this.stage, panel),
      make("div", { class: "dffw-focus-status" }, this.status, this.readout),
    );
  }

  /** @param {(names: string[], f: () => void) => void} on @param {AbortSignal} signal */
  listen(on, signal) {
    listen(this.host, "keydown", (event) => this.key(event), signal);
    listen(this.host, "keyup", (event) => this.keyUp(event), signal);
    on(["place"], () => this.painter.dropPolygon());
    on(["parts", "part_colors"], () => {
      this.parts.build();
      this.screen.schedule(); // outlines have these colours
    });
    on(["masks", "mask_size", "place", "parts", "handled"], () => this.loadMasks());
    on(
      [
        "mode",
        "alone",
        "correctable",
        "findable",
        "review",
        "presence",
        "fits",
        "parked",
        "tool",
        "erase",
        "radius",
        "part",
        "place",
        "size",
        "caption",
        "can_undo",
        "can_redo",
        "closed",
        "beside",
      ],
      () => this.mark(),
    );
    on(["status"], () => say(/** @type {Element} */ (this.status), this.channel.get("status")));
    if (this.factors) {
      on(["names", "colors"], () => this.factors?.build());
      on(["visible", "opacity"], () => this.factors?.sync());
    }
    this.site.factors.onChange(() => this.redraw());
    this.site.onPhoto(() => this.redraw());
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(/** @type {Element} */ (this.stage));
  }

  refresh() {
    this.parts.build();
    this.factors?.build();
    say(/** @type {Element} */ (this.status), this.channel.get("status"));
    this.loadMasks();
    this.redraw();
  }

  acts() {
    const { channel } = this;
    return {
      shape: (/** @type {"holes" | "smooth" | "find"} */ kind) => this.shape(kind),
      review: (/** @type {string} */ review) => this.review(review),
      undo: () => void channel.tell({ do: "undo" }),
      redo: () => void channel.tell({ do: "redo" }),
      zoom: (/** @type {number} */ by) => {
        this.view.zoom(by);
        this.moved();
      },
      fit: () => {
        this.view.fit();
        this.moved();
      },
      compare: () => {
        channel.put("beside", !channel.get("beside"));
        this.redraw();
      },
      step: (/** @type {number} */ by) => this.site.step(by),
      close: () => this.site.close(),
    };
  }

  // ------------------------------------------------------------------------------------------------------ painting
  /** Whether there is a part to paint, and somebody to keep what is painted; says so where not. */
  mayPaint() {
    if (this.site.asleep()) this.tell("Painting needs the kernel, which is not running.");
    else if (!this.site.arrived()) this.tell("The image is still on its way.");
    else if (this.channel.get("part")) return true;
    else {
      this.tell("Name a part first.");
      this.parts.picker.focus();
    }
    return false;
  }

  /** What is done to the selected mask as a whole. @param {"clear" | "holes" | "smooth" | "find"} kind */
  shape(kind) {
    const { channel } = this;
    if (!this.mayPaint()) return;
    const [index, part, mode] = [channel.get("place")[0], channel.get("part"), channel.get("mode")];
    channel.tell({ do: kind, index, part, mode });
  }

  clear() {
    this.shape("clear");
  }

  /** @param {string} part @param {string} presence */
  declare(part, presence) {
    if (!this.site.asleep() && this.site.arrived())
      this.channel.tell({ do: presence, index: this.channel.get("place")[0], part });
  }

  /** Accepted or rejected; again takes it back. @param {string} review */
  review(review) {
    if (this.site.asleep() || !this.site.arrived() || !this.channel.get("review")) return;
    const same = this.channel.get("review") === review;
    this.channel.tell({ do: "review", index: this.channel.get("place")[0], review: same ? "unreviewed" : review });
  }

  async loadMasks() {
    if (!(await this.masks.load())) return;
    this.parts.areas();
    this.screen.schedule();
  }

  /** @param {string} sentence */
  tell(sentence) {
    say(/** @type {Element} */ (this.status), sentence);
  }

  // ------------------------------------------------------------------------------------------------------- drawing
  resize() {
    const { clientWidth: w, clientHeight: h } = /** @type {HTMLElement} */ (this.stage);
    if (!w || !h) return;
    this.screen.resize(w, h);
    this.moved();
  }

  /** The image is elsewhere on the screen. */
  moved() {
    this.screen.spoil();
    this.mark();
  }

  /** Photo or factors changed. */
  redraw() {
    const [h = 0, w = 0] = this.site.size();
    this.view.show(h, w);
    this.moved();
  }

  /** The pointer moved, or drew. */
  changed() {
    this.read();
    if (!this.painter.shape) this.parts.areas();
    this.cursor();
    this.screen.schedule();
  }

  // ------------------------------------------------------------------------------------------------ what is around
  mark() {
    const raw = this.site.factors.raw() !== null;
    const compared = raw && this.channel.get("beside");
    /** @type {HTMLElement} */ (this.rawStage).hidden = !compared;
    /** @type {HTMLElement} */ (this.tag).hidden = !compared;
    const caption = this.site.caption();
    describe(this.screen.raw, "label", `Heat maps of ${caption} before they were sharpened`);
    this.tools.sync(this.view, {
      comparable: raw,
      compared,
      place: this.site.place(),
      caption,
      asleep: this.site.asleep(),
    });
    this.parts.mark();
    this.host.hidden = this.site.closed();
    this.cursor();
    this.screen.schedule();
  }

  cursor() {
    const [tool, part] = [this.channel.get("tool"), this.channel.get("part")];
    describe(this.canvas, "label", `${this.site.caption()}; ${tool}${tool !== "hand" && part ? ` for ${part}` : ""}`);
    const grab = this.painter.busy === "pan" ? "grabbing" : "grab";
    this.canvas.style.cursor = this.painter.panning()
      ? grab
      : tool === "brush" && !this.site.asleep()
        ? "none"
        : "crosshair";
  }

  read() {
    const { pointer } = this.painter;
    const inside = pointer && this.view.holds(pointer);
    const [x, y] = inside ? pointer.map(Math.floor) : [0, 0];
    say(/** @type {Element} */ (this.readout), inside ? [`x ${x}, y ${y}`, ...this.masks.under(x, y)].join(" · ") : "");
  }

  // ------------------------------------------------------------------------------------------------------ the keys
  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "Shift") this.painter.shift = true;
    const action = keyAction(event, {
      onCanvas: event.target === this.canvas,
      onRange: event.target === this.tools.radius,
    });
    if (!action || !this.do(action, event)) return;
    event.preventDefault();
    event.stopPropagation();
    this.screen.schedule();
  }

  /** @param {KeyboardEvent} event */
  keyUp({ key }) {
    if (key === " ") this.painter.space = false;
    if (key === "Shift") this.painter.shift = false;
    this.cursor();
    this.screen.schedule();
  }

  /** What a key means; whether it meant anything. @param {string} action @param {KeyboardEvent} event */
  do(action, event) {
    const { channel } = this;
    const acts = this.acts();
    /** @type {Record<string, () => void>} */
    const meanings = {
      undo: acts.undo,
      redo: acts.redo,
      fit: acts.fit,
      compare: acts.compare,
      in: () => acts.zoom(1.25),
      out: () => acts.zoom(1 / 1.25),
      next: () => acts.step(1),
      previous: () => acts.step(-1),
      region: () => channel.put("tool", "region"),
      holes: () => acts.shape("holes"),
      smooth: () => acts.shape("smooth"),
      mode: () => this.parts.turn(),
      accept: () => this.review("accepted"),
      reject: () => this.review("rejected"),
      brush: () => channel.put("tool", "brush"),
      polygon: () => channel.put("tool", "polygon"),
      hand: () => channel.put("tool", "hand"),
      erase: () => channel.put("erase", !channel.get("erase")),
      wider: () => this.scaleRadius(1.2),
      narrower: () => this.scaleRadius(1 / 1.2),
      space: () => {
        this.painter.space = true;
        this.cursor();
      },
      polygonDone: () => this.painter.closePolygon(),
    };
    if (action === "part") {
      const part = channel.get("parts")[Number(event.key) - 1];
      if (part !== undefined) channel.put("part", part);
    } else if (action === "escape") {
      if (this.painter.dropPolygon()) return true;
      if (this.site.alone) return false;
      acts.close();
    } else meanings[action]();
    return true;
  }

  /** @param {number} by */
  scaleRadius(by) {
    const radius = this.channel.get("radius");
    const to = by > 1 ? Math.max(radius * by, radius + 0.5) : Math.min(radius * by, radius - 0.5);
    this.channel.put("radius", clamp(to, 0.5, Number(this.tools.radius.max)));
  }

  dispose() {
    this.watch?.disconnect();
    this.host.classList.remove("dffw-focus", "dffw-focus-alone");
    this.host.replaceChildren();
  }
}
