"""Text files of rows and columns: how they are coded, what stands between the cells, which line is a header.

Everything is found out from the file itself, and what is not as usual is said in the notes of the `Grid`.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import warnings
import zipfile
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..files.atomic import file_size
from ..text import thousands

MAX_LINE = 2**20  # characters: a row of 512 x 512 pixels
MAX_TEXT = 2**31  # characters of a file, unpacked
CHUNK = 1000  # rows whose cells are text at once
SNIFFED = 50  # lines by which the file is judged
MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "<na>"}  # how files say that a cell has no value
SEPARATORS = {";": "semicolons", "\t": "tabs", ",": "commas", "": "blanks"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_OTHER_FORMATS = {
    b"\x80": "a pickle, which can run code when it is read: save its arrays with np.savez as x_train and y_train",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture: give the folder that has a folder of pictures for each class",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save it as CSV",
    b"\x89HDF": "an HDF5 file: save its arrays with np.savez as x_train and y_train",
}


@dataclass
class Grid:
    """The cells of a file, column by column.

    Attributes:
        path: of the file.
        names: of the columns; empty: there is no header.
        values: (N, columns) numbers; NaN where a cell is missing or text.
        texts: number of a column -> its cells (N,), for each column with text in it; "" where one is missing.
        lines: (N,) the line of the file in which each row stands, from 1.
        notes: what is unusual about the file.
    """

    path: Path
    names: tuple[str, ...]
    values: NDArray[Any]
    texts: dict[int, NDArray[Any]]
    lines: NDArray[Any]
    notes: list[str] = field(default_factory=list)

    def title(self, column: int) -> str:
        """How a column is called in a message: by its name, or by its number from 1."""
        name = self.names[column] if self.names else ""
        return f"column {column + 1}" + (f" ({name})" if name else "")


def read_grid(path: Path) -> Grid:
    """Read a file of rows: with commas, semicolons, tabs or blanks, with or without header, perhaps packed.

    Raises:
        DataError: The first fault of the file, with its line and column.
    """
    if file_size(path) == 0:
        raise DataError(f"{path}: expected rows of numbers, received an empty file")
    head = _head(path)
    separator = _separator(head)
    skipped, notes = _comment(head, separator)
    rows = [split(line, separator) for line in head[skipped:]]
    names, numbered = _header(rows)
    skip = skipped + bool(names)
    if not head[skip:]:
        raise DataError(f"{path}: expected rows of numbers, received no data")
    if numbered:
        notes.append("its first line counts the columns and is taken for their names")
    if separator != ",":
        notes.append(f"{SEPARATORS[separator]} stand between its cells")
    lines, width = _scan(path, separator, skip)
    values, texts = _cells(path, separator, skip, lines, width)
    last = width - 1
    unnamed = not names or len(names) == last or (len(names) == width and not names[last])
    empty = last not in texts and values.dtype != np.uint8 and bool(np.isnan(values[:, last]).all())
    if separator and last and unnamed and empty:
        names, values, width = names[:last], values[:, :last], last
        notes.append("every line ends in a separator; the empty last column is left out")
    names = _fitting(path, names, width, notes)
    first: dict[str, int] = {}
    for at, name in enumerate(names, 1):
        if name and first.setdefault(name, at) != at:
            raise DataError(
                f"{path}, line 1, column {at}: expected another name for each column, received {name[:20]!r} "
                f"as in column {first[name]}"
            )
    return Grid(path, names, values, texts, lines, notes)


def read_header(path: Path) -> list[str]:
    """The names of the columns in the first line, or an empty list if it has none."""
    if file_size(path) == 0:
        raise DataError(f"{path}: expected rows of numbers, received an empty file")
    head = _head(path)
    separator = _separator(head)
    skipped, _ = _comment(head, separator)
    return list(_header([split(line, separator) for line in head[skipped:]])[0])


def split(line: str, separator: str) -> list[str]:
    """The cells of a line, without blanks and quotes around them; an empty separator stands for blanks."""
    line = line.rstrip("\r\n")
    if '"' in line:
        return [
            cell.strip() for cell in next(csv.reader([line], delimiter=separator or " ", skipinitialspace=True), [])
        ]
    return [cell.strip() for cell in line.split(separator)] if separator else line.split()


def is_number(cell: str) -> bool:
    """Whether a cell is a number as files write it."""
    return _NUMBER.fullmatch(cell) is not None


# -- lines ------------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The bytes of a file, unpacked if it is gzip or a zip archive of one table."""
    try:
        with open(path, "rb") as file:
            start = file.read(4)
            file.seek(0)
            for prefix, what in _OTHER_FORMATS.items():
                if start.startswith(prefix):
                    raise DataError(f"{path}: expected rows of numbers as text, received {what}")
            if start.startswith(b"\x1f\x8b"):
                with gzip.open(file) as unpacked:
                    yield unpacked
            elif start == b"PK\x03\x04":
                with zipfile.ZipFile(file) as archive, archive.open(_only_table(path, archive)) as unpacked:
                    yield unpacked
            else:
                yield file
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: damaged, cut off or encrypted archive ({error}); get the file again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _only_table(path: Path, archive: zipfile.ZipFile) -> str:
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
    if "[Content_Types].xml" in names:
        raise DataError(f"{path}: expected rows of numbers as text, received an Excel workbook: save it as CSV")
    tables = [name for name in names if name.lower().endswith((".csv", ".tsv", ".txt", ".data"))]
    if len(tables) != 1:
        held = ", ".join(names[:5]) or "nothing"
        raise DataError(f"{path}: expected a zip archive of one table (.csv), received one with {held}: unpack it")
    return tables[0]


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text file, none of them longer than a row of pixels can be."""
    with _opened(path) as file:
        start = file.read(1024)
        if not file.seekable():
            raise DataError(f"{path}: cannot be read twice; expected a plain file")
        file.seek(0)
        coding = "utf-8-sig"
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            coding = "utf-16"
        elif b"\0" in start:
            raise DataError(
                f"{path}: expected text as UTF-8, or as UTF-16 with its byte-order mark, received zero bytes; "
                "save it as CSV in UTF-8"
            )
        text = io.TextIOWrapper(file, coding, errors="replace")
        number = total = 0
        try:
            while line := text.readline(MAX_LINE):
                number += 1
                total += len(line)
                if len(line) == MAX_LINE and not line.endswith("\n"):
                    raise DataError(
                        f"{path}, line {number}: expected one sample a line, received a line of more than "
                        f"{thousands(MAX_LINE)} characters"
                    )
                if total > MAX_TEXT:
                    raise DataError(f"{path}: expected at most {thousands(MAX_TEXT)} characters, received more")
                yield line
        finally:
            text.detach()


def _head(path: Path) -> list[str]:
    """The first lines that are not blank."""
    head: list[str] = []
    for line in _lines(path):
        if line.strip():
            head.append(line)
        if len(head) == SNIFFED:
            break
    if head and head[0].lstrip().startswith("<"):
        raise DataError(f"{path}, line 1: expected rows of numbers, received a web page: download the file again")
    return head


def _separator(head: list[str]) -> str:
    """What stands between the cells: the first of semicolon, tab and comma that every line has equally often.

    Where none is that even, the one that the first line has; where there is none at all, blanks.
    """
    plain = [re.sub(r'"[^"]*"', "", line) for line in head if not line.startswith("#")]
    marks = [separator for separator in SEPARATORS if separator]
    for mark in marks:
        counts = {line.count(mark) for line in plain}
        if len(counts) == 1 and counts.pop():
            return mark
    found = [mark for mark in marks if plain and any(mark in line for line in plain[:2])]
    if found:
        return max(found, key=plain[0].count)
    return "" if plain and all(len(line.split()) > 1 for line in plain) else ","


def _comment(head: list[str], separator: str) -> tuple[int, list[str]]:
    """How many lines at the beginning are a remark: they start with # and have other columns than the rows."""
    remarks = next((k for k, line in enumerate(head) if not line.startswith("#")), len(head))
    if 0 < remarks < len(head):
        width = len(split(head[remarks], separator))
        if len(split(head[remarks - 1], separator)) == width:
            remarks -= 1  # names, as np.savetxt writes them
    else:
        remarks = 0
    return remarks, [f"line 1 is a remark and is left out ({head[0].strip()[:40]})"] if remarks else []


