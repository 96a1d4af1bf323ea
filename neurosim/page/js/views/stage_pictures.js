// The picture of each stage: bars of terms, the activation's curve with its point and tangent, images of inputs,
// weights, products, gradients and changes. All numbers come from the walk's document.

import { number, short, typeset } from "../engine/numbers.js";
import { curve } from "../engine/trace.js";
import { mapOf, takesLargest, weightShape } from "../maps.js";
import { alignPoints, h, s } from "./dom.js";
import { imageShape, largest, overChannels, paintInk, paintSigned, paintTiles } from "./paint.js";

const WIDTH = 330; // of a drawn picture; CSS scales it
const TERMS = 9; // bars of a sum that are drawn

/** Return the picture of a stage; null if it needs none. `hide`: the learner still has to find the result. */
export function stagePicture(store, document, stage, hide) {
  const draw = PICTURES[stage.key];
  const nodes = draw ? draw(store, document, stage, hide).filter(Boolean) : [];
  return nodes.length ? h("div", { class: "pictures" }, nodes) : null;
}

const PICTURES = {
  inputs: (store, document) => [document.receptive_field ? fieldOnInput(store, document.receptive_field) : null, inputs(store, document, "inputs x")],
  weighted_sum: (store, document, stage, hide) => [
    ...(isPicture(store, document)
      ? [
          inputs(store, document, "inputs x"), sign("×"),
          signedImage(store, document, document.weights, "weights w"), sign("="),
          signedImage(store, document, products(document), "products"),
        ]
      : [signedImage(store, document, products(document), "products w x, one per column")]),
    hide ? null : waterfall(document),
  ],
  activation: (store, document, stage, hide) => [activationCurve(store, document, false, hide)],
  derivative: (store, document, stage, hide) => [activationCurve(store, document, !hide, false)],
  output: (store, document) => [outputs(store, document)],
  downstream: (store, document) => [
    ...windowsAbove(store, document),
    document.downstream.length > (document.row === undefined ? 0 : 1) ? termBars(document.downstream.map((each) => ({ name: each.name ?? `neuron ${each.neuron}`, value: each.product }))) : null,
  ],
  delta: (store, document, stage) => [chain(document, stage)],
  gradients: (store, document, stage, hide) => [document.place_deltas ? deltas(document, stage) : null, hide ? null : signedImage(store, document, document.dL_dW, "dL/dw"), isPicture(store, document) ? inputs(store, document, document.place_deltas ? "inputs x here" : "inputs x") : null],
  update: (store, document) => [signedImage(store, document, document.update.weights_after.map((w, i) => w - document.weights[i]), "change of the weights")],
  loss_after: (store, document) => [beforeAfter(document)],
};

function products(document) {
  return document.weights.map((w, i) => w * document.inputs[i]);
}

/** Return the shape of the weights as tiles, for a filter or a neuron that looks at maps; else null. */
function tilesOf(store, document) {
  return weightShape(store.layer(document.layer));
}

function isPicture(store, document) {
  if (tilesOf(store, document)) return true;
  const first = store.visibleLayers()[0];
  return store.kind === "image" && document.layer === first.index && imageShape(store.shape, document.weights.length) !== null;
}

function sign(text) {
  return h("span", { class: "sign", "aria-hidden": "true", text });
}

function inputs(store, document, name) {
  const canvas = h("canvas", { role: "img", "aria-label": name });
  const tiles = tilesOf(store, document);
  if (tiles) {
    const [low, most] = [Math.min(...document.inputs), Math.max(...document.inputs)];
    paintTiles(canvas, document.inputs, tiles, { ink: low >= 0 });
    const scale = low < 0 ? rangeOf(-largest(document.inputs), largest(document.inputs)) : rangeOf(low, most);
    return figure(canvas, tiles[2] > 1 ? `${name}, ${tiles[2]} channels` : name, scale);
  }
  if (isPicture(store, document)) {
    const [low, most] = [Math.min(...document.inputs), Math.max(...document.inputs)];
    if (low < 0) paintSigned(canvas, overChannels(document.inputs, store.shape), store.shape);
    else paintInk(canvas, document.inputs, store.shape, most || 1);
    return h("figure", {}, canvas, h("figcaption", {}, name, h("span", { class: "scale", text: rangeOf(low, most) })));
  }
  return signedImage(store, document, document.inputs, `${name}, one per column`, true);
}

function rangeOf(low, most) {
  return low || most ? `${short(low)} to ${short(most)}` : "all 0";
}

