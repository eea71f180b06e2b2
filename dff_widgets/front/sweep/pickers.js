// What a sweep runs over: layers, a range of k, a number of seeds.

import { listen, make } from "../kit/dom.js";

const MOST_SEEDS = 99;

/** The whole numbers from one to another. @param {number} from @param {number} to */
export const range = (from, to) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

/** @param {string} label @param {number} max */
const numberBox = (label, max) =>
  make("input", { type: "number", class: "dffw-box dffw-sweep-number", min: "1", max: String(max), aria: { label } });

export class Pickers {
  /** @param {import("../kit/follow.js").Model} model @param {AbortSignal} signal */
  constructor(model, signal) {
    this.model = model;
    this.layers = make("div", { class: "dffw-sweep-layers", aria: { role: "group", label: "Layers: a curve each" } });
    this.first = numberBox("Smallest k", 99);
    this.last = numberBox("Largest k", 99);
    this.seeds = numberBox("Seeds: random starts of each factorization", MOST_SEEDS);
    this.element = make(
      "div",
      { class: "dffw-sweep-pickers" },
      make("b", { text: "Layers" }),
      this.layers,
      make("div", { class: "dffw-sweep-row" }, "k from", this.first, "to", this.last),
      make("div", { class: "dffw-sweep-row" }, this.seeds, "seeds"),
    );
    listen(this.layers, "change", () => this.chooseLayers(), signal);
    listen(this.first, "change", () => this.chooseKs(this.first), signal);
    listen(this.last, "change", () => this.chooseKs(this.last), signal);
    listen(
      this.seeds,
      "change",
      () => this.put("seeds", range(0, Math.min(Math.max(Number(this.seeds.value) || 1, 1), MOST_SEEDS) - 1)),
      signal,
    );
    listen(this.element, "keydown", (event) => event.stopPropagation(), signal);
  }

  /** @param {string} name @param {unknown[]} value */
  put(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  boxes() {
    return /** @type {HTMLInputElement[]} */ ([...this.layers.querySelectorAll("input")]);
  }

  chooseLayers() {
    const chosen = this.boxes()
      .filter((box) => box.checked)
      .map((box) => box.value);
    if (chosen.length)
      this.put("layers", [
        ...this.model.get("layers").filter((/** @type {string} */ one) => chosen.includes(one)),
        ...chosen.filter((one) => !this.model.get("layers").includes(one)),
      ]);
    else this.sync(); // no layer at all: the last one stays
  }

  /** The other end goes along. @param {HTMLInputElement} moved */
  chooseKs(moved) {
    const most = this.model.get("most") ?? 10;
    const [first, last] = [this.first, this.last].map((box) =>
      Math.min(Math.max(Math.round(Number(box.value)) || 1, 1), most),
    );
    const other = moved === this.first ? [first, Math.max(first, last)] : [Math.min(first, last), last];
    this.put("ks", range(other[0], other[1]));
    this.sync();
  }

  build() {
    const chosen = this.model.get("layers") ?? [];
    /** @type {{name: string, title: string}[]} */
    const options = [...(this.model.get("options") ?? [])];
    options.sort((a, b) => Number(chosen.includes(b.name)) - Number(chosen.includes(a.name))); // what is chosen comes first
    this.element.hidden = !options.length;
    this.layers.replaceChildren(
      ...options.map(({ name, title }) =>
        make(
          "label",
          { class: "dffw-sweep-layer", title },
          make("input", { type: "checkbox", value: name }),
          make("span", { class: "dffw-one-line", text: title }),
        ),
      ),
    );
    this.sync();
  }

  sync() {
    const [layers, ks, seeds] = ["layers", "ks", "seeds"].map((name) => this.model.get(name) ?? []);
    for (const box of this.boxes()) box.checked = layers.includes(box.value);
    for (const [box, value] of /** @type {[HTMLInputElement, number][]} */ ([
      [this.first, ks[0]],
      [this.last, ks[ks.length - 1]],
      [this.seeds, seeds.length],
    ]))
      if (document.activeElement !== box || Number(box.value) !== value) box.value = String(value ?? "");
  }

  /** @param {boolean} asleep */
  sleep(asleep) {
    this.element.inert = asleep;
  }
}
