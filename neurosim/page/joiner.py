"""Joins the page's modules into one script: an HTML file that is opened from disk may not load modules.

Every module becomes a function that is called once and returns what it exports, so that a name may occur in several of
them; its imports become constants.  It understands the few forms that the page uses, each at the beginning of a line,
and refuses everything else rather than to guess:

    import { name, other as own } from "./file.js";      export function name() {}       export { name, other };
    import * as name from "./file.js";                   export class Name {}
    import "./file.js";                                  export const name = 1;
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from ..errors import NeurosimError

IMPORT = re.compile(
    r"^import\s+(?:\{([^{}]*)\}\s+from\s+|\*\s+as\s+([\w$]+)\s+from\s+)?(\"[^\"]*\");?[ \t]*$", re.MULTILINE
)
EXPORT = re.compile(r"^export\s+(?=(?:async\s+function|function|class|const)\b)", re.MULTILINE)
DECLARED = re.compile(r"(?:async\s+)?(?:function\s*\*?|class|const)\s+([\w$]+)")
EXPORT_LIST = re.compile(r"^export\s+\{([^{}]*)\};?[ \t]*$", re.MULTILINE)
LEFT_OVER = re.compile(r"(?<![\w$.#])(?:import|export)\b(?!\s*:)")
NAME = re.compile(r"[\w$]+")
IN_HTML = ("</script", "<!--")  # would end the element, or open a comment in it
BEFORE_PATTERN = set("(,=:[!&|?{};+-*%<>~^\n")  # after one of these a slash begins a regular expression
WORDS_BEFORE_PATTERN = re.compile(r"\b(?:return|typeof|case|of|in|do|else|void|delete|throw|await|yield)$")


def join(folder: Path, entry: str) -> str:
    """One script that does what the module `entry` does, with all that it imports.

    Args:
        folder: holds the modules; files of folders in it are named by paths, "engine/network.js".
        entry: the file with which the program begins.

    Raises:
        NeurosimError: a file that is not there, a circle of imports, or a form that it does not understand.
    """
    modules: dict[str, Module] = {}
    _visit(folder, entry, [], modules)
    return "\n".join(['"use strict";', *(module.text for module in modules.values())]) + "\n"


def _visit(folder: Path, name: str, path: list[str], modules: dict[str, Module]) -> None:
    """Add the modules that `name` needs, then itself."""
    if name in modules:
        return
    if name in path:
        raise NeurosimError(f"{name}: expected imports without a circle, received {' -> '.join([*path, name])}")
    try:
        source = (folder / name).read_text("utf-8")
    except OSError:
        by = f", imported by {path[-1]}" if path else ""
        raise NeurosimError(f"{name}: expected a file in {folder}, there is none{by}") from None
    for mark in IN_HTML:
        if mark in source.lower():
            raise NeurosimError(f"{name}: expected no {mark!r}, which has a meaning in a page")
    module = Module(name, source)
    for other, names in module.needs.items():
        _visit(folder, other, [*path, name], modules)
        for each in names:
            if each not in modules[other].exports:
                raise NeurosimError(f"{name}: expected {other} to export {each}, it exports {modules[other].exports}")
    modules[name] = module


def variable(name: str) -> str:
    """What the exports of a module are called in the script."""
    return "module_" + re.sub(r"\W", "_", name.removesuffix(".js"))


class Module:
    """One module, taken apart.

    Attributes:
        needs: path from the folder -> names, of what it imports, in their order.
        exports: the names that it exports.
        text: the module as a constant that holds its exports.
    """

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        code = without_comments(name, source)
        self.blank = blanked(name, code)  # as long as the code, with nothing in its texts
        self.needs: dict[str, list[str]] = {}
        self.exports = exported = list[str]()
        edits: list[tuple[int, int, str]] = []
        for found in IMPORT.finditer(self.blank):
            edits.append((found.start(), found.end(), self._import(code, found)))
        for found in EXPORT.finditer(self.blank):
            declared = DECLARED.match(self.blank, found.end())
            if declared is None:
                raise self._refuse("a name after export", self._line(found.start()))
            exported.append(declared[1])
            edits.append((found.start(), found.end(), ""))
        for found in EXPORT_LIST.finditer(self.blank):
            exported += [each.strip() for each in found[1].split(",") if each.strip()]
            edits.append((found.start(), found.end(), ""))
        for each in exported:
            if not NAME.fullmatch(each):
                raise self._refuse("plain names in an export", each)
        rest = list(self.blank)
        for start, end, _ in edits:
            rest[start:end] = " " * (end - start)
        if left := LEFT_OVER.search("".join(rest)):
            raise self._refuse("imports and exports of the forms that the joiner knows", self._line(left.start()))
        for start, end, text in sorted(edits, reverse=True):
            code = code[:start] + text + code[end:]
        lines = [line.rstrip() for line in code.split("\n")]
        body = "\n".join(line for line in lines if line)
        self.text = f"const {variable(name)} = (() => {{\n{body}\nreturn {{ {', '.join(exported)} }};\n}})();"

    def _import(self, code: str, found: re.Match[str]) -> str:
        """What takes the place of an import."""
        path = code[found.start(3) + 1 : found.end(3) - 1]
        if not path.startswith((".", "..")) or not path.endswith(".js"):
            raise self._refuse("a path that begins with ./ and ends in .js", path)
        other = posixpath.normpath(posixpath.join(posixpath.dirname(self.name), path))
        if other.startswith(".."):
            raise self._refuse("a path inside the folder", path)
        wanted = self.needs.setdefault(other, [])
        if found[2] is not None:
            return f"const {found[2]} = {variable(other)};"
        if found[1] is None:
            return ""
        names = [each.split() for each in found[1].split(",") if each.strip()]
        for words in names:
            if len(words) not in (1, 3) or (len(words) == 3 and words[1] != "as") or words[0] == "default":
                raise self._refuse("names in an import", " ".join(words))
        wanted += [words[0] for words in names]
        taken = ", ".join(words[0] if len(words) == 1 else f"{words[0]}: {words[2]}" for words in names)
        return f"const {{ {taken} }} = {variable(other)};"

    def _line(self, position: int) -> str:
        """The line around a position."""
        start = self.blank.rfind("\n", 0, position) + 1
        return self.blank[start:].split("\n", 1)[0].strip()

    def _refuse(self, expected: str, received: str) -> NeurosimError:
        return NeurosimError(f"{self.name}: expected {expected}, received {received!r}")


def without_comments(name: str, source: str) -> str:
    """The code without its comments; texts stay as they are."""
    return "".join(part for kind, part in tokens(name, source) if kind != "comment")


def blanked(name: str, code: str) -> str:
    """The code with spaces in the place of what its texts and patterns hold, line breaks apart."""
    return "".join(
        part if kind == "code" else part[0] + re.sub(r"[^\n]", " ", part[1:-1]) + part[-1]
        for kind, part in tokens(name, code)
    )


def tokens(name: str, source: str) -> list[tuple[str, str]]:
    """The source cut into code, comments, texts and patterns; the code in a template text is code.

    Raises:
        NeurosimError: something that begins does not end.
    """
    found: list[tuple[str, str]] = []
    braces: list[int] = []  # of each template text that is open: how many braces are open in its code
    start = at = 0

    def cut(kind: str, end: int) -> None:
        nonlocal start, at
        if start < at:
            found.append(("code", source[start:at]))
        found.append((kind, source[at:end]))
        start = at = end

    while at < len(source):
        letter, two = source[at], source[at : at + 2]
        if two == "//":
            end = source.find("\n", at)
            cut("comment", len(source) if end < 0 else end)
        elif two == "/*":
            cut("comment", _end_of(name, source, at, r"\*/", 2))
        elif letter in "\"'":
            cut("text", _end_of(name, source, at, rf"(?:\\[\s\S]|[^\\\n{letter}])*{letter}", 1, whole=True))
        elif letter == "`" or (letter == "}" and braces and braces[-1] == 0):
            end = _end_of(name, source, at, r"(?:\\[\s\S]|\$(?!\{)|[^\\`$])*(?:`|\$\{)", 1, whole=True)
            if letter == "}":
                braces.pop()
            if source[end - 1] == "{":
                braces.append(0)
            cut("text", end)
        elif letter == "/" and _begins_pattern(source[start:at], found):
            pattern = r"(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^\\/\[\n])+/"
            cut("pattern", _end_of(name, source, at, pattern, 1, whole=True))
        else:
            if braces and letter in "{}":
                braces[-1] += 1 if letter == "{" else -1
            at += 1
    if start < len(source):
        found.append(("code", source[start:]))
    return found


def _end_of(name: str, source: str, at: int, pattern: str, after: int, whole: bool = False) -> int:
    """Where that ends which begins at a position."""
    compiled = re.compile(pattern)
    found = compiled.match(source, at + after) if whole else compiled.search(source, at + after)
    if found is None:
        line = source.count("\n", 0, at) + 1
        raise NeurosimError(f"{name}: expected an end to what begins with {source[at : at + 12]!r} in line {line}")
    return found.end()


def _begins_pattern(code: str, found: list[tuple[str, str]]) -> bool:
    """Whether a slash after this begins a regular expression, and does not divide."""
    before = code.rstrip(" \t")
    if not before:
        parts = [(kind, part) for kind, part in found if kind != "comment" and part.strip(" \t")]
        if not parts:
            return True
        kind, part = parts[-1]
        return _begins_pattern(part, []) if kind == "code" else part.endswith("${")
    return before[-1] in BEFORE_PATTERN or WORDS_BEFORE_PATTERN.search(before) is not None
