// Every image twice, under the heat maps of two factorizations; one panel of controls for both.
//
// Each heat map is a canvas at the network's resolution, enlarged and blended by CSS: opacity and visibility of a row
// are one custom property for all images of both sides, so that a slider moves everything at once, without a message.

/** The bilinear value 0..1 of a heat map at a point (0..1, 0..1) of its image. */
function valueAt(map, h, w, x, y) {
  const clamp = (v, n) => Math.min(Math.max(v, 0), n - 1);
  const [u, v] = [clamp(x * w - 0.5, w), clamp(y * h - 0.5, h)];
  const [x0, y0] = [Math.floor(u), Math.floor(v)];
  const [x1, y1] = [clamp(x0 + 1, w), clamp(y0 + 1, h)];
  const mix = (a, b, t) => a + (b - a) * t;
  return mix(mix(map[y0 * w + x0], map[y0 * w + x1], u - x0), mix(map[y1 * w + x0], map[y1 * w + x1], u - x0), v - y0) / 255;
}

function render({ model, el }) {
  const gone = new AbortController();
  const listen = (target, event, action) => target.addEventListener(event, action, { signal: gone.signal });
  const put = (name, value, { save }) => {
    model.set(name, value);
    if (save) model.save_changes();
  };
  const putAt = (name, index, value, options) =>
    put(name, model.get(name).map((old, i) => (i === index ? value : old)), options);
  const send = (message) => model.send?.(message);
  const select = (row) => {
    if (row !== model.get("selected")) put("selected", row, { save: true });
  };

  const factors = factorRows({ model, listen, put, putAt, send, select });
  const halves = ["Left", "Right"].map((name) => {
    const title = make("div", { className: "dffw-what" });
    const line = make("div", { className: "dffw-line", aria: { role: "status", live: "polite" } });
    const grid = make("div", { className: "dffw-grid", tabIndex: 0, aria: { role: "list", label: `${name}: images` } });
    return { name, title, line, grid, tiles: [], element: make("section", { className: "dffw-half", aria: { label: name } }, title, line, grid) };
  });
  const table = make("table", { className: "dffw-values" });
  const view = make("div", { className: "dffw-view" });
  const panel = make("div", { className: "dffw-panel", aria: { role: "group", label: "Factors of both sides" } });
  panel.append(make("div", { className: "dffw-title", textContent: "Factors" }), factors.list, table, view);
  el.classList.add("dffw", "dffw-comparison");
  el.replaceChildren(make("div", { className: "dffw-halves" }, ...halves.map((half) => half.element)), panel);
  const drawn = () => (el.dataset.frames = Number(el.dataset.frames ?? 0) + 1);

  // ------------------------------------------------------------------------------------------------- the pictures
  const urls = [];
  const forget = () => urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
  let photos = []; // per image, decoded
  let loading = 0;
  async function load() {
    const mine = ++loading;
    const fresh = model.get("tiles").map((jpeg) => {
      const url = URL.createObjectURL(new Blob([bytes(jpeg)], { type: "image/jpeg" }));
      return make("img", { src: url, alt: "", draggable: false });
    });
    await Promise.allSettled(fresh.map((image) => image.decode()));
    if (mine !== loading || gone.signal.aborted) return fresh.forEach((image) => URL.revokeObjectURL(image.src));
    forget();
    photos = fresh;
    urls.push(...fresh.map((image) => image.src));
    build();
  }

  function build() {
    const captions = model.get("captions");
    halves.forEach((half, s) => {
      half.tiles = photos.map((photo, i) => {
        const caption = captions[i] ?? "";
        const mark = make("i", { className: "dffw-mark", hidden: true });
        const stack = make("div", { className: "dffw-stack", aria: { role: "img" } }, s ? photo.cloneNode() : photo, mark);
        stack.style.aspectRatio = `${photo.naturalWidth} / ${photo.naturalHeight}`;
        stack.style.setProperty("--dffw-fit", Math.min(1, photo.naturalWidth / photo.naturalHeight));
        listen(stack, "pointermove", (event) => point(i, ...placeIn(stack, event)));
        listen(stack, "pointerleave", () => point(-1));
        listen(stack, "click", (event) => select(strongest(s, i, ...placeIn(stack, event))));
        return { stack, mark, caption, maps: [], h: 0, w: 0,
          figure: make("figure", { aria: { role: "listitem" } }, stack, make("figcaption", { textContent: caption, title: caption })) };
      });
      half.grid.replaceChildren(...half.tiles.map((tile) => tile.figure));
    });
    heat();
  }

  /** Cut the buffer of each side into one canvas per tile and factor. */
  function heat() {
    const [sides, heats, colors] = ["sides", "heats", "colors"].map((name) => model.get(name));
    halves.forEach((half, s) => {
      const { rows = [], gains = [], grids = [] } = sides[s] ?? {};
      const all = heats[s] ? bytes(heats[s]) : new Uint8Array();
      let start = 0;
      half.tiles.forEach((tile, i) => {
        const [h, w] = grids[i] ?? [0, 0];
        const whole = h * w && start + rows.length * h * w <= all.length;
        tile.maps = whole ? rows.map((_, f) => all.subarray(start + f * h * w, start + (f + 1) * h * w)) : [];
        [tile.h, tile.w] = [h, w];
        start += rows.length * h * w;
        tile.stack.querySelectorAll("canvas").forEach((canvas) => canvas.remove());
        tile.mark.before(...tile.maps.map((map, f) => {
          const canvas = tint(map, h, w, colors[rows[f]] ?? "#888888", gains[f] ?? 1);
          canvas.style.opacity = `var(--dffw-row-${rows[f]}, 0)`;
          return canvas;
        }));
      });
    });
    show();
    sync();
  }

  /** What the sliders and boxes say, for all heat maps at once. */
  function show() {
    const [opacity, visible, names] = ["opacity", "visible", "names"].map((name) => model.get(name));
    opacity.forEach((value, row) => el.style.setProperty(`--dffw-row-${row}`, visible[row] ? value : 0));
    el.style.setProperty("--dffw-photo", model.get("photo"));
    el.style.setProperty("--dffw-tile", `${model.get("tile_size")}px`);
    halves.forEach((half, s) => {
      const rows = model.get("sides")[s]?.rows ?? [];
      const shown = rows.filter((row) => visible[row]).map((row) => names[row]);
      half.tiles.forEach((tile) =>
        tile.stack.setAttribute("aria-label", `${tile.caption}${shown.length ? `, with ${shown.join(", ")}` : ""}`));
    });
    drawn();
  }

  // --------------------------------------------------------------------------------------------- looking closer
  function placeIn(stack, event) {
    const box = stack.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  /** Per row of the panel the value of a side at a point of an image; undefined where the side has no such factor. */
  function valuesAt(s, i, x, y) {
    const { maps, h, w } = halves[s].tiles[i];
    const values = [];
    (model.get("sides")[s]?.rows ?? []).forEach((row, f) => (values[row] = maps[f] && valueAt(maps[f], h, w, x, y)));
    return values;
  }

  /** The visible row that is strongest there, or -1. */
  function strongest(s, i, x, y) {
    const visible = model.get("visible");
    return valuesAt(s, i, x, y).reduce((best, v, row, all) => (visible[row] && v > (all[best] ?? 0) ? row : best), -1);
  }

  let pointed = null; // [image, x, y]
  function point(i, x, y) {
    pointed = i < 0 ? null : [i, x, y];
    halves.forEach((half) => half.tiles.forEach(({ mark }, j) => {
      mark.hidden = j !== i;
      if (j === i) Object.assign(mark.style, { left: `${100 * x}%`, top: `${100 * y}%` });
    }));
    fill();
  }

  let cells = []; // per row its cells, left and right
  function buildTable() {
    const [names, colors, alike] = ["names", "colors", "alike"].map((name) => model.get(name));
    cells = names.map(() => [make("td"), make("td")]);
    const head = ["", "left", "right", "alike"].map((text) => make("th", { textContent: text, scope: "col" }));
    head[3].title = "Cosine of the two heat maps: from 0.5 they share a row and a colour";
    table.replaceChildren(make("caption"), make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...names.map((name, row) =>
      make("tr", {}, make("th", { scope: "row", title: name }, swatch(colors[row]), name), ...cells[row],
        make("td", { textContent: alike[row]?.toFixed(2) ?? "–" })))));
  }

  /** The values under the pointer, else how much of what is explained each factor holds. */
  function fill() {
    const sides = model.get("sides");
    if (!table.caption) return;
    table.caption.textContent = pointed ? "Strength under the pointer, the strongest in bold" : sides.length ? "Share of what is explained" : "";
    halves.forEach((_, s) => {
      const values = [];
      if (pointed) valuesAt(s, ...pointed).forEach((v, row) => (values[row] = v?.toFixed(2)));
      else sides[s]?.rows.forEach((row, f) => (values[row] = percent(sides[s].shares[f])));
      const first = pointed ? strongest(s, ...pointed) : -1;
      cells.forEach((cell, row) => {
        cell[s].textContent = values[row] ?? "–";
        cell[s].classList.toggle("dffw-dominant", row === first);
      });
    });
  }

  function sync() {
    factors.sync();
    buildTable();
    if (pointed && !halves[0].tiles[pointed[0]]) pointed = null;
    fill();
    halves.forEach((half, s) => {
      const { title = "", line = "" } = model.get("sides")[s] ?? {};
      half.title.textContent = title && `${half.name}: ${title}`;
      half.title.title = title;
      if (half.line.textContent !== line) half.line.textContent = line;
    });
  }

  // ------------------------------------------------------------------------------------------------ the controls
  function slider(label, name, range) {
    const input = make("input", { type: "range", ...range, aria: { label } });
    input.value = model.get(name);
    listen(input, "input", () => put(name, Number(input.value), { save: false })); // drawn at once, not yet sent
    listen(input, "change", () => put(name, Number(input.value), { save: true })); // one message, on release
    return input;
  }
  const photo = slider("Brightness of the photos", "photo", { min: 0, max: 1, step: 0.01 });
  const size = slider("Size of the images in pixels", "tile_size", { min: 60, max: 480, step: 10 });
  view.append(make("label", {}, "Photo", photo), make("label", {}, "Tile size", size));

  // Digits select a row, Escape none; V shows or hides the selected one; arrows turn the page.
  listen(el, "keydown", (event) => {
    const { target, key } = event;
    const selected = model.get("selected");
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^[0-9]$/.test(key) && Number(key) < factors.count()) select(Number(key));
    else if (key === "Escape" && selected >= 0) select(-1);
    else if (key.toLowerCase() === "v" && selected >= 0) putAt("visible", selected, !model.get("visible")[selected], { save: true });
    else if (halves.some(({ grid }) => grid === target) && (key === "ArrowLeft" || key === "ArrowRight"))
      send({ do: "page", step: key === "ArrowLeft" ? -1 : 1 });
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // JupyterLab runs its command-mode shortcuts on keys typed into a control unless this attribute is on it; the
  // toolbars above are not ours to build, and neither are the names of their sliders' handles.
  const around = () => el.closest(".dffw-explorer") ?? el;
  listen(document, "focusin", ({ target }) => {
    if (around().contains(target)) target.dataset.lmSuppressShortcuts = "true";
    if (target.matches?.(".dffw-explorer .noUi-handle:not([aria-label])"))
      target.setAttribute("aria-label", target.closest(".widget-slider")?.querySelector(".widget-label")?.textContent ?? "");
  });

  // --------------------------------------------------------------------------------------------------- the changes
  const on = follow(model, gone);
  on("tiles", load);
  on(["heats", "colors"], heat);
  on(["opacity", "visible", "photo", "tile_size"], show);
  on(["sides", "names", "alike"], sync);
  on(["opacity", "visible"], factors.syncShown);
  on("selected", factors.sync);
  on("photo", () => (photo.value = model.get("photo")));
  on("tile_size", () => (size.value = model.get("tile_size")));
  load();
  return () => {
    gone.abort();
    forget();
  };
}

export default { render };
