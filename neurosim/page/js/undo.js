// The learner's changes, in order, each with the data to undo it.

const BYTES = 96e6; // the most that is stored; the oldest changes are dropped first

export class Undo {
  constructor() {
    this.entries = []; // {said, kind, before, after, restore}
  }

  clear() {
    this.entries = [];
  }

  /** Add a change: `kept` is the network before it, `said` describes it, `kind` is "edit" or "training". */
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

  /** Return the index of the latest training; -1 if there was none. */
  lastTraining() {
    return this.entries.map((each) => each.kind).lastIndexOf("training");
  }
}
