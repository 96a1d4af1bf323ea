"""Text files of rows and columns: their encoding, the separator between their cells, and their header.

All of this is found from the file itself.  The notes of the `Grid` name everything unusual.
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
from ..text import counted, thousands

MAX_LINE = 2**20  # characters: a row of 512 x 512 pixels
MAX_CELL = 200  # characters of a cell of text
MAX_TEXT = 2**31  # characters of a file, unpacked
CHUNK = 1000  # rows whose cells are kept as text at a time
SNIFFED = 50  # lines at the beginning that decide how the file is read
MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "<na>"}  # the usual marks of a cell without a value
SEPARATORS = {";": "semicolons", "\t": "tabs", ",": "commas", "|": "vertical bars", "": "blanks"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_EMPTY = " ,;\t|\r\n\f\v\x85\xa0\u2028\u2029"  # the characters of empty rows, as spreadsheets write them
_WORDS = re.compile(r'"([^"]*)"|(\S+)')
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
_OTHER_FORMATS = {
    b"\x80": "a pickle, which can run code when it is read: save its arrays with np.savez as x_train and y_train",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture: give the folder with one folder of pictures per class",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save it as CSV",
    b"\x89HDF": "an HDF5 file: save its arrays with np.savez as x_train and y_train",
}
_OTHER_TEXTS = {
    "<": "a web page: download the file again",
    "{": "JSON: save it as CSV",
    "[": "JSON: save it as CSV",
    "@relation": "a file of Weka (ARFF): save it as CSV",
    "version https://git-lfs": "a Git LFS pointer: fetch the file itself with 'git lfs pull'",
}


@dataclass(frozen=True)
class Layout:
    """How the rows of a file are written.

    Args:
        path: the file.
        coding: the encoding of its characters.
        separator: the character between its cells; empty: blanks.
        skip: the number of lines before the rows, without blank lines.
    """

    path: Path
    coding: str
    separator: str = ","
    skip: int = 0

    def rows(self) -> Iterator[tuple[int, str]]:
        """Return the lines with rows, each with its number in the file, from 1."""
        return islice(_filled_lines(self), self.skip, None)


@dataclass
class Grid:
    """The cells of a file, column by column.

    Attributes:
        layout: how the file is written.
        names: the names of the columns; empty: there is no header.
        values: (N, columns) numbers; NaN if a cell is empty or text.
        texts: number of a column -> its cells (N,), for each column that contains text; "" for an empty cell.
        lines: (N,) the line of each row in the file, from 1.
        notes: what is unusual about the file.
    """

    layout: Layout
    names: tuple[str, ...]
    values: NDArray[Any]
    texts: dict[int, NDArray[Any]]
    lines: NDArray[Any]
    notes: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The file."""
        return self.layout.path

    def title(self, column: int) -> str:
        """Return the title of a column for messages: its number, from 1, and its name if it has one."""
        name = self.names[column] if self.names else ""
        return f"column {column + 1}" + (f" ({name[:40]})" if name else "")

    def only_text(self, column: int) -> bool:
        """Return whether a column contains text and no numbers."""
        return column in self.texts and not any(is_number(cell) for cell in set(self.texts[column].tolist()))

    def cell(self, row: int, column: int) -> str:
        """Return the text of a cell as it is in the file. This reads the file again, so it is only for messages."""
        line = next(line for number, line in self.layout.rows() if number == self.lines[row])
        return split(line, self.layout.separator)[column]


def read_grid(path: Path) -> Grid:
    """Read a file of rows, compressed or not, with commas, semicolons, tabs or blanks, with or without a header.

    Raises:
        DataError: The first fault of the file, with its line and column.
    """
    if file_size(path) == 0:
        raise DataError(f"{path}: expected rows of numbers, received an empty file")
    try:
        return _read(path, "utf-8-sig")
    except UnicodeDecodeError:
        grid = _read(path, "cp1252")
        grid.notes.insert(0, "the file is not in UTF-8 and is read as Windows-1252")
        return grid


