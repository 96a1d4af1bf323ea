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

// What the products below keep: where the numbers lie that are not 0, and these numbers. Four of them are taken at a
// time, which saves half of the memory traffic; the last four are filled up with zeros. (The loop over four stands twice:
// shared by two types of arrays it would take twice the time.)
class Found {
  constructor(size) {
    this.places = new Int32Array(size + 4);
    this.values = new Float64Array(size + 4);
  }

  // Fill up to a multiple of four; returns how many there are then.
  fill(count) {
    const full = Math.ceil(count / 4) * 4;
    this.places.fill(0, count, full);
    this.values.fill(0, count, full);
    return full;
  }
}

// z = x W + b. Numbers of x that are 0, as most pixels are, cost nothing; sums are taken in float64.
function product(x, W, b, z, nIn, nOut, sums, found) {
  const { places, values } = found;
  const batch = z.length / nOut;
  for (let row = 0; row < batch; row++) {
    let count = 0;
    for (let i = 0, k = row * nIn; i < nIn; i++, k++) {
      const value = x[k];
      if (value === 0) continue;
      places[count] = i * nOut;
      values[count] = value;
      count += 1;
    }
    count = found.fill(count);
    sums.fill(0);
    for (let k = 0; k < count; k += 4) {
      const p0 = places[k];
      const p1 = places[k + 1];
      const p2 = places[k + 2];
      const p3 = places[k + 3];
      const v0 = values[k];
      const v1 = values[k + 1];
      const v2 = values[k + 2];
      const v3 = values[k + 3];
      for (let j = 0; j < nOut; j++) sums[j] += v0 * W[p0 + j] + v1 * W[p1 + j] + v2 * W[p2 + j] + v3 * W[p3 + j];
    }
    const to = row * nOut;
    for (let j = 0; j < nOut; j++) z[to + j] = sums[j];
    if (b !== null) for (let j = 0; j < nOut; j++) z[to + j] += b[j];
  }
}

// dW = xᵀ delta, input by input: the samples of the batch in which it is not 0.
function outerProducts(x, delta, dW, nIn, nOut, found) {
  const { places, values } = found;
  const batch = delta.length / nOut;
  dW.fill(0);
  for (let i = 0; i < nIn; i++) {
    let count = 0;
    for (let row = 0, k = i; row < batch; row++, k += nIn) {
      const value = x[k];
      if (value === 0) continue;
      places[count] = row * nOut;
      values[count] = value;
      count += 1;
    }
    count = found.fill(count);
    const at = i * nOut;
    for (let k = 0; k < count; k += 4) {
      const p0 = places[k];
      const p1 = places[k + 1];
      const p2 = places[k + 2];
      const p3 = places[k + 3];
      const v0 = values[k];
      const v1 = values[k + 1];
      const v2 = values[k + 2];
      const v3 = values[k + 3];
      for (let j = 0; j < nOut; j++) dW[at + j] += v0 * delta[p0 + j] + v1 * delta[p1 + j] + v2 * delta[p2 + j] + v3 * delta[p3 + j];
    }
  }
}

function columnSums(delta, db, nOut) {
  db.fill(0);
  for (let k = 0; k < delta.length; ) for (let j = 0; j < nOut; j++, k++) db[j] += delta[k];
}
