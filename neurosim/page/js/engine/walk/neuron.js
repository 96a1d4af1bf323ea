// One neuron in a run: every term that passes through it, forward, backward and through the update, and its stages.

import { general } from "../numbers.js";
import * as backward from "./backward_stages.js";
import { fill, valueOf } from "./formula.js";
import * as forward from "./forward_stages.js";
import { Row } from "./rows.js";
import { throughSoftmax } from "./sample.js";
import { greatest, norm } from "./sums.js";
import { causes, update } from "./update_stage.js";
import { formulas, words } from "./words.js";

export class NeuronTrace {
  constructor(run, layerIndex, index) {
    const layer = run.network.layers[layerIndex];
    if (!layer?.weightName) {
      const which = layer ? ` (${layer.title})` : "";
      throw new Error(`Layer ${layerIndex}${which} has no neurons with weights to trace: choose one of a Dense layer.`);
    }
    if (!(index >= 0 && index < layer.nOut)) {
      throw new Error(`Layer ${layerIndex} has neurons 0 to ${layer.nOut - 1}, received ${index}.`);
    }
    Object.assign(this, { run, layer, index });
    const { r } = layer;
    const flow = run.flows[layerIndex];
    this.inputs = run.flows[layerIndex - 1].a;
    this.weights = layer.neuronPart(layer.W, index);
    this.products = this.inputs.map((x, i) => r(x * this.weights[i]));
    this.hasBias = layer.useBias;
    this.bias = this.hasBias ? layer.b[index] : 0;
    [this.z, this.a, this.delta] = [flow.z[index], flow.a[index], flow.delta[index]];
    this.da_dz = layer.slopes(flow.z)[index];
    this.findDownstream();
    this.dL_da = layer.isOutput ? run.outputDa[index] : flow.da[index];
    this.dL_dW = this.part(run.gradBefore, "W");
    this.dL_db = this.hasBias ? this.part(run.gradBefore, "b")[0] : 0;
    this.weightsAfter = this.part(run.thetaAfter, "W");
    this.biasAfter = this.hasBias ? this.part(run.thetaAfter, "b")[0] : 0;
    this.updateTerms = { weights: this.terms("W"), bias: this.hasBias ? this.terms("b") : null };
  }

  // This neuron's part of a vector laid out as theta is.
  part(flat, name) {
    return this.layer.neuronPart(this.layer.flatView(flat, name), this.index);
  }

  // The neurons above that this one feeds, the weights to them, and their deltas.
  findDownstream() {
    const { layer, run } = this;
    const [fed, weights] = layer.isOutput ? [[], layer.Float.of()] : run.network.layers[layer.index + 1].outgoing(this.index);
    this.fed = fed;
    this.fedWeights = weights;
    this.fedDeltas = layer.Float.from(fed, (k) => run.flows[layer.index + 1].delta[k]);
    this.fedProducts = weights.map((w, k) => layer.r(w * this.fedDeltas[k]));
  }

  // The terms of the optimizer's rule for this neuron's part of one parameter: name -> array.
  terms(name) {
    const { run, layer } = this;
    const theta = this.part(run.network.theta, name);
    const grad = this.part(run.grad, name);
    const state = Object.entries(run.stateBefore).map(([each, vector]) => [each, this.part(vector, name)]);
    const found = {};
    for (let i = 0; i < theta.length; i++) {
      const numbers = { theta: theta[i], grad: grad[i], rate: run.learningRate };
      for (const [each, values] of state) numbers[each] = values[i];
      const terms = run.optimizer.rule(numbers, layer.r);
      for (const term of Object.keys(terms)) (found[term] ??= new layer.Float(theta.length))[i] = terms[term];
    }
    return found;
  }

  // -- what it is called ---------------------------------------------------------------------------------------------

  // The layer that made the inputs; those that pass them on are looked through. 0: they are the sample's own.
  get sourceLayer() {
    return this.layer.source?.index ?? 0;
  }

  get forced() {
    return this.layer.interventions.values.get(this.index) ?? null;
  }

