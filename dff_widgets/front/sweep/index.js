// The sweep: what it runs over, its controls, the chart, the legend.

import { make } from "../kit/dom.js";
import { follow } from "../kit/follow.js";
import { scope } from "../kit/scope.js";
import { Chart } from "./chart.js";
import { Controls } from "./controls.js";
import { legendOf } from "./legend.js";
import { Pickers } from "./pickers.js";

/** @typedef {import("../kit/follow.js").Model} Model */

const HINT = "click a point: its factors; again: the gallery";

class SweepPane {
  /** @param {HTMLElement} host @param {Model} model @param {{asleep: () => boolean, hint: string}} place @param {AbortSignal} signal */
  constructor(host, model, { asleep, hint }, signal) {
    this.host = host;
    this.model = model;
    this.asleep = asleep;
    this.hint = hint; // what a click on a point does
    this.controls = new Controls(model, signal);
    this.pickers = new Pickers(model, signal);
    this.chart = new Chart(model, signal);
    this.legend = make("ul", { class: "dffw-sweep-legend", aria: { label: "Layers of the chart" } });
    this.width = 0; // for which the chart is drawn
    host.classList.add("dffw-sweep");
    host.replaceChildren(
      this.controls.element,
      make(
        "div",
        { class: "dffw-sweep-main" },
        this.pickers.element,
        make("div", { class: "dffw-sweep-figure" }, this.chart.element, this.legend),
      ),
    );
    const on = follow(model, signal);
    on(["layers", "ks", "seeds", "points", "colors", "measure"], () => this.draw());
    on(["selected"], () => this.chart.choose());
    on(["state", "status", "progress", "scored", "measure"], () => this.controls.sync(this.asleep()));
    on(["options"], () => this.pickers.build());
    on(["layers", "ks", "seeds"], () => this.pickers.sync());
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(this.chart.element);
    this.refresh();
  }

  refresh() {
    this.pickers.build();
    this.pickers.sleep(this.asleep());
    this.controls.sync(this.asleep());
    this.draw();
  }

  resize() {
    const width = this.chart.element.clientWidth;
    if (width && width !== this.width) this.draw();
  }

  draw() {
    const [layers, ks, seeds, points, measure, colors] = ["layers", "ks", "seeds", "points", "measure", "colors"].map(
      (name) => this.model.get(name),
    );
    if (!ks?.length) return; // the kernel has not said it yet
    this.width = this.chart.element.clientWidth;
    this.chart.draw();
    this.legend.replaceChildren(...legendOf({ layers, seeds, points, measure, colors, hint: this.hint }));
    this.host.dataset.frames = String(Number(this.host.dataset.frames ?? 0) + 1);
  }

  dispose() {
    this.watch.disconnect();
    this.host.classList.remove("dffw-sweep");
    this.host.replaceChildren();
  }
}

/**
 * In the app.
 * @param {HTMLElement} host
 * @param {import("../kit/types.d.ts").Context} context
 */
export function mount(host, context) {
  const model = context.pane("sweep");
  const { signal, end } = scope(context.signal);
  const view = new SweepPane(host, model, { asleep: () => context.asleep(), hint: HINT }, signal);
  context.store.on("asleep", () => view.refresh(), signal);
  model.send({ do: "open" });
  return {
    update: () => view.resize(),
    dispose() {
      end();
      model.send({ do: "shut" });
      view.dispose();
    },
  };
}

/**
 * On its own.
 * @param {HTMLElement} host
 * @param {Model} model
 * @param {AbortSignal} outer
 */
export function mountAlone(host, model, outer) {
  const { signal, end } = scope(outer);
  const view = new SweepPane(host, model, { asleep: () => false, hint: "" }, signal);
  return {
    dispose() {
      end();
      view.dispose();
    },
  };
}
