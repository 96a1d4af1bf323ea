"""The last value of each variant: one dot per seed, and their mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from neurosim.errors import NeurosimError

from .colours import MUTED, PALE
from .style import RIM, beside, heading, new_axes, plain_log, styled
from .tables import (
    as_frame,
    band,
    decades,
    ended_with,
    enough_decimals,
    quantity,
    with_variants,
    without_diverged,
    zoom,
)
from .variants import styles_for


@styled
def comparison(
    results: pd.DataFrame,
    metric: str = "val_accuracy",
    baseline: str | None = None,
    ax: Axes | None = None,
    title: str | None = None,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw the last value of each variant, best on top: one dot per seed, the mean and a bar of ± 1 sd.

    The axis is zoomed to the range of most variants.  A variant far below is drawn as an arrow at the edge, with its
    number beside it.  If all seeds of a variant diverged, it comes last, as "diverged", in a grey row.

    Args:
        results: one row per `variant`, `seed` and `epoch`.  The last or the `kept` epoch counts; for `seconds` the sum
            counts.  Or one row per variant and seed.  Or a summary: one row per variant with the columns
            `<metric>_mean` and, if known, `<metric>_sd`.
        metric: the column to compare; accuracies in 0..1.
        baseline: the variant that the others are compared with; a line marks its mean.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.
        styles: from `variant_style`.

    Returns:
        The Axes; variants are on y, from 0 at the top.

    Raises:
        NeurosimError: if a column is missing or `baseline` is not a variant.
    """
    frame = as_frame(results, [], "results")
    if metric not in frame and f"{metric}_mean" in frame:
        table = _from_summary(frame, metric)
    else:
        table = _from_results(as_frame(frame, [metric], "results"), metric)
    names = list(table.index)
    if baseline is not None and baseline not in names:
        raise NeurosimError(f"baseline: expected one of {', '.join(names)}, received {baseline!r}")
    styles = styles_for(names, styles)
    kind = quantity(metric)
    table = table.sort_values("mean", ascending=not kind.higher_is_better, na_position="last", kind="stable")

    ax = new_axes(ax, height=1.3 + 0.3 * max(len(table), 3))
    log = _set_limits(ax, table, percent=kind.percent)
    low, high = ax.get_xlim()
    decimals = 2 if high - low < 6 else min(2, max(enough_decimals(sd, 1) for sd in table["sd"]))
    for row, (name, entry) in enumerate(table.iterrows()):
        style = {"color": styles[name]["color"], "marker": styles[name]["marker"]}
        _draw_row(ax, row, entry, style, low, kind.percent)
        if np.isfinite(entry["mean"]):
            text = kind.with_sd(entry["mean"], entry["sd"], decimals)
            if entry["diverged"]:
                text += f"  ({entry['diverged']} of {entry['seeds']} seeds diverged)"
            beside(ax, text, (1, row), (8, 0), ax.get_yaxis_transform(), va="center")
    if baseline is not None and np.isfinite(table.loc[baseline, "mean"]):
        ax.axvline(
            table.loc[baseline, "mean"],
            color=MUTED,
            linewidth=1,
            linestyle=(0, (4, 3)),
            zorder=0.9,
            label="baseline",
        )
    ax.set_yticks(range(len(table)), [f"{n}  (baseline)" if n == baseline else n for n in table.index])
    for tick, name in zip(ax.get_yticklabels(), table.index, strict=True):
        tick.set_fontweight("bold" if name == baseline else "normal")
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(table) - 0.4, -0.6)
    final = "" if metric == "seconds" else "final "
    ax.set_xlabel(f"{final}{kind.axis}" + (", logarithmic scale" if log else ""))
    seeds = int(table["seeds"].max())
    note = "one seed per variant"
    if seeds > 1:
        note = f"mean of {seeds} seeds, bar: ± 1 standard deviation; small dots: single seeds"
    if (table["mean"] < low).any():
        note += "\narrow: the value lies below the axis and is written at the right"
    order = "best" if kind.higher_is_better else "lowest"
    heading(ax, title or f"{(final + kind.label).capitalize()}, {order} on top", note)
    return ax


