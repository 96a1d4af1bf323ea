// What a row of the walk says beside its arithmetic.

import { words } from "./engine/walk/words.js";

const DRAWN = /\{formula\}|\{(value|output|L)\}$/; // a line of a template with the equation, or with the result at its end

/**
 * Take the text of a row apart. Its arithmetic is the equation and the result, which a view draws by itself.
 * @returns {before, arithmetic, after}: sentences, whether the row has arithmetic, and sentences
 */
export function toldBy({ kind, value, line }) {
  const template = words.ROWS[kind].line;
  if (value === null || !template) return { before: [], arithmetic: true, after: [] };
  const lines = line.split("\n").map((each) => each.trim());
  const drawn = template.split("\n").map((each) => DRAWN.test(each));
  const at = drawn.indexOf(true);
  if (at < 0) return { before: lines, arithmetic: false, after: [] };
  return { before: lines.slice(0, at), arithmetic: true, after: lines.slice(at).filter((_, k) => !drawn[at + k]) };
}
