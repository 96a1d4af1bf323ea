"""Pictures of speed: compared with other libraries, with the floor, with the size, and inside a step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from neurosim.text import abbreviated, fixed, percent, percent_more, plain, thousands

from .colours import FAINT, MUTED, PALE, PALETTE
from .style import RIM, AnyFigure, beside, figure_heading, heading, new_axes, new_figure, plain_log, styled
from .tables import as_frame
from .variants import variant_style

US, NUMPY, FLOOR = "neurosim", "neurosim numpy", "floor"
LABELS = {
    FLOOR: "matrix products alone",
    NUMPY: "neurosim in pure NumPy",
    "torch": "PyTorch, eager",
    "sklearn": "scikit-learn",
    "jax": "JAX, compiled",
}
RATIO_COLUMNS = ["ratio", "ratio_low", "ratio_high"]


@styled
def speed_comparison(summary: pd.DataFrame, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw how many times as long as neurosim each competitor takes, one row per case.

    Args:
        summary: one row per `case` and `competitor` with `ratio`, `ratio_low`, `ratio_high` (median and quartiles of
            its time over neurosim's) and `seconds`.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Axes; cases are on y, from 0 at the top, x is logarithmic.

    Raises:
        NeurosimError: if a column is missing.
    """
    frame = as_frame(summary, ["case", "competitor", "seconds", *RATIO_COLUMNS], "summary")
    cases = list(dict.fromkeys(frame["case"]))
    names = [name for name in dict.fromkeys(frame["competitor"]) if name != US]
    styles = variant_style([US, *(name for name in names if name != NUMPY)])
    ax = new_axes(ax, height=1.5 + 0.42 * max(len(cases), 3))
    for row in range(0, len(cases), 2):
        ax.axhspan(row - 0.5, row + 0.5, color=PALE, alpha=0.5, linewidth=0, zorder=0)
    ax.axvline(1.0, color=PALETTE[0], linewidth=2.0, zorder=1, label=US)
    for place, name in enumerate(names):
        table = frame[(frame["competitor"] == name) & frame["ratio"].notna()]
        y = np.array([cases.index(case) for case in table["case"]]) + 0.8 * ((place + 0.5) / len(names) - 0.5)
        colour = {FLOOR: MUTED, NUMPY: PALETTE[0]}.get(name) or styles[name]["color"]
        ax.hlines(y, table["ratio_low"], table["ratio_high"], color=colour, linewidth=2.2, alpha=0.6)
        look: dict[str, Any] = {"marker": "|", "markersize": 9, "markeredgewidth": 2}
        if name == NUMPY:  # its own colour, but hollow
            look = {"marker": "o", "markersize": 6, "markeredgewidth": 1.8, "markerfacecolor": "white"}
        elif name != FLOOR:
            look = {"marker": styles[name]["marker"], "markersize": 6.5, **RIM}
        ax.plot(table["ratio"], y, linestyle="none", color=colour, label=LABELS.get(name, name), **look)
    ours = frame[frame["competitor"] == US].set_index("case")["seconds"]
    _ratio_axis(ax, frame[RATIO_COLUMNS].to_numpy())
    labels = [f"{case}\n{thousands(1e6 * ours[case])} µs" if case in ours else case for case in cases]
    ax.set_yticks(range(len(cases)), labels)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.set_ylim(len(cases) - 0.5, -0.5)
    ax.set_xlabel("time of the same step, neurosim = 1, logarithmic scale")
    heading(
        ax,
        title or "Training step: how many times as long as neurosim",
        "right of the line: slower than neurosim; bar: quartiles of the rounds\n"
        "rows: layers / batch size / optimizer, and the time of a step in neurosim",
    )
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0)
    return ax


def _ratio_axis(ax: Axes, values: Any) -> None:
    """Make the x axis logarithmic, with ticks at round ratios."""
    values = np.append(values[np.isfinite(values)], 1.0)
    ax.set_xscale("log")
    ax.set_xlim(values.min() / 1.15, values.max() * 1.15)
    low, high = ax.get_xlim()
    fine = (0.7, 1.5, 3, 4, 7) if high / low < 30 else ()
    ax.set_xticks([step for step in sorted((0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, *fine)) if low <= step <= high])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(axis="x", which="minor", length=0)


@styled
def step_cost(
    summary: pd.DataFrame, baseline: str, fig: AnyFigure | None = None, title: str = "What a step costs"
) -> AnyFigure:
    """Draw the cost of each thing relative to a baseline, one panel per kind, the cheapest on top.

    Args:
        summary: one row per `kind` and `what` with `ratio`, `ratio_low`, `ratio_high`.
        baseline: the `what` that the ratios refer to.
        fig: where to draw; a new figure if left out.
        title: of the figure.

    Returns:
        The Figure.

    Raises:
        NeurosimError: if a column is missing.
    """
    frame = as_frame(summary, ["kind", "what", *RATIO_COLUMNS], "summary")
    kinds = list(dict.fromkeys(frame["kind"]))
    counts = [int((frame["kind"] == kind).sum()) for kind in kinds]
    fig = new_figure(fig, height=1.2 + 0.27 * sum(counts) + 0.3 * len(kinds))
    panels = fig.subplots(len(kinds), 1, squeeze=False, sharex=True, height_ratios=counts)[:, 0]
    for place, (ax, kind) in enumerate(zip(panels, kinds, strict=True)):
        table = frame[frame["kind"] == kind].sort_values("ratio", kind="stable").reset_index(drop=True)
        colour = PALETTE[place % len(PALETTE)]
        ax.axvline(1.0, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=0.9)
        for row in table.itertuples():
            ax.plot([row.ratio_low, row.ratio_high], [row.Index] * 2, color=colour, linewidth=2.4, alpha=0.55)
            ax.plot(row.ratio, row.Index, "o", color=MUTED if row.what == baseline else colour, markersize=6.5, **RIM)
            text = "" if row.what == baseline else _dearer(row.ratio)
            beside(ax, text, (1, row.Index), (8, 0), ax.get_yaxis_transform(), va="center")
        ax.set_yticks(range(len(table)), table["what"])
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(table) - 0.4, -0.6)
        ax.set_ylabel(kind)
    panels[-1].set_xlabel(f"time of a step, {baseline} = 1")
    most, least = float(frame["ratio"].max()), float(frame["ratio_low"].min())
    panels[-1].set_xlim(min(least, 1.0) - 0.02 * most, max(most, 1.0) * 1.08)  # a single extreme quartile is cut off
    figure_heading(fig, title, "dot: median of the ratios of each round; bar: their quartiles; dashed: " + baseline)
    return fig


