// The frame of the app: where the bars, the stage, the factors and the status line are, and how high it all is.

import { mountStrip } from "../factors/strip.js";
import { make } from "../kit/dom.js";
import { mountDrop } from "./drop.js";
import { mountHeight } from "./height.js";
import { mountSide } from "./side.js";
import { mountStage } from "./stage.js";
import { mountStatus } from "./status.js";
import { mountTopBar } from "./topbar.js";

/** @import { Context } from "../kit/types.d.ts" */

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export function mountShell(root, context) {
  const top = make("header", { class: "dffw-top" });
  const bar = make("nav", { class: "dffw-stage-bar", aria: { label: "View" } });
  const body = make("div", { class: "dffw-body" });
  const stage = make("main", { class: "dffw-stage", aria: { role: "group", label: "Stage" } });
  const strip = make("div", { class: "dffw-strip" });
  const side = make("aside", { class: "dffw-side", aria: { role: "group", label: "Factors and labels" } });
  const foot = make("footer", { class: "dffw-foot" });
  body.append(stage, strip, side);
  root.append(top, bar, body, foot);

  const height = mountHeight(root, context);
  const tools = mountTopBar(top, root, context, height);
  const scene = mountStage(stage, bar, root, context);
  const panel = mountSide(side, root, context);
  mountStrip(strip, root, context);
  mountStatus(foot, context);
  mountDrop(root, context);
  return { toggleFull: height.toggleFull, toggleKeys: tools.toggleKeys, filter: scene.filter, name: panel.name };
}
