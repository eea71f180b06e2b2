// The review of the images: which are accepted or rejected, and how one says so.

/** @import { Context, State, Store } from "./types.d.ts" */

/** @typedef {"unreviewed" | "accepted" | "rejected"} Review */

/** Of every image that is shown. @param {Store<State>} store @returns {Review[]} */
export function reviewsOf(store) {
  const { accepted = [], rejected = [] } = store.get("notes").reviews ?? {};
  const reviews = /** @type {Review[]} */ (store.get("captions").map(() => "unreviewed"));
  for (const image of accepted) reviews[image] = "accepted";
  for (const image of rejected) reviews[image] = "rejected";
  return reviews;
}

/** How many there are of each. @param {Review[]} reviews */
export function counted(reviews) {
  const counts = { unreviewed: 0, accepted: 0, rejected: 0 };
  for (const review of reviews) counts[review] += 1;
  return counts;
}

/**
 * Say it of images; of those that are so already, that they are not reviewed.
 * @param {Context} context @param {number[]} images @param {Review} review
 */
export function judge({ store, ask }, images, review) {
  const now = reviewsOf(store);
  const same = images.every((image) => now[image] === review);
  return ask("review", { images, review: same ? "unreviewed" : review });
}
