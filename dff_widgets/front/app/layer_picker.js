// The layer: a scrubber over the ends of the network's stages, from early to late, and a menu that lists all.

import { describe, listen, make, say } from "../kit/dom.js";
import { icon } from "../kit/icons.js";
import { menuItem, popover } from "../kit/popover.js";
import { roving } from "../kit/roving.js";

/** @import { Context, LayerChoice } from "../kit/types.d.ts" */

/** @param {LayerChoice | undefined} layer */
export function shapeOf(layer) {
  if (!layer) return "";
  const grid = layer.grid ? `${layer.grid[0]}×${layer.grid[1]}×` : "";
  return `${grid}${layer.channels}`;
}

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export function layerPicker(root, context) {
  const { store, signal } = context;
  const value = make("span", { class: "dffw-one-line", dir: "auto" });
  const button = make("button", { class: "dffw-pick-value" }, value, icon("down"));
  const element = make(
    "div",
    { class: "dffw-pick dffw-layer" },
    make("div", { class: "dffw-depth" }, make("small", { text: "Layer" }), scrubber(context)),
    button,
  );

  function sync() {
    const name = store.get("layer") || store.get("place").layer;
    const layer = store.get("choices").layers.find((other) => other.name === name);
    const shape = shapeOf(layer);
    say(value, shape ? `${name} · ${shape}` : name || "none yet");
    button.title = `Layer ${name}${shape ? `, ${shape}` : ""}: all layers`;
    describe(button, "label", button.title);
  }

  popover(
    button,
    { root, label: "All layers", menu: true },
    (close, opened) => {
      const present = store.get("layer");
      return store.get("choices").layers.map((layer) => {
        const notes = [shapeOf(layer), layer.signed ? "signed" : "", layer.ready ? "ready" : ""].filter(Boolean);
        const go = () => {
          context.choose({ layer: layer.name });
          close();
        };
        const asleep = context.asleep() && layer.name !== store.get("place").layer;
        return menuItem(
          layer.name,
          go,
          { note: notes.join(" · "), checked: layer.name === present, disabled: asleep },
          opened,
        );
      });
    },
    signal,
  );
  button.disabled = store.get("page");
  store.on(["layer", "place", "choices"], sync, signal);
  sync();
  return { element, button };
}

/** @param {Context} context */
function scrubber({ store, choose, release, asleep, signal }) {
  const dots = make("div", { class: "dffw-dots", aria: { role: "radiogroup", label: "Layer, from early to late" } });
  const element = make(
    "div",
    { class: "dffw-scrubber" },
    make("small", { text: "early", aria: { hidden: true } }),
    dots,
    make("small", { text: "late", aria: { hidden: true } }),
  );
  /** @type {HTMLButtonElement[]} */
  let buttons = [];
  let drawn = "";
  const move = roving(dots, signal, (item) => pick(item));

  /** @param {HTMLElement} item @param {boolean} [held] */
  function pick(item, held = false) {
    if (!asleep()) choose({ layer: String(item.dataset.layer) }, { held });
  }

  function build() {
    const layers = store.get("choices").layers.filter((layer) => layer.scrub);
    const signature = JSON.stringify(layers);
    if (signature === drawn) return;
    drawn = signature;
    buttons = layers.map((layer) => {
      const says = `${layer.name}, ${shapeOf(layer)}${layer.ready ? ", ready" : ""}`;
      return make("button", {
        class: layer.ready ? "dffw-dot dffw-ready" : "dffw-dot",
        title: says,
        data: { layer: layer.name },
        aria: { role: "radio", label: says },
      });
    });
    dots.replaceChildren(...buttons);
  }

  function sync() {
    build();
    const present = store.get("layer");
    for (const button of buttons) {
      describe(button, "checked", button.dataset.layer === present);
      button.disabled = asleep() && button.dataset.layer !== present;
    }
    element.hidden = buttons.length < 2;
    move.set(
      buttons.filter((button) => !button.disabled),
      buttons.find((button) => button.dataset.layer === present),
    );
  }

  listen(
    dots,
    "pointerdown",
    (/** @type {PointerEvent} */ down) => {
      const dragging = new AbortController();
      /** @param {PointerEvent} event */
      const follow = (event) => {
        const { left, width } = dots.getBoundingClientRect();
        const at = Math.floor(((event.clientX - left) / width) * buttons.length);
        const button = buttons[Math.min(Math.max(at, 0), buttons.length - 1)];
        if (button) pick(button, true);
      };
      const end = () => {
        dragging.abort();
        release();
      };
      if (down.button === 0) follow(down);
      listen(window, "pointermove", follow, dragging.signal);
      listen(window, "pointerup pointercancel blur", end, dragging.signal);
    },
    signal,
  );
  listen(dots, "click", (event) => event.target.dataset.layer && pick(event.target), signal);
  store.on(["layer", "choices", "asleep"], sync, signal);
  sync();
  return element;
}
