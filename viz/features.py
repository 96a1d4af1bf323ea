"""Pictures for tables of data: the weights of named features, and predicted numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurosim.errors import ShapeError
from neurosim.parameters import Array
from neurosim.text import MINUS, counted, fixed, short

from .colours import MUTED, PALETTE
from .panels import name_panel, panel_shape
from .style import (
    DIVERGING,
    RIM,
    WIDTH,
    AnyFigure,
    figure_heading,
    heading,
    new_axes,
    new_figure,
    root_figure,
    styled,
    text_on,
)

READABLE = 16
"""The largest number of columns with room for numbers."""
LONGEST = 32
"""The largest number of letters of a name."""


@styled
def weight_table(
    weights: Any,
    names: Sequence[str],
    ax: Axes | None = None,
    title: str | None = None,
    unit: str = "",
    neurons: Sequence[int] | None = None,
) -> Axes:
    """Draw the incoming weights of neurons whose inputs are features: one row per feature, one column per neuron.

    Args:
        weights: shape (n_in, n), one column per neuron, such as `net[1].W`.
        names: the names of the n_in features.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.
        unit: the unit of the weights, in words, such as "per standard deviation of the feature".
        neurons: the numbers of the neurons; 0, 1, … if left out.

    Returns:
        The Axes; cell (feature, neuron) is centred on (neuron, feature), the first feature at the top.

    Raises:
        ShapeError: if weights and names do not fit together, or weights are not finite.
    """
    W = np.asarray(weights, dtype=float)
    if W.ndim != 2 or len(W) != len(names) or not W.size or not np.isfinite(W).all():
        raise ShapeError(f"weights: expected finite ({len(names)}, n), one column per neuron, received {W.shape}")
    rows, columns = W.shape
    if neurons is not None and len(neurons) != columns:
        raise ShapeError(f"neurons: expected {columns} numbers, one for each column, received {len(neurons)}")
    names = [_shortened(str(name)) for name in names]
    wide = columns > 4 or max(map(len, names)) > LONGEST // 2
    ax = new_axes(ax, width=WIDTH if wide else 6.4, height=min(14.0, 1.4 + 0.27 * max(rows, 3)))
    reach = float(np.abs(W).max()) or 1.0
    picture = ax.imshow(W, cmap=DIVERGING, vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest")
    if columns <= READABLE:
        for (row, column), value in np.ndenumerate(W):
            look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8 if columns <= 10 else 7}
            colour = text_on(picture.cmap(picture.norm(value)))
            ax.text(column, row, fixed(value).replace("-", MINUS), color=colour, **look)
    ax.grid(False)
    ax.set_yticks(range(rows), names)
    ax.set_xlabel("neuron")
    if columns <= READABLE or neurons is not None:
        ax.set_xticks(range(columns), [str(j) for j in neurons or range(columns)])
    root_figure(ax).colorbar(picture, ax=ax, pad=0.02, label="weight")
    told = f"red excites, blue inhibits; weights {unit}" if unit else "red excites, blue inhibits"
    heading(ax, title or f"What each of {counted(columns, 'neuron')} looks for", told)
    return ax


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1].rstrip()}\u2026"


@styled
def predicted_and_true(
    true: Array, predicted: Array, names: Sequence[str] = (), fig: AnyFigure | None = None, title: str | None = None
) -> AnyFigure:
    """Draw predicted numbers against the true ones, one panel per target; predictions on the line are right.

    Args:
        true: the targets, shape (N,) or (N, n).
        predicted: the network's predictions, of the same shape.
        names: the names of the n targets; "target" if left out.
        fig: a Figure or SubFigure to draw in; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Figure, one panel per target with its root mean square error, √(mean of (predicted - true)²).

    Raises:
        ShapeError: if the shapes differ.
    """
    true, predicted = np.asarray(true, dtype=float), np.asarray(predicted, dtype=float)
    if true.shape != predicted.shape or true.ndim not in (1, 2) or not true.size:
        raise ShapeError(f"predicted: expected one for each target, {true.shape}, received {predicted.shape}")
    true, predicted = true.reshape(len(true), -1), predicted.reshape(len(true), -1)
    count = true.shape[1]
    names = list(names) or (["target"] if count == 1 else [f"target {k}" for k in range(count)])
    if len(names) != count:
        raise ShapeError(f"names: expected {count}, one for each target, received {len(names)}")
    rows, columns = panel_shape(count)
    wide = 5.6 if count == 1 else WIDTH
    fig = new_figure(fig, width=wide, height=0.5 + rows * (wide / columns * 0.95))
    for k, ax in enumerate(fig.subplots(rows, columns, squeeze=False).flat):
        if k >= count:
            ax.remove()
            continue
        error = float(np.sqrt(np.mean((predicted[:, k] - true[:, k]) ** 2)))
        low, high = min(true[:, k].min(), predicted[:, k].min()), max(true[:, k].max(), predicted[:, k].max())
        ax.plot([low, high], [low, high], color=MUTED, linewidth=1.2, zorder=1.5, label="right")
        ax.plot(true[:, k], predicted[:, k], "o", markersize=4.5, color=PALETTE[0], label="samples", **RIM)
        ax.set_xlabel(f"true {_shortened(names[k])}")
        ax.set_ylabel(f"predicted {_shortened(names[k])}")
        name_panel(ax, f"root mean square error {short(error)}")
    figure_heading(fig, title or f"{len(true):,} predictions against the true values", "line: prediction = true value")
    return fig
