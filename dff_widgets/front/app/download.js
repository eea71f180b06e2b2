// A file that the kernel wrote, brought to this computer: Colab and Binder have no file manager one likes.

import { listen, make, say } from "../kit/dom.js";
import { icon } from "../kit/icons.js";

/** @import { Ask } from "../kit/types.d.ts" */

/** @param {number} bytes */
export function megabytes(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3)).toLocaleString("en")} kB`;
  return `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
}

export class Download {
  /** @param {Ask} ask @param {AbortSignal} signal */
  constructor(ask, signal) {
    this.ask = ask;
    this.path = "";
    this.busy = false; // a button that is disabled loses the focus, and with it the menu
    this.text = make("span", {});
    this.button = make("button", { class: "dffw-btn" }, icon("download"), this.text);
    this.said = make("span", { class: "dffw-mut" });
    this.element = make("div", { class: "dffw-line dffw-download", hidden: true }, this.button, this.said);
    listen(this.button, "click", () => this.fetch(), signal);
  }

  hide() {
    this.element.hidden = true;
  }

  /** @param {string} path @param {number} size  in bytes @param {number} most  bytes of a download */
  offer(path, size, most) {
    this.path = path;
    this.element.hidden = false;
    this.button.hidden = size > most;
    say(this.text, `Download (${megabytes(size)})`);
    say(this.said, size > most ? `${megabytes(size)}: a download takes up to ${megabytes(most)}, fetch it there` : "");
  }

  async fetch() {
    if (this.busy) return;
    this.busy = true;
    /** @type {BlobPart[]} */
    const parts = [];
    try {
      const { content } = await this.ask(
        "download",
        { path: this.path },
        {
          part: (answer) => {
            for (const each of answer.buffers) parts.push(/** @type {BlobPart} */ (each));
            const { done, total } = answer.content;
            say(this.said, `${megabytes(Number(done))} of ${megabytes(Number(total))}`);
          },
        },
      );
      save(new Blob(parts, { type: "application/octet-stream" }), String(content.name));
      say(this.said, String(content.name));
    } catch (error) {
      say(this.said, /** @type {Error} */ (error).message);
    }
    this.busy = false;
  }
}

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const address = URL.createObjectURL(blob);
  make("a", { href: address, download: name }).click(); // outside the page, where the menu would take it for a click beside it
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // a browser may ask where to put it first
}
