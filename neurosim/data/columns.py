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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..registry import did_you_mean
from ..text import counted, listing, number, thousands
from .delimited import Grid, value_of

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


# -- which column is what ---------------------------------------------------------------------------------------------


def keys_of(grid: Grid) -> list[Key]:
    """What the columns are known by: their names, or their numbers from 0."""
    return list(grid.names) if grid.names else list(range(grid.values.shape[1]))


def find_plan(grid: Grid, reading: Reading, notes: list[str]) -> Plan:
    """Which column of a training file is what; how it is known is added to the notes.

    Raises:
        DataError: It stays unclear, or there is nothing to learn from.
    """
    keys = keys_of(grid)
    asked = [column_of(grid, name) for name in ([reading.label_column] if reading.label_column else reading.target)]
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
        labels, why = _find_labels(grid, left, [column_of(grid, name) for name in reading.one_hot], reading)
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
    if not shape and not reading.target and _names_rows(grid, features[0]):
        notes.append(
            f"{grid.title(features[0])} has another whole number in every row, and is taken for a feature; if it only "
            "names the rows, take it out of the file"
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
    """The plan of the training file, for a test file: columns matched by name, otherwise by number."""
    if grid.names and not like.named and _called(grid) in ([], like.labels):
        grid.names = ()
        notes.append("the names of its columns are passed over, since the training file has none")
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
        notes.append(f"{listing(other[:SHOWN])} is not in the training file and is left out")
    labels = like.labels if all(key in keys for key in like.labels) else []
    if [key for key in keys if key in like.features] != like.in_file:
        notes.append("its columns stand in another order; they are matched by name")
    return replace(like, labels=labels)


def column_of(grid: Grid, name: str) -> int:
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


def _names_rows(grid: Grid, k: int) -> bool:
    """Whether a column has another whole number in each of many rows."""
    if k in grid.texts or len(grid.lines) <= 20 or not are_whole(grid.values, [k]):
        return False
    return len(np.unique(grid.values[:, k])) == len(grid.lines)


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
    if (
        len(texts) == 1
        and not _are_amounts(grid, texts[0])
        and 1 < len(set(grid.texts[texts[0]].tolist())) <= max(2, len(grid.lines) / 2)
    ):
        return texts, "the only one of text"
    check_numbers(grid, [k for k in left if k not in (*texts, *one_hot)], reading, labels_are_found=False)
    if len(texts) > 1:
        titles = listing([grid.title(k) for k in texts[:SHOWN]])
        raise DataError(
            f"{grid.path}: expected to find one column of labels, received text in {titles}; say which it is with "
            "--label-column NAME; --one-hot NAME makes numbers of the others"
        )
    return _at_an_end(grid, left)


def _are_amounts(grid: Grid, k: int) -> bool:
    """Whether a column of text has dates, percentages or sums of money in it."""
    return any(re.fullmatch(r"[-+.,:/%$€£\s\d]*\d[-+.,:/%$€£\s\d]*", cell) for cell in set(grid.texts[k].tolist()))


def check_numbers(grid: Grid, columns: list[int], reading: Reading, labels_are_found: bool = True) -> None:
    """Refuse a cell that is no number among those that are, before anything is concluded from them."""
    if faults := faults_in(grid, columns):
        raise not_a_number(grid, *min(faults), labels_are_found)
    if columns and not reading.missing and grid.values.dtype != np.uint8:
        values = part_of(grid.values, columns)
        if np.isnan(values).any():
            raise empty_cell(grid, columns, values)


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
    held = [grid.texts[k] if k in grid.texts else grid.values[:, k] for k in ends]
    said = " and ".join(f"{grid.title(k)}, with {_said(np.unique(cells))}" for k, cells in zip(ends, held, strict=True))
    raise DataError(
        f"{grid.path}: expected a column of labels that can be told from the others, received "
        f"{counted(len(left), 'column')} and {counted(len(grid.lines), 'row')}; it could be {said}; "
        "say which with --label-column first, last, a name or a number; numbers are predicted with --target NAME "
        "--loss mse"
    )


def _said(values: Array) -> str:
    if values.dtype.kind == "U":
        return f"{counted(len(values), 'text', 'different texts')} such as {str(values[-1])!r}"
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


# -- pictures, and numbers -------------------------------------------------------------------------------------------


def _picture(grid: Grid, columns: list[int], notes: list[str]) -> tuple[tuple[int, ...], list[int]]:
    """Height and width, and the columns in the order of the pixels; an empty shape for a table."""
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
            f"the pixels are put in the order of their numbers, from {grid.names[columns[order[0]]]} "
            f"to {grid.names[columns[order[-1]]]}"
        )
    if stem.lower() not in PIXEL_STEMS:
        notes.append(f"rows of {thousands(len(columns))} numbers are taken for pictures of {side} x {side}")
    return (side, side), [columns[k] for k in order]


def part_of(values: Array, columns: list[int]) -> Array:
    """Some columns: a view where they stand side by side."""
    beside = columns == list(range(columns[0], columns[0] + len(columns)))
    return values[:, columns[0] : columns[-1] + 1] if beside else values[:, columns]


def blocks(values: Array, columns: list[int]) -> Iterator[tuple[slice, Array]]:
    """Some columns, a few rows at a time: where all at once would take too much memory."""
    for start in range(0, len(values), BLOCK):
        rows = slice(start, start + BLOCK)
        yield rows, part_of(values[rows], columns)


def are_whole(values: Array, columns: list[int]) -> bool:
    """Whether all numbers of some columns are whole."""
    return values.dtype == np.uint8 or all(bool((part == np.floor(part)).all()) for _, part in blocks(values, columns))


def range_of(values: Array, columns: list[int]) -> tuple[float, float]:
    """The smallest and the largest number; NaN where one is missing."""
    ends = [(part.min(), part.max()) for _, part in blocks(values, columns)]
    return float(np.min([low for low, _ in ends])), float(np.max([high for _, high in ends]))


def are_pixels(values: Array, columns: list[int]) -> bool:
    """Whether numbers can be those of pixels: bytes, or between 0 and 1, or between -1 and 1."""
    if values.dtype == np.uint8:
        return True
    low, high = range_of(values, columns)
    return (low >= -1 and high <= 1) or (low >= 0 and high <= 255 and are_whole(values, columns))


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


def faults_in(grid: Grid, columns: list[int]) -> list[tuple[int, int]]:
    """Row and column of the first text in each column that holds some."""
    return [
        (next(row for row, cell in enumerate(grid.texts[k].tolist()) if value_of(cell) is None), k)
        for k in columns
        if k in grid.texts
    ]


def not_a_number(grid: Grid, row: int, k: int, labels_are_found: bool = True) -> DataError:
    """A column of numbers has text in it: where, and what."""
    cell = str(grid.texts[k][row])
    hint = f"received {cell[:20]!r}; correct it, or leave the cell empty"
    if grid.names and cell == grid.names[k]:
        hint = "received the header again; take that line out"
    elif not labels_are_found and k in (0, grid.values.shape[1] - 1):
        hint += f"; if these are labels, --label-column {'last' if k else 'first'}"
    return DataError(f"{grid.path}, line {grid.lines[row]}, {grid.title(k)}: expected a number, {hint}")


def empty_cell(grid: Grid, columns: list[int], values: Array) -> DataError:
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
