// What is going on, and which page of images is shown.

import { listen, make, say } from "../kit/dom.js";

export class Foot {
  /** @param {import("../kit/follow.js").Model} model @param {AbortSignal} signal */
  constructor(model, signal) {
    this.model = model;
    this.status = make("span", { class: "dffw-compare-status dffw-grow", aria: { role: "status" } });
    this.bar = make("progress", { max: 1, aria: { label: "Progress" } });
    this.stop = make("button", { class: "dffw-btn", text: "Cancel" });
    this.back = make("button", { class: "dffw-btn", text: "‹", aria: { label: "Page before" } });
    this.forth = make("button", { class: "dffw-btn", text: "›", aria: { label: "Next page" } });
    this.where = make("span", { class: "dffw-num" });
    this.pager = make("span", { class: "dffw-compare-pager" }, this.back, this.where, this.forth);
    this.element = make("div", { class: "dffw-compare-foot" }, this.status, this.bar, this.stop, this.pager);
    listen(this.stop, "click", () => model.send({ do: "cancel" }), signal);
    listen(this.back, "click", () => model.send({ do: "page", step: -1 }), signal);
    listen(this.forth, "click", () => model.send({ do: "page", step: 1 }), signal);
  }

  sync() {
    const [status, busy, progress, error, page, pages] = ["status", "busy", "progress", "error", "page", "pages"].map(
      (name) => this.model.get(name),
    );
    say(this.status, `${error ? "⚠ " : ""}${status ?? ""}`);
    this.status.classList.toggle("dffw-bad", Boolean(error));
    this.bar.value = progress ?? 0;
    this.bar.hidden = this.stop.hidden = !busy;
    this.pager.hidden = !(pages > 1);
    say(this.where, `page ${page + 1} of ${pages}`);
    this.back.disabled = page <= 0;
    this.forth.disabled = page >= pages - 1;
  }
}
