// The views of the middle column; each is made when it is first opened, and drawn only while it is visible.

import { h } from "./dom.js";

export class Tabs {
  /** @param views [key, title, make] */
  constructor(root, store, views) {
    this.store = store;
    this.views = views.map(([key, title, make]) => ({ key, make, view: null, panel: document.getElementById(`view-${key}`), tab: this.tab(key, title) }));
    root.append(...this.views.map((each) => each.tab));
    root.addEventListener("keydown", (event) => this.key(event));
  }

  tab(key, title) {
    return h("button", { type: "button", id: `tab-${key}`, role: "tab", "aria-controls": `view-${key}`, text: title, onclick: () => this.store.set({ tab: key }) });
  }

  key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const at = this.views.findIndex((each) => each.key === this.store.state.tab);
    const next = this.views[(at + by + this.views.length) % this.views.length];
    this.store.set({ tab: next.key });
    this.store.flush();
    next.tab.focus();
    event.preventDefault();
    event.stopPropagation();
  }

  render(changed) {
    const open = this.views.find((each) => each.key === this.store.state.tab) || this.views[0];
    for (const each of this.views) {
      const shown = each === open;
      each.panel.hidden = !shown;
      each.tab.setAttribute("aria-selected", String(shown));
      each.tab.tabIndex = shown ? 0 : -1;
    }
    const fresh = !open.view;
    if (fresh) open.view = open.make();
    open.view.render(fresh || changed.has("tab") ? new Set([...changed, "all"]) : changed);
  }
}
