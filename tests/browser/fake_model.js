// An anywidget model without a kernel: remembers what is saved and sent, tells its listeners what changes.
async ([esm, state]) => {
  const decode = (v) => {
    if (Array.isArray(v)) return v.map(decode);
    if (v && typeof v === "object" && "base64" in v)
      return new DataView(Uint8Array.from(atob(v.base64), (c) => c.charCodeAt(0)).buffer);
    return v;
  };
  window.decodeWire = decode;
  window.answerFront = (content, buffers) => (listeners["msg:custom"] ?? []).forEach((f) => f(content, buffers));
  const values = Object.fromEntries(Object.entries(state).map(([name, v]) => [name, decode(v)]));
  const listeners = {};
  const changed = new Set();
  window.outbox = []; // {state} or {content}, in their order, until a test takes them
  window.fromKernel = (many) => {
    for (const n in many) values[n] = decode(many[n]);
    for (const n in many) (listeners[`change:${n}`] ?? []).forEach((f) => f());
  };
  window.model = {
    saved: 0,
    get: (name) => values[name],
    set(name, value) {
      const many = typeof name === "object" ? name : { [name]: value };
      Object.keys(many).forEach((n) => changed.add(n));
      window.fromKernel(many);
    },
    save_changes() {
      this.saved += 1;
      window.outbox.push({ state: Object.fromEntries([...changed].map((n) => [n, values[n]])) });
      changed.clear();
    },
    send: (content) => window.outbox.push({ content: structuredClone(content) }),
    on(event, f) { (listeners[event] ??= []).push(f); },
    off(event, f) { listeners[event] = (listeners[event] ?? []).filter((g) => g !== f); },
    listeners: () => Object.values(listeners).flat().length,
  };
  const module = await import(URL.createObjectURL(new Blob([esm], { type: "text/javascript" })));
  const el = document.createElement("div");
  document.body.append(el);
  window.dispose = await module.default.render({ model: window.model, el });
};
