// The quiz: which number of a stage the learner predicts, whether an answer is right, and which mistake explains a
// wrong one. Numbers in, words out; it does not use the document.

import { number, typeset } from "./engine/numbers.js";
import { toldBy } from "./sentences.js";

const NEAR = 0.01; // of the value: within this share an answer is right, or a mistake explains it

/**
 * Return the number of a stage that the learner can predict.
 * @returns {name, value, sum, row, slips} or null; row stays hidden until the answer, and slips are {value, says}
 */
export function question(document, stage) {
  const row = rowAskedOf(stage);
  if (!row || !Number.isFinite(row.value)) return null;
  const slips = slipsOf(document, stage, row).filter((slip) => Number.isFinite(slip.value) && !near(slip.value, row.value));
  return { name: nameOf(stage, row), value: row.value, sum: typeset(calculation(stage, row)), row, slips };
}

/** Return the calculation of a row; its sentence if it has none. */
function calculation(stage, row) {
  if (!toldBy(row).arithmetic) return row.line.trim();
  const name = nameOf(stage, row);
  const symbols = row.formula && stage.key !== "update" ? `${row.formula} = ` : "";
  const sum = row.role === "gradient of filter" ? row.formula : row.substituted ? `${symbols}${row.substituted}` : stage.formula;
  return `${sum.startsWith(`${name} = `) ? "" : `${name} = `}${sum} = ${number(row.value)}`;
}

function rowAskedOf(stage) {
  if (stage.key === "inputs" || stage.key === "loss_after") return null;
  if (stage.key === "gradients") return stage.rows.find((row) => row.role === "gradient" || row.role === "gradient of filter");
  if (stage.key === "update") return stage.rows.find((row) => row.role === "change");
  if (stage.key === "output_delta") return stage.rows.find((row) => row.role === "output delta");
  return stage.result && stage.result.value !== null ? stage.result : null;
}

function nameOf(stage, row) {
  if (stage.key === "gradients") return `dL/dw of ${row.name}`;
  if (stage.key === "update") return `the new w (${row.name})`;
  if (stage.key === "output_delta") return `delta of ${row.name}`;
  return row.name;
}

/** Return whether an answer is right, and the sentence for a known mistake; "" if the mistake is not known. */
export function judge(asked, typed) {
  if (near(typed, asked.value)) return { right: true };
  const slip = asked.slips.find((each) => near(typed, each.value));
  return { right: false, says: slip ? slip.says : "" };
}

function near(one, other) {
  return other === 0 ? Math.abs(one) < 1e-9 : Math.abs(one - other) <= NEAR * Math.abs(other);
}

/** Return the most common mistakes, each with its wrong value. */
function slipsOf(document, stage, row) {
  const slips = [];
  const add = (value, says) => slips.push({ value, says });
  const { factors } = row;
  switch (stage.key) {
    case "weighted_sum":
      add(document.z - document.bias, "You forgot the bias.");
      add(document.z - 2 * document.bias, "You subtracted the bias instead of adding it.");
      add(stage.rows.filter((each) => each.role === "term").reduce((sum, each) => sum + each.value, document.bias), "You added only the terms shown: add the others too.");
      add(document.weights.reduce((sum, w) => sum + w, document.bias), "You added the weights: multiply each by its input first.");
      break;
    case "activation":
      if (factors.forced !== undefined) break;
      add(document.z, "That is z: apply the activation function to it.");
      add(document.da_dz, "That is the slope f'(z), not f(z).");
      add(Math.max(document.z, 0), "That is relu(z), but this neuron has another activation function.");
      add(1 / (1 + Math.exp(-document.z)), "That is sigmoid(z), but this neuron has another activation function.");
      break;
    case "output":
      if (factors.a !== undefined) add(factors.a, "That is the probability: the loss is minus its logarithm.");
      for (const each of stage.rows.filter((other) => other.role === "loss term")) add(each.factors.a, "That is the probability: the loss is minus its logarithm.");
      add(document.loss * document.sample.probabilities.length, "You forgot the 1/n: the loss is the mean over the outputs.");
      break;
    case "output_delta":
      add(row.value * document.sample.probabilities.length, "You forgot the 1/n of the mean over the outputs.");
      add(factors.a, "That is a: subtract the target y.");
      add(factors["dL/da"], "You forgot f'(z): delta is dL/dz.");
      break;
    case "downstream":
      add(document.downstream.reduce((sum, each) => sum + each.weight, 0), "You added the weights: multiply each by its delta first.");
      add(document.downstream.reduce((sum, each) => sum + each.delta, 0), "You added the deltas: multiply each by its weight first.");
      add(stage.rows.filter((each) => each.role === "term").reduce((sum, each) => sum + each.value, 0), "You added only the terms shown: add the others too.");
      break;
    case "derivative":
      add(document.a, "That is a = f(z): the question is its slope f'(z).");
      add(document.z, "That is z: the question is the slope of f at z.");
      break;
    case "delta":
      add(document.dL_da, "You forgot f'(z).");
      add(document.da_dz, "That is f'(z): multiply it by dL/da.");
      add(document.dL_da + document.da_dz, "You added: the chain rule multiplies.");
      add(document.dL_da * document.a, "You multiplied by a instead of f'(z).");
      break;
    case "gradients": {
      const i = document.dL_dW.findIndex((each) => each === row.value);
      if (row.role === "gradient of filter") {
        add(document.delta * document.inputs[i], "That is the term of this place: add the terms of all places.");
        add(stage.rows.filter((each) => each.role === "place").reduce((total, each) => total + each.value, 0), "You added only the places shown: add the others too.");
        add(document.dL_db, "You forgot x: the sum of delta alone is dL/db.");
        break;
      }
      add(factors.delta * document.weights[i], "You used w instead of x: dL/dw is delta times the input.");
      add(factors.delta, "You forgot x.");
      add(factors.x, "You forgot delta.");
      break;
    }
    case "update": {
      const change = factors.change;
      add(factors.w - change, "Wrong sign: add the change, which has its own sign.");
      add(change, "That is the change: add it to the weight.");
      const gradient = stage.rows.find((each) => each.role === "gradient of it");
      if (gradient) add(factors.w - gradient.value, "You forgot the learning rate.");
      break;
    }
    default:
  }
  add(-row.value, "Wrong sign.");
  return slips;
}
