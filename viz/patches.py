"""Pictures of a filter at work: the parts of images that excite it most, and its products at one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurosim.analysis.top_patches import Patch
from neurosim.errors import ShapeError
from neurosim.parameters import Array
from neurosim.text import MINUS, cut, decimals_of, fixed, listing, short, span

from .colours import FAINT, MUTED
from .filters import channel_sheet, edge, outline, sheet_centre
from .images import blank, mosaic, show_ink
from .page import largest_size
from .samples import as_labels, names_of_channels, names_of_classes
from .style import DIVERGING, INK, WIDTH, AnyFigure, figure_heading, heading, new_axes, new_figure, styled, text_on

READABLE = 8
"""The largest number of rows and columns with room for numbers."""
ACROSS = 3
"""The number of patches per row."""


@styled
def top_patches(
    images: Array,
    patches: Sequence[Patch],
    labels: Array,
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the parts of images that excite a filter most, the strongest first: each image with its part beside it.

    Args:
        images: all images, shape (N, H, W), or (N, H, W, 3) in colour; of other channels the mean is drawn.
        patches: the result of `neurosim.top_patches` for them.
        labels: classes from 0, shape (N,).
        class_names: a name for each class; its number if left out.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Axes, which hold one image, and for each patch an outline and a caption.  The caption gives the class, the
        number of the sample, the place in the filter's map, and the activation there.

    Raises:
        ShapeError: if images and labels do not fit together.

    Example:
        >>> ax = viz.top_patches(test.images, ns.top_patches(net, test, 1, 5), test.labels)
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4):
        raise ShapeError(f"images: expected (N, H, W) or (N, H, W, 3), received {images.shape}")
    if images.ndim == 4 and images.shape[3] != 3:
        images = images.mean(axis=3).astype(images.dtype)
    labels = as_labels(labels, len(images), "labels")
    names = names_of_classes(class_names, int(labels.max(initial=0)) + 1)
    usual = title or "The parts of images that excite the filter most"
    if not patches:
        ax = new_axes(ax, height=1.3)
        blank(ax)
        ax.text(0.5, 0.5, "nothing to show", ha="center", va="center", color=MUTED, transform=ax.transAxes)
        heading(ax, usual, "its activation is the same at every place of every image")
        return ax
    height, width = images.shape[1:3]
    between, gap = round(0.12 * width) + 1, round(0.35 * width) + 1
    tiles = np.stack([_beside_its_part(images[each.sample], each, between, gap) for each in patches])
    columns = min(ACROSS, len(patches))
    cell = (WIDTH - 0.2) / ACROSS
    inch = cell / tiles.shape[2]  # of a pixel
    head = round(0.45 / inch) + 1  # for two lines
    rows = -(-len(patches) // columns)
    ax = new_axes(ax, width=max(6.3, 0.2 + columns * cell), height=0.75 + rows * inch * (head + height))
    show_ink(ax, mosaic(tiles, columns, 0, head), images)
    decimals = decimals_of(max(abs(each.a) for each in patches))
    for i, each in enumerate(patches):
        left, top = i % columns * tiles.shape[2], head + i // columns * (head + height)
        edge(ax, left, top, width, height)
        outline(ax, each.rows, each.columns, (top, left))
        times = _enlarged_by(each, height, width)
        part = slice(0, times * _count(each.rows)), slice(0, times * _count(each.columns))
        outline(ax, *part, (top, left + width + between), width=0.8, name="part")
        own = cut(names[labels[each.sample]], 16)
        text = f"{own}  #{each.sample}\nrow {each.row}, column {each.column}: a = {fixed(each.a, decimals)}"
        ax.text(
            left - 0.5, top - 1.2, text.replace("-", MINUS), fontsize=8, va="bottom", linespacing=1.15, in_layout=False
        )
    heading(
        ax,
        usual,
        "above each image: its class and number, the place in the filter's map, the activation a there\n"
        f"outlined: what the filter depends on, also enlarged; one place per image, from {len(images):,} images",
    )
    return ax


def _beside_its_part(image: Array, patch: Patch, between: int, gap: int) -> Array:
    """Return an image (H, W, …) with the part of a patch to its right, as large as fits, and room at the right."""
    height, width = image.shape[:2]
    part = image[patch.rows, patch.columns].astype(float)
    times = _enlarged_by(patch, height, width)
    part = part.repeat(times, axis=0).repeat(times, axis=1)
    tile = np.full((height, 2 * width + between + gap, *image.shape[2:]), np.nan)
    tile[:, :width] = image
    tile[: part.shape[0], width + between : width + between + part.shape[1]] = part
    return tile


def _enlarged_by(patch: Patch, height: int, width: int) -> int:
    """Return how many times the part of an image (height, width) can be enlarged."""
    return min(height // _count(patch.rows), width // _count(patch.columns))


def _count(where: slice) -> int:
    return int(where.stop - where.start)


@styled
def patch_products(
    patch: Array,
    weights: Array,
    bias: float = 0.0,
    channels: Sequence[str] | None = None,
    fig: AnyFigure | None = None,
    title: str | None = None,
) -> AnyFigure:
    """Draw what a filter computes at one place: patch x, kernel w and products w·x beside each other, with their sum.

    If there is room, the numbers stand in the pixels.  The channels stand row by row, in the same order in all three.

    Args:
        patch: the filter's input at the place, shape (k, k, C).
        weights: its kernel, of the same shape.
        bias: its bias.
        channels: names of the C channels, if they have names.
        fig: a Figure or SubFigure to draw in; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Figure, whose first three Axes hold an image each.

    Raises:
        ShapeError: if patch and kernel do not fit together.

    Example:
        >>> unit = net[1][5].at(10, 12)
        >>> fig = viz.patch_products(unit.patch[0], net[1][5].weights, net[1][5].bias)
    """
    x, w = np.asarray(patch, dtype=float), np.asarray(weights, dtype=float)
    if x.ndim != 3 or x.shape != w.shape or not x.size:
        raise ShapeError(f"patch: expected (k, k, C), the shape of the kernel {w.shape}, received {x.shape}")
    products = w * x
    total = float(products.sum())
    sheet = channel_sheet(x)
    fig = new_figure(fig, height=1.5 + 2.35 * min(1.6, sheet.shape[0] / sheet.shape[1]))
    names = ("patch x", "kernel w", "products w·x")
    said = (span(x.ravel()), span(w.ravel()), f"their sum {short(total, 4)}")
    for ax, values, name, range_, sign in zip(
        fig.subplots(1, 3), (x, w, products), names, said, ("×", "=", ""), strict=True
    ):
        _draw_values(fig, ax, values, ink=values is x and x.min() >= 0.0)
        ax.set_title(f"{name}\n{range_}", fontsize=9, fontweight="normal", pad=4)
        ax.text(1.07, 0.5, sign, transform=ax.transAxes, ha="center", va="center", fontsize=14, color=MUTED)
    count = x.shape[2]
    told = (
        f"; channels {listing(names_of_channels(count, channels))}" if channels else f"; {count} channels, row by row"
    )
    told = told if count > 1 else ""
    figure_heading(
        fig,
        title or "What the filter computes at one place",
        f"z = sum of the products + b = {short(total, 4)} {'+' if bias >= 0 else MINUS} {short(abs(bias), 4)} = "
        f"{short(total + bias, 4)}{told}",
    )
    return fig


def _draw_values(fig: AnyFigure, ax: Axes, values: Array, ink: bool) -> None:
    """Draw numbers (k, k, C) as pixels with their colour bar, and if there is room, write the numbers in them."""
    sheet = channel_sheet(values)
    limit = largest_size(values)
    low = 0.0 if ink else -limit
    ax.set_facecolor(FAINT)
    picture = ax.imshow(sheet, cmap=INK if ink else DIVERGING, vmin=low, vmax=limit, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set(visible=True, color=FAINT)
    bar = fig.colorbar(picture, ax=ax, orientation="horizontal", fraction=0.05, pad=0.04, aspect=25, shrink=0.8)
    ticks = [0.0, limit] if ink else [-limit, 0.0, limit]
    bar.set_ticks(ticks, labels=[short(tick, 2) for tick in ticks])
    bar.ax.tick_params(labelsize=7, length=2)
    bar.outline.set_visible(False)
    centres = sheet_centre(values.shape)
    if max(len(np.unique(centres[..., axis].round(3))) for axis in (0, 1)) > READABLE:
        return
    for place, value in np.ndenumerate(values):
        look: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": 6.5}
        across, down = centres[place]
        ax.text(across, down, short(value, 2), color=text_on(picture.cmap(picture.norm(value))), **look)
