"""How the command line speaks: prose in 80 columns, and errors in one line. How it ends, whatever happens around it."""

from __future__ import annotations

import argparse
import codecs
import errno
import io
import os
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
SIGPIPE = 128 + 13  # the status of a program that ends because nobody reads it

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

    def as_prose(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, NeurosimWarning):
            tell(wrapped(f"warning: {message}"))
        else:
            show(message, category, *where, **more)

    with warnings.catch_warnings():
        warnings.showwarning = as_prose
        yield


def speak_plainly(*streams: IO[str] | None) -> None:
    """Let streams that cannot write every letter (an ASCII terminal, a Windows pipe) write it in plain characters.

    In UTF-8 these are the bytes of a file's name that are none.
    """
    codecs.register_error("neurosim", _in_plain_characters)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper) and not stream.closed:
            stream.reconfigure(errors="neurosim")


def _in_plain_characters(error: UnicodeError) -> tuple[str, int]:
    """What stands for the characters that an encoding does not have."""
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
    """Standard output. Where it cannot be written a command ends, unless what it makes are files: see `makes_files`.

    Without a reader (`head` has seen enough) it ends as other programs do, quietly and with the status of SIGPIPE.
    """

    def __init__(self, stream: IO[str] | None) -> None:
        super().__init__(stream, self._end)
        self.files = False

    def _end(self, error: OSError) -> None:
        silence(self.stream)
        unread = error.errno == errno.EPIPE or (os.name == "nt" and error.errno == errno.EINVAL)
        if self.files:
            if not unread:
                tell(f"cannot write to standard output: {error.strerror}; the files are written all the same")
        elif unread:
            sys.exit(SIGPIPE)
        else:
            fail(f"cannot write to standard output: {error.strerror}")


def makes_files() -> None:
    """Say that what the command makes are files, and that it shall make them whether or not somebody reads along."""
    if isinstance(sys.stdout, StandardOutput):
        sys.stdout.files = True


@contextmanager
def safe_streams() -> Iterator[None]:
    """Within this, no run is lost because standard output or standard error is closed, full or without a reader."""
    occupy()
    before = sys.stdout, sys.stderr
    speak_plainly(*before)
    out, err = StandardOutput(before[0]), Outlet(before[1], lambda _: silence(before[1]))
    sys.stdout, sys.stderr = out, err
    try:
        yield
        out.flush()
    except SystemExit as ended:
        if ended.code:  # it is known already that something is wrong
            out.files = True
        out.flush()
        raise
    finally:
        err.flush()
        sys.stdout, sys.stderr = before


def occupy() -> None:
    """Open those of the three standard streams that are closed: the next file would get its number, and its text."""
    if os.name == "posix":
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(number, True)
        os.close(number)


def silence(stream: IO[str] | None) -> None:
    """Let what a stream still holds go nowhere, so that Python does not complain of it at its end."""
    with suppress(AttributeError, OSError, ValueError):
        number = stream.fileno()  # type: ignore[union-attr]
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


# -- signals -----------------------------------------------------------------------------------------------------------


class Ended(KeyboardInterrupt):
    """Somebody asks the program to end, not from the keyboard."""


_came: list[int] = []  # numbers of the signals that asked for it: they are the process's, as this is


def asked_to_end() -> int:
    """The number of the last such signal; 0: none came. A training that it stopped has answered it as Ctrl-C."""
    return _came[-1] if _came else 0


@contextmanager
def signals_as_ctrl_c() -> Iterator[None]:
    """Within this a signal that asks the program to end (SIGTERM; SIGHUP, unless under nohup) saves as Ctrl-C does."""
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
    if len(line) > LONGEST_ERROR:  # it repeats what it was given
        line = f"{line[: LONGEST_ERROR // 2]} ... {line[-LONGEST_ERROR // 2 :]}"
    tell(f"error: {line}")


def fail(message: str) -> NoReturn:
    """End with one line on standard error and status 2."""
    complain(message)
    sys.exit(2)


def is_of_memory(error: BaseException) -> bool:
    """Whether an error says that the system gave no more memory: to an array, a library, a process or a thread."""
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    return isinstance(error, MemoryError) or any(each in str(error) for each in NO_MEMORY)


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a wrong command line in one line and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is."""
        fail(f"{message} (see {self.prog} --help)")
