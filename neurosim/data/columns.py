"""The role of each column of a table: labels, row numbers, features, or pixels of an image.

The labels are found by the first of these rules that applies:

- one column has a usual name, such as "label";
- the last columns, or the first ones, are one-hot: 0 and a single 1 in every row;
- only one column is text;
- only one of the first and the last column looks like classes.  Classes are whole numbers without a gap.  Each of
  them is frequent, and they differ from the numbers in the next column.

If the labels are still unclear, the file is refused.

Columns are the pixels of an image if their names say "pixel".  They also are if there are at least 49 of them, without
names of their own and with values that pixels can have.  In both cases their count must be a square number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..registry import did_you_mean
from ..text import counted, listing, number, thousands
from .delimited import Grid, value_of

Array = NDArray[Any]
Key = str | int  # a column: by its name if there is a header, otherwise by its number from 0

LABEL_NAMES = (
    "label", "labels", "class", "classes", "digit", "target", "y", "species", "variety", "character", "letter",
    "category", "outcome", "diagnosis",
)  # fmt: skip
ROW_NAMES = (
    "", "#", "id", "index", "row", "rowid", "row_id", "rownames", "no", "nr", "number", "obs", "case", "imageid",
    "image_id", "passengerid", "unnamed: 0",
)  # fmt: skip
PIXEL_STEMS = ("pixel", "pixels", "pix", "px", "p")
LEAST_PICTURE = 49  # columns without names: fewer of them may just as well be features
MOST_CLASSES = 100  # more different numbers are not classes, unless the column has the name of a label
RARE = 0.1  # of the mean number of samples of a class: a class that is rarer makes a column look less like a label
MISSING_WAYS = ("mean", "drop")
SHOWN = 5  # names shown in a message
LABEL_COLUMN = "--label-column NAME (in Python: label_column='NAME')"  # options, as messages name them
ONE_HOT = "--one-hot NAME (in Python: one_hot=['NAME'])"
FILL_IN = "--missing mean (in Python: missing='mean')"
LEAVE_OUT = "--missing drop (in Python: missing='drop')"
TO_PREDICT_NUMBERS = (
    "To predict numbers, use --target NAME --loss mse (in Python: target=['NAME'], and a network with loss='mse')"
)
BLOCK = 1000  # rows that are copied at a time


@dataclass(frozen=True)
class Reading:
    """What the user says about their own files.

    Args:
        label_column: A name, a number from 1, "first" or "last"; empty: it is found from the data.
        target: Names of the columns of numbers to predict; empty: classes are predicted.
        one_hot: Names of columns to encode as one-hot columns.
        missing: "mean" fills empty cells with the mean of the training rows, "drop" removes their rows; empty: empty
            cells are refused.
        transpose: Whether to exchange rows and columns of the images; None: only if the file names are EMNIST's.
        split_seed: The seed that draws the held-out test samples if there is no test set.
    """

    label_column: str = ""
    target: tuple[str, ...] = ()
    one_hot: tuple[str, ...] = ()
    missing: str = ""
    transpose: bool | None = None
    split_seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.missing, str) or self.missing not in ("", *MISSING_WAYS):
            raise DataError(f"missing: expected {' or '.join(MISSING_WAYS)}, received {self.missing!r}")
        if self.transpose is not None and not isinstance(self.transpose, bool):
            raise DataError(f"transpose: expected True, False or None, received {self.transpose!r}")
        if self.label_column and self.target:
            raise DataError("target: expected either target or label_column, received both")


@dataclass
class Plan:
    """The role of each column of a table; the test file is read by the plan of the training file.

    Attributes:
        labels: The column of the labels, or several of 0 and 1.
        features: The columns of x, in the order of x.
        in_file: The same columns in the order of the file.
        row_numbers: Columns that only number the rows.
        shape: Height and width of an image; empty for a table.
        values: For each column in `Reading.one_hot`, its different values.
        named: Whether there is a header.
    """

    labels: list[Key]
    features: list[Key]
    in_file: list[Key]
    row_numbers: list[Key]
    shape: tuple[int, ...] = ()
    values: dict[Key, list[str]] = field(default_factory=dict)
    named: bool = False


# -- the role of each column -------------------------------------------------------------------------------------------


def keys_of(grid: Grid) -> list[Key]:
    """Return the keys of the columns: their names, or their numbers from 0."""
    return list(grid.names) if grid.names else list(range(grid.values.shape[1]))


def find_plan(grid: Grid, reading: Reading, notes: list[str]) -> Plan:
    """Find the role of each column of a training file, and add the reasons to the notes.

    Raises:
        DataError: The labels are unclear, or there are no features.
    """
    keys = keys_of(grid)
    asked = [column_of(grid, name) for name in ([reading.label_column] if reading.label_column else reading.target)]
    counting = [k for k in range(len(keys)) if k not in asked and _counts_rows(grid, k)]
    left = [k for k in range(len(keys)) if k not in counting]
    if len(left) <= len(asked):
        left, counting = list(range(len(keys))), []  # no other columns are left to learn from
    if counting:
        titles = listing([grid.title(k) for k in counting])
        verbs = ("identify", "are") if len(counting) > 1 else ("identifies", "is")
        notes.append(f"{titles} only {verbs[0]} the rows and {verbs[1]} left out")
    if asked:
        labels, why = asked, "as requested"
    else:
        labels, why = _find_labels(grid, left, [column_of(grid, name) for name in reading.one_hot], reading)
    what = "targets" if reading.target else "labels"
    shown = grid.title(labels[0]) + (f" to {grid.title(labels[-1])}" if len(labels) > 1 else "")
    notes.append(f"the {what} are in {shown}, {why}")
    features = [k for k in left if k not in labels]
    if not features:
        raise DataError(
            f"{grid.path}: expected labels and at least one pixel or feature in each row, received "
            f"{counted(len(keys), 'column')}"
        )
    shape, order = _picture(grid, features, notes)
    if not shape and not reading.target and _names_rows(grid, features[0]):
        notes.append(
            f"{grid.title(features[0])} has a different whole number in every row and is used as a feature. If it only "
            "identifies the rows, remove it from the file"
        )
    return Plan(
        [keys[k] for k in labels],
        [keys[k] for k in (order if shape else features)],
        [keys[k] for k in features],
        [keys[k] for k in counting],
        shape,
        named=bool(grid.names),
    )


def match_plan(grid: Grid, like: Plan, notes: list[str]) -> Plan:
    """Return the plan of the training file for a test file, with columns matched by name, otherwise by number."""
    if grid.names and not like.named and _called(grid) in ([], like.labels):
        grid.names = ()
        notes.append("the names of its columns are ignored, because the training file has none")
    keys = keys_of(grid)
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
        verb = "are" if len(other) > 1 else "is"
        notes.append(f"{listing(other[:SHOWN])} {verb} not in the training file and {verb} left out")
    labels = like.labels if all(key in keys for key in like.labels) else []
    if [key for key in keys if key in like.features] != like.in_file:
        notes.append("its columns are in another order and are matched by name")
    return replace(like, labels=labels)


def column_of(grid: Grid, name: str) -> int:
    """Return the number of the column that the user names.

    Raises:
        DataError: There is no such column.
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
    """Return whether a column only identifies the rows.

    Either it has a usual name of row numbers and no value twice, or it has no name and counts the rows.
    """
    called = bool(grid.names) and grid.names[k].lower() in ROW_NAMES
    if k in grid.texts:
        return called and len(set(grid.texts[k].tolist())) == len(grid.lines)
    values = grid.values[:, k].astype(np.float64)
    if called:
        return bool((values == np.floor(values)).all()) and len(np.unique(values)) == len(values) > 2
    unnamed = not grid.names or grid.names[k] == str(k)
    counts = values[0] in (0, 1) and bool(np.array_equal(values - values[0], np.arange(len(values))))
    return unnamed and k == 0 and counts and len(values) > 10


