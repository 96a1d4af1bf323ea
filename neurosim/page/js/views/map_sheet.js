// The maps and kernels of the network view, on one canvas, and the outlines of receptive fields.

import { mapOf } from "../maps.js";
import { fieldsPointedAt } from "../pointing.js";
import { h, s } from "./dom.js";
import { largest, paintInk, paintSigned, paintTiles } from "./paint.js";

export class MapSheet {
  constructor(store) {
    this.store = store;
    this.canvas = h("canvas", { "aria-hidden": "true", class: "maps" });
    this.marks = s("svg", { "aria-hidden": "true", class: "fields" });
    this.tile = document.createElement("canvas");
  }

  /** Draw all maps for the sample, each layer in one scale, with the signed kernels of the input beside them. */
  draw({ columns, boxes }, width, height) {
    const shown = columns.filter((column) => column.maps || column.strip);
    this.canvas.hidden = !shown.length;
    if (!shown.length) return;
    const fine = Math.max(window.devicePixelRatio || 1, 1);
    const [across, down] = [Math.round(width * fine), Math.round(height * fine)];
    if (this.canvas.width !== across || this.canvas.height !== down) [this.canvas.width, this.canvas.height] = [across, down];
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
    this.context = this.canvas.getContext("2d");
    this.context.setTransform(fine, 0, 0, fine, 0, 0);
    this.context.clearRect(0, 0, width, height);
    for (const column of shown) {
      if (column.strip) this.drawStrip(column, boxes.get(`${column.index}/0`));
      else this.drawLayer(column, boxes);
    }
  }

  drawLayer({ index, count, kernels }, boxes) {
    const layer = this.store.layer(index);
    const { a } = this.store.answer().layers[index];
    const most = largest(a);
    const signed = a.some((each) => each < 0);
    const limit = kernels ? largest(layer.W) : 0;
    for (let j = 0; j < count; j++) {
      const { map, kernel } = boxes.get(`${index}/${j}`);
      const values = mapOf(layer, a, j);
      if (signed) paintSigned(this.tile, values, layer.outShape, most);
      else paintInk(this.tile, values, layer.outShape.slice(0, 2), most || 1);
      this.put(map);
      if (!kernel) continue;
      const { size } = layer.windows;
      paintTiles(this.tile, layer.neuronPart(layer.W, j), [size, size, kernels], { limit: limit * 0.8, columns: 1 });
      this.put(kernel);
    }
  }

  /** Draw all numbers of the row, from the first to the last. */
  drawStrip({ index }, box) {
    const { a } = this.store.answer().layers[index];
    const flat = box.width > box.height ? [1, a.length] : [a.length, 1];
    if (a.some((each) => each < 0)) paintSigned(this.tile, a, flat);
    else paintInk(this.tile, a, flat, largest(a) || 1);
    this.put(box);
  }

  put({ x, y, width, height }) {
    const { context, tile } = this;
    context.imageSmoothingEnabled = tile.width > width || tile.height > height;
    context.drawImage(tile, x, y, width, height);
    context.strokeStyle = getComputedStyle(this.canvas).getPropertyValue("--faint");
    context.lineWidth = 1;
    context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
  }

  /** Outline the unit under the pointer, and its receptive field on the maps below. */
  mark({ columns, boxes }) {
    const fields = fieldsPointedAt(this.store);
    const paths = [];
    for (const { maps, index, count, shape } of fields ? columns : []) {
      const field = maps && fields.get(index);
      if (!field) continue;
      for (let j = 0; j < count; j++) if (field.channel === null || field.channel === j) paths.push(outline(boxes.get(`${index}/${j}`).map, field, shape));
    }
    const d = paths.join("");
    this.marks.replaceChildren(...(d ? [s("path", { d, class: "halo" }), s("path", { d, class: this.store.state.hover ? "hover" : "" })] : []));
  }
}

/** Return a rectangle around a part of a map, large enough to be seen. */
function outline({ x, y, width, height }, { top, left, height: rows, width: across }, [down, wide]) {
  const size = (count, all, pixels) => Math.max((count / all) * pixels, 5);
  const [w, t] = [size(across, wide, width), size(rows, down, height)];
  const [cx, cy] = [x + ((left + across / 2) / wide) * width, y + ((top + rows / 2) / down) * height];
  return `M${(cx - w / 2).toFixed(1)} ${(cy - t / 2).toFixed(1)}h${w.toFixed(1)}v${t.toFixed(1)}h${(-w).toFixed(1)}z`;
}