def _header(rows: list[list[str]]) -> tuple[tuple[str, ...], bool]:
    """The names in the first row, if it is a header; and whether it merely counts the columns.

    It is one where a cell is text above a column of numbers, where all its cells are different texts, or where it
    counts 0, 1, 2, … at least three columns.
    """
    if not rows:
        return (), False
    first = rows[0]
    if first and first[0].startswith("#"):
        first = [first[0].lstrip("# "), *first[1:]]
    words = [cell.lower() not in MISSING and not is_number(cell) for cell in first]
    numbered = len(first) > 2 and first == [str(k) for k in range(len(first))]
    if numbered:
        return tuple(first), True
    # an empty first cell stands above the row numbers that pandas writes
    others = [row for row in rows[1:] if len(row) >= len(first)]
    above_numbers = any(
        word and any(is_number(row[k]) for row in others) and all(_numeric(row[k]) for row in others)
        for k, word in enumerate(words)
    )
    every = all(words[bool(first and not first[0]) :]) and len(set(first)) == len(first) and len(words) > 0
    seen = {cell for row in rows[1:] for cell in row}
    if above_numbers or (every and any(words) and not seen & set(first)):
        return tuple(first), False
    return (), False


def _numeric(cell: str) -> bool:
    return is_number(cell) or cell.lower() in MISSING or _DECIMAL_COMMA.fullmatch(cell) is not None


