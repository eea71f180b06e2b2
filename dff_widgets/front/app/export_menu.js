// Export: in which format, of what, to which file; the kernel writes it, and hands it over where that is wished.

import { describe, listen, make, say } from "../kit/dom.js";
import { needsKernel } from "../kit/kernel.js";
import { Download } from "./download.js";

/** @import { Context, ExportChoice } from "../kit/types.d.ts" */

/**
 * A name for the file or folder, of what is shown.
 * @param {{ images: string, network: string, k: number }} what @param {ExportChoice} form
 */
export function fileName({ images, network, k }, form) {
  const plain = [images || "images", network, `k${k}`].join("-").replace(/[^\w.-]+/g, "_");
  const dot = form.path.lastIndexOf(".");
  return dot > 0 ? `${plain}${form.path.slice(dot)}` : `${plain}-${form.path}`;
}

/**
 * A question that is answered by a tick; it is there for the formats that ask it.
 * @param {string} text @param {string} [title]
 */
function tick(text, title = "") {
  const box = make("input", { type: "checkbox" });
  const element = make("label", { class: "dffw-item", title }, box, make("span", { class: "dffw-item-text", text }));
  return { box, element };
}

/**
 * @param {Context} context
 * @param {AbortSignal} opened
 */
export function exportPanel({ store, ask }, opened) {
  const { exports } = store.get("choices");
  const { images, network } = store.get("place");
  let form = exports[0];
  const box = make("input", {
    type: "text",
    class: "dffw-box dffw-grow",
    spellcheck: false,
    aria: { label: "File or folder to write" },
  });
  const url = make("input", {
    type: "text",
    class: "dffw-box dffw-grow",
    placeholder: "/data/local-files/?d=photos/",
    spellcheck: false,
    aria: { label: "Where Label Studio finds the photos" },
  });
  const go = make("button", { class: "dffw-btn dffw-primary", text: "Export" });
  const said = make("p", { class: "dffw-said", hidden: true, aria: { role: "status" } });
  const accepted = tick("Accepted images only");
  const unnamed = tick("Unnamed factors are background", "They take the pixels where they are the strongest");
  const photos = tick("With the photos");
  const address = make("div", { class: "dffw-line" }, url);
  const download = new Download(ask, opened);

  const shape = () => {
    box.value = fileName({ images, network, k: store.get("k") }, form);
    unnamed.element.hidden = !form.masks;
    photos.element.hidden = !form.photos;
    address.hidden = !form.url;
    target.textContent = form.folder ? "Folder" : "File";
    renew();
  };
  const renew = () => {
    say(go, "Export");
    said.hidden = true;
    download.hide();
  };

  const name = `dffw-${Math.random().toString(36).slice(2)}`;
  const choices = exports.map((each, i) => {
    const radio = make("input", { type: "radio", name, checked: i === 0, data: i ? {} : { first: "true" } });
    listen(
      radio,
      "change",
      () => {
        form = each;
        shape();
      },
      opened,
    );
    return make(
      "label",
      { class: "dffw-item", title: `${each.title}: ${each.note}` },
      radio,
      make("span", { class: "dffw-item-text", text: each.title }),
      make("small", { class: "dffw-item-note dffw-one-line", text: each.note }),
    );
  });

  let busy = false; // a button that is disabled loses the focus, and with it the menu
  /** @param {boolean} overwrite */
  async function write(overwrite) {
    if (busy) return;
    busy = true;
    renew();
    said.hidden = false;
    said.className = "dffw-said";
    say(said, "writing …");
    try {
      const { content } = await ask("export", {
        format: form.format,
        path: box.value,
        overwrite,
        accepted: accepted.box.checked,
        unnamed: unnamed.box.checked,
        photos: photos.box.checked,
        url: url.value,
      });
      say(said, String(content.question ?? content.said));
      say(go, content.question ? "Overwrite" : "Export");
      if (!content.question) download.offer(String(content.path), Number(content.size), Number(content.most));
    } catch (error) {
      said.className = "dffw-problem";
      say(said, /** @type {Error} */ (error).message);
    }
    busy = false;
  }
  listen(go, "click", () => write(go.textContent === "Overwrite"), opened);
  listen(box, "input", renew, opened);
  listen(box, "keydown", (event) => event.key === "Enter" && write(false), opened);
  for (const each of [accepted, unnamed, photos]) listen(each.box, "change", renew, opened);
  const target = make("h3", { text: "File" });
  shape();
  needsKernel(store, opened, go, box, url, accepted.box, unnamed.box, photos.box);
  const list = make("div", { class: "dffw-formats" }, ...choices);
  describe(list, "role", "radiogroup");
  describe(list, "label", "Format");
  return [
    make("h3", { text: "Format" }),
    list,
    make("div", { class: "dffw-formats" }, accepted.element, unnamed.element, photos.element),
    address,
    target,
    make("div", { class: "dffw-line" }, box, go),
    said,
    download.element,
  ];
}
