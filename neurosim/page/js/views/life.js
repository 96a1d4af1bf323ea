// The weights of the open neuron at a few steps, from the first to the last.

import { hasMaps, weightShape } from "../maps.js";
import { h, explain } from "./dom.js";
import { imageShape, largest, overChannels, paintSigned, paintTiles } from "./paint.js";

export class Life {
  constructor(root, store) {
    this.store = store;
    this.root = root;
    this.moments = h("div", { id: "moments" });
    this.title = root.querySelector("h2");
    root.append(this.moments);
    explain(this.title, "The weights of the open neuron at several steps of training. All images use one colour scale: red is above zero, blue is below. Click an image to go to that step.", store.model.glossary);
    new ResizeObserver(() => this.draw()).observe(this.moments);
  }

  /** Choose evenly spaced steps, with the first and the last. */
  chosen() {
    const { moments } = this.store;
    const room = Math.max(2, Math.floor((this.moments.clientWidth + 8) / 60));
    const count = Math.min(room, moments.length, 10);
    if (count < 2) return moments.slice(-1);
    const chosen = Array.from({ length: count }, (_, k) => moments[Math.round((k * (moments.length - 1)) / (count - 1))]);
    // the current step is always shown, instead of the one before it
    const current = this.store.momentAt(this.store.state.step);
    if (!chosen.includes(current)) chosen[chosen.findLastIndex((each) => each.step < current.step)] = current;
    return chosen;
  }

  draw() {
    const { store } = this;
    if (!this.moments.clientWidth) return;
    const layer = store.layer();
    const { neuron } = store.state;
    const shape = layer.index === store.visibleLayers()[0].index && store.kind === "image" ? imageShape(store.shape, layer.nIn) : null;
    const tiles = weightShape(layer);
    this.title.textContent = `Weights of this ${hasMaps(layer) ? "filter" : "neuron"} by step`;
    const chosen = this.chosen();
    const all = chosen.map((moment) => store.weightsAt(moment, layer.index, neuron));
    const limit = Math.max(...all.map(largest));
    const current = store.momentAt(store.state.step);
    this.moments.replaceChildren(
      ...chosen.map((moment, k) => {
        const canvas = h("canvas", { "aria-hidden": "true" });
        if (tiles) paintTiles(canvas, all[k], tiles, { limit });
        else if (shape) paintSigned(canvas, overChannels(all[k], shape), shape, limit);
        else paintSigned(canvas, all[k], [1, all[k].length], limit);
        const at = moment === current;
        return h(
          "button",
          { type: "button", "aria-label": `step ${moment.step}`, "aria-current": at ? "step" : undefined, onclick: () => !store.state.training && store.gotoMoment(moment) },
          canvas,
          moment.step.toLocaleString("en"),
        );
      }),
    );
  }

  render(changed) {
    if (!["moments", "layer", "neuron", "step", "theme", "network", "all"].some((name) => changed.has(name))) return;
    if (this.store.state.training && performance.now() - (this.at || 0) < 200) return;
    this.at = performance.now();
    this.draw();
  }
}
