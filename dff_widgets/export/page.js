
// The rest of an exported page: the gallery's model, without a kernel. Nothing is saved.
{
  const state = JSON.parse(document.getElementById("state").textContent);
  const decode = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const values = { ...state, tiles: state.tiles.map(decode), heat: decode(state.heat) };
  const listeners = {};
  const model = {
    get: (name) => values[name],
    set(name, value) {
      values[name] = value;
      (listeners[`change:${name}`] ?? []).forEach((action) => action());
    },
    save_changes() {},
    send() {},
    on(event, action) { (listeners[event] ??= []).push(action); },
    off(event, action) { listeners[event] = (listeners[event] ?? []).filter((other) => other !== action); },
  };
  gallery.render({ model, el: document.getElementById("gallery") });
}
