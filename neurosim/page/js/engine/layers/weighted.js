// The base of layers with weights: their penalties, and the interventions on single neurons.

import { createActivation } from "../activations.js";
import { createInitializer } from "../initializers.js";
import { Interventions, UpdateScaling } from "../interventions.js";
import { createRegularizer, limitNorms } from "../regularizers.js";
import { ActivationLayer } from "./base.js";

export class WeightedLayer extends ActivationLayer {
  weightName = "W";
  biasName = "b";

  constructor(config) {
    super(config);
    this.activation = createActivation(config.activation ?? "linear");
    this.regularizer = config.regularizer ? createRegularizer(config.regularizer) : null;
    this.maxNorm = config.max_norm ?? null;
    this.useBias = config.use_bias ?? true;
  }

  config() {
    return { ...super.config(), activation: this.activation.config() };
  }

  adopt(regularizer, maxNorm) {
    this.regularizer ??= regularizer ? createRegularizer(regularizer) : null;
    this.maxNorm ??= maxNorm ?? null;
  }

  parameterShapes() {
    const shape = this.weightShape();
    return this.useBias ? { W: shape, b: shape.slice(-1) } : { W: shape };
  }

  attach(parameters) {
    super.attach(parameters);
    this.norms = new Float64Array(this.weightShape().at(-1));
    this.intervene(this.interventions);
  }

  initialize(random) {
    const n = this.weightShape().at(-1);
    const law = createInitializer(this.settings.initializer ?? this.activation.initializer);
    law.fill(this.W, this.W.length / n, n, random);
    if (this.useBias) this.b.fill(0);
  }

  // Return the part of neuron j in a parameter, a gradient or an optimizer's vector, as the layer sees it. A new
  // array.
  neuronPart(array, j) {
    const n = this.weightShape().at(-1);
    const part = new this.Float(array.length / n);
    for (let k = 0; k < part.length; k++) part[k] = array[k * n + j];
    return part;
  }

  // -- penalties -----------------------------------------------------------------------------------------------------

  get penalized() {
    return this.regularizer !== null || this.interventions.l2.size > 0;
  }

  penalizes(j) {
    return this.regularizer !== null || this.interventions.l2.has(j);
  }

  penalty() {
    let penalty = this.regularizer ? this.regularizer.value(this.W) : 0;
    for (const [j, strength] of this.interventions.l2) {
      penalty += 0.5 * strength * this.neuronPart(this.W, j).reduce((sum, w) => sum + w * w, 0);
    }
    return penalty;
  }

  // Explain the term that the penalties add to dL/dw of neuron j: an equation with names in braces, and their numbers.
  explainPenalty(j, formulas) {
    const parts = [];
    const numbers = {};
    if (this.regularizer) {
      const formula = formulas[this.regularizer.key] ?? "";
      if (!formula) return ["", {}];
      parts.push(formula);
      numbers["λ"] = this.regularizer.strength;
    }
    if (this.interventions.l2.has(j)) {
      parts.push("{own λ} * {w}");
      numbers["own λ"] = this.interventions.l2.get(j);
    }
    return [parts.join(" + "), numbers];
  }

  addPenaltyGradient() {
    if (this.regularizer) this.regularizer.addGradient(this.W, this.dW, this.r);
    const n = this.weightShape().at(-1);
    for (const [j, strength] of this.interventions.l2) {
      const own = this.r(strength);
      for (let k = j; k < this.W.length; k += n) this.dW[k] += this.r(own * this.W[k]);
    }
  }

  // -- around an update ----------------------------------------------------------------------------------------------

  beforeUpdate() {
    if (this.scaling) this.scaling.before();
  }

  // Undo the update for frozen neurons, scale it for slowed ones, then limit weight norms to their bound.
  afterUpdate() {
    if (this.scaling) this.scaling.after(this.r);
    if (this.maxNorm !== null) {
      limitNorms(this.W, this.norms.length, this.maxNorm, this.norms);
      if (this.scaling) this.scaling.hold();
    }
  }

  // -- interventions on single neurons -------------------------------------------------------------------------------

  intervene(interventions) {
    if (this.isOutput && (interventions.activations.size || interventions.values.size)) {
      throw new Error(`Layer ${this.index} is the output layer: the loss needs its activation, which cannot be forced or replaced. Choose a neuron of a hidden layer.`);
    }
    this.interventions = interventions;
    const slowed = interventions.frozen.size || interventions.factors.size;
    const parts = this.useBias ? [this.W, this.b] : [this.W];
    this.scaling = slowed ? new UpdateScaling(interventions, parts, this.weightShape().at(-1)) : null;
    this.chosen = interventions.functionFor(this.activation);
  }

  // Return the activation of neuron j: its own if it has one, else the layer's.
  activationOf(j) {
    return this.interventions.activations.get(j) ?? this.activation;
  }

  get hasInterventions() {
    return this.interventions instanceof Interventions && this.interventions.any;
  }

  kinkSides() {
    const sides = super.kinkSides();
    return this.regularizer?.hasKink ? [...sides, ...Array.from(this.W, (w) => (w > 0 ? 1 : 0))] : sides;
  }
}
