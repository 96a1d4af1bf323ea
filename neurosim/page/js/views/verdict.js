// The prediction for the sample, in a sentence.

import { certainty, short } from "../engine/numbers.js";
import { h } from "./dom.js";

/** Return the nodes of the sentence: the prediction, its probability, and whether it is right; without classes, the outputs. */
export function verdict(store) {
  const { output, decided } = store.answer();
  const { label } = store;
  if (!store.classes) return [`output ${Array.from(output.slice(0, 4), (each) => short(each)).join(", ")}${output.length > 4 ? " …" : ""}`];
  if (!output.every(Number.isFinite)) return [h("b", { text: "No prediction" }), h("span", { class: "mark", text: ": the outputs are not numbers" })];
  const sure = output.length > 1 ? output[decided] : decided ? output[0] : 1 - output[0];
  const share = sure >= 0 && sure <= 1 ? `, ${certainty(sure)}` : "";
  const is = label === null ? "" : label === decided ? ", which is right" : `, but it is ${store.className(label)}`;
  return [h("b", { text: `Read as ${store.className(decided)}` }), share, h("span", { class: is.startsWith(", but") ? "mark" : "muted", text: is })];
}
