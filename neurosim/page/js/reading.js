// An image file as a network takes it, step by step as neurosim.data.read_image does in Python. The reasons are in
// neurosim/data/drawings.py. Red, green, blue and opacity in, pixels out: no document, no canvas.

const BOX = 20 / 28; // share of the field that the longer side of a drawing fills
const WORK = 400; // pixels: larger pictures are reduced to it first
const RING = 0.04; // share of the shorter side that counts as border
const AROUND = 0.12; // share of the longer side: half the width of the window in which the paper is measured
const LOOKS = 8; // how often paper and ink are separated
const NOISE = 5; // standard deviations of the paper: a larger difference can be ink
const FEWEST = 3; // pixels: fewer are not a drawing
const DARKEST = 0.05; // of the paper: a darker one would make any noise a contrast
const FAINTEST = 0.06; // share of the paper's brightness by which ink must differ
const INSIDE = 0.3; // share of the ink that touches the edge: if more ink lies inside, only the inside is the drawing
const SPECK = 0.02; // share of the largest stroke: a smaller one is dust
const STANDS_OUT = 2; // factor by which one colour must show the drawing better than brightness does
const BRIGHTNESS = [0.299, 0.587, 0.114]; // of red, green and blue, ITU-R BT.601

/** Return the pixels, 0 to 255, for a network that takes [height, width, channels]; null if nothing is drawn. */
export function readImage({ data, width, height }, shape) {
  const planes = onBackground(data, width, height);
  if (shape[2] === 3) {
    const whole = planes.map((each) => fitted(each, shape));
    return Uint8Array.from({ length: 3 * shape[0] * shape[1] }, (_, k) => asByte(whole[k % 3][Math.floor(k / 3)]));
  }
  let grey = inGrey(planes);
  const scale = Math.max(WORK, shape[0], shape[1]) / Math.max(width, height);
  if (scale < 1) grey = resized(grey, rounded(scale * height), rounded(scale * width));
  if (!isInkDark(grey)) grey = map(grey, (each) => 1 - each);
  const ink = inkOf(grey);
  return ink && Uint8Array.from(centred(ink, shape).values, asByte);
}

const asByte = (value) => Math.round(255 * Math.min(Math.max(value, 0), 1));

/** A plane of numbers, row by row. */
function plane(height, width, value) {
  return { height, width, values: Float64Array.from({ length: height * width }, value) };
}

function map(of, change) {
  return plane(of.height, of.width, (_, k) => change(of.values[k], k));
}

function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low] + (at - low) * (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]);
}

const most = (values) => values.reduce((one, other) => Math.max(one, other), -Infinity);

/** Return the nearest whole number, or the even one of two; at least 1. */
function rounded(length) {
  const near = Math.round(length);
  return Math.max(1, near - length === 0.5 && near % 2 ? near - 1 : near);
}

const median = (values) => quantile(values, 0.5);

// -- colours ----------------------------------------------------------------------------------------------------------

/** Return red, green and blue, 0 to 1; transparent parts get the background of the drawing. */
function onBackground(data, width, height) {
  const planes = [0, 1, 2].map((c) => plane(height, width, (_, k) => data[4 * k + c] / 255));
  const alpha = plane(height, width, (_, k) => data[4 * k + 3] / 255).values;
  if (alpha.every((each) => each === 1)) return planes;
  const seen = Array.from(alpha.keys()).filter((k) => alpha[k] > 0.5);
  let background = [1, 1, 1];
  if (!seen.length) return planes.map((each, c) => map(each, () => background[c]));
  const tones = seen.map((k) => BRIGHTNESS.reduce((sum, share, c) => sum + share * planes[c].values[k], 0));
  const spread = quantile(tones, 0.95) - quantile(tones, 0.05);
  // if only ink is visible, it lies on white or black, the one with more contrast; else the paper is visible too
  if (seen.length < alpha.length / 2 || spread < 0.25) {
    if (tones.reduce((sum, each) => sum + each, 0) / tones.length >= 0.5) background = [0, 0, 0];
  } else background = planes.map((each) => median(seen.map((k) => each.values[k])));
  return planes.map((each, c) => map(each, (value, k) => alpha[k] * value + (1 - alpha[k]) * background[c]));
}

