// One store: the current network, the learner's place, and the changes to undo. Views draw from it and call its
// methods; no view reads another one. Nothing here uses the document.

import { trace } from "./engine/trace.js";
import { hasMaps } from "./maps.js";
import { Pixels } from "./pixels.js";
import { Undo } from "./undo.js";

const STAGES = [
  "inputs", "weighted_sum", "activation", "output", "output_delta", "downstream", "derivative", "delta", "gradients",
  "update", "loss_after",
];
export const TABS = ["network", "report", "confusion", "plane"];

export class Store {
  /** @param model the result of model.js */
  constructor(model) {
    this.model = model;
    this.network = model.makeNetwork();
    this.version = 0; // of the parameters: each result computed from them has this number
    this.undo = new Undo();
    this.beforeMoment = () => {}; // stores the network in the list of changes to undo
    this.listeners = new Set();
    this.changed = new Set();
    this.memo = new Map();
    this.drawnVersion = 0;
    const { data } = model.manifest;
    this.kind = data.kind;
    this.shape = data.shape || [];
    this.pixels = new Pixels(model.test, this.network.input, this.shape);
    this.featureNames = data.feature_names || [];
    this.names = model.manifest.class_names && model.manifest.class_names.length ? model.manifest.class_names : data.class_names || [];
    const labels = model.test.total ? model.test.labels : model.train.labels;
    const areClasses = model.test.width === 1 && !(labels instanceof Float32Array || labels instanceof Float64Array);
    this.classes = areClasses ? Math.max(this.network.output.nOut, 2) : 0; // 0: the labels are not classes
    this.final = this.network.snapshot();
    this.moments = this.recorded();
    this.points = new Map(); // step -> {loss, accuracy} on the test samples of the page
    this.losses = this.recordedLosses(); // {step, loss} of training batches
    const last = this.moments[this.moments.length - 1].step;
    const first = this.visibleLayers()[0];
    this.state = {
      step: last,
      layer: first ? first.index : 1,
      neuron: 0, // the constructor chooses an active one
      row: null, // the place of a filter that the learner chose; null: the walk chooses it
      column: null,
      hover: null, // {layer, neuron, row, column} under the pointer or the keyboard; places only on maps
      set: "test",
      sample: model.test.total ? 0 : null, // row of the set; null: drawn
      drawn: model.test.total ? null : new Float32Array(this.network.input.nOut), // raw numbers of a drawing or a chosen point
      drawnLabel: null,
      drawing: false, // while the pen is down
      stage: "weighted_sum",
      tab: "network",
      predict: false,
      centre: true,
      training: false,
      rate: null, // samples per second
      note: "",
      help: false,
      edited: false, // whether the network differs from the one stored at this step
    };
    const spoken = first ? this.answer().layers[first.index].a : [];
    let loudest = 0;
    for (let j = 1; j < spoken.length; j++) if (spoken[j] > spoken[loudest]) loudest = j;
    if (first) this.state.neuron = loudest % first.neuronCount; // for the units of a filter the place is chosen later
  }

  // -- who listens ----------------------------------------------------------------------------------------------------

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Change the state. Listeners get all changed names together in the next frame. */
  set(changes) {
    const names = Object.keys(changes).filter((name) => this.state[name] !== changes[name]);
    if (!names.length) return;
    Object.assign(this.state, changes);
    this.tell(...names);
  }

