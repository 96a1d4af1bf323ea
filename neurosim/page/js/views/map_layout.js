// The layout of the maps of a convolutional network. Layers stand beside each other if there is room, else below each
// other; the layers without maps follow. Numbers in, boxes out.

import { layOut, leastWidth, TITLE } from "./geometry.js";

const CELL = { least: 22, most: 84 }; // pixels along a map
const STRIP = 10; // the width of a row of numbers
const FEW = 16; // maps that are drawn larger on a narrow screen
const MARGIN = 4; // pixels at the sides, for the outline of the open unit
const BELOW = 330; // pixels for the layers without maps, if they stand below the others

/**
 * Lay out all layers that are shown.
 * @param layers with `maps`: {index, count, shape: [height, width], kernels: how many stand beside a map}; with
 *   `strip`: a row of numbers; the others as `geometry.layOut` takes them
 * @returns {columns, boxes: Map "layer/neuron" -> {x, y, width, height, map, kernel: boxes of both}, height, below:
 *   whether the layers stand below each other}
 */
export function layOutAll(layers, width, height) {
  const mapped = layers.filter((layer) => layer.maps || layer.strip);
  const others = layers.filter((layer) => !layer.maps && !layer.strip);
  if (!mapped.length) return { ...layOut(layers, width, height), below: false };
  return beside(mapped, others, width, height) ?? below(mapped, others, width);
}

/** Return the width of the kernels beside a map, as a share of the map's. The tiles of a few channels stand below each other. */
function share(kernels) {
  return kernels ? Math.min(0.75, 1 / kernels) : 0;
}

/** Return the parts of a cell whose map is at most `cell` wide and high. */
function cellOf({ shape: [height, width], kernels }, cell) {
  const map = { width: cell * Math.min(1, width / height), height: cell * Math.min(1, height / width) };
  const kernel = kernels ? { width: cell * share(kernels), height: cell * share(kernels) * kernels } : null;
  return { map, kernel, width: map.width + (kernel ? kernel.width + 3 : 0), height: Math.max(map.height, kernel ? kernel.height : 0) };
}

/** Pixels from cell to cell. */
function gapOf(cell) {
  return cell > 40 ? 10 : 5;
}

function grid(layer, cell, room) {
  const { width, height } = cellOf(layer, cell);
  const gap = gapOf(cell);
  const rows = Math.max(1, Math.floor((room + gap) / (height + gap)));
  const columns = Math.ceil(layer.count / rows);
  return { columns, width: columns * (width + gap) - gap };
}

function beside(mapped, others, width, height) {
  const room = height - TITLE - 8;
  const gap = 16;
  const free = width - leastWidth(others, width, height, 26) - gap * mapped.length - 8;
  const widthAt = (cell) => mapped.reduce((sum, layer) => sum + (layer.strip ? STRIP : grid(layer, cell, room).width), 0);
  let cell = Math.min(CELL.most, Math.floor(room));
  while (cell >= CELL.least && widthAt(cell) > free) cell -= 1;
  if (cell < CELL.least) return null;
  const between = Math.min(gap + (free - widthAt(cell)) / mapped.length, 110);
  const boxes = new Map();
  const columns = [];
  let x = 0;
  for (const layer of mapped) {
    const placed = layer.strip ? { width: STRIP } : grid(layer, cell, room);
    if (layer.strip) boxes.set(`${layer.index}/0`, { x, y: TITLE, width: STRIP, height: room });
    else putCells(boxes, layer, cell, placed.columns, x, TITLE, room);
    columns.push({ ...layer, ...placed, x, y: 0 });
    x += placed.width + (layer.strip ? Math.max(between, 24) : between); // its title is wider than the strip
  }
  const rest = layOut(others, width, height, x);
  return { columns: [...columns, ...rest.columns], boxes: new Map([...boxes, ...rest.boxes]), height, below: false };
}

function below(mapped, others, whole) {
  const boxes = new Map();
  const columns = [];
  const width = whole - 2 * MARGIN;
  let y = 0;
  for (const layer of mapped) {
    columns.push({ ...layer, x: MARGIN, y, width });
    if (layer.strip) {
      boxes.set(`${layer.index}/0`, { x: MARGIN, y: y + TITLE, width, height: STRIP });
      y += TITLE + STRIP + 8;
      continue;
    }
    const wanted = cellOf(layer, layer.count <= FEW ? 38 : 24).width;
    const most = Math.max(1, Math.floor((width + 5) / (wanted + 5)));
    const inRow = Math.ceil(layer.count / Math.ceil(layer.count / most));
    const room = (width + 10) / inRow - 10;
    const cell = Math.min((room - (layer.kernels ? 3 : 0)) / (cellOf(layer, 1).map.width + share(layer.kernels)), 64);
    putCells(boxes, layer, cell, inRow, MARGIN, y + TITLE);
    y += TITLE + Math.ceil(layer.count / inRow) * (cellOf(layer, cell).height + gapOf(cell)) + 8;
  }
  const rest = layOut(others, whole - MARGIN, BELOW, MARGIN, y);
  return { columns: [...columns, ...rest.columns], boxes: new Map([...boxes, ...rest.boxes]), height: y + BELOW, below: true };
}

/** Put cells row by row; if a height is given, they spread over it. */
function putCells(boxes, layer, cell, inRow, x, y, height = 0) {
  const each = cellOf(layer, cell);
  const rows = Math.ceil(layer.count / inRow);
  const spread = height ? Math.min((height - rows * each.height) / rows, 14) : gapOf(cell);
  const from = height ? y + Math.max(0, (height - rows * (each.height + spread)) / 2) : y;
  for (let j = 0; j < layer.count; j++) {
    const [left, top] = [x + (j % inRow) * (each.width + gapOf(cell)), from + Math.floor(j / inRow) * (each.height + spread)];
    const middle = (part) => top + (each.height - part.height) / 2;
    const kernel = each.kernel && { ...each.kernel, x: left, y: middle(each.kernel) };
    const map = { ...each.map, x: left + each.width - each.map.width, y: middle(each.map) };
    boxes.set(`${layer.index}/${j}`, { x: left, y: top, width: each.width, height: each.height, kernel, map });
  }
}
