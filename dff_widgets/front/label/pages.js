// Label on a few images, page after page, and then apply to all.

import { listen, make, say } from "../kit/dom.js";
import { needsKernel } from "../kit/kernel.js";
import { progressOf } from "./parts.js";

/** @typedef {import("../kit/types.d.ts").Context} Context */

const FEW = 5;

export class Pages {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    const { store, signal } = context;
    this.count = make("input", {
      type: "number",
      class: "dffw-box dffw-label-count",
      min: "1",
      max: "999",
      value: String(FEW),
      aria: { label: "Images on a page" },
    });
    this.few = make("button", {
      class: "dffw-btn",
      text: "Label on",
      title: "Find the factors in some images, drawn at random, and name them there",
    });
    this.next = make("button", {
      class: "dffw-btn dffw-primary",
      text: "Next page",
      title: "These are done; look at other images, with the same factors",
    });
    this.skip = make("button", { class: "dffw-btn", text: "Skip", title: "Look at other images; these are not done" });
    this.all = make("button", {
      class: "dffw-btn",
      text: "Apply to all",
      title: "The same factors in all images, measured there",
    });
    this.bar = make("progress", { max: 1, aria: { label: "Images that are done" } });
    this.said = make("p", { class: "dffw-label-hint", aria: { role: "status" } });
    this.paging = make("div", { class: "dffw-label-row" }, this.next, this.skip, this.all);
    this.element = make(
      "section",
      { class: "dffw-label-section" },
      make("h4", { text: "A few images first" }),
      make("div", { class: "dffw-label-row" }, this.few, this.count, make("span", { text: "images" })),
      this.bar,
      this.said,
      this.paging,
    );
    const count = () => Math.max(1, Math.round(Number(this.count.value)) || FEW);
    listen(this.few, "click", () => this.do("few", { n: count() }), signal);
    listen(this.next, "click", () => this.do("page", { skip: false }), signal);
    listen(this.skip, "click", () => this.do("page", { skip: true }), signal);
    listen(this.all, "click", () => this.do("all", {}), signal);
    listen(this.count, "keydown", (event) => event.stopPropagation(), signal);
    needsKernel(store, signal, this.few, this.count, this.next, this.skip, this.all);
    store.on("place", () => this.sync(), signal);
    this.sync();
  }

  /** @param {string} what @param {Record<string, unknown>} payload */
  do(what, payload) {
    this.context.ask(what, payload).catch((error) => say(this.said, error.message));
  }

  sync() {
    const { n, shown, sampling = null } = this.context.store.get("place");
    this.paging.hidden = this.bar.hidden = !sampling;
    if (sampling) this.bar.value = sampling.done / Math.max(sampling.of, 1);
    say(this.said, progressOf(sampling, n, shown.length));
  }
}
