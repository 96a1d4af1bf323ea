// What the learner changed, in order, each with what it takes to bring back what was before.

const BYTES = 96e6; // so much may be kept; the oldest go first

export class Undo {
  constructor() {
    this.entries = []; // {said, kind, before, after, restore}
  }

  clear() {
    this.entries = [];
  }

  /** A change: `kept` is the network before it, `said` what was done, `kind` "edit" or "training". */
  push(entry) {
    this.entries.push(entry);
    let bytes = this.entries.reduce((sum, each) => sum + each.bytes, 0);
    while (bytes > BYTES && this.entries.length > 1) bytes -= this.entries.shift().bytes;
  }

  get last() {
    return this.entries[this.entries.length - 1] || null;
  }

  pop() {
    return this.entries.pop() || null;
  }

  /** Where the latest training begins; -1: there was none. */
  lastTraining() {
    return this.entries.map((each) => each.kind).lastIndexOf("training");
  }
}