  get activation() {
    return this.layer.activationOf(this.index);
  }

  // Height and width of the sample where it is a grey image and the neuron looks at it directly.
  get imageShape() {
    const source = this.layer.source;
    if (!source || source.index) return null;
    let shape = source.outShape.length > 1 ? source.outShape : (source.imageShape ?? []);
    if (shape.length === 3 && shape[2] === 1) shape = shape.slice(0, 2);
    return shape.length === 2 ? shape : null;
  }

  // Input i as a reader finds it: a pixel by row and column, a feature by name, another input by number.
  inputName(i) {
    if (this.sourceLayer) return fill(words.NAMES.neuron, { i: String(i) });
    const shape = this.imageShape;
    if (shape === null) {
      const names = this.run.network.input.learned?.feature_names ?? [];
      return names.length ? names[i] : fill(words.NAMES.input, { i: String(i) });
    }
    return fill(words.NAMES.pixel, { row: String(Math.floor(i / shape[1])), column: String(i % shape[1]) });
  }

  get title() {
    const { run } = this;
    const sample = run.sample === null ? words.NAMES["some sample"] : fill(words.NAMES.sample, { i: String(run.sample) });
    return fill(words.NAMES["neuron of layer"], {
      layer: String(this.layer.index),
      neuron: String(this.index),
      activation: this.activation.key,
      sample,
      verdict: run.verdict,
    });
  }

  // -- the stages ----------------------------------------------------------------------------------------------------

