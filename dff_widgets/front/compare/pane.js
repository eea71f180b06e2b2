// The comparison's pieces put together: two halves, one table of factors, a status line.

import { bytes, listen, make } from "../kit/dom.js";
import { follow } from "../kit/follow.js";
import { slider } from "../kit/slider.js";
import { Urls } from "../kit/urls.js";
import { Foot } from "./foot.js";
import { Half } from "./half.js";
import { SideBar } from "./side_bar.js";
import { Table } from "./table.js";
import { sharesOf, strongestRow, valuesAt } from "./values.js";

/** @typedef {import("../kit/follow.js").Model} Model */

const SIDES = /** @type {const} */ (["left", "right"]);

export class ComparePane {
  /** @param {HTMLElement} host @param {Model} model @param {{networks: () => string[], asleep: () => boolean, grey: () => boolean}} place @param {AbortSignal} signal */
  constructor(host, model, place, signal) {
    this.host = host;
    this.model = model;
    this.place = place;
    this.signal = signal;
    this.urls = new Urls();
    this.loading = 0;
    /** @type {[number, number, number] | null} image, x, y */
    this.pointed = null;
    this.bars = SIDES.map((which) => new SideBar(model, which, place.networks, signal));
    this.halves = SIDES.map((which, s) => new Half(which, this.bars[s].element, signal));
    this.table = new Table({
      show: (row, shown) => this.putAt("visible", row, shown, false),
      fade: (row, opacity, held) => this.putAt("opacity", row, opacity, held),
      select: (row) => this.select(row === model.get("selected") ? -1 : row),
    });
    this.build(signal);
    this.listen(signal);
    this.refresh();
  }

  /** @param {AbortSignal} signal */
  build(signal) {
    const put = (/** @type {string} */ name) => (/** @type {number} */ value, /** @type {boolean} */ held) =>
      this.put(name, value, held);
    this.photo = slider({ label: "Brightness of the photos", value: 1 }, put("photo"), signal);
    this.size = slider(
      { label: "Size of the images in pixels", min: 60, max: 480, step: 10, value: 150 },
      put("tile_size"),
      signal,
    );
    this.foot = new Foot(this.model, signal);
    const view = make(
      "div",
      { class: "dffw-compare-view" },
      make("label", {}, "Photo", this.photo.element),
      make("label", {}, "Size", this.size.element),
    );
    this.table.element.append(view);
    this.host.classList.add("dffw-compare");
    this.host.replaceChildren(
      make(
        "div",
        { class: "dffw-compare-main" },
        make("div", { class: "dffw-compare-halves" }, ...this.halves.map((half) => half.element)),
        this.table.element,
      ),
      this.foot.element,
    );
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    this.halves.forEach((half, s) => {
      half.pointed = (image, x, y) => this.point(image, x, y);
      half.clicked = (image, x, y) => image >= 0 && this.select(this.strongest(s, image, x, y));
    });
    listen(this.host, "keydown", (event) => this.key(event), signal);
    const on = follow(this.model, signal);
    on(["tiles", "captions"], () => this.load());
    on(["heats", "colors", "sides"], () => this.heat());
    on(["opacity", "visible", "photo", "tile_size", "names", "alike", "selected"], () => this.show());
    on(["settings", "layers", "methods", "networks"], () => this.sync());
    on(["status", "busy", "progress", "error", "page", "pages"], () => this.foot?.sync());
  }

  refresh() {
    for (const bar of this.bars) bar.sleep(this.place.asleep());
    this.sync();
    this.foot?.sync();
    this.load();
  }

  /** @param {string} name @param {unknown} value @param {boolean} held drawn, and not yet told to the kernel */
  put(name, value, held) {
    this.model.set(name, value);
    if (!held) this.model.save_changes();
  }

  /** @param {string} name @param {number} row @param {unknown} value @param {boolean} held */
  putAt(name, row, value, held) {
    this.put(
      name,
      this.model.get(name).map((/** @type {unknown} */ old, /** @type {number} */ i) => (i === row ? value : old)),
      held,
    );
  }

  /** @param {number} row */
  select(row) {
    if (row !== this.model.get("selected")) this.put("selected", row, false);
  }

