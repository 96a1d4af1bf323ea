"""How the command line speaks: prose in 80 columns, and errors in one line."""

from __future__ import annotations

import argparse
import sys
import textwrap
from typing import NoReturn

WIDTH = 79  # columns of prose: one less than a terminal has
LONGEST_ERROR = 1000  # characters


def say(text: str) -> None:
    """Print prose, wrapped to the terminal's usual 80 columns."""
    print(textwrap.fill(text, WIDTH))


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


def has_blocks() -> bool:
    """Whether standard output can show the block characters that pictures are drawn with."""
    try:
        "▀▄█".encode(sys.stdout.encoding or "utf-8")  # a file in memory has none
    except (UnicodeError, LookupError):
        return False
    return True


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a wrong command line in one line and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is."""
        fail(f"{message} (see {self.prog} --help)")
