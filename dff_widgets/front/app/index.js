// The explorer: one app in one element, which a notebook, an exported page or a test gives a model.

import { asking } from "../kit/asking.js";
import { keepKeys, make } from "../kit/dom.js";
import { followTheme } from "../kit/theme.js";
import { createTiles } from "../kit/tiles.js";
import { watchKernel } from "../kit/watch.js";
import { wire } from "../kit/wire.js";
import { mountKeys } from "./keyboard.js";
import { offered } from "./panes.js";
import { mountShell } from "./shell.js";

/** @import { Context, Model } from "../kit/types.d.ts" */

/**
 * @param {{ model: Model, el: HTMLElement }} given  as anywidget gives them
 * @returns {() => void} ends it
 */
function render({ model, el }) {
  const gone = new AbortController();
  const { signal } = gone;
  const { store, choose, release } = wire(model, signal);
  const { ask, hello, pane, quiet } = asking(model, store, signal);
  const alone = Boolean(model.get("alone"));
  const label = alone ? "Labelling panel" : "DFF explorer";
  const root = make("div", { class: "dffw dffw-app", tabIndex: -1, aria: { role: "group", label } });
  keepKeys(root);
  followTheme(root, signal);

  /** @type {Context} */
  const context = {
    store,
    choose,
    release,
    ask,
    pane,
    tiles: createTiles(store, ask, signal),
    panes: offered({ page: store.get("page"), alone }),
    alone,
    asleep: () => store.get("asleep"),
    signal,
  };
  const actions = mountShell(root, context);
  mountKeys(root, context, actions);
  el.replaceChildren(root);
  root.classList.toggle("dffw-page", store.get("page"));
  if (!store.get("page")) {
    hello();
    watchKernel(root, model, store, { hello, quiet }, signal);
  }
  return () => gone.abort();
}

export default { render };
