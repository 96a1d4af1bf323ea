// One step of training on one sample, run in a copy of the network, with all that passed through it.
// Dropout is off and batch normalization uses its running statistics, as in evaluation.

import { number } from "../numbers.js";
import { classOf } from "../network.js";
import { fill } from "./formula.js";
import { words } from "./words.js";

export class SampleRun {
  // raw: one sample as it came; label: a class index or a row of targets, null: it is walked forward only;
  // sample: its number in its data, only to be shown.
  constructor(network, raw, label = null, sample = null) {
    const twin = network.clone();
    this.network = network; // as it is before the update
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
    this.gradBefore = twin.grad.slice(); // before it is clipped
    twin.update();
    this.twin = twin;
    this.optimizer = twin.optimizer; // after the step
    this.thetaAfter = twin.theta;
    this.grad = twin.grad; // as the optimizer saw it: clipped, if it clips
    twin.forwardBatch(false);
    this.lossAfter = twin.loss.value(twin.output, twin.targets) + 0; // makes -0 a plain 0
  }

  // What the classes are called that the outputs are for; none where they are for no class each.
  get classes() {
    const n = this.network.output.nOut;
    const ofClasses = n > 1 && (this.forwardOnly || this.label !== null);
    return ofClasses ? Array.from({ length: n }, (_, k) => this.network.className(k)) : [];
  }

  // The features as they came, the means and the deviations of the training samples; null: none was used.
  get standardized() {
    const { mean = [], deviation = [] } = this.network.input.learned ?? {};
    if (!mean.length) return null;
    return [Array.from(this.flows[0].a, (x, i) => x * deviation[i] + mean[i]), mean, deviation];
  }

  // The label and the prediction in words; where the targets are no class, only these.
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

  // What the loss draws the outputs to: the targets, or a softer form of them.
  get aim() {
    return this.network.loss.aim(this.targets, this.targets.length);
  }

  // How delta of the output layer follows: a key of words.RULES, and name -> (n,) the numbers in it.
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

// Numbers of an optimizer that go on from step to step, before the step.
function earlierOf({ mu, mu_next, mu_product }) {
  return { mu, mu_next, mu_product };
}

// The rule for delta_j = a_j (dL/da_j - Σ_k a_k dL/da_k), by the Jacobian of softmax.
export function throughSoftmax(activation, a, dL_da, numbers) {
  if (activation.key !== "softmax") return ["unknown", numbers];
  const mean = a.reduce((sum, each, k) => sum + each * dL_da[k], 0);
  return ["jacobian", { ...numbers, a, "dL/da": dL_da, "Σ a dL/da": Array.from(a, () => mean) }];
}
