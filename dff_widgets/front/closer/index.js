// One factor from close up: where it is strongest, what it is made of, what the classifier would see in it.

import { describe, listen, make, say } from "../kit/dom.js";
import { follow } from "../kit/follow.js";
import { scope } from "../kit/scope.js";
import { Urls } from "../kit/urls.js";
import { classSection } from "./classes.js";
import { patchSection } from "./patches.js";
import { spectrumSection } from "./spectrum.js";

class Closer {
  /** @param {HTMLElement} host @param {import("../kit/follow.js").Model} model @param {AbortSignal} signal */
  constructor(host, model, signal) {
    this.host = host;
    this.model = model;
    this.distinct = false; // which channels are shown
    this.pictures = new Urls();
    this.loaded = null; // the pictures that they are of
    this.swatch = make("i", { class: "dffw-closer-swatch" });
    this.title = make("b", { class: "dffw-closer-title", aria: { role: "heading", level: 3 } });
    this.about = make("span", { class: "dffw-closer-hint" });
    this.status = make("span", { class: "dffw-closer-hint", aria: { role: "status" } });
    this.body = make("div", { class: "dffw-closer-body" });
    this.box = make(
      "div",
      { class: "dffw-closer" },
      make("div", { class: "dffw-closer-head" }, this.swatch, this.title, this.about, this.status),
      this.body,
    );
    host.replaceChildren(this.box);
    listen(this.body, "click", (event) => this.click(event), signal);
    const on = follow(model, signal);
    on(["pictures", "patches", "spectrum", "distinct", "classes", "note"], () => this.build());
    on(["factor", "title", "color", "about", "busy"], () => this.head());
    this.build();
  }

  /** The addresses of the pictures; others take their place as soon as there are others. */
  urls() {
    const pictures = this.model.get("pictures") ?? [];
    if (pictures !== this.loaded) this.pictures.replace(pictures);
    this.loaded = pictures;
    return this.pictures.all;
  }

  /** @param {Event} event */
  click(event) {
    const button = /** @type {HTMLElement} */ (event.target).closest("[data-distinct]");
    if (!button) return;
    this.distinct = /** @type {HTMLElement} */ (button).dataset.distinct === "true";
    this.build();
    /** @type {HTMLElement | null} */ (this.body.querySelector("[data-distinct][aria-pressed=true]"))?.focus();
  }

  head() {
    const [color, factor, busy] = ["color", "factor", "busy"].map((name) => this.model.get(name));
    const nothing = !(factor >= 0);
    this.box.style.setProperty("--dffw-color", /^#[0-9a-f]{6}$/i.test(color) ? color : "#999999");
    this.title.textContent = this.model.get("title") ?? "";
    this.about.textContent = this.about.title = this.model.get("about") ?? "";
    for (const part of [this.swatch, this.title, this.about]) part.hidden = nothing;
    this.box.classList.toggle("dffw-busy", Boolean(busy));
    describe(this.body, "busy", Boolean(busy));
    say(
      this.status,
      busy ? "Looking…" : nothing ? "Select a factor to look closer: click its card, or an image where it is." : "",
    );
  }

  build() {
    const [patches, spectrum, apart, classes, note] = ["patches", "spectrum", "distinct", "classes", "note"].map(
      (name) => this.model.get(name),
    );
    /** @type {Node[]} */
    const parts = [];
    if (patches?.length) parts.push(patchSection(patches, this.urls()));
    if (spectrum?.length) parts.push(spectrumSection(spectrum, apart ?? [], this.distinct));
    if (classes?.length) parts.push(classSection(classes));
    if (note) parts.push(make("div", { class: "dffw-closer-note", text: note }));
    this.body.replaceChildren(...parts);
    this.head();
    this.host.dataset.frames = String(Number(this.host.dataset.frames ?? 0) + 1);
  }

  dispose() {
    this.pictures.dispose();
    this.host.replaceChildren();
  }
}

/**
 * @param {HTMLElement} host
 * @param {Pick<import("../kit/types.d.ts").Context, "pane" | "signal">} context
 */
export function mount(host, context) {
  const model = context.pane("closer");
  const { signal, end } = scope(context.signal);
  const view = new Closer(host, model, signal);
  model.send({ do: "open" });
  return {
    dispose() {
      end();
      model.send({ do: "shut" });
      view.dispose();
    },
  };
}
