// Helpers that make elements. Text goes in as text nodes only: no string of the data is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = value;
    else if (name === "style" && typeof value === "object") Object.assign(node.style, value);
    else node.setAttribute(name === "className" ? "class" : name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child);
  }
  return node;
}

/** Make an HTML element. `text` becomes its text, `onclick` and the like become listeners, `style` is an object or text. */
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** Make an SVG element. */
export function s(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/** Make a button with text. */
export function button(text, onclick, props) {
  return h("button", { type: "button", ...props, text, onclick });
}

/** Make a checkbox with its label. */
export function check(text, checked, onchange, props) {
  const box = h("input", { type: "checkbox", onchange: (event) => onchange(event.target.checked), ...props });
  box.checked = checked;
  return { box, label: h("label", {}, box, text) };
}

/** Make a labelled list to choose from; options are [value, text]. */
export function choice(text, options, value, onchange) {
  const list = h("select", { onchange: (event) => onchange(event.target.value) });
  const said = h("label", {}, text ? `${text} ` : "", list);
  setOptions(list, options, value);
  return { list, label: said };
}

/** Put [value, text] pairs into a list, and choose one. */
export function setOptions(list, options, value) {
  list.replaceChildren(...options.map(([key, text]) => h("option", { value: key, text })));
  list.value = String(value);
}

/** Return the nodes of a text: the first use of each term of the glossary is a button that explains it. */
export function withTerms(text, glossary) {
  const asButton = ({ text: word, term }) => h("button", { type: "button", class: "term", "data-term": term, "aria-haspopup": "dialog", title: glossary.meaning(term), text: word });
  return glossary.parts(text).map((part) => (part.term ? asButton(part) : part.text));
}

/** Explain a panel on demand: a button at the end of `head` shows and hides the text below it. */
export function explain(head, text, glossary) {
  const note = h("p", { class: "what", hidden: true }, withTerms(text, glossary));
  const ask = button("What is this?", () => {
    note.hidden = !note.hidden;
    ask.setAttribute("aria-expanded", String(!note.hidden));
  }, { class: "quiet ask", "aria-expanded": "false", title: "Explain this panel" });
  const row = h("div", { class: "head" });
  head.replaceWith(row);
  row.append(head, ask);
  row.after(note);
}

/** Offer a file to save. */
export function offerFile(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** Pad numbers so that their points are aligned. Figure and punctuation spaces are as wide as digits and points. */
export function alignPoints(texts) {
  const decimals = texts.map((text) => {
    const point = text.indexOf(".");
    return point < 0 ? -1 : text.length - point - 1;
  });
  const most = Math.max(-1, ...decimals);
  return texts.map((text, k) => {
    if (decimals[k] === most) return text;
    const missing = decimals[k] < 0 ? "\u2008" : "";
    return text + missing + "\u2007".repeat(Math.max(most, 0) - Math.max(decimals[k], 0));
  });
}

/** Make a bar from zero for a signed number, within -limit to limit, or 0 to limit if no number is negative. */
export function signedBar(value, limit, { signed = true, plain = false } = {}) {
  const share = limit > 0 && Number.isFinite(value) ? Math.min(Math.abs(value) / limit, 1) : 0;
  const half = signed ? 50 : 100;
  const left = signed ? (value < 0 ? 50 - 50 * share : 50) : 0;
  return h(
    "span",
    { class: "bar-box", "aria-hidden": "true" },
    h("i", { class: plain ? "" : value < 0 ? "minus" : "plus", style: { left: `${left}%`, width: `${half * share}%` } }),
    h("b", { style: { left: signed ? "50%" : "0" } }),
  );
}
