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
from ..text import counted, thousands

MAX_LINE = 2**20  # characters: a row of 512 x 512 pixels
MAX_CELL = 200  # characters of a cell that is no number
MAX_TEXT = 2**31  # characters of a file, unpacked
CHUNK = 1000  # rows whose cells are text at once
SNIFFED = 50  # lines by which the file is judged
MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "<na>"}  # how files say that a cell has no value
SEPARATORS = {";": "semicolons", "\t": "tabs", ",": "commas", "|": "vertical bars", "": "blanks"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_EMPTY = " ,;\t|\r\n\f\v\x85\xa0\u2028\u2029"  # what empty rows consist of, as spreadsheets write them
_WORDS = re.compile(r'"([^"]*)"|(\S+)')
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
_OTHER_FORMATS = {
    b"\x80": "a pickle, which can run code when it is read: save its arrays with np.savez as x_train and y_train",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture: give the folder that has a folder of pictures for each class",
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
        path: of the file.
        coding: of its characters.
        separator: what stands between its cells; empty: blanks.
        skip: how many lines that are not blank stand before the rows.
    """

    path: Path
    coding: str
    separator: str = ","
    skip: int = 0

    def rows(self) -> Iterator[tuple[int, str]]:
        """The lines that hold rows, each with its number in the file from 1."""
        return islice(_filled_lines(self), self.skip, None)


@dataclass
class Grid:
    """The cells of a file, column by column.

    Attributes:
        layout: how the file is written.
        names: of the columns; empty: there is no header.
        values: (N, columns) numbers; NaN where a cell is missing or text.
        texts: number of a column -> its cells (N,), for each column with text in it; "" where one is missing.
        lines: (N,) the line of the file in which each row stands, from 1.
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
        """How a column is called in a message: by its name, or by its number from 1."""
        name = self.names[column] if self.names else ""
        return f"column {column + 1}" + (f" ({name[:40]})" if name else "")

    def only_text(self, column: int) -> bool:
        """Whether no cell of a column is a number."""
        return column in self.texts and not any(is_number(cell) for cell in set(self.texts[column].tolist()))

    def cell(self, row: int, column: int) -> str:
        """What stands in a cell, as in the file; for messages, since the file is read again."""
        line = next(line for number, line in self.layout.rows() if number == self.lines[row])
        return split(line, self.layout.separator)[column]


def read_grid(path: Path) -> Grid:
    """Read a file of rows: with commas, semicolons, tabs or blanks, with or without header, perhaps packed.

    Raises:
        DataError: The first fault of the file, with its line and column.
    """
    if file_size(path) == 0:
        raise DataError(f"{path}: expected rows of numbers, received an empty file")
    try:
        return _read(path, "utf-8-sig")
    except UnicodeDecodeError:
        grid = _read(path, "cp1252")
        grid.notes.insert(0, "it is not coded as UTF-8 and is read as Windows-1252")
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
        notes.append("every line ends in a separator, so the empty last column is left out")
    first = texts.get(0, values[:, 0])
    row_names = len(np.unique(first)) == len(first) > 2 and (0 in texts or bool((first == np.floor(first)).all()))
    names = _fitting(path, beginning.line, names, lines, width, row_names, notes)
    return Grid(layout, names, values, texts, lines, notes)


def read_header(path: Path) -> list[str]:
    """The names of the columns in the first line, or an empty list if it has none."""
    if file_size(path) == 0:
        raise DataError(f"{path}: expected rows of numbers, received an empty file")
    try:
        return list(_beginning(path, "utf-8-sig").names)
    except UnicodeDecodeError:
        return list(_beginning(path, "cp1252").names)


def split(line: str, separator: str) -> list[str]:
    """The cells of a line, without blanks and quotes around them; an empty separator stands for blanks."""
    if not separator:
        return [quoted.strip() or plain for quoted, plain in _WORDS.findall(line)]
    line = line.rstrip("\r\n")
    if '"' in line:
        (cells,) = csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True)
        return [cell.strip() for cell in cells]
    return [cell.strip() for cell in line.split(separator)]


def _split(path: Path, number: int, line: str, separator: str) -> list[str]:
    """The same, of a line that nobody has looked at yet.

    Raises:
        DataError: A quotation mark is left open, or something stands behind a closed one.
    """
    try:
        if line.count('"') % 2:
            raise csv.Error
        return split(line, separator)
    except csv.Error:
        raise DataError(
            f"{path}, line {number}: expected each quotation mark closed at the end of its cell, in the same line"
        ) from None


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


def _filled_lines(layout: Layout) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, numbered from 1, none longer than a row of pixels can be."""
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
                        f"{path}, line {number}: expected one sample a line, received a line of more than "
                        f"{thousands(MAX_LINE)} characters"
                    )
                if total > MAX_TEXT:
                    raise DataError(f"{path}: expected at most {thousands(MAX_TEXT)} characters, received more")
                if "\0" in line:
                    raise DataError(
                        f"{path}, line {number}: expected text as UTF-8, or as UTF-16 with its byte-order mark, "
                        "received a zero byte; save the file as CSV in UTF-8"
                    )
                if line.strip(_EMPTY):
                    yield number, line
        finally:
            text.detach()


@dataclass
class _Beginning:
    """What the first lines of a file say: its layout, the names of its columns and their line, which are text."""

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
    told = re.fullmatch(r"sep=(.)\s*", head[0][1], re.I) if head else None  # Excel writes and reads this
    head = head[bool(told) :]
    lines = [line for _, line in head]
    separator = told[1] if told and told[1] in SEPARATORS else _separator(lines)
    skip = _remarks(lines, separator, notes)
    rows = [_split(path, number, line, separator) for number, line in head[skip:]]
    if rows and lines[skip].startswith("#"):
        rows[0] = split(lines[skip].lstrip("# "), separator)
    if rows and len(rows[-1]) > 1 and all(re.fullmatch(r"\d+:\S+", cell) for cell in rows[-1][1:]):
        raise DataError(f"{path}: expected rows of numbers, received a file of LIBSVM (index:value): save it as CSV")
    names, numbered = _header(rows)
    if len(rows) == bool(names):
        raise DataError(f"{path}: expected rows of numbers, received no data")
    if numbered:
        notes.append("its first line counts the columns and is taken for their names")
    if separator != ",":
        notes.append(f"{SEPARATORS[separator]} stand between its cells")
    body = rows[bool(names) :]
    texts = [k for k in range(len(body[0])) if any(not _numeric(row[k]) for row in body if len(row) > k)]
    layout = Layout(path, coding, separator, bool(told) + skip + bool(names))
    return _Beginning(layout, names, head[skip][0], texts, notes)


def _separator(head: list[str]) -> str:
    """What stands between the cells: the first of semicolon, tab and comma that every line has equally often.

    Where none is that even, the one that the first line has; where there is none at all, blanks.
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
    """Whether blanks divide all lines into equally many cells, and commas stand inside of numbers only."""
    rows = [line.split() for line in lines]
    inside = all(_DECIMAL_COMMA.fullmatch(cell) for row in rows for cell in row if "," in cell)
    return inside and len({len(row) for row in rows}) == 1 and len(rows[0]) > 1


def _unquoted(line: str) -> str:
    """A line with an x for each cell in quotes."""
    return re.sub(r'"[^"]*"', "x", line).replace('"', "")


def _remarks(head: list[str], separator: str, notes: list[str]) -> int:
    """How many lines at the beginning are remarks: they start with # and have other columns than the rows."""
    count = next((k for k, line in enumerate(head) if not line.startswith("#")), 0)
    widths = [len(split(_unquoted(line).lstrip("# "), separator)) for line in head[max(count - 1, 0) : count + 1]]
    if count and widths[0] == widths[1]:
        count -= 1  # names, as np.savetxt writes them
    if count:
        what = "its first line is a remark" if count == 1 else f"its first {count} lines are remarks"
        notes.append(f"{what} and left out ({head[0].strip()[:40]})".replace(";", ","))
    return count


def _header(rows: list[list[str]]) -> tuple[tuple[str, ...], bool]:
    """The names in the first row, if it is a header; and whether it merely counts the columns.

    It is one where a cell is text above a column of numbers, where all its cells are different texts, or where it
    counts 0, 1, 2, … at least three columns.
    """
    if not rows:
        return (), False
    first = rows[0]
    words = [cell.lower() not in MISSING and not is_number(cell) for cell in first]
    numbered = len(first) > 2 and first == [str(k) for k in range(len(first))]
    if numbered:
        return tuple(first), True
    # an empty first cell stands above the row numbers that pandas writes
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
    """The lines that hold rows, and how many columns they all have."""
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
    """All cells: as bytes where they are that, as float64 otherwise; text apart.

    Args:
        layout: of the file.
        lines: (N,) the lines that hold rows.
        width: the number of columns.
        text_columns: those that hold text in the first rows.
        notes: what is unusual is added.
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
    """Columns of numbers by NumPy's quick reader; None where a cell is no number of that type."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # whatever NumPy would round or wrap
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
    """Columns of text (N,)."""
    found: list[list[str]] = [[] for _ in columns]
    known: dict[str, str] = {}  # one text for all cells that hold it
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
    """Refuse a long text: NumPy keeps as much memory for every cell as the longest of a column takes."""
    if len(cell) > MAX_CELL:
        raise DataError(
            f"{layout.path}, line {line}, column {column + 1}: expected a number or a name, received a text of "
            f"{thousands(len(cell))} characters ({cell[:20]}...)"
        )


def _decimal_commas(layout: Layout, notes: list[str]) -> bool:
    """Whether 0,5 is a half in this file.

    Raises:
        DataError: It could be a comma after the thousands; or there are decimal points, too.
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
            f"{layout.path}, {doubtful}, which may be a fraction or thousands; write it without comma, or with a point"
        )
    if certain:
        for number, line in layout.rows():
            for k, cell in enumerate(split(line, layout.separator) if "." in line else ()):
                if is_number(cell) and "." in cell:
                    raise DataError(
                        f"{layout.path}, line {number}, column {k + 1}: expected decimal commas as in other cells, "
                        f"received {cell[:20]}; write all with a point, and none for thousands"
                    )
        notes.append("commas in its numbers are decimal points")
    return certain


def _numbers(cells: Sequence[str], decimal_commas: bool, start: int, words: dict[int, str]) -> NDArray[Any]:
    """Cells of one column as numbers, NaN where there is none; what is text is added to `words`, by its row."""
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
    """A cell as a number, NaN if it is missing, None if it is text or too large."""
    if cell.lower() in MISSING:
        return np.nan
    if decimal_commas and _DECIMAL_COMMA.fullmatch(cell):
        cell = cell.replace(",", ".")
    value = float(cell) if is_number(cell) else np.inf
    return value if np.isfinite(value) else None


def _as_text(cell: str) -> str:
    """A cell of a column of text: a number in its shortest form, "" where nothing is."""
    value = value_of(cell)
    return cell if value is None else "" if np.isnan(value) else f"{value:.15g}"


def _text_column(values: NDArray[Any], words: dict[int, str]) -> NDArray[Any]:
    """A column of which some cells are words and the others these values, as text."""
    texts = ["" if np.isnan(value) else f"{value:.15g}" for value in values.tolist()]
    for row, word in words.items():
        texts[row] = word
    return np.array(texts)


def _fitting(
    path: Path, line: int, names: tuple[str, ...], lines: NDArray[Any], width: int, row_names: bool, notes: list[str]
) -> tuple[str, ...]:
    """The names, as many as columns: with an empty one for the names of the rows, where R left it out.

    Raises:
        DataError: They are more or fewer, or one stands there twice.
    """
    if names and names[0] and len(names) == width - 1 and row_names:
        notes.append("its header has one name less than there are columns, so the first column is without")
        names = ("", *names)
    if names and len(names) != width:
        raise DataError(
            f"{path}, line {lines[0]}: expected {counted(len(names), 'column')}, as the header, received {width}"
        )
    names = (*names[:1], *(name or f"column {k}" for k, name in enumerate(names[1:], 2)))
    first: dict[str, int] = {}
    for at, name in enumerate(names, 1):
        if name and first.setdefault(name, at) != at:
            raise DataError(
                f"{path}, line {line}, column {at}: expected another name for each column, received {name[:20]!r} "
                f"as in column {first[name]}"
            )
    return names
