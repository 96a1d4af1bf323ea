// The words of the walk, as the manifest brings them from neurosim/walk/words.py: nothing is said here a second time.

export const words = {};
export const formulas = { optimizer: {}, loss: {}, regularizer: {} };

// Take the tables of a manifest.
export function useWords(tables, equations) {
  Object.assign(words, tables);
  Object.assign(formulas, equations);
}

// The key of the template for one of a thing, or for any other count.
export function plural(key, count) {
  return `${key}.${count === 1 ? "one" : "many"}`;
}
