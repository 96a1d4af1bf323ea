// A stage of the walk: its rows, the rest of its terms, its result, the reason, and its text.

import { lengthOf, padEnd } from "../numbers.js";
import { fill } from "./formula.js";
import { inColumns, inText } from "./rows.js";
import { words } from "./words.js";
import { withinWidth } from "./wrap.js";

export class Stage {
  constructor(key, { rows = [], rest = null, result = null, why = "", names = {}, variant = "" } = {}) {
    Object.assign(this, { key, rows, rest, result, why, names, variant });
  }

  get title() {
    return fill(words.STAGES[this.key].title, this.names);
  }

  get formula() {
    return fill(words.STAGES[this.key][`formula${this.variant}`], this.names);
  }

  get heading() {
    return fill(words.STAGES[this.key].heading, { title: this.title, formula: this.formula });
  }

  // All its rows in reading order: the terms, then the rest, bias and result.
  get lines() {
    const first = this.rows.filter((row) => row.role !== "bias");
    const bias = this.rows.filter((row) => row.role === "bias");
    return [...first, this.rest, ...bias, this.result].filter((row) => row !== null);
  }

  // The rows as lines of text, as in the terminal.
  get text() {
    const said = [];
    for (const [role, rows] of byRole(this.lines)) {
      const form = words.IN_COLUMNS.includes(role) ? inColumns : inText;
      let width = -1;
      if (words.ALIGNED.includes(role)) {
        const names = this.rows.filter((row) => row.role === role).map((row) => lengthOf(row.name));
        width = Math.max(0, ...names);
      }
      let each = rows.map((row) => row.line(form, width < 0 ? null : padEnd(row.name, width)));
      const joined = words.JOINED[role];
      if (joined) each = [fill(joined.line, { items: each.join(joined.between) })];
      said.push(...each);
    }
    said.push(this.why.split(/\s+/).filter(Boolean).join(" "));
    const lines = said.filter(Boolean).flatMap((text) => text.split("\n"));
    return lines.map((line) => withinWidth(`  ${line}`)).join("\n");
  }

  // Return the stage in one line, for a picture.
  caption(form = inText) {
    return (this.result ?? this.rows[0]).caption(form);
  }

  toObject() {
    return {
      key: this.key,
      title: this.title,
      formula: this.formula,
      heading: this.heading,
      rows: this.rows.map((row) => row.toObject()),
      rest: this.rest && this.rest.toObject(),
      result: this.result && this.result.toObject(),
      why: this.why,
      text: this.text,
    };
  }
}

// Group neighbouring rows with the same role.
function byRole(rows) {
  const groups = [];
  for (const row of rows) {
    if (groups.length && groups.at(-1)[0] === row.role) groups.at(-1)[1].push(row);
    else groups.push([row.role, [row]]);
  }
  return groups;
}
