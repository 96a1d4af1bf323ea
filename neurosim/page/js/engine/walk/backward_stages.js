// The backward stages, and the loss after the update.

import { short } from "../numbers.js";
import { fill, namesIn } from "./formula.js";
import { outputName } from "./forward_stages.js";
import { Row } from "./rows.js";
import { Stage } from "./stage.js";
import { any, byFallingSize, greatest, least, without, zeros } from "./sums.js";
import { plural, words } from "./words.js";

const taken = (numbers, names) => Object.fromEntries(names.map((name) => [name, numbers[name]]));

// Return the stage dL/dz of the output layer. rule: a key of words.RULES; factors: name -> (n,) numbers in the rule.
export function outputDelta({ loss, activation, rule, factors, classes, target, delta, top }) {
  const told = { rule: words.RULES[rule].text, loss: loss.key, activation };
  const rows = [new Row("output_delta.rule", { names: told })];
  for (const k of byFallingSize(delta.map(Math.abs)).slice(0, Math.min(top, 3))) {
    const name = outputName(k, classes);
    const numbers = Object.fromEntries(Object.entries(factors).map(([each, values]) => [each, values[k]]));
    const template = words.RULES[rule].formula;
    if ("dL/da" in factors) {
      rows.push(lossGradient("output_delta", loss, factors.a, target, k, numbers["dL/da"], name));
    }
    const kind = template ? "output_delta.output" : "output_delta.unknown";
    rows.push(new Row(kind, { name, value: delta[k], factors: taken(numbers, namesIn(template)), template }));
  }
  return new Stage("output_delta", { rows, names: told, why: words.WHY[`rule ${rule}`] });
}

// Return the row that derives dL/da of output k from the loss.
function lossGradient(stage, loss, a, y, k, value, name) {
  const { gradient, numbers } = loss.derive(a, y, k);
  const [derived, given] = stage === "downstream" ? ["output", "output given"] : ["gradient", "given gradient"];
  const used = namesIn(gradient);
  if (!used.length) return new Row(`${stage}.${given}`, { name, value }); // it is simply 0
  return new Row(`${stage}.${derived}`, { name, value, factors: taken(numbers, used), template: gradient });
}

// Return the stage that replaces the sum at output neuron k. shared: the activation if z changes all outputs, else "".
export function downstreamOfOutput(loss, a, target, k, value, shared) {
  const result = lossGradient("downstream", loss, a, target, k, value, "dL/da");
  let why = "";
  if (value === 0) {
    const absent = loss.key === "cross_entropy" && target[k] === 0;
    const key = !shared ? "no slope of the loss" : absent ? "not in the loss, but shared" : "no slope, but shared";
    why = fill(words.WHY[key], { activation: shared });
  }
  if (!result.formula) return new Stage("downstream", { result, why, variant: " of output given" });
  return new Stage("downstream", { result, why, names: { "formula of dL/da": result.formula }, variant: " of output" });
}

// Return the stage da/dz of the activation `key`; alone: whether a depends only on the neuron's own z.
export function derivative(key, z, a, value, forced, alone) {
  let [kind, why, factors] = ["result", "", { z }];
  if (forced) {
    [kind, why, factors] = ["forced", words.WHY.forced, {}];
  } else if (!alone) {
    [kind, why, factors] = [key === "softmax" ? "softmax" : "together", words.WHY.together, { a }];
  } else if (value === 0 && !Number.isNaN(z)) {
    [kind, why] = ["flat", words.WHY.flat];
  }
  const result = new Row(`derivative.${kind}`, { name: "da/dz", value, factors, names: { why } });
  return new Stage("derivative", { result, why: why.replaceAll("\n", " ") });
}

