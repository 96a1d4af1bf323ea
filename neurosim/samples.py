"""Samples: what comes in as x, and how it is brought to the numbers that a network is trained on.

One rule decides how x is scaled, by all of x that a network is first trained on:

    Whole numbers are pixels where none is below 0 and they are bytes, or pictures, or at least 16 a sample; pixels are
    divided by 1, 16 or 255, the first of these that is not below the largest of them (unsigned 16-bit ones by 65,535).
    Everything else is taken as it is.

The network remembers what was decided, and the range of the numbers, in a `Learned`.  Samples that come later are
brought to the same units where it is certain how, and otherwise refused or warned about, with both ranges.
"""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from . import schema
from .checks import is_dataset
from .errors import NeurosimError, NeurosimWarning, ShapeError
from .parameters import Array, Shape
from .text import number, thousands

TOPS = (1, 16, 255)  # what pixels are divided by: bits, 4 bits (scikit-learn's digits reach 16), bytes
TOP_16_BIT = 65_535
PIXELS_FROM = 16  # numbers a sample: fewer are a few features that happen to be whole
LARGE = 100.0  # beyond this, input that was taken as it is is probably not scaled


class Rows(np.ndarray[Any, np.dtype[Any]]):
    """Samples (N, n) as a network takes them: whole numbers that its input scales, or floats in its units."""


def as_rows(array: Array) -> Rows:
    """Mark an array (N, n) as ready for the network; not copied."""
    return array.view(Rows)


def as_numbers(x: Any, name: str = "x") -> tuple[Array, tuple[str, ...]]:
    """Whatever holds numbers as an array, not copied where it is one already; and the names of its columns, if any.

    Raises:
        NeurosimError: it holds something else than numbers, or some of them are masked or missing.
        ShapeError: its rows differ in length.
    """
    if is_dataset(x):
        return x.x, x.feature_names
    if isinstance(x, (str, os.PathLike)):
        raise NeurosimError(f"{name}: expected numbers, received a path; ns.data.read_image(path) reads a picture")
    names = tuple(map(str, x.columns)) if hasattr(x, "columns") and hasattr(x, "dtypes") else ()
    if isinstance(x, np.ma.MaskedArray) and np.ma.getmaskarray(x).any():
        count = int(np.ma.getmaskarray(x).sum())
        raise NeurosimError(
            f"{name}: expected a number everywhere, received a masked array with {thousands(count)} of them masked; "
            "fill them in (x.filled(0)), or leave such samples out"
        )
    try:
        array = np.asarray(x)
        if array.dtype == object and hasattr(x, "to_numpy"):  # columns of pandas, which may hold pandas.NA
            array = x.to_numpy(dtype=np.float64, na_value=np.nan)
    except ValueError:
        if not isinstance(x, (list, tuple)):
            raise NeurosimError(f"{name}: expected numbers, received {type(x).__name__} that holds others") from None
        raise ShapeError(f"{name}: expected samples of one size, received rows of different lengths") from None
    except (RuntimeError, TypeError) as error:  # a tensor of another library that is on a device, or wants a gradient
        raise NeurosimError(
            f"{name}: expected an array, received a {type(x).__name__} that cannot become one "
            f"({' '.join(str(error).split())[:80]}); pass x.detach().cpu().numpy()"
        ) from None
    if array.dtype == object:
        with suppress(TypeError, ValueError):
            array = array.astype(np.float64)
    if array.dtype.kind not in "buif":
        raise NeurosimError(f"{name}: expected numbers, received an array of {array.dtype}")
    return array, names


def check_finite(rows: Array, dtype: np.dtype[Any], name: str) -> None:
    """Refuse numbers that are NaN or infinite, or become so in `dtype`. Integers are not looked at.

    Raises:
        NeurosimError: there is one.
    """
    if rows.size == 0 or rows.dtype.kind != "f":
        return
    largest = np.finfo(dtype).max
    if -largest <= rows.min() and rows.max() <= largest:  # false for NaN too
        return
    wrong = ~(np.abs(rows) <= largest)
    sample, position = np.unravel_index(int(np.argmax(wrong)), rows.shape)
    raise NeurosimError(
        f"{name}: expected finite numbers of at most {largest:.2g}, received "
        f"{rows[sample, position]} in sample {sample}, at position {position} of it; leave such "
        "samples out, or fill in a number"
    )