# -- cells ------------------------------------------------------------------------------------------------------------


def _scan(path: Path, separator: str, skip: int) -> tuple[NDArray[Any], int]:
    """The lines that hold rows, and how many columns they all have."""
    numbers, width, seen = array("l"), 0, 0
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        seen += 1
        if seen <= skip:
            continue
        count = line.count(separator) + 1 if separator and '"' not in line else len(split(line, separator))
        width = width or count
        if count != width:
            raise DataError(f"{path}, line {number}: expected {width} columns as before, received {count}")
        numbers.append(number)
    return np.array(numbers, np.int64), width


def _rows(path: Path, separator: str, skip: int) -> Iterator[str]:
    """The lines that hold rows, without the blank ones and the first `skip` others."""
    seen = 0
    for line in _lines(path):
        if line.strip():
            seen += 1
            if seen > skip:
                yield line


def _cells(
    path: Path, separator: str, skip: int, lines: NDArray[Any], width: int
) -> tuple[NDArray[Any], dict[int, NDArray[Any]]]:
    """All cells: as bytes where they are that, as float64 otherwise; text apart."""
    for dtype in (np.uint8, np.float64):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # whatever NumPy would round or wrap
                values: NDArray[Any] = np.loadtxt(
                    _rows(path, separator, skip), dtype, comments=None, delimiter=separator or None, ndmin=2,
                    quotechar='"',
                )  # fmt: skip
            if dtype == np.uint8 or not np.isinf(values).any():
                return values, {}
        except DataError:
            raise
        except (ValueError, Warning):
            continue
    values = np.empty((len(lines), width))
    words: dict[int, dict[int, str]] = {}
    rows = _rows(path, separator, skip)
    for start in range(0, len(lines), CHUNK):
        part = [split(line, separator) for line in islice(rows, CHUNK)]
        for k, cells in enumerate(zip(*part, strict=True)):
            values[start : start + len(part), k] = _numbers(cells, separator, start, words.setdefault(k, {}))
    return values, {k: _text_column(values[:, k], found) for k, found in words.items() if found}


def _numbers(cells: Sequence[str], separator: str, start: int, words: dict[int, str]) -> NDArray[Any]:
    """Cells of one column as numbers, NaN where there is none; what is text is added to `words`, by its row."""
    joined = "".join(cells)
    if joined.isascii() and "_" not in joined:
        with suppress(ValueError):
            values = np.array(cells, np.float64)
            if np.isfinite(values).all():
                return values
    read = [_value(cell, separator) for cell in cells]
    words.update({start + row: cells[row] for row, value in enumerate(read) if value is None})
    return np.array([np.nan if value is None else value for value in read])


def _text_column(values: NDArray[Any], words: dict[int, str]) -> NDArray[Any]:
    """A column that holds text: its numbers are written as the shortest text, "" stands where nothing is."""
    texts = ["" if np.isnan(value) else f"{value:.15g}" for value in values.tolist()]
    for row, word in words.items():
        texts[row] = word
    return np.array(texts)


def _value(cell: str, separator: str) -> float | None:
    """A cell as a number, NaN if it is missing, None if it is text."""
    if cell.lower() in MISSING:
        return np.nan
    if is_number(cell):
        return float(cell)
    if separator != "," and _DECIMAL_COMMA.fullmatch(cell):
        return float(cell.replace(",", "."))
    return None


def _fitting(path: Path, names: tuple[str, ...], width: int, notes: list[str]) -> tuple[str, ...]:
    """The names, as many as columns: with an empty one for row names at the front, where R left it out."""
    if not names or len(names) == width:
        return names
    if len(names) == width - 1:
        notes.append("its header has one name less than there are columns; the first is without")
        return ("", *names)
    raise DataError(f"{path}, line 2: expected {len(names)} columns, as the header, received {width}")
