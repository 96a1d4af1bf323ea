// Runs the page's engine in Node for tests/page: requests come in as a JSON file, answers go out as JSON.

import { readFileSync, writeFileSync } from "node:fs";
import * as numbers from "./engine/numbers.js";
import { ACTIVATIONS, createActivation } from "./engine/activations.js";
import { createOptimizer, OPTIMIZERS } from "./engine/optimizers.js";
import { createRegularizer, REGULARIZERS } from "./engine/regularizers.js";
import { createSchedule, SCHEDULES } from "./engine/schedules.js";
import { createInitializer, INITIALIZERS } from "./engine/initializers.js";
import { LAYERS } from "./engine/layers/index.js";
import { createLoss, LOSSES } from "./engine/losses.js";
import { Random } from "./engine/random.js";
import { trace, explain } from "./engine/trace.js";
import { Glossary } from "./glossary.js";
import { installHook } from "./hook.js";
import * as formula from "./engine/walk/formula.js";
import { withinWidth } from "./engine/walk/wrap.js";
import { readManifest } from "./model.js";
import { readImage } from "./reading.js";
import { layOutAll } from "./views/map_layout.js";
import { reportCards } from "./report_card.js";
import { weightsAsJson } from "./save.js";
import { Trainer, Training } from "./training.js";

const round = { float32: Math.fround, float64: (value) => value };

const mapped = (object, change) => Object.fromEntries(Object.entries(object).map(([name, each]) => [name, change(each)]));
const makers = { activation: createActivation, optimizer: createOptimizer, regularizer: createRegularizer, schedule: createSchedule, loss: createLoss };

