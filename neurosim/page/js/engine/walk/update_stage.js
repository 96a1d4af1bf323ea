// The stage of the update: the optimizer's algorithm line by line, for the weight that moves most and the bias.

import { fill, namesIn } from "./formula.js";
import { inText, Row } from "./rows.js";
import { Stage } from "./stage.js";
import { formulas, plural, words } from "./words.js";

// step: what all parameters of the neuron share {optimizer (after the step), earlier (name -> number before it), rate,
//     norm, factor, bound, weightsNorm, interventions};
// weight, bias: their updates {symbol, name, before, after, gradient, seen, state, terms, penalty}, bias null if none;
// counts: the number of weights, of those that move, of those that move without a gradient by cause; the largest change.
export function update(step, weight, bias, counts) {
  const { optimizer } = step;
  const rows = step.interventions.map((what) => new Row("update.intervention", { names: { what } }));
  rows.push(...settings(step));
  rows.push(new Row(counts.moved ? "update.most" : "update.none", { name: weight.name }));
  rows.push(...gradientOf(step, weight), ...remembered(step, weight, ""), ...lines(step, weight, ""));
  rows.push(change(step, weight), ...unaskedRow(step, weight));
  if (step.bound !== null) {
    const kind = isBounded(step) ? "update.max_norm" : "update.within max_norm";
    rows.push(new Row(kind, { factors: { norm: step.weightsNorm, bound: step.bound } }));
  }
  if (bias !== null) {
    rows.push(new Row("update.the bias"), ...gradientOf(step, bias), ...remembered(step, bias, " of bias"));
    rows.push(...lines(step, bias, " of bias"), change(step, bias), ...unaskedRow(step, bias));
  }
  const { moved, count, most } = counts;
  const result = new Row("update.result", { factors: { moved, count, most } });
  const names = { optimizer: optimizer.key, rule: ruleOf(optimizer) };
  return new Stage("update", { rows, result, why: unasked(optimizer, counts), names });
}

const isBounded = (step) => step.bound !== null && step.weightsNorm > step.bound;
const equationsOf = (optimizer) => formulas.optimizer[optimizer.key] ?? {};
const symbol = (name) => words.SYMBOLS[name] ?? name;

// Return the algorithm in one line, written with names.
function ruleOf(optimizer) {
  const all = Object.entries(equationsOf(optimizer)).map(([name, template]) => {
    const symbols = Object.fromEntries(namesIn(template).map((used) => [used, symbol(used)]));
    return `${symbol(name)} = ${fill(template, symbols)}`;
  });
  return [...all, words.RULES.step.text].join(";  ");
}

// Return rows of the learning rate and the hyperparameters, each with its name and its letter.
function settings({ optimizer, rate }) {
  const { schedule } = optimizer;
  const names = { optimizer: optimizer.key, ...(schedule ? { schedule: schedule.key } : {}) };
  const kind = schedule ? "update.rate of schedule" : "update.rate";
  const chosen = Object.entries(optimizer.settings).filter(([, value]) => typeof value === "number");
  return [
    new Row(kind, { factors: { rate, t: optimizer.t }, names }),
    ...chosen.map(([name, value]) => {
      const shown = name in words.SYMBOLS ? `${name} ${words.SYMBOLS[name]}` : name;
      return new Row("update.setting", { name: shown, value });
    }),
  ];
}

// Return the rows that derive g: the gradient, then its clipped value.
function gradientOf({ optimizer, norm }, move) {
  const rows = move.penalty === null ? [move.gradient] : [move.penalty, move.gradient];
  if (optimizer.clipNorm !== null && norm + 1e-6 > optimizer.clipNorm) {
    const factors = { g: move.gradient.value, c: optimizer.clipNorm, norm };
    rows.push(new Row("update.clipped", { name: "g", value: move.seen, factors }));
  }
  return rows;
}

