"""Joins the page's modules into one script: an HTML file that is opened from disk may not load modules.

Every module becomes a function that is called once and returns its exports, so that several modules can use one name.
Its imports become constants.  The joiner knows the few forms that the page uses, each at the beginning of a line.  It
refuses everything else, and never guesses:

    import { name, other as own } from "./file.js";      export function name() {}       export { name, other };
    import * as name from "./file.js";                   export class Name {}
    import "./file.js";                                  export const name = 1;

The page and its worker are one script.  The modules of the worker come first.  The rest runs in only one of the two.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from ..errors import NeurosimError
from .stripping import Token, stripped_script, tokens

IMPORT = re.compile(
    r"^import\s+(?:\{([^{}]*)\}\s+from\s+|\*\s+as\s+([\w$]+)\s+from\s+)?(\"[^\"]*\");?[ \t]*$", re.MULTILINE
)
EXPORT = re.compile(r"^export\s+(?=(?:async\s+function|function|class|const)\b)", re.MULTILINE)
DECLARED = re.compile(r"(?:async\s+)?(?:function\s*\*?|class|const)\s+([\w$]+)")
EXPORT_LIST = re.compile(r"^export\s+\{([^{}]*)\};?[ \t]*$", re.MULTILINE)
LEFT_OVER = re.compile(r"(?<![\w$.#])(?:import|export)\b(?!\s*:)")
NAME = re.compile(r"[\w$]+")
IN_HTML = ("</script", "<!--")  # would end the element, or open a comment in it
IN_WORKER = 'typeof document === "undefined"'


def join(folder: Path, entry: str, worker: str | None = None) -> str:
    """Join the module `entry` and all its imports to one script, without comments and indentation.

    Args:
        folder: the folder of the modules; a file in a subfolder is named by its path, "engine/network.js".
        entry: the first file of the program.
        worker: the first file of the program without a document, that is, in a worker.

    Raises:
        NeurosimError: a file is missing, imports form a circle, or a form is unknown.
    """
    modules: dict[str, Module] = {}
    if worker is None:
        _visit(folder, entry, [], modules)
        parts = [module.text for module in modules.values()]
    else:
        _visit(folder, worker, [], modules)
        shared = len(modules) - 1
        _visit(folder, entry, [], modules)
        texts = [module.text for module in modules.values()]
        for each in modules.values():
            if both := {entry, worker} & each.needs.keys():
                raise NeurosimError(f"{each.name}: expected no import of {both.pop()}, with which a program begins")
        parts = [*texts[:shared], f"if ({IN_WORKER}) {{", texts[shared], "} else {", *texts[shared + 1 :], "}"]
    script = "\n".join(['"use strict";', *parts]) + "\n"
    check_for_html(entry, script)
    return script


def _visit(folder: Path, name: str, path: list[str], modules: dict[str, Module]) -> None:
    """Add the modules that `name` needs, then the module `name`."""
    if name in modules:
        return
    if name in path:
        raise NeurosimError(f"{name}: expected imports without a circle, received {' -> '.join([*path, name])}")
    try:
        source = (folder / name).read_text("utf-8")
    except OSError:
        by = f", imported by {path[-1]}" if path else ""
        raise NeurosimError(f"{name}: expected a file in {folder}, there is none{by}") from None
    check_for_html(name, source)
    module = Module(name, source)
    for other, names in module.needs.items():
        _visit(folder, other, [*path, name], modules)
        for each in names:
            if each not in modules[other].exports:
                raise NeurosimError(f"{name}: expected {other} to export {each}, it exports {modules[other].exports}")
    modules[name] = module


def check_for_html(name: str, text: str) -> None:
    """Refuse a script that holds what ends, or hides, the element in which it stands."""
    for mark in IN_HTML:
        if mark in text.lower():
            raise NeurosimError(f"{name}: expected no {mark!r}, which has a meaning in a page")


def variable(name: str) -> str:
    """What the exports of a module are called in the script."""
    return "module_" + re.sub(r"\W", "_", name.removesuffix(".js"))


class Module:
    """One module, in parts.

    Attributes:
        needs: path from the folder -> the imported names, in order.
        exports: the names that it exports.
        text: the module as a constant with its exports.
    """

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        code = source
        self.blank = "".join(_blank(token) for token in tokens(name, source))  # the same length, with empty texts
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
        body = stripped_script(name, code)
        self.text = f"const {variable(name)} = (() => {{\n{body}\nreturn {{ {', '.join(exported)} }};\n}})();"

    def _import(self, code: str, found: re.Match[str]) -> str:
        """Return the code that replaces an import."""
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
        """Return the line at a position."""
        start = self.blank.rfind("\n", 0, position) + 1
        return self.blank[start:].split("\n", 1)[0].strip()

    def _refuse(self, expected: str, received: str) -> NeurosimError:
        return NeurosimError(f"{self.name}: expected {expected}, received {received!r}")


def _blank(token: Token) -> str:
    """Return a piece of a program at the same length, with blanks for its text; line breaks stay."""
    if token.kind == "comment":
        return re.sub(r"[^\n]", " ", token.text)
    if token.kind in ("text", "template", "pattern"):
        return token.text[0] + re.sub(r"[^\n]", " ", token.text[1:-1]) + token.text[-1]
    return token.text
