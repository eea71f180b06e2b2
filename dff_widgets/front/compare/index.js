// Two factorizations side by side: in the app, or on their own.

import { scope } from "../kit/scope.js";
import { ComparePane } from "./pane.js";

/**
 * In the app.
 * @param {HTMLElement} host
 * @param {import("../kit/types.d.ts").Context} context
 */
export function mount(host, context) {
  const model = context.pane("compare");
  const { store } = context;
  const { signal, end } = scope(context.signal);
  const place = {
    networks: () => store.get("choices").networks.map(({ name }) => name),
    asleep: () => context.asleep(),
    grey: () => store.get("photo") === "grey",
  };
  const view = new ComparePane(host, model, place, signal);
  store.on("asleep", () => view.refresh(), signal);
  store.on("photo", () => view.show(), signal);
  model.send({ do: "open" });
  return {
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
 * @param {import("../kit/follow.js").Model} model
 * @param {AbortSignal} outer
 */
export function mountAlone(host, model, outer) {
  const { signal, end } = scope(outer);
  const view = new ComparePane(host, model, { networks: () => [], asleep: () => false, grey: () => false }, signal);
  return {
    dispose() {
      end();
      view.dispose();
    },
  };
}
