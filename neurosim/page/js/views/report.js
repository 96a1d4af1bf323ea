// The report card: one row per neuron, sortable; a click opens the neuron.

import { percent, short, typeset } from "../engine/numbers.js";
import { hasMaps } from "../maps.js";
import { reportCards } from "../report_card.js";
import { button, h, explain } from "./dom.js";

export class Report {
  constructor(root, store) {
    this.store = store;
    this.sort = { by: "lost", down: true };
    this.body = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Report card" });
    this.says = h("p", { class: "muted" });
    root.append(this.says, this.body);
    explain(
      this.says,
      "Each row describes one neuron, measured on the test samples on this page. Accuracy lost: how much accuracy falls if the neuron is ablated. " +
          "Strongest for: the class with the largest mean activation. Selectivity: 0 if all classes have the same mean activation, 1 if only one class activates the neuron. " +
          "Mean a: the mean activation. Off: the share of samples for which the neuron is off, so that it learns nothing from them; all, if it is ablated or clamped. Flat: the share for which it is not off, but its slope f'(z) is nearly 0. " +
          "Norm of w: the length of its weight vector, √Σ w². " +
          "Most similar: the neuron of its layer with the most similar activations, and their correlation. Click a heading to sort. Click a neuron to open it.",
      store.model.glossary,
    );
  }

  get columns() {
    const { store } = this;
    return [
      ["place", "neuron", (row) => this.nameOf(row), (row) => row.layer * 1e6 + row.neuron],
      ...(store.classes ? [["lost", "accuracy lost", (row) => typeset(percent(row.lost)), (row) => row.lost], ["strongest", "strongest for", (row) => (row.strongest === null ? "–" : store.className(row.strongest)), (row) => row.strongest ?? -1], ["selectivity", "selectivity", (row) => short(row.selectivity, 2), (row) => row.selectivity]] : []),
      ["mean", "mean a", (row) => short(row.mean), (row) => row.mean],
      ["dead", "off", (row) => percent(row.dead, 0), (row) => row.dead],
      ["saturated", "flat", (row) => percent(row.saturated, 0), (row) => row.saturated],
      ["norm", "norm of w", (row) => short(row.norm), (row) => row.norm],
      ["similar", "most similar", (row) => (row.similar === null ? "–" : `${row.similar} (${short(row.correlation, 2)})`), (row) => (Number.isNaN(row.correlation) ? -2 : row.correlation)],
    ];
  }

  /** Name a neuron as the network view does, an output by its class. On a narrow screen its kind is not shown. */
  nameOf({ layer, neuron }) {
    const { store } = this;
    const here = store.layer(layer);
    const ofClass = here.isOutput && store.classes && here.nOut > 1;
    const kind = ofClass ? "class" : hasMaps(here) ? "filter" : "neuron";
    const [where, name] = [here.isOutput ? "output" : `layer ${layer}`, ofClass ? store.className(neuron) : neuron];
    const node = button("", () => store.select(layer, neuron), { title: `${where}, ${kind} ${name}` });
    node.append(`${where}, `, h("span", { class: "kind", text: `${kind} ` }), String(name));
    return node;
  }

  /** Compute the rows of the current network, in pieces, so that the page stays responsive. */
  async compute() {
    const { store } = this;
    const { version } = store;
    this.version = version;
    const rows = [];
    const cards = reportCards(store.network.clone(), store.model.test, store.classes);
    let started = performance.now();
    const count = store.visibleLayers().reduce((sum, layer) => sum + layer.neuronCount, 0);
    const slow = store.network.layers.some(hasMaps);
    this.says.textContent = "Ablating one neuron after another …";
    for (const row of cards) {
      rows.push(row);
      if (performance.now() - started < 24) continue;
      await new Promise((resolve) => setTimeout(resolve));
      if (this.version !== version) return;
      if (slow) this.says.textContent = `Ablating one neuron after another: ${rows.length} of ${count} …`;
      started = performance.now();
    }
    this.rows = rows;
    this.draw();
  }

  draw() {
    const { store } = this;
    this.says.textContent = `${this.rows.length} neurons, measured on ${store.model.test.count} test samples at step ${store.state.step.toLocaleString("en")}.`;
    const { columns } = this;
    const [, , , value] = columns.find(([key]) => key === this.sort.by) || columns[0];
    const rows = [...this.rows].sort((one, other) => (this.sort.down ? -1 : 1) * (value(one) - value(other)) || one.layer - other.layer || one.neuron - other.neuron);
    const head = columns.map(([key, name]) =>
      h("th", { scope: "col", "aria-sort": this.sort.by === key ? (this.sort.down ? "descending" : "ascending") : "none" },
        button(`${name}${this.sort.by === key ? (this.sort.down ? " ↓" : " ↑") : ""}`, () => this.sortBy(key), { "data-key": key })),
    );
    const cells = (row) => columns.map(([, , text]) => h("td", {}, text(row)));
    this.body.replaceChildren(
      h("table", { class: "sheet" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows.map((row) => h("tr", { "data-place": `${row.layer}/${row.neuron}` }, cells(row))))),
    );
    this.mark();
  }

  sortBy(key) {
    this.sort = { by: key, down: this.sort.by === key ? !this.sort.down : key !== "place" };
    this.draw();
    this.body.querySelector(`[data-key="${key}"]`).focus();
  }

  mark() {
    const { layer, neuron } = this.store.state;
    for (const row of this.body.querySelectorAll("tbody tr")) row.classList.toggle("selected", row.dataset.place === `${layer}/${neuron}`);
  }

  render(changed) {
    if (this.store.state.training) return;
    if (this.version !== this.store.version) {
      clearTimeout(this.later);
      this.later = setTimeout(() => this.store.state.tab === "report" && this.compute(), this.rows ? 300 : 0);
    } else if (changed.has("layer") || changed.has("neuron")) this.mark();
  }
}
