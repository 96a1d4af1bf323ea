// The network: it creates the layers from a config, runs them forward and backward, updates, predicts and evaluates.

import { createActivation } from "./activations.js";
import { Interventions } from "./interventions.js";
import { createLayer } from "./layers/index.js";
import { createLoss } from "./losses.js";
import { createOptimizer } from "./optimizers.js";
import { FlatParameters } from "./parameters.js";
import { Random } from "./random.js";

const EVALUATION_BATCH = 64; // samples: their activations stay in the processor's cache

export class Network {
  // config: the result of Python's `Network.config()`. All parameters are 0 until they are set or `reinitialize`d.
  constructor(config) {
    this.settings = config;
    this.dtype = config.dtype ?? "float32";
    this.Float = this.dtype === "float64" ? Float64Array : Float32Array;
    this.layers = config.layers.map(createLayer);
    this.layers.forEach((layer, index) => {
      layer.connect(index, this.layers[index - 1] ?? null, this.Float);
      layer.adopt?.(config.regularizer, config.max_norm);
    });
    const shapes = {};
    for (const layer of this.layers) {
      for (const [name, shape] of Object.entries(layer.parameterShapes())) shapes[name + layer.index] = shape;
    }
    this.parameters = new FlatParameters(shapes, this.Float);
    this.output.isOutput = true;
    this.layers.forEach((layer) => layer.attach(this.parameters));
    this.input.learned = config.samples ?? null;
    this.trained = this.layers.filter((layer) => Object.keys(layer.parameterShapes()).length > 0);
    this.leastBatch = Math.max(...this.layers.map((layer) => layer.leastBatch));
    this.loss = createLoss(config.loss);
    this.optimizer = createOptimizer(config.optimizer);
    this.optimizer.bind(this.theta);
    this.classNames = config.class_names ?? [];
    this.threshold = config.threshold ?? 0.5;
    for (const [index, each] of Object.entries(config.interventions ?? {})) {
      this.layers[index].intervene(Interventions.from(each));
    }
    this.version = 0; // grows with every change that the page makes, so that old results can be recognized
    this.capacity = -1;
    this.setBatchSize(1);
    this.useSeed(config.seed ?? 0);
  }

  // -- its parts -----------------------------------------------------------------------------------------------------

  get input() {
    return this.layers[0];
  }

  get output() {
    return this.layers.at(-1);
  }

  get theta() {
    return this.parameters.theta;
  }

  get grad() {
    return this.parameters.grad;
  }

  // Round a number to the network's type.
  get r() {
    return this.input.r;
  }

  className(k) {
    return this.classNames[k] ?? String(k);
  }

  // Return the current config, as Python's `Network.config()` does.
  config() {
    const interventions = this.layers.filter((layer) => layer.interventions.any);
    return {
      ...this.settings,
      layers: this.layers.map((layer) => layer.config()),
      loss: this.loss.config(),
      optimizer: this.optimizer.config(),
      interventions: Object.fromEntries(interventions.map((layer) => [layer.index, layer.interventions.config()])),
    };
  }

  // -- batches -------------------------------------------------------------------------------------------------------

  setBatchSize(batchSize) {
    if (batchSize === this.batchSize) return;
    if (batchSize > this.capacity) {
      this.capacity = batchSize;
      this.layers.forEach((layer) => layer.reserve(batchSize));
      this.allTargets = new this.Float(batchSize * this.output.nOut);
    }
    this.batchSize = batchSize;
    this.layers.forEach((layer) => layer.setBatchSize(batchSize));
    this.targets = this.allTargets.subarray(0, batchSize * this.output.nOut);
  }

  // Put one raw sample and its label into row b of the batch. A label is a class index or a row of targets.
  fill(b, raw, label) {
    this.input.fill(b, raw);
    const n = this.output.nOut;
    const start = b * n;
    if (label === null || label === undefined) label = 0;
    if (typeof label !== "number") {
      for (let k = 0; k < n; k++) this.targets[start + k] = label[k];
    } else if (n === 1) {
      this.targets[start] = label;
    } else {
      if (!(Number.isInteger(label) && label >= 0 && label < n)) throw new Error(`Expected a label from 0 to ${n - 1}, received ${label}.`);
      for (let k = 0; k < n; k++) this.targets[start + k] = k === label ? 1 : 0;
    }
  }

  load(raw, label = null) {
    this.setBatchSize(1);
    this.fill(0, raw, label);
  }

  // -- the training step ---------------------------------------------------------------------------------------------

  // Run one raw sample through all layers. Return the output's activations, a live buffer.
  forward(raw) {
    this.load(raw);
    return this.forwardBatch(false);
  }

  forwardBatch(training, from = 0) {
    for (let index = from; index < this.layers.length; index++) this.layers[index].forward(training);
    return this.output.a;
  }

