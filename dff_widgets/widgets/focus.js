// The focus view: one image at full size, its factors over it, and tools to paint part masks.
//
// A stroke is drawn here at once, and told to the kernel as one message when it ends. The kernel owns the masks: its
// answer replaces what was drawn. Everything is in image pixels; `view` alone knows of the screen.

const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
const round = (v) => Math.round(10 * v) / 10;

/** One factor as a canvas of the photo's size: its colour, its strength as alpha, or all or nothing at a level. */
function layer(values, [h, w], [width, height], color, gain, level) {
  const coarse = make("canvas", { width: w, height: h });
  const pixels = new ImageData(w, h);
  const [r, g, b] = rgb(color);
  for (let p = 0; p < values.length; p++) pixels.data.set([r, g, b, Math.round(values[p] * gain)], 4 * p); // clamped
  coarse.getContext("2d").putImageData(pixels, 0, 0);
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: level !== undefined });
  context.imageSmoothingQuality = "low"; // bilinear
  context.drawImage(coarse, 0, 0, width, height);
  if (level !== undefined) {
    const all = context.getImageData(0, 0, width, height);
    for (let p = 3; p < all.data.length; p += 4) all.data[p] = all.data[p] >= 255 * level ? 255 : 0;
    context.putImageData(all, 0, 0);
  }
  return canvas;
}

