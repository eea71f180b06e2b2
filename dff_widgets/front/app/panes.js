// What else there is to see, beside gallery and factors: each pane registers here, in the order of its tab.

import { mount as closer } from "../closer/index.js";
import { mount as compare } from "../compare/index.js";
import { mount as focus } from "../focus/index.js";
import { mount as label } from "../label/index.js";
import { mountSession as session } from "../label/session.js";
import { mount as sweep } from "../sweep/index.js";
import { mount as tree } from "../tree/index.js";

/** @import { FactorAction, Pane } from "../kit/types.d.ts" */

/** In the stage, in place of the gallery. @type {Pane[]} */
export const STAGE = [
  { name: "tree", title: "Tree", mount: tree },
  { name: "compare", title: "Compare", mount: compare },
  { name: "sweep", title: "Sweep", mount: sweep },
];

/** Beside the stage, in place of the factors. @type {Pane[]} */
export const SIDE = [
  { name: "label", title: "Label", mount: label },
  { name: "session", title: "Session", mount: session },
];

/** The image that is open (State.opened), over the stage. @type {Pane | null} */
export const FOCUS = { name: "focus", title: "Image", mount: focus };

/** The selected factor closer, in a drawer under the stage. @type {Pane | null} */
export const CLOSER = { name: "closer", title: "Look closer", mount: closer };

/** More that can be done with one factor, in the menu of its card. @type {FactorAction[]} */
export const FACTOR_ACTIONS = [];
