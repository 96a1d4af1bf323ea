// Break a long line where Python's `textwrap` breaks it.

import { lengthOf } from "../numbers.js";

export const WIDTH = 79; // one less than a terminal has

// White space, a dash between words, or a word; a hyphen between letters may end a word.
const SPACE = "[\\t\\n\\v\\f\\r ]";
const IN_WORD = "[\\p{L}\\p{N}_!\"'&.,?]";
const LETTER = "[\\p{L}_]";
const CHUNK = new RegExp(
  `${SPACE}+|(?<=${IN_WORD})-{2,}(?=[\\p{L}\\p{N}_])|[^\\t\\n\\v\\f\\r ]+?(?:-(?:(?<=${LETTER}{2}-)|(?<=${LETTER}-${IN_WORD}-))` +
    `(?=${LETTER}-?${LETTER})|(?=${SPACE}|$)|(?<=${IN_WORD})(?=-{2,}[\\p{L}\\p{N}_]))`,
  "gu",
);

function wrapped(text, width, first, others) {
  const chunks = Array.from(text.replace(/[\t\n\v\f\r]/g, " ").matchAll(CHUNK), (found) => found[0]).reverse();
  const lines = [];
  while (chunks.length) {
    const indent = lines.length ? others : first;
    const room = width - indent.length;
    if (!chunks.at(-1).trim() && lines.length) chunks.pop();
    const line = [];
    let length = 0;
    while (chunks.length && length + lengthOf(chunks.at(-1)) <= room) {
      length += lengthOf(chunks.at(-1));
      line.push(chunks.pop());
    }
    if (chunks.length && lengthOf(chunks.at(-1)) > room) breakLong(chunks, line, room - length, room);
    if (line.length && !line.at(-1).trim()) line.pop();
    if (line.length) lines.push(indent + line.join(""));
  }
  return lines.join("\n");
}

// Break a chunk that fits on no line: take as much as fits, up to a hyphen if there is one.
function breakLong(chunks, line, left, width) {
  const space = width < 1 ? 1 : left;
  const letters = [...chunks.at(-1)];
  let end = space;
  if (letters.length > space) {
    const hyphen = letters.slice(0, space).lastIndexOf("-");
    if (hyphen > 0 && letters.slice(0, hyphen).some((letter) => letter !== "-")) end = hyphen + 1;
  }
  line.push(letters.slice(0, end).join(""));
  chunks[chunks.length - 1] = letters.slice(end).join("");
}

// Return a line, broken if it is too long for a terminal; further lines are indented by two more.
export function withinWidth(line) {
  if (lengthOf(line) <= WIDTH) return line;
  const indent = " ".repeat(lengthOf(line) - lengthOf(line.trimStart()));
  return wrapped(line.trimStart(), WIDTH, indent, `${indent}  `);
}
