// Sums and orders computed as NumPy does, so that the same numbers are shown.

// Return the sum in float64, computed pairwise as NumPy does: halves of halves, with eight sums side by side in each.
export function sum(values, start = 0, count = values.length) {
  if (count < 8) {
    let total = 0;
    for (let k = start; k < start + count; k++) total += values[k];
    return total;
  }
  if (count <= 128) {
    const eight = Array.from({ length: 8 }, (_, k) => values[start + k]);
    let at = 8;
    for (; at < count - (count % 8); at += 8) for (let k = 0; k < 8; k++) eight[k] += values[start + at + k];
    let total = eight[0] + eight[1] + (eight[2] + eight[3]) + (eight[4] + eight[5] + (eight[6] + eight[7]));
    for (; at < count; at++) total += values[start + at];
    return total;
  }
  let half = Math.floor(count / 2);
  half -= half % 8;
  return sum(values, start, half) + sum(values, start + half, count - half);
}

// Return whether any value is not 0; NaN is not 0.
export function any(values) {
  return values.some((each) => each !== 0);
}

// Return how many values are 0.
export function zeros(values) {
  return values.reduce((count, each) => count + (each === 0 ? 1 : 0), 0);
}

// Return the indices that sort sizes, largest first; equal ones keep their order, NaN comes last.
export function byFallingSize(sizes) {
  const order = Array.from(sizes, (_, k) => k);
  return order.sort((one, other) => {
    const [a, b] = [sizes[one], sizes[other]];
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    return a < b ? 1 : a > b ? -1 : 0;
  });
}

// Return the index of the largest size, the first of several; NaN counts as the largest.
export function largestAt(values) {
  let best = 0;
  for (let k = 1; k < values.length; k++) {
    if (Number.isNaN(values[best])) break;
    if (Math.abs(values[k]) > Math.abs(values[best]) || Number.isNaN(values[k])) best = k;
  }
  return best;
}

export function norm(values) {
  let squares = 0;
  for (let k = 0; k < values.length; k++) squares += values[k] * values[k];
  return Math.sqrt(squares);
}

export const least = (values) => values.reduce((low, each) => (each < low || each !== each ? each : low), Infinity);
export const greatest = (values) => values.reduce((high, each) => (each > high || each !== each ? each : high), -Infinity);

// Return the values without those at the given indices.
export function without(values, places) {
  const left = new Set(places);
  return Array.from(values).filter((_, k) => !left.has(k));
}
