// Loss and accuracy over the steps, with a cursor that can be dragged to any stored step.

import { percent, short } from "../engine/numbers.js";
import { h, s, explain } from "./dom.js";

const TALL = { height: 104, loss: [44, 38], accuracy: [86, 36], ticks: true };
const THIN = { height: 56, loss: [24, 20], accuracy: [50, 20], ticks: false }; // a strip at the bottom of a narrow screen

export class Timeline {
  constructor(root, store) {
    this.store = store;
    this.subtitle = h("span", { class: "muted" });
    root.querySelector("h2").replaceChildren("Timeline", this.subtitle);
    this.svg = s("svg", { height: TALL.height, "aria-hidden": "true" });
    this.box = h(
      "div",
      {
        id: "curves", tabindex: "0", role: "slider", "aria-label": "Step of the training",
        onpointerdown: (event) => this.begin(event),
        onpointermove: (event) => event.buttons && this.follow(event),
        onkeydown: (event) => this.key(event),
      },
      this.svg,
    );
    const rounded = store.moments.some((each) => each.rounded) ? " The steps between the first and the last are stored in half precision (float16)." : "";
    const anew = "The optimizer starts anew, without a memory of earlier gradients, except at the last step of the file and at steps trained on this page.";
    const left = store.model.manifest.left_out || [];
    root.append(this.box);
    explain(
      root.querySelector("h2"),
      "Loss and accuracy on the test samples on this page, at each stored step. The axis of the steps is logarithmic. " +
          (store.losses.length ? "The thin line is the loss of each training batch. " : "") +
          `Drag the cursor, or use the arrow keys, to go to a step. All panels then show the network at that step. If you change the network, the curves stay as they were until you train it. Training continues from there. ${anew}${rounded} ${left.join(" ")}`,
      store.model.glossary,
    );
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  begin(event) {
    this.box.setPointerCapture(event.pointerId);
    this.follow(event);
  }

  follow(event) {
    if (this.store.state.training || !this.scale) return;
    const box = this.box.getBoundingClientRect();
    const at = event.clientX - box.left;
    const nearest = this.store.moments.reduce((best, each) => (Math.abs(this.scale(each.step) - at) < Math.abs(this.scale(best.step) - at) ? each : best));
    this.store.gotoMoment(nearest);
  }

  key(event) {
    const { moments, state } = this.store;
    const at = moments.indexOf(this.store.momentAt(state.step));
    const to = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, Home: 0, End: moments.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (!state.training) this.store.gotoMoment(moments[Math.min(Math.max(to, 0), moments.length - 1)]);
  }

  draw() {
    const { store } = this;
    const width = this.box.clientWidth;
    if (!width) return;
    const shape = window.innerWidth < 700 ? THIN : TALL;
    this.svg.setAttribute("height", shape.height);
    const [[lossZero, lossTall], [base, accuracyTall]] = [shape.loss, shape.accuracy];
    const points = [...store.points].map(([step, each]) => ({ step, ...each })).sort((one, other) => one.step - other.step);
    const last = Math.max(store.state.step, ...store.moments.map((each) => each.step), 1);
    const [left, right] = [8, width - 124];
    const scale = (step) => left + (Math.log1p(step) / Math.log1p(last)) * (right - left);
    this.scale = scale;
    const highest = Math.max(...[...points, ...store.losses].map((each) => each.loss).filter(Number.isFinite), 1e-9);
    const here = points.find((each) => each.step === store.state.step);
    const lossY = (loss) => lossZero - Math.min(loss / highest, 1) * lossTall;
    const accuracyY = (accuracy) => base - accuracy * accuracyTall;
    const curve = (y, name, colour, dash) =>
      s("polyline", { points: points.filter((each) => Number.isFinite(each[name])).map((each) => `${scale(each.step).toFixed(1)},${y(each[name]).toFixed(1)}`).join(" "), fill: "none", stroke: colour, "stroke-width": 2, "stroke-dasharray": dash });
    const x = scale(store.state.step);
    const edited = store.state.edited ? " (changed; the curves are not)" : "";
    const accuracy = store.classes ? [curve(accuracyY, "accuracy", "var(--good)", "5 2"), s("text", { x: right + 12, y: base - 10, style: "fill:var(--good)" }, here ? `accuracy ${percent(here.accuracy)}` : "accuracy")] : [];
    this.svg.replaceChildren(
      s("line", { x1: left, x2: right, y1: lossZero, y2: lossZero, stroke: "var(--faint)" }),
      s("line", { x1: left, x2: right, y1: base, y2: base, stroke: "var(--faint)" }),
      s("polyline", { class: "batches", points: store.losses.map((each) => `${scale(each.step).toFixed(1)},${lossY(each.loss).toFixed(1)}`).join(" "), fill: "none", stroke: "var(--blue)", "stroke-width": 1, opacity: 0.45 }),
      curve(lossY, "loss", "var(--blue)"),
      ...(shape.ticks && store.losses.length ? [s("text", { x: right + 12, y: lossZero + 6, style: "fill:var(--muted)" }, "thin: batches")] : []),
      ...accuracy,
      ...store.moments.map((each) => s("line", { x1: scale(each.step), x2: scale(each.step), y1: base - 3, y2: base + 3, stroke: "var(--axis)" })),
      ...(shape.ticks ? this.ticks(last, scale) : []).map((step) => s("text", { x: scale(step), y: 102, "text-anchor": step === 0 ? "start" : "middle", style: "fill:var(--muted)" }, step.toLocaleString("en"))),
      s("line", { x1: x, x2: x, y1: 2, y2: base, stroke: "var(--mark)", "stroke-width": 2.5 }),
      s("circle", { cx: x, cy: base, r: 6, fill: "var(--mark)" }),
      s("text", { x: right + 12, y: lossZero - 12 + (shape.ticks ? 0 : 6), style: "fill:var(--blue)" }, here ? `loss ${short(here.loss)}` : "loss"),
    );
    this.subtitle.textContent = `step ${store.state.step.toLocaleString("en")}${edited}`;
    const at = store.moments.indexOf(store.momentAt(store.state.step));
    for (const [name, value] of Object.entries({
      valuemin: 0, valuemax: Math.max(store.moments.length - 1, 0), valuenow: at,
      valuetext: `step ${store.state.step} of ${last}${here ? `, loss ${short(here.loss)}` : ""}`,
    })) this.box.setAttribute(`aria-${name}`, String(value));
  }

  /** Return powers of ten and the last step, far enough from each other that their numbers do not touch. */
  ticks(last, scale) {
    const found = [];
    for (const step of [last, 0, 1, 10, 100, 1000, 10000, 100000, 1e6]) {
      if (step <= last && found.every((each) => Math.abs(scale(each) - scale(step)) > 52)) found.push(step);
    }
    return found;
  }

  render(changed) {
    if (["moments", "step", "points", "theme", "edits", "all"].some((name) => changed.has(name))) this.draw();
  }
}
