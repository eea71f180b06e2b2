// The network: a menu with a search, which says what is installed and what must be downloaded.

import { listen, make, say } from "../kit/dom.js";
import { afterQuiet } from "../kit/frames.js";
import { needsKernel } from "../kit/kernel.js";
import { popover } from "../kit/popover.js";
import { arrow } from "../kit/roving.js";
import { pickButton } from "./pick.js";

/** @import { Context, NetworkChoice } from "../kit/types.d.ts" */

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export function networkPicker(root, context) {
  const { store, signal } = context;
  const { button, show } = pickButton("Network");
  const sync = () => {
    const { network } = store.get("place");
    show(network || "none yet", `Network ${network}: choose another`);
  };
  popover(
    button,
    { root, label: "Choose a network", wide: true },
    (close, opened) => panel(context, close, opened),
    signal,
  );
  button.disabled = store.get("page");
  store.on("place", sync, signal);
  sync();
  return button;
}

/** @param {Context} context @param {() => void} close @param {AbortSignal} opened */
function panel(context, close, opened) {
  const { store, ask } = context;
  const box = make("input", {
    type: "search",
    class: "dffw-box dffw-grow",
    placeholder: "search torchvision and timm, or a path",
    autocomplete: "off",
    spellcheck: false,
    data: { first: "true" },
    aria: { label: "Search networks" },
  });
  const problem = make("p", { class: "dffw-problem", hidden: true, aria: { role: "alert" } });
  const list = make("div", { class: "dffw-found", aria: { role: "group", label: "Networks" } });

  /** @param {string} name */
  async function choose(name) {
    problem.hidden = true;
    try {
      await ask("network", { name });
      close();
    } catch (error) {
      say(problem, /** @type {Error} */ (error).message);
      problem.hidden = false;
    }
  }

  /** @param {NetworkChoice[]} options */
  function show(options) {
    const items = options.map((option) => networkItem(option, store.get("place").network, opened, choose));
    list.replaceChildren(
      ...(items.length ? items : [make("p", { class: "dffw-mut", text: "No network has such a name." })]),
    );
    needsKernel(store, opened, ...items);
  }

  const search = afterQuiet(
    async () => {
      const text = box.value.trim();
      if (!text) return show(store.get("choices").networks);
      const { content } = await ask("networks", { text }).catch(() => ({ content: { options: [] } }));
      if (box.value.trim() === text) show(/** @type {NetworkChoice[]} */ (content.options ?? []));
    },
    120,
    opened,
  );
  listen(box, "input", search, opened);
  listen(
    box,
    "keydown",
    (event) => {
      if (event.key === "Enter" && box.value.trim()) choose(box.value.trim());
      if (event.key === "ArrowDown") list.querySelector("button")?.focus();
    },
    opened,
  );
  listen(
    list,
    "keydown",
    (event) => {
      const items = [...list.querySelectorAll("button")];
      const step = arrow(event.key);
      const at = items.indexOf(event.target);
      if (!step || at < 0) return;
      event.preventDefault();
      event.stopPropagation();
      (items[at + step[0] + step[1]] ?? (at ? items[at] : box)).focus();
    },
    opened,
  );
  needsKernel(store, opened, box);
  show(store.get("choices").networks);
  return [make("div", { class: "dffw-line" }, box), problem, list];
}

/** @param {NetworkChoice} option @param {string} present @param {AbortSignal} signal @param {(name: string) => void} choose */
function networkItem({ name, installed, note }, present, signal, choose) {
  const item = make(
    "button",
    {
      class: installed ? "dffw-item" : "dffw-item dffw-away",
      title: `${name}: ${note}`,
      aria: { current: name === present },
    },
    make("span", { class: "dffw-item-text dffw-one-line", text: name, dir: "auto" }),
    make("span", { class: "dffw-item-note", text: note || (installed ? "installed" : "to download") }),
  );
  listen(item, "click", () => choose(name), signal);
  return item;
}
