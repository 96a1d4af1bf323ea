"""A heatmap: a table with a coloured number for each pair of settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from neurosim.errors import NeurosimError, ShapeError
from neurosim.text import decimals_of, fixed, plain, signed

from .colours import MUTED, PALE, RULE
from .style import DIVERGING, SHARE, heading, new_axes, styled, text_on
from .tables import as_frame, quantity, with_variants, without_diverged

READABLE = 26
"""The largest number of columns with room for numbers."""


@styled
def heatmap(
    data: Any,
    x: str = "width",
    y: str = "depth",
    metric: str = "val_accuracy",
    ax: Axes | None = None,
    title: str | None = None,
    x_labels: Sequence[Any] | None = None,
    y_labels: Sequence[Any] | None = None,
    centred: bool = False,
    framed: Any = None,
    note: str = "",
) -> Axes:
    """Draw a metric over two settings, e.g. accuracy over width and depth, with its value in each cell.

    Seeds are averaged.  If all runs of a cell diverged, it has a cross.  If some did, the cell shows the mean of the
    others and the number of diverged runs.  A cell without runs stays empty.

    Args:
        data: a table with columns `x`, `y` and the metric and, optionally, `seed`, `epoch` (the last counts), `loss`,
            `diverged`.  Or a matrix (rows, columns) in the metric's own unit; NaN: diverged.
        x: the column, or the name, of the setting from left to right.
        y: the column, or the name, of the setting from top to bottom.
        metric: the column, or the name, of the values; accuracies in 0..1.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.
        x_labels: the labels of the columns of a matrix; counted from 0 if left out.
        y_labels: the labels of the rows of a matrix; counted from 0 if left out.
        centred: whether the values are differences: then signs are written, and white is 0.
        framed: (rows, columns) of booleans: the cells with a frame; None: no cell.
        note: the subtitle, instead of the number of runs per cell.

    Returns:
        The Axes; cell (row, column) is centred on (column, row), the first row at the top.

    Raises:
        NeurosimError: if a column is missing or nothing is a number.
        ShapeError: if a matrix does not have two dimensions, or the number of labels is wrong.

    Example:
        >>> ax = heatmap(results, "width", "depth", "test_accuracy")
        >>> ax = heatmap(matrix, x_labels=[8, 16, 32], y_labels=[1, 2])
    """
    if isinstance(data, (np.ndarray, list, tuple)):
        values, lost, runs, x_labels, y_labels = _from_matrix(data, x_labels, y_labels)
    else:
        values, lost, runs, x_labels, y_labels = _from_frame(data, x, y, metric)
    kind = quantity(metric)
    values = values * kind.factor
    rows, columns = values.shape
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    ax = new_axes(ax, height=float(np.clip(1.6 + 0.5 * rows, 3.2, 12.0)))
    span = high - low or 1.0
    ends = (low - 0.15 * span, low + span)  # white: not run
    if centred:
        ends = (-max(abs(low), abs(high), 1e-9), max(abs(low), abs(high), 1e-9))
    picture = ax.imshow(values, cmap=DIVERGING if centred else SHARE, vmin=ends[0], vmax=ends[1], aspect="auto")
    decimals = (2 if span < 2 else 1) if kind.percent else decimals_of(max(abs(low), abs(high)))
    for i, j in np.ndindex(rows, columns):
        if runs[i, j] and lost[i, j] == runs[i, j]:
            ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=PALE, edgecolor=RULE, hatch="////", linewidth=0))
    _write_cells(ax, picture, lost, runs, decimals, centred)
    for i, j in np.argwhere(False if framed is None else framed):
        colour = text_on(picture.cmap(picture.norm(values[i, j])))
        ax.add_patch(Rectangle((j - 0.47, i - 0.46), 0.94, 0.92, fill=False, edgecolor=colour, linewidth=1.8))
    _label_cells(ax, x_labels, y_labels)
    ax.set_xlabel(x.replace("_", " "))
    ax.set_ylabel(y.replace("_", " "))
    bar = ax.figure.colorbar(picture, ax=ax, pad=0.02, aspect=25)
    bar.set_label(kind.axis)
    bar.outline.set_visible(False)
    if not centred:
        bar.ax.set_ylim(low, low + span)  # only the range of the values: the palest colours belong to no value
    notes = [note or _runs_text(runs, lost)]
    notes += ["×: diverged"] if lost.any() else []
    notes += ["empty: not run"] if (runs == 0).any() else []
    notes += ["numbers left out: too many cells"] if columns > READABLE else []
    if not finite.size:
        ax.text(0.5, 0.5, "every run diverged", transform=ax.transAxes, ha="center", color=MUTED)
    over = f"{y} and {x}".replace("_", " ")
    heading(ax, title or f"{kind.label.capitalize()} over {over}", "; ".join(notes))
    return ax


def _runs_text(runs: Any, lost: Any) -> str:
    """Return how many runs a cell is the mean of; runs that diverged are left out of it."""
    most, counts = runs.max(), (runs - lost)[runs > lost]
    if most < 2:
        return "one run per cell"
    return f"mean of {'' if (counts == most).all() else 'up to '}{most} runs per cell"


def _write_cells(ax: Axes, picture: Any, lost: Any, runs: Any, decimals: int, signs: bool) -> None:
    """Write each value into its cell, and the number of its diverged runs, if there is room."""
    values = picture.get_array().filled(np.nan)
    columns = values.shape[1]
    if columns > READABLE:
        return
    size = 9.0 if columns <= 12 else 7.0 if columns <= 18 else 5.5
    for i, j in np.argwhere(runs):
        if not np.isfinite(values[i, j]):
            paper = {"fc": PALE, "ec": "none", "pad": 0.8}
            ax.text(j, i, "×", ha="center", va="center", fontsize=size + 3, color="black", bbox=paper)
            continue
        text = signed(values[i, j], decimals) if signs else fixed(values[i, j], decimals)
        text += f"\n{lost[i, j]} of {runs[i, j]} ×" if lost[i, j] else ""
        colour = text_on(picture.cmap(picture.norm(values[i, j])))
        ax.text(j, i, text, ha="center", va="center", fontsize=size, color=colour, linespacing=1.1)


def _from_matrix(data: Any, x_labels: Sequence[Any] | None, y_labels: Sequence[Any] | None) -> tuple[Any, ...]:
    """Return values, lost runs and runs of each cell, and the labels."""
    try:
        values = np.array(data, dtype=float)
    except (TypeError, ValueError) as error:
        raise NeurosimError("data: expected a table or a matrix of numbers, received other values") from error
    if values.ndim != 2 or not values.size:
        raise ShapeError(f"data: expected a matrix of rows and columns, received shape {values.shape}")
    labels = []
    for name, given, count in (("y_labels", y_labels, values.shape[0]), ("x_labels", x_labels, values.shape[1])):
        labels.append(list(range(count)) if given is None else list(given))
        if len(labels[-1]) != count:
            raise ShapeError(f"{name}: expected {count}, received {len(labels[-1])}")
    values[~np.isfinite(values)] = np.nan
    return values, np.isnan(values).astype(int), np.ones(values.shape, int), labels[1], labels[0]


def _from_frame(data: Any, x: str, y: str, metric: str) -> tuple[Any, ...]:
    """Return values, lost runs and runs of each cell, and the labels: numbers sorted, words in their order."""
    frame = with_variants(as_frame(data, [x, y, metric], "data"))
    if "epoch" in frame:
        frame = frame.sort_values("epoch", kind="stable").groupby([x, y, "variant", "seed"], sort=False).tail(1)
        frame = frame.drop(columns="epoch")
    frame["value"] = without_diverged(frame, metric)
    labels = [_in_order(frame[column]) for column in (x, y)]
    cells = frame.groupby([y, x])["value"].agg(["mean", "count", "size"])
    table = cells.unstack(x).reindex(index=labels[1])
    shape = len(labels[1]), len(labels[0])
    mean, count, size = (table[name].reindex(columns=labels[0]).to_numpy(float) for name in ("mean", "count", "size"))
    runs = np.nan_to_num(size).astype(int).reshape(shape)
    return mean, runs - np.nan_to_num(count).astype(int), runs, labels[0], labels[1]


def _in_order(column: pd.Series) -> list[Any]:
    found = list(dict.fromkeys(column))
    return sorted(found) if pd.api.types.is_numeric_dtype(column) else found


def _label_cells(ax: Axes, x_labels: Sequence[Any], y_labels: Sequence[Any]) -> None:
    """Write the settings beside the cells, if there is room, and draw white lines between the cells."""
    for axis, labels in ((ax.xaxis, x_labels), (ax.yaxis, y_labels)):
        every = -(-len(labels) // 26)
        texts = [plain(float(each)) if isinstance(each, (int, float, np.number)) else str(each) for each in labels]
        axis.set_ticks(range(0, len(labels), every), texts[::every])
        axis.set_ticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    if max((len(str(each)) for each in x_labels), default=0) * len(x_labels) > 80:
        ax.tick_params(axis="x", labelrotation=40)
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    ax.grid(False)
    ax.grid(which="minor", color="white", linewidth=1.2)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
