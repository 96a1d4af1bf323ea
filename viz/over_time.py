"""Weights and neurons over training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from neurosim.errors import NeurosimError
from neurosim.text import name_of, plain

from .colours import AXIS, FAINT, INK_COLOUR, PALETTE
from .panels import label_panels, name_panel, panel_grid, whole_steps
from .style import SHARE, AnyFigure, figure_heading, heading, new_axes, new_figure, styled
from .tables import as_frame, checked_shares, finite, step_column, the_only_run, with_variants
from .variants import Style

PERCENTILES = ("p5", "p25", "p50", "p75", "p95")
UNEVEN = 30.0
"""If the widest spread is more than this many times the median one, panels share a symmetric logarithmic axis."""
FARTHEST = 4
"""The largest number of powers of ten on a symmetric logarithmic axis; values of an exploded run lie outside."""


@styled
def histogram_over_time(
    frame: pd.DataFrame,
    fig: AnyFigure | None = None,
    title: str | None = None,
    label: str = "value",
) -> AnyFigure:
    """Draw a distribution (of weights, of weighted sums z) over training, as bands of percentiles.

    If there are several variants and layers, each variant has a row and each layer a column.  Otherwise there is one
    panel per variant or per layer.  All panels share their axes.  One panel may spread more than
    thirty times as far as the median panel.  Then the part of the shared axis beyond the median panel is logarithmic.

    Args:
        frame: columns `step` or `epoch`; `p5 p25 p50 p75 p95`, the percentiles; and optionally
            `layer`, `variant`, `seed` (percentiles are averaged over seeds).
        fig: a Figure or SubFigure to draw in; a new figure if left out.
        title: replaces the usual title.
        label: the label of the axis.

    Returns:
        The Figure, one Axes per panel.

    Raises:
        NeurosimError: if a column is missing, or percentiles fall.

    Example:
        >>> table = pd.DataFrame([{"step": 0, **dict(zip(PERCENTILES, np.percentile(W, [5, 25, 50, 75, 95])))}])
        >>> fig = histogram_over_time(table, label="weight")
    """
    frame = with_variants(as_frame(frame, PERCENTILES, "frame"))
    x = step_column(frame)
    for column in PERCENTILES:
        frame[column] = finite(frame[column])
    falls = frame[list(PERCENTILES)].diff(axis=1).lt(0).any(axis=1)
    if falls.any():
        row = ", ".join(plain(frame.loc[falls.idxmax(), column]) for column in PERCENTILES)
        raise NeurosimError(f"frame: expected {' <= '.join(PERCENTILES)}, received {row}")
    if "layer" not in frame:
        frame["layer"] = 1
    variants, layers = list(dict.fromkeys(frame["variant"])), sorted(frame["layer"].unique())
    several = len(variants) > 1 and len(layers) > 1
    keys = [(variant, layer) for variant in variants for layer in layers]
    names = [f"layer {name_of(layer)}" if len(variants) == 1 else variant for variant, layer in keys]
    if several:
        fig = new_figure(fig, height=0.9 + 1.6 * len(variants))
        grid = fig.subplots(len(variants), len(layers), sharex=True, sharey=True, squeeze=False)
        _label_matrix(grid, variants, layers, x)
    else:
        fig, grid = panel_grid(fig, names)
        label_panels(grid, names, x, "")
    spreads = []
    for ax, (variant, layer) in zip(grid.flat, keys, strict=False):
        part = frame[(frame["variant"] == variant) & (frame["layer"] == layer)]
        table = part.groupby(x)[list(PERCENTILES)].mean()
        _draw_bands(ax, table)
        spreads.append(float(np.nanmax(np.abs(table.to_numpy()), initial=0.0)))
    fig.supylabel(label, fontsize=9)
    scale = _share_scale(grid[0, 0], [each for each in spreads if each > 0])
    seeds = int(frame.groupby("variant")["seed"].nunique().max())
    note = "dark band: the middle half (25 to 75 %); light band: 5 to 95 %; line: median"
    note += f"; mean of {seeds} seeds" if seeds > 1 else ""
    figure_heading(fig, title or f"Distribution of {label} over training", note + scale)
    return fig


def _draw_bands(ax: Axes, table: pd.DataFrame) -> None:
    """Draw the bands of one panel."""
    steps = table.index.to_numpy(float)
    ax.fill_between(steps, table["p5"], table["p95"], color=PALETTE[5], alpha=0.35, linewidth=0, label="5 to 95 %")
    ax.fill_between(steps, table["p25"], table["p75"], color=PALETTE[0], alpha=0.5, linewidth=0, label="25 to 75 %")
    ax.plot(steps, table["p50"], color=INK_COLOUR, linewidth=1.2, label="median")
    ax.axhline(0, color=AXIS, linewidth=0.6, linestyle=":", zorder=1)


def _share_scale(ax: Axes, spreads: Sequence[float]) -> str:
    """Choose the scale of all panels; return a text on it for the subtitle."""
    if not spreads or max(spreads) / np.median(spreads) <= UNEVEN:
        return ""
    inner = int(np.floor(np.log10(np.median(spreads))))
    outer = min(int(np.ceil(np.log10(max(spreads)))), inner + FARTHEST)
    powers = 10.0 ** np.unique([inner, (inner + outer) // 2, outer])
    ax.set_yscale("symlog", linthresh=powers[0], linscale=1.5)
    ax.set_yticks([*-powers[::-1], 0.0, *powers])
    ax.set_yticks([], minor=True)
    ax.set_ylim(-1.5 * powers[-1], 1.5 * powers[-1])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    cut = "; larger values lie outside" if max(spreads) > powers[-1] else ""
    return f"\naxis: linear from {plain(-powers[0])} to {plain(powers[0])}, logarithmic beyond{cut}"


def _label_matrix(grid: Any, variants: Sequence[str], layers: Sequence[Any], x: str) -> None:
    """Write the names of the columns (layers), of the rows (variants) and of the axis at the foot."""
    for ax, layer in zip(grid[0], layers, strict=True):
        name_panel(ax, f"layer {name_of(layer)}")
    for ax, variant in zip(grid[:, 0], variants, strict=True):
        ax.set_ylabel(variant)
    for ax in grid[-1]:
        ax.set_xlabel(x)
        whole_steps(ax, grid.shape[1])


@styled
def timeline(frame: pd.DataFrame, ax: Axes | None = None, title: str | None = None, sort: bool = True) -> Axes:
    """Draw when each neuron of a layer is active or dead: one row per neuron, one column per measurement.

    Args:
        frame: columns `step` or `epoch`, `neuron`, and `active` or `alive`; of one run and one layer.  `active` is the
            share of samples for which the neuron is active (0..1; 0: dead); `alive` is true or false.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.
        sort: whether rows are sorted, the most active on top; otherwise they stand in the order of their numbers.

    Returns:
        The Axes; rows are numbered from 0 at the top, x is the step (a cell lasts until the next measurement).

    Raises:
        NeurosimError: if a column is missing, a share lies outside 0..1, or there are several runs or layers.
    """
    frame = the_only_run(as_frame(frame, ["neuron"], "frame"), "layer")
    x = step_column(frame)
    if not {"active", "alive"} & set(frame):
        raise NeurosimError(
            f'frame: expected a column "active" or "alive", received {", ".join(map(str, frame.columns))}'
        )
    column = "active" if "active" in frame else "alive"
    table = frame.assign(value=checked_shares(frame, column)).pivot_table(
        index="neuron", columns=x, values="value", dropna=False
    )
    if sort:
        table = table.loc[table.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    shares, steps = table.to_numpy(float), table.columns.to_numpy(float)
    rows = len(shares)
    gap = steps[-1] - steps[-2] if len(steps) > 1 else 1.0
    ax = new_axes(ax, height=float(np.clip(1.5 + 0.16 * rows, 3.4, 9.0)))
    edges = np.append(steps, steps[-1] + gap)
    colours, norm, patches = _life_colours(column)
    ax.set_facecolor(FAINT)  # the colour of missing records
    picture = ax.pcolormesh(edges, np.arange(rows + 1) - 0.5, shares, cmap=colours, norm=norm)
    ax.set_ylim(rows - 0.5, -0.5)
    every = -(-rows // 40)
    ax.set_yticks(range(0, rows, every), [name_of(each) for each in table.index[::every]])
    ax.tick_params(axis="y", labelsize=7, length=0)
    ax.grid(False)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    ax.set_xlabel(x)
    ax.set_ylabel("neuron" + (", most active on top" if sort else ""))
    dead = int((shares[:, -1] == 0).sum())
    heading(
        ax,
        title or f"{dead} of {rows} neurons are dead at the end",
        "dead: active for no sample; one row per neuron; a cell lasts until the next measurement",
    )
    if column == "active":
        bar = ax.figure.colorbar(
            picture, ax=ax, pad=0.02, aspect=30, boundaries=norm.boundaries[1:], ticks=[0.001, 0.2, 0.4, 0.6, 0.8, 1.0]
        )
        bar.ax.minorticks_off()
        bar.ax.set_yticklabels(["> 0", "20", "40", "60", "80", "100"])
        bar.set_label("samples for which it is active (%)")
        bar.outline.set_visible(False)
    missing = [Patch(facecolor=FAINT, label="not recorded")] if np.isnan(shares).any() else []
    ax.legend(
        handles=[*patches, *missing],
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=3,
        borderaxespad=0.2,
        handlelength=1.2,
        columnspacing=1.2,
    )
    return ax


def _life_colours(column: str) -> tuple[ListedColormap, BoundaryNorm, list[Patch]]:
    """Return colours, their norm and the entries of the legend: white is dead, darker is more active."""
    rim: Style = {"edgecolor": AXIS, "linewidth": 0.6}
    dead = Patch(facecolor="white", label="dead", **rim)
    if column == "alive":
        colours: list[Any] = ["white", SHARE(0.55)]
        return (
            ListedColormap(colours),
            BoundaryNorm([-0.5, 0.5, 1.5], 2),
            [Patch(facecolor=colours[1], label="alive", **rim), dead],
        )
    steps = 64
    shades = [tuple(each) for each in SHARE(np.linspace(0.2, 1.0, steps))]
    edges = [-1.0, *np.linspace(0.0, 1.0, steps + 1)]
    edges[1], edges[-1] = 1e-9, 1.0 + 1e-9  # only exactly 0 is dead
    return ListedColormap(["white", *shades]), BoundaryNorm(edges, steps + 1), [dead]


@styled
def neurons_together(
    frame: pd.DataFrame,
    fig: AnyFigure | None = None,
    title: str | None = None,
    label: str = "weight",
) -> AnyFigure:
    """Draw the weights of several neurons over training, to see whether they become different: one panel per variant.

    Neurons that begin equal and get equal gradients stay equal.  Noise or random weights break the symmetry.  The lines
    of earlier neurons are wider, so that equal lines still show as one band.

    Args:
        frame: columns `step` or `epoch`, `neuron`, `value` and, optionally, `weight` (which of the
            neuron's weights; one line per weight), `variant`; one seed.
        fig: a Figure or SubFigure to draw in; a new figure if left out.
        title: replaces the usual title.
        label: the label of the axis.

    Returns:
        The Figure, one Axes per variant.

    Raises:
        NeurosimError: if a column is missing, there are several seeds, or more than 8 neurons.
    """
    frame = with_variants(as_frame(frame, ["neuron", "value"], "frame"))
    if frame["seed"].nunique() > 1:
        raise NeurosimError("frame: expected one seed, received several; choose: frame[frame['seed'] == ...]")
    x = step_column(frame)
    neurons = sorted(frame["neuron"].unique())
    if len(neurons) > len(PALETTE):
        raise NeurosimError(f"frame: expected at most {len(PALETTE)} neurons, received {len(neurons)}; choose some")
    if "weight" not in frame:
        frame["weight"] = 0
    frame["value"] = finite(frame["value"])
    names = list(dict.fromkeys(frame["variant"]))
    fig, grid = panel_grid(fig, names)
    widths = np.linspace(1.2 + 1.6 * (len(neurons) - 1), 1.2, len(neurons))
    depths = np.linspace(0.45 if len(neurons) > 1 else 1.0, 1.0, len(neurons))
    for ax, name in zip(grid.flat, names, strict=False):
        for neuron, width, depth, colour in zip(neurons, widths, depths, PALETTE, strict=False):
            part = frame[(frame["variant"] == name) & (frame["neuron"] == neuron)]
            for i, (_, weight) in enumerate(part.groupby("weight", sort=False)):
                weight = weight.sort_values(x)
                ax.plot(
                    weight[x],
                    weight["value"],
                    color=colour,
                    linewidth=width,
                    alpha=depth,
                    label=f"neuron {name_of(neuron)}" if i == 0 else "_more",
                )
        ax.axhline(0, color=AXIS, linewidth=0.6, linestyle=":", zorder=1)
    label_panels(grid, names, x, label)
    figure_heading(
        fig,
        title or "Do the neurons become different?",
        "one line per weight, one colour per neuron; equal lines show as one band, the earlier neuron wider",
    )
    fig.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside right upper")
    return fig
