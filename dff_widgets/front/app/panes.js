// What else there is to see, beside gallery and factors: each pane registers here, in the order of its tab.

import { mount as closer } from "../closer/index.js";
import { mount as compare } from "../compare/index.js";
import { mount as focus } from "../focus/index.js";
import { mount as label } from "../label/index.js";
import { mountSession as session } from "../label/session.js";
import { mount as sweep } from "../sweep/index.js";
import { mount as tree } from "../tree/index.js";

/** @import { FactorAction, Pane, Panes } from "../kit/types.d.ts" */

/** In the stage, in place of the gallery. @type {Pane[]} */
const STAGE = [
  { name: "tree", title: "Tree", mount: tree },
  { name: "compare", title: "Compare", mount: compare, kernel: true },
  { name: "sweep", title: "Sweep", mount: sweep, kernel: true },
];

/** Beside the stage, in place of the factors. @type {Pane[]} */
const SIDE = [
  { name: "label", title: "Label", mount: label, kernel: true },
  { name: "session", title: "Session", mount: session, kernel: true },
];

/** The image that is open (State.opened), over the stage. @type {Pane | null} */
const FOCUS = { name: "focus", title: "Image", mount: focus, kernel: true };

/** The selected factor closer, in a drawer under the stage. @type {Pane | null} */
const CLOSER = { name: "closer", title: "Look closer", mount: closer, kernel: true };

/** More that can be done with one factor, in the menu of its card. @type {FactorAction[]} */
const FACTOR_ACTIONS = [];

/**
 * What there is here.
 * @param {{ page: boolean, alone: boolean }} where  page: exported, without a kernel; alone: of one result, which has
 * no others to be compared with
 * @returns {Panes}
 */
export function offered({ page, alone }) {
  const works = (/** @type {Pane} */ pane) => !page || !pane.kernel;
  return {
    STAGE: alone ? [] : STAGE.filter(works),
    SIDE: SIDE.filter(works),
    FOCUS: FOCUS && works(FOCUS) ? FOCUS : null,
    CLOSER: CLOSER && works(CLOSER) ? CLOSER : null,
    FACTOR_ACTIONS: page ? [] : FACTOR_ACTIONS,
  };
}
