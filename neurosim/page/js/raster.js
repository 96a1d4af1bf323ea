// A drawing as numbers: a grid four times as fine as the picture, on which a soft round pen leaves ink, averaged by area
// into pixels, and centred as the digits of MNIST are. No document, no canvas: numbers in, numbers out.

const FINE = 4; // cells of the fine grid along a pixel
const BOX = 20; // the longer side of a digit in MNIST, of 28 pixels

export class Drawing {
  constructor(height, width) {
    this.height = height;
    this.width = width;
    this.rows = height * FINE;
    this.columns = width * FINE;
    this.ink = new Float32Array(this.rows * this.columns); // 0 to 1
  }

  clear() {
    this.ink.fill(0);
  }

  get isEmpty() {
    return this.ink.every((each) => each === 0);
  }

  /** Start from pixels 0 to 255. */
  setPixels(pixels) {
    for (let row = 0; row < this.rows; row++) {
      for (let column = 0; column < this.columns; column++) {
        const from = Math.floor(row / FINE) * this.width + Math.floor(column / FINE);
        this.ink[row * this.columns + column] = pixels[from] / 255;
      }
    }
  }

  /** A soft round pen from one point to another, in pixels; it adds ink, or takes it away. */
  stroke(x0, y0, x1, y1, radius, erase = false) {
    const soft = 0.45; // of a pixel to both sides of the rim: the grey rims of MNIST's strokes
    const reach = radius + soft;
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
        const ink = Math.min(Math.max((radius + soft - away) / (2 * soft), 0), 1);
        const at = row * this.columns + column;
        this.ink[at] = erase ? Math.min(this.ink[at], 1 - ink) : Math.max(this.ink[at], ink);
      }
    }
  }

  /** Move everything by whole pixels; what leaves the picture is gone. */
  shift(right, down) {
    const moved = new Float32Array(this.ink.length);
    for (let row = 0; row < this.rows; row++) {
      const from = row - down * FINE;
      if (from < 0 || from >= this.rows) continue;
      for (let column = 0; column < this.columns; column++) {
        const source = column - right * FINE;
        if (source >= 0 && source < this.columns) moved[row * this.columns + column] = this.ink[from * this.columns + source];
      }
    }
    this.ink = moved;
  }

  /** Its pixels, 0 to 255, as they are or centred. */
  pixels(centre) {
    return this.averaged(centre ? this.centred() : this.ink);
  }

  averaged(ink) {
    const pixels = new Uint8Array(this.height * this.width);
    for (let row = 0; row < this.height; row++) {
      for (let column = 0; column < this.width; column++) {
        let sum = 0;
        for (let k = 0; k < FINE * FINE; k++) {
          sum += ink[(row * FINE + Math.floor(k / FINE)) * this.columns + column * FINE + (k % FINE)];
        }
        pixels[row * this.width + column] = Math.round((255 * sum) / (FINE * FINE));
      }
    }
    return pixels;
  }

  /** As MNIST does it: the longer side becomes 20 of 28 pixels, the centre of mass the centre of the picture. */
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

  /** Ink at a place between cells. */
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

  /** Take over a picture: grey levels 0 to 255 of any size, light ink on dark or the other way round. */
  setPicture(grey, height, width) {
    let border = 0;
    for (let x = 0; x < width; x++) border += grey[x] + grey[(height - 1) * width + x];
    for (let y = 0; y < height; y++) border += grey[y * width] + grey[y * width + width - 1];
    const paper = border / (2 * (height + width)) > 127;
    let [low, high] = [255, 0];
    for (const each of grey) [low, high] = [Math.min(low, each), Math.max(high, each)];
    const scale = Math.max(height / this.rows, width / this.columns);
    this.clear();
    for (let row = 0; row < this.rows; row++) {
      for (let column = 0; column < this.columns; column++) {
        const x = Math.floor((column + 0.5 - this.columns / 2) * scale + width / 2);
        const y = Math.floor((row + 0.5 - this.rows / 2) * scale + height / 2);
        if (x < 0 || y < 0 || x >= width || y >= height) continue;
        const share = (grey[y * width + x] - low) / Math.max(high - low, 1);
        const ink = paper ? 1 - share : share;
        this.ink[row * this.columns + column] = ink < 0.15 ? 0 : ink; // the grain of paper
      }
    }
  }
}
