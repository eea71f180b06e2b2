// Steering: the selected factor is split, merged, dropped, locked; a click on an image makes one, or makes one more like it.

import { describe, listen, make, say } from "../kit/dom.js";
import { icon } from "../kit/icons.js";
import { factorsOf } from "../kit/levels.js";
import { menuItem, popover } from "../kit/popover.js";

/** @import { Context } from "../kit/types.d.ts" */

const NOTHING = "Select a factor to split, merge, drop or lock it.";
const POINT = { add: "Click what the new factor shall be.", refine: "Click what this factor shall be like." };

/**
 * @param {HTMLElement} host
 * @param {HTMLElement} root
 * @param {Context} context
 */
export function mountSteer(host, root, context) {
  const { store, signal } = context;
  const heading = make("span", { dir: "auto", class: "dffw-one-line" });
  const said = make("p", { class: "dffw-steer-said dffw-mut", aria: { role: "status" } });
  const row = make("div", { class: "dffw-assign", aria: { role: "group", label: "Steer" } });
  const steps = stepButtons(context, steer);
  const element = make("section", { class: "dffw-section", aria: { label: "Steer the factors" } });
  element.append(make("h4", {}, heading, steps.element), row, said);
  host.append(element);
  let problem = "";

  /** @param {string} verb @param {Record<string, unknown>} [content] */
  async function steer(verb, content = {}) {
    problem = "";
    store.set({ pointing: "" });
    try {
      await context.ask("steer", { verb, ...content });
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    if (!signal.aborted) sync();
  }

  const own = ownButtons(root, context, steer);
  const points = pointButtons(context);
  row.append(...own.buttons, ...points.buttons);

  function sync() {
    const selected = factorsOf(store)[store.get("selected")];
    const pointing = store.get("pointing");
    element.hidden = context.alone || store.get("page") || !store.get("stack").ks.length;
    say(heading, selected ? `Steer ${selected.title}` : "Steer");
    say(said, problem || (pointing ? POINT[pointing] : selected ? "" : NOTHING));
    said.classList.toggle("dffw-bad", problem !== "");
    root.classList.toggle("dffw-pointing", pointing !== "");
    own.sync();
    points.sync();
    steps.sync();
  }
  store.on(["selected", "k", "stack", "appearance", "place", "asleep", "page", "pointing"], sync, signal);
  store.on(
    "pointed",
    () => {
      const factor = store.get("pointing") === "refine" ? store.get("selected") : null;
      steer("anchor", { points: [store.get("pointed")], factor });
    },
    signal,
  );
  listen(
    root,
    "keydown",
    (event) => {
      if (event.key !== "Escape" || !store.get("pointing")) return;
      event.preventDefault();
      event.stopPropagation();
      store.set({ pointing: "" });
    },
    signal,
    { capture: true },
  );
  sync();
  return { steer };
}

/** @typedef {(verb: string, content?: Record<string, unknown>) => Promise<void>} Steer */

/** Of the selected factor. @param {HTMLElement} root @param {Context} context @param {Steer} steer */
function ownButtons(root, { store, signal }, steer) {
  const button = (/** @type {string} */ text, /** @type {string} */ title) =>
    make("button", { class: "dffw-btn", text, title });
  const split = button("Split", "Two factors in place of this one, which share what it explains");
  const merge = button("Merge …", "One factor in place of this one and another");
  const drop = button("Drop", "The other factors without this one");
  const lock = button("Lock", "What this factor is made of stays while others are fitted again");
  const selected = () => store.get("selected");
  listen(split, "click", () => steer("split", { factor: selected() }), signal);
  listen(drop, "click", () => steer("drop", { factor: selected() }), signal);
  listen(lock, "click", () => steer("lock", { factors: toggled(store.get("place").locked ?? [], selected()) }), signal);
  popover(
    merge,
    { root, label: "Merge with", menu: true },
    (close, opened) =>
      factorsOf(store)
        .filter(({ index }) => index !== selected())
        .map(({ index, title }) => {
          const run = () => {
            close();
            steer("merge", { factor: selected(), other: index });
          };
          return menuItem(title, run, {}, opened);
        }),
    signal,
  );
  return {
    buttons: [split, merge, drop, lock],
    sync() {
      const none = selected() < 0 || store.get("asleep");
      const locked = (store.get("place").locked ?? []).includes(selected());
      split.disabled = lock.disabled = none;
      merge.disabled = drop.disabled = none || store.get("k") < 2;
      say(lock, locked ? "Unlock" : "Lock");
      describe(lock, "pressed", locked);
    },
  };
}

/** That wait for a click on an image. @param {Context} context */
function pointButtons({ store, signal }) {
  const add = make("button", {
    class: "dffw-btn",
    text: "Add by a click",
    title: "A new factor, like what is clicked",
  });
  const refine = make("button", {
    class: "dffw-btn",
    text: "Refine by a click",
    title: "The selected factor, more like what is clicked",
  });
  const toggle = (/** @type {"add" | "refine"} */ what) =>
    store.set({ pointing: store.get("pointing") === what ? "" : what });
  listen(add, "click", () => toggle("add"), signal);
  listen(refine, "click", () => toggle("refine"), signal);
  return {
    buttons: [add, refine],
    sync() {
      const asleep = store.get("asleep");
      add.disabled = asleep;
      refine.disabled = asleep || store.get("selected") < 0;
      describe(add, "pressed", store.get("pointing") === "add");
      describe(refine, "pressed", store.get("pointing") === "refine");
    },
  };
}

/** @param {Context} context @param {Steer} steer */
function stepButtons({ store, signal }, steer) {
  const step = (/** @type {"undo" | "redo"} */ name, /** @type {string} */ label) =>
    make("button", { class: "dffw-tool dffw-step", title: label, aria: { label } }, icon(name));
  const undo = step("undo", "Undo the last steering");
  const redo = step("redo", "Steer so again");
  listen(undo, "click", () => steer("undo"), signal);
  listen(redo, "click", () => steer("redo"), signal);
  return {
    element: make("span", { class: "dffw-steps" }, undo, redo),
    sync() {
      const steps = store.get("place").steer ?? { undo: 0, redo: 0 };
      undo.disabled = !steps.undo || store.get("asleep");
      redo.disabled = !steps.redo || store.get("asleep");
      undo.hidden = redo.hidden = !steps.undo && !steps.redo;
    },
  };
}

/** @param {number[]} list @param {number} one */
const toggled = (list, one) => (list.includes(one) ? list.filter((other) => other !== one) : [...list, one]);
