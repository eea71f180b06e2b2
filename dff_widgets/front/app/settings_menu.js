// Settings of the factorization: of what, solver, seed, the size at which images go through the network.

import { listen, make, say } from "../kit/dom.js";
import { needsKernel } from "../kit/kernel.js";

/** @import { Context } from "../kit/types.d.ts" */

/** @param {string} text @param {HTMLElement} control @param {string} note */
function row(text, control, note) {
  return make(
    "label",
    { class: "dffw-setting" },
    make("span", { text }),
    control,
    make("small", { class: "dffw-mut", text: note }),
  );
}

/**
 * @param {Context} context
 * @param {() => void} close
 * @param {AbortSignal} opened
 */
export function settingsPanel({ store, ask }, close, opened) {
  const place = store.get("place");
  const solver = make("select", { class: "dffw-box", data: { first: "true" } });
  solver.append(...store.get("choices").solvers.map(([value, text]) => make("option", { value, text })));
  solver.value = place.solver;
  const focus = make("select", { class: "dffw-box" });
  focus.append(
    make("option", { value: "", text: "Whole images" }),
    make("option", { value: "object", text: "The object" }),
  );
  focus.value = place.focus;
  const seed = make("input", { type: "number", class: "dffw-box", min: "0", step: "1", value: String(place.seed) });
  const size = make("input", { type: "number", class: "dffw-box", min: "32", step: "32", value: String(place.size) });
  const apply = make("button", { class: "dffw-btn dffw-primary", text: "Apply" });
  const problem = make("p", { class: "dffw-problem", hidden: true, aria: { role: "alert" } });

  async function send() {
    problem.hidden = true;
    try {
      const numbers = { seed: Number(seed.value), size: Number(size.value) };
      await ask("settings", { solver: solver.value, focus: focus.value, ...numbers });
      close();
    } catch (error) {
      say(problem, /** @type {Error} */ (error).message);
      problem.hidden = false;
    }
  }
  listen(apply, "click", send, opened);
  for (const box of [seed, size]) listen(box, "keydown", (event) => event.key === "Enter" && send(), opened);
  needsKernel(store, opened, solver, focus, seed, size, apply);
  return [
    row("Solver", solver, "how A ≈ H W is found"),
    row("Focus", focus, "what is factorized"),
    row("Seed", seed, "of the start"),
    row("Size", size, "short side in pixels"),
    ...(place.device ? [make("p", { class: "dffw-mut", text: `Computed on ${place.device}.` })] : []),
    problem,
    make("div", { class: "dffw-line dffw-last" }, make("span", { class: "dffw-grow" }), apply),
  ];
}
