// Values and messages of the pane, as its pieces use them.

/** @typedef {import("../kit/follow.js").Model} Model */

/**
 * @typedef {object} Channel
 * @property {(name: string) => any} get with a default where the kernel has not said it yet
 * @property {(name: string, value: any, held?: boolean) => void} put held: told to the kernel later, by another put
 * @property {(name: string, index: number, value: any, held?: boolean) => void} putAt one place of a list
 * @property {(message: Record<string, unknown>) => string} tell gives the message an id, which it returns
 */

/** @type {Record<string, any>} */
const BEFORE = {
  mode: "parts",
  alone: false,
  correctable: false,
  findable: false,
  review: "",
  presence: [],
  fits: [],
  parked: [],
  tool: "brush",
  erase: false,
  radius: 0,
  part: "",
  status: "",
  caption: "",
  handled: "",
  closed: false,
  beside: false,
  can_undo: false,
  can_redo: false,
  place: [],
  size: [],
  parts: [],
  part_colors: [],
  masks: [],
  mask_size: [],
  names: [],
  colors: [],
  opacity: [],
  visible: [],
};

/**
 * @param {Model} model
 * @returns {Channel}
 */
export function channelOf(model) {
  const me = Math.random().toString(36).slice(2); // this view among those of the same widget
  let sent = 0;
  const get = (/** @type {string} */ name) => model.get(name) ?? BEFORE[name];
  /** @type {Channel["put"]} */
  function put(name, value, held = false) {
    model.set(name, value);
    if (!held) model.save_changes();
  }
  return {
    get,
    put,
    putAt: (name, index, value, held) =>
      put(
        name,
        get(name).map((/** @type {any} */ old, /** @type {number} */ i) => (i === index ? value : old)),
        held,
      ),
    tell(message) {
      sent += 1;
      const id = `${me}-${sent}`;
      model.send({ ...message, id });
      return id;
    },
  };
}
