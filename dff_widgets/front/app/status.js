// The status line: what is there, what is being computed, what went wrong, whether a kernel answers.

import { describe, listen, make, percent, say } from "../kit/dom.js";
import { needsKernel } from "../kit/kernel.js";
import { presentLevel } from "../kit/levels.js";

/** @import { Context, State, Status, Store } from "../kit/types.d.ts" */

const ASLEEP = "No kernel answers: k, colours, names shown, masks and photos still work; the rest wakes with it.";

/**
 * What is there, in words.
 * @param {Store<State>} store
 */
export function summary(store) {
  const level = presentLevel(store);
  if (!level) return store.get("status").text;
  const factors = level.k === 1 ? "1 factor explains" : `${level.k} factors explain`;
  return `${factors} ${percent(level.explained)} of the activations`;
}

/**
 * What the kernel says beside what `summary` says of the present k.
 * @param {string} text  its parts with " · " between
 * @param {boolean} known  there is a summary
 */
export function besides(text, known) {
  const parts = text.split(" · ").filter((part) => !/ explains? \d| images?$/.test(part));
  return known ? parts.join(" · ") : "";
}

/** @param {number | null} seconds */
export function timeLeft(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "";
  if (seconds < 1.5) return "a second left";
  if (seconds < 90) return `${Math.round(seconds)} s left`;
  return `${Math.round(seconds / 60)} min left`;
}

/** @param {Status} status */
export function progress({ step, done, total, left }) {
  const of = total > 0 ? ` ${done.toLocaleString("en")}/${total.toLocaleString("en")}` : "";
  const time = timeLeft(left);
  return `${step}${of}${time ? `, ${time}` : ""}`;
}

/**
 * What is being done: by the model, else the sharp maps that are on their way to the tiles.
 * @param {Store<State>} store
 * @returns {Status}
 */
export function work(store) {
  const status = store.get("status");
  const { done, total } = store.get("sharpening");
  return status.busy || !total ? status : { ...status, step: "sharpening", done, total, left: null, busy: true };
}

/**
 * @param {HTMLElement} host
 * @param {Context} context
 */
export function mountStatus(host, context) {
  const { store, ask, choose, signal } = context;
  const there = make("span", { class: "dffw-one-line" });
  const more = make("span", { class: "dffw-one-line dffw-more-said" });
  const problem = make("span", { class: "dffw-one-line dffw-wrong", hidden: true, aria: { role: "alert" } });
  const doing = make("span", { class: "dffw-one-line dffw-doing dffw-num" });
  const bar = make("progress", { class: "dffw-progress", max: 1, aria: { label: "Done" } });
  const cancel = make("button", { class: "dffw-btn dffw-small", text: "Cancel" });
  const bench = make("div", { class: "dffw-work" }, doing, bar, cancel);
  const live = make("span", { class: "dffw-unseen", aria: { role: "status", live: "polite" } });
  host.append(make("div", { class: "dffw-there" }, problem, there, more), bench, hints(), live);
  const start = make("button", { class: "dffw-btn dffw-primary dffw-small", text: "Start", hidden: true });
  start.title = "So many images take a while: nothing is computed until you say so";
  bench.before(start);
  needsKernel(store, signal, start);
  listen(start, "click", () => ask("start").catch(() => {}), signal);
  listen(cancel, "click", stop, signal);

  function stop() {
    if (!store.get("status").busy && store.get("sharpening").total)
      choose(store.get("look") === "sharp" ? { look: "heat" } : { threshold: null });
    ask("cancel").catch(() => {});
  }

  function sync() {
    const status = store.get("status");
    const asleep = store.get("asleep") && !store.get("page");
    start.hidden = !store.get("place").held;
    say(there, summary(store));
    say(more, asleep ? ASLEEP : besides(status.text, Boolean(presentLevel(store))));
    more.title = more.textContent ?? "";
    host.classList.toggle("dffw-asleep", asleep);
    problem.hidden = !status.problem;
    say(problem, status.problem ?? "");
    problem.title = status.problem ?? "";
    syncWork(work(store), asleep);
  }

  /** @param {Status} status @param {boolean} asleep */
  function syncWork(status, asleep) {
    const busy = status.busy && !asleep;
    bench.classList.toggle("dffw-idle", !busy);
    cancel.disabled = !busy;
    if (busy) say(doing, progress(status));
    if (busy && status.total > 0) bar.value = status.done / status.total;
    else bar.removeAttribute("value");
    describe(bar, "hidden", !busy);
    say(live, busy ? status.step : (status.problem ?? ""));
  }

  store.on(["status", "stack", "k", "asleep", "place", "sharpening"], sync, signal);
  sync();
}

/** The keys that one should know. */
function hints() {
  const key = (/** @type {string} */ text) => make("kbd", { class: "dffw-kbd", text });
  return make(
    "span",
    { class: "dffw-hints", aria: { hidden: true } },
    key("1"),
    "–",
    key("9"),
    " factor  ",
    key("["),
    " ",
    key("]"),
    " k  ",
    key("?"),
    " keys",
  );
}
