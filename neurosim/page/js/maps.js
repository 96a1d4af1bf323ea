// Layers of images as the views look at them: a neuron, a filter or a channel, has a number at each place. What a layer
// gives out lies flat, row by row, the channels of a place side by side.

/** Whether a layer makes images: a map for each neuron. */
export function hasMaps(layer) {
  return layer.index > 0 && layer.outShape.length === 3;
}

/** What one neuron has of a row of its layer: its map, row by row. */
export function mapOf(layer, values, neuron) {
  return Float64Array.from({ length: layer.places }, (_, place) => values[place * layer.neuronCount + neuron]);
}

/** The number of a unit in the row of its layer; of a neuron without places its own. */
export function unitOf(layer, { neuron, row, column }) {
  return hasMaps(layer) ? (row * layer.outShape[1] + column) * layer.neuronCount + neuron : neuron;
}

/** The layer that made the maps that a dense layer looks at; null where it looks at none. */
export function mapsBelow(layer) {
  let below = layer.previous;
  while (below && (below.passesThrough || below.neuronByNeuron) && !hasMaps(below)) below = below.previous;
  return below && hasMaps(below) && !layer.windows ? below : null;
}

/** How the weights of a neuron lie as images, [height, width, channels]; null: they are a row of numbers. */
export function weightShape(layer) {
  const { windows } = layer;
  if (windows) return [windows.size, windows.size, windows.shape[2]];
  return mapsBelow(layer)?.outShape ?? null;
}

/** What a unit sees of a row x of the layer below, a number for each of its weights; 0 outside of the image. */
export function inputsOf(layer, x, { row, column }) {
  if (!layer.windows) return x;
  return Float64Array.from(layer.windows.sourcesAt(row * layer.outShape[1] + column), (at) => (at < 0 ? 0 : x[at]));
}

/**
 * Where a unit looks: what it depends on of the image that each layer below gives out.
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

/** The place below that a pooled number stands for: that of the maximum; of a mean the middle of its window. */
export function sourceOf(pooling, x, { neuron, row, column }) {
  const { sources, size, shape, length } = pooling.windows;
  const channels = shape[2];
  const window = Array.from({ length: size * size }, (_, own) => sources[(row * pooling.outShape[1] + column) * length + own * channels + neuron]);
  const middle = window[(size >> 1) * size + (size >> 1)];
  const at = takesLargest(pooling) ? window.reduce((best, each) => (x[each] > x[best] ? each : best)) : middle;
  const pixel = Math.floor(at / channels);
  return { row: Math.floor(pixel / shape[1]), column: pixel % shape[1] };
}

/** Whether a pooling takes the largest number of a window, not the mean. */
export function takesLargest(pooling) {
  return pooling.kind === "max_pool2d";
}
