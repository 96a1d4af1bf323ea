// What the learner can save: a link, the weights, and the page itself with the current network.

let pristine = null; // the page as it was opened, before any view drew in it

/** Keep a copy of the page as it was opened. */
export function keepPage() {
  pristine = document.documentElement.cloneNode(true);
  pristine.querySelector("#unpacked").remove(); // the page also holds it packed
}

/** Write the state as the part of an address after #. */
export function hashOf(store) {
  const { step, layer, neuron, row, column, sample, stage, tab, predict, centre } = store.describe();
  const parts = { tab, step, layer, neuron, row, column, sample, stage, predict: predict ? 1 : 0, centre: centre ? 1 : 0 };
  return Object.entries(parts).filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
}

/** Read the state from an address; missing and wrong parts are left out. */
export function fromHash(hash) {
  const wanted = {};
  for (const part of hash.replace(/^#/, "").split("&")) {
    const [name, value] = part.split("=").map((each) => decodeURIComponent(each || ""));
    if (["step", "layer", "neuron", "row", "column", "sample"].includes(name) && /^\d+$/.test(value)) wanted[name] = Number(value);
    if (["stage", "tab"].includes(name)) wanted[name] = value;
    if (["predict", "centre"].includes(name)) wanted[name] = value === "1";
  }
  return wanted;
}

export function link(store) {
  return `${location.href.split("#")[0]}#${hashOf(store)}`;
}

/** Write all weights and biases as JSON; W row by row, (n_in, n_out) as in Python. */
export function weightsAsJson(store) {
  const { network, model } = store;
  const arrays = {};
  for (const layer of network.layers) {
    for (const [name, shape] of Object.entries(layer.parameterShapes())) arrays[name + layer.index] = nested(Array.from(layer.views[name]), shape);
  }
  for (const [name, array] of Object.entries(network.runningArrays())) arrays[name] = Array.from(array);
  const text = { format: "neurosim weights", step: store.state.step, data: model.manifest.data.name, config: network.config(), arrays };
  return JSON.stringify(text, (_, value) => (typeof value === "number" && !Number.isFinite(value) ? null : value));
}

function nested(flat, shape) {
  if (shape.length < 2) return flat;
  const [rows, ...rest] = shape;
  const size = flat.length / rows;
  return Array.from({ length: rows }, (_, k) => nested(flat.slice(k * size, (k + 1) * size), rest));
}

/** Write this page with the current network: its weights, its optimizer, its interventions. */
export function pageAsFile(store) {
  const page = pristine.cloneNode(true);
  const { network, model } = store;
  const kept = network.snapshot();
  const packed = new Packer((model.manifest.blobs || []).length);
  const arrays = { ...model.manifest.arrays };
  for (const name of Object.keys(arrays)) if (/^(state|arrays|snapshot)\//.test(name) && !model.snapshots.some((each) => each.array === name)) delete arrays[name];
  arrays.theta = packed.add(kept.theta);
  for (const [name, values] of Object.entries(kept.state)) arrays[`state/${name}`] = packed.add(values);
  const running = {};
  for (const [name, values] of Object.entries(kept.running)) {
    arrays[`arrays/${name}`] = packed.add(values);
    running[name] = `arrays/${name}`;
  }
  // the stored steps so far stay; the last one is the current network
  const sameShape = model.network.theta.length === network.theta.length;
  const known = new Set(store.moments.map((each) => each.position));
  const earlier = model.snapshots.filter((each, k) => sameShape && known.has(k) && each.step < store.state.step);
  for (const each of earlier) for (const name of Object.values(each.arrays || {})) if (model.manifest.arrays[name]) arrays[name] = model.manifest.arrays[name];
  const config = network.config();
  const manifest = {
    ...model.manifest,
    network: { ...model.manifest.network, ...config },
    interventions: config.interventions,
    optimizer: { ...model.manifest.optimizer, t: network.optimizer.t, rate: network.optimizer.rate, scalars: kept.scalars },
    snapshots: [
      ...earlier.map(({ position, ...each }) => (position === undefined ? each : each)),
      { step: store.state.step, epoch: null, dtype: network.dtype, array: "theta", arrays: running },
    ],
    diverged: !kept.theta.every(Number.isFinite),
    arrays,
    blobs: [...(model.manifest.blobs || []), { encoding: "base64", bytes: packed.size }],
  };
  page.querySelector("#manifest").textContent = JSON.stringify(manifest, (_, value) => (typeof value === "number" && !Number.isFinite(value) ? null : value)).replaceAll("<", "\\u003c");
  const blob = document.createElement("script");
  blob.type = "application/octet-stream";
  blob.id = `blob-${(model.manifest.blobs || []).length}`;
  blob.textContent = packed.base64();
  page.querySelector("#program").before(blob);
  return `<!doctype html>\n${page.outerHTML}\n`;
}

/** Packs arrays one after another, each at a multiple of 8 bytes. */
class Packer {
  constructor(blob) {
    this.blob = blob;
    this.parts = [];
    this.size = 0;
  }

  add(values) {
    const offset = this.size;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.parts.push({ offset, bytes });
    this.size = Math.ceil((offset + bytes.length) / 8) * 8;
    return { dtype: values instanceof Float64Array ? "float64" : "float32", shape: [values.length], blob: this.blob, offset };
  }

  base64() {
    const all = new Uint8Array(this.size);
    for (const { offset, bytes } of this.parts) all.set(bytes, offset);
    let text = "";
    for (let start = 0; start < all.length; start += 24576) text += btoa(String.fromCharCode(...all.subarray(start, start + 24576)));
    return text;
  }
}
