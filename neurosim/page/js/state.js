// One store: the network as it is now, where the learner stands, and what can be undone. Views draw from it and send
// it intentions; no view reads another. Nothing here touches the document.

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
  /** @param model what model.js read from the file */
  constructor(model) {
    this.model = model;
    this.network = model.makeNetwork();
    this.version = 0; // of the parameters: whatever was computed from them carries it
    this.undo = new Undo();
    this.beforeMoment = () => {}; // keeps the network for the list to undo
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
    this.classes = areClasses ? Math.max(this.network.output.nOut, 2) : 0; // 0: the labels are no classes
    this.final = this.network.snapshot();
    this.moments = this.recorded();
    this.points = new Map(); // step -> {loss, accuracy} over the test images of the page
    this.losses = this.recordedLosses(); // {step, loss} of batches that were trained on
    const last = this.moments[this.moments.length - 1].step;
    const first = this.visibleLayers()[0];
    this.state = {
      step: last,
      layer: first ? first.index : 1,
      neuron: 0, // the constructor chooses one that speaks
      row: null, // the place of a filter that the learner chose; null: that which the walk takes by itself
      column: null,
      hover: null, // {layer, neuron, row, column} under the pointer or the keyboard; places on maps alone
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
      rate: null, // samples a second
      note: "",
      help: false,
      edited: false, // whether the network differs from what was kept of this step
    };
    const spoken = first ? this.answer().layers[first.index].a : [];
    let loudest = 0;
    for (let j = 1; j < spoken.length; j++) if (spoken[j] > spoken[loudest]) loudest = j;
    if (first) this.state.neuron = loudest % first.neuronCount; // of the units of a filter the place comes later
  }

  // -- who listens ----------------------------------------------------------------------------------------------------

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Take over changes of the state; who listens hears their names, together, in the next frame. */
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

  /** Let everybody draw now what has changed. */
  flush() {
    this.waiting = false;
    if (!this.changed.size) return;
    const changed = this.changed;
    this.changed = new Set();
    for (const listener of this.listeners) listener(changed);
  }

  /** Whatever was computed from the parameters holds no longer. */
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

  /** The numbers as they came: pixels, features. */
  get raw() {
    return this.state.sample === null ? this.state.drawn : this.samples.raw(this.state.sample);
  }

  get label() {
    return this.state.sample === null ? this.state.drawnLabel : this.samples.label(this.state.sample);
  }

  /** Its number in the original test set; null for a drawn one. */
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

  /** A drawn picture takes the place of the sample. */
  draw(raw, label = this.state.drawnLabel) {
    this.drawnVersion++;
    this.set({ sample: null, drawn: raw, drawnLabel: label });
    this.tell("sample");
  }

  // -- the neuron, and what it does -------------------------------------------------------------------------------------

  /** The layers that have neurons of their own to look at. */
  visibleLayers() {
    return this.network.layers.filter((layer) => layer.index > 0 && layer.W);
  }

  layer(index = this.state.layer) {
    return this.network.layers[index];
  }

  /** Open a neuron; `place` {row, column} of a filter: null: that which the walk takes, left out: the one chosen before. */
  select(layer, neuron, place) {
    const visible = this.visibleLayers();
    const found = visible.find((each) => each.index === layer) || visible[0];
    const { row, column } = (place === undefined && found.index === this.state.layer ? this.state : place) || { row: null, column: null };
    const [height, width] = hasMaps(found) && row !== null ? found.outShape : [0, 0];
    const at = (number, count) => (count ? within(number ?? 0, count) : null);
    this.set({ layer: found.index, neuron: within(neuron, found.neuronCount), row: at(row, height), column: at(column, width) });
  }

  /** The place of the unit that is open; null of a neuron without places. It holds still while the pen or the training runs. */
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

  /** Activations of all layers and the output for the sample: `forward` fills the layers, this keeps copies. */
  answer() {
    return this.remember(`answer ${this.sampleKey}`, () => {
      this.network.forward(this.raw);
      const layers = this.network.layers.map((layer) => ({ a: layer.a.slice(), z: layer.z ? layer.z.slice() : null }));
      const output = layers[layers.length - 1].a;
      return { layers, output, decided: this.network.decide(output) };
    });
  }

  /** The walk's document of the selected neuron. */
  document() {
    return this.trace(this.state.layer, this.state.neuron, this.place());
  }

  trace(layer, neuron, place) {
    const { row, column } = place ?? {};
    return this.remember(`trace ${this.sampleKey} ${this.state.drawnLabel} ${layer} ${neuron} ${row} ${column}`, () =>
      trace(this.network, this.raw, this.label, { layer, neuron, row, column, sample: this.sampleIndex }),
    );
  }

  /** The stage that is open; where the sample has no label the walk ends at the output. */
  stage() {
    const stages = this.document().stages;
    return stages.find((each) => each.key === this.state.stage) || stages[stages.length - 1];
  }

  walk(by) {
    const stages = this.document().stages;
    const at = stages.findIndex((each) => each.key === this.stage().key) + by;
    if (at >= 0 && at < stages.length) this.set({ stage: stages[at].key });
  }

  /** Loss, accuracy, accuracy per class and confusion over the test images by which the page counts. */
  measure() {
    return this.remember("measure", () => this.network.evaluate(this.model.test));
  }

  /** The loss of the sample that is shown; null without a label. */
  sampleLoss() {
    return this.label === null ? null : this.remember(`loss ${this.sampleKey} ${this.label}`, () => this.network.gradients(this.raw, this.label));
  }

  /** The class that the network reads in each kept test sample, those kept as mistakes too. */
  readings() {
    return this.remember("readings", () => this.network.evaluate(this.model.test, this.model.test.total).predictions);
  }

  className(k) {
    return this.names[k] !== undefined ? String(this.names[k]) : String(k);
  }

  /** The value at which a neuron's output is held; undefined: it is free. */
  heldAt(layer, neuron) {
    return this.network.layers[layer].interventions.values.get(neuron);
  }

  isFrozen(layer, neuron) {
    return this.network.layers[layer].interventions.frozen.has(neuron);
  }

  // -- time -------------------------------------------------------------------------------------------------------------

  /** The moments that the file holds. */
  recorded() {
    const { snapshots } = this.model;
    if (!snapshots.length) return [{ step: this.network.optimizer.t, kept: this.final }];
    return snapshots.map((each, position) => ({ step: each.step, position, rounded: each.dtype === "float16" }));
  }

  /** Go to a moment of the time line; what was changed before is on the list to undo. */
  gotoMoment(moment) {
    if (moment.step === this.state.step && !this.state.edited) return;
    const { network } = this;
    if (this.undo.last) this.beforeMoment(moment.step); // what was changed can be had again
    network.restore({ ...network.snapshot(), interventions: this.final.interventions });
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

  /** The moment nearest to a step. */
  momentAt(step) {
    return this.moments.reduce((best, each) => (Math.abs(each.step - step) < Math.abs(best.step - step) ? each : best));
  }

  /** All parameters at a moment, without going there. */
  parametersAt(moment) {
    if (moment.kept) return moment.kept.theta;
    const { array } = this.model.snapshots[moment.position];
    moment.theta ??= this.model.array(array ?? `snapshot/${moment.position}`);
    return moment.theta;
  }

  /** The weights of one neuron at a moment. */
  weightsAt(moment, layer, neuron) {
    const here = this.network.layers[layer];
    return here.neuronPart(moment.step === this.state.step ? here.W : here.flatView(this.parametersAt(moment), "W"), neuron);
  }

  /** Keep where the training in this page has come to. */
  addMoment(step) {
    this.forgetAfter(step - 1);
    this.moments = [...this.moments, { step, kept: this.network.snapshot() }];
    // to look back every second one is enough, where there are many
    const here = this.moments.filter((each) => each.position === undefined);
    if (here.length > 40) {
      const drop = new Set(here.filter((_, k) => k % 2 === 1 && k < here.length - 2));
      this.moments = this.moments.filter((each) => !drop.has(each));
    }
    this.set({ step, edited: false });
    this.tell("moments");
  }

  /** What came after a step no longer follows from it. */
  forgetAfter(step) {
    this.moments = this.moments.filter((each) => each.step <= step);
    if (!this.moments.length) this.moments = [{ step, kept: this.network.snapshot() }];
    this.points = new Map([...this.points].filter(([at]) => at <= step));
    this.losses = this.losses.filter((each) => each.step <= step);
    this.tell("moments", "points");
  }

  /** The losses of batches that the file holds. */
  recordedLosses() {
    const { step = [], loss = [] } = this.model.manifest.run?.losses ?? {};
    return step.map((each, k) => ({ step: each, loss: loss[k] })).filter((each) => each.loss !== null);
  }

  /** Note the loss of batches up to a step; of many the lowest and the highest of every four are kept. */
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

  /** Note loss and accuracy of the network as it is for the curves. */
  notePoint(step) {
    const { loss, accuracy } = this.measure();
    this.points.set(step, { loss, accuracy });
    this.tell("points");
  }

  /** Measure one moment that has not been measured yet, on a twin; false: there is none. */
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

  /** The time line as the file holds it, at its first moment. */
  resetRun() {
    this.network = this.model.makeNetwork();
    this.moments = this.recorded();
    this.points = new Map();
    this.losses = this.recordedLosses();
    this.set({ edited: true });
    this.gotoMoment(this.moments[0]);
    this.tell("network");
  }

  // -- for links and programs -------------------------------------------------------------------------------------------

  /** Go to a step, a neuron and its place, a sample (its number in the original test set), a stage; what is left out stays. */
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

  /** The row in which the test sample of that number is kept; null where it is not. */
  rowOf(index) {
    const row = this.model.test.find(index);
    return row >= 0 && row < this.model.test.total ? row : null;
  }

  /** Where the learner stands, as plain data. */
  describe() {
    const { step, layer, neuron, row, column, stage, tab, predict, centre, training } = this.state;
    return { step, layer, neuron, row, column, sample: this.sampleIndex, label: this.label, stage, tab, predict, centre, training };
  }
}

function within(number, count) {
  return Math.min(Math.max(number, 0), count - 1);
}
