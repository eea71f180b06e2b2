// What a factor is called: a box that completes the known parts, and one suggestion that a click takes.

import { freshId, listen, make, percent, say } from "../kit/dom.js";

/** @import { Context, Scores } from "../kit/types.d.ts" */
/** @import { Factor } from "../kit/levels.js" */

const WORTH = 0.05; // the least coverage that is suggested
const ALSO = 0.5; // and for a second name

/**
 * The part that a factor covers best and is not named after, or null.
 * @param {Scores} scores @param {number} factor @param {string[]} names
 * @returns {[string, number] | null}
 */
export function suggestion({ coverage, parts }, factor, names) {
  const least = names.length ? ALSO : WORTH;
  return parts
    .map((part, p) => /** @type {[string, number]} */ ([part, coverage[factor]?.[p] ?? 0]))
    .filter(([part, share]) => share >= least && !names.includes(part))
    .reduce(
      (best, one) => (best === null || one[1] > best[1] ? one : best),
      /** @type {[string, number] | null} */ (null),
    );
}

/** What the box offers: every part, and every part in addition to those the factor has. @param {string[]} known @param {string[]} names */
export function completions(known, names) {
  const others = known.filter((part) => !names.includes(part));
  return [...others, ...(names.length ? others.map((part) => [...names, part].join(" + ")) : [])];
}

/**
 * @param {Context} context
 * @param {() => Factor | undefined} present  the factor, as it is now
 */
export function nameBox({ store, ask, choose, asleep, signal }, present) {
  const options = make("datalist", { id: freshId() });
  const box = make("input", { type: "text", class: "dffw-name", autocomplete: "off", spellcheck: false, dir: "auto" });
  box.setAttribute("list", options.id);
  const chip = make("button", { class: "dffw-chip", hidden: true });
  const element = make("span", { class: "dffw-naming" }, box, options, chip);
  let said = ""; // what the kernel last said it is called

  async function commit() {
    const factor = present();
    if (!factor || box.value.trim() === said) return;
    said = box.value.trim();
    await ask("name", { factor: factor.index, text: said }).catch((/** @type {Error} */ error) => {
      store.set({ status: { ...store.get("status"), problem: error.message } });
    });
  }

  listen(
    box,
    "focus",
    () => {
      const factor = present();
      if (!factor) return;
      options.replaceChildren(
        ...completions(store.get("appearance").known, factor.names).map((value) => make("option", { value })),
      );
      if (store.get("selected") !== factor.index) choose({ selected: factor.index });
    },
    signal,
  );
  listen(box, "change", commit, signal);
  listen(
    box,
    "input",
    (event) => {
      // picked from the list, not typed
      if (event.inputType === undefined || event.inputType === "insertReplacementText") commit();
    },
    signal,
  );
  listen(
    box,
    "keydown",
    (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      if (event.key === "Escape") box.value = said;
      else commit();
      /** @type {HTMLElement | null} */ (element.closest(".dffw-app"))?.focus({ preventScroll: true });
    },
    signal,
  );
  listen(
    chip,
    "click",
    (event) => {
      event.stopPropagation();
      const factor = present();
      if (factor && chip.dataset.part !== undefined)
        ask("toggle", { factor: factor.index, part: chip.dataset.part }).catch(() => {});
    },
    signal,
  );

  /** @param {Factor} factor */
  function sync(factor) {
    const now = factor.names.join(" + ");
    if (box.value.trim() === said || now !== said) box.value = now; // else it is being typed
    said = now;
    box.placeholder = factor.names.length ? "" : factor.title;
    box.readOnly = asleep();
    box.setAttribute("aria-label", `Name of factor ${factor.index + 1}`);
    box.title = now || "Name it";
    const scores = store.get("scores");
    const offer = scores.k === store.get("k") && !asleep() ? suggestion(scores, factor.index, factor.names) : null;
    chip.hidden = !offer;
    if (!offer) return;
    const [part, share] = offer;
    chip.dataset.part = part;
    say(chip, `+ ${part.slice(0, 24)}`);
    chip.title = `It covers ${percent(share)} of ${part}: click to name it so`;
    chip.setAttribute(
      "aria-label",
      `Name factor ${factor.index + 1} ${part.slice(0, 100)}: it covers ${percent(share)} of it`,
    );
  }

  /** What was being typed is of another factor. */
  function forget() {
    box.value = said = "";
  }

  return { element, sync, forget, focus: () => box.select() };
}
