// The links of the tree: from each child up to the parent that it overlaps most, as wide as the overlap.

import { draw } from "../kit/svg.js";
import { ancestors, linkPath, linkWidth } from "./nodes.js";

/** @typedef {import("./nodes.js").Node} Node */

const INSIDE = 4; // CSS pixels that a link goes on behind the node, whose border may be transparent

export class Links {
  constructor() {
    this.svg = draw("svg", { class: "dffw-tree-links", "aria-hidden": "true" });
    /** @type {(SVGElement | undefined)[]} */
    this.paths = [];
  }

  /** @param {Node[]} nodes @param {string[]} colors @param {string[]} said */
  build(nodes, colors, said) {
    this.paths = nodes.map(({ parent, overlap }, i) => {
      if (parent < 0) return undefined;
      const title = draw("title");
      title.textContent = said[i];
      return draw("path", { stroke: colors[i], "stroke-width": linkWidth(overlap) }, title);
    });
    this.svg.replaceChildren(.../** @type {SVGElement[]} */ (this.paths.filter(Boolean)));
  }

  /**
   * Lead them from node to node.
   * @param {Node[]} nodes
   * @param {HTMLElement[]} elements
   * @param {DOMRect} origin of the svg
   */
  place(nodes, elements, origin) {
    const boxes = elements.map((element) => element.getBoundingClientRect()); // read all, then write
    const middle = (/** @type {DOMRect} */ box) => box.left + box.width / 2 - origin.left;
    this.paths.forEach((path, i) => {
      if (!path) return;
      const [above, below] = [boxes[nodes[i].parent], boxes[i]];
      path.setAttribute(
        "d",
        linkPath(
          { x: middle(above), y: above.bottom - origin.top - INSIDE },
          { x: middle(below), y: below.top - origin.top + INSIDE },
        ),
      );
    });
  }

  /** Bring out the links from a node up to the root; -1: none. @param {Node[]} nodes @param {number} i */
  trace(nodes, i) {
    const line = new Set(i < 0 ? [] : [i, ...ancestors(nodes, i)]);
    this.paths.forEach((path, j) => {
      path?.classList.toggle("dffw-on", line.has(j));
    });
  }
}
