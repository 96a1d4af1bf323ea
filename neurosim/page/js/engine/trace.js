// The walk through one neuron for one sample, as one document: the same as `python main.py step --json`.

import { check as checkNeuron } from "./walk/check.js";
import { NeuronTrace } from "./walk/neuron.js";
import { SampleRun } from "./walk/sample.js";

// Return plain numbers, texts and arrays, under Python's keys. Each stage also has its `heading` and `text`. raw: one
// raw sample. label: a class index or a row of targets; null: only the forward pass is walked. sample: its number in
// its data. top: how many terms of each sum to show. check: whether to compare with central differences. row, column:
// the place of a filter; null: the place with the largest |delta|.
export function trace(network, raw, label, { layer, neuron, row = null, column = null, sample = null, top = 5, check = false } = {}) {
  return documentOf(new NeuronTrace(new SampleRun(network, raw, label, sample), layer, neuron, { row, column }), top, check);
}

// Return the walk as text, as the terminal shows it.
export function explain(network, raw, label, { layer, neuron, row = null, column = null, sample = null, top = 5 } = {}) {
  const here = new NeuronTrace(new SampleRun(network, raw, label, sample), layer, neuron, { row, column });
  const stages = here.stages(top).map((stage, k) => `${k + 1}. ${stage.heading}\n${stage.text}`);
  return [here.title, ...stages].join("\n\n");
}

function documentOf(here, top, check) {
  const { run } = here;
  const start = {
    sample: {
      index: run.sample,
      label: run.label,
      prediction: run.prediction,
      classes: run.classes,
      probabilities: Array.from(run.probabilities),
    },
    layer: here.layer.index,
    neuron: here.index,
    ...placeOf(here),
    activation: here.activation.key,
    inputs: Array.from(here.inputs),
    weights: Array.from(here.weights),
    bias: here.bias,
    z: here.z,
    a: here.a,
  };
  const stages = here.stages(top).map((stage) => stage.toObject());
  if (run.forwardOnly) return { ...start, stages };
  return {
    ...start,
    da_dz: here.da_dz,
    downstream: Array.from(here.fed.numbers, (k, i) => ({
      neuron: k,
      weight: here.fed.weights[i],
      delta: here.fed.deltas[i],
      product: here.fed.products[i],
      ...(here.row === null ? {} : { name: here.fed.name(i) }),
    })),
    dL_da: here.dL_da,
    delta: here.delta,
    dL_dW: Array.from(here.dL_dW),
    dL_db: here.dL_db,
    loss: run.loss,
    update: {
      optimizer: run.optimizer.key,
      settings: run.optimizer.config(),
      learning_rate: run.learningRate,
      terms: termsOf(here.updateTerms),
      weights_after: Array.from(here.weightsAfter),
      bias_after: here.biasAfter,
    },
    loss_after: run.lossAfter,
    stages,
    ...(check ? { check: { max_relative_error: checkNeuron(here) } } : {}),
  };
}

// Return the place of a filter; nothing for other neurons.
function placeOf(here) {
  if (here.patchShape === null) return {};
  const { row, column, unit, layer } = here;
  const [height, width] = layer.outShape;
  const parts = ([rows, columns]) => ({ rows, columns });
  const found = { row, column, unit, patch_shape: here.patchShape, sources: Array.from(here.sources) };
  Object.assign(found, { field: parts(here.field), receptive_field: parts(here.receptiveField) });
  if (here.run.forwardOnly) return found;
  const deltas = here.placeDeltas;
  return { ...found, place_deltas: Array.from({ length: height }, (_, k) => Array.from(deltas.subarray(k * width, (k + 1) * width))) };
}

function termsOf({ weights, bias }) {
  const both = ([name, values]) => [name, { weights: Array.from(values), bias: bias ? bias[name][0] : 0 }];
  return Object.fromEntries(Object.entries(weights).map(both));
}

// Return a for any z of one neuron. If the activation depends on other neurons, those stay fixed; for a filter, those
// at the place of its unit.
export function curve(network, layerIndex, neuron, z, unit = neuron) {
  const layer = network.layers[layerIndex];
  const forced = layer.interventions.values.get(neuron);
  if (forced !== undefined) return Float64Array.from(z, () => forced);
  const own = layer.activationOf ? layer.activationOf(neuron) : layer.activation;
  if (own.elementwise) return Float64Array.from(z, (each) => own.f(each, (value) => value));
  const start = unit - neuron;
  const row = Float64Array.from(layer.z.subarray(start, start + layer.neuronCount));
  const a = new Float64Array(row.length);
  return Float64Array.from(z, (each) => {
    row[neuron] = each;
    own.forward(row, a, row.length, (value) => value);
    return a[neuron];
  });
}
