// Optimizers: they move the parameters θ with the gradient g of the mean batch loss.
//
// Each one has its algorithm twice, as in Python. `rule` gives every term for one number, in the words of the paper,
// for the walk. `update` changes the whole vectors in place, for training. Tests compare both with Python's.

import { create } from "./registry.js";
import { createSchedule } from "./schedules.js";

class Optimizer {
  stateNames = [];
  defaultRate = 1e-3;

  constructor({ learning_rate, clip_norm = null, ...settings } = {}) {
    this.settings = settings;
    Object.assign(this, settings);
    this.clipNorm = clip_norm;
    this.t = 0;
    this.state = {};
    this.given = learning_rate;
  }

  // A number or a schedule. It may be set at any time.
  get learningRate() {
    this.chosen ??= this.read(this.given ?? this.defaultRate);
    return this.chosen;
  }

  set learningRate(rate) {
    this.chosen = this.read(rate);
  }

  read(rate) {
    return typeof rate === "number" ? rate : rate.at ? rate : createSchedule(rate);
  }

  get schedule() {
    return typeof this.learningRate === "number" ? null : this.learningRate;
  }

  config() {
    const learning_rate = this.schedule ? this.schedule.config() : this.learningRate;
    return { name: this.key, learning_rate, ...this.settings, clip_norm: this.clipNorm };
  }

  // The learning rate of the next step.
  get rate() {
    return this.schedule ? this.schedule.at(this.t) : this.learningRate;
  }

  // Whether the schedule has ended, so that training would continue with a rate near 0.
  get scheduleHasEnded() {
    return this.schedule !== null && this.schedule.hasEnded(this.t);
  }

  bind(theta) {
    for (const name of this.stateNames) {
      if (this.state[name]?.length !== theta.length) this.state[name] = new theta.constructor(theta.length);
    }
  }

  // Explain how clipping changes the gradient: g ← g · min(1, c / (‖g‖ + 1e-6)).
  clip(grad) {
    let squares = 0;
    for (let k = 0; k < grad.length; k++) squares += grad[k] * grad[k];
    const norm = Math.sqrt(squares);
    if (norm + 1e-6 > this.clipNorm) {
      const factor = this.clipNorm / (norm + 1e-6);
      for (let k = 0; k < grad.length; k++) grad[k] *= factor;
    }
  }

  step(theta, grad) {
    if (this.clipNorm !== null) this.clip(grad);
    const rate = (this.lastRate = this.rate);
    this.t += 1;
    this.beginStep();
    this.update(theta, grad, this.state, rate);
  }

  beginStep() {}

  forget() {
    this.t = 0;
    for (const vector of Object.values(this.state)) vector.fill(0);
    if (this.schedule) this.learningRate = this.schedule.renewed();
  }

  scalars() {
    return { t: this.t, schedule: this.schedule ? this.schedule.state() : null };
  }

  restore(scalars) {
    this.t = scalars.t;
    if (this.schedule) this.schedule.restore(scalars.schedule);
  }
}

class SGD extends Optimizer {
  defaultRate = 0.1;
  rule({ grad, rate }, r) {
    return { step: r(rate * grad) };
  }
  update(theta, grad, state, rate) {
    for (let k = 0; k < theta.length; k++) theta[k] -= rate * grad[k];
  }
}

class WithMomentum extends Optimizer {
  defaultRate = 0.01;
  stateNames = ["velocity"];
  constructor({ momentum = 0.9, ...rest } = {}) {
    super({ ...rest, momentum });
  }
}

class Momentum extends WithMomentum {
  rule({ grad, velocity, rate }, r) {
    const next = r(r(this.momentum * velocity) + grad);
    return { velocity: next, step: r(rate * next) };
  }
  update(theta, grad, { velocity }, rate) {
    const { momentum } = this;
    for (let k = 0; k < theta.length; k++) {
      velocity[k] = momentum * velocity[k] + grad[k];
      theta[k] -= rate * velocity[k];
    }
  }
}

