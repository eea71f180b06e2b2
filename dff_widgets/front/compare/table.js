// The factors of both sides, those that are alike in one row: whether it is shown, how strongly, and what each side has.

import { describe, listen, make, say } from "../kit/dom.js";
import { slider } from "../kit/slider.js";

/** @typedef {{element: HTMLElement, show: HTMLInputElement, name: HTMLButtonElement, range: ReturnType<typeof slider>, cells: HTMLElement[], alike: HTMLElement, life: AbortController}} Row */

const HINT = "Correlation of the two heat maps: from 0.5 they share a row and a colour";

export class Table {
  /**
   * @param {{show: (row: number, shown: boolean) => void, fade: (row: number, opacity: number, held: boolean) => void, select: (row: number) => void}} acts
   */
  constructor(acts) {
    this.acts = acts;
    this.caption = make("div", { class: "dffw-compare-hint" });
    this.rows = make("div", { class: "dffw-compare-rows" });
    this.element = make(
      "div",
      { class: "dffw-compare-panel", aria: { role: "group", label: "Factors of both sides" } },
      make("b", { text: "Factors" }),
      this.caption,
      make(
        "div",
        { class: "dffw-compare-row dffw-compare-head" },
        make("span", { class: "dffw-grow" }),
        make("span", { text: "left" }),
        make("span", { text: "right" }),
        make("span", { text: "alike", title: HINT }),
      ),
      this.rows,
    );
    /** @type {Row[]} */
    this.all = [];
  }

  /** @param {number} row */
  make(row) {
    const life = new AbortController();
    const show = make("input", { type: "checkbox" });
    const name = make(
      "button",
      { class: "dffw-compare-name" },
      make("i", { class: "dffw-swatch" }),
      make("span", { class: "dffw-one-line", dir: "auto" }),
    );
    const range = slider({ label: "", value: 1 }, (opacity, held) => this.acts.fade(row, opacity, held), life.signal);
    const cells = [make("span", { class: "dffw-num" }), make("span", { class: "dffw-num" })];
    const alike = make("span", { class: "dffw-num" });
    listen(show, "change", () => this.acts.show(row, show.checked), life.signal);
    listen(name, "click", () => this.acts.select(row), life.signal);
    const element = make(
      "div",
      { class: "dffw-compare-factor" },
      make("div", { class: "dffw-compare-row" }, show, name, ...cells, alike),
      range.element,
    );
    return { element, show, name, range, cells, alike, life };
  }

  /** @param {{names: string[], colors: string[], alike: (number | null)[], opacity: number[], visible: boolean[], selected: number}} now */
  sync({ names, colors, alike, opacity, visible, selected }) {
    while (this.all.length > names.length) this.drop();
    while (this.all.length < names.length) this.add();
    this.all.forEach((row, i) => {
      row.element.style.setProperty("--dffw-color", colors[i]);
      row.element.classList.toggle("dffw-selected", i === selected);
      say(/** @type {Element} */ (row.name.lastElementChild), names[i]);
      describe(row.name, "label", `Select ${names[i]}`);
      describe(row.name, "pressed", i === selected);
      describe(row.show, "label", `Show ${names[i]}`);
      describe(row.range.element, "label", `Opacity of ${names[i]}`);
      row.show.checked = visible[i];
      row.range.show(opacity[i] ?? 1);
      say(row.alike, alike[i]?.toFixed(2) ?? "–");
    });
  }

  add() {
    const row = this.make(this.all.length);
    this.all.push(row);
    this.rows.append(row.element);
  }

  drop() {
    const row = this.all.pop();
    row?.life.abort();
    row?.element.remove();
  }

  /** @param {string} caption @param {(string | undefined)[][]} values of each side, per row @param {number[]} dominant row of each side, -1 for none */
  fill(caption, values, dominant) {
    say(this.caption, caption);
    this.all.forEach(({ cells }, row) => {
      cells.forEach((cell, s) => {
        say(cell, values[s][row] ?? "–");
        cell.classList.toggle("dffw-dominant", dominant[s] === row);
      });
    });
  }

  dispose() {
    while (this.all.length) this.drop();
  }
}
