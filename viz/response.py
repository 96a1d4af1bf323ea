"""What excites one neuron: its activation by class, its strongest samples, and its maximizing input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from neurosim.errors import NeurosimError, ShapeError
from neurosim.parameters import Array
from neurosim.text import MINUS, cautious_percent, decimals_of, fixed, short, thousands

from .colours import FAINT, INK_COLOUR, MUTED, PALETTE
from .images import between, blank, mosaic, show_ink
from .samples import as_images, as_labels, names_of_classes
from .style import beside, heading, new_axes, styled

BINS = 48
TALLEST = 0.9
"""The height of the highest outline, in rows."""


@styled
def activation_by_class(
    activations: Array,
    labels: Array,
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the distribution of one neuron's activation in each class, one row per class.

    A ReLU is exactly zero for many samples.  These zeros would hide everything else, so the outlines show only the
    other activations, all rows on one scale (area: share of the class).  The share of zeros stands at the right.  A
    line marks the mean of the whole class, zeros included.  The class with the highest mean has another colour.

    Args:
        activations: the neuron's activations, one per sample, shape (N,).
        labels: classes from 0, shape (N,).
        class_names: a name for each class; its number if left out.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Axes; class c stands at y = c, the first at the top.

    Raises:
        ShapeError: if the lengths differ.
        NeurosimError: if there is no sample, or an activation is not finite.

    Example:
        >>> ax = activation_by_class(a[:, 17], test.labels)  # a: a layer's activations (N, n_out)
    """
    a, labels = _answers(activations, labels)
    names = names_of_classes(class_names, int(labels.max()) + 1)
    edges, shapes, means, silent = _by_class(a, labels, len(names))
    best, silence = int(np.nanargmax(means)), float((a == 0).mean())
    ax = new_axes(ax, height=1.3 + 0.44 * len(names))
    _draw_outlines(ax, edges, shapes, means, best if silence < 1 else None)
    if silence > 0:
        _write_silence(ax, silent, np.isfinite(means))
    ax.set_ylim(len(names) - 0.45, -0.75)
    ax.set_yticks(range(len(names)), labels=names)
    if silence < 1:
        ax.get_yticklabels()[best].set_fontweight("bold")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_visible(False)
    ax.margins(x=0.02)
    ax.set_xlabel("activation a (no unit)")
    ax.set_ylabel("class")
    samples = thousands(len(a))
    if silence == 1:
        usual, reading = "A dead neuron", f"its activation is exactly zero for all {samples} samples"
    else:
        usual = f"Which classes excite the neuron: {names[best]} most"
        reading = f"black line: mean of the class, highest for {names[best]}: {short(means[best])}"
        if silence > 0:
            share = f"{cautious_percent(silence)} of all {samples}"
            reading += f" (zeros included)\noutline: the activations other than zero; {share} are exactly zero"
    heading(ax, title or usual, reading)
    return ax


def _by_class(a: Array, labels: Array, classes: int) -> tuple[Array, Array, Array, Array]:
    """Return the distribution of the activations (N,) in each class.

    Returns:
        The edges of the bins, (BINS + 1,).  The share of each class's samples in each bin, without exact zeros,
        (classes, BINS).  The mean of each class with zeros, NaN for a class without samples, (classes,).  The share of
        exact zeros in each class, (classes,).
    """
    low, high = float(a.min()), float(a.max())
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    shapes, means, silent = np.zeros((classes, BINS)), np.full(classes, np.nan), np.zeros(classes)
    for label in range(classes):
        own = a[labels == label]
        if len(own):
            shapes[label] = np.histogram(own[own != 0], edges)[0] / len(own)
            means[label], silent[label] = own.mean(), (own == 0).mean()
    return edges, shapes, means, silent


def _draw_outlines(ax: Axes, edges: Array, shapes: Array, means: Array, best: int | None) -> None:
    """Draw the distribution of each class in its own row, and its mean; the best class has another colour."""
    peak = max(float(shapes.max()), 1e-12)
    for label, (shape, mean) in enumerate(zip(shapes, means, strict=True)):
        foot = label + 0.4
        outline = foot - TALLEST * shape / peak
        look: dict[str, Any] = {"color": PALETTE[1] if label == best else PALETTE[0], "zorder": 2 + label / 100}
        ax.stairs(outline, edges, baseline=foot, fill=True, alpha=0.3, linewidth=0, **look)
        ax.stairs(outline, edges, baseline=foot, linewidth=0.9, gid="outline", **look)
        if np.isfinite(mean):
            ax.plot([mean, mean], [foot - 0.5, foot], color=INK_COLOUR, linewidth=1.8, gid="mean", zorder=4)


def _write_silence(ax: Axes, silent: Array, shown: Array) -> None:
    """Write the share of exact zeros at the right of each row that is shown."""
    where: dict[str, Any] = {"where": ax.get_yaxis_transform(), "va": "center_baseline"}
    beside(ax, "exactly zero", (1, -0.62), (6, 0), color=MUTED, **where)
    for label in np.flatnonzero(shown):
        beside(ax, cautious_percent(silent[label]), (1, label + 0.1), (6, 0), **where)


