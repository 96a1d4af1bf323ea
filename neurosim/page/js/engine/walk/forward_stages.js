// The forward stages, up to the loss: inputs, weighted sum, activation, output.

import { fill, valueOf } from "./formula.js";
import { Row } from "./rows.js";
import { Stage } from "./stage.js";
import { any, byFallingSize, greatest, least, sum, without, zeros } from "./sums.js";
import { formulas, plural, words } from "./words.js";

const FEATURE = ["feature", "mean", "deviation"]; // the numbers from which a standardized input is computed

const pick = (arrays, i) => Object.fromEntries(Object.entries(arrays).map(([name, values]) => [name, values[i]]));

// Return rows of the `top` largest nonzero products, and a row of the rest: their number and their sum.
export function largestTerms(kind, name, factors, products, top) {
  const sizes = products.map(Math.abs);
  const shown = byFallingSize(sizes)
    .slice(0, top)
    .filter((i) => sizes[i] > 0);
  const rows = shown.map((i) => new Row(kind, { name: name(i), value: products[i], factors: pick(factors, i) }));
  const count = products.length - shown.length;
  if (!count) return [rows, null];
  const value = sum(without(products, shown));
  const key = any(products) ? "rest" : "rest.zero";
  return [rows, new Row(plural(key, count), { name: words.NAMES.others, value, factors: { count } })];
}

// Return the stage of the inputs. standardized: features, means and deviations, or null.
export function inputs(name, x, layer, standardized, top) {
  const numbers = { count: x.length, zero: zeros(x), low: least(x), high: greatest(x) };
  if (layer) return new Stage("inputs", { rows: [new Row(plural("inputs.layer", x.length), { factors: { ...numbers, layer } })] });
  if (standardized === null) return new Stage("inputs", { rows: [new Row(plural("inputs.sample", x.length), { factors: numbers })] });
  const rows = [new Row(plural("inputs.standardized", x.length), { factors: numbers })];
  for (let i = 0; i < Math.min(top, x.length); i++) {
    const factors = Object.fromEntries(FEATURE.map((each, k) => [each, standardized[k][i]]));
    rows.push(new Row("inputs.feature", { name: name(i), value: x[i], factors }));
  }
  if (x.length > top) rows.push(new Row("inputs.rest"));
  return new Stage("inputs", { rows });
}

// Return the stage z = Σ w x + b; without a bias, `bias` is null.
export function weightedSum(name, w, x, products, bias, z, top) {
  const [rows, rest] = largestTerms("weighted_sum.term", name, { w, x }, products, top);
  const total = { "Σ w x": sum(products) };
  if (bias === null) {
    const result = new Row("weighted_sum.result without bias", { name: "z", value: z, factors: total });
    return new Stage("weighted_sum", { rows, rest, result, variant: " without bias" });
  }
  rows.push(new Row("weighted_sum.bias", { name: "bias", value: bias }));
  const result = new Row("weighted_sum.result", { name: "z", value: z, factors: { ...total, b: bias } });
  return new Stage("weighted_sum", { rows, rest, result });
}

// Return the stage a = f(z). forced: the value to which a is forced, or null;
// together: z of all neurons of the layer if f depends on all of them.
export function activation(key, z, a, forced, together) {
  const about = { name: "a", value: a };
  const names = { activation: key };
  const rows = [];
  let row;
  if (forced !== null) {
    row = new Row("activation.forced", { ...about, factors: { forced } });
  } else if (together === null) {
    row = new Row("activation.result", { ...about, factors: { z }, names });
  } else if (key === "softmax") {
    const largest = greatest(together);
    const ofAll = largest + Math.log(sum(Array.from(together, (each) => Math.exp(each - largest))));
    rows.push(new Row("activation.log of sum", { factors: { S: ofAll, count: together.length } }));
    row = new Row("activation.softmax", { ...about, factors: { z, S: ofAll } });
  } else {
    row = new Row("activation.together", { ...about, factors: { z, count: together.length }, names });
  }
  return new Stage("activation", { rows, result: row, names });
}

