// Drawn signs, 16 x 16, in the colour of the text: no font needs to have them.

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  undo: "M6 3 2.5 6.5 6 10M3 6.5h6a4 4 0 0 1 0 8H7",
  redo: "m10 3 3.5 3.5L10 10M13 6.5H7a4 4 0 0 0 0 8h2",
  settings: "M2 4.5h7M13 4.5h1M2 11.5h1M7 11.5h7M9 2.5v4h4v-4zM3 9.5v4h4v-4z",
  keys: "M1.5 4h13v8h-13zM4 6.8h.01M6.6 6.8h.01M9.3 6.8h.01M12 6.8h.01M5 9.4h6",
  full: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  small: "M6 2.5V6H2.5M13.5 6H10V2.5M10 13.5V10h3.5M2.5 10H6v3.5",
  down: "m4.5 6.5 3.5 3.5 3.5-3.5",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  close: "m4 4 8 8M12 4l-8 8",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8ZM10 8a2 2 0 1 1-4 0 2 2 0 0 1 4 0Z",
  off: "m2.5 2.5 11 11M6.5 3.8C7 3.6 7.5 3.5 8 3.5c4 0 6.5 4.5 6.5 4.5a12 12 0 0 1-1.9 2.4M10 12.2c-.6.2-1.3.3-2 .3-4 0-6.5-4.5-6.5-4.5a12 12 0 0 1 2.6-3",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.3 10.3l3.7 3.7",
  check: "m3 8.5 3.2 3.2L13 5",
  grid: "M2.5 2.5h4v4h-4zM9.5 2.5h4v4h-4zM2.5 9.5h4v4h-4zM9.5 9.5h4v4h-4z",
  folder: "M1.5 4.5v8h13v-7H8L6.5 3.5h-5z",
  upload: "M8 10.5V3M5 6l3-3 3 3M2.5 10.5v3h11v-3",
  download: "M8 3v7.5M5 7.5l3 3 3-3M2.5 10.5v3h11v-3",
  moon: "M13.5 9.5A6 6 0 1 1 6.5 2.5a4.7 4.7 0 0 0 7 7Z",
};

/** @typedef {keyof typeof PATHS} Icon */

/** @param {Icon} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "dffw-icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
