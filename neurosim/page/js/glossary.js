// The glossary of the page: the words that Python packed into the manifest. No document: texts in, texts out.

export class Glossary {
  /** @param words term -> one or two sentences; a file of an older version has none */
  constructor(words = {}) {
    this.words = new Map(Object.entries(words).map(([term, text]) => [term, text.replace(/`([^`]*)`/g, "“$1”")]));
    const longestFirst = [...this.words.keys()].sort((one, other) => other.length - one.length);
    this.pattern = new RegExp(`\\b(${longestFirst.join("|")})(?:e?s)?\\b`, "gi");
  }

  get isEmpty() {
    return !this.words.size;
  }

  /** The sentences of a term; undefined if it has none. */
  meaning(term) {
    return this.words.get(term);
  }

  /** Cut a text at the first use of each term: [{text, term}], where a plain part has no term. */
  parts(text) {
    const parts = [];
    const used = new Set();
    let from = 0;
    for (const { 0: found, 1: word, index } of this.isEmpty ? [] : text.matchAll(this.pattern)) {
      const term = word.toLowerCase();
      if (used.has(term)) continue;
      used.add(term);
      parts.push({ text: text.slice(from, index) }, { text: found, term });
      from = index + found.length;
    }
    return [...parts, { text: text.slice(from) }].filter((part) => part.text);
  }

  /** The entries [term, sentences] that contain a text; those with the text in the term come first. */
  search(text) {
    const wanted = text.trim().toLowerCase();
    const entries = [...this.words].filter((entry) => entry.some((each) => each.toLowerCase().includes(wanted)));
    const inTerm = ([term]) => term.includes(wanted);
    return [...entries.filter(inTerm), ...entries.filter((entry) => !inTerm(entry))];
  }
}
