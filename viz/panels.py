"""Panels side by side on shared axes: one per variant."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from neurosim.parameters import Array

from .style import AnyFigure, new_figure

Grid = Array
"""Axes in rows and columns."""


def panel_shape(count: int) -> tuple[int, int]:
    """Return the rows and columns for `count` panels."""
    columns = 2 if count == 4 else min(count, 4 if count > 6 else 3)
    return -(-count // columns), columns


def panel_grid(fig: AnyFigure | None, names: Sequence[str], share_y: bool = True) -> tuple[AnyFigure, Grid]:
    """Return the figure, and rows of panels with at least one panel per name; unused panels are not removed."""
    rows, columns = panel_shape(len(names))
    fig = new_figure(fig, height=max(3.8, 0.9 + 1.75 * rows))
    return fig, fig.subplots(rows, columns, sharex=True, sharey=share_y, squeeze=False)


def name_panel(ax: Axes, name: str) -> None:
    """Write a name above a panel."""
    ax.set_title(name, fontsize=9.5, fontweight="normal", pad=4)


def whole_steps(ax: Axes, columns: int) -> None:
    """Put ticks at whole steps, as many as fit into one of the `columns` panels of a row."""
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=(10, 8, 5, 4)[min(columns, 4) - 1]))


def label_panels(grid: Grid, names: Sequence[str], x: str, y: str, steps: bool = True) -> None:
    """Write the names of panels, if several, and of the outer axes, x in whole `steps`; remove unused panels."""
    columns = grid.shape[1]
    for i, ax in enumerate(grid.flat):
        if steps:
            whole_steps(ax, columns)
        if i < len(names) and len(names) > 1:
            name_panel(ax, names[i])
        if i + columns >= len(names):  # nothing below it
            ax.set_xlabel(x)
            ax.tick_params(labelbottom=True)
        if i % columns == 0:
            ax.set_ylabel(y)
    for ax in grid.flat[len(names) :]:
        ax.remove()