def _names_rows(grid: Grid, k: int) -> bool:
    """Return whether a column has a different whole number in each of many rows."""
    if k in grid.texts or len(grid.lines) <= 20 or not are_whole(grid.values, [k]):
        return False
    return len(np.unique(grid.values[:, k])) == len(grid.lines)


def _called(grid: Grid) -> list[int]:
    """Return the columns with a usual name of labels. If there is an x, y is not one: both may be coordinates."""
    names = [name.lower() for name in grid.names]
    called = [k for k, name in enumerate(names) if name in LABEL_NAMES]
    return [k for k in called if names[k] != "y" or "x" not in names] if len(called) > 1 else called


def _find_labels(grid: Grid, left: list[int], one_hot: list[int], reading: Reading) -> tuple[list[int], str]:
    """Return the columns of the labels, and the reason for them."""
    called = [k for k in _called(grid) if k in left]
    if len(called) == 1:
        return called, "found by its name"
    if called:
        raise DataError(
            f"{grid.path}, column {called[1] + 1}: expected one column of labels, received "
            f"{listing([repr(grid.names[k]) for k in called])}. Choose one with {LABEL_COLUMN}"
        )
    if grid.names and _are_called_pixels([grid.names[k] for k in left]):
        raise DataError(
            f"{grid.path}: expected a column of labels, received only pixels, from {grid.names[left[0]]} to "
            f"{grid.names[left[-1]]}. Choose the labels with {LABEL_COLUMN}"
        )
    for block in (_one_hot_at(grid, left[::-1])[::-1], _one_hot_at(grid, left)):
        if block:
            return block, "where every row has one 1 and otherwise 0"
    texts = [k for k in left if k not in one_hot and grid.only_text(k)]
    if (
        len(texts) == 1
        and not _are_amounts(grid, texts[0])
        and 1 < len(set(grid.texts[texts[0]].tolist())) <= max(2, len(grid.lines) / 2)
    ):
        others = any(grid.only_text(k) for k in one_hot)
        return texts, "the only column of text" + (" that is not in one_hot" if others else "")
    check_numbers(grid, [k for k in left if k not in (*texts, *one_hot)], reading, labels_are_found=False)
    if len(texts) > 1:
        titles = listing([grid.title(k) for k in texts[:SHOWN]])
        raise DataError(
            f"{grid.path}: expected one column of text, the labels, received text in {titles}. Choose the labels with "
            f"{LABEL_COLUMN}. Turn the others into numbers with {ONE_HOT}"
        )
    return _at_an_end(grid, left)


