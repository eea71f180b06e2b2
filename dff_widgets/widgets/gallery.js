// The gallery: photos under their coloured heat maps, blended here, in the browser.
//
// The kernel sends JPEG tiles and 8-bit heat maps at the network's resolution, once per change. Opacity, visibility,
// tile size and the photo's brightness are the browser's own: while a slider is dragged no message is sent.

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

/** Bilinear, once per heat map: smoothing again at each slider step would cost more than all the rest. */
function enlarged(source, width, height) {
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "low";
  context.drawImage(source, 0, 0, width, height);
  return canvas;
}

function render({ model, el }) {
  const gone = new AbortController();
  const listen = (target, event, action) => target.addEventListener(event, action, { signal: gone.signal });
  const handlers = [];
  const on = (name, action) => {
    model.on(`change:${name}`, action);
    handlers.push([`change:${name}`, action]);
  };
  const put = (name, value, { save }) => {
    model.set(name, value);
    if (save) model.save_changes();
  };
  const putAt = (name, index, value, options) =>
    put(name, model.get(name).map((old, i) => (i === index ? value : old)), options);

  const grid = make("div", { className: "dffw-grid", aria: { role: "list", label: "Images" } });
  const list = make("div", { className: "dffw-factors" });
  const readout = make("div", { className: "dffw-readout", aria: { role: "status", live: "off" } });
  const view = make("div", { className: "dffw-view" });
  const panel = make("div", { className: "dffw-panel", aria: { role: "group", label: "Factors" } });
  panel.append(make("div", { className: "dffw-title", textContent: "Factors" }), list, view, readout);
  el.classList.add("dffw");
  el.replaceChildren(grid, panel);

  let bitmaps = []; //  per tile, decoded
  let tiles = []; //    per tile {canvas, caption, maps: per factor bytes, tints: per factor canvas or null, h, w}
  let rows = []; //     per factor its controls

  // ------------------------------------------------------------------------------------------------- the photos
  let loading = 0;
  async function loadPhotos() {
    const mine = ++loading;
    const decoded = await Promise.all(model.get("tiles").map((jpeg) => createImageBitmap(new Blob([bytes(jpeg)]))));
    if (mine !== loading || gone.signal.aborted) return decoded.forEach((b) => b.close());
    bitmaps.forEach((b) => b.close());
    bitmaps = decoded;
    buildTiles();
  }

  function buildTiles() {
    const captions = model.get("captions");
    tiles = bitmaps.map((bitmap, i) => {
      const canvas = make("canvas", { aria: { role: "img" } });
      const caption = make("figcaption", { textContent: captions[i] ?? "", title: captions[i] ?? "" });
      listen(canvas, "pointermove", (event) => read(i, event));
      listen(canvas, "pointerleave", () => (readout.textContent = hint()));
      listen(canvas, "click", (event) => select(strongest(valuesAt(i, event))));
      return { canvas, figure: make("figure", { aria: { role: "listitem" } }, canvas, caption), caption };
    });
    grid.replaceChildren(...tiles.map((tile) => tile.figure));
    sizeTiles();
    cutHeat();
  }

  function sizeTiles() {
    const side = model.get("tile_size");
    const scale = window.devicePixelRatio || 1;
    tiles.forEach(({ canvas, figure }, i) => {
      const fit = side / Math.max(bitmaps[i].width, bitmaps[i].height);
      const [width, height] = [bitmaps[i].width * fit, bitmaps[i].height * fit];
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
      figure.style.width = `${side}px`;
    });
    grid.style.setProperty("--dffw-tile", `${side}px`);
    tiles.forEach((tile) => tile.tints?.fill(null));
    draw();
  }

  // -------------------------------------------------------------------------------------------------- the heat
  /** Cut the one buffer of all heat maps into one piece per tile and factor. */
  function cutHeat() {
    const heat = bytes(model.get("heat"));
    const grids = model.get("grids");
    const k = model.get("colors").length;
    let start = 0;
    tiles.forEach((tile, i) => {
      const [h, w] = grids[i] ?? [0, 0];
      const whole = start + k * h * w <= heat.length;
      tile.maps = whole && h * w ? Array.from({ length: k }, (_, j) => heat.subarray(start + j * h * w, start + (j + 1) * h * w)) : [];
      [tile.h, tile.w, tile.tints] = [h, w, tile.maps.map(() => null)];
      start += k * h * w;
    });
    draw();
  }

  function draw() {
    const [opacity, visible, colors] = ["opacity", "visible", "colors"].map((name) => model.get(name));
    const gains = model.get("gains");
    const names = model.get("names");
    tiles.forEach((tile, i) => {
      const { canvas, maps, tints } = tile;
      const context = canvas.getContext("2d");
      context.globalAlpha = 1;
      context.fillStyle = "#000";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.globalAlpha = model.get("photo");
      context.drawImage(bitmaps[i], 0, 0, canvas.width, canvas.height);
      maps?.forEach((values, j) => {
        if (!visible[j] || !opacity[j]) return;
        tints[j] ??= enlarged(tint(values, tile.h, tile.w, colors[j], gains[j] ?? 1), canvas.width, canvas.height);
        context.globalAlpha = opacity[j];
        context.drawImage(tints[j], 0, 0);
      });
      const shown = names.filter((_, j) => visible[j] && maps?.length);
      canvas.setAttribute("aria-label", `${tile.caption.textContent}${shown.length ? `, with ${shown.join(", ")}` : ""}`);
    });
    el.dataset.frames = Number(el.dataset.frames ?? 0) + 1;
  }

  // --------------------------------------------------------------------------------------------- looking closer
  /** Per factor its strength 0..1 under the pointer, bilinear as drawn. */
  function valuesAt(i, event) {
    const { canvas, maps = [], h, w } = tiles[i];
    const box = canvas.getBoundingClientRect();
    const clamp = (v, n) => Math.min(Math.max(v, 0), n - 1);
    const x = clamp(((event.clientX - box.left) / box.width) * w - 0.5, w);
    const y = clamp(((event.clientY - box.top) / box.height) * h - 0.5, h);
    const [x0, y0] = [Math.floor(x), Math.floor(y)];
    const [x1, y1] = [clamp(x0 + 1, w), clamp(y0 + 1, h)];
    const mix = (a, b, t) => a + (b - a) * t;
    return maps.map((m) => mix(mix(m[y0 * w + x0], m[y0 * w + x1], x - x0), mix(m[y1 * w + x0], m[y1 * w + x1], x - x0), y - y0) / 255);
  }

  /** The visible factor that is strongest, or -1 where there is none. */
  function strongest(values) {
    const visible = model.get("visible");
    return values.reduce((best, v, j) => (visible[j] && v > (values[best] ?? 0) ? j : best), -1);
  }

  const hint = () => (model.get("colors").length ? "Point at an image for the factors there." : "");

  function read(i, event) {
    const values = valuesAt(i, event);
    if (!values.length) return;
    const colors = model.get("colors");
    const swatches = values.map((v, j) =>
      make("span", {}, make("i", { className: "dffw-swatch", style: `background:${colors[j]}` }), v.toFixed(2)));
    readout.replaceChildren(...swatches);
  }

  function select(factor) {
    if (factor !== model.get("selected")) put("selected", factor, { save: true });
  }

  // ------------------------------------------------------------------------------------------------ the controls
  function slider(name, value, { min = 0, max = 1, step = 0.01 }, change) {
    const input = make("input", { type: "range", min, max, step, value, aria: { label: name } });
    listen(input, "input", () => change(Number(input.value), { save: false })); // drawn at once, not yet sent
    listen(input, "change", () => change(Number(input.value), { save: true })); // one message, on release
    return input;
  }

  function buildFactors() {
    const [names, colors, shares] = ["names", "colors", "shares"].map((name) => model.get(name));
    rows = names.map((name, j) => {
      const check = make("input", { type: "checkbox", checked: model.get("visible")[j], aria: { label: `Show ${name}` } });
      listen(check, "change", () => putAt("visible", j, check.checked, { save: true }));
      const button = make("button", { type: "button", className: "dffw-name", title: `Select ${name}` },
        make("i", { className: "dffw-swatch", style: `background:${colors[j]}` }), make("span", { textContent: name }));
      listen(button, "click", () => select(model.get("selected") === j ? -1 : j));
      const range = slider(`Opacity of ${name}`, model.get("opacity")[j], {}, (v, options) => putAt("opacity", j, v, options));
      const share = make("span", { className: "dffw-share", title: "Share of this factor in what all factors explain",
        textContent: shares[j] === undefined ? "" : `${Math.round(100 * shares[j])} %` });
      return { row: make("div", { className: "dffw-row" }, check, button, range, share), check, range, button };
    });
    list.replaceChildren(...rows.map((r) => r.row));
    markSelected();
    readout.textContent = hint();
  }

  function syncFactors() {
    rows.forEach(({ check, range }, j) => {
      check.checked = model.get("visible")[j];
      range.value = model.get("opacity")[j];
    });
    draw();
  }

  function markSelected() {
    rows.forEach(({ row, button }, j) => {
      row.classList.toggle("dffw-selected", j === model.get("selected"));
      button.setAttribute("aria-pressed", j === model.get("selected"));
    });
  }

  const photo = slider("Brightness of the photos", model.get("photo"), {}, (v, options) => put("photo", v, options));
  const size = slider("Size of the tiles in pixels", model.get("tile_size"), { min: 80, max: 480, step: 10 },
    (v, options) => put("tile_size", v, options));
  view.append(make("label", {}, "Photo", photo), make("label", {}, "Tile size", size));

  // Digits select a factor, Escape none; V shows or hides the selected one.
  listen(el, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const selected = model.get("selected");
    if (/^[0-9]$/.test(event.key) && Number(event.key) < rows.length) select(Number(event.key));
    else if (event.key === "Escape" && selected >= 0) select(-1);
    else if (event.key.toLowerCase() === "v" && selected >= 0) putAt("visible", selected, !model.get("visible")[selected], { save: true });
    else return;
    event.preventDefault();
  });

  // JupyterLab runs its command-mode shortcuts (b inserts a cell) on keys typed into a control, unless this attribute
  // is on the focused element itself. The explorer's other controls are not ours to build, so it is set on focus.
  listen(document, "focusin", ({ target }) => {
    if (target.closest?.(".dffw-explorer, .dffw")) target.dataset.lmSuppressShortcuts = "true";
  });

  // ------------------------------------------------------------------------------------------------ the changes
  // One message may change many traits; each piece of work is done once, after all of them are in place.
  const due = new Set();
  const once = (work) => () => {
    if (!due.size) queueMicrotask(() => {
      const todo = [...due];
      due.clear();
      if (!gone.signal.aborted) todo.forEach((f) => f());
    });
    due.add(work);
  };
  on("tiles", once(loadPhotos));
  ["heat", "grids", "colors", "gains"].forEach((name) => on(name, once(cutHeat)));
  ["names", "colors", "shares"].forEach((name) => on(name, once(buildFactors)));
  ["opacity", "visible"].forEach((name) => on(name, once(syncFactors)));
  on("photo", once(() => ((photo.value = model.get("photo")), draw())));
  on("tile_size", once(() => ((size.value = model.get("tile_size")), sizeTiles())));
  on("selected", once(markSelected));

  buildFactors();
  loadPhotos();
  return () => {
    gone.abort();
    handlers.forEach(([event, action]) => model.off(event, action));
    bitmaps.forEach((b) => b.close());
  };
}

export default { render };
