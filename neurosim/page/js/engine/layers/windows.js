// The windows that convolution and pooling slide over an image: see `neurosim/layers/windows.py`.

// Windows of size x size pixels, one every `stride` pixels. With padding "valid", they lie within the image. With
// "same", zeros around it give one window per pixel if the stride is 1. Half of the zeros come before; an odd one
// comes after.
export class Windows {
  constructor(title, inShape, size, stride, padding = "valid") {
    if (inShape.length !== 2 && inShape.length !== 3) {
      throw new Error(`${title}: expected images, received samples of shape ${inShape.join(" x ")}.`);
    }
    const [height, width, channels = 1] = inShape;
    if (padding === "valid" && size > Math.min(height, width)) {
      throw new Error(`${title}: expected images of at least ${size} x ${size} pixels, received ${height} x ${width}.`);
    }
    Object.assign(this, { size, stride, shape: [height, width, channels] });
    const counted = [height, width].map((side) => countOf(side, size, stride, padding));
    this.places = counted.map(([count]) => count); // [H', W']
    this.before = counted.map(([, before]) => before); // rows of zeros above, columns to the left
    this.sources = this.numbersSeen();
  }

  // For each window, row by row: the indices of the numbers of the image (H W C) that it sees; -1 for the padding.
  numbersSeen() {
    const { size, stride, before } = this;
    const [height, width, channels] = this.shape;
    const [down, across] = this.places;
    const found = new Int32Array(down * across * size * size * channels).fill(-1);
    let at = 0;
    for (let place = 0; place < down * across; place++) {
      const top = Math.floor(place / across) * stride - before[0];
      const left = (place % across) * stride - before[1];
      for (let own = 0; own < size * size; own++, at += channels) {
        const row = top + Math.floor(own / size);
        const column = left + (own % size);
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        for (let c = 0; c < channels; c++) found[at + c] = (row * width + column) * channels + c;
      }
    }
    return found;
  }

  // The number of numbers that a window sees.
  get length() {
    return this.size * this.size * this.shape[2];
  }

  // Return the indices of the numbers that the window at a place sees, -1 for the padding. A live view.
  sourcesAt(place) {
    return this.sources.subarray(place * this.length, (place + 1) * this.length);
  }

  // Return the first and last row, and the first and last column, of the image that the windows at these places see.
  field([firstRow, lastRow], [firstColumn, lastColumn]) {
    const seen = (first, last, axis) => [
      Math.max(0, first * this.stride - this.before[axis]),
      Math.min(last * this.stride - this.before[axis] + this.size, this.shape[axis]) - 1,
    ];
    return [seen(firstRow, lastRow, 0), seen(firstColumn, lastColumn, 1)];
  }

  // Return the windows that see a pixel: pairs of a place and the pixel's index in that window, row by row.
  thatSee(row, column) {
    const found = [];
    for (const [r, down] of this.along(row, 0)) {
      for (const [c, across] of this.along(column, 1)) found.push([r * this.places[1] + c, down * this.size + across]);
    }
    return found;
  }

  along(at, axis) {
    const found = [];
    for (let k = 0; k < this.places[axis]; k++) {
      const own = at + this.before[axis] - this.stride * k;
      if (own >= 0 && own < this.size) found.push([k, own]);
    }
    return found;
  }
}

// Return the number of windows along a side, and the number of zeros before it.
function countOf(side, size, stride, padding) {
  if (padding === "valid") return [Math.floor((side - size) / stride) + 1, 0];
  const count = Math.ceil(side / stride);
  return [count, Math.floor(Math.max(0, (count - 1) * stride + size - side) / 2)];
}
