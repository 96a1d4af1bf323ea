// The network: layers as columns, neurons of the first layer as images of their weights, filters as kernels and maps.
// Lines are the strongest connections of the open neuron; bars are the output.

import { certainty, short } from "../engine/numbers.js";
import { hasMaps, takesLargest } from "../maps.js";
import { pointedAt } from "../pointing.js";
import { connections } from "./connections.js";
import { h, s, explain } from "./dom.js";
import { MOST, neighbour } from "./geometry.js";
import { layOutAll } from "./map_layout.js";
import { openUnit, placeUnder } from "./map_picker.js";
import { MapSheet } from "./map_sheet.js";
import { css, imageShape, inkColour, largest, overChannels, putSigned, signedColour } from "./paint.js";
import { Strip } from "./strip.js";
import { verdict } from "./verdict.js";

const FEW_CHANNELS = 4; // of an image: with at most this number, the kernels stand beside the maps

const ABOUT_IMAGES =
  "An image in the first layer shows the weights of one neuron: red is above zero, blue is below. All images of the layer use one colour scale. " +
  "The bar below an image is the activation of the neuron for this sample. ";
const ABOUT_DOTS =
  " dot is a neuron; a darker dot means a larger activation. If a layer has negative activations, red is above zero and blue is below. " +
  "The bars on the right are the output. Point at a neuron to see its numbers. Click it to open it.";
const ABOUT_FILTERS =
  "Each filter looks at every patch of the image with the same weights, its kernel. In a kernel, red is above zero and blue is below. " +
  "Beside the kernel is the feature map: the activation of the filter at each place. A darker pixel means a larger activation; all maps of a layer " +
  "use one scale. Pooling makes each map smaller. Flatten puts all numbers of the maps in one row. An outline is the receptive field of a unit, " +
  "which is a filter at one place. A gray line leads from the map of the open filter to a later layer; a thicker line means a larger kernel. Point at a map. Click a place to open the filter there. On the large map below, the arrow keys move to another place.";

export class NetworkView {
  constructor(root, store) {
    this.store = store;
    this.root = root;
    this.verdict = h("p", { id: "verdict" });
    this.net = h("div", {
      id: "net", tabindex: "0", role: "listbox", "aria-label": "Neurons. Arrow keys move between them. Enter opens one in the neuron panel.",
      onkeydown: (event) => this.key(event),
      onpointerleave: () => store.set({ hover: null }),
      onblur: () => store.set({ hover: null }),
    });
    const convolves = store.network.layers.some(hasMaps);
    const lines = convolves ? "Lines: the largest terms of z of the open filter, or the largest weights between the open neuron and the layers before and after it, + red, − blue. Gray: from its map to the next filters." : "Lines: the largest weights between the open neuron and the layers before and after it, + red, − blue.";
    const { nOut } = store.network.output;
    const decided = nOut === 1 ? "output" : store.classes ? "predicted class" : "largest output";
    this.legend = h("p", { class: "muted", text: `${lines} Faint lines: the largest terms in the weighted sum of the ${decided}.` });
    const hovered = h("div", { id: "hovered" });
    this.strip = new Strip(hovered, store);
    this.maps = new MapSheet(store);
    root.append(this.verdict, this.net, this.legend, hovered);
    explain(this.verdict, convolves ? ABOUT_FILTERS : `Each column is a layer. ${store.kind === "image" ? `${ABOUT_IMAGES}In the later layers, each` : "Each"}${ABOUT_DOTS}`, store.model.glossary);
    new ResizeObserver(() => this.resize()).observe(this.net);
    this.build();
  }

