// What every layer is: a place in the network, two passes, and the workspaces that keep what flows through.
//
// Arrays are flat and row by row: of B samples, z, a, da and delta have B * nOut numbers. They are the network's own
// type (Float32Array or Float64Array), belong to the last batch, and are overwritten by the next one.
//
// A new kind of layer is one file: what it makes of x (`forward`), how dL/dx follows from delta (`inputGradient`),
// and a line in index.js. Everything else has a default.

import { exact } from "../activations.js";
import { Interventions } from "../interventions.js";

export class Layer {
  kind = ""; // the registry key
  typeName = ""; // the name of the class in Python
  weightName = ""; // the parameter that holds the neurons' weights
  biasName = "";
  windows = null; // where each neuron looks at an image; null: at the whole input, or at its own place
  stateNames = []; // arrays that are kept with the weights but not trained
  passesThrough = false; // whether in evaluation it hands on number by number what comes in
  leastBatch = 1;
  neuronByNeuron = false; // whether its neuron j looks at neuron j of the layer below alone
  handsOn = ""; // what it does with windows that it does not weigh, in a word that the walk knows
  reshapes = false; // whether it hands on all numbers in their order, so that the walk goes past it
  activation = null;
  isOutput = false;
  maxNorm = null;
  regularizer = null;
  interventions = new Interventions();
  views = {}; // name -> live view of a parameter or gradient array

  constructor(config) {
    this.settings = config;
  }

  config() {
    return { name: this.kind, ...this.settings };
  }

  connect(index, previous, Float) {
    this.index = index;
    this.previous = previous;
    this.Float = Float;
    this.r = Float === Float32Array ? Math.fround : exact;
    this.inShape = previous ? previous.outShape : [];
    this.outShape = this.outputShape(this.inShape);
    this.byChannel = this.outShape.length === 3 && Boolean(previous); // whether its neurons are channels
    this.nIn = previous ? previous.nOut : 0;
    this.nOut = this.outShape.reduce((product, side) => product * side, 1);
  }

  // How many neurons there are: one for each channel of an image, else one for each number.
  get neuronCount() {
    return this.byChannel ? this.outShape[2] : this.nOut;
  }

  // At how many places each neuron is: height times width of an image, else one.
  get places() {
    return this.byChannel ? this.outShape[0] * this.outShape[1] : 1;
  }

  outputShape(inShape) {
    return inShape;
  }

  // -- parameters ----------------------------------------------------------------------------------------------------

  parameterShapes() {
    return {};
  }

  attach(parameters) {
    this.parameters = parameters;
    for (const name of Object.keys(this.parameterShapes())) {
      this[name] = this.views[name] = parameters.view(parameters.theta, name + this.index);
      this[`d${name}`] = this.views[`d${name}`] = parameters.view(parameters.grad, name + this.index);
    }
  }

  initialize() {}

  // This layer's part, called `name`, of a vector that is laid out as theta is.
  flatView(flat, name) {
    return this.parameters.view(flat, name + this.index);
  }

  // -- workspaces ----------------------------------------------------------------------------------------------------

  buffers() {
    return ["z", "a", "da", "delta"];
  }

  reserve(capacity) {
    this.full = Object.fromEntries(this.buffers().map((name) => [name, new this.Float(capacity * this.nOut)]));
  }

  setBatchSize(batchSize) {
    this.batchSize = batchSize;
    for (const [name, full] of Object.entries(this.full)) this[name] = full.subarray(0, batchSize * this.nOut);
  }

  get x() {
    return this.previous.a;
  }

  // Where dL/dx goes; null where no gradient is needed below.
  get below() {
    return this.previous.index > 0 ? this.previous.da : null;
  }

  // -- the two passes ------------------------------------------------------------------------------------------------

  // From da to delta.
  deltaFromDa() {
    this.delta.set(this.da);
  }

  // From da to delta, the parameters' gradients and da of the layer below.
  backward() {
    this.deltaFromDa();
    this.backwardFromDelta();
  }

  backwardFromDelta() {
    this.parameterGradients();
    const below = this.below;
    if (below !== null) this.inputGradient(this.delta, below);
  }

  parameterGradients() {}

  // da/dz, neuron by neuron, at z (n,) of one sample: the diagonal of the Jacobian. A new array.
  slopes(z) {
    return z.map(() => 1);
  }

  // -- around an update ----------------------------------------------------------------------------------------------

  get penalized() {
    return false;
  }

  penalizes() {
    return false;
  }

  penalty() {
    return 0;
  }

  explainPenalty() {
    return ["", {}];
  }

  addPenaltyGradient() {}

  beforeUpdate() {}

  afterUpdate() {}

  // -- neurons -------------------------------------------------------------------------------------------------------

  // Which numbers of x the weights multiply that make number j of z, in the weights' order; -1: outside of the image.
  sources() {
    return Int32Array.from({ length: this.nIn }, (_, i) => i);
  }

  // What number j of x feeds, in evaluation, for one sample x (n_in,): numbers of z, and dz/dx_j of each.
  outgoing(j) {
    return [[j], this.Float.of(1)];
  }

  // Where only the largest number of a window is handed on: the windows that see number j of x. Of each which number of
  // z it makes, which number of x won it, and how many are as large.
  contests() {
    return [];
  }

  // How dz_j/dx_j follows in evaluation, where neuron j looks at number j of x alone: an equation and its numbers.
  explainSlope() {
    return ["", {}];
  }

  intervene(interventions) {
    if (interventions.any) throw new Error(`The neurons of layer ${this.index} (${this.title}) cannot be changed one by one.`);
  }

  // On which side of each kink everything lies for the batch, as 0 and 1: where one changes, L has no derivative.
  kinkSides() {
    return [];
  }

  get detail() {
    return "";
  }

  get title() {
    return `${this.typeName} ${this.detail}`.trim();
  }

  get imageShape() {
    return null;
  }

  // The layer that made what comes in; layers that pass it on in evaluation are looked through.
  get source() {
    let below = this.previous;
    while (below && below.passesThrough) below = below.previous;
    return below;
  }
}

// A layer that computes z in some way and then a = f(z).
export class ActivationLayer extends Layer {
  // What is run: the activation, unless single neurons have another.
  get function() {
    return this.chosen ?? this.activation;
  }

  // An activation sees a row for each place of an image, a neuron along the columns.
  activate() {
    this.function.forward(this.z, this.a, this.neuronCount, this.r);
  }

  deltaFromDa() {
    this.function.backward(this.da, this.z, this.a, this.delta, this.neuronCount, this.r);
  }

  slopes(z) {
    const n = this.neuronCount;
    if (z.length === n) return this.function.slopes(z, this.r);
    const found = new this.Float(z.length);
    for (let start = 0; start < z.length; start += n) found.set(this.function.slopes(z.subarray(start, start + n), this.r), start);
    return found;
  }

  kinkSides() {
    const kinks = [...this.function.kinks, ...this.function.curvatureJumps];
    return kinks.flatMap((kink) => Array.from(this.z, (z) => (z > kink ? 1 : 0)));
  }

  get detail() {
    return this.activation.key;
  }
}
