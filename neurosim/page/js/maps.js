// Feature maps as the views use them: a neuron, here a filter or a channel, has one number at each place. A layer's
// output is flat, row by row, with the channels of a place side by side.

/** Return whether a layer gives images: one map for each neuron. */
export function hasMaps(layer) {
  return layer.index > 0 && layer.outShape.length === 3;
}

/** Return the map of one neuron, row by row, from the row of its layer. */
export function mapOf(layer, values, neuron) {
  return Float64Array.from({ length: layer.places }, (_, place) => values[place * layer.neuronCount + neuron]);
}

/** Return the index of a unit in the row of its layer; without places, the index of its neuron. */
export function unitOf(layer, { neuron, row, column }) {
  return hasMaps(layer) ? (row * layer.outShape[1] + column) * layer.neuronCount + neuron : neuron;
}

/** Return the layer that made the maps at which a dense layer looks; null if it looks at none. */
export function mapsBelow(layer) {
  let below = layer.previous;
  while (below && (below.passesThrough || below.neuronByNeuron) && !hasMaps(below)) below = below.previous;
  return below && hasMaps(below) && !layer.windows ? below : null;
}

/** Return the shape of a neuron's weights as images, [height, width, channels]; null if they are a row of numbers. */
export function weightShape(layer) {
  const { windows } = layer;
  if (windows) return [windows.size, windows.size, windows.shape[2]];
  return mapsBelow(layer)?.outShape ?? null;
}

/** Return the inputs of a unit from a row x of the layer below, one for each of its weights; 0 outside of the image. */
export function inputsOf(layer, x, { row, column }) {
  if (!layer.windows) return x;
  return Float64Array.from(layer.windows.sourcesAt(row * layer.outShape[1] + column), (at) => (at < 0 ? 0 : x[at]));
}

/**
 * Return the receptive field of a unit in the image that each layer below gives.
 * @returns Map: index of a layer -> {top, left, height, width, channel: the only one that counts, or null}
 */
export function fieldsOf(layers, { layer, neuron, row, column }) {
  let [rows, columns, channel] = [[row, row], [column, column], neuron];
  const fields = new Map();
  for (let at = layer; at >= 0; at--) {
    fields.set(at, { top: rows[0], left: columns[0], height: rows[1] - rows[0] + 1, width: columns[1] - columns[0] + 1, channel });
    const { windows, W } = layers[at];
    if (!windows) continue;
    [rows, columns] = windows.field(rows, columns);
    if (W) channel = null;
  }
  return fields;
}

/** Return the place below that a pooled number represents: that of the maximum, or the middle of the window for a mean. */
export function sourceOf(pooling, x, { neuron, row, column }) {
  const { sources, size, shape, length } = pooling.windows;
  const channels = shape[2];
  const window = Array.from({ length: size * size }, (_, own) => sources[(row * pooling.outShape[1] + column) * length + own * channels + neuron]);
  const middle = window[(size >> 1) * size + (size >> 1)];
  const at = takesLargest(pooling) ? window.reduce((best, each) => (x[each] > x[best] ? each : best)) : middle;
  const pixel = Math.floor(at / channels);
  return { row: Math.floor(pixel / shape[1]), column: pixel % shape[1] };
}

/** Return whether a pooling takes the largest number of a window, not the mean. */
export function takesLargest(pooling) {
  return pooling.kind === "max_pool2d";
}
