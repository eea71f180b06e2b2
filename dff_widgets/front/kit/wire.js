// Between the model of the widget and the store: the model's traits come in, a person's choices go out.

import { createStore } from "./store.js";

/** @import { Choices, Model, State, Told } from "./types.d.ts" */

/** @type {Choices} */
const CHOICES = {
  k: 3,
  layer: "",
  look: "heat",
  photo: "grey",
  percentile: 75,
  threshold: null,
  selected: -1,
  tile_size: 0,
  sort: "as given",
  filter: "",
  reviewed: "",
  tab: "gallery",
  opened: -1,
  opacities: {},
  hidden: [],
  height: 0,
};

/** @type {Told} */
const TOLD = {
  place: {
    images: "",
    n: 0,
    network: "",
    layer: "",
    solver: "",
    focus: "",
    seed: 0,
    size: 0,
    held: false,
    shown: [],
    store: false,
    k_max: 10,
  },
  choices: { networks: [], layers: [], solvers: [], datasets: [], recent: [], exports: [] },
  captions: [],
  sizes: [],
  photos: [],
  stack: { key: "", ks: [], grids: [], kept: 0, suggested: null, levels: [] },
  heat: new Uint8Array(),
  appearance: { levels: {}, parked: {}, known: [], undoable: false, redoable: false },
  scores: {
    k: 0,
    look: "",
    iou: [],
    over: [],
    mean: null,
    coverage: [],
    parts: [],
    threshold: 0.5,
    covered: 0,
    of: 0,
    stale: false,
    summary: "",
  },
  notes: {},
  seen: null,
  status: { text: "", step: "", done: 0, total: 0, left: null, busy: false, problem: null },
  alone: false,
};

/** Traits whose values are objects of known fields. @type {Set<string>} */
const PLAIN = new Set(["place", "choices", "stack", "appearance", "scores", "status"]);

/**
 * A store that follows the model, and how one chooses.
 * @param {Model} model
 * @param {AbortSignal} signal
 */
export function wire(model, signal) {
  const known = { ...CHOICES, ...TOLD };
  const names = /** @type {(keyof typeof known)[]} */ (Object.keys(known));
  /** What the kernel leaves out (before there is a result) is as in TOLD. @param {keyof typeof known} name */
  const read = (name) => {
    const value = model.get(name) ?? known[name];
    return PLAIN.has(name) ? { .../** @type {object} */ (known[name]), .../** @type {object} */ (value) } : value;
  };
  const traits = Object.fromEntries(names.map((name) => [name, read(name)]));
  const page = Boolean(/** @type {any} */ (model).get("page")); // an exported page: there is no kernel
  const store = createStore(
    /** @type {State} */ ({
      ...traits,
      asleep: page,
      page,
      solo: -1,
      hovered: -1,
      pointing: /** @type {State["pointing"]} */ (""),
      pointed: /** @type {number[]} */ ([]),
      sharpening: { done: 0, total: 0 },
      row_height: 140,
      order: /** @type {number[]} */ ([]),
      side: "factors",
      closer: false,
    }),
  );
  for (const name of names) {
    const follow = () => store.set({ [name]: read(name) });
    model.on(`change:${name}`, follow);
    signal.addEventListener("abort", () => model.off(`change:${name}`, follow));
  }

  let untold = false; // something was chosen that the kernel has not heard of

  function release() {
    if (!untold) return;
    untold = false;
    model.save_changes();
  }

  /** @param {Partial<Choices>} changes @param {{ held?: boolean }} [options] */
  function choose(changes, { held = false } = {}) {
    for (const name of /** @type {(keyof Choices)[]} */ (Object.keys(changes))) {
      if (Object.is(store.get(name), changes[name])) continue;
      untold = true;
      model.set(name, /** @type {any} */ (changes[name]));
    }
    store.set(changes);
    if (!held) queueMicrotask(release); // choices of one turn are one message
  }

  return { store, choose, release };
}
