"""The transcripts of README.md: reads them, runs them again, and writes them anew.

    python -m tests.transcripts          renew every transcript of README.md
    python -m tests.transcripts Step     only those of the section "Step"

A transcript is an indented block of Markdown. ``$ python main.py …`` starts a command, ``(step) …`` is typed at the
prompt of `step`, ``>>> …`` is Python. All blocks of a section run in one folder, in their order. A line ``...`` stands
for any lines. Renewing keeps these cuts: it finds the first and the last line of each shown piece in the new output.
"""

import ast
import contextlib
import difflib
import doctest
import io
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np

from neurosim.cli.main import main as run_command_line

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))  # where pytest looks, too
from drawn_digits import draw, strokes_of  # noqa: E402

README = ROOT / "README.md"
FIXTURES = ROOT / "tests" / "fixtures"
COMMAND, PROMPT, CUT = "$ python main.py ", "(step) ", "..."
SURROUNDINGS = {"NEUROSIM_ENGINE": "numpy", "NEUROSIM_OFFLINE": "1", "COLUMNS": "80"}

NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")
PASSED_OVER = re.compile(  # times, sizes, spreads, intervals, rounding errors, bars: other machines, other numbers
    r"\d+(\.\d+)?( h| min| s| ms| µs| [KM]i?B)\b|± \d+(\.\d+)?|\[[-+]\d[^]]*\]|\d(\.\d+)?e[-+]\d+|(?<=%)\s*█+"
)


class Block(NamedTuple):
    """An indented block: the number of its first line from 0, and its lines without the indent."""

    start: int
    lines: list[str]


class Piece(NamedTuple):
    """A command or a Python example with what is shown of its output.

    Attributes:
        typed: the lines that a user types, as shown.
        shown: the lines below them.
    """

    typed: list[str]
    shown: list[str]


def sections(text):
    """Return title -> blocks, in order; what stands above the first title is called "First screen"."""
    found, title, open_block = {"First screen": []}, "First screen", None
    fenced = False
    for number, line in enumerate(text.splitlines()):
        fenced ^= line.startswith("```")
        if line.startswith("## ") and not fenced:
            title = line[3:]
            found[title] = []
        if line.startswith("    ") and not fenced:
            if open_block is None:
                open_block = Block(number, [])
                found[title].append(open_block)
            open_block.lines.extend([""] * (number - open_block.start - len(open_block.lines)))
            open_block.lines.append(line[4:].rstrip())
        elif line.strip():
            open_block = None
    return found


def is_transcript(block):
    """Whether a block shows output, and not only commands."""
    return block.lines[0].startswith((COMMAND, ">>> "))


def pieces_of(lines):
    """Return the pieces of a transcript; of each command of `step` one piece per line that is typed at its prompt."""
    if lines[0].startswith(">>> "):
        return python_pieces(lines)
    pieces = []
    for line in lines:
        if line.startswith((COMMAND, PROMPT)):
            pieces.append(Piece([line], []))
        else:
            pieces[-1].shown.append(line)
    return pieces


def python_pieces(lines):
    """Return the pieces of a block of Python: each example with what it prints."""
    text = "\n".join(lines) + "\n"
    examples = doctest.DocTestParser().get_examples(text)
    ends = [each.lineno for each in examples[1:]] + [len(lines)]
    pieces = []
    for each, end in zip(examples, ends, strict=True):
        typed = each.lineno + each.source.count("\n")
        pieces.append(Piece(lines[each.lineno : typed], lines[typed:end]))
    return pieces


# -- running ----------------------------------------------------------------------------------------------------------


def run(words, typed=""):
    """Run a command line in this process; return all that a terminal would show, and the exit status."""
    screen, status = io.StringIO(), 0
    with (
        tempfile.TemporaryFile("w+") as stdin,
        mock.patch.multiple(sys, stdin=stdin, argv=["main.py", *words]),
        mock.patch("webbrowser.open", return_value=True),
        mock.patch("neurosim.cli.explore.has_display", return_value=True),
        contextlib.redirect_stdout(screen),
        contextlib.redirect_stderr(screen),
    ):
        stdin.write(typed)
        stdin.seek(0)
        try:
            run_command_line(words)
        except SystemExit as ended:
            status = ended.code or 0
    return screen.getvalue(), status


def output_of(lines, names):
    """Run a transcript; return its pieces with what they print now.

    Args:
        lines: the transcript.
        names: what its Python examples know; they add to it.
    """
    pieces = pieces_of(lines)
    if lines[0].startswith(">>> "):
        return [Piece(each.typed, printed(each.typed, names)) for each in pieces]
    now = []
    for number, piece in enumerate(pieces):
        if piece.typed[0].startswith(COMMAND):
            later = [each.typed[0] for each in pieces[number + 1 :]]
            ended = next((k for k, line in enumerate(later) if line.startswith(COMMAND)), len(later))
            prompts = later[:ended]
            typed = "".join(f"{line.removeprefix(PROMPT)}\n" for line in prompts)
            text, status = run(shlex.split(piece.typed[0].removeprefix(COMMAND)), typed)
            assert status == 0, f"{piece.typed[0]} ended with {status}:\n{text}"
            now.extend(at_prompts(piece.typed[0], prompts, text))
    return now


