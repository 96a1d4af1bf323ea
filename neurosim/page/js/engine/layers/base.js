// The base of all layers: a place in the network, two passes, and the workspaces of its arrays.
//
// Arrays are flat and row by row: for B samples, z, a, da and delta have B * nOut numbers. They have the network's own
// type (Float32Array or Float64Array). They belong to the last batch; the next batch overwrites them.
//
// A new kind of layer is one file and a line in index.js. The file needs `forward` (x to a) and `inputGradient` (delta
// to dL/dx). Everything else has a default.

import { exact } from "../activations.js";
import { Interventions } from "../interventions.js";

export class Layer {
  kind = ""; // the registry key
  typeName = ""; // the name of the class in Python
  weightName = ""; // the parameter that holds the neurons' weights
  biasName = "";
  windows = null; // the patches at which neurons look; null: a neuron looks at the whole input, or at its own place
  stateNames = []; // arrays that are stored with the weights and not trained
  passesThrough = false; // whether it passes on its input unchanged in evaluation
  leastBatch = 1;
  neuronByNeuron = false; // whether its neuron j looks only at neuron j of the layer below
  handsOn = ""; // its operation on windows without weights, as a word that the walk knows
  reshapes = false; // whether it passes on all numbers in their order, so that the walk skips it
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

  // The number of neurons: one for each channel of an image, else one for each number.
  get neuronCount() {
    return this.byChannel ? this.outShape[2] : this.nOut;
  }

  // The number of places of each neuron: height times width of an image, else one.
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

  // Return this layer's part, called `name`, of a vector with the layout of theta.
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

  // The buffer for dL/dx; null if no gradient is needed below.
  get below() {
    return this.previous.index > 0 ? this.previous.da : null;
  }

  // -- the two passes ------------------------------------------------------------------------------------------------

  // Compute delta from da.
  deltaFromDa() {
    this.delta.set(this.da);
  }

  // Compute delta from da, then the parameters' gradients and da of the layer below.
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

  // Return da/dz, neuron by neuron, at z (n,) of one sample: the diagonal of the Jacobian, as a new array.
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

  // Return the indices in x of the numbers that the weights multiply for number j of z. -1 is outside of the image.
  sources() {
    return Int32Array.from({ length: this.nIn }, (_, i) => i);
  }

  // Return the numbers of z that number j of x feeds in evaluation, for one sample x (n_in,), and dz/dx_j of each.
  outgoing(j) {
    return [[j], this.Float.of(1)];
  }

  // For max pooling: return the windows that see number j of x. Each has its number of z, the number of x with the
  // maximum, and how many numbers share that maximum.
  contests() {
    return [];
  }

  // Explain dz_j/dx_j in evaluation, if neuron j looks only at number j of x: an equation and its numbers.
  explainSlope() {
    return ["", {}];
  }

  intervene(interventions) {
    if (interventions.any) throw new Error(`The neurons of layer ${this.index} (${this.title}) cannot be changed one by one.`);
  }

  // Return the side of each kink for the whole batch, as 0 and 1. Where a side changes, L has no derivative.
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

  // Return the layer that produced the input. Layers that pass on their input in evaluation are skipped.
  get source() {
    let below = this.previous;
    while (below && below.passesThrough) below = below.previous;
    return below;
  }
}

// A layer that computes z, and then a = f(z).
export class ActivationLayer extends Layer {
  // The function to run: the activation, unless single neurons have another one.
  get function() {
    return this.chosen ?? this.activation;
  }

  // The activation sees one row for each place of an image, with the neurons along the columns.
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
