"""A finding with a number for each variant: a sentence if there are few variants, a table if there are many."""

from __future__ import annotations

from collections.abc import Sequence

from neurosim.text import listing

MANY = 5  # rows from which a finding is a table
LONG = 24  # words that a sentence with rows may have
AND = " and "


class Listed(str):
    """A finding with a table. As a string it is what the terminal shows: the lead, and the rows in columns below it.

    Attributes:
        lead: the sentence in front of the table.
        header: the names of its columns.
        rows: its rows, the first cell of each naming it.
        end: a sentence after the table; "": none.
    """

    lead: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    end: str

    def __new__(cls, lead: str, header: Sequence[str], rows: Sequence[Sequence[str]], end: str = "") -> Listed:
        table = [tuple(header), *map(tuple, rows)]
        lines = [f"{lead}:", *(f"  {line}" for line in in_columns(table)), *([end] if end else [])]
        made = super().__new__(cls, "\n".join(lines))
        made.lead, made.header, made.rows, made.end = lead, table[0], table[1:], end
        return made


def of_each(
    lead: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    form: str = "{} {}",
    joint: str = ", ",
    end: str = "",
) -> str:
    """Return a finding about each of several rows: a short sentence, or otherwise a table.

    It is a table from `MANY` rows on, or if the sentence would have more than `LONG` words.

    Args:
        lead: the beginning of the finding; a colon follows.
        header: the names of the columns.
        rows: a cell for each column.
        form: how the cells of a row stand in a sentence.
        joint: what stands between rows in a sentence; `AND`: a comma, and "and" before the last.
        end: a sentence to follow.

    Example:
        >>> of_each("Accuracy", ("variant", "%"), [("sgd", "97.1"), ("adam", "97.4")])
        'Accuracy: sgd 97.1, adam 97.4.'
    """
    items = [form.format(*row) for row in rows]
    text = f"{lead}: {listing(items) if joint == AND else joint.join(items)}."
    if len(rows) >= MANY or words(" ".join([lead.rpartition(". ")[2], *items])) > LONG:
        return Listed(lead, header, rows, end)
    return f"{text} {end}" if end else text


def words(text: str) -> int:
    """Count the words of a text; a lone sign is not a word."""
    return sum(any(map(str.isalnum, each)) for each in text.split())


def in_columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines, their cells below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
