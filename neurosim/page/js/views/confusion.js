// The confusion matrix, and the samples behind each number; a click opens a sample.

import { button, h, explain } from "./dom.js";
import { paintInk } from "./paint.js";

const SHARES = ["#ffffff", "#fdd9b0", "#f19a4e", "#c4500a", "#7f2b04"].map((each) => [1, 3, 5].map((k) => parseInt(each.slice(k, k + 2), 16)));
const MOST = 48; // mistakes shown

export class Confusion {
  constructor(root, store) {
    this.store = store;
    this.chosen = null; // [label, read]
    this.table = h("table", { id: "confusion" });
    this.heading = h("h3", { style: { marginTop: "12px" } });
    this.mistakes = h("div", { id: "mistakes" });
    const head = h("p", { class: "muted", text: "Which class is read as which" });
    root.append(
      head,
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Confusion matrix" }, this.table),
      this.heading,
      this.mistakes,
    );
    explain(
      head,
      "Each row is a true class, and each column is a prediction. On the diagonal, the prediction is right. The numbers count the test samples on this page. " +
          "Press a number to see its samples. The list below also shows extra misread samples of the whole test set. The table does not count these.",
      store.model.glossary,
    );
  }

  draw() {
    const { store } = this;
    if (!store.classes) {
      this.heading.textContent = "This network predicts numbers, not classes, so it has no confusion matrix.";
      return;
    }
    const { confusion } = store.measure();
    const names = Array.from({ length: store.classes }, (_, k) => store.className(k));
    const most = Math.max(1, ...confusion.flatMap((row, k) => row.filter((_, j) => j !== k)));
    this.table.replaceChildren(
      h("caption", { class: "visually-hidden", text: "Rows: the true class. Columns: the prediction." }),
      h("thead", {}, h("tr", {}, h("th", { scope: "col", text: "label ↓ read as →" }), names.map((name) => h("th", { scope: "col", text: name })))),
      h("tbody", {}, confusion.map((row, label) => h("tr", {}, h("th", { scope: "row", text: names[label] }), row.map((count, read) => this.cell(count, label, read, most))))),
    );
    this.drawMistakes();
  }

  cell(count, label, read, most) {
    if (!count) return h("td", {}, h("span", { class: "muted", text: "·" }));
    if (label === read) return h("td", {}, button(String(count), () => this.choose(label, read), { style: { fontWeight: "650" }, "aria-label": `${count} of ${this.store.className(label)} read correctly` }));
    const share = (0.25 + 0.75 * (count / most)) * (SHARES.length - 1);
    const low = Math.min(Math.floor(share), SHARES.length - 2);
    const colour = SHARES[low].map((each, k) => Math.round(each + (share - low) * (SHARES[low + 1][k] - each)));
    const dark = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 140;
    return h(
      "td",
      {},
      button(String(count), () => this.choose(label, read), {
        style: { background: `rgb(${colour.join(" ")})`, color: dark ? "#ffffff" : "#1a1a1a" },
        "aria-label": `${count} of ${this.store.className(label)} read as ${this.store.className(read)}`,
      }),
    );
  }

  choose(label, read) {
    this.chosen = [label, read];
    this.drawMistakes();
  }

  drawMistakes() {
    const { store } = this;
    const { test } = store.model;
    const readings = store.readings();
    const rows = Array.from({ length: test.total }, (_, row) => row).filter((row) => {
      const [label, read] = [test.label(row), readings[row]];
      return this.chosen ? label === this.chosen[0] && read === this.chosen[1] : label !== read;
    });
    this.heading.replaceChildren(`${this.summary(rows)} `);
    if (this.chosen) {
      this.heading.append(button("show all misread samples", () => {
        this.chosen = null;
        this.drawMistakes();
      }, { class: "quiet" }));
    }
    this.mistakes.classList.toggle("named", Math.max(...Array.from({ length: store.classes }, (_, k) => store.className(k).length)) > 4);
    this.mistakes.replaceChildren(
      ...rows.slice(0, MOST).map((row) => {
        const said = `${store.className(test.label(row))} → ${store.className(readings[row])}`;
        const node = button("", () => store.chooseSample(row), { "aria-label": `test sample ${test.index(row)}, ${said}`, "aria-pressed": String(store.state.sample === row) });
        if (store.kind === "image") node.append(paintInk(h("canvas"), store.pixels.of(test.raw(row)), store.shape));
        node.append(said);
        return node;
      }),
    );
  }

  /** Count the samples shown: how many are not in the table, and how many are drawn. */
  summary(rows) {
    const { store, chosen } = this;
    const samples = (kind) => `${rows.length || "no"} ${kind}sample${rows.length === 1 ? "" : "s"}`;
    const extra = rows.filter((row) => row >= store.model.test.count).length;
    const what = chosen ? `${store.className(chosen[0])} read as ${store.className(chosen[1])}: ${samples("")}` : samples("misread ");
    const outside = extra ? `, ${extra} of them extra (not in the table)` : "";
    return rows.length || chosen ? `${what}${outside}${rows.length > MOST ? `; the first ${MOST} are shown` : ""}` : "No sample is misread.";
  }

  render(changed) {
    if (this.store.state.training && performance.now() - (this.at || 0) < 500) return;
    if (!["theta", "tab", "theme", "network", "sample", "training", "all"].some((name) => changed.has(name))) return;
    this.at = performance.now();
    if (changed.has("sample") && changed.size <= 3 && this.store.classes && !changed.has("theta")) this.drawMistakes();
    else this.draw();
  }
}

