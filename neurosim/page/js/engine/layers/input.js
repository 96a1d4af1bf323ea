// The input layer: it takes samples, converts them to the network's units, and passes them on.

import { Layer } from "./base.js";

export class Input extends Layer {
  kind = "input";
  typeName = "Input";
  learned = null; // what the network remembers of its training samples

  constructor(config) {
    super(config);
    this.sides = Array.isArray(config.size) ? config.size : [config.size];
  }

  outputShape() {
    return this.sides;
  }

  buffers() {
    return ["a"];
  }

  get z() {
    return this.a;
  }

  // The factor of whole numbers, in the network's own type.
  get scale() {
    return typeof this.settings.scale === "number" ? this.r(this.settings.scale) : 1;
  }

  // Fill row b of the batch with a sample. Whole numbers (in an array of integers) are scaled, and other floats stay
  // unchanged. Features of a standardized table are standardized.
  fill(b, raw) {
    const a = this.a;
    const n = this.nOut;
    const start = b * n;
    const mean = this.learned?.mean ?? [];
    if (mean.length) {
      const deviation = this.learned.deviation;
      for (let i = 0; i < n; i++) a[start + i] = (raw[i] - mean[i]) / deviation[i];
    } else if (raw instanceof Float32Array || raw instanceof Float64Array) {
      a.set(raw, start);
    } else {
      const scale = this.scale;
      for (let i = 0; i < n; i++) a[start + i] = raw[i] * scale;
    }
  }

  forward() {}

  // Return height and width of a sample that is an image of one colour, from its size or the training set.
  get imageShape() {
    for (const shape of [this.sides, this.learned?.shape ?? []]) {
      const sides = shape.length > 1 && shape.at(-1) === 1 ? shape.slice(0, -1) : shape;
      if (sides.length === 2 && Math.min(...sides) > 1) return sides;
    }
    return null;
  }
}
