// A report card for every neuron, over the test images of the page; the columns mean what they mean in Python's
// `neurosim.analysis.report_card`. Numbers in, numbers out.

const FLAT = 0.01; // an activation is flat where |f'(z)| is below this share of its largest slope

/** Rows {layer, neuron, mean, dead, saturated, strongest, selectivity, norm, lost, similar, correlation}, layer by layer. */
export function* reportCards(network, samples, classes) {
  const layers = network.layers.filter((layer) => layer.index > 0 && layer.W);
  const kept = collect(network, samples, layers);
  for (const layer of layers) {
    const columns = kept.get(layer.index);
    const similar = mostSimilar(columns.a, layer.nOut, samples.count);
    for (let j = 0; j < layer.nOut; j++) {
      const a = Float64Array.from({ length: samples.count }, (_, n) => columns.a[n * layer.nOut + j]);
      const held = layer.interventions.values.has(j);
      yield {
        layer: layer.index,
        neuron: j,
        mean: mean(a),
        dead: held ? 1 : columns.off[j] / samples.count,
        saturated: held ? 0 : columns.saturated[j] / samples.count,
        ...byClass(a, samples, classes),
        norm: Math.sqrt(sumOver(layer.nIn, (i) => layer.W[i * layer.nOut + j] ** 2)),
        lost: classes ? lost(network, samples, layer, j, kept) : NaN,
        similar: similar[j].neuron,
        correlation: similar[j].correlation,
      };
    }
  }
}

function mean(values) {
  return values.reduce((sum, each) => sum + each, 0) / values.length;
}

function sumOver(count, term) {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += term(i);
  return sum;
}

/** All activations of each layer, how often each neuron is off or flat, and how often the network is right. */
function collect(network, samples, layers) {
  const kept = new Map(layers.map((layer) => [layer.index, { a: new Float64Array(samples.count * layer.nOut), off: new Int32Array(layer.nOut), saturated: new Int32Array(layer.nOut) }]));
  const limits = new Map(layers.map((layer) => [layer.index, FLAT * steepest(speaking(network, layer))]));
  let right = 0;
  for (let n = 0; n < samples.count; n++) {
    network.forward(samples.raw(n));
    if (network.decide(network.output.a) === samples.label(n)) right += 1;
    for (const layer of layers) {
      const speaks = speaking(network, layer);
      const columns = kept.get(layer.index);
      const slopes = speaks.slopes(speaks.z);
      const rectifies = isRectifier(speaks.activation);
      columns.a.set(speaks.a, n * layer.nOut);
      for (let j = 0; j < layer.nOut; j++) {
        if (!(Math.abs(slopes[j]) < limits.get(layer.index))) continue;
        if (rectifies && speaks.z[j] <= 0) columns.off[j] += 1;
        else columns.saturated[j] += 1;
      }
    }
  }
  kept.set("right", right);
  return kept;
}

/** The layer that has the activation of these neurons: of a linear one under batch normalization, that normalization. */
function speaking(network, layer) {
  const above = network.layers.slice(layer.index + 1).find((each) => !each.passesThrough);
  const linear = !layer.activation || layer.activation.key === "linear";
  return linear && above && above.neuronByNeuron && above.activation && !above.W ? above : layer;
}

function isRectifier(activation) {
  if (!activation) return false;
  const far = activation.f ? activation.f(1e4, (each) => each) : 0;
  return activation.elementwise !== false && (far > 100 || (activation.kinks || []).includes(0));
}

function steepest({ activation }) {
  if (!activation) return 1;
  if (activation.elementwise === false || !activation.df) return 0.25; // softmax: a (1 - a)
  let most = 0;
  for (let k = 0; k <= 2000; k++) most = Math.max(most, Math.abs(activation.df(-10 + k / 100, (each) => each)));
  return most;
}

function byClass(a, samples, classes) {
  if (!classes) return { strongest: null, selectivity: NaN };
  const sums = new Float64Array(classes);
  const counts = new Float64Array(classes);
  for (let n = 0; n < a.length; n++) {
    sums[samples.label(n)] += a[n];
    counts[samples.label(n)] += 1;
  }
  const present = Array.from(sums, (sum, k) => ({ k, mean: sum / counts[k] })).filter(({ k }) => counts[k]);
  const highest = present.reduce((best, each) => (each.mean > best.mean ? each : best));
  const least = Math.min(...present.map((each) => each.mean));
  if (!(highest.mean - least > 1e-12 * Math.max(...present.map((each) => Math.abs(each.mean))))) return { strongest: null, selectivity: 0 };
  const rest = (present.reduce((sum, each) => sum + each.mean, 0) - highest.mean) / Math.max(present.length - 1, 1);
  const floor = Math.min(0, a.reduce((low, each) => Math.min(low, each), 0));
  return { strongest: highest.k, selectivity: (highest.mean - rest) / (highest.mean + rest - 2 * floor) };
}

/** The accuracy that is lost where a neuron says 0; of an output, where its class is never chosen. */
function lost(network, samples, layer, j, kept) {
  const { a } = kept.get(layer.index);
  let right = 0;
  if (layer.isOutput) {
    for (let n = 0; n < samples.count; n++) {
      const outputs = a.slice(n * layer.nOut, (n + 1) * layer.nOut);
      outputs[j] = -Infinity;
      if (network.decide(outputs) === samples.label(n)) right += 1;
    }
    return (kept.get("right") - right) / samples.count;
  }
  const speaks = speaking(network, layer);
  if (!a.some((each, at) => at % layer.nOut === j && each !== 0)) return 0;
  network.setBatchSize(1);
  for (let n = 0; n < samples.count; n++) {
    speaks.a.set(a.subarray(n * layer.nOut, (n + 1) * layer.nOut));
    speaks.a[j] = 0;
    network.forwardBatch(false, speaks.index + 1);
    if (network.decide(network.output.a) === samples.label(n)) right += 1;
  }
  return (kept.get("right") - right) / samples.count;
}

/** For each neuron the other one of its layer whose activations correlate most with its own. */
function mostSimilar(a, width, count) {
  const centred = Array.from({ length: width }, (_, j) => {
    const values = Float64Array.from({ length: count }, (_unused, n) => a[n * width + j]);
    const middle = mean(values);
    const around = values.map((each) => each - middle);
    const norm = Math.sqrt(around.reduce((sum, each) => sum + each * each, 0));
    return norm > 1e-12 * Math.sqrt(count) * Math.abs(middle) ? around.map((each) => each / norm) : null;
  });
  return centred.map((one, j) => {
    let best = { neuron: null, correlation: NaN };
    if (!one) return best;
    centred.forEach((other, k) => {
      if (k === j || !other) return;
      const correlation = sumOver(count, (n) => one[n] * other[n]);
      if (best.neuron === null || correlation > best.correlation) best = { neuron: k, correlation };
    });
    return best;
  });
}
