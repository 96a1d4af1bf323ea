// One neuron in a run, and the stages of its walk.

import { general } from "../numbers.js";
import * as backward from "./backward_stages.js";
import { downstream } from "./downstream.js";
import * as filters from "./filters.js";
import { fill } from "./formula.js";
import * as forward from "./forward_stages.js";
import { rowsAndColumns } from "./places.js";
import { Row } from "./rows.js";
import { largestAt, norm } from "./sums.js";
import { NeuronTerms } from "./terms.js";
import { causes, update } from "./update_stage.js";
import { formulas, words } from "./words.js";

export class NeuronTrace extends NeuronTerms {
  // -- the stages ----------------------------------------------------------------------------------------------------

  stages(top = 5) {
    const { run, layer } = this;
    const { network } = run;
    const key = this.activation.key;
    const name = (i) => this.inputName(i);
    const alone = this.activation.elementwise;
    const layerZ = this.together("z");
    const above = network.layers.slice(layer.index + 1).map((each) => [each.index, each.weightName ? "" : each.title, run.flows[each.index].a]);
    const { probabilities: a, classes, verdict } = run;
    const found = [
      this.inputsStage(top),
      forward.weightedSum(name, this.weights, this.inputs, this.products, this.hasBias ? this.bias : null, this.z, top),
      forward.activation(key, this.z, this.a, this.forced, alone ? null : layerZ),
    ];
    if (run.forwardOnly) return [...found, forward.reading(above, a, classes, verdict)];
    const { loss } = network;
    const target = run.aim;
    const [rule, factors] = run.outputRule;
    const delta = run.flows.at(-1).delta;
    const forced = this.forced !== null;
    return [
      ...found,
      forward.output({
        ...{ layers: above, a, classes, y: run.targets, target, verdict, loss, L: run.loss, top },
        dtype: network.dtype,
      }),
      backward.outputDelta({ loss, activation: network.output.activation.key, rule, factors, classes, target, delta, top }),
      this.downstreamStage(top),
      backward.derivative(key, this.z, this.a, this.da_dz, forced, alone),
      backward.deltaOf({
        ...this.deltaRule,
        ...{ value: this.delta, dL_da: this.dL_da, da_dz: this.da_dz, forced },
        ...{ names: { activation: layer.activation.key, dtype: network.dtype }, oneOfMany: layer.places > 1 },
      }),
      this.gradientsStage(top),
      this.updateStage(),
      backward.lossAfter(run.loss, run.lossAfter),
    ];
  }

  inputsStage(top) {
    const { run, sourceLayer: layer } = this;
    if (this.patchShape === null) return forward.inputs((i) => this.inputName(i), this.inputs, layer, layer ? null : run.standardized, top);
    const outside = this.sources.filter((i) => i < 0).length;
    const below = run.network.layers[layer].title;
    const [field, seen] = [this.field, this.receptiveField].map(rowsAndColumns);
    return filters.inputs({ size: this.patchShape[0], layer, below, field, seen, outside }, this.inputs);
  }

  downstreamStage(top) {
    const { run, layer } = this;
    if (!layer.isOutput) return downstream(run, this.fed, this.dL_da, top);
    const shared = this.activation.elementwise || this.forced !== null ? "" : this.activation.key;
    return backward.downstreamOfOutput(run.network.loss, run.probabilities, run.aim, this.unit, this.dL_da, shared);
  }

  gradientsStage(top) {
    const { layer, index, dL_dW } = this;
    const given = { name: (i) => this.inputName(i), delta: this.delta, x: this.inputs, dL_dW, top };
    given.dL_db = this.hasBias ? this.dL_db : null;
    if (this.patchShape === null) {
      return backward.gradients({ ...given, penalty: layer.penalizes(index) ? (i) => this.penaltyOf(i) : null });
    }
    return filters.gradients({ ...given, largest: this.sumOverPlaces(largestAt(dL_dW)), columns: layer.outShape[1] });
  }

