// The parts, each with the factors that are named after it: a click names the selected factor so, or no longer.

import { describe, listen, make, percent, say } from "../kit/dom.js";
import { needsKernel } from "../kit/kernel.js";
import { factorsOf } from "../kit/levels.js";
import { partsOf } from "./parts.js";

/** @typedef {import("../kit/types.d.ts").Context} Context */

export class PartList {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    const { store, signal } = context;
    this.hint = make("p", { class: "dffw-label-hint" });
    this.list = make("div", { class: "dffw-label-parts", aria: { role: "group", label: "Parts" } });
    this.box = make("input", {
      type: "text",
      class: "dffw-box dffw-grow",
      placeholder: "another part",
      autocomplete: "off",
      dir: "auto",
      aria: { label: "Name the selected factor after another part" },
    });
    this.add = make("button", { class: "dffw-btn", text: "Add" });
    this.parked = make("p", { class: "dffw-label-hint", hidden: true });
    this.element = make(
      "section",
      { class: "dffw-label-section" },
      make("h4", { text: "Parts" }),
      this.hint,
      this.list,
      make("div", { class: "dffw-label-row" }, this.box, this.add),
      this.parked,
    );
    listen(this.list, "click", (event) => this.click(event), signal);
    listen(this.add, "click", () => this.commit(), signal);
    listen(this.box, "keydown", (event) => this.key(event), signal);
    needsKernel(store, signal, this.box, this.add);
    store.on(["appearance", "scores", "stack", "k", "selected", "asleep"], () => this.sync(), signal);
    this.sync();
  }

  parts() {
    const { store } = this.context;
    const factors = factorsOf(store);
    const scores = store.get("scores");
    const measured = scores.k === store.get("k") ? scores.parts : [];
    return partsOf({
      known: store.get("appearance").known,
      measured,
      coverage: scores.coverage,
      names: factors.map(({ names }) => names),
      colors: factors.map(({ color }) => color),
    });
  }

  sync() {
    const { store } = this.context;
    const factors = factorsOf(store);
    const chosen = factors[store.get("selected")];
    say(
      this.hint,
      chosen
        ? `Click a part to name factor ${chosen.index + 1} after it, or no longer.`
        : "Select a factor, then click the part it shows.",
    );
    const parts = this.parts();
    const asleep = this.context.asleep();
    while (this.list.children.length > parts.length) this.list.lastElementChild?.remove();
    while (this.list.children.length < parts.length) this.list.append(row());
    parts.forEach((part, i) => {
      fill(/** @type {HTMLButtonElement} */ (this.list.children[i]), part, chosen, asleep);
    });
    const away = store.get("appearance").parked[store.get("k")] ?? [];
    this.parked.hidden = !away.length;
    say(this.parked, `Not at k = ${store.get("k")}: ${away.join(", ")}`);
  }

  /** @param {MouseEvent} event */
  click(event) {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    const place = [...this.list.children].indexOf(/** @type {Element} */ (button));
    if (place >= 0) this.toggle(this.parts()[place].name);
  }

  /** @param {string} part */
  toggle(part) {
    const { store, ask } = this.context;
    const factor = store.get("selected");
    if (factor < 0) return;
    ask("toggle", { factor, part }).catch((error) => say(this.hint, error.message));
  }

  commit() {
    const part = this.box.value.trim();
    if (!part || this.context.store.get("selected") < 0) return;
    this.box.value = "";
    this.toggle(part);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    event.stopPropagation();
    if (event.key === "Enter") this.commit();
  }
}

function row() {
  return make(
    "button",
    { class: "dffw-label-part" },
    make("span", { class: "dffw-label-dots" }),
    make("span", { class: "dffw-label-name dffw-one-line", dir: "auto" }),
    make("span", { class: "dffw-label-share dffw-num" }),
  );
}

/**
 * @param {HTMLButtonElement} button
 * @param {import("./parts.js").Part} part
 * @param {import("../kit/levels.js").Factor | undefined} chosen
 * @param {boolean} asleep
 */
function fill(button, { name, on, colors, coverage }, chosen, asleep) {
  const [dots, text, share] = button.children;
  dots.replaceChildren(
    ...(colors.length ? colors : [""]).map((color) =>
      make("i", {
        class: `dffw-swatch${color ? "" : " dffw-label-none"}`,
        css: { "--dffw-color": color || "transparent" },
      }),
    ),
  );
  say(text, name);
  say(share, coverage === null ? "" : percent(coverage));
  const own = chosen ? on.includes(chosen.index) : false;
  button.disabled = asleep || !chosen;
  describe(button, "pressed", own);
  button.title = coverage === null ? name : `${name}: ${percent(coverage)} covered`;
  describe(
    button,
    "label",
    `${name}${on.length ? `, factor ${on.map((factor) => factor + 1).join(" and ")}` : ", no factor"}${coverage === null ? "" : `, ${percent(coverage)} covered`}`,
  );
}
