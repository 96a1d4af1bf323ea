// Weight initializers: they fill a matrix W (n_in, n_out), row by row in a flat array, before training.

import { create } from "./registry.js";

class Zeros {
  fill(W) {
    W.fill(0);
  }
}

class Constant {
  constructor({ value = 0.1 } = {}) {
    this.value = value;
  }
  fill(W) {
    W.fill(this.value);
  }
}

class Normal {
  constructor({ standard_deviation = 0.05, mean = 0 } = {}) {
    this.deviation = standard_deviation;
    this.mean = mean;
  }
  fill(W, nIn, nOut, random) {
    for (let k = 0; k < W.length; k++) W[k] = this.mean + this.deviation * random.normal();
  }
}

class Uniform {
  constructor({ limit = 0.05 } = {}) {
    this.limit = limit;
  }
  fill(W, nIn, nOut, random) {
    for (let k = 0; k < W.length; k++) W[k] = this.limit * (2 * random.next() - 1);
  }
}

// W with mean 0 and variance gain / fan; fan is n_in or the average of n_in and n_out.
function varianceScaling(gain, average, uniform) {
  return class {
    fill(W, nIn, nOut, random) {
      const variance = gain / (average ? (nIn + nOut) / 2 : nIn);
      const law = uniform
        ? new Uniform({ limit: Math.sqrt(3 * variance) })
        : new Normal({ standard_deviation: Math.sqrt(variance) });
      law.fill(W, nIn, nOut, random);
    }
  };
}

// W with orthonormal columns (or rows, if there are fewer rows), times `gain`, by the Gram-Schmidt process, done
// twice.
class Orthogonal {
  constructor({ gain = 1 } = {}) {
    this.gain = gain;
  }
  fill(W, nIn, nOut, random) {
    const long = Math.max(nIn, nOut);
    const count = Math.min(nIn, nOut);
    const vectors = Array.from({ length: count }, () => Float64Array.from({ length: long }, () => random.normal()));
    vectors.forEach((vector, k) => {
      for (let pass = 0; pass < 2; pass++) {
        for (let j = 0; j < k; j++) {
          const share = vector.reduce((sum, value, i) => sum + value * vectors[j][i], 0);
          for (let i = 0; i < long; i++) vector[i] -= share * vectors[j][i];
        }
      }
      const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
      for (let i = 0; i < long; i++) vector[i] /= norm;
    });
    for (let i = 0; i < nIn; i++) {
      for (let j = 0; j < nOut; j++) W[i * nOut + j] = this.gain * (nIn >= nOut ? vectors[j][i] : vectors[i][j]);
    }
  }
}

export const INITIALIZERS = {
  zeros: Zeros,
  constant: Constant,
  normal: Normal,
  uniform: Uniform,
  glorot_uniform: varianceScaling(1, true, true),
  glorot_normal: varianceScaling(1, true, false),
  he_uniform: varianceScaling(2, false, true),
  he_normal: varianceScaling(2, false, false),
  lecun_uniform: varianceScaling(1, false, true),
  lecun_normal: varianceScaling(1, false, false),
  orthogonal: Orthogonal,
};

export function createInitializer(config) {
  return create("initializer", INITIALIZERS, config);
}
