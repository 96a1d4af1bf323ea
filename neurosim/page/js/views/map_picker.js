// The map of one filter or channel, large: a click or the arrow keys choose the place to open.

import { mapOf, sourceOf, unitOf } from "../maps.js";
import { short } from "../engine/numbers.js";
import { h, s } from "./dom.js";
import { largest, paintInk, paintSigned } from "./paint.js";

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** Return the place of a map under a pointer, given the box that shows it. */
export function placeUnder(event, box, [height, width]) {
  const inside = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
  return { row: inside((event.clientY - box.top) / box.height, height), column: inside((event.clientX - box.left) / box.width, width) };
}

/** Open a unit. For a pooled unit, open the unit of the filters below that it represents. */
export function openUnit(store, unit) {
  let { layer, row, column } = unit;
  for (; layer > 0 && !store.layer(layer).W; layer--) {
    const here = store.layer(layer);
    if (here.windows && row !== undefined) ({ row, column } = sourceOf(here, store.answer().layers[layer - 1].a, { ...unit, row, column }));
  }
  store.select(layer, unit.neuron, row === undefined ? undefined : { row, column });
}

export class MapPicker {
  constructor(store) {
    this.store = store;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.mark = s("svg", { "aria-hidden": "true", preserveAspectRatio: "none" });
    this.caption = h("figcaption");
    this.box = h(
      "div",
      {
        class: "map-box", tabindex: "0", role: "group",
        onpointermove: (event) => store.set({ hover: { ...this.unit, ...this.under(event) } }),
        onpointerleave: () => store.set({ hover: null }),
        onclick: (event) => openUnit(store, { ...this.unit, ...this.under(event) }),
        onkeydown: (event) => this.key(event),
      },
      this.canvas,
      this.mark,
    );
    this.node = h("figure", { class: "map" }, this.box, this.caption);
  }

  get layer() {
    return this.store.layer(this.unit.layer);
  }

  under(event) {
    return placeUnder(event, this.box.getBoundingClientRect(), this.layer.outShape);
  }

  key(event) {
    const move = ARROWS[event.key];
    if (!move) return;
    const { layer, neuron } = this.store.state;
    const { row, column } = this.store.place() ?? { row: 0, column: 0 };
    this.store.select(layer, neuron, { row: row + move[0], column: column + move[1] });
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param unit {layer, neuron, row, column} */
  draw(unit) {
    this.unit = { layer: unit.layer, neuron: unit.neuron };
    const { layer } = this;
    const [height, width] = layer.outShape;
    const { a } = this.store.answer().layers[unit.layer];
    const map = mapOf(layer, a, unit.neuron);
    if (a.some((each) => each < 0)) paintSigned(this.canvas, map, [height, width], largest(a));
    else paintInk(this.canvas, map, [height, width], largest(a) || 1);
    this.box.style.aspectRatio = `${width} / ${height}`;
    this.mark.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const box = { x: unit.column, y: unit.row, width: 1, height: 1 };
    this.mark.replaceChildren(s("rect", { ...box, class: "halo" }), s("rect", box));
    this.caption.textContent = "its map";
    this.box.setAttribute("aria-label", `The feature map at row ${unit.row}, column ${unit.column}: a = ${short(a[unitOf(layer, unit)], 4)}. Arrow keys move to another place.`);
  }
}
