// The unit that is pointed at, and what it looks at.

import { fieldsOf, hasMaps, mapOf } from "./maps.js";

/** The unit under the pointer or the keyboard, else the one that is open; without a place where it has none. */
export function pointedAt(store) {
  const { hover, layer, neuron } = store.state;
  if (!hover) return { layer, neuron, ...store.place() };
  if (hover.row !== undefined || !hasMaps(store.layer(hover.layer))) return hover;
  return hover.layer === layer && hover.neuron === neuron ? { ...hover, ...store.place() } : { ...hover, ...loudest(store, hover) };
}

/** The place at which a map is largest. */
function loudest(store, { layer, neuron }) {
  const map = mapOf(store.layer(layer), store.answer().layers[layer].a, neuron);
  const at = map.reduce((best, each, k) => (each > map[best] ? k : best), 0);
  const width = store.layer(layer).outShape[1];
  return { row: Math.floor(at / width), column: at % width };
}

/** What it depends on of the images below it, as of `fieldsOf`; null where it has no place. */
export function fieldsPointedAt(store) {
  const unit = pointedAt(store);
  return unit.row === undefined ? null : fieldsOf(store.network.layers, unit);
}