// Return the stage dL/dz of the neuron. kind: one of the rows "delta.…"; rule: a key of words.RULES;
// oneOfMany: whether this is one of several places of a filter.
export function deltaOf({ kind, rule, factors, value, dL_da, da_dz, forced, names, oneOfMany }) {
  const result = new Row(kind, { name: "delta", value, factors, names, template: words.RULES[rule].formula });
  let why = value > 0 ? "delta is positive" : value < 0 ? "delta is negative" : "delta is zero";
  if (Number.isNaN(value)) why = "delta is lost";
  else if (value === 0 && forced) why = "delta is forced";
  else if (value === 0 && da_dz === 0) why = "delta is stopped";
  else if (value === 0 && (rule === "difference" || rule === "mean_difference")) why = "output is right";
  else if (value === 0 && rule === "chain" && dL_da !== 0) why = "delta is too small";
  else if (value === 0 && oneOfMany) why = "delta is zero here";
  return new Stage("delta", { result, why: fill(words.WHY[why], names), names: { rule: words.RULES[rule].text } });
}

// Return the stage dL/dw with the `top` largest gradients; penalty(i): the part beside delta x, or null.
// Without a penalty, gradients that are 0 get no rows: the reason says why they are 0.
export function gradients({ name, delta, x, dL_dW, penalty, dL_db, top }) {
  let shown = byFallingSize(dL_dW.map(Math.abs)).slice(0, top);
  if (!penalty) shown = shown.filter((i) => dL_dW[i] !== 0);
  const kind = penalty ? "gradients.term with penalty" : "gradients.term";
  const rows = shown.map((i) => {
    const factors = penalty ? { delta, x: x[i], penalty: penalty(i) } : { delta, x: x[i] };
    return new Row(kind, { name: name(i), value: dL_dW[i], factors });
  });
  const others = without(dL_dW, shown);
  let rest = null;
  if (others.length && shown.length) {
    const factors = { count: others.length, zero: zeros(others) };
    rest = new Row(plural("rest.gradient", others.length), { name: words.NAMES.others, factors });
  }
  const numbers = { low: least(dL_dW), high: greatest(dL_dW) };
  const bias = dL_db === null ? " without bias" : "";
  if (dL_db !== null) {
    rows.push(new Row("gradients.bias", { name: "dL/db", value: dL_db }));
    numbers["dL/db"] = dL_db;
  }
  const rule = words.RULES[penalty ? "penalized gradient" : "gradient"].text;
  const result = new Row(`gradients.result${bias}`, { name: "dL/dw", factors: numbers, names: { rule } });
  const variant = `${penalty ? " with penalty" : ""}${bias}`;
  return new Stage("gradients", { rows, rest, result, why: whyNoGradient(delta, x, penalty, bias), variant });
}

// Return why gradients are zero; "" if none is.
function whyNoGradient(delta, x, penalty, bias) {
  if (delta === 0) return words.WHY[penalty ? "only penalty" : "no gradient"];
  if (penalty || x.every((each) => each !== 0)) return "";
  return words.WHY[any(x) ? "some inputs" : `no input${bias}`];
}

// Return the stage of the sample's loss before and after the update of all neurons.
export function lossAfter(before, after) {
  const change = after - before;
  let kind = change < 0 ? "better" : change > 0 ? "worse" : "same";
  if (!Number.isFinite(after)) kind = "lost";
  const factors = { L: before, change, "L after": after };
  const result = new Row(`loss_after.${kind}`, { name: "L", value: after, factors });
  return new Stage("loss_after", { result, why: whyLoss(before, after) });
}

// Return the effect of the step on the loss, in words.
function whyLoss(before, after) {
  if (!Number.isFinite(after)) return words.WHY["loss is lost"];
  if (!Number.isFinite(before)) return "";
  if (before === after) return words.WHY["loss stays"];
  const share = before ? Math.abs(after - before) / Math.abs(before) : Infinity;
  const falls = share > 0.99 && share < 1 ? "loss falls to almost nothing" : "loss falls";
  const reason = after < before ? falls : share >= 10 ? "loss rises far" : "loss rises";
  return fill(words.WHY[reason], { percent: short(100 * share, 2) });
}
