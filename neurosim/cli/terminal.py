"""How the command line speaks: prose in 80 columns, and errors in one line."""

from __future__ import annotations

import argparse
import codecs
import io
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, NoReturn

from ..errors import NeurosimWarning

WIDTH = 79  # columns of prose: one less than a terminal has
LONGEST_ERROR = 1000  # characters

PLAIN = {
    "Σ": "sum",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "η": "eta",
    "θ": "theta",
    "λ": "lambda",
    "μ": "mu",
    "ρ": "rho",
    "ψ": "psi",
    "₁": "1",
    "₂": "2",
    "²": "^2",
    "ᵀ": "^T",
    "√": "sqrt",
    "±": "+/-",
    "×": "x",
    "·": "*",
    "←": "<-",
    "→": "->",
    "≠": "!=",
    "≤": "<=",
    "≥": ">=",
    "∞": "inf",
    "‖": "|",
    "…": "...",
    "–": "-",
    "−": "-",
    "\u00a0": " ",
    "½": "1/2",
    "á": "a",
}
"""What stands for a character where it cannot be written."""


def say(text: str) -> None:
    """Print prose, wrapped to the terminal's usual 80 columns."""
    print(wrapped(text))


def wrapped(text: str, width: int = WIDTH, indent: int = 0) -> str:
    """Prose in lines of at most `width` characters, all but the first indented; an option or a path stays whole."""
    return textwrap.fill(text, width, subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False)


@contextmanager
def warnings_as_prose() -> Iterator[None]:
    """Within this, a warning of neurosim's own is a sentence on standard error, without a line of the code."""
    show = warnings.showwarning

    def tell(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, NeurosimWarning):
            print(wrapped(f"warning: {message}"), file=sys.stderr)
        else:
            show(message, category, *where, **more)

    with warnings.catch_warnings():
        warnings.showwarning = tell
        yield


def speak_plainly(*streams: IO[str] | None) -> None:
    """Let streams that cannot write every letter (an ASCII terminal, a Windows pipe) write it in plain characters."""
    codecs.register_error("neurosim", _in_plain_characters)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
            stream.reconfigure(errors="neurosim")


def _in_plain_characters(error: UnicodeError) -> tuple[str, int]:
    """What stands for the characters that an encoding does not have."""
    assert isinstance(error, UnicodeEncodeError)
    found = error.object[error.start : error.end]
    return "".join(PLAIN.get(each, "?") for each in found), error.end


def complain(message: str) -> None:
    """Print an error in one line on standard error."""
    line = " ".join(message.split())
    if len(line) > LONGEST_ERROR:  # it repeats what it was given
        line = f"{line[: LONGEST_ERROR // 2]} ... {line[-LONGEST_ERROR // 2 :]}"
    print(f"error: {line}", file=sys.stderr)


def fail(message: str) -> NoReturn:
    """End with one line on standard error and status 2."""
    complain(message)
    sys.exit(2)


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a wrong command line in one line and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is."""
        fail(f"{message} (see {self.prog} --help)")
