// The report card of every neuron, over the test samples of the page. The columns mean the same as in Python's
// `neurosim.analysis.report_card`. Numbers in, numbers out.

const FLAT = 0.01; // an activation is flat if |f'(z)| is below this share of its largest slope

/**
 * Yield rows {layer, neuron, mean, dead, saturated, strongest, selectivity, norm, lost, similar, correlation}, layer
 * by layer. The neuron of a convolutional layer is a filter. Its activation is measured over all samples and all
 * places.
 */
export function* reportCards(network, samples, classes) {
  const layers = network.layers.filter((layer) => layer.index > 0 && layer.W);
  const kept = collect(network, samples, layers);
  for (const layer of layers) {
    const columns = kept.get(layer.index);
    const n = layer.neuronCount;
    const count = samples.count * layer.places;
    const similar = mostSimilar(columns.a, n, count);
    for (let j = 0; j < n; j++) {
      const a = columnOf(columns.a, n, j, count);
      const held = layer.interventions.values.has(j);
      yield {
        layer: layer.index,
        neuron: j,
        mean: mean(a),
        dead: held ? 1 : columns.off[j] / count,
        saturated: held ? 0 : columns.saturated[j] / count,
        ...byClass(a, samples, classes, layer.places),
        norm: Math.sqrt(sumOver(layer.W.length / n, (i) => layer.W[i * n + j] ** 2)),
        lost: classes ? lost(network, samples, layer, j, kept) : NaN,
        similar: similar[j].neuron,
        correlation: similar[j].correlation,
      };
    }
  }
}

function columnOf(a, n, j, count) {
  const column = new Float64Array(count);
  for (let row = 0; row < count; row++) column[row] = a[row * n + j];
  return column;
}

function mean(values) {
  return values.reduce((sum, each) => sum + each, 0) / values.length;
}

function sumOver(count, term) {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += term(i);
  return sum;
}

/**
 * Collect all activations `a` of each layer. `out` is the layer's own output, if the activation is that of the layer
 * above. Also count how often each neuron is off or flat, and how often the network is right.
 */
function collect(network, samples, layers) {
  const kept = new Map();
  for (const layer of layers) {
    const speaks = speaking(network, layer);
    const size = samples.count * layer.nOut;
    const a = new layer.Float(size);
    const out = speaks === layer ? a : new layer.Float(size);
    const own = Array.from({ length: layer.neuronCount }, (_, j) => speaks.activationOf?.(j) ?? speaks.activation);
    kept.set(layer.index, { speaks, a, out, off: new Int32Array(own.length), saturated: new Int32Array(own.length), ...limitsOf(own) });
  }
  let right = 0;
  for (let n = 0; n < samples.count; n++) {
    network.forward(samples.raw(n));
    if (network.decide(network.output.a) === samples.label(n)) right += 1;
    for (const layer of layers) {
      const { speaks, a, out, off, saturated, limits, rectify } = kept.get(layer.index);
      a.set(speaks.a, n * layer.nOut);
      out.set(layer.a, n * layer.nOut);
      const slopes = speaks.slopes(speaks.z);
      for (let k = 0; k < layer.nOut; k++) {
        const j = k % limits.length;
        if (!(Math.abs(slopes[k]) < limits[j])) continue;
        const side = rectify[j] && speaks.z[k] <= 0 ? off : saturated;
        side[j] += 1;
      }
    }
  }
  kept.set("right", right);
  return kept;
}

/** Return for each neuron's activation the limit below which it is flat, and whether it has an off side. */
function limitsOf(activations) {
  const found = new Map([...new Set(activations)].map((each) => [each, { limit: FLAT * steepest(each), rectifies: isRectifier(each) }]));
  return { limits: activations.map((each) => found.get(each).limit), rectify: activations.map((each) => found.get(each).rectifies) };
}

/** Return the layer with the activation of these neurons: for a linear layer, the batch normalization above it. */
function speaking(network, layer) {
  const above = network.layers.slice(layer.index + 1).find((each) => !each.passesThrough);
  const linear = !layer.activation || layer.activation.key === "linear";
  return linear && above && above.neuronByNeuron && above.activation && !above.W ? above : layer;
}

