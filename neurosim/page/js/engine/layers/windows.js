// Where the windows lie that convolution and pooling slide over an image: `neurosim/layers/windows.py`.

// Windows of size x size pixels, one every `stride` pixels. padding: "valid", within the image; "same", with zeros around
// it, so that without a stride there are as many as pixels: half of the zeros before, the odd one behind.
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

  // Of each window, row by row, which numbers of the image (H W C) it sees; -1 where it lies on the zeros around.
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

  // How many numbers a window sees.
  get length() {
    return this.size * this.size * this.shape[2];
  }

  // Which numbers of the image the window at a place sees, -1 on the zeros around. Live.
  sourcesAt(place) {
    return this.sources.subarray(place * this.length, (place + 1) * this.length);
  }

  // The first and last row, and the first and last column, that the windows at these places see of the image.
  field([firstRow, lastRow], [firstColumn, lastColumn]) {
    const seen = (first, last, axis) => [
      Math.max(0, first * this.stride - this.before[axis]),
      Math.min(last * this.stride - this.before[axis] + this.size, this.shape[axis]) - 1,
    ];
    return [seen(firstRow, lastRow, 0), seen(firstColumn, lastColumn, 1)];
  }

  // The windows that see a pixel: pairs of a place and which of the window's own pixels it is, row by row.
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

// How many windows there are along a side, and how many zeros lie before it.
function countOf(side, size, stride, padding) {
  if (padding === "valid") return [Math.floor((side - size) / stride) + 1, 0];
  const count = Math.ceil(side / stride);
  return [count, Math.floor(Math.max(0, (count - 1) * stride + size - side) / 2)];
}
