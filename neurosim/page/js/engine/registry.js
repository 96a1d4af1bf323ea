// Names for things: an activation, a loss, an optimizer … is found by its key, and made from its config.

// What a config {name: key, setting: value, …} describes, from a table key -> class.
// A key that the page does not know is an error that names it: nothing is guessed.
export function create(kind, table, config) {
  const { name, ...settings } = typeof config === "string" ? { name: config } : config;
  if (!Object.hasOwn(table, name)) {
    throw new Error(`This page does not know the ${kind} "${name}". It knows ${Object.keys(table).join(", ")}.`);
  }
  const made = new table[name](settings);
  made.key = name;
  return made;
}
