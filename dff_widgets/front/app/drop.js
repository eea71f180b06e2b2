// Photos dropped on the app, or chosen: they are sent to the kernel.

import { listen, make, say } from "../kit/dom.js";

/** @import { Context } from "../kit/types.d.ts" */

/**
 * @param {Context} context
 * @param {File[]} files
 */
export async function upload({ ask, store }, files) {
  if (!files.length) return;
  const buffers = await Promise.all(files.map((file) => file.arrayBuffer()));
  await ask("upload", { names: files.map((file) => file.name) }, { buffers }).catch((/** @type {Error} */ error) => {
    store.set({ status: { ...store.get("status"), problem: error.message } });
  });
}

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export function mountDrop(root, context) {
  const { signal } = context;
  const veil = make("div", { class: "dffw-veil", hidden: true, aria: { hidden: true } });
  root.append(veil);
  const files = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
  listen(
    root,
    "dragover",
    (event) => {
      if (!files(event)) return;
      event.preventDefault();
      say(veil, context.asleep() ? "Asleep: photos can be opened when the kernel runs" : "Drop photos to open them");
      veil.hidden = false;
    },
    signal,
  );
  listen(
    root,
    "dragleave",
    (event) => {
      if (!root.contains(event.relatedTarget)) veil.hidden = true;
    },
    signal,
  );
  listen(
    root,
    "drop",
    (event) => {
      if (!files(event)) return;
      event.preventDefault();
      veil.hidden = true;
      if (!context.asleep()) upload(context, [...event.dataTransfer.files]);
    },
    signal,
  );
}