/** Show signed numbers, one for each input: as an image if the neuron looks at one, else as a strip. */
function signedImage(store, document, values, name, whole = false) {
  const limit = largest(values);
  const ink = whole && values.every((each) => each >= 0);
  const scale = h("span", { class: "scale", text: !limit ? "all 0" : ink ? `0 to ${short(limit)}` : `−${short(limit)} blue to red +${short(limit)}` });
  const canvas = h("canvas", { role: "img", "aria-label": name });
  const tiles = tilesOf(store, document);
  if (tiles) return figure(paintTiles(canvas, values, tiles), name, rangeOf(-limit, limit));
  if (isPicture(store, document)) {
    paintSigned(canvas, overChannels(values, store.shape), store.shape);
    return h("figure", {}, canvas, h("figcaption", {}, name, h("span", { class: "scale", text: rangeOf(-limit, limit) })));
  }
  canvas.classList.add("flat");
  if (ink) paintInk(canvas, values, [1, values.length], limit || 1);
  else paintSigned(canvas, values, [1, values.length]);
  return h("figure", { class: "wide" }, canvas, h("figcaption", {}, `${name} `, scale));
}

function figure(canvas, name, scale) {
  return h("figure", {}, canvas, h("figcaption", {}, name, h("span", { class: "scale", text: scale })));
}

/** Show the sample with the receptive field of the unit. */
function fieldOnInput(store, { rows, columns }) {
  const [height, width] = store.shape;
  const canvas = paintInk(h("canvas", { role: "img", "aria-label": "the sample" }), store.pixels.of(store.raw), store.shape);
  canvas.style.aspectRatio = `${width} / ${height}`;
  const box = { x: columns[0], y: rows[0], width: columns[1] - columns[0] + 1, height: rows[1] - rows[0] + 1 };
  return h("figure", {}, marked(canvas, [height, width], [box]), h("figcaption", {}, "the sample", h("span", { class: "scale", text: "outline: the receptive field" })));
}

