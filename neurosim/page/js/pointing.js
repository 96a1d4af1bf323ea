// The unit under the pointer, and its receptive field.

import { fieldsOf, hasMaps, mapOf } from "./maps.js";

/** Return the unit under the pointer or the keyboard, else the open one; without a place if it has none. */
export function pointedAt(store) {
  const { hover, layer, neuron } = store.state;
  if (!hover) return { layer, neuron, ...store.place() };
  if (hover.row !== undefined || !hasMaps(store.layer(hover.layer))) return hover;
  return hover.layer === layer && hover.neuron === neuron ? { ...hover, ...store.place() } : { ...hover, ...loudest(store, hover) };
}

/** Return the place at which a map is largest. */
function loudest(store, { layer, neuron }) {
  const map = mapOf(store.layer(layer), store.answer().layers[layer].a, neuron);
  const at = map.reduce((best, each, k) => (each > map[best] ? k : best), 0);
  const width = store.layer(layer).outShape[1];
  return { row: Math.floor(at / width), column: at % width };
}

/** Return its receptive field in the images below, as `fieldsOf` does; null if it has no place. */
export function fieldsPointedAt(store) {
  const unit = pointedAt(store);
  return unit.row === undefined ? null : fieldsOf(store.network.layers, unit);
}
