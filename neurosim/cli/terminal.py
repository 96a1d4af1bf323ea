"""How the command line speaks: prose in 80 columns, and errors in one line."""

from __future__ import annotations

import argparse
import sys
import textwrap
from typing import IO, NoReturn

import numpy as np

from ..parameters import Array

WIDTH = 79  # columns of prose: one less than a terminal has
LONGEST_ERROR = 1000  # characters


def say(text: str) -> None:
    """Print prose, wrapped to the terminal's usual 80 columns."""
    print(textwrap.fill(text, WIDTH))


def has_blocks(stream: IO[str] | None) -> bool:
    """Whether half blocks can be written there."""
    try:
        "▀▄█".encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def picture(image: Array, blocks: bool) -> str:
    """A grey image (height, width) as text, two rows of pixels in a line; nothing where it is wider than the terminal.

    Args:
        image: any numbers; the largest are drawn dark.
        blocks: whether to draw each pixel as half a block, or two of them as one plain character.
    """
    height, width = image.shape
    low, high = float(image.min()), float(image.max())
    if width > WIDTH or height > WIDTH or not high > low:
        return ""
    ink = (image.astype(float) - low) / (high - low)
    upper, lower = ink[::2], np.zeros(((height + 1) // 2, width))
    lower[: height // 2] = ink[1::2]
    if blocks:
        which = 2 * (upper > 0.4) + (lower > 0.4)
        characters = " ▄▀█"
    else:
        characters = " .:-=+*#%@"
        which = np.rint((upper + lower) / 2 * (len(characters) - 1)).astype(int)
    inked = np.flatnonzero(which.any(axis=1))
    return "\n".join("".join(characters[k] for k in row).rstrip() for row in which[inked[0] : inked[-1] + 1])


def fail(message: str) -> NoReturn:
    """End with one line on standard error and status 2."""
    line = " ".join(message.split())
    if len(line) > LONGEST_ERROR:  # it repeats what it was given
        line = f"{line[: LONGEST_ERROR // 2]} ... {line[-LONGEST_ERROR // 2 :]}"
    print(f"error: {line}", file=sys.stderr)
    sys.exit(2)


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a wrong command line in one line and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is."""
        fail(f"{message} (see {self.prog} --help)")
