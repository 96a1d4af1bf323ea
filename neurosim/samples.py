"""Samples: the conversion of x to the numbers that a network is trained on.

One rule decides how x is scaled, from all samples of the first training:

    Whole numbers of 0 or more are pixels if they are bytes or images, or if a sample has at least 16 of them.
    Pixels are divided by 1, 16 or 255: by the first of these that is at least as large as the largest pixel.
    Unsigned 16-bit pixels above 255 are divided by 65,535.
    All other numbers are used unchanged.

The network remembers the decision and the range of the numbers in a `Learned`.  Later samples are converted to the
same units if the conversion is certain.  Otherwise they are refused or cause a warning, with both ranges.
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

TOPS = (1, 16, 255)  # divisors of pixels: of bits, of 4 bits (scikit-learn's digits reach 16), of bytes
TOP_16_BIT = 65_535
PIXELS_FROM = 16  # numbers per sample: fewer are probably features that are whole by chance
LARGE = 100.0  # larger numbers in unscaled input should probably be scaled


class Rows(np.ndarray[Any, np.dtype[Any]]):
    """Samples (N, n) that are ready for a network: whole numbers that its input scales, or floats in its units."""


def as_rows(array: Array) -> Rows:
    """Mark an array (N, n) as ready for the network, without a copy."""
    return array.view(Rows)


def as_numbers(x: Any, name: str = "x") -> tuple[Array, tuple[str, ...]]:
    """Return x as an array of numbers, not copied if it is an array, and the names of its columns, if it has any.

    Raises:
        NeurosimError: x contains something other than numbers, or some are masked or missing.
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
            f"{name}: expected numbers without gaps, received a masked array with {thousands(count)} masked. "
            "Fill them in (x.filled(0)), or leave such samples out"
        )
    try:
        array = np.asarray(x)
        if array.dtype == object and hasattr(x, "to_numpy"):  # columns of pandas, which may contain pandas.NA
            array = x.to_numpy(dtype=np.float64, na_value=np.nan)
    except ValueError:
        if not isinstance(x, (list, tuple)):
            raise NeurosimError(f"{name}: expected numbers, received other values in a {type(x).__name__}") from None
        raise ShapeError(f"{name}: expected samples of one size, received rows of different lengths") from None
    except (RuntimeError, TypeError) as error:  # a tensor of another library on a device, or with a gradient
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
    """Refuse numbers that are NaN or infinite, or become so in `dtype`. Integers are not checked.

    Raises:
        NeurosimError: a number is not finite.
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
        f"{rows[sample, position]} at position {position} of sample {sample}. Leave such samples out, or fill in a "
        "number"
    )


def check_scaled(rows: Array, scale: float, name: str) -> None:
    """Warn about floats that are as large as unscaled numbers, if whole numbers are scaled by `scale`."""
    low, high = _bounds(rows)
    if rows.dtype.kind == "f" and scale < 1.0 and max(abs(low), abs(high)) > LARGE:
        _warn(
            f"{name} has floats from {number(low)} to {number(high)}, which are used unchanged. The Input layer scales "
            f"only whole numbers, by {number(scale)}: pass {name} * {number(scale)}"
        )


def _bounds(rows: Array) -> tuple[float, float]:
    return (float(rows.min()), float(rows.max())) if rows.size else (0.0, 0.0)


def _is_whole(rows: Array) -> bool:
    parts = (rows[k : k + 1000] for k in range(0, len(rows), 1000))  # most arrays with fractions have one early
    return rows.dtype.kind in "bui" or all(bool((part == np.floor(part)).all()) for part in parts)


def _warn(message: str) -> None:
    warnings.warn(message, NeurosimWarning, stacklevel=_frames_inside())


def _frames_inside() -> int:
    """Count the frames up to the first code outside neurosim, so that a warning names that line."""
    frame, count = sys._getframe(1), 1
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == "neurosim":
        frame, count = frame.f_back, count + 1
    return count


def pixel_top(rows: Array, shape: Shape) -> int | None:
    """Return the divisor of pixels, by the rule in the module's docstring; None for numbers that are not pixels.

    Args:
        rows: (N, n) samples.
        shape: the shape of one sample; with two or three sides it is an image.
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
"""The rule for a `Learned` in a file."""


