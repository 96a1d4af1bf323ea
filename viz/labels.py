"""Names at the ends of lines, moved apart if they would meet.

A name beside its line is quicker to read than a legend.  The names stand in a column at the right of the axes.  Each is
as near to the end of its line as its neighbours allow, with a sample of its line and a thin leader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from neurosim.parameters import Array

from .colours import AXIS, RULE
from .style import RIM, Point, axes_size, root_figure

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""

FONT_SIZE = 8.5
LINE_HEIGHT = 1.35 * FONT_SIZE  # points
SWATCH = (0.18, 0.46)  # inches to the right of the axes
TEXT = 0.54
NEAR = 14
"""In points: a text farther than this from its point has a leader."""
CLEARER = 4
"""In points: a text without a leader must be nearer to its point than to any other by at least this."""


class LineEnd(NamedTuple):
    """The end of a line (data coordinates; NaN: no point), its label, and whether a leader joins them."""

    name: str
    x: float
    y: float
    text: str
    leader: bool = True


def spread(targets: Sequence[float] | Array, gap: float, low: float = 0.0, high: float = 1.0) -> Array:
    """Return positions at least `gap` apart and otherwise as near to `targets` as possible (least squares).

    For sorted targets t_i let p_i = q_i + i gap.  Then p_{i+1} - p_i >= gap means that q may not fall.  This is an
    isotonic regression of t_i - i gap, solved by pooling neighbours.

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

    Call this last, after limits and scales are set.  A line that ends outside the axes is named at the edge.  A line
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

    inches: Any = root_figure(ax).dpi_scale_trans
    gutter = blended_transform_factory(  # x: inches from the right edge; y: fraction of the axes
        inches + ScaledTranslation(1, 0, cast(Any, ax.transAxes)), ax.transAxes
    )
    look: dict[str, Any] = {"colors": RULE, "linewidths": 0.7, "clip_on": False, "zorder": 1.5}
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


def label_points(ax: Axes, x: Array, y: Array, texts: Sequence[str], steps: Sequence[Point] = ()) -> None:
    """Write a text beside each point, so that it covers no other text, no point and not the line of `steps`.

    Places around the point are tried from near to far.  A far text gets a thin leader.  A near text should not be as
    near to another point.  Call this last, after limits and scales are set.
    """
    if not len(texts):
        return
    axes_size(ax)  # lets the layout settle
    points = ax.transData.transform(np.column_stack([x, y]))  # (n, 2) pixels
    unit = root_figure(ax).dpi / 72
    taken: list[Box] = [(px - 5 * unit, py - 5 * unit, px + 5 * unit, py + 5 * unit) for px, py in points]
    if len(steps) > 1:  # from step to step, first to the right and then up or down
        corners, rim = ax.transData.transform(steps), 2 * unit  # as wide as the white around a text
        for (x0, y0), (x1, y1) in pairwise(corners):
            taken += [(x0, y0 - rim, x1, y0 + rim), (x1 - rim, min(y0, y1), x1 + rim, max(y0, y1))]
    look: dict[str, Any] = {"fontsize": FONT_SIZE - 0.5, "zorder": 4, "va": "center", "ha": "center"}
    for i, (place, text) in enumerate(zip(zip(x, y, strict=True), texts, strict=True)):
        label = ax.annotate(text, place, (0, 0), textcoords="offset points", **look)
        label.set_path_effects([withStroke(linewidth=2, foreground="white")])
        box = label.get_window_extent()
        spot, dots = _free_place(ax, points, i, (box.width, box.height), taken, unit)
        centre = np.array([spot[0] + spot[2], spot[1] + spot[3]]) / 2 - points[i]
        label.set_position(tuple(centre / unit))
        taken += [spot, *dots]
        if dots:  # a leader to the edge of the text that is nearest
            edge = (np.clip(points[i], spot[:2], spot[2:]) - points[i]) / unit
            leader = {"arrowstyle": "-", "color": AXIS, "linewidth": 0.7, "shrinkA": 2, "shrinkB": 4}
            ax.annotate("", place, tuple(edge), textcoords="offset points", arrowprops=leader, zorder=2)


def _free_place(
    ax: Axes, points: Array, i: int, size: Point, taken: Sequence[Box], unit: float
) -> tuple[Box, list[Box]]:
    """Return the place where a text for point i covers least, and the dots of its leader if it needs one.

    Args:
        ax: the axes, which it should not leave.
        points: all points, (n, 2) pixels.
        i: the index of the text's own point.
        size: width and height of the text, pixels.
        taken: what should not be covered; the first n boxes are those of the points.
        unit: pixels of a typographic point.
    """
    (px, py), (width, height), frame = points[i], size, ax.get_window_extent()
    foreign = points[np.hypot(*(points - points[i]).T) > unit]  # (m, 2)
    best, best_dots, least = (px, py, px, py), list[Box](), np.inf
    for distance in (8, NEAR, 22, 32, 44, 58):
        for angle in np.radians([0, 180, 45, -45, 135, -135, 90, -90]):
            dx, dy = np.cos(angle), np.sin(angle)
            cx, cy = px + dx * (distance * unit + width / 2), py + dy * (distance * unit + height / 2)
            spot: Box = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
            outside = spot[0] < frame.x0 or spot[1] < frame.y0 or spot[2] > frame.x1 or spot[3] > frame.y1
            cost, dots = sum(_overlap(spot, other) for other in taken) + 1e6 * outside, list[Box]()
            if distance > NEAR:  # a leader must not run over other things either
                way = np.linspace(points[i], np.clip(points[i], spot[:2], spot[2:]), 12)  # (12, 2)
                dots = [(x - unit, y - unit, x + unit, y + unit) for x, y in way]
                cost += 5 * sum(_overlap(dot, other) for dot in dots for other in [*taken[:i], *taken[i + 1 :]])
            else:
                doubt = _away(spot, points[i : i + 1]) + CLEARER * unit - _away(spot, foreign)
                cost += 2 * height * max(doubt, 0.0)
            if cost < least:
                best, best_dots, least = spot, dots, cost
        if least == 0:
            break
    return best, best_dots


def _away(box: Box, points: Array) -> float:
    """Return the distance of a box (left, bottom, right, top) from the nearest of the points, shape (n, 2)."""
    gaps = np.maximum(np.maximum(box[:2] - points, points - box[2:]), 0.0)  # (n, 2)
    return float(np.hypot(*gaps.T).min(initial=np.inf))


def _overlap(one: Box, other: Box) -> float:
    """Return the area that two boxes (left, bottom, right, top) share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)
