// Products of matrices, for layers with weights. Zeros cost nothing; most pixels and many activations are 0.

// The numbers that are not 0, and their places, for the products below. They are taken four at a time, which saves
// half of the memory traffic. The last four are filled up with zeros. (The loop over four stands twice. If two types
// of arrays shared it, it would take twice the time.)
export class Found {
  constructor(size) {
    this.places = new Int32Array(size + 4);
    this.values = new Float64Array(size + 4);
  }

  // Collect those of `count` numbers, from `start` on and `stride` apart, that are not 0. Note for each the place of
  // its row of `length` numbers. Return how many there are, filled up.
  pick(numbers, start, count, stride, length) {
    const { places, values } = this;
    let some = 0;
    for (let k = 0, at = start; k < count; k++, at += stride) {
      const value = numbers[at];
      if (value === 0) continue;
      places[some] = k * length;
      values[some] = value;
      some += 1;
    }
    return this.fill(some);
  }

  // Fill up to a multiple of four. Return the new count.
  fill(count) {
    const full = Math.ceil(count / 4) * 4;
    this.places.fill(0, count, full);
    this.values.fill(0, count, full);
    return full;
  }
}

// z = x W + b. Numbers of x that are 0 cost nothing. Sums are computed in float64.
export function product(x, W, b, z, nIn, nOut, sums, found) {
  const { places, values } = found;
  const batch = z.length / nOut;
  for (let row = 0; row < batch; row++) {
    let count = 0;
    for (let i = 0, k = row * nIn; i < nIn; i++, k++) {
      const value = x[k];
      if (value === 0) continue;
      places[count] = i * nOut;
      values[count] = value;
      count += 1;
    }
    count = found.fill(count);
    sums.fill(0);
    for (let k = 0; k < count; k += 4) {
      const p0 = places[k];
      const p1 = places[k + 1];
      const p2 = places[k + 2];
      const p3 = places[k + 3];
      const v0 = values[k];
      const v1 = values[k + 1];
      const v2 = values[k + 2];
      const v3 = values[k + 3];
      for (let j = 0; j < nOut; j++) sums[j] += v0 * W[p0 + j] + v1 * W[p1 + j] + v2 * W[p2 + j] + v3 * W[p3 + j];
    }
    const to = row * nOut;
    for (let j = 0; j < nOut; j++) z[to + j] = sums[j];
    if (b !== null) for (let j = 0; j < nOut; j++) z[to + j] += b[j];
  }
}

// dW = xᵀ delta, input by input, over the samples of the batch in which the input is not 0.
export function outerProducts(x, delta, dW, nIn, nOut, found) {
  const { places, values } = found;
  const batch = delta.length / nOut;
  dW.fill(0);
  for (let i = 0; i < nIn; i++) {
    let count = 0;
    for (let row = 0, k = i; row < batch; row++, k += nIn) {
      const value = x[k];
      if (value === 0) continue;
      places[count] = row * nOut;
      values[count] = value;
      count += 1;
    }
    count = found.fill(count);
    const at = i * nOut;
    for (let k = 0; k < count; k += 4) {
      const p0 = places[k];
      const p1 = places[k + 1];
      const p2 = places[k + 2];
      const p3 = places[k + 3];
      const v0 = values[k];
      const v1 = values[k + 1];
      const v2 = values[k + 2];
      const v3 = values[k + 3];
      for (let j = 0; j < nOut; j++) dW[at + j] += v0 * delta[p0 + j] + v1 * delta[p1 + j] + v2 * delta[p2 + j] + v3 * delta[p3 + j];
    }
  }
}

export function columnSums(delta, db, nOut) {
  db.fill(0);
  for (let k = 0; k < delta.length; ) for (let j = 0; j < nOut; j++, k++) db[j] += delta[k];
}

// -- for layers that work in float64 ---------------------------------------------------------------------------------

// W (length, m) with its columns in groups of four. Each group is stored row by row; the last is filled up with zeros.
export function inFours(W, fours, m, length) {
  for (let row = 0, at = 0; row < length; row++) {
    for (let j = 0; j < m; j++, at++) fours[(j - (j % 4)) * length + 4 * row + (j % 4)] = W[at];
  }
}

// z = A W, from `start` on, for A (n, length) and W (length, m) in groups of four. It takes two rows of A at a time,
// so there is one more row if n is odd. This order takes half of the time of the plain W.
export function rowsTimesFours(A, fours, z, start, n, m, length) {
  for (let row = 0; row < n; row += 2) {
    const from = row * length;
    for (let j = 0, p = 0; j < m; j += 4) {
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      let t0 = 0;
      let t1 = 0;
      let t2 = 0;
      let t3 = 0;
      for (let k = from; k < from + length; k++, p += 4) {
        const one = A[k];
        const other = A[k + length];
        s0 += one * fours[p];
        s1 += one * fours[p + 1];
        s2 += one * fours[p + 2];
        s3 += one * fours[p + 3];
        t0 += other * fours[p];
        t1 += other * fours[p + 1];
        t2 += other * fours[p + 2];
        t3 += other * fours[p + 3];
      }
      const to = start + row * m + j;
      put(z, to, m - j, s0, s1, s2, s3);
      if (row + 1 < n) put(z, to + m, m - j, t0, t1, t2, t3);
    }
  }
}

function put(z, to, count, s0, s1, s2, s3) {
  z[to] = s0;
  if (count > 1) z[to + 1] = s1;
  if (count > 2) z[to + 2] = s2;
  if (count > 3) z[to + 3] = s3;
}

// Add rows of A, each times its number, to the row of `sums` that begins at `to`.
export function addRows({ places, values }, count, A, sums, to, length) {
  for (let k = 0; k < count; k += 4) {
    const p0 = places[k];
    const p1 = places[k + 1];
    const p2 = places[k + 2];
    const p3 = places[k + 3];
    const v0 = values[k];
    const v1 = values[k + 1];
    const v2 = values[k + 2];
    const v3 = values[k + 3];
    for (let i = 0; i < length; i++) sums[to + i] += v0 * A[p0 + i] + v1 * A[p1 + i] + v2 * A[p2 + i] + v3 * A[p3 + i];
  }
}

// Do the same, and add number i of the row to the number sources[from + i] of `sums`. If that is below 0, skip it.
export function scatterRows({ places, values }, count, A, sums, sources, from, length) {
  for (let k = 0; k < count; k += 4) {
    const p0 = places[k];
    const p1 = places[k + 1];
    const p2 = places[k + 2];
    const p3 = places[k + 3];
    const v0 = values[k];
    const v1 = values[k + 1];
    const v2 = values[k + 2];
    const v3 = values[k + 3];
    for (let i = 0; i < length; i++) {
      const to = sources[from + i];
      if (to >= 0) sums[to] += v0 * A[p0 + i] + v1 * A[p1 + i] + v2 * A[p2 + i] + v3 * A[p3 + i];
    }
  }
}
