// One image at full size, its factors over it, and tools to paint part masks: in the app, or on its own.

import { scope } from "../kit/scope.js";
import { Desk } from "./desk.js";
import { appSite, widgetSite } from "./site.js";

/**
 * In the app.
 * @param {HTMLElement} host
 * @param {import("../kit/types.d.ts").Context} context
 */
export function mount(host, context) {
  const model = context.pane("focus");
  const { signal, end } = scope(context.signal);
  const view = new Desk(host, model, (_, on) => appSite({ ...context, signal }, model, on), signal);
  const { store } = context;
  let open = false; // the pane stays, hidden, when the image is closed
  function sync() {
    view.redraw();
    const opens = store.get("opened") >= 0 && !open;
    open = store.get("opened") >= 0;
    if (opens) view.canvas.focus({ preventScroll: true });
  }
  store.on(["opened", "captions", "sizes", "asleep"], sync, signal);
  model.send({ do: "open" });
  sync();
  return {
    update: () => view.resize(),
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
  const view = new Desk(host, model, (channel, on) => widgetSite(model, on, channel, signal), signal);
  return {
    update: () => view.resize(),
    dispose() {
      end();
      view.dispose();
    },
  };
}
