// The tools at the right of the top bar: one stop for Tab.

import { describe, listen, make } from "../kit/dom.js";
import { icon } from "../kit/icons.js";
import { needsKernel } from "../kit/kernel.js";
import { popover } from "../kit/popover.js";
import { roving } from "../kit/roving.js";
import { exportPanel } from "./export_menu.js";
import { settingsPanel } from "./settings_menu.js";

/** @import { Context } from "../kit/types.d.ts" */
/** @import { Icon } from "../kit/icons.js" */

/** @param {Icon} name @param {string} label */
function tool(name, label) {
  return make("button", { class: "dffw-tool", title: label, aria: { label } }, icon(name));
}

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @param {{ toggleFull: () => void, onFull: (watcher: (full: boolean) => void) => void }} height
 * @param {{ toggle: () => void }} sheet
 */
export function tools(root, context, height, sheet) {
  const { store, ask, signal } = context;
  const undo = tool("undo", "Undo (Ctrl+Z)");
  const redo = tool("redo", "Redo (Ctrl+Shift+Z)");
  const settings = tool("settings", "Settings: object first, solver, seed, size");
  const keys = tool("keys", "Keys (?)");
  const full = tool("full", "Full screen (f)");
  const exporting = make("button", { class: "dffw-btn dffw-primary dffw-export", text: "Export" });
  const element = make(
    "div",
    { class: "dffw-tools", aria: { role: "toolbar" } },
    undo,
    redo,
    settings,
    keys,
    full,
    exporting,
  );
  roving(element, signal).set([undo, redo, settings, keys, full, exporting], exporting);

  listen(undo, "click", () => ask("undo"), signal);
  listen(redo, "click", () => ask("redo"), signal);
  listen(keys, "click", () => sheet.toggle(), signal);
  listen(full, "click", () => height.toggleFull(), signal);
  height.onFull((on) => {
    full.replaceChildren(icon(on ? "small" : "full"));
    full.title = on ? "Leave full screen (f)" : "Full screen (f)";
    describe(full, "label", full.title);
  });
  popover(settings, { root, label: "Settings" }, (close, opened) => settingsPanel(context, close, opened), signal);
  popover(exporting, { root, label: "Export", wide: true }, (_close, opened) => exportPanel(context, opened), signal);

  for (const control of [undo, redo]) control.hidden = store.get("page");
  const sync = () => {
    const { undoable, redoable } = store.get("appearance");
    undo.disabled = !undoable || store.get("asleep");
    redo.disabled = !redoable || store.get("asleep");
  };
  needsKernel(store, signal, settings, exporting);
  store.on(["appearance", "asleep"], sync, signal);
  sync();
  return element;
}
