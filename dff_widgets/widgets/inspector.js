// One factor from close up: where it is strongest, what it is made of, what the classifier would see in it.

const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const percent = (v, digits = 0) => `${(100 * v).toFixed(digits)} %`;

/** An element with properties, and children. */
function make(tag, properties = {}, ...children) {
  const { aria = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(name === "role" ? name : `aria-${name}`, value);
  element.append(...children);
  return element;
}

/** A part with its heading and a line that explains it. */
function section(kind, heading, hint, ...children) {
  const title = make("div", { className: "dffw-look-heading", textContent: heading, aria: { role: "heading", level: 4 } });
  return make("section", { className: `dffw-look-part dffw-look-${kind}`, aria: { label: heading } }, title,
    make("div", { className: "dffw-look-hint", textContent: hint }), ...children);
}

function meter(share) {
  const filled = make("i");
  filled.style.width = `${100 * Math.min(1, Math.max(0, share))}%`;
  return make("div", { className: "dffw-look-meter", aria: { hidden: true } }, filled);
}

const list = (className, items) => make("ul", { className, aria: { role: "list" } }, ...items); // Safari drops the role

function patchList(patches, urls) {
  return list("dffw-look-patches", patches.map(({ image, strength }, i) => {
    const alt = `patch of ${image}, strength ${percent(strength)}`;
    return make("li", { title: alt },
      make("img", { src: urls[i], alt, draggable: false }), meter(strength),
      make("div", { className: "dffw-look-caption", aria: { hidden: true } },
        make("span", { textContent: image }), make("span", { textContent: percent(strength) })));
  }));
}

function chart(channels) {
  const top = Math.max(...channels.flatMap(({ share, others }) => [Math.abs(share), others]), 1e-9);
  const height = (v) => `${Math.max(0, (100 * v) / top)}%`;
  const bars = channels.map(({ channel, share, others }) => {
    const bar = make("i", { className: share < 0 ? "dffw-look-negative" : "" });
    bar.style.height = height(Math.abs(share));
    const column = make("div", { className: "dffw-look-column", aria: { hidden: true } }, bar);
    if (others > 0) {
      const mark = make("b");
      mark.style.bottom = height(others);
      column.append(mark);
    }
    const said = `channel ${channel}: ${percent(share, 1)}, in another factor at most ${percent(others, 1)}`;
    return make("li", { title: said, aria: { label: said } }, column,
      make("span", { textContent: channel, aria: { hidden: true } }));
  });
  const scale = make("div", { className: "dffw-look-scale", textContent: percent(top, 1), aria: { hidden: true } });
  return make("div", { className: "dffw-look-chart" }, scale, list("", bars));
}

function classList(classes) {
  const top = Math.max(...classes.map(({ score }) => score), 1e-9);
  return list("dffw-look-list", classes.map(({ name, score, probability }) =>
    make("li", { title: `${name}: logit ${score.toFixed(1)} above the mean of all classes; softmax ${percent(probability)}` },
      make("span", { textContent: name }), meter(score / top), make("span", { textContent: score.toFixed(1) }))));
}

function render({ model, el }) {
  const swatch = make("i", { className: "dffw-look-swatch" });
  const title = make("span", { className: "dffw-look-title", aria: { role: "heading", level: 3 } });
  const about = make("span", { className: "dffw-look-hint" });
  const status = make("span", { className: "dffw-look-hint", aria: { role: "status" } });
  const head = make("div", { className: "dffw-look-head" }, swatch, title, about, status);
  const body = make("div", { className: "dffw-look-body" });
  const box = make("div", { className: "dffw-look" }, head, body);
  el.classList.add("dffw", "dffw-inspector");
  el.replaceChildren(box);

  let distinct = false; // which channels are shown
  let urls = [];
  const forget = () => urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
  function load() {
    forget();
    urls = model.get("pictures").map((jpeg) => URL.createObjectURL(new Blob([bytes(jpeg)], { type: "image/jpeg" })));
  }

  function toggle() {
    const button = (text, value) => make("button", { type: "button", textContent: text,
      aria: { pressed: distinct === value }, onclick: () => choose(value) });
    return make("div", { className: "dffw-look-toggle", aria: { role: "group", label: "Which channels" } },
      button("strongest", false), button("distinguishing", true));
  }

  function choose(value) {
    distinct = value;
    build();
    body.querySelector(".dffw-look-toggle [aria-pressed=true]")?.focus();
  }

  function heading() {
    const color = model.get("color");
    box.style.setProperty("--dffw-color", /^#[0-9a-f]{6}$/i.test(color) ? color : "#999999");
    title.textContent = model.get("title");
    about.textContent = model.get("about");
    const nothing = model.get("factor") < 0;
    [swatch, title, about].forEach((part) => (part.hidden = nothing));
    const busy = model.get("busy");
    box.classList.toggle("dffw-look-busy", busy);
    body.setAttribute("aria-busy", busy);
    status.textContent = busy ? "Looking…" : nothing ? "No factor selected." : "";
  }

  function build() {
    const [patches, spectrum, apart, classes, note] = ["patches", "spectrum", "distinct", "classes", "note"].map((name) => model.get(name));
    const parts = [];
    if (patches.length) parts.push(section("where", "Where it is strongest",
      "patches of the images; 100 % is its maximum over the set", patchList(patches, urls)));
    if (classes.length) parts.push(section("classes", "What the classifier sees in it",
      "logits above the mean of all classes", classList(classes)));
    if (spectrum.length) {
      const shown = distinct && apart.length ? apart : spectrum;
      const hint = apart.length ? "share of each channel; the line: its largest share in another factor" : "share of each channel";
      parts.push(section("what", "Which channels make it", hint, ...(apart.length ? [toggle()] : []), chart(shown)));
    }
    if (note) parts.push(make("div", { className: "dffw-look-note", textContent: note }));
    body.replaceChildren(...parts);
    heading();
    el.dataset.frames = Number(el.dataset.frames ?? 0) + 1;
  }

  // One message may change many traits; each piece of work is done once, after all of them are in place.
  let gone = false;
  const due = new Set();
  const handlers = [];
  const on = (name, work) => {
    const action = () => {
      if (!due.size) queueMicrotask(() => {
        const todo = [...due];
        due.clear();
        if (!gone) [load, heading, build].filter((f) => todo.includes(f)).forEach((f) => f());
      });
      due.add(work);
    };
    model.on(`change:${name}`, action);
    handlers.push([`change:${name}`, action]);
  };
  on("pictures", load);
  ["pictures", "patches", "spectrum", "distinct", "classes", "note"].forEach((name) => on(name, build));
  ["factor", "title", "color", "about", "busy"].forEach((name) => on(name, heading));
  load();
  build();
  return () => {
    gone = true;
    forget();
    handlers.forEach(([event, action]) => model.off(event, action));
  };
}

export default { render };