// Return rows of the state before the step; once also of other values kept between steps, as Nadam's product.
function remembered({ optimizer, earlier }, move, of) {
  const kept = { ...move.state };
  if (!of) {
    for (const [name, template] of Object.entries(equationsOf(optimizer))) {
      if (!(name in move.terms) && namesIn(template).includes(name)) kept[name] = earlier[name];
    }
  }
  return Object.entries(kept).map(([name, value]) => new Row(`update.state${of}`, { name, value }));
}

// Return the algorithm line by line; only the terms if the optimizer has no formulas.
function lines({ optimizer, earlier, rate }, move, of) {
  const equations = equationsOf(optimizer);
  if (!Object.keys(equations).length) {
    return Object.entries(move.terms).map(([name, value]) => new Row(`update.given${of}`, { name, value }));
  }
  const rows = [];
  const given = { theta: move.before, grad: move.seen, rate, t: optimizer.t, ...move.state };
  for (const name of Object.keys(equations)) if (name in earlier) given[name] = earlier[name];
  for (const [name, template] of Object.entries(equations)) {
    for (const used of namesIn(template)) if (!(used in given)) given[used] = optimizer[used];
    const value = name in move.terms ? move.terms[name] : optimizer[name];
    const factors = Object.fromEntries(namesIn(template).map((used) => [used, given[used]]));
    if (name in move.terms || !of) {
      // a value that is not a term is the same for all parameters: shown once
      rows.push(new Row(`update.term${of}`, { name, value, factors, names: { theta: move.symbol }, template }));
    }
    given[name] = value;
  }
  return rows;
}

// Return the row of the parameter's new value, with the neuron's factor and bound.
function change(step, move) {
  const ofBias = move.symbol === "b" ? " of bias" : "";
  const about = { name: move.name, value: move.after };
  if (step.factor === 0) {
    return new Row(`update.frozen${ofBias}`, { ...about, factors: { before: move.before }, template: "" });
  }
  const factors = { [move.symbol]: move.before, change: -move.terms.step };
  let template = `{${move.symbol}} + {change}`;
  if (step.factor !== 1) {
    factors.factor = step.factor;
    template = `{${move.symbol}} + {factor} * {change}`;
  }
  if (isBounded(step) && !ofBias) {
    Object.assign(factors, { bound: step.bound, norm: step.weightsNorm });
    template = `(${template}) * {bound} / {norm}`;
  }
  return new Row(`update.${ofBias ? "bias" : "weight"}`, { ...about, factors, template });
}

// Return the name of the state that holds earlier gradients and can move a parameter without one.
function memoryOf(optimizer) {
  const names = optimizer.stateNames.filter((name) => name === "velocity" || name === "m");
  return (names.length ? names : optimizer.stateNames)[0] ?? "";
}

// Return whether memory, and whether weight decay, is part of a step without a gradient.
export function causes({ step, decay = 0 }) {
  return [step - decay !== 0, decay !== 0];
}

// Return a row with the reason why a parameter without a gradient moves, if it does.
function unaskedRow(step, move) {
  if (move.seen !== 0 || move.after === move.before) return [];
  const [byMemory, byDecay] = causes(move.terms);
  const found = [];
  if (byMemory) {
    const state = memoryOf(step.optimizer);
    found.push(fill(words.WHY[state ? "moved by memory" : "moved by rule"], { state }));
  }
  if (byDecay) found.push(words.WHY["moved by decay"]);
  const cause = found.join(words.WHY.and) || words.WHY["moved by norm"];
  return [new Row("update.unasked", { names: { cause } })];
}

// Return how many weights move without a gradient, and why; "" if none does.
function unasked(optimizer, counts) {
  for (const cause of ["memory and decay", "memory", "decay", "norm"]) {
    if (counts[cause]) {
      const key = cause === "memory" && !memoryOf(optimizer) ? "rule" : cause;
      const told = { count: inText("count", counts[cause]), state: memoryOf(optimizer) };
      return fill(words.WHY[plural(key, counts[cause])], told);
    }
  }
  return "";
}
