// The session: the learner trains the network, edits a neuron, chooses another optimizer; each change can be undone.

import { Trainer } from "./training.js";

const SMALL_BATCH = 16;
const DIVERGED = "Training diverged and stopped: the loss is not a number. Press Undo training, then try a smaller learning rate.";
const NOT_STARTED = "No step was trained: the loss of the first batch is not a number. Undo the change that caused it, or press Reset.";

export class Session {
  /** @param store of the page; script: the text of the worker */
  constructor(store, script) {
    this.store = store;
    this.trainer = new Trainer(script);
    store.beforeMoment = (step) => this.keep(`went to step ${step.toLocaleString("en")}`, "time", "time");
    const { manifest } = store.model;
    const { count } = store.model.train;
    const few = manifest.data.train_size > count; // fewer than in the run: with smaller batches, an epoch has as many steps
    const ofRun = Math.min(manifest.batch_size || 32, Math.max(count, 1));
    this.batchSize = few ? Math.min(ofRun, SMALL_BATCH) : ofRun;
    this.smallBatch = this.batchSize < ofRun ? this.batchSize : null; // the batch size that replaces that of the run
    this.seed = (manifest.network && manifest.network.seed) || 0;
    this.starts = new WeakMap(); // network that was begun here -> its initial weights
    this.chosen = new WeakSet(); // networks whose optimizer the learner chose
  }

  // -- undo -------------------------------------------------------------------------------------------------------------

  /** Store the current network before a change; `said` describes the change. */
  keep(said, kind, key = "") {
    const { store } = this;
    const last = store.undo.last;
    if (key && last && last.key === key && last.open) {
      last.said = said;
      return last;
    }
    const kept = store.network.snapshot();
    const entry = {
      said, kind, key, open: Boolean(key), network: store.network, kept, step: store.state.step, edited: store.state.edited,
      moments: store.moments, points: new Map(store.points), losses: store.losses, bytes: 4 * store.network.theta.length * 4,
      before: this.measured(), after: null, version: -1,
    };
    store.undo.push(entry);
    return entry;
  }

  /** Measure the loss of the sample, and the accuracy on the test samples of the page, also per class. */
  measured() {
    const { store } = this;
    const { accuracy, perClass } = store.measure();
    const loss = store.label === null ? null : store.sampleLoss();
    return { loss, accuracy, perClass, sample: `${store.sampleKey} ${store.label}` };
  }

  undo() {
    const { store } = this;
    const entry = store.state.training ? null : store.undo.pop();
    if (!entry) return;
    store.network = entry.network;
    store.network.restore(entry.kept);
    store.moments = entry.moments;
    store.points = entry.points;
    store.losses = entry.losses;
    store.set({ step: entry.step, edited: entry.edited, note: "" });
    store.touched("edits", "moments", "network");
  }

  /** Undo the latest training, and all changes after it. */
  back() {
    const at = this.store.undo.lastTraining();
    if (at < 0) return;
    while (this.store.undo.entries.length > at) this.undo();
  }

  // -- edits of a neuron ------------------------------------------------------------------------------------------------

  /** Change the network: `apply` gets it. Until `settle`, changes with the same key are one entry. */
  edit(said, apply, key = "") {
    const { store } = this;
    this.keep(said, "edit", key);
    try {
      apply(store.network);
    } catch (error) {
      this.undo();
      store.set({ note: error.message });
      return;
    }
    store.set({ edited: true, note: "" });
    store.touched("edits");
  }

  /** The drag is over. */
  settle() {
    const { last } = this.store.undo;
    if (last) last.open = false;
    this.store.tell("edits");
  }

  // -- training ---------------------------------------------------------------------------------------------------------

  get stepsOfEpoch() {
    return Math.ceil(this.store.model.train.count / this.batchSize);
  }

  /** Train one step on the sample shown: the step of the walk. */
  oneSample() {
    const { store } = this;
    if (store.label === null) {
      store.set({ note: "Choose a label for the input first: a step needs a label." });
      return;
    }
    const entry = this.keep("trained on this sample", "training");
    const loss = store.network.gradients(store.raw, store.label);
    if (!Number.isFinite(loss)) {
      this.forget(entry);
      store.set({ note: `No step was trained: the loss of this sample is not a number.` });
      return;
    }
    store.network.update();
    store.addMoment(store.state.step + 1);
    store.set({ note: "" });
    store.touched("edits", "moments");
  }

