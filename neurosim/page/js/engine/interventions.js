// Interventions: single neurons of a layer are frozen, slowed, ablated or clamped, or have an activation or a penalty
// of their own. To ablate or clamp a neuron is an activation too: f(z) = value, with f'(z) = 0.

import { createActivation } from "./activations.js";

export class Interventions {
  activations = new Map(); // neuron -> its own activation
  values = new Map(); // neuron -> the value at which its output is clamped
  factors = new Map(); // neuron -> the factor of its updates
  frozen = new Map(); // neuron -> true
  l2 = new Map(); // neuron -> the strength of its own penalty

  static from(config) {
    const made = new Interventions();
    if (!config) return made;
    const fill = (map, entries, read) => Object.entries(entries ?? {}).forEach(([j, each]) => map.set(Number(j), read(each)));
    fill(made.activations, config.activations, createActivation);
    fill(made.values, config.values, Number);
    fill(made.factors, config.factors, Number);
    fill(made.l2, config.l2, Number);
    (config.frozen ?? []).forEach((j) => made.frozen.set(Number(j), true));
    return made;
  }

  get any() {
    return [this.activations, this.values, this.factors, this.frozen, this.l2].some((map) => map.size > 0);
  }

  config() {
    return {
      activations: Object.fromEntries([...this.activations].map(([j, each]) => [j, each.config()])),
      values: Object.fromEntries(this.values),
      factors: Object.fromEntries(this.factors),
      frozen: [...this.frozen.keys()].sort((one, other) => one - other),
      l2: Object.fromEntries(this.l2),
    };
  }

  // Return the factor of the updates of neuron j: 0 if it is frozen.
  factorOf(j) {
    return this.frozen.has(j) ? 0 : (this.factors.get(j) ?? 1);
  }

  // Return the activation that the layer must run: `base`, or `base` with exceptions for single neurons.
  functionFor(base) {
    return this.activations.size || this.values.size ? new PerNeuron(base, this.activations, this.values) : base;
  }
}

// An activation that differs between the neurons of a layer.
class PerNeuron {
  elementwise = false;

  constructor(base, activations, values) {
    this.base = base;
    this.own = [...activations].filter(([j]) => !values.has(j));
    this.values = [...values];
    this.replaced = [...new Set([...values.keys(), ...activations.keys()])];
    const parts = [base, ...activations.values()];
    this.kinks = parts.flatMap((each) => each.kinks);
    this.curvatureJumps = [];
  }

  forward(z, a, n, r) {
    this.base.forward(z, a, n, r);
    for (let start = 0; start < z.length; start += n) {
      for (const [j, own] of this.own) a[start + j] = own.f(z[start + j], r);
      for (const [j, value] of this.values) a[start + j] = value;
    }
  }

  backward(da, z, a, delta, n, r) {
    if (this.base.elementwise) {
      this.base.backward(da, z, a, delta, n, r);
    } else {
      // the output of softmax is not used here, but this z still counts in the softmax of its neighbours
      const seen = da.slice();
      const given = a.slice();
      this.base.forward(z, given, n, r);
      for (let start = 0; start < z.length; start += n) for (const j of this.replaced) seen[start + j] = 0;
      this.base.backward(seen, z, given, delta, n, r);
    }
    for (let start = 0; start < z.length; start += n) {
      for (const [j, own] of this.own) {
        const slope = da[start + j] * own.df(z[start + j], r);
        delta[start + j] = this.base.elementwise ? slope : delta[start + j] + slope;
      }
      if (this.base.elementwise) for (const [j] of this.values) delta[start + j] = 0;
    }
  }

  slopes(z, r) {
    const slopes = this.base.slopes(z, r);
    for (const [j, own] of this.own) slopes[j] = own.df(z[j], r);
    for (const [j] of this.values) slopes[j] = 0;
    return slopes;
  }
}

// Scale the updates of some neurons: new ← old + factor (new - old). A factor of 0 leaves every bit unchanged.
export class UpdateScaling {
  constructor(interventions, parts, n) {
    this.columns = [...new Set([...interventions.factors.keys(), ...interventions.frozen.keys()])].map((j) => [
      j,
      interventions.factorOf(j),
    ]);
    this.parts = parts.map((array) => ({ array, kept: array.slice() }));
    this.n = n;
  }

  before() {
    for (const { array, kept } of this.parts) kept.set(array);
  }

  after(r) {
    this.each((array, kept, k, factor) => {
      array[k] = factor === 0 ? kept[k] : kept[k] + r(factor * r(array[k] - kept[k]));
    });
  }

  // Call it after `after`: undo all other changes to neurons with a factor of 0.
  hold() {
    this.each((array, kept, k, factor) => {
      if (factor === 0) array[k] = kept[k];
    });
  }

  each(change) {
    for (const { array, kept } of this.parts) {
      for (const [j, factor] of this.columns) for (let k = j; k < array.length; k += this.n) change(array, kept, k, factor);
    }
  }
}
