"""A sample as a picture in the terminal."""

from __future__ import annotations

from typing import IO

import numpy as np

from ..parameters import Array
from .terminal import WIDTH


def has_blocks(stream: IO[str] | None) -> bool:
    """Whether half blocks can be written to a stream."""
    try:
        "▀▄█".encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def picture(image: Array, blocks: bool) -> str:
    """Return a grey image (height, width) as text, with two rows of pixels per line; "" if it is too wide.

    Args:
        image: any numbers; the largest are drawn dark.
        blocks: whether to draw each pixel as half a block, or two pixels as one plain character.
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