  // ------------------------------------------------------------------------------------------------- the pictures
  async load() {
    this.loading += 1;
    const mine = this.loading;
    const fresh = new Urls();
    const photos = fresh
      .replace(this.model.get("tiles") ?? [])
      .map((src) => make("img", { src, alt: "", draggable: false }));
    await Promise.allSettled(photos.map((photo) => photo.decode()));
    if (mine !== this.loading || this.signal.aborted) {
      fresh.dispose();
      return;
    }
    this.urls.dispose();
    this.urls = fresh;
    for (const half of this.halves) half.build(photos, this.model.get("captions") ?? []);
    this.heat();
  }

  heat() {
    const [sides, heats, colors] = ["sides", "heats", "colors"].map((name) => this.model.get(name) ?? []);
    this.halves.forEach((half, s) => {
      half.heat(sides[s], heats[s] ? bytes(heats[s]) : new Uint8Array(), colors);
    });
    this.show();
  }

  /** What sliders and boxes say, for all heat maps at once. */
  show() {
    const [names, colors, alike, opacity, visible, sides] = [
      "names",
      "colors",
      "alike",
      "opacity",
      "visible",
      "sides",
    ].map((name) => this.model.get(name) ?? []);
    opacity.forEach((/** @type {number} */ value, /** @type {number} */ row) => {
      this.host.style.setProperty(`--dffw-row-${row}`, String(visible[row] ? value : 0));
    });
    const [photo, size] = [this.model.get("photo") ?? 1, this.model.get("tile_size") ?? 150];
    this.host.style.setProperty("--dffw-photo", String(photo));
    this.host.style.setProperty("--dffw-tile", `${size}px`);
    this.host.classList.toggle("dffw-compare-grey", this.place.grey());
    this.photo?.show(photo);
    this.size?.show(size);
    this.table.sync({ names, colors, alike, opacity, visible, selected: this.model.get("selected") ?? -1 });
    this.halves.forEach((half, s) => {
      half.describe(
        sides[s],
        (sides[s]?.rows ?? [])
          .filter((/** @type {number} */ row) => visible[row])
          .map((/** @type {number} */ row) => names[row]),
      );
    });
    if (this.pointed && !this.halves[0].tiles[this.pointed[0]]) this.pointed = null;
    this.fill();
    this.host.dataset.frames = String(Number(this.host.dataset.frames ?? 0) + 1);
  }

  // --------------------------------------------------------------------------------------------- looking closer
  /** @param {number} s @param {number} image @param {number} x @param {number} y */
  strongest(s, image, x, y) {
    return strongestRow(
      valuesAt(this.model.get("sides")[s], this.halves[s].maps[image], x, y),
      this.model.get("visible"),
    );
  }

  /** @param {number} image -1: nowhere @param {number} x @param {number} y */
  point(image, x, y) {
    this.pointed = image < 0 ? null : [image, x, y];
    for (const half of this.halves) half.point(image, x, y);
    this.fill();
  }

  /** The values under the pointer, else how much of what is explained each factor holds. */
  fill() {
    const sides = this.model.get("sides") ?? [];
    const { pointed } = this;
    if (!pointed) {
      this.table.fill(
        sides.length ? "Share of what is explained" : "",
        [sharesOf(sides[0]), sharesOf(sides[1])],
        [-1, -1],
      );
      return;
    }
    const [image, x, y] = pointed;
    const values = SIDES.map((_, s) => valuesAt(sides[s], this.halves[s].maps[image], x, y).map((v) => v?.toFixed(2)));
    this.table.fill(
      "Strength under the pointer, the strongest in bold",
      values,
      SIDES.map((_, s) => this.strongest(s, image, x, y)),
    );
  }

  // ------------------------------------------------------------------------------------------------ what is around
  sync() {
    for (const bar of this.bars) bar.sync();
  }

  /**
   * Digits select a row, Escape none; V shows or hides the selected one; arrows turn the page.
   * @param {KeyboardEvent} event
   */
  key(event) {
    const { target, key } = event;
    const selected = this.model.get("selected");
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const onGrid = this.halves.some(({ grid }) => grid === target);
    if (/^[0-9]$/.test(key) && Number(key) < this.table.all.length) this.select(Number(key));
    else if (key === "Escape" && selected >= 0) this.select(-1);
    else if (key.toLowerCase() === "v" && selected >= 0)
      this.putAt("visible", selected, !this.model.get("visible")[selected], false);
    else if (onGrid && (key === "ArrowLeft" || key === "ArrowRight"))
      this.model.send({ do: "page", step: key === "ArrowLeft" ? -1 : 1 });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  dispose() {
    this.urls.dispose();
    this.table.dispose();
    this.host.classList.remove("dffw-compare", "dffw-compare-grey");
    this.host.replaceChildren();
  }
}
