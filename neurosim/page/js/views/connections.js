// The connections that the network view draws: the strongest of the open neuron, and the largest terms of the
// prediction.

import { inputsOf } from "../maps.js";

const LINES = 8; // of the open neuron, on each side
const OF_MAPS = 4; // the same for maps
const QUIET = 6; // largest terms of the prediction

/**
 * @param shown the layers that are drawn, {index, count, maps}, in order
 * @returns [{from: [layer, neuron], to: [layer, neuron], value, share: of the strongest, quiet, into, plain: without a
 *   sign}]
 */
export function connections(store, shown) {
  return [...forTheAnswer(store, shown), ...into(store, shown), ...outOf(store, shown)];
}

function numbers(count, make) {
  return Array.from({ length: count }, (_, i) => make(i));
}

function strongest(lines, count) {
  const sorted = lines.filter((line) => line.value).sort((one, other) => Math.abs(other.value) - Math.abs(one.value)).slice(0, count);
  const most = sorted.length ? Math.abs(sorted[0].value) : 1;
  return sorted.map((line) => ({ ...line, share: Math.abs(line.value) / most }));
}

function forTheAnswer(store, shown) {
  if (shown.length < 2) return [];
  const [below, last] = shown.slice(-2);
  const { decided, output } = store.answer();
  const k = output.length > 1 ? decided : 0;
  const terms = below.maps ? flows(store, below, last, k) : numbers(below.count, (i) => store.answer().layers[below.index].a[i] * weight(store, last, i, k));
  return strongest(numbers(below.count, (i) => ({ from: [below, i], to: [last, k], value: terms[i], quiet: true })), QUIET);
}

/** Into the open neuron: its weights; from maps, the terms of each in its z. */
function into(store, shown) {
  const { layer, neuron } = store.state;
  const at = shown.findIndex((each) => each.index === layer);
  if (at < 1) return [];
  const [below, here] = [shown[at - 1], shown[at]];
  const values = below.maps ? flows(store, below, here, neuron) : numbers(below.count, (i) => weight(store, here, i, neuron));
  return strongest(numbers(below.count, (i) => ({ from: [below, i], to: [here, neuron], value: values[i], into: true })), below.maps ? OF_MAPS : LINES);
}

/** Out of the open neuron, through its pooled maps to the next layer with weights. */
function outOf(store, shown) {
  const { layer, neuron } = store.state;
  let at = shown.findIndex((each) => each.index === layer);
  const lines = [];
  for (; at >= 0 && at < shown.length - 1; at++) {
    const [here, above] = [shown[at], shown[at + 1]];
    if (store.layer(above.index).W) return [...lines, ...strongest(numbers(above.count, (j) => connection(store, here, neuron, above, j)), here.maps ? OF_MAPS : LINES)];
    lines.push({ from: [here, neuron], to: [above, neuron], value: 1, share: 0.3, plain: true });
  }
  return lines;
}

function connection(store, here, i, above, j) {
  if (!here.maps) return { from: [here, i], to: [above, j], value: weight(store, above, i, j) };
  // for a filter that looks at this map at many places: the size of its weights for the map
  if (above.maps) return { from: [here, i], to: [above, j], value: norm(store.layer(above.index), i, j), plain: true };
  return { from: [here, i], to: [above, j], value: flows(store, here, above, j)[i] };
}

function weight(store, above, i, j) {
  const { W, nOut } = store.layer(above.index);
  return W[i * nOut + j];
}

/** Return for each map below the sum of its terms in z of a neuron, or of a filter at the open place. */
function flows(store, below, above, neuron) {
  const layer = store.layer(above.index);
  const weights = layer.neuronPart(layer.W, neuron);
  const inputs = inputsOf(layer, store.answer().layers[layer.index - 1].a, store.place() ?? {});
  const sums = new Float64Array(store.layer(below.index).neuronCount);
  for (let k = 0; k < weights.length; k++) sums[k % sums.length] += weights[k] * inputs[k];
  return sums;
}

function norm(layer, channel, filter) {
  const weights = layer.neuronPart(layer.W, filter);
  const channels = layer.windows.shape[2];
  let sum = 0;
  for (let k = channel; k < weights.length; k += channels) sum += weights[k] ** 2;
  return Math.sqrt(sum);
}
