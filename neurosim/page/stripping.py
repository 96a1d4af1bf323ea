"""Strips comments, indentation, empty lines and blanks at line ends from JavaScript and CSS.

Names and lines stay unchanged, so no semicolon has to be guessed.  A series of blanks becomes one blank, and a series
of line breaks becomes one.  A comment counts as a blank, or as a line break if it contains one.  Texts, template texts
and regular expressions stay unchanged.  Unknown code is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..errors import NeurosimError

SPACE = re.compile(r"[ \t\n]+")
COMMENT = re.compile(r"//[^\n]*|/\*[\s\S]*?\*/")
TEXT = re.compile(r"\"(?:\\[\s\S]|[^\"\\\n])*\"|'(?:\\[\s\S]|[^'\\\n])*'")
TEMPLATE = re.compile(
    r"[`}](?:\\[\s\S]|\$(?!\{)|[^\\`$])*(?:`|\$\{)"
)  # a piece of it, up to its end or to the code in it
PATTERN = re.compile(r"/(?![*/])(?:\\[^\n]|\[(?:\\[^\n]|[^\]\\\n])*\]|[^\\/\[\n])+/[a-z]*")
NUMBER = re.compile(
    r"(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)n?"
    r"(?![\w$])"
)
NAME = re.compile(r"(?:[^\W\d]|\$)[\w$]*")
# without -->, which begins a comment at the start of a line
MARK = re.compile(r"\+\+|--(?!>)|=>|\?\.(?![0-9])|\.\.\.|/=?|#(?=[^\W\d]|\$)|[{}()\[\];,<>=!+*%&|^~?:.]|-(?!->)")
LINE_ENDS = re.compile("[\r\f\u2028\u2029]")  # these invisible characters end lines, and so comments

BRACKETS = {")": "(", "]": "[", "}": "{"}
WITH_CONDITION = {"if", "while", "for", "with"}  # a statement begins after their brackets
BEFORE_PATTERN = {
    "return", "typeof", "case", "in", "do", "else", "void", "delete", "throw", "new", "instanceof", "default",
    "extends",
}  # fmt: skip
EITHER = {"of", "yield", "await"}  # names in some places, words of the language in others

CSS_NAME = re.compile(r"[\w-]+")
UNQUOTED = re.compile(r"url\((?!\s*[\"'])", re.IGNORECASE)  # it can contain anything, also /*
CSS_MARK = re.compile(r"\\[^\n]|[^\s\"'\\]")
CSS_APART = "{};,:"  # marks that never join with their neighbour


class Token(NamedTuple):
    """A piece of the source.

    Attributes:
        kind: space, comment, text, template, pattern, number, name or mark.
        text: the piece itself.
        at: the position of its first character.
    """

    kind: str
    text: str
    at: int

    @property
    def is_gap(self) -> bool:
        """Whether it only separates its neighbours."""
        return self.kind in ("space", "comment")


def stripped_script(name: str, source: str) -> str:
    """Strip JavaScript.

    Args:
        name: the name of the file, for errors.
        source: its text.

    Raises:
        NeurosimError: the code has an unknown form.
    """
    return _with_gaps(tokens(name, source), lambda run: "\n" if any("\n" in each.text for each in run) else " ")


def stripped_style(name: str, source: str) -> str:
    """Strip CSS; arguments and errors as for `stripped_script`."""
    found = style_tokens(name, source)
    for before, comment, after in zip(found, found[1:], found[2:], strict=False):
        alone = comment.kind == "comment" and not before.is_gap and not after.is_gap
        if alone and before.text not in CSS_APART and after.text not in CSS_APART:
            raise _refusal(name, source, comment.at, "a blank beside a comment")

    def gap(run: list[Token]) -> str:
        blanks = "".join(each.text for each in run if each.kind == "space")
        return "\n" if "\n" in blanks else blanks[:1]

    return _with_gaps(found, gap)


def tokens(name: str, source: str) -> list[Token]:
    """Cut JavaScript into pieces, without a gap; the code in a template text is code."""
    _check_line_ends(name, source)
    reader = _Reader(name, source)
    while reader.at < len(source):
        reader.read()
    if reader.open:
        raise _refusal(name, source, reader.open[-1].at, "an end to what begins with")
    return reader.found


def style_tokens(name: str, source: str) -> list[Token]:
    """Cut CSS into pieces, without a gap."""
    _check_line_ends(name, source)
    found: list[Token] = []
    at = 0
    while at < len(source):
        if UNQUOTED.match(source, at):
            raise _refusal(name, source, at, "quotes around an address")
        kinds = {"space": SPACE, "text": TEXT, "name": CSS_NAME, "mark": CSS_MARK}
        if source.startswith("/*", at):
            kinds = {"comment": COMMENT}
        at = _take(name, source, at, kinds, found)
    return found


class _Reader:
    """A reader of a program from its beginning, which knows whether a slash divides.

    Attributes:
        found: the pieces read so far.
        at: the position of the next piece.
        open: the brackets and template texts that have not ended yet.
    """

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source, self.at = name, source, 0
        self.found: list[Token] = []
        self.open: list[Token] = []
        self.last: list[Token] = []  # the pieces that are not gaps
        self.conditions: set[int] = set()  # the positions of the brackets of an if, a while …
        self.after_condition = False  # whether the last closing bracket was that of a condition

    def read(self) -> None:
        """Read the next piece."""
        letter = self.source[self.at]
        kinds = {"space": SPACE, "name": NAME, "number": NUMBER, "text": TEXT, "mark": MARK}
        if letter == "/":
            kinds = {"comment": COMMENT} if self.source[self.at + 1 : self.at + 2] in ("/", "*") else self._slash()
        elif letter == "`" or (letter == "}" and self.open and self.open[-1].kind == "template"):
            kinds = {"template": TEMPLATE}
        self.at = _take(self.name, self.source, self.at, kinds, self.found)
        token = self.found[-1]
        if token.kind == "template":
            self._template(token)
        elif token.kind == "mark" and token.text in "([{":
            if token.text == "(" and self._word() in WITH_CONDITION:
                self.conditions.add(token.at)
            self.open.append(token)
        elif token.kind == "mark" and token.text in BRACKETS:
            self._close(token)
        if not token.is_gap:
            self.last.append(token)

    def _template(self, token: Token) -> None:
        """Open or close a template text."""
        if token.text[0] == "}":
            self.open.pop()
        if token.text[-1] == "{":
            self.open.append(token)

    def _close(self, token: Token) -> None:
        """Close the bracket that a closing bracket belongs to."""
        opened = self.open.pop() if self.open else None
        if opened is None or opened.text != BRACKETS[token.text]:
            raise _refusal(self.name, self.source, token.at, f"a {BRACKETS[token.text]} that belongs to")
        self.after_condition = opened.at in self.conditions

    def _word(self) -> str:
        """Return the word of the language before this position, not the name of a member; "" if there is none."""
        words = self.last[-3:]
        if [each.text for each in words[-2:]] == ["for", "await"]:
            words = words[:-1]
        if not words or words[-1].kind != "name" or (words[:-1] and words[-2].text in (".", "?.", "#")):
            return ""
        return words[-1].text

    def _slash(self) -> dict[str, re.Pattern[str]]:
        """Return what the slash at this position begins: a regular expression or a division."""
        before = self.last[-1] if self.last else Token("mark", ";", 0)
        if before.kind == "name":
            word = self._word()
            if word in EITHER:
                raise _refusal(self.name, self.source, self.at, f"brackets, as nothing says what {word} means before")
            divides = word not in BEFORE_PATTERN
        elif before.text == "}":
            raise _refusal(self.name, self.source, self.at, "brackets, as nothing says what a } means before")
        elif before.kind == "template":
            divides = before.text[-1] == "`"
        elif before.text == ")":
            divides = not self.after_condition
        else:
            divides = before.kind != "mark" or before.text in ("]", "++", "--")
        return {"mark": MARK} if divides else {"pattern": PATTERN}


def _take(name: str, source: str, at: int, kinds: dict[str, re.Pattern[str]], found: list[Token]) -> int:
    """Add the piece at a position, with the first kind that matches. Return its end."""
    for kind, pattern in kinds.items():
        if match := pattern.match(source, at):
            found.append(Token(kind, match[0], at))
            return match.end()
    ends = source[at] in "\"'/`}"
    raise _refusal(name, source, at, "an end to what begins with" if ends else "nothing that begins with")


def _with_gaps(found: Iterable[Token], gap_of: Callable[[list[Token]], str]) -> str:
    """Join the pieces, with one gap instead of all gaps between two of them."""
    parts: list[str] = []
    run: list[Token] = []
    for token in found:
        if token.is_gap:
            run.append(token)
            continue
        if run and parts:
            parts.append(gap_of(run))
        run = []
        parts.append(token.text)
    return "".join(parts)


def _check_line_ends(name: str, source: str) -> None:
    if other := LINE_ENDS.search(source):
        raise _refusal(name, source, other.start(), "no line ends but \\n")


def _refusal(name: str, source: str, at: int, expected: str) -> NeurosimError:
    line = source.count("\n", 0, at) + 1
    return NeurosimError(f"{name}, line {line}: expected {expected} {source[at : at + 12]!r}")
