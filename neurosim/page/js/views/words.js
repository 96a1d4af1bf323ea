// The words of the glossary in a dialog. Any element with `data-term` opens it: at that term, or at the top if it is "".

import { button, h } from "./dom.js";

export class Words {
  /** @param root the dialog */
  constructor(root, glossary) {
    this.root = root;
    this.glossary = glossary;
    this.search = h("input", { type: "text", autocomplete: "off", oninput: () => this.draw() });
    this.count = h("span", { class: "muted", role: "status" });
    this.list = h("dl", { tabindex: "0", "aria-label": "Words and their meanings" });
    root.append(
      h("div", { class: "head" }, h("h2", { id: "words-title", text: "Words" }), button("Close", () => root.close())),
      h("div", { class: "row" }, h("label", {}, "Find ", this.search), this.count),
      this.list,
    );
    root.addEventListener("keydown", (event) => event.stopPropagation()); // the keys of the page rest while it is open
    root.addEventListener("close", () => this.leave());
    document.addEventListener("click", (event) => this.follow(event));
  }

  /** Open the dialog for a click on an element that has a term. */
  follow(event) {
    const from = event.target.closest?.("[data-term]");
    if (from && this.root.isConnected && !this.root.open) this.open(from.dataset.term, from);
  }

  open(term, from) {
    this.from = from;
    this.search.value = "";
    this.draw();
    this.root.showModal();
    const entry = term && [...this.list.children].find((each) => each.dataset.word === term);
    if (!entry) {
      this.search.focus();
      return;
    }
    entry.setAttribute("aria-current", "true");
    entry.scrollIntoView({ block: "center" });
    entry.focus({ preventScroll: true });
  }

  /** The browser gives the focus back; if the term was drawn anew meanwhile, it goes to the walk. */
  leave() {
    if (!this.from?.isConnected) document.getElementById("walk").focus();
  }

  draw() {
    const found = this.glossary.search(this.search.value);
    this.count.textContent = found.length ? `${found.length} ${found.length === 1 ? "word" : "words"}` : "No word matches. Try a shorter text.";
    this.list.replaceChildren(...found.map(([term, text]) => h("div", { "data-word": term, tabindex: "-1" }, h("dt", { text: term }), h("dd", { text }))));
  }
}
