"""Tables: the weights of neurons that look at named features, and numbers that were predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurosim.errors import ShapeError
from neurosim.parameters import Array
from neurosim.text import plain

from .colours import MUTED, PALETTE
from .style import DIVERGING, RIM, heading, new_axes, root_figure, styled, text_on

READABLE = 16
"""In so many columns at most there is room for numbers."""


@styled
def weight_table(weights: Any, names: Sequence[str], ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the incoming weights of neurons that look at features: a row for each feature, a column for each neuron.

    Args:
        weights: shape (n_in, n), a neuron a column, such as `net[1].W`.
        names: of the features, n_in of them.
        ax: where to draw; a new figure if left out.
        title: instead of the usual one.

    Returns:
        The Axes; cell (feature, neuron) is centred on (neuron, feature), the first feature at the top.

    Raises:
        ShapeError: if weights and names do not fit together.
    """
    W = np.asarray(weights, dtype=float)
    if W.ndim != 2 or len(W) != len(names) or not W.size:
        raise ShapeError(f"weights: expected ({len(names)}, n), a neuron a column; received {W.shape}.")
    rows, columns = W.shape
    ax = new_axes(ax, width=8.0 if columns > 4 else 4.0, height=min(14.0, 1.4 + 0.27 * rows))
    reach = float(np.abs(W).max()) or 1.0
    picture = ax.imshow(W, cmap=DIVERGING, vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest")
    if columns <= READABLE:
        for (row, column), value in np.ndenumerate(W):
            colour = text_on(picture.cmap(picture.norm(value)))
            ax.text(
                column, row, f"{value:.2f}".replace("-", "\u2212"), ha="center", va="center", fontsize=8, color=colour
            )
    ax.grid(False)
    ax.set_yticks(range(rows), [str(name) for name in names])
    ax.set_xlabel("neuron")
    if columns <= READABLE:
        ax.set_xticks(range(columns))
    root_figure(ax).colorbar(picture, ax=ax, pad=0.02, label="weight")
    heading(ax, title or f"Weights of {columns} neurons of the first layer", "red excites, blue inhibits")
    return ax


@styled
def predicted_and_true(true: Array, predicted: Array, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw numbers that were predicted against what they are: on the line a prediction is right.

    Args:
        true: the targets, shape (N,).
        predicted: what the network says, shape (N,).
        ax: where to draw; a new figure if left out.
        title: instead of the usual one.

    Returns:
        The Axes.

    Raises:
        ShapeError: if the lengths differ.
    """
    true, predicted = np.asarray(true, dtype=float), np.asarray(predicted, dtype=float)
    if true.shape != predicted.shape or true.ndim != 1 or not len(true):
        raise ShapeError(f"predicted: expected one for each target, {true.shape}; received {predicted.shape}.")
    ax = new_axes(ax, width=5.6, height=5.2)
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    ax.plot([low, high], [low, high], color=MUTED, linewidth=1.2, zorder=1.5)
    ax.plot(true, predicted, "o", markersize=4.5, color=PALETTE[0], **RIM)
    ax.set_xlabel("true")
    ax.set_ylabel("predicted")
    missed = float(np.sqrt(np.mean((predicted - true) ** 2)))
    heading(ax, title or "Predictions and targets", f"root of the mean square of what is missed: {plain(missed)}")
    return ax
