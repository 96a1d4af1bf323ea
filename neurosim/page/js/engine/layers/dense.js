// The fully connected layer: z = x W + b, a = f(z).

import { columnSums, Found, outerProducts, product } from "../products.js";
import { WeightedLayer } from "./weighted.js";

export class Dense extends WeightedLayer {
  kind = "dense";
  typeName = "Dense";

  outputShape() {
    return [this.settings.units];
  }

  weightShape() {
    return [this.nIn, this.nOut];
  }

  attach(parameters) {
    super.attach(parameters);
    this.sums = new Float64Array(this.nOut);
    this.found = new Found(this.nIn);
  }

  reserve(capacity) {
    super.reserve(capacity);
    this.foundInBatch = new Found(capacity);
  }

  forward() {
    product(this.x, this.W, this.useBias ? this.b : null, this.z, this.nIn, this.nOut, this.sums, this.found);
    this.activate();
  }

  // dW = xᵀ delta, db = the sum of delta over the batch.
  parameterGradients() {
    outerProducts(this.x, this.delta, this.dW, this.nIn, this.nOut, this.foundInBatch);
    if (this.useBias) columnSums(this.delta, this.db, this.nOut);
  }

  // dL/dx = delta Wᵀ
  inputGradient(delta, dx) {
    const { W, nIn, nOut } = this;
    const batch = delta.length / nOut;
    for (let b = 0; b < batch; b++) {
      const row = b * nOut;
      for (let i = 0, at = 0; i < nIn; i++) {
        let sum = 0;
        for (let j = 0; j < nOut; j++, at++) sum += delta[row + j] * W[at];
        dx[b * nIn + i] = sum;
      }
    }
  }

  outgoing(j) {
    return [Array.from({ length: this.nOut }, (_, k) => k), this.W.slice(j * this.nOut, (j + 1) * this.nOut)];
  }
}
