import assert from "node:assert/strict";
import { test } from "node:test";
import { createStore } from "../../dff_widgets/front/kit/store.js";
import { wire } from "../../dff_widgets/front/kit/wire.js";

const turn = () => new Promise((resolve) => setTimeout(resolve));

test("a listener hears once of the changes of a turn, and only of its own", async () => {
  const store = createStore({ a: 1, b: 2, c: 3 });
  const heard = [];
  store.on(["a", "b"], () => heard.push([store.get("a"), store.get("b")]));
  store.set({ a: 5 });
  store.set({ b: 6, c: 7 });
  assert.deepEqual(heard, []);
  await turn();
  store.set({ c: 8, a: 5 });
  await turn();
  assert.deepEqual(heard, [[5, 6]]);
});

test("a batch is heard of at its end, also where it fails, and changes made by listeners are heard of too", async () => {
  const store = createStore({ a: 1, b: 2 });
  const heard = [];
  store.on("a", () => store.set({ b: store.get("a") }));
  store.on("b", () => heard.push(store.get("b")));
  assert.throws(
    () =>
      store.batch(() => {
        store.set({ a: 7 });
        throw new Error("no");
      }),
    /no/,
  );
  await turn();
  assert.deepEqual(heard, [7]);
});

test("nobody hears after the signal", async () => {
  const store = createStore({ a: 1 });
  const gone = new AbortController();
  let heard = 0;
  store.on("a", () => (heard += 1), gone.signal);
  store.set({ a: 2 });
  gone.abort();
  await turn();
  assert.equal(heard, 0);
});

/** A model that counts what it is told. */
function fake(values) {
  const listeners = {};
  const saved = [];
  let changed = {};
  return {
    saved,
    get: (name) => values[name],
    set(name, value) {
      values[name] = value;
      changed[name] = value;
      for (const f of listeners[`change:${name}`] ?? []) f();
    },
    save_changes() {
      saved.push(changed);
      changed = {};
    },
    on: (event, f) => {
      listeners[event] = [...(listeners[event] ?? []), f];
    },
    off: (event, f) => {
      listeners[event] = (listeners[event] ?? []).filter((g) => g !== f);
    },
    count: () => Object.values(listeners).flat().length,
  };
}

test("choices are in the store at once; the kernel hears of them together, when the hand lets go", async () => {
  const model = fake({ k: 3 });
  const gone = new AbortController();
  const { store, choose, release } = wire(model, gone.signal);
  for (const percentile of [70, 71, 72]) choose({ percentile }, { held: true });
  assert.equal(store.get("percentile"), 72);
  await turn();
  assert.deepEqual(model.saved, []);
  release();
  release();
  assert.deepEqual(model.saved, [{ percentile: 72 }]);
  choose({ k: 4 });
  choose({ look: "masks" });
  choose({ k: 4 });
  await turn();
  assert.deepEqual(model.saved.at(-1), { k: 4, look: "masks" });
  assert.equal(model.saved.length, 2);
  choose({ k: 4 });
  await turn();
  assert.equal(model.saved.length, 2); // nothing new
});

test("the store follows the model, until the end", async () => {
  const model = fake({ k: 3 });
  const gone = new AbortController();
  const { store } = wire(model, gone.signal);
  assert.equal(store.get("tab"), "gallery"); // what the model does not have has a default
  model.set("k", 7);
  assert.equal(store.get("k"), 7);
  gone.abort();
  assert.equal(model.count(), 0);
});
