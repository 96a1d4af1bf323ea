// The network: layers as columns, neurons of the first layer as the images of their weights, the strongest connections
// of the selected neuron as lines, the answer as bars.

import { certainty, short } from "../engine/numbers.js";
import { h, s, explain } from "./dom.js";
import { layOut, MOST, neighbour } from "./geometry.js";
import { css, imageShape, inkColour, largest, overChannels, paintSigned, putSigned, signedColour } from "./paint.js";
import { verdict } from "./verdict.js";

const LINES = 8; // of the selected neuron, to each side
const QUIET = 6; // that speak most for the answer

export class NetworkView {
  constructor(root, store) {
    this.store = store;
    this.root = root;
    this.verdict = h("p", { id: "verdict" });
    this.net = h("div", {
      id: "net", tabindex: "0", role: "listbox", "aria-label": "Neurons. Arrow keys move, Enter opens one in the microscope.",
      onkeydown: (event) => this.key(event),
      onpointerleave: () => store.set({ hover: null }),
      onblur: () => store.set({ hover: null }),
    });
    this.legend = h("p", { class: "muted", text: "Lines: its strongest weights, + red, − blue; faint: what speaks most for the answer, or against." });
    this.strip = h("div", { id: "hovered" });
    root.append(this.verdict, this.net, this.legend, this.strip);
    explain(
      this.verdict,
      "Each column is a layer. A picture is what a neuron of the first layer looks for: red pixels speak for it, blue ones against it; " +
          "all pictures of the layer have one scale. The bar below is what it answers to this sample. In the layers after it the darker a dot, " +
          "the stronger its answer. The bars on the right are the network's answer. Point at a neuron to see its number, click it to open it.",
    );
    new ResizeObserver(() => this.resize()).observe(this.net);
    this.build();
  }

  get layers() {
    const { network } = this.store;
    const visible = this.store.visibleLayers();
    return visible.map((layer, k) => {
      const images = k === 0 && visible.length > 1 && this.store.kind === "image" && layer.nIn === network.layers[0].nOut;
      const count = Math.min(layer.nOut, images ? MOST.images : MOST.dots);
      const longest = Math.max(...Array.from({ length: count }, (_, j) => this.store.className(j).length));
      return { index: layer.index, count, all: layer.nOut, images, longest };
    });
  }

  /** The nodes, once for a network; where they stand comes from `resize`. */
  build() {
    this.built = this.store.network.layers.map((layer) => layer.nOut).join("-");
    this.nodes = new Map();
    this.sheet = h("canvas", { "aria-hidden": "true" });
    this.lines = s("svg", { "aria-hidden": "true" });
    this.titles = [];
    this.net.replaceChildren(this.sheet, this.lines);
    const layers = this.layers;
    layers.forEach((layer, k) => {
      const output = k === layers.length - 1;
      const cut = layer.count < layer.all ? `, ${layer.count} of them drawn` : "";
      const title = output ? "output" : `layer ${layer.index}: ${layer.all}${cut}`;
      const said = h("span", { class: "column-title", text: title });
      this.titles.push({ said, long: title, short: output ? title : `layer ${layer.index}` });
      this.net.append(said);
      for (let j = 0; j < layer.count; j++) this.net.append(this.node(layer, j, output));
    });
    this.resize();
  }

  node(layer, j, output) {
    const key = `${layer.index}/${j}`;
    const parts = output
      ? [h("span", { class: "name", text: this.store.className(j), title: this.store.className(j) }), h("span", { class: "track" }, h("i")), h("span", { class: "value" })]
      : [layer.images ? h("i", { class: "level" }) : h("span")];
    const node = h(
      "div",
      {
        id: `neuron-${layer.index}-${j}`, role: "option", "aria-selected": "false", "aria-label": output ? undefined : `layer ${layer.index}, neuron ${j}`,
        class: `neuron ${output ? "output" : layer.images ? "image" : "dot"}`,
        onpointerenter: () => this.store.set({ hover: { layer: layer.index, neuron: j } }),
        onclick: () => this.open(layer.index, j),
      },
      ...parts,
    );
    this.nodes.set(key, { node, parts, output, layer: layer.index, neuron: j, images: layer.images });
    return node;
  }

