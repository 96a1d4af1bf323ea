// The layout of the neurons in the network view: numbers in, boxes out.

export const TITLE = 26; // pixels for the titles at the top
const LEAST = 22; // pixels from dot to dot
const CROWDED = 15; // the same if there are many
export const MOST = { images: 128, dots: 96, maps: 64 }; // neurons of a layer that are drawn; any other is opened by its number

/** Return columns and size of square cells, so that `count` of them fill a box of width × height best. */
export function bestGrid(count, width, height, gap, most = 84) {
  let best = { columns: 1, cell: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cell = Math.min((width + gap) / columns - gap, (height + gap) / rows - gap, most);
    if (cell > best.cell) best = { columns, cell: Math.floor(cell), rows };
  }
  return best;
}

/**
 * Lay out layers without maps, in the part of the sheet from `left` and `above` on.
 * @param layers [{index, count, images: whether its weights are shown as images, longest: letters of its longest
 *   name}]
 * @returns {columns: [{...layer, x, width, title}], boxes: Map "layer/neuron" -> {x, y, width, height}}
 */
export function layOut(layers, width, height, left = 0, above = 0) {
  const top = above + TITLE;
  const room = height - TITLE - 8;
  const last = layers[layers.length - 1];
  const outputWidth = widthOfOutput(last, width);
  const hidden = layers.slice(0, -1);
  const dotted = hidden.filter((layer) => !layer.images).map((layer) => inDots(layer, room));
  const dots = dotted.reduce((sum, layer) => sum + layer.width, 0);
  // without images, the free space goes between the columns, so that lines have room
  const spare = hidden.length ? (width - left - outputWidth - dots) / hidden.length : 0;
  const gap = hidden.some((layer) => layer.images) ? Math.min(Math.max(width * 0.11, 26), 130) : Math.min(Math.max(spare, 26), 280);
  const forImages = Math.max(width - left - outputWidth - dots - gap * hidden.length, 60);
  const placed = [];
  const boxes = new Map();
  let x = left;
  for (const layer of hidden) {
    const column = layer.images ? imageColumn(layer, x, top, forImages, room, boxes) : dotColumn(dotted.find((each) => each.index === layer.index), x, top, room, boxes);
    placed.push(column);
    x += column.width + gap;
  }
  const atRight = Math.max(width - Math.max(outputWidth, width - x), 0);
  placed.push(outputColumn(last, Math.min(x, atRight || x), top, width, room, boxes));
  return { columns: placed.map((column) => ({ ...column, y: above })), boxes, height };
}

function widthOfOutput(last, width) {
  return Math.min(Math.max(width * 0.31, 118, Math.min(last.longest * 8.5 + 190, width * 0.44)), 360);
}

function inDots(layer, room) {
  const rows = Math.max(1, Math.floor(room / (layer.count > 40 ? CROWDED : LEAST)));
  const columns = Math.ceil(layer.count / rows);
  const inColumn = Math.ceil(layer.count / columns);
  const step = Math.min(room / inColumn, 40);
  const size = Math.min(step - 5, 26);
  return { ...layer, columns, inColumn, step, size, width: columns * (size + 5) };
}

/** Return the least width of layers without maps, with a gap before each. */
export function leastWidth(layers, width, height, gap) {
  const hidden = layers.slice(0, -1).map((layer) => inDots(layer, height - TITLE - 8).width + gap);
  return hidden.reduce((sum, each) => sum + each, widthOfOutput(layers[layers.length - 1], width));
}

function imageColumn(layer, x, top, width, room, boxes) {
  const gap = 8;
  const { columns, cell } = bestGrid(layer.count, width, room - 4, gap);
  for (let j = 0; j < layer.count; j++) {
    boxes.set(`${layer.index}/${j}`, {
      x: x + (j % columns) * (cell + gap), y: top + Math.floor(j / columns) * (cell + gap), width: cell, height: cell,
    });
  }
  return { ...layer, x, columns, cell, gap, width: columns * (cell + gap) - gap };
}

function dotColumn(layer, x, top, room, boxes) {
  const from = top + Math.max(0, (room - layer.inColumn * layer.step) / 2);
  for (let j = 0; j < layer.count; j++) {
    const [column, row] = [Math.floor(j / layer.inColumn), j % layer.inColumn];
    boxes.set(`${layer.index}/${j}`, {
      x: x + column * (layer.size + 5),
      // columns are shifted, so that a line to the second one ends between the dots of the first
      y: from + row * layer.step + ((column % 2) * layer.step) / 2 + (layer.step - layer.size) / 2 - (layer.columns > 1 ? layer.step / 4 : 0),
      width: layer.size,
      height: layer.size,
    });
  }
  return { ...layer, x };
}

function outputColumn(layer, x, top, width, room, boxes) {
  const step = Math.min(room / layer.count, 44);
  const from = top + (room - step * layer.count) / 2;
  for (let j = 0; j < layer.count; j++) {
    boxes.set(`${layer.index}/${j}`, { x, y: from + j * step + 2, width: width - x, height: Math.max(step - 4, 15) });
  }
  return { ...layer, x, width: width - x, output: true, step };
}

/** Return the nearest neuron in a direction ("ArrowUp" …), by the positions. */
export function neighbour(boxes, from, direction) {
  const start = boxes.get(from);
  if (!start) return from;
  const [cx, cy] = [start.x + Math.min(start.width, 30) / 2, start.y + start.height / 2];
  let [best, least] = [from, Infinity];
  for (const [key, box] of boxes) {
    if (key === from) continue;
    const [dx, dy] = [box.x + Math.min(box.width, 30) / 2 - cx, box.y + box.height / 2 - cy];
    const along = { ArrowUp: -dy, ArrowDown: dy, ArrowLeft: -dx, ArrowRight: dx }[direction];
    const across = direction === "ArrowUp" || direction === "ArrowDown" ? dx : dy;
    if (along < 4) continue;
    const cost = along + 3 * Math.abs(across);
    if (cost < least) [best, least] = [key, cost];
  }
  return best;
}
