// Where a factor is strongest: patches of the images.

import { make, percent } from "../kit/dom.js";
import { list, meter, section } from "./section.js";

/**
 * @param {{image: string, strength: number}[]} patches strongest first
 * @param {string[]} urls a picture each
 */
export function patchSection(patches, urls) {
  const items = patches.map(({ image, strength }, i) => {
    const alt = `patch of ${image}, strength ${percent(strength)}`;
    return make(
      "li",
      { title: alt },
      make("img", { src: urls[i], alt, draggable: false }),
      meter(strength),
      make("div", { class: "dffw-closer-caption", text: percent(strength), aria: { hidden: "true" } }),
    );
  });
  return section(
    { kind: "where", heading: "Where it is strongest", hint: "100 %: its maximum over the set" },
    list("dffw-closer-patches", items),
  );
}
