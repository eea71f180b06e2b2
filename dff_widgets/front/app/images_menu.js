// The images: which set is open, and how another is opened: a data set, a folder, files, one of the recent.

import { count, freshId, listen, make, say } from "../kit/dom.js";
import { afterQuiet } from "../kit/frames.js";
import { icon } from "../kit/icons.js";
import { ASLEEP, needsKernel } from "../kit/kernel.js";
import { popover } from "../kit/popover.js";
import { upload } from "./drop.js";
import { pickButton } from "./pick.js";

/** @import { Context } from "../kit/types.d.ts" */

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export function imagesPicker(root, context) {
  const { store, signal } = context;
  const { button, show } = pickButton("Images");
  const sync = () => {
    const { images, n } = store.get("place");
    show(
      images ? `${images} · ${n.toLocaleString("en")}` : "none yet",
      `${images || "no images"}, ${count(n, "image")}: open others`,
    );
  };
  popover(button, { root, label: "Open images", wide: true }, (close, opened) => panel(context, close, opened), signal);
  button.disabled = store.get("page");
  store.on("place", sync, signal);
  sync();
  return button;
}

/** @param {Context} context @param {() => void} close @param {AbortSignal} opened */
function panel(context, close, opened) {
  const { store } = context;
  const problem = make("p", { class: "dffw-problem", hidden: true, aria: { role: "alert" } });
  const { datasets, recent } = store.get("choices");

  /** @param {Record<string, unknown>} what */
  async function open(what) {
    problem.hidden = true;
    try {
      await context.ask("images", what);
      close();
    } catch (error) {
      say(problem, /** @type {Error} */ (error).message);
      problem.hidden = false;
    }
  }

  /** @param {string} text @param {string} note @param {Record<string, unknown>} what */
  const item = (text, note, what) => {
    const button = make(
      "button",
      { class: "dffw-item", title: note || text },
      make("span", { class: "dffw-item-text dffw-one-line", text, dir: "auto" }),
      make("span", { class: "dffw-item-note dffw-one-line", text: note }),
    );
    listen(button, "click", () => open(what), opened);
    needsKernel(store, opened, button);
    return button;
  };
  /** @param {string} text @param {HTMLElement[]} items */
  const section = (text, items) => (items.length ? [make("h3", { text }), ...items] : []);

  return [
    make("h3", { text: "Folder" }),
    pathRow(
      context,
      {
        label: "Path of a folder of images",
        placeholder: "/path/to/photos",
        masks: false,
        go: (path) => open({ path }),
      },
      opened,
    ),
    problem,
    uploadRow(context, close, opened),
    make("h3", { text: "Part masks of these images" }),
    ...truthRow(context, opened),
    ...section(
      "Recent",
      recent.map((path) => item(path.split(/[\\/]/).pop() || path, path, { path })),
    ),
    ...section(
      "Data sets",
      datasets.map(({ name, title, note }) => item(title, note, { dataset: name })),
    ),
    ...(context.asleep() ? [make("p", { class: "dffw-mut", text: ASLEEP })] : []),
  ];
}

/**
 * Ground truth: the IoU is measured with it from then on.
 * @param {Context} context @param {AbortSignal} opened
 */
function truthRow(context, opened) {
  const said = make("p", { class: "dffw-said", hidden: true, aria: { role: "status" } });
  /** @param {string} path */
  const go = async (path) => {
    said.hidden = false;
    said.className = "dffw-said";
    say(said, "reading …");
    try {
      const { content } = await context.ask("truth", { path });
      say(said, String(content.said));
    } catch (error) {
      said.className = "dffw-problem";
      say(said, /** @type {Error} */ (error).message);
    }
  };
  const label = "Path of label maps, a COCO file, a labelme or YOLO folder";
  return [pathRow(context, { label, placeholder: "label maps, COCO, labelme, YOLO", masks: true, go }, opened), said];
}

/**
 * @param {Context} context
 * @param {{ label: string, placeholder: string, masks: boolean, go: (path: string) => void }} what
 * @param {AbortSignal} opened
 */
function pathRow(context, { label, placeholder, masks, go }, opened) {
  const options = make("datalist", { id: freshId() });
  const box = make("input", {
    type: "text",
    class: "dffw-box dffw-grow",
    placeholder,
    autocomplete: "off",
    spellcheck: false,
    data: masks ? {} : { first: "true" },
    aria: { label },
  });
  box.setAttribute("list", options.id);
  const button = make("button", {
    class: "dffw-btn",
    text: "Open",
    aria: { label: masks ? "Open part masks" : "Open" },
  });
  const send = () => box.value.trim() && go(box.value.trim());
  const complete = afterQuiet(
    async () => {
      const { content } = await context
        .ask("complete", masks ? { path: box.value, masks } : { path: box.value })
        .catch(() => ({ content: { options: [] } }));
      const found = /** @type {string[]} */ (content.options ?? []);
      options.replaceChildren(...found.map((value) => make("option", { value })));
    },
    120,
    opened,
  );
  listen(box, "input", complete, opened);
  listen(box, "keydown", (event) => event.key === "Enter" && send(), opened);
  listen(button, "click", send, opened);
  needsKernel(context.store, opened, box, button);
  return make("div", { class: "dffw-line" }, box, options, button);
}

/** @param {Context} context @param {() => void} close @param {AbortSignal} opened */
function uploadRow(context, close, opened) {
  const file = make("input", {
    type: "file",
    multiple: true,
    accept: "image/*",
    hidden: true,
    aria: { label: "Photos" },
  });
  const choose = make(
    "button",
    { class: "dffw-btn", title: "Photos from this computer" },
    icon("upload"),
    "Upload photos …",
  );
  listen(choose, "click", () => file.click(), opened);
  listen(
    file,
    "change",
    () => {
      upload(context, [...(file.files ?? [])]);
      close();
    },
    opened,
  );
  needsKernel(context.store, opened, choose);
  return make(
    "div",
    { class: "dffw-line" },
    choose,
    file,
    make("span", { class: "dffw-mut", text: "or drop them anywhere" }),
  );
}
