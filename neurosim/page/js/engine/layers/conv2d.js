// The convolutional layer: each filter looks at each patch of the image below with the same weights. z = patches W +
// b, a = f(z). W is (k, k, C, filters), and images are (H, W, C) row by row.

import { addRows, columnSums, Found, inFours, rowsTimesFours, scatterRows } from "../products.js";
import { WeightedLayer } from "./weighted.js";
import { Windows } from "./windows.js";

export class Conv2D extends WeightedLayer {
  kind = "conv2d";
  typeName = "Conv2D";

  outputShape(inShape) {
    const { kernel_size: size, stride = 1, padding = "valid", filters } = this.settings;
    this.windows = new Windows(this.title, inShape, size, stride, padding);
    return [...this.windows.places, filters];
  }

  get detail() {
    const { filters, kernel_size: size, stride = 1, padding = "valid" } = this.settings;
    const more = (stride > 1 ? ` stride ${stride}` : "") + (padding !== "valid" ? ` ${padding}` : "");
    return `${filters}x${size}${more} ${super.detail}`;
  }

  weightShape() {
    const { kernel_size: size, filters } = this.settings;
    return [size, size, this.windows.shape[2], filters];
  }

  // One sample at a time, in float64: its patches stay in the processor's cache.
  attach(parameters) {
    super.attach(parameters);
    const { places, neuronCount: filters } = this;
    const { length } = this.windows; // k k C
    this.pairs = new Float64Array((places + (places % 2)) * length);
    this.patches = this.pairs.subarray(0, places * length); // (H' W', k k C); if H' W' is odd, a row of zeros follows
    this.fours = new Float64Array(Math.ceil(filters / 4) * 4 * length); // W, see `inFours`
    this.kernels = new Float64Array(filters * length); // (filters, k k C) Wᵀ
    this.sums = new Float64Array(filters * length); // dWᵀ
    this.ofBias = new Float64Array(filters); // db
    this.image = new Float64Array(this.nIn); // dL/dx
    this.found = new Found(Math.max(filters, places));
  }

  // Gather the patches of sample b, one row per patch.
  gather(b) {
    const { x, patches } = this;
    const { sources } = this.windows;
    const start = b * this.nIn;
    for (let k = 0; k < patches.length; k++) patches[k] = sources[k] < 0 ? 0 : x[start + sources[k]];
  }

  forward() {
    const { z, W, b, neuronCount: filters, places, pairs, fours } = this;
    const { length } = this.windows;
    inFours(W, fours, filters, length);
    for (let sample = 0; sample < this.batchSize; sample++) {
      this.gather(sample);
      rowsTimesFours(pairs, fours, z, sample * this.nOut, places, filters, length);
    }
    if (this.useBias) for (let k = 0; k < z.length; ) for (let f = 0; f < filters; f++, k++) z[k] += b[f];
    this.activate();
  }

  // dW = patchesᵀ delta, the sum over samples and places. Deltas of 0 cost nothing.
  parameterGradients() {
    const { delta, dW, sums, patches, found, places, neuronCount: filters } = this;
    const { length } = this.windows;
    sums.fill(0);
    for (let sample = 0; sample < this.batchSize; sample++) {
      this.gather(sample);
      const start = sample * this.nOut;
      for (let f = 0; f < filters; f++) {
        const count = found.pick(delta, start + f, places, filters, length);
        addRows(found, count, patches, sums, f * length, length);
      }
    }
    for (let k = 0, at = 0; k < length; k++) for (let f = 0; f < filters; f++, at++) dW[at] = sums[f * length + k];
    if (this.useBias) {
      columnSums(delta, this.ofBias, filters);
      this.db.set(this.ofBias);
    }
  }

  // dL/dpatches = delta Wᵀ. Each pixel sums over the patches that contain it.
  inputGradient(delta, dx) {
    const { W, image, kernels, found, places, neuronCount: filters } = this;
    const { length, sources } = this.windows;
    for (let k = 0, at = 0; k < length; k++) for (let f = 0; f < filters; f++, at++) kernels[f * length + k] = W[at];
    const batch = delta.length / this.nOut;
    for (let sample = 0; sample < batch; sample++) {
      image.fill(0);
      for (let place = 0; place < places; place++) {
        const count = found.pick(delta, sample * this.nOut + place * filters, filters, 1, length);
        scatterRows(found, count, kernels, image, sources, place * length, length);
      }
      dx.set(image, sample * this.nIn);
    }
  }

  sources(j) {
    return this.windows.sourcesAt(Math.floor(j / this.neuronCount));
  }

  outgoing(j) {
    const [, width, channels] = this.windows.shape;
    const filters = this.neuronCount;
    const pixel = Math.floor(j / channels);
    const fed = [];
    const slopes = [];
    for (const [place, own] of this.windows.thatSee(Math.floor(pixel / width), pixel % width)) {
      const at = (own * channels + (j % channels)) * filters;
      for (let f = 0; f < filters; f++) {
        fed.push(place * filters + f);
        slopes.push(this.W[at + f]);
      }
    }
    return [fed, this.Float.from(slopes)];
  }
}
