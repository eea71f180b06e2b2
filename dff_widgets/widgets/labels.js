// What a person names the factors by: the coverage matrix, whose cells assign, and the buttons under it.

function labelTools({ model, listen, put, send }) {
  const matrix = make("div", { className: "dffw-matrix" });
  const summary = make("div", { className: "dffw-summary", aria: { role: "status", live: "polite" } });
  const bar = make("progress", { max: 1, value: 1, aria: { label: "Images measured" } });
  const cut = make("input", { type: "number", min: 0, max: 1, step: 0.05, className: "dffw-cut",
    aria: { label: "Coverage above which a part is assigned" } });
  const button = (label, title, message) => {
    const b = make("button", { type: "button", className: "dffw-button", textContent: label, title });
    listen(b, "click", () => send(message()));
    return b;
  };
  const assign = button("Assign by coverage >", "Name every factor after the parts of which it covers more than this",
    () => ({ do: "assign", threshold: Number(cut.value) }));
  const clear = button("Clear", "Take all names away", () => ({ do: "clear" }));
  const undo = button("↶ Undo", "Undo the last naming (Ctrl+Z)", () => ({ do: "undo" }));
  const redo = button("↷ Redo", "Redo (Ctrl+Shift+Z)", () => ({ do: "redo" }));
  const byCoverage = make("span", { className: "dffw-assign" }, assign, cut);
  const element = make("div", { className: "dffw-labels", aria: { role: "group", label: "Labels" } },
    make("div", { className: "dffw-title", textContent: "Parts covered by each factor, %" }), matrix,
    make("div", { className: "dffw-buttons" }, byCoverage, clear, undo, redo), summary, bar);
  listen(cut, "change", () => put("coverage_threshold", Math.min(Math.max(Number(cut.value) || 0, 0), 1), { save: true }));

  let cells = []; // per factor, per part its button
  let stop = null; // the one cell that Tab comes to
  let shape = "";

  function build(k, parts) {
    const head = make("tr", {}, make("td"), ...parts.map((part) =>
      make("th", { scope: "col", title: part.slice(0, 500) }, make("span", { textContent: part.slice(0, 200), dir: "auto" }))));
    cells = Array.from({ length: k }, (_, j) => parts.map((part, p) => {
      const cell = make("button", { type: "button", className: "dffw-cell", tabIndex: j + p ? -1 : 0 });
      if (!(j + p)) stop = cell;
      listen(cell, "focus", () => (([stop.tabIndex, cell.tabIndex] = [-1, 0]), (stop = cell)));
      listen(cell, "click", () => send({ do: "toggle", factor: j, part }));
      listen(cell, "keydown", (event) => { // one stop for Tab, arrows inside
        const [dj, dp] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [0, 0];
        const next = (dj || dp) && cells[j + dj]?.[p + dp];
        if (!dj && !dp) return;
        next?.focus?.();
        event.preventDefault();
        event.stopPropagation();
      });
      return cell;
    }));
    const body = cells.map((row, j) => make("tr", {},
      make("th", { scope: "row" }, swatch(model.get("colors")[j] ?? "#888888"), String(j)), ...row.map((cell) => make("td", {}, cell))));
    matrix.classList.toggle("dffw-many", parts.length > 6); // their names stand upright then
    matrix.replaceChildren(make("table", { aria: { label: "Coverage of the parts by the factors" } },
      make("thead", {}, head), make("tbody", {}, ...body)));
  }

  function sync() {
    element.hidden = !model.get("labelling");
    if (element.hidden) return;
    const [coverage, parts, labels, colors] = ["coverage", "coverage_parts", "labels", "colors"].map((name) => model.get(name));
    const known = coverage.length > 0 && parts.length > 0;
    matrix.hidden = element.firstChild.hidden = byCoverage.hidden = !known;
    const now = JSON.stringify([coverage.length, parts]);
    if (now !== shape) build(coverage.length, parts);
    shape = now;
    cells.forEach((row, j) => row.forEach((cell, p) => {
      const share = coverage[j]?.[p] ?? 0;
      const own = (labels[j] ?? []).includes(parts[p]);
      cell.textContent = Math.round(100 * share);
      cell.style.setProperty("--dffw-share", `${Math.round(35 * share)}%`);
      cell.style.setProperty("--dffw-color", colors[j]);
      cell.setAttribute("aria-pressed", own);
      cell.title = `Factor ${j} covers ${percent(share)} of ${parts[p].slice(0, 200)}: click to ${own ? "take the name away" : "name it so"}`;
      cell.setAttribute("aria-label", `Factor ${j}, ${parts[p].slice(0, 200)}: ${percent(share)} covered`);
    }));
    matrix.querySelectorAll("tbody th i").forEach((mark, j) => (mark.style.background = colors[j]));
    if (document.activeElement !== cut) cut.value = model.get("coverage_threshold");
    undo.disabled = !model.get("undoable");
    redo.disabled = !model.get("redoable");
    clear.disabled = !labels.some((names) => names.length);
    summary.textContent = model.get("summary");
    bar.value = model.get("measured");
    bar.style.visibility = bar.value < 1 ? "visible" : "hidden";
  }
  return { element, sync };
}
