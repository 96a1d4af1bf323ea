// The microscope: the walk through one neuron, stage by stage, with the sentences and the numbers of `step`.

import { number, typeset } from "../engine/numbers.js";
import { judge, question } from "../quiz.js";
import { button, check, h, explain, withTerms } from "./dom.js";
import { wholeNumber } from "./fields.js";
import { stagePicture } from "./stage_pictures.js";
import { flyIntoSums, stageRows } from "./stage_rows.js";

export class Microscope {
  constructor(root, store) {
    this.store = store;
    this.subtitle = h("span", { class: "muted" });
    this.title = root.querySelector("h2");
    this.which = h("span");
    this.title.replaceChildren(this.which, this.subtitle);
    this.dots = h("div", { class: "dots" });
    this.back = button("← back", () => store.walk(-1), { title: "Previous stage (left arrow)" });
    this.next = button("next →", () => store.walk(1), { title: "Next stage (right arrow)" });
    this.body = h("div", { id: "stage" });
    this.live = h("p", { class: "visually-hidden", "aria-live": "polite" });
    this.predict = check("predict first", false, (on) => store.set({ predict: on }), { title: "Hide each result of the walk until you type your own answer" });
    this.neuron = h("input", { type: "number", class: "short", min: "0", "aria-label": "Neuron", onchange: () => this.chooseNeuron() });
    const placed = (name, side) => h("input", { type: "number", class: "short", min: "0", "aria-label": name, onchange: () => this.choosePlace(side) });
    [this.row, this.column] = ["Row", "Column"].map(placed);
    this.auto = button("strongest", () => store.select(store.state.layer, store.state.neuron, null), { title: "Go to the place with the largest |delta|, or |a| if there is no label" });
    this.places = h("div", { id: "place", class: "row" }, h("label", {}, "row ", this.row), h("label", {}, "column ", this.column), this.auto);
    this.layer = h("select", { "aria-label": "Layer", onchange: () => store.select(Number(this.layer.value), 0) });
    this.revealed = new Set(); // stages whose number was found or shown, for this neuron and sample
    root.append(
      h("div", { class: "row wide" }, this.layer, this.neuron, this.predict.label),
      this.places,
      h(
        "div",
        { id: "walk", tabindex: "0", role: "group", "aria-label": "The walk. Left and right arrow keys change the stage.", onkeydown: (event) => this.key(event) },
        h("div", { class: "walk" }, this.back, this.dots, this.next),
        this.body,
      ),
      this.live,
    );
    explain(
      this.title,
      "One neuron and one sample, number by number. The stages follow the forward pass to the loss, the backward pass to the gradients, and the optimizer's step. " +
          "In neurosim's terminal program, the command “step” shows the same walk with the same numbers. Each dot is a stage; the arrow keys move between stages.",
      store.model.glossary,
    );
    this.shown = "";
  }

  key(event) {
    if (event.target.closest("input, select")) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) this.store.walk(by);
    else if (event.key === "Escape") document.getElementById("net").focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The key of the learner's answers: they start again with another neuron, sample or network. */
  get place() {
    const { layer, neuron } = this.store.state;
    const { row, column } = this.store.place() ?? {};
    return `${layer}/${neuron}/${row}/${column}/${this.store.sampleKey}/${this.store.version}`;
  }

  chooseNeuron() {
    const { store } = this;
    const { layer } = store.state;
    const asked = wholeNumber(store, this.neuron, `${store.place() ? "Filter" : "Neuron"} of layer ${layer}`, 0, store.layer().neuronCount - 1);
    if (asked !== null) store.select(layer, asked);
    this.neuron.value = String(store.state.neuron);
  }

  /** Choose a row or a column: the other one stays. */
  choosePlace(side) {
    const { store } = this;
    const name = ["row", "column"][side];
    const asked = wholeNumber(store, this[name], ["Row", "Column"][side], 0, store.layer().outShape[side] - 1);
    if (asked !== null) store.select(store.state.layer, store.state.neuron, { ...store.place(), [name]: asked });
    this[name].value = String(store.place()[name]);
  }

  drawPlace() {
    const { store } = this;
    const place = store.place();
    this.places.hidden = !place;
    if (!place) return;
    const [height, width] = store.layer().outShape;
    for (const [field, at, count] of [[this.row, place.row, height], [this.column, place.column, width]]) {
      if (globalThis.document.activeElement !== field) field.value = String(at);
      field.max = String(count - 1);
    }
    this.auto.disabled = store.state.row === null;
  }

  drawHeading(document) {
    const { store } = this;
    const { layer, neuron } = store.state;
    const place = store.place();
    const at = place ? ` at row ${place.row}, column ${place.column}` : "";
    this.which.textContent = `${place ? "Filter" : "Neuron"} ${neuron} of layer ${layer}${at} (${document.activation})`;
    this.neuron.setAttribute("aria-label", place ? "Filter" : "Neuron");
    this.drawPlace();
    const { sample } = document;
    const named = (k) => (sample.classes && sample.classes[k] !== undefined ? sample.classes[k] : k);
    const said = sample.index === null || sample.index === undefined ? "your own input" : `${store.state.set === "train" ? "training" : "test"} sample ${sample.index}`;
    const read = sample.prediction === null || !store.classes || !store.answer().output.every(Number.isFinite) ? "" : `, read as ${named(sample.prediction)}`;
    const label = sample.label === null || !store.classes ? "" : `, label ${named(sample.label)}`;
    this.subtitle.textContent = said + label + read;
    const layers = store.visibleLayers();
    const options = layers.map((each) => `${each.index}`).join();
    if (this.layerOptions !== options) {
      this.layerOptions = options;
      this.layer.replaceChildren(...layers.map((each) => h("option", { value: each.index, text: each === layers[layers.length - 1] ? "output" : `layer ${each.index}` })));
    }
    this.layer.value = String(layer);
    if (globalThis.document.activeElement !== this.neuron) this.neuron.value = String(neuron);
    this.neuron.max = String(store.layer().neuronCount - 1);
    this.predict.box.checked = store.state.predict;
  }

