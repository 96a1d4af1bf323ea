// Training: the loop over batches, and the page's side of the worker that runs it.

import { Network } from "./engine/network.js";
import { Random } from "./engine/random.js";

const SLICE = 8; // milliseconds after which a pause takes effect
const SHOWN = 33; // least milliseconds between two reports

// Rows of samples, with only the parts that can be sent to a worker.
export class Rows {
  constructor({ rows, labels, size, width, count }) {
    Object.assign(this, { rows, labels, size, width, count });
  }

  raw(i) {
    return this.rows.subarray(i * this.size, (i + 1) * this.size);
  }

  label(i) {
    return this.width === 1 ? this.labels[i] : this.labels.subarray(i * this.width, (i + 1) * this.width);
  }
}

// The loop: batch after batch, in a new random order in each epoch, or repeated in a given order.
export class Training {
  constructor(network, samples, { batchSize = 32, order = null, seed = 0, steps = Infinity } = {}) {
    this.network = network;
    this.samples = samples;
    this.batchSize = Math.max(Math.min(batchSize, order ? order.length : samples.count), network.leastBatch);
    this.fixed = order !== null;
    this.order = Int32Array.from(order ?? { length: samples.count }, (row, i) => row ?? i);
    this.random = new Random(seed, `shuffling ${network.optimizer.t}`);
    this.limit = steps;
    this.steps = 0;
    this.at = this.order.length;
    this.diverged = false;
    this.clear();
    this.epoch = { count: 0, loss: 0, right: 0 };
  }

  get finished() {
    return this.diverged || this.steps >= this.limit;
  }

  // Train one step. An epoch's last batch may be smaller; a batch that is too small to learn from is left out.
  step() {
    const { network, samples, order } = this;
    if (this.at + network.leastBatch > order.length) this.begin();
    const size = Math.min(this.batchSize, order.length - this.at);
    network.setBatchSize(size);
    for (let b = 0; b < size; b++) {
      const row = order[this.at + b];
      network.fill(b, samples.raw(row), samples.label(row));
    }
    const loss = network.step();
    if (!Number.isFinite(loss)) {
      this.diverged = true;
      return;
    }
    this.at += size;
    this.steps += 1;
    const right = this.hits(size);
    for (const sums of [this, this.epoch]) {
      sums.count += size;
      sums.loss += loss * size;
      sums.right += right;
    }
    if (this.at + network.leastBatch > order.length) this.endEpoch();
  }

  // Show an epoch's figures to a schedule that uses them, as Python's `fit` does without a validation set.
  endEpoch() {
    const { schedule } = this.network.optimizer;
    if (schedule === null || !schedule.watched) return;
    const { count, loss, right } = this.epoch;
    const row = { loss: loss / count, accuracy: right / count };
    if (schedule.watched.startsWith("train_")) {
      const measured = this.network.evaluate(this.samples);
      Object.assign(row, { train_loss: measured.loss, train_accuracy: measured.accuracy });
    }
    schedule.observe(row);
  }

  begin() {
    this.at = 0;
    this.epoch = { count: 0, loss: 0, right: 0 };
    if (!this.fixed) this.random.shuffle(this.order);
  }

  // Count the right predictions of the batch, before the update.
  hits(size) {
    const { a, nOut } = this.network.output;
    const { targets } = this.network;
    let right = 0;
    for (let b = 0; b < size; b++) {
      const start = b * nOut;
      const read = this.network.decide(a, start, nOut);
      right += nOut === 1 ? Number(targets[start] > this.network.threshold === (read === 1)) : Number(targets[start + read] === 1);
    }
    return right;
  }

  // Train until a time, or the end.
  runUntil(deadline) {
    do this.step();
    while (!this.finished && performance.now() < deadline);
  }

  run() {
    while (!this.finished) this.step();
  }

  clear() {
    this.count = 0;
    this.loss = 0;
    this.right = 0;
  }

  // Return mean loss and accuracy since the last call, and start to count again.
  figures() {
    const { count, loss, right } = this;
    this.clear();
    return { loss: count ? loss / count : NaN, accuracy: count ? right / count : NaN };
  }
}

// Return the parts of a network that a worker needs and sends back.
export function packed(network) {
  const { theta, running, scalars, state } = network.snapshot();
  return { theta, running, scalars, state };
}

// Runs a training in slices, so that a pause can take effect between them. later(f) calls f soon. send(message,
// transferred) gets "progress", and once "done".
export class Runner {
  constructor({ config, parts, samples, batchSize, order, seed, steps }, send, later) {
    this.network = new Network(config);
    this.network.take(parts);
    this.training = new Training(this.network, new Rows(samples), { batchSize, order, seed, steps: steps ?? Infinity });
    this.send = send;
    this.later = later;
    this.stopped = false;
    this.drawn = true; // whether the last report has been drawn
    this.shownAt = performance.now();
    this.countedAt = 0;
  }

