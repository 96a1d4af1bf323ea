"""The layers of a network as a whole: checks that they fit together, and tables that list them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

from .. import html
from ..errors import NeurosimError, ShapeError
from ..text import Text
from .base import LAYERS, Layer
from .input import Input


def checked_layers(layers: Any) -> list[Layer]:
    """Return the layers of a new network if they fit together.

    Raises:
        NeurosimError: they do not.
    """
    if not isinstance(layers, (list, tuple)):
        raise NeurosimError(f"layers: expected a list of layers, received {layers!r}")
    shape: tuple[int, ...] = ()
    for k, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise NeurosimError(
                f"layers: expected a list of layers ({', '.join(_layer_names())}), received {layer!r} as layer {k}"
            )
        if isinstance(layer, Input) != (k == 0):
            where = "first" if k == 0 else "only as the first"
            raise NeurosimError(f"layers: expected an Input {where} layer, received {layer!r} as layer {k}")
        if layer.index >= 0:
            raise NeurosimError(f"{layer!r} is already layer {layer.index} of a network: make a new layer")
        if any(layer is other for other in layers[:k]):
            raise NeurosimError(f"{layer!r} is in this network twice: make a new layer for each place")
        shape = _next_shape(layers[:k], layer, shape)
    if len(layers) < 2 or layers[-1].activation is None:
        raise NeurosimError(
            "layers: expected an Input and at least one layer after it, the last of them a Dense "
            f"or BatchNorm, received {layers!r}"
        )
    if len(shape) == 3 and shape[:2] != (1, 1):
        raise NeurosimError(
            f"layers: expected one output per class, received images of {_sides(shape)} from {layers[-1]!r}; add a "
            "Flatten and a Dense at the end"
        )
    return list(layers)


def _next_shape(below: Sequence[Layer], layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the output shape of a layer for `shape`, the output shape of the layers below.

    Raises:
        ShapeError: the layer cannot take this shape. The message lists the sizes layer by layer.
    """
    try:
        return layer.output_shape(shape)
    except ShapeError as error:
        worked_out, shape = [], ()
        for each in below:
            shape = each.output_shape(shape)
            worked_out.append(f"{type(each).__name__} {_sides(shape)}")
        raise ShapeError(f"{error} (output shapes up to this layer: {', '.join(worked_out)})") from None


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _layer_names() -> list[str]:
    """Return the names of all layer classes."""
    return [LAYERS[key].__name__ for key in LAYERS]


def reserve(layers: Sequence[Layer], batch_size: int) -> None:
    """Make the workspaces of all layers for batches of up to `batch_size` samples.

    The values of every neuron for every sample of a batch can be viewed, so all of them are in memory at once.

    Raises:
        NeurosimError: this computer has not enough memory.
    """
    needed = batch_size * sum(sum(layer.buffers().values()) * layer.dtype.itemsize for layer in layers)
    there = memory()
    try:
        if needed > there:
            raise MemoryError
        for layer in layers:
            layer.reserve(batch_size)
    except MemoryError:
        raise NeurosimError(
            f"batch_size: expected a batch that fits into {there / 2**30:,.1f} GiB of memory, received {batch_size:,} "
            f"samples, which need {needed / 2**30:,.1f} GiB or more. Choose a smaller batch_size"
        ) from None


def memory() -> float:
    """Return the bytes of memory of this computer; infinity if they are unknown."""
    names = ("SC_PHYS_PAGES", "SC_PAGE_SIZE")
    return math.prod(map(os.sysconf, names)) if {*names} <= {*getattr(os, "sysconf_names", ())} else math.inf


def numbers_of(some: Sequence[Layer], layers: Sequence[Layer]) -> list[int]:
    """Return the numbers of some of a network's layers in the tables of a training, from below.

    If layers give out images, the numbers are those of `net[k]`, because pooling lies between the layers.  Otherwise
    they are 1, 2, …; dropout and similar layers do not count.
    """
    images = any(len(each.out_shape) == 3 for each in layers[1:])
    return [each.index for each in some] if images else list(range(1, len(some) + 1))


def layers_as_text(layers: Sequence[Layer], total: str) -> Text:
    """Return a table of layer, output shape and parameters; `total` stands below it."""
    rows = [("Layer", "Output shape", "Parameters")]
    rows += [
        (
            f"{layer.index} {layer.title}",
            f"(B, {', '.join(map(str, layer.out_shape))})",
            f"{layer.parameter_count:,}",
        )
        for layer in layers
    ]
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
    rule = "-" * len(lines[0])
    return Text("\n".join([lines[0], rule, *lines[1:], rule, total]))


def layers_as_html(layers: Sequence[Layer], total: str) -> str:
    """Return the same table for a notebook, with the number of changed neurons."""
    rows = []
    for layer in layers:
        changed = sum(bool(neuron.interventions) for neuron in layer) if layer.interventions else 0
        note = f", {changed} neuron{'s' if changed > 1 else ''} changed" if changed else ""
        shape = ", ".join(f"{side:,}" for side in layer.out_shape)
        row = (layer.index, type(layer).__name__, layer.detail + note, f"(B, {shape})", f"{layer.parameter_count:,}")
        rows.append(row)
    widths = " → ".join(f"{layer.n_out:,}" for layer in layers if not layer.neuron_by_neuron)
    table = html.table(("", "Layer", "", "Output", "Parameters"), rows, left=3)
    return html.block(html.title(f"Network {widths}"), table, f"<div>{html.small(total)}</div>")