def _are_amounts(grid: Grid, k: int) -> bool:
    """Return whether a column of text contains dates, percentages or amounts of money."""
    return any(re.fullmatch(r"[-+.,:/%$€£\s\d]*\d[-+.,:/%$€£\s\d]*", cell) for cell in set(grid.texts[k].tolist()))


def check_numbers(grid: Grid, columns: list[int], reading: Reading, labels_are_found: bool = True) -> None:
    """Refuse text among numbers, before anything is concluded from the numbers."""
    if faults := faults_in(grid, columns):
        raise not_a_number(grid, *min(faults), labels_are_found)
    if columns and not reading.missing and grid.values.dtype != np.uint8:
        values = part_of(grid.values, columns)
        if np.isnan(values).any():
            raise empty_cell(grid, columns, values)


def _one_hot_at(grid: Grid, columns: list[int]) -> list[int]:
    """Return the first of these columns if they are one-hot: at least two, with one 1 and otherwise 0 in every row."""
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
    """Return the first or the last column, if only one of them looks like classes, and the reason."""
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
            this, other = ("first", "last") if k == left[0] else ("last", "first")
            return [k], f"the {this} one. Its {_said(values)} look like classes, but the {other} column does not"
    held = [grid.texts[k] if k in grid.texts else grid.values[:, k] for k in ends]
    said = ", or ".join(f"{grid.title(k)}, with {_said(np.unique(cells))}" for k, cells in zip(ends, held, strict=True))
    raise DataError(
        f"{grid.path}: expected one column that looks like labels, received {counted(len(left), 'column')} and "
        f"{counted(len(grid.lines), 'row')}. The labels could be {said}. Choose them with {LABEL_COLUMN}. "
        f"NAME is first, last, the name of a column or its number. {TO_PREDICT_NUMBERS}"
    )


def _said(values: Array) -> str:
    if values.dtype.kind == "U":
        return f"{counted(len(values), 'text', 'different texts')} such as {str(values[-1])!r}"
    whole = bool((values == np.floor(values)).all())
    what = "whole numbers" if whole else "numbers"
    if len(values) == 1:
        return f"{number(float(values[0]))} in every row"
    return f"{len(values)} different {what} from {number(float(values[0]))} to {number(float(values[-1]))}"


