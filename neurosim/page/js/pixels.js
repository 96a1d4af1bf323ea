// Pictures as pixels from 0 to 255, for samples in any range: 0 to 255, 0 to 16, 0 to 1, -1 to 1.

export class Pixels {
  /**
   * @param samples the pictures in the page
   * @param input the input layer, which learned the numbers of the darkest and brightest pixels
   * @param shape [height, width, channels]
   */
  constructor(samples, input, shape) {
    const { rows } = samples;
    const { top, low, high } = input.learned ?? {};
    this.samples = samples;
    this.shape = shape;
    this.whole = !(rows instanceof Float32Array || rows instanceof Float64Array);
    [this.low, this.high] = typeof top !== "number" && typeof low === "number" ? [low, high] : [0, this.whole ? (top ?? 255) : 1];
  }

  get areBytes() {
    return this.low === 0 && this.high === 255;
  }

  /** Return the pixels of a picture, given in the range of the samples. */
  of(raw) {
    return this.areBytes ? raw : Float32Array.from(raw, (each) => (255 * (each - this.low)) / (this.high - this.low));
  }

  /** Return a picture in the range of the samples, given its pixels. */
  toRaw(pixels) {
    if (this.areBytes) return pixels;
    return this.samples.rows.constructor.from(pixels, (each) => {
      const value = this.low + ((this.high - this.low) * each) / 255;
      return this.whole ? Math.round(value) : value;
    });
  }

  /** Return the colour of most corners of the pictures, 0 to 1: the background for drawing. */
  paper() {
    const [height, width, channels] = this.shape;
    const corners = [0, width - 1, (height - 1) * width, height * width - 1];
    return Array.from({ length: channels }, (_, c) => {
      const values = Array.from({ length: this.samples.total }, (__, row) => corners.map((at) => this.of(this.samples.raw(row))[at * channels + c])).flat();
      return (values.sort((one, other) => one - other)[values.length >> 1] ?? 255) / 255;
    });
  }
}
