// Dropout: in training, some activations are set to 0 at random. The others are divided by 1 - rate.

import { general } from "../numbers.js";
import { Layer } from "./base.js";

export class Dropout extends Layer {
  kind = "dropout";
  typeName = "Dropout";
  passesThrough = true;
  neuronByNeuron = true;
  random = null; // the stream of random numbers; the network gives it

  buffers() {
    return [...super.buffers(), "mask"];
  }

  forward(training) {
    const { x, z, a, mask } = this;
    const rate = this.settings.rate ?? 0.5;
    z.set(x);
    if (training && rate > 0) {
      const kept = 1 / (1 - rate);
      for (let k = 0; k < x.length; k++) {
        mask[k] = this.random.next() >= rate ? kept : 0;
        a[k] = x[k] * mask[k];
      }
    } else {
      mask.fill(1);
      a.set(x);
    }
  }

  deltaFromDa() {
    const { da, delta, mask } = this;
    for (let k = 0; k < da.length; k++) delta[k] = da[k] * mask[k];
  }

  inputGradient(delta, dx) {
    dx.set(delta);
  }

  get detail() {
    return general(this.settings.rate ?? 0.5, 6);
  }
}