def at_prompts(command, prompts, text):
    """Return the pieces of a command's output: up to its first prompt, and below each line that is typed."""
    pieces = [Piece([command], [])]
    waiting = list(prompts)
    for line in text.splitlines():
        if waiting and line.rstrip() == waiting[0]:
            pieces.append(Piece([waiting.pop(0)], []))
        else:
            pieces[-1].shown.append(line.rstrip())
    assert not waiting, f"{command} never echoed {waiting[0]!r}:\n{text}"
    return pieces


def printed(typed, names):
    """Run one Python example as the interpreter does; return the lines that it prints."""
    source = "\n".join(line[4:] for line in typed) + "\n"
    screen = io.StringIO()
    with contextlib.redirect_stdout(screen):
        for statement in ast.parse(source).body:
            exec(compile(ast.Interactive([statement]), "README.md", "single"), names)
    return [line.rstrip() for line in screen.getvalue().splitlines()]


@contextlib.contextmanager
def folder_of_a_user():
    """Work in a new folder that holds a user's own files: a drawing, two.png, and a table, iris.csv."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEUROSIM")}
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, kept, clear=True):
        os.environ.update(SURROUNDINGS | {"NEUROSIM_HOME": f"{folder}/home"})
        os.chdir(folder)
        try:
            Path("iris.csv").write_bytes((FIXTURES / "iris.csv").read_bytes())
            draw(strokes_of(2, np.random.default_rng(1)), 130, 13).save("two.png")
            yield Path(folder)
        finally:
            os.chdir(before)


# -- comparing and renewing -------------------------------------------------------------------------------------------


def masked(line):
    """Return a line's words, without its numbers and its columns' widths."""
    return " ".join(NUMBER.sub("#", PASSED_OVER.sub("#", line)).split())


def alike(shown, now):
    """Whether two lines have the same words, and numbers that differ no more than machines do."""
    if masked(shown) != masked(now):
        return False
    pairs = zip(*(NUMBER.findall(PASSED_OVER.sub("", line)) for line in (shown, now)), strict=True)
    figures = [[float(each.replace(",", "")) for each in pair] for pair in pairs]
    return all(abs(one - other) <= 0.02 + 0.1 * max(abs(one), abs(other)) for one, other in figures)


def fits(shown, now):
    """Whether lines of the README agree with lines that were printed; a line ``...`` stands for any lines."""
    if not shown:
        return not now
    if shown[0] == CUT:
        return any(fits(shown[1:], now[k:]) for k in range(len(now) + 1))
    return bool(now) and alike(shown[0], now[0]) and fits(shown[1:], now[1:])


def renewed(shown, now):
    """Return what the README should show of `now`: the same pieces of it as before, with the same cuts."""
    if not shown:
        return now
    parts, part = [], []
    for line in [*shown, CUT]:
        if line == CUT:
            parts.append(part)
            part = []
        else:
            part.append(line)
    result, at = [], 0
    for number, part in enumerate(parts):
        if number:
            result.append(CUT)
        if not part:
            continue
        start = at if number == 0 else nearest(part[0], now, at, at)
        last = number == len(parts) - 1
        end = len(now) if last else nearest(part[-1], now, start, start + len(part) - 1) + 1
        result += now[start:end]
        at = end
    return result


def nearest(line, now, at, hint):
    """Return the index in `now`, from `at` on, of the line most like `line`; of equals, the one nearest to `hint`."""

    def likeness(k):
        return difflib.SequenceMatcher(None, masked(line), masked(now[k]), autojunk=False).ratio(), -abs(k - hint)

    return max(range(at, len(now)), key=likeness, default=len(now))


def every_line(lines, pieces):
    """Return a transcript with every number as it is now."""
    text = []
    for before, now in zip(pieces_of(lines), pieces, strict=True):
        text += before.typed + renewed(before.shown, now.shown)
    return text


def main(titles):
    """Renew the transcripts of these sections, or of all."""
    text = README.read_text("utf-8").splitlines()
    for title, blocks in reversed(sections("\n".join(text)).items()):
        if titles and title not in titles:
            continue
        with folder_of_a_user():
            names, now = {}, []
            for block in filter(is_transcript, blocks):
                now.append((block, every_line(block.lines, output_of(block.lines, names))))
        for block, lines in reversed(now):
            text[block.start : block.start + len(block.lines)] = [f"    {line}".rstrip() for line in lines]
            changed = difflib.unified_diff(block.lines, lines, title, title, lineterm="", n=1)
            print(*changed, sep="\n")
    README.write_text("\n".join(text) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
