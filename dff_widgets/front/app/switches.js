// The switches over the gallery: what is drawn over the photos, how the photos are, in which order, how large.

import { listen, make, say } from "../kit/dom.js";
import { icon } from "../kit/icons.js";
import { ASLEEP } from "../kit/kernel.js";
import { drawnLook } from "../kit/levels.js";
import { menuItem, popover } from "../kit/popover.js";
import { segments } from "../kit/segments.js";
import { slider } from "../kit/slider.js";

/** @import { Context, Look, Photo, Sort } from "../kit/types.d.ts" */

const LOOKS = [
  { value: "heat", text: "Heat", title: "Heat maps of the network's own grid (h)" },
  { value: "sharp", text: "Sharp", title: "Heat maps that follow the edges of the photos (r)" },
  { value: "masks", text: "Masks", title: "Where a heat map reaches its percentile (m)" },
];
const PHOTOS = [
  { value: "grey", text: "Grey", title: "Grey photos: only the factors have colour (g)" },
  { value: "colour", text: "Colour", title: "Photos in their own colours (g)" },
  { value: "dim", text: "Dim", title: "Photos darkened (g)" },
];
const SORTS = /** @type {[Sort, string, string][]} */ ([
  ["as given", "As given", ""],
  ["name", "By name", ""],
  ["factor", "By factor", "the selected one"],
  ["doubt", "Least certain", "first"],
]);

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export function lookSwitches(root, context) {
  const masks = maskCut(context);
  const filter = filterBox(context);
  const elements = [
    masks.element,
    lookSwitch(context),
    photoSwitch(context),
    sortMenu(root, context),
    filter,
    sizeSlider(context),
  ];
  return {
    elements,
    /** @param {boolean} on */
    show(on) {
      for (const element of elements) element.hidden = !on;
      masks.sync();
    },
    filter: () => filter.querySelector("input")?.focus(),
  };
}

/** @param {Context} context */
function lookSwitch({ store, choose, signal }) {
  const { element, show } = segments(
    { label: "Over the photos" },
    (look) => choose({ look: /** @type {Look} */ (look) }),
    signal,
  );
  const sync = () => {
    const asleep = store.get("asleep");
    const looks = LOOKS.filter(({ value }) => value !== "sharp" || !store.get("page"));
    const shown = looks.map((look) =>
      look.value === "sharp" && asleep ? { ...look, disabled: true, title: ASLEEP } : look,
    );
    show(shown, drawnLook(store));
  };
  store.on(["look", "asleep"], sync, signal);
  sync();
  return element;
}

/** @param {Context} context */
function photoSwitch({ store, choose, signal }) {
  const { element, show } = segments(
    { label: "Photos" },
    (photo) => choose({ photo: /** @type {Photo} */ (photo) }),
    signal,
  );
  element.classList.add("dffw-photos");
  const sync = () => show(PHOTOS, store.get("photo"));
  store.on("photo", sync, signal);
  sync();
  return element;
}

/** The percentile, shown with the masks; or that they are found automatically. @param {Context} context */
function maskCut({ store, choose, asleep, signal }) {
  const says = (/** @type {number} */ value) => `${value} %`;
  const range = slider(
    {
      label: "Percentile from which a pixel is in the mask",
      max: 100,
      step: 0.5,
      value: store.get("percentile"),
      says,
    },
    (percentile, held) => choose({ percentile, threshold: null }, { held }),
    signal,
  );
  const number = make("span", { class: "dffw-num dffw-cut-number" });
  const seen = store.get("seen");
  const auto = make("button", {
    class: "dffw-auto",
    text: seen ? "as seen" : "auto",
    title: seen ? "The masks as they were seen, with corrections" : "Find the masks automatically, from the sharp maps",
    aria: { pressed: false },
  });
  const element = make(
    "div",
    { class: "dffw-cut" },
    make("span", { class: "dffw-mut", text: "at" }),
    range.element,
    number,
    auto,
  );
  listen(auto, "click", () => choose({ threshold: store.get("threshold") === "auto" ? null : "auto" }), signal);

  function sync() {
    const automatic = store.get("threshold") === "auto";
    element.classList.toggle("dffw-idle", store.get("look") !== "masks");
    element.inert = store.get("look") !== "masks";
    range.show(store.get("percentile"));
    range.element.classList.toggle("dffw-faint", automatic);
    say(number, automatic ? "half" : says(store.get("percentile")));
    auto.setAttribute("aria-pressed", String(automatic));
    auto.disabled = asleep() && !automatic && !store.get("seen");
    auto.hidden = store.get("page") && !store.get("seen");
  }
  store.on(["look", "percentile", "threshold", "asleep"], sync, signal);
  return { element, sync };
}

/** @param {HTMLElement} root @param {Context} context */
function sortMenu(root, { store, choose, signal }) {
  const text = make("span");
  const button = make("button", { class: "dffw-light", title: "Order of the images" }, text, icon("down"));
  const sync = () => say(text, SORTS.find(([value]) => value === store.get("sort"))?.[1] ?? "As given");
  popover(
    button,
    { root, label: "Order of the images", menu: true },
    (close, opened) =>
      SORTS.map(([value, title, note]) =>
        menuItem(
          title,
          () => {
            choose({ sort: value });
            close();
          },
          { note, checked: value === store.get("sort") },
          opened,
        ),
      ),
    signal,
  );
  store.on("sort", sync, signal);
  sync();
  return button;
}

/** @param {Context} context */
function filterBox({ store, choose, release, signal }) {
  const box = make("input", {
    type: "search",
    class: "dffw-filter",
    placeholder: "Filter",
    autocomplete: "off",
    spellcheck: false,
    title: "Only images whose name has this (/)",
    aria: { label: "Filter the images by name" },
  });
  const element = make("label", { class: "dffw-filter-row" }, icon("search"), box);
  listen(box, "input", () => choose({ filter: box.value }, { held: true }), signal);
  listen(box, "change blur", () => release(), signal);
  listen(
    box,
    "keydown",
    (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      if (box.value) choose({ filter: "" });
      else box.blur();
    },
    signal,
  );
  const sync = () => {
    if (box.value !== store.get("filter")) box.value = store.get("filter");
  };
  store.on("filter", sync, signal);
  sync();
  return element;
}

/** @param {Context} context */
function sizeSlider({ store, choose, signal }) {
  const range = slider(
    {
      label: "Height of the images",
      min: 80,
      max: 480,
      step: 10,
      value: store.get("row_height"),
      says: (value) => `${value} pixels`,
    },
    (size, held) => choose({ tile_size: size }, { held }),
    signal,
  );
  range.element.classList.add("dffw-size");
  range.element.title = "Height of the images (− +); double click: as fits";
  listen(range.element, "dblclick", () => choose({ tile_size: 0 }), signal);
  store.on("row_height", () => range.show(store.get("row_height")), signal);
  return range.element;
}
