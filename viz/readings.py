"""Predictions for your own pictures: each picture, the network's input, and the most probable classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from neurosim.errors import ShapeError
from neurosim.parameters import Array
from neurosim.text import certainty, short

from .colours import AXIS, FAINT, INK_COLOUR, MUTED, PALETTE
from .images import blank
from .samples import names_of_classes
from .style import INK, WIDTH, heading, new_axes, styled

CELL = (100.0, 43.0)  # width and height for one picture, in units of the axes
PICTURE = 31.0  # side of a picture
TOP = 4  # the number of classes to show
LETTERS = 30  # the largest number of characters of a caption


@styled
def readings(
    originals: Sequence[Array],
    seen: Sequence[Array],
    outputs: Array,
    class_names: Sequence[str] | None = None,
    captions: Sequence[str] | None = None,
    shares: bool = True,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw each picture, beside it the network's input, and the most probable classes.

    Args:
        originals: pictures of any size, (height, width) or (height, width, 3), uint8 or floats in 0..1.
        seen: the same pictures as the network's input; grey ones are drawn dark on white.
        outputs: the network's output for each picture, shape (N, n).
        class_names: a name for each class; its number if left out.
        captions: a line above each picture, such as the name of its file.
        shares: whether the outputs are probabilities.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Axes, which hold two images for each picture.

    Raises:
        ShapeError: if there is no picture, or the numbers of pictures and outputs differ.
    """
    outputs = np.asarray(outputs, dtype=float)
    n = len(originals)
    if n == 0 or outputs.ndim != 2 or not len(seen) == len(outputs) == n:
        raise ShapeError(
            f"outputs: expected one row and one input per picture, and at least one picture, received {n} pictures, "
            f"{len(seen)} inputs, and outputs of shape {outputs.shape}"
        )
    names = names_of_classes(class_names, outputs.shape[1])
    columns = min(n, 3)
    rows = -(-n // columns)
    inches = (WIDTH - 0.3) / 3 / CELL[0]  # of a unit
    ax = new_axes(ax, width=max(4.2, columns * CELL[0] * inches + 0.3), height=0.92 + rows * CELL[1] * inches)
    for i in range(n):
        left, top = i % columns * CELL[0], i // columns * CELL[1]
        if captions is not None:
            text = captions[i] if len(captions[i]) <= LETTERS else f"...{captions[i][3 - LETTERS :]}"
            ax.text(left, top + 6, text, fontsize=6.5, color=MUTED, va="bottom", ha="left")
        _show(ax, originals[i], left, top + 8, "gray")
        _show(ax, seen[i], left + PICTURE + 2, top + 8, INK)
        _bars(ax, outputs[i], names, left + 2 * PICTURE + 4, top + 8, shares)
    ax.set(xlim=(-1, columns * CELL[0]), ylim=(rows * CELL[1], 0), aspect="equal")
    blank(ax)
    heading(
        ax,
        title or ("The prediction for one picture" if n == 1 else f"The predictions for {n:,} pictures"),
        "left: the picture as given; beside it: the network's input\n"
        + ("bars: probability of each class, the most probable at the top" if shares else "then: the largest outputs"),
    )
    return ax


def _show(ax: Axes, picture: Any, left: float, top: float, colours: str) -> None:
    """Draw a picture in a square at (left, top), as large as fits, in its proportions."""
    picture = np.asarray(picture)
    height, width = (PICTURE * side / max(picture.shape[:2]) for side in picture.shape[:2])
    x, y = left + (PICTURE - width) / 2, top + (PICTURE - height) / 2
    limit = 255 if picture.dtype.kind in "ui" else 1
    extent = (x, x + width, y + height, y)
    ax.imshow(picture, cmap=colours, vmin=0, vmax=limit, extent=extent, interpolation="nearest", aspect="auto")
    ax.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=FAINT, linewidth=0.6))


def _bars(ax: Axes, outputs: Array, names: Sequence[str], left: float, top: float, shares: bool) -> None:
    """Write the classes of the largest outputs, the largest first, with a bar if they are probabilities."""
    largest = np.argsort(-outputs, kind="stable")[:TOP]
    step = PICTURE / TOP
    wide = max(len(names[k]) for k in largest) > 2
    for place, k in enumerate(largest):
        middle, first = top + (place + 0.5) * step, place == 0
        value = certainty(outputs[k]) if shares else short(outputs[k])
        look: dict[str, Any] = {"fontsize": 6.5 if first else 5.5, "color": INK_COLOUR if first else MUTED}
        look |= {"va": "center", "fontweight": "bold" if first else "normal"}
        text = f"{names[k][:12]} {value}" if wide else value
        if not wide:
            ax.text(left + 2, middle, names[k], ha="center", **look)
        ax.text(left + (0 if wide else 6), middle - 0.5, text, ha="left", **look)
        if shares:
            size, colour = 22 * float(np.clip(outputs[k], 0, 1)), PALETTE[0] if first else AXIS
            ax.add_patch(Rectangle((left + (0 if wide else 6), middle + 2.2), size, 1.1, color=colour, linewidth=0))
