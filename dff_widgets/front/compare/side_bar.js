// The settings of one side: its network, layer, method and k.

import { freshId, listen, make } from "../kit/dom.js";

/** @typedef {import("../kit/follow.js").Model} Model */

export class SideBar {
  /** @param {Model} model @param {"left" | "right"} which @param {() => string[]} networks that can be chosen @param {AbortSignal} signal */
  constructor(model, which, networks, signal) {
    this.model = model;
    this.which = which;
    this.networks = networks;
    const label = which === "left" ? "Left" : "Right";
    this.options = make("datalist", { id: freshId() });
    this.network = make("input", {
      type: "text",
      class: "dffw-box",
      spellcheck: false,
      autocomplete: "off",
      title: "Network: choose one, or type any name of torchvision's or timm's",
      aria: { label: `${label}: network` },
    });
    this.network.setAttribute("list", this.options.id);
    this.layer = make("select", { class: "dffw-box", title: "Layer", aria: { label: `${label}: layer` } });
    this.method = make("select", { class: "dffw-box", title: "Method", aria: { label: `${label}: method` } });
    this.k = make("input", {
      type: "number",
      class: "dffw-box dffw-compare-k",
      min: "1",
      title: "Number of factors",
      aria: { label: `${label}: factors k` },
    });
    this.element = make(
      "div",
      { class: "dffw-compare-bar", aria: { role: "group", label: `${label}: settings` } },
      this.network,
      this.options,
      this.layer,
      this.method,
      make("label", { class: "dffw-compare-klabel" }, "k", this.k),
    );
    listen(this.network, "change", () => this.set("network", this.network.value.trim()), signal);
    listen(this.layer, "change", () => this.set("layer", this.layer.value), signal);
    listen(this.method, "change", () => this.set("method", this.method.value), signal);
    listen(this.k, "change", () => this.set("k", Math.round(Number(this.k.value)) || 1), signal);
    listen(this.element, "keydown", (event) => event.stopPropagation(), signal);
  }

  place() {
    return this.which === "left" ? 0 : 1;
  }

  /** @param {string} name @param {unknown} value */
  set(name, value) {
    if (value === this.model.get("settings")[this.place()]?.[name]) return;
    if (name === "network" && !value) this.sync();
    else this.model.send({ do: "side", which: this.which, name, value });
  }

  sync() {
    const side = this.model.get("settings")?.[this.place()];
    if (!side) return;
    const listed = this.model.get("layers")[this.place()] ?? [];
    const layers = listed.some((/** @type {any} */ one) => one.name === side.layer)
      ? listed
      : [{ name: side.layer, title: side.layer || "default layer" }, ...listed];
    choices(
      this.layer,
      layers.map((/** @type {any} */ one) => [one.name, one.title]),
      side.layer,
    );
    choices(this.method, this.model.get("methods"), side.method);
    const names = [...new Set([side.network, ...this.networks(), ...(this.model.get("networks") ?? [])])];
    this.options.replaceChildren(...names.map((value) => make("option", { value })));
    this.k.max = String(this.model.get("most"));
    if (document.activeElement !== this.network) this.network.value = side.network;
    if (document.activeElement !== this.k) this.k.value = String(side.k);
  }

  /** @param {boolean} asleep */
  sleep(asleep) {
    this.element.inert = asleep;
  }
}

/** @param {HTMLSelectElement} select @param {[string, string][]} all value and text @param {string} value */
function choices(select, all, value) {
  const said = JSON.stringify(all);
  if (select.dataset.said !== said)
    select.replaceChildren(...all.map(([own, text]) => make("option", { value: own, text })));
  select.dataset.said = said;
  select.value = value;
}
