"""Checks of a user's values. Each returns the value in its proper type, or raises an error that names the fault."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from .errors import NeurosimError
from .registry import no_argument

P = ParamSpec("P")
T = TypeVar("T")


def check_number(
    name: str, value: float, low: float, high: float, *, open_low: bool = False, open_high: bool = False
) -> float:
    """Return `value` as a float if it is a number within the bounds.

    Raises:
        NeurosimError: it is not a number, or out of bounds.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    above = number > low if open_low else number >= low
    below = number < high if open_high else number <= high
    if isinstance(value, (bool, str)) or not (above and below):
        expected = _range(low, high, open_low, open_high)
        raise NeurosimError(f"{name}: expected a {expected}, received {value!r}")
    return number


def _range(low: float, high: float, open_low: bool, open_high: bool) -> str:
    """Describe an interval of numbers: "number of at least 0 and below 1"."""
    if not (open_low or open_high):
        return f"number from {low:g} to {high:g}" if high < math.inf else f"number of at least {low:g}"
    least = f"above {low:g}" if open_low else f"of at least {low:g}"
    if high == math.inf:
        return f"{'finite ' if open_high else ''}number {least}"
    return f"number {least} and {'below' if open_high else 'at most'} {high:g}"


def check_count(name: str, value: int, low: int = 1) -> int:
    """Return `value` as an int if it is a whole number of at least `low`.

    Raises:
        NeurosimError: it is not a whole number, or too small.
    """
    try:
        whole = not isinstance(value, (bool, str)) and int(value) == value and value >= low
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole:
        raise NeurosimError(f"{name}: expected a whole number of at least {low}, received {value!r}")
    return int(value)


def check_value(name: str, value: Any, dtype: DTypeLike = np.float64) -> float:
    """Return `value` as a float if it is a number that is finite in `dtype`.

    Raises:
        NeurosimError: it is something else.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) <= float(np.finfo(dtype).max):
        raise NeurosimError(f"{name}: expected a finite number, received {value!r}")
    return number


def samples_and_labels(x: Any, y: Any) -> tuple[Any, Any]:
    """Return samples and labels, given as two arrays or as a `Dataset`.

    A `Dataset` with names of classes gives the names as labels: its classes may be in another order than a network's.
    """
    if y is not None:
        return x, y
    if not is_dataset(x):
        kind = type(x).__name__
        raise NeurosimError(f"expected a Dataset, or samples and their labels, received one object of type {kind}")
    numbered = tuple(map(str, range(len(x.class_names))))
    return x, x.labels if x.class_names in ((), numbered) else np.array(x.class_names)[x.labels]


def is_dataset(x: Any) -> bool:
    """Whether `x` is a `Dataset`: it has samples, labels and a split."""
    return hasattr(x, "x") and hasattr(x, "labels") and hasattr(x, "split")


def check_snapshot(snapshot: Any, weights_only: bool) -> Mapping[str, Any]:
    """Return `snapshot` if it has the parts that `Network.restore` needs.

    Raises:
        NeurosimError: it has not.
    """
    expected = "snapshot: expected the result of `net.snapshot()`, received"
    if not isinstance(snapshot, Mapping):
        raise NeurosimError(f"{expected} an object of type {type(snapshot).__name__}")
    for part in ("arrays",) if weights_only else ("arrays", "scalars", "streams"):
        if part not in snapshot:
            raise NeurosimError(f"{expected} a dict without {part!r}")
    return snapshot


def check_max_norm(norm: float | None) -> float | None:
    """Return the largest norm that weights may have: a number above 0, or None.

    Raises:
        NeurosimError: it is something else.
    """
    return None if norm is None else check_number("max_norm", norm, 0.0, math.inf, open_low=True, open_high=True)


def check_names(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function refuse an unknown argument and name the one that was probably meant. A decorator.

    Raises:
        ArgumentError: at the call, an argument is unknown.
    """
    names = list(inspect.signature(function).parameters)
    own = [name for name in names if name not in ("self", "network")]  # without the object of the method
    called = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]

    @wraps(function)
    def checked(*arguments: P.args, **named: P.kwargs) -> T:
        for name in named:
            if name not in names:
                raise no_argument(called, name, own)
        return function(*arguments, **named)

    return checked
