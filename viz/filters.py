"""Filters: their kernels, their feature maps of one sample, and the part of it that they depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from neurosim.errors import NeurosimError, ShapeError
from neurosim.parameters import Array
from neurosim.text import counted, short

from .colours import INK_COLOUR, MUTED, PALE, PALETTE
from .images import blank, draw_grid, mosaic, show_ink, show_weights
from .page import fitting, largest_size
from .samples import names_of_channels
from .style import DIVERGING, WIDTH, AnyFigure, beside, figure_heading, heading, new_axes, new_figure, styled

MOST = 16
"""The largest number of filters, channels or maps that are drawn of one layer."""
SIDE = 28
"""Smaller tiles are enlarged to about this many pixels, so that the gaps between them stay thin."""
SMALL_SIDE = 12
"""The same for the tile of one channel among several."""
COLUMNS = 8
"""Maps in a row."""
FIELD = PALETTE[1]
Field = tuple[slice, slice]
"""The rows and the columns of a part of an image."""
Seen = Field | tuple[slice, slice, int]
"""The same, or the same in only one map, given by its number."""
Place = tuple[float, float]
"""A row and a column."""


def enlarged(tiles: Array) -> Array:
    """Return small images (n, height, width) with each pixel repeated, the longer side about `SIDE` pixels long."""
    times = max(1, SIDE // max(tiles.shape[1:3]))
    return tiles.repeat(times, axis=1).repeat(times, axis=2)


def channel_sheet(values: Array) -> Array:
    """Return numbers (height, width, C) as one image: the channels side by side, row by row, with NaN between them.

    A single channel is returned unchanged, (height, width).
    """
    if values.shape[2] == 1:
        return values[:, :, 0]
    times, columns, gap = _sheet(values.shape)
    tiles = values.transpose(2, 0, 1).repeat(times, axis=1).repeat(times, axis=2)
    return mosaic(tiles, columns, gap)[:-gap, :-gap]


def sheet_centre(shape: Sequence[int]) -> Array:
    """Return the middle of each number in a `channel_sheet`, (height, width, C, 2): across and down."""
    height, width, channels = shape
    times, columns, gap = _sheet(shape) if channels > 1 else (1, 1, 0)
    row, column, channel = np.indices((height, width, channels))
    across = channel % columns * (width * times + gap) + (column + 0.5) * times - 0.5
    down = channel // columns * (height * times + gap) + (row + 0.5) * times - 0.5
    return np.stack([across, down], axis=-1)


def _sheet(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return for a `channel_sheet` the repeats of a pixel, the channels per row, and the pixels between them.

    A sheet is about 1.5 times as wide as it is high.
    """
    height, width, channels = shape
    times = max(1, SMALL_SIDE // max(height, width))
    columns = channels if channels <= 3 else int(np.ceil(np.sqrt(1.4 * channels)))
    return times, columns, max(1, round(width * times / 10))


def strongest(sizes: Array, count: int) -> Array:
    """Return the indices of the `count` largest sizes (n,), in rising order."""
    return np.sort(np.argsort(-np.nan_to_num(sizes, posinf=np.inf), kind="stable")[:count])


@styled
def kernel_grid(
    W: Array,
    filters: Sequence[int] | None = None,
    channels: Sequence[str] | None = None,
    count: int | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the kernels of a convolutional layer as images, all on one colour scale centred on zero.

    With a single input channel, there is one image per filter.  With several channels, each filter is a column and each
    channel a row; a single filter has one image per channel.  If there are too many filters or channels, those with the
    largest weights are drawn, and the subtitle gives their number.

    Args:
        W: the kernels, shape (k, k, C, filters), such as `net[1].W`; for one filter (k, k, C), `net[1][5].weights`.
        filters: the numbers of the filters; 0, 1, … if left out.
        channels: names of the C channels; their numbers if left out.
        count: the largest number of filters, and of channels; 64 for filters with a single channel, else 16.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Axes, which hold one image.

    Raises:
        ShapeError: if the shape is not that of kernels.

    Example:
        >>> ax = kernel_grid(net[1].W)
    """
    W = np.array(W, dtype=float)
    W = W[..., None] if W.ndim == 3 else W
    if W.ndim != 4 or not W.size:
        raise ShapeError(f"W: expected kernels, shape (k, k, C, filters) or (k, k, C), received {W.shape}")
    _, _, C, n = W.shape
    numbers = list(range(n)) if filters is None else list(filters)
    if len(numbers) != n:
        raise ShapeError(f"filters: expected {n} numbers, one per filter, received {len(numbers)}")
    names = names_of_channels(C, channels)
    most = count or (4 * MOST if C == 1 or n == 1 else MOST)
    sizes = W**2
    shown, seen = strongest(sizes.sum((0, 1, 2)), most), strongest(sizes.sum((0, 1, 3)), most)
    left_out = [f"{len(shown)} of {n} filters"] * (len(shown) < n) + [f"{len(seen)} of {C} channels"] * (len(seen) < C)
    note = f"\nthe {' and '.join(left_out)} with the largest weights" if left_out else ""
    tiles = W[:, :, seen][..., shown].transpose(2, 3, 0, 1)  # (channels, filters, k, k)
    of_all = f"The kernels of {counted(n, 'filter')}"
    if C > 1 and n > 1:
        written = [names[c] for c in seen], [str(numbers[f]) for f in shown]
        return _kernel_table(tiles, *written, note, ax, title or of_all)
    one = n == 1
    captions = [names[c] for c in seen] if C > 1 else [""] if one else [str(numbers[f]) for f in shown]
    usual = (f"The kernel of filter {numbers[0]}" if filters is not None else "The kernel of one filter") if one else ""
    ax = draw_grid(enlarged(tiles.reshape(-1, *tiles.shape[2:])), captions, ax)
    what = "one image per channel" if C > 1 else "one image per filter" if n > 1 else "white is zero"
    heading(
        ax,
        title or usual or of_all,
        f"red excites, blue inhibits{'; one scale for all' if what != 'white is zero' else ''}; {what}{note}",
    )
    return ax


def _kernel_table(
    tiles: Array, rows: Sequence[str], columns: Sequence[str], note: str, ax: Axes | None, title: str
) -> Axes:
    """Draw kernels (channels, filters, k, k): one row per channel, one column per filter."""
    C, n = tiles.shape[:2]
    pictures = enlarged(tiles.reshape(-1, *tiles.shape[2:]))
    side = pictures.shape[1]
    gap = max(1, round(side / 10))
    names, size, wide = fitting(rows, 7.5, 1.1)
    cell = float(np.clip((6.3 - 1.3 - wide) / n, min(0.62, (WIDTH - 1.3 - wide) / n), max(0.62, min(1.2, 9.0 / C))))
    width = max(6.3, 1.3 + wide + cell * n)
    ax = new_axes(ax, width=width, height=1.25 + 0.17 * note.count("\n") + cell * C)
    sheet = mosaic(pictures, n, gap)[:-gap, :-gap]
    show_weights(ax, sheet, tiles)
    ax.set_xlim(-0.5, max(sheet.shape[1], (width - 1.3 - wide) / cell * (side + gap)) - 0.5)  # room for the title
    for f, name in enumerate(columns):
        middle = f * (side + gap) + side / 2 - 0.5
        beside(ax, name, (middle, -0.5), (0, 2), fontsize=7.5, color=MUTED, ha="center", va="bottom")
    for c, name in enumerate(names):
        middle = c * (side + gap) + side / 2 - 0.5
        beside(ax, name, (-0.5, middle), (-4, 0), fontsize=size, color=MUTED, ha="right", va="center_baseline")
    heading(
        ax,
        title,
        f"one column per filter, one row per input channel\nred excites, blue inhibits; one scale for all{note}",
        free=10,
    )
    return ax


@styled
def feature_maps(
    image: Array,
    maps: Mapping[str, Array],
    fields: Sequence[Seen | None] = (),
    count: int = MOST,
    fig: AnyFigure | None = None,
    title: str | None = None,
) -> AnyFigure:
    """Draw the feature maps of convolutional and pooling layers for one sample: the sample, then one row per layer.

    Red is above zero, blue below; each layer has its own scale, centred on zero.  If a layer has too many maps, those
    with the largest mean size are drawn, and its title gives their number.

    Args:
        image: the sample, shape (H, W), or (H, W, 3) in colour.
        maps: the name of each layer -> its activations, shape (H', W', C), from the lowest layer up.
        fields: for the sample and each layer the rows and the columns to outline, such as those that a unit depends
            on.  They are outlined in all maps, or in the map whose number comes third; None: no outline.
        count: the largest number of maps per layer.
        fig: a Figure or SubFigure to draw in; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Figure; its first Axes hold the sample, then come the Axes of each layer and their colour bars.

    Raises:
        ShapeError: if the sample or a map is not an image.

    Example:
        >>> net.predict(x[None])
        >>> fig = feature_maps(x, {"layer 1": net[1].a[0].reshape(net[1].out_shape)})
    """
    for name, each in maps.items():
        if np.ndim(each) != 3:
            raise ShapeError(f"{name}: expected maps, shape (H, W, C), received {np.shape(each)}")
    if not maps:
        raise NeurosimError("maps: expected the maps of at least one layer, received none")
    fields = list(fields) + [None] * (1 + len(maps) - len(fields))
    tiles = [np.asarray(each, dtype=float).transpose(2, 0, 1) for each in maps.values()]
    shown = [_shown(each, field, count) for each, field in zip(tiles, fields[1:], strict=True)]
    inch = (WIDTH - 1.2) / COLUMNS
    heights = [1.3]
    for each, which in zip(tiles, shown, strict=True):
        rows = -(-len(which) // COLUMNS)
        heights.append(0.3 + rows * inch * (1.12 * each.shape[1] / each.shape[2] + 0.16))
    fig = new_figure(fig, width=WIDTH, height=0.9 + sum(heights))
    grid = fig.subplots(1 + len(maps), 1, height_ratios=heights, squeeze=False)[:, 0]
    show_sample(grid[0], image)
    _name(grid[0], f"the sample, {_size(np.shape(image))}")
    if fields[0] is not None:
        outline(grid[0], *fields[0][:2])
    for ax, name, each, which, field in zip(grid[1:], maps, tiles, shown, fields[1:], strict=True):
        _draw_maps(fig, ax, each[which], which, field)
        left_out = f", the {len(which)} strongest" if len(which) < len(each) else ""
        _name(ax, f"{name}: {counted(len(each), 'map')} of {_size(each.shape[1:])}{left_out}")
    unit = any(field is not None and len(field) == 3 for field in fields)
    outlined = f"\noutlined: {'the unit, and ' if unit else ''}what it depends on" if any(fields) else ""
    figure_heading(
        fig,
        title or "The feature maps of one sample",
        f"colour: activation, red above zero, blue below; each layer has its own scale, centred on zero{outlined}",
    )
    return fig


def _shown(maps: Array, field: Seen | None, count: int) -> Array:
    """Return the numbers of the maps (n, H, W) to draw: the strongest, and the one with its own outline."""
    sizes = np.abs(maps).mean((1, 2))
    if field is not None and len(field) == 3:
        sizes[field[2]] = np.inf
    return strongest(sizes, count)


def _name(ax: Axes, text: str) -> None:
    """Write a text above a row of maps."""
    ax.set_title(text, fontsize=9, fontweight="normal", pad=12)


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _draw_maps(fig: AnyFigure, ax: Axes, maps: Array, numbers: Array, field: Seen | None) -> None:
    """Draw maps (n, H, W) with their numbers above, their colour bar, and the same outline on each of them."""
    tiles = enlarged(maps)
    height, width = tiles.shape[1:]
    times = height // maps.shape[1]
    gap, head = max(1, round(0.1 * width)), max(1, round(0.16 * width))
    limit = largest_size(maps)
    sheet = mosaic(tiles, COLUMNS, gap, head)[head:]
    ax.set_facecolor("white")
    picture = ax.imshow(sheet, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
    blank(ax)
    ax.set_xlim(-0.5, COLUMNS * (width + gap) - 0.5)
    for i, number in enumerate(numbers):
        left, top = i % COLUMNS * (width + gap), i // COLUMNS * (head + height + gap)
        edge(ax, left, top, width, height)
        beside(ax, str(number), (left - 0.5, top - 0.5), (0, 1.5), fontsize=7, color=MUTED, va="bottom")
        if field is not None and field[2:] in ((), (number,)):
            rows, columns = (slice(each.start * times, each.stop * times) for each in field[:2])
            outline(ax, rows, columns, (top, left))
    bar = fig.colorbar(picture, ax=ax, fraction=0.02, pad=0.01, aspect=14, shrink=0.85)
    bar.set_ticks([-limit, 0.0, limit], labels=[short(-limit, 2), "0", short(limit, 2)])
    bar.ax.tick_params(labelsize=7, length=2)
    bar.outline.set_visible(False)


def show_sample(ax: Axes, image: Any) -> None:
    """Draw a sample (H, W) as ink on paper, or (H, W, 3) in its colours; of other channels draw the mean."""
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[2] != 3:
        image = image.mean(axis=2)
    show_ink(ax, image.astype(float), image)
    edge(ax, 0, 0, image.shape[1], image.shape[0])


def edge(ax: Axes, left: float, top: float, width: float, height: float) -> None:
    """Draw the edge of an image whose first pixel is at (left, top)."""
    place = (left - 0.5, top - 0.5)
    ax.add_patch(Rectangle(place, width, height, fill=False, edgecolor=PALE, linewidth=0.8, clip_on=False))


def outline(
    ax: Axes,
    rows: slice,
    columns: slice,
    at: Place = (0, 0),
    width: float = 1.4,
    colour: str = FIELD,
    name: str = "field",
) -> None:
    """Draw a frame around these pixels of an image whose first one is at row and column `at`."""
    place = at[1] + columns.start - 0.5, at[0] + rows.start - 0.5
    size = columns.stop - columns.start, rows.stop - rows.start
    look: dict[str, Any] = {"fill": False, "clip_on": False}
    ax.add_patch(Rectangle(place, *size, edgecolor="white", linewidth=width + 1.2, zorder=2, **look))
    ax.add_patch(Rectangle(place, *size, edgecolor=colour, linewidth=width, zorder=3, gid=name, **look))


@styled
def receptive_field(
    image: Array, fields: Mapping[str, Field], ax: Axes | None = None, title: str | None = None
) -> Axes:
    """Draw a sample, and on it the receptive fields of units of several layers: the deeper, the larger.

    Args:
        image: the sample, shape (H, W), or (H, W, 3) in colour.
        fields: the name of each unit -> the rows and the columns, such as `net[3][5].at(2, 4).receptive_field`.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Axes, which hold one image and one outline per unit.

    Raises:
        ShapeError: if the sample is not an image.

    Example:
        >>> ax = receptive_field(x, {"layer 3, row 2, column 4": net[3][5].at(2, 4).receptive_field})
    """
    if np.ndim(image) not in (2, 3):
        raise ShapeError(f"image: expected (H, W) or (H, W, 3), received {np.shape(image)}")
    width, height = 3.6 * np.shape(image)[1] / np.shape(image)[0] + 3.7, max(4.2, 1.0 + 0.37 * len(fields))
    ax = new_axes(ax, width=width, height=height)
    show_sample(ax, image)
    column = np.shape(image)[1] - 0.5
    for i, (name, (rows, columns)) in enumerate(fields.items()):
        colour = (INK_COLOUR, *PALETTE[1:])[i % 8] if len(fields) > 1 else FIELD
        outline(ax, rows, columns, colour=colour)
        size = f"{rows.stop - rows.start} x {columns.stop - columns.start} pixels"
        text = f"{name}\n{size}: rows {rows.start} to {rows.stop - 1}, columns {columns.start} to {columns.stop - 1}"
        look: dict[str, Any] = {"color": colour, "fontsize": 8, "va": "top", "linespacing": 1.25}
        beside(ax, text, (column, -0.5), (8, -26 * i), **look)
    one = len(fields) == 1
    told = f"outlined: the receptive field{'' if one else 's'} in the input"
    heading(ax, title or f"What {'one unit depends' if one else 'units depend'} on", told)
    return ax