def _read(path: Path, coding: str) -> Grid:
    beginning = _beginning(path, coding)
    layout, names, notes = beginning.layout, beginning.names, beginning.notes
    lines, width = _scan(layout)
    values, texts = _cells(layout, lines, width, beginning.texts, notes)
    last = width - 1
    unnamed = not names or len(names) == last or (len(names) == width and not names[last])
    empty = last not in texts and values.dtype != np.uint8 and bool(np.isnan(values[:, last]).all())
    if layout.separator and last and unnamed and empty:
        names, values, width = names[:last], values[:, :last], last
        notes.append("every line ends with a separator, so the empty last column is left out")
    first = texts.get(0, values[:, 0])
    row_names = len(np.unique(first)) == len(first) > 2 and (0 in texts or bool((first == np.floor(first)).all()))
    names = _fitting(path, beginning.line, names, lines, width, row_names, notes)
    return Grid(layout, names, values, texts, lines, notes)


def read_header(path: Path) -> list[str]:
    """Return the names of the columns in the first line, or an empty list if it is not a header."""
    if file_size(path) == 0:
        raise DataError(f"{path}: expected rows of numbers, received an empty file")
    try:
        return list(_beginning(path, "utf-8-sig").names)
    except UnicodeDecodeError:
        return list(_beginning(path, "cp1252").names)


def split(line: str, separator: str) -> list[str]:
    """Return the cells of a line, without blanks and quotes around them. An empty separator means blanks."""
    if not separator:
        return [quoted.strip() or plain for quoted, plain in _WORDS.findall(line)]
    line = line.rstrip("\r\n")
    if '"' in line:
        (cells,) = csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True)
        return [cell.strip() for cell in cells]
    return [cell.strip() for cell in line.split(separator)]


def _split(path: Path, number: int, line: str, separator: str) -> list[str]:
    """Split a line like `split`, but check its quotation marks first.

    Raises:
        DataError: A quotation mark is not closed, or a cell goes on after its closing mark.
    """
    try:
        if line.count('"') % 2:
            raise csv.Error
        return split(line, separator)
    except csv.Error:
        raise DataError(
            f"{path}, line {number}: expected each quotation mark to be closed at the end of its cell, in the same line"
        ) from None


def is_number(cell: str) -> bool:
    """Return whether a cell is a number as files write it."""
    return _NUMBER.fullmatch(cell) is not None


