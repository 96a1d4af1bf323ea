// The model: it reads the manifest into typed arrays, a network, samples and snapshots.

import { Network } from "./engine/network.js";
import { useWords } from "./engine/walk/words.js";
import { Glossary } from "./glossary.js";

export const FORMAT = "neurosim page";
export const VERSION = 1;

const TYPES = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
};

// Read the model that a manifest describes. source: the document of the page, or an object {manifest, blobs} with the
// texts of the blobs, or a manifest that has them as `data`.
export async function readManifest(source) {
  const { manifest, blobs } = texts(source);
  if (manifest.format !== FORMAT) throw new Error(`Expected a manifest of the format "${FORMAT}", received "${manifest.format}".`);
  if (manifest.version !== VERSION) {
    throw new Error(`This page reads manifests of version ${VERSION}, received version ${manifest.version}: use a newer page.`);
  }
  const buffers = await Promise.all((manifest.blobs ?? []).map((blob, k) => bytesOf(blob, blobs[k])));
  return new Model(manifest, buffers);
}

function texts(source) {
  if (typeof source.getElementById === "function") {
    const manifest = JSON.parse(source.getElementById("manifest").textContent);
    const blobs = (manifest.blobs ?? []).map((_, k) => source.getElementById(`blob-${k}`).textContent);
    return { manifest, blobs };
  }
  if (source.manifest) return { manifest: source.manifest, blobs: source.blobs ?? source.manifest.data ?? [] };
  return { manifest: source, blobs: source.texts ?? (source.blobs ?? []).map((blob) => blob.text) };
}

// Return the bytes of a blob in base64, with or without gzip.
async function bytesOf({ encoding, bytes }, text) {
  if (text instanceof ArrayBuffer) return text;
  const binary = atob(text.trim());
  const packed = new Uint8Array(binary.length);
  for (let k = 0; k < binary.length; k++) packed[k] = binary.charCodeAt(k);
  if (encoding === "base64") return packed.buffer;
  if (encoding !== "gzip+base64") throw new Error(`This page does not know the encoding "${encoding}".`);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  if (bytes !== undefined && buffer.byteLength !== bytes) {
    throw new Error(`Expected ${bytes} bytes in a blob, received ${buffer.byteLength}: the file is damaged.`);
  }
  return buffer;
}

