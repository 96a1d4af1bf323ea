// The walk through one neuron for one sample, as one document: that of `python main.py step --json`.

import { check as checkNeuron } from "./walk/check.js";
import { NeuronTrace } from "./walk/neuron.js";
import { SampleRun } from "./walk/sample.js";

// Everything as plain numbers, texts and arrays, under Python's keys; each stage has its `heading` and `text` beside.
// raw: one sample as it came; label: a class index or a row of targets, null: it is walked forward only.
// sample: its number in its data; top: how many terms of each sum to show; check: whether to compare with differences.
export function trace(network, raw, label, { layer, neuron, sample = null, top = 5, check = false } = {}) {
  return documentOf(new NeuronTrace(new SampleRun(network, raw, label, sample), layer, neuron), top, check);
}

// The walk as text, as the terminal shows it.
export function explain(network, raw, label, { layer, neuron, sample = null, top = 5 } = {}) {
  const here = new NeuronTrace(new SampleRun(network, raw, label, sample), layer, neuron);
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
    downstream: here.fed.map((k, i) => ({
      neuron: k,
      weight: here.fedWeights[i],
      delta: here.fedDeltas[i],
      product: here.fedProducts[i],
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

function termsOf({ weights, bias }) {
  const both = ([name, values]) => [name, { weights: Array.from(values), bias: bias ? bias[name][0] : 0 }];
  return Object.fromEntries(Object.entries(weights).map(both));
}

// a for any z of one neuron, the other neurons of its layer held still where its activation looks at them all.
export function curve(network, layerIndex, neuron, z) {
  const layer = network.layers[layerIndex];
  const forced = layer.interventions.values.get(neuron);
  if (forced !== undefined) return Float64Array.from(z, () => forced);
  const own = layer.activationOf ? layer.activationOf(neuron) : layer.activation;
  if (own.elementwise) return Float64Array.from(z, (each) => own.f(each, (value) => value));
  const row = Float64Array.from(layer.z.subarray(0, layer.nOut));
  const a = new Float64Array(row.length);
  return Float64Array.from(z, (each) => {
    row[neuron] = each;
    own.forward(row, a, row.length, (value) => value);
    return a[neuron];
  });
}
