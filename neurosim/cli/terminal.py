"""The command line's manners: prose in 80 columns, errors in one line, and a proper end in every situation."""

from __future__ import annotations

import argparse
import codecs
import errno
import io
import os
import re
import signal
import sys
import textwrap
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, NoReturn

from ..console import Outlet, tell
from ..errors import NeurosimWarning
from ..text import readable

WIDTH = 79  # columns of prose: one less than a terminal has
LONGEST_ERROR = 1000  # characters
NO_MEMORY = ("failed to map segment", "allocate memory", "can't start new thread")  # in errors of other kinds
SIGPIPE = 128 + 13  # the status of a program that ends because its output has no reader

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
"""Character -> what is written instead if a stream cannot write the character."""

ARGPARSE = (
    (r"^argument ([^:]+): ", r"\1: "),
    (r"expected one argument$", "expected a value after it, received none"),
    (r"expected at least one argument$", "expected at least one value after it, received none"),
    (r"ignored explicit argument (.*)$", r"expected no value, received \1"),
    (
        r"^the following arguments are required: PICTURE$",
        "expected FILE PICTURE (first the saved network, then your pictures), received only one name",
    ),
    (r"^the following arguments are required: (.*)$", r"expected \1, received nothing"),
    (r"invalid choice: (.*) \(choose from (.*)\)$", r"expected one of \2, received \1"),
    (r"not allowed with argument (.*)$", r"expected no \1 with it, received both"),
)
"""Messages of argparse, as patterns -> the same in the words of neurosim's own errors."""


def say(text: str) -> None:
    """Print prose, wrapped to the terminal's usual 80 columns."""
    print(wrapped(text))


def wrapped(text: str, width: int = WIDTH, indent: int = 0) -> str:
    """Wrap prose at `width` characters. All lines except the first are indented; no option or path is broken."""
    return textwrap.fill(text, width, subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False)


@contextmanager
def warnings_as_prose() -> Iterator[None]:
    """In this block, print a warning of neurosim as a sentence on standard error, without a line of code."""
    show = warnings.showwarning

    def as_prose(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, NeurosimWarning):
            tell(wrapped(f"warning: {message}"))
        else:
            show(message, category, *where, **more)

    with warnings.catch_warnings():
        warnings.showwarning = as_prose
        yield


def speak_plainly(*streams: IO[str] | None) -> None:
    """Let a stream that cannot write some letters (an ASCII terminal, a Windows pipe) write plain ones instead.

    A stream in UTF-8 cannot write the bytes of a file name that is not UTF-8.
    """
    codecs.register_error("neurosim", _in_plain_characters)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper) and not stream.closed:
            stream.reconfigure(errors="neurosim")


def _in_plain_characters(error: UnicodeError) -> tuple[str, int]:
    """Return what to write instead of characters that an encoding does not have."""
    assert isinstance(error, UnicodeEncodeError)
    found = readable(error.object[error.start : error.end])
    return "".join(each if _has(error.encoding, each) else PLAIN.get(each, "?") for each in found), error.end


def _has(encoding: str, character: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


# -- streams that fail -------------------------------------------------------------------------------------------------


class StandardOutput(Outlet):
    """Standard output. If it cannot be written, the command ends, unless it makes files: see `makes_files`.

    If its reader has gone (such as `head`), it ends like other programs: quietly, with the status of SIGPIPE.
    """

    def __init__(self, stream: IO[str] | None) -> None:
        super().__init__(stream, self._end)
        self.files = False

    def _end(self, error: OSError) -> None:
        silence(self.stream)
        unread = error.errno == errno.EPIPE or (os.name == "nt" and error.errno == errno.EINVAL)
        if self.files:
            if not unread:
                tell(f"cannot write to standard output: {error.strerror}; the files are still written")
        elif unread:
            sys.exit(SIGPIPE)
        else:
            fail(f"cannot write to standard output: {error.strerror}")


def makes_files() -> None:
    """Declare that the command makes files. It then continues when its output cannot be written."""
    if isinstance(sys.stdout, StandardOutput):
        sys.stdout.files = True


@contextmanager
def safe_streams() -> Iterator[None]:
    """In this block, lose no run because standard output or standard error is closed, full or without a reader."""
    occupy()
    before = sys.stdout, sys.stderr
    speak_plainly(*before)
    out, err = StandardOutput(before[0]), Outlet(before[1], lambda _: silence(before[1]))
    sys.stdout, sys.stderr = out, err
    try:
        yield
        out.flush()
    except SystemExit as ended:
        if ended.code:  # the user knows already that something is wrong
            out.files = True
        out.flush()
        raise
    finally:
        err.flush()
        sys.stdout, sys.stderr = before


def occupy() -> None:
    """Open the standard streams that are closed. Otherwise the next file would get their number, and their text."""
    if os.name == "posix":
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(number, True)
        os.close(number)


def silence(stream: IO[str] | None) -> None:
    """Discard what a stream has not written yet, so that Python does not complain at its end."""
    with suppress(AttributeError, OSError, ValueError):
        number = stream.fileno()  # type: ignore[union-attr]
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


# -- signals -----------------------------------------------------------------------------------------------------------


class Ended(KeyboardInterrupt):
    """A signal other than Ctrl-C asks the program to end."""


_came: list[int] = []  # numbers of the signals that asked the program to end; they belong to the process, as this does


def asked_to_end() -> int:
    """Return the number of the last of these signals; 0 if none came. A training treats it like Ctrl-C."""
    return _came[-1] if _came else 0


@contextmanager
def signals_as_ctrl_c() -> Iterator[None]:
    """In this block, treat SIGTERM, and SIGHUP unless under nohup, like Ctrl-C: save and end."""
    _came.clear()
    before = {}

    def end(number: int, frame: Any) -> None:
        _came.append(number)
        raise Ended

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# -- errors ------------------------------------------------------------------------------------------------------------


def complain(message: str) -> None:
    """Print an error in one line on standard error."""
    line = " ".join(message.split())
    if len(line) > LONGEST_ERROR:  # it repeats a long value that the user gave
        line = f"{line[: LONGEST_ERROR // 2]} ... {line[-LONGEST_ERROR // 2 :]}"
    tell(f"error: {line}")


def fail(message: str) -> NoReturn:
    """End with one line on standard error and status 2."""
    complain(message)
    sys.exit(2)


def is_of_memory(error: BaseException) -> bool:
    """Whether an error means that there was not enough memory: for an array, a library, a process or a thread."""
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    return isinstance(error, MemoryError) or any(each in str(error) for each in NO_MEMORY)


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a wrong command line in one line and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and how to get help."""
        for pattern, words in ARGPARSE:
            message = re.sub(pattern, words, message)
        fail(f"{message} (see {self.prog} --help)")