  start() {
    if (this.training.finished) this.done();
    else this.later(() => this.slice());
  }

  slice() {
    if (!this.stopped) this.training.runUntil(performance.now() + SLICE);
    if (this.stopped || this.training.finished) this.done();
    else {
      if (this.drawn && performance.now() - this.shownAt >= SHOWN) this.report();
      this.later(() => this.slice());
    }
  }

  report() {
    const theta = this.network.theta.slice();
    const now = performance.now();
    const samplesPerSecond = (1000 * this.training.count) / (now - this.shownAt);
    this.shownAt = now;
    this.drawn = false;
    const running = Object.fromEntries(Object.entries(this.network.runningArrays()).map(([name, each]) => [name, each.slice()]));
    const message = { type: "progress", step: this.training.steps, theta, running, samplesPerSecond };
    this.send({ ...message, ...this.training.figures() }, [theta.buffer]);
  }

  done() {
    const parts = packed(this.network);
    const { steps, diverged } = this.training;
    const stopped = diverged ? "diverged" : this.stopped ? "paused" : "finished";
    this.send({ type: "done", steps, stopped, ...parts, ...this.training.figures() }, [parts.theta.buffer]);
  }
}

// Trains a network of the page in a worker: new Trainer(text of the worker's script). start({network, samples,
// batchSize, order, steps, seed}, onProgress) resolves when it has stopped, to {steps, theta, running, state, scalars,
// loss, accuracy, stopped, note}; pass that to network.take(…). onProgress gets {step (from 0 at the start), theta,
// running, loss, accuracy, samplesPerSecond}, as often as the page can draw it.
export class Trainer {
  constructor(script) {
    this.script = script;
    this.worker = null;
  }

  get busy() {
    return Boolean(this.post);
  }

  start({ network, samples, batchSize = 32, order = null, steps = null, seed = 0 }, onProgress = () => {}) {
    if (this.busy) return Promise.reject(new Error("Training is already running: pause it first."));
    const note = [ownRate(network), watching(network)].filter(Boolean).join(" ");
    const { rows, labels, size, width, count } = samples;
    const message = {
      type: "start",
      config: network.config(),
      parts: packed(network),
      samples: { rows, labels, size, width, count },
      ...{ batchSize, order, steps, seed },
    };
    return new Promise((resolve, reject) => {
      const hear = (answer) => {
        if (answer.type === "progress") {
          onProgress(answer);
          afterDrawing(() => this.post?.({ type: "drawn" }));
          return;
        }
        this.post = null;
        if (answer.type === "done") resolve({ ...answer, note });
        else reject(new Error(answer.message));
      };
      this.post = this.connect(hear);
      this.post(message);
    });
  }

  // Stop: after a few milliseconds the promise of `start` resolves.
  pause() {
    this.post?.({ type: "pause" });
  }

  // Return a function that sends messages; `hear` gets the answers. Without a worker, the loop runs here, in slices.
  connect(hear) {
    if (this.worker === null && typeof Worker === "function" && this.script) {
      const url = URL.createObjectURL(new Blob([this.script], { type: "text/javascript" }));
      this.worker = new Worker(url);
    }
    if (this.worker === null) return messagesTo(hear, (later) => setTimeout(later, 0));
    this.worker.onmessage = (event) => hear(event.data);
    this.worker.onerror = (event) => {
      this.worker = null;
      hear({ type: "error", message: event.message });
    };
    return (message) => this.worker.postMessage(message);
  }
}

// Return a function that takes a worker's messages and carries them out.
export function messagesTo(send, later) {
  let runner = null;
  return (message) => {
    if (message.type === "pause" && runner) runner.stopped = true;
    if (message.type === "drawn" && runner) runner.drawn = true;
    if (message.type !== "start") return;
    try {
      runner = new Runner(message, send, later);
      runner.start();
    } catch (error) {
      send({ type: "error", message: error.message });
    }
  };
}

function afterDrawing(then) {
  if (typeof requestAnimationFrame === "function") requestAnimationFrame(() => setTimeout(then, 0));
  else setTimeout(then, 0);
}

// If a schedule has ended near 0, as one-cycle does, use the optimizer's default rate. Return a sentence about it, or
// "".
export function ownRate(network) {
  const { optimizer } = network;
  if (!optimizer.scheduleHasEnded) return "";
  const { key } = optimizer.schedule;
  optimizer.learningRate = optimizer.defaultRate;
  return `The schedule ${key} has ended. Training continues with the default learning rate of ${optimizer.key}, ${optimizer.defaultRate}.`;
}

// The page holds no validation set. A schedule that monitors it uses the training figure of the same name, as in
// Python. Return a sentence about it, or "".
export function watching(network) {
  const { schedule } = network.optimizer;
  if (!schedule?.watched.startsWith("val_")) return "";
  const figure = schedule.watched.slice("val_".length);
  return `This page holds no validation set. The schedule now uses the training ${figure} of each epoch.`;
}
