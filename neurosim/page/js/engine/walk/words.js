// The words of the walk, which the manifest takes from neurosim/walk/words.py: no sentence is written twice.

export const words = {};
export const formulas = { optimizer: {}, loss: {}, regularizer: {} };

// Take the tables of a manifest.
export function useWords(tables, equations) {
  Object.assign(words, tables);
  Object.assign(formulas, equations);
}

// Return the key of the template for a count of one, or for any other count.
export function plural(key, count) {
  return `${key}.${count === 1 ? "one" : "many"}`;
}
