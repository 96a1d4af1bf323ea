// Loss functions: the value L, its gradient dL/da, and the output layer's delta = dL/dz.
//
// L is the mean over the batch. A loss that is a sum over the n outputs is a mean over them too. Targets y are rows as
// wide as the output. If the activation is the natural partner of the loss, delta is a - y: the shortcut.
//
// derive(a, y, k) explains how output k of one sample enters L, for the walk: equations with names in braces, and
// their numbers.

import { create } from "./registry.js";

const TINY = { 4: 1.1754943508222875e-38, 8: 2.2250738585072014e-308 }; // the smallest normal numbers, by bytes
const tinyOf = (array) => TINY[array.BYTES_PER_ELEMENT];

class Loss {
  shortcut = ""; // the key of the output activation for which delta is a - y
  oneHot = true; // whether a target row must be a distribution over the classes
  labelSmoothing = 0;

  constructor(settings = {}) {
    this.settings = settings;
  }

  config() {
    return { name: this.key, ...this.settings };
  }

  accepts() {
    return true;
  }

  simplifies(activation) {
    return activation.key === this.shortcut;
  }

  // Return the targets that the loss uses: y itself, or a softer form of it.
  aim(y) {
    return y;
  }

  // Return L of the output layer's batch. out: the layer; y: flat targets.
  value(out, y) {
    const n = out.nOut;
    const { a } = out;
    const aim = this.aim(y, n);
    let total = 0;
    for (let start = 0; start < a.length; start += n) total += this.sample(a, aim, start, n, out);
    return total / (a.length / n);
  }

  // Write dL/da of a batch into `da`.
  gradient(a, y, da, n) {
    const aim = this.aim(y, n);
    for (let start = 0; start < a.length; start += n) this.sampleGradient(a, aim, da, start, n, a.length / n);
  }

  // Write the output layer's delta, by the chain rule. Uses out.da.
  delta(out, y) {
    const n = out.nOut;
    if (this.simplifies(out.activation)) {
      const aim = this.aim(y, n);
      const share = this.shortcutShare(out.a.length, n);
      for (let k = 0; k < out.a.length; k++) out.delta[k] = out.r(out.a[k] - aim[k]) * share;
      return;
    }
    this.gradient(out.a, y, out.da, n);
    out.function.backward(out.da, out.z, out.a, out.delta, n, out.r);
  }

  // Return quantities at whose zeros dL/da or its slope jumps.
  kinkArguments() {
    return [];
  }
}

const withoutLog = (y) => y === 1;

class CrossEntropy extends Loss {
  shortcut = "softmax";

  constructor({ label_smoothing = 0 } = {}) {
    super({ label_smoothing });
    this.labelSmoothing = label_smoothing;
  }

  accepts(activation) {
    return activation.key === "softmax";
  }

  aim(y, n) {
    if (this.labelSmoothing === 0) return y;
    const smooth = y.slice();
    for (let k = 0; k < y.length; k++) smooth[k] = y[k] * (1 - this.labelSmoothing);
    for (let k = 0; k < y.length; k++) smooth[k] += this.labelSmoothing / n;
    return smooth;
  }

  shortcutShare(size, n) {
    return 1 / (size / n);
  }

  // Computed from z, which is exact where a rounds to 0; ln(a) is not.
  sample(a, y, start, n, out) {
    let largest = -Infinity;
    for (let k = start; k < start + n; k++) if (out.z[k] > largest || out.z[k] !== out.z[k]) largest = out.z[k];
    let sum = 0;
    for (let k = start; k < start + n; k++) sum += Math.exp(out.z[k] - largest);
    const log = Math.log(sum);
    let total = 0;
    for (let k = start; k < start + n; k++) total += y[k] * (out.z[k] - largest - log);
    return 0 - total; // not -0 if every prediction is right
  }

  sampleGradient(a, y, da, start, n, batch) {
    const tiny = tinyOf(a);
    for (let k = start; k < start + n; k++) da[k] = -y[k] / (Math.max(a[k], tiny) * batch);
  }

  derive(a, y, k) {
    const sure = withoutLog(y[k]);
    return {
      term: sure ? "-ln({a})" : "-{y} * ln({a})",
      gradient: sure ? "-1 / {a}" : "-{y} / {a}",
      numbers: sure ? { a: a[k] } : { a: a[k], y: y[k] },
    };
  }
}

// Return the numbers in the terms of output k: a, y, and n, the count of the mean.
const numbersOf = (a, y, k) => ({ a: a[k], y: y[k], n: a.length });

class MeanLoss extends Loss {
  oneHot = false;

  shortcutShare(size) {
    return 1 / size;
  }

  sample(a, y, start, n, out) {
    let total = 0;
    for (let k = start; k < start + n; k++) total += this.term(a[k], y[k], out.z[k], out.r);
    return total / n;
  }

  sampleGradient(a, y, da, start, n, batch) {
    for (let k = start; k < start + n; k++) da[k] = this.slope(a[k], y[k], tinyOf(a)) / (n * batch);
  }
}

class BinaryCrossEntropy extends MeanLoss {
  shortcut = "sigmoid";

  accepts(activation) {
    return activation.key === "sigmoid";
  }

  // Computed from z, which cannot overflow or take ln 0: max(z, 0) - y z + ln(1 + e^-|z|)
  term(a, y, z) {
    return Math.log1p(Math.exp(-Math.abs(z))) + Math.max(z, 0) - y * z;
  }