// Convert half-precision numbers to float32; not every browser has an array for them.
function fromHalf(bits) {
  const out = new Float32Array(bits.length);
  for (let k = 0; k < bits.length; k++) {
    const sign = bits[k] & 0x8000 ? -1 : 1;
    const exponent = (bits[k] >> 10) & 31;
    const fraction = bits[k] & 1023;
    if (exponent === 0) out[k] = sign * fraction * 2 ** -24;
    else if (exponent === 31) out[k] = fraction ? NaN : sign * Infinity;
    else out[k] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return out;
}

export class Model {
  constructor(manifest, buffers) {
    this.manifest = manifest;
    this.buffers = buffers;
    this.words = manifest.words;
    this.glossary = new Glossary(manifest.glossary);
    useWords(manifest.words, manifest.formulas);
    this.config = { ...manifest.network };
    this.config.interventions ??= manifest.interventions ?? {};
    this.network = this.makeNetwork();
    const { test, train } = manifest.samples ?? {};
    this.test = this.samples("test", test);
    this.train = this.samples("train", train);
    this.mistakes = test?.mistakes ?? 0;
    this.snapshots = (manifest.snapshots ?? []).map((each, k) => ({ ...each, position: k }));
  }

  has(name) {
    return name in (this.manifest.arrays ?? {});
  }

  // Return an array by its name: a view of its blob.
  array(name) {
    const { dtype, shape, blob = 0, offset = 0 } = this.manifest.arrays[name];
    const size = shape.reduce((product, side) => product * side, 1);
    if (dtype === "float16") return fromHalf(new Uint16Array(this.buffers[blob], offset, size));
    if (!(dtype in TYPES)) throw new Error(`This page does not know numbers of the type "${dtype}".`);
    return new TYPES[dtype](this.buffers[blob], offset, size);
  }

  // Return a new network from the manifest: parameters, running statistics, the optimizer's state.
  makeNetwork() {
    const network = new Network(this.config);
    network.setParameters(this.array("theta"));
    const running = Object.keys(network.runningArrays()).filter((name) => this.has(`arrays/${name}`));
    network.setRunningArrays(Object.fromEntries(running.map((name) => [name, this.array(`arrays/${name}`)])));
    const optimizer = this.manifest.optimizer ?? {};
    network.optimizer.restore(optimizer.scalars ?? { t: 0, schedule: null, mu_product: 1, ...optimizer });
    const { schedule } = network.optimizer;
    const watched = schedule?.watched ?? "";
    if (watched.startsWith("val_") && watched in (this.manifest.history?.[0] ?? {})) schedule.watchAnew(); // these samples are not in the page
    for (const name of network.optimizer.stateNames) {
      if (this.has(`state/${name}`)) network.optimizer.state[name].set(this.array(`state/${name}`));
    }
    return network;
  }

  // Set a network to snapshot k. Its optimizer is reset, because snapshots do not hold its state. At the last
  // snapshot, the final network, it keeps its state.
  goTo(network, k) {
    const snapshot = this.snapshots[k];
    network.setParameters(this.array(snapshot.array ?? `snapshot/${k}`));
    const names = snapshot.arrays ?? {};
    network.setRunningArrays(Object.fromEntries(Object.entries(names).map(([name, each]) => [name, this.array(each)])));
    network.optimizer.forget();
    if (k === this.snapshots.length - 1) {
      const last = this.makeNetwork();
      if (last.optimizer.key === network.optimizer.key) {
        network.optimizer.restore(last.optimizer.scalars());
        for (const [name, array] of Object.entries(last.optimizer.state)) network.optimizer.state[name].set(array);
      }
    }
  }

  // Convert plain numbers to a raw sample: a drawing in 0 … 255 or in 0 … 1, or features.
  asRaw(numbers) {
    if (ArrayBuffer.isView(numbers)) return numbers;
    const { input } = this.network;
    if (numbers.length !== input.nOut) throw new Error(`Expected ${input.nOut} numbers, received ${numbers.length}.`);
    const pixels = !(input.learned?.mean ?? []).length && numbers.some((each) => each > 1);
    return Float64Array.from(numbers, (each) => (pixels ? each * input.scale : each));
  }

  // The names of the classes; empty if they have none.
  get classNames() {
    const { class_names: own = [], data = {} } = this.manifest;
    return own.length ? own : (data.class_names ?? []);
  }

  samples(name, about) {
    if (!this.has(`${name}/x`)) return new Samples(this.network, new Float32Array(0), [], 0, [], 0);
    const x = this.array(`${name}/x`);
    const size = this.network.input.nOut;
    const count = size ? x.length / size : 0;
    return new Samples(this.network, x, this.array(`${name}/labels`), count, about?.index ?? [], about?.count ?? count);
  }
}

// Raw samples of the data. count: how many samples the page measures on; total: with the extra misread samples behind
// them.
export class Samples {
  constructor(network, rows, labels, total, numbers, count) {
    this.input = network.input;
    this.size = network.input.nOut;
    this.rows = rows;
    this.labels = labels;
    this.total = total;
    this.numbers = numbers;
    this.count = Math.min(count, total);
    this.width = total ? labels.length / total : 1; // numbers per label: 1, or a row of targets
  }

  // Return raw sample i. A live view.
  raw(i) {
    return this.rows.subarray(i * this.size, (i + 1) * this.size);
  }

  // Return sample i as the input layer gives it. A new array.
  x(i) {
    const { mean = [], deviation = [] } = this.input.learned ?? {};
    const raw = this.raw(i);
    const whole = !(raw instanceof Float32Array || raw instanceof Float64Array);
    const scale = mean.length || !whole ? 1 : this.input.scale;
    return this.input.Float.from(raw, (each, k) => (mean.length ? (each - mean[k]) / deviation[k] : each * scale));
  }

  // Return its label: a class index, or a row of targets.
  label(i) {
    return this.width === 1 ? this.labels[i] : this.labels.subarray(i * this.width, (i + 1) * this.width);
  }

  // Return its number in the original data.
  index(i) {
    return this.numbers[i] ?? i;
  }

  // Return the row of the sample with this number in the original data; -1 if it is not in the page.
  find(number) {
    return this.numbers.length ? this.numbers.indexOf(number) : number < this.total ? number : -1;
  }
}
