"""Labels: the conversion of y to class indices or rows of numbers, and the names of the classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .errors import NeurosimError, ShapeError
from .parameters import Array
from .registry import did_you_mean
from .samples import as_numbers
from .text import listing

SHOWN = 8  # names of classes shown in a message


def read_labels(y: Any, known: Sequence[str] = ()) -> tuple[Array, tuple[str, ...]]:
    """Return class indices or rows of numbers, and the names of the classes if the labels are names.

    Args:
        y: (N,) or (N, 1) class indices, names (text, or categories of pandas) or numbers; or (N, n) rows.
        known: the names of the classes; empty: the names in y, in natural order ("2" before "10").

    Returns:
        (N,) or (N, n) numbers; the names, or `known` if the labels are numbers.

    Raises:
        NeurosimError: a name is not known, a label is missing, or y is neither numbers nor text.
    """
    if type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "uif":  # by far the most frequent case
        return y, tuple(known)
    names = _names_in(y)
    if names is None:
        array, _ = as_numbers(y, "labels")
        if array.ndim == 2 and array.shape[1] == 1 and array.dtype.kind != "f":
            array = array[:, 0]
        return array, tuple(known)
    texts, categories = names
    classes = tuple(known) or categories or tuple(sorted(sorted(set(texts.tolist())), key=in_order))
    index = {name: k for k, name in enumerate(classes)}
    for name in dict.fromkeys(texts.tolist()):
        if name not in index:
            choices = ", ".join(classes[:SHOWN]) + (", …" if len(classes) > SHOWN else "")
            raise NeurosimError(f"labels: expected one of {choices}, received {name!r}{did_you_mean(name, classes)}")
    return np.array([index[name] for name in texts.tolist()], np.intp), classes


def target_rows(y: Any, count: int, n: int, known: Sequence[str], dtype: DTypeLike) -> Array:
    """Return targets as rows (N, n): class indices become one-hot rows, and rows stay unchanged.

    Args:
        y: (N,) class indices or names of classes, or (N, n) rows. With one output, (N,) numbers are N rows.
        count: N, the number of samples.
        n: the number of outputs.
        known: the names of the classes.
        dtype: the type of the rows.

    Raises:
        ShapeError: the number of targets differs from the number of samples, or the rows have another width.
        NeurosimError: a label is not a class, or is NaN or infinite.
    """
    y, names = read_labels(y, known)
    if y.ndim == 0 and count == 1:
        y = y.reshape(1)
    if y.ndim not in (1, 2) or len(y) != count:
        raise ShapeError(f"labels: expected {count}, one for each sample, received shape {y.shape}")
    if y.ndim == 1 and n == 1:
        y = y[:, None]
    if y.ndim == 1:
        one_hot: Array = y[:, None] == np.arange(n)  # (N, n)
        if np.count_nonzero(one_hot) < count:
            raise wrong_label(y, n, names)
        return one_hot.astype(dtype)
    if y.shape[1] != n:
        raise ShapeError(f"labels: expected rows of {n} numbers, one for each output, received shape {y.shape}")
    with np.errstate(over="ignore"):  # numbers that overflow in this dtype are refused below
        rows: Array = y.astype(dtype)
    if not np.isfinite(rows).all():
        raise NeurosimError("labels: expected finite numbers, received NaN or infinity")
    return rows


def _names_in(y: Any) -> tuple[Array, tuple[str, ...]] | None:
    """Return labels as text (N,), and the order of the classes if y has one; None if the labels are numbers."""
    categories: tuple[str, ...] = ()
    if str(getattr(y, "dtype", "")) == "category":
        of_series = getattr(y, "cat", y)
        categories = tuple(map(str, of_series.categories))
    array = np.asarray(y)
    if array.dtype.kind == "U" and isinstance(y, (list, tuple)):
        array = np.array(y, dtype=object)  # as text, NaN would be a name
    if array.dtype.kind == "O":
        flat = array.ravel().tolist()
        if any(each is None or str(each) in ("<NA>", "nan", "NaT") for each in flat if not isinstance(each, str)):
            raise NeurosimError("labels: expected a label for each sample, received some that are missing")
        if not any(isinstance(each, str) for each in flat) and not categories:
            return None
        array = np.array([str(each) for each in flat])
    elif categories:
        array = np.array([str(each) for each in array.ravel().tolist()])
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    if array.dtype.kind != "U":
        return None
    return array.ravel(), categories


def in_order(name: str) -> list[tuple[int, float, str]]:
    """Return a key that sorts names like people do, with numbers by their size."""
    parts = re.split(r"(\d+)", name)
    return [(0, float(part), "") if part.isdecimal() else (1, 0.0, part.lower()) for part in parts if part]


def wrong_label(y: Array, n: int, names: Sequence[str] = ()) -> NeurosimError:
    """Return the error for labels y (N,), at least one of which is not a class index of a network with n outputs."""
    at = int(np.argmin((y[:, None] == np.arange(n)).any(axis=1)))
    hint = "; the labels begin at 1: pass y - 1" if y.dtype.kind in "ui" and y.min() == 1 and y.max() == n else ""
    called = f" ({listing(list(names))})" if names and len(names) <= SHOWN else ""
    return NeurosimError(
        f"labels: expected whole numbers from 0 to {n - 1}{called} (the network has {n} outputs), "
        f"received {y[at]}{f' at position {at}' if len(y) > 1 else ''}{hint}"
    )