  /** The layers that are drawn: layers with their own neurons, pooled maps, and the row of a flattened image. */
  get layers() {
    const { network } = this.store;
    const visible = this.store.visibleLayers();
    const shown = network.layers.filter((layer) => visible.includes(layer) || (layer.windows && hasMaps(layer)) || isStrip(layer));
    return shown.map((layer) => {
      if (isStrip(layer)) return { index: layer.index, count: 0, strip: true, title: `layer ${layer.index}: all ${layer.nOut} numbers in a row`, brief: "flat" };
      if (hasMaps(layer)) return mapsOf(layer);
      const images = layer === visible[0] && visible.length > 1 && this.store.kind === "image" && layer.nIn === network.layers[0].nOut;
      const count = Math.min(layer.nOut, images ? MOST.images : MOST.dots);
      const longest = Math.max(...Array.from({ length: count }, (_, j) => this.store.className(j).length));
      const cut = count < layer.nOut ? `, ${count} of them drawn` : "";
      return { index: layer.index, count, images, longest, title: `layer ${layer.index}: ${layer.nOut}${cut}`, brief: `layer ${layer.index}` };
    });
  }

  /** Make the nodes, once for a network; `resize` places them. */
  build() {
    this.built = this.shape;
    this.nodes = new Map();
    this.sheet = h("canvas", { "aria-hidden": "true" });
    this.lines = s("svg", { "aria-hidden": "true" });
    this.titles = [];
    const { layers } = this;
    const hasImages = layers.some((layer) => layer.maps);
    this.net.replaceChildren(this.sheet, ...(hasImages ? [this.maps.canvas] : []), this.lines);
    layers.forEach((layer, k) => {
      const output = k === layers.length - 1;
      const title = output ? "output" : layer.title;
      const said = h("span", { class: "column-title", text: title });
      this.titles.push({ said, long: title, short: output ? title : layer.brief });
      this.net.append(said);
      for (let j = 0; j < layer.count; j++) this.net.append(this.node(layer, j, output));
    });
    if (hasImages) this.net.append(this.maps.marks);
    this.resize();
  }

  get shape() {
    return this.store.network.layers.map((layer) => layer.outShape.join("x")).join("-");
  }

  node(layer, j, output) {
    const key = `${layer.index}/${j}`;
    const parts = output
      ? [h("span", { class: "name", text: this.store.className(j), title: this.store.className(j) }), h("span", { class: "track" }, h("i")), h("span", { class: "value" })]
      : [layer.images ? h("i", { class: "level" }) : h("span")];
    const at = (event) => ({ layer: layer.index, neuron: j, ...(layer.maps ? this.placeUnder(event, key, layer) : {}) });
    const point = (event) => this.store.set({ hover: at(event) });
    const node = h(
      "div",
      {
        id: `neuron-${layer.index}-${j}`, role: "option", "aria-selected": "false", "aria-label": output ? undefined : `layer ${layer.index}, ${layer.maps ? layer.maps : "neuron"} ${j}`,
        class: `neuron ${output ? "output" : layer.maps ? "map" : layer.images ? "image" : "dot"}`,
        onpointerenter: point,
        onpointermove: layer.maps ? point : undefined,
        onclick: (event) => openUnit(this.store, this.hovered(layer.index, j) ?? at(event)),
      },
      ...parts,
    );
    this.nodes.set(key, { node, parts, output, layer: layer.index, neuron: j, images: layer.images, maps: layer.maps });
    return node;
  }

  /**
   * Return the unit under the pointer if it is this neuron. So a click opens the place shown, even if that is less
   * than a pixel.
   */
  hovered(layer, neuron) {
    const { hover } = this.store.state;
    return hover && hover.layer === layer && hover.neuron === neuron ? hover : null;
  }

  /** Return the place of a map under the pointer; none beside the map, on a kernel. */
  placeUnder(event, key, { shape }) {
    const { map } = this.place.boxes.get(key);
    const net = this.net.getBoundingClientRect();
    const box = { left: net.left + map.x, top: net.top + map.y - this.net.scrollTop, width: map.width, height: map.height };
    return event.clientX < box.left - 1 ? {} : placeUnder(event, box, shape);
  }

