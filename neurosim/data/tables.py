"""Data sets as tables: CSV with one image a row, and npz with one array a part."""

from __future__ import annotations

import warnings
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..archive import array_names, read_arrays
from ..errors import DataError
from ..files import file_size
from .idx import Bytes

LABEL_NAMES = ("label", "labels", "class", "digit", "target", "y")


def read_csv(path: Path) -> tuple[Bytes, Bytes | None]:
    """Read a CSV file of one image a row: its label, then its pixels, all whole numbers 0..255.

    A first line that is not all numbers is a header; there the label may stand in any column that is called
    so, and a header without one means that the images have no labels (as in Kaggle's ``test.csv``).

    Args:
        path: The file, comma-separated, with or without byte-order mark, any line ends.

    Returns:
        Images, uint8 of shape (N, side, side), or (N, 1, pixels) where no square has that many pixels; and
        labels, uint8 of shape (N,), or None.

    Raises:
        DataError: The first fault of the file, with its line and column.
    """
    header = read_csv_header(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # no data, and whatever NumPy would round or wrap
            table = np.loadtxt(
                path, np.uint8, comments=None, delimiter=",", skiprows=int(bool(header)), ndmin=2,
                encoding="utf-8-sig", quotechar='"',
            )  # fmt: skip
    except (ValueError, Warning) as error:  # NumPy says which row, but not which line of the file
        raise DataError(_first_fault(path, skip=int(bool(header))) or f"{path}: {error}") from error
    columns = table.shape[1]
    label_at: int | None
    if header:
        if len(header) != columns:
            raise DataError(f"{path}, line 2: expected {len(header)} columns, as the header, received {columns}")
        label_at = next((at for at, name in enumerate(header) if name.lower() in LABEL_NAMES), None)
    else:
        label_at = None if isqrt(columns) ** 2 == columns else 0
    images = table if label_at is None else np.delete(table, label_at, axis=1)
    pixels = images.shape[1]
    if pixels == 0:
        raise DataError(f"{path}: expected a label and at least one pixel a row, received {columns} column")
    side = isqrt(pixels)
    shape = (side, side) if side * side == pixels else (1, pixels)
    labels = None if label_at is None else np.ascontiguousarray(table[:, label_at])
    return np.ascontiguousarray(images).reshape(-1, *shape), labels


def read_csv_header(path: Path) -> list[str]:
    """The column names in the first line, or an empty list if that line is all numbers."""
    if file_size(path) == 0:
        raise DataError(f"{path}: expected one image a line, received an empty file")
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            first = file.readline(1_000_000)  # one line of a file without line ends could be all of it
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    fields = _fields(first)
    return [] if not first.strip() or all(_is_number(field) for field in fields) else fields


def read_npz(path: Path) -> dict[str, Bytes]:
    """Read an npz file like Keras' ``mnist.npz``: ``x_train``, ``y_train``, perhaps ``x_test``, ``y_test``.

    Returns:
        The arrays under these names as uint8, images as (N, height, width).

    Raises:
        DataError: The file is damaged, holds Python objects, or its numbers are not whole numbers 0..255.
    """
    arrays = read_arrays(path, ("x_train", "y_train", "x_test", "y_test"))
    if not {"x_train", "y_train"} <= set(arrays):
        found = ", ".join(array_names(path)) or "none"
        raise DataError(f"{path}: expected the arrays x_train and y_train, received {found}")
    return {name: _as_bytes(f"{path}, {name}", array, name[0] == "x") for name, array in arrays.items()}


def _as_bytes(where: str, array: NDArray[Any], images: bool) -> Bytes:
    whole = np.issubdtype(array.dtype, np.integer)
    if not (whole and array.size and array.min() >= 0 and array.max() <= 255):
        held = f"{array.dtype} from {array.min():g} to {array.max():g}" if array.size else "nothing"
        raise DataError(f"{where}: expected whole numbers 0..255 of an integer type, received {held}")
    if images and array.ndim == 2 and isqrt(array.shape[1]) ** 2 == array.shape[1]:
        array = array.reshape(len(array), isqrt(array.shape[1]), -1)
    if array.ndim != (3 if images else 1):
        raise DataError(
            f"{where}: expected {'images (N, height, width)' if images else 'labels (N,)'}, "
            f"received an array of shape {array.shape}"
        )
    return array.astype(np.uint8, copy=False)


def _first_fault(path: Path, skip: int) -> str:
    """Go through the file line by line; slow, but it is only done for a file that is known to be faulty."""
    columns = 0
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if number <= skip or not line.rstrip("\r\n"):
                continue
            fields = _fields(line)
            columns = columns or len(fields)
            if len(fields) != columns:
                return f"{path}, line {number}: expected {columns} columns as before, received {len(fields)}"
            for at, field in enumerate(fields, 1):
                if not (field.isascii() and field.isdigit() and len(field) < 9 and int(field) <= 255):
                    return (
                        f"{path}, line {number}, column {at}: expected a whole number 0..255, received {field[:20]!r}"
                    )
    return "" if columns else f"{path}: expected one image a line, received no data"


def _fields(line: str) -> list[str]:
    return [field.strip().strip('"') for field in line.split(",")]


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
