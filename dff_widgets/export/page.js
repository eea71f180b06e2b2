// An exported page: the app on a model without a kernel. Nothing is saved.

import app from "../front/app/index.js";

/** @param {string} text  base64 */
const decode = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);

/** @param {Record<string, any>} values  the traits */
function fixedModel(values) {
  /** @type {Record<string, Function[]>} */
  const listeners = {};
  return {
    get: (/** @type {string} */ name) => values[name],
    set(/** @type {string} */ name, /** @type {unknown} */ value) {
      values[name] = value;
      for (const listener of listeners[`change:${name}`] ?? []) listener();
    },
    save_changes() {},
    on(/** @type {string} */ event, /** @type {Function} */ listener) {
      listeners[event] = [...(listeners[event] ?? []), listener];
    },
    off(/** @type {string} */ event, /** @type {Function} */ listener) {
      listeners[event] = (listeners[event] ?? []).filter((other) => other !== listener);
    },
  };
}

const state = JSON.parse(/** @type {HTMLElement} */ (document.getElementById("state")).textContent ?? "");
const seen = state.seen && { ...state.seen, maps: decode(state.seen.maps) };
app.render({
  model: /** @type {any} */ (
    fixedModel({ ...state, photos: state.photos.map(decode), heat: decode(state.heat), seen })
  ),
  el: /** @type {HTMLElement} */ (document.getElementById("gallery")),
});
