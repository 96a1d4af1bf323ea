"""The input layer: takes samples, scales integers, and hands them on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..checks import check_count, check_number
from ..errors import NeurosimError, ShapeError
from ..parameters import Array, Shape
from .base import LAYERS, Layer


@LAYERS.register("input")
class Input(Layer):
    """Layer 0: takes images or rows of numbers, scales integers, and passes them on as a.

    Args:
        size: how many numbers a sample has, or its shape, e.g. ``(28, 28)``.
        scale: what integers are multiplied by; 1/255 maps pixels to [0, 1]. Floats are taken as they are.

    Attributes:
        wants_gradient: whether the backward pass goes on to dL/dx of the network's input, into ``da``.
    """

    def __init__(self, size: int | tuple[int, ...], scale: float = 1.0 / 255.0) -> None:
        shape = size if isinstance(size, (tuple, list)) else (size,)
        sides = tuple(check_count("Input size", side) for side in shape)
        self.size: int | tuple[int, ...] = sides if isinstance(size, (tuple, list)) else sides[0]
        self.out_shape = sides
        self.scale = check_number("scale", scale, 0.0, math.inf, open_low=True, open_high=True)
        self.wants_gradient = False

    def output_shape(self, in_shape: Shape) -> Shape:
        return self.out_shape

    @property
    def neuron_count(self) -> int:
        return self.n_out

    def neuron_values(self, buffer: Array, j: int) -> Array:
        return buffer[:, j]

    def buffers(self) -> dict[str, int]:
        return dict.fromkeys(("a", "da") if self.wants_gradient else ("a",), self.n_out)

    def set_batch_size(self, batch_size: int) -> None:
        super().set_batch_size(batch_size)
        self._scale = np.array(self.scale, self.dtype)[()]  # a scalar of its own dtype keeps the product in it
        self._raw = np.empty((0, self.n_out), np.uint8)  # a batch in the data's own dtype

    def forward_(self, training: bool) -> None:
        """Nothing to do: `fill` or `gather` has filled a."""

    def backward_(self) -> None:
        """Nothing lies below."""

    def input_gradient_(self, delta: Array, dx: Array) -> None:
        """Nothing lies below."""

    def as_rows(self, x: Any) -> Array:
        """`x` as rows (N, n_out), not copied where it is an array already; one sample becomes one row.

        Raises:
            ShapeError: a sample has another size.
            NeurosimError: not numbers.
        """
        n = self.n_out
        try:
            array = np.asarray(x)
        except ValueError:
            raise ShapeError(f"expected samples of {n} numbers each, received rows of different lengths") from None
        if array.dtype.kind not in "buif":
            raise NeurosimError(f"expected numbers as input, received an array of {array.dtype}")
        if array.ndim > 1 and math.prod(array.shape[1:]) == n:
            return array.reshape(len(array), n)
        if array.size == n and array.ndim in (1, len(self.out_shape), 2):
            return array.reshape(1, n)
        raise ShapeError(
            f"expected samples of {n} numbers, shape (N, {n}), received an array of "
            f"shape {array.shape}; make the Input layer as large as one sample"
        )

    def fill(self, rows: Array) -> None:
        """Fill a with consecutive rows (B, n_out)."""
        if rows.dtype.kind in "ui":
            np.copyto(self.a, rows, "unsafe")  # to convert and then scale is quicker than both at once
            np.multiply(self.a, self._scale, self.a)
        else:
            np.copyto(self.a, rows, casting="same_kind" if rows.dtype.kind == "f" else "unsafe")

    def gather(self, rows: Array, indices: Array) -> None:
        """Fill a with the rows (N, n_out) that have these indices (B,)."""
        if rows.dtype == self.dtype:
            rows.take(indices, 0, self.a, "clip")  # any other mode would buffer the whole batch
            return
        raw = self._raw
        if raw.dtype != rows.dtype or len(raw) != len(indices):
            raw = self._raw = np.empty((len(indices), self.n_out), rows.dtype)
        rows.take(indices, 0, raw, "clip")
        self.fill(raw)

    @property
    def z(self) -> Array:  # type: ignore[override]
        """The same as a: nothing is summed in the input layer. Live."""
        return self.a

    @property
    def delta(self) -> Array:  # type: ignore[override]
        """Not defined for the input.

        Raises:
            NeurosimError: always.
        """
        raise NeurosimError("the input layer has no delta: expected a layer from 1 on")

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Height and width of a sample that can be seen as an image: it is two-dimensional, or a square row."""
        sides = tuple(side for side in self.out_shape if side > 1)
        if len(sides) == 2:
            return sides[0], sides[1]
        side = math.isqrt(self.n_out)
        return (side, side) if len(sides) == 1 and side > 1 and side * side == self.n_out else None
