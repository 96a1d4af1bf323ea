// A drawing as numbers: a grid four times as fine as the picture. A soft round pen leaves ink on it. The ink is
// averaged by area into pixels, and centred like the digits of MNIST. Numbers in, numbers out: no document, no canvas.

const FINE = 4; // cells of the fine grid per pixel, along each side
const BOX = 20; // the longer side of a digit in MNIST, of 28 pixels
const SOFT = 0.45; // of a pixel, on both sides of the edge: the grey edges of MNIST's strokes

export class Drawing {
  /** @param paper its level, 0 to 1, or its red, green and blue: the background before the pen and after the eraser */
  constructor(height, width, paper = [0]) {
    this.height = height;
    this.width = width;
    this.paper = paper;
    this.channels = paper.length;
    this.rows = height * FINE;
    this.columns = width * FINE;
    this.cells = this.rows * this.columns;
    this.clear();
  }

  clear() {
    this.ink = Float32Array.from({ length: this.cells * this.channels }, (_, k) => this.paper[k % this.channels]);
    this.begin();
  }

  get isEmpty() {
    return this.ink.every((each, k) => each === Math.fround(this.paper[k % this.channels]));
  }

  /** Start from pixels 0 to 255. */
  setPixels(pixels) {
    const { channels } = this;
    for (let cell = 0; cell < this.cells; cell++) {
      const row = Math.floor(cell / this.columns / FINE);
      const from = row * this.width + Math.floor((cell % this.columns) / FINE);
      for (let c = 0; c < channels; c++) this.ink[cell * channels + c] = pixels[from * channels + c] / 255;
    }
    this.begin();
  }

  /** Begin a stroke: where it crosses itself it is not darker. */
  begin() {
    this.under = this.ink.slice();
    this.covered = new Float32Array(this.cells);
  }

  /**
   * Draw with a soft round pen from one point to another, in pixels, with a level or a colour; the eraser uses that of
   * the paper.
   */
  stroke(x0, y0, x1, y1, radius, colour) {
    const { channels } = this;
    const reach = radius + SOFT;
    const [left, right] = [Math.min(x0, x1) - reach, Math.max(x0, x1) + reach];
    const [top, bottom] = [Math.min(y0, y1) - reach, Math.max(y0, y1) + reach];
    const [dx, dy] = [x1 - x0, y1 - y0];
    const length = dx * dx + dy * dy;
    for (let row = Math.max(0, Math.floor(top * FINE)); row < Math.min(this.rows, Math.ceil(bottom * FINE)); row++) {
      const y = (row + 0.5) / FINE;
      for (let column = Math.max(0, Math.floor(left * FINE)); column < Math.min(this.columns, Math.ceil(right * FINE)); column++) {
        const x = (column + 0.5) / FINE;
        const along = length ? Math.min(Math.max(((x - x0) * dx + (y - y0) * dy) / length, 0), 1) : 0;
        const away = Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
        const share = Math.min(Math.max((radius + SOFT - away) / (2 * SOFT), 0), 1);
        const cell = row * this.columns + column;
        if (share <= this.covered[cell]) continue;
        this.covered[cell] = share;
        for (let k = cell * channels, c = 0; c < channels; c++, k++) this.ink[k] = this.under[k] + share * (colour[c] - this.under[k]);
      }
    }
  }

  /** Move everything by whole pixels. Ink that leaves the picture is lost. */
  shift(right, down) {
    const old = this.ink;
    this.clear();
    const { channels } = this;
    for (let row = 0; row < this.rows; row++) {
      const from = row - down * FINE;
      if (from < 0 || from >= this.rows) continue;
      for (let column = 0; column < this.columns; column++) {
        const source = column - right * FINE;
        if (source < 0 || source >= this.columns) continue;
        const at = (from * this.columns + source) * channels;
        this.ink.set(old.subarray(at, at + channels), (row * this.columns + column) * channels);
      }
    }
    this.begin();
  }

  /** Return its pixels, 0 to 255, unchanged or, in grey, centred. */
  pixels(centre) {
    return this.averaged(centre ? this.centred() : this.ink);
  }

  averaged(ink) {
    const { channels } = this;
    const pixels = new Uint8Array(this.height * this.width * channels);
    for (let at = 0; at < pixels.length; at++) {
      const place = Math.floor(at / channels);
      const [row, column] = [Math.floor(place / this.width) * FINE, (place % this.width) * FINE];
      let sum = 0;
      for (let k = 0; k < FINE * FINE; k++) {
        sum += ink[((row + Math.floor(k / FINE)) * this.columns + column + (k % FINE)) * channels + (at % channels)];
      }
      pixels[at] = Math.round((255 * sum) / (FINE * FINE));
    }
    return pixels;
  }

  /** Centre it as MNIST does: the longer side gets 20 of 28 pixels, and the centre of mass moves to the centre of the picture. */
  centred() {
    let [top, bottom, left, right] = [this.rows, -1, this.columns, -1];
    let [mass, massX, massY] = [0, 0, 0];
    for (let row = 0; row < this.rows; row++) {
      for (let column = 0; column < this.columns; column++) {
        const ink = this.ink[row * this.columns + column];
        if (ink <= 0) continue;
        mass += ink;
        massX += ink * (column + 0.5);
        massY += ink * (row + 0.5);
        if (ink < 0.2) continue;
        [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
        [left, right] = [Math.min(left, column), Math.max(right, column)];
      }
    }
    if (bottom < 0) return this.ink;
    const side = (Math.min(this.rows, this.columns) * BOX) / 28;
    const scale = Math.min(side / Math.max(bottom - top + 1, right - left + 1), 4);
    const [x, y] = [massX / mass, massY / mass];
    const out = new Float32Array(this.ink.length);
    for (let row = 0; row < this.rows; row++) {
      for (let column = 0; column < this.columns; column++) {
        const sourceX = (column + 0.5 - this.columns / 2) / scale + x;
        const sourceY = (row + 0.5 - this.rows / 2) / scale + y;
        out[row * this.columns + column] = this.between(sourceX - 0.5, sourceY - 0.5);
      }
    }
    return out;
  }

  /** Return the ink at a place between cells. */
  between(x, y) {
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [right, down] = [x - left, y - top];
    let sum = 0;
    for (let k = 0; k < 4; k++) {
      const [column, row] = [left + (k & 1), top + (k >> 1)];
      if (column < 0 || row < 0 || column >= this.columns || row >= this.rows) continue;
      const share = (k & 1 ? right : 1 - right) * (k >> 1 ? down : 1 - down);
      sum += share * this.ink[row * this.columns + column];
    }
    return sum;
  }
}
