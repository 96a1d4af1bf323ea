"""The names of numbers in images: place, and filter or channel."""

from __future__ import annotations

from ..layers import Layer
from . import words
from .formula import fill


def is_image(layer: Layer) -> bool:
    """Return whether the output of a layer is an image with channels."""
    return len(layer.out_shape) == 3


def split(layer: Layer, number: int) -> tuple[int, int, int]:
    """Return row, column and channel of a number in the output image of a layer."""
    place, channel = divmod(int(number), layer.out_shape[2])
    return (*divmod(place, layer.out_shape[1]), channel)


def place_name(row: int, column: int, key: str) -> str:
    """Return the name of a place, with a key of `words.NAMES`: "window 10,12"."""
    return fill(words.NAMES[key], {"row": str(row), "column": str(column)})


def channel_name(layer: Layer, channel: int) -> str:
    """Return the name of an output channel: the filter that computed it, or "channel 0" of the sample."""
    below: Layer | None = layer
    while below is not None and not below.weight_name:
        below = below.previous
    return fill(words.NAMES["channel" if below is None else "filter"], {"i": str(channel)})


def number_name(layer: Layer, number: int) -> str:
    """Return the name of an output of a layer: the neuron, or channel and place in an image."""
    if not is_image(layer):
        return fill(words.NAMES["neuron"], {"i": str(number)})
    row, column, channel = split(layer, number)
    told = {"channel": channel_name(layer, channel), "row": str(row), "column": str(column)}
    return fill(words.NAMES["channel at"], told)


def fed_name(above: Layer, number: int) -> str:
    """Return the name of one z of the layer above: a pooling window by its place, any other unit by `number_name`."""
    if above.windows is None or above.weight_name:
        return number_name(above, number)
    row, column, _ = split(above, number)
    return place_name(row, column, "window")


def kernel_name(size: int, channels: int, i: int, below: Layer) -> str:
    """Return the name of weight i of a kernel: row, column, and the channel below if there are several."""
    pixel, channel = divmod(i, channels)
    row, column = divmod(pixel, size)
    name = place_name(row, column, "kernel")
    if channels == 1:
        return name
    return fill(words.NAMES["kernel on"], {"kernel": name, "channel": channel_name(below, channel)})


def rows_and_columns(field: tuple[slice, slice]) -> str:
    """Return the rows and columns of a part of an image, in words."""
    said = []
    for name, part in zip(("row", "column"), field, strict=True):
        key = name if part.stop - part.start == 1 else f"{name}s"
        said.append(fill(words.NAMES[key], {"first": str(part.start), "last": str(part.stop - 1)}))
    return ", ".join(said)
