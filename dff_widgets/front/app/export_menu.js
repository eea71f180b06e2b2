// Export: in which format, to which file; the kernel writes it.

import { describe, listen, make, say } from "../kit/dom.js";
import { needsKernel } from "../kit/kernel.js";

/** @import { Context } from "../kit/types.d.ts" */

/**
 * A name for the file, of what is shown.
 * @param {{ images: string, network: string, k: number }} what @param {string} suffix
 */
export function fileName({ images, network, k }, suffix) {
  const plain = [images || "images", network, `k${k}`].join("-").replace(/[^\w.-]+/g, "_");
  return `${plain}${suffix}`;
}

/**
 * @param {Context} context
 * @param {AbortSignal} opened
 */
export function exportPanel({ store, ask }, opened) {
  const { exports } = store.get("choices");
  const { images, network } = store.get("place");
  let format = exports[0];
  const box = make("input", {
    type: "text",
    class: "dffw-box dffw-grow",
    spellcheck: false,
    aria: { label: "File to write" },
  });
  const go = make("button", { class: "dffw-btn dffw-primary", text: "Export" });
  const said = make("p", { class: "dffw-said", hidden: true, aria: { role: "status" } });
  const suggest = () => {
    box.value = fileName({ images, network, k: store.get("k") }, format?.suffix ?? "");
  };

  const name = `dffw-${Math.random().toString(36).slice(2)}`;
  const choices = exports.map((each, i) => {
    const radio = make("input", { type: "radio", name, checked: i === 0, data: i ? {} : { first: "true" } });
    listen(
      radio,
      "change",
      () => {
        format = each;
        suggest();
      },
      opened,
    );
    return make("label", { class: "dffw-item" }, radio, make("span", { class: "dffw-item-text", text: each.title }));
  });

  /** @param {boolean} overwrite */
  async function write(overwrite) {
    go.disabled = true;
    said.hidden = false;
    said.className = "dffw-said";
    say(said, "writing …");
    try {
      const { content } = await ask("export", { format: format.format, path: box.value, overwrite });
      say(said, String(content.question ?? content.said ?? `Written to ${content.path}`));
      say(go, content.question ? "Overwrite" : "Export");
    } catch (error) {
      said.className = "dffw-problem";
      say(said, /** @type {Error} */ (error).message);
    }
    go.disabled = false;
  }
  listen(go, "click", () => write(go.textContent === "Overwrite"), opened);
  listen(box, "input", () => say(go, "Export"), opened);
  listen(box, "keydown", (event) => event.key === "Enter" && write(false), opened);
  suggest();
  needsKernel(store, opened, go, box);
  const list = make("div", { class: "dffw-formats" }, ...choices);
  describe(list, "role", "radiogroup");
  describe(list, "label", "Format");
  return [
    make("h3", { text: "Format" }),
    list,
    make("h3", { text: "File" }),
    make("div", { class: "dffw-line" }, box, go),
    said,
  ];
}
