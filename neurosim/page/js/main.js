// The page: reads the file, creates the store and the views, and tells each view what has changed.

import { installHook } from "./hook.js";
import { readManifest } from "./model.js";
import { fromHash, hashOf, keepPage } from "./save.js";
import { Session } from "./session.js";
import { Store } from "./state.js";
import { Changes } from "./views/changes.js";
import { Confusion } from "./views/confusion.js";
import { Controls } from "./views/controls.js";
import { h } from "./views/dom.js";
import { Help } from "./views/help.js";
import { InputView } from "./views/input.js";
import { Life } from "./views/life.js";
import { Microscope } from "./views/microscope.js";
import { NetworkView } from "./views/network.js";
import { onTheme } from "./views/paint.js";
import { Plane } from "./views/plane.js";
import { Report } from "./views/report.js";
import { Tabs } from "./views/tabs.js";
import { Timeline } from "./views/timeline.js";
import { Tools } from "./views/tools.js";
import { Words } from "./views/words.js";

const ROOTS = ["controls", "summary", "settings", "hint", "notice", "help", "words", "input", "tabs", "view-network", "view-report", "view-confusion", "view-plane", "microscope", "timeline", "life", "changes"];

class Page {
  constructor() {
    keepPage();
    this.script = document.getElementById("unpacked").textContent;
    this.empty = new Map(ROOTS.map((id) => [id, document.getElementById(id).cloneNode(true)]));
    this.ready = this.open(document);
    window.addEventListener("hashchange", () => this.followHash());
    window.addEventListener("keydown", (event) => this.key(event));
    onTheme(() => this.store() && this.current.tell("theme"));
  }

  model = () => this.current.model;

  store = () => this.current;

  /** Show a network: that of the file, or another manifest. */
  open = async (source) => {
    let model;
    try {
      model = await readManifest(source);
    } catch (error) {
      document.getElementById("notice").textContent = `This page cannot show its network. ${error.message}`;
      throw error;
    }
    if (this.current) {
      this.session.pause();
      for (const [id, empty] of this.empty) document.getElementById(id).replaceWith(empty.cloneNode(true));
    }
    this.current = new Store(model);
    this.session = new Session(this.current, this.script);
    this.current.train = (options) => this.session.train(options);
    this.build();
    if (source === document) this.followHash();
    this.current.tell("all");
    this.current.flush();
    performance.mark("ready");
    this.measure();
    return model;
  };

  build() {
    const store = this.current;
    const { session } = this;
    const root = (id) => document.getElementById(id);
    const tabs = new Tabs(root("tabs"), store, [
      ["network", "Network", () => new NetworkView(root("view-network"), store)],
      ["report", "Report card", () => new Report(root("view-report"), store)],
      ...(store.classes ? [["confusion", "Confusion matrix", () => new Confusion(root("view-confusion"), store)]] : []),
      ...(store.network.input.nOut === 2 ? [["plane", store.classes ? "Decision boundary" : "Input plane", () => new Plane(root("view-plane"), store, session)]] : []),
    ]);
    const views = [
      new Controls(root("controls"), store, session),
      new InputView(root("input"), store),
      tabs,
      new Microscope(root("microscope"), store),
      new Tools(root("microscope"), store, session),
      new Timeline(root("timeline"), store),
      new Life(root("life"), store),
      new Changes(root("changes"), store, session),
      new Help(store),
    ];
    new Words(root("words"), store.model.glossary);
    store.subscribe((changed) => {
      for (const view of views) view.render(changed);
      this.writeHash();
    });
    const { manifest } = store.model;
    if (manifest.diverged) store.set({ note: "The training of this network diverged: its numbers grew without limit. A smaller learning rate can prevent this." });
    document.title = `neurosim: ${manifest.data.name}`;
  }

  /** Measure loss and accuracy of the stored steps, one at a time, while the browser is idle. */
  measure() {
    const store = this.current;
    const idle = globalThis.requestIdleCallback || ((callback) => setTimeout(callback, 30));
    const next = () => {
      if (store !== this.current) return;
      if (store.measureNext()) idle(next);
      else setTimeout(() => idle(next), 400);
    };
    idle(next);
  }

  // -- the address ------------------------------------------------------------------------------------------------------

  writeHash() {
    if (location.protocol === "about:") return; // in a notebook's frame this would load the notebook into the frame
    if (this.current.state.training || this.current.state.drawing) return;
    const wanted = `#${hashOf(this.current)}`;
    if (wanted === this.wanted) return; // what changes besides the place must not put off the writing
    this.wanted = wanted;
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      const hash = `#${hashOf(this.current)}`;
      if (hash === location.hash) return;
      this.written = hash;
      try {
        history.replaceState(null, "", hash);
      } catch {
        location.replace(hash); // a browser that does not let a file change its address in the other way
      }
    }, 150);
  }

  followHash() {
    if (!this.current || location.hash === this.written) return;
    this.wanted = null;
    const wanted = fromHash(location.hash);
    this.current.goto(wanted);
    for (const name of ["predict", "centre"]) if (wanted[name] !== undefined) this.current.set({ [name]: wanted[name] });
  }

  // -- keys that mean the same everywhere -------------------------------------------------------------------------------

  key(event) {
    const store = this.current;
    const typing = event.target.closest && event.target.closest("input, select, textarea");
    if (!store || typing || event.altKey) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "z") this.session.undo();
    else if (event.ctrlKey || event.metaKey) return;
    else if (event.key === "?") store.set({ help: !store.state.help });
    else if (event.key === "Escape") {
      store.set({ help: false, tab: "network" });
      store.flush();
      document.getElementById("net").focus();
    } else if (event.key === " " && (event.target === document.body || event.target.tabIndex < 0)) this.session.toggle();
    else if (event.target === document.body && (event.key === "ArrowLeft" || event.key === "ArrowRight")) store.walk(event.key === "ArrowLeft" ? -1 : 1);
    else return;
    event.preventDefault();
  }
}

const page = new Page();
installHook(window, page);
page.ready.catch((error) => {
  document.getElementById("notice").replaceChildren(h("span", { text: `This page cannot show its network. ${error.message}` }));
});
