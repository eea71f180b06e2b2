import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { asking } from "../../dff_widgets/front/kit/asking.js";
import { createStore } from "../../dff_widgets/front/kit/store.js";

function channel() {
  const listeners = [];
  const sent = [];
  const gone = new AbortController();
  const store = createStore({ asleep: false });
  const model = {
    send: (content, _callbacks, buffers) => sent.push({ content, buffers }),
    on: (_event, f) => listeners.push(f),
    off: (_event, f) => listeners.splice(listeners.indexOf(f), 1),
  };
  const answer = (content, buffers) =>
    listeners.forEach((f) => {
      f(content, buffers);
    });
  return { sent, answer, store, gone, listeners, model, ...asking(model, store, gone.signal) };
}

test("parts come as they come, the last answer ends the question, others are not heard", async () => {
  const { ask, answer, sent } = channel();
  const parts = [];
  const done = ask(
    "tiles",
    { of: [3] },
    { part: ({ content, buffers }) => parts.push([content.image, buffers.length]) },
  );
  const { id } = sent[0].content;
  assert.equal(sent[0].content.do, "tiles");
  answer({ re: "another", part: true, image: 1 }, []);
  answer({ re: id, part: true, image: 3 }, [1, 2]);
  answer({ re: id, said: "all" });
  assert.equal((await done).content.said, "all");
  assert.deepEqual(parts, [[3, 2]]);
});

test("what the kernel says is wrong is an error", async () => {
  const { ask, answer, sent } = channel();
  const done = ask("images", { path: "/no" });
  answer({ re: sent[0].content.id, problem: "/no is no folder" });
  await assert.rejects(done, /\/no is no folder/);
});

test("without an answer to hello it is asleep, and a late one wakes it", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { hello, answer, sent, store } = channel();
  hello();
  mock.timers.tick(2900);
  assert.equal(store.get("asleep"), false);
  mock.timers.tick(200);
  assert.equal(store.get("asleep"), true);
  answer({ re: sent[0].content.id });
  assert.equal(store.get("asleep"), false);
  mock.timers.reset();
});

test("a message that cannot be sent puts it to sleep, and nobody waits for an answer any more", async () => {
  const { ask, store, sent, model, answer } = channel();
  const before = ask("export", {});
  model.send = () => {
    throw new Error("Cannot send");
  };
  await assert.rejects(ask("hello"), /Asleep/);
  await assert.rejects(before, /Asleep/);
  assert.equal(store.get("asleep"), true);
  answer({ re: sent[0].content.id });
  assert.equal(store.get("asleep"), false);
});

test("so does one that is refused later, as marimo does it", async () => {
  const { pane, store, model } = channel();
  model.send = () => Promise.reject(new Error("gone"));
  pane("focus").send({ do: "stroke" });
  await new Promise((done) => setImmediate(done));
  assert.equal(store.get("asleep"), true);
});

test("a pane is a model whose values live in messages", () => {
  const { pane, answer, sent } = channel();
  const focus = pane("focus");
  assert.equal(pane("focus"), focus);
  const heard = [];
  focus.on("change:mode", () => heard.push(focus.get("mode")));
  focus.on("msg:custom", (content, buffers) => heard.push([content, buffers]));
  answer({ pane: "focus", set: { mode: "draw" }, keys: ["photo"] }, ["bytes"]);
  assert.equal(focus.get("photo"), "bytes");
  answer({ pane: "focus", do: "flash" }, ["b"]);
  answer({ pane: "sweep", set: { mode: "no" } });
  focus.set("mode", "erase");
  focus.set({ size: 3 });
  focus.save_changes();
  focus.save_changes();
  focus.send({ do: "stroke" });
  assert.deepEqual(heard, ["draw", [{ do: "flash" }, ["b"]], "erase"]);
  assert.deepEqual(
    sent.map((s) => s.content),
    [
      { pane: "focus", set: { mode: "erase", size: 3 } },
      { do: "stroke", pane: "focus" },
    ],
  );
});

test("nothing is heard after the end", () => {
  const { gone, listeners } = channel();
  gone.abort();
  assert.equal(listeners.length, 0);
});

test("a list of buffers arrives as a list", () => {
  const { pane, answer } = channel();
  const own = pane("closer");
  answer(
    { pane: "closer", set: { busy: false, pictures: [null, null] }, keys: [["pictures", 0], "photo", ["pictures", 1]] },
    [7, 8, 9],
  );
  assert.deepEqual([own.get("pictures"), own.get("photo"), own.get("busy")], [[7, 9], 8, false]);
});