def check_scaled(rows: Array, scale: float, name: str) -> None:
    """Warn of floats that are as large as if they had not been scaled, where whole numbers are, by `scale`."""
    low, high = _bounds(rows)
    if rows.dtype.kind == "f" and scale < 1.0 and max(abs(low), abs(high)) > LARGE:
        _warn(
            f"{name} has floats from {number(low)} to {number(high)}, which are taken as they are; the Input layer "
            f"scales whole numbers only, by {number(scale)}: pass {name} * {number(scale)}"
        )


def _bounds(rows: Array) -> tuple[float, float]:
    return (float(rows.min()), float(rows.max())) if rows.size else (0.0, 0.0)


def _is_whole(rows: Array) -> bool:
    parts = (rows[k : k + 1000] for k in range(0, len(rows), 1000))  # most that are not show it soon
    return rows.dtype.kind in "bui" or all(bool((part == np.floor(part)).all()) for part in parts)


def _warn(message: str) -> None:
    warnings.warn(message, NeurosimWarning, stacklevel=_frames_inside())


def _frames_inside() -> int:
    """How many frames up the code lies that is not neurosim's own, for a warning to name its line."""
    frame, count = sys._getframe(1), 1
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == "neurosim":
        frame, count = frame.f_back, count + 1
    return count


def pixel_top(rows: Array, shape: Shape) -> int | None:
    """What pixels are divided by, as the module's docstring says; None for numbers that are no pixels.

    Args:
        rows: (N, n) samples.
        shape: of one sample; with two or three sides it is a picture.
    """
    low, high = _bounds(rows)
    in_bytes = rows.dtype in (np.uint8, np.uint16)
    looks_so = in_bytes or rows.dtype == bool or len(shape) > 1 or math.prod(shape) >= PIXELS_FROM
    if not looks_so or low < 0 or not _is_whole(rows):
        return None
    top = next((top for top in TOPS if high <= top), None)
    return TOP_16_BIT if top is None and rows.dtype == np.uint16 else top


LEARNED = schema.record(
    {
        "shape": schema.listed(schema.count(1, 2**31)),
        "low": schema.optional(schema.number()),
        "high": schema.optional(schema.number()),
        "top": schema.optional(schema.number(1.0, TOP_16_BIT)),
        "feature_names": schema.listed(schema.text),
        "mean": schema.listed(schema.number()),
        "deviation": schema.listed(schema.number(math.ulp(0.0))),
    }
)
"""What a file may say of `Learned`."""


