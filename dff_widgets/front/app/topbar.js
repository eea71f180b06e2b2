// The top bar: what is factorized, into how many factors, and the tools.

import { describe, make } from "../kit/dom.js";
import { roving } from "../kit/roving.js";
import { imagesPicker } from "./images_menu.js";
import { kRow } from "./k_row.js";
import { keySheet } from "./keysheet.js";
import { layerPicker } from "./layer_picker.js";
import { networkPicker } from "./network_menu.js";
import { tools } from "./tools.js";

/** @import { Context } from "../kit/types.d.ts" */

/**
 * @param {HTMLElement} host
 * @param {HTMLElement} root
 * @param {Context} context
 * @param {{ toggleFull: () => void, onFull: (watcher: (full: boolean) => void) => void }} height
 */
export function mountTopBar(host, root, context, height) {
  const { signal } = context;
  const sheet = keySheet(root, signal);
  const buttons = tools(root, context, height, sheet);
  describe(buttons, "label", "Tools");
  const grow = make("div", { class: "dffw-grow" });
  if (context.alone) {
    host.append(grow, buttons); // what is factorized is settled
    return { toggleKeys: sheet.toggle };
  }
  const images = imagesPicker(root, context);
  const network = networkPicker(root, context);
  const layer = layerPicker(root, context);
  const pickers = make("div", { class: "dffw-pickers", aria: { role: "toolbar", label: "Images, network, layer" } });
  pickers.append(images, network, layer.element);
  roving(pickers, signal).set([images, network, layer.button]);

  host.append(pickers, kRow(context), grow, buttons);
  return { toggleKeys: sheet.toggle };
}
