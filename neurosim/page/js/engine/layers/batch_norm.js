// Batch normalization: z = γ x̂ + β with x̂ = (x - mean) / √(variance + ε), then a = f(z).
//
// Each neuron below has one mean, one variance, γ and β. For images that is one per channel, over all samples and
// places. For the input layer, each number counts as a neuron. In training, mean and variance are those of the batch;
// in evaluation, they are running averages.

import { createActivation } from "../activations.js";
import { ActivationLayer } from "./base.js";

export class BatchNorm extends ActivationLayer {
  kind = "batch_norm";
  typeName = "BatchNorm";
  stateNames = ["running_mean", "running_variance"];
  neuronByNeuron = true;
  leastBatch = 2; // the mean of a single sample is the sample: x̂ is 0 for any input

  constructor(config) {
    super(config);
    this.activation = createActivation(config.activation ?? "linear");
    this.momentum = config.momentum ?? 0.1;
    this.epsilon = config.epsilon ?? 1e-5;
  }

  config() {
    return { ...super.config(), activation: this.activation.config() };
  }

  connect(index, previous, Float) {
    super.connect(index, previous, Float);
    let below = previous;
    while (below.neuronByNeuron || below.passesThrough) below = below.previous;
    this.byChannel &&= Boolean(below.previous); // each number of the input stands alone
    const n = this.neuronCount;
    this.running_mean = new Float(n);
    this.running_variance = new Float(n).fill(1);
    this.mean = new Float(n);
    this.variance = new Float(n);
    this.inverse = new Float(n);
    this.training = false; // whether the last forward pass was in training
  }

  parameterShapes() {
    return { gamma: [this.neuronCount], beta: [this.neuronCount] };
  }

  initialize() {
    this.gamma.fill(1);
    this.beta.fill(0);
    this.running_mean.fill(0);
    this.running_variance.fill(1);
  }

  buffers() {
    return [...super.buffers(), "xHat"];
  }

  forward(training) {
    const { x, xHat, z, neuronCount: n, inverse } = this;
    this.training = training;
    if (training) this.measure();
    const mean = training ? this.mean : this.running_mean;
    const variance = training ? this.variance : this.running_variance;
    for (let j = 0; j < n; j++) inverse[j] = 1 / Math.sqrt(variance[j] + this.epsilon);
    for (let k = 0; k < x.length; ) {
      for (let j = 0; j < n; j++, k++) {
        xHat[k] = (x[k] - mean[j]) * inverse[j];
        z[k] = xHat[k] * this.gamma[j] + this.beta[j];
      }
    }
    this.activate();
  }

  // Measure mean and variance of the batch.
  measure() {
    const { x, neuronCount: n, mean, variance } = this;
    const count = x.length / n;
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = j; k < x.length; k += n) sum += x[k];
      mean[j] = sum / count;
      let squares = 0;
      for (let k = j; k < x.length; k += n) squares += (x[k] - mean[j]) ** 2;
      variance[j] = squares / count;
    }
  }

  // Move the running averages towards mean and variance of the batch, if the pass was in training.
  afterUpdate() {
    if (!this.training) return;
    const { momentum, neuronCount: n, r } = this;
    const count = this.batchSize * this.places;
    for (let j = 0; j < n; j++) {
      this.running_mean[j] = r(this.running_mean[j] * (1 - momentum)) + r(momentum * this.mean[j]);
      if (count > 1) {
        const unbiased = r(((momentum * count) / (count - 1)) * this.variance[j]);
        this.running_variance[j] = r(this.running_variance[j] * (1 - momentum)) + unbiased;
      }
    }
  }

  parameterGradients() {
    const { delta, xHat, neuronCount: n } = this;
    for (let j = 0; j < n; j++) {
      let scale = 0;
      let shift = 0;
      for (let k = j; k < delta.length; k += n) {
        scale += delta[k] * xHat[k];
        shift += delta[k];
      }
      this.dgamma[j] = scale;
      this.dbeta[j] = shift;
    }
  }

  // In training, mean and variance depend on x too:
  // dL/dx = γ / √(variance + ε) (delta - mean(delta) - x̂ mean(delta x̂))
  inputGradient(delta, dx) {
    const { xHat, neuronCount: n, gamma, inverse, dgamma, dbeta } = this;
    const count = delta.length / n;
    for (let k = 0; k < delta.length; ) {
      for (let j = 0; j < n; j++, k++) {
        const shared = this.training ? (xHat[k] * dgamma[j] + dbeta[j]) / count : 0;
        dx[k] = (delta[k] - shared) * gamma[j] * inverse[j];
      }
    }
  }

  outgoing(j) {
    const k = j % this.neuronCount;
    return [[j], this.Float.of(this.gamma[k] / this.r(Math.sqrt(this.running_variance[k] + this.epsilon)))];
  }

  explainSlope(j) {
    const k = j % this.neuronCount;
    return ["{γ} / √({variance} + {ε})", { γ: this.gamma[k], variance: this.running_variance[k], ε: this.epsilon }];
  }
}
