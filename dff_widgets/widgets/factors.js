// A row per factor: whether it is shown, its colour, name and opacity, and how well it fits its parts.

function factorRows({ model, listen, put, putAt, send, select }) {
  const completions = make("datalist", { id: `dffw-${Math.random().toString(36).slice(2)}` });
  const list = make("div", { className: "dffw-factors" }, completions);
  const titleOf = (j) => model.get("names")[j] ?? `factor ${j}`;
  const partsOf = (j) => model.get("labels")?.[j] ?? [];
  const naming = () => Boolean(model.get("labelling"));
  const rows = [];

  /** What a name box offers: every part, and every part in addition to those the factor has. */
  function offer(j) {
    const own = partsOf(j);
    const others = (model.get("known") ?? []).filter((part) => !own.includes(part));
    const more = own.length ? others.map((part) => [...own, part].join(" + ")) : [];
    completions.replaceChildren(...[...others, ...more].map((value) => make("option", { value })));
  }

  function nameBox(j) {
    const box = make("input", { type: "text", className: "dffw-box", placeholder: "name it …", autocomplete: "off", dir: "auto",
      aria: { label: `Name of factor ${j}` } });
    box.setAttribute("list", completions.id);
    const commit = () => {
      if (box.value === box.dataset.said) return;
      box.dataset.said = box.value;
      send({ do: "name", factor: j, text: box.value });
    };
    listen(box, "focus", () => (offer(j), select(j)));
    listen(box, "change", commit);
    listen(box, "input", (event) => { // picked from the list, not typed
      if (event.inputType === undefined || event.inputType === "insertReplacementText") commit();
    });
    listen(box, "keydown", (event) => {
      if (event.key !== "Escape" && event.key !== "Enter") return;
      if (event.key === "Escape") box.value = box.dataset.said;
      else commit();
      rows[j].button.focus();
      event.stopPropagation();
      event.preventDefault();
    });
    return box;
  }

  function build(j) {
    const check = make("input", { type: "checkbox" });
    listen(check, "change", () => putAt("visible", j, check.checked, { save: true }));
    const label = make("span", { dir: "auto" });
    const button = make("button", { type: "button", className: "dffw-name" }, swatch("#888888"), label);
    listen(button, "click", () => select(model.get("selected") === j ? -1 : j));
    const range = make("input", { type: "range", min: 0, max: 1, step: 0.01 });
    listen(range, "input", () => putAt("opacity", j, Number(range.value), { save: false })); // drawn, not yet sent
    listen(range, "change", () => putAt("opacity", j, Number(range.value), { save: true })); // one message, on release
    const share = make("span", { className: "dffw-share", title: "Share of this factor in what all factors explain" });
    const score = make("span", { className: "dffw-score" });
    const chips = make("span", { className: "dffw-chips" });
    const box = naming() ? nameBox(j) : null;
    const main = make("div", { className: "dffw-main" }, check, button, ...(box ? [box] : []), range, ...(box ? [] : [share]));
    const row = make("div", { className: "dffw-row" }, main);
    if (box) row.append(make("div", { className: "dffw-notes" }, share, score, chips));
    return { row, check, button, label, range, share, score, chips, box, said: null };
  }

  /** The parts that a factor covers best and is not named after, one click away. */
  function suggestions(j) {
    const known = model.get("coverage_parts") ?? [];
    const covered = model.get("coverage")?.[j] ?? [];
    return known.map((part, p) => [part, covered[p]])
      .filter(([part, share]) => share >= 0.05 && !partsOf(j).includes(part))
      .sort((a, b) => b[1] - a[1]).slice(0, 2);
  }

  function updateNotes(r, j) {
    const iou = model.get("scores")?.[j];
    r.score.textContent = iou === null || iou === undefined ? "" : `IoU ${iou.toFixed(2)}`;
    r.score.title = "Intersection over union with its parts, over the images that have a ground truth";
    const chips = suggestions(j);
    const key = JSON.stringify(chips);
    if (key === r.said) return; // the same buttons stay, so that the focus does
    r.said = key;
    r.chips.replaceChildren(...chips.map(([part, share]) => {
      const chip = make("button", { type: "button", className: "dffw-chip",
        title: `Covers ${percent(share)} of ${part}: click to add the name`,
        aria: { label: `Name factor ${j} ${part.slice(0, 200)}: it covers ${percent(share)} of it` } },
        "+ ", make("bdi", { textContent: part.slice(0, 40) }), ` ${percent(share)}`);
      listen(chip, "click", () => send({ do: "toggle", factor: j, part }));
      return chip;
    }));
  }

  function sync() {
    const count = model.get("names").length;
    if (rows.length && Boolean(rows[0].box) !== naming()) rows.splice(0).forEach((r) => r.row.remove());
    rows.splice(count).forEach((r) => r.row.remove()); // the others stay, with what is being typed there
    while (rows.length < count) {
      rows.push(build(rows.length));
      completions.before(rows.at(-1).row);
    }
    const [colors, shares] = ["colors", "shares"].map((name) => model.get(name));
    rows.forEach((r, j) => {
      const name = titleOf(j);
      const short = name.slice(0, 200);
      r.check.setAttribute("aria-label", `Show ${short}`);
      r.range.setAttribute("aria-label", `Opacity of ${short}`);
      r.button.title = `Select ${short}`;
      r.button.setAttribute("aria-label", `Select ${short}`);
      r.button.firstChild.style.background = colors[j];
      r.label.textContent = r.box ? j : name;
      r.share.textContent = shares[j] === undefined ? "" : percent(shares[j]);
      const selected = j === model.get("selected");
      r.row.classList.toggle("dffw-selected", selected);
      r.button.setAttribute("aria-pressed", selected);
      if (!r.box) return;
      const said = partsOf(j).join(" + ");
      if (r.box.value === (r.box.dataset.said ?? "") || r.box.dataset.said !== said) r.box.value = said; // else being typed
      r.box.dataset.said = said;
      r.box.title = said.slice(0, 500);
      updateNotes(r, j);
    });
    syncShown();
  }

  /** Apart from all the rest, which the page would lay out again at every step of a slider. */
  function syncShown() {
    const [visible, opacity] = ["visible", "opacity"].map((name) => model.get(name));
    rows.forEach((r, j) => ([r.check.checked, r.range.value] = [visible[j], opacity[j]]));
  }

  const focusName = (j) => rows[j]?.box?.select() ?? rows[j]?.box?.focus();
  return { list, sync, syncShown, focusName, count: () => rows.length };
}
