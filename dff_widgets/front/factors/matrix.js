// How much of each part each factor covers, and what a person names by it: cells assign.

import { describe, listen, make, percent, say } from "../kit/dom.js";
import { afterFrame } from "../kit/frames.js";
import { needsKernel } from "../kit/kernel.js";
import { factorsOf } from "../kit/levels.js";
import { arrow, tabStop } from "../kit/roving.js";

/** @import { Context } from "../kit/types.d.ts" */
/** @import { Factor } from "../kit/levels.js" */

const UPRIGHT = 6; // more columns than this, and their names stand

/**
 * @param {HTMLElement} host
 * @param {Context} context
 */
export function mountMatrix(host, context) {
  const { store, signal } = context;
  const covered = make("span", { class: "dffw-mut dffw-num" });
  const table = make("table", { aria: { label: "Coverage of the parts by the factors" } });
  const frame = make("div", { class: "dffw-matrix" }, table);
  const assigning = assignRow(context);
  const element = make("section", {
    class: "dffw-section",
    hidden: true,
    aria: { label: "Parts covered by each factor" },
  });
  element.append(make("h4", {}, make("span", {}, "Coverage of the parts, %"), covered), frame, assigning.element);
  host.append(element);
  const body = make("tbody");
  /** @type {Row[]} of the factors at the present k; others are kept aside until there are as many again */
  let rows = [];
  /** @type {Row[]} */
  let spare = [];
  let gone = new AbortController(); // of the rows
  let shape = "";

  /** @param {string[]} parts */
  function build(parts) {
    gone.abort();
    gone = new AbortController();
    [rows, spare] = [[], []];
    const head = make(
      "tr",
      {},
      make("td"),
      ...parts.map((part) => make("th", { scope: "col", title: part }, make("span", { text: part, dir: "auto" }))),
    );
    frame.classList.toggle("dffw-many", parts.length > UPRIGHT);
    body.replaceChildren();
    table.replaceChildren(make("thead", {}, head), body);
  }

  /** @param {number} k @param {string[]} parts */
  function lengthen(k, parts) {
    while (rows.length > k) {
      const row = /** @type {Row} */ (rows.pop());
      row.element.remove();
      spare.push(row);
    }
    while (rows.length < k) {
      const row = spare.pop() ?? makeRow(context, rows.length, parts, AbortSignal.any([signal, gone.signal]));
      rows.push(row);
      body.append(row.element);
    }
    const every = rows.flatMap((row) => row.cells);
    if (!every.some((one) => one.tabIndex === 0)) stopAt(every[0]);
  }

  /** @param {HTMLButtonElement | undefined} stop */
  function stopAt(stop) {
    for (const row of [...rows, ...spare]) for (const one of row.cells) tabStop(one, one === stop);
  }

  listen(table, "focusin", (event) => stopAt(event.target), signal);
  listen(
    table,
    "keydown",
    (event) => {
      const step = arrow(event.key);
      const f = rows.findIndex((row) => row.cells.includes(event.target));
      if (!step || f < 0) return;
      event.preventDefault();
      event.stopPropagation();
      rows[f + step[0]]?.cells[rows[f].cells.indexOf(event.target) + step[1]]?.focus();
    },
    signal,
  );

  function sync() {
    const { parts, coverage, covered: done, of, stale, k, mean } = store.get("scores");
    const factors = factorsOf(store);
    const known = parts.length > 0 && k > 0;
    element.hidden = !known;
    if (!known) return;
    const now = JSON.stringify(parts);
    if (now !== shape) build(parts);
    shape = now;
    lengthen(factors.length, parts);
    const old = k !== factors.length;
    element.classList.toggle("dffw-recounted", stale || old);
    say(covered, stale && of > done ? `${done} of ${of} images` : meanOf(mean, old));
    factors.forEach((factor, f) => {
      rows[f].cells.forEach((one, p) => {
        syncCell(one, factor, parts[p], old ? null : (coverage[f]?.[p] ?? 0));
      });
      rows[f].swatch.style.setProperty("--dffw-color", factor.color);
    });
    assigning.sync();
  }
  store.on(["scores", "stack", "k", "appearance", "asleep"], afterFrame(sync, signal), signal);
  sync();
}

/** @typedef {{ element: HTMLElement, swatch: HTMLElement, cells: HTMLButtonElement[] }} Row */

/** @param {Context} context @param {number} factor @param {string[]} parts @param {AbortSignal} signal  @returns {Row} */
function makeRow(context, factor, parts, signal) {
  const cells = parts.map((part) => cell({ ...context, signal }, factor, part));
  const swatch = make("i", { class: "dffw-swatch" });
  const head = make("th", { scope: "row", aria: { label: `factor ${factor + 1}` } }, swatch);
  return { element: make("tr", {}, head, ...cells.map((one) => make("td", {}, one))), swatch, cells };
}

/** @param {Context} context @param {number} factor @param {string} part */
function cell({ ask, store, signal }, factor, part) {
  const button = make("button", { class: "dffw-cell", tabIndex: -1 });
  listen(button, "click", () => store.get("asleep") || ask("toggle", { factor, part }).catch(() => {}), signal);
  return button;
}

/** @param {HTMLButtonElement} button @param {Factor} factor @param {string} part @param {number | null} share  null: not counted yet */
function syncCell(button, factor, part, share) {
  const own = factor.names.includes(part);
  const name = part.slice(0, 100);
  say(button, share === null ? "·" : String(Math.round(100 * share)));
  button.style.setProperty("--dffw-color", factor.color);
  button.style.setProperty("--dffw-part", `${Math.round(52 * (share ?? 0))}%`);
  describe(button, "pressed", own);
  const says = share === null ? "being counted" : `${percent(share)} covered`;
  button.title = `${factor.title.slice(0, 60)} and ${name}: ${says}; click to ${own ? "take the name away" : "name it so"}`;
  describe(button, "label", `Factor ${factor.index + 1}, ${name}: ${says}`);
}

/** @param {number | null} mean @param {boolean} old  of another k */
const meanOf = (mean, old) => (mean === null ? "" : `mean IoU ${old ? "…" : mean.toFixed(2)}`);

/** The buttons under the matrix. @param {Context} context */
function assignRow({ ask, store, signal }) {
  const cut = make("input", {
    type: "number",
    class: "dffw-percent",
    min: "0",
    max: "100",
    step: "5",
    aria: { label: "Coverage in percent above which a part is assigned" },
  });
  const assign = make("button", {
    class: "dffw-join",
    text: "Assign above",
    title: "Name every factor after the parts of which it covers more than this",
  });
  const clear = make("button", { class: "dffw-btn", text: "Clear", title: "Take all names away" });
  const element = make(
    "div",
    { class: "dffw-assign" },
    make("span", { class: "dffw-joined" }, assign, cut, make("span", { class: "dffw-mut", text: "%" })),
    clear,
  );
  listen(
    assign,
    "click",
    () => ask("assign", { threshold: Math.min(Math.max(Number(cut.value) || 0, 0), 100) / 100 }).catch(() => {}),
    signal,
  );
  listen(cut, "keydown", (event) => event.key === "Enter" && assign.click(), signal);
  listen(clear, "click", () => ask("clear").catch(() => {}), signal);
  needsKernel(store, signal, assign, clear, cut);
  return {
    element,
    sync() {
      if (!element.contains(document.activeElement))
        cut.value = String(Math.round(100 * store.get("scores").threshold));
    },
  };
}