/** Outline parts of a picture. */
function marked(canvas, [height, width], boxes) {
  const outline = (box, kind) => s("rect", { ...box, class: kind });
  return h(
    "div",
    { class: "marked" },
    canvas,
    s("svg", { class: "fields", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, boxes.map((box) => [outline(box, "halo"), outline(box)])),
  );
}

/** Show the deltas of a filter at all places. Outlined are the largest terms of the gradient of one of its weights. */
function deltas(document, stage) {
  const [height, width] = [document.place_deltas.length, document.place_deltas[0].length];
  const values = document.place_deltas.flat();
  const canvas = paintSigned(h("canvas", { role: "img", "aria-label": "delta at each place" }), values, [height, width]);
  canvas.style.aspectRatio = `${width} / ${height}`;
  const places = stage.rows.filter((row) => row.role === "place").map((row) => row.name.match(/\d+/g).map(Number));
  const boxes = places.map(([row, column]) => ({ x: column, y: row, width: 1, height: 1 }));
  const limit = largest(values);
  return h("figure", {}, marked(canvas, [height, width], boxes), h("figcaption", {}, "delta at each place; outlines: the largest terms", h("span", { class: "scale", text: rangeOf(-limit, limit) })));
}

/** Show the windows of a pooling that see a unit: their numbers, the outlined unit, and the number that is passed on. */
function windowsAbove(store, document) {
  if (document.row === undefined) return [];
  const pooling = store.network.layers.slice(document.layer + 1).find((layer) => layer.W || layer.windows);
  if (!pooling || pooling.W || !pooling.windows) return [];
  const { size, stride, before, places: [, across], shape: [height, width] } = pooling.windows;
  const below = store.layer(pooling.index - 1);
  const map = mapOf(below, store.answer().layers[below.index].a, document.neuron);
  const most = largest(map) || 1;
  return pooling.windows.thatSee(document.row, document.column).slice(0, 4).map(([place, own]) => {
    const [top, left] = [Math.floor(place / across) * stride - before[0], (place % across) * stride - before[1]];
    const values = Array.from({ length: size * size }, (_, k) => {
      const [row, column] = [top + Math.floor(k / size), left + (k % size)];
      return row < height && column < width ? map[row * width + column] : 0;
    });
    const canvas = h("canvas", { role: "img", "aria-label": `window ${Math.floor(place / across)},${place % across}` });
    if (values.some((each) => each < 0)) paintSigned(canvas, values, [size, size], most);
    else paintInk(canvas, values, [size, size], most);
    const box = { x: own % size, y: Math.floor(own / size), width: 1, height: 1 };
    const won = takesLargest(pooling) ? (values.indexOf(Math.max(...values)) === own ? "it is the largest" : "it is not the largest") : `one of ${size * size} in the mean`;
    return h("figure", { class: "window" }, marked(canvas, [size, size], [box]), h("figcaption", {}, `window ${Math.floor(place / across)},${place % across}`, h("span", { class: "scale", text: won })));
  });
}

/** Show how the sum is made: positive terms, negative terms, the bias, and z. */
function waterfall(document) {
  const terms = products(document);
  const positive = terms.reduce((sum, each) => sum + Math.max(each, 0), 0);
  const negative = terms.reduce((sum, each) => sum + Math.min(each, 0), 0);
  const steps = [
    ["positive terms", 0, positive],
    ["negative terms", positive, positive + negative],
    ["bias b", positive + negative, positive + negative + document.bias],
    ["z", 0, document.z],
  ];
  if (!steps.every(([, , to]) => Number.isFinite(to))) return null;
  const low = Math.min(0, ...steps.map(([, , to]) => to));
  const high = Math.max(0, ...steps.map(([, , to]) => to), 1e-12);
  const [left, right] = [104, WIDTH - 76];
  const at = (value) => left + ((value - low) / (high - low)) * (right - left);
  return wide(
    s(
      "svg",
      { viewBox: `0 0 ${WIDTH} 92`, role: "img", "aria-label": "positive terms, negative terms and the bias add up to z" },
      s("line", { x1: at(0), x2: at(0), y1: 0, y2: 92, stroke: "var(--axis)" }),
      steps.map(([name, from, to], k) => [
        s("text", { x: 0, y: 16 + 22 * k }, name),
        s("rect", {
          x: Math.min(at(from), at(to)), y: 7 + 22 * k, width: Math.max(Math.abs(at(to) - at(from)), 1), height: k === 3 ? 6 : 12,
          fill: k === 3 ? "var(--ink)" : to < from ? "var(--low)" : "var(--red)",
        }),
        k < 3 ? s("line", { x1: at(to), x2: at(to), y1: 19 + 22 * k, y2: 29 + 22 * k, stroke: "var(--axis)", "stroke-dasharray": "2 2" }) : null,
        s("text", { x: WIDTH, y: 16 + 22 * k, "text-anchor": "end", style: k === 3 ? "font-weight:650" : "" }, (k < 3 && to > from ? "+" : "") + short(k === 3 ? to : to - from)),
      ]),
    ),
  );
}

function wide(node) {
  return h("figure", { class: "wide" }, node);
}

/** Draw f over z, the neuron's point on it, and the tangent if the slope is the subject. */
function activationCurve(store, document, tangent, hideA) {
  if (![document.z, document.a].every(Number.isFinite)) return null;
  const reach = Math.max(3, Math.min(Math.abs(document.z) * 1.35, 1e6));
  const z = Float64Array.from({ length: 161 }, (_, k) => -reach + (2 * reach * k) / 160);
  store.network.forward(store.raw); // if the activation depends on several neurons, the curve needs the z of the others
  const a = curve(store.network, document.layer, document.neuron, z, document.unit);
  const finite = Array.from(a).filter(Number.isFinite);
  const low = Math.min(0, ...finite);
  const highest = Math.max(0, ...finite);
  const high = highest - low < 1e-9 ? low + 1 : highest;
  const [left, right, top, bottom] = [34, WIDTH - 12, 12, 142];
  const x = (value) => left + ((value + reach) / (2 * reach)) * (right - left);
  const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
  const points = Array.from(z, (each, k) => `${x(each).toFixed(1)},${y(a[k]).toFixed(1)}`).join(" ");
  const [px, py] = [x(document.z), y(document.a)];
  const slope = document.da_dz;
  const span = reach / 3;
  return wide(
    s(
      "svg",
      { viewBox: `0 0 ${WIDTH} 176`, class: "curve", role: "img", "aria-label": `the curve of ${document.activation}, the neuron at z = ${short(document.z)}` },
      s("line", { x1: left, x2: right, y1: y(0), y2: y(0), stroke: "var(--axis)" }),
      s("line", { x1: x(0), x2: x(0), y1: top, y2: bottom, stroke: "var(--axis)" }),
      s("polyline", { points, fill: "none", stroke: "var(--blue)", "stroke-width": 2.5 }),
      tangent && Number.isFinite(slope)
        ? s("line", { x1: x(document.z - span), y1: y(document.a - slope * span), x2: x(document.z + span), y2: y(document.a + slope * span), stroke: "var(--mark)", "stroke-width": 2.5 })
        : null,
      s("line", { x1: px, x2: px, y1: hideA ? top : py, y2: bottom, stroke: "var(--ink)", "stroke-dasharray": "2 3" }),
      hideA ? null : s("circle", { cx: px, cy: py, r: 5, fill: "var(--ink)" }),
      s("text", { x: x(0) + 5, y: top + (y(a[80]) < top + 12 ? 18 : 4) }, "a"), // not on the curve, which crosses the axis at a[80]
      s("text", { x: right, y: bottom + 16, "text-anchor": "end" }, "z"),
      ...ticks(reach, document.z, x).map((each) => s("text", { x: x(each), y: bottom + 16, "text-anchor": "middle" }, short(each))),
      s("text", { x: Math.min(Math.max(px, 60), right - 50), y: bottom + 32, "text-anchor": "middle", class: "strong" }, `z = ${short(document.z, 5)}`),
    ),
  );
}

function ticks(reach, z, x) {
  const step = 10 ** Math.floor(Math.log10(reach));
  const unit = reach / step >= 5 ? 2 * step : reach / step >= 2 ? step : step / 2;
  const found = [];
  for (let k = -Math.floor(reach / unit); k * unit <= reach; k++) if (x(k * unit) < WIDTH - 30) found.push(k * unit);
  return found.length > 7 ? found.filter((_, k) => k % 2 === found.indexOf(0) % 2) : found;
}

/** Show the output, with the label marked. */
function outputs(store, document) {
  const answers = document.sample.probabilities;
  const bars = answers.map((value, k) => ({ name: store.className(k) + (k === document.sample.label ? " ✓" : ""), value }));
  return termBars(bars.length > 12 ? bars.sort((one, other) => other.value - one.value).slice(0, 12) : bars, false, true);
}

/** Draw bars of a sum's terms: the largest first, the others in one bar. */
export function termBars(terms, sorted = true, plain = false) {
  const all = sorted ? [...terms].sort((one, other) => Math.abs(other.value) - Math.abs(one.value)) : terms;
  const shown = sorted && all.length > TERMS + 1 ? all.slice(0, TERMS) : all;
  const rest = all.slice(shown.length);
  const bars = rest.length ? [...shown, { name: `${rest.length} others`, value: rest.reduce((sum, each) => sum + each.value, 0) }] : shown;
  const sizes = bars.map((each) => (Number.isFinite(each.value) ? Math.abs(each.value) : 0));
  const limit = Math.max(...sizes) || 1;
  const signed = bars.some((each) => each.value < 0);
  const letters = bars.some((each) => each.name.includes(" at ")) ? 17 : signed ? 13 : 7; // a unit of a filter has a long name
  const [left, right] = [letters === 17 ? 112 : signed ? 84 : 52, WIDTH - 66];
  const zero = signed ? (left + right) / 2 : left;
  const scale = (signed ? (right - left) / 2 : right - left) / limit;
  return wide(
    s(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${18 * bars.length + 4}`, role: "img", "aria-label": "the terms as bars" },
      bars.map((each, k) => [
        s("text", { x: 0, y: 14 + 18 * k }, clip(each.name, letters)),
        s("rect", { x: each.value < 0 ? zero - sizes[k] * scale : zero, y: 4 + 18 * k, width: Math.max(sizes[k] * scale, 0.8), height: 11, fill: plain ? "var(--ink)" : each.value < 0 ? "var(--low)" : "var(--red)" }),
        s("text", { x: WIDTH, y: 14 + 18 * k, "text-anchor": "end" }, (!plain && each.value > 0 ? "+" : "") + short(each.value)),
      ]),
      s("line", { x1: zero, x2: zero, y1: 0, y2: 18 * bars.length + 4, stroke: "var(--axis)" }),
    ),
  );
}

function clip(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** Show the chain rule: dL/da times the slope is delta. */
function chain(document, stage) {
  if (!stage.result || stage.result.formula !== "dL/da * f'(z)") return null;
  const forced = document.stages.some((each) => each.result?.kind === "derivative.forced");
  const slope = forced ? "da/dz: a is forced" : "f'(z), the slope";
  const rows = [["dL/da, the gradient of a", document.dL_da], [slope, document.da_dz]];
  const values = alignPoints(rows.map(([, value]) => typeset(number(value))));
  return h("table", { class: "bars" }, rows.map(([name], k) => h("tr", {}, h("th", { scope: "row", text: name }), h("td", { text: values[k] }))));
}

function beforeAfter(document) {
  return termBars([{ name: "before", value: document.loss }, { name: "after", value: document.loss_after }], false, true);
}
