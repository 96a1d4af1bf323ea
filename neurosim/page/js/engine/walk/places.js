// The names of numbers in images: place, and filter or channel.

import { fill } from "./formula.js";
import { words } from "./words.js";

// Return row, column and channel of a number in the output image of a layer.
export function split(layer, number) {
  const [, width, channels] = layer.outShape;
  const place = Math.floor(number / channels);
  return [Math.floor(place / width), place % width, number % channels];
}

// Return the name of a place, with a key of words.NAMES: "window 10,12".
export function placeName(row, column, key) {
  return fill(words.NAMES[key], { row: String(row), column: String(column) });
}

// Return the name of an output channel: the filter that computed it, or "channel 0" of the sample.
function channelName(layer, channel) {
  let below = layer;
  while (below && !below.weightName) below = below.previous;
  return fill(words.NAMES[below ? "filter" : "channel"], { i: String(channel) });
}

// Return the name of an output of a layer: the neuron, or channel and place in an image.
export function numberName(layer, number) {
  if (layer.outShape.length !== 3) return fill(words.NAMES.neuron, { i: String(number) });
  const [row, column, channel] = split(layer, number);
  return fill(words.NAMES["channel at"], { channel: channelName(layer, channel), row: String(row), column: String(column) });
}

// Return the name of one z of the layer above: a pooling window by its place, any other unit by numberName.
export function fedName(above, number) {
  if (above.windows === null || above.weightName) return numberName(above, number);
  const [row, column] = split(above, number);
  return placeName(row, column, "window");
}

// Return the name of weight i of a kernel: row, column, and the channel below if there are several.
export function kernelName(size, channels, i, below) {
  const pixel = Math.floor(i / channels);
  const kernel = placeName(Math.floor(pixel / size), pixel % size, "kernel");
  return channels === 1 ? kernel : fill(words.NAMES["kernel on"], { kernel, channel: channelName(below, i % channels) });
}

// Return a part of an image, [first row, last row] and columns, in words.
export function rowsAndColumns(field) {
  return ["row", "column"]
    .map((name, axis) => {
      const [first, last] = field[axis];
      return fill(words.NAMES[first === last ? name : `${name}s`], { first: String(first), last: String(last) });
    })
    .join(", ");
}

// Return the rows and columns in the output of layer `index` on which a unit depends.
export function fieldOf(layer, row, column, index) {
  let field = [
    [row, row],
    [column, column],
  ];
  for (let each = layer; each && each.index > index; each = each.previous) if (each.windows) field = each.windows.field(...field);
  return field;
}
