"""Tables, and images as rows: the samples and labels of a text file."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..labels import in_order
from ..text import counted, listing, number
from .columns import (
    FILL_IN,
    LEAVE_OUT,
    SHOWN,
    Array,
    Key,
    Plan,
    Reading,
    are_pixels,
    are_whole,
    blocks,
    check_numbers,
    column_of,
    empty_cell,
    faults_in,
    find_plan,
    keys_of,
    match_plan,
    not_a_number,
    range_of,
)  # fmt: skip
from .delimited import Grid, read_grid

AS_IT_IS = Reading()


@dataclass
class Samples:
    """The samples and labels of one file.

    Attributes:
        x: (N, features), or (N, height, width); NaN in empty cells that are filled in later.
        labels: (N,) numbers or text, or (N, n) targets; None: there are none.
        feature_names: One name for each column of a table with names.
        class_names: Names of the classes, if the labels are indices into them.
        notes: Everything unusual.
        plan: The roles of the columns.
    """

    x: Array
    labels: Array | None
    feature_names: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    plan: Plan | None = None


def read_csv(path: Path, reading: Reading = AS_IT_IS, like: Plan | None = None) -> Samples:
    """Read a file of rows and columns: a table, or images with one row per image.

    Args:
        path: The file.
        reading: What the user says about it.
        like: The plan of the training file, for a test file, whose labels may be missing.

    Raises:
        DataError: The file has a fault (the message gives line and column), or its labels are unclear.
    """
    grid = read_grid(path)
    notes = list(grid.notes)
    plan = find_plan(grid, reading, notes) if like is None else match_plan(grid, like, notes)
    at = {key: k for k, key in enumerate(keys_of(grid))}
    labels, names = _read_labels(grid, [at[key] for key in plan.labels], reading)
    keep = np.ones(len(grid.lines), bool)
    if labels is not None and reading.missing == "drop":
        keep &= ~_is_missing(labels)
    if plan.shape:
        x = _pictures(grid, [at[key] for key in plan.features], plan.shape, notes)
        features: tuple[str, ...] = ()
    else:
        x, features = _features(grid, plan, at, reading, first=like is None)
    if reading.missing == "drop" and x.dtype.kind == "f":
        keep &= ~np.isnan(x.reshape(len(x), -1)).any(axis=1)
    if not keep.all():
        dropped = int((~keep).sum())
        cells, are = ("an empty cell", "is") if dropped == 1 else ("empty cells", "are")
        notes.append(f"{counted(dropped, 'row')} with {cells} {are} left out")
        x, labels = x[keep], None if labels is None else labels[keep]
        if not len(x):
            raise DataError(f"{path}: expected some rows without empty cells, received none. Use {FILL_IN}")
    if labels is not None and (empty := _is_missing(labels)).any():
        row, column = int(np.argmax(empty)), at[plan.labels[0]]
        cell = grid.cell(row, column)
        received = f"{cell!r}, which means an empty cell" if cell else "an empty cell"
        raise DataError(
            f"{path}, line {grid.lines[row]}, {grid.title(column)}: expected a label, received {received}. "
            f"Use {LEAVE_OUT} to leave out such rows"
        )
    if like is not None:
        notes = [f"{path.name}: {note}" for note in notes]
    return Samples(np.ascontiguousarray(x), labels, features, names, notes, plan)


def _read_labels(grid: Grid, columns: list[int], reading: Reading) -> tuple[Array | None, tuple[str, ...]]:
    """Return the labels or targets of the file, and the names of the classes if each has a column."""
    if not columns:
        return None, ()
    if reading.target:
        check_numbers(grid, columns, reading)
        values = grid.values[:, columns].astype(np.float64)
        return values[:, 0] if len(columns) == 1 else values, ()
    if len(columns) > 1:
        names = tuple(grid.names[k] if grid.names else str(j) for j, k in enumerate(columns))
        return grid.values[:, columns].argmax(axis=1).astype(np.uint8), names
    labels = grid.texts.get(columns[0], grid.values[:, columns[0]])
    return labels, ()


def _is_missing(labels: Array) -> Array:
    empty: Array = np.asarray(labels == "" if labels.dtype.kind == "U" else np.isnan(labels))
    return empty if empty.ndim == 1 else np.asarray(empty.any(axis=1))


def _pictures(grid: Grid, columns: list[int], shape: tuple[int, ...], notes: list[str]) -> Array:
    """Return images (N, height, width): bytes if they are whole numbers, otherwise floats from 0 to 1."""
    check_numbers(grid, columns, Reading())
    low, high = range_of(grid.values, columns)
    if not are_pixels(grid.values, columns):
        raise DataError(
            f"{grid.path}: expected pixels: whole from 0 to 255, between 0 and 1, or between -1 and 1; received "
            f"numbers from {number(low)} to {number(high)}"
        )
    whole = low >= 0 and are_whole(grid.values, columns)
    if low < 0:
        notes.append("the pixels are between -1 and 1 and are scaled to between 0 and 1")
    x: Array = np.empty((len(grid.values), len(columns)), np.uint8 if whole else np.float32)
    for rows, part in blocks(grid.values, columns):
        x[rows] = (part + 1) / 2 if low < 0 else part
    return x.reshape(-1, *shape)


def _features(
    grid: Grid, plan: Plan, at: dict[Key, int], reading: Reading, first: bool
) -> tuple[Array, tuple[str, ...]]:
    """Return the features of a table (N, n), and their names."""
    one_hot = {keys_of(grid)[column_of(grid, name)] for name in reading.one_hot} & set(plan.features)
    texts = [at[key] for key in plan.features if at[key] in grid.texts and key not in one_hot]
    if faults := faults_in(grid, [k for k in texts if not grid.only_text(k)]):
        raise not_a_number(grid, *min(faults))
    if texts:
        options = [str(grid.names[k] if grid.names else k + 1) for k in texts[:SHOWN]]
        example = next(cell for cell in grid.texts[texts[0]].tolist() if cell)
        raise DataError(
            f"{grid.path}: expected numbers as features, received text such as {example[:20]!r} in "
            f"{listing([grid.title(k) for k in texts[:SHOWN]])}. Write numbers, remove the column, or use "
            f"--one-hot {shlex.quote(','.join(options))} (in Python: one_hot={options}) to make a column of 0 and 1 "
            "for each value"
        )
    names: list[str] = []
    wide = {key: _one_hot(grid, at[key], plan, key, reading, first) for key in plan.features if key in one_hot}
    x: Array = np.empty((len(grid.lines), sum(wide[key].shape[1] if key in wide else 1 for key in plan.features)))
    for key in plan.features:
        start, k = len(names), at[key]
        if key in wide:
            names += [f"{key if grid.names else f'column {k + 1}'}={value}" for value in plan.values[key]]
            x[:, start : len(names)] = wide[key]
        else:
            names.append(str(key) if key != "" else f"column {k + 1}")
            x[:, start] = grid.values[:, k]
    if not reading.missing and np.isnan(x).any():
        used = [at[key] for key in plan.features if key not in wide]  # `_indicators` refuses empty cells
        raise empty_cell(grid, used, grid.values[:, used])
    every = list(range(x.shape[1]))
    low, high = range_of(x, every)
    whole = max(-low, high) < 2**31 and are_whole(x, every)
    return x.astype(np.int64) if whole else x, tuple(names) if grid.names or one_hot else ()


def _one_hot(grid: Grid, k: int, plan: Plan, key: Key, reading: Reading, first: bool) -> Array:
    """Return a column of 0 and 1 for each value of a column, (N, values), with NaN for empty cells."""
    cells = grid.texts[k] if k in grid.texts else np.array([f"{v:.15g}" for v in grid.values[:, k].tolist()])
    if first:
        plan.values[key] = sorted(np.unique(cells[(cells != "") & (cells != "nan")]).tolist(), key=in_order)
    return np.column_stack(_indicators(grid, k, cells, plan.values[key], reading))


def _indicators(grid: Grid, k: int, cells: Array, values: list[str], reading: Reading) -> list[Array]:
    """Return one column of 0 and 1 per value, and refuse values that the training file does not have."""
    known = {*values, *(("", "nan") if reading.missing else ())}
    for row, cell in enumerate(cells.tolist()):
        if cell not in known:
            raise DataError(
                f"{grid.path}, line {grid.lines[row]}, {grid.title(k)}: expected one of {listing(values[:SHOWN])}, "
                f"as in the training file, received {cell[:20]!r}"
            )
    empty = (cells == "") | (cells == "nan")
    return [np.where(empty, np.nan, cells == value) for value in values]
