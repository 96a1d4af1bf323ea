"""The input layer: it takes samples, converts them to the network's units, and passes them on."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, cast

import numpy as np

from ..checks import check_count, check_number
from ..errors import NeurosimError, ShapeError
from ..parameters import Array, Shape
from ..samples import Learned, Rows, as_numbers, as_rows, check_finite, check_scaled, pixel_top
from .base import LAYERS, Layer

MAX_SCALE = float(np.finfo(np.float32).max)


@LAYERS.register("input")
class Input(Layer):
    """Layer 0: takes images or rows of numbers, scales them, and passes them on as a.

    Args:
        size: the number of features of a sample, or its shape, e.g. ``(28, 28)``.
        scale: how samples are scaled; the first training samples decide the details:

            - ``"auto"``: pixels are divided by 255 (or 1, 16, 65,535), other numbers stay unchanged; `neurosim.samples`
              has the rule;
            - a number: whole numbers are multiplied by it, floats stay unchanged;
            - ``None``: everything stays unchanged;
            - ``"standardize"``: each feature has its mean subtracted and is divided by its standard deviation.

    Attributes:
        scale: once "auto" is decided, the number, or None.
        learned: the facts about the first training samples; ``None`` before training.
        wants_gradient: whether the backward pass computes dL/dx of the network's input, in ``da``.
    """

    _factor = 1.0  # whole numbers are multiplied by it

    def __init__(self, size: int | tuple[int, ...], scale: float | str | None = "auto") -> None:
        shape = size if isinstance(size, (tuple, list)) else (size,)
        sides = tuple(check_count("Input size", side) for side in shape)
        self.size: int | tuple[int, ...] = sides if isinstance(size, (tuple, list)) else sides[0]
        self.out_shape = sides
        if scale is not None and scale not in ("auto", "standardize"):
            if isinstance(scale, str):
                raise NeurosimError(f"scale: expected 'auto', 'standardize', a number or None, received {scale!r}")
            scale = check_number("scale", scale, 0.0, MAX_SCALE, open_low=True)
        self.scale = scale
        self.learned: Learned | None = None
        self.wants_gradient = False

    def output_shape(self, in_shape: Shape) -> Shape:
        return self.out_shape

    def buffers(self) -> dict[str, int]:
        return dict.fromkeys(("a", "da") if self.wants_gradient else ("a",), self.n_out)

    def set_batch_size(self, batch_size: int) -> None:
        super().set_batch_size(batch_size)
        self._scale_by(self.scale if isinstance(self.scale, float) else self._factor)
        self._raw = np.empty((0, self.n_out), np.uint8)  # a batch in the data's own dtype

    def _scale_by(self, factor: float) -> None:
        """Set the factor for whole numbers."""
        self._factor = factor
        self._scale = np.array(factor, self.dtype)[()]  # a scalar of this dtype keeps the product in it

    def forward_(self, training: bool) -> None:
        """Do nothing: `fill` or `gather` has filled a."""

    def backward_(self) -> None:
        """Do nothing: there is no layer below."""

    def input_gradient_(self, delta: Array, dx: Array) -> None:
        """Do nothing: there is no layer below."""

    def learn(self, x: Any, scaling: Any = "auto", whole: bool = True) -> None:
        """Decide from the first training samples how to scale x, and remember their range, shape and feature names.

        Facts that are already known stay: later samples are converted to the same units.

        Args:
            x: (N, …) samples; the names of their features are kept if they have names.
            scaling: how to scale them if `scale` is "auto".
            whole: whether these are all samples. The range of a single batch is not remembered, because other batches
                may exceed it.

        Raises:
            NeurosimError: x are not samples of this network.
        """
        if isinstance(x, Rows) or not (self.learned is None or (whole and self.learned.low is None)):
            return
        array, names = as_numbers(x)
        rows, shape = self._split(array, "x")
        if len(rows) == 0:
            return
        scale = scaling if self.scale == "auto" else self.scale
        if whole or scale == "standardize":
            check_finite(rows, self.dtype, "x")
        learned = Learned.of(rows, shape, names, scale)
        if self.learned is not None:
            self.learned = replace(self.learned, low=learned.low, high=learned.high)
            return
        self.learned = learned if whole else replace(learned, low=None, high=None)
        if self.scale == "auto":
            by_rule = None if self.learned.top is None else 1.0 / self.learned.top
            self.scale = by_rule if scale == "auto" else scale
        self._decided()

    def remember(self, learned: Learned | None) -> None:
        """Take the facts that another network has learned about its samples."""
        self.learned = learned
        self._decided()

    def _decided(self) -> None:
        self._scale_by(self.scale if isinstance(self.scale, float) else 1.0)

    def as_rows(self, x: Any, name: str = "x", finite: bool = True) -> Rows:
        """Return samples as rows (N, n_out) in the network's units; one sample becomes one row.

        Arrays that need no change are not copied. Whole numbers are not copied either: `fill` scales them.

        Args:
            x: (N, …) samples, or one sample with the shape of `size` or of the training samples.
            name: the name of x in an error message.
            finite: whether to check the numbers and refuse NaN and infinity. Without this check, a batch in the
                training units is accepted at once.

        Raises:
            ShapeError: a sample has another size.
            NeurosimError: x is not numeric, or cannot be converted to the units of the training samples.
        """
        if isinstance(x, Rows) and x.shape[-1] == self.n_out:
            return x if x.ndim == 2 else as_rows(x.reshape(1, -1))
        if not finite and self._takes_at_once(x):
            return cast(Rows, x)
        array, names = as_numbers(x, name)
        rows, shape = self._split(array, name)
        if finite:
            check_finite(rows, self.dtype, name)
        if self.learned is not None:
            rows = self.learned.in_order(rows, names, name)
        if isinstance(self.scale, float) and (self.learned is None or self.learned.top is None):
            check_scaled(rows, self.scale, name)
        elif self.learned is not None:
            rows = self.learned.in_units(rows, self.dtype, name)
        elif self.scale == "standardize":
            raise NeurosimError("scale: 'standardize' needs training samples, received none so far; call fit first")
        elif self.scale == "auto":  # undecided: scale these samples by their own range
            top = pixel_top(rows, shape) or 1
            self._scale_by(1.0 / top)
            rows = rows if top == 1 or rows.dtype.kind in "ui" else (rows / top).astype(self.dtype)
        return as_rows(rows)

    def _takes_at_once(self, x: Any) -> bool:
        """Return whether x is an array in the form and the units of the first training samples."""
        if self.learned is None or type(x) is not np.ndarray or x.shape[1:] != (self.n_out,):
            return False
        return (x.dtype == np.uint8 and self.learned.top == 255) or (x.dtype == self.dtype and self.scale is None)

    def _split(self, array: Array, name: str) -> tuple[Array, Shape]:
        """Return an array as samples (N, n_out), and the shape of one sample.

        Raises:
            ShapeError: a sample has another size.
        """
        n = self.n_out
        shapes = {(n,), self.out_shape, *(() if self.learned is None else (self.learned.shape,))}
        if array.shape in shapes:  # a single sample
            return array.reshape(1, n), array.shape
        pictures = {_sides(shape) for shape in shapes if len(shape) > 1}
        if array.ndim > 1 and math.prod(array.shape[1:]) == n:
            shape = _sides(array.shape[1:])
            if len(shape) == 1 or not pictures or shape in pictures:
                return array.reshape(len(array), n), array.shape[1:]
        if array.ndim == 1 and n == 1:
            return array.reshape(-1, 1), (1,)
        known = self.out_shape if self.learned is None else self.learned.shape
        raise ShapeError(
            f"{name}: expected samples of {n} numbers, shape (N, {', '.join(map(str, known))}), received shape "
            f"{array.shape}. To pass a single sample, write x[None]. Otherwise, change the samples or the Input"
        )

    def fill(self, rows: Array) -> None:
        """Fill a with consecutive rows (B, n_out)."""
        if rows.dtype.kind in "ui":
            np.copyto(self.a, rows, "unsafe")  # first converting and then scaling is faster than both at once
            np.multiply(self.a, self._scale, self.a)
        else:
            np.copyto(self.a, rows, casting="same_kind" if rows.dtype.kind == "f" else "unsafe")

    def gather(self, rows: Array, indices: Array) -> None:
        """Fill a with the rows (N, n_out) at these indices (B,)."""
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
        """The same as a: the input layer computes no weighted sum. Live."""
        return self.a

    @property
    def delta(self) -> Array:  # type: ignore[override]
        """Not defined for the input layer.

        Raises:
            NeurosimError: always.
        """
        raise NeurosimError("the input layer has no delta: expected layer 1 or higher")

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Height and width of a sample that is a grayscale image, known from `size` or from the training samples."""
        known = (self.out_shape, *(() if self.learned is None else (self.learned.shape,)))
        for shape in known:
            sides = _sides(shape)
            if len(sides) == 2 and min(sides) > 1:
                return sides[0], sides[1]
        return None


def _sides(shape: Shape) -> Shape:
    """Return the shape of a sample without a channel axis of 1: (28, 28, 1) is (28, 28), and (12, 1) is (12,)."""
    return shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