  resize() {
    this.root.classList.remove("below");
    this.net.style.minHeight = "";
    const { clientWidth: width, clientHeight: height } = this.net;
    if (!width || !height || !this.nodes) return;
    this.place = layOutAll(this.layers, width, height);
    this.place.width = width;
    this.root.classList.toggle("below", this.place.below);
    const grows = this.place.below && getComputedStyle(this.net).overflowY === "visible"; // on a wide screen it scrolls
    this.net.style.minHeight = grows ? `${this.place.height}px` : "";
    for (const layer of [this.lines, this.maps.marks]) layer.style.height = this.place.below ? `${this.place.height}px` : "";
    for (const [key, { node }] of this.nodes) {
      const box = this.place.boxes.get(key);
      Object.assign(node.style, { left: `${box.x}px`, top: `${box.y}px`, width: `${box.width}px`, height: `${box.height}px` });
    }
    this.place.columns.forEach((column, k) => {
      const { said, long, short: brief } = this.titles[k];
      const next = this.place.columns[k + 1];
      Object.assign(said.style, { left: `${column.x}px`, top: `${column.y}px` });
      said.textContent = next && next.y === column.y && next.x - column.x < 7.5 * long.length ? brief : long;
    });
    const names = this.place.columns[this.place.columns.length - 1];
    const room = Math.min(Math.max(names.longest * 9 + 30, 38), names.width * 0.5);
    for (const { output, parts } of this.nodes.values()) if (output) parts[0].style.width = `${room}px`;
    this.draw();
  }

