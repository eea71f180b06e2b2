// A pane as a widget of its own: what anywidget renders.

import { follow } from "./follow.js";
import { followTheme } from "./theme.js";

/**
 * @typedef {import("./follow.js").Model} Model
 * @typedef {(names: string[], work: () => void) => void} On
 */

/**
 * @param {(host: HTMLElement, model: Model, on: On, signal: AbortSignal) => {dispose: () => void}} mount
 * @returns {{render: (context: {model: any, el: HTMLElement}) => () => void}}
 */
export function alone(mount) {
  return {
    render({ model, el }) {
      const gone = new AbortController();
      el.classList.add("dffw", "dffw-alone");
      followTheme(el, gone.signal);
      const view = mount(el, model, follow(model, gone.signal), gone.signal);
      return () => {
        gone.abort();
        view.dispose();
      };
    },
  };
}
