"""Data sets as tables: CSV with one image a row, and npz with one array a part."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..files.atomic import file_size
from ..files.npz import array_names, read_arrays
from .idx import Bytes

MAX_LINE = 2**20  # characters: a row of 512 x 512 pixels
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
    label_at = _label_column(path, header)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # no data, and whatever NumPy would round or wrap
            table = np.loadtxt(
                _lines(path), np.uint8, comments=None, delimiter=",", skiprows=int(bool(header)), ndmin=2,
                encoding=None, quotechar='"',
            )  # fmt: skip
    except DataError:
        raise
    except (ValueError, Warning) as error:  # NumPy says which row, but not which line of the file
        fault = _first_fault(path, skip=int(bool(header))) or f"{path}: expected rows of numbers ({error})"
        raise DataError(fault) from error
    columns = table.shape[1]
    if header and len(header) != columns:
        raise DataError(f"{path}, line 2: expected {len(header)} columns, as the header, received {columns}")
    if not header:
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
    first = next(_lines(path), "")
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
    kind = array.dtype.kind
    if not (kind in "iu" and array.size and array.min() >= 0 and array.max() <= 255):
        bounds = f" from {array.min():g} to {array.max():g}" if kind in "iuf" and array.size else ""
        held = f"{array.dtype}{bounds}" if array.size else "nothing"
        raise DataError(f"{where}: expected whole numbers 0..255 of an integer type, received {held}")
    if images and array.ndim == 2 and isqrt(array.shape[1]) ** 2 == array.shape[1]:
        array = array.reshape(len(array), isqrt(array.shape[1]), -1)
    if array.ndim != (3 if images else 1):
        raise DataError(
            f"{where}: expected {'images (N, height, width)' if images else 'labels (N,)'}, "
            f"received an array of shape {array.shape}"
        )
    return array.astype(np.uint8, copy=False)


def _label_column(path: Path, header: list[str]) -> int | None:
    """Where the labels stand, by the names of the columns; None if none is called so."""
    first: dict[str, int] = {}
    for at, name in enumerate(header, 1):
        if name and first.setdefault(name, at) != at:
            raise DataError(
                f"{path}, line 1, column {at}: expected another name for each column, received {name[:20]!r} "
                f"as in column {first[name]}"
            )
    found = [at for at, name in enumerate(header) if name.lower() in LABEL_NAMES]
    if len(found) > 1:
        raise DataError(
            f"{path}, line 1, column {found[1] + 1}: expected one column of labels, received {header[found[0]]!r} "
            f"and {header[found[1]]!r}"
        )
    return found[0] if found else None


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text file, none of them longer than a row of pixels can be."""
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            number = 0
            while line := file.readline(MAX_LINE):
                number += 1
                if len(line) == MAX_LINE and not line.endswith("\n"):
                    raise DataError(
                        f"{path}, line {number}: expected one image a line, received a line of more than "
                        f"{MAX_LINE:,} characters"
                    )
                yield line
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _first_fault(path: Path, skip: int) -> str:
    """Go through the file line by line; slow, but it is only done for a file that is known to be faulty."""
    columns = 0
    for number, line in enumerate(_lines(path), 1):
        if number <= skip or not line.rstrip("\n"):
            continue
        fields = _fields(line)
        columns = columns or len(fields)
        if len(fields) != columns:
            return f"{path}, line {number}: expected {columns} columns as before, received {len(fields)}"
        for at, field in enumerate(fields, 1):
            if not (field.isascii() and field.isdigit() and len(field) < 9 and int(field) <= 255):
                return f"{path}, line {number}, column {at}: expected a whole number 0..255, received {field[:20]!r}"
    return "" if columns else f"{path}: expected one image a line, received no data"


def _fields(line: str) -> list[str]:
    return [field.strip().strip('"') for field in line.split(",")]


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