class Nesterov extends WithMomentum {
  rule({ grad, velocity, rate }, r) {
    const next = r(r(this.momentum * velocity) + grad);
    const look_ahead = r(grad + r(this.momentum * next));
    return { velocity: next, look_ahead, step: r(rate * look_ahead) };
  }
  update(theta, grad, { velocity }, rate) {
    const { momentum } = this;
    for (let k = 0; k < theta.length; k++) {
      velocity[k] = momentum * velocity[k] + grad[k];
      theta[k] -= rate * (grad[k] + momentum * velocity[k]);
    }
  }
}

class AdaGrad extends Optimizer {
  defaultRate = 0.01;
  stateNames = ["square_sum"];
  constructor({ epsilon = 1e-10, ...rest } = {}) {
    super({ ...rest, epsilon });
  }
  rule({ grad, square_sum, rate }, r) {
    const sum = r(square_sum + r(grad * grad));
    return { square_sum: sum, step: r(r(rate * grad) / r(r(Math.sqrt(sum)) + this.epsilon)) };
  }
  update(theta, grad, { square_sum }, rate) {
    for (let k = 0; k < theta.length; k++) {
      square_sum[k] += grad[k] * grad[k];
      theta[k] -= (rate * grad[k]) / (Math.sqrt(square_sum[k]) + this.epsilon);
    }
  }
}

class RMSProp extends Optimizer {
  stateNames = ["v"];
  constructor({ rho = 0.9, epsilon = 1e-8, ...rest } = {}) {
    super({ ...rest, rho, epsilon });
  }
  rule({ grad, v, rate }, r) {
    const next = r(r(this.rho * v) + r((1 - this.rho) * r(grad * grad)));
    return { v: next, step: r(r(rate * grad) / r(r(Math.sqrt(next)) + this.epsilon)) };
  }
  update(theta, grad, { v }, rate) {
    const { rho, epsilon } = this;
    for (let k = 0; k < theta.length; k++) {
      v[k] = rho * v[k] + (1 - rho) * grad[k] * grad[k];
      theta[k] -= (rate * grad[k]) / (Math.sqrt(v[k]) + epsilon);
    }
  }
}

class AdaDelta extends Optimizer {
  defaultRate = 1;
  stateNames = ["v", "u"];
  constructor({ rho = 0.9, epsilon = 1e-6, ...rest } = {}) {
    super({ ...rest, rho, epsilon });
  }
  rule({ grad, v, u, rate }, r) {
    const { rho, epsilon } = this;
    const square = r(r(rho * v) + r((1 - rho) * r(grad * grad)));
    const d = r(r(Math.sqrt(r(r(u + epsilon) / r(square + epsilon)))) * grad);
    return { v: square, d, u: r(r(rho * u) + r((1 - rho) * r(d * d))), step: r(rate * d) };
  }
  update(theta, grad, { v, u }, rate) {
    const { rho, epsilon } = this;
    for (let k = 0; k < theta.length; k++) {
      v[k] = rho * v[k] + (1 - rho) * grad[k] * grad[k];
      const d = Math.sqrt((u[k] + epsilon) / (v[k] + epsilon)) * grad[k];
      u[k] = rho * u[k] + (1 - rho) * d * d;
      theta[k] -= rate * d;
    }
  }
}

