"""What one neuron answers to: its activation by class, the samples that excite it, and the input that does most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurosim.errors import NeurosimError, ShapeError

from .images import _as_images, _as_labels, _blank, _class_names, _show_ink, _thousands, mosaic
from .style import INK_COLOUR, MUTED, PALETTE, beside, heading, new_axes, styled
from .walk import short

BINS = 60


@styled
def activation_by_class(
    activations: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw how one neuron's activation is distributed in each class, a row a class.

    A relu is silent for many samples; so many zeros would flatten everything else.  So the outline shows only
    the activations that are not exactly zero, all rows on one scale (equal areas are equal shares of a class),
    and a bar at the left of each row says what share of the class is exactly zero.  A line marks the mean over
    the whole class, zeros included; the class of the highest mean is in bold.

    Args:
        activations: of the neuron, one a sample, shape (N,).
        labels: classes from 0, shape (N,).
        class_names: a name for each class; its number if left out.
        ax: where to draw; a new figure if left out.
        title: instead of the usual one.

    Returns:
        The Axes; class c stands at y = c, the first at the top.

    Raises:
        ShapeError: if the lengths differ.
        NeurosimError: if there is no sample, or an activation is not finite.

    Example:
        >>> net.predict(test.images)
        >>> ax = activation_by_class(net[1][17].a, test.labels)
    """
    a, labels = _answers(activations, labels)
    names = _class_names(class_names, int(labels.max()) + 1)
    ax = new_axes(ax, height=1.3 + 0.36 * len(names))
    zero = a == 0
    some_zero = bool(zero.any())
    low, high = float(a.min()), float(a.max())
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    shapes, means, silent = [], [], []
    for label in range(len(names)):
        own = labels == label
        n = max(int(own.sum()), 1)
        shapes.append(np.histogram(a[own & ~zero], edges)[0] / n)  # (BINS,)
        means.append(float(a[own].mean()) if own.any() else np.nan)
        silent.append(float((own & zero).sum() / n))
    peak = max(float(np.max(shapes)), 1e-12)
    best = int(np.nanargmax(means))
    for label, (shape, mean) in enumerate(zip(shapes, means, strict=True)):
        colour = PALETTE[1] if label == best else PALETTE[0]
        outline = label + 0.4 - 0.8 * np.sqrt(shape / peak)
        ax.fill_between(centres, label + 0.4, outline, step="mid", color=colour, alpha=0.35, linewidth=0)
        ax.step(centres, outline, where="mid", color=colour, linewidth=0.9)
        if np.isfinite(mean):
            ax.plot([mean, mean], [label - 0.42, label + 0.4], color=INK_COLOUR, linewidth=1.6, gid="mean")
    return ax


def _answers(activations: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return one activation and one label a sample, checked, shapes (N,)."""
    a = np.asarray(activations, dtype=float)
    if a.ndim != 1 or a.size == 0:
        raise ShapeError(
            f"activations: expected those of one neuron, shape (N,); received {a.shape}. "
            "Pass one column: layer.a[:, j], or neuron.a."
        )
    if not np.isfinite(a).all():
        raise NeurosimError(f"activations: expected finite numbers; received {int((~np.isfinite(a)).sum())} that are not.")
    return a, _as_labels(labels, len(a), "labels")
