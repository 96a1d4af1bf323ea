"""The network during training: gradients by layer, and dead or saturated neurons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from neurosim.errors import NeurosimError

from .colours import MUTED
from .labels import LineEnd, label_ends
from .lines import draw_line, epoch_axis, marker_spacing
from .panels import label_panels, panel_grid
from .style import (
    RIM,
    AnyFigure,
    beside,
    depth_colours,
    figure_heading,
    heading,
    new_axes,
    new_figure,
    plain_log,
    powers_log,
    styled,
)
from .tables import (
    NO_VARIANT,
    as_frame,
    checked_shares,
    checked_sizes,
    decades,
    finite,
    foot,
    seeds_text,
    step_column,
    with_variants,
)
from .variants import DASHES, MARKERS, styles_for


@styled
def gradient_flow(frame: pd.DataFrame, fig: AnyFigure | None = None, title: str | None = None) -> AnyFigure:
    """Draw the size of each layer's gradient over training, one panel per variant, on shared logarithmic axes.

    If the lines are far apart, the layers learn at very different speeds.  If the first layer is far below the last,
    the gradient vanishes.  Means and standard deviations over the seeds are those of log10.

    Args:
        frame: columns `step` or `epoch`, `layer` (1: the first after the input), `norm` (of the layer's
            gradient, >= 0), and, optionally, `variant` and `seed`.
        fig: a Figure or SubFigure to draw in; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Figure, one Axes per variant in order of appearance.

    Raises:
        NeurosimError: if a column is missing or a norm is negative.
    """
    frame = with_variants(as_frame(frame, ["layer", "norm"], "frame"))
    x = step_column(frame)
    norm = checked_sizes(frame, "norm")
    floor = foot(norm)
    frame["log"] = np.log10(norm.clip(lower=floor))
    names = list(dict.fromkeys(frame["variant"]))
    layers = sorted(frame["layer"].unique())
    looks = [
        {"color": colour, "marker": MARKERS[i % len(MARKERS)], "linestyle": DASHES[i // 8 % len(DASHES)]}
        for i, colour in enumerate(depth_colours(len(layers)))
    ]

    fig, grid = panel_grid(fig, names)
    write_numbers = plain_log if decades(norm[norm > 0]) < 2 else powers_log
    for ax, name in zip(grid.flat, names, strict=False):
        for layer, look in zip(layers, looks, strict=True):
            part = frame[(frame["variant"] == name) & (frame["layer"] == layer)]
            table = part.groupby(x)["log"].agg(["mean", "std"])
            _draw_norm(ax, table, f"layer {layer}", look)
        ax.set_yscale("log")
        write_numbers(ax.yaxis)
    label_panels(grid, names, x, "gradient norm")
    note = f"{_log_note(frame, 'panel')}; logarithmic axis{_mark_zeros(grid[0, 0], norm, floor)}"
    figure_heading(fig, title or "Size of the gradient in each layer", note)
    fig.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside right upper")
    return fig


def _log_note(frame: pd.DataFrame, run: str = "line") -> str:
    """Return the text on seeds for means and bands of log10; `run`: what shows one run if there is one seed."""
    seeds = int(frame.groupby("variant")["seed"].nunique().max())
    return seeds_text(seeds, run=run).replace("deviation", "deviation (of log10)")


def _mark_zeros(ax: Any, sizes: pd.Series, floor: float) -> str:
    """Make room for zeros at the foot of a logarithmic axis; return a text on them for the subtitle."""
    if not (sizes == 0).any():
        return ""
    ax.set_ylim(bottom=floor / 1.2)
    return "; zero is drawn at the foot of the axis"


@styled
def spread_by_layer(
    frame: pd.DataFrame,
    value: str = "std",
    ax: Axes | None = None,
    title: str | None = None,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
    label: str = "standard deviation",
) -> Axes:
    """Draw the size of a quantity in each layer, such as the spread of its activations, one line per variant.

    A level line means that the signal passes through all layers.  If a line falls by the same factor per layer, the
    signal vanishes; if it rises, the signal explodes.  Means and standard deviations over the seeds are those of log10.

    Args:
        frame: columns `layer` (a number), `value` (>= 0) and, optionally, `variant`, `seed`; of one
            moment of training.
        value: the column to draw.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.
        styles: from `variant_style`.
        label: the label of the axis.

    Returns:
        The Axes; y is logarithmic, zeros lie at its foot.

    Raises:
        NeurosimError: if a column is missing, a value is negative, or a run has two rows for a layer.

    Example:
        >>> ax = spread_by_layer(table, "std", label="standard deviation of the activations")
    """
    frame = with_variants(as_frame(frame, ["layer", value], "frame"))
    twice = frame.duplicated(["variant", "seed", "layer"])
    if twice.any():
        row = frame[twice].iloc[0]
        raise NeurosimError(
            f"frame: expected one row for each layer of a run, received several for layer {row['layer']} of "
            f"{row['variant']}, seed {row['seed']}; choose one step: frame[frame['step'] == ...]"
        )
    frame["layer"] = finite(frame["layer"])
    sizes = checked_sizes(frame, value)
    floor = foot(sizes)
    frame["log"] = np.log10(sizes.clip(lower=floor))
    names = list(dict.fromkeys(frame["variant"]))
    styles = styles_for(names, styles)
    ax = new_axes(ax, height=max(4.5, 1.5 + 0.24 * len(names)))
    for name in names:
        table = frame[frame["variant"] == name].groupby("layer")["log"].agg(["mean", "std"])
        _draw_norm(ax, table, name, styles[name])
    ax.set_yscale("log")
    (plain_log if decades(sizes[sizes > 0]) < 6 else powers_log)(ax.yaxis)
    epoch_axis(ax, frame["layer"])
    ax.set_xlabel("layer (1: the first after the input)" if frame["layer"].min() > 0 else "layer (0: the input)")
    ax.set_ylabel(f"{label}, logarithmic scale")
    note = _log_note(frame) + _mark_zeros(ax, sizes, floor)
    heading(ax, title or f"{label.capitalize()} by layer", note)
    if names != [NO_VARIANT]:
        ends = [LineEnd(name, *_last_point(ax, name), name) for name in names]
        label_ends(ax, ends, styles)
    return ax


def _last_point(ax: Axes, name: str) -> tuple[float, float]:
    """Return the last finite point of the line called `name`; NaN if it has none."""
    (line,) = [line for line in ax.lines if line.get_label() == name]
    points = np.asarray(line.get_xydata(), dtype=float)  # (n, 2)
    shown = points[np.isfinite(points[:, 1])]
    return (float(shown[-1, 0]), float(shown[-1, 1])) if len(shown) else (np.nan, np.nan)


def _draw_norm(ax: Any, table: pd.DataFrame, label: str, look: Mapping[str, Any]) -> None:
    """Draw one layer's mean of log10 norms and its band."""
    x, mean, sd = table.index.to_numpy(float), table["mean"].to_numpy(), table["std"].to_numpy()
    ax.plot(
        x,
        10**mean,
        label=label,
        markevery=marker_spacing(len(x), 6),
        linewidth=1.3,
        markersize=4,
        **RIM,
        **look,
    )
    if np.isfinite(sd).any() and len(x) > 1:
        ax.fill_between(x, 10 ** (mean - sd), 10 ** (mean + sd), color=look["color"], alpha=0.15, linewidth=0)