// The base of Adam and its variants: m ← β₁ m + (1 - β₁) g and v ← β₂ v + (1 - β₂) g².
class Adaptive extends Optimizer {
  stateNames = ["m", "v"];
  constructor({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, ...rest } = {}) {
    super({ beta1, beta2, epsilon, ...rest });
  }
  get beta1_t() {
    return this.beta1 ** this.t;
  }
  get beta2_t() {
    return this.beta2 ** this.t;
  }
  first({ m, grad }, r) {
    return r(r(this.beta1 * m) + r((1 - this.beta1) * grad));
  }
  second({ v, grad }, r) {
    return r(r(this.beta2 * v) + r((1 - this.beta2) * r(grad * grad)));
  }
  stepOf(rate, top, square, r) {
    return r(r(rate * top) / r(r(Math.sqrt(square)) + this.epsilon));
  }
  // θ ← θ - η m̂ / (√v̂ + ε); the rate and ε contain both corrections.
  move(theta, grad, m, v, square, rate) {
    const { beta1, beta2 } = this;
    const root = Math.sqrt(1 - this.beta2_t);
    const corrected = (rate * root) / (1 - this.beta1_t);
    const epsilon = this.epsilon * root;
    const decayed = 1 - rate * (this.weight_decay ?? 0);
    const bounded = square !== v;
    for (let k = 0; k < theta.length; k++) {
      const g = grad[k];
      m[k] = beta1 * m[k] + (1 - beta1) * g;
      v[k] = beta2 * v[k] + (1 - beta2) * g * g;
      if (bounded && v[k] > square[k]) square[k] = v[k];
      theta[k] = theta[k] * decayed - (corrected * m[k]) / (Math.sqrt(square[k]) + epsilon);
    }
  }
}

class Adam extends Adaptive {
  rule(numbers, r) {
    const m = this.first(numbers, r);
    const v = this.second(numbers, r);
    const m_hat = r(m / (1 - this.beta1_t));
    const v_hat = r(v / (1 - this.beta2_t));
    return { m, v, m_hat, v_hat, step: this.stepOf(numbers.rate, m_hat, v_hat, r) };
  }
  update(theta, grad, { m, v }, rate) {
    this.move(theta, grad, m, v, v, rate);
  }
}

class AMSGrad extends Adaptive {
  stateNames = ["m", "v", "v_max"];
  rule(numbers, r) {
    const m = this.first(numbers, r);
    const v = this.second(numbers, r);
    const v_max = Math.max(numbers.v_max, v);
    const m_hat = r(m / (1 - this.beta1_t));
    const v_hat = r(v_max / (1 - this.beta2_t));
    return { m, v, v_max, m_hat, v_hat, step: this.stepOf(numbers.rate, m_hat, v_hat, r) };
  }
  update(theta, grad, { m, v, v_max }, rate) {
    this.move(theta, grad, m, v, v_max, rate);
  }
}

class AdaMax extends Adaptive {
  defaultRate = 2e-3;
  stateNames = ["m", "u"];
  rule(numbers, r) {
    const m = this.first(numbers, r);
    const u = Math.max(r(this.beta2 * numbers.u), r(Math.abs(numbers.grad) + this.epsilon));
    const m_hat = r(m / (1 - this.beta1_t));
    return { m, u, m_hat, step: r(r(numbers.rate * m_hat) / u) };
  }
  update(theta, grad, { m, u }, rate) {
    const { beta1, beta2, epsilon } = this;
    const corrected = rate / (1 - this.beta1_t);
    for (let k = 0; k < theta.length; k++) {
      m[k] = beta1 * m[k] + (1 - beta1) * grad[k];
      u[k] = Math.max(beta2 * u[k], Math.abs(grad[k]) + epsilon);
      theta[k] -= (corrected * m[k]) / u[k];
    }
  }
}