  key(event) {
    const { store } = this;
    const at = store.state.hover || { layer: store.state.layer, neuron: store.state.neuron };
    if (event.key.startsWith("Arrow")) {
      const [layer, neuron] = neighbour(this.place.boxes, `${at.layer}/${at.neuron}`, event.key).split("/").map(Number);
      store.set({ hover: { layer, neuron } });
      this.net.setAttribute("aria-activedescendant", `neuron-${layer}-${neuron}`);
      if (this.place.below) this.nodes.get(`${layer}/${neuron}`).node.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" || event.key === " ") {
      openUnit(store, { ...at, ...pointedAt(store) });
      document.getElementById("walk").focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // -- drawing ----------------------------------------------------------------------------------------------------------

  /** Draw the weights of the first layer as images, on one canvas, in one scale. */
  drawSheet() {
    const column = this.place.columns.find((each) => each.images);
    this.sheet.hidden = !column;
    if (!column) return;
    const layer = this.store.layer(column.index);
    const shape = imageShape(this.store.shape, layer.nIn);
    const [height, width] = shape;
    const gap = Math.max(1, Math.round((column.gap / column.cell) * width));
    const rows = Math.ceil(column.count / column.columns);
    const [across, down] = [column.columns * (width + gap) - gap, rows * (height + gap) - gap];
    if (this.sheet.width !== across || this.sheet.height !== down) [this.sheet.width, this.sheet.height] = [across, down];
    const pixels = new Uint32Array(across * down);
    const limit = largest(layer.W);
    const weights = new Float64Array(layer.nIn);
    for (let j = 0; j < column.count; j++) {
      for (let i = 0; i < layer.nIn; i++) weights[i] = layer.W[i * layer.nOut + j];
      const at = Math.floor(j / column.columns) * (height + gap) * across + (j % column.columns) * (width + gap);
      putSigned(pixels, overChannels(weights, shape), limit * 0.8, at, width, across);
    }
    this.sheet.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), across, down), 0, 0);
    const first = this.place.boxes.get(`${column.index}/0`);
    const scale = column.cell / width;
    Object.assign(this.sheet.style, { left: `${first.x}px`, top: `${first.y}px`, width: `${across * scale}px`, height: `${down * scale}px` });
    if (Math.abs(gap * scale - column.gap) > 0.01) this.regap(column, gap * scale);
  }

  /** Move cells to the places where the canvas draws them: its gap is a whole number of its pixels. */
  regap(column, gap) {
    for (let j = 0; j < column.count; j++) {
      const box = this.place.boxes.get(`${column.index}/${j}`);
      box.x = column.x + (j % column.columns) * (column.cell + gap);
      box.y = 26 + Math.floor(j / column.columns) * (column.cell + gap);
      const { node } = this.nodes.get(`${column.index}/${j}`);
      Object.assign(node.style, { left: `${box.x}px`, top: `${box.y}px` });
    }
  }

  /** Fade the images from one step to the next. */
  fade() {
    this.sheet.classList.remove("fading");
    void this.sheet.offsetWidth; // starts the animation again
    this.sheet.classList.add("fading");
  }

  drawActivations() {
    const { store } = this;
    const { layers, output, decided } = store.answer();
    const label = store.label;
    for (const { node, parts, output: isOutput, layer, neuron, images, maps } of this.nodes.values()) {
      const a = layers[layer].a[neuron];
      if (isOutput) this.drawOutput(node, parts, a, neuron, output, decided, label);
      else if (!maps) {
        const most = largest(layers[layer].a) || 1;
        if (images) {
          parts[0].style.width = `${100 * Math.min(Math.abs(a) / most, 1)}%`;
          parts[0].style.background = a < 0 ? "var(--low)" : "var(--ink)";
        } else {
          const negative = layers[layer].a.some((each) => each < 0);
          node.style.background = css(negative ? signedColour(a, most) : inkColour(Math.sqrt(Math.max(a, 0) / most) * 0.92));
        }
      }
      node.classList.toggle("held", store.heldAt(layer, neuron) !== undefined);
    }
    this.maps.draw(this.place, this.place.width, this.place.height);
  }

  drawOutput(node, parts, a, neuron, output, decided, label) {
    const shares = output.every((each) => each >= 0 && each <= 1);
    const finite = output.every(Number.isFinite);
    const share = shares ? a : finite ? Math.abs(a) / (largest(output) || 1) : 0;
    const top = output.length > 1 ? finite && neuron === decided && this.store.classes > 0 : true;
    node.classList.toggle("top", top);
    node.classList.toggle("is-label", label === neuron && output.length > 1);
    parts[1].firstChild.style.width = `${100 * share}%`;
    parts[2].textContent = shares ? certainty(a) : short(a);
    if (output.length > 1) parts[0].textContent = this.store.className(neuron) + (label === neuron ? " ✓" : "");
    else parts[0].textContent = "a";
  }

  /** Draw the strongest connections of the open neuron, and the largest terms of the prediction, as lines. */
  drawLines() {
    const lines = connections(this.store, this.layers.filter((layer) => !layer.strip));
    this.lines.replaceChildren(...lines.map((line) => this.line(line)).filter(Boolean));
  }

  /** Make a line with its sign: at its end, or at its start if all lines end at one neuron. */
  line({ from, to, value, share, quiet, into, plain }) {
    const start = this.place.boxes.get(`${from[0].index}/${from[1]}`);
    const end = this.place.boxes.get(`${to[0].index}/${to[1]}`);
    if (!start || !end || !value) return null;
    const stroke = plain ? "var(--axis)" : value < 0 ? "var(--low)" : "var(--red)";
    const signed = !quiet && !plain;
    const { d, x, y } = this.place.below && from[0].maps ? lineDown(start, end, signed, into) : lineAcross(start, end, signed, into);
    const path = s("path", { d, fill: "none", stroke, "stroke-width": (0.8 + 3.4 * share).toFixed(2), "stroke-opacity": quiet ? 0.32 : 0.85 });
    if (!signed) return path;
    return s("g", {}, path, s("text", { x, y, style: `fill:${stroke}` }, value < 0 ? "−" : "+"));
  }

  markNodes(changed) {
    const { layer, neuron, hover } = this.store.state;
    for (const each of this.nodes.values()) {
      const selected = each.layer === layer && each.neuron === neuron;
      each.node.setAttribute("aria-selected", String(selected));
      const pointed = hover !== null && hover.layer === each.layer && hover.neuron === each.neuron;
      each.node.classList.toggle("hover", pointed);
      each.node.classList.toggle("active", pointed && document.activeElement === this.net);
    }
    if (changed.has("layer") || changed.has("neuron")) this.net.setAttribute("aria-activedescendant", `neuron-${layer}-${neuron}`);
  }

  /** Describe the unit under the pointer, and outline its receptive field. */
  drawPointed() {
    this.strip.draw();
    this.maps.mark(this.place);
  }

  draw() {
    this.drawSheet();
    this.drawActivations();
    this.verdict.replaceChildren(...verdict(this.store));
    this.drawLines();
    this.markNodes(new Set(["layer"]));
    this.drawPointed();
  }

  render(changed) {
    if (this.shape !== this.built) return this.build();
    if (!this.place) return this.resize();
    const any = (...names) => names.some((name) => changed.has(name));
    if (any("theta", "theme", "all")) this.drawSheet();
    if (changed.has("step") && !this.store.state.training) this.fade();
    if (any("theta", "sample", "theme", "all")) {
      this.drawActivations();
      this.verdict.replaceChildren(...verdict(this.store));
    }
    if (any("theta", "sample", "layer", "neuron", "row", "column", "theme", "all")) this.drawLines();
    if (any("hover", "layer", "neuron", "all")) this.markNodes(changed);
    if (any("theta", "sample", "hover", "layer", "neuron", "row", "column", "drawing", "training", "theme", "all")) this.drawPointed();
    return undefined;
  }
}

