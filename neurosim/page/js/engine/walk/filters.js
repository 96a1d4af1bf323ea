// The stages in which a filter differs from a dense neuron: its patch, and its gradient as a sum over places.

import { largestTerms } from "./forward_stages.js";
import { placeName } from "./places.js";
import { Row } from "./rows.js";
import { Stage } from "./stage.js";
import { any, greatest, least, sum, zeros } from "./sums.js";
import { plural, words } from "./words.js";


// Return the stage of the inputs from a patch, x (k k C,). layer: the layer below, 0: the sample; below: its title;
// field: rows and columns of the patch, in words; seen: those of its receptive field in the sample;
// outside: how many numbers lie outside of the image.
export function inputs({ size, layer, below, field, seen, outside }, x) {
  const factors = { size, ...(layer ? { layer } : {}) };
  const first = new Row(`inputs.patch of ${layer ? "layer" : "sample"}`, { factors, names: { field, seen, below } });
  const numbers = { count: x.length, zero: zeros(x), low: least(x), high: greatest(x) };
  if (outside) numbers.outside = outside;
  return new Stage("inputs", { rows: [first, new Row(outside ? "inputs.patch outside" : plural("inputs.patch", x.length), { factors: numbers })] });
}

// Return the row with the sum of the terms over places, and of a penalty.
// summed: {name, value, penalty (null: none), deltas, x, terms} of one weight; the last three by place.
export function sumRow(kind, { name, value, penalty, terms }, numbers = {}) {
  const factors = { "Σ delta x": penalty === null ? value : sum(terms), ...numbers };
  if (penalty === null) return new Row(kind, { name, value, factors });
  return new Row(`${kind} with penalty`, { name, value, factors: { ...factors, penalty } });
}

// Return the stage of a filter's gradients: the part of one place, and the largest dL/dw as a sum over places.
// largest: the sum of the weight with the largest |dL/dw|; columns: the number of places in a row.
export function gradients({ name, delta, x, largest, columns, dL_dW, dL_db, top }) {
  const places = largest.terms.length;
  const shares = x.map((each) => delta * each);
  const [terms, rest] = largestTerms("gradients.share of one", name, { delta: x.map(() => delta), x }, shares, top);
  const rows = terms.length ? [new Row("gradients.share"), ...terms] : [];
  if (terms.length && rest !== null) {
    const { count } = rest.factors;
    const factors = { count, zero: zeros(shares) };
    rows.push(new Row(plural("gradients.other shares", count), { name: rest.name, factors }));
  }
  if (places === 1) {
    rows.push(new Row("gradients.sum over one"));
  } else if (any(largest.terms)) {
    rows.push(new Row("gradients.sum", { name: largest.name, factors: { places } }), ...largestPlaces(largest, columns, top));
  } else if (largest.penalty !== null) {
    rows.push(new Row("gradients.only penalty", { name: largest.name, factors: { places } }));
  } else {
    const factors = { places, count: dL_dW.length };
    rows.push(new Row(plural("gradients.sum of nothing", dL_dW.length), { factors }));
  }
  if (largest.value !== 0 || largest.penalty !== null || places === 1) rows.push(sumRow("gradients.of filter", largest));
  const numbers = { low: least(dL_dW), high: greatest(dL_dW) };
  const bias = dL_db === null ? " without bias" : "";
  if (dL_db !== null) {
    const told = { name: "dL/db", value: dL_db };
    rows.push(places === 1 ? new Row("gradients.bias", told) : new Row("gradients.bias of filter", { ...told, factors: { places } }));
    numbers["dL/db"] = dL_db;
  }
  const penalized = largest.penalty !== null;
  const rule = words.RULES[penalized ? "penalized gradient of filter" : "gradient of filter"].text;
  const result = new Row(`gradients.result${bias}`, { name: "dL/dw", factors: numbers, names: { rule } });
  const variant = ` of filter${penalized ? " with penalty" : ""}${bias}`;
  return new Stage("gradients", { rows, result, why: whyNone(delta, x, largest, bias), variant });
}

// Return rows of the places that add most to a weight's gradient, and a row of the rest.
function largestPlaces({ deltas: delta, x, terms }, columns, top) {
  const name = (place) => placeName(Math.floor(place / columns), place % columns, "place");
  const [rows, rest] = largestTerms("gradients.place", name, { delta, x }, terms, top);
  if (rest === null) return rows;
  const kind = plural("gradients.other places", rest.factors.count);
  return [...rows, new Row(kind, { name: rest.name, value: rest.value, factors: rest.factors })];
}

// Return why the gradients, or the part of this place in them, are zero; "" if they are not.
function whyNone(delta, x, { deltas, penalty }, bias) {
  if (!any(deltas)) return words.WHY[penalty === null ? "no gradient of filter" : "only penalty of filter"];
  if (delta === 0) return words.WHY["no share"];
  return any(x) ? "" : words.WHY[`no input here${bias}`];
}
