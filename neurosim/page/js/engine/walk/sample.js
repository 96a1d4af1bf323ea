// One step of training on one sample, run in a copy of the network, with all its numbers.
// Dropout is off and batch normalization uses its running statistics, as in evaluation.

import { number } from "../numbers.js";
import { classOf } from "../network.js";
import { fill } from "./formula.js";
import { words } from "./words.js";

export class SampleRun {
  // raw: one sample before scaling; label: a class index or a row of targets, null: forward only;
  // sample: its number in its data, only for display.
  constructor(network, raw, label = null, sample = null) {
    const twin = network.clone();
    this.network = network; // before the update
    this.sample = sample;
    this.forwardOnly = label === null;
    this.loss = twin.gradients(raw, label);
    this.flows = twin.layers.map((layer) => {
      const names = layer.index ? ["z", "a", "da", "delta"] : ["a"];
      return Object.fromEntries(names.map((name) => [name, layer[name].slice()]));
    });
    this.targets = this.forwardOnly ? twin.targets.slice(0, 0) : twin.targets.slice();
    this.probabilities = twin.output.a.slice();
    this.prediction = twin.decide(this.probabilities);
    this.label = this.forwardOnly ? null : classOf(this.targets);
    this.outputDa = twin.output.a.slice();
    twin.loss.gradient(twin.output.a, twin.targets, this.outputDa, twin.output.nOut);
    this.learningRate = twin.optimizer.rate;
    this.stateBefore = Object.fromEntries(twin.optimizer.stateNames.map((name) => [name, twin.optimizer.state[name].slice()]));
    this.earlier = "mu_product" in twin.optimizer ? earlierOf(twin.optimizer) : {};
    this.gradBefore = twin.grad.slice(); // before clipping
    twin.update();
    this.twin = twin;
    this.optimizer = twin.optimizer; // after the step
    this.thetaAfter = twin.theta;
    this.grad = twin.grad; // as the optimizer uses it: clipped if it clips
    twin.forwardBatch(false);
    this.lossAfter = twin.loss.value(twin.output, twin.targets) + 0; // makes -0 a plain 0
  }

  // The class name of each output; empty if the outputs do not stand for classes.
  get classes() {
    const n = this.network.output.nOut;
    const ofClasses = n > 1 && (this.forwardOnly || this.label !== null);
    return ofClasses ? Array.from({ length: n }, (_, k) => this.network.className(k)) : [];
  }

  // The raw features, and means and deviations of the training samples; null if x is not standardized.
  get standardized() {
    const { mean = [], deviation = [] } = this.network.input.learned ?? {};
    if (!mean.length) return null;
    return [Array.from(this.flows[0].a, (x, i) => x * deviation[i] + mean[i]), mean, deviation];
  }

  // The label and the prediction in words; only the targets if they are not class labels.
  get verdict() {
    const prediction = this.network.className(this.prediction);
    if (this.forwardOnly) return fill(words.NAMES["read as"], { prediction });
    if (this.label === null) {
      const which = this.targets.length <= 10 ? "targets" : "more targets";
      const items = Array.from(this.targets.slice(0, 10), (y) => number(y, 6)).join(", ");
      return fill(words.NAMES[which], { items });
    }
    return fill(words.NAMES.verdict, { label: this.network.className(this.label), prediction });
  }

  // The targets that the loss uses: the given ones, or those with label smoothing.
  get aim() {
    return this.network.loss.aim(this.targets, this.targets.length);
  }

  // The rule for delta of the output layer: a key of words.RULES, and name -> (n,) the numbers in it.
  get outputRule() {
    const { loss, output } = this.network;
    const a = this.probabilities;
    const numbers = { a, y: this.aim };
    if (loss.simplifies(output.activation)) {
      if (loss.key === "cross_entropy") return ["difference", numbers];
      return ["mean_difference", { ...numbers, n: Array.from(a, () => a.length) }];
    }
    if (output.activation.elementwise) {
      return ["chain", { ...numbers, "dL/da": this.outputDa, "f'(z)": output.slopes(this.flows.at(-1).z) }];
    }
    return throughSoftmax(output.activation, a, this.outputDa, numbers);
  }
}

// Return the numbers that an optimizer keeps between steps, before the step.
function earlierOf({ mu, mu_next, mu_product }) {
  return { mu, mu_next, mu_product };
}

// Return the rule for delta_j = Σ_k dL/da_k da_k/dz_j; for softmax it is a_j (dL/da_j - Σ_k a_k dL/da_k).
export function throughSoftmax(activation, a, dL_da, numbers) {
  if (activation.key !== "softmax") return ["unknown", numbers];
  const mean = a.reduce((sum, each, k) => sum + each * dL_da[k], 0);
  return ["jacobian", { ...numbers, a, "dL/da": dL_da, "Σ a dL/da": Array.from(a, () => mean) }];
}
