// The Label tab: parts, names by coverage, the review, a few images first.

import { scope } from "../kit/scope.js";
import { assigning } from "./assigning.js";
import { Pages } from "./pages.js";
import { PartList } from "./part_list.js";
import { reviewing } from "./review.js";

/**
 * @param {HTMLElement} host
 * @param {import("../kit/types.d.ts").Context} outer
 */
export function mount(host, outer) {
  const { signal, end } = scope(outer.signal);
  const context = { ...outer, signal };
  const parts = new PartList(context);
  host.classList.add("dffw-label");
  host.replaceChildren(parts.element, assigning(context), reviewing(context), new Pages(context).element);
  return {
    update: () => parts.sync(),
    dispose() {
      end();
      host.replaceChildren();
    },
  };
}