  tell(...names) {
    for (const name of names) this.changed.add(name);
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => this.flush());
  }

  /** Tell all listeners now what has changed. */
  flush() {
    this.waiting = false;
    if (!this.changed.size) return;
    const changed = this.changed;
    this.changed = new Set();
    for (const listener of this.listeners) listener(changed);
  }

  /** Forget all results that were computed from the old parameters. */
  touched(...names) {
    this.version++;
    this.memo.clear();
    this.tell("theta", ...names);
  }

  remember(key, compute) {
    if (!this.memo.has(key)) this.memo.set(key, compute());
    return this.memo.get(key);
  }

  // -- the sample -----------------------------------------------------------------------------------------------------

  get samples() {
    return this.state.set === "train" ? this.model.train : this.model.test;
  }

  /** The raw numbers: pixels or features. */
  get raw() {
    return this.state.sample === null ? this.state.drawn : this.samples.raw(this.state.sample);
  }

  get label() {
    return this.state.sample === null ? this.state.drawnLabel : this.samples.label(this.state.sample);
  }

  /** Its number in the original test set; null for a drawing. */
  get sampleIndex() {
    return this.state.sample === null ? null : this.samples.index(this.state.sample);
  }

  get sampleKey() {
    return `${this.state.set}/${this.state.sample}/${this.state.sample === null ? this.drawnVersion : 0}`;
  }

  chooseSample(row, set = "test") {
    this.set({ set, sample: row, drawn: null });
    this.tell("sample");
  }

  /** Replace the sample with a drawing. */
  draw(raw, label = this.state.drawnLabel) {
    this.drawnVersion++;
    this.set({ sample: null, drawn: raw, drawnLabel: label });
    this.tell("sample");
  }

  // -- the neuron, and what it does -------------------------------------------------------------------------------------

  /** The layers with their own neurons. */
  visibleLayers() {
    return this.network.layers.filter((layer) => layer.index > 0 && layer.W);
  }

  layer(index = this.state.layer) {
    return this.network.layers[index];
  }

  /** Open a neuron. `place` of a filter is {row, column}, or null for the choice of the walk; without it, the old place stays. */
  select(layer, neuron, place) {
    const visible = this.visibleLayers();
    const found = visible.find((each) => each.index === layer) || visible[0];
    const { row, column } = (place === undefined && found.index === this.state.layer ? this.state : place) || { row: null, column: null };
    const [height, width] = hasMaps(found) && row !== null ? found.outShape : [0, 0];
    const at = (number, count) => (count ? within(number ?? 0, count) : null);
    this.set({ layer: found.index, neuron: within(neuron, found.neuronCount), row: at(row, height), column: at(column, width) });
  }

  /** The place of the open unit; null if the neuron has no places. It stays fixed while the pen or the training runs. */
  place() {
    const { layer, neuron, row, column, drawing, training } = this.state;
    if (!hasMaps(this.layer())) return null;
    if (row !== null) return { row, column };
    const of = `${layer}/${neuron}`;
    if (!(drawing || training) || this.taken?.of !== of) {
      const found = this.trace(layer, neuron, null);
      this.taken = { of, row: found.row, column: found.column };
    }
    return { row: this.taken.row, column: this.taken.column };
  }

  /** Return the activations of all layers and the output for the sample, as copies. */
  answer() {
    return this.remember(`answer ${this.sampleKey}`, () => {
      this.network.forward(this.raw);
      const layers = this.network.layers.map((layer) => ({ a: layer.a.slice(), z: layer.z ? layer.z.slice() : null }));
      const output = layers[layers.length - 1].a;
      return { layers, output, decided: this.network.decide(output) };
    });
  }

  /** Return the walk's document of the open neuron. */
  document() {
    return this.trace(this.state.layer, this.state.neuron, this.place());
  }

  trace(layer, neuron, place) {
    const { row, column } = place ?? {};
    return this.remember(`trace ${this.sampleKey} ${this.state.drawnLabel} ${layer} ${neuron} ${row} ${column}`, () =>
      trace(this.network, this.raw, this.label, { layer, neuron, row, column, sample: this.sampleIndex }),
    );
  }

  /** Return the open stage. If the sample has no label, the walk ends at the output. */
  stage() {
    const stages = this.document().stages;
    return stages.find((each) => each.key === this.state.stage) || stages[stages.length - 1];
  }

  walk(by) {
    const stages = this.document().stages;
    const at = stages.findIndex((each) => each.key === this.stage().key) + by;
    if (at >= 0 && at < stages.length) this.set({ stage: stages[at].key });
  }

  /** Return loss, accuracy, accuracy per class and confusion matrix over the test samples of the page. */
  measure() {
    return this.remember("measure", () => this.network.evaluate(this.model.test));
  }

  /** Return the loss of the sample shown; null without a label. */
  sampleLoss() {
    return this.label === null ? null : this.remember(`loss ${this.sampleKey} ${this.label}`, () => this.network.gradients(this.raw, this.label));
  }

  /** Return the prediction for each test sample in the page, the extra misread ones included. */
  readings() {
    return this.remember("readings", () => this.network.evaluate(this.model.test, this.model.test.total).predictions);
  }

  className(k) {
    return this.names[k] !== undefined ? String(this.names[k]) : String(k);
  }

  /** Return the value at which a neuron's output is clamped; undefined if it is not clamped. */
  heldAt(layer, neuron) {
    return this.network.layers[layer].interventions.values.get(neuron);
  }

  isFrozen(layer, neuron) {
    return this.network.layers[layer].interventions.frozen.has(neuron);
  }

  // -- time -------------------------------------------------------------------------------------------------------------

  /** Return the stored steps of the file. */
  recorded() {
    const { snapshots } = this.model;
    if (!snapshots.length) return [{ step: this.network.optimizer.t, kept: this.final }];
    return snapshots.map((each, position) => ({ step: each.step, position, rounded: each.dtype === "float16" }));
  }

  /** Go to a stored step. Earlier changes stay in the list to undo. */
  gotoMoment(moment) {
    if (moment.step === this.state.step && !this.state.edited) return;
    if (this.undo.last) this.beforeMoment(moment.step); // so that the changes can be undone
    this.show(moment);
  }

  /** Give the network the weights of a stored step, and a new optimizer state. */
  show(moment) {
    const { network } = this;
    network.restore({ ...network.snapshot(), interventions: (moment.kept ?? this.final).interventions });
    if (moment.position !== undefined) this.model.goTo(network, moment.position);
    else if (moment.kept.optimizer.name === network.optimizer.key) {
      network.restore({ ...moment.kept, optimizer: network.optimizer.config() });
    } else {
      network.setParameters(moment.kept.theta);
      network.setRunningArrays(moment.kept.running);
      network.optimizer.forget();
    }
    this.set({ step: moment.step, edited: false });
    this.touched("moments", "edits");
  }

  /** Return the stored step nearest to a step. */
  momentAt(step) {
    return this.moments.reduce((best, each) => (Math.abs(each.step - step) < Math.abs(best.step - step) ? each : best));
  }

  /** Return all parameters at a stored step, without going there. */
  parametersAt(moment) {
    if (moment.kept) return moment.kept.theta;
    const { array } = this.model.snapshots[moment.position];
    moment.theta ??= this.model.array(array ?? `snapshot/${moment.position}`);
    return moment.theta;
  }

  /** Return the weights of one neuron at a stored step. */
  weightsAt(moment, layer, neuron) {
    const here = this.network.layers[layer];
    return here.neuronPart(moment.step === this.state.step ? here.W : here.flatView(this.parametersAt(moment), "W"), neuron);
  }

  /** Store the network that the training on this page has reached. */
  addMoment(step) {
    this.forgetAfter(step - 1);
    this.moments = [...this.moments, { step, kept: this.network.snapshot() }];
    // if there are many, every second one is enough
    const here = this.moments.filter((each) => each.position === undefined);
    if (here.length > 40) {
      const drop = new Set(here.filter((_, k) => k % 2 === 1 && k < here.length - 2));
      this.moments = this.moments.filter((each) => !drop.has(each));
    }
    this.set({ step, edited: false });
    this.tell("moments");
  }

  /** Forget everything after a step. */
  forgetAfter(step) {
    this.moments = this.moments.filter((each) => each.step <= step);
    if (!this.moments.length) this.moments = [{ step, kept: this.network.snapshot() }];
    this.points = new Map([...this.points].filter(([at]) => at <= step));
    this.losses = this.losses.filter((each) => each.step <= step);
    this.tell("moments", "points");
  }

  /** Return the losses of batches in the file. */
  recordedLosses() {
    const { step = [], loss = [] } = this.model.manifest.run?.losses ?? {};
    return step.map((each, k) => ({ step: each, loss: loss[k] })).filter((each) => each.loss !== null);
  }

  /** Note the loss of batches up to a step. If there are many, keep the lowest and the highest of every four. */
  noteLoss(step, loss) {
    if (!Number.isFinite(loss)) return;
    this.losses = [...this.losses, { step, loss }];
    if (this.losses.length > 1600) {
      this.losses = this.losses.filter((each, k, all) => {
        const four = all.slice(k - (k % 4), k - (k % 4) + 4).map((one) => one.loss);
        return each.loss === Math.min(...four) || each.loss === Math.max(...four);
      });
    }
  }

  /** Note loss and accuracy of the current network for the curves. */
  notePoint(step) {
    const { loss, accuracy } = this.measure();
    this.points.set(step, { loss, accuracy });
    this.tell("points");
  }

  /** Measure one stored step that has not been measured, on a copy. Return false if there is none. */
  measureNext() {
    const moment = this.moments.find((each) => !this.points.has(each.step));
    if (!moment || this.state.training || this.state.drawing) return false;
    if (moment.position !== undefined) {
      if (!this.twin || this.twin.theta.length !== this.network.theta.length) this.twin = this.model.makeNetwork();
      this.model.goTo(this.twin, moment.position);
    } else {
      this.twin = this.network.clone();
      this.twin.restore(moment.kept);
    }
    const { loss, accuracy } = this.twin.evaluate(this.model.test);
    this.points.set(moment.step, { loss, accuracy });
    this.tell("points");
    return true;
  }

  /** Return to the timeline of the file, at its first step. */
  resetRun() {
    this.moments = this.recorded();
    this.points = new Map();
    this.losses = this.recordedLosses();
    this.show(this.moments[0]);
  }

  // -- for links and programs -------------------------------------------------------------------------------------------

  /** Go to a step, a neuron and its place, a sample (its number in the original test set), a stage. Missing parts stay. */
  goto({ step, layer = this.state.layer, neuron = this.state.neuron, row, column, sample, stage, tab } = {}) {
    if (step !== undefined && this.moments.length) this.gotoMoment(this.momentAt(step));
    this.select(layer, neuron, row === undefined ? undefined : { row, column });
    if (sample !== undefined && sample !== null) {
      const kept = this.rowOf(sample);
      if (kept !== null) this.chooseSample(kept);
    }
    if (stage !== undefined && STAGES.includes(stage)) this.set({ stage });
    if (tab !== undefined && TABS.includes(tab)) this.set({ tab });
    this.flush();
  }

  /** Return the row of the test sample with this number; null if it is not in the page. */
  rowOf(index) {
    const row = this.model.test.find(index);
    return row >= 0 && row < this.model.test.total ? row : null;
  }

  /** Return the learner's place as plain data. */
  describe() {
    const { step, layer, neuron, row, column, stage, tab, predict, centre, training } = this.state;
    return { step, layer, neuron, row, column, sample: this.sampleIndex, label: this.label, stage, tab, predict, centre, training };
  }
}

function within(number, count) {
  return Math.min(Math.max(number, 0), count - 1);
}
