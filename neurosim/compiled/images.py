"""The lines of image layers: convolution, pooling, and flattening."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..layers import AveragePool2D, Conv2D, Flatten, MaxPool2D
from ..layers.base import Layer
from ..parameters import Array, aligned_zeros
from . import blocks
from .windows import (
    average_pool_backward_source,
    average_pool_source,
    backward_source,
    forward_source,
    gradients_source,
    has_padding,
    max_pool_backward_source,
    max_pool_source,
)

if TYPE_CHECKING:
    import numpy as np

    from ..layers.base import ActivationLayer
    from .machine import Kernel
    from .table import Table

POOLS: dict[type[Layer], tuple[Any, Any]] = {
    MaxPool2D: (max_pool_source, max_pool_backward_source),
    AveragePool2D: (average_pool_source, average_pool_backward_source),
}


class Tables(Protocol):
    """What these layers need from the lines of a network."""

    dtype: np.dtype[Any]
    forward: Table
    evaluate: Table
    backward: Table
    gradients: Table

    def block(self, function: Callable[..., Any]) -> Kernel:
        """Return a kernel of `blocks`."""

    def written(self, name: str, source: str) -> Kernel:
        """Return a kernel that is written for a network."""

    def add_activation(self, table: Table, layer: ActivationLayer, b: Array | None) -> None:
        """Add z ← z + b; a = f(z)."""


class Images:
    """The image layers' part of the tables of a network.

    Args:
        lines: the lines of the network.

    Attributes:
        convolutions: the convolutional layers.
    """

    def __init__(self, lines: Tables) -> None:
        self.lines, self.dtype = lines, lines.dtype
        self.convolutions: list[Conv2D] = []
        self._seen: dict[int, Array] = {}  # layer -> the images from which its patches are taken

    def add_forward(self, layer: Layer) -> bool:
        """Add the way from x to z and a. Return False if the layer is of another kind."""
        kind, lines = type(layer), self.lines
        if kind is Conv2D:
            self._add_convolution(cast(Conv2D, layer))
        elif kind is Flatten:
            for table in (lines.forward, lines.evaluate):
                table.add(lines.block(blocks.copy), layer.x, layer.z)
                table.add(lines.block(blocks.copy), layer.x, layer.a)
        elif kind in POOLS:
            kernel = lines.written("pool", POOLS[kind][0](cast(Any, layer).windows, self.dtype.itemsize))
            for table in (lines.forward, lines.evaluate):
                table.add(kernel, layer.x, layer.z, layer.a)
        else:
            return False
        return True

    def add_backward(self, layer: Layer) -> bool:
        """Add the way from da (for a convolution, from delta) to delta, the gradients and da of the layer below.

        Return False if the layer is of another kind.
        """
        kind, lines, below = type(layer), self.lines, layer._below
        if kind is Conv2D:
            self._add_convolution_backward(cast(Conv2D, layer))
        elif kind is Flatten or (kind in POOLS and below is None):
            for to in (layer.delta,) if below is None else (layer.delta, below):
                lines.backward.add(lines.block(blocks.copy), layer.da, to)
        elif kind in POOLS and below is not None:
            kernel = lines.written("backward", POOLS[kind][1](cast(Any, layer).windows, self.dtype.itemsize))
            others = (layer.x, layer.z) if kind is MaxPool2D else ()
            lines.backward.add(kernel, layer.da, layer.delta, *others, below)
        else:
            return False
        return True

    def _add_convolution(self, layer: Conv2D) -> None:
        """Add z = patches W + b; a = f(z)."""
        self.convolutions.append(layer)
        lines, windows, x = self.lines, layer.windows, layer.x
        padding = (self._zeros(len(x), math.prod(windows.padded)),) if has_padding(windows) else ()
        self._seen[layer.index] = padding[0] if padding else x
        b = layer.b if layer.use_bias else self._zeros(layer.filters)
        source = forward_source(windows, layer.filters, self.dtype.itemsize)
        for table in (lines.forward, lines.evaluate):
            table.add(lines.written("convolve", source), x, layer._W_matrix, b, layer.z, *padding)
            lines.add_activation(table, layer, None)

    def _add_convolution_backward(self, layer: Conv2D) -> None:
        """Add dW = patchesᵀ delta and db = Σ delta, for each part and then their sums; and dL/dx."""
        lines, windows, size, parts = self.lines, layer.windows, self.dtype.itemsize, os.cpu_count() or 1
        dW, db = self._zeros(parts, layer._W_matrix.size), self._zeros(parts, layer.filters)
        source = gradients_source(windows, layer.filters, size)
        lines.backward.add(lines.written("gradients", source), self._seen[layer.index], layer.delta, dW, db)
        first = not lines.gradients.lines
        lines.gradients.add(lines.block(blocks.sum_parts), dW, layer._dW_matrix, wait=first)
        if layer.use_bias:
            lines.gradients.add(lines.block(blocks.sum_parts), db, layer.db)
        if layer._below is not None:
            room = (self._zeros(parts, math.prod(windows.padded)),) if has_padding(windows) else ()
            source = backward_source(windows, layer.filters, size)
            lines.backward.add(lines.written("backward", source), layer.delta, layer._W_matrix, layer._below,
                               self._zeros(parts, layer._W_matrix.size), *room)  # fmt: skip

    def _zeros(self, *shape: int) -> Array:
        return aligned_zeros(shape, self.dtype)