  updateStage() {
    const { run, layer, weights } = this;
    const change = this.weightsAfter.map((after, i) => after - weights[i]);
    const i = largestAt(change);
    const most = Math.abs(change[i]);
    const factor = layer.interventions.factorOf(this.index);
    const steps = this.updateTerms.weights;
    const wouldBe = Float64Array.from(weights, (w, k) => w - factor * steps.step[k]);
    const counts = { count: change.length, moved: 0, most, "memory and decay": 0, memory: 0, decay: 0, norm: 0 };
    let either = 0;
    change.forEach((each, k) => {
      if (each === 0) return;
      counts.moved += 1;
      if (this.dL_dW[k] !== 0) return;
      const [byMemory, byDecay] = causes({ step: steps.step[k], decay: steps.decay?.[k] });
      counts.memory += byMemory;
      counts.decay += byDecay;
      counts["memory and decay"] += byMemory && byDecay;
      counts.norm += !byMemory && !byDecay;
      either += byMemory || byDecay;
    });
    if (counts["memory and decay"]) counts["memory and decay"] = either;
    const step = {
      optimizer: run.optimizer,
      earlier: run.earlier,
      rate: run.learningRate,
      norm: norm(run.gradBefore),
      factor,
      bound: factor === 0 ? null : layer.maxNorm,
      weightsNorm: norm(wouldBe),
      interventions: describe(layer.interventions, this.index),
    };
    const weight = this.move("w", fill(words.NAMES.weight, { name: this.weightName(i) }), "W", i);
    return update(step, weight, this.hasBias ? this.move("b", "bias", "b", 0) : null, counts);
  }

  // Return how the update moves number i of this neuron's part of a parameter.
  move(symbol, name, parameter, i) {
    const { run } = this;
    const at = (vector) => this.part(vector, parameter)[i];
    const ofBias = symbol === "b";
    const before = at(run.network.theta);
    let penalty = null;
    let gradient;
    if (ofBias) {
      gradient = new Row("update.gradient of bias", { name: "g", value: this.dL_db });
    } else {
      gradient = this.gradientRow(i);
      const [equation, strengths] = this.layer.penalizes(this.index) ? this.layer.explainPenalty(this.index, formulas.regularizer) : ["", {}];
      if (equation) {
        const about = { name: "penalty", value: this.penaltyOf(i), template: equation };
        penalty = new Row("update.penalty", { ...about, factors: { ...strengths, w: before } });
      }
    }
    const columns = Object.entries(this.updateTerms[ofBias ? "bias" : "weights"]);
    const terms = Object.fromEntries(columns.map(([term, values]) => [term, values[i]]));
    const state = Object.fromEntries(Object.entries(run.stateBefore).map(([each, vector]) => [each, at(vector)]));
    return { symbol, name, before, after: at(run.thetaAfter), gradient, seen: at(run.grad), state, terms, penalty };
  }

  // Return the row that derives the gradient of weight i, for its update.
  gradientRow(i) {
    if (this.layer.places > 1) {
      return filters.sumRow("update.gradient of filter", { ...this.sumOverPlaces(i), name: "g" }, { places: this.layer.places });
    }
    const factors = { delta: this.delta, x: this.inputs[i] };
    const about = { name: "g", value: this.dL_dW[i], factors };
    if (!this.layer.penalizes(this.index)) return new Row("update.gradient", about);
    factors.penalty = this.penaltyOf(i);
    return new Row("update.gradient with penalty", about);
  }
}

// Return the interventions on neuron j, in words.
function describe({ frozen, factors, values, activations, l2 }, j) {
  const say = (kind, number) => fill(words.interventions[kind], { number: general(number, 6) });
  const said = frozen.has(j) ? [words.interventions.frozen] : [];
  if (factors.has(j)) said.push(say("factor", factors.get(j)));
  if (values.has(j)) said.push(say(values.get(j) === 0 ? "silenced" : "value", values.get(j)));
  if (activations.has(j)) said.push(fill(words.interventions.activation, { name: activations.get(j).key }));
  if (l2.has(j)) said.push(say("l2", l2.get(j)));
  return said;
}
