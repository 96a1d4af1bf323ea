// The registry of names: an activation, a loss or an optimizer is found by its key, and created from its config.

// Create the object that a config {name: key, setting: value, …} describes, from a table key -> class. An unknown key
// is an error with its name: nothing is guessed.
export function create(kind, table, config) {
  const { name, ...settings } = typeof config === "string" ? { name: config } : config;
  if (!Object.hasOwn(table, name)) {
    throw new Error(`This page does not know the ${kind} "${name}". It knows ${Object.keys(table).join(", ")}.`);
  }
  const made = new table[name](settings);
  made.key = name;
  return made;
}