def _dearer(ratio: float) -> str:
    """Return a cost as text: ``+3.1 %``, or ``2.40 ×`` if it is at least twice the baseline."""
    if not np.isfinite(ratio):
        return ""
    return f"{fixed(ratio)} ×" if ratio >= 2 else f"{percent_more(ratio)} %"


@styled
def scaling(summary: pd.DataFrame, fig: AnyFigure | None = None, title: str | None = None) -> AnyFigure:
    """Draw time per sample and memory against the number of parameters and against the batch size.

    Args:
        summary: columns `sweep` ("parameters" or "batch_size"), `competitor` ("neurosim" or "floor"), `optimizer`,
            `parameters`, `batch_size`, `seconds` (per step), `memory` (bytes).
        fig: where to draw; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Figure; all axes are logarithmic.

    Raises:
        NeurosimError: if a column is missing.
    """
    frame = as_frame(
        summary, ["sweep", "competitor", "optimizer", "parameters", "batch_size", "seconds", "memory"], "summary"
    )
    frame = frame.assign(sample=1e6 * frame["seconds"] / frame["batch_size"], megabytes=frame["memory"] / 1e6)
    sweeps = list(dict.fromkeys(frame["sweep"]))
    fig = new_figure(fig, height=6.4)
    panels = fig.subplots(2, len(sweeps), squeeze=False, sharex="col", height_ratios=(3, 2))
    styles = variant_style(sorted(frame["optimizer"].unique(), reverse=True))
    words = {"parameters": "parameters", "batch_size": "batch size"}
    for column, sweep in enumerate(sweeps):
        table = frame[frame["sweep"] == sweep]
        for row, (what, label) in enumerate((("sample", "time per sample (µs)"), ("megabytes", "memory (MB)"))):
            ax = panels[row, column]
            for name, style in styles.items():
                points = table[(table["optimizer"] == name) & (table["competitor"] == US)].sort_values(sweep)
                ax.plot(points[sweep], points[what], label=f"{US}, {name}", **RIM, **style)
            if what == "sample":  # the products are the same for every optimizer
                floor = table[table["competitor"] == FLOOR].groupby(sweep)[what].min()
                ax.plot(floor.index, floor, color=MUTED, linestyle=(0, (4, 2)), label=LABELS[FLOOR])
            ax.set_xscale("log")
            ax.set_yscale("log")
            if ax.get_ylim()[1] / ax.get_ylim()[0] < 10 and what == "megabytes":
                ax.set_yscale("linear")
                ax.set_ylim(bottom=0)
            else:
                plain_log(ax.yaxis)
            ax.set_ylabel(label)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: abbreviated(value)))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel(f"{words.get(sweep, sweep)}, logarithmic scale")
    panels[0, 0].legend(loc="upper left")
    panels[0, 0].set_title("one hidden layer, batch 256", fontsize=9, fontweight="normal", color=MUTED)
    if len(sweeps) > 1:
        panels[0, 1].set_title("784-128-64-10", fontsize=9, fontweight="normal", color=MUTED)
    figure_heading(
        fig,
        title or "Time and memory as networks and batches grow",
        "memory: the peak of a process above that of Python with NumPy, the data included",
    )
    return fig


@styled
def step_profile(frame: pd.DataFrame, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the time of each part of a training step, and how much of it is matrix products.

    Args:
        frame: the result of `scenarios.bench.profile_step`: `part`, `seconds`, `share`, `floor`; the last row is the
            step.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Axes; parts are on y, from 0 at the top.

    Raises:
        NeurosimError: if a column is missing.
    """
    frame = as_frame(frame, ["part", "seconds", "share", "floor"], "frame")
    parts, step = frame[frame["part"] != "step"].reset_index(drop=True), frame[frame["part"] == "step"].iloc[0]
    ax = new_axes(ax, height=3.2)
    ax.barh(parts.index, 1e6 * parts["seconds"], height=0.62, color=PALETTE[5], label="a part of the step")
    floors = 1e6 * parts["floor"].fillna(0)
    ax.barh(parts.index, floors, height=0.24, color=PALETTE[0], label="its matrix products alone")
    for row in parts.itertuples():
        end = max(1e6 * row.seconds, floors[row.Index])
        beside(ax, percent(row.share, 0), (end, row.Index), (5, 0), va="center")
    ax.set_yticks(parts.index, parts["part"])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(parts) - 0.5, -0.5)
    ax.margins(x=0.1)
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_color(FAINT)
    ax.set_xlabel("time (µs)")
    heading(
        ax,
        title or f"Where the {thousands(1e6 * step['seconds'])} µs of a step go",
        f"the matrix products alone take {thousands(1e6 * step['floor'])} µs; %: share of the step",
    )
    ax.legend(loc="lower right")
    return ax
