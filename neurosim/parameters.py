"""One contiguous buffer for all parameters, one for all gradients, and views into them.

An optimizer updates a whole network in a few passes over two flat vectors.  A layer or a neuron reads and writes its
part through a view of the same memory.  The layout is ``[W1 … WL | b1 … bL]``: weight matrices first, so that all
weights are one slice.  The vectors follow: biases, and the scale and shift of batch normalization.  The buffers are
made once and never resized or rebound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .errors import NeurosimError

Array = NDArray[Any]
Shape = tuple[int, ...]

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register


def aligned_zeros(shape: int | tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return zeros that begin on a cache line. Speed and rounding then do not depend on their place in memory."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.zeros(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


class FlatParameters:
    """All parameters and all gradients of a network.

    Args:
        shapes: name -> shape, e.g. ``{"W1": (784, 128), "b1": (128,)}``; matrices are laid out before vectors.
        dtype: ``float32`` or ``float64``.

    Raises:
        NeurosimError: the parameters do not fit into memory.

    Attributes:
        theta: (size,) every parameter. Live.
        grad: (size,) the gradient of the mean batch loss for every parameter, from the last backward pass. Live.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], dtype: DTypeLike = np.float32) -> None:
        ordered = sorted(shapes.items(), key=lambda item: len(item[1]) == 1)  # stable: matrices, then vectors
        self.slots: dict[str, tuple[slice, tuple[int, ...]]] = {}
        end = 0
        for name, shape in ordered:
            start, end = end, end + math.prod(shape)
            self.slots[name] = (slice(start, end), tuple(shape))
        try:
            self.theta = aligned_zeros(end, dtype)
            self.grad = aligned_zeros(end, dtype)
        except (MemoryError, OverflowError, ValueError):
            raise NeurosimError(f"{end:,} parameters do not fit into memory: expected narrower layers") from None

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.theta.size

    def view(self, flat: Array, name: str) -> Array:
        """Return the part called `name` of a vector laid out like `theta`, in its own shape. A live view."""
        where, shape = self.slots[name]
        return flat[where].reshape(shape)

    def __getitem__(self, name: str) -> Array:
        """Return the parameters called `name`. A live view."""
        return self.view(self.theta, name)

    def gradient(self, name: str) -> Array:
        """Return the gradient of the parameters called `name`. A live view."""
        return self.view(self.grad, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.slots)

    def __repr__(self) -> str:
        return f"FlatParameters({self.size:,} {self.theta.dtype} parameters in {len(self.slots)} arrays)"
