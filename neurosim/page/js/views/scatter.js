// Points in the plane: the samples, the predictions behind them, and the chosen point; a click chooses another.

import { h } from "./dom.js";
import { css, isDark } from "./paint.js";

// Okabe and Ito, as in the figures; each class also has its own shape
const COLOURS = [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [230, 159, 0], [86, 180, 233]];
const GRID = 60;

/** Return the square part of the plane that contains all points, slightly enlarged. */
export function extent(samples) {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let row = 0; row < samples.total; row++) {
    const [x, y] = samples.raw(row);
    [left, right, low, high] = [Math.min(left, x), Math.max(right, x), Math.min(low, y), Math.max(high, y)];
  }
  if (!(right >= left)) [left, right, low, high] = [-1, 1, -1, 1];
  const half = (Math.max(right - left, high - low) / 2) * 1.12 || 1;
  const [x, y] = [(left + right) / 2, (low + high) / 2];
  return { left: x - half, right: x + half, low: y - half, high: y + half };
}

/** Return a colour of a class, mixed with paper: strength 1 is the class's own. */
export function classColour(k, strength = 1) {
  const paper = isDark() ? [21, 24, 28] : [255, 255, 255];
  return COLOURS[k % COLOURS.length].map((each, i) => Math.round(paper[i] + strength * (each - paper[i])));
}

/** Return one number for each cell of a grid over the plane, from the top row. */
export function overPlane(store, span, grid, numbersOf) {
  const out = [];
  for (let row = 0; row < grid; row++) {
    for (let column = 0; column < grid; column++) {
      const x = span.left + ((column + 0.5) / grid) * (span.right - span.left);
      const y = span.high - ((row + 0.5) / grid) * (span.high - span.low);
      out.push(numbersOf(Float32Array.of(x, y)));
    }
  }
  return out;
}

export class Scatter {
  constructor(root, store, grid = GRID) {
    this.store = store;
    this.grid = grid;
    this.span = extent(store.model.train.total ? store.model.train : store.model.test);
    this.canvas = h("canvas", { width: 448, height: 448, style: { imageRendering: "auto" } });
    this.box = h(
      "div",
      {
        class: "large", id: root.id ? undefined : "pad", tabindex: "0", role: "group", style: { aspectRatio: "1", cursor: "crosshair" },
        "aria-label": "The plane of the two inputs. Click a place to use it as the input. Arrow keys move it.",
        onpointerdown: (event) => this.choose(event),
        onpointermove: (event) => event.buttons && this.choose(event),
        onkeydown: (event) => this.key(event),
      },
      this.canvas,
    );
    root.append(this.box);
  }

  choose(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = this.span.left + ((event.clientX - box.left) / box.width) * (this.span.right - this.span.left);
    const y = this.span.high - ((event.clientY - box.top) / box.height) * (this.span.high - this.span.low);
    this.store.draw(Float32Array.of(x, y));
  }

  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (!moves[event.key]) return;
    const step = (this.span.right - this.span.left) / 50;
    const [x, y] = this.store.raw;
    this.store.draw(Float32Array.of(x + step * moves[event.key][0], y + step * moves[event.key][1]));
    event.preventDefault();
    event.stopPropagation();
  }

  place([x, y]) {
    const size = this.canvas.width;
    return [((x - this.span.left) / (this.span.right - this.span.left)) * size, ((this.span.high - y) / (this.span.high - this.span.low)) * size];
  }

  render() {
    const context = this.canvas.getContext("2d");
    this.background(context);
    const { train, test } = this.store.model;
    this.points(context, train, 0.55, 400);
    this.points(context, test, 1, 500);
    if (this.store.raw) {
      const [x, y] = this.place(this.store.raw);
      context.lineWidth = 5;
      context.strokeStyle = isDark() ? "#ff9a4d" : "#d55e00";
      context.beginPath();
      context.arc(x, y, 13, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  /** Draw the prediction at each place; a higher probability gives a stronger colour. */
  background(context) {
    const { store, grid } = this;
    const cells = store.remember(`plane ${grid}`, () =>
      overPlane(store, this.span, grid, (x) => {
        const output = store.network.predictProba(x);
        const decided = store.network.decide(output);
        const sure = output.length === 1 ? Math.abs(output[0] - 0.5) * 2 : output[decided];
        return [decided, Math.min(Math.max(sure, 0), 1)];
      }),
    );
    const small = h("canvas", { width: grid, height: grid });
    const pixels = new ImageData(grid, grid);
    cells.forEach(([decided, sure], i) => pixels.data.set([...classColour(decided, 0.08 + 0.4 * sure), 255], 4 * i));
    small.getContext("2d").putImageData(pixels, 0, 0);
    context.imageSmoothingEnabled = true;
    context.drawImage(small, 0, 0, this.canvas.width, this.canvas.height);
  }

  points(context, samples, alpha, most) {
    context.globalAlpha = alpha;
    for (let row = 0; row < Math.min(samples.total, most); row++) {
      const [x, y] = this.place(samples.raw(row));
      const k = samples.label(row);
      context.fillStyle = css(classColour(k));
      context.beginPath();
      if (k % 2) context.rect(x - 4, y - 4, 8, 8);
      else context.arc(x, y, 4.5, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
  }
}