// Return the stage of the network's output and its loss. layers: [index, kind, activations] of each layer above,
// kind: its title if it has no weights, else "";
// y: the targets; target: the targets that the loss uses.
export function output({ layers, a, classes, y, target, verdict, loss, L, top, dtype }) {
  const rows = through(layers, a, classes);
  const formula = formulas.loss[loss.key] ?? "";
  const told = { verdict, loss: loss.key, "formula of L": formula };
  const [terms, rest] = lossTerms(loss, a, classes, target, top);
  if (!terms.length) {
    const result = new Row("output.result without formula", { name: "L", value: L, factors: { L }, names: told });
    return new Stage("output", { rows, result, names: { loss: loss.key }, variant: " unknown" });
  }
  const mean = "n" in terms[0].factors;
  const factors = mean ? { n: a.length } : {};
  rows.push(new Row(mean ? "output.mean loss" : "output.loss", { factors, names: told }));
  if (y.some((each, k) => each !== target[k])) {
    rows.push(new Row("output.smoothed", { factors: { high: greatest(target), low: least(target) } }));
  }
  rows.push(...terms);
  const total = terms.reduce((all, row) => all + (row.value || 0), 0) + (rest ? rest.value || 0 : 0);
  if (Math.abs(total - L) > 1e-4 * Math.abs(L) && Number.isFinite(L)) {
    rows.push(new Row("output.from z", { names: { dtype } }));
  }
  const result = new Row("output.result", { name: "L", value: L, factors: { L }, names: told });
  return new Stage("output", { rows, rest, result, names: { "formula of L": formula } });
}

// Return the stage of the output for a sample without a label.
export function reading(layers, a, classes, verdict) {
  const rows = [...through(layers, a, classes), new Row("output.read", { names: { verdict } })];
  return new Stage("output", { rows, variant: " of a" });
}

// Return the name of output k: its number, and its class if that has a name.
export function outputName(k, classes) {
  const named = classes.length > 0 && classes[k] !== String(k);
  return fill(words.NAMES[named ? "output of class" : "output"], { i: String(k), class: named ? classes[k] : "" });
}

// Return rows of the layers above and of the largest outputs; of the first outputs if they are not classes.
function through(layers, a, classes) {
  const rows = layers.map(
    ([layer, kind, each]) =>
      new Row("output.layer", {
        name: fill(words.NAMES[kind ? "layer of kind" : "layer"], { layer: String(layer), kind }),
        factors: { layer, count: each.length, low: least(each), high: greatest(each) },
      }),
  );
  const kind = a.length > 1 ? "output.class" : "output.number";
  const called = classes.length ? "class" : a.length > 1 ? "number" : "output";
  const order = classes.length ? byFallingSize(a) : Array.from(a, (_, k) => k);
  for (const k of order.slice(0, 3)) {
    const name = fill(words.NAMES[called], { i: classes.length ? classes[k] : String(k) });
    rows.push(new Row(kind, { name, value: a[k], factors: { output: a[k] } }));
  }
  return rows;
}

// Return the `top` largest terms of the loss, and the rest.
function lossTerms(loss, a, classes, y, top) {
  const rows = Array.from(a, (_, k) => {
    const { term, numbers } = loss.derive(a, y, k);
    let value = valueOf(term, numbers);
    if (numbers.y === 0 && Number.isNaN(value)) value = 0; // 0 ln 0
    return new Row("output.term", { name: outputName(k, classes), value, factors: numbers, template: term });
  });
  const order = rows.map((_, k) => k).sort((i, k) => Math.abs(rows[k].value) - Math.abs(rows[i].value) || y[k] - y[i]);
  const largest = order.map((k) => rows[k]);
  let shown = largest.slice(0, top).filter((row) => row.value !== 0);
  if (!shown.length) shown = largest.slice(0, 1);
  const others = largest.slice(shown.length).map((row) => row.value || 0);
  if (!others.length) return [shown, null];
  const value = others.reduce((all, each) => all + each, 0);
  const factors = { count: others.length };
  return [shown, new Row(plural("rest", others.length), { name: words.NAMES.others, value, factors })];
}