  open(layer, neuron) {
    this.store.select(layer, neuron);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.net;
    if (!width || !height || !this.nodes) return;
    this.place = layOut(this.layers, width, height);
    for (const [key, { node }] of this.nodes) {
      const box = this.place.boxes.get(key);
      Object.assign(node.style, { left: `${box.x}px`, top: `${box.y}px`, width: `${box.width}px`, height: `${box.height}px` });
    }
    this.place.columns.forEach((column, k) => {
      const { said, long, short: brief } = this.titles[k];
      const next = this.place.columns[k + 1];
      said.style.left = `${column.x}px`;
      said.textContent = next && next.x - column.x < 7.5 * long.length ? brief : long;
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
    } else if (event.key === "Enter" || event.key === " ") {
      this.open(at.layer, at.neuron);
      document.getElementById("walk").focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // -- drawing ----------------------------------------------------------------------------------------------------------

  /** The images of the weights of the first layer, on one canvas, in one scale. */
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

  /** Cells stand where the canvas draws them: its gap is a whole number of its pixels. */
  regap(column, gap) {
    for (let j = 0; j < column.count; j++) {
      const box = this.place.boxes.get(`${column.index}/${j}`);
      box.x = column.x + (j % column.columns) * (column.cell + gap);
      box.y = 26 + Math.floor(j / column.columns) * (column.cell + gap);
      const { node } = this.nodes.get(`${column.index}/${j}`);
      Object.assign(node.style, { left: `${box.x}px`, top: `${box.y}px` });
    }
  }

  /** The images fade from one moment to the next. */
  fade() {
    this.sheet.classList.remove("fading");
    void this.sheet.offsetWidth; // begins the animation anew
    this.sheet.classList.add("fading");
  }

  drawActivations() {
    const { store } = this;
    const { layers, output, decided } = store.answer();
    const label = store.label;
    for (const { node, parts, output: isOutput, layer, neuron, images } of this.nodes.values()) {
      const a = layers[layer].a[neuron];
      if (isOutput) this.drawOutput(node, parts, a, neuron, output, decided, label);
      else {
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
  }

  drawOutput(node, parts, a, neuron, output, decided, label) {
    const shares = output.every((each) => each >= 0 && each <= 1);
    const share = shares ? a : Math.abs(a) / (largest(output) || 1);
    const top = output.length > 1 ? neuron === decided && this.store.classes > 0 : true;
    node.classList.toggle("top", top);
    node.classList.toggle("is-label", label === neuron && output.length > 1);
    parts[1].firstChild.style.width = `${100 * share}%`;
    parts[2].textContent = shares ? certainty(a) : short(a);
    if (output.length > 1) parts[0].textContent = this.store.className(neuron) + (label === neuron ? " ✓" : "");
    else parts[0].textContent = "a";
  }

  /** Lines of the strongest weights: into the selected neuron, and out of it; and what speaks for the answer. */
  drawLines() {
    const { store } = this;
    const shown = this.layers;
    const at = shown.findIndex((layer) => layer.index === store.state.layer);
    const lines = [];
    const weight = (above, i, j) => store.layer(above.index).W[i * store.layer(above.index).nOut + j];
    const last = shown[shown.length - 1];
    if (shown.length > 1) {
      const { layers, decided, output } = store.answer();
      const below = shown[shown.length - 2];
      const k = output.length > 1 ? decided : 0;
      const terms = Array.from({ length: below.count }, (_, i) => ({ from: [below, i], to: [last, k], value: layers[below.index].a[i] * weight(last, i, k), quiet: true }));
      lines.push(...strongest(terms, QUIET));
    }
    if (at > 0) {
      const below = shown[at - 1];
      lines.push(...strongest(Array.from({ length: below.count }, (_, i) => ({ from: [below, i], to: [shown[at], store.state.neuron], value: weight(shown[at], i, store.state.neuron), into: true })), LINES));
    }
    if (at >= 0 && at < shown.length - 1) {
      const above = shown[at + 1];
      lines.push(...strongest(Array.from({ length: above.count }, (_, j) => ({ from: [shown[at], store.state.neuron], to: [above, j], value: weight(above, store.state.neuron, j) })), LINES));
    }
    this.lines.replaceChildren(...lines.map((line) => this.line(line)).filter(Boolean));
  }

  /** A line with its sign: where it ends, or where it begins if all end at one neuron. */
  line({ from, to, value, share, quiet, into }) {
    const start = this.place.boxes.get(`${from[0].index}/${from[1]}`);
    const end = this.place.boxes.get(`${to[0].index}/${to[1]}`);
    if (!start || !end || !value) return null;
    const [x0, y0] = [start.x + start.width + (into ? 12 : 2), start.y + start.height / 2];
    const [x1, y1] = [end.x - 3, end.y + end.height / 2];
    const bend = Math.max((x1 - x0) * 0.5, 10);
    const stroke = value < 0 ? "var(--low)" : "var(--red)";
    const path = s("path", {
      d: `M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1 - (quiet || into ? 0 : 9)} ${y1}`, fill: "none", stroke,
      "stroke-width": (0.8 + 3.4 * share).toFixed(2), "stroke-opacity": quiet ? 0.32 : 0.85,
    });
    if (quiet) return path;
    return s("g", {}, path, s("text", { x: into ? x0 - 9 : x1 - 8, y: (into ? y0 : y1) + 4.5, style: `fill:${stroke}` }, value < 0 ? "−" : "+"));
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

  /** What the neuron under the pointer looks for, and what it found; the selected one where there is none. */
  drawStrip() {
    const { store } = this;
    const { layer, neuron } = store.state.hover || store.state;
    // the whole walk would take longer than a frame, and the forward pass knows all of this
    const here = store.layer(layer);
    const { layers } = store.answer();
    const inputs = layers[layer - 1].a;
    const weights = Float64Array.from(inputs, (_, i) => here.W[i * here.nOut + neuron]);
    const products = weights.map((w, i) => w * inputs[i]);
    const shape = imageShape(store.shape, weights.length);
    const { key } = here.activationOf ? here.activationOf(neuron) : here.activation;
    const picture = (values, name) => {
      const canvas = shape && store.kind === "image" && layer === store.visibleLayers()[0].index
        ? paintSigned(h("canvas"), overChannels(values, shape), shape)
        : paintSigned(h("canvas"), values, [1, values.length]);
      return h("figure", {}, canvas, h("figcaption", { text: name }));
    };
    const value = store.heldAt(layer, neuron);
    const held = [value === undefined ? "" : value ? `held at ${short(value)}` : "silenced", store.isFrozen(layer, neuron) ? "frozen" : ""].filter(Boolean);
    this.strip.replaceChildren(
      picture(weights, "looks for"),
      picture(products, "found"),
      h(
        "div",
        { class: "said" },
        h("p", {}, h("strong", { text: `a = ${short(layers[layer].a[neuron], 5)}` })),
        h("p", { text: `layer ${layer}, neuron ${neuron} (${key})${held.length ? `, ${held.join(", ")}` : ""}` }),
        h("p", { class: "muted", text: `z = ${short(layers[layer].z[neuron], 5)}${here.b ? `, bias ${short(here.b[neuron], 4)}` : ""}` }),
      ),
    );
  }

  draw() {
    this.drawSheet();
    this.drawActivations();
    this.verdict.replaceChildren(...verdict(this.store));
    this.drawLines();
    this.markNodes(new Set(["layer"]));
    this.drawStrip();
  }

  render(changed) {
    const shape = this.store.network.layers.map((layer) => layer.nOut).join("-");
    if (shape !== this.built) return this.build();
    if (!this.place) return this.resize();
    const any = (...names) => names.some((name) => changed.has(name));
    if (any("theta", "theme", "all")) this.drawSheet();
    if (changed.has("step") && !this.store.state.training) this.fade();
    if (any("theta", "sample", "theme", "all")) {
      this.drawActivations();
      this.verdict.replaceChildren(...verdict(this.store));
    }
    if (any("theta", "sample", "layer", "neuron", "theme", "all")) this.drawLines();
    if (any("hover", "layer", "neuron", "all")) this.markNodes(changed);
    if (any("theta", "sample", "hover", "layer", "neuron", "theme", "all")) this.drawStrip();
    return undefined;
  }
}

function strongest(lines, count) {
  const sorted = lines.filter((line) => line.value).sort((one, other) => Math.abs(other.value) - Math.abs(one.value)).slice(0, count);
  const most = sorted.length ? Math.abs(sorted[0].value) : 1;
  return sorted.map((line) => ({ ...line, share: Math.abs(line.value) / most }));
}
