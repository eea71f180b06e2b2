// One store: what there is to draw, and who wants to hear of its changes.

/** @template S @typedef {import("./types.d.ts").Store<S>} Store */

/**
 * Listeners run once after all changes of a turn, however many there were, in the order in which they came to listen.
 * @template {Record<string, any>} S
 * @param {S} initial
 * @returns {Store<S>}
 */
export function createStore(initial) {
  const values = { ...initial };
  /** @type {Map<() => void, Set<keyof S>>} */
  const listeners = new Map();
  /** @type {Set<keyof S>} */
  let changed = new Set();
  let depth = 0;

  function flush() {
    if (depth) return;
    const names = changed;
    changed = new Set();
    for (const [listener, wanted] of [...listeners]) {
      if (listeners.has(listener) && [...names].some((name) => wanted.has(name))) listener();
    }
  }

  /** @param {Partial<S>} changes */
  function set(changes) {
    for (const name of /** @type {(keyof S)[]} */ (Object.keys(changes))) {
      if (Object.is(values[name], changes[name])) continue;
      values[name] = /** @type {S[keyof S]} */ (changes[name]);
      if (!changed.size) queueMicrotask(flush);
      changed.add(name);
    }
  }

  return {
    get: (name) => values[name],
    set,
    on(names, listener, signal) {
      if (signal?.aborted) return;
      const own = () => listener(); // the same function may listen twice
      listeners.set(own, new Set(Array.isArray(names) ? names : [names]));
      signal?.addEventListener("abort", () => listeners.delete(own));
    },
    /** What is set within `work` is heard of when it is done, at once. */
    batch(work) {
      depth += 1;
      try {
        work();
      } finally {
        depth -= 1;
      }
      if (changed.size) flush();
    },
  };
}