  /** Train in the worker for `steps` steps, or until it is paused. Resolves when it has stopped. */
  async train({ steps, order, batchSize = this.batchSize } = {}, said = "trained") {
    const { store } = this;
    if (store.state.training || !store.model.train.count) return;
    const entry = this.keep(said, "training");
    const start = store.state.step;
    const { network } = store;
    store.forgetAfter(start);
    store.set({ training: true, rate: null, note: "" });
    let shownAt = 0;
    const onProgress = (progress) => {
      if (store.network !== network) return;
      network.setParameters(progress.theta);
      network.setRunningArrays(progress.running);
      const step = start + progress.step;
      store.noteLoss(step, progress.loss);
      store.set({ step, rate: progress.samplesPerSecond });
      store.touched();
      // accuracy on the samples of the page takes longer than a frame, so measure it only a few times per second
      if (performance.now() - shownAt > 350) {
        shownAt = performance.now();
        store.notePoint(step);
        if (performance.now() - shownAt > 60) shownAt += 1000; // a large network
      }
      entry.said = withSteps(said, step - start);
    };
    try {
      const final = await this.trainer.start({ network, samples: store.model.train, batchSize, steps, order, seed: this.seed }, onProgress);
      if (store.network === network) {
        network.take(final);
        const done = final.steps;
        entry.said = withSteps(said, done);
        store.noteLoss(start + done, final.loss);
        if (done) store.addMoment(start + done);
        else this.forget(entry);
        const diverged = final.stopped === "diverged" ? (done ? DIVERGED : NOT_STARTED) : "";
        const { augment } = store.model.manifest.settings ?? {};
        const unmoved = augment && !this.saidUnmoved ? `The original run changed its training images at random (${augment}). This page trains on the unchanged images.` : "";
        this.saidUnmoved = true;
        store.set({ note: [final.note, unmoved, diverged].filter(Boolean).join(" ") });
      }
    } catch (error) {
      if (store.state.step === start) this.forget(entry);
      store.set({ note: `Training stopped: ${error.message}` });
    }
    store.set({ training: false, rate: null });
    store.touched("edits", "moments");
    store.notePoint(store.state.step);
  }

  /** Take back a change that had no effect. */
  forget(entry) {
    const { store } = this;
    if (store.undo.last !== entry) return;
    store.undo.pop();
    store.moments = entry.moments;
    store.points = entry.points;
    store.losses = entry.losses;
  }

  pause() {
    this.trainer.pause();
  }

  toggle() {
    if (this.store.state.training) this.pause();
    else this.train({}, "trained");
  }

  // -- another start, another rule --------------------------------------------------------------------------------------

  /** Return to the initial weights. An optimizer that the learner chose stays. */
  reset() {
    this.stopped(() => {
      const { store } = this;
      const kept = this.starts.get(store.network);
      this.keep(`reset to step ${kept ? 0 : store.recorded()[0].step.toLocaleString("en")}`, "time");
      if (!this.chosen.has(store.network)) store.network.useOptimizer((kept ?? store.final).optimizer);
      if (kept) {
        store.moments = [{ step: 0, kept, here: true }];
        store.points = new Map();
        store.losses = [];
        store.show({ step: 0, kept });
      } else store.resetRun();
      store.set({ note: store.moments[0].step === 0 ? "" : "This file does not hold the initial weights. These are the earliest weights that it holds." });
      store.notePoint(store.state.step);
    });
  }

  /** Draw new initial weights. */
  newSeed() {
    this.stopped(() => {
      this.seed += 1;
      const network = this.store.network.clone();
      network.reinitialize(this.seed);
      this.begin(network, `new initial weights, seed ${this.seed}`);
    });
  }

  /** Continue with another network from step 0. */
  begin(network, said) {
    const { store } = this;
    this.keep(said, "edit");
    store.network = network;
    const kept = network.snapshot();
    this.starts.set(network, kept);
    store.moments = [{ step: 0, kept, here: true }];
    store.points = new Map();
    store.losses = [];
    store.select(store.state.layer, store.state.neuron);
    store.set({ step: 0, edited: false, note: said });
    store.touched("network", "moments", "edits");
    store.notePoint(0);
  }

  /** Set another optimizer, or other settings of it: the weights stay, and its state is reset. */
  chooseOptimizer(key, settings) {
    this.stopped(() => {
      const { store } = this;
      this.keep(`optimizer ${key}, learning rate ${settings.learning_rate}`, "edit");
      const network = store.network.withOptimizer(key, settings);
      if (this.starts.has(store.network)) this.starts.set(network, this.starts.get(store.network));
      this.chosen.add(network);
      store.network = network;
      store.set({ edited: true, note: `The optimizer is now ${key} with learning rate ${settings.learning_rate}. Its state is reset.` });
      store.touched("network", "edits");
    });
  }

  chooseActivation(key) {
    this.stopped(() => this.begin(this.store.network.withActivation(key), `${key} in the hidden layers, with matching initial weights`));
  }

  chooseHidden(widths) {
    this.stopped(() => this.begin(this.store.network.withHidden(widths), `hidden layers: ${widths.join(", ") || "none"}, with new initial weights`));
  }

  /** Run the action when no training runs. */
  async stopped(action) {
    if (this.store.state.training) {
      this.pause();
      await new Promise((resolve) => {
        const leave = this.store.subscribe(() => {
          if (this.store.state.training) return;
          leave();
          resolve();
        });
      });
    }
    action();
  }
}

function withSteps(said, count) {
  return `${said} (${count.toLocaleString("en")} ${count === 1 ? "step" : "steps"})`;
}
