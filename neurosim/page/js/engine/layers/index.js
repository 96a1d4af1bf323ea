// The kinds of layers, by key. A new kind is a new file and a line here.

import { BatchNorm } from "./batch_norm.js";
import { Conv2D } from "./conv2d.js";
import { Dense } from "./dense.js";
import { Dropout } from "./dropout.js";
import { Input } from "./input.js";
import { AveragePool2D, Flatten, MaxPool2D } from "./pooling.js";

export const LAYERS = {
  input: Input,
  dense: Dense,
  dropout: Dropout,
  batch_norm: BatchNorm,
  conv2d: Conv2D,
  max_pool2d: MaxPool2D,
  average_pool2d: AveragePool2D,
  flatten: Flatten,
};

// Create the layer that a config describes.
export function createLayer(config) {
  if (!Object.hasOwn(LAYERS, config.name)) {
    throw new Error(
      `This page does not know layers of the kind "${config.name}". It knows ${Object.keys(LAYERS).join(", ")}.`,
    );
  }
  const { name, ...settings } = config;
  return new LAYERS[name](settings);
}
