// The gallery: photos under their coloured heat maps, blended here, in the browser.
//
// The kernel sends JPEG tiles and 8-bit heat maps at the network's resolution, once per change. Opacity, visibility,
// tile size and the photo's brightness are the browser's own: while a slider is dragged no message is sent.

/** Bilinear, once per heat map: smoothing again at each slider step would cost more than all the rest. */
function enlarged(source, width, height) {
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "low";
  context.drawImage(source, 0, 0, width, height);
  return canvas;
}

/** The pixels of an enlarged heat map whose strength reaches `level` (0..1), in one colour. */
function cut(source, level, color) {
  const pixels = source.getContext("2d").getImageData(0, 0, source.width, source.height);
  const words = new Uint32Array(pixels.data.buffer); // little-endian: alpha is the highest byte
  const [r, g, b] = rgb(color);
  const inside = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  const least = Math.max(Math.round(255 * level), 1);
  for (let p = 0; p < words.length; p++) words[p] = words[p] >>> 24 >= least ? inside : 0;
  const canvas = make("canvas", { width: source.width, height: source.height });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

function render({ model, el }) {
  const gone = new AbortController();
  const listen = (target, event, action) => target.addEventListener(event, action, { signal: gone.signal });
  const on = follow(model, gone);
  const put = (name, value, { save }) => {
    model.set(name, value);
    if (save) model.save_changes();
  };
  const putAt = (name, index, value, options) =>
    put(name, model.get(name).map((old, i) => (i === index ? value : old)), options);
  const send = (message) => model.send?.(message);

  const tools = { model, listen, put, putAt, send, select };
  const factors = factorRows(tools);
  const labels = labelTools(tools);
  const grid = make("div", { className: "dffw-grid", tabIndex: 0, aria: { role: "list", label: "Images" } });
  const readout = make("div", { className: "dffw-readout", hidden: true, aria: { role: "status", live: "off" } });
  const view = make("div", { className: "dffw-view" });
  const panel = make("div", { className: "dffw-panel", aria: { role: "group", label: "Factors" } });
  panel.append(make("div", { className: "dffw-title", textContent: "Factors" }), factors.list, labels.element, view);
  el.classList.add("dffw");
  el.replaceChildren(grid, panel, readout);

  let bitmaps = []; //  per tile, decoded
  let tiles = []; //    per tile {canvas, caption, h, w, maps: per factor bytes; tints, raw, cuts: drawn, or null}
  let dragged = null; // the percentile while its slider is dragged

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
      const text = captions[i] ?? "";
      const caption = model.get("openable")
        ? make("button", { type: "button", className: "dffw-open", textContent: text, title: `Open ${text}`, dir: "auto" })
        : make("span", { textContent: text, title: text, dir: "auto" });
      if (model.get("openable")) {
        listen(caption, "click", () => send({ do: "open", tile: i }));
        listen(canvas, "dblclick", () => send({ do: "open", tile: i }));
      }
      listen(canvas, "pointermove", (event) => read(i, event));
      listen(canvas, "pointerleave", () => (readout.hidden = true));
      listen(canvas, "click", (event) => select(strongest(valuesAt(i, event))));
      return { canvas, figure: make("figure", { aria: { role: "listitem" } }, canvas, make("figcaption", {}, caption)), caption };
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
    tiles.forEach((tile) => (tile.tints?.fill(null), tile.cuts?.fill(null), tile.raw?.fill(null)));
    draw();
  }

  // -------------------------------------------------------------------------------------------------- the heat
  /** Cut the one buffer of all heat maps into one piece per tile and factor. */
  function cutHeat() {
    readout.hidden = true; // it is of the heat before
    const heat = bytes(model.get("heat"));
    const grids = model.get("grids");
    const k = model.get("colors").length;
    let start = 0;
    tiles.forEach((tile, i) => {
      const [h, w] = grids[i] ?? [0, 0];
      const whole = start + k * h * w <= heat.length;
      tile.maps = whole && h * w ? Array.from({ length: k }, (_, j) => heat.subarray(start + j * h * w, start + (j + 1) * h * w)) : [];
      [tile.h, tile.w] = [h, w];
      for (const cache of ["tints", "raw", "cuts"]) tile[cache] = tile.maps.map(() => null);
      start += k * h * w;
    });
    draw();
  }

  /** A factor of a tile as it is drawn: its heat, or its mask at a level. */
  function overlay(tile, i, j, color) {
    const { width, height } = tile.canvas;
    if (model.get("view") !== "masks") {
      const gain = model.get("gains")[j] ?? 1;
      return (tile.tints[j] ??= enlarged(tint(tile.maps[j], tile.h, tile.w, color, gain), width, height));
    }
    const level = levelOf(i, j);
    if (tile.cuts[j]?.level !== level) {
      tile.raw[j] ??= enlarged(tint(tile.maps[j], tile.h, tile.w, color, 1), width, height);
      tile.cuts[j] = { level, canvas: cut(tile.raw[j], level, color) };
    }
    return tile.cuts[j].canvas;
  }

  /** From which strength a factor is in its mask; while the percentile is dragged, from the table. */
  function levelOf(i, j) {
    const table = model.get("quantiles")?.[j];
    if (dragged === null || !table?.length) return model.get("levels")?.[i]?.[j] ?? 1;
    const at = (dragged / 100) * (table.length - 1);
    const low = Math.min(Math.floor(at), table.length - 2);
    return table[low] + (table[low + 1] - table[low]) * (at - low);
  }

  function draw() {
    const [opacity, visible, colors] = ["opacity", "visible", "colors"].map((name) => model.get(name));
    const names = model.get("names");
    tiles.forEach((tile, i) => {
      const { canvas, maps } = tile;
      const context = canvas.getContext("2d");
      context.globalAlpha = 1;
      context.fillStyle = "#000";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.globalAlpha = model.get("photo");
      context.drawImage(bitmaps[i], 0, 0, canvas.width, canvas.height);
      maps?.forEach((_, j) => {
        if (!visible[j] || !opacity[j]) return;
        const drawn = overlay(tile, i, j, colors[j]);
        context.globalAlpha = opacity[j];
        context.drawImage(drawn, 0, 0);
      });
      const shown = names.filter((_, j) => visible[j] && maps?.length).map((name) => name.slice(0, 100));
      canvas.setAttribute("aria-label", `${tile.caption.textContent}${shown.length ? `, with ${shown.join(", ")}` : ""}`);
    });
    nameHandles();
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

  /** Beside the pointer, where one looks: the factors there, and which is strongest. */
  function read(i, event) {
    const values = valuesAt(i, event);
    if (!values.length) return;
    const [colors, names] = ["colors", "names"].map((name) => model.get(name));
    const first = strongest(values);
    const said = first < 0 ? "no factor shown here" : names[first].slice(0, 200);
    readout.replaceChildren(make("strong", { textContent: said, dir: "auto" }), ...values.map((v, j) =>
      make("span", { className: j === first ? "dffw-dominant" : "" }, swatch(colors[j]), v.toFixed(2))));
    readout.hidden = false;
    const box = el.getBoundingClientRect();
    const beside = (pointer, size, room) => (pointer + 14 + size > room ? Math.max(pointer - 14 - size, 0) : pointer + 14);
    const x = beside(event.clientX - box.left, readout.offsetWidth, box.width);
    const y = beside(event.clientY - box.top, readout.offsetHeight, box.height);
    readout.style.transform = `translate(${x}px, ${y}px)`;
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

  function syncPanel() {
    factors.sync();
    labels.sync();
    syncView();
  }

  const photo = slider("Brightness of the photos", model.get("photo"), {}, (v, options) => put("photo", v, options));
  const size = slider("Size of the tiles in pixels", model.get("tile_size"), { min: 80, max: 480, step: 10 },
    (v, options) => put("tile_size", v, options));
  const show = make("select", { aria: { label: "What is drawn" } },
    make("option", { value: "heat", textContent: "heat maps" }), make("option", { value: "masks", textContent: "masks" }));
  listen(show, "change", () => put("view", show.value, { save: true }));
  const percentile = slider("Percentile from which a pixel is in the mask", model.get("percentile") ?? 75,
    { min: 0, max: 100, step: 0.5 }, (value, { save }) => {
      dragged = save && value === model.get("percentile") ? null : value; // until the kernel has the new levels
      cutAt.textContent = `${value} %`;
      if (save) put("percentile", value, { save });
      else if (model.get("view") === "masks") draw();
    });
  const cutAt = make("span", { className: "dffw-share" });
  const auto = make("input", { type: "checkbox", aria: { label: "Find the masks automatically, with the CRF" } });
  listen(auto, "change", () => put("automatic", auto.checked, { save: true }));
  const masking = make("div", {}, make("label", {}, "Show", show),
    make("label", { className: "dffw-three" }, "Masks at", percentile, cutAt),
    make("label", { title: "Where the refined heat maps find a pixel more likely inside than not" }, "Automatic", auto));
  view.append(masking, make("label", {}, "Photo", photo), make("label", {}, "Tile size", size));

  function syncView() {
    masking.hidden = !model.get("labelling");
    show.value = model.get("view") ?? "heat";
    if (dragged === null) percentile.value = model.get("percentile") ?? 75;
    cutAt.textContent = `${dragged ?? percentile.value} %`;
    auto.checked = Boolean(model.get("automatic"));
    percentile.disabled = auto.checked;
    panel.classList.toggle("dffw-wide", Boolean(model.get("labelling")));
  }

  // Digits select a factor, Escape none; V shows or hides the selected one, Enter names it; arrows turn the page.
  listen(el, "keydown", (event) => {
    const selected = model.get("selected");
    const { target, key } = event;
    const typing = target.matches("input[type=text], input[type=number]");
    if ((event.ctrlKey || event.metaKey) && /^[zy]$/i.test(key)) {
      if (typing && target.value !== (target.dataset.said ?? target.value)) return; // the box's own undo
      send({ do: event.shiftKey || key.toLowerCase() === "y" ? "redo" : "undo" });
    } else if (event.ctrlKey || event.metaKey || event.altKey || typing || target.matches("select")) return;
    else if (/^[0-9]$/.test(key) && Number(key) < factors.count()) select(Number(key));
    else if (key === "Escape" && selected >= 0) select(-1);
    else if (key.toLowerCase() === "v" && selected >= 0) putAt("visible", selected, !model.get("visible")[selected], { save: true });
    else if (key === "Enter" && selected >= 0 && model.get("labelling") && !target.matches("button:not(.dffw-name)")) factors.focusName(selected);
    else if (target === grid && (key === "ArrowLeft" || key === "ArrowRight")) send({ do: "page", step: key === "ArrowLeft" ? -1 : 1 });
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // JupyterLab runs its command-mode shortcuts (b inserts a cell) on keys typed into a control, unless this attribute
  // is on the focused element itself. The explorer's other controls are not ours to build, so it is set on focus.
  listen(document, "focusin", ({ target }) => {
    if (target.closest?.(".dffw-explorer, .dffw")) target.dataset.lmSuppressShortcuts = "true";
  });

  /** The handles of ipywidgets' sliders have no name of their own; the label beside them is one. */
  function nameHandles() {
    el.closest(".dffw-explorer")?.querySelectorAll(".noUi-handle:not([aria-label])").forEach((handle) => {
      const name = handle.closest(".widget-slider")?.querySelector(".widget-label")?.textContent;
      if (name) handle.setAttribute("aria-label", name);
    });
  }

  // ------------------------------------------------------------------------------------------------ the changes
  on("tiles", loadPhotos);
  on(["heat", "grids", "colors", "gains"], cutHeat);
  on("levels", () => ((dragged = null), draw()));
  on("view", draw);
  on(["opacity", "visible"], () => (factors.syncShown(), draw()));
  on(["names", "colors", "shares", "selected", "labelling", "labels", "known", "scores", "coverage",
    "coverage_parts", "coverage_threshold", "undoable", "redoable", "summary", "measured", "view", "percentile", "automatic",
  ], syncPanel);
  on("photo", () => ((photo.value = model.get("photo")), draw()));
  on("tile_size", () => ((size.value = model.get("tile_size")), sizeTiles()));

  syncPanel();
  loadPhotos();
  return () => {
    gone.abort();
    bitmaps.forEach((b) => b.close());
  };
}

export default { render };
