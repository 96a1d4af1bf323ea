"""Names at the ends of lines, moved apart where they would meet.

A legend makes the eye travel; a name beside its line does not.  Names stand in a column at the right of the
axes, each as near to the height of its line's end as its neighbours allow, with a swatch of its line and a
thin leader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from .style import RIM, axes_size

FONT_SIZE = 8.5
LINE_HEIGHT = 1.35 * FONT_SIZE  # points
SWATCH = (0.18, 0.46)  # inches to the right of the axes
TEXT = 0.54


class LineEnd(NamedTuple):
    """Where a line ends (data coordinates; NaN: nowhere), its label, and whether a leader joins them."""

    name: str
    x: float
    y: float
    text: str
    leader: bool = True


def spread(targets: Sequence[float] | np.ndarray, gap: float, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Return positions at least `gap` apart and as near to `targets` as that allows (least squares).

    With sorted targets t_i and p_i = q_i + i gap, the condition p_{i+1} - p_i >= gap says that q may not
    fall: an isotonic regression of t_i - i gap, solved by pooling neighbours.

    Args:
        targets: wanted positions, in any order, shape (n,).
        gap: least distance; made smaller if n of them do not fit between `low` and `high`.
        low: least position.
        high: greatest position.

    Returns:
        Positions in the order of `targets`, shape (n,), a copy.

    Example:
        >>> spread([0.5, 0.5], gap=0.2)
        array([0.4, 0.6])
    """
    targets = np.asarray(targets, dtype=float)
    n = len(targets)
    if n == 0:
        return targets.copy()
    if n > 1:
        gap = min(gap, (high - low) / (n - 1))
    order = np.argsort(targets, kind="stable")
    ramp = gap * np.arange(n)
    pools: list[tuple[float, int]] = []  # mean, members
    for value in targets[order] - ramp:
        mean, members = float(value), 1
        while pools and pools[-1][0] > mean:
            other, more = pools.pop()
            mean = (mean * members + other * more) / (members + more)
            members += more
        pools.append((mean, members))
    level = np.concatenate([np.full(members, mean) for mean, members in pools])
    positions = np.empty(n)
    positions[order] = np.clip(level, low, high - ramp[-1]) + ramp
    return positions


def label_ends(ax: Axes, ends: Sequence[LineEnd], styles: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the name of each line at the right of the axes.

    Call it last, when limits and scales stand.  A line that ends off the axes is named at the edge; one
    without any point is named at the foot, without a leader.
    """
    if not ends:
        return
    _, height = axes_size(ax)
    points = ax.transData.transform([(end.x, end.y) for end in ends])
    fractions = ax.transAxes.inverted().transform(points)  # (n, 2)
    has_point = np.isfinite(fractions).all(axis=1)
    led = has_point & np.array([end.leader for end in ends])
    targets = np.clip(np.where(has_point, fractions[:, 1], 0.0), 0.0, 1.0)
    half = LINE_HEIGHT / 2 / height
    places = spread(targets, LINE_HEIGHT / height, low=0.0, high=1 - half / 2)

    figure = ax.figure
    gutter = blended_transform_factory(  # x: inches from the right edge; y: fraction of the axes
        figure.dpi_scale_trans + ScaledTranslation(1, 0, ax.transAxes), ax.transAxes
    )
    look: dict[str, Any] = {"colors": "#bdbdbd", "linewidths": 0.7, "clip_on": False, "zorder": 1.5}
    inside = [[(x, y), (1.0, y)] for x, y, ok in zip(fractions[:, 0], targets, led, strict=True) if ok and x < 0.995]
    outside = [[(0.03, y), (SWATCH[0] - 0.04, p)] for y, p, ok in zip(targets, places, led, strict=True) if ok]
    ax.add_collection(LineCollection(inside, transform=ax.transAxes, linestyles=":", **look), autolim=False)
    ax.add_collection(LineCollection(outside, transform=gutter, **look), autolim=False)
    for end, place in zip(ends, places, strict=True):
        style = dict(styles[end.name])
        middle = sum(SWATCH) / 2
        swatch = Line2D(
            [SWATCH[0], middle, SWATCH[1]],
            [place] * 3,
            transform=gutter,
            clip_on=False,
            markevery=[1],
            label="_swatch",
            **RIM,
            **style,
        )
        ax.add_artist(swatch)
        ax.text(TEXT, place, end.text, transform=gutter, va="center_baseline", ha="left", fontsize=FONT_SIZE)
