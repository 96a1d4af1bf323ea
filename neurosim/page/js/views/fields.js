// Fields for numbers: a number that is not accepted leaves a message, and the field shows the number in force again.

const LARGEST = { float32: 3.4028234663852886e38, float64: Number.MAX_VALUE };

/** Return the whole number in a field; null, with a message, if it is not one from `low` to `high`. */
export function wholeNumber(store, field, name, low, high) {
  const value = Number(field.value);
  const accepted = field.value.trim() !== "" && Number.isInteger(value) && value >= low && value <= high;
  return told(store, field, accepted ? value : null, `${name}: expected a whole number from ${low} to ${high.toLocaleString("en")}`);
}

/** Return the number in a field; null, with a message, if it is not one that the network can store. */
export function finiteNumber(store, field, name) {
  const value = Number(field.value);
  const accepted = field.value.trim() !== "" && Math.abs(value) <= LARGEST[store.network.dtype];
  return told(store, field, accepted ? value : null, `${name}: expected a finite number`);
}

/** Return the number above 0 in a field; null, with a message, if it is not one. */
export function numberAboveZero(store, field, name) {
  const value = Number(field.value);
  return told(store, field, value > 0 && Number.isFinite(value) ? value : null, `${name}: expected a number above 0`);
}

/** Return the value. The message stays until a value is accepted, or until the number in force is typed again. */
function told(store, field, value, expected) {
  const note = value === null ? `${expected}, received ${field.value.trim() || "nothing"}.` : "";
  store.set({ note });
  // a browser does not call it a change if a field holds the same number as before
  field.oninput = null;
  if (note) {
    queueMicrotask(() => {
      const inForce = Number(field.value); // the view has put it back into the field
      field.oninput = () => field.value.trim() !== "" && Number(field.value) === inForce && store.state.note === note && store.set({ note: "" });
    });
  }
  return value;
}
