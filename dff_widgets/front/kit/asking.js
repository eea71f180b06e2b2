// Messages to the kernel and back: a request and its answers, and whether anybody answers at all.

import { ASLEEP } from "./kernel.js";

/** @import { Answer, Ask, Model, PaneModel, State, Store } from "./types.d.ts" */

const PATIENCE = 3000; // ms without an answer to the first question: asleep

/**
 * @typedef {object} Question
 * @property {(answer: Answer) => void} resolve
 * @property {(problem: Error) => void} reject
 * @property {((answer: Answer) => void) | undefined} part
 */

/**
 * Requests, and sub-models of panes, over the one channel of the model.
 * @param {Model} model
 * @param {Store<State>} store
 * @param {AbortSignal} signal
 */
export function asking(model, store, signal) {
  /** @type {Map<string, Question>} */
  const open = new Map();
  /** @type {Map<string, ReturnType<typeof paneModel>>} */
  const panes = new Map();
  const me = Math.random().toString(36).slice(2); // other views of this model hear the same answers
  let asked = 0;
  let heardAt = performance.now();
  let greeting = false; // a hello waits for its answer

  /** Somebody is there. */
  function awake() {
    heardAt = performance.now();
    store.set({ asleep: false });
  }

  /** A message could not even be sent: nobody will answer those before it. */
  function lost() {
    store.set({ asleep: true });
    for (const { reject } of open.values()) reject(new Error(ASLEEP));
    open.clear();
  }

  /** @param {Record<string, unknown>} content @param {ArrayBuffer[]} buffers */
  function send(content, buffers) {
    try {
      Promise.resolve(model.send?.(content, undefined, buffers)).catch(lost);
    } catch {
      lost();
    }
  }

  /** @type {Ask} */
  function ask(what, payload = {}, { buffers = [], part } = {}) {
    asked += 1;
    const id = `${me}-${asked}`;
    return new Promise((resolve, reject) => {
      open.set(id, { resolve, reject, part });
      send({ do: what, id, ...payload }, buffers);
    });
  }

  /** @param {Record<string, any>} content @param {DataView[]} buffers */
  function hear(content, buffers = []) {
    awake();
    if (content.pane !== undefined) {
      panes.get(content.pane)?.hear(content, buffers);
      return;
    }
    const question = open.get(content.re);
    if (!question) return;
    if (content.part) {
      question.part?.({ content, buffers });
      return;
    }
    open.delete(content.re);
    if (content.problem) question.reject(new Error(content.problem));
    else question.resolve({ content, buffers });
  }

  model.on("msg:custom", hear);
  model.on("change:status", awake); // the kernel alone writes it
  signal.addEventListener("abort", () => {
    model.off("msg:custom", hear);
    model.off("change:status", awake);
    open.clear();
  });

  /** Ask whether somebody is there; without an answer the app says that it is asleep. @param {number} [patience] ms */
  function hello(patience = PATIENCE) {
    if (greeting) return;
    greeting = true;
    const waiting = setTimeout(() => store.set({ asleep: true }), patience);
    signal.addEventListener("abort", () => clearTimeout(waiting));
    const done = () => {
      greeting = false;
      clearTimeout(waiting);
    };
    ask("hello").then(done, done);
  }

  /** For how many ms nothing has been heard. */
  const quiet = () => performance.now() - heardAt;

  /** @param {string} name @returns {PaneModel} */
  function pane(name) {
    const found = panes.get(name) ?? paneModel(name, send);
    panes.set(name, found);
    return found.model;
  }

  return { ask, hello, pane, quiet };
}

/**
 * A model whose values live in messages: {pane, set: {name: value}, keys: [name, ...]}, the buffers under the keys; of a
 * list of buffers each has a key [name, place].
 * @param {string} name
 * @param {(content: Record<string, unknown>, buffers: ArrayBuffer[]) => void} send
 */
function paneModel(name, send) {
  /** @type {Record<string, any>} */
  const values = {};
  /** @type {Record<string, Function[]>} */
  const listeners = {};
  /** @type {Set<string>} */
  const changed = new Set();

  /** @param {string} event @param {...any} args */
  const fire = (event, ...args) => {
    for (const listener of [...(listeners[event] ?? [])]) listener(...args);
  };
  /** @param {Record<string, any>} changes */
  const put = (changes) => {
    Object.assign(values, changes);
    for (const key of Object.keys(changes)) fire(`change:${key}`);
  };

  return {
    /** @type {PaneModel} */
    model: {
      get: (key) => values[key],
      set(key, value) {
        const changes = typeof key === "string" ? { [key]: value } : key;
        for (const own of Object.keys(changes)) changed.add(own);
        put(changes);
      },
      on(event, listener) {
        listeners[event] = [...(listeners[event] ?? []), listener];
      },
      off(event, listener) {
        listeners[event] = (listeners[event] ?? []).filter((other) => other !== listener);
      },
      save_changes() {
        if (!changed.size) return;
        const set = Object.fromEntries([...changed].map((key) => [key, values[key]]));
        changed.clear();
        send({ pane: name, set }, []);
      },
      send: (content, _callbacks, buffers = []) => send({ ...content, pane: name }, buffers),
    },
    /** @param {Record<string, any>} content @param {DataView[]} buffers */
    hear(content, buffers) {
      const { pane: _, set, keys = [], ...rest } = content;
      /** @type {Record<string, any>} */
      const whole = { ...set };
      keys.forEach((/** @type {string | [string, number]} */ key, /** @type {number} */ i) => {
        if (typeof key === "string") whole[key] = buffers[i];
        else whole[key[0]][key[1]] = buffers[i];
      });
      if (set || keys.length) put(whole);
      if (Object.keys(rest).length) fire("msg:custom", rest, keys.length ? [] : buffers);
    },
  };
}
