// Numbers as text: the formats of neurosim/text.py, digit for digit.

export const MINUS = "\u2212";

// -- what the formats of Python do: %g, %e and %f, a tie going to the even digit -------------------------------------

// JavaScript rounds a tie up, and Python rounds it to the even digit. This finds a tie, which a double can hold
// exactly.
function isTie(size, digits) {
  const next = size.toPrecision(Math.min(digits + 1, 100));
  if (!/5$/.test(next.replace(/e.*$/, ""))) return false;
  const exact = size.toPrecision(100).replace(/e.*$/, "").replace(".", "").replace(/^0+/, "");
  return /^50*$/.test(exact.slice(digits));
}

// Return [the first `count` digits without a point, the exponent of the first digit].
function significant(size, digits) {
  const [rounded, exponent] = size.toExponential(digits - 1).split("e");
  let mantissa = rounded.replace(".", "");
  const odd = (mantissa.charCodeAt(digits - 1) - 48) % 2 === 1;
  if (odd && size !== 0 && isTie(size, digits) && size.toPrecision(100).replace(/^[0.]+/, "")[0] <= mantissa[0]) {
    // if it was rounded up to an odd digit, the even digit lies below; after a carry (9.5 to 10) the digit was odd
    // before
    mantissa = mantissa.slice(0, -1) + String(Number(mantissa.slice(-1)) - 1);
  }
  return [mantissa, Number(exponent)];
}

