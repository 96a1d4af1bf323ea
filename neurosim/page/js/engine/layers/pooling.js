// Pooling layers, which make each channel of an image smaller, window by window; and Flatten, which makes rows of
// images.

import { Layer } from "./base.js";
import { Windows } from "./windows.js";

// The base of max and average pooling: windows over each channel alone.
class Pooling extends Layer {
  constructor(config) {
    super(config);
    this.size = config.size ?? 2;
    this.stride = config.stride ?? this.size;
  }

  outputShape(inShape) {
    this.windows = new Windows(this.title, inShape, this.size, this.stride);
    return [...this.windows.places, this.windows.shape[2]];
  }

  // Return the numbers of z whose windows see number j of x.
  thatSee(j) {
    const [, width, channels] = this.windows.shape;
    const pixel = Math.floor(j / channels);
    return this.windows.thatSee(Math.floor(pixel / width), pixel % width).map(([place]) => place * channels + (j % channels));
  }

  get detail() {
    return this.stride === this.size ? `${this.size}` : `${this.size} stride ${this.stride}`;
  }
}

// The largest number of each window. The backward pass gives dL/dz to that number alone, or to the first of several.
export class MaxPool2D extends Pooling {
  kind = "max_pool2d";
  typeName = "MaxPool2D";
  handsOn = "largest";

  reserve(capacity) {
    super.reserve(capacity);
    this.allWinners = new Int32Array(capacity * this.nOut);
  }

  setBatchSize(batchSize) {
    super.setBatchSize(batchSize);
    this.winners = this.allWinners.subarray(0, batchSize * this.nOut); // the pixel of its window that holds each maximum
  }

  forward() {
    const { x, z, winners, nIn, nOut, size, batchSize } = this;
    const channels = this.windows.shape[2];
    const { sources } = this.windows;
    const pixels = size * size;
    for (let b = 0, k = 0; b < batchSize; b++) {
      for (let n = 0; n < nOut; n++, k++) {
        const channel = n % channels;
        let at = ((n - channel) / channels) * pixels * channels + channel;
        let best = -Infinity;
        let winner = 0;
        for (let own = 0; own < pixels; own++, at += channels) {
          const value = x[b * nIn + sources[at]];
          if (value > best || value !== value) {
            best = value;
            winner = own;
          }
        }
        z[k] = best;
        winners[k] = winner;
      }
    }
    this.a.set(z);
  }

  inputGradient(delta, dx) {
    const { winners, nIn, nOut } = this;
    const { sources, length } = this.windows;
    const channels = this.windows.shape[2];
    dx.fill(0);
    for (let k = 0; k < delta.length; k++) {
      const n = k % nOut;
      const channel = n % channels;
      dx[((k - n) / nOut) * nIn + sources[((n - channel) / channels) * length + winners[k] * channels + channel]] += delta[k];
    }
  }

  outgoing(j, x) {
    const won = this.contests(j, x).filter(([, winner]) => winner === j);
    return [won.map(([n]) => n), new this.Float(won.length).fill(1)];
  }

  contests(j, x) {
    const channels = this.windows.shape[2];
    return this.thatSee(j).map((n) => {
      const seen = this.windows.sourcesAt(Math.floor(n / channels)).filter((_, at) => at % channels === n % channels);
      const winner = seen.reduce((best, i) => (x[i] > x[best] ? i : best));
      return [n, winner, seen.filter((i) => x[i] === x[winner]).length];
    });
  }

  kinkSides() {
    return Array.from(this.winners);
  }
}

// The mean of each window.
export class AveragePool2D extends Pooling {
  kind = "average_pool2d";
  typeName = "AveragePool2D";
  handsOn = "mean";

  forward() {
    const { x, z, nIn, nOut, size, batchSize } = this;
    const { sources } = this.windows;
    const channels = this.windows.shape[2];
    const pixels = size * size;
    for (let b = 0, k = 0; b < batchSize; b++) {
      for (let n = 0; n < nOut; n++, k++) {
        const channel = n % channels;
        let at = ((n - channel) / channels) * pixels * channels + channel;
        let sum = 0;
        for (let own = 0; own < pixels; own++, at += channels) sum += x[b * nIn + sources[at]];
        z[k] = sum / pixels;
      }
    }
    this.a.set(z);
  }

  inputGradient(delta, dx) {
    const { nIn, nOut, size } = this;
    const { sources } = this.windows;
    const channels = this.windows.shape[2];
    const pixels = size * size;
    dx.fill(0);
    for (let k = 0; k < delta.length; k++) {
      const n = k % nOut;
      const channel = n % channels;
      const start = ((k - n) / nOut) * nIn;
      const share = delta[k] / pixels;
      let at = ((n - channel) / channels) * pixels * channels + channel;
      for (let own = 0; own < pixels; own++, at += channels) dx[start + sources[at]] += share;
    }
  }

  outgoing(j) {
    const fed = this.thatSee(j);
    return [fed, new this.Float(fed.length).fill(1 / (this.size * this.size))];
  }

  explainSlope() {
    return ["1 / {size}²", { size: this.size }];
  }
}

// The numbers of an image as one row, in the same order.
export class Flatten extends Layer {
  kind = "flatten";
  typeName = "Flatten";
  passesThrough = true;
  reshapes = true;

  outputShape(inShape) {
    return [inShape.reduce((product, side) => product * side, 1)];
  }

  forward() {
    this.z.set(this.x);
    this.a.set(this.x);
  }

  inputGradient(delta, dx) {
    dx.set(delta);
  }
}