function render({ model, el }) {
  const gone = new AbortController();
  const listen = (target, event, action, options = {}) => target.addEventListener(event, action, { signal: gone.signal, ...options });
  const handlers = [];
  const on = (name, action) => {
    model.on(`change:${name}`, action);
    handlers.push([`change:${name}`, action]);
  };
  const get = (name) => model.get(name);
  const put = (name, value, { save = true } = {}) => {
    model.set(name, value);
    if (save) model.save_changes();
  };
  const putAt = (name, index, value, options) => put(name, get(name).map((old, i) => (i === index ? value : old)), options);
  const me = Math.random().toString(36).slice(2); // this view among those of the same widget
  let sent = 0;
  const tell = (message) => {
    const id = `${me}-${++sent}`;
    model.send({ ...message, id });
    return id;
  };

  // ---------------------------------------------------------------------------------------------------- the page
  const canvas = make("canvas", { tabIndex: 0, className: "dffw-focus-canvas", aria: { role: "application" } });
  const stage = make("div", { className: "dffw-focus-stage" }, canvas);
  const raw = make("canvas", { className: "dffw-focus-canvas", aria: { role: "img" } }); // before the refinement
  const rawStage = make("div", { className: "dffw-focus-stage" }, raw, make("span", { className: "dffw-focus-tag", textContent: "raw" }));
  const refined = make("span", { className: "dffw-focus-tag", textContent: "refined" });
  const status = make("div", { className: "dffw-focus-message", aria: { role: "status" } });
  const readout = make("div", { className: "dffw-focus-readout" });
  const partList = make("div", { className: "dffw-focus-list", aria: { role: "group", label: "Parts" } });
  const factorList = make("div", { className: "dffw-focus-list" });

  /** A button; after a click with the mouse the keys go to the canvas again, so that space and Enter mean the image. */
  function button(text, name, action, extra = {}) {
    const found = make("button", { type: "button", title: name, textContent: text, aria: { label: name.replace(/ \(.*/, "") }, ...extra });
    listen(found, "click", (event) => {
      action();
      if (event.detail) canvas.focus({ preventScroll: true });
    });
    return found;
  }
  const group = (label, ...children) => make("div", { className: "dffw-focus-group", aria: { role: "group", label } }, ...children);

  const tools = {
    brush: button("Brush", "Brush (B)", () => put("tool", "brush")),
    polygon: button("Polygon", "Polygon (P): click its corners, Enter or double click closes it, Escape drops it", () => put("tool", "polygon")),
    hand: button("Hand", "Hand (H, or hold space): moves the image", () => put("tool", "hand")),
  };
  const eraser = button("Erase", "Erase (E, or hold Shift)", () => put("erase", !get("erase")));
  const radius = make("input", { type: "range", min: 0.5, step: 0.5, title: "Radius of the brush ([ and ])", aria: { label: "Radius of the brush in image pixels" } });
  const radiusText = make("span", { className: "dffw-focus-number" });
  listen(radius, "input", () => put("radius", Number(radius.value), { save: false }));
  listen(radius, "change", () => put("radius", Number(radius.value)));
  const undo = button("↶", "Undo (Ctrl+Z)", () => tell({ do: "undo" }));
  const redo = button("↷", "Redo (Ctrl+Shift+Z)", () => tell({ do: "redo" }));
  const beside = button("Raw beside", "Raw heat maps beside the refined ones (R)", compare);
  const zoomText = make("span", { className: "dffw-focus-number", title: "Screen pixels per image pixel" });
  const back = button("◂", "Previous image (Page Up)", () => step(-1));
  const forth = button("▸", "Next image (Page Down)", () => step(1));
  const where = make("span", { className: "dffw-focus-where" });
  const bar = make("div", { className: "dffw-focus-bar", aria: { role: "toolbar", label: "Tools" } },
    group("Tool", ...Object.values(tools)), group("Mode", eraser),
    make("label", { className: "dffw-focus-radius" }, "Radius", radius, radiusText),
    group("History", undo, redo),
    group("Zoom", button("−", "Zoom out (-)", () => zoom(1 / 1.25)), button("+", "Zoom in (+)", () => zoom(1.25)), button("Fit", "Fit (F)", fit), zoomText),
    beside,
    make("span", { className: "dffw-focus-space" }),
    group("Image", back, forth), where,
    button("✕", "Close", () => put("closed", true), { className: "dffw-focus-close" }));

  const options = make("datalist", { id: `parts-${me}` });
  const picker = make("input", { type: "text", placeholder: "find or add a part", autocomplete: "off", aria: { label: "Find or add a part" } });
  picker.setAttribute("list", options.id);
  function pick(name) {
    picker.value = "";
    if (name) put("part", name);
    canvas.focus({ preventScroll: true });
  }
  listen(picker, "keydown", (event) => {
    if (event.key === "Enter") pick(picker.value.trim());
    else if (event.key === "Escape") pick("");
    else return;
    event.preventDefault();
  });
  listen(picker, "input", (event) => { // a name taken from the list, not typed
    if (event.inputType === "insertReplacementText" || !(event instanceof InputEvent)) pick(picker.value);
  });
  const shown = make("input", { type: "checkbox", checked: true });
  listen(shown, "change", () => schedule());
  const clear = button("Clear", "Clear the selected part in this image", () => act({ do: "clear" }));
  const factors = make("section", {}, make("div", { className: "dffw-focus-title", textContent: "Factors" }), factorList);
  const panel = make("div", { className: "dffw-focus-panel" },
    make("section", {}, make("div", { className: "dffw-focus-title", textContent: "Parts" }), picker, options, partList,
      make("div", { className: "dffw-focus-row" }, make("label", {}, shown, " Show masks"), clear)),
    factors);
  el.classList.add("dffw", "dffw-focus");
  el.replaceChildren(bar, make("div", { className: "dffw-focus-main" }, stage, panel),
    make("div", { className: "dffw-focus-status" }, status, readout));

  // ---------------------------------------------------------------------------------------------- image and screen
  const view = { scale: 1, x: 0, y: 0, fitted: true }; // CSS pixels = image pixels * scale + (x, y)
  const image = () => ({ h: get("size")[0] ?? 0, w: get("size")[1] ?? 0 });
  const toImage = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left - view.x) / view.scale, (event.clientY - box.top - view.y) / view.scale];
  };
  const ratio = () => window.devicePixelRatio || 1;

  function fit() {
    const { h, w } = image();
    const [width, height] = [stage.clientWidth, stage.clientHeight];
    if (!h || !width) return;
    view.scale = Math.min((width - 16) / w, (height - 16) / h);
    [view.x, view.y, view.fitted] = [(width - w * view.scale) / 2, (height - h * view.scale) / 2, true];
    moved();
  }
  function zoom(by, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const scale = clamp(view.scale * by, Math.min(view.scale, 0.02), 40);
    view.x = x - ((x - view.x) * scale) / view.scale;
    view.y = y - ((y - view.y) * scale) / view.scale;
    [view.scale, view.fitted] = [scale, false];
    moved();
  }
  function moved() {
    const { h, w } = image();
    view.x = clamp(view.x, 40 - w * view.scale, stage.clientWidth - 40); // a piece of the image stays in sight
    view.y = clamp(view.y, 40 - h * view.scale, stage.clientHeight - 40);
    zoomText.textContent = `${Math.round(100 * view.scale)} %`;
    backdropStale = true;
    schedule();
  }
  function resize() {
    const [width, height] = [stage.clientWidth, stage.clientHeight].map((v) => Math.round(v * ratio()));
    if (!width || (canvas.width === width && canvas.height === height)) return;
    [canvas, backdrop, raw].forEach((each) => ([each.width, each.height] = [width, height]));
    view.fitted ? fit() : moved();
  }
  const watcher = new ResizeObserver(resize);
  watcher.observe(stage);

  // ------------------------------------------------------------------------------------------- photo and factors
  let photo = null;
  let tints = [];
  let rawTints = [];
  let loading = 0;
  async function loadPhoto() {
    const mine = ++loading;
    const jpeg = bytes(get("photo"));
    const decoded = jpeg.length ? await createImageBitmap(new Blob([jpeg])) : null;
    if (mine !== loading || gone.signal.aborted) return decoded?.close();
    photo?.close();
    photo = decoded;
    [tints, rawTints] = [[], []];
    fit();
    resize();
    redraw();
  }
  function freshTints() {
    [tints, rawTints] = [[], []];
    arrange();
    redraw();
  }

  const refinedHere = () => bytes(get("raw")).length > 0;
  function compare() {
    if (refinedHere()) put("beside", !get("beside"));
  }
  /** A refined result has the heat maps it was made from beside it, under the same zoom. */
  function arrange() {
    beside.hidden = !refinedHere();
    beside.setAttribute("aria-pressed", get("beside"));
    raw.setAttribute("aria-label", `Heat maps of ${get("caption")} before the refinement`);
    if (!refinedHere() || !get("beside")) return [rawStage, refined].forEach((each) => each.remove());
    if (rawStage.parentNode) return;
    stage.before(rawStage);
    stage.append(refined);
  }
  function redraw() {
    backdropStale = true;
    schedule();
  }

  const backdrop = make("canvas"); // photo and factors as they are on the screen, for painting changes neither
  let backdropStale = true;
  function drawBackdrop() {
    backdropStale = false;
    drawFactors(backdrop, tints, ["heat", "grid", "gains", "levels"].map(get));
    if (rawStage.parentNode) drawFactors(raw, rawTints, [...["raw", "raw_grid", "raw_gains"].map(get), []]);
  }
  function drawFactors(onto, cache, [heat, grid, gains, levels]) {
    const context = onto.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, onto.width, onto.height);
    const { h, w } = image();
    if (!photo || !h) return;
    const s = ratio();
    context.setTransform(s * view.scale, 0, 0, s * view.scale, s * view.x, s * view.y);
    context.imageSmoothingEnabled = (s * view.scale * w) / photo.width < 6; // far in, pixels are pixels
    context.imageSmoothingQuality = "medium";
    context.globalAlpha = 1;
    context.drawImage(photo, 0, 0, w, h);
    context.imageSmoothingEnabled = true;
    const [visible, opacity] = [get("visible"), get("opacity")];
    const cells = grid.length ? grid[0] * grid[1] : 0;
    get("colors").forEach((color, j) => {
      const values = bytes(heat).subarray(j * cells, (j + 1) * cells);
      if (!visible[j] || !opacity[j] || !cells || values.length < cells) return;
      const level = levels[j];
      cache[j] ??= layer(values, grid, [photo.width, photo.height], color, level === undefined ? gains[j] ?? 1 : 1, level);
      context.globalAlpha = opacity[j];
      context.drawImage(cache[j], 0, 0, w, h);
    });
  }

  // ----------------------------------------------------------------------------------------------------- the masks
  const masks = new Masks(model);
  async function loadMasks() {
    if (!(await masks.load()) || gone.signal.aborted) return;
    showAreas();
    schedule();
  }

  // ------------------------------------------------------------------------------------------------------- drawing
  let due = false;
  function schedule() {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      if (!gone.signal.aborted && canvas.width) draw();
    });
  }
  function draw() {
    if (backdropStale) drawBackdrop();
    const context = canvas.getContext("2d");
    const s = ratio();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(backdrop, 0, 0);
    const { h, w } = image();
    if (h && masks.width && shown.checked) {
      const [across, down] = [(view.scale * w) / masks.width, (view.scale * h) / masks.height]; // CSS pixels in one
      context.setTransform(s * across, 0, 0, s * down, s * view.x, s * view.y);
      masks.draw(context, 1 / across);
    }
    context.setTransform(s, 0, 0, s, 0, 0);
    if (corners.length) drawCorners(context);
    if (pointer && busy !== "pan" && get("tool") === "brush" && !space) drawRing(context);
    if (photo || !get("photo").byteLength) el.dataset.frames = Number(el.dataset.frames ?? 0) + 1;
  }
  const toScreen = ([x, y]) => [x * view.scale + view.x, y * view.scale + view.y];
  function twice(context, dash = []) {
    context.setLineDash(dash);
    for (const [color, width] of [["#000b", 3], ["#fff", 1.25]]) {
      [context.strokeStyle, context.lineWidth] = [color, width];
      context.stroke();
    }
    context.setLineDash([]);
  }
  function drawCorners(context) {
    context.beginPath();
    corners.forEach((p) => context.lineTo(...toScreen(p)));
    if (pointer) context.lineTo(...toScreen(pointer));
    twice(context);
    context.beginPath();
    corners.map(toScreen).forEach(([x, y], n) => {
      context.moveTo(x + (n ? 3 : 5), y);
      context.arc(x, y, n ? 3 : 5, 0, 7);
    });
    [context.fillStyle] = [masks.color(get("part"))];
    context.fill();
    twice(context);
  }
  function drawRing(context) {
    context.beginPath();
    context.arc(...toScreen(pointer), Math.max(get("radius") * view.scale, 1), 0, 7);
    twice(context, erasing() ? [4, 4] : []);
  }

  // ----------------------------------------------------------------------------------------------------- the mouse
  let pointer = null; //  in image pixels, while over the canvas
  let busy = null; //     "pan" or "stroke" while a button is down
  let grip = null;
  let space = false;
  let shift = false;
  let corners = []; //    of the polygon in the making
  const erasing = () => get("erase") !== shift;
  const say = (text) => (status.textContent = text);

  /** Tell the kernel of a shape or another act on the selected part; false where there is nothing to act on. */
  function act(message) {
    const part = get("part");
    if (!part) {
      say("Name a part first.");
      picker.focus();
      return null;
    }
    return tell({ index: get("place")[0], part, ...message });
  }
  const begin = (points, kind) => masks.begin({
    kind, points, part: get("part"), index: get("place")[0], radius: kind === "stroke" ? get("radius") : 0, erase: erasing() });
  function finish(shape) {
    const { kind, erase, part, index, radius: r } = shape;
    const points = shape.points.map(([x, y]) => [round(x), round(y)]);
    shape.id = tell({ do: kind, index, part, points, erase, ...(kind === "stroke" ? { radius: r } : {}) });
  }
  function closePolygon() {
    const points = corners;
    corners = [];
    if (points.length >= 3) {
      finish(begin(points, "polygon"));
    }
    schedule();
  }

  let shape = null; // the stroke in the making
  listen(canvas, "pointerdown", (event) => {
    canvas.focus({ preventScroll: true });
    if (busy || event.button > 1 || !image().h) return;
    event.preventDefault();
    [pointer, shift] = [toImage(event), event.shiftKey];
    const tool = get("tool");
    if (event.button === 1 || space || tool === "hand") {
      [busy, grip] = ["pan", [event.clientX, event.clientY]];
    } else if (!get("part")) {
      say("Name a part first.");
      picker.focus();
      return;
    } else if (tool === "brush") {
      busy = "stroke";
      shape = begin([pointer], "stroke");
    } else {
      const near = (p) => Math.hypot(p[0] - pointer[0], p[1] - pointer[1]) * view.scale < 7;
      if (corners.length >= 3 && near(corners[0])) closePolygon();
      else if (!corners.length || !near(corners.at(-1))) corners.push(pointer);
    }
    if (busy) canvas.setPointerCapture(event.pointerId);
    mark();
    schedule();
  });
  listen(canvas, "dblclick", () => get("tool") === "polygon" && closePolygon());

  /** Add a point to the stroke, unless it is nearer to the last than anyone could see. */
  function extend(point, least) {
    const [x, y] = shape.points.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) * view.scale < least) return;
    shape.points.push(point);
    masks.stamp(shape, shape.points.length - 2);
  }
  listen(canvas, "pointermove", (event) => {
    [pointer, shift] = [toImage(event), event.shiftKey];
    if (busy === "pan") {
      view.x += event.clientX - grip[0];
      view.y += event.clientY - grip[1];
      [grip, view.fitted] = [[event.clientX, event.clientY], false];
      moved();
    } else if (busy === "stroke") {
      const all = event.getCoalescedEvents?.() ?? [];
      const least = clamp((shape.radius * view.scale) / 8, 1.5, 4);
      (all.length ? all : [event]).forEach((each) => extend(toImage(each), least));
    }
    read();
    schedule();
  });
  const release = (event) => {
    if (!busy) return;
    if (busy === "stroke") {
      if (event.type === "pointerup") extend(toImage(event), 0.01); // one that is cancelled says nothing of the place
      finish(shape);
      shape = null;
      showAreas();
    }
    busy = null;
    mark();
    schedule();
  };
  ["pointerup", "pointercancel"].forEach((name) => listen(canvas, name, release));
  listen(canvas, "pointerleave", () => {
    if (!busy) pointer = null;
    read();
    schedule();
  });
  // The wheel scrolls the notebook until the image is being worked on.
  listen(canvas, "wheel", (event) => {
    if (document.activeElement !== canvas && !event.ctrlKey) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    const lines = event.deltaMode ? 16 : 1;
    zoom(Math.exp(-clamp(event.deltaY * lines, -200, 200) * 0.002), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  function read() {
    const { h, w } = image();
    const inside = pointer && pointer[0] >= 0 && pointer[1] >= 0 && pointer[0] < w && pointer[1] < h;
    const [x, y] = inside ? pointer.map(Math.floor) : [0, 0];
    readout.textContent = inside ? [`x ${x}, y ${y}`, ...masks.under(x, y)].join(" · ") : "";
  }

  // ------------------------------------------------------------------------------------------------------ the keys
  const step = (by) => tell({ do: "step", by });
  function scaleRadius(by) {
    const r = get("radius");
    put("radius", clamp(by > 1 ? Math.max(r * by, r + 0.5) : Math.min(r * by, r - 0.5), 0.5, Number(radius.max)));
  }
  const keys = {
    b: () => put("tool", "brush"), p: () => put("tool", "polygon"), h: () => put("tool", "hand"),
    e: () => put("erase", !get("erase")), f: fit, r: compare,
    "[": () => scaleRadius(1 / 1.2), "]": () => scaleRadius(1.2),
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(1 / 1.25),
    PageUp: () => step(-1), PageDown: () => step(1),
  };
  listen(el, "keydown", (event) => {
    const { key, target } = event;
    if (key === "Shift") shift = true;
    if (target === picker) return event.stopPropagation();
    const command = event.ctrlKey || event.metaKey;
    const onCanvas = target === canvas;
    if (command && key.toLowerCase() === "z") tell({ do: event.shiftKey ? "redo" : "undo" });
    else if (command && key.toLowerCase() === "y") tell({ do: "redo" });
    else if (command || event.altKey || (target === radius && key.startsWith("Page"))) return;
    else if (/^[0-9]$/.test(key)) {
      const part = get("parts")[(Number(key) + 9) % 10]; // 1 is the first, 0 the tenth
      if (part !== undefined) put("part", part);
    } else if (key === " " && onCanvas) (space = true), mark();
    else if (key === "Enter" && onCanvas) closePolygon();
    else if (key === "Escape" && corners.length) corners = [];
    else if (keys[key] ?? keys[key.toLowerCase()]) (keys[key] ?? keys[key.toLowerCase()])();
    else return;
    event.preventDefault();
    event.stopPropagation();
    schedule();
  });
  listen(el, "keyup", ({ key }) => {
    if (key === " ") space = false;
    if (key === "Shift") shift = false;
    mark();
    schedule();
  });
  listen(canvas, "blur", () => ([space, shift] = [false, false]));
  // Jupyter runs its shortcuts on keys typed into a control unless the focused element itself says not to.
  listen(el, "focusin", ({ target }) => (target.dataset.lmSuppressShortcuts = "true"));

  // -------------------------------------------------------------------------------------------------- the controls
  function buildParts() {
    const parts = get("parts");
    options.replaceChildren(...parts.map((value) => make("option", { value })));
    partList.replaceChildren(...parts.map((part, j) => {
      const key = j < 10 ? String((j + 1) % 10) : "";
      const found = button("", part, () => put("part", part), { className: "dffw-focus-part" });
      found.setAttribute("aria-label", part);
      found.append(make("kbd", { textContent: key, aria: { hidden: "true" } }),
        make("i", { className: "dffw-focus-swatch", style: `background:${masks.color(part)}` }),
        make("span", { className: "dffw-focus-name", textContent: part }), make("span", { className: "dffw-focus-share" }));
      return found;
    }));
    masks.repaint();
    showAreas();
    mark();
  }
  function showAreas() {
    get("parts").forEach((part, j) => {
      const share = 100 * masks.share(part);
      const cell = partList.children[j]?.lastChild;
      if (cell) cell.textContent = share ? `${share < 10 ? share.toFixed(1) : Math.round(share)} %` : "";
    });
  }
  function buildFactors() {
    const [names, colors] = [get("names"), get("colors")];
    factors.hidden = !names.length;
    factorList.replaceChildren(...names.map((name, j) => {
      const check = make("input", { type: "checkbox", checked: get("visible")[j], aria: { label: `Show ${name}` } });
      listen(check, "change", () => putAt("visible", j, check.checked));
      const range = make("input", { type: "range", min: 0, max: 1, step: 0.01, value: get("opacity")[j], aria: { label: `Opacity of ${name}` } });
      listen(range, "input", () => putAt("opacity", j, Number(range.value), { save: false }));
      listen(range, "change", () => putAt("opacity", j, Number(range.value)));
      return make("div", { className: "dffw-focus-row" }, check, make("i", { className: "dffw-focus-swatch", style: `background:${colors[j]}` }),
        make("span", { className: "dffw-focus-name", textContent: name, title: name }), range);
    }));
  }
  function syncFactors() {
    [...factorList.children].forEach((row, j) => {
      row.firstChild.checked = get("visible")[j];
      row.lastChild.value = get("opacity")[j];
    });
    redraw();
  }
  function mark() {
    const [tool, part, [index = 0, count = 0]] = [get("tool"), get("part"), get("place")];
    for (const [name, each] of Object.entries(tools)) each.setAttribute("aria-pressed", name === tool);
    eraser.setAttribute("aria-pressed", get("erase"));
    get("parts").forEach((name, j) => partList.children[j]?.setAttribute("aria-pressed", name === part));
    const { h, w } = image();
    radius.max = Math.max(8, Math.ceil(Math.max(h, w) / 6));
    radius.value = get("radius");
    radiusText.textContent = `${round(get("radius"))} px`;
    [undo.disabled, redo.disabled] = [!get("can_undo"), !get("can_redo")];
    [back.disabled, forth.disabled] = [index <= 0, index >= count - 1];
    [where.textContent, where.title] = [`${index + 1}/${count} · ${get("caption")}`, get("caption")];
    canvas.setAttribute("aria-label", `${get("caption")}; ${tool}${tool !== "hand" && part ? ` for ${part}` : ""}`);
    canvas.style.cursor = space || tool === "hand" ? (busy === "pan" ? "grabbing" : "grab") : tool === "brush" ? "none" : "crosshair";
    clear.disabled = !part;
    el.hidden = get("closed");
    schedule();
  }

  // --------------------------------------------------------------------------------------------------- the changes
  // One message may change many traits; each piece of work is done once, after all of them are in place.
  const todo = new Set();
  const once = (work) => () => {
    if (!todo.size) queueMicrotask(() => {
      const now = [...todo];
      todo.clear();
      if (!gone.signal.aborted) now.forEach((f) => f());
    });
    todo.add(work);
  };
  function leave() { // the image that was shown
    corners = [];
    photo?.close();
    photo = null;
    redraw();
  }
  on("place", once(leave));
  ["photo", "place"].forEach((name) => on(name, once(loadPhoto))); // two images may have the same photo
  ["heat", "grid", "colors", "gains", "levels", "raw", "raw_grid", "raw_gains", "beside", "caption"].forEach((name) => on(name, once(freshTints)));
  ["parts", "part_colors"].forEach((name) => on(name, once(buildParts)));
  ["masks", "mask_size", "place", "parts", "handled"].forEach((name) => on(name, once(loadMasks)));
  ["names", "colors"].forEach((name) => on(name, once(buildFactors)));
  ["visible", "opacity"].forEach((name) => on(name, once(syncFactors)));
  ["tool", "erase", "radius", "part", "place", "size", "caption", "can_undo", "can_redo", "closed"].forEach((name) => on(name, once(mark)));
  on("size", once(fit));
  on("status", once(() => say(get("status"))));

  buildParts();
  buildFactors();
  arrange();
  loadMasks();
  loadPhoto();
  say(get("status"));
  return () => {
    gone.abort();
    watcher.disconnect();
    handlers.forEach(([event, action]) => model.off(event, action));
    photo?.close();
  };
}

export default { render };