  drawDots(stages, at) {
    const key = stages.map((stage) => stage.key).join();
    if (this.dotsFor !== key) {
      this.dotsFor = key;
      this.dots.replaceChildren(
        ...stages.map((stage, k) => h("button", { type: "button", title: `${k + 1}. ${stage.title}`, "aria-label": `${k + 1}. ${stage.title}`, onclick: () => this.store.set({ stage: stage.key }) }, h("i"))),
      );
    }
    [...this.dots.children].forEach((dot, k) => {
      dot.classList.toggle("passed", k < at);
      if (k === at) dot.setAttribute("aria-current", "step");
      else dot.removeAttribute("aria-current");
    });
    this.back.disabled = at === 0;
    this.next.disabled = at === stages.length - 1;
  }

  draw() {
    const { store } = this;
    const document = store.document();
    const { stages } = document;
    const stage = store.stage();
    const at = stages.indexOf(stage);
    this.drawHeading(document);
    this.drawDots(stages, at);
    if (this.placeShown !== this.place) {
      this.placeShown = this.place;
      this.revealed.clear();
    }
    const asked = store.state.predict && !this.revealed.has(stage.key) ? question(document, stage) : null;
    const formula = typeset(stage.formula).replaceAll(/;\s+/g, "\n");
    this.body.replaceChildren(
      h("div", { class: "stage-title" }, h("h3", {}, withTerms(`${at + 1}. ${stage.title}`, store.model.glossary)), h("span", { class: "muted", text: `${phaseOf(stage.key)}, ${at + 1} of ${stages.length}` })),
      h("p", { class: formula.length > 34 ? "formula long" : "formula", text: formula }),
      stagePicture(store, document, stage, Boolean(asked)) || "",
      ...stageRows(stage, asked && asked.row, document.row !== undefined),
      asked ? this.quiz(stage, asked) : "",
      stage.why && !asked ? h("p", { class: "why", text: typeset(stage.why.split(/\s+/).join(" ")) }) : "",
      at === stages.length - 1 && store.label === null ? h("p", { class: "muted", text: "Without a label, the walk ends here. Choose a label for the input to go on." }) : "",
    );
    if (this.stageShown !== stage.key && !asked) flyIntoSums(this.body);
    this.stageShown = stage.key;
    const result = stage.result && stage.result.value !== null && !asked ? `: ${stage.result.name} = ${number(stage.result.value)}` : "";
    const said = `Stage ${at + 1} of ${stages.length}, ${stage.title}${result}`;
    if (this.said !== said && !store.state.training) this.live.textContent = this.said = said;
  }

  quiz(stage, asked) {
    const answer = h("input", { type: "text", inputmode: "decimal", "aria-label": `Your answer for ${asked.name}`, onkeydown: (event) => event.key === "Enter" && tell() });
    const verdict = h("p", { role: "status" });
    const reveal = () => {
      this.revealed.add(stage.key);
      this.draw();
    };
    const tell = () => {
      const typed = Number(answer.value.trim().replace("−", "-").replace(",", "."));
      if (answer.value.trim() === "" || Number.isNaN(typed)) {
        verdict.textContent = "Type a number, such as 0.25 or −1.2e−3.";
        return;
      }
      const judged = judge(asked, typed);
      if (judged.right) {
        reveal();
        this.body.append(h("p", { class: "why good", role: "status", text: `Right. ${asked.sum}` }));
        return;
      }
      const says = judged.says ? [h("b", { class: "mark", text: "Not yet. " }), judged.says] : [h("b", { class: "mark", text: "Not right" }), ". The correct calculation:"];
      verdict.replaceChildren(...says, h("br"), asked.sum);
    };
    return h(
      "div",
      { class: "quiz" },
      h("p", { text: typeset(`What is ${asked.name}? An answer within 1 % counts as right.`) }),
      h("div", { class: "row" }, answer, button("Check", tell), button("Show it", reveal)),
      verdict,
    );
  }

  render(changed) {
    const drawing = this.store.state.drawing || this.store.state.training;
    const relevant = ["theta", "sample", "layer", "neuron", "row", "column", "stage", "predict", "theme", "all", "drawing", "training"].some((name) => changed.has(name));
    if (!relevant) return;
    // while the pen or the training runs, ten times per second is enough to read, and leaves time for both
    if (drawing && performance.now() - (this.drawnAt || 0) < 100) {
      clearTimeout(this.later);
      this.later = setTimeout(() => this.draw(), 120);
      return;
    }
    clearTimeout(this.later);
    this.drawnAt = performance.now();
    this.draw();
  }
}

function phaseOf(key) {
  if (["inputs", "weighted_sum", "activation", "output"].includes(key)) return "forward";
  return key === "update" || key === "loss_after" ? "update" : "backward";
}
