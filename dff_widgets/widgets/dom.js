// Small helpers that every part of the gallery uses.

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** An element with properties, and children. */
function make(tag, properties = {}, ...children) {
  const { aria = {}, data = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(name === "role" ? name : `aria-${name}`, value);
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
}

const swatch = (color) => make("i", { className: "dffw-swatch", style: `background:${color}` });
const percent = (fraction) => `${Math.round(100 * fraction)} %`;
