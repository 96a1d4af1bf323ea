// The rows of the stages of the walk, and the formats of their numbers.

import { column, number, thousands } from "../numbers.js";
import { digitsFor, fill, fillColumns, fillNumbers } from "./formula.js";
import { words } from "./words.js";

const DIGITS = 5;

// The names of whole numbers: counts and indices.
const WHOLE = new Set([
  ...["count", "zero", "moved", "layer", "below", "n", "t", "classes too near"],
  ...["places", "size", "outside", "ties"],
]);

// Format a number in running text: five digits, or the number of digits in words.DIGITS.
export function inText(name, value) {
  return toDigits(words.DIGITS[name] ?? DIGITS, name, value);
}

// Format a number to `digits` digits; a count with all its digits.
function toDigits(digits, name, value) {
  if (WHOLE.has(name)) return words.PLAIN.includes(name) ? String(value) : thousands(value);
  return number(value, digits, words.SIGNED.includes(name));
}

// Format a number in ten columns, for numbers that are aligned below each other.
export function inColumns(name, value) {
  return column(value);
}

// One line of a stage: numbers with their names.
// kind: its entry in words.ROWS; value: the result, null for a note; factors: the numbers in its equation;
// names: other texts for its sentences; template: a formula that replaces the one of its kind.
export class Row {
  constructor(kind, { name = "", value = null, factors = {}, names = {}, template = null } = {}) {
    Object.assign(this, { kind, name, value, factors, names, template });
  }

  get role() {
    return words.ROWS[this.kind].role;
  }

  get equation() {
    return this.template ?? words.ROWS[this.kind].formula ?? "";
  }

  // The equation with the names of its factors; empty for a note.
  get formula() {
    const symbols = Object.keys(this.factors).map((name) => [name, words.SYMBOLS[name] ?? name]);
    return fill(this.equation, { ...Object.fromEntries(symbols), ...this.names });
  }

  // The equation with the numbers filled in; for a note, its sentence.
  get substituted() {
    return this.equation || this.value !== null ? this.withNumbers(this.exact) : this.line();
  }

  // The format of the equation's numbers: with enough digits to compute the value again.
  get exact() {
    let digits = this.name === "L" ? words.DIGITS.L : DIGITS;
    if (this.value !== null && !words.IN_COLUMNS.includes(this.role)) {
      digits = digitsFor(this.equation, this.factors, this.value, digits);
    }
    return (name, value) => toDigits(digits, name, value);
  }

  withNumbers(form) {
    const filled = form === inColumns ? fillColumns : fillNumbers;
    return filled(this.equation, this.filling(form));
  }

  filling(form) {
    const numbers = Object.entries(this.factors).map(([name, value]) => [name, form(name, value)]);
    const filling = { ...this.names, ...Object.fromEntries(numbers) };
    const { zero, count } = this.factors;
    if (zero === 0 || (zero !== undefined && zero === count)) filling.zero = zero ? "all" : "none"; // "none of them zero"
    return filling;
  }

  // Fill any template with the numbers of this row, and with its name, formula and value.
  say(template, form = inText, name = null) {
    const own = {
      name: name ?? this.name,
      formula: this.formula,
      substituted: this.withNumbers(form === inText ? this.exact : form),
      value: this.value === null ? "" : form(this.name === "L" ? "L" : "value", this.value),
    };
    return fill(template, { ...own, ...this.filling(form) });
  }

  // Return the row as a line of text.
  line(form = inText, name = null) {
    return this.say(words.ROWS[this.kind].line, form, name);
  }

  // Return the row as a line below a picture.
  caption(form = inText) {
    const kind = words.ROWS[this.kind];
    return this.say(kind.caption ?? kind.line, form);
  }

  // Return the row as plain numbers and texts: those of Python's document, `kind` and `line`.
  toObject() {
    return {
      name: this.name,
      formula: this.formula,
      factors: { ...this.factors },
      substituted: this.substituted,
      value: this.value,
      role: this.role,
      kind: this.kind,
      line: this.line(),
    };
  }
}
