// Fig. 4 while it grows: a curve per layer over k, the mean over the seeds with a band of one deviation, and every
// factorization as a point that can be chosen.

const MARGIN = { left: 56, right: 16, top: 10, bottom: 46 };
const REACH = 16; //       CSS pixels from a point at which the pointer still finds it
const SHAPES = [
  (r) => `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0Z`,
  (r) => `M${-r * 0.9},${-r * 0.9}h${1.8 * r}v${1.8 * r}h${-1.8 * r}Z`,
  (r) => `M0,${-1.2 * r}L${1.2 * r},${0.9 * r}H${-1.2 * r}Z`,
  (r) => `M0,${-1.3 * r}L${1.3 * r},0L0,${1.3 * r}L${-1.3 * r},0Z`,
  (r) => `M0,${1.2 * r}L${1.2 * r},${-0.9 * r}H${-1.2 * r}Z`,
  (r) => [`M${-r},${-r / 3}h${r * 0.67}v${-r * 0.67}h${r * 0.67}v${r * 0.67}h${r * 0.67}v${r * 0.67}h${-r * 0.67}`,
    `v${r * 0.67}h${-r * 0.67}v${-r * 0.67}h${-r * 0.67}Z`].join(""),
];

/** An SVG element with attributes, and children. */
function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Round numbers from 0 to at least `most`, about six of them. */
function ticks(most) {
  const rough = (most || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((f) => f * power >= rough * 0.999);
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const deviation = (values) => {
  const m = mean(values);
  return values.length > 1 ? Math.sqrt(values.reduce((a, v) => a + (v - m) ** 2, 0) / (values.length - 1)) : 0;
};

function render({ model, el }) {
  const gone = new AbortController();
  const listen = (target, event, action) => target.addEventListener(event, action, { signal: gone.signal });
  const send = (message) => model.send?.(message);

  const go = make("button", { type: "button", className: "dffw-button" });
  const stop = make("button", { type: "button", className: "dffw-button", textContent: "Cancel" });
  const what = make("select", { aria: { label: "What the curves show" } },
    make("option", { value: "iou", textContent: "mean best-part IoU" }), make("option", { value: "explained", textContent: "explained energy" }));
  const bar = make("progress", { max: 1, aria: { label: "Progress of the sweep" } });
  const status = make("span", { className: "dffw-status", aria: { role: "status", live: "polite" } });
  const tools = make("div", { className: "dffw-tools" }, go, stop, what, bar, status);
  const svg = draw("svg", { class: "dffw-chart" });
  const tip = make("div", { className: "dffw-tip", hidden: true, aria: { hidden: true } });
  const plot = make("div", { className: "dffw-plot" }, svg, tip);
  const legend = make("ul", { className: "dffw-legend", aria: { label: "Layers of the chart" } });
  el.classList.add("dffw", "dffw-sweep");
  el.replaceChildren(tools, plot, legend);

  const chosen = draw("circle", { r: 9, class: "dffw-chosen" });
  const ring = draw("circle", { r: 9, class: "dffw-ring" });
  const rings = draw("g", { "aria-hidden": true }, chosen, ring); // above the points, which may overlap

  let marks = []; // per point {point, x, y, element}
  let told = ""; //    the key of the point that the tip is about
  let focused = ""; // the key of the point that has, or had last, the focus

  const keyOf = ({ layer, k, seed }) => JSON.stringify([layer, k, seed]);
  const measured = () => (model.get("measure") === "iou" ? "iou" : "explained");
  const scale = () => (measured() === "iou" ? 1 : 100);
  const valueOf = (point) => point[measured()] * scale();
  const colorOf = (i) => model.get("colors")[i % model.get("colors").length];
  const shapeOf = (i, r) => SHAPES[i % SHAPES.length](r);
  const said = (value) => (measured() === "iou" ? value.toFixed(3) : `${value.toFixed(1)} %`);
  const seedsOf = (point) => marks.filter((m) => m.point.layer === point.layer && m.point.k === point.k).map((m) => valueOf(m.point));

  function describe(point) {
    const all = seedsOf(point);
    const spread = all.length > 1 ? `; mean of ${all.length} seeds ${said(mean(all))} ± ${said(deviation(all))}` : "";
    return [`${point.layer}, k = ${point.k}, seed ${point.seed}`,
      [point.iou === undefined ? "" : `mean best-part IoU ${point.iou.toFixed(3)}`, `explains ${(100 * point.explained).toFixed(1)} %`].filter(Boolean).join(" · "),
      spread && spread.slice(2)].filter(Boolean);
  }

  // ---------------------------------------------------------------------------------------------------- the chart
  function chart() {
    const [layers, ks, seeds] = ["layers", "ks", "seeds"].map((name) => model.get(name));
    const points = model.get("points").filter((p) => layers.includes(p.layer) && p[measured()] !== undefined);
    const width = Math.max(plot.clientWidth, 220);
    const height = Math.round(Math.min(380, Math.max(230, width * 0.5)));
    const inner = { w: width - MARGIN.left - MARGIN.right, h: height - MARGIN.top - MARGIN.bottom };
    const [first, last] = [Math.min(...ks) - 0.5, Math.max(...ks) + 0.5];
    const top = points.length ? Math.max(...points.map(valueOf)) : scale();
    const levels = ticks(Math.max(top, scale() / 20));
    const X = (k) => MARGIN.left + ((k - first) / (last - first)) * inner.w;
    const Y = (v) => MARGIN.top + (1 - v / levels.at(-1)) * inner.h;
    const near = ks.length > 1 ? Math.min(...ks.slice(1).map((k, i) => X(k) - X(ks[i]))) : inner.w;
    const dodge = (seed) => (seeds.indexOf(seed) - (seeds.length - 1) / 2) * Math.min(8, (0.6 * near) / seeds.length);

    const text = (x, y, content, attributes = {}) => {
      const element = draw("text", { x, y, "text-anchor": "middle", ...attributes });
      element.textContent = content;
      return element;
    };
    const axes = draw("g", { "aria-hidden": true, class: "dffw-axes" });
    levels.forEach((v) => axes.append(
      draw("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: Y(v), y2: Y(v), class: v ? "dffw-rule" : "dffw-base" }),
      text(MARGIN.left - 8, Y(v) + 4, String(v), { "text-anchor": "end" })));
    let free = -Infinity;
    ks.forEach((k) => {
      axes.append(draw("line", { x1: X(k), x2: X(k), y1: Y(0), y2: Y(0) + 4, class: "dffw-base" }));
      if (X(k) - free < 22) return;
      free = X(k);
      axes.append(text(X(k), Y(0) + 17, k));
    });
    const label = measured() === "iou" ? "mean best-part IoU (0–1)" : "explained energy of the activations (%)";
    axes.append(text(MARGIN.left + inner.w / 2, height - 8, "number of factors k", { class: "dffw-axis" }),
      text(0, 0, label, { class: "dffw-axis", transform: `translate(14 ${MARGIN.top + inner.h / 2}) rotate(-90)` }));

    const curves = draw("g", { "aria-hidden": true });
    const choices = draw("g", { role: "listbox", "aria-label": "Factorizations" });
    marks = [];
    layers.forEach((layer, i) => {
      const own = points.filter((p) => p.layer === layer);
      const columns = ks.map((k) => [k, own.filter((p) => p.k === k).map(valueOf)]).filter(([, values]) => values.length);
      const line = (end) => columns.map(([k, values]) => `${X(k)},${Y(Math.max(0, mean(values) + end * deviation(values)))}`);
      if (columns.some(([, values]) => values.length > 1))
        curves.append(draw("polygon", { points: [...line(1), ...line(-1).reverse()].join(" "), fill: colorOf(i), class: "dffw-band" }));
      curves.append(draw("polyline", { points: line(0).join(" "), stroke: colorOf(i), class: "dffw-curve" }));
      own.forEach((point) => {
        const [x, y] = [X(point.k) + dodge(point.seed), Y(valueOf(point))];
        const element = draw("path", { d: shapeOf(i, 4.5), transform: `translate(${x} ${y})`, fill: colorOf(i), role: "option", tabindex: -1 });
        element.dataset.lmSuppressShortcuts = "true"; // else JupyterLab runs its command-mode shortcuts on our keys
        marks.push({ point, x, y, element });
      });
    });
    marks.sort((a, b) => a.x - b.x || b.y - a.y);
    const [active] = [document.activeElement, el.getRootNode().activeElement].filter((e) => e && svg.contains(e));
    choices.append(...marks.map((m) => m.element));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    svg.replaceChildren(axes, curves, ...(marks.length ? [choices] : []), rings);
    if (!marks.length) svg.append(text(MARGIN.left + inner.w / 2, MARGIN.top + inner.h / 2, "no results yet", { class: "dffw-axis" }));
    choose();
    tell(marks.find((m) => keyOf(m.point) === told));
    if (active) marks.find((m) => keyOf(m.point) === focused)?.element.focus({ preventScroll: true });
    const best = (layer) => Math.max(...points.filter((p) => p.layer === layer).map(valueOf));
    legend.replaceChildren(...layers.map((layer, i) => make("li", {},
      draw("svg", { width: 26, height: 14, "aria-hidden": true }, draw("line", { x1: 0, x2: 26, y1: 7, y2: 7, stroke: colorOf(i), "stroke-width": 2 }),
        draw("path", { d: shapeOf(i, 4.5), transform: "translate(13 7)", fill: colorOf(i) })),
      make("span", { textContent: layer || "default layer" }),
      make("span", { className: "dffw-best", textContent: Number.isFinite(best(layer)) ? `best ${said(best(layer))}` : "" }))),
      ...(seeds.length > 1 ? [make("li", { className: "dffw-best", textContent: "line: mean over the seeds, band: ± 1 standard deviation" })] : []));
    el.dataset.frames = Number(el.dataset.frames ?? 0) + 1;
  }

  function circle(element, mark) {
    element.setAttribute("visibility", mark ? "visible" : "hidden");
    if (mark) element.setAttribute("transform", `translate(${mark.x} ${mark.y})`);
  }

  /** Mark the selected point; one stop of the Tab key. */
  function choose() {
    const selected = keyOf(model.get("selected"));
    const stopAt = marks.find((m) => keyOf(m.point) === focused) ?? marks.find((m) => keyOf(m.point) === selected) ?? marks[0];
    circle(chosen, marks.find((m) => keyOf(m.point) === selected));
    marks.forEach((m) => {
      const now = keyOf(m.point) === selected;
      m.element.setAttribute("aria-selected", now);
      m.element.setAttribute("aria-label", describe(m.point).slice(0, 2).join(": "));
      m.element.setAttribute("tabindex", m === stopAt ? 0 : -1);
    });
  }

  function select({ layer, k, seed }) {
    if (keyOf(model.get("selected")) === keyOf({ layer, k, seed })) return send({ do: "again" });
    model.set("selected", { layer, k, seed });
    model.save_changes();
    choose();
  }

  // ---------------------------------------------------------------------------------------------- looking closer
  function tell(mark) {
    told = mark ? keyOf(mark.point) : "";
    circle(ring, mark);
    tip.hidden = !mark;
    if (!mark) return;
    const [head, ...lines] = describe(mark.point);
    tip.replaceChildren(make("b", { textContent: head }), ...lines.map((textContent) => make("div", { textContent })));
    const room = plot.clientWidth - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(4, Math.min(mark.x + 12, room))}px`;
    tip.style.top = mark.y > tip.offsetHeight + 14 ? `${mark.y - tip.offsetHeight - 10}px` : `${mark.y + 12}px`;
  }

  function nearest(event) {
    const box = svg.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const away = (m) => Math.hypot(m.x - x, m.y - y);
    const best = marks.reduce((a, b) => (!a || away(b) < away(a) ? b : a), undefined);
    return best && away(best) <= REACH ? best : undefined;
  }

  const underFocus = () => marks.find((m) => m.element === el.getRootNode().activeElement);
  listen(svg, "pointermove", (event) => tell(nearest(event)));
  listen(svg, "pointerleave", () => tell(underFocus()));
  listen(svg, "click", (event) => {
    const mark = nearest(event);
    if (!mark) return;
    focused = keyOf(mark.point);
    select(mark.point);
    mark.element.focus({ preventScroll: true });
  });
  listen(svg, "focusin", ({ target }) => {
    const mark = marks.find((m) => m.element === target);
    if (!mark) return;
    focused = keyOf(mark.point);
    choose();
    tell(mark);
  });
  listen(svg, "focusout", () => tell(undefined));

  /** Left and right: the same layer and seed at another k; up and down: the points of this k, by value. */
  function neighbour(mark, key) {
    const { layer, k, seed } = mark.point;
    if (key === "Home" || key === "End") return key === "Home" ? marks[0] : marks.at(-1);
    if (key === "ArrowUp" || key === "ArrowDown") {
      const column = marks.filter((m) => m.point.k === k).sort((a, b) => b.y - a.y || a.x - b.x);
      return column[column.indexOf(mark) + (key === "ArrowUp" ? 1 : -1)];
    }
    const row = marks.filter((m) => m.point.layer === layer && m.point.seed === seed);
    return row[row.indexOf(mark) + (key === "ArrowRight" ? 1 : -1)];
  }

  listen(svg, "keydown", (event) => {
    const mark = underFocus();
    if (!mark || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") select(mark.point);
    else if (/^(Arrow(Up|Down|Left|Right)|Home|End)$/.test(event.key)) neighbour(mark, event.key)?.element.focus({ preventScroll: true });
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // ------------------------------------------------------------------------------------------------- the controls
  [go, stop, what].forEach((control) => (control.dataset.lmSuppressShortcuts = "true"));
  listen(go, "click", () => send({ do: model.get("state") === "running" ? "pause" : "start" }));
  listen(stop, "click", () => send({ do: "cancel" }));
  listen(what, "change", () => {
    model.set("measure", what.value);
    model.save_changes();
  });

  function controls() {
    const state = model.get("state");
    go.textContent = { running: "Pause", ready: "Start", done: "Start" }[state] ?? "Go on";
    go.disabled = state === "done";
    stop.disabled = state !== "running" && state !== "paused";
    what.value = measured();
    what.options[0].disabled = !model.get("scored");
    bar.value = model.get("progress");
    status.textContent = (state === "failed" ? "⚠ " : "") + model.get("status");
    status.classList.toggle("dffw-failed", state === "failed");
  }

  // --------------------------------------------------------------------------------------------------- the changes
  const on = follow(model, gone);
  on(["layers", "ks", "seeds", "points", "colors", "measure"], chart);
  on(["selected"], choose);
  on(["state", "status", "progress", "scored", "measure"], controls);
  controls();
  chart();
  let before = plot.clientWidth;
  const watch = new ResizeObserver(() => {
    if (plot.clientWidth !== before) chart();
    before = plot.clientWidth;
  });
  watch.observe(plot);
  return () => {
    gone.abort();
    watch.disconnect();
  };
}

export default { render };