/** Return whether an activation has an off side: it has no upper bound, or a kink at 0. */
function isRectifier({ range, kinks }) {
  return range[1] === Infinity || kinks.includes(0);
}

function steepest(activation) {
  if (!activation.elementwise) return 0.25; // softmax: a (1 - a)
  let most = 0;
  for (let k = 0; k <= 2000; k++) most = Math.max(most, Math.abs(activation.df(-10 + k / 100, (each) => each)));
  return most;
}

function byClass(a, samples, classes, places) {
  if (!classes) return { strongest: null, selectivity: NaN };
  const sums = new Float64Array(classes);
  const counts = new Float64Array(classes);
  for (let n = 0; n < a.length; n++) {
    const label = samples.label(Math.floor(n / places));
    sums[label] += a[n];
    counts[label] += 1;
  }
  const present = Array.from(sums, (sum, k) => ({ k, mean: sum / counts[k] })).filter(({ k }) => counts[k]);
  const highest = present.reduce((best, each) => (each.mean > best.mean ? each : best));
  const least = Math.min(...present.map((each) => each.mean));
  if (!(highest.mean - least > 1e-12 * Math.max(...present.map((each) => Math.abs(each.mean))))) return { strongest: null, selectivity: 0 };
  const rest = (present.reduce((sum, each) => sum + each.mean, 0) - highest.mean) / Math.max(present.length - 1, 1);
  const floor = Math.min(0, a.reduce((low, each) => Math.min(low, each), 0));
  return { strongest: highest.k, selectivity: (highest.mean - rest) / (highest.mean + rest - 2 * floor) };
}

/** Return the accuracy lost if a neuron is ablated, a filter at all places. For an output, its class is never predicted. */
function lost(network, samples, layer, j, kept) {
  const { out } = kept.get(layer.index);
  const n = layer.neuronCount;
  let right = 0;
  if (layer.isOutput) {
    for (let i = 0; i < samples.count; i++) {
      const outputs = out.slice(i * layer.nOut, (i + 1) * layer.nOut);
      outputs[j] = -Infinity;
      if (network.decide(outputs) === samples.label(i)) right += 1;
    }
    return (kept.get("right") - right) / samples.count;
  }
  if (!out.some((each, at) => at % n === j && each !== 0)) return 0;
  network.setBatchSize(1);
  for (let i = 0; i < samples.count; i++) {
    layer.a.set(out.subarray(i * layer.nOut, (i + 1) * layer.nOut));
    for (let k = j; k < layer.nOut; k += n) layer.a[k] = 0;
    network.forwardBatch(false, layer.index + 1);
    if (network.decide(network.output.a) === samples.label(i)) right += 1;
  }
  return (kept.get("right") - right) / samples.count;
}

/** Return for each neuron the other neuron of its layer whose activations correlate most with its own. */
function mostSimilar(a, width, count) {
  const means = new Float64Array(width);
  for (let k = 0; k < a.length; k++) means[k % width] += a[k] / count;
  const row = new Float64Array(width);
  const products = new Float64Array(width * width); // Σ (a_i - mean_i) (a_j - mean_j), of j up to i
  for (let n = 0; n < count; n++) {
    for (let j = 0; j < width; j++) row[j] = a[n * width + j] - means[j];
    for (let i = 0; i < width; i++) for (let j = 0; j <= i; j++) products[i * width + j] += row[i] * row[j];
  }
  const deviations = Float64Array.from(means, (_, j) => Math.sqrt(products[j * width + j]));
  const varies = Array.from(means, (middle, j) => deviations[j] > 1e-12 * Math.sqrt(count) * Math.abs(middle)); // more than rounding
  return varies.map((alive, j) => {
    let best = { neuron: null, correlation: NaN };
    for (let k = 0; alive && k < width; k++) {
      if (k === j || !varies[k]) continue;
      const correlation = products[Math.max(j, k) * width + Math.min(j, k)] / deviations[j] / deviations[k];
      if (best.neuron === null || correlation > best.correlation) best = { neuron: k, correlation };
    }
    return best;
  });
}