def _likeness(grid: Grid, k: int) -> int:
    """Return how much a column of numbers looks like classes: 0 not at all, 1 a little, 2 very much."""
    column = grid.values[:, k].astype(np.float64)
    if k in grid.texts or np.isnan(column).any() or not (column == np.floor(column)).all():
        return 0
    values, counts = np.unique(column, return_counts=True)
    if not 2 <= len(values) <= min(MOST_CLASSES, max(2, len(column) // 2)):
        return 0
    whole = values.tolist() == [-1, 1] or (values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1)
    return 2 if whole and counts.min() >= RARE * len(column) / len(values) else 1


# -- images, and numbers ---------------------------------------------------------------------------------------------


def _picture(grid: Grid, columns: list[int], notes: list[str]) -> tuple[tuple[int, ...], list[int]]:
    """Return height and width, and the columns in the order of the pixels; for a table, the shape is empty."""
    if any(k in grid.texts for k in columns) or not are_pixels(grid.values, columns):
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
            f"the pixels are sorted by the numbers in their names, from {grid.names[columns[order[0]]]} "
            f"to {grid.names[columns[order[-1]]]}"
        )
    if stem.lower() not in PIXEL_STEMS:
        notes.append(f"each row of {thousands(len(columns))} numbers is read as an image of {side} x {side} pixels")
    return (side, side), [columns[k] for k in order]


def part_of(values: Array, columns: list[int]) -> Array:
    """Return some columns, as a view if they are next to each other."""
    beside = columns == list(range(columns[0], columns[0] + len(columns)))
    return values[:, columns[0] : columns[-1] + 1] if beside else values[:, columns]


def blocks(values: Array, columns: list[int]) -> Iterator[tuple[slice, Array]]:
    """Yield some columns, a few rows at a time: all rows at once would take too much memory."""
    for start in range(0, len(values), BLOCK):
        rows = slice(start, start + BLOCK)
        yield rows, part_of(values[rows], columns)


def are_whole(values: Array, columns: list[int]) -> bool:
    """Return whether all numbers of some columns are whole."""
    return values.dtype == np.uint8 or all(bool((part == np.floor(part)).all()) for _, part in blocks(values, columns))


def range_of(values: Array, columns: list[int]) -> tuple[float, float]:
    """Return the smallest and the largest number; both are NaN if a number is missing."""
    ends = [(part.min(), part.max()) for _, part in blocks(values, columns)]
    return float(np.min([low for low, _ in ends])), float(np.max([high for _, high in ends]))


def are_pixels(values: Array, columns: list[int]) -> bool:
    """Return whether the numbers can be pixels: bytes, or between 0 and 1, or between -1 and 1."""
    if values.dtype == np.uint8:
        return True
    low, high = range_of(values, columns)
    return (low >= -1 and high <= 1) or (low >= 0 and high <= 255 and are_whole(values, columns))


def _are_called_pixels(names: list[str]) -> bool:
    return _places(names) is not None or str(_numbered(names)[0]).lower() in PIXEL_STEMS


def _places(names: list[str]) -> tuple[tuple[int, int], list[int]] | None:
    """Return height, width and the order of columns named by row and column, "1x1" to "28x28"; None for other names."""
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
    """Return the text before the numbers in names that count, and their order; None if they do not count."""
    if not names:
        return "", []
    found = [re.fullmatch(r"(.*?)[ _.-]*(\d+)", name) for name in names]
    stems = {each[1] for each in found if each}
    numbers = [int(each[2]) for each in found if each]
    if len(stems) != 1 or len(numbers) != len(names) or len(set(numbers)) != max(numbers) - min(numbers) + 1:
        return None, []
    return stems.pop(), sorted(range(len(numbers)), key=numbers.__getitem__)


def faults_in(grid: Grid, columns: list[int]) -> list[tuple[int, int]]:
    """Return the row and the column of the first text in each column that contains text."""
    return [
        (next(row for row, cell in enumerate(grid.texts[k].tolist()) if value_of(cell) is None), k)
        for k in columns
        if k in grid.texts
    ]


def not_a_number(grid: Grid, row: int, k: int, labels_are_found: bool = True) -> DataError:
    """Return the error for text in a column of numbers: the place, and the text."""
    cell = str(grid.texts[k][row])
    hint = f"received {cell[:20]!r}; correct it, or make the cell empty"
    if grid.names and cell == grid.names[k]:
        hint = "received the header again; remove this line"
    elif not labels_are_found and k in (0, grid.values.shape[1] - 1):
        end = "last" if k else "first"
        hint += f". If this column has the labels, use --label-column {end} (in Python: label_column={end!r})"
    return DataError(f"{grid.path}, line {grid.lines[row]}, {grid.title(k)}: expected a number, {hint}")


def empty_cell(grid: Grid, columns: list[int], values: Array) -> DataError:
    """Return the error for empty cells: the place of the first, and their number."""
    holes = np.isnan(values)
    row, column = np.unravel_index(int(np.argmax(holes)), holes.shape)
    at = columns[int(column)]
    cell = grid.cell(int(row), at)
    received = f"{cell!r}, which means an empty cell" if cell else "an empty cell"
    more = f" (one of {thousands(int(holes.sum()))})" if holes.sum() > 1 else ""
    return DataError(
        f"{grid.path}, line {grid.lines[row]}, {grid.title(at)}: expected a number, received {received}{more}. "
        f"Use {FILL_IN} to fill in the column's mean, or {LEAVE_OUT} to leave out such rows"
    )
