"""A finding that has something to say of each variant: a sentence where they are few, a table where they are many."""

from __future__ import annotations

from collections.abc import Sequence

from neurosim.text import listing

MANY = 5  # variants: from so many on a sentence is a heap of numbers
AND = " and "


class Listed(str):
    """A finding with a table. As a string it is what the terminal shows: the lead, and the rows in columns below it.

    Attributes:
        lead: the sentence in front of the table.
        header: the names of its columns.
        rows: its rows, the first cell of each naming it.
        end: what is to be said after it; "": nothing.
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
    """What there is to say of each: a sentence where there are fewer than `MANY`, otherwise a table.

    Args:
        lead: what is said of them; a colon follows.
        header: the names of the columns.
        rows: a cell for each column.
        form: how the cells of a row stand in a sentence.
        joint: what stands between rows in a sentence; `AND`: a comma, and "and" before the last.
        end: a sentence to follow.

    Example:
        >>> of_each("Accuracy", ("variant", "%"), [("sgd", "97.1"), ("adam", "97.4")])
        'Accuracy: sgd 97.1, adam 97.4.'
    """
    if len(rows) >= MANY:
        return Listed(lead, header, rows, end)
    items = [form.format(*row) for row in rows]
    text = f"{lead}: {listing(items) if joint == AND else joint.join(items)}."
    return f"{text} {end}" if end else text


def in_columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines, their cells below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
