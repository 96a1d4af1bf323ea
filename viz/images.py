"""Pictures made of small images: the weights of neurons, misread samples, the samples of a data set.

Each picture is one mosaic, drawn as a single image with gaps, so a hundred neurons cost no more time than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from neurosim.errors import NeurosimError, ShapeError
from neurosim.parameters import Array
from neurosim.samples import TOPS
from neurosim.text import certainty, percent, plain, thousands

from .colours import MUTED
from .samples import as_images, as_labels, names_of_classes
from .style import DIVERGING, INK, WIDTH, beside, heading, new_axes, styled


def mosaic(tiles: Array, columns: int, gap: int = 2, head: int = 0) -> Array:
    """Return images side by side, row by row, with NaN between them.

    Args:
        tiles: shape (n, height, width), or (n, height, width, 3) in colour.
        columns: the number of images per row.
        gap: the number of pixels between images.
        head: the number of further pixels above each image, for a caption.

    Returns:
        One image, a float copy, shape (rows (head + height + gap), columns (width + gap)), in colour (…, 3).
    """
    n, height, width, *colours = tiles.shape
    rows = -(-n // columns)
    cell_height, cell_width = head + height + gap, width + gap
    sheet = np.full((rows, cell_height, columns, cell_width, *colours), np.nan)
    for i, tile in enumerate(tiles):
        sheet[i // columns, head : head + height, i % columns, :width] = tile
    return sheet.reshape(rows * cell_height, columns * cell_width, *colours)


def between(tiles: Array, gap: int) -> Array:
    """Return images, a float copy, with `gap` columns of paper around each: half at its left, the rest at its right.

    Paper is 0 for ink (n, height, width), and NaN, which is drawn white, for images (n, height, width, 3) in colour.
    """
    sides = ((0, 0), (0, 0), (gap // 2, gap - gap // 2), (0, 0))[: tiles.ndim]
    return np.pad(tiles.astype(float), sides, constant_values=0.0 if tiles.ndim == 3 else np.nan)


def blank(ax: Axes) -> None:
    """Remove the axes, so that only the image is left."""
    ax.set_axis_off()
    ax.grid(False)
    ax.set_anchor("NW")


def show_ink(ax: Axes, sheet: Array, images: Array) -> None:
    """Draw dark ink on white paper, or a sheet (height, width, 3) in its colours."""
    highest = float(np.nanmax(images, initial=0.0))
    whole = np.issubdtype(images.dtype, np.integer)
    top = float(next((top for top in TOPS if highest <= top), highest)) if whole else max(1.0, highest)
    if sheet.ndim == 3:
        sheet = np.nan_to_num(sheet / top, nan=1.0).clip(0.0, 1.0)
    ax.imshow(np.nan_to_num(sheet), cmap=INK, vmin=0.0, vmax=top, interpolation="nearest")
    blank(ax)


@styled
def weight_grid(
    weights: Array,
    shape: tuple[int, int] = (28, 28),
    count: int | None = None,
    titles: Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
    columns: int | None = None,
) -> Axes:
    """Draw the incoming weights of neurons as images, all on one colour scale centred on zero.

    Red pixels raise the neuron's z, blue pixels lower it.  The scale ends at the 99.8th percentile of the sizes, so
    that one extreme weight does not make the others pale.

    Args:
        weights: `W` of a layer, one column per neuron, shape (height x width, n).  Or the weights of a single neuron,
            (height x width,), or images (n, height, width).
        shape: height and width of the input image.
        count: the number of neurons, from the first; all if left out.
        titles: a caption for each neuron; the neuron's number (from 0) if left out.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.
        columns: the number of images per row; chosen to fit if left out.

    Returns:
        The Axes, which hold one image.

    Raises:
        ShapeError: if the weights do not fit the image.

    Example:
        >>> ax = weight_grid(network[1].W, count=32)
    """
    tiles = _weight_tiles(weights, shape)[:count]
    n = len(tiles)
    if n == 0:
        raise NeurosimError(f"count: expected at least one neuron, received {count} of {np.shape(weights)}")
    captions = [str(text) for text in titles] if titles is not None else [str(i) for i in range(n)] if n > 1 else [""]
    if len(captions) < n:
        raise NeurosimError(f"titles: expected {n}, one per neuron, received {len(captions)}")
    ax = draw_grid(tiles, captions, ax, columns)
    heading(
        ax,
        title or ("What each neuron looks for: its incoming weights" if n > 1 else "Incoming weights of one neuron"),
        "red excites, blue inhibits" + ("; one scale for all" if n > 1 else ""),
    )
    return ax


def draw_grid(tiles: Array, captions: Sequence[str], ax: Axes | None, columns: int | None = None) -> Axes:
    """Draw weights (n, height, width) as images side by side with a caption above each, and their colour bar."""
    n = len(tiles)
    if columns is None:
        columns = min(n, 16 if n > 60 else max(1, int(np.ceil(np.sqrt(n * 1.8)))))
    height, width = tiles.shape[1:]
    gap = max(1, round(width / 14))
    page = WIDTH if n > 1 else 5.4  # inches
    cell = (page - 1.2) / columns
    head = round(0.135 / cell * (width + gap)) + 1 if captions[0] else 0  # pixels for a line of small print
    rows = -(-n // columns)
    ax = new_axes(ax, width=page, height=min(14.0, 0.9 + rows * cell * (head + height + gap) / (width + gap)))
    sheet = mosaic(tiles, columns, gap, head)
    show_weights(ax, sheet, tiles)
    size = 6.5 if columns > 12 else 7.5
    for i in range(n):
        left, top = i % columns * (width + gap), i // columns * (head + height + gap) + head
        ax.text(left - 0.5, top - 1.2, captions[i], fontsize=size, color=MUTED, va="bottom", ha="left", in_layout=False)
    return ax


def show_weights(ax: Axes, picture: Array, weights: Array) -> AxesImage:
    """Draw a picture of weights and its colour bar, on a scale centred on zero that suits all `weights`.

    The scale ends at the 99.8th percentile of the sizes, so that one extreme weight does not make the others pale.
    """
    finite = np.abs(weights[np.isfinite(weights)])
    limit = float(np.quantile(finite, 0.998)) if finite.size else 0.0
    limit = limit or (float(finite.max()) if finite.size else 0.0) or 1.0
    image = ax.imshow(picture, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
    blank(ax)
    over = finite.size and float(finite.max()) > limit * 1.0001
    extend = "both" if over else "neither"
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.03, pad=0.015, aspect=30, shrink=0.9, extend=extend)
    bar.set_label("weight (no unit)")
    bar.outline.set_visible(False)
    return image


@styled
def filmstrip(
    images: Array,
    steps: Sequence[float],
    shape: tuple[int, int] = (28, 28),
    ax: Axes | None = None,
    title: str | None = None,
    columns: int | None = None,
    names: Sequence[str] | None = None,
) -> Axes:
    """Draw the weights of a neuron over training, one image per step, on one colour scale.

    It is the same picture as `weight_grid`, with steps instead of neurons; `weight_film` makes a film of it.  With
    several neurons, each has a row.

    Args:
        images: the neuron's weights at each step, shape (n, height, width) or (n, height x width).  For several
            neurons, such as the kernels of a convolution, (n, neurons, height, width).
        steps: the step of each image, n numbers.
        shape: height and width of the input image, for weights in rows.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.
        columns: the number of images per row; chosen to fit if left out.
        names: the names of several neurons, written beside their rows; their numbers if left out.

    Returns:
        The Axes, which hold one image.

    Raises:
        ShapeError: if images, steps, names and shape do not fit together.

    Example:
        >>> ax = filmstrip([net[1][17].weights.copy() for each step], steps)
    """
    if np.ndim(images) == 4:
        return _film_rows(np.array(images, dtype=float), steps, names, ax, title)
    captions = [f"step {plain(step)}" for step in steps]
    tiles = film_tiles(images, steps, shape)
    columns = columns or -(-len(tiles) // -(-len(tiles) // 8))  # rows of nearly equal length, at most 8
    return weight_grid(
        tiles, titles=captions, ax=ax, title=title or "Weights of one neuron, step by step", columns=columns
    )


def _film_rows(
    images: Array, steps: Sequence[float], names: Sequence[str] | None, ax: Axes | None, title: str | None
) -> Axes:
    """Draw the film of several neurons (n, neurons, height, width): a row for each, a column for each step."""
    n, neurons, height, width = images.shape
    names = [str(j) for j in range(neurons)] if names is None else names
    if not images.size or len(steps) != n or len(names) != neurons:
        raise ShapeError(
            f"images: expected (n, neurons, height, width), with n steps and one name per neuron, "
            f"received {images.shape}, {len(steps)} steps and {len(names)} names"
        )
    gap = max(1, round(width / 14))
    margin = 0.2 + 0.07 * max(len(line) for name in names for line in name.split("\n"))  # inches
    cell = min(0.9, (WIDTH - 1.3 - margin) / n)
    tall = cell * (height + gap) / (width + gap)
    ax = new_axes(ax, width=1.3 + margin + n * cell, height=min(14.0, 1.1 + neurons * tall))
    show_weights(ax, mosaic(np.swapaxes(images, 0, 1).reshape(-1, height, width), n, gap), images)
    ax.set_ylim(top=-0.5 - 0.18 / cell * (width + gap))  # a line of small print
    for i, step in enumerate(steps):
        place = i * (width + gap) + (width - 1) / 2, -0.5
        text = plain(step) if i else f"step {plain(step)}"
        beside(ax, text, place, (0, 3), ha="center", va="bottom", fontsize=7.5, color=MUTED)
    for j, name in enumerate(names):
        place = -0.5, j * (height + gap) + (height - 1) / 2
        beside(ax, name, place, (-5, 0), ha="right", va="center", fontsize=7.5, color=MUTED)
    told = "red excites, blue inhibits; one scale for all"
    heading(ax, title or f"Weights of {neurons} neurons, step by step", told)
    return ax


def film_tiles(images: Any, steps: Sequence[float], shape: tuple[int, int]) -> Array:
    """Return the frames of a film, one per step: a float copy, shape (n, height, width)."""
    tiles: Array = np.array(images, dtype=float)
    if tiles.ndim == 2 and tiles.shape[1] == int(np.prod(shape)):
        tiles = tiles.reshape(-1, *shape)
    if tiles.ndim != 3 or not tiles.size:
        raise ShapeError(
            f"images: expected (n, height, width), or (n, {int(np.prod(shape))}) for images of {shape[0]} x "
            f"{shape[1]}, received {tiles.shape}; pass shape=, that of the input image"
        )
    if len(steps) != len(tiles):
        raise ShapeError(f"steps: expected {len(tiles)}, one for each image, received {len(steps)}")
    return tiles


def _weight_tiles(weights: Any, shape: tuple[int, int]) -> Array:
    """Return weights as images, a float copy, shape (n, height, width)."""
    columns: Array = np.array(weights, dtype=float)
    pixels = int(np.prod(shape))
    if columns.ndim == 3:
        return columns
    if columns.ndim == 1:
        columns = columns[:, None]
    if columns.ndim != 2 or columns.shape[0] != pixels:
        hint = "; transpose it: one column per neuron" if columns.ndim == 2 and columns.shape[1] == pixels else ""
        raise ShapeError(
            f"weights: expected ({pixels}, n) for images of {shape[0]} x {shape[1]}, received {columns.shape}"
            f"{hint or '; pass shape=, that of the input image'}"
        )
    return columns.T.reshape(-1, *shape)


@styled
def mistakes(
    images: Array,
    labels: Array,
    predicted: Array,
    confidence: Array,
    class_names: Sequence[str] | None = None,
    count: int = 25,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the misread samples, those with the highest confidence first.

    Args:
        images: all images, also those read correctly, shape (n, height, width) or (n, pixels), drawn as ink, or
            (n, height, width, 3), drawn in their colours; uint8, or floats in 0..1.
        labels: the true classes, shape (n,).
        predicted: the predicted classes, shape (n,).
        confidence: the probability of the predicted class, 0..1, shape (n,).
        class_names: a name for each class; its number if left out.
        count: the largest number of samples.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Axes, which hold one image, and a caption per sample: both classes, the sample's number and the confidence.

    Raises:
        ShapeError: if the lengths differ.
    """
    images = as_images(images)
    n = len(images)
    labels, predicted = as_labels(labels, n, "labels"), as_labels(predicted, n, "predicted")
    confidence = np.asarray(confidence, dtype=float)
    if confidence.shape != (n,):
        raise ShapeError(f"confidence: expected one number per image, shape ({n},), received {confidence.shape}")
    names = names_of_classes(class_names, int(max(labels.max(initial=0), predicted.max(initial=0))) + 1)
    wrong = np.flatnonzero(labels != predicted)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][: max(count, 0)]
    total = f"{thousands(len(wrong))} of {thousands(n)} images were misread ({percent(len(wrong) / max(n, 1), 2)})"
    if len(shown) == 0:
        ax = new_axes(ax, height=1.3)
        blank(ax)
        ax.text(0.5, 0.5, "nothing to show", ha="center", va="center", color=MUTED, transform=ax.transAxes)
        heading(ax, title or "The misread samples", total)
        return ax
    columns = min(5, len(shown)) if len(shown) <= 25 else 8
    rows = -(-len(shown) // columns)
    height, width = images.shape[1:3]
    gap, head = round(width * 0.5), round(height * 0.45)
    cell = 1.5 if columns <= 5 else 0.97
    ax = new_axes(ax, height=0.8 + rows * cell * (head + height + 2) / (width + gap))
    show_ink(ax, mosaic(between(images[shown], gap), columns, 0, head), images)
    size = 8 if columns <= 5 else 6
    short = max(map(len, names)) <= 2
    size -= 0 if short else 1
    for i, which in enumerate(shown):
        sure = certainty(confidence[which])
        true, read = names[labels[which]], names[predicted[which]]
        text = f"true {true}, read as {read}\n#{which} ({sure})"
        if not short:
            text = f"true {true}, read as\n{read} #{which} ({sure})"
        centre, top = (i % columns + 0.5) * (width + gap), i // columns * (head + height) + head
        ax.text(
            centre - 0.5, top - 1.5, text, fontsize=size, ha="center", va="bottom", linespacing=1.15, in_layout=False
        )
    heading(
        ax,
        title or "The misread samples with the highest confidence",
        f"{total}; #: the number of the sample; in brackets: the confidence",
    )
    return ax


@styled
def contact_sheet(
    images: Array,
    labels: Array,
    columns: int = 12,
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
    kind: str = "class",
) -> Axes:
    """Draw the first samples of each class, one row per class, with the number of samples in the class.

    Args:
        images: shape (n, height, width) or (n, pixels), drawn as ink, or (n, height, width, 3), drawn in their colours;
            uint8, or floats in 0..1.
        labels: classes from 0, shape (n,).
        columns: the number of samples drawn per class.
        class_names: a name for each class; its number if left out.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.
        kind: the word for a class in the subtitle.

    Returns:
        The Axes, which hold one image.

    Raises:
        ShapeError: if images and labels do not fit together.
    """
    images = as_images(images)
    labels = as_labels(labels, len(images), "labels")
    if len(images) == 0 or columns < 1:
        raise NeurosimError(f"images, columns: expected at least one of each, received {len(images)} and {columns}")
    classes = int(labels.max()) + 1 if class_names is None else len(class_names)
    names = names_of_classes(class_names, int(labels.max()) + 1)
    height, width, *colours = images.shape[1:]
    tiles = np.full((classes * columns, height, width, *colours), np.nan if colours else 0.0)
    for label in range(classes):
        first = np.flatnonzero(labels == label)[:columns]
        tiles[label * columns : label * columns + len(first)] = images[first]
    gap = max(1, round(width / 10))
    cell = (WIDTH - 1.4) / columns
    ax = new_axes(ax, height=min(14.0, 0.7 + classes * cell))
    show_ink(ax, mosaic(tiles, columns, gap), images)
    counts = np.bincount(labels, minlength=classes)
    for label, number in enumerate(map(thousands, counts)):
        middle = label * (height + gap) + height / 2
        beside(ax, names[label], (-1, middle), (-6, 0), ha="right", va="bottom", fontsize=9, fontweight="bold")
        beside(ax, number, (-1, middle), (-6, -1), ha="right", va="top", fontsize=7.5, color=MUTED)
    heading(
        ax,
        title or "Samples of each class",
        f"{thousands(len(images))} images; at the left: the {kind}, and its number of images",
    )
    return ax
