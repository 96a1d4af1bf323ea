// Activation functions: f, its derivative f', and the vector-Jacobian product that backpropagation needs.
//
// f(z, r) and df(z, r) take one number. r rounds to the network's dtype (Math.fround for float32) where Python's
// arrays round. So what cancels there cancels here. `forward` and `backward` run over flat buffers (B, n). Softmax
// overrides these two, because its neurons depend on each other.

import { create } from "./registry.js";

export const exact = (value) => value;

class Activation {
  elementwise = true;
  range = [-Infinity, Infinity];
  kinks = []; // each z at which f' jumps
  curvatureJumps = []; // each z at which f'' jumps and f' does not
  initializer = "glorot_uniform";

  constructor(settings = {}) {
    this.settings = settings;
  }

  config() {
    return { name: this.key, ...this.settings };
  }

  // Compute a = f(z) for the whole buffers.
  forward(z, a, n, r) {
    for (let k = 0; k < z.length; k++) a[k] = this.f(z[k], r);
  }

  // Compute delta = Jᵀ da for the whole buffers.
  backward(da, z, a, delta, n, r) {
    for (let k = 0; k < z.length; k++) delta[k] = da[k] * this.df(z[k], r);
  }

  // Return the diagonal of the Jacobian da/dz, for one sample z (n,).
  slopes(z, r) {
    return z.map((each) => this.df(each, r));
  }
}

class Linear extends Activation {
  f(z) {
    return z;
  }
  df() {
    return 1;
  }
}

// 1 / (1 + e^-z). If e^-z overflows, 1 / ∞ = 0 is the limit.
function sigmoid(z, r) {
  return r(1 / r(1 + r(Math.exp(-z))));
}

// Compute ln(1 + e^z) without overflow.
function softplus(z) {
  return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
}

class Sigmoid extends Activation {
  range = [0, 1];
  f(z, r) {
    return sigmoid(z, r);
  }
  df(z, r) {
    const a = sigmoid(z, r);
    return a * r(1 - a);
  }
}

class Tanh extends Activation {
  range = [-1, 1];
  f(z) {
    return Math.tanh(z);
  }
  df(z, r) {
    const a = r(Math.tanh(z));
    return 1 - r(a * a);
  }
}

class ReLU extends Activation {
  range = [0, Infinity];
  kinks = [0];
  initializer = "he_uniform";
  f(z) {
    return z > 0 || z !== z ? z : 0;
  }
  df(z) {
    return z > 0 ? 1 : 0;
  }
}

class LeakyReLU extends Activation {
  kinks = [0];
  initializer = "he_uniform";
  constructor({ negative_slope = 0.01 } = {}) {
    super({ negative_slope });
    this.slope = negative_slope;
  }
  f(z) {
    return Math.max(z, this.slope * z);
  }
  df(z) {
    return z > 0 ? 1 : this.slope;
  }
}

// f(z) = scale z if z > 0, else scale alpha (e^z - 1).
class ExponentialLinear extends Activation {
  kinks = [0];
  initializer = "he_uniform";
  f(z) {
    return this.scale * (z > 0 ? z : this.alpha * Math.expm1(z));
  }
  df(z) {
    return this.scale * (z > 0 ? 1 : this.alpha * Math.exp(Math.min(z, 0)));
  }
}

class ELU extends ExponentialLinear {
  constructor({ alpha = 1 } = {}) {
    super({ alpha });
    this.scale = 1;
    this.alpha = alpha;
    this.range = [-alpha, Infinity];
  }
}

class SELU extends ExponentialLinear {
  initializer = "lecun_normal";
  constructor() {
    super();
    this.scale = 1.0507009873554805;
    this.alpha = 1.6732632423543772;
    this.range = [-this.scale * this.alpha, Infinity];
  }
}

const GELU_C = Math.sqrt(2 / Math.PI);
const GELU_K = 0.044715;

