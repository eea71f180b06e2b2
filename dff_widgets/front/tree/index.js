// The tree of factors: a row per k, a node per factor with the images that it fills most, links to the parents.

import { describe, listen, make } from "../kit/dom.js";
import { scope } from "../kit/scope.js";
import { Links } from "./links.js";
import { nodeElement, paintThumb, sentence } from "./node.js";
import { ancestors, measure, neighbour } from "./nodes.js";
import { storeSource } from "./source.js";

/** @typedef {import("./source.js").Source} Source */

const LABEL = 52; // CSS pixels of the column that says k

class TreeView {
  /** @param {HTMLElement} host @param {Source} source @param {AbortSignal} signal */
  constructor(host, source, signal) {
    this.host = host;
    this.source = source;
    this.links = new Links();
    this.rows = make("div", { class: "dffw-tree-rows", aria: { role: "tree", label: "Factors by k" } });
    this.empty = make("p", {
      class: "dffw-tree-empty",
      text: "The tree grows as soon as every k is there.",
      hidden: true,
    });
    this.tree = source.tree();
    /** @type {HTMLElement[]} */
    this.elements = [];
    /** @type {{k: number, row: HTMLElement}[]} */
    this.levels = [];
    this.side = 0; // of a thumbnail in CSS pixels
    this.counts = "";
    /** @type {import("./node.js").Picture[][]} per node */
    this.pictures = [];
    host.classList.add("dffw-tree");
    host.replaceChildren(this.empty, this.rows);
    this.listen(signal);
    this.build();
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    const on = (/** @type {string} */ name, /** @type {(event: any) => void} */ f) =>
      listen(this.rows, name, f, signal);
    const nodeAt = (/** @type {Event} */ event) =>
      this.elements.indexOf(/** @type {any} */ (event.target)?.closest?.(".dffw-tree-node"));
    on("click", (event) => nodeAt(event) >= 0 && this.choose(nodeAt(event)));
    on("pointerover", (event) => this.links.trace(this.tree.nodes, nodeAt(event) >= 0 ? nodeAt(event) : this.chosen()));
    on("pointerleave", () => this.links.trace(this.tree.nodes, this.chosen()));
    on("focusin", (event) => this.focused(nodeAt(event)));
    on("focusout", () => this.links.trace(this.tree.nodes, this.chosen()));
    on("keydown", (event) => this.key(event));
    this.source.onTree(() => this.rebuild());
    this.source.onChoice(() => this.mark());
    this.source.onPhoto((image) => this.paint(image));
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(this.host);
  }

  rebuild() {
    this.tree = this.source.tree();
    this.build();
  }

  build() {
    const { nodes, names, colors, pictures } = this.tree;
    const focused = this.elements.indexOf(/** @type {any} */ (document.activeElement));
    const ks = [...new Set(nodes.map((node) => node.k))];
    const { side, counts } = measure(this.width(), ks);
    [this.side, this.counts] = [side, `${side} ${counts}`];
    this.rows.style.setProperty("--dffw-thumb", `${side}px`);
    const said = nodes.map((_, i) => sentence(nodes, names, i));
    this.pictures = nodes.map((node, i) => pictures(i, counts[ks.indexOf(node.k)]));
    this.elements = nodes.map((node, i) =>
      nodeElement({
        node,
        name: names[i],
        color: colors[i],
        said: said[i],
        depth: 1 + [...ancestors(nodes, i)].length,
        pictures: this.pictures[i],
      }),
    );
    this.levels = ks.map((k, level) => ({ k, row: this.level(k, counts[level] === 1) }));
    this.links.build(nodes, colors, said);
    this.rows.replaceChildren(this.links.svg, ...this.levels.map(({ row }) => row));
    this.empty.hidden = nodes.length > 0;
    this.paint(-1);
    this.mark();
    this.layout();
    if (focused >= 0) this.elements[focused]?.focus({ preventScroll: true });
  }

