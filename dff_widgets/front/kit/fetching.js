// What is shown but not there yet, asked for in batches: photos and heat maps of later images, sharp maps.

/** @import { Answer, Ask, Progress } from "./types.d.ts" */

const SOON = 30; // ms in which wishes are gathered
const BATCH = 24; // images in one request

/**
 * @param {Ask} ask
 * @param {(answer: Answer) => void} take  one image's answer
 * @param {(what: string, progress: Progress) => void} told  how many of those that were asked for since the last rest came
 * @param {AbortSignal} signal
 */
export function fetching(ask, take, told, signal) {
  /** @type {Map<string, Set<number>>} per request the images wished for */
  const wished = new Map();
  /** @type {Set<string>} */
  const asked = new Set();
  /** @type {Map<string, { due: Set<string>, total: number }>} per kind of request */
  const counts = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));

  /** @param {string} what */
  function countOf(what) {
    const count = counts.get(what) ?? { due: new Set(), total: 0 };
    counts.set(what, count);
    return count;
  }

  /** @param {string} what @param {string} name */
  function came(what, name) {
    const count = countOf(what);
    if (!count.due.delete(name)) return;
    if (!count.due.size) count.total = 0;
    told(what, { done: count.total - count.due.size, total: count.total });
  }

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
            came(what, `${request} ${image}`);
          });
        /** @param {Answer} answer */
        const part = (answer) => {
          came(what, `${request} ${answer.content.image}`);
          take(answer);
        };
        ask(what, { ...payload, of }, { part }).then(forget, forget);
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
      const count = countOf(what);
      count.due.add(`${request} ${image}`);
      count.total += 1;
      told(what, { done: count.total - count.due.size, total: count.total });
      wished.set(request, (wished.get(request) ?? new Set()).add(image));
      timer ??= setTimeout(send, SOON);
    },
  };
}
