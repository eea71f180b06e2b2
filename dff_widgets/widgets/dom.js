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

/** One factor of one image as a canvas of its own size: the factor's colour, its strength times `gain` as alpha. */
function tint(values, height, width, color, gain) {
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  const [r, g, b] = rgb(color);
  for (let p = 0; p < values.length; p++) pixels.data.set([r, g, b, Math.round(values[p] * gain)], 4 * p); // clamped
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/**
 * Follow a model until `gone` is aborted: `on(names, work)`. One message may change many traits; each piece of work is
 * done once, after all of them are in place.
 */
function follow(model, gone) {
  const due = new Set();
  const later = (work) => {
    if (!due.size) queueMicrotask(() => {
      const todo = [...due];
      due.clear();
      if (!gone.signal.aborted) todo.forEach((f) => f());
    });
    due.add(work);
  };
  return (names, work) => [names].flat().forEach((name) => {
    const action = () => later(work);
    model.on(`change:${name}`, action);
    gone.signal.addEventListener("abort", () => model.off(`change:${name}`, action));
  });
}
