"""Data sets in npz files, with one array per part."""

from __future__ import annotations

from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..files.npz import array_names, read_arrays
from ..text import number
from .columns import LEAST_PICTURE


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read an npz file like Keras' ``mnist.npz``: ``x_train``, ``y_train``, and optionally ``x_test``, ``y_test``.

    Returns:
        The arrays under these names. Samples are (N, height, width), (N, height, width, colours) or (N, features), of
        any number type, as bytes if they fit. Labels are (N,) integers or text; one-hot rows become class indices.

    Raises:
        DataError: The file is damaged, contains Python objects, or its arrays are not samples and labels.
    """
    arrays = read_arrays(path, ("x_train", "y_train", "x_test", "y_test"))
    if not {"x_train", "y_train"} <= set(arrays):
        found = ", ".join(array_names(path)) or "none"
        raise DataError(f"{path}: expected the arrays x_train and y_train, received {found}")
    read = {"x": _samples, "y": _labels}
    return {name: read[name[0]](f"{path}, {name}", array) for name, array in arrays.items()}


def _samples(where: str, x: NDArray[Any]) -> NDArray[Any]:
    if x.dtype.kind not in "buif" or not x.size or x.ndim not in (2, 3, 4):
        held = f"an array of {x.dtype} of shape {x.shape}" if x.size else "nothing"
        raise DataError(
            f"{where}: expected images (N, height, width) or rows (N, features) of numbers, received {held}"
        )
    if not np.isfinite(x).all():
        raise DataError(f"{where}: expected finite numbers, received NaN or infinity")
    # above 2**53, floats skip some whole numbers
    largest = float(np.finfo(np.float32).max) if x.dtype.kind == "f" else 2.0**53
    low, high = float(x.min()), float(x.max())
    if max(-low, high) > largest:
        raise DataError(
            f"{where}: expected numbers up to {number(largest)}, received some from {number(low)} to {number(high)}"
        )
    side = isqrt(x[0].size)
    if x.ndim == 2 and side * side == x.shape[1] >= LEAST_PICTURE and low >= 0 and high <= 255:
        x = x.reshape(len(x), side, side)
    whole = x.dtype.kind in "bui" and low >= 0 and high <= 255
    return x.astype(np.uint8, copy=False) if whole and (x.ndim > 2 or x.dtype == bool) else x


def _labels(where: str, y: NDArray[Any]) -> NDArray[Any]:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and y.dtype.kind in "buif" and y.size and ((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all():
        y = y.argmax(axis=1)
    if y.dtype.kind not in "buifU" or not y.size or y.ndim != 1:
        raise DataError(f"{where}: expected labels (N,), received an array of {y.dtype} of shape {y.shape}")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise DataError(f"{where}: expected a label for each sample, received NaN or infinity")
    if y.dtype.kind == "U":
        try:
            texts = {text.encode().strip() for text in set(y.tolist())}
        except ValueError:
            raise DataError(f"{where}: expected labels as text, received invalid characters") from None
        if b"" in texts:
            raise DataError(f"{where}: expected a label for each sample, received an empty text")
    if y.dtype.kind in "ui" and y.min() >= 0 and y.max() <= 255:
        return y.astype(np.uint8, copy=False)
    return y.astype(np.uint8) if y.dtype == bool else y
