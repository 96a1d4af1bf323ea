// Batch normalization: z = γ x̂ + β with x̂ = (x - mean) / √(variance + ε), then a = f(z).
// In training mean and variance are those of the batch, in evaluation running averages of them.

import { createActivation } from "../activations.js";
import { ActivationLayer } from "./base.js";

export class BatchNorm extends ActivationLayer {
  kind = "batch_norm";
  typeName = "BatchNorm";
  stateNames = ["running_mean", "running_variance"];
  neuronByNeuron = true;
  leastBatch = 2; // a single sample is its own mean: x̂ is 0, whatever comes in

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
    this.running_mean = new Float(this.nOut);
    this.running_variance = new Float(this.nOut).fill(1);
    this.mean = new Float(this.nOut);
    this.variance = new Float(this.nOut);
    this.inverse = new Float(this.nOut);
    this.training = false; // whether the last forward pass was one of training
  }

  parameterShapes() {
    return { gamma: [this.nOut], beta: [this.nOut] };
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
    const { x, xHat, z, nOut, inverse } = this;
    this.training = training;
    if (training) this.measure();
    const mean = training ? this.mean : this.running_mean;
    const variance = training ? this.variance : this.running_variance;
    for (let j = 0; j < nOut; j++) inverse[j] = 1 / Math.sqrt(variance[j] + this.epsilon);
    for (let k = 0; k < x.length; ) {
      for (let j = 0; j < nOut; j++, k++) {
        xHat[k] = (x[k] - mean[j]) * inverse[j];
        z[k] = xHat[k] * this.gamma[j] + this.beta[j];
      }
    }
    this.activate();
  }

  // Mean and variance of the batch.
  measure() {
    const { x, nOut, mean, variance, batchSize } = this;
    for (let j = 0; j < nOut; j++) {
      let sum = 0;
      for (let k = j; k < x.length; k += nOut) sum += x[k];
      mean[j] = sum / batchSize;
      let squares = 0;
      for (let k = j; k < x.length; k += nOut) squares += (x[k] - mean[j]) ** 2;
      variance[j] = squares / batchSize;
    }
  }

  // Move the running averages towards mean and variance of the batch, if it was one of training.
  afterUpdate() {
    if (!this.training) return;
    const { momentum, batchSize, r } = this;
    for (let j = 0; j < this.nOut; j++) {
      this.running_mean[j] = r(this.running_mean[j] * (1 - momentum)) + r(momentum * this.mean[j]);
      if (batchSize > 1) {
        const unbiased = r(((momentum * batchSize) / (batchSize - 1)) * this.variance[j]);
        this.running_variance[j] = r(this.running_variance[j] * (1 - momentum)) + unbiased;
      }
    }
  }

  parameterGradients() {
    const { delta, xHat, nOut } = this;
    for (let j = 0; j < nOut; j++) {
      let scale = 0;
      let shift = 0;
      for (let k = j; k < delta.length; k += nOut) {
        scale += delta[k] * xHat[k];
        shift += delta[k];
      }
      this.dgamma[j] = scale;
      this.dbeta[j] = shift;
    }
  }

  // In training mean and variance depend on x too:
  // dL/dx = γ / √(variance + ε) (delta - mean(delta) - x̂ mean(delta x̂))
  inputGradient(delta, dx) {
    const { xHat, nOut, gamma, inverse, dgamma, dbeta } = this;
    const batch = delta.length / nOut;
    for (let k = 0; k < delta.length; ) {
      for (let j = 0; j < nOut; j++, k++) {
        const shared = this.training ? (xHat[k] * dgamma[j] + dbeta[j]) / batch : 0;
        dx[k] = (delta[k] - shared) * gamma[j] * inverse[j];
      }
    }
  }

  outgoing(j) {
    return [[j], this.Float.of(this.gamma[j] / this.r(Math.sqrt(this.running_variance[j] + this.epsilon)))];
  }

  explainSlope(j) {
    return ["{γ} / √({variance} + {ε})", { γ: this.gamma[j], variance: this.running_variance[j], ε: this.epsilon }];
  }
}