  /** Draw the thumbnails of an image; -1: all. @param {number} image */
  paint(image) {
    const { nodes, colors } = this.tree;
    this.elements.forEach((element, i) => {
      element.querySelectorAll("canvas").forEach((canvas, place) => {
        const picture = this.pictures[i][place];
        if (image >= 0 && picture.image !== image) return;
        paintThumb(canvas, this.source.photo(picture.image), picture, {
          color: colors[i],
          gain: nodes[i].gain,
          side: this.side,
        });
      });
    });
  }

  /** The row of a level. @param {number} k @param {boolean} narrow with one thumbnail a node: what is said has two lines */
  level(k, narrow) {
    const own = this.elements.filter((_, i) => this.tree.nodes[i].k === k);
    const row = make(
      "div",
      { class: `dffw-tree-level${narrow ? " dffw-narrow" : ""}`, aria: { role: "group", label: `k = ${k}` } },
      make("div", { class: "dffw-tree-k", text: String(k), title: `k = ${k}`, aria: { hidden: "true" } }),
      ...own,
    );
    row.style.gridTemplateColumns = `${LABEL}px repeat(${own.length}, minmax(0, 1fr))`;
    return row;
  }

  width() {
    return Math.max(200, this.host.clientWidth - LABEL - 16);
  }

  /** Another width has room for other thumbnails, or only moves the links. */
  resize() {
    const { side, counts } = measure(
      this.width(),
      this.levels.map(({ k }) => k),
    );
    if (`${side} ${counts}` !== this.counts) this.build();
    else this.layout();
  }

  layout() {
    this.links.place(this.tree.nodes, this.elements, this.rows.getBoundingClientRect());
    this.host.dataset.frames = String(Number(this.host.dataset.frames ?? 0) + 1);
  }

  chosen() {
    return this.source.chosen(this.tree.nodes);
  }

  /** @param {number} i -1 for none */
  choose(i) {
    this.source.choose(this.tree.nodes[i]);
    this.mark();
  }

  /** Say which level and which node are the present ones; one node is a stop of the Tab key. */
  mark() {
    const now = this.chosen();
    const k = this.source.k();
    const inside = this.rows.contains(document.activeElement);
    const first = Math.max(0, now >= 0 ? now : this.tree.nodes.findIndex((node) => node.k === k));
    this.elements.forEach((element, i) => {
      describe(element, "selected", i === now);
      if (!inside) element.tabIndex = i === first ? 0 : -1;
    });
    for (const level of this.levels) level.row.classList.toggle("dffw-now", level.k === k);
    this.links.trace(this.tree.nodes, now);
  }

  /** @param {number} i */
  focused(i) {
    if (i < 0) return;
    this.elements.forEach((element, j) => {
      element.tabIndex = i === j ? 0 : -1;
    });
    this.links.trace(this.tree.nodes, i);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const i = this.elements.indexOf(/** @type {any} */ (event.target));
    if (i < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = neighbour(this.tree.nodes, i, event.key);
    if (event.key === "Enter" || event.key === " ") this.choose(i);
    else if (event.key === "Escape" && this.chosen() >= 0) this.choose(-1);
    else if (/^(Arrow(Up|Down|Left|Right)|Home|End)$/.test(event.key)) this.elements[to]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  dispose() {
    this.watch?.disconnect();
    this.host.classList.remove("dffw-tree");
    this.host.replaceChildren();
  }
}

/**
 * In the app.
 * @param {HTMLElement} host
 * @param {import("../kit/types.d.ts").Context} context
 */
export function mount(host, context) {
  return mountTree(host, (signal) => storeSource({ ...context, signal }), context.signal);
}

/**
 * @param {HTMLElement} host
 * @param {(signal: AbortSignal) => Source} source
 * @param {AbortSignal} outer
 */
export function mountTree(host, source, outer) {
  const { signal, end } = scope(outer);
  const view = new TreeView(host, source(signal), signal);
  return {
    update: () => view.resize(),
    dispose() {
      end();
      view.dispose();
    },
  };
}
