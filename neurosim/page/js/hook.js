// window.neurosim: the page for programs and for tests.

import { trace } from "./engine/trace.js";

// app: {ready, open(manifest), model(), store()}, as main.js creates it.
export function installHook(window, app) {
  // Return the current network, or the network at the stored step nearest to `step`.
  const networkAt = (step) => {
    if (step === undefined) return app.store().network;
    const model = app.model();
    const distances = model.snapshots.map((each) => Math.abs(each.step - step));
    const network = model.makeNetwork();
    if (distances.length) model.goTo(network, distances.indexOf(Math.min(...distances)));
    return network;
  };

  // Return the row of a sample, given by its number in the original test set; without a number, the first row.
  const rowOf = (sample) => {
    const { test } = app.model();
    const row = sample === undefined ? 0 : test.find(sample);
    if (!(row >= 0 && row < test.total)) throw new Error(`This page does not hold sample ${sample} of the test set.`);
    return row;
  };

  window.neurosim = {
    // Resolves when the page is ready.
    ready: app.ready,

    // Show another network on this page: {manifest, blobs}, with the blobs as texts.
    load: async (source) => {
      await app.ready;
      await app.open(source);
    },

    // Return the document of `python main.py step --json`, for a sample by its number or for pixels with an optional
    // label. row, column: a place of a filter. at: a step of the run; without it, the current network is used.
    trace: ({ layer, neuron, row, column, sample, pixels, label, at, top, check = true }) => {
      const model = app.model();
      const where = { layer, neuron, row, column, top, check };
      if (pixels !== undefined) return trace(networkAt(at), model.asRaw(pixels), label ?? null, where);
      const kept = rowOf(sample);
      const { test } = model;
      return trace(networkAt(at), test.raw(kept), label ?? test.label(kept), { ...where, sample: test.index(kept) });
    },

    // Return the output's activations.
    predict: (pixels) => Array.from(app.store().network.predictProba(app.model().asRaw(pixels))),

    // Train in the page for `steps` steps. order: rows of the training samples on this page, batch after batch,
    // repeated. Without it, each epoch uses all rows in a new random order.
    train: async ({ steps, order, batch_size: batchSize } = {}) => {
      await app.store().train({ steps, order, batchSize });
      return app.store().describe();
    },

    goto: (place) => app.store().goto(place),
    state: () => app.store().describe(),

    // Return the accuracy on the test samples on this page, without the extra misread samples.
    accuracy: () => app.store().measure().accuracy,

    // Return all parameters, in the layout of Python's Network.parameters.theta.
    parameters: () => Array.from(app.store().network.theta),
  };
}