/** Return brightness; or red, green or blue, if the drawing hardly differs in brightness. */
function inGrey(planes) {
  const grey = map(planes[0], (_, k) => BRIGHTNESS.reduce((sum, share, c) => sum + share * planes[c].values[k], 0));
  const all = [grey, ...planes];
  const spread = all.map(({ values }) => quantile(values, 0.995) - quantile(values, 0.005));
  const best = spread.indexOf(most(spread));
  return spread[best] > STANDS_OUT * spread[0] ? all[best] : grey;
}

// -- paper and ink ----------------------------------------------------------------------------------------------------

/** Return whether the drawing is darker than the border. */
function isInkDark(grey) {
  const paper = surface(grey);
  const limit = NOISE * noise(grey);
  let [darker, lighter] = [0, 0];
  grey.values.forEach((value, k) => {
    darker += Math.max(paper.values[k] - value - limit, 0);
    lighter += Math.max(value - paper.values[k] - limit, 0);
  });
  return darker >= lighter;
}

/** Return the amount of dark ink at each pixel, from 0 to 1; null if there is none. */
function inkOf(grey) {
  let paper = surface(grey);
  const limit = NOISE * noise(grey);
  let contrast, threshold;
  for (let look = 0; look < LOOKS; look++) {
    const lit = map(paper, (each) => Math.max(each, DARKEST));
    contrast = map(grey, (value, k) => (paper.values[k] - value) / lit.values[k]);
    const out = contrast.values.filter((each, k) => each > Math.max(FAINTEST, limit / lit.values[k]));
    if (out.length < FEWEST) return null;
    threshold = otsu(out);
    // better ink gives better paper
    if (look < LOOKS - 1) paper = paperAround(grey, contrast, threshold / 2, paper);
  }
  return withoutSpecks(map(contrast, (each) => Math.min(Math.max(each / threshold - 0.5, 0), 1)));
}

/** Return the places of the border. */
function ring({ height, width }) {
  const wide = Math.max(1, Math.round(RING * Math.min(height, width)));
  const outside = (at, side) => at < wide || at >= side - wide;
  return Array.from({ length: height * width }, (_, k) => k).filter((k) => outside(Math.floor(k / width), height) || outside(k % width, width));
}

/** Estimate the standard deviation of the noise between neighbouring pixels. Uneven light does not count. */
function noise({ height, width, values }) {
  const steps = [];
  values.forEach((value, k) => {
    if (k % width < width - 1) steps.push(Math.abs(values[k + 1] - value));
    if (k < (height - 1) * width) steps.push(Math.abs(values[k + width] - value));
  });
  return steps.length ? median(steps) / (0.6745 * Math.SQRT2) : 0;
}

/** Fit a quadratic surface to the border, without values far from it. */
function surface(grey) {
  const { height, width, values } = grey;
  const known = ring(grey);
  const along = (at, side) => (side > 1 ? (2 * at) / (side - 1) - 1 : -1);
  const terms = (k) => {
    const [x, y] = [along(k % width, width), along(Math.floor(k / width), height)];
    return [1, x, y, x * x, x * y, y * y];
  };
  const middle = median(known.map((k) => values[k]));
  let found = map(grey, () => middle);
  for (let round = 0; round < 4; round++) {
    const away = known.map((k) => Math.abs(values[k] - found.values[k]));
    const limit = Math.max(3 * median(away), 0.02);
    const used = known.filter((_, i) => away[i] <= limit);
    const factors = leastSquares(used.map(terms), used.map((k) => values[k]));
    found = map(grey, (_, k) => terms(k).reduce((sum, each, i) => sum + each * factors[i], 0));
  }
  const [low, high] = values.reduce(([least, largest], each) => [Math.min(least, each), Math.max(largest, each)], [1, 0]);
  return map(found, (each) => Math.min(Math.max(each, low), high));
}

/** Return the factors of the terms that fit the values best: normal equations, by elimination. */
function leastSquares(rows, values) {
  const size = rows[0].length;
  const sums = Array.from({ length: size }, () => new Float64Array(size + 1));
  rows.forEach((row, k) => {
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) sums[i][j] += row[i] * row[j];
      sums[i][size] += row[i] * values[k];
    }
  });
  const factors = new Float64Array(size);
  const pivots = []; // [row, column]; a term that the others already give gets no pivot, and the factor 0
  for (let column = 0; column < size; column++) {
    const free = sums.map((_, i) => i).filter((i) => !pivots.some(([row]) => row === i));
    const best = free.reduce((one, other) => (Math.abs(sums[other][column]) > Math.abs(sums[one][column]) ? other : one), free[0]);
    if (Math.abs(sums[best][column]) < 1e-9 * rows.length) continue;
    pivots.push([best, column]);
    for (let i = 0; i < size; i++) {
      if (i === best) continue;
      const share = sums[i][column] / sums[best][column];
      for (let j = column; j <= size; j++) sums[i][j] -= share * sums[best][j];
    }
  }
  for (const [row, column] of pivots) factors[column] = sums[row][size] / sums[row][column];
  return factors;
}

