"""Inside the network while it trains: gradients by layer, and units that no longer answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from neurosim.errors import NeurosimError

from .curves import MANY, _draw_line, _epoch_axis
from .frames import NO_VARIANT, as_frame, finite, seeds_text, with_variants
from .style import (
    DASHES,
    MARKERS,
    RIM,
    AnyFigure,
    depth_colours,
    figure_heading,
    new_figure,
    styled,
    styles_for,
)


@styled
def gradient_flow(frame: pd.DataFrame, fig: AnyFigure | None = None, title: str | None = None) -> AnyFigure:
    """Draw the size of each layer's gradient over training, one panel a variant, on shared logarithmic axes.

    Lines far apart mean that layers learn at very different speeds; a first layer far below the last is the
    vanishing gradient.  Seeds are averaged as log10, and so is the standard deviation of the band.

    Args:
        frame: columns `step` or `epoch`, `layer` (1: the first after the input), `norm` (of the layer's
            gradient, >= 0), and, if there are any, `variant` and `seed`.
        fig: a Figure or SubFigure to draw in; a new one if left out.
        title: instead of the usual one.

    Returns:
        The Figure, one Axes a variant in order of appearance.

    Raises:
        NeurosimError: if a column is missing or a norm is negative.
    """
    frame = with_variants(as_frame(frame, ["layer", "norm"], "frame"))
    x = next((column for column in ("step", "epoch") if column in frame), None)
    if x is None:
        raise NeurosimError(
            f'frame: expected a column "step" or "epoch"; received {", ".join(map(str, frame.columns))}.'
        )
    norm = finite(frame["norm"])
    if (norm < 0).any():
        raise NeurosimError(f"frame: expected norms of at least 0; received {norm.min():g}.")
    positive = norm[norm > 0]
    floor = float(positive.min()) / 3 if len(positive) else 1e-12
    frame["log"] = np.log10(norm.clip(lower=floor))
    names = list(dict.fromkeys(frame["variant"]))
    layers = sorted(frame["layer"].unique())
    looks = [
        {"color": colour, "marker": MARKERS[i % len(MARKERS)], "linestyle": DASHES[i // 8 % len(DASHES)]}
        for i, colour in enumerate(depth_colours(len(layers)))
    ]

    columns = min(len(names), 4 if len(names) > 6 else 3)
    rows = -(-len(names) // columns)
    fig = new_figure(fig, height=max(3.8, 0.9 + 1.75 * rows))
    grid = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax, name in zip(grid.flat, names, strict=False):
        for layer, look in zip(layers, looks, strict=True):
            part = frame[(frame["variant"] == name) & (frame["layer"] == layer)]
            table = part.groupby(x)["log"].agg(["mean", "std"])
            _draw_norm(ax, table, f"layer {layer}", look)
        ax.set_yscale("log")
        if len(names) > 1:
            ax.set_title(name, fontsize=9.5, fontweight="normal", pad=4)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5 if columns > 2 else 10))
    for ax in grid[-1]:
        ax.set_xlabel(x)
    for ax in grid.flat[len(names) :]:
        ax.remove()
    if (norm == 0).any():
        grid[0, 0].set_ylim(bottom=floor / 1.2)
    for ax in grid[:, 0]:
        ax.set_ylabel("gradient norm")
    seeds = int(frame.groupby("variant")["seed"].nunique().max())
    zeros = "; zero is drawn at the foot of the axis" if (norm == 0).any() else ""
    note = seeds_text(seeds).replace("deviation", "deviation (of log10)")
    figure_heading(fig, title or "Size of the gradient in each layer", note + zeros)
    fig.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside right upper")
    return fig


def _draw_norm(ax: Any, table: pd.DataFrame, label: str, look: Mapping[str, Any]) -> None:
    """Draw one layer's mean of log10 norms and its band."""
    x, mean, sd = table.index.to_numpy(float), table["mean"].to_numpy(), table["std"].to_numpy()
    every = max(1, len(x) // 6) if len(x) > MANY else 1
    ax.plot(
        x,
        10**mean,
        label=label,
        markevery=every,
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
) -> AnyFigure:
    """Draw the share of dead and of saturated units by epoch, one line a variant.

    Args:
        frame: columns `epoch`, `dead` or `saturated` or both (shares, 0..1), and, if there are any,
            `variant`, `seed`.
        fig: a Figure or SubFigure to draw in; a new one if left out.
        title: instead of the usual one.
        styles: from `variant_style`.

    Returns:
        The Figure, one Axes for each of the two shares there is.

    Raises:
        NeurosimError: if a column is missing or a share lies outside 0..1.
    """
    frame = with_variants(as_frame(frame, ["epoch"], "frame"))
    shares = [column for column in ("dead", "saturated") if column in frame]
    if not shares:
        raise NeurosimError(
            f'frame: expected a column "dead" or "saturated"; received {", ".join(map(str, frame.columns))}.'
        )
    for column in shares:
        values = finite(frame[column]).dropna()
        if not values.between(0, 1).all():
            raise NeurosimError(f"{column}: expected shares in 0..1; received {values.min():g} to {values.max():g}.")
    names = list(dict.fromkeys(frame["variant"]))
    styles = styles_for(names, styles)
    fig = new_figure(fig, height=max(3.7, 1.4 + 0.22 * len(names)))
    axes = fig.subplots(1, len(shares), squeeze=False)[0]
    for ax, column in zip(axes, shares, strict=True):
        frame["value"] = finite(frame[column]) * 100
        tops = []
        for i, name in enumerate(names):
            table = frame[frame["variant"] == name].groupby("epoch")["value"].agg(mean="mean", sd="std").reset_index()
            table["x"] = table["epoch"].astype(float)
            _draw_line(ax, name, table, styles[name], offset=i)
            tops.append(np.nanmax((table["mean"] + table["sd"].fillna(0)).to_numpy(), initial=0.0))
        top = max(5.0, 1.08 * max(tops))
        ax.set_ylim(-0.03 * top, min(top, 103.0))
        _epoch_axis(ax, frame["epoch"])
        ax.set_xlabel("epoch")
        ax.set_ylabel(f"{column} units (%)")
    seeds = int(frame.groupby("variant")["seed"].nunique().max())
    figure_heading(fig, title or f"{' and '.join(shares).capitalize()} hidden units", seeds_text(seeds))
    if names != [NO_VARIANT]:
        fig.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", handlelength=3)
    return fig
