// Tools for the open neuron: its weights, its bias, and whether it is ablated, clamped or frozen. Each change can be
// undone.

import { short } from "../engine/numbers.js";
import { hasMaps, weightShape } from "../maps.js";
import { button, check, h } from "./dom.js";
import { finiteNumber } from "./fields.js";
import { imageShape, largest, paintSigned } from "./paint.js";

export class Tools {
  constructor(root, store, session) {
    this.store = store;
    this.session = session;
    this.sign = 1;
    const meaning = (term) => store.model.glossary.meaning(term);
    this.silence = check("ablate", false, (on) => this.hold(on, 0, "ablated"), { title: meaning("ablate") });
    this.clamp = check("clamp to", false, (on) => this.hold(on, this.clampAt, `clamped to ${short(this.clampAt)}`), { title: meaning("clamp") });
    this.clampAt = 1;
    this.level = h("input", { type: "number", step: "any", value: "1", "aria-label": "Value of the clamped output", onchange: () => this.chooseLevel() });
    this.freeze = check("freeze", false, (on) => this.setFrozen(on), { title: meaning("freeze") });
    this.holding = h("span", { class: "row wide" }, this.silence.label, h("span", { class: "row" }, this.clamp.label, this.level));
    this.which = h("select", { "aria-label": "Which weight", onchange: () => this.drawWeight() });
    this.slider = this.range((value) => this.setWeight(value));
    this.typed = h("input", { type: "number", step: "any", "aria-label": "The weight", onchange: () => this.type(this.typed, "Weight", this.weight, (value) => this.setWeight(value)) });
    this.biasSlider = this.range((value) => this.setBias(value));
    this.biasTyped = h("input", { type: "number", step: "any", "aria-label": "The bias", onchange: () => this.type(this.biasTyped, "Bias", this.layer.b[this.neuron], (value) => this.setBias(value)) });
    this.biasRow = h("div", { class: "row" }, h("span", { text: "bias" }), this.biasTyped, this.biasSlider);
    this.brush = button("paint +", () => this.flip(), { title: "Choose whether the brush raises or lowers weights" });
    this.canvas = h("canvas", {
      role: "img", "aria-label": "The weights. Paint on them with the pointer, or choose one in the list above.",
      onpointerdown: (event) => this.begin(event), onpointermove: (event) => this.paint(event), onpointerup: () => this.end(), onpointercancel: () => this.end(),
    });
    this.painting = h("div", {}, h("div", { class: "row" }, this.brush, h("span", { class: "muted", text: "then paint on the weights below" })), this.canvas);
    this.summary = h("summary");
    this.box = h(
      "details",
      { class: "tools", ontoggle: () => this.draw() },
      this.summary,
      h("div", { class: "row wide" }, this.holding, this.freeze.label),
      h("div", { class: "row" }, this.which, this.typed, this.slider),
      this.biasRow,
      this.painting,
    );
    root.append(this.box);
  }

  range(change) {
    return h("input", {
      type: "range", min: "-1", max: "1", step: "any", "aria-label": "Drag to change the number", style: { flex: "1 1 90px", width: "auto" },
      oninput: (event) => change(Number(event.target.value)), onchange: () => this.settle(),
    });
  }

  /** The drag is over: what follows is another change. */
  settle() {
    this.session.settle();
    this.draw();
  }

  chooseLevel() {
    const value = finiteNumber(this.store, this.level, "Value of the clamped output");
    if (value === null) this.level.value = String(this.clampAt);
    else this.clampAt = value;
    if (value !== null && this.clamp.box.checked) this.hold(true, value, `clamped to ${short(value)}`);
  }

  /** Change a number of the network from `before` to the one in a field. */
  type(field, name, before, change) {
    const value = finiteNumber(this.store, field, name);
    if (value === null) field.value = written(before);
    else change(value);
    this.settle();
  }

  get layer() {
    return this.store.layer();
  }

  get neuron() {
    return this.store.state.neuron;
  }

  get name() {
    return `layer ${this.layer.index}, ${hasMaps(this.layer) ? "filter" : "neuron"} ${this.neuron}`;
  }

  at(i) {
    return i * this.layer.neuronCount + this.neuron;
  }

  setWeight(value) {
    const i = Number(this.which.value);
    const where = this.at(i);
    const { index } = this.layer;
    const before = this.layer.W[where];
    const key = `weight ${index} ${this.neuron} ${i}`;
    const { last } = this.store.undo;
    const from = last && last.key === key && last.open ? last.from : before;
    this.session.edit(`${this.which.selectedOptions[0].textContent} of ${this.name}: ${short(from)} → ${short(value)}`, (network) => (network.layers[index].W[where] = value), key);
    this.store.undo.last.from = from;
  }

  setBias(value) {
    const { index } = this.layer;
    const { neuron } = this;
    const key = `bias ${index} ${neuron}`;
    const { last } = this.store.undo;
    const from = last && last.key === key && last.open ? last.from : this.layer.b[neuron];
    this.session.edit(`bias of ${this.name}: ${short(from)} → ${short(value)}`, (network) => (network.layers[index].b[neuron] = value), key);
    this.store.undo.last.from = from;
  }

  hold(on, value, how) {
    const { index } = this.layer;
    const { neuron } = this;
    const no = `no longer ${this.store.heldAt(index, neuron) === 0 ? "ablated" : "clamped"}`;
    this.session.edit(`${this.name} ${on ? how : no}`, (network) => (on ? network.clamp(index, neuron, value) : network.intervene(index, neuron, "values", null)));
    this.settle();
  }

