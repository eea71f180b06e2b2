// What is shown but not there yet, asked for in batches: photos and heat maps of later images, sharp maps.

/** @import { Answer, Ask } from "./types.d.ts" */

const SOON = 30; // ms in which wishes are gathered
const BATCH = 24; // images in one request

/**
 * @param {Ask} ask
 * @param {(answer: Answer) => void} take  one image's answer
 * @param {AbortSignal} signal
 */
export function fetching(ask, take, signal) {
  /** @type {Map<string, Set<number>>} per request the images wished for */
  const wished = new Map();
  /** @type {Set<string>} */
  const asked = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));

  function send() {
    timer = undefined;
    for (const [request, images] of wished) {
      const { what, ...payload } = JSON.parse(request);
      const all = [...images];
      for (let i = 0; i < all.length; i += BATCH) {
        const of = all.slice(i, i + BATCH);
        const forget = () =>
          of.forEach((image) => {
            asked.delete(`${request} ${image}`);
          });
        ask(what, { ...payload, of }, { part: take }).then(forget, forget);
      }
    }
    wished.clear();
  }

  return {
    /** @param {string} what @param {Record<string, unknown>} payload @param {number} image */
    wish(what, payload, image) {
      const request = JSON.stringify({ what, ...payload });
      if (asked.has(`${request} ${image}`)) return;
      asked.add(`${request} ${image}`);
      wished.set(request, (wished.get(request) ?? new Set()).add(image));
      timer ??= setTimeout(send, SOON);
    },
  };
}