class Nadam extends Adaptive {
  defaultRate = 2e-3;
  constructor({ momentum_decay = 4e-3, ...rest } = {}) {
    super({ ...rest, momentum_decay });
    this.mu_product = 1;
  }
  get mu() {
    return this.muOf(this.t);
  }
  get mu_next() {
    return this.muOf(this.t + 1);
  }
  muOf(t) {
    return this.beta1 * (1 - 0.5 * 0.96 ** (t * this.momentum_decay));
  }
  beginStep() {
    this.mu_product *= this.mu;
  }
  rule(numbers, r) {
    const m = this.first(numbers, r);
    const v = this.second(numbers, r);
    const { mu, mu_next, mu_product } = this;
    const ahead = r(((1 - mu) / (1 - mu_product)) * numbers.grad);
    const m_ahead = r(ahead + r((mu_next / (1 - mu_product * mu_next)) * m));
    const v_hat = r(v / (1 - this.beta2_t));
    return { m, v, m_ahead, v_hat, step: this.stepOf(numbers.rate, m_ahead, v_hat, r) };
  }
  update(theta, grad, { m, v }, rate) {
    const { beta1, beta2, mu, mu_next, mu_product } = this;
    const root = Math.sqrt(1 - this.beta2_t);
    const epsilon = this.epsilon * root;
    const ofGradient = (1 - mu) / (1 - mu_product);
    const ofMomentum = mu_next / (1 - mu_product * mu_next);
    for (let k = 0; k < theta.length; k++) {
      const g = grad[k];
      m[k] = beta1 * m[k] + (1 - beta1) * g;
      v[k] = beta2 * v[k] + (1 - beta2) * g * g;
      theta[k] -= (rate * root * (ofGradient * g + ofMomentum * m[k])) / (Math.sqrt(v[k]) + epsilon);
    }
  }
  forget() {
    super.forget();
    this.mu_product = 1;
  }
  scalars() {
    return { ...super.scalars(), mu_product: this.mu_product };
  }
  restore(scalars) {
    super.restore(scalars);
    this.mu_product = scalars.mu_product;
  }
}

class AdamW extends Adaptive {
  constructor({ weight_decay = 0.01, ...rest } = {}) {
    super({ ...rest, weight_decay });
  }
  rule(numbers, r) {
    const decay = r(numbers.rate * this.weight_decay * numbers.theta);
    const m = this.first(numbers, r);
    const v = this.second(numbers, r);
    const m_hat = r(m / (1 - this.beta1_t));
    const v_hat = r(v / (1 - this.beta2_t));
    return { decay, m, v, m_hat, v_hat, step: r(decay + this.stepOf(numbers.rate, m_hat, v_hat, r)) };
  }
  update(theta, grad, { m, v }, rate) {
    this.move(theta, grad, m, v, v, rate);
  }
}

class Lion extends Optimizer {
  defaultRate = 1e-4;
  stateNames = ["m"];
  constructor({ beta1 = 0.9, beta2 = 0.99, weight_decay = 0, ...rest } = {}) {
    super({ ...rest, beta1, beta2, weight_decay });
  }
  rule({ theta, grad, m, rate }, r) {
    const direction = Math.sign(r(r(this.beta1 * m) + r((1 - this.beta1) * grad)));
    const decay = r(rate * this.weight_decay * theta);
    const next = r(r(this.beta2 * m) + r((1 - this.beta2) * grad));
    return { direction, decay, m: next, step: r(r(rate * direction) + decay) };
  }
  update(theta, grad, { m }, rate) {
    const { beta1, beta2, weight_decay } = this;
    for (let k = 0; k < theta.length; k++) {
      const direction = Math.sign(beta1 * m[k] + (1 - beta1) * grad[k]);
      theta[k] = theta[k] * (1 - rate * weight_decay) - rate * direction;
      m[k] = beta2 * m[k] + (1 - beta2) * grad[k];
    }
  }
}

export const OPTIMIZERS = {
  sgd: SGD,
  momentum: Momentum,
  nesterov: Nesterov,
  adagrad: AdaGrad,
  rmsprop: RMSProp,
  adadelta: AdaDelta,
  adam: Adam,
  amsgrad: AMSGrad,
  adamax: AdaMax,
  nadam: Nadam,
  adamw: AdamW,
  lion: Lion,
};

export function createOptimizer(config) {
  return create("optimizer", OPTIMIZERS, config);
}