  slope(a, y, tiny) {
    return (a - y) / Math.max(a * (1 - a), tiny);
  }

  derive(a, y, k) {
    const terms = new Map([[1, "-ln({a}) / {n}"], [0, "-ln(1 - {a}) / {n}"]]);
    const term = terms.get(y[k]) ?? "-({y} * ln({a}) + (1 - {y}) * ln(1 - {a})) / {n}";
    return { term, gradient: "({a} - {y}) / ({a} * (1 - {a})) / {n}", numbers: numbersOf(a, y, k) };
  }
}

class MSE extends MeanLoss {
  term(a, y, z, r) {
    return r(r(a - y) ** 2);
  }

  slope(a, y) {
    return 2 * (a - y);
  }

  derive(a, y, k) {
    return { term: "({a} - {y})² / {n}", gradient: "2 * ({a} - {y}) / {n}", numbers: numbersOf(a, y, k) };
  }
}

class MAE extends MeanLoss {
  term(a, y, z, r) {
    return r(Math.abs(a - y));
  }

  slope(a, y) {
    return Math.sign(a - y);
  }

  derive(a, y, k) {
    return { term: "|{a} - {y}| / {n}", gradient: "sign({a} - {y}) / {n}", numbers: numbersOf(a, y, k) };
  }

  kinkArguments(a, y) {
    return Array.from(a, (each, k) => each - y[k]);
  }
}

class Huber extends MeanLoss {
  constructor({ threshold = 1 } = {}) {
    super({ threshold });
    this.threshold = threshold;
  }

  // with c = min(|r|, d): h(r) = c |r| - c²/2
  term(a, y, z, r) {
    const size = r(Math.abs(a - y));
    const near = Math.min(size, r(this.threshold));
    return r(size * near) - 0.5 * r(near * near);
  }

  slope(a, y) {
    return Math.min(Math.max(a - y, -this.threshold), this.threshold);
  }

  derive(a, y, k) {
    const numbers = numbersOf(a, y, k);
    if (Math.abs(numbers.a - numbers.y) <= this.threshold) {
      return { term: "({a} - {y})² / 2 / {n}", gradient: "({a} - {y}) / {n}", numbers };
    }
    return {
      term: "{d} * (|{a} - {y}| - {d} / 2) / {n}",
      gradient: "{d} * sign({a} - {y}) / {n}",
      numbers: { ...numbers, d: this.threshold },
    };
  }

  kinkArguments(a, y) {
    return Array.from(a, (each, k) => Math.abs(each - y[k]) - this.threshold);
  }
}

// L = (1/Bn) Σ_samples Σ_{j≠c} max(0, m - a_c + a_j)^p; c is the right class.
class Margin extends Loss {
  constructor({ margin = 1 } = {}) {
    super({ margin });
    this.margin = margin;
  }

  accepts(activation) {
    return activation.range[1] - activation.range[0] > this.margin;
  }

  // max(0, m - a_c + a_j) for a wrong class, 0 for the right one.
  violation(a, y, k, start, n) {
    let right = 0;
    for (let j = start; j < start + n; j++) right += a[j] * y[j];
    return Math.max(0, a[k] - right + this.margin) * (1 - y[k]);
  }

  sample(a, y, start, n) {
    let total = 0;
    for (let k = start; k < start + n; k++) total += this.violation(a, y, k, start, n) ** this.power;
    return total / n;
  }

  sampleGradient(a, y, da, start, n, batch) {
    let total = 0;
    for (let k = start; k < start + n; k++) {
      const short = this.violation(a, y, k, start, n);
      da[k] = this.power === 1 ? Math.sign(short) : 2 * short;
      total += da[k];
    }
    for (let k = start; k < start + n; k++) da[k] = (da[k] - y[k] * total) / (n * batch);
  }

  derive(a, y, k) {
    const n = a.length;
    const short = Array.from(a, (_, j) => this.violation(a, y, j, 0, n));
    if (y[k] === 1) {
      // it is in the term of every wrong class that is too near
      if (this.power === 1) {
        const near = short.filter((each) => each !== 0).length;
        return { term: "0", gradient: "-{classes too near} / {n}", numbers: { "classes too near": near, n } };
      }
      const sum = "Σ max(0, m - a_c + a_k)";
      const numbers = { [sum]: short.reduce((total, each) => total + each, 0), n };
      return { term: "0", gradient: `-2 * {${sum}} / {n}`, numbers };
    }
    const numbers = { m: this.margin, a_c: a[y.indexOf(Math.max(...y))], a: a[k], n };
    const distance = "max(0, {m} - {a_c} + {a})";
    if (this.power === 1) return { term: `${distance} / {n}`, gradient: short[k] > 0 ? "1 / {n}" : "0", numbers };
    return { term: `${distance}² / {n}`, gradient: `2 * ${distance} / {n}`, numbers };
  }

  kinkArguments(a, y) {
    const right = a.reduce((sum, each, k) => sum + each * y[k], 0);
    return Array.from(a, (each) => this.margin - right + each).filter((_, k) => y[k] === 0);
  }
}

class Hinge extends Margin {
  power = 1;
}

class SquaredHinge extends Margin {
  power = 2;
}

export const LOSSES = {
  cross_entropy: CrossEntropy,
  binary_cross_entropy: BinaryCrossEntropy,
  mse: MSE,
  mae: MAE,
  huber: Huber,
  hinge: Hinge,
  squared_hinge: SquaredHinge,
};

export function createLoss(config) {
  return create("loss", LOSSES, config);
}
