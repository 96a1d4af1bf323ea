// Equations as texts with names in braces: shown with letters filled in, computed with numbers filled in.
//
//     "{beta1} * {m} + (1 - {beta1}) * {grad}"
//
// They are written as in a book: x², β^t, √(v), |g|, ln(a), max(u, v), sign(m). Any other text has no value.

import { floorLog10, number } from "../numbers.js";

const HOLE = /\{([^{}]+)\}/g;
const DIGITS = 5; // of a result
const EQUAL_UP_TO = 7; // digits that may be tried to reach exactly the result
const AT_MOST = 9; // digits that may be tried to reach the result up to its last digit

// Replace the names in braces by texts.
export function fill(template, values) {
  return template.replace(HOLE, (_, name) => {
    if (!(name in values)) throw new Error(`The text "${template}" has no value for {${name}}.`);
    return values[name];
  });
}

// Return the names in braces, each once, in their order.
export function namesIn(template) {
  return [...new Set(Array.from(template.matchAll(HOLE), (found) => found[1]))];
}

// Replace the names in braces by numbers, with brackets before a power if needed; "+ -2" becomes "- 2", -0 is 0.
export function fillNumbers(template, values) {
  const text = template.replace(HOLE, (hole, name, at) => {
    const value = values[name];
    const after = template[at + hole.length];
    return "²^".includes(after ?? " ") && (value.includes("e") || value.startsWith("-")) ? `(${value})` : value;
  });
  return text
    .replace(/(?<=\S )\+ -(?=[\d.])/g, "- ")
    .replaceAll("+ +", "+ ")
    .replace(/^-0(?= )/, "0")
    .replace(/(?<=\S )- -(?=[\d.])/g, "+ ");
}

// Replace the names in braces by numbers that are aligned in columns; "+ -2" becomes "- 2".
export function fillColumns(template, values) {
  return fill(template, values).replace(/\+ +-(?=[\d.])(\S+)/g, (_, digits) => `- ${digits.padStart(10)}`);
}

// -- computing -------------------------------------------------------------------------------------------------------

const FUNCTIONS = {
  ln: Math.log,
  sqrt: Math.sqrt,
  sign: Math.sign,
  abs: Math.abs,
  max: (...all) => all.reduce((best, each) => (each > best ? each : best)),
  min: (...all) => all.reduce((best, each) => (each < best ? each : best)),
};

const TOKEN = /\s*(?:(\{[^{}]+\})|(\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+)|([A-Za-z]+)|(.))/gsuy;

class Unknown extends Error {}

// Reads an equation by recursive descent, into a function of the numbers.
class Reader {
  constructor(template) {
    this.tokens = Array.from(template.trim().matchAll(TOKEN), ([, hole, digits, word, sign]) => ({
      hole: hole?.slice(1, -1),
      digits,
      word,
      sign,
    }));
    this.at = 0;
  }

  get next() {
    return this.tokens[this.at] ?? {};
  }

  takes(sign) {
    if (this.next.sign !== sign) return false;
    this.at += 1;
    return true;
  }

  needs(sign) {
    if (!this.takes(sign)) throw new Unknown();
  }

  whole() {
    const value = this.sum();
    if (this.at < this.tokens.length) throw new Unknown();
    return value;
  }

  sum() {
    let left = this.product();
    for (;;) {
      const [one, plus] = [left, this.next.sign];
      if (plus !== "+" && plus !== "-") return left;
      this.at += 1;
      const other = this.product();
      left = plus === "+" ? (v) => one(v) + other(v) : (v) => one(v) - other(v);
    }
  }

  product() {
    let left = this.signed();
    for (;;) {
      const [one, times] = [left, this.next.sign];
      if (times !== "*" && times !== "/") return left;
      this.at += 1;
      const other = this.signed();
      left = times === "*" ? (v) => one(v) * other(v) : (v) => one(v) / other(v);
    }
  }

  signed() {
    if (this.takes("-")) {
      const value = this.signed();
      return (v) => -value(v);
    }
    return this.takes("+") ? this.signed() : this.power();
  }

  power() {
    const base = this.atom();
    if (this.takes("²")) return (v) => base(v) * base(v);
    if (!this.takes("^")) return base;
    const exponent = this.signed();
    return (v) => base(v) ** exponent(v);
  }

  atom() {
    const token = this.next;
    this.at += 1;
    if (token.hole !== undefined) return (v) => v[token.hole];
    if (token.digits !== undefined) return () => Number(token.digits);
    if (token.sign === "(") return this.upTo(")");
    if (token.sign === "|") {
      const value = this.upTo("|");
      return (v) => Math.abs(value(v));
    }
    if (token.sign === "√") {
      const value = this.atom();
      return (v) => Math.sqrt(value(v));
    }
    if (token.word === "e" && this.next.sign !== "(") return () => Math.E;
    if (Object.hasOwn(FUNCTIONS, token.word ?? "")) return this.call(FUNCTIONS[token.word]);
    throw new Unknown();
  }

  upTo(sign) {
    const value = this.sum();
    this.needs(sign);
    return value;
  }

  call(f) {
    this.needs("(");
    const given = [this.sum()];
    while (this.takes(",")) given.push(this.sum());
    this.needs(")");
    return (v) => f(...given.map((each) => each(v)));
  }
}

const read = new Map(); // template -> function of the numbers, or null

function functionOf(template) {
  if (!read.has(template)) {
    let value = null;
    try {
      value = new Reader(template).whole();
    } catch (error) {
      if (!(error instanceof Unknown)) throw error;
    }
    read.set(template, value);
  }
  return read.get(template);
}

// Return the value of an equation; null if it contains an unknown function, such as relu.
export function valueOf(template, numbers) {
  const value = functionOf(template);
  if (value === null || namesIn(template).some((name) => !(name in numbers))) return null;
  return value(numbers);
}

const asNumber = (text) => ({ inf: Infinity, "-inf": -Infinity, nan: NaN })[text] ?? Number(text);

function valueOfRounded(template, numbers, digits) {
  const rounded = Object.entries(numbers).map(([name, each]) => [name, asNumber(number(each, digits))]);
  return valueOf(template, Object.fromEntries(rounded));
}

// Return how many digits the numbers need for a computation with them to give `value` to `digits` digits.
export function digitsFor(template, numbers, value, digits = DIGITS) {
  if (!Number.isFinite(value)) return digits;
  const shown = number(value, digits);
  const unit = value ? 10 ** (floorLog10(Math.abs(value)) - digits + 1) : 0;
  let near = AT_MOST;
  for (let tried = AT_MOST; tried >= digits; tried--) {
    const got = valueOfRounded(template, numbers, tried);
    if (got === null) return digits;
    if (Math.abs(got - Number(shown)) <= unit) near = tried;
  }
  for (let tried = digits; tried <= EQUAL_UP_TO; tried++) {
    const got = valueOfRounded(template, numbers, tried);
    if (got !== null && number(got, digits) === shown) return tried;
  }
  return near;
}
