// window.neurosim: the page for programs. Tests use it too.

import { trace } from "./engine/trace.js";

// app: {ready, open(manifest), model(), store()}, as main.js makes it.
export function installHook(window, app) {
  // The network as it is now, or at the moment of the time line next to a step.
  const networkAt = (step) => {
    if (step === undefined) return app.store().network;
    const model = app.model();
    const distances = model.snapshots.map((each) => Math.abs(each.step - step));
    const network = model.makeNetwork();
    if (distances.length) model.goTo(network, distances.indexOf(Math.min(...distances)));
    return network;
  };

  // The raw numbers of a sample by its number in the original test set; without one the first that was kept.
  const rowOf = (sample) => {
    const { test } = app.model();
    const row = sample === undefined ? 0 : test.find(sample);
    if (!(row >= 0 && row < test.total)) throw new Error(`This page does not hold sample ${sample} of the test set.`);
    return row;
  };

  window.neurosim = {
    // Resolves when the page can be used.
    ready: app.ready,

    // Show another network in this page: {manifest, blobs}, the blobs as texts.
    load: async (source) => {
      await app.ready;
      await app.open(source);
    },

    // What `python main.py step --json` prints, for a sample by its number or for pixels, which have a label or none.
    // row, column: a place of a filter. at: the step of the run to look at; left out: the network as it is now.
    trace: ({ layer, neuron, row, column, sample, pixels, label, at, top, check = true }) => {
      const model = app.model();
      const where = { layer, neuron, row, column, top, check };
      if (pixels !== undefined) return trace(networkAt(at), model.asRaw(pixels), label ?? null, where);
      const kept = rowOf(sample);
      const { test } = model;
      return trace(networkAt(at), test.raw(kept), label ?? test.label(kept), { ...where, sample: test.index(kept) });
    },

    // The output's activations.
    predict: (pixels) => Array.from(app.store().network.predictProba(app.model().asRaw(pixels))),

    // Train in the page, for so many steps. order: rows of the training samples kept here, batch after batch, over and
    // over; left out: all of them in a new random order in each pass.
    train: async ({ steps, order, batch_size: batchSize } = {}) => {
      await app.store().train({ steps, order, batchSize });
      return app.store().describe();
    },

    goto: (place) => app.store().goto(place),
    state: () => app.store().describe(),

    // The share of the kept test samples, the mistakes beside them left out, that is read rightly.
    accuracy: () => app.store().measure().accuracy,

    // All parameters, laid out as Network.parameters.theta is in Python.
    parameters: () => Array.from(app.store().network.theta),
  };
}