function notFinite(value) {
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

function withSign(text, value, sign) {
  if (value < 0 || Object.is(value, -0)) return `-${text}`;
  return sign ? `+${text}` : text;
}

function exponentText(exponent) {
  const size = String(Math.abs(exponent)).padStart(2, "0");
  return `e${exponent < 0 ? "-" : "+"}${size}`;
}

const withoutZeros = (text) => (text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text);

// f"{value:.{digits}g}"
export function general(value, digits, sign = false) {
  if (!Number.isFinite(value)) return (sign && !(value < 0) ? "+" : "") + notFinite(value);
  const [mantissa, exponent] = significant(Math.abs(value), Math.max(digits, 1));
  let text;
  if (exponent < -4 || exponent >= digits) {
    text = withoutZeros(`${mantissa[0]}.${mantissa.slice(1)}`) + exponentText(exponent);
  } else if (exponent < 0) {
    text = withoutZeros(`0.${"0".repeat(-exponent - 1)}${mantissa}`);
  } else {
    text = withoutZeros(`${mantissa.slice(0, exponent + 1)}.${mantissa.slice(exponent + 1)}`);
  }
  return withSign(text, value, sign);
}

// f"{value:.{digits}e}"
export function exponential(value, digits) {
  if (!Number.isFinite(value)) return notFinite(value);
  const [mantissa, exponent] = significant(Math.abs(value), digits + 1);
  const rest = digits ? `.${mantissa.slice(1)}` : "";
  return withSign(`${mantissa[0]}${rest}${exponentText(exponent)}`, value, false);
}

// f"{value:.{decimals}f}"
export function decimals(value, places, sign = false) {
  if (!Number.isFinite(value)) return (sign && !(value < 0) ? "+" : "") + notFinite(value);
  const size = Math.abs(value);
  let text = size.toFixed(places);
  const rounded = Number(text);
  if (size !== 0 && rounded > size && size < 1e15) {
    const down = stepDown(text);
    const digit = Number(text.slice(-1));
    if (digit % 2 === 1 && isHalfway(size, text, down)) text = down;
  }
  return withSign(text, value, sign);
}

// Return the decimal number just below one, at its last place.
function stepDown(text) {
  const places = text.includes(".") ? text.length - text.indexOf(".") - 1 : 0;
  const whole = BigInt(text.replace(".", "")) - 1n;
  const digits = whole.toString().padStart(places + 1, "0");
  return places ? `${digits.slice(0, -places)}.${digits.slice(-places)}` : digits;
}

// Return whether a number lies exactly between two decimal numbers.
function isHalfway(size, above, below) {
  const places = above.includes(".") ? above.length - above.indexOf(".") - 1 : 0;
  const exact = size.toFixed(Math.min(places + 60, 100));
  return exact.replace(/0+$/, "") === `${below}${below.includes(".") ? "" : "."}5`;
}

function withCommas(text) {
  const [whole, ...rest] = text.split(".");
  return [whole.replace(/\B(?=(\d{3})+(?!\d))/g, ","), ...rest].join(".");
}

// -- neurosim/text.py ------------------------------------------------------------------------------------------------

// Write a number with five significant digits, or with `digits`: 0.091358, -1.2e-05; with `sign`, also a plus.
export function number(value, digits = 5, sign = false) {
  return general(Number(value) + 0, digits, sign); // + 0 makes -0 a plain 0
}

// Write a number with five digits in ten columns, so that numbers in a column can be compared.
export function column(value) {
  return number(value).padStart(10);
}

// Write 60000 as "60,000".
export function thousands(value, places = 0) {
  return withCommas(decimals(value, places));
}

// Write a number with this number of decimals: 0.30; never -0.00.
export function fixed(value, places = 2) {
  const text = decimals(value, places);
  return /^-[0.]*$/.test(text) ? text.slice(1) : text;
}

// Write a number with four digits and a true minus.
export function fourDigits(value, sign = false) {
  return general(value, 4, sign).replaceAll("-", MINUS);
}

// Write 0.974 as "97.4 %"; the space does not break.
export function percent(share, places = 1) {
  return `${decimals(100 * share, places)}\u00a0%`;
}

// Write a probability in percent, never rounded to certainty: "< 0.1 %", "0.3 %", "74 %", "98.7 %", "> 99.9 %".
export function certainty(share) {
  if (share > 0 && share < 0.001) return "< 0.1\u00a0%";
  if (share > 0.999) return "> 99.9\u00a0%";
  return percent(share, share > 0.985 || (share > 0 && share < 0.015) ? 1 : 0);
}

// Write a number in few characters: about `digits` significant digits, a true minus, a short exponent.
export function short(value, digits = 3) {
  if (value === null || value === undefined) return "none";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "∞" : `${MINUS}∞`;
  if (value === 0) return "0";
  const exponent = floorLog10(Math.abs(value));
  let text;
  if (exponent >= -3 && exponent < 5) {
    text = withoutZeros(decimals(value, Math.max(0, digits - 1 - exponent)));
  } else {
    const [mantissa, power] = exponential(value, digits - 1).split("e");
    text = `${withoutZeros(mantissa)}e${Number(power)}`;
  }
  return text.replaceAll("-", MINUS);
}

// Return ⌊log10⌋ of a positive number.
export function floorLog10(size) {
  return Number(size.toExponential().split("e")[1]);
}

// Write a number in short form, with its sign.
export function signedShort(value) {
  return value > 0 ? `+${short(value)}` : short(value);
}

// Write a number in short form that is never rounded up to 1.
export function probability(value) {
  return short(value, value > 0.999 && value < 1 ? 8 : 3);
}

// Write two numbers, to the same place, with enough digits to tell them apart (at most eight).
export function shortPair(before, after) {
  const sizes = [before, after].map(Math.abs).filter((size) => Number.isFinite(size) && size !== 0);
  if (sizes.length < 2 || !(Math.min(...sizes) >= 1e-4 && Math.max(...sizes) < 1e7)) {
    let texts = [];
    for (let digits = 3; digits < 9; digits++) {
      texts = [short(before, digits), short(after, digits)];
      if (before === after || texts[0] !== texts[1]) break;
    }
    return texts;
  }
  const least = Math.min(...sizes, Math.abs(after - before) * 100 || Infinity);
  const places = Math.min(Math.max(2 - floorLog10(least), 0), 8);
  return [before, after].map((value) => decimals(value, places).replaceAll("-", MINUS));
}

// Convert text of the terminal for a page: δ for delta, a true minus, ×, an arrow, small indices.
export function typeset(text) {
  return text
    .replaceAll("->", "→")
    .replace(/\bdelta(?![a-z])/g, "δ")
    .replace(/(^| )\*(?= )/g, "$1×")
    .replace(/_([kj])\b/g, (_, index) => ({ k: "ₖ", j: "ⱼ" })[index])
    .replace(/(?<![\w.])-(?=[\d.])|(?<=\de)-(?=\d)|(?<![^ (])-(?=[ (\p{L}])/gu, MINUS)
    .replace(/(?<=\d) %/g, "\u00a0%")
    .replaceAll(`+ ${MINUS}`, `${MINUS} `);
}

// -- counting --------------------------------------------------------------------------------------------------------

// Count the characters of a text. A character beyond the first 65,536 counts once, as in Python.
export function lengthOf(text) {
  let length = 0;
  for (const _ of text) length += 1; // eslint-disable-line no-unused-vars
  return length;
}

export function padEnd(text, width) {
  return text + " ".repeat(Math.max(width - lengthOf(text), 0));
}