# -- lines ------------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file for its bytes, unpacked if it is gzip or a zip archive with one table."""
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
        raise DataError(
            f"{path}: expected an archive that can be read, received a damaged, cut off or encrypted one ({error}); "
            "get the file again"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _only_table(path: Path, archive: zipfile.ZipFile) -> str:
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
    if "[Content_Types].xml" in names:
        raise DataError(f"{path}: expected rows of numbers as text, received an Excel workbook: save it as CSV")
    tables = [name for name in names if name.lower().endswith((".csv", ".tsv", ".txt", ".data"))]
    if len(tables) != 1:
        held = ", ".join(names[:5]) or "nothing"
        raise DataError(f"{path}: expected a zip archive with one table (.csv), received one with {held}; unpack it")
    return tables[0]


def _filled_lines(layout: Layout) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file that are not blank, with their numbers from 1. Refuse lines that are too long."""
    path = layout.path
    with _opened(path) as file:
        utf16 = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
        file.seek(0)
        strict = layout.coding == "utf-8-sig" and not utf16
        text = io.TextIOWrapper(file, "utf-16" if utf16 else layout.coding, "strict" if strict else "replace")
        number = total = 0
        try:
            while line := text.readline(MAX_LINE):
                number += 1
                total += len(line)
                if len(line) == MAX_LINE and not line.endswith("\n"):
                    raise DataError(
                        f"{path}, line {number}: expected one sample per line, received a line of more than "
                        f"{thousands(MAX_LINE)} characters"
                    )
                if total > MAX_TEXT:
                    raise DataError(f"{path}: expected at most {thousands(MAX_TEXT)} characters, received more")
                if "\0" in line:
                    raise DataError(
                        f"{path}, line {number}: expected text as UTF-8, or as UTF-16 with its byte-order mark, "
                        "received a zero byte. Save the file as CSV in UTF-8"
                    )
                if line.strip(_EMPTY):
                    yield number, line
        finally:
            text.detach()


@dataclass
class _Beginning:
    """The facts that the first lines of a file show: its layout, the names of its columns, and which are text."""

    layout: Layout
    names: tuple[str, ...]
    line: int
    texts: list[int]
    notes: list[str]


def _beginning(path: Path, coding: str) -> _Beginning:
    head = list(islice(_filled_lines(Layout(path, coding)), SNIFFED))
    if head:
        for prefix, what in _OTHER_TEXTS.items():
            for number, line in head if prefix.startswith("@") else head[:1]:
                if line.lstrip().lower().startswith(prefix):
                    raise DataError(f"{path}, line {number}: expected rows of numbers, received {what}")
    notes: list[str] = []
    told = re.fullmatch(r"sep=(.)\s*", head[0][1], re.I) if head else None  # Excel writes and reads this line
    head = head[bool(told) :]
    lines = [line for _, line in head]
    separator = told[1] if told and told[1] in SEPARATORS else _separator(lines)
    skip = _remarks(lines, separator, notes)
    rows = [_split(path, number, line, separator) for number, line in head[skip:]]
    if rows and lines[skip].startswith("#"):
        rows[0] = split(lines[skip].lstrip("# "), separator)
    if rows and len(rows[-1]) > 1 and all(re.fullmatch(r"\d+:\S+", cell) for cell in rows[-1][1:]):
        raise DataError(f"{path}: expected rows of numbers, received a LIBSVM file (index:value): save it as CSV")
    names, numbered = _header(rows)
    if len(rows) == bool(names):
        raise DataError(f"{path}: expected rows of numbers, received no data")
    if numbered:
        notes.append("the first line numbers the columns, and these numbers are used as their names")
    if separator != ",":
        notes.append(f"the cells are separated by {SEPARATORS[separator]}")
    body = rows[bool(names) :]
    texts = [k for k in range(len(body[0])) if any(not _numeric(row[k]) for row in body if len(row) > k)]
    layout = Layout(path, coding, separator, bool(told) + skip + bool(names))
    return _Beginning(layout, names, head[skip][0], texts, notes)


def _separator(head: list[str]) -> str:
    """Return the separator: the first of semicolon, tab, comma and bar that every line has equally often.

    If no mark is that even, return the one that is most frequent in the first line. Without any mark, return blanks if
    every line has some, otherwise a comma.
    """
    plain = [_unquoted(line) for line in head if not line.startswith("#")]
    marks = [separator for separator in SEPARATORS if separator]
    if not any(";" in line or "\t" in line for line in plain) and _commas_are_decimal(plain):
        return ""
    for mark in marks:
        counts = {line.count(mark) for line in plain}
        if len(counts) == 1 and counts.pop():
            return mark
    found = [mark for mark in marks if plain and any(mark in line for line in plain[:2])]
    if found:
        return max(found, key=plain[0].count)
    return "" if plain and all(len(line.split()) > 1 for line in plain) else ","


def _commas_are_decimal(lines: list[str]) -> bool:
    """Return whether blanks divide every line into the same number of cells, and commas are only inside numbers."""
    rows = [line.split() for line in lines]
    inside = all(_DECIMAL_COMMA.fullmatch(cell) for row in rows for cell in row if "," in cell)
    return inside and len({len(row) for row in rows}) == 1 and len(rows[0]) > 1


def _unquoted(line: str) -> str:
    """Return a line with an x for each cell in quotes."""
    return re.sub(r'"[^"]*"', "x", line).replace('"', "")


def _remarks(head: list[str], separator: str, notes: list[str]) -> int:
    """Count the comments at the beginning: lines that start with # and do not have the columns of the rows."""
    count = next((k for k, line in enumerate(head) if not line.startswith("#")), 0)
    widths = [len(split(_unquoted(line).lstrip("# "), separator)) for line in head[max(count - 1, 0) : count + 1]]
    if count and widths[0] == widths[1]:
        count -= 1  # names, as np.savetxt writes them
    if count:
        what = "the first line is a comment" if count == 1 else f"the first {count} lines are comments"
        notes.append(f"{what} and left out ({head[0].strip()[:40]})".replace(";", ","))
    return count


def _header(rows: list[list[str]]) -> tuple[tuple[str, ...], bool]:
    """Return the names in the first row, if it is a header, and whether it only numbers the columns.

    The row is a header if one of its cells is text above a column of numbers, or if all its cells are different texts.
    It also is one if it numbers at least three columns 0, 1, 2, ….
    """
    if not rows:
        return (), False
    first = rows[0]
    words = [cell.lower() not in MISSING and not is_number(cell) for cell in first]
    numbered = len(first) > 2 and first == [str(k) for k in range(len(first))]
    if numbered:
        return tuple(first), True
    # pandas leaves the cell above its row numbers empty
    others = [row for row in rows[1:] if len(row) >= len(first) and row != rows[0]]
    above_numbers = any(
        word and any(is_number(row[k]) for row in others) and all(_numeric(row[k]) for row in others)
        for k, word in enumerate(words)
    )
    every = all(words[bool(first and not first[0]) :]) and len(set(first)) == len(first) and len(words) > 0
    seen = {cell for row in rows[1:] for cell in row if row != rows[0]}
    if above_numbers or (every and any(words) and not seen & set(first)):
        return tuple(first), False
    return (), False


def _numeric(cell: str) -> bool:
    return is_number(cell) or cell.lower() in MISSING or _DECIMAL_COMMA.fullmatch(cell) is not None


# -- cells ------------------------------------------------------------------------------------------------------------


def _scan(layout: Layout) -> tuple[NDArray[Any], int]:
    """Return the numbers of the lines with rows, and the number of columns, which must be the same in all."""
    numbers, width, separator = array("l"), 0, layout.separator
    for number, line in layout.rows():
        quoted = not separator or '"' in line
        count = len(_split(layout.path, number, line, separator)) if quoted else line.count(separator) + 1
        width = width or count
        if count != width:
            raise DataError(
                f"{layout.path}, line {number}: expected {counted(width, 'column')} as before, received {count}"
            )
        numbers.append(number)
    return np.array(numbers, np.int64), width


def _cells(
    layout: Layout, lines: NDArray[Any], width: int, text_columns: list[int], notes: list[str]
) -> tuple[NDArray[Any], dict[int, NDArray[Any]]]:
    """Read all cells: numbers as bytes if they fit, otherwise as float64, and the text separately.

    Args:
        layout: the layout of the file.
        lines: (N,) the numbers of the lines with rows.
        width: the number of columns.
        text_columns: the columns with text in the first rows.
        notes: a list; a note is added for anything unusual.
    """
    numbers = [k for k in range(width) if k not in text_columns]
    for dtype in (np.uint8, np.float64) if numbers else ():
        read = _load(layout, dtype, numbers)
        if read is not None and len(read) == len(lines):
            if not text_columns:
                return read, {}
            values = np.zeros((len(lines), width), dtype)
            values[:, numbers] = read
            return values, _text_columns(layout, text_columns)
    decimal_commas = _decimal_commas(layout, notes)
    values = np.empty((len(lines), width))
    words: dict[int, dict[int, str]] = {}
    rows = layout.rows()
    for start in range(0, len(lines), CHUNK):
        part = [split(line, layout.separator) for _, line in islice(rows, CHUNK)]
        for k, cells in enumerate(zip(*part, strict=True)):
            found = words.setdefault(k, {})
            values[start : start + len(part), k] = _numbers(cells, decimal_commas, start, found)
    for k, found in words.items():
        for row, word in found.items():
            _check_length(layout, int(lines[row]), k, word)
    return values, {k: _text_column(values[:, k], found) for k, found in words.items() if found}


def _load(layout: Layout, dtype: type, columns: list[int]) -> NDArray[Any] | None:
    """Read columns of numbers with NumPy's fast reader. Return None if a cell is not a number of this type."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # if NumPy would round or wrap a number
            values: NDArray[Any] = np.loadtxt(
                (line for _, line in layout.rows()), dtype, comments=None, delimiter=layout.separator or None,
                ndmin=2, quotechar='"', usecols=columns,
            )  # fmt: skip
    except DataError:
        raise
    except (ValueError, Warning):
        return None
    return values if dtype == np.uint8 or not np.isinf(values).any() else None


def _text_columns(layout: Layout, columns: list[int]) -> dict[int, NDArray[Any]]:
    """Read columns of text, (N,) each."""
    found: list[list[str]] = [[] for _ in columns]
    known: dict[str, str] = {}  # one object for all cells with the same text
    last = columns[-1] + 1
    for number, line in layout.rows():
        if not layout.separator or '"' in line:
            cells = split(line, layout.separator)
        else:
            cells = line.split(layout.separator, last)
        for k, column in zip(columns, found, strict=True):
            cell = cells[k].strip()
            _check_length(layout, number, k, cell)
            column.append(known.setdefault(cell, cell))
    shown = {cell: _as_text(cell) for cell in known}
    return {k: np.array([shown[cell] for cell in column]) for k, column in zip(columns, found, strict=True)}


def _check_length(layout: Layout, line: int, column: int, cell: str) -> None:
    """Refuse a long text: NumPy stores every cell of a column with the length of the longest."""
    if len(cell) > MAX_CELL:
        raise DataError(
            f"{layout.path}, line {line}, column {column + 1}: expected a number or a name, received a text of "
            f"{thousands(len(cell))} characters ({cell[:20]}...)"
        )


def _decimal_commas(layout: Layout, notes: list[str]) -> bool:
    """Return whether the file has decimal commas: 0,5 is a half.

    Raises:
        DataError: The commas may separate thousands, or the file has decimal points too.
    """
    if layout.separator == ",":
        return False
    certain, doubtful = False, ""
    for number, line in layout.rows():
        for k, cell in enumerate(split(line, layout.separator) if "," in line else ()):
            if _DECIMAL_COMMA.fullmatch(cell):
                certain = certain or not _THOUSANDS.fullmatch(cell)
                doubtful = doubtful or f"line {number}, column {k + 1}: expected a number, received {cell}"
    if doubtful and not certain:
        raise DataError(
            f"{layout.path}, {doubtful}. The comma may be a decimal comma or separate thousands: remove it, or write a "
            "point"
        )
    if certain:
        for number, line in layout.rows():
            for k, cell in enumerate(split(line, layout.separator) if "." in line else ()):
                if is_number(cell) and "." in cell:
                    raise DataError(
                        f"{layout.path}, line {number}, column {k + 1}: expected a decimal comma as in other cells, "
                        f"received {cell[:20]}. Write a point in all fractions, and no mark for thousands"
                    )
        notes.append("the commas in the numbers are read as decimal points")
    return certain


def _numbers(cells: Sequence[str], decimal_commas: bool, start: int, words: dict[int, str]) -> NDArray[Any]:
    """Return the cells of one column as numbers, NaN for empty cells and text. Add the text to `words`, by row."""
    joined = "".join(cells)
    if joined.isascii() and "_" not in joined:
        with suppress(ValueError):
            values = np.array(cells, np.float64)
            if np.isfinite(values).all():
                return values
    read = [value_of(cell, decimal_commas) for cell in cells]
    words.update({start + row: cells[row] for row, value in enumerate(read) if value is None})
    return np.array([np.nan if value is None else value for value in read])


def value_of(cell: str, decimal_commas: bool = False) -> float | None:
    """Return a cell as a number: NaN if it is empty, None if it is text or too large."""
    if cell.lower() in MISSING:
        return np.nan
    if decimal_commas and _DECIMAL_COMMA.fullmatch(cell):
        cell = cell.replace(",", ".")
    value = float(cell) if is_number(cell) else np.inf
    return value if np.isfinite(value) else None


def _as_text(cell: str) -> str:
    """Return a cell of a text column as text: a number in its shortest form, "" for an empty cell."""
    value = value_of(cell)
    return cell if value is None else "" if np.isnan(value) else f"{value:.15g}"


def _text_column(values: NDArray[Any], words: dict[int, str]) -> NDArray[Any]:
    """Return a column as text: `words` at their rows, and `values` at all others."""
    texts = ["" if np.isnan(value) else f"{value:.15g}" for value in values.tolist()]
    for row, word in words.items():
        texts[row] = word
    return np.array(texts)


def _fitting(
    path: Path, line: int, names: tuple[str, ...], lines: NDArray[Any], width: int, row_names: bool, notes: list[str]
) -> tuple[str, ...]:
    """Return one name per column. R writes no name above its row names; an empty name is added for them.

    Raises:
        DataError: There are more or fewer names than columns, or one name occurs twice.
    """
    if names and names[0] and len(names) == width - 1 and row_names:
        notes.append("the header has one name fewer than there are columns, so the first column has no name")
        names = ("", *names)
    if names and len(names) != width:
        raise DataError(
            f"{path}, line {lines[0]}: expected {counted(len(names), 'column')} as in the header, received {width}"
        )
    names = (*names[:1], *(name or f"column {k}" for k, name in enumerate(names[1:], 2)))
    first: dict[str, int] = {}
    for at, name in enumerate(names, 1):
        if name and first.setdefault(name, at) != at:
            raise DataError(
                f"{path}, line {line}, column {at}: expected a different name for each column, received {name[:20]!r} "
                f"as in column {first[name]}"
            )
    return names
