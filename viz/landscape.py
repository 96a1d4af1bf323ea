"""The loss around a network, drawn as a map."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize

from neurosim.analysis.landscape import Landscape
from neurosim.errors import NeurosimError, ShapeError
from neurosim.parameters import Array
from neurosim.text import rounded

from .colours import FAINT, INK_COLOUR, MUTED
from .style import SHARE, heading, new_axes, styled
from .tables import decades

LEVELS = 14


@styled
def loss_surface(
    alpha: Landscape | Array,
    beta: Array | None = None,
    loss: Array | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the loss along two directions through a network as a map with contour lines.

    The network is at (0, 0).  Levels are logarithmic if the loss spans more than one power of ten.

    Args:
        alpha: a `Landscape`, which holds all three; or places along the first direction, rising, shape (C,).
        beta: places along the second, rising, shape (R,).
        loss: the loss at (alpha[k], beta[i]) in row i, column k, shape (R, C); the map is grey if it is not
            finite.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Axes.

    Raises:
        ShapeError: if the arrays do not fit together.
        NeurosimError: if places do not rise, no loss is finite, or one of the three is missing.

    Reference: Li et al. (2018), Visualizing the loss landscape of neural nets.

    Example:
        >>> ax = loss_surface(ns.loss_landscape(net, x, y))
        >>> ax = loss_surface(alpha, beta, loss)
    """
    if isinstance(alpha, Landscape):
        if beta is not None or loss is not None:
            raise NeurosimError(
                "loss_surface: expected a Landscape alone, or alpha, beta and loss, received a mixture of both"
            )
        alpha, beta, loss = alpha
    if beta is None or loss is None:
        raise NeurosimError("loss_surface: expected a Landscape, or alpha, beta and loss, received alpha alone")
    alpha, beta = np.asarray(alpha, dtype=float), np.asarray(beta, dtype=float)
    loss = np.array(loss, dtype=float)
    if alpha.ndim != 1 or beta.ndim != 1 or loss.shape != (len(beta), len(alpha)) or min(loss.shape) < 2:
        raise ShapeError(
            "loss: expected (R, C) with alpha (C,) and beta (R,), both at least 2, "
            f"received {loss.shape} with {alpha.shape} and {beta.shape}"
        )
    if (np.diff(alpha) <= 0).any() or (np.diff(beta) <= 0).any():
        raise NeurosimError("alpha, beta: expected rising numbers, received numbers that do not rise")
    values = np.ma.masked_invalid(loss)
    if values.count() == 0:
        raise NeurosimError("loss: expected at least one finite number, received none")
    low, high = float(values.min()), float(values.max())
    high = high if high > low else low + 1.0
    log = decades(values.compressed()) > 1
    levels = np.geomspace(low, high, LEVELS) if log else np.linspace(low, high, LEVELS)
    norm = LogNorm(low, high) if log else Normalize(low, high)

    ax = new_axes(ax, width=6.6, height=5.6)
    ax.set_facecolor(FAINT)
    filled = ax.contourf(alpha, beta, values, levels, cmap=SHARE, norm=norm)
    inner = levels[1:-1]
    lines = ax.contour(alpha, beta, values, inner, colors=INK_COLOUR, linewidths=0.6, alpha=0.7)
    ax.clabel(lines, inner[::3], fontsize=7.5, fmt=rounded, colors="black", inline_spacing=3)
    ax.plot(0, 0, "+", color="black", markersize=13, markeredgewidth=2.2, label="the network")
    ax.set_aspect("equal")
    ax.grid(False)
    ax.set_xlabel("distance along the first direction (weight norms)")
    ax.set_ylabel("distance along the second direction (weight norms)")
    bar = ax.figure.colorbar(filled, ax=ax, pad=0.02, aspect=28, shrink=0.9, format=lambda value, _: rounded(value))
    bar.set_label("loss" + (", logarithmic scale" if log else ""))
    bar.ax.minorticks_off()
    bar.set_ticks(levels[:: 3 if log else 2].tolist())
    bar.outline.set_visible(False)
    notes = "+: the network; at distance 1 each neuron has moved by the norm of its own weights"
    heading(
        ax,
        title or "The loss around the network",
        notes + ("\ngrey: the loss is not finite" if np.ma.is_masked(values) else ""),
    )
    ax.title.set_color(INK_COLOUR)
    ax.tick_params(colors=MUTED, labelcolor=INK_COLOUR)
    return ax
