// The tree of factors: a row per k, a node per factor with the images that it fills most, links to the parents.
//
// The kernel sends each image once and the heat maps of the nodes at the network's resolution; CSS enlarges them.

const LOWEST = 36, HIGHEST = 96; //     height of a thumbnail in CSS pixels
const LABEL = 56; //                   the column that says k

function render({ model, el }) {
  const gone = new AbortController();
  const listen = (target, event, action) => target.addEventListener(event, action, { signal: gone.signal });
  const links = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  links.setAttribute("class", "dffw-links");
  links.setAttribute("aria-hidden", "true");
  const branches = make("div", { className: "dffw-branches", aria: { role: "tree", label: "Factors by k" } });
  el.classList.add("dffw", "dffw-tree");
  el.replaceChildren(branches);

  let images = []; //   per tile, decoded
  let items = []; //    per node its element
  let paths = []; //    per node the link to its parent, or undefined
  let levels = []; //   {k, row}

  // ------------------------------------------------------------------------------------------------- the pictures
  const urls = [];
  const forget = () => urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
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
    images = fresh;
    urls.push(...fresh.map((image) => image.src));
    build();
  }

  /** Width to height; of a panorama the middle is shown. */
  const aspect = (tile) => Math.min(2, Math.max(0.5, images[tile].naturalWidth / images[tile].naturalHeight || 1));

  function thumb(tile, values, grid, color) {
    const style = `width:calc(${aspect(tile)} * var(--dffw-thumb));height:var(--dffw-thumb)`;
    return make("span", { className: "dffw-thumb", style, title: model.get("captions")[tile] ?? "" },
      images[tile].cloneNode(), tint(values, ...grid, color, 1));
  }

  function describe(i) {
    const nodes = model.get("nodes"), names = model.get("names"), { k, parent, overlap, share } = nodes[i];
    const origin = parent < 0 ? "" : `, ${percent(overlap)} inside ${names[parent]} of k = ${nodes[parent].k}`;
    return `k = ${k}: ${names[i]}, share ${percent(share)}${origin}`;
  }

  // ------------------------------------------------------------------------------------------------------ the tree
  function build() {
    const [nodes, names, colors, grids] = ["nodes", "names", "colors", "grids"].map((name) => model.get(name));
    if (nodes.some((node) => node.tiles.some((tile) => !images[tile]))) return; // load() is on its way
    const focused = items.indexOf(document.activeElement);
    const heat = bytes(model.get("heat"));
    let next = 0, from = 0;
    items = nodes.map((node, i) => {
      const thumbs = node.tiles.map((tile) => {
        const grid = grids[next++], size = grid[0] * grid[1];
        return thumb(tile, heat.subarray(from, (from += size)), grid, colors[i]);
      });
      const item = make("div", { className: "dffw-node", tabIndex: -1, title: describe(i),
        aria: { role: "treeitem", label: describe(i), selected: false, level: 1 + [...ancestors(i)].length } },
        make("div", { className: "dffw-thumbs" }, ...thumbs), make("div", { className: "dffw-bar" }),
        make("div", { className: "dffw-what" }, make("span", { textContent: names[i] }), make("span", { textContent: percent(node.share) })));
      item.style.setProperty("--dffw-color", colors[i]);
      item.dataset.lmSuppressShortcuts = "true"; // else JupyterLab runs its command-mode shortcuts on our keys
      item.addEventListener("click", () => choose(i));
      item.addEventListener("pointerenter", () => trace(i));
      item.addEventListener("pointerleave", () => trace(chosen()));
      return item;
    });
    const ks = [...new Set(nodes.map((node) => node.k))];
    levels = ks.map((k) => {
      const own = items.filter((_, i) => nodes[i].k === k);
      own.forEach((item, i) => (item.setAttribute("aria-posinset", i + 1), item.setAttribute("aria-setsize", own.length)));
      const row = make("div", { className: "dffw-level", aria: { role: "group", label: `k = ${k}` },
        style: `grid-template-columns:${LABEL}px repeat(${own.length}, minmax(0, 1fr))` },
        make("div", { className: "dffw-k", textContent: `k = ${k}`, aria: { hidden: true } }), ...own);
      return { k, row };
    });
    paths = nodes.map(({ parent, overlap }, i) => {
      if (parent < 0) return undefined;
      const path = document.createElementNS(links.namespaceURI, "path");
      path.setAttribute("stroke", colors[i]);
      path.setAttribute("stroke-width", 1.5 + 7 * overlap);
      const title = document.createElementNS(links.namespaceURI, "title");
      title.textContent = describe(i);
      path.append(title);
      return path;
    });
    links.replaceChildren(...paths.filter(Boolean));
    branches.replaceChildren(links, ...levels.map(({ row }) => row));
    mark();
    layout();
    if (focused >= 0 && items[focused]) items[focused].focus();
  }

  /** Thumbnails as large as the widest level has room for, and the links between the nodes. */
  function layout() {
    const nodes = model.get("nodes");
    if (items.length !== nodes.length) return; // build() calls again
    const most = Math.max(1, ...levels.map(({ row }) => row.children.length - 1));
    const room = (el.clientWidth - LABEL - 8) / most - 20;
    const height = (shown) => (room - 3 * (shown.length - 1)) / shown.reduce((sum, tile) => sum + aspect(tile), 0);
    const all = Math.min(...nodes.map(({ tiles }) => height(tiles)));
    const one = Math.min(...nodes.map(({ tiles }) => height(tiles.slice(0, 1))));
    el.classList.toggle("dffw-one", all < LOWEST);
    const side = Math.min(HIGHEST, Math.max(LOWEST, all < LOWEST ? one : all));
    branches.style.setProperty("--dffw-thumb", `${Math.floor(side)}px`);
    const widest = Math.max(1, ...nodes.map(({ tiles }) => (tiles.length ? aspect(tiles[0]) : 1)));
    branches.style.minWidth = `${LABEL + 8 + most * (widest * LOWEST + 16)}px`;
    const origin = branches.getBoundingClientRect();
    const at = (item) => {
      const box = item.getBoundingClientRect();
      return { x: box.left + box.width / 2 - origin.left, top: box.top - origin.top, bottom: box.bottom - origin.top };
    };
    paths.forEach((path, i) => {
      if (!path) return;
      const from = at(items[nodes[i].parent]), to = at(items[i]);
      const middle = (from.bottom + to.top) / 2;
      path.setAttribute("d", `M${from.x},${from.bottom}C${from.x},${middle} ${to.x},${middle} ${to.x},${to.top}`);
    });
    el.dataset.frames = Number(el.dataset.frames ?? 0) + 1;
  }

  // --------------------------------------------------------------------------------------------------- the choice
  function* ancestors(i) {
    for (let p = model.get("nodes")[i].parent; p >= 0; p = model.get("nodes")[p].parent) yield p;
  }

  /** The selected node, or -1. */
  function chosen() {
    const [k, factor] = model.get("selected");
    return model.get("nodes").findIndex((node) => node.k === k && node.factor === factor);
  }

  /** Bring out the links from a node up to the root. */
  function trace(i) {
    const line = new Set(i < 0 ? [] : [i, ...ancestors(i)]);
    paths.forEach((path, j) => path?.classList.toggle("dffw-on", line.has(j)));
  }

  function choose(i) {
    const { k, factor } = model.get("nodes")[i] ?? {};
    model.set("selected", i < 0 ? [] : [k, factor]);
    if (i >= 0) model.set("k", k);
    model.save_changes();
    mark();
  }

  function mark() {
    const now = chosen();
    const inside = items.includes(document.activeElement);
    items.forEach((item, i) => {
      item.setAttribute("aria-selected", i === now);
      if (!inside) item.tabIndex = i === Math.max(now, 0) ? 0 : -1; // one stop of the Tab key
    });
    levels.forEach(({ k, row }) => row.classList.toggle("dffw-now", k === model.get("k")));
    trace(now);
  }

  /** The node an arrow key leads to from node i: a parent, the first child, a neighbour in the level. */
  function neighbour(i, key) {
    const nodes = model.get("nodes");
    const beside = (j) => (nodes[j]?.k === nodes[i].k ? j : -1);
    if (key === "ArrowUp") return nodes[i].parent;
    if (key === "ArrowDown") return nodes.findIndex((node) => node.parent === i);
    if (key === "ArrowLeft") return beside(i - 1);
    if (key === "ArrowRight") return beside(i + 1);
    return key === "Home" ? 0 : nodes.length - 1;
  }

  listen(branches, "keydown", (event) => {
    const i = items.indexOf(event.target);
    if (i < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") choose(i);
    else if (event.key === "Escape" && chosen() >= 0) choose(-1);
    else if (/^(Arrow(Up|Down|Left|Right)|Home|End)$/.test(event.key)) items[neighbour(i, event.key)]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  listen(branches, "focusin", ({ target }) => {
    const i = items.indexOf(target);
    if (i < 0) return;
    items.forEach((item, j) => (item.tabIndex = i === j ? 0 : -1));
    trace(i);
  });
  listen(branches, "focusout", () => trace(chosen()));

  // --------------------------------------------------------------------------------------------------- the changes
  const on = follow(model, gone);
  on("tiles", load);
  on(["nodes", "names", "colors", "captions", "heat", "grids"], build);
  on(["k", "selected"], mark);

  const watch = new ResizeObserver(() => layout());
  watch.observe(el);
  load();
  return () => {
    gone.abort();
    watch.disconnect();
    forget();
  };
}

export default { render };
