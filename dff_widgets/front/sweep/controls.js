// Start, pause, cancel; what the curves show; how far it is.

import { listen, make, say } from "../kit/dom.js";
import { segments } from "../kit/segments.js";

const GO = /** @type {Record<string, string>} */ ({ running: "Pause", ready: "Start", done: "Start" });

export class Controls {
  /** @param {import("../kit/follow.js").Model} model @param {AbortSignal} signal */
  constructor(model, signal) {
    this.model = model;
    this.go = make("button", { class: "dffw-btn dffw-primary" });
    this.stop = make("button", { class: "dffw-btn", text: "Cancel" });
    this.what = segments({ label: "What the curves show" }, (measure) => this.choose(measure), signal);
    this.bar = make("progress", { max: 1, aria: { label: "Progress of the sweep" } });
    this.status = make("span", { class: "dffw-sweep-status", aria: { role: "status", live: "polite" } });
    this.element = make(
      "div",
      { class: "dffw-sweep-tools" },
      this.go,
      this.stop,
      this.what.element,
      this.bar,
      this.status,
    );
    listen(this.go, "click", () => model.send({ do: model.get("state") === "running" ? "pause" : "start" }), signal);
    listen(this.stop, "click", () => model.send({ do: "cancel" }), signal);
  }

  /** @param {string} measure */
  choose(measure) {
    this.model.set("measure", measure);
    this.model.save_changes();
  }

  /** @param {boolean} asleep */
  sync(asleep) {
    const [state, scored, measure, progress, status] = ["state", "scored", "measure", "progress", "status"].map(
      (name) => this.model.get(name),
    );
    say(this.go, GO[state] ?? "Go on");
    this.go.disabled = asleep || state === "done";
    this.stop.disabled = asleep || (state !== "running" && state !== "paused");
    this.what.show(
      [
        {
          value: "iou",
          text: "Mean IoU",
          disabled: !scored,
          title: scored ? "Mean best-part IoU" : "These images have no part masks",
        },
        { value: "explained", text: "Explained", title: "Explained energy of the activations" },
      ],
      measure,
    );
    this.bar.value = progress ?? 0;
    say(this.status, `${state === "failed" ? "⚠ " : ""}${status ?? ""}`);
    this.status.classList.toggle("dffw-bad", state === "failed");
  }
}
