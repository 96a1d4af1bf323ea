"""Curves of functions: activations with their derivatives, and the output deltas of losses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from neurosim.errors import NeurosimError, ShapeError
from neurosim.parameters import Array
from neurosim.text import plain

from .colours import MUTED, PALETTE, RULE
from .labels import LineEnd, label_ends
from .style import RIM, AnyFigure, beside, figure_heading, heading, new_axes, new_figure, styled
from .tables import as_frame, finite
from .variants import styles_for

Function = Callable[[Array], Array]


@styled
def activation_curves(
    activations: Mapping[str, tuple[Function, Function]] | Iterable[Any],
    fig: AnyFigure | None = None,
    title: str | None = None,
    z_range: tuple[float, float] = (-5.0, 5.0),
) -> AnyFigure:
    """Draw each activation f(z), solid, and its derivative, dashed, in panels on shared axes.

    Args:
        activations: `{name: (f, derivative)}`, or callable objects with `.derivative(z)` and `.key`.  They act on each
            element of an array; objects whose `.elementwise` is False (softmax) are left out.
        fig: a Figure or SubFigure to draw in; a new figure if left out.
        title: replaces the usual title.
        z_range: the lowest and the highest z shown.

    Returns:
        The Figure, one Axes per function in the order given.

    Raises:
        NeurosimError: if there is none, or one is not of that form.
        ShapeError: if one does not return an array of the shape of z.
    """
    pairs = _pairs(activations)
    z = np.linspace(*z_range, 501)  # (501,)
    count = len(pairs)
    columns = count if count <= 3 else 2 if count == 4 else min(5, int(np.ceil(np.sqrt(count * 1.4))))
    rows = -(-count // columns)
    fig = new_figure(fig, height=max(3.2, 0.75 + 1.65 * rows))
    grid = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    low, high = 0.0, 0.0
    for ax, (name, functions) in zip(grid.flat, pairs.items(), strict=False):
        f, slope = (_evaluate(function, z, name) for function in functions)
        ax.axhline(0, color=RULE, linewidth=0.8, zorder=1)
        ax.axvline(0, color=RULE, linewidth=0.8, zorder=1)
        ax.plot(z, f, color=PALETTE[0], linewidth=1.9, label="f(z)")
        ax.plot(z, slope, color=PALETTE[1], linewidth=1.5, linestyle=(0, (4, 1.6)), label="f'(z)")
        ax.set_title(name, fontsize=9.5, fontweight="normal", pad=4)
        low, high = min(low, np.nanmin(f), np.nanmin(slope)), max(high, np.nanmax(f), np.nanmax(slope))
    grid[0, 0].set_ylim(max(low, -2.0) - 0.25, min(high, 3.0) + 0.25)
    grid[0, 0].set_xlim(*z_range)
    for ax in grid.flat[count:]:
        ax.remove()
    for ax in grid.flat[max(0, count - columns) : count]:  # the lowest panel of each column
        ax.set_xlabel("z")
        ax.tick_params(labelbottom=True)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure_heading(
        fig,
        title or "Activation functions and their slopes",
        "solid: f(z); dashed: its derivative f'(z); all panels share their axes",
    )
    fig.legend(handles, labels, loc="upper right", ncols=2, bbox_to_anchor=(1, 1))
    return fig


def _pairs(activations: Any) -> dict[str, tuple[Function, Function]]:
    """Return `{name: (f, derivative)}` from either form."""
    wanted = "activations: expected {name: (f, derivative)} or objects with .derivative(z) and .key"
    if isinstance(activations, Mapping):
        items = list(activations.items())
    else:
        try:
            items = [(a.key, (a, a.derivative)) for a in activations if getattr(a, "elementwise", True)]
        except (AttributeError, TypeError) as error:
            raise NeurosimError(f"{wanted}, received {activations!r}") from error
    if not items:
        raise NeurosimError(f"{wanted}, received none")
    for name, pair in items:
        if not (isinstance(pair, tuple) and len(pair) == 2 and all(callable(f) for f in pair)):
            raise NeurosimError(f"{wanted}, received {pair!r} for {name!r}")
    return {str(name): pair for name, pair in items}


def _evaluate(function: Function, z: Array, name: str) -> Array:
    """Return function(z) as a copy, after checking its shape."""
    values = np.array(function(z.copy()), dtype=float)
    if values.shape != z.shape:
        raise ShapeError(
            f"activation {name!r}: expected an array of the shape of z, {z.shape}, received {values.shape}; "
            "pass functions that act on each element"
        )
    return values


@styled
def delta_against_error(
    curves: pd.DataFrame,
    ax: Axes | None = None,
    title: str | None = None,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
    ylabel: str = "size of the output delta, |dL/dz|",
) -> Axes:
    """Draw how strongly each loss corrects the output, from certain and right (left) to certain and wrong (right).

    Args:
        curves: columns `loss` (name), `probability` (of the true class, 0..1) and
            `delta` (the size of dL/dz of the output).
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.
        styles: from `variant_style`, by name of the loss.
        ylabel: the meaning of `delta`, if it is not the plain size (for example a share of the largest).

    Returns:
        The Axes; x runs from 1 down to 0.

    Raises:
        NeurosimError: if a column is missing or a probability lies outside 0..1.
    """
    frame = as_frame(curves, ["loss", "probability", "delta"], "curves")
    probability = finite(frame["probability"])
    if not probability.between(0, 1).all():
        raise NeurosimError(
            "curves: expected every probability in 0..1, "
            f"received {plain(probability.min())} to {plain(probability.max())}"
        )
    names = list(dict.fromkeys(frame["loss"].astype(str)))
    styles = styles_for(names, styles)
    ax = new_axes(ax, height=4.6)
    ends = []
    for i, name in enumerate(names):
        rows = frame[frame["loss"].astype(str) == name].sort_values("probability", ascending=False)
        x, y = rows["probability"].to_numpy(float), np.abs(finite(rows["delta"]).to_numpy())
        every = max(1, len(x) // 8)
        start = int(i * every / len(names))  # so that lines on top of each other still show both markers
        ax.plot(
            x,
            y,
            label=name,
            markevery=(start, every),
            **RIM,
            **styles[name],
        )
        shown = np.flatnonzero(np.isfinite(y))
        last = shown[-1] if len(shown) else 0
        ends.append(LineEnd(name, x[last], y[last], name))
    ax.set_xlim(1.02, -0.02)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("probability of the true class")
    ax.set_ylabel(ylabel)
    for text, place, side in (("certain and right", 0.01, "left"), ("certain and wrong", 0.99, "right")):
        beside(ax, text, (place, 0), (0, -27), "axes fraction", ha=side, va="top", color=MUTED)
    heading(
        ax,
        title or "How strongly each loss corrects a wrong output",
        "if a line falls to zero at the right, that loss learns nothing from its worst mistakes",
    )
    label_ends(ax, ends, styles)
    return ax
