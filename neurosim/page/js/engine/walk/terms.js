// One neuron in a run: its numbers, forward, backward and through the update, and their names.

import { fedBy } from "./downstream.js";
import { fill, valueOf } from "./formula.js";
import { fieldOf, kernelName, numberName } from "./places.js";
import { throughSoftmax } from "./sample.js";
import { largestAt, sum } from "./sums.js";
import { formulas, words } from "./words.js";

// For a filter they are those of one place: `place` {row, column}, or the place of its largest |delta|.
// Without a label, or if delta is 0 everywhere, it is the place of its largest |a|.
export class NeuronTerms {
  constructor(run, layerIndex, index, place = null) {
    const layer = run.network.layers[layerIndex];
    if (!layer?.weightName) {
      const which = layer ? ` (${layer.title})` : "";
      throw new Error(`Layer ${layerIndex}${which} has no neurons with weights to trace: choose one of a Dense or Conv2D layer.`);
    }
    if (!(index >= 0 && index < layer.neuronCount)) {
      throw new Error(`Layer ${layerIndex} has neurons 0 to ${layer.neuronCount - 1}, received ${index}.`);
    }
    Object.assign(this, { run, layer, index, row: null, column: null, unit: index, patchShape: null });
    if (layer.windows) this.findPlace(place);
    const { r } = layer;
    const { unit } = this;
    const flow = run.flows[layerIndex];
    const x = run.flows[layerIndex - 1].a;
    this.sources = layer.sources(unit); // indices of the inputs in the layer below; -1: outside of the image
    this.inputs = layer.Float.from(this.sources, (i) => (i < 0 ? 0 : x[i]));
    this.weights = layer.neuronPart(layer.W, index);
    this.products = this.inputs.map((each, i) => r(each * this.weights[i]));
    this.hasBias = layer.useBias;
    this.bias = this.hasBias ? layer.b[index] : 0;
    [this.z, this.a, this.delta] = [flow.z[unit], flow.a[unit], flow.delta[unit]];
    this.da_dz = layer.slopes(flow.z)[unit];
    this.fed = fedBy(run, layer, unit); // the units above that depend on this one
    this.dL_da = layer.isOutput ? run.outputDa[unit] : flow.da[unit];
    this.dL_dW = this.part(run.gradBefore, "W");
    this.dL_db = this.hasBias ? this.part(run.gradBefore, "b")[0] : 0;
    this.weightsAfter = this.part(run.thetaAfter, "W");
    this.biasAfter = this.hasBias ? this.part(run.thetaAfter, "b")[0] : 0;
    this.updateTerms = { weights: this.terms("W"), bias: this.hasBias ? this.terms("b") : null };
  }

  // Return this neuron's part of a flat vector of all parameters.
  part(flat, name) {
    return this.layer.neuronPart(this.layer.flatView(flat, name), this.index);
  }

  // Return the terms of the optimizer's rule for this neuron's part of one parameter: name -> array.
  terms(name) {
    const { run, layer } = this;
    const theta = this.part(run.network.theta, name);
    const grad = this.part(run.grad, name);
    const state = Object.entries(run.stateBefore).map(([each, vector]) => [each, this.part(vector, name)]);
    const found = {};
    for (let i = 0; i < theta.length; i++) {
      const numbers = { theta: theta[i], grad: grad[i], rate: run.learningRate };
      for (const [each, values] of state) numbers[each] = values[i];
      const terms = run.optimizer.rule(numbers, layer.r);
      for (const term of Object.keys(terms)) (found[term] ??= new layer.Float(theta.length))[i] = terms[term];
    }
    return found;
  }

  // -- a filter, and its places -----------------------------------------------------------------------------------------

  findPlace(place) {
    const { layer, run, index } = this;
    const [height, width, filters] = layer.outShape;
    const strength = !run.forwardOnly && this.placeDeltas.some((each) => each !== 0) ? this.placeDeltas : this.everywhere("a");
    const strongest = largestAt(strength);
    this.row = place?.row ?? Math.floor(strongest / width);
    this.column = place?.column ?? strongest % width;
    if (!(this.row >= 0 && this.row < height && this.column >= 0 && this.column < width)) {
      throw new Error(`Layer ${layer.index} has rows 0 to ${height - 1} and columns 0 to ${width - 1}, received ${this.row}, ${this.column}.`);
    }
    this.unit = (this.row * width + this.column) * filters + index;
    this.patchShape = layer.weightShape().slice(0, 3);
  }

  // Return the neuron's values in one of the layer's buffers, at all its places.
  everywhere(name) {
    const { layer, run, index } = this;
    return run.flows[layer.index][name].filter((_, k) => k % layer.neuronCount === index);
  }

  // (H' W',) delta at all places.
  get placeDeltas() {
    return this.everywhere("delta");
  }

