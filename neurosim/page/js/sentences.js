// What a row of the walk says beside its arithmetic.

import { number } from "./engine/numbers.js";

const DIGITS = [4, 5, 6]; // in which the walk writes a result

/**
 * Take the text of a row apart. Its arithmetic is the equation and the result, which a view draws by itself.
 * @returns {before, arithmetic, after}: sentences, whether the row has arithmetic, and sentences
 */
export function toldBy({ value, formula, line }) {
  const lines = line.split("\n").map((each) => each.trim()).filter(Boolean);
  if (value === null || !lines.length) return { before: [], arithmetic: true, after: [] };
  const drawn = lines.map((each, k) => Boolean(formula && each.includes(formula)) || (k === lines.length - 1 && endsWith(each, value)));
  const at = drawn.indexOf(true);
  if (at < 0) return { before: lines, arithmetic: false, after: [] };
  return { before: lines.slice(0, at), arithmetic: true, after: lines.slice(at).filter((_, k) => !drawn[at + k]) };
}

function endsWith(text, value) {
  return DIGITS.some((digits) => ` ${text}`.endsWith(` ${number(value, digits)}`));
}
