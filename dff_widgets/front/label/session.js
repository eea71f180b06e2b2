// The Session tab: a file that keeps what was made, by hand or by itself, with the questions it may have; exports.

import { exportPanel } from "../app/export_menu.js";
import { describe, listen, make, say } from "../kit/dom.js";
import { follow } from "../kit/follow.js";
import { needsKernel } from "../kit/kernel.js";
import { scope } from "../kit/scope.js";

/** @typedef {import("../kit/types.d.ts").Context} Context @typedef {import("../kit/follow.js").Model} Model */

const ANSWERS = /** @type {const} */ ([
  ["overwrite", "Overwrite it", "What it holds is kept beside it, as a backup"],
  ["load it", "Load it", "Go on with what it holds"],
  ["neither", "Neither", "Leave the file as it is, and stop saving by itself"],
]);

/** The question that a file may have, and its answers. */
class Question {
  /** @param {Context} context @param {(what: Record<string, unknown>) => void} act */
  constructor({ store, signal }, act) {
    this.text = make("p", { class: "dffw-session-text" });
    this.buttons = ANSWERS.map(([answer, text, title]) => {
      const button = make("button", { class: "dffw-btn", text, title });
      listen(button, "click", () => act({ verb: "answer", answer }), signal);
      return button;
    });
    this.element = make(
      "div",
      {
        class: "dffw-session-question",
        hidden: true,
        aria: { role: "alertdialog", label: "A question about the file" },
      },
      this.text,
      make("div", { class: "dffw-label-row" }, ...this.buttons),
    );
    needsKernel(store, signal, ...this.buttons);
  }

  /** @param {string} question */
  show(question) {
    this.element.hidden = !question;
    say(this.text, question);
  }
}

/** The file: save, load, save by itself. */
class SessionFile {
  /** @param {Context} context @param {Model} session */
  constructor(context, session) {
    const { store, signal } = context;
    this.session = session;
    this.box = make("input", {
      type: "text",
      class: "dffw-box dffw-grow",
      value: "session.dff",
      spellcheck: false,
      aria: { label: "Session file" },
    });
    this.save = make("button", {
      class: "dffw-btn",
      text: "Save",
      title: "Write factors, names, painted masks and settings to this file",
    });
    this.load = make("button", { class: "dffw-btn", text: "Load", title: "Go on with the session of this file" });
    this.auto = make("input", { type: "checkbox" });
    this.said = make("p", { class: "dffw-label-hint", aria: { role: "status" } });
    this.context = context;
    this.question = new Question(context, (what) => this.do(what));
    this.element = make(
      "section",
      { class: "dffw-label-section" },
      make("h4", { text: "Session" }),
      make("div", { class: "dffw-label-row" }, this.box, this.save, this.load),
      make("label", { class: "dffw-session-auto" }, this.auto, " save every change by itself"),
      this.question.element,
      this.said,
    );
    const path = () => this.box.value.trim();
    listen(this.save, "click", () => this.do({ verb: "save", path: path() }), signal);
    listen(this.load, "click", () => this.do({ verb: "load", path: path() }), signal);
    listen(this.auto, "change", () => this.do({ verb: "autosave", path: path(), on: this.auto.checked }), signal);
    listen(this.box, "keydown", (event) => event.stopPropagation(), signal);
    needsKernel(store, signal, this.box, this.save, this.load, this.auto);
    follow(session, signal)(["path", "said", "problem", "question"], () => this.sync());
    this.sync();
  }

  /** @param {Record<string, unknown>} what */
  async do(what) {
    describe(this.element, "busy", true);
    this.tell("…", false);
    try {
      const { content } = await this.context.ask("session", what);
      this.tell(String(content.said ?? ""), false);
      this.question.show(String(content.question ?? ""));
    } catch (error) {
      this.tell(/** @type {Error} */ (error).message, true);
    }
    describe(this.element, "busy", false);
    this.auto.checked = Boolean(this.session.get("path"));
  }

  /** @param {string} said @param {boolean} problem */
  tell(said, problem) {
    say(this.said, said);
    this.said.classList.toggle("dffw-bad", problem);
  }

  /** What the session did by itself. */
  sync() {
    const [path, said, problem, question] = ["path", "said", "problem", "question"].map((name) =>
      this.session.get(name),
    );
    this.auto.checked = Boolean(path);
    if (path && document.activeElement !== this.box) this.box.value = path;
    if (said) this.tell(said, Boolean(problem));
    this.question.show(question ?? "");
  }
}

/**
 * @param {HTMLElement} host
 * @param {Context} outer
 */
export function mountSession(host, outer) {
  const { signal, end } = scope(outer.signal);
  const context = { ...outer, signal };
  const session = context.pane("session");
  const exports = make("section", { class: "dffw-label-section dffw-session-exports" }, make("h4", { text: "Export" }));
  const shape = () => exports.replaceChildren(make("h4", { text: "Export" }), ...exportPanel(context, signal));
  context.store.on("choices", shape, signal);
  shape();
  host.classList.add("dffw-label");
  host.replaceChildren(new SessionFile(context, session).element, exports);
  session.send({ do: "open" });
  return {
    dispose() {
      end();
      host.replaceChildren();
    },
  };
}