def _answers(activations: Any, labels: Any) -> tuple[Array, Array]:
    """Return the activations and the labels, one per sample, checked, shapes (N,)."""
    a = np.asarray(activations, dtype=float)
    if a.ndim != 1 or a.size == 0:
        raise ShapeError(
            f"activations: expected the activations of one neuron, shape (N,), received {a.shape}; "
            "pass one column of a layer's activations, a[:, j]"
        )
    if not np.isfinite(a).all():
        raise NeurosimError(
            f"activations: expected finite numbers, received {int((~np.isfinite(a)).sum())} that are not"
        )
    return a, as_labels(labels, len(a), "labels")


@styled
def top_samples(
    images: Array,
    activations: Array,
    labels: Array,
    class_names: Sequence[str] | None = None,
    count: int = 9,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the samples that excite one neuron most, the strongest first.

    Args:
        images: shape (N, height, width) or (N, pixels), drawn as ink, or (N, height, width, 3), drawn in their colours;
            uint8, or floats in 0..1.
        activations: the neuron's activations, one per sample, shape (N,).
        labels: classes from 0, shape (N,).
        class_names: a name for each class; its number if left out.
        count: the largest number of samples.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Axes, which hold one image, and a caption per sample: the class, the sample's number, and the activation.

    Raises:
        ShapeError: if the lengths differ.
        NeurosimError: if there is nothing to show, or an activation is not finite.
    """
    images = as_images(images)
    a, labels = _answers(activations, labels)
    if len(images) != len(a) or count < 1:
        raise ShapeError(
            f"images: expected one per activation, {len(a)}, and a count of at least 1, "
            f"received {len(images)} and {count}"
        )
    names = names_of_classes(class_names, int(labels.max()) + 1)
    usual = title or "The samples that excite the neuron most"
    if a.min() == a.max():
        ax = new_axes(ax, height=1.3)
        blank(ax)
        ax.text(0.5, 0.5, "nothing to show", ha="center", va="center", color=MUTED, transform=ax.transAxes)
        heading(ax, usual, f"its activation is {short(a[0])} for all {thousands(len(a))} samples")
        return ax
    shown = np.argsort(-a, kind="stable")[:count]
    columns = int(np.ceil(np.sqrt(len(shown)))) if len(shown) <= 16 else 8
    rows = -(-len(shown) // columns)
    height, width = images.shape[1:3]
    gap, head = round(width * 0.25) + 1, round(height * 0.2) + 1
    page = max(5.0, 1.1 * columns)
    cell = page / columns
    ax = new_axes(ax, width=page, height=0.78 + rows * (cell - 0.04) * (head + height) / (width + gap))
    show_ink(ax, mosaic(between(images[shown], gap), columns, 0, head), images)
    size = 9.0 if columns <= 3 else 7.5
    decimals = decimals_of(float(np.abs(a[shown]).max()))
    for i, which in enumerate(shown):
        centre, top = (i % columns + 0.5) * (width + gap), i // columns * (head + height) + head
        text = f"{names[labels[which]]}  #{which}  a = {fixed(a[which], decimals)}".replace("-", MINUS)
        ax.text(centre - 0.5, top - 0.9, text, fontsize=size, ha="center", va="bottom", in_layout=False)
        _frame(ax, i % columns * (width + gap) + gap // 2, top, width, height)
    classes = np.bincount(labels[shown], minlength=len(names))
    heading(
        ax,
        usual,
        f"{classes.max()} of {len(shown)} are of class {names[int(classes.argmax())]}; "
        f"chosen from {thousands(len(a))} samples\nabove each: its class, its number, the activation a",
    )
    return ax


def _frame(ax: Axes, left: float, top: float, width: float, height: float) -> None:
    """Draw the edge of the paper around an image whose first pixel is at (left, top)."""
    place = (left - 0.5, top - 0.5)
    ax.add_patch(Rectangle(place, width, height, fill=False, edgecolor=FAINT, linewidth=0.8, clip_on=False))


@styled
def maximizing_input(
    image: Array,
    activation_value: float,
    ax: Axes | None = None,
    title: str | None = None,
    label: str = "a",
) -> Axes:
    """Draw the input that gradient ascent on the pixels found to excite one neuron most.

    Args:
        image: the input found.  Ink from 0 (paper) to 1, shape (height, width), or (pixels,) of a square.  Or colours
            from 0 to 1, shape (height, width, 3).
        activation_value: the neuron's activation for it.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.
        label: the name of `activation_value`, such as "mean a" over the places of a filter.

    Returns:
        The Axes, which hold one image.

    Raises:
        ShapeError: if it is not an image.
    """
    picture = np.asarray(image, dtype=float)
    whole = picture.ndim in (1, 2) or (picture.ndim == 3 and picture.shape[2] == 3)
    (picture,) = as_images(picture[None] if whole else picture)
    ax = new_axes(ax, width=4.8, height=5.2)
    show_ink(ax, picture, picture)
    height, width = picture.shape[:2]
    _frame(ax, 0, 0, width, height)
    heading(
        ax,
        title or "A smooth input that excites the neuron",
        f"{label} = {short(activation_value)}; found by gradient ascent on the pixels;\n"
        "strong and rough patterns are penalized",
    )
    return ax