// The approximation with tanh, as in Python.
class GELU extends Activation {
  range = [-0.17005, Infinity];
  initializer = "he_uniform";
  inner(z) {
    return Math.tanh(GELU_C * (z + GELU_K * z * z * z));
  }
  f(z, r) {
    return 0.5 * z * r(1 + r(this.inner(z)));
  }
  df(z, r) {
    const t = r(this.inner(z));
    return 0.5 * r(1 + t) + 0.5 * z * r(1 - r(t * t)) * GELU_C * (1 + 3 * GELU_K * z * z);
  }
}

class SiLU extends Activation {
  range = [-0.27847, Infinity];
  initializer = "he_uniform";
  f(z, r) {
    return z * sigmoid(z, r);
  }
  df(z, r) {
    const s = sigmoid(z, r);
    return s * r(1 + r(z * r(1 - s)));
  }
}

class Mish extends Activation {
  range = [-0.30885, Infinity];
  initializer = "he_uniform";
  f(z) {
    return z * Math.tanh(softplus(z));
  }
  df(z, r) {
    const t = r(Math.tanh(softplus(z)));
    return t + z * r(1 - r(t * t)) * sigmoid(z, r);
  }
}

class Softplus extends Activation {
  range = [0, Infinity];
  initializer = "he_uniform";
  f(z) {
    return softplus(z);
  }
  df(z, r) {
    return sigmoid(z, r);
  }
}

class Softsign extends Activation {
  range = [-1, 1];
  curvatureJumps = [0];
  f(z) {
    return z / (1 + Math.abs(z));
  }
  df(z) {
    const denominator = 1 + Math.abs(z);
    return 1 / (denominator * denominator);
  }
}

// f(z) = z between two bounds, and the nearer bound outside.
class Clipped extends Activation {
  f(z) {
    return Math.min(Math.max(z, this.range[0]), this.range[1]);
  }
  df(z) {
    return z > this.range[0] && z < this.range[1] ? 1 : 0;
  }
}

class HardTanh extends Clipped {
  range = [-1, 1];
  kinks = [-1, 1];
}

class ReLU6 extends Clipped {
  range = [0, 6];
  kinks = [0, 6];
  initializer = "he_uniform";
}

// a_j = e^z_j / Σ_k e^z_k over the neurons of the layer.
class Softmax extends Activation {
  elementwise = false;
  range = [0, 1];

  forward(z, a, n) {
    for (let start = 0; start < z.length; start += n) {
      let largest = -Infinity;
      let sum = 0;
      for (let k = start; k < start + n; k++) if (z[k] > largest || z[k] !== z[k]) largest = z[k];
      for (let k = start; k < start + n; k++) sum += a[k] = Math.exp(z[k] - largest);
      for (let k = start; k < start + n; k++) a[k] /= sum;
    }
  }

  // Jᵀ da = a * (da - Σ_k a_k da_k)
  backward(da, z, a, delta, n) {
    for (let start = 0; start < z.length; start += n) {
      let sum = 0;
      for (let k = start; k < start + n; k++) sum += a[k] * da[k];
      for (let k = start; k < start + n; k++) delta[k] = a[k] * (da[k] - sum);
    }
  }

  slopes(z, r) {
    const a = z.slice();
    this.forward(z, a, z.length);
    return a.map((each) => each * r(1 - each));
  }
}

export const ACTIVATIONS = {
  linear: Linear,
  sigmoid: Sigmoid,
  tanh: Tanh,
  relu: ReLU,
  leaky_relu: LeakyReLU,
  elu: ELU,
  selu: SELU,
  gelu: GELU,
  silu: SiLU,
  mish: Mish,
  softplus: Softplus,
  softsign: Softsign,
  hard_tanh: HardTanh,
  relu6: ReLU6,
  softmax: Softmax,
};

export function createActivation(config) {
  return create("activation", ACTIVATIONS, config);
}
