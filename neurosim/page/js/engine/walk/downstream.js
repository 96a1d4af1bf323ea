// The stage of the downstream sum: the gradient that comes back from above, also through layers without weights.

import { fill } from "./formula.js";
import { largestTerms } from "./forward_stages.js";
import { fedName, split } from "./places.js";
import { Row } from "./rows.js";
import { Stage } from "./stage.js";
import { any, largestAt } from "./sums.js";
import { plural, words } from "./words.js";


// The units of the layer above that depend on one number x: their indices, dz/dx, delta, and the products.
export class Fed {
  constructor(run, above, number, numbers, weights) {
    Object.assign(this, { above, number, numbers, weights });
    this.x = run.flows[above.index - 1].a;
    this.deltas = weights.map((_, k) => run.flows[above.index].delta[numbers[k]]);
    this.products = weights.map((w, k) => w * this.deltas[k]);
  }

  name(i) {
    return fedName(this.above, this.numbers[i]);
  }

  contests() {
    return this.above.contests(this.number, this.x);
  }
}

// Return the units above that depend on one output of a layer; none for the output layer.
export function fedBy(run, layer, number) {
  if (layer.isOutput) return new Fed(run, layer, number, [], layer.Float.of());
  let above = run.network.layers[layer.index + 1];
  while (above.reshapes && !above.isOutput) above = run.network.layers[above.index + 1];
  return new Fed(run, above, number, ...above.outgoing(number, run.flows[above.index - 1].a));
}

// Return the stage dL/da = Σ w_k delta_k over the units above, with the `top` largest products.
export function downstream(run, fed, dL_da, top) {
  const { weights: w, deltas: delta, products } = fed;
  let [rows, rest] = largestTerms("downstream.term", (i) => fed.name(i), { w, delta }, products, top);
  const factors = { layer: fed.above.index, count: products.length };
  const result = new Row("downstream.result", { name: "dL/da", value: dL_da, factors });
  rows = [over(run, fed), ...contests(run, fed), ...rows];
  const passed = passedOn(run, fed, top);
  if (rest !== null && passed.length && !fed.above.neuronByNeuron) {
    rows.push(rest); // the way through a window follows after all terms
    rest = null;
  }
  return new Stage("downstream", { rows: [...rows, ...passed], rest, result, why: whyNothing(fed, dL_da) });
}

// Return the row that names the units of the sum; below: the layer whose sum it is, if it is one further up.
function over(run, { above: layer, numbers }, below = null) {
  const above = below === null ? "" : " above";
  const told = { factors: { layer: layer.index, ...(below === null ? {} : { below }) }, names: { above: layer.title } };
  const passed = run.network.layers[layer.index - 1];
  if (passed.reshapes) {
    told.names.above = fill(words.NAMES.through, { above: layer.title, layer: String(passed.index), kind: passed.title });
  }
  if (layer.windows === null) return new Row(`downstream.over${above}`, told);
  if (!layer.weightName) return new Row(`downstream.over windows${above}`, told);
  const places = Math.floor(numbers.length / layer.neuronCount);
  told.factors.places = places;
  return new Row(plural(`downstream.over filters${above}`, places), told);
}

// Return a row for each max-pooling window: whether it passes this number on.
function contests(run, fed, indent = "") {
  const { above: layer, number: own, x: a } = fed;
  return fed.contests().map(([number, winner, ties]) => {
    const factors = { own: a[own] };
    const names = { indent };
    let kind = ties > 1 ? "won first" : "won";
    if (winner === own) {
      if (ties > 1) factors.ties = ties;
      else factors.count = layer.windows.size ** 2;
    } else {
      const [row, column] = split(run.network.layers[layer.index - 1], winner);
      Object.assign(names, { row: String(row), column: String(column) });
      kind = a[winner] === a[own] ? "lost to the first" : "lost";
      if (kind === "lost") factors.winner = a[winner];
    }
    return new Row(`downstream.${kind}`, { name: fedName(layer, number), factors, names });
  });
}

// Return why no gradient comes back from above; "" if some does.
function whyNothing(fed, dL_da) {
  if (dL_da !== 0) return "";
  const { weights, deltas, products, above } = fed;
  if (any(products)) return words.WHY["terms cancel"];
  if (!weights.length && above.windows) return words.WHY[fed.contests().length ? "no win" : "not looked at"];
  if (!any(deltas)) return words.WHY[above.windows ? "no term here" : "no term"];
  return words.WHY[any(weights) ? "no product" : "no weight"];
}

// Return the rows of a layer above without weights, through which the gradient passes, and so on upwards.
function passedOn(run, fed, top) {
  const { above: layer } = fed;
  if (!(layer.neuronByNeuron || layer.handsOn) || !fed.numbers.length) return [];
  const best = largestAt(fed.products);
  const number = fed.numbers[best];
  const rows = fed.numbers.length > 1 ? [new Row("downstream.one of them", { name: fed.name(best) })] : [];
  rows.push(slope(fed, best));
  if (layer.isOutput) return [...rows, deltaAbove(run, layer, number)];
  const further = fedBy(run, layer, number);
  const { weights: w, deltas: delta, products } = further;
  const [terms, rest] = largestTerms("downstream.term above", (i) => further.name(i), { w, delta }, products, top);
  if (rest !== null) {
    const key = any(products) ? "downstream.rest above" : "downstream.rest zero above";
    const kind = plural(key, rest.factors.count);
    terms.push(new Row(kind, { name: rest.name, value: rest.value, factors: rest.factors }));
  }
  rows.push(over(run, further, layer.index), ...contests(run, further, "  "), ...terms);
  const value = run.flows[layer.index].da[number];
  rows.push(new Row("downstream.sum above", { name: "dL/da", value, factors: { below: layer.index } }));
  rows.push(deltaAbove(run, layer, number));
  return [...rows, ...passedOn(run, further, top)];
}

// Return the row that derives the slope dz/dx of a layer without weights.
function slope(fed, i) {
  const { above: layer } = fed;
  const [equation, numbers] = layer.explainSlope(fed.number);
  const told = { layer: layer.index };
  const kind = layer.handsOn || (equation ? "slope" : "handed on");
  const factors = !equation ? told : layer.handsOn ? { ...told, ...numbers } : numbers;
  return new Row(`downstream.${kind}`, { name: "w", value: fed.weights[i], factors, template: equation });
}

// Return the row that derives the delta of one z of a layer above.
function deltaAbove(run, layer, number) {
  const flow = run.flows[layer.index];
  const factors = { layer: layer.index };
  let kind = "above";
  if (layer.isOutput) kind = "of the output";
  else if (layer.activation === null) kind = "handed on";
  else if (!layer.activation.elementwise) kind = "together";
  else Object.assign(factors, { "dL/da": flow.da[number], "f'(z)": layer.slopes(flow.z)[number] });
  const names = { activation: layer.activation?.key ?? "" };
  return new Row(`downstream.delta ${kind}`, { name: "delta", value: flow.delta[number], factors, names });
}