/** Return the mean of the paper around each pixel. If little paper is there, the surface counts more. */
function paperAround(grey, contrast, threshold, smooth) {
  const half = Math.max(1, Math.round(AROUND * Math.max(grey.height, grey.width)));
  const free = map(contrast, (each) => (each > threshold ? 0 : 1));
  const share = meanAround(free, half).values;
  const level = meanAround(map(free, (each, k) => each * (grey.values[k] - smooth.values[k])), half).values;
  return map(smooth, (each, k) => each + level[k] / Math.max(share[k], 0.1));
}

/** Return means over windows of 2 half + 1 rows and columns. The edge is repeated outside. */
function meanAround(of, half) {
  return alongBoth(of, of.height, of.width, (line, into) => {
    const at = (k) => line[Math.min(Math.max(k, 0), line.length - 1)];
    let sum = 0;
    for (let k = -half; k <= half; k++) sum += at(k);
    for (let k = 0; k < line.length; k++) {
      into[k] = sum / (2 * half + 1);
      sum += at(k + half + 1) - at(k - half);
    }
  });
}

/** Change each column, then each row, by `change(line, into)`. */
function alongBoth(of, height, width, change) {
  const tall = plane(height, of.width, () => 0);
  const into = new Float64Array(Math.max(height, width));
  for (let column = 0; column < of.width; column++) {
    const line = Float64Array.from({ length: of.height }, (_, row) => of.values[row * of.width + column]);
    change(line, into.subarray(0, height));
    for (let row = 0; row < height; row++) tall.values[row * of.width + column] = into[row];
  }
  const out = plane(height, width, () => 0);
  for (let row = 0; row < height; row++) {
    change(tall.values.subarray(row * of.width, (row + 1) * of.width), out.values.subarray(row * width, (row + 1) * width));
  }
  return out;
}

/** Return the contrast that divides the ink, and one number of paper (0), best into two groups (N. Otsu, 1979, equation 18). */
function otsu(contrasts) {
  const n = contrasts.length + 1;
  const values = new Float64Array(n);
  values.set(Float64Array.from(contrasts).sort(), 1);
  const total = values.reduce((sum, each) => sum + each, 0);
  let [sum, best, widest] = [0, 1, -1];
  for (let below = 1; below < n; below++) {
    sum += values[below - 1];
    const between = ((total * below) / n - sum) ** 2 / (below * (n - below));
    if (between > widest) [best, widest] = [below, between];
  }
  return (values[best - 1] + values[best]) / 2;
}

/** Return the ink without dust, and without parts that enter from the edge, such as the table below the paper. */
function withoutSpecks(ink) {
  const { height, width } = ink;
  const { parts, count } = connected(ink);
  if (count < 2) return ink;
  const mass = new Float64Array(count + 1);
  for (const part of parts) if (part) mass[part]++;
  const largest = most(mass);
  const kept = mass.map((each) => (each >= SPECK * largest && each ? 1 : 0));
  const sides = [new Set(), new Set(), new Set(), new Set()];
  for (let column = 0; column < width; column++) {
    sides[0].add(parts[column]);
    sides[1].add(parts[(height - 1) * width + column]);
  }
  for (let row = 0; row < height; row++) {
    sides[2].add(parts[row * width]);
    sides[3].add(parts[(row + 1) * width - 1]);
  }
  const touches = (part) => sides.some((side) => side.has(part));
  const inside = mass.map((each, part) => (touches(part) ? 0 : each));
  const touched = sides.filter((side) => [...side].some((part) => kept[part])).length;
  if (touched <= 2 && most(inside) >= INSIDE * largest) kept.forEach((_, part) => (kept[part] &= inside[part] > 0));
  const near = meanAround(plane(height, width, (_, k) => kept[parts[k]]), 2).values; // the grey edge belongs to it
  return map(ink, (each, k) => (near[k] > 1e-9 ? each : 0));
}

