"""Panels side by side on shared axes: one a variant."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from neurosim.parameters import Array

from .style import AnyFigure, new_figure

Grid = Array
"""Axes in rows and columns."""


def panel_shape(count: int) -> tuple[int, int]:
    """Return rows and columns for so many panels."""
    columns = 2 if count == 4 else min(count, 4 if count > 6 else 3)
    return -(-count // columns), columns


def panel_grid(fig: AnyFigure | None, names: Sequence[str], share_y: bool = True) -> tuple[AnyFigure, Grid]:
    """Return the figure, and a panel for each name, in rows; panels left over are still there."""
    rows, columns = panel_shape(len(names))
    fig = new_figure(fig, height=max(3.8, 0.9 + 1.75 * rows))
    return fig, fig.subplots(rows, columns, sharex=True, sharey=share_y, squeeze=False)


def name_panel(ax: Axes, name: str) -> None:
    """Write a name above a panel."""
    ax.set_title(name, fontsize=9.5, fontweight="normal", pad=4)


def whole_steps(ax: Axes, columns: int) -> None:
    """Put ticks at whole steps, as many as the panels of a row have room for."""
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=(10, 8, 5, 4)[min(columns, 4) - 1]))


def label_panels(grid: Grid, names: Sequence[str], x: str, y: str, steps: bool = True) -> None:
    """Name the panels (one alone needs no name) and the axes at the rim, x in whole `steps`; take away the rest."""
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