@styled
def unit_health(
    frame: pd.DataFrame,
    fig: AnyFigure | None = None,
    title: str | None = None,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
    shares: Sequence[str] = ("dead", "saturated"),
) -> AnyFigure:
    """Draw the share of dead and of saturated neurons over training, one line per variant.

    If several lines would stay at 0, they are not drawn, but named below the axes.

    Args:
        frame: columns `step` or `epoch`, one or more of `shares` (0..1), and, optionally, `variant`, `seed`.
        fig: a Figure or SubFigure to draw in; a new figure if left out.
        title: replaces the usual title.
        styles: from `variant_style`.
        shares: the columns to draw, if the table has them.

    Returns:
        The Figure, one Axes for each of these columns that the table has.

    Raises:
        NeurosimError: if a column is missing or a share lies outside 0..1.
    """
    frame = with_variants(as_frame(frame, [], "frame"))
    x = step_column(frame)
    wanted, shares = shares, [column for column in shares if column in frame]
    if not shares:
        choices = " or ".join(f'"{column}"' for column in wanted)
        raise NeurosimError(f"frame: expected a column {choices}, received {', '.join(map(str, frame.columns))}")
    names = list(dict.fromkeys(frame["variant"]))
    styles = styles_for(names, styles)
    fig = new_figure(fig, height=max(3.7, 1.4 + 0.22 * len(names)))
    axes = fig.subplots(1, len(shares), squeeze=False)[0]
    for ax, column in zip(axes, shares, strict=True):
        frame["value"] = checked_shares(frame, column) * 100
        tops = []
        zero = _zero_throughout(frame, names)
        for i, name in enumerate(name for name in names if name not in zero):
            table = frame[frame["variant"] == name].groupby(x)["value"].agg(mean="mean", sd="std").reset_index()
            table["x"] = table[x].astype(float)
            draw_line(ax, name, table, styles[name], percent=True, offset=i)
            tops.append(np.nanmax((table["mean"] + table["sd"].fillna(0)).to_numpy(), initial=0.0))
        top = max(5.0, 1.08 * max(tops, default=0.0))
        ax.set_ylim(-0.03 * top, min(top, 103.0))
        epoch_axis(ax, frame[x])
        ax.set_xlabel(x)
        ax.set_ylabel(f"{column} neurons (%)")
        if zero:
            listed = "every variant" if len(zero) == len(names) else ", ".join(zero)
            text = fill(f"always 0: {listed}", width=110 // len(shares))
            beside(ax, text, (0, 0), (0, -32), "axes fraction", color=MUTED, va="top", fontsize=7.5)
    seeds = int(frame.groupby("variant")["seed"].nunique().max())
    figure_heading(fig, title or f"{' and '.join(shares).capitalize()} hidden neurons", seeds_text(seeds))
    lines = {line.get_label(): line for ax in axes for line in ax.lines}
    shown = [name for name in names if name in lines]
    if names != [NO_VARIANT] and shown:
        fig.legend([lines[name] for name in shown], shown, loc="outside right upper", handlelength=3)
    return fig


def _zero_throughout(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the variants whose value is 0 in every row; none if there is only one, because it hides no other line."""
    zero = frame["value"].eq(0).groupby(frame["variant"]).all()
    found = [name for name in names if zero[name]]
    return found if len(found) > 1 else []
