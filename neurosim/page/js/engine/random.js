// Random numbers from a seed, one stream for each purpose. They are not NumPy's: a seed gives another network here.

// The generator sfc32 (Chris Doty-Humphrey's Small Fast Counting generator), seeded through a mixing function.
export class Random {
  constructor(seed, purpose = "") {
    let mixed = (Number(seed) ^ 0x9e3779b9) >>> 0;
    for (const letter of purpose) mixed = Math.imul(mixed ^ letter.codePointAt(0), 0x01000193) >>> 0;
    const next = () => {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      let word = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
      word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
      return (word ^ (word >>> 16)) >>> 0;
    };
    this.state = [next(), next(), next(), 1];
    for (let k = 0; k < 12; k++) this.word();
    this.spare = null;
  }

  // Return 32 random bits.
  word() {
    const state = this.state;
    const result = (state[0] + state[1] + state[3]) >>> 0;
    state[3] = (state[3] + 1) >>> 0;
    state[0] = (state[1] ^ (state[1] >>> 9)) >>> 0;
    state[1] = (state[2] + (state[2] << 3)) >>> 0;
    state[2] = (((state[2] << 21) | (state[2] >>> 11)) + result) >>> 0;
    return result;
  }

  // Return a uniform number in [0, 1).
  next() {
    return this.word() / 4294967296;
  }

  // Return a normal number with mean 0 and standard deviation 1. The Box-Muller method computes two at a time.
  normal() {
    if (this.spare !== null) {
      const spare = this.spare;
      this.spare = null;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    const angle = 2 * Math.PI * this.next();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  // Put an array into a random order, in place (Fisher and Yates).
  shuffle(array) {
    for (let k = array.length - 1; k > 0; k--) {
      const other = Math.floor(this.next() * (k + 1));
      const kept = array[k];
      array[k] = array[other];
      array[other] = kept;
    }
    return array;
  }
}
