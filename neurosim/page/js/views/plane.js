// The plane of two inputs, with the decision boundary, one map per hidden neuron, and buttons that add and remove
// layers.

import { button, h, explain } from "./dom.js";
import { largest, paintSigned } from "./paint.js";
import { overPlane, Scatter } from "./scatter.js";

const GRID = 24; // cells of a neuron's map, along each side
const MOST = 64; // maps of a layer, at most

export class Plane {
  constructor(root, store, session) {
    this.store = store;
    this.session = session;
    this.large = h("div", { id: "plane-large" });
    this.maps = h("div", { class: "maps" });
    const head = h("p", { class: "muted", text: "The prediction at each place, and the activation of each hidden neuron" });
    root.append(head, h("div", { id: "plane" }, this.large, this.maps));
    explain(
      head,
      "Each place in the square is an input of two numbers. Its colour is the predicted class; a stronger colour means a higher probability. Circles and squares are the samples. " +
          "Each small map shows the activation of one hidden neuron: red is above zero, blue is below. Together they form the decision boundary. Click a place to use it as the input.",
      store.model.glossary,
    );
    this.scatter = new Scatter(this.large, store);
  }

  get hidden() {
    return this.store.visibleLayers().slice(0, -1);
  }

  change(widths) {
    this.session.chooseHidden(widths);
  }

  drawMaps() {
    const { store } = this;
    const widths = this.hidden.map((layer) => layer.nOut);
    const cells = store.remember("maps", () =>
      overPlane(store, this.scatter.span, GRID, (raw) => {
        store.network.forward(raw);
        return this.hidden.map((layer) => layer.a.slice());
      }),
    );
    this.maps.replaceChildren(
      ...this.hidden.map((layer, k) => {
        const limit = Math.max(...cells.map((each) => largest(each[k])));
        const tiles = Array.from({ length: Math.min(layer.nOut, MOST) }, (_, j) => {
          const chosen = store.state.layer === layer.index && store.state.neuron === j;
          const node = button("", () => store.select(layer.index, j), { "aria-label": `layer ${layer.index}, neuron ${j}`, "aria-pressed": String(chosen) });
          node.append(paintSigned(h("canvas"), cells.map((each) => each[k][j]), [GRID, GRID], limit));
          return node;
        });
        const resize = (by) => this.change(widths.map((width, each) => (each === k ? width + by : width)));
        const room = (text, by, allowed) => {
          const made = button(text, () => resize(by), { "aria-label": by > 0 ? `Add a neuron to layer ${layer.index}` : `Remove a neuron from layer ${layer.index}` });
          made.disabled = !allowed;
          return made;
        };
        return h("div", {}, h("div", { class: "row" }, h("span", { text: `layer ${layer.index}: ${layer.nOut} ${layer.nOut === 1 ? "neuron" : "neurons"}` }), room("−", -1, layer.nOut > 1), room("+", 1, layer.nOut < 64)), h("div", { class: tiles.length > 8 ? "map-row many" : "map-row" }, tiles));
      }),
      h(
        "div",
        { class: "row" },
        button("Add a hidden layer", () => this.change([...widths, Math.min(widths[widths.length - 1] || 8, 8)])),
        widths.length ? button("Remove the last one", () => this.change(widths.slice(0, -1))) : null,
      ),
      h("p", { class: "muted", text: "A change of the layers starts a new network with new weights at step 0. Press Play to train it." }),
    );
  }

  render(changed) {
    if (!["theta", "sample", "tab", "layer", "neuron", "theme", "network", "training", "all"].some((name) => changed.has(name))) return;
    const { training } = this.store.state;
    if (training && performance.now() - (this.at || 0) < 60) return;
    this.at = performance.now();
    this.scatter.render();
    this.drawMaps();
  }
}