def _from_results(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return mean, sd, values, diverged, seeds (columns) by variant (index), in drawn units."""
    frame = with_variants(frame)
    names = list(dict.fromkeys(frame["variant"]))
    if "epoch" in frame:
        frame = frame.sort_values("epoch", kind="stable")
    frame["value"] = without_diverged(frame, metric) * quantity(metric).factor
    summed = metric == "seconds" and "epoch" in frame
    entries = {}
    for name in names:
        rows = frame[frame["variant"] == name]
        final = (rows if summed else ended_with(rows)).groupby("seed")["value"].sum(min_count=1)
        entries[name] = {
            "mean": final.mean(),
            "sd": final.std(),
            "values": final.dropna().to_numpy(),
            "diverged": int(final.isna().sum()),
            "seeds": len(final),
        }
    return pd.DataFrame.from_dict(entries, orient="index")


def _from_summary(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the same columns from a table of means and standard deviations."""
    frame = as_frame(frame, ["variant"], "results")
    factor = quantity(metric).factor
    sd = frame.get(f"{metric}_sd", pd.Series(np.nan, index=frame.index))
    seeds = frame.get("seeds", pd.Series(1, index=frame.index))
    diverged = frame.get("diverged", pd.Series(0, index=frame.index)).astype(int)
    table = pd.DataFrame(
        {
            "mean": frame[f"{metric}_mean"].astype(float) * factor,
            "sd": sd.astype(float) * factor,
            "diverged": diverged,
            "seeds": seeds.astype(int),
        }
    )
    table["values"] = [np.array([])] * len(table)
    table.index = pd.Index(frame["variant"].astype(str))
    return table


def _set_limits(ax: Axes, table: pd.DataFrame, *, percent: bool) -> bool:
    """Set the limits of x; return whether its scale is logarithmic."""
    values = np.concatenate([table["mean"], table["mean"] - table["sd"], table["mean"] + table["sd"], *table["values"]])
    values = values[np.isfinite(values)]
    if percent or values.size == 0:
        ax.set_xlim(*zoom(np.minimum(values, 100.0), percent=percent))
    elif decades(values) > 1.5:
        ax.set_xscale("log")
        plain_log(ax.xaxis)
        ax.set_xlim(values.min() / 1.3, values.max() * 1.3)
        return True
    else:
        air = 0.06 * (values.max() - values.min()) or 0.05 * abs(values.max()) or 0.5
        ax.set_xlim(values.min() - air, values.max() + air)
    return False


def _draw_row(ax: Axes, row: int, entry: pd.Series, style: Mapping[str, Any], low: float, percent: bool) -> None:
    """Draw one variant at height `row` on an axis that begins at `low`."""
    mean, sd = entry["mean"], entry["sd"]
    if not np.isfinite(mean):  # no mark on the axis, because a mark would have a value
        text = f"diverged ({entry['diverged']} of {entry['seeds']} seeds)"
        beside(ax, text, (1, row), (8, 0), ax.get_yaxis_transform(), va="center", color=MUTED)
        ax.axhspan(row - 0.35, row + 0.35, color=PALE, linewidth=0, zorder=0.5)
        return
    if mean < low:
        arrow = {"arrowstyle": "-|>", "color": style["color"], "shrinkA": 0, "shrinkB": 0}
        beside(ax, "", (0, row), (22, 0), ax.get_yaxis_transform(), arrowprops=arrow)
        return
    colour = style["color"]
    if np.isfinite(sd):
        ax.plot(band(mean, sd, percent), [row, row], "-", color=colour, linewidth=2.2, alpha=0.55, label="_sd")
    values = entry["values"]
    if len(values) > 1:
        ax.plot(values, np.full(len(values), row + 0.24), ".", color=colour, markersize=4.5, label="_seeds")
    ax.plot(mean, row, linestyle="none", markersize=7.5, label=entry.name, **RIM, **style)