const answers = {
  numbers: ({ calls }) => calls.map(([name, ...given]) => numbers[name](...given.map(plain))),
  wrap: ({ lines }) => lines.map(withinWidth),
  formula: ({ calls }) => calls.map(([name, ...given]) => formula[name](...given)),
  activations: ({ config, z, dtype }) => {
    const f = createActivation(config);
    const r = round[dtype];
    return f.elementwise
      ? [z.map((each) => f.f(each, r)), z.map((each) => f.df(each, r))]
      : [runForward(f, z), Array.from(f.slopes(Float64Array.from(z), r))];
  },
  schedule: ({ config, begin, steps }) => {
    const schedule = createSchedule(config);
    if (begin) schedule.begin(...begin);
    return steps.map((step) => schedule.at(step));
  },
  // The rates at these steps, after each row of figures.
  observed: ({ config, begin, steps, rows }) => {
    const schedule = createSchedule(config);
    schedule.begin(...begin);
    return rows.flatMap((row) => {
      schedule.observe(row);
      return steps.map((step) => schedule.at(step));
    });
  },
  optimizer: ({ config, grads, theta }) => {
    const optimizer = createOptimizer(config);
    const vector = Float64Array.from(theta);
    optimizer.bind(vector);
    for (const grad of grads) optimizer.step(vector, Float64Array.from(grad));
    return Array.from(vector);
  },
  trace: async ({ page, layer, neuron, row, column, number, set = "test", label = true, check = false }) => {
    const model = await read(page);
    const samples = model[set];
    const i = samples.find(number);
    const where = { layer, neuron, row, column, sample: number, check };
    const given = label ? samples.label(i) : null;
    const document = trace(model.network, samples.raw(i), given, where);
    return { document, text: explain(model.network, samples.raw(i), given, where) };
  },
  predict: async ({ page, set = "test" }) => {
    const model = await read(page);
    const samples = model[set];
    const rows = Array.from({ length: samples.total }, (_, i) => Array.from(model.network.predictProba(samples.raw(i))));
    const evaluated = model.network.evaluate(samples, samples.total);
    return { rows, numbers: rows.map((_, i) => samples.index(i)), evaluated };
  },
  glossary: ({ words, texts = [], searches = [], terms = [] }) => {
    const glossary = new Glossary(words);
    return {
      parts: texts.map((text) => glossary.parts(text)),
      found: searches.map((text) => glossary.search(text).map(([term]) => term)),
      meanings: terms.map((term) => glossary.meaning(term) ?? null),
      empty: glossary.isEmpty,
    };
  },
  cards: async ({ page }) => {
    const { network, test, classNames } = await read(page);
    return Array.from(reportCards(network, test, classNames.length));
  },
  // The layers of another network that the learner asks for, and its first weights.
  remade: async ({ page, hidden, activation }) => {
    const { network } = await read(page);
    const made = activation ? network.withActivation(activation) : network.withHidden(hidden);
    return { layers: made.config().layers, theta: Array.from(made.theta.slice(0, 20)), output: made.output.nOut };
  },
  // The weights as the learner saves them, after some steps.
  weights: async ({ page, batchSize, steps }) => {
    const model = await read(page);
    new Training(model.network, model.train, { batchSize, steps }).run();
    return JSON.parse(weightsAsJson({ network: model.network, model, state: { step: steps } }));
  },
  moments: async ({ page }) => {
    const model = await read(page);
    const network = model.makeNetwork();
    return model.snapshots.map((each, k) => {
      model.goTo(network, k);
      const { t, rate, state } = network.optimizer;
      const memory = Object.values(state).some((vector) => vector.some((number) => number !== 0));
      const output = Array.from(network.predictProba(model.test.raw(0)));
      return { step: each.step, theta: Array.from(network.theta), output, t, rate, memory };
    });
  },
  gradients: async ({ page, rows, set = "train" }) => {
    const { network, [set]: samples } = await read(page);
    network.setBatchSize(rows.length);
    rows.forEach((row, b) => network.fill(b, samples.raw(row), samples.label(row)));
    network.forwardBatch(true);
    const loss = network.loss.value(network.output, network.targets);
    network.backwardBatch();
    return { loss, grad: Array.from(network.grad) };
  },
  steps: async ({ page, batches, set = "train" }) => {
    const { network, [set]: samples } = await read(page);
    const losses = [];
    for (const batch of batches) {
      network.setBatchSize(batch.length);
      batch.forEach((row, b) => network.fill(b, samples.raw(row), samples.label(row)));
      losses.push(network.step());
    }
    const running = network.runningArrays();
    return {
      losses,
      theta: Array.from(network.theta),
      state: Object.fromEntries(Object.entries(network.optimizer.state).map(([name, each]) => [name, Array.from(each)])),
      running: Object.fromEntries(Object.entries(running).map(([name, each]) => [name, Array.from(each)])),
    };
  },
  initializer: ({ config, shape, seed }) => {
    const W = new Float64Array(shape[0] * shape[1]);
    createInitializer(config).fill(W, ...shape, new Random(seed, "weights"));
    return Array.from(W);
  },
  random: ({ seed, count }) => {
    const random = new Random(seed, "shuffling");
    return [Array.from({ length: count }, () => random.next()), random.shuffle(Array.from({ length: count }, (_, k) => k))];
  },
  // Keys of the page's registries.
  registries: () => mapped({ ACTIVATIONS, INITIALIZERS, LAYERS, LOSSES, OPTIMIZERS, REGULARIZERS, SCHEDULES }, Object.keys),
  // The config of something made of a config.
  configured: ({ kind, config }) => makers[kind](config).config(),
  // The learning rate of each step, in a fixed order.
  rates: async ({ page, batchSize, steps, order }) => {
    const { network, train } = await read(page);
    const training = new Training(network, train, { batchSize, steps, order });
    const rates = [];
    while (!training.finished) {
      training.step();
      rates.push(network.optimizer.lastRate);
    }
    return { rates, schedule: network.optimizer.schedule.state() };
  },
  // The loop of a training, its steps and accuracy, and where it stands after each epoch.
  training: async ({ page, batchSize, steps, order = null, seed = 0, reinitialize = false }) => {
    const { network, train, test } = await read(page);
    if (reinitialize) network.reinitialize(seed);
    const before = Array.from(network.theta.slice(0, 20));
    const training = new Training(network, train, { batchSize, steps, order, seed });
    training.run();
    const theta = Array.from(network.theta);
    return { before, steps: training.steps, theta, figures: training.figures(), accuracy: network.evaluate(test).accuracy };
  },
  // The same by the worker's messages: in this process, or in a worker as a browser has it.
  trainer: async ({ page, batchSize, steps, order = null, seed = 0, worker = false, pauseAfter = null }) => {
    const { network, train } = await read(page);
    if (worker) globalThis.Worker = (await import("./web_worker.mjs")).WebWorker;
    const trainer = new Trainer(worker ? readFileSync(worker, "utf8") : "");
    const reports = [];
    const started = performance.now();
    let paused = 0;
    if (pauseAfter !== null) {
      setTimeout(() => {
        paused = performance.now();
        trainer.pause();
      }, pauseAfter);
    }
    const final = await trainer.start({ network, samples: train, batchSize, steps, order, seed }, (each) => {
      reports.push({ step: each.step, size: each.theta.length, speed: each.samplesPerSecond, loss: each.loss });
    });
    const waited = paused ? performance.now() - paused : null;
    network.take(final);
    trainer.worker?.terminate();
    const { steps: done, stopped, note, loss, accuracy } = final;
    const { t, rate } = network.optimizer;
    return { done, stopped, note, loss, accuracy, theta: Array.from(network.theta), t, rate, reports, waited, ms: performance.now() - started };
  },
  hook: async ({ page, calls }) => {
    const model = await read(page);
    const store = {
      network: model.network,
      measure: () => store.network.evaluate(model.test),
      describe: () => ({ step: store.network.optimizer.t }),
      goto: (place) => (store.went = place),
      train: async ({ steps, order, batchSize }) => {
        const training = { network: store.network, samples: model.train, steps, order, batchSize };
        store.network.take(await new Trainer("").start(training));
      },
    };
    const window = {};
    installHook(window, { ready: Promise.resolve(), open: async () => {}, model: () => model, store: () => store });
    const found = [];
    for (const [name, ...given] of calls) {
      try {
        found.push(await window.neurosim[name](...given));
      } catch (error) {
        found.push({ refused: error.message });
      }
    }
    return found;
  },
  picture: ({ data, width, height, shape }) => {
    const found = readImage({ data: Buffer.from(data, "base64"), width, height }, shape);
    return found && Array.from(found);
  },
  layout: ({ layers, width, height }) => {
    const { boxes, height: needed, below } = layOutAll(layers, width, height);
    return { boxes: Object.fromEntries(boxes), height: needed, below };
  },
  refused: async ({ page }) => {
    try {
      await read(page);
    } catch (error) {
      return error.message;
    }
    return "";
  },
};

const read = (page) => readManifest(JSON.parse(readFileSync(page, "utf8")));

// JSON has no infinity and no NaN.
const plain = (value) => ({ inf: Infinity, "-inf": -Infinity, nan: NaN })[value] ?? value;

function runForward(f, z) {
  const a = new Float64Array(z.length);
  f.forward(Float64Array.from(z), a, z.length, round.float64);
  return Array.from(a);
}

const [requests, out] = process.argv.slice(2);
const found = [];
for (const request of JSON.parse(readFileSync(requests, "utf8"))) {
  try {
    found.push(await answers[request.do](request));
  } catch (error) {
    found.push({ error: `${error.stack}` });
  }
}
writeFileSync(out, JSON.stringify(found));
