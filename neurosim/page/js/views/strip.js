// The weights and products of the neuron under the pointer, or of the open one.

import { short } from "../engine/numbers.js";
import { hasMaps, inputsOf, takesLargest, unitOf, weightShape } from "../maps.js";
import { pointedAt } from "../pointing.js";
import { h } from "./dom.js";
import { MapPicker } from "./map_picker.js";
import { imageShape, overChannels, paintSigned, paintTiles } from "./paint.js";

export class Strip {
  constructor(root, store) {
    this.store = store;
    this.picker = new MapPicker(store);
    this.pictures = h("div", { class: "looks" });
    this.said = h("div", { class: "said" });
    root.append(this.pictures, this.picker.node, this.said);
  }

  draw() {
    const { store } = this;
    const unit = pointedAt(store);
    const layer = store.layer(unit.layer);
    const isMap = hasMaps(layer);
    this.picker.node.hidden = !isMap;
    if (isMap) this.picker.draw(unit);
    this.pictures.replaceChildren(...(layer.W ? this.picturesOf(layer, unit) : []));
    this.said.replaceChildren(...this.words(layer, unit, isMap));
  }

  picturesOf(layer, unit) {
    // the whole walk would take longer than a frame, and the forward pass has all of these numbers
    const inputs = inputsOf(layer, this.store.answer().layers[layer.index - 1].a, unit);
    const weights = Float64Array.from(layer.neuronPart(layer.W, unit.neuron));
    const products = weights.map((w, i) => w * inputs[i]);
    return [this.picture(layer, weights, "weights w"), this.picture(layer, products, "products w x")];
  }

  picture(layer, values, name) {
    const { store } = this;
    const canvas = h("canvas");
    const shape = imageShape(store.shape, values.length);
    const tiles = weightShape(layer);
    if (tiles) paintTiles(canvas, values, tiles);
    else if (shape && store.kind === "image" && layer.index === store.visibleLayers()[0].index) paintSigned(canvas, overChannels(values, shape), shape);
    else paintSigned(canvas, values, [1, values.length]);
    return h("figure", {}, canvas, h("figcaption", { text: name }));
  }

  words(layer, unit, isMap) {
    const { store } = this;
    const { neuron } = unit;
    const { a, z } = store.answer().layers[layer.index];
    const at = unitOf(layer, unit);
    const value = layer.W ? store.heldAt(layer.index, neuron) : undefined;
    const held = [value === undefined ? "" : value ? `clamped to ${short(value)}` : "ablated", layer.W && store.isFrozen(layer.index, neuron) ? "frozen" : ""].filter(Boolean);
    const place = isMap ? [h("p", { text: `row ${unit.row}, column ${unit.column}` })] : [];
    if (!layer.W) {
      const { size } = layer.windows;
      return [
        h("p", {}, h("strong", { text: `a = ${short(a[at], 5)}` })),
        h("p", { text: `layer ${layer.index}, map ${neuron}` }),
        ...place,
        h("p", { class: "muted", text: `${takesLargest(layer) ? "the largest" : "the mean"} of ${size} × ${size} numbers of the map below` }),
      ];
    }
    const { key } = layer.activationOf(neuron);
    return [
      h("p", {}, h("strong", { text: `a = ${short(a[at], 5)}` })),
      h("p", { text: `layer ${layer.index}, ${isMap ? "filter" : "neuron"} ${neuron} (${key})${held.length ? `, ${held.join(", ")}` : ""}` }),
      ...place,
      h("p", { class: "muted", text: `z = ${short(z[at], 5)}${layer.b ? `, bias ${short(layer.b[neuron], 4)}` : ""}` }),
    ];
  }
}
