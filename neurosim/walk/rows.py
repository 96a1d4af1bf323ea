"""The rows of the stages of the walk, and the formats of their numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..text import column, number, probability, signed_short, thousands
from . import words
from .formula import DIGITS, digits_for, fill, fill_columns, fill_numbers

Form = Callable[[str, float], str]
"""A function that formats a number, given its name."""


def plural(key: str, count: float) -> str:
    """Return the key of the template for a count of one, or for any other count."""
    return f"{key}.one" if count == 1 else f"{key}.many"


def in_text(name: str, value: float) -> str:
    """Format a number in running text: five digits, or the number of digits in `words.DIGITS`."""
    return to_digits(words.DIGITS.get(name, DIGITS), name, value)


def to_digits(digits: int, name: str, value: float) -> str:
    """Format a number to `digits` digits; a count with all its digits."""
    if isinstance(value, int):
        return str(value) if name in words.PLAIN else thousands(value)
    return number(value, digits, sign=name in words.SIGNED)


def in_columns(name: str, value: float) -> str:
    """Format a number in ten columns, for numbers that are aligned below each other."""
    return column(value)


def in_figure(name: str, value: float) -> str:
    """Format a number in a picture: three digits, a true minus, and no rounding up to 1."""
    if isinstance(value, int):
        return in_text(name, value)
    return signed_short(value) if name in words.SIGNED else probability(value)


@dataclass(frozen=True)
class Row:
    """One line of a stage: numbers with their names.

    Attributes:
        kind: its entry in `words.ROWS`.
        name: its subject: an input, a neuron, a quantity.
        value: the result; ``None`` for a note.
        factors: name -> number, the numbers in its equation or in its note.
        names: name -> other texts for its sentences: the name of an activation, of a layer.
        template: a formula that replaces the one of its kind.
    """

    kind: str
    name: str = ""
    value: float | None = None
    factors: Mapping[str, float] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    template: str | None = None

    @property
    def role(self) -> str:
        """The role of the row in its stage: "term", "rest", "bias", "result", "note" and so on."""
        return words.ROWS[self.kind]["role"]

    @property
    def formula(self) -> str:
        """The equation with the names of its factors, such as ``w * x``; empty for a note."""
        return fill(self._equation, {name: words.SYMBOLS.get(name, name) for name in self.factors} | dict(self.names))

    @property
    def substituted(self) -> str:
        """The equation with the numbers filled in; for a note, its sentence."""
        if self._equation or self.value is not None:
            return self.with_numbers(self.exact)
        return self.line()

    @property
    def exact(self) -> Form:
        """The format of the equation's numbers: with enough digits to compute the value again."""
        digits = words.DIGITS["L"] if self.name == "L" else DIGITS
        if self.value is not None and self.role not in words.IN_COLUMNS:
            digits = digits_for(self._equation, self.factors, self.value, digits)
        return partial(to_digits, digits)

    @property
    def _equation(self) -> str:
        return words.ROWS[self.kind].get("formula", "") if self.template is None else self.template

    def with_numbers(self, form: Form) -> str:
        """Return the equation with the numbers filled in, in another format."""
        filled = fill_columns if form is in_columns else fill_numbers
        return filled(self._equation, self._filling(form))

    def steps(self, form: Form) -> list[tuple[str, str]]:
        """Return the factors of the equation, each with its sign: ("dL/da", "0.2"), ("* f'(z)", "1")."""
        found = re.findall(r"([^{}]*)\{([^{}]+)\}(\)*)", self._equation)
        return [(f"{sign.lstrip()}{name}{end}", form(name, self.factors[name])) for sign, name, end in found]

    def _filling(self, form: Form) -> dict[str, str]:
        filling = dict(self.names) | {name: form(name, value) for name, value in self.factors.items()}
        zero = self.factors.get("zero")
        if zero is not None and zero in (0, self.factors["count"]):
            filling["zero"] = "all" if zero else "none"  # "none of them zero"
        return filling

    def say(self, template: str, form: Form = in_text, name: str | None = None) -> str:
        """Fill any template with the numbers of this row, and with its name, formula and value."""
        own = {
            "name": self.name if name is None else name,
            "formula": self.formula,
            "substituted": self.with_numbers(self.exact if form is in_text else form),
            "value": "" if self.value is None else form(self.name if self.name == "L" else "value", self.value),
        }
        return fill(template, own | self._filling(form))

    def line(self, form: Form = in_text, name: str | None = None) -> str:
        """Return the row as a line of text."""
        return self.say(words.ROWS[self.kind]["line"], form, name)

    def caption(self, form: Form = in_text) -> str:
        """Return the row as a line below a picture."""
        kind = words.ROWS[self.kind]
        return self.say(kind.get("caption", kind["line"]), form)

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain numbers and texts, ready for JSON."""
        return {
            "name": self.name,
            "formula": self.formula,
            "factors": dict(self.factors),
            "substituted": self.substituted,
            "value": self.value,
            "role": self.role,
        }