/** Return the number of the connected part at each pixel, corners included; 0 is no ink. */
function connected({ height, width, values }) {
  const parts = new Int32Array(values.length);
  let count = 0;
  for (let start = 0; start < values.length; start++) {
    if (parts[start] || values[start] <= 0.5) continue;
    parts[start] = ++count;
    for (const open = [start]; open.length; ) {
      const k = open.pop();
      const [row, column] = [Math.floor(k / width), k % width];
      for (let r = Math.max(row - 1, 0); r <= Math.min(row + 1, height - 1); r++) {
        for (let c = Math.max(column - 1, 0); c <= Math.min(column + 1, width - 1); c++) {
          const next = r * width + c;
          if (parts[next] || values[next] <= 0.5) continue;
          parts[next] = count;
          open.push(next);
        }
      }
    }
  }
  return { parts, count };
}

// -- size and place ---------------------------------------------------------------------------------------------------

/** Put ink into a field [height, width], like the pictures of MNIST. */
function centred(ink, [height, width]) {
  let [top, bottom, left, right] = [ink.height, -1, ink.width, -1];
  ink.values.forEach((each, k) => {
    if (each <= 0.5) return;
    const [row, column] = [Math.floor(k / ink.width), k % ink.width];
    [top, bottom, left, right] = [Math.min(top, row), Math.max(bottom, row), Math.min(left, column), Math.max(right, column)];
  });
  const [tall, wide] = [bottom - top + 1, right - left + 1];
  const cut = plane(tall, wide, (_, k) => ink.values[(top + Math.floor(k / wide)) * ink.width + left + (k % wide)]);
  const scale = (BOX * Math.min(height, width)) / Math.max(tall, wide);
  let small = map(resized(cut, rounded(scale * tall), rounded(scale * wide)), (each) => Math.min(Math.max(each, 0), 1));
  const darkest = Math.max(most(small.values), 0.1); // a thin pen's lines are as dark as a thick one's
  small = map(small, (each) => each / darkest);
  const mass = small.values.reduce((sum, each) => sum + each, 0);
  const corner = (place, length, all) => {
    const centre = small.values.reduce((sum, each, k) => sum + each * place(k), 0) / mass;
    return Math.min(Math.max(Math.round(all / 2 - centre), 0), all - length);
  };
  const y = corner((k) => Math.floor(k / small.width), small.height, height);
  const x = corner((k) => k % small.width, small.width, width);
  return laid(small, plane(height, width, () => 0), y, x);
}

/** Scale a whole picture to fit [height, width]. If the proportions differ, the rest gets the tone of its border. */
function fitted(picture, [height, width]) {
  const scale = Math.min(height / picture.height, width / picture.width);
  const small = resized(picture, rounded(scale * picture.height), rounded(scale * picture.width));
  const tone = median(ring(picture).map((k) => picture.values[k]));
  return laid(small, plane(height, width, () => tone), Math.floor((height - small.height) / 2), Math.floor((width - small.width) / 2)).values;
}

/** Put one plane onto another. */
function laid(small, field, top, left) {
  for (let row = 0; row < small.height; row++) {
    field.values.set(small.values.subarray(row * small.width, (row + 1) * small.width), (top + row) * field.width + left);
  }
  return field;
}

/** Resize a plane: averaged to a smaller one, smooth to a larger one, with a Hamming window as wide as two pixels. */
function resized(of, height, width) {
  return alongBoth(of, height, width, (line, into) => {
    const scale = line.length / into.length;
    const wide = Math.max(scale, 1);
    for (let k = 0; k < into.length; k++) {
      const centre = (k + 0.5) * scale;
      let [sum, shares] = [0, 0];
      for (let i = Math.max(0, Math.floor(centre - wide + 0.5)); i < Math.min(line.length, Math.floor(centre + wide + 0.5)); i++) {
        const share = hamming((i + 0.5 - centre) / wide);
        sum += share * line[i];
        shares += share;
      }
      into[k] = sum / shares;
    }
  });
}

function hamming(x) {
  if (x === 0) return 1;
  if (Math.abs(x) >= 1) return 0;
  return (Math.sin(Math.PI * x) / (Math.PI * x)) * (0.54 + 0.46 * Math.cos(Math.PI * x));
}
