// A stage of the walk as rows: names, the arithmetic with its numbers, and the results, with aligned points.

import { number, typeset } from "../engine/numbers.js";
import { toldBy } from "../sentences.js";
import { alignPoints, h, signedBar } from "./dom.js";

const TERMS = ["term", "feature", "gradient", "share", "place", "loss term", "output gradient", "output delta", "output", "term above", "bias", "rest"];
const JOINED = ["setting", "state", "state of bias"];
const DRAWN = { before: [], arithmetic: true, after: [] };

/** Return rows in reading order: the rest follows the terms, then bias and result. */
function inOrder(stage) {
  const bias = stage.rows.filter((row) => row.role === "bias");
  const first = stage.rows.filter((row) => row.role !== "bias");
  return [...first, stage.rest, ...bias, stage.result].filter(Boolean);
}

/** Return whether a row ends a sum over places: the next rows are not part of it. */
function closes(row) {
  return row.role === "gradient of filter";
}

function isRest(row) {
  return row.role === "rest" || row.role === "rest of places";
}

function isTerm(row) {
  return row.value !== null && (TERMS.includes(row.role) || isRest(row) || closes(row) || (row.role === "result" && !row.name.includes("->")));
}

/**
 * Return the nodes of a stage. `hidden` is a row whose value the learner has to find first.
 * @param inWords whether the rows from the layers above are told in the sentences of the walk, as for a filter
 */
export function stageRows(stage, hidden, inWords = false) {
  const lead = leadOf(stage);
  const nodes = lead ? [h("p", { class: "said", text: lead })] : [];
  let group = [];
  const flush = () => {
    if (group.length) nodes.push(group[0].joined ? joinedLine(group.map((each) => each.row)) : termTable(group.map((each) => each.row), hidden, stage));
    group = [];
  };
  const say = (sentences) => {
    if (sentences.length) flush();
    nodes.push(...sentences.map((each) => h("p", { class: "said", text: typeset(each) })));
  };
  for (const row of inOrder(stage)) {
    const joined = JOINED.includes(row.role) ? row.role : "";
    const term = isTerm(row) && stage.key !== "loss_after";
    const { before, arithmetic, after } = row === hidden ? DRAWN : told(stage, row, inWords);
    say(before);
    if (!arithmetic) continue;
    if (!joined && !term) {
      flush();
      nodes.push(isInWords(row, inWords) ? h("p", { class: "said", text: typeset(row.line.trim()) }) : line(row, hidden, stage));
      say(after);
      continue;
    }
    if (group.length && group[0].joined !== joined) flush();
    group.push({ row, joined });
    if (closes(row)) flush();
    say(after);
  }
  flush();
  return nodes;
}

function isInWords(row, inWords) {
  return inWords && row.role.endsWith("above");
}

/** Return what a row says beside its arithmetic. */
function told(stage, row, inWords) {
  if (isInWords(row, inWords) || stage.key === "loss_after" || (stage.key === "downstream" && row === stage.result)) return DRAWN; // said elsewhere
  return toldBy(row);
}

/** Return the words before the result of the downstream stage: at an output neuron, they say where it comes from. */
function leadOf(stage) {
  if (stage.key !== "downstream" || !stage.result) return "";
  const words = stage.result.line.split(stage.result.name)[0].trim();
  return words && `${words[0].toUpperCase()}${words.slice(1)}`;
}

/** When a stage opens: let the number of each term fly into the sum of its table, once. */
export function flyIntoSums(body) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const sum of body.querySelectorAll(".terms .result .value")) {
    const to = sum.getBoundingClientRect();
    for (const term of sum.closest("table").querySelectorAll("tr:not(.result) .value")) {
      const from = term.getBoundingClientRect();
      const flying = h("i", { class: "flying", "aria-hidden": "true", "data-value": term.textContent });
      term.append(flying);
      const path = [{ transform: "none" }, { transform: `translate(${to.right - from.right}px, ${to.top - from.top}px)`, opacity: 0.3 }];
      flying.animate(path, { duration: 200, easing: "ease-in" }).onfinish = () => flying.remove();
    }
    sum.animate([{ opacity: 0 }, { opacity: 0, offset: 0.8 }, { opacity: 1 }], { duration: 250 });
  }
}

/** Make a table of terms. Bars stand beside the numbers only if there is room, and no picture shows them. */
function termTable(rows, hidden, stage) {
  const limit = Math.max(...rows.map((row) => Math.abs(row.value)), 1e-300);
  const signed = rows.some((row) => row.value < 0);
  const values = alignPoints(rows.map((row) => (row === hidden ? "?" : typeset(number(row.value)))));
  const sums = rows.map((row) => (row.substituted && !closes(row) && (row.formula || row === hidden) ? `${typeset(row.substituted).replaceAll("× ", "×\u00a0")}\u00a0=` : ""));
  const bars = sums.some(Boolean) || stage.key === "gradients" ? "" : "42%";
  return h(
    "table",
    { class: "bars terms" },
    rows.map((row, k) =>
      h(
        "tr",
        { class: row.role === "result" || closes(row) ? "result" : isRest(row) ? "quiet" : "" },
        h("th", { scope: "row", title: row.name, text: isRest(row) ? `${row.name} (${row.factors.count.toLocaleString("en")})` : typeset(row.name) }),
        sums.some(Boolean) ? h("td", { class: "sum", text: sums[k] }) : null,
        h("td", { class: "value", text: values[k] }),
        bars && h("td", { class: "bar", style: { width: bars } }, row === hidden ? "" : signedBar(row.value, limit, { signed, plain: row.role === "result" || row.role === "output" })),
      ),
    ),
  );
}

function joinedLine(rows) {
  const start = rows[0].role === "setting" ? "" : "before: ";
  return h("p", { class: "said muted", text: start + rows.map((row) => `${row.name} = ${typeset(number(row.value))}`).join(", ") });
}

/** Write a note, a line of an algorithm, or a change. */
function line(row, hidden, stage) {
  const value = row.value === null ? "" : typeset(number(row.value, row.name === "L" ? 6 : 5));
  const known = row !== hidden;
  if (row.role === "optimizer" || row.role === "gradient of it" || row.role.endsWith("above")) {
    return h(
      "dl",
      { class: "arithmetic" },
      h("dt", { text: row.formula ? `${row.name} = ${typeset(row.formula)}` : row.name }),
      h("dd", {}, row.substituted && typeset(row.substituted) !== value ? `= ${typeset(row.substituted)} ` : "", "= ", h("b", { text: known ? value : "?" })),
    );
  }
  if (row.role === "optimizer of bias") return h("p", { class: "said" }, `${row.name} = ${typeset(row.substituted)} = `, h("b", { text: value }));
  if (row.role === "change") {
    return h("p", { class: "said" }, `${row.name}: `, row.substituted ? `${typeset(row.substituted)} = ` : "", h("b", { text: known ? value : "?" }));
  }
  if (stage.key === "loss_after" && row.factors["L after"] !== undefined) {
    return h("p", { class: "said" }, "L = ", row.substituted ? `${typeset(row.substituted)} = ` : "", h("b", { text: value }));
  }
  if (row.value === null) return h("p", { class: "said pre", text: typeset(row.substituted || "") });
  return h("p", { class: "said" }, `${row.name} = `, row.substituted ? `${typeset(row.substituted)} = ` : "", h("b", { text: known ? value : "?" }));
}
