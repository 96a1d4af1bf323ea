// The kinds of layers, by key. A new kind is a file of its own and a line here.

import { BatchNorm } from "./batch_norm.js";
import { Dense } from "./dense.js";
import { Dropout } from "./dropout.js";
import { Input } from "./input.js";

export const LAYERS = { input: Input, dense: Dense, dropout: Dropout, batch_norm: BatchNorm };

// The layer that a config describes.
export function createLayer(config) {
  if (!Object.hasOwn(LAYERS, config.name)) {
    throw new Error(
      `This page does not know layers of the kind "${config.name}". It knows ${Object.keys(LAYERS).join(", ")}.`,
    );
  }
  const { name, ...settings } = config;
  return new LAYERS[name](settings);
}
