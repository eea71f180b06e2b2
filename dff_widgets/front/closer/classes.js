// What the classifier would see in a factor: its classes and their logits.

import { make, percent } from "../kit/dom.js";
import { list, meter, section } from "./section.js";

/** @param {{name: string, score: number, probability: number}[]} classes best first */
export function classSection(classes) {
  const top = Math.max(...classes.map(({ score }) => score), 1e-9);
  const items = classes.map(({ name, score, probability }) =>
    make(
      "li",
      {
        title: `${name}: logit ${score.toFixed(1)} above the mean of all classes; softmax ${percent(probability)}`,
      },
      make("span", { text: name }),
      meter(score / top),
      make("span", { text: score.toFixed(1) }),
    ),
  );
  return section(
    { kind: "classes", heading: "What the classifier sees in it", hint: "logits above the mean of all classes" },
    list("dffw-closer-classes", items),
  );
}
