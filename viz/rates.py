"""Learning rates: the sensitivity of variants, the range test, and schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from neurosim.analysis.range_test import running_mean, suggested_rate
from neurosim.errors import NeurosimError
from neurosim.text import plain, rounded

from .colours import MUTED, PALE, PALETTE
from .panels import name_panel, panel_shape, whole_steps
from .style import RIM, AnyFigure, beside, figure_heading, heading, new_axes, new_figure, plain_log, styled
from .tables import (
    NO_VARIANT,
    as_frame,
    band,
    checked_positive,
    checked_sizes,
    cut_text,
    decades,
    finite,
    quantity,
    seeds_text,
    step_column,
    with_variants,
    without_diverged,
    zoom,
)
from .variants import Style, styles_for


@styled
def rate_sensitivity(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    title: str | None = None,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
    metric: str = "val_accuracy",
) -> Axes:
    """Draw accuracy against learning rate, one line per variant, with a ring at the chosen rate.

    A line breaks off where every seed diverged.  A cross in the strip below names these variants, or gives their
    number.

    Args:
        frame: columns `learning_rate` (> 0) and the metric (0..1; NaN: diverged), and, optionally,
            `variant`, `seed`, `chosen` (bool).
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.
        styles: from `variant_style`.
        metric: the column on y.

    Returns:
        The Axes; x is logarithmic.

    Raises:
        NeurosimError: if a column is missing or a rate is not positive.
    """
    frame = with_variants(as_frame(frame, ["learning_rate", metric], "frame"))
    checked_positive(frame, "learning_rate")
    kind = quantity(metric)
    frame["value"] = without_diverged(frame, metric) * kind.factor
    names = list(dict.fromkeys(frame["variant"]))
    styles = styles_for(names, styles)
    ax = new_axes(ax, height=max(4.4, 1.5 + 0.24 * len(names)))
    tables = {
        name: frame[frame["variant"] == name].groupby("learning_rate")["value"].agg(["mean", "std"]) for name in names
    }
    means = np.concatenate([table["mean"].to_numpy() for table in tables.values()])
    low, _ = zoom(means, percent=kind.percent, cut=0.3)
    tops = np.concatenate([(table["mean"] + table["std"].fillna(0.0)).to_numpy() for table in tables.values()])
    _, high = zoom(np.minimum(tops, 100.0) if kind.percent else tops, percent=kind.percent, cut=0.3)
    lost: dict[float, list[str]] = {}
    ringed: list[float] = []
    for name, table in tables.items():
        rates, mean, sd = table.index.to_numpy(float), table["mean"].to_numpy(), table["std"].to_numpy()
        rows = frame[frame["variant"] == name]
        chosen = sorted(rows.loc[rows["chosen"].astype(bool), "learning_rate"].unique()) if "chosen" in rows else []
        label = name + (f"  (chosen: {', '.join(plain(rate) for rate in chosen)})" if chosen else "")
        style = styles[name]
        ax.plot(rates, mean, label=label, **RIM, **style)
        if np.isfinite(sd).any():
            ax.fill_between(rates, *band(mean, sd, kind.percent), color=style["color"], alpha=0.12, linewidth=0)
        picked = np.isin(rates, chosen) & np.isfinite(mean)
        for rate, height in zip(rates[picked], mean[picked], strict=True):
            size = 12 + 3 * min(ringed.count(rate), 5)  # rings at one rate lie in each other, so that each is seen
            ring = {"color": style["color"], "markersize": size, "markeredgewidth": 1.6, "fillstyle": "none"}
            ax.plot(rate, height, "o", label="_chosen", **ring)
            ringed.append(rate)
        for rate in rates[~np.isfinite(mean)]:
            lost.setdefault(float(rate), []).append(name)
    ax.set_xscale("log")
    room = _mark_diverged(ax, lost, len(names)) * (high - low)
    ax.set_ylim(low, high)
    ticks = [tick for tick in ax.get_yticks() if low <= tick <= high]
    ax.set_ylim(low - room, high)
    ax.set_yticks(ticks)  # none beside the strip, where there are no values
    plain_log(ax.xaxis)
    ax.set_xlabel("learning rate, logarithmic scale")
    ax.set_ylabel(kind.axis)
    notes = [seeds_text(int(frame.groupby("variant")["seed"].nunique().max()), run="point")]
    notes += ["ring: chosen rate"] if "chosen" in frame else []
    notes += ["grey strip: diverged, no value"] if lost else []
    notes += [cut_text(low, kind.percent)] if np.nanmin(means, initial=np.inf) < low else []
    heading(ax, title or f"{kind.label.capitalize()} against learning rate", "; ".join(notes))
    if names != [NO_VARIANT]:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0, handlelength=3)
    return ax


def _mark_diverged(ax: Axes, lost: Mapping[float, list[str]], variants: int) -> float:
    """Mark the rates at which variants diverged in a strip; return its height as a share of the axis above it."""
    if not lost:
        return 0.0
    room = 0.07 + 0.035 * max(min(len(names), 3) for names in lost.values())
    ax.add_patch(Rectangle((0, 0), 1, room / (1 + room), transform=ax.transAxes, fc=PALE, ec="none", zorder=0.5))
    foot = ax.get_xaxis_transform()
    for rate, names in lost.items():
        words = f"{len(names)} of {variants}\ndiverged" if len(names) > 3 else "\n".join(names)
        words = words if variants > 1 else "diverged"
        beside(ax, words, (rate, 0), (0, 13), foot, ha="center", va="bottom", fontsize=7, color=MUTED)
    cross: Style = {"color": "black", "markersize": 6, "markeredgewidth": 1.5}
    ax.plot(list(lost), [0.025] * len(lost), "x", transform=foot, label="_diverged", **cross)
    return room


@styled
def range_test(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    title: str | None = None,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw a learning-rate range test: the loss while the rate grows step by step, and a ring at the suggested rate.

    The faint line is the loss of each step, the strong line its running mean over a twentieth of the steps.  Losses far
    above the first ones lie above the axis.

    Args:
        frame: columns `learning_rate` (> 0), `loss` (NaN: diverged) and, optionally, `variant`, `seed`,
            and `suggested` (bool); without that column, `suggested_rate` of the mean over the seeds.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.
        styles: from `variant_style`.

    Returns:
        The Axes; x is logarithmic.

    Raises:
        NeurosimError: if a column is missing, a rate is not positive, or no loss is finite.
    """
    frame = with_variants(as_frame(frame, ["learning_rate", "loss"], "frame"))
    checked_positive(frame, "learning_rate")
    frame["value"] = finite(frame["loss"])
    if frame["value"].isna().all():
        raise NeurosimError("loss: expected at least one finite number, received none")
    names = list(dict.fromkeys(frame["variant"]))
    styles = styles_for(names, styles)
    ax = new_axes(ax, height=max(4.4, 1.5 + 0.24 * len(names)))
    low, top, crosses = np.inf, -np.inf, []
    for name in names:
        rows = frame[frame["variant"] == name]
        losses = rows.groupby("learning_rate")["value"].agg(lambda each: each.mean(skipna=False))
        rates, smooth = losses.index.to_numpy(float), running_mean(losses, len(losses) // 20)
        rate = suggested_rate(rates, losses)
        if "suggested" in rows:
            rate = float(rows.loc[rows["suggested"].astype(bool), "learning_rate"].mean())
        colour = styles[name]["color"]
        ax.plot(rates, losses, color=colour, linewidth=0.7, alpha=0.3, label="_raw")
        look = {"color": colour, "linestyle": styles[name]["linestyle"], "linewidth": 1.8}
        ax.plot(rates, smooth, label=f"{name}  (suggested: {rounded(rate, 2)})" if rate > 0 else name, **look)
        shown = np.isfinite(smooth)
        if not shown.any():
            continue
        ring = {"color": colour, "markersize": 11, "markeredgewidth": 1.8, "fillstyle": "none"}
        if rates[shown][0] <= rate <= rates[shown][-1]:
            height = np.interp(np.log(rate), np.log(rates[shown]), smooth[shown])
            ax.plot(rate, height, "o", label="_suggested", **ring)
            ax.axvline(rate, color=colour, linewidth=0.8, linestyle=":", zorder=1)
        if not shown[-1]:
            last = np.flatnonzero(shown)[-1]
            crosses.append((rates[last], smooth[last]))
        first = smooth[shown][0]
        low, top = min(low, np.nanmin(losses)), max(top, first + 0.35 * (first - np.nanmin(smooth)))
    top = top if top > low else low + 1.0
    over = bool((frame["value"] > top).any())
    cross: Style = {"color": "black", "markersize": 7, "markeredgewidth": 1.6, "clip_on": False}
    for rate, loss in crosses:  # a cross above the axis is drawn on its edge
        ax.plot(rate, min(loss, top), "x", label="_diverged", **cross)
    ax.set_xscale("log")
    plain_log(ax.xaxis)
    ax.set_ylim(low - 0.07 * (top - low), top)
    ax.set_xlabel("learning rate, one step per rate, logarithmic scale")
    ax.set_ylabel("training loss of each step")
    ringed = "suggested rate" if "suggested" in frame else "a tenth of the rate with the lowest running mean"
    notes = [f"ring: {ringed}", "faint: single steps"] + (["higher losses lie above the axis"] if over else [])
    notes += ["×: diverged"] if frame["value"].isna().any() else []
    heading(ax, title or "Learning-rate range test", "; ".join(notes))
    if names != [NO_VARIANT]:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0, handlelength=3)
    return ax


