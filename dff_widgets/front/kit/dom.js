// Elements, and nothing else: how they are made, named, listened to.

/**
 * @typedef {object} Properties
 * @property {string} [class]
 * @property {string} [text]
 * @property {Record<string, string | number | boolean>} [aria]  `role` among them
 * @property {Record<string, string>} [data]
 * @property {Record<string, string>} [css]  style, custom properties among it
 */

const FOCUSABLE = new Set(["button", "input", "select", "textarea", "summary"]);

/**
 * An element with properties, and children. The rest of the properties are the element's own.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Properties & Record<string, any>} [properties]
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, properties = {}, ...children) {
  const { class: classes, text, aria, data, css, ...rest } = properties;
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  if (text !== undefined) element.textContent = text;
  if (tag === "button") element.setAttribute("type", "button");
  Object.assign(element, rest);
  for (const [name, value] of Object.entries(aria ?? {})) describe(element, name, value);
  Object.assign(element.dataset, data);
  for (const [name, value] of Object.entries(css ?? {})) element.style.setProperty(name, value);
  if (FOCUSABLE.has(tag) || "tabIndex" in rest) keepKeys(element);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * An aria attribute, or the role. Written only where it changes: a screen reader hears every write.
 * @param {Element} element @param {string} name @param {string | number | boolean} value
 */
export function describe(element, name, value) {
  const attribute = name === "role" ? name : `aria-${name}`;
  if (element.getAttribute(attribute) !== String(value)) element.setAttribute(attribute, String(value));
}

/**
 * JupyterLab and Notebook take keys (b inserts a cell, arrows are swallowed) unless the focused element itself says not.
 * @param {HTMLElement} element
 */
export function keepKeys(element) {
  element.dataset.lmSuppressShortcuts = "true";
}

/**
 * Text, written only where it changes.
 * @param {Element} element @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {EventTarget} target @param {string} events  one or more, with blanks between
 * @param {(event: any) => void} action @param {AbortSignal} signal
 * @param {AddEventListenerOptions} [options]
 */
export function listen(target, events, action, signal, options) {
  for (const event of events.split(" ")) target.addEventListener(event, action, { ...options, signal });
}

/** @param {number} fraction */
export const percent = (fraction) => `${Math.round(100 * fraction)} %`;

/** @param {number} n @param {string} noun */
export const count = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

/** @param {import("./types.d.ts").Bytes} view */
export const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

let made = 0;
/** An id for what must be pointed to (lists of completions, what labels what). */
export const freshId = () => `dffw-${Date.now().toString(36)}-${made++}`;