@dataclass(frozen=True)
class Learned:
    """The facts that a network remembers about the samples of its first training.

    Attributes:
        shape: the shape of one sample, e.g. (28, 28).
        low, high: the smallest and the largest number before scaling; ``None``: only one batch was seen.
        top: the divisor of all numbers; ``None``: they are unchanged, or each feature is standardized.
        feature_names: the names of the columns of a table; empty: they have no names.
        mean, deviation: the mean and standard deviation of each feature, if x is standardized: (x - mean) / deviation.
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
        """Make it from all samples (N, n), each of shape `shape`, and from the `Input` layer's setting `scale`."""
        low, high = _bounds(rows)
        if scale == "standardize":
            deviation = rows.std(axis=0, dtype=np.float64)
            deviation[deviation == 0.0] = 1.0  # a constant feature becomes 0
            mean = rows.mean(axis=0, dtype=np.float64)
            return cls(shape, low, high, None, tuple(names), tuple(mean.tolist()), tuple(deviation.tolist()))
        top = pixel_top(rows, shape) if scale == "auto" else None
        if top is None and scale == "auto" and LARGE < max(abs(low), abs(high)) < math.inf:
            _warn(
                f"x goes from {number(low)} to {number(high)} and is used unchanged, so the network may learn little. "
                "Scale it to about -1 to 1, or use Input(…, scale='standardize')"
            )
        return cls(shape, low, high, top, tuple(names))

    def config(self) -> dict[str, Any]:
        """Return it as JSON-ready values; `from_config` reads them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Learned:
        """Return the `Learned` that `config` describes.

        Raises:
            NeurosimError: the values are impossible.
        """
        schema.hold("samples", LEARNED, config)
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in config.items()
        }
        learned = cls(**values)
        if None not in (learned.low, learned.high) and learned.low > learned.high:  # type: ignore[operator]
            raise NeurosimError(f"samples: expected low below high, received {learned.low:g} and {learned.high:g}")
        if bool(learned.mean) != bool(learned.deviation):
            raise NeurosimError("samples: expected both means and deviations, or neither, received only one of them")
        size = math.prod(learned.shape)
        if {len(each) for each in (learned.feature_names, learned.mean, learned.deviation)} - {0, size}:
            raise NeurosimError(
                f"samples: expected {size} names, means and deviations, or none, received another number"
            )
        return learned

    @classmethod
    def before(cls, layer: dict[str, Any]) -> dict[str, Any] | None:
        """Return the config for an old file without one: an input of 784 numbers means MNIST's images."""
        return cls((28, 28)).config() if layer.get("size") == 784 else None

    def in_order(self, array: Array, names: tuple[str, ...], name: str) -> Array:
        """Return the columns of a table in the order of the training columns.

        Raises:
            NeurosimError: the table has other columns.
        """
        if not names or not self.feature_names or names == self.feature_names:
            return array
        if sorted(names) != sorted(self.feature_names):
            missing = [each for each in self.feature_names if each not in names]
            other = [each for each in names if each not in self.feature_names]
            said = f"without {', '.join(missing[:5])}" if missing else f"that also has {', '.join(other[:5])}"
            raise NeurosimError(
                f"{name}: expected the columns that the network was trained on ({', '.join(self.feature_names[:5])}"
                f"{', …' if len(self.feature_names) > 5 else ''}), received a table {said}"
            )
        return array[:, [names.index(each) for each in self.feature_names]]

    def in_units(self, rows: Array, dtype: np.dtype[Any], name: str) -> Array:
        """Return samples (N, n) in the units of the training samples: floats, or whole numbers that `Input` divides.

        Raises:
            NeurosimError: the conversion to these units is not certain.
        """
        if self.mean:
            scaled: Array = ((rows - np.array(self.mean)) / np.array(self.deviation)).astype(dtype)
            return scaled
        low, high = _bounds(rows)
        if not (math.isfinite(low) and math.isfinite(high)):  # the caller allows such numbers
            return rows
        if self.top is None:
            return self._as_it_is(rows, low, high, dtype, name)
        if 0.0 < high <= 1.0 < self.top and rows.dtype.kind in "ui":
            _warn(
                f"{name} has whole numbers from 0 to 1, but the network was trained on 0 to {number(self.top)}. They "
                "are almost black then. If 1 is white, pass floats from 0 to 1"
            )
        if rows.dtype == bool or (rows.dtype.kind == "f" and low >= 0.0 and high <= 1.0):
            return rows if rows.dtype.kind == "f" else rows.astype(dtype)  # already in units of the whole range
        if low >= 0.0 and high <= self.top:
            return rows if rows.dtype.kind in "ui" else (rows / self.top).astype(dtype)
        if rows.dtype in (np.uint8, np.uint16):  # larger integers have the whole range of their type
            return (rows / float(np.iinfo(rows.dtype).max)).astype(dtype)
        raise NeurosimError(
            f"{name}: expected numbers from 0 to {number(self.top)}, as in the training, or floats from 0 to 1; "
            f"received {number(low)} to {number(high)}"
        )

    def _as_it_is(self, rows: Array, low: float, high: float, dtype: np.dtype[Any], name: str) -> Array:
        """Return samples for a network whose training samples were used unchanged."""
        if self.low is None or self.high is None:
            return rows
        span = self.high - self.low
        if self.low - span <= low and high <= self.high + span:
            return rows
        top = pixel_top(rows, self.shape)
        if self.low >= 0.0 and self.high <= 1.0 and top is not None and top > 1:
            return (rows / top).astype(dtype)
        _warn(
            f"{name} goes from {number(low)} to {number(high)}, but the network was trained on {number(self.low)} to "
            f"{number(self.high)}. It is used unchanged, but the network has not learned such numbers"
        )
        return rows