function isStrip(layer) {
  return layer.passesThrough && layer.outShape.length === 1 && hasMaps(layer.previous);
}

/** Describe how a convolutional or pooling layer is drawn. */
function mapsOf(layer) {
  const { index, neuronCount: all, windows, W } = layer;
  const count = Math.min(all, MOST.maps);
  const cut = count < all ? `, ${count} of them drawn` : "";
  const [height, width] = layer.outShape;
  const size = `${windows.size} × ${windows.size}`;
  const what = W ? `${all} ${all === 1 ? "filter" : "filters"} ${size}` : `${takesLargest(layer) ? "max" : "mean"} of ${size}`;
  const kernels = W && layer.previous.index === 0 && windows.shape[2] <= FEW_CHANNELS ? windows.shape[2] : 0;
  return {
    index, count, shape: [height, width], kernels, maps: W ? "filter" : "map", title: `layer ${index}: ${what}${cut}, maps ${height} × ${width}`,
    brief: W ? `layer ${index}` : "pool",
  };
}

/** Return a line from the right of a box to the left of another, and the place of its sign. */
function lineAcross(start, end, signed, into) {
  const [x0, y0] = [start.x + start.width + (signed && into ? 12 : 2), start.y + start.height / 2];
  const [x1, y1] = [end.x - 3, end.y + end.height / 2];
  const bend = Math.max((x1 - x0) * 0.5, 10);
  const d = `M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1 - (signed && !into ? 9 : 0)} ${y1}`;
  return { d, x: into ? x0 - 9 : x1 - 8, y: (into ? y0 : y1) + 4.5 };
}

/** Return the same line from the bottom of a box to the top of another. */
function lineDown(start, end, signed, into) {
  const [x0, y0] = [start.x + start.width / 2, start.y + start.height + (signed && into ? 14 : 1)];
  const [x1, y1] = [end.x + Math.min(end.width, 30) / 2, end.y - 2];
  const turn = y0 + Math.min(Math.max((y1 - y0) * 0.5, 8), 50); // early, so that it does not cross the boxes beside it
  const d = `M${x0} ${y0}C${x0} ${turn} ${x1} ${turn} ${x1} ${y1 - (signed && !into ? 12 : 0)}`;
  return { d, x: (into ? x0 : x1) - 4, y: into ? y0 - 2 : y1 + 5 }; // low enough to stay off the title
}
