// The way in: four hints for the first visit, help with the keys, and what the page has to say.

import { hasMaps } from "../maps.js";
import { button, h } from "./dom.js";

const FIRST = {
  image: [
    ["input", "This picture goes into the network. Draw on it, or press Clear and draw your own: the answer follows the pen."],
    ["middle", "Each picture is what one neuron looks for. Point at one to see what it found in the input; click it to open it."],
  ],
  filters: [
    ["input", "This picture goes into the network. Draw on it, or press Clear and draw your own: the answer follows the pen."],
    ["middle", "Each filter looks at all places of the picture with the same weights; its map is what it finds. Point at a map to see where it looks, click a place to open it."],
  ],
  points: [
    ["input", "This point goes into the network. Choose another one below the map: the answer follows."],
    ["middle", "Each circle is a neuron; its colour says how strongly it answers. Point at one to see its numbers; click it to open it."],
  ],
  table: [
    ["input", "This row of features goes into the network. Choose another one below it: the answer follows."],
    ["middle", "Each circle is a neuron; its colour says how strongly it answers. Point at one to see its numbers; click it to open it."],
  ],
};
const LATER = [
  ["microscope", "Here the open neuron tells its arithmetic, stage by stage. Walk with next and back, or with the arrow keys."],
  ["timeline", "Drag along the time line to see the network as it was while it learned. Play, on top, trains it further, here in the page."],
];
const KEYS = [
  ["Tab", "from panel to panel"],
  ["arrow keys", "network: to the next neuron; microscope: through the stages; drawing pad: shift the picture; time line: to the next moment"],
  ["Enter", "in the network: open the neuron in the microscope"],
  ["Esc", "back to the network"],
  ["Delete", "on the drawing pad: clear it"],
  ["Space", "play and pause, where nothing else is pressed"],
  ["Ctrl+Z", "take back the latest change"],
  ["?", "this help"],
];
const OF_MAPS = [["on a map", "the large one below the network: arrow keys move the place at which the filter is opened"]];
const SEEN = "neurosim hints seen";

function seen() {
  try {
    return window.localStorage.getItem(SEEN) === "yes";
  } catch {
    return false; // a browser that keeps nothing for files shows them again
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
      h("p", { text: "A neural network lies open on this page: its input on the left, its layers in the middle, one neuron's arithmetic on the right, its training below. Everything is computed here, in the browser; the page asks no network for anything." }),
      h("dl", {}, [...KEYS, ...(convolves ? OF_MAPS : [])].flatMap(([key, what]) => [h("dt", { text: key }), h("dd", { text: what })])),
      h("p", { class: "muted", text: `Data: ${data.name}. ${origin.filter(Boolean).join(" ")}` }),
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
      // nothing is kept for files here: the hints come again next time
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
    this.text.textContent = `${this.at + 1} of ${this.hints.length}: ${text}`;
    this.next.hidden = this.at === this.hints.length - 1;
  }

  render(changed) {
    if (changed.has("help") || changed.has("all")) this.panel.hidden = !this.store.state.help;
    if (changed.has("note") || changed.has("all")) this.notice.textContent = this.store.state.note;
  }
}