@dataclass(frozen=True)
class Learned:
    """What a network remembers of the samples that it was first trained on.

    Attributes:
        shape: of one sample, e.g. (28, 28).
        low, high: the smallest and the largest number, before scaling; ``None``: only a batch of them was seen.
        top: what they were divided by; ``None``: nothing, or each feature by its own.
        feature_names: of the columns of a table; empty: they have none.
        mean, deviation: of each feature, where x is standardized: (x - mean) / deviation.
    """

    shape: Shape
    low: float | None = None
    high: float | None = None
    top: float | None = None
    feature_names: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()

    @classmethod
    def of(cls, rows: Array, shape: Shape, names: Sequence[str], scale: Any) -> Learned:
        """From all samples (N, n), whose shape is `shape`, and what the `Input` layer was asked to do with them."""
        low, high = _bounds(rows)
        if scale == "standardize":
            deviation = rows.std(axis=0, dtype=np.float64)
            deviation[deviation == 0.0] = 1.0  # a constant feature becomes 0
            mean = rows.mean(axis=0, dtype=np.float64)
            return cls(shape, low, high, None, tuple(names), tuple(mean.tolist()), tuple(deviation.tolist()))
        top = pixel_top(rows, shape) if scale == "auto" else None
        if top is None and scale == "auto" and LARGE < max(abs(low), abs(high)) < math.inf:
            _warn(
                f"x goes from {number(low)} to {number(high)} and is taken as it is: training may not get far; scale "
                "it to about -1 to 1, or use Input(…, scale='standardize')"
            )
        return cls(shape, low, high, top, tuple(names))

    def config(self) -> dict[str, Any]:
        """As JSON-ready values; `from_config` is the way back."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Learned:
        """What `config` describes.

        Raises:
            NeurosimError: values that no samples have.
        """
        schema.hold("samples", LEARNED, config)
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in config.items()
        }
        learned = cls(**values)
        if None not in (learned.low, learned.high) and learned.low > learned.high:  # type: ignore[operator]
            raise NeurosimError(f"samples: expected low below high, received {learned.low:g} and {learned.high:g}")
        if bool(learned.mean) != bool(learned.deviation):
            raise NeurosimError("samples: expected means and deviations, or neither, received one of them")
        size = math.prod(learned.shape)
        if {len(each) for each in (learned.feature_names, learned.mean, learned.deviation)} - {0, size}:
            raise NeurosimError(f"samples: expected {size} names, means and deviations, or none of them")
        return learned

    @classmethod
    def before(cls, layer: dict[str, Any]) -> dict[str, Any] | None:
        """The config of what a network saw that remembers nothing: 784 numbers, by its input, were MNIST's images."""
        return cls((28, 28)).config() if layer.get("size") == 784 else None

    def in_order(self, array: Array, names: tuple[str, ...], name: str) -> Array:
        """The columns of a table in the order of those that the network was trained on.

        Raises:
            NeurosimError: it has other columns.
        """
        if not names or not self.feature_names or names == self.feature_names:
            return array
        if sorted(names) != sorted(self.feature_names):
            missing = [each for each in self.feature_names if each not in names]
            other = [each for each in names if each not in self.feature_names]
            said = f"without {', '.join(missing[:5])}" if missing else f"with {', '.join(other[:5])} too"
            raise NeurosimError(
                f"{name}: expected the columns that the network was trained on ({', '.join(self.feature_names[:5])}"
                f"{', …' if len(self.feature_names) > 5 else ''}), received a table {said}"
            )
        return array[:, [names.index(each) for each in self.feature_names]]

    def in_units(self, rows: Array, dtype: np.dtype[Any], name: str) -> Array:
        """Samples (N, n) in the units of the training samples: whole numbers that are still to be divided, or floats.

        Raises:
            NeurosimError: it is not certain how they can be brought to these units.
        """
        if self.mean:
            scaled: Array = ((rows - np.array(self.mean)) / np.array(self.deviation)).astype(dtype)
            return scaled
        low, high = _bounds(rows)
        if not (math.isfinite(low) and math.isfinite(high)):  # whoever lets them through has a reason
            return rows
        if self.top is None:
            return self._as_it_is(rows, low, high, dtype, name)
        if 0.0 < high <= 1.0 < self.top and rows.dtype.kind in "ui":
            _warn(
                f"{name} has whole numbers from 0 to 1, where the network was trained on 0 to {number(self.top)}: they "
                "are taken for almost black; pass floats from 0 to 1 where 1 is white"
            )
        if rows.dtype == bool or (rows.dtype.kind == "f" and low >= 0.0 and high <= 1.0):
            return rows if rows.dtype.kind == "f" else rows.astype(dtype)  # in units of the whole range already
        if low >= 0.0 and high <= self.top:
            return rows if rows.dtype.kind in "ui" else (rows / self.top).astype(dtype)
        if rows.dtype in (np.uint8, np.uint16):  # bytes that reach beyond are of the whole range of their type
            return (rows / float(np.iinfo(rows.dtype).max)).astype(dtype)
        raise NeurosimError(
            f"{name}: expected numbers from 0 to {number(self.top)}, as those that the network was trained on, or "
            f"floats from 0 to 1; received {number(low)} to {number(high)}"
        )

    def _as_it_is(self, rows: Array, low: float, high: float, dtype: np.dtype[Any], name: str) -> Array:
        """Samples for a network whose training samples were taken as they were."""
        if self.low is None or self.high is None:
            return rows
        span = self.high - self.low
        if self.low - span <= low and high <= self.high + span:
            return rows
        top = pixel_top(rows, self.shape)
        if self.low >= 0.0 and self.high <= 1.0 and top is not None and top > 1:
            return (rows / top).astype(dtype)
        _warn(
            f"{name} goes from {number(low)} to {number(high)}, where the network was trained on {number(self.low)} to "
            f"{number(self.high)}: it is taken as it is, and nothing was learned of such numbers"
        )
        return rows
