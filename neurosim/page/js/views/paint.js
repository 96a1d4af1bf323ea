// Numbers as colours, on small canvases that CSS enlarges. Pixels and activations go from white to dark. Signed
// numbers are blue below zero and red above it; zero has the colour of the paper.

// ColorBrewer's RdBu, reversed, as in Python's figures; in dark mode its middle is dark
const LIGHT = [
  [5, 48, 97], [33, 102, 172], [67, 147, 195], [146, 197, 222], [209, 229, 240], [247, 247, 247],
  [253, 219, 199], [244, 165, 130], [214, 96, 77], [178, 24, 43], [103, 0, 31],
];
const DARK = [
  [150, 214, 255], [104, 184, 240], [70, 148, 205], [48, 108, 154], [36, 66, 92], [29, 33, 38],
  [92, 48, 42], [158, 72, 58], [212, 104, 84], [242, 142, 118], [255, 190, 170],
];
const UNKNOWN = [128, 128, 128];
const NOT_A_NUMBER = 0xff808080; // the same in the byte order of a pixel

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Return whether the screen is in dark mode. */
export function isDark() {
  return dark.matches;
}

/** Call back when the screen changes between light and dark mode. */
export function onTheme(callback) {
  dark.addEventListener("change", callback);
}

function between(stops, place) {
  const at = Math.min(Math.max(place, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const share = at - low;
  return stops[low].map((each, k) => Math.round(each + share * (stops[low + 1][k] - each)));
}

/** Return red, green and blue of a signed number; `limit` gets the full colour. */
export function signedColour(value, limit) {
  if (!Number.isFinite(value)) return UNKNOWN;
  return between(isDark() ? DARK : LIGHT, (value / (limit || 1) + 1) / 2);
}

/** Return red, green and blue of a share from 0 to 1: paper to ink. */
export function inkColour(share) {
  if (!Number.isFinite(share)) return UNKNOWN;
  return between(isDark() ? [[24, 28, 33], [240, 240, 238]] : [[255, 255, 255], [10, 10, 10]], share);
}

/** Write a colour for CSS. */
export function css(colour) {
  return `rgb(${colour[0]} ${colour[1]} ${colour[2]})`;
}

/** Return the largest size among numbers, without NaN. */
export function largest(values) {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]);
    if (size > most && size < Infinity) most = size;
  }
  return most;
}

function tables(colour, low, high) {
  const table = new Uint32Array(256);
  for (let k = 0; k < 256; k++) {
    const [r, g, b] = colour(low + ((high - low) * k) / 255);
    table[k] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return table;
}

let tablesFor = null;
let signedTable, inkTable;

function colourTables() {
  if (tablesFor !== isDark()) {
    tablesFor = isDark();
    signedTable = tables((value) => signedColour(value, 1), -1, 1);
    inkTable = tables(inkColour, 0, 1);
  }
}

/**
 * Write the colours of signed numbers into `out` (Uint32), from `at` on. Rows have `width` numbers, in an image
 * `stride` wide.
 */
export function putSigned(out, values, limit, at = 0, width = values.length, stride = width) {
  colourTables();
  const scale = 127.5 / (limit || 1);
  for (let i = 0; i < values.length; i++) {
    const place = Math.round(127.5 + values[i] * scale);
    const colour = place >= 0 ? signedTable[Math.min(place, 255)] : place < 0 ? signedTable[0] : NOT_A_NUMBER;
    out[at + Math.floor(i / width) * stride + (i % width)] = colour;
  }
}

/** Write numbers from 0 to `high` as ink into `out`, in the layout of `putSigned`. */
export function putInk(out, values, high, at, width, stride) {
  colourTables();
  for (let i = 0; i < values.length; i++) {
    const share = Math.min(Math.max(Math.round((values[i] / (high || 1)) * 255), 0), 255);
    out[at + Math.floor(i / width) * stride + (i % width)] = share >= 0 ? inkTable[share] : NOT_A_NUMBER;
  }
}

function sized(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  return canvas.getContext("2d");
}

function show(context, pixels, width, height) {
  context.putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
}

/** Paint signed numbers as an image of height × width. */
export function paintSigned(canvas, values, [height, width], limit = largest(values)) {
  const pixels = new Uint32Array(height * width);
  putSigned(pixels, values, limit, 0, width, width);
  show(sized(canvas, width, height), pixels, width, height);
  return canvas;
}

/**
 * Paint numbers of an image (height, width, channels) as one tile per channel, in one scale, in rows from the top.
 * @param values an array row by row, with the channels of a place side by side
 */
export function paintTiles(canvas, values, [height, width, channels], { ink = false, limit = largest(values), columns = Math.ceil(Math.sqrt(channels)) } = {}) {
  colourTables();
  const [across, down] = [columns * (width + 1) - 1, Math.ceil(channels / columns) * (height + 1) - 1];
  const pixels = new Uint32Array(across * down); // transparent between the tiles
  const tile = new Float64Array(height * width);
  for (let c = 0; c < channels; c++) {
    for (let k = 0; k < tile.length; k++) tile[k] = values[k * channels + c];
    const at = Math.floor(c / columns) * (height + 1) * across + (c % columns) * (width + 1);
    if (ink) putInk(pixels, tile, limit, at, width, across);
    else putSigned(pixels, tile, limit, at, width, across);
  }
  show(sized(canvas, across, down), pixels, across, down);
  canvas.style.aspectRatio = `${across} / ${down}`;
  canvas.classList.add("tiles");
  return canvas;
}

/** Paint numbers from 0 to `high` as ink on paper; three channels are red, green and blue. */
export function paintInk(canvas, values, [height, width, channels = 1], high = 255) {
  colourTables();
  const pixels = new Uint32Array(height * width);
  for (let i = 0; i < pixels.length; i++) {
    if (channels === 3) {
      const [r, g, b] = [0, 1, 2].map((k) => Math.min(Math.max(Math.round((values[3 * i + k] / high) * 255), 0), 255));
      pixels[i] = (255 << 24) | (b << 16) | (g << 8) | r;
    } else {
      pixels[i] = inkTable[Math.min(Math.max(Math.round((values[i] / high) * 255), 0), 255)];
    }
  }
  show(sized(canvas, width, height), pixels, width, height);
  return canvas;
}

/** Sum over the channels of a picture, to show its weights in one image. */
export function overChannels(values, [height, width, channels = 1]) {
  if (channels === 1) return values;
  const sums = new Float64Array(height * width);
  for (let i = 0; i < values.length; i++) sums[Math.floor(i / channels)] += values[i];
  return sums;
}

/** Return the shape for painting numbers: that of the picture; null for a strip. */
export function imageShape(shape, count) {
  if (shape && shape.length >= 2 && shape[0] * shape[1] * (shape[2] || 1) === count) return shape;
  return null;
}
