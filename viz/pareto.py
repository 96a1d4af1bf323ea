"""A metric against its cost: every variant as a point, and the frontier that no variant beats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from neurosim.parameters import Array

from .colours import MUTED
from .labels import label_points
from .style import RIM, Point, heading, new_axes, plain_log, styled
from .tables import (
    as_frame,
    band,
    checked_positive,
    ended_with,
    quantity,
    seeds_text,
    with_variants,
    without_diverged,
    zoom,
)
from .variants import styles_for


def pareto(cost: Any, worth: Any) -> Array:
    """Return which points are on the frontier: no other point is as cheap and better, or cheaper and as good.

    Args:
        cost: the cost of each point, shape (n,); less is better.
        worth: the worth of each point, shape (n,); more is better.

    Returns:
        Booleans, shape (n,); a point with NaN is never among them.

    Example:
        >>> pareto([1, 2, 3], [0.5, 0.4, 0.9])
        array([ True, False,  True])
    """
    cost, worth = np.asarray(cost, dtype=float), np.asarray(worth, dtype=float)
    best, chosen = -np.inf, np.zeros(len(cost), dtype=bool)
    known = np.flatnonzero(np.isfinite(cost) & np.isfinite(worth))
    order = known[np.lexsort((-worth[known], cost[known]))]
    for i in order:  # the cheapest first, at equal cost the best first
        previous = order[chosen[order]]
        twin = previous.size and (cost[i], worth[i]) == (cost[previous[-1]], worth[previous[-1]])
        chosen[i] = worth[i] > best or bool(twin)
        best = max(best, worth[i])
    return chosen


@styled
def frontier(
    frame: pd.DataFrame,
    x: str = "parameters",
    y: str = "test_accuracy",
    by: str = "variant",
    ax: Axes | None = None,
    title: str | None = None,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw a metric against its cost, one point per variant, and the frontier: the variants that no other beats.

    Args:
        frame: columns `by`, `x` (> 0: parameters, seconds) and `y` and, optionally, `seed`, `epoch`
            (the last counts, or the `kept` one; seconds are summed), `loss`, `diverged`.  Seeds are averaged.
        x: the column of the cost; its axis is logarithmic.
        y: the column of the metric; accuracies in 0..1.
        by: the column with one value per point.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.
        styles: from `variant_style`.

    Returns:
        The Axes; the line of the frontier is labelled "frontier".

    Raises:
        NeurosimError: if a column is missing or a cost is not positive.
    """
    frame = with_variants(as_frame(frame, [x, y], "frame"), by)
    checked_positive(frame, x)
    cost, kind = quantity(x), quantity(y)
    table, lost = _means(frame, x, y, by)
    styles = styles_for(dict.fromkeys(frame[by]), styles)
    ax = new_axes(ax, height=4.8)
    places, means = table["x"].to_numpy(float), table["mean"].to_numpy(float)
    on = pareto(places, means if kind.higher_is_better else -means)
    ax.set_xscale("log")
    for (name, row), best in zip(table.iterrows(), on, strict=True):
        style = {"color": styles[name]["color"], "marker": styles[name]["marker"]}
        if np.isfinite(row["sd"]):
            reach = np.abs(band(row["mean"], row["sd"], kind.percent) - row["mean"])[:, None]
            ax.errorbar(row["x"], row["mean"], reach, color=style["color"], lw=1, alpha=0.6, capsize=2, fmt="none")
        size = 8 if best else 5.5
        ax.plot(row["x"], row["mean"], linestyle="none", markersize=size, label=name, zorder=3, **RIM, **style)
    steps: list[Point] = []
    if len(table):
        line = np.flatnonzero(on)[np.argsort(places[on], kind="stable")]
        steps = list(zip(places[line], means[line], strict=True))
        dashed: dict[str, Any] = {"drawstyle": "steps-post", "linestyle": (0, (5, 2)), "linewidth": 1.2, "zorder": 1.5}
        ax.plot(places[line], means[line], color=MUTED, label="frontier", **dashed)
        ax.set_xlim(places.min() / 1.6, places.max() * 2.2)
        ends = band(means, np.nan_to_num(table["sd"].to_numpy(float)), kind.percent)
        ax.set_ylim(*zoom(ends, percent=kind.percent, cut=0.0))
    else:
        ax.text(0.5, 0.5, "every run diverged", transform=ax.transAxes, ha="center", color=MUTED)
    plain_log(ax.xaxis)
    ax.set_xlabel(f"{cost.axis}, logarithmic scale")
    ax.set_ylabel(kind.axis)
    seeds = int(frame.groupby(by)["seed"].nunique().max())
    notes = [
        seeds_text(seeds, "point", "point"),
        "dashed: the frontier, which no other variant beats",
    ]
    notes += [f"diverged: {', '.join(lost)}"] if lost else []
    heading(ax, title or f"{kind.label.capitalize()} against {cost.label}", "; ".join(notes))
    label_points(ax, places, means, list(table.index), steps)
    return ax


def _means(frame: pd.DataFrame, x: str, y: str, by: str) -> tuple[pd.DataFrame, list[str]]:
    """Return x, mean and sd of y, one row per variant, and the names of variants whose runs all diverged."""
    names = list(dict.fromkeys(frame[by]))
    if "epoch" in frame:
        frame = frame.sort_values("epoch", kind="stable")
        if x == "seconds":
            frame[x] = frame.groupby([by, "seed"])[x].transform("sum")
    frame["value"] = without_diverged(frame, y, by) * quantity(y).factor
    runs = ended_with(frame, by).groupby(by)
    table = pd.DataFrame({"x": runs[x].mean(), "mean": runs["value"].mean(), "sd": runs["value"].std()}).loc[names]
    diverged = table["mean"].isna()
    return table[~diverged], list(table.index[diverged])
