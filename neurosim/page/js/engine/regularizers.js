// Penalties on the weights, and a bound on their norm. Biases stay unchanged.

import { create } from "./registry.js";

class Regularizer {
  hasKink = false;
  constructor({ strength = 1e-4 } = {}) {
    this.strength = strength;
  }
  config() {
    return { name: this.key, strength: this.strength };
  }
}

class L1 extends Regularizer {
  hasKink = true;
  value(W) {
    let sum = 0;
    for (let k = 0; k < W.length; k++) sum += Math.abs(W[k]);
    return this.strength * sum;
  }
  addGradient(W, dW, r) {
    for (let k = 0; k < W.length; k++) dW[k] += r(this.strength * Math.sign(W[k]));
  }
}

class L2 extends Regularizer {
  value(W) {
    let sum = 0;
    for (let k = 0; k < W.length; k++) sum += W[k] * W[k];
    return 0.5 * this.strength * sum;
  }
  addGradient(W, dW, r) {
    for (let k = 0; k < W.length; k++) dW[k] += r(this.strength * W[k]);
  }
}

export const REGULARIZERS = { l1: L1, l2: L2 };

export function createRegularizer(config) {
  return create("regularizer", REGULARIZERS, config);
}

// Scale down the weights of each neuron, a column of W (…, n), if their Euclidean norm exceeds the bound.
export function limitNorms(W, n, bound, norms) {
  norms.fill(0);
  for (let k = 0; k < W.length; ) for (let j = 0; j < n; j++, k++) norms[j] += W[k] * W[k];
  for (let j = 0; j < n; j++) norms[j] = bound / Math.max(Math.sqrt(norms[j]), bound);
  for (let k = 0; k < W.length; ) for (let j = 0; j < n; j++, k++) W[k] *= norms[j];
}
