// The focus view: one image at full size, its factors over it, and tools to paint part masks.
//
// A stroke is drawn here at once, and told to the kernel as one message when it ends. The kernel owns the masks: its
// answer replaces what was drawn. Everything is in image pixels; `view` alone knows of the screen.

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
const round = (v) => Math.round(10 * v) / 10;

/** An element with properties, and children. */
function make(tag, properties = {}, ...children) {
  const { aria = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(name === "role" ? name : `aria-${name}`, value);
  element.append(...children);
  return element;
}

/** One factor as a canvas of the photo's size: its colour, its strength as alpha, or all or nothing at a level. */
function tint(values, [h, w], [width, height], color, gain, level) {
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

/** What `pack_mask` packed, one byte a pixel. */
async function unpack(packed, count) {
  const pixels = new Uint8Array(count);
  if (!packed.length) return pixels;
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bits = new Uint8Array(await new Response(stream).arrayBuffer());
  for (let p = 0; p < count; p++) pixels[p] = (bits[p >> 3] >> (7 - (p & 7))) & 1;
  return pixels;
}
const same = (a, b) => a.length === b.length && a.every((v, i) => v === b[i]);

/** The border of a mask, along the edges of its pixels. */
function outline(bits, h, w) {
  const path = new Path2D();
  const at = (y, x) => (y < 0 || x < 0 || y >= h || x >= w ? 0 : bits[y * w + x]);
  const since = new Int32Array(w + 1).fill(-1); // per column line, the row at which its present edge began
  const [first, last] = [bits.indexOf(1), bits.lastIndexOf(1)];
  const end = first < 0 ? -1 : Math.floor(last / w) + 1;
  for (let y = Math.floor(first / w); y <= end && y >= 0; y++) {
    let from = -1;
    for (let x = 0; x <= w; x++) {
      const here = at(y, x);
      if (x < w && here !== at(y - 1, x)) from = from < 0 ? x : from;
      else if (from >= 0) {
        path.moveTo(from, y);
        path.lineTo(x, y);
        from = -1;
      }
      if (y < h && here !== at(y, x - 1)) since[x] = since[x] < 0 ? y : since[x];
      else if (since[x] >= 0) {
        path.moveTo(x, since[x]);
        path.lineTo(x, y);
        since[x] = -1;
      }
    }
  }
  return path;
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
    hand: button("Hand", "Move the image (H, or hold space)", () => put("tool", "hand")),
  };
  const eraser = button("Erase", "Erase (E, or hold Shift)", () => put("erase", !get("erase")));
  const radius = make("input", { type: "range", min: 0.5, step: 0.5, title: "Radius of the brush ([ and ])", aria: { label: "Radius of the brush in image pixels" } });
  const radiusText = make("span", { className: "dffw-focus-number" });
  listen(radius, "input", () => put("radius", Number(radius.value), { save: false }));
  listen(radius, "change", () => put("radius", Number(radius.value)));
  const undo = button("↶", "Undo (Ctrl+Z)", () => tell({ do: "undo" }));
  const redo = button("↷", "Redo (Ctrl+Shift+Z)", () => tell({ do: "redo" }));
  const zoomText = make("span", { className: "dffw-focus-number", title: "Screen pixels per image pixel" });
  const back = button("◂", "Previous image (Page Up)", () => step(-1));
  const forth = button("▸", "Next image (Page Down)", () => step(1));
  const where = make("span", { className: "dffw-focus-where" });
  const bar = make("div", { className: "dffw-focus-bar", aria: { role: "toolbar", label: "Tools" } },
    group("Tool", ...Object.values(tools)), group("Mode", eraser),
    make("label", { className: "dffw-focus-radius" }, "Radius", radius, radiusText),
    group("History", undo, redo),
    group("Zoom", button("−", "Zoom out (-)", () => zoom(1 / 1.25)), button("+", "Zoom in (+)", () => zoom(1.25)), button("Fit", "Fit (F)", fit), zoomText),
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
  const clear = button("Clear", "Take the selected part away from this image", () => act({ do: "clear" }));
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
    [canvas.width, canvas.height, backdrop.width, backdrop.height] = [width, height, width, height];
    view.fitted ? fit() : moved();
  }
  const watcher = new ResizeObserver(resize);
  watcher.observe(stage);

  // ------------------------------------------------------------------------------------------- photo and factors
  let photo = null;
  let tints = [];
  let loading = 0;
  async function loadPhoto() {
    const mine = ++loading;
    const jpeg = bytes(get("photo"));
    const decoded = jpeg.length ? await createImageBitmap(new Blob([jpeg])) : null;
    if (mine !== loading || gone.signal.aborted) return decoded?.close();
    photo?.close();
    photo = decoded;
    tints = [];
    fit();
    resize();
    redraw();
  }
  function freshTints() {
    tints = [];
    redraw();
  }
  function redraw() {
    backdropStale = true;
    schedule();
  }

  const backdrop = make("canvas"); // photo and factors as they are on the screen, for painting changes neither
  let backdropStale = true;
  function drawBackdrop() {
    backdropStale = false;
    const context = backdrop.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, backdrop.width, backdrop.height);
    const { h, w } = image();
    if (!photo || !h) return;
    const s = ratio();
    context.setTransform(s * view.scale, 0, 0, s * view.scale, s * view.x, s * view.y);
    context.imageSmoothingEnabled = (s * view.scale * w) / photo.width < 6; // far in, pixels are pixels
    context.imageSmoothingQuality = "medium";
    context.globalAlpha = 1;
    context.drawImage(photo, 0, 0, w, h);
    context.imageSmoothingEnabled = true;
    const [heat, grid, visible, opacity] = [bytes(get("heat")), get("grid"), get("visible"), get("opacity")];
    const cells = grid.length ? grid[0] * grid[1] : 0;
    get("colors").forEach((color, j) => {
      const values = heat.subarray(j * cells, (j + 1) * cells);
      if (!visible[j] || !opacity[j] || !cells || values.length < cells) return;
      const level = get("levels")[j];
      tints[j] ??= tint(values, grid, [photo.width, photo.height], color, level === undefined ? get("gains")[j] ?? 1 : 1, level);
      context.globalAlpha = opacity[j];
      context.drawImage(tints[j], 0, 0, w, h);
    });
  }

  // ----------------------------------------------------------------------------------------------------- the masks
  let masks = new Map(); // part -> {raw as it came, bits, and where they are not stale: path, area}
  let [mh, mw] = [0, 0]; // of the masks
  let pending = []; //      shapes that are drawn here and not yet in the kernel's masks; the last may be in the making
  const scratch = make("canvas");
  const scratchContext = scratch.getContext("2d", { willReadFrequently: true });
  const wash = make("canvas"); // the pixels of the selected part
  let washOf = null;
  let decoding = 0;

  async function loadMasks() {
    const mine = ++decoding;
    const [parts, packed, size, place, handled] = ["parts", "masks", "mask_size", "place", "handled"].map(get);
    const [h, w] = [size[0] ?? 0, size[1] ?? 0];
    const known = pending.findIndex((shape) => shape.id && shape.id === handled);
    pending = pending.slice(known + 1).filter((shape) => shape.index === place[0]);
    const found = await Promise.all(parts.map(async (part, j) => {
      const raw = packed[j] ? bytes(packed[j]) : new Uint8Array(0);
      const old = masks.get(part); // most stay as they are
      if (old && !old.touched && old.bits.length === h * w && mw === w && same(old.raw, raw)) return old;
      return { raw, bits: await unpack(raw, h * w), path: null, area: null };
    }));
    if (mine !== decoding || gone.signal.aborted) return;
    masks = new Map(parts.map((part, j) => [part, found[j]]));
    if (mh !== h || mw !== w) {
      [mh, mw] = [h, w];
      [scratch.width, scratch.height, wash.width, wash.height] = [w, h, w, h];
    }
    pending.forEach((shape) => stamp(shape, (context) => trace(context, shape)));
    washOf = null;
    showAreas();
    schedule();
  }

  /** Draw a shape's outline or line in image pixels. */
  function trace(context, { kind, points, radius: r }, from = 0) {
    context.beginPath();
    points.slice(from).forEach(([x, y]) => context.lineTo(x, y));
    if (kind === "polygon") return context.fill("evenodd");
    context.lineTo(...points.at(-1)); // a single point is a line too
    [context.lineCap, context.lineJoin, context.lineWidth] = ["round", "round", 2 * r];
    context.stroke();
  }

  /** Put what `paint` draws into the bits of a shape's part, where it covers half a pixel; only within a box. */
  function stamp(shape, paint, from = 0) {
    const mask = masks.get(shape.part);
    const { h, w } = image();
    if (!mask || !mw || !h) return;
    const margin = (shape.radius ?? 0) + 1;
    const range = (axis, size, n) => {
      const values = shape.points.slice(from).map((p) => p[axis]);
      return [clamp(Math.floor(((Math.min(...values) - margin) * n) / size), 0, n), clamp(Math.ceil(((Math.max(...values) + margin) * n) / size), 0, n)];
    };
    const [[left, right], [top, bottom]] = [range(0, w, mw), range(1, h, mh)];
    if (left >= right || top >= bottom) return;
    scratchContext.setTransform(1, 0, 0, 1, 0, 0);
    scratchContext.clearRect(left, top, right - left, bottom - top);
    scratchContext.setTransform(mw / w, 0, 0, mh / h, 0, 0);
    paint(scratchContext);
    const drawn = scratchContext.getImageData(left, top, right - left, bottom - top).data;
    scratchContext.setTransform(1, 0, 0, 1, 0, 0);
    scratchContext.clearRect(left, top, right - left, bottom - top);
    const value = shape.erase ? 0 : 1;
    for (let y = top, p = 3; y < bottom; y++)
      for (let x = left; x < right; x++, p += 4) if (drawn[p] > 127) mask.bits[y * mw + x] = value;
    [mask.path, mask.area, mask.touched] = [null, null, true];
    if (washOf === shape.part) washBox(shape.part, left, top, right, bottom);
  }

  const colorOf = (part) => get("part_colors")[get("parts").indexOf(part)] ?? "#999999";

  function washBox(part, left, top, right, bottom) {
    if (left >= right || top >= bottom) return;
    const pixels = new ImageData(right - left, bottom - top);
    const [r, g, b] = rgb(colorOf(part));
    const { bits } = masks.get(part);
    for (let y = top, p = 0; y < bottom; y++)
      for (let x = left; x < right; x++, p += 4) if (bits[y * mw + x]) pixels.data.set([r, g, b, 255], p);
    wash.getContext("2d").putImageData(pixels, left, top);
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
    const selected = get("part");
    if (h && mw) {
      context.setTransform((s * view.scale * w) / mw, 0, 0, (s * view.scale * h) / mh, s * view.x, s * view.y);
      const pixel = mw / (view.scale * w); // a CSS pixel in those of the mask
      if (shown.checked && masks.has(selected)) {
        if (washOf !== selected) washBox((washOf = selected), 0, 0, mw, mh);
        context.globalAlpha = 0.35;
        context.imageSmoothingEnabled = false;
        context.drawImage(wash, 0, 0);
        context.globalAlpha = 1;
      }
      if (shown.checked) [...masks].sort(([a], [b]) => (a === selected) - (b === selected)).forEach(([part, mask]) => {
        mask.path ??= outline(mask.bits, mh, mw);
        const width = part === selected ? 2 : 1.25;
        [context.lineCap, context.lineJoin] = ["round", "round"];
        for (const [color, extra] of [["#000a", 1.5], [colorOf(part), 0]]) { // a dark seam, to be seen on any photo
          [context.strokeStyle, context.lineWidth] = [color, (width + extra) * pixel];
          context.stroke(mask.path);
        }
      });
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
    [context.fillStyle] = [colorOf(get("part"))];
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
  function begin(points, kind) {
    const shape = { kind, points, part: get("part"), index: get("place")[0], radius: kind === "stroke" ? get("radius") : undefined, erase: erasing() };
    pending.push(shape);
    return shape;
  }
  function finish(shape) {
    const { kind, erase, part, index, radius: r } = shape;
    const points = shape.points.map(([x, y]) => [round(x), round(y)]);
    shape.id = tell({ do: kind, index, part, points, erase, ...(kind === "stroke" ? { radius: r } : {}) });
  }
  function closePolygon() {
    const points = corners;
    corners = [];
    if (points.length >= 3) {
      const shape = begin(points, "polygon");
      stamp(shape, (context) => trace(context, shape));
      finish(shape);
    }
    schedule();
  }

  let shape = null; // the stroke in the making
  listen(canvas, "pointerdown", (event) => {
    canvas.focus({ preventScroll: true });
    if (busy || event.button > 1 || !image().h) return;
    event.preventDefault();
    pointer = toImage(event);
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
      stamp(shape, (context) => trace(context, shape));
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
    const from = shape.points.length - 2;
    stamp(shape, (context) => trace(context, shape, from), from);
  }
  listen(canvas, "pointermove", (event) => {
    pointer = toImage(event);
    shift = event.shiftKey;
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
  const release = () => {
    if (busy === "stroke") {
      extend(pointer, 0.01);
      finish(shape);
      shape = null;
      showAreas();
    }
    busy = null;
    mark();
    schedule();
  };
  ["pointerup", "pointercancel"].forEach((name) => listen(canvas, name, (event) => busy && ((pointer = toImage(event)), release())));
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
    const p = inside ? Math.floor((y * mh) / h) * mw + Math.floor((x * mw) / w) : 0;
    const here = inside ? [...masks].filter(([, mask]) => mask.bits[p]).map(([part]) => part) : [];
    readout.textContent = inside ? [`x ${x}, y ${y}`, ...here].join(" · ") : "";
  }

  // ------------------------------------------------------------------------------------------------------ the keys
  const step = (by) => tell({ do: "step", by });
  function scaleRadius(by) {
    const r = get("radius");
    put("radius", clamp(by > 1 ? Math.max(r * by, r + 0.5) : Math.min(r * by, r - 0.5), 0.5, Number(radius.max)));
  }
  const keys = {
    b: () => put("tool", "brush"), p: () => put("tool", "polygon"), h: () => put("tool", "hand"),
    e: () => put("erase", !get("erase")), f: fit,
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
    else if (command || event.altKey) return;
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
        make("i", { className: "dffw-focus-swatch", style: `background:${colorOf(part)}` }),
        make("span", { className: "dffw-focus-name", textContent: part }), make("span", { className: "dffw-focus-share" }));
      return found;
    }));
    washOf = null;
    showAreas();
    mark();
  }
  function showAreas() {
    get("parts").forEach((part, j) => {
      const mask = masks.get(part);
      if (mask) mask.area ??= mask.bits.reduce((sum, bit) => sum + bit, 0);
      const share = mask?.bits.length ? (100 * mask.area) / mask.bits.length : 0;
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
  on("photo", once(loadPhoto));
  on("place", once(leave));
  ["heat", "grid", "colors", "gains", "levels"].forEach((name) => on(name, once(freshTints)));
  ["parts", "part_colors"].forEach((name) => on(name, once(buildParts)));
  ["masks", "mask_size", "place", "parts", "handled"].forEach((name) => on(name, once(loadMasks)));
  ["names", "colors"].forEach((name) => on(name, once(buildFactors)));
  ["visible", "opacity"].forEach((name) => on(name, once(syncFactors)));
  ["tool", "erase", "radius", "part", "place", "size", "caption", "can_undo", "can_redo", "closed"].forEach((name) => on(name, once(mark)));
  on("size", once(fit));
  on("status", once(() => say(get("status"))));

  buildParts();
  buildFactors();
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
