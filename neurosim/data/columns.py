"""Which column of a table is what: labels, row numbers, features, or the pixels of a picture.

The label is the column that is called so; or the only one of text; or rows of 0 with one 1 at the end or the beginning;
or that of the first and the last column which alone looks like classes: whole numbers without a gap, each of them
often, and other ones than those of its neighbour.  What stays unclear is refused.

Columns are pictures where they are called pixels, or where they are at least 49 without names of their own that hold
pixels' numbers; in both cases as many as a square has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..labels import in_order
from ..registry import did_you_mean
from ..text import counted, listing, number, thousands
from .delimited import Grid, read_grid, value_of

Array = NDArray[Any]
Key = str | int  # a column: by its name where there is a header, otherwise by its number from 0

LABEL_NAMES = (
    "label", "labels", "class", "classes", "digit", "target", "y", "species", "variety", "character", "letter",
    "category", "outcome", "diagnosis",
)  # fmt: skip
ROW_NAMES = (
    "", "#", "id", "index", "row", "rowid", "row_id", "rownames", "no", "nr", "number", "obs", "case", "imageid",
    "image_id", "passengerid", "unnamed: 0",
)  # fmt: skip
PIXEL_STEMS = ("pixel", "pixels", "pix", "px", "p")
LEAST_PICTURE = 49  # numbers without names: fewer are as likely features
MOST_CLASSES = 100  # more different numbers are no classes, unless the column is called so
RARE = 0.1  # of the mean number of samples of a class: a class that is rarer makes a column look less like a label
MISSING_WAYS = ("mean", "drop")
SHOWN = 5  # names in a message
BLOCK = 1000  # rows of which copies are made at once


@dataclass(frozen=True)
class Reading:
    """What a user says about own files.

    Args:
        label_column: A name, a number from 1, "first" or "last"; empty: found by evidence.
        target: Names of the columns of numbers that are to be predicted; empty: classes are.
        one_hot: Names of columns whose values become columns of 0 and 1.
        missing: What empty cells become: "mean" of the training rows, or "drop" for leaving out their rows; empty: they
            are refused.
        transpose: Whether pictures are turned over their diagonal; None: where their file's name says so.
        split_seed: Draws what is held out for testing, where there is no test set.
    """

    label_column: str = ""
    target: tuple[str, ...] = ()
    one_hot: tuple[str, ...] = ()
    missing: str = ""
    transpose: bool | None = None
    split_seed: int = 0

    def __post_init__(self) -> None:
        if self.missing and self.missing not in MISSING_WAYS:
            raise DataError(f"--missing: expected {' or '.join(MISSING_WAYS)}, received {self.missing!r}")
        if self.label_column and self.target:
            raise DataError("--target: expected without --label-column, received both")


@dataclass
class Plan:
    """Which columns of a table are what; the test file is read as the training file was.

    Attributes:
        labels: The column of the labels, or several of 0 and 1.
        features: The columns of x, in the order of x.
        in_file: The same in the order of the file.
        row_numbers: Columns that only count the rows.
        shape: Height and width of a picture; empty for a table.
        values: Of each column in `Reading.one_hot`, its values.
        named: Whether there is a header.
    """

    labels: list[Key]
    features: list[Key]
    in_file: list[Key]
    row_numbers: list[Key]
    shape: tuple[int, ...] = ()
    values: dict[Key, list[str]] = field(default_factory=dict)
    named: bool = False


@dataclass
class Samples:
    """What was read of one file: samples, and what stood there for labels.

    Attributes:
        x: (N, features), or (N, height, width); NaN where a cell is missing that is filled in later.
        labels: (N,) numbers or text; (N, n) of targets; None: there are none.
        feature_names: One for each column of a table that has names.
        class_names: Names of the classes, where labels are indices into them.
        notes: What is worth saying.
        plan: Which columns were what.
    """

    x: Array
    labels: Array | None
    feature_names: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    plan: Plan | None = None


def read_csv(path: Path, reading: Reading = Reading(), like: Plan | None = None) -> Samples:
    """Read a file of rows and columns: pictures of one row each, or a table.

    Args:
        path: The file.
        reading: What the user says about it.
        like: The plan of the training file, for a test file; its labels may be missing.

    Raises:
        DataError: The first fault of the file, with its line and column; or it stays unclear which are the labels.
    """
    grid = read_grid(path)
    notes = list(grid.notes)
    plan = _plan(grid, reading, notes) if like is None else _same(grid, like, notes)
    at = {key: k for k, key in enumerate(_keys(grid))}
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
        notes.append(f"{counted(int((~keep).sum()), 'row')} with empty cells left out")
        x, labels = x[keep], None if labels is None else labels[keep]
        if not len(x):
            raise DataError(f"{path}: every row has an empty cell; expected --missing mean")
    if labels is not None and (empty := _is_missing(labels)).any():
        row, column = int(np.argmax(empty)), at[plan.labels[0]]
        cell = grid.cell(row, column)
        received = f"{cell!r}, which stands for none" if cell else "an empty cell"
        raise DataError(
            f"{path}, line {grid.lines[row]}, {grid.title(column)}: expected a label, received {received}; "
            "--missing drop leaves such rows out"
        )
    if like is not None:
        notes = [f"{path.name}: {note}" for note in notes]
    return Samples(np.ascontiguousarray(x), labels, features, names, notes, plan)


# -- which column is what ---------------------------------------------------------------------------------------------


def _keys(grid: Grid) -> list[Key]:
    return list(grid.names) if grid.names else list(range(grid.values.shape[1]))


def _plan(grid: Grid, reading: Reading, notes: list[str]) -> Plan:
    keys = _keys(grid)
    asked = [_column(grid, name) for name in ([reading.label_column] if reading.label_column else reading.target)]
    counting = [k for k in range(len(keys)) if k not in asked and _counts_rows(grid, k)]
    left = [k for k in range(len(keys)) if k not in counting]
    if len(left) <= len(asked):
        left, counting = list(range(len(keys))), []  # they are all that there is to learn from
    if counting:
        titles = listing([grid.title(k) for k in counting])
        notes.append(f"{titles} only tells the rows apart and is left out")
    if asked:
        labels, why = asked, "as asked for"
    else:
        labels, why = _find_labels(grid, left, [_column(grid, name) for name in reading.one_hot], reading)
    what = "targets" if reading.target else "labels"
    shown = grid.title(labels[0]) + (f" to {grid.title(labels[-1])}" if len(labels) > 1 else "")
    notes.append(f"the {what} are in {shown}, {why}")
    features = [k for k in left if k not in labels]
    if not features:
        raise DataError(
            f"{grid.path}: expected labels and at least one pixel or feature a row, received "
            f"{counted(len(keys), 'column')}"
        )
    shape, order = _picture(grid, features, notes)
    return Plan(
        [keys[k] for k in labels],
        [keys[k] for k in (order if shape else features)],
        [keys[k] for k in features],
        [keys[k] for k in counting],
        shape,
        named=bool(grid.names),
    )


def _same(grid: Grid, like: Plan, notes: list[str]) -> Plan:
    """The plan of the training file, for a test file: columns matched by name, otherwise by number."""
    if grid.names and not like.named and _called(grid) in ([], like.labels):
        grid.names = ()
        notes.append("the names of its columns are passed over, since the training file has none")
    keys = _keys(grid)
    known = {*like.labels, *like.features, *like.row_numbers}
    if like.named != bool(grid.names):
        wanted = "the names of the columns in the first line" if like.named else "no names of columns"
        raise DataError(f"{grid.path}: expected {wanted}, as in the training file")
    if not like.named and len(keys) == len(known) - len(like.labels) and like.labels:
        first = min(int(key) for key in like.labels)
        shift = {key: int(key) - (len(like.labels) if int(key) > first else 0) for key in like.features}
        return replace(like, labels=[], features=[shift[key] for key in like.features])
    missing = [str(key) for key in like.features if key not in keys]
    if missing or (not like.named and len(keys) != len(known)):
        said = f"without {listing(missing[:SHOWN])}" if like.named else f"{len(keys)} columns"
        wanted = "the columns of the training file" if like.named else f"{len(known)} columns, as the training file has"
        raise DataError(f"{grid.path}: expected {wanted}, received {said}")
    other = [str(key) for key in keys if key not in known]
    if other:
        notes.append(f"{listing(other[:SHOWN])} is not in the training file and is left out")
    labels = like.labels if all(key in keys for key in like.labels) else []
    if [key for key in keys if key in like.features] != like.in_file:
        notes.append("its columns stand in another order; they are matched by name")
    return replace(like, labels=labels)


def _column(grid: Grid, name: str) -> int:
    """The column that a user names.

    Raises:
        DataError: There is none.
    """
    width = grid.values.shape[1]
    if name in grid.names:
        return grid.names.index(name)
    if name in ("first", "last"):
        return 0 if name == "first" else width - 1
    if name.isdecimal() and 1 <= int(name) <= width:
        return int(name) - 1
    choices = listing(list(grid.names[:SHOWN])) + (", …" if len(grid.names) > SHOWN else "") if grid.names else "none"
    raise DataError(
        f"{grid.path}: expected the name of a column ({choices}), a number from 1 to {width}, first or last, "
        f"received {name!r}{did_you_mean(name, grid.names)}"
    )


def _counts_rows(grid: Grid, k: int) -> bool:
    """Whether a column only tells rows apart: it is called so and has no value twice, or it has no name and counts."""
    called = bool(grid.names) and grid.names[k].lower() in ROW_NAMES
    if k in grid.texts:
        return called and len(set(grid.texts[k].tolist())) == len(grid.lines)
    values = grid.values[:, k].astype(np.float64)
    if called:
        return bool((values == np.floor(values)).all()) and len(np.unique(values)) == len(values) > 2
    unnamed = not grid.names or grid.names[k] == str(k)
    counts = values[0] in (0, 1) and bool(np.array_equal(values - values[0], np.arange(len(values))))
    return unnamed and k == 0 and counts and len(values) > 10


def _called(grid: Grid) -> list[int]:
    """The columns that are called as labels are; y is none beside x, where both are coordinates of points."""
    names = [name.lower() for name in grid.names]
    called = [k for k, name in enumerate(names) if name in LABEL_NAMES]
    return [k for k in called if names[k] != "y" or "x" not in names] if len(called) > 1 else called


def _find_labels(grid: Grid, left: list[int], one_hot: list[int], reading: Reading) -> tuple[list[int], str]:
    """The columns of the labels, and why it is these."""
    called = [k for k in _called(grid) if k in left]
    if len(called) == 1:
        return called, "which is called so"
    if called:
        raise DataError(
            f"{grid.path}, column {called[1] + 1}: expected one column of labels, received "
            f"{listing([repr(grid.names[k]) for k in called])}; say which with --label-column NAME"
        )
    if grid.names and _are_called_pixels([grid.names[k] for k in left]):
        raise DataError(
            f"{grid.path}: expected a column of labels, received pixels alone, from {grid.names[left[0]]} to "
            f"{grid.names[left[-1]]}; say which it is with --label-column NAME"
        )
    for block in (_one_hot_at(grid, left[::-1])[::-1], _one_hot_at(grid, left)):
        if block:
            return block, "one 1 in every row and else 0"
    texts = [k for k in left if k not in one_hot and grid.only_text(k)]
    if len(texts) == 1 and 1 < len(set(grid.texts[texts[0]].tolist())) <= max(2, len(grid.lines) / 2):
        return texts, "the only one of text"
    _check_numbers(grid, [k for k in left if k not in (*texts, *one_hot)], reading)
    if len(texts) > 1:
        titles = listing([grid.title(k) for k in texts[:SHOWN]])
        raise DataError(
            f"{grid.path}: expected to find one column of labels, received text in {titles}; say which it is with "
            "--label-column NAME; --one-hot NAME makes numbers of the others"
        )
    return _at_an_end(grid, left)


def _check_numbers(grid: Grid, columns: list[int], reading: Reading) -> None:
    """Refuse a cell that is no number among those that are, before anything is concluded from them."""
    faults = [(_fault(grid, k), k) for k in columns if k in grid.texts]
    if faults:
        row, k = min(faults)
        raise _not_a_number(grid, k, row)
    if columns and not reading.missing and grid.values.dtype != np.uint8:
        values = _part(grid.values, columns)
        if np.isnan(values).any():
            raise _empty(grid, columns, values)


def _one_hot_at(grid: Grid, columns: list[int]) -> list[int]:
    """The first of these columns that hold 0 but for one 1 in every row, at least two of them."""
    total: Array = np.zeros(len(grid.lines))
    for count, k in enumerate(columns[:-1], 1):
        if k in grid.texts:
            break
        column = grid.values[:, k]
        if not ((column == 0) | (column == 1)).all() or not column.any():
            break
        total += column
        if total.max() > 1:
            break
        if total.min() == 1:
            return columns[:count] if count > 1 else []
    return []


def _at_an_end(grid: Grid, left: list[int]) -> tuple[list[int], str]:
    """The first or the last column, whichever alone looks like classes."""
    ends = list(dict.fromkeys((left[0], left[-1]))) if left else []
    looks = {k: _likeness(grid, k) for k in ends}
    neighbour = {left[0]: left[1], left[-1]: left[-2]} if len(left) > 1 else {}
    unlike = {
        k: k in neighbour and set(np.unique(grid.values[:, k])) != set(np.unique(grid.values[:, neighbour[k]]))
        for k in ends
    }
    for strength in (2, 1):
        found = [k for k in ends if looks[k] >= strength and unlike[k]]
        rivals = [k for k in ends if looks[k] >= 1 and k not in found]
        if len(found) == 1 and (strength == 2 or not rivals) and len(grid.lines) > 2:
            k = found[0]
            values = np.unique(grid.values[:, k])
            which = "the first" if k == left[0] else "the last"
            other = "the last" if k == left[0] else "the first"
            return [k], f"{which} one: its {_said(values)} look like classes, {other} column's do not"
    said = " and ".join(f"{grid.title(k)}, with {_said(np.unique(grid.values[:, k]))}" for k in ends)
    raise DataError(
        f"{grid.path}: expected a column of labels that can be told from the others, received "
        f"{counted(len(left), 'column')} and {counted(len(grid.lines), 'row')}; it could be {said}; "
        "say which with --label-column first, last, a name or a number"
    )


def _said(values: Array) -> str:
    whole = bool((values == np.floor(values)).all())
    what = "whole numbers" if whole else "numbers"
    if len(values) == 1:
        return f"{number(float(values[0]))} everywhere"
    return f"{len(values)} different {what} from {number(float(values[0]))} to {number(float(values[-1]))}"


def _likeness(grid: Grid, k: int) -> int:
    """How much a column of numbers looks like classes: 0 not at all, 1 a little, 2 very much."""
    column = grid.values[:, k].astype(np.float64)
    if k in grid.texts or np.isnan(column).any() or not (column == np.floor(column)).all():
        return 0
    values, counts = np.unique(column, return_counts=True)
    if not 2 <= len(values) <= min(MOST_CLASSES, max(2, len(column) // 2)):
        return 0
    whole = values.tolist() == [-1, 1] or (values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1)
    return 2 if whole and counts.min() >= RARE * len(column) / len(values) else 1


# -- what is read of them ---------------------------------------------------------------------------------------------


def _read_labels(grid: Grid, columns: list[int], reading: Reading) -> tuple[Array | None, tuple[str, ...]]:
    """The labels, or targets, as they stand there; and the names of classes that have a column each."""
    if not columns:
        return None, ()
    if reading.target:
        _check_numbers(grid, columns, reading)
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


def _picture(grid: Grid, columns: list[int], notes: list[str]) -> tuple[tuple[int, ...], list[int]]:
    """Height and width, and the columns in the order of the pixels; an empty shape for a table."""
    if any(k in grid.texts for k in columns) or not _are_pixels(grid.values, columns):
        return (), columns
    places = _places([grid.names[k] for k in columns]) if grid.names else None
    if places is not None:
        shape, order = places
        return shape, [columns[k] for k in order]
    stem, order = _numbered([grid.names[k] for k in columns] if grid.names else [])
    side = isqrt(len(columns))
    if side < 2 or side * side != len(columns) or stem is None:
        return (), columns
    if stem.lower() not in PIXEL_STEMS and len(columns) < LEAST_PICTURE:
        return (), columns
    order = order or list(range(len(columns)))
    if order != sorted(order):
        notes.append(
            f"the pixels are put in the order of their numbers, from {grid.names[columns[order[0]]]} "
            f"to {grid.names[columns[order[-1]]]}"
        )
    if stem.lower() not in PIXEL_STEMS:
        notes.append(f"rows of {thousands(len(columns))} numbers are taken for pictures of {side} x {side}")
    return (side, side), [columns[k] for k in order]


def _part(values: Array, columns: list[int]) -> Array:
    """Some columns: a view where they stand side by side."""
    beside = columns == list(range(columns[0], columns[0] + len(columns)))
    return values[:, columns[0] : columns[-1] + 1] if beside else values[:, columns]


def _blocks(values: Array, columns: list[int]) -> Iterator[tuple[slice, Array]]:
    """Some columns, a few rows at a time: where all at once would take too much memory."""
    for start in range(0, len(values), BLOCK):
        rows = slice(start, start + BLOCK)
        yield rows, _part(values[rows], columns)


def _are_whole(values: Array, columns: list[int]) -> bool:
    return values.dtype == np.uint8 or all(bool((part == np.floor(part)).all()) for _, part in _blocks(values, columns))


def _range(values: Array, columns: list[int]) -> tuple[float, float]:
    """The smallest and the largest number; NaN where one is missing."""
    ends = [(part.min(), part.max()) for _, part in _blocks(values, columns)]
    return float(np.min([low for low, _ in ends])), float(np.max([high for _, high in ends]))


def _are_pixels(values: Array, columns: list[int]) -> bool:
    """Whether numbers can be those of pixels: bytes, or between 0 and 1, or between -1 and 1."""
    if values.dtype == np.uint8:
        return True
    low, high = _range(values, columns)
    return (low >= -1 and high <= 1) or (low >= 0 and high <= 255 and _are_whole(values, columns))


def _are_called_pixels(names: list[str]) -> bool:
    return _places(names) is not None or str(_numbered(names)[0]).lower() in PIXEL_STEMS


def _places(names: list[str]) -> tuple[tuple[int, int], list[int]] | None:
    """Height, width and the order of columns that are called by row and column, "1x1" to "28x28"; None for others."""
    found = [re.fullmatch(r"(\D*?)[ _]?(\d+)[x_](\d+)", name) for name in names]
    places = [(int(each[2]), int(each[3])) for each in found if each and each[1].lower() in ("", *PIXEL_STEMS)]
    if len(places) < len(names):
        return None
    (top, left), (bottom, right) = map(min, zip(*places, strict=True)), map(max, zip(*places, strict=True))
    shape = (bottom - top + 1, right - left + 1)
    if len(set(places)) != len(places) or shape[0] * shape[1] != len(places) or min(shape) < 2:
        return None
    return shape, sorted(range(len(places)), key=places.__getitem__)


def _numbered(names: list[str]) -> tuple[str | None, list[int]]:
    """What stands before the numbers in names that count, and their order; None where they do not count."""
    if not names:
        return "", []
    found = [re.fullmatch(r"(.*?)[ _.-]*(\d+)", name) for name in names]
    stems = {each[1] for each in found if each}
    numbers = [int(each[2]) for each in found if each]
    if len(stems) != 1 or len(numbers) != len(names) or len(set(numbers)) != max(numbers) - min(numbers) + 1:
        return None, []
    return stems.pop(), sorted(range(len(numbers)), key=numbers.__getitem__)


def _pictures(grid: Grid, columns: list[int], shape: tuple[int, ...], notes: list[str]) -> Array:
    """Pictures (N, height, width): bytes where they are whole numbers, otherwise floats from 0 to 1."""
    _check_numbers(grid, columns, Reading())
    low, high = _range(grid.values, columns)
    if not _are_pixels(grid.values, columns):
        raise DataError(
            f"{grid.path}: expected pixels, whole from 0 to 255 or between 0 and 1 or -1 and 1, received numbers from "
            f"{number(low)} to {number(high)}"
        )
    whole = low >= 0 and _are_whole(grid.values, columns)
    if low < 0:
        notes.append("pixels from -1 to 1 were brought to 0 to 1")
    x: Array = np.empty((len(grid.values), len(columns)), np.uint8 if whole else np.float32)
    for rows, part in _blocks(grid.values, columns):
        x[rows] = (part + 1) / 2 if low < 0 else part
    return x.reshape(-1, *shape)


def _features(
    grid: Grid, plan: Plan, at: dict[Key, int], reading: Reading, first: bool
) -> tuple[Array, tuple[str, ...]]:
    """The features of a table (N, n), and their names."""
    one_hot = {_keys(grid)[_column(grid, name)] for name in reading.one_hot} & set(plan.features)
    texts = [at[key] for key in plan.features if at[key] in grid.texts and key not in one_hot]
    faults = [(_fault(grid, k), k) for k in texts if not grid.only_text(k)]
    if faults:
        raise _not_a_number(grid, min(faults)[1], min(faults)[0])
    if texts:
        options = " ".join(f"--one-hot {grid.names[k] if grid.names else k + 1}" for k in texts[:SHOWN])
        raise DataError(
            f"{grid.path}: expected numbers as features, received text in "
            f"{listing([grid.title(k) for k in texts[:SHOWN]])}; {options} makes a column of 0 and 1 of each value"
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
            names.append(str(key))
            x[:, start] = grid.values[:, k]
    if not reading.missing and np.isnan(x).any():
        used = [at[key] for key in plan.features]
        raise _empty(grid, used, grid.values[:, used])
    every = list(range(x.shape[1]))
    low, high = _range(x, every)
    whole = max(-low, high) < 2**31 and _are_whole(x, every)
    return x.astype(np.int64) if whole else x, tuple(names) if grid.names or one_hot else ()


def _one_hot(grid: Grid, k: int, plan: Plan, key: Key, reading: Reading, first: bool) -> Array:
    """A column of 0 and 1 for each value of a column (N, values); NaN where it is missing."""
    cells = grid.texts[k] if k in grid.texts else np.array([f"{v:.15g}" for v in grid.values[:, k].tolist()])
    if first:
        plan.values[key] = sorted({cell for cell in cells.tolist() if cell not in ("", "nan")}, key=in_order)
    return np.column_stack(_indicators(grid, k, cells, plan.values[key], reading))


def _indicators(grid: Grid, k: int, cells: Array, values: list[str], reading: Reading) -> list[Array]:
    """A column of 0 and 1 for each value of a column."""
    known = {*values, *(("", "nan") if reading.missing else ())}
    for row, cell in enumerate(cells.tolist()):
        if cell not in known:
            raise DataError(
                f"{grid.path}, line {grid.lines[row]}, {grid.title(k)}: expected one of {listing(values[:SHOWN])}, "
                f"as in the training file, received {cell[:20]!r}"
            )
    empty = (cells == "") | (cells == "nan")
    return [np.where(empty, np.nan, cells == value) for value in values]


def _fault(grid: Grid, k: int) -> int:
    """The first row in which a column has text."""
    return next(row for row, cell in enumerate(grid.texts[k].tolist()) if value_of(cell) is None)


def _not_a_number(grid: Grid, k: int, row: int) -> DataError:
    """A column of numbers has text in it: where, and what."""
    cell = str(grid.texts[k][row])
    again = bool(grid.names) and cell == grid.names[k]
    received = "the header again; take that line out" if again else repr(cell[:20])
    return DataError(f"{grid.path}, line {grid.lines[row]}, {grid.title(k)}: expected a number, received {received}")


def _empty(grid: Grid, columns: list[int], values: Array) -> DataError:
    """A cell is empty: the first, and how many there are."""
    holes = np.isnan(values)
    row, column = np.unravel_index(int(np.argmax(holes)), holes.shape)
    at = columns[int(column)]
    cell = grid.cell(int(row), at)
    received = f"{cell!r}, which stands for none" if cell else "an empty cell"
    more = f" (one of {thousands(int(holes.sum()))})" if holes.sum() > 1 else ""
    return DataError(
        f"{grid.path}, line {grid.lines[row]}, {grid.title(at)}: expected a number, received {received}{more}; "
        "--missing mean fills in the column's mean, --missing drop leaves such rows out"
    )
