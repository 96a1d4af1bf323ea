// The fully connected layer: z = x W + b, a = f(z).

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
  }

  forward() {
    product(this.x, this.W, this.useBias ? this.b : null, this.z, this.nIn, this.nOut, this.sums);
    this.activate();
  }

  // dW = xᵀ delta, db = the sum of delta over the batch.
  parameterGradients() {
    outerProducts(this.x, this.delta, this.dW, this.nIn, this.nOut);
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

// z = x W + b. Numbers of x that are 0, as most pixels are, cost nothing; sums are taken in float64.
function product(x, W, b, z, nIn, nOut, sums) {
  const batch = z.length / nOut;
  for (let row = 0; row < batch; row++) {
    sums.fill(0);
    const from = row * nIn;
    for (let i = 0; i < nIn; i++) {
      const value = x[from + i];
      if (value === 0) continue;
      const at = i * nOut;
      for (let j = 0; j < nOut; j++) sums[j] += value * W[at + j];
    }
    const to = row * nOut;
    for (let j = 0; j < nOut; j++) z[to + j] = sums[j];
    if (b !== null) for (let j = 0; j < nOut; j++) z[to + j] += b[j];
  }
}

function outerProducts(x, delta, dW, nIn, nOut) {
  const batch = delta.length / nOut;
  dW.fill(0);
  for (let row = 0; row < batch; row++) {
    const from = row * nIn;
    const other = row * nOut;
    for (let i = 0; i < nIn; i++) {
      const value = x[from + i];
      if (value === 0) continue;
      const at = i * nOut;
      for (let j = 0; j < nOut; j++) dW[at + j] += value * delta[other + j];
    }
  }
}

function columnSums(delta, db, nOut) {
  db.fill(0);
  for (let k = 0; k < delta.length; ) for (let j = 0; j < nOut; j++, k++) db[j] += delta[k];
}
