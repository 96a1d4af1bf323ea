// One neuron's gradient for one sample, compared with central differences of the loss in float64.
// A difference across a kink (ReLU at 0) does not measure the slope of either side: these parameters are left out.

import { Network } from "../network.js";
import { norm } from "./sums.js";

const STEP = 1e-5; // of the differences
const RESOLUTION = 1e-9; // for a loss near 1, central differences cannot tell a smaller gradient from 0

// Return the larger of the relative errors of weights and bias.
export function check(here) {
  const { network } = here.run;
  const twin = new Network({ ...network.config(), dtype: "float64" });
  twin.setParameters(network.theta);
  twin.setRunningArrays(network.runningArrays());
  twin.load(here.run.flows[0].a, null);
  twin.input.a.set(here.run.flows[0].a);
  twin.targets.set(here.run.targets);
  twin.forwardBatch(false);
  const layer = twin.layers[here.layer.index];
  const places = Array.from(here.weights, (_, i) => i * layer.neuronCount + here.index);
  const errors = [compare(twin, layer, layer.W, places, here.dL_dW)];
  if (here.hasBias) errors.push(compare(twin, layer, layer.b, [here.index], [here.dL_db]));
  return Math.max(...errors);
}

// Return the loss, and the sides of all kinks. Only this layer and those above are computed: those below do not change.
function objective(twin, layer) {
  twin.forwardBatch(false, layer.index);
  const loss = twin.loss.value(twin.output, twin.targets) + twin.penalty();
  const kinks = twin.loss.kinkArguments(twin.output.a, twin.targets).map((each) => (each > 0 ? 1 : 0));
  return [loss, [...twin.layers.slice(1).flatMap((each) => each.kinkSides()), ...kinks].join("")];
}

function compare(twin, layer, array, places, backprop) {
  const kept = [];
  const found = [];
  places.forEach((place, i) => {
    const value = array[place];
    array[place] = value + STEP;
    const [above, sidesAbove] = objective(twin, layer);
    array[place] = value - STEP;
    const [below, sidesBelow] = objective(twin, layer);
    array[place] = value;
    if (sidesAbove === sidesBelow) {
      kept.push(backprop[i]);
      found.push((above - below) / (2 * STEP));
    }
  });
  const size = norm(kept) + norm(found);
  return size <= RESOLUTION ? 0 : norm(kept.map((each, i) => each - found[i])) / size;
}
