// The effect of the learner's changes: accuracy before and after, per class, and the list to undo.

import { percent, short } from "../engine/numbers.js";
import { hasMaps } from "../maps.js";
import { link, pageAsFile, weightsAsJson } from "../save.js";
import { button, h, offerFile, s, explain } from "./dom.js";

export class Changes {
  constructor(root, store, session) {
    this.store = store;
    this.session = session;
    this.subtitle = h("span", { class: "muted" });
    this.name = h("span");
    root.querySelector("h2").replaceChildren(this.name, this.subtitle);
    this.classes = s("svg", { height: 44, role: "img" });
    this.says = h("p", { "aria-live": "polite" });
    this.list = h("ol", { id: "edits", tabindex: "0", "aria-label": "Your changes, latest first" });
    this.undo = button("Undo", () => session.undo(), { title: "Undo the latest change (Ctrl+Z)" });
    this.linkButton = button("Copy link", () => this.copy(), { title: "Copy an address that opens this neuron, sample, stage and step" });
    root.append(
      h("div", { id: "per-class" }, this.classes),
      h(
        "div",
        { class: "row" },
        this.undo,
        button("Save page", () => this.savePage(), { title: "Save this page as a file, with the current network" }),
        button("Weights as JSON", () => offerFile(`${store.model.manifest.data.name}-weights.json`, weightsAsJson(store), "application/json"), { title: "Save all weights and biases, layer by layer" }),
        this.linkButton,
      ),
      this.says,
      this.list,
    );
    explain(
      root.querySelector("h2"),
      `Accuracy on the ${store.model.test.count} test samples on this page.${store.model.mistakes ? " The extra misread samples do not count." : ""} ` +
          "Each bar is one class. After your latest change, a green part shows what a class gained, and an outlined part what it lost. Undo reverses that change.",
      store.model.glossary,
    );
  }

  async copy() {
    const address = link(this.store);
    try {
      await navigator.clipboard.writeText(address);
      this.store.set({ note: "The link is copied. It opens this neuron, sample, stage and step in this file." });
    } catch {
      this.store.set({ note: `The browser does not allow this page to copy. The link is in the address bar: ${address.slice(address.indexOf("#"))}` });
    }
  }

  savePage() {
    offerFile(`neurosim-${this.store.model.manifest.data.name}-step-${this.store.state.step}.html`, pageAsFile(this.store), "text/html");
  }

  draw() {
    const { store } = this;
    const { undo } = store;
    const now = this.session.measured();
    const last = undo.last;
    const kind = hasMaps(store.layer()) ? "filter" : "neuron";
    if (last && !store.state.training) last.after = now;
    this.name.textContent = store.classes ? `Test accuracy ${percent(now.accuracy)}` : `Test loss ${short(store.measure().loss)}`;
    const { count, total } = store.model.test;
    this.subtitle.textContent = total > count ? `${count} samples, without the ${total - count} extra ones` : `${count} samples on this page`;
    if (store.classes) this.drawClasses(now.perClass, last ? last.before.perClass : null);
    else this.classes.parentNode.hidden = true;
    this.says.replaceChildren(...(last && last.after ? effect(store, last) : [`No changes yet. Open a ${kind}, then press “Change this ${kind}” below its numbers.`]));
    this.says.className = last ? "" : "muted";
    this.list.hidden = undo.entries.length < 2;
    this.list.replaceChildren(...undo.entries.slice(0, -1).reverse().map((entry) => h("li", { class: "muted", text: entry.said })));
    this.undo.disabled = !undo.entries.length || store.state.training;
  }

  drawClasses(perClass, before) {
    const shown = perClass.slice(0, 20);
    const names = shown.map((_, k) => shortened(this.store.className(k)));
    const width = Math.max(30, 7.5 * Math.max(...names.map((name) => name.length)) + 12);
    const share = (each) => (each.count ? each.right / each.count : 0);
    this.classes.setAttribute("width", width * shown.length);
    this.classes.setAttribute("aria-label", `accuracy by class: ${shown.map((each, k) => `${this.store.className(k)} ${percent(share(each), 0)}`).join(", ")}`);
    this.classes.replaceChildren(
      ...shown.flatMap((each, k) => {
        const tall = 24 * share(each);
        const was = before ? 24 * share(before[k]) : tall;
        return [
          s("rect", { x: k * width, y: 26 - tall, width: width - 8, height: tall, fill: "var(--axis)" }),
          Math.abs(was - tall) > 0.1 ? s("rect", { x: k * width, y: 26 - Math.max(was, tall), width: width - 8, height: Math.abs(was - tall), fill: was > tall ? "none" : "var(--good)", stroke: was > tall ? "var(--mark)" : "none" }) : null,
          s("text", { x: k * width + (width - 8) / 2, y: 41, "text-anchor": "middle", style: "fill:var(--muted)" }, names[k]),
        ].filter(Boolean);
      }),
    );
  }

  render(changed) {
    if (!["theta", "edits", "sample", "theme", "network", "points", "training", "layer", "all"].some((name) => changed.has(name))) return;
    const { training } = this.store.state;
    // this runs the network on all test samples: while something moves, a few times per second is enough
    const wait = training ? 600 : this.store.undo.last && this.store.undo.last.open ? 120 : 0;
    clearTimeout(this.later);
    if (this.store.state.drawing || performance.now() - (this.at || 0) < wait) {
      this.later = setTimeout(() => this.render(new Set(["all"])), 130);
      return;
    }
    this.at = performance.now();
    this.draw();
  }
}

function shortened(text) {
  return text.length > 10 ? `${text.slice(0, 9)}…` : text;
}

/** Write a difference of two shares in percentage points. */
function points(by) {
  const count = Number((100 * by).toPrecision(2));
  return `${count} ${count === 1 ? "point" : "points"}`;
}

/** Describe before → after: this sample's loss, accuracy, and the class that gained the most, or else lost the most. */
function effect(store, { said, before, after }) {
  const parts = [h("b", { text: said }), ": "];
  const ofSample = before.loss !== null && after.loss !== null && before.sample === after.sample;
  if (ofSample) parts.push(`loss of this sample ${short(before.loss)} → ${short(after.loss)}${store.classes ? ", " : ""}`);
  if (store.classes) {
    parts.push(`accuracy ${percent(before.accuracy)} → ${percent(after.accuracy)}`);
    const better = after.accuracy > before.accuracy;
    const sign = better ? 1 : -1;
    const moves = after.perClass.map((each, k) => ({ k, by: before.perClass[k].count ? (sign * (each.right - before.perClass[k].right)) / before.perClass[k].count : 0 }));
    const most = moves.reduce((best, each) => (each.by > best.by ? each : best), { by: 0 });
    if (most.by > 0) parts.push(h("span", { class: better ? "good" : "mark", text: `; class ${store.className(most.k)} ${better ? "gained" : "lost"} the most: ${points(most.by)}` }));
  }
  return [...parts, "."];
}
