// One flat vector for all parameters, one for all gradients, and views into them: [W1 … WL | b1 … bL] as in Python.

export class FlatParameters {
  // shapes: name -> shape, in the order of the layers; matrices are laid out before vectors.
  constructor(shapes, Float) {
    const names = Object.keys(shapes);
    const ordered = [...names.filter((name) => shapes[name].length !== 1), ...names.filter((name) => shapes[name].length === 1)];
    this.slots = {};
    let end = 0;
    for (const name of ordered) {
      const start = end;
      end += shapes[name].reduce((product, side) => product * side, 1);
      this.slots[name] = { start, end, shape: shapes[name] };
    }
    this.theta = new Float(end);
    this.grad = new Float(end);
  }

  get size() {
    return this.theta.length;
  }

  // Return the part called `name` of a vector with the layout of theta. A live view.
  view(flat, name) {
    const { start, end } = this.slots[name];
    return flat.subarray(start, end);
  }
}
