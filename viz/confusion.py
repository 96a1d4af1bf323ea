"""The confusion matrix: which classes are read as which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from neurosim.errors import NeurosimError, ShapeError
from neurosim.parameters import Array
from neurosim.text import percent, plain, thousands

from .colours import GRID, INK_COLOUR
from .style import SHARE, heading, new_axes, styled, text_on


@styled
def confusion_matrix(
    matrix: Array,
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw how often each true class (row) was read as each class (column).

    Colour marks the mistakes: the larger a cell's share of its row, the darker the cell.  The diagonal is grey, so
    that its large numbers do not hide the mistakes.

    Args:
        matrix: counts, true classes in rows, predicted in columns, shape (n, n).
        class_names: a name for each class; its number if left out.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title, which gives the accuracy.

    Returns:
        The Axes; its first image shows the shares of mistakes in percent, NaN on the diagonal.

    Raises:
        ShapeError: if the matrix is not square.
        NeurosimError: if a count is negative or a name is missing.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ShapeError(f"matrix: expected (n, n) counts, received {matrix.shape}")
    if (matrix < 0).any():
        raise NeurosimError(f"matrix: expected counts of at least 0, received {matrix.min()}")
    n = len(matrix)
    names = [str(i) for i in range(n)] if class_names is None else [str(name) for name in class_names]
    if len(names) != n:
        raise NeurosimError(f"class_names: expected {n}, one per class, received {len(names)}")
    rows = matrix.sum(axis=1, keepdims=True)  # (n, 1)
    share = 100 * matrix / np.maximum(rows, 1)  # (n, n), percent
    off = np.where(np.eye(n, dtype=bool), np.nan, share)
    limit = max(float(np.nanmax(off, initial=0.0)), 0.5)
    total, right = matrix.sum(), np.trace(matrix)

    ax = new_axes(ax, height=7.0)
    picture = ax.imshow(off, cmap=SHARE, vmin=0, vmax=limit)
    ax.imshow(np.where(np.eye(n, dtype=bool), 0.16, np.nan), cmap="Greys", vmin=0, vmax=1)
    if n <= 30:
        size = 9 if n <= 12 else 7 if n <= 20 else 5
        for i, j in np.ndindex(n, n):
            if matrix[i, j]:
                colour = text_on(SHARE(off[i, j] / limit)) if i != j else INK_COLOUR
                ax.text(j, i, plain(float(matrix[i, j])), ha="center", va="center", fontsize=size, color=colour)
    ax.set_xticks(range(n), names)
    ax.set_yticks(range(n), names)
    if max(map(len, names)) > 4:
        ax.tick_params(axis="x", labelrotation=40)
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    ax.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    ax.grid(False)
    ax.grid(which="minor", color=GRID, linewidth=0.8)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    bar = ax.figure.colorbar(picture, ax=ax, shrink=0.7, pad=0.02, aspect=28)
    bar.set_label("misread, share of the true class (%)")
    bar.outline.set_visible(False)
    heading(
        ax,
        title or f"Accuracy {percent(right / max(total, 1), 2)}: which class is read as which",
        f"numbers: samples; grey diagonal: read correctly, {thousands(right)} of {thousands(total)}; colour: misread",
    )
    return ax
