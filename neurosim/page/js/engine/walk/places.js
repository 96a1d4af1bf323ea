// How the numbers of images are called: by their place, and the filter or the channel that they are of.

import { fill } from "./formula.js";
import { words } from "./words.js";

// Row, column and channel of a number of the image that a layer gives out.
export function split(layer, number) {
  const [, width, channels] = layer.outShape;
  const place = Math.floor(number / channels);
  return [Math.floor(place / width), place % width, number % channels];
}

// A place as a reader finds it, with the word of a key of words.NAMES: "window 10,12".
export function placeName(row, column, key) {
  return fill(words.NAMES[key], { row: String(row), column: String(column) });
}

// A channel of what a layer gives out: of filters, it is one of them; what has no weights keeps them apart.
function channelName(layer, channel) {
  let below = layer;
  while (below && !below.weightName) below = below.previous;
  return fill(words.NAMES[below ? "filter" : "channel"], { i: String(channel) });
}

// A number of what a layer gives out: a neuron by its number, of an image by channel and place.
export function numberName(layer, number) {
  if (layer.outShape.length !== 3) return fill(words.NAMES.neuron, { i: String(number) });
  const [row, column, channel] = split(layer, number);
  return fill(words.NAMES["channel at"], { channel: channelName(layer, channel), row: String(row), column: String(column) });
}

// A number of z of the layer above, by what feeds it: a window that pools has the channel of that.
export function fedName(above, number) {
  if (above.windows === null || above.weightName) return numberName(above, number);
  const [row, column] = split(above, number);
  return placeName(row, column, "window");
}

// Weight i of a kernel: by its row and column, and by the channel of the layer below where there are several.
export function kernelName(size, channels, i, below) {
  const pixel = Math.floor(i / channels);
  const kernel = placeName(Math.floor(pixel / size), pixel % size, "kernel");
  return channels === 1 ? kernel : fill(words.NAMES["kernel on"], { kernel, channel: channelName(below, i % channels) });
}

// A part of an image, [first row, last row] and columns, in words.
export function rowsAndColumns(field) {
  return ["row", "column"]
    .map((name, axis) => {
      const [first, last] = field[axis];
      return fill(words.NAMES[first === last ? name : `${name}s`], { first: String(first), last: String(last) });
    })
    .join(", ");
}

// The rows and the columns of what layer `index` gives out that a unit of a layer, at a place, depends on.
export function fieldOf(layer, row, column, index) {
  let field = [
    [row, row],
    [column, column],
  ];
  for (let each = layer; each && each.index > index; each = each.previous) if (each.windows) field = each.windows.field(...field);
  return field;
}