  stages(top = 5) {
    const { run, layer } = this;
    const { network } = run;
    const key = this.activation.key;
    const name = (i) => this.inputName(i);
    const alone = this.activation.elementwise;
    const layerZ = run.flows[layer.index].z;
    const above = network.layers.slice(layer.index + 1).map((each) => [each.index, run.flows[each.index].a]);
    const { probabilities: a, classes, verdict } = run;
    const found = [
      forward.inputs(name, this.inputs, this.sourceLayer, this.sourceLayer ? null : run.standardized, top),
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
        names: { activation: layer.activation.key, dtype: network.dtype },
      }),
      backward.gradients({
        ...{ name, delta: this.delta, x: this.inputs, dL_dW: this.dL_dW, top },
        penalty: layer.penalizes(this.index) ? (i) => this.penaltyOf(i) : null,
        dL_db: this.hasBias ? this.dL_db : null,
      }),
      this.updateStage(),
      backward.lossAfter(run.loss, run.lossAfter),
    ];
  }

  // How delta follows: the row that tells it, a key of words.RULES, and the numbers in it.
  get deltaRule() {
    const { run, layer } = this;
    const own = (columns) => Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[this.index]]));
    if (layer.isOutput) {
      const [rule, columns] = run.outputRule;
      let kind = this.activation.elementwise ? "delta.output" : "delta.output of softmax";
      if (rule === "unknown") kind = "delta.output given";
      return { kind, rule, factors: own(columns) };
    }
    if (layer.activation.elementwise) {
      return { kind: "delta.result", rule: "chain", factors: { "dL/da": this.dL_da, "f'(z)": this.da_dz } };
    }
    if (layer.interventions.any) return { kind: "delta.shared", rule: "unknown", factors: {} }; // some have no part in it
    const flow = run.flows[layer.index];
    const [rule, columns] = throughSoftmax(layer.activation, flow.a, flow.da, {});
    return { kind: "delta.shared", rule, factors: own(columns) };
  }

  downstreamStage(top) {
    const { run, layer } = this;
    if (layer.isOutput) {
      return backward.downstreamOfOutput(run.network.loss, run.probabilities, run.aim, this.index, this.dL_da);
    }
    const above = run.network.layers[layer.index + 1];
    return backward.downstream({
      layer: above.index,
      above: above.title,
      name: (i) => fill(words.NAMES.neuron, { i: String(this.fed[i]) }),
      w: this.fedWeights,
      delta: this.fedDeltas,
      products: this.fedProducts,
      value: this.dL_da,
      top,
      passed: this.passedOn(above, top),
    });
  }

  // How what comes back passes the layers right above that look at their neurons one by one.
  passedOn(above, top) {
    if (!above.neuronByNeuron) return [];
    const { run, index: j } = this;
    const flow = run.flows[above.index];
    let kind = "above";
    if (above.isOutput) kind = "of the output";
    else if (above.activation === null) kind = "handed on";
    else if (!above.activation.elementwise) kind = "together";
    const rows = backward.passedOn({
      layer: above.index,
      activation: above.activation?.key ?? "",
      slope: [...above.explainSlope(j), above.outgoing(j)[1][0]],
      dL_da: flow.da[j],
      da_dz: above.slopes(flow.z)[j],
      delta: flow.delta[j],
      kind,
    });
    if (above.isOutput) return rows;
    const further = run.network.layers[above.index + 1];
    const [fed, w] = further.outgoing(j);
    const delta = this.layer.Float.from(fed, (k) => run.flows[further.index].delta[k]);
    const name = (i) => fill(words.NAMES.neuron, { i: String(fed[i]) });
    const products = w.map((each, k) => each * delta[k]);
    rows.push(
      ...backward.sumAbove({
        ...{ layer: further.index, title: further.title, name, w, delta, products, value: flow.da[j], top },
      }),
    );
    return [...rows, ...this.passedOn(further, top)];
  }

  // What a penalty adds to the gradient of weight i: by its equation, or what there is beside delta x.
  penaltyOf(i) {
    const [equation, strengths] = this.layer.explainPenalty(this.index, formulas.regularizer);
    const added = equation ? valueOf(equation, { ...strengths, w: this.weights[i] }) : null;
    return added ?? this.dL_dW[i] - this.delta * this.inputs[i];
  }

  updateStage() {
    const { run, layer, weights } = this;
    const change = this.weightsAfter.map((after, i) => after - weights[i]);
    const most = greatest(change.map(Math.abs));
    const i = Math.max(change.findIndex((each) => Math.abs(each) === most || Number.isNaN(each)), 0);
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
    const weight = this.move("w", fill(words.NAMES.weight, { name: this.inputName(i) }), "W", i);
    return update(step, weight, this.hasBias ? this.move("b", "bias", "b", 0) : null, counts);
  }

  // How the update moves number i of this neuron's part of a parameter.
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
      const factors = { delta: this.delta, x: this.inputs[i] };
      let kind = "update.gradient";
      if (this.layer.penalizes(this.index)) {
        kind += " with penalty";
        factors.penalty = this.penaltyOf(i);
        const [equation, strengths] = this.layer.explainPenalty(this.index, formulas.regularizer);
        if (equation) {
          const about = { name: "penalty", value: factors.penalty, template: equation };
          penalty = new Row("update.penalty", { ...about, factors: { ...strengths, w: before } });
        }
      }
      gradient = new Row(kind, { name: "g", value: this.dL_dW[i], factors });
    }
    const columns = Object.entries(this.updateTerms[ofBias ? "bias" : "weights"]);
    const terms = Object.fromEntries(columns.map(([term, values]) => [term, values[i]]));
    const state = Object.fromEntries(Object.entries(run.stateBefore).map(([each, vector]) => [each, at(vector)]));
    return { symbol, name, before, after: at(run.thetaAfter), gradient, seen: at(run.grad), state, terms, penalty };
  }
}

// What is done to neuron j, in words.
function describe({ frozen, factors, values, activations, l2 }, j) {
  const say = (kind, number) => fill(words.interventions[kind], { number: general(number, 6) });
  const said = frozen.has(j) ? [words.interventions.frozen] : [];
  if (factors.has(j)) said.push(say("factor", factors.get(j)));
  if (values.has(j)) said.push(say(values.get(j) === 0 ? "silenced" : "value", values.get(j)));
  if (activations.has(j)) said.push(fill(words.interventions.activation, { name: activations.get(j).key }));
  if (l2.has(j)) said.push(say("l2", l2.get(j)));
  return said;
}