@styled
def schedule_and_loss(frame: pd.DataFrame, fig: AnyFigure | None = None, title: str | None = None) -> AnyFigure:
    """Draw learning rate and loss over the steps, one above the other, one pair of panels per variant.

    All panels share the steps, all rates share an axis, and so do all losses.  The faint line is the loss of each step,
    the strong line its running mean over a fiftieth of the steps.

    Args:
        frame: columns `step` or `epoch`, `learning_rate`, `loss` and, optionally, `variant`, `seed`
            (averaged).
        fig: a Figure or SubFigure to draw in; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Figure: for each variant the Axes of its rate and that of its loss.

    Raises:
        NeurosimError: if a column is missing or a rate is negative.
    """
    frame = with_variants(as_frame(frame, ["learning_rate", "loss"], "frame"))
    x = step_column(frame)
    frame["learning_rate"] = checked_sizes(frame, "learning_rate")
    frame["value"] = finite(frame["loss"])
    names = list(dict.fromkeys(frame["variant"]))
    blocks, columns = panel_shape(len(names))
    fig = new_figure(fig, height=0.9 + 2.9 * blocks)
    grid = fig.subplots(2 * blocks, columns, sharex=True, squeeze=False, height_ratios=[1.0, 1.7] * blocks)
    for i in range(blocks * columns):
        upper, lower = (grid[2 * (i // columns) + k, i % columns] for k in (0, 1))
        if i >= len(names):
            upper.remove()
            lower.remove()
            continue
        for ax, first in ((upper, grid[0, 0]), (lower, grid[1, 0])):
            if ax is not first:
                ax.sharey(first)
                ax.tick_params(labelleft=i % columns == 0)
        table = frame[frame["variant"] == names[i]].groupby(x)[["learning_rate", "value"]].mean()
        steps = table.index.to_numpy(float)
        upper.plot(steps, table["learning_rate"], color=PALETTE[1], linewidth=1.6)
        lower.plot(steps, table["value"], color=PALETTE[0], linewidth=0.6, alpha=0.35, label="_raw")
        lower.plot(steps, running_mean(table["value"], len(table) // 50), color=PALETTE[0], linewidth=1.6)
        if i % columns == 0:
            upper.set_ylabel("learning rate")
            lower.set_ylabel("loss")
        if names != [NO_VARIANT]:
            name_panel(upper, names[i])
        lower.set_xlabel(x)
        upper.tick_params(labelbottom=False)
        lower.tick_params(labelbottom=True)
        whole_steps(lower, columns)
    grid[0, 0].yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    grid[0, 0].set_ylim(bottom=0)  # a linear axis shows the shape of a schedule, and 0
    if decades(frame["value"]) > 1.5:
        grid[1, 0].set_yscale("log")
        plain_log(grid[1, 0].yaxis)
    seeds = int(frame.groupby("variant")["seed"].nunique().max())
    note = "faint line: loss of single steps; strong line: running mean"
    note += f"; mean of {seeds} seeds" if seeds > 1 else ""
    figure_heading(fig, title or "Learning rate and loss over training", note)
    return fig
