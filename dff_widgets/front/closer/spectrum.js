// Which channels make a factor: bars of their shares, with a mark at their largest share in another factor.

import { make } from "../kit/dom.js";
import { list, section } from "./section.js";

/** @typedef {{channel: number, share: number, others: number}} Channel */

const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)} %`;

/** @param {Channel} channel @param {number} top the share at the upper edge */
function column({ channel, share, others }, top) {
  const height = (/** @type {number} */ v) => `${Math.max(0, (100 * v) / top)}%`;
  const bar = make("i", { class: share < 0 ? "dffw-negative" : "" });
  bar.style.height = height(Math.abs(share));
  const box = make("div", { class: "dffw-closer-column", aria: { hidden: "true" } }, bar);
  if (others > 0) {
    const mark = make("b");
    mark.style.bottom = height(others);
    box.append(mark);
  }
  const said = `channel ${channel}: ${percent(share)}, in another factor at most ${percent(others)}`;
  return make(
    "li",
    { title: said, aria: { label: said } },
    box,
    make("span", { text: String(channel), aria: { hidden: "true" } }),
  );
}

/** @param {Channel[]} channels */
function chart(channels) {
  const top = Math.max(...channels.flatMap(({ share, others }) => [Math.abs(share), others]), 1e-9);
  return make(
    "div",
    { class: "dffw-closer-chart" },
    make("div", { class: "dffw-closer-scale", text: percent(top), aria: { hidden: "true" } }),
    list(
      "",
      channels.map((channel) => column(channel, top)),
    ),
  );
}

/** @param {boolean} distinct */
function toggle(distinct) {
  const button = (/** @type {string} */ text, /** @type {boolean} */ value) =>
    make("button", {
      text: text,
      data: { distinct: String(value) },
      aria: { pressed: String(distinct === value) },
    });
  return make(
    "div",
    { class: "dffw-closer-toggle", aria: { role: "group", label: "Which channels" } },
    button("strongest", false),
    button("distinguishing", true),
  );
}

/**
 * @param {Channel[]} strongest
 * @param {Channel[]} apart those that distinguish the factor; none where there is no other factor
 * @param {boolean} distinct whether the latter are shown
 */
export function spectrumSection(strongest, apart, distinct) {
  const shown = distinct && apart.length ? apart : strongest;
  const hint = apart.length ? "share of each; line: its largest in another factor" : "share of each channel";
  return section(
    { kind: "what", heading: "Which channels make it", hint, tool: apart.length ? toggle(distinct) : undefined },
    chart(shown),
  );
}
