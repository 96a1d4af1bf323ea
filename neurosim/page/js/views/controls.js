// The training controls at the top, and the settings under them.

import { button, choice, h } from "./dom.js";
import { numberAboveZero, wholeNumber } from "./fields.js";

export class Controls {
  constructor(root, store, session) {
    this.store = store;
    this.session = session;
    const trains = store.model.train.count > 0;
    this.play = button("Play", () => session.toggle(), { class: "strong", title: "Train from the current step (Space)" });
    this.sample = button("1 sample", () => session.oneSample(), { title: "Train one step on the sample shown" });
    this.batch = button("1 batch", () => session.train({ steps: 1 }, "trained one batch"), { title: "Train one step on the next batch of training samples" });
    this.epoch = button("1 epoch", () => session.train({ steps: session.stepsOfEpoch }, "trained one epoch"), { title: "Train once on each training sample on this page" });
    this.back = button("Undo training", () => session.back(), { title: "Undo the latest training and all changes after it" });
    this.reset = button("Reset", () => session.reset(), { title: "Return to the initial weights" });
    this.seed = button("New seed", () => session.newSeed(), { title: "Draw new initial weights with another seed" });
    this.more = button("Settings", () => this.toggleSettings(), { "aria-expanded": "false", "aria-controls": "settings" });
    this.words = store.model.glossary.isEmpty ? [] : [button("Words", null, { "data-term": "", "aria-haspopup": "dialog", title: "Explain the words that neurosim uses" })];
    this.help = button("?", () => store.set({ help: !store.state.help }), { "aria-label": "Help and keys", "aria-expanded": "false", "aria-controls": "help" });
    root.append(...(trains ? [this.play, this.sample, this.batch, this.epoch, this.back, this.reset, this.seed, this.more] : []), ...this.words, this.help);
    this.summary = document.getElementById("summary");
    this.settings = document.getElementById("settings");
    this.makeSettings();
  }

  makeSettings() {
    const { store, session } = this;
    const { glossary, manifest } = store.model;
    const { optimizer, activation } = manifest.choices;
    const meaning = (term) => glossary.meaning(term);
    this.optimizer = choice("optimizer", Object.keys(optimizer).map((key) => [key, key]), this.currentOptimizer, (key) => this.chooseOptimizer(key));
    this.optimizer.label.title = meaning("optimizer") ?? "";
    this.rate = h("input", { type: "number", step: "any", min: "0", onchange: () => this.chooseRate() });
    this.size = h("input", { type: "number", min: "1", max: String(store.model.train.count), onchange: () => this.chooseSize() });
    const known = Object.keys(activation).filter((key) => key !== "softmax").map((key) => [key, key]);
    this.activation = choice("activation of hidden layers", known, this.currentActivation || known[0][0], (key) => session.chooseActivation(key));
    this.trains = h("span", { class: "muted" });
    this.settings.append(
      h(
        "div",
        { class: "row wide" },
        this.optimizer.label,
        h("label", { title: meaning("learning rate") }, "learning rate ", this.rate),
        h("label", { title: meaning("batch") }, "batch size ", this.size),
        this.currentActivation ? this.activation.label : null,
        this.trains,
      ),
    );
  }

  trainsOn() {
    const { manifest, train } = this.store.model;
    const [kept, all] = [train.count, manifest.data.train_size].map((count) => count.toLocaleString("en"));
    if (kept === all) return `Training here uses all ${kept} training samples.`;
    const { batchSize, smallBatch } = this.session;
    const small = batchSize === smallBatch ? ` The batch size starts at ${smallBatch}, so that an epoch has more steps.` : "";
    return `Training here uses ${kept} of the ${all} training samples: those on this page.${small}`;
  }

  toggleSettings() {
    this.settings.hidden = !this.settings.hidden;
    this.more.setAttribute("aria-expanded", String(!this.settings.hidden));
  }

  get currentOptimizer() {
    return this.store.network.optimizer.key;
  }

  get currentActivation() {
    const hidden = this.store.network.layers.slice(1, -1).filter((layer) => layer.activation).map((layer) => layer.activation.key);
    return hidden.find((key) => key !== "linear") || hidden[0] || "";
  }

  chooseOptimizer(key) {
    const settings = { ...this.store.model.manifest.choices.optimizer[key] };
    this.session.chooseOptimizer(key, settings);
  }

  chooseRate() {
    const rate = numberAboveZero(this.store, this.rate, "Learning rate");
    if (rate === null) this.showRate();
    else this.session.chooseOptimizer(this.currentOptimizer, { ...this.store.network.optimizer.config(), learning_rate: rate });
  }

  chooseSize() {
    const size = wholeNumber(this.store, this.size, "Batch size", 1, this.store.model.train.count);
    if (size !== null) this.session.batchSize = size;
    this.showSize();
    this.draw();
  }

  showRate() {
    this.rate.value = String(Number(this.store.network.optimizer.rate.toPrecision(6)));
  }

  showSize() {
    this.size.value = String(this.session.batchSize);
  }

  draw() {
    const { store, session } = this;
    const { state, network } = store;
    this.play.textContent = state.training ? "Pause" : "Play";
    for (const each of [this.sample, this.batch, this.epoch]) each.disabled = state.training;
    this.back.disabled = state.training || store.undo.lastTraining() < 0;
    const shape = network.layers.filter((layer) => layer.index === 0 || layer.W || layer.windows).map(inShort).join("-");
    const last = store.moments.length ? store.moments[store.moments.length - 1].step : state.step;
    const step = `step ${state.step.toLocaleString("en")}${state.training ? "" : ` of ${Math.max(last, state.step).toLocaleString("en")}`}`;
    const speed = state.rate ? `${Math.round(state.rate).toLocaleString("en")} samples per second` : "";
    const rate = network.optimizer.rate;
    this.summary.textContent = [store.model.manifest.data.name, shape, this.currentActivation, `${network.optimizer.key} ${Number(rate.toPrecision(4))}`, step, speed].filter(Boolean).join(" · ");
    this.optimizer.list.value = this.currentOptimizer;
    if (this.currentActivation) this.activation.list.value = this.currentActivation;
    if (document.activeElement !== this.rate) this.showRate();
    if (document.activeElement !== this.size) this.showSize();
    this.trains.textContent = this.trainsOn();
    this.help.setAttribute("aria-expanded", String(Boolean(state.help)));
  }

  render(changed) {
    if (["step", "training", "rate", "network", "edits", "moments", "help", "all"].some((name) => changed.has(name))) this.draw();
  }
}

/** Write a layer in short: units, FILTERSxKERNEL, poolSIZE. */
function inShort(layer) {
  const { windows, nOut, W, neuronCount } = layer;
  return windows ? (W ? `${neuronCount}x${windows.size}` : `pool${windows.size}`) : nOut;
}
