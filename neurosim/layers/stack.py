"""The layers of a network as a whole: which make one, and how they are listed."""

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
    """The layers of a network to be, if one can be made of them.

    Raises:
        NeurosimError: it cannot.
    """
    if not isinstance(layers, (list, tuple)):
        raise NeurosimError(f"layers: expected a list of layers, received {layers!r}")
    shape: tuple[int, ...] = ()
    for k, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise NeurosimError(f"layers: expected {', '.join(_layer_names())}, received {layer!r}")
        if isinstance(layer, Input) != (k == 0):
            raise NeurosimError(f"layers: expected one Input, in the first place, received {layer!r} in place {k}")
        if layer.index >= 0:
            raise NeurosimError(f"{layer!r} is in a network already, as layer {layer.index}: make a new one")
        if any(layer is other for other in layers[:k]):
            raise NeurosimError(f"{layer!r} is in this network twice: make a new one for each place")
        shape = _next_shape(layers[:k], layer, shape)
    if len(layers) < 2 or layers[-1].activation is None:
        raise NeurosimError(
            "layers: expected an Input and at least one layer after it, the last of them a Dense "
            f"or BatchNorm, received {layers!r}"
        )
    if len(shape) == 3 and shape[:2] != (1, 1):
        raise NeurosimError(
            f"layers: expected numbers at the end, one a class, received {layers[-1]!r}, which gives out images of "
            f"{_sides(shape)}; put a Flatten and a Dense behind it"
        )
    return list(layers)


def _next_shape(below: Sequence[Layer], layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that a layer makes of `shape`, which the layers below give out.

    Raises:
        ShapeError: it can make nothing of it. The sizes are worked out layer by layer.
    """
    try:
        return layer.output_shape(shape)
    except ShapeError as error:
        worked_out, shape = [], ()
        for each in below:
            shape = each.output_shape(shape)
            worked_out.append(f"{type(each).__name__} {_sides(shape)}")
        raise ShapeError(f"{error} (layer by layer: {', '.join(worked_out)})") from None


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _layer_names() -> list[str]:
    """The names of all layer classes."""
    return [LAYERS[key].__name__ for key in LAYERS]


def reserve(layers: Sequence[Layer], batch_size: int) -> None:
    """Make the workspaces of all layers for batches of up to that size.

    What every neuron did with every sample of a batch can be looked at, so all of it has to be in memory at once.

    Raises:
        NeurosimError: it is more than this computer has.
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
            f"batch_size: expected a batch that fits into memory, received {batch_size:,} samples, whose activations "
            f"take {needed / 2**30:,.1f} GiB or more, of {there / 2**30:,.1f}; choose a smaller batch_size"
        ) from None


def memory() -> float:
    """How many bytes of memory this computer has; infinite where nobody can tell."""
    names = ("SC_PHYS_PAGES", "SC_PAGE_SIZE")
    return math.prod(map(os.sysconf, names)) if {*names} <= {*getattr(os, "sysconf_names", ())} else math.inf


def numbers_of(some: Sequence[Layer], layers: Sequence[Layer]) -> list[int]:
    """How tables of a training number some of a network's layers, from below.

    By their own numbers, `net[k]`, where layers give out images: pooling lies between them.  Elsewhere 1, 2, …: dropout
    and the like do not count.
    """
    images = any(len(each.out_shape) == 3 for each in layers[1:])
    return [each.index for each in some] if images else list(range(1, len(some) + 1))


def layers_as_text(layers: Sequence[Layer], total: str) -> Text:
    """A table: layer, output shape, parameters; `total` stands under it."""
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
    """The same for a notebook, with the interventions on neurons counted."""
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
