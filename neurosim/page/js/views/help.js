// Help: four hints for the first visit, the keys, and the notices of the page.

import { hasMaps } from "../maps.js";
import { button, h } from "./dom.js";

const IMAGE = "This image is the input of the network. Draw on it, or press Clear and draw your own. The prediction changes while you draw.";
const CIRCLES = "Each circle is a neuron, and its colour shows its activation. Point at one to see its numbers. Click it to open it.";
const FIRST = {
  image: [
    ["input", IMAGE],
    ["middle", "Each small image shows the weights of one neuron. Point at one to see its numbers for this input. Click it to open it."],
  ],
  filters: [
    ["input", IMAGE],
    ["middle", "Each filter looks at every place of the image with the same weights. Its feature map shows its activations. Point at a map to see where it looks. Click a place to open the filter there."],
  ],
  points: [
    ["input", "This point is the input of the network. Choose another one below the picture, and the prediction changes."],
    ["middle", CIRCLES],
  ],
  table: [
    ["input", "This row of features is the input of the network. Choose another row below, and the prediction changes."],
    ["middle", CIRCLES],
  ],
};
const LATER = [
  ["microscope", "This panel shows the arithmetic of the open neuron, stage by stage. Press “next →” and “← back” in it, or use the arrow keys."],
  ["timeline", "Drag along the timeline to see the network at earlier steps of its training. Press Play, at the top, to train it further on this page."],
];
const KEYS = [
  ["Tab", "go to the next control or panel"],
  ["arrow keys", "next neuron (network), next stage (neuron panel), next stored step (timeline), or move the drawing (pad)"],
  ["Enter", "in the network: open the neuron in the neuron panel"],
  ["Esc", "return to the network"],
  ["Delete", "on the drawing pad: clear it"],
  ["Space", "start or pause training, if no button is focused"],
  ["Ctrl+Z", "undo the latest change"],
  ["?", "open or close this help"],
];
const OF_MAPS = [["arrow keys", "on the large map below the network: open the filter at the next place"]];
const SEEN = "neurosim hints seen";

function seen() {
  try {
    return window.localStorage.getItem(SEEN) === "yes";
  } catch {
    return false; // a browser that stores nothing for files shows them again
  }
}

export class Help {
  constructor(store) {
    this.store = store;
    this.hint = document.getElementById("hint");
    this.panel = document.getElementById("help");
    this.notice = document.getElementById("notice");
    const { kind } = store.model.manifest.data;
    const convolves = store.network.layers.some(hasMaps);
    this.hints = [...(FIRST[convolves ? "filters" : kind] || FIRST.table), ...LATER];
    this.at = seen() ? this.hints.length : 0;
    this.text = h("p");
    this.next = button("Next hint", () => this.advance());
    this.hint.append(this.text, this.next, button("No more hints", () => this.dismiss()));
    const { data, made, settings } = store.model.manifest;
    const origin = [data.note, made && made.command ? `Made by ${made.command}, neurosim ${made.neurosim}, NumPy ${made.numpy}.` : "", settings && settings.epochs ? `Trained for ${settings.epochs} ${settings.epochs === 1 ? "epoch" : "epochs"}.` : ""];
    this.panel.append(
      h("h2", { id: "help-title", text: "Help" }),
      h("p", { text: "This page shows every number of a neural network: in its input, its layers, its neurons and its training. Your browser computes everything; the page needs no internet connection." }),
      h("dl", {}, [...KEYS, ...(convolves ? OF_MAPS : [])].flatMap(([key, what]) => [h("dt", { text: key }), h("dd", { text: what })])),
      h("p", { class: "muted", text: `Data: ${data.name}. ${origin.filter(Boolean).join(" ")}` }),
      ...(store.model.glossary.isEmpty ? [] : [button("Explain the words", null, { "data-term": "", "aria-haspopup": "dialog" }), " "]),
      button("Show the hints again", () => this.again()),
      " ",
      button("Close help", () => store.set({ help: false })),
    );
    this.drawHint();
  }

  advance() {
    this.at += 1;
    if (this.at >= this.hints.length) this.dismiss();
    else this.drawHint();
  }

  dismiss() {
    this.at = this.hints.length;
    try {
      window.localStorage.setItem(SEEN, "yes");
    } catch {
      // nothing is stored for files here: the hints return next time
    }
    this.drawHint();
  }

  again() {
    this.at = 0;
    this.drawHint();
  }

  drawHint() {
    for (const panel of document.querySelectorAll(".hinted")) panel.classList.remove("hinted");
    this.hint.hidden = this.at >= this.hints.length;
    if (this.hint.hidden) return;
    const [panel, text] = this.hints[this.at];
    document.getElementById(panel).classList.add("hinted");
    this.text.textContent = `Hint ${this.at + 1} of ${this.hints.length}. ${text}`;
    this.next.hidden = this.at === this.hints.length - 1;
  }

  render(changed) {
    if (changed.has("help") || changed.has("all")) this.panel.hidden = !this.store.state.help;
    if (changed.has("note") || changed.has("all")) this.notice.textContent = this.store.state.note;
  }
}
