// The input of the network: the sample, large; the pad to draw on; and the samples to choose from.

import { short } from "../engine/numbers.js";
import { hasMaps } from "../maps.js";
import { button, check, choice, h, signedBar, explain } from "./dom.js";
import { Outline } from "./outline.js";
import { Pad } from "./pad.js";
import { paintInk } from "./paint.js";
import { Scatter } from "./scatter.js";
import { verdict } from "./verdict.js";

const wide = matchMedia("(min-width: 700px)"); // three rows of samples beside the network, two on a phone
const thumbs = () => (wide.matches ? 15 : 18);

export class InputView {
  constructor(root, store) {
    this.root = root;
    this.store = store;
    this.model = store.model;
    this.subtitle = h("span", { class: "muted" });
    root.querySelector("h2").replaceChildren("Input", this.subtitle);
    const body = h("div");
    this.label = h("div", { class: "classes", role: "group", "aria-label": "Label of the input" });
    this.reading = h("p", { class: "reading", "aria-hidden": "true" }); // for a screen on which the network is out of sight, where it is announced
    root.append(body, this.reading, this.label);
    this.makePicture(body);
    this.filter = { class: "all", misread: false, page: 0 };
    root.append(this.makePicker());
    explain(root.querySelector("h2"), this.explanation(), store.model.glossary);
    this.listen();
    wide.addEventListener("change", () => this.render(new Set(["all"])));
  }

  /**
   * Take files that are dropped or pasted anywhere. Otherwise the browser would leave the page, and all changes would
   * be lost.
   */
  listen() {
    const here = (event) => this.root.isConnected && !event.target.closest?.("input, textarea");
    document.addEventListener("dragover", (event) => here(event) && event.preventDefault());
    document.addEventListener("drop", (event) => {
      if (!here(event)) return;
      event.preventDefault();
      this.take([...event.dataTransfer.files]);
    });
    document.addEventListener("paste", (event) => here(event) && event.clipboardData.files.length && this.take([...event.clipboardData.files]));
  }

  take(files) {
    if (this.pad && files.length) this.pad.take(files);
    else this.store.set({ note: this.pad ? "Expected a picture file, received something else." : "This network does not take pictures." });
  }

  get isPicture() {
    return this.store.kind === "image";
  }

  makePicture(body) {
    const shape = this.store.shape;
    if (this.isPicture && [1, 3].includes(shape[2] || 1)) this.pad = new Pad(body, this.store);
    else if (this.isPicture) {
      this.picture = h("canvas", { role: "img", "aria-label": "the image, as the network receives it" });
      body.append(h("div", { id: "pad", style: { aspectRatio: `${shape[1]} / ${shape[0]}` } }, this.picture));
    } else if (this.store.kind === "points") this.scatter = new Scatter(body, this.store);
    else {
      this.features = h("table", { class: "bars" });
      body.append(h("div", { class: "scroll" }, this.features));
    }
    if (this.isPicture && this.store.network.layers.some(hasMaps)) this.outline = new Outline(body.querySelector("#pad"), this.store);
  }

  makePicker() {
    const classes = Array.from({ length: this.store.classes }, (_, k) => [k, this.store.className(k)]);
    this.byClass = choice("", [["all", "all classes"], ...classes], "all", (value) => this.refilter({ class: value }));
    this.byClass.list.setAttribute("aria-label", "Class of the samples shown");
    this.misread = check("misread only", false, (on) => this.refilter({ misread: on }), { title: this.model.glossary.meaning("misread") });
    this.thumbs = h("div", { id: "thumbs", class: this.isPicture ? "" : "plain", role: "group", "aria-label": "Samples" });
    this.where = h("span", { class: "muted" });
    this.back = button("‹", () => this.turn(-1), { class: "quiet", "aria-label": "Previous samples" });
    this.next = button("›", () => this.turn(1), { class: "quiet", "aria-label": "Next samples" });
    return h(
      "div",
      { class: "picker" },
      h("div", { class: "row" }, classes.length ? this.byClass.label : null, classes.length ? this.misread.label : null),
      this.thumbs,
      h("div", { class: "row" }, this.back, this.where, this.next),
    );
  }

  explanation() {
    const size = this.store.network.layers[0].nOut;
    const own = this.pad ? " Draw on the image, or press Clear and draw your own. The prediction changes while you draw." : "";
    const field = this.store.network.layers.some(hasMaps) ? " The outline is the receptive field of the unit that you point at, or of the open one." : "";
    const extra = this.model.mistakes ? " The extra samples are misread samples of the whole test set. Accuracy does not count them." : "";
    return `These ${size} numbers are the input of the network. They come from a test sample, which training did not use.${own} A red line below a sample means that it is misread.${extra}${field}`;
  }

  /** Say why the filter leaves no sample. */
  emptyText() {
    const of = this.filter.class === "all" ? "" : " of this class";
    return this.filter.misread ? `No sample${of} is misread.` : `This page holds no test samples${of}.`;
  }

  refilter(changes) {
    Object.assign(this.filter, changes, { page: 0 });
    this.drawPicker();
  }

  turn(by) {
    this.filter.page += by;
    this.drawPicker();
  }

