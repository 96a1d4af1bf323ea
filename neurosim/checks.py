"""Checks of what a user gives: each returns the value in its proper type, or raises an error that names the fault."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .errors import NeurosimError


def check_number(
    name: str, value: float, low: float, high: float, *, open_low: bool = False, open_high: bool = False
) -> float:
    """`value` as a float, if it is a number within the bounds.

    Raises:
        NeurosimError: it is not a number, or is out of bounds.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    above = number > low if open_low else number >= low
    below = number < high if open_high else number <= high
    if isinstance(value, (bool, str)) or not (above and below):
        interval = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
        raise NeurosimError(f"{name}: expected a number in {interval}, received {value!r}")
    return number


def check_count(name: str, value: int, low: int = 1) -> int:
    """`value` as an int, if it is a whole number of at least `low`.

    Raises:
        NeurosimError: it is not whole, or too small.
    """
    try:
        whole = not isinstance(value, (bool, str)) and int(value) == value and value >= low
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole:
        raise NeurosimError(f"{name}: expected a whole number of at least {low}, received {value!r}")
    return int(value)


def check_value(name: str, value: Any, dtype: DTypeLike = np.float64) -> float:
    """A number that is finite in `dtype`.

    Raises:
        NeurosimError: anything else.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) <= float(np.finfo(dtype).max):
        raise NeurosimError(f"{name}: expected a finite number, received {value!r}")
    return number


def samples_and_labels(x: Any, y: Any) -> tuple[Any, Any]:
    """Samples and labels, from the two or from a `Dataset`."""
    if y is not None:
        return x, y
    if not is_dataset(x):
        raise NeurosimError(f"expected a Dataset, or samples and their labels, received a {type(x).__name__} alone")
    return x.x, x.labels


def samples_of(x: Any) -> Any:
    """The samples alone, of a `Dataset` too."""
    return x.x if is_dataset(x) else x


def is_dataset(x: Any) -> bool:
    """Whether x is a `Dataset`: it has samples, labels, and says of which split."""
    return hasattr(x, "x") and hasattr(x, "labels") and hasattr(x, "split")