  setFrozen(on) {
    const { index } = this.layer;
    const { neuron } = this;
    this.session.edit(`${this.name} ${on ? "frozen" : "no longer frozen"}`, (network) => network.intervene(index, neuron, "frozen", on ? true : null));
    this.settle();
  }

  flip() {
    this.sign = -this.sign;
    this.brush.textContent = this.sign > 0 ? "paint +" : "paint −";
  }

  get shape() {
    const tiles = weightShape(this.layer);
    if (tiles) return this.layer.windows && tiles[2] === 1 ? tiles : null;
    const first = this.store.visibleLayers()[0];
    if (this.layer.index !== first.index || this.store.kind !== "image" || (this.store.shape[2] || 1) !== 1) return null;
    return imageShape(this.store.shape, this.layer.nIn);
  }

  begin(event) {
    if (event.button) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.stroke = (this.stroke || 0) + 1;
    this.inStroke = true;
    this.paint(event);
  }

  end() {
    if (!this.inStroke) return;
    this.inStroke = false;
    this.settle();
  }

  /** A soft brush of about three pixels, or one on a small kernel. A pass moves a weight by a quarter of the largest one. */
  paint(event) {
    if (!this.inStroke) return;
    const box = this.canvas.getBoundingClientRect();
    const [height, width] = this.shape;
    const x = ((event.clientX - box.left) / box.width) * width;
    const y = ((event.clientY - box.top) / box.height) * height;
    const { index } = this.layer;
    const { neuron, sign } = this;
    const reach = Math.min(2, Math.max(width / 7, 0.75));
    this.session.edit(
      `painted on the weights of ${this.name}`,
      (network) => {
        const { W, neuronCount } = network.layers[index];
        for (let row = Math.max(0, Math.floor(y - reach)); row <= Math.min(height - 1, y + reach); row++) {
          for (let column = Math.max(0, Math.floor(x - reach)); column <= Math.min(width - 1, x + reach); column++) {
            const share = Math.max(0, 1 - Math.hypot(column + 0.5 - x, row + 0.5 - y) / reach);
            W[(row * width + column) * neuronCount + neuron] += sign * 0.25 * share * this.limit;
          }
        }
      },
      `paint ${index} ${neuron} ${this.stroke}`,
    );
  }

  /** List the inputs by their names, with the largest terms first. */
  drawChoice() {
    const document = this.store.document();
    const order = document.weights.map((w, i) => [Math.abs(w * document.inputs[i]), i]).sort((one, other) => other[0] - one[0]).map(([, i]) => i);
    const { shape } = this;
    const tiles = weightShape(this.layer);
    const name = (i) => {
      if (tiles) return nameOfWeight(i, tiles, this.layer.windows !== null);
      if (shape) return `w of pixel ${Math.floor(i / shape[1])},${i % shape[1]}`;
      const first = this.layer.index === this.store.visibleLayers()[0].index;
      return `w of ${first ? this.store.featureNames[i] || `input ${i}` : `neuron ${i}`}`;
    };
    const chosen = this.choiceFor === `${this.layer.index}/${this.neuron}` ? this.which.value : String(order[0]);
    this.choiceFor = `${this.layer.index}/${this.neuron}`;
    this.which.replaceChildren(...order.map((i) => h("option", { value: i, text: name(i) })));
    this.which.value = chosen;
  }

  get weight() {
    return this.layer.W[this.at(Number(this.which.value))];
  }

  drawWeight() {
    this.fit(this.slider, this.typed, this.weight, 1.5 * this.limit);
  }

  /** Set a slider and a field for one number. The slider's range stays fixed while it is dragged. */
  fit(slider, typed, value, limit) {
    if (document.activeElement !== slider) [slider.min, slider.max] = [-Math.max(limit, Math.abs(value)), Math.max(limit, Math.abs(value))];
    slider.value = String(value);
    if (document.activeElement !== typed) typed.value = written(value);
  }

  draw() {
    this.summary.textContent = `Change this ${hasMaps(this.layer) ? "filter" : "neuron"}`;
    if (!this.box.open) return;
    const { layer, neuron, store } = this;
    const held = store.heldAt(layer.index, neuron);
    this.holding.hidden = layer.isOutput; // the loss uses its activation
    this.silence.box.checked = held === 0;
    this.clamp.box.checked = held !== undefined && held !== 0;
    if (held) this.clampAt = held;
    if (held && document.activeElement !== this.level) this.level.value = String(held);
    this.freeze.box.checked = store.isFrozen(layer.index, neuron);
    if (!this.inStroke) this.limit = largest(layer.W) || 1;
    this.drawChoice();
    this.drawWeight();
    this.biasRow.hidden = !layer.b;
    if (layer.b) this.fit(this.biasSlider, this.biasTyped, layer.b[neuron], Math.max(2, 2 * this.limit));
    this.painting.hidden = !this.shape;
    if (this.shape) {
      paintSigned(this.canvas, layer.neuronPart(layer.W, neuron), this.shape);
    }
    for (const each of this.box.querySelectorAll("input, select, button")) each.disabled = store.state.training;
  }

  render(changed) {
    if (!["theta", "layer", "neuron", "sample", "training", "theme", "edits", "all"].some((name) => changed.has(name))) return;
    if (this.store.state.training && !changed.has("training")) return;
    this.draw();
  }
}

function written(value) {
  return String(Number(value.toPrecision(4)));
}

/** Name a weight of a kernel, or of a neuron that looks at maps. */
function nameOfWeight(i, [, width, channels], ofKernel) {
  const place = Math.floor(i / channels);
  const where = `${Math.floor(place / width)},${place % width}`;
  if (channels === 1 && ofKernel) return `w of kernel ${where}`;
  return `w of ${where}, ${ofKernel ? "channel" : "map"} ${i % channels}`;
}