  /** Return the rows that match the filter. The extra misread samples come last. */
  rows() {
    const { test } = this.model;
    const readings = this.store.readings();
    const rows = Array.from({ length: test.total }, (_, k) => k).filter((row) => {
      const label = test.label(row);
      const wrong = readings[row] !== label;
      return (this.filter.class === "all" || label === Number(this.filter.class)) && (!this.filter.misread || wrong);
    });
    return rows;
  }

  drawPicker() {
    const rows = this.rows();
    const pages = Math.max(1, Math.ceil(rows.length / thumbs()));
    this.filter.page = Math.min(Math.max(this.filter.page, 0), pages - 1);
    const first = this.filter.page * thumbs();
    const shown = rows.slice(first, first + thumbs());
    const readings = this.store.readings();
    this.thumbs.replaceChildren(...shown.map((row) => this.thumb(row, readings[row])));
    this.shown = shown;
    const extra = rows.filter((row) => row >= this.model.test.count).length;
    this.where.textContent = rows.length
      ? `${first + 1} to ${first + shown.length} of ${rows.length}${extra ? ` (${extra} extra)` : ""}`
      : this.emptyText();
    this.back.hidden = first === 0;
    this.next.hidden = first + shown.length >= rows.length;
    this.markThumb();
  }

  thumb(row, read) {
    const { test } = this.model;
    const label = test.label(row);
    const name = this.store.className(label);
    const wrong = this.store.classes > 0 && read !== label;
    const said = `test sample ${test.index(row)}, ${name}${wrong ? `, misread as ${this.store.className(read)}` : ""}`;
    const pick = () => this.store.chooseSample(row);
    const node = button("", pick, { "aria-label": said, title: said, class: wrong ? "misread" : "", "data-row": row });
    if (this.isPicture) node.append(paintInk(h("canvas"), this.store.pixels.of(test.raw(row)), this.store.shape));
    else node.append(`${test.index(row)}`);
    return node;
  }

  markThumb() {
    for (const node of this.thumbs.children) {
      const chosen = this.store.state.set === "test" && Number(node.dataset.row) === this.store.state.sample;
      node.setAttribute("aria-pressed", String(chosen));
    }
  }

  drawFeatures() {
    const { raw, featureNames } = this.store;
    const x = this.store.answer().layers[0].a;
    const limit = Math.max(...Array.from(x, Math.abs), 1e-12);
    this.features.replaceChildren(
      ...Array.from(x, (value, i) =>
        h(
          "tr",
          {},
          h("th", { scope: "row", text: featureNames[i] || `input ${i}` }),
          h("td", { class: "bar" }, signedBar(value, limit)),
          h("td", { text: short(raw[i]) }),
        ),
      ),
    );
  }

  drawLabel() {
    const { store } = this;
    const drawn = store.state.sample === null && store.classes > 0;
    this.label.hidden = !drawn;
    if (!drawn) return;
    this.label.replaceChildren(
      h("p", { class: "muted", style: { flexBasis: "100%" }, text: store.label === null ? "Which class is it? With a label, the walk goes on to the loss and the backward pass." : "Label:" }),
      ...Array.from({ length: store.classes }, (_, k) =>
        button(store.className(k), () => this.chooseLabel(k), { "aria-pressed": String(store.label === k) }),
      ),
    );
  }

  chooseLabel(k) {
    this.store.set({ drawnLabel: this.store.label === k ? null : k });
    this.store.tell("sample");
  }

  describe() {
    const { store } = this;
    if (store.state.sample === null) return this.pad ? "your drawing" : "your own point";
    const kept = store.state.set === "train" ? "training" : "test";
    const what = this.isPicture ? "image" : "sample";
    const label = store.label;
    const named = store.classes ? `, ${/^\d+$/.test(store.className(label)) ? (this.isPicture ? "a\u00a0" : "class\u00a0") : ""}${store.className(label)}` : "";
    return `${kept} ${what} ${store.sampleIndex}${named}`;
  }

  render(changed) {
    const { store } = this;
    if (!wide.matches && ["sample", "drawn", "set", "theta", "all"].some((name) => changed.has(name))) this.reading.replaceChildren(...verdict(store));
    if (["sample", "drawn", "set", "centre", "theme", "all"].some((name) => changed.has(name))) {
      this.subtitle.textContent = this.describe();
      if (this.pad) this.pad.render();
      else if (this.picture) paintInk(this.picture, store.pixels.of(store.raw), store.shape);
      else if (this.scatter) this.scatter.render();
      else this.drawFeatures();
      if (!store.state.drawing) this.drawLabel();
      this.markThumb();
    }
    if (this.outline && ["hover", "layer", "neuron", "row", "column", "sample", "theta", "drawing", "training", "network", "all"].some((name) => changed.has(name))) this.outline.render();
    if (changed.has("drawing") && !store.state.drawing) this.drawLabel();
    if (changed.has("theme") || changed.has("all") || (changed.has("theta") && !store.state.training) || changed.has("training")) {
      if (this.scatter && changed.has("theta")) this.scatter.render();
      if (!store.state.training) this.drawPicker();
    }
  }
}
