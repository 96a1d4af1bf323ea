// Schedules: the learning rate as a function of the step, with the same state as in Python.

import { create } from "./registry.js";

class Schedule {
  first = 0; // the step at which the run began
  run = null; // its number of steps

  constructor(settings = {}) {
    this.settings = settings;
    Object.assign(this, settings);
  }

  config() {
    return { name: this.key, ...this.settings };
  }

  // Begin a run of `steps` updates at a step: a schedule that depends on the length of the run starts again.
  begin(firstStep, runSteps) {
    if (this.stretches) {
      this.first = firstStep;
      this.run = Math.max(runSteps, 1);
    }
  }

  // Return the learning rate for an update, counted from 0.
  at(step) {
    return this.rateAt(Math.max(step - this.first, 0));
  }

  get stretches() {
    return !this.steps;
  }

  get length() {
    return this.steps || this.run || 1;
  }

  // Return whether the planned steps are over, or their number is unknown.
  hasEnded(step) {
    return step - this.first >= (this.steps || this.run || 0);
  }

  // The figure of an epoch that it acts on, as `History` names it; "" for none.
  get watched() {
    return "";
  }

  // Take an epoch's figures, by name.
  observe() {}

  // Forget the figures seen so far, because the next ones are of other samples.
  watchAnew() {}

  // Return the same schedule from its beginning, over the same number of steps.
  renewed() {
    const made = createSchedule(this.config());
    if (this.run !== null) made.begin(0, this.run);
    return made;
  }

  // The state to store beside the settings, to continue exactly; the names are Python's.
  state() {
    return { _first: this.first, _run: this.run };
  }

  restore(state) {
    this.first = state?._first ?? 0;
    this.run = state?._run ?? null;
  }
}

class ConstantRate extends Schedule {
  constructor({ rate = 1e-3 } = {}) {
    super({ rate });
  }
  rateAt() {
    return this.rate;
  }
  hasEnded() {
    return false;
  }
}

class StepDecay extends Schedule {
  constructor({ rate = 1e-3, factor = 0.1, every = null } = {}) {
    super({ rate, factor, every });
  }
  get stretches() {
    return this.every === null;
  }
  hasEnded(step) {
    return this.stretches && super.hasEnded(step);
  }
  rateAt(step) {
    return this.rate * this.factor ** Math.floor(step / (this.every || Math.max(Math.ceil(this.length / 3), 1)));
  }
}

class Exponential extends Schedule {
  constructor({ rate = 1e-3, factor = 0.01, steps = null } = {}) {
    super({ rate, factor, steps });
  }
  rateAt(step) {
    return this.rate * this.factor ** (step / this.length);
  }
}

class InverseTime extends Schedule {
  constructor({ rate = 1e-3, decay = 9, steps = null } = {}) {
    super({ rate, decay, steps });
  }
  rateAt(step) {
    return this.rate / (1 + (this.decay * step) / this.length);
  }
}

// Half a cosine wave from `start` to `end`.
function cosine(start, end, fraction) {
  return end + ((start - end) * (1 + Math.cos(Math.PI * fraction))) / 2;
}

class Cosine extends Schedule {
  constructor({ rate = 1e-3, final = 0, steps = null } = {}) {
    super({ rate, final, steps });
  }
  rateAt(step) {
    return cosine(this.rate, this.final, Math.min(step / this.length, 1));
  }
}

class WarmUp extends Schedule {
  constructor({ rate = 1e-3, warmup = 0.1, after = null, steps = null } = {}) {
    super({ rate, warmup, after, steps });
    this.following = after ? createSchedule(after) : null;
    if (this.following && steps) this.following.begin(0, steps);
  }
  begin(firstStep, runSteps) {
    super.begin(firstStep, runSteps);
    this.following?.begin(0, this.steps || runSteps);
  }
  rateAt(step) {
    const after = this.following ? this.following.at(step) : this.rate;
    return after * Math.min(1, (step + 1) / Math.max(this.warmup * this.length, 1));
  }
  hasEnded(step) {
    return this.following !== null && super.hasEnded(step);
  }
  get watched() {
    return this.following?.watched ?? "";
  }
  observe(row) {
    this.following?.observe(row);
  }
  watchAnew() {
    this.following?.watchAnew();
  }
  state() {
    return { ...super.state(), after: this.following ? this.following.state() : null };
  }
  restore(state) {
    super.restore(state);
    this.following?.restore(state?.after);
  }
}

class OneCycle extends Schedule {
  constructor({ rate = 1e-2, up = 0.3, div = 25, final_div = 1e4, steps = null } = {}) {
    super({ rate, up, div, final_div, steps });
  }
  rateAt(step) {
    const first = this.rate / this.div;
    const last = this.rate / this.div / this.final_div;
    const end = Math.max(this.length - 1, 1);
    const peak = Math.min(Math.max(this.up * this.length - 1, 0), end);
    if (step <= peak) return cosine(first, this.rate, peak > 0 ? step / peak : 1);
    return cosine(this.rate, last, Math.min((step - peak) / (end - peak), 1));
  }
}

// Multiply the rate by `factor` at the end of an epoch, if the monitored figure has not improved for more than
// `patience` epochs.
class ReduceOnPlateau extends Schedule {
  constructor({ rate = 1e-3, factor = 0.1, patience = 2, monitor = "val_loss", threshold = 1e-4, minimum = 0 } = {}) {
    super({ rate, factor, patience, monitor, threshold, minimum });
    this.now = rate;
    this.best = null;
    this.badEpochs = 0;
  }
  get watched() {
    return this.monitor;
  }
  rateAt() {
    return this.now;
  }
  hasEnded() {
    return false;
  }
  observe(row) {
    const name = watchedIn(row, this.monitor);
    const value = row[name];
    const margin = this.best === null ? 0 : this.threshold * Math.abs(this.best);
    const better = name.endsWith("accuracy") ? value > this.best + margin : value < this.best - margin;
    if (this.best === null || better) {
      this.best = value;
      this.badEpochs = 0;
    } else this.badEpochs += 1;
    if (this.badEpochs > this.patience) {
      this.now = Math.min(this.now, Math.max(this.now * this.factor, this.minimum));
      this.badEpochs = 0;
    }
  }
  watchAnew() {
    this.best = null;
    this.badEpochs = 0;
  }
  state() {
    return { ...super.state(), _now: this.now, _best: this.best, _bad_epochs: this.badEpochs };
  }
  restore(state) {
    super.restore(state);
    this.now = state?._now ?? this.rate;
    this.best = state?._best ?? null;
    this.badEpochs = state?._bad_epochs ?? 0;
  }
}

// Return the figure to act on: the monitored one, or the training figure of the same name if that is not recorded.
function watchedIn(row, monitor) {
  const name = monitor in row ? monitor : monitor.replace(/^val_/, "");
  if (!(name in row)) throw new Error(`reduce_on_plateau: expected monitor to be one of ${Object.keys(row).join(", ")}, received "${monitor}".`);
  return name;
}

export const SCHEDULES = {
  constant: ConstantRate,
  step: StepDecay,
  exponential: Exponential,
  inverse_time: InverseTime,
  cosine: Cosine,
  warm_up: WarmUp,
  one_cycle: OneCycle,
  reduce_on_plateau: ReduceOnPlateau,
};

export function createSchedule(config) {
  return create("schedule", SCHEDULES, config);
}