  backwardBatch() {
    this.loss.delta(this.output, this.targets);
    this.output.backwardFromDelta();
    for (let index = this.layers.length - 2; index > 0; index--) this.layers[index].backward();
    for (const layer of this.trained) if (layer.penalized) layer.addPenaltyGradient();
  }

  // Fill every gradient for one sample, as in evaluation, without an update. Return the loss.
  gradients(raw, label) {
    this.load(raw, label);
    this.forwardBatch(false);
    const loss = this.loss.value(this.output, this.targets);
    this.backwardBatch();
    return loss;
  }

  // Run one step of training on the batch in the workspaces. Return the loss before it. If it is not a number, nothing
  // is updated.
  step() {
    this.forwardBatch(true);
    const loss = this.loss.value(this.output, this.targets);
    if (Number.isFinite(loss)) {
      this.backwardBatch();
      this.update();
    }
    return loss;
  }

  // Move the parameters with the last gradients.
  update() {
    for (const layer of this.trained) layer.beforeUpdate();
    this.optimizer.step(this.theta, this.grad);
    for (const layer of this.trained) layer.afterUpdate();
    this.version += 1;
  }

  penalty() {
    return this.layers.reduce((sum, layer) => sum + layer.penalty(), 0);
  }

  // -- using it ------------------------------------------------------------------------------------------------------

  // Return a copy of the output's activations for one raw sample.
  predictProba(raw) {
    return this.forward(raw).slice();
  }

  // Return the class that the outputs a (n,) predict: the largest; for a single output, 1 above the threshold, else 0.
  decide(a, start = 0, n = a.length) {
    if (n === 1) return a[start] > this.threshold ? 1 : 0;
    let best = 0;
    for (let k = 1; k < n; k++) if (a[start + k] > a[start + best]) best = k;
    return best;
  }

  // Return mean loss and accuracy over samples {count, x(i) or raw(i), label(i)}, also by class. perClass: {right,
  // count} of each; confusion[i][j]: how often class i was read as j. NaN and null if the labels are not classes.
  evaluate(samples, count = samples.count) {
    const n = this.output.nOut;
    const classes = Math.max(n, 2);
    const confusion = Array.from({ length: classes }, () => new Array(classes).fill(0));
    const predictions = new Int32Array(count);
    let loss = 0;
    let ofClasses = true;
    for (let start = 0; start < count; start += EVALUATION_BATCH) {
      const size = Math.min(EVALUATION_BATCH, count - start);
      this.setBatchSize(size);
      for (let b = 0; b < size; b++) this.fill(b, samples.raw(start + b), samples.label(start + b));
      const a = this.forwardBatch(false);
      loss += this.loss.value(this.output, this.targets) * size;
      for (let b = 0; b < size; b++) {
        const read = (predictions[start + b] = this.decide(a, b * n, n));
        const label = classOf(this.targets.subarray(b * n, (b + 1) * n));
        if (label === null) ofClasses = false;
        else confusion[label][read] += 1;
      }
    }
    const perClass = confusion.map((row, k) => ({ right: row[k], count: row.reduce((sum, each) => sum + each, 0) }));
    const right = perClass.reduce((sum, each) => sum + each.right, 0);
    return ofClasses
      ? { loss: loss / count, accuracy: right / count, perClass, confusion, predictions }
      : { loss: loss / count, accuracy: NaN, perClass: null, confusion: null, predictions };
  }

  // -- changing it ---------------------------------------------------------------------------------------------------

  setParameters(theta) {
    this.theta.set(theta);
    this.version += 1;
  }

  // Name -> array that is stored with the weights and not trained. Live views.
  runningArrays() {
    const found = {};
    for (const layer of this.layers) for (const name of layer.stateNames) found[name + layer.index] = layer[name];
    return found;
  }

  setRunningArrays(arrays) {
    for (const [name, array] of Object.entries(this.runningArrays())) if (arrays[name]) array.set(arrays[name]);
    this.version += 1;
  }

  useSeed(seed) {
    this.seed = seed;
    this.streams = {}; // of random numbers, one for each purpose
    for (const purpose of ["weights", "shuffling", "dropout"]) this.streams[purpose] = new Random(seed, purpose);
    for (const layer of this.layers) if ("random" in layer) layer.random = this.streams.dropout;
  }

  // Draw new initial weights with the network's initializers, and reset the optimizer.
  reinitialize(seed = this.seed) {
    this.useSeed(seed);
    this.layers.forEach((layer) => layer.initialize(this.streams.weights));
    this.optimizer.forget();
    this.version += 1;
  }

  useOptimizer(config) {
    this.optimizer = createOptimizer(config);
    this.optimizer.bind(this.theta);
    this.version += 1;
  }