  // Return (H' W',) input i of the filter at each place.
  seenBy(i) {
    const { layer, run } = this;
    const x = run.flows[layer.index - 1].a;
    const { sources, length } = layer.windows;
    return layer.Float.from({ length: layer.places }, (_, place) => {
      const source = sources[place * length + i];
      return source < 0 ? 0 : x[source];
    });
  }

  // Return dL/dw of weight i of a filter, without a penalty, as a sum over places.
  sumOverPlaces(i) {
    const penalty = this.layer.penalizes(this.index) ? this.penaltyOf(i) : null;
    const [deltas, x, terms] = [this.placeDeltas, this.seenBy(i), this.placeTerms(i)];
    return { name: this.weightName(i), value: this.dL_dW[i], penalty, deltas, x, terms };
  }

  // Return (H' W',) delta x of weight i at each place.
  placeTerms(i) {
    const x = this.seenBy(i);
    return this.placeDeltas.map((delta, place) => delta * x[place]);
  }

  // Rows and columns of a filter's patch in the input image of its layer, and of its receptive field in the sample.
  get field() {
    return fieldOf(this.layer, this.row, this.column, this.layer.index - 1);
  }

  get receptiveField() {
    return fieldOf(this.layer, this.row, this.column, 0);
  }

  // Return the values of the layer's neurons in one of its buffers, for filters at this place.
  together(name) {
    const n = this.layer.neuronCount;
    const start = this.unit - this.index;
    return this.run.flows[this.layer.index][name].subarray(start, start + n);
  }

  // Return the part of penalties in the gradient of weight i: by their equation, or as dL/dw minus delta x.
  penaltyOf(i) {
    const [equation, strengths] = this.layer.explainPenalty(this.index, formulas.regularizer);
    const added = equation ? valueOf(equation, { ...strengths, w: this.weights[i] }) : null;
    if (added !== null) return added;
    return this.dL_dW[i] - (this.patchShape === null ? this.delta * this.inputs[i] : sum(this.placeTerms(i)));
  }

  // -- names ---------------------------------------------------------------------------------------------------------

  // The layer that computed the inputs, not one that only passes them on; 0: they are numbers of the sample.
  get sourceLayer() {
    return this.layer.source?.index ?? 0;
  }

  get forced() {
    return this.layer.interventions.values.get(this.index) ?? null;
  }

  get activation() {
    return this.layer.activationOf(this.index);
  }

  // Height and width of the sample if it is a grey image and the neuron's direct input.
  get imageShape() {
    const source = this.layer.source;
    if (!source || source.index) return null;
    let shape = source.outShape.length > 1 ? source.outShape : (source.imageShape ?? []);
    if (shape.length === 3 && shape[2] === 1) shape = shape.slice(0, 2);
    return shape.length === 2 ? shape : null;
  }

  // Return the name of input i: a pixel by row and column, a feature by name, another input by number.
  inputName(index) {
    const i = this.sources[index];
    if (i < 0) return words.NAMES.outside;
    const below = this.layer.source;
    if (below.index || this.patchShape?.[2] > 1) return numberName(below, i);
    const shape = this.imageShape;
    if (shape === null) {
      const names = this.run.network.input.learned?.feature_names ?? [];
      return names.length ? names[i] : fill(words.NAMES.input, { i: String(i) });
    }
    return fill(words.NAMES.pixel, { row: String(Math.floor(i / shape[1])), column: String(i % shape[1]) });
  }

  // Return the name of weight i: that of its input; for a filter, its place in the kernel.
  weightName(i) {
    if (this.patchShape === null) return this.inputName(i);
    return kernelName(this.patchShape[1], this.patchShape[2], i, this.layer.source);
  }

  get title() {
    const { run } = this;
    const sample = run.sample === null ? words.NAMES["some sample"] : fill(words.NAMES.sample, { i: String(run.sample) });
    return fill(words.NAMES[this.row === null ? "neuron of layer" : "filter of layer"], {
      layer: String(this.layer.index),
      neuron: String(this.index),
      row: String(this.row),
      column: String(this.column),
      activation: this.activation.key,
      sample,
      verdict: run.verdict,
    });
  }

  // The rule for delta: its kind of row, its key in words.RULES, and the numbers in it.
  get deltaRule() {
    const { run, layer } = this;
    const own = (columns) => Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[this.index]]));
    if (layer.isOutput) {
      const [rule, columns] = run.outputRule;
      let kind = this.activation.elementwise ? "delta.output" : "delta.output of softmax";
      if (rule === "unknown") kind = "delta.output given";
      return { kind, rule, factors: own(columns) };
    }
    if (layer.activation.elementwise) {
      return { kind: "delta.result", rule: "chain", factors: { "dL/da": this.dL_da, "f'(z)": this.da_dz } };
    }
    if (layer.interventions.any) return { kind: "delta.shared", rule: "unknown", factors: {} }; // not all take part
    const [rule, columns] = throughSoftmax(layer.activation, this.together("a"), this.together("da"), {});
    return { kind: "delta.shared", rule, factors: own(columns) };
  }
}
