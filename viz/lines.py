"""Lines over training: means with bands, markers with room between them, and the axis of epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from .style import RIM
from .tables import band

THINNED_FROM = 12
"""With more points than this, not every point has a marker."""


def marker_spacing(points: int, markers: int = 8) -> int:
    """Return the spacing of markers in points, so that a long line has at most about `markers` of them."""
    return -(-points // markers) if points > THINNED_FROM else 1


def draw_line(
    ax: Axes, name: str, table: pd.DataFrame, style: Mapping[str, Any], percent: bool, offset: int = 0
) -> None:
    """Draw one mean line and its band; a single point gets an error bar, and an early end a cross.

    Args:
        ax: where to draw.
        name: the label of the line.
        table: columns `x`, `mean` and `sd` (NaN for one seed), one row per point.
        style: the style of the line.
        percent: whether the values are in percent, so that the band ends at 0 and 100.
        offset: the index of the first point with a marker; it differs between lines, so that all markers can be seen.
    """
    x, mean, sd = (table[column].to_numpy(dtype=float) for column in ("x", "mean", "sd"))
    shown = np.isfinite(mean)
    every = marker_spacing(len(x))
    ax.plot(x[shown], mean[shown], label=name, markevery=(offset % every, every), **RIM, **style)
    if shown.sum() == 1 and np.isfinite(sd[shown]).all():
        reach = np.abs(band(mean, sd, percent) - mean)[:, shown]
        ax.errorbar(x[shown], mean[shown], reach, color=style["color"], capsize=3, lw=1, fmt="none")
    elif np.isfinite(sd).any():
        area = ax.fill_between(x, *band(mean, sd, percent), color=style["color"], alpha=0.14, linewidth=0)
        area.set_gid(f"band:{name}")
    if shown.any() and not shown[-1]:
        last = np.flatnonzero(shown)[-1]
        ax.plot(x[last], mean[last], "x", color="black", markersize=7, markeredgewidth=1.6, label="_diverged")


def epoch_axis(ax: Axes, epochs: pd.Series) -> None:
    """Put ticks only at whole epochs, with a little room on either side."""
    low, high = float(epochs.min()), float(epochs.max())
    air = 0.03 * (high - low) or 0.5
    ax.set_xlim(low - air, high + air)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, nbins=12))