  // Change one kind of intervention on a neuron: "values", "frozen", "factors", "activations" or "l2". null ends it.
  intervene(layer, neuron, kind, value) {
    const changed = Interventions.from(this.layers[layer].interventions.config());
    if (value === null) changed[kind].delete(neuron);
    else changed[kind].set(neuron, kind === "activations" ? createActivation(value) : value);
    this.layers[layer].intervene(changed);
    this.version += 1;
  }

  silence(layer, neuron) {
    this.clamp(layer, neuron, 0);
  }

  clamp(layer, neuron, value) {
    this.intervene(layer, neuron, "values", value);
  }

  freeze(layer, neuron) {
    this.intervene(layer, neuron, "frozen", true);
  }

  // End all interventions on a neuron.
  release(layer, neuron) {
    const changed = Interventions.from(this.layers[layer].interventions.config());
    for (const kind of ["activations", "values", "factors", "frozen", "l2"]) changed[kind].delete(neuron);
    this.layers[layer].intervene(changed);
    this.version += 1;
  }

  // -- keeping it ----------------------------------------------------------------------------------------------------

  // Copy everything that training and the page's tools change, for `restore`.
  snapshot() {
    return {
      theta: this.theta.slice(),
      running: mapValues(this.runningArrays(), (array) => array.slice()),
      optimizer: this.optimizer.config(),
      scalars: this.optimizer.scalars(),
      state: mapValues(this.optimizer.state, (array) => array.slice()),
      interventions: this.layers.map((layer) => layer.interventions.config()),
    };
  }

  restore(snapshot) {
    this.theta.set(snapshot.theta);
    for (const [name, array] of Object.entries(this.runningArrays())) array.set(snapshot.running[name]);
    this.useOptimizer(snapshot.optimizer);
    this.optimizer.restore(snapshot.scalars);
    for (const [name, array] of Object.entries(snapshot.state)) this.optimizer.state[name].set(array);
    this.layers.forEach((layer, index) => {
      const wanted = Interventions.from(snapshot.interventions[index]);
      if (wanted.any || layer.interventions.any) layer.intervene(wanted);
    });
    this.version += 1;
  }

  // Take the result of a training in a worker: {theta, running, state, scalars}.
  take({ theta, running, state, scalars }) {
    this.theta.set(theta);
    this.setRunningArrays(running);
    for (const [name, array] of Object.entries(state)) this.optimizer.state[name].set(array);
    this.optimizer.restore(scalars);
  }

  // Return another network with the same settings, numbers and state.
  clone() {
    const twin = new Network(this.config());
    twin.restore(this.snapshot());
    twin.seed = this.seed;
    return twin;
  }

  // Return a new network with other settings and initial weights: other widths, another activation, another optimizer.
  withConfig(changes, seed = this.seed) {
    const made = new Network({ ...this.config(), interventions: {}, ...changes });
    made.reinitialize(seed);
    return made;
  }

  // Return a network with the same parameters and another optimizer, whose state is new.
  withOptimizer(key, settings = {}) {
    const twin = this.clone();
    twin.useOptimizer({ name: key, ...settings });
    return twin;
  }

  // Return a network with another activation in all hidden layers, and matching initial weights.
  withActivation(key) {
    const hidden = this.layers.slice(1, -1).filter((layer) => layer.activation);
    const bent = hidden.filter((layer) => layer.activation.key !== "linear"); // a linear layer stands before a normalization
    const changed = new Set((bent.length ? bent : hidden).map((layer) => layer.index));
    const layers = this.config().layers.map((layer, index) => (changed.has(index) ? { ...layer, activation: { name: key } } : layer));
    return this.withConfig({ layers });
  }

  // Return a network with dense hidden layers of these widths before the output. Layers for images stay below them.
  withHidden(widths) {
    const { layers } = this.config();
    const ofImages = this.layers.some((layer) => layer.windows || layer.reshapes);
    const below = layers.slice(0, ofImages ? layers.findIndex((layer) => layer.name === "dense") : 1);
    const model = layers.slice(1, -1).find((layer) => layer.name === "dense");
    const hidden = widths.map((units) => ({ ...(model ?? { name: "dense", activation: { name: "relu" } }), units }));
    return this.withConfig({ layers: [...below, ...hidden, layers.at(-1)] });
  }
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}

// Return the class that a row of targets names: one 1 among zeros, or among -1; null if it names none.
export function classOf(row) {
  const no = row.some((each) => each === -1) ? -1 : 0;
  if (!row.every((each) => each === 1 || each === no)) return null;
  if (row.length === 1) return row[0] === 1 ? 1 : 0;
  return row.filter((each) => each === 1).length === 1 ? row.indexOf(1) : null;
}
