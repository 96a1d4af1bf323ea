"""Equations as texts with names in braces: shown with letters filled in, computed with numbers filled in.

    "{beta1} * {m} + (1 - {beta1}) * {grad}"

They are written as in a book: ``x²``, ``β^t``, ``√(v)``, ``|g|``, ``ln(a)``, ``max(u, v)``, ``sign(m)``.  `value_of`
computes an equation, so that `digits_for` can find how many digits a reader needs to compute the same result.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..text import number

HOLE = re.compile(r"\{([^{}]+)\}")
FUNCTIONS: dict[str, Any] = {
    "__builtins__": {},
    "ln": np.log,
    "sqrt": np.sqrt,
    "sign": np.sign,
    "max": max,
    "min": min,
    "abs": abs,
    "e": math.e,
}
AS_PYTHON = (
    (re.compile(r"√(v\d+_)"), r"sqrt(\1)"),
    (re.compile(r"√\("), "sqrt("),
    (re.compile(r"\|([^|]+)\|"), r"abs(\1)"),
    (re.compile("²"), "**2"),
    (re.compile(r"\^"), "**"),
)
DIGITS = 5  # of a result
EQUAL_UP_TO = 7  # digits that may be tried to reach exactly the result
AT_MOST = 9  # digits that may be tried to reach the result up to its last digit


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace the names in braces by texts."""
    return HOLE.sub(lambda hole: values[hole[1]], template)


def names_in(template: str) -> list[str]:
    """Return the names in braces, each once, in their order."""
    return list(dict.fromkeys(HOLE.findall(template)))


def fill_numbers(template: str, values: Mapping[str, str]) -> str:
    """Replace the names in braces by numbers, with brackets before a power if needed; "+ -2" becomes "- 2", -0 is 0."""

    def written(hole: re.Match[str]) -> str:
        text = values[hole[1]]
        raised = template[hole.end() : hole.end() + 1] in ("²", "^")
        return f"({text})" if raised and ("e" in text or text.startswith("-")) else text

    text = HOLE.sub(written, template)
    text = re.sub(r"(?<=\S )\+ -(?=[\d.])", "- ", text).replace("+ +", "+ ")
    text = re.sub(r"^-0(?= )", "0", text)
    return re.sub(r"(?<=\S )- -(?=[\d.])", "+ ", text)


def fill_columns(template: str, values: Mapping[str, str]) -> str:
    """Replace the names in braces by numbers that are aligned in columns; "+ -2" becomes "- 2"."""
    text = fill(template, values)
    return re.sub(r"\+ +-(?=[\d.])(\S+)", lambda found: "- " + found[1].rjust(10), text)


@np.errstate(all="ignore")
def value_of(template: str, numbers: Mapping[str, float]) -> float | None:
    """Return the value of an equation; None if it contains an unknown function, such as ``relu``."""
    names = names_in(template)
    source = fill(template, {name: f"v{k}_" for k, name in enumerate(names)})
    for pattern, python in AS_PYTHON:
        source = pattern.sub(python, source)
    try:
        values = {f"v{k}_": np.float64(numbers[name]) for k, name in enumerate(names)}
        return float(eval(source, FUNCTIONS | values))  # the source is trusted: the equation of a class
    except (KeyError, NameError, SyntaxError, TypeError):
        return None


def digits_for(template: str, numbers: Mapping[str, float], value: float, digits: int = DIGITS) -> int:
    """Return how many digits the numbers need for a computation with them to give `value` to `digits` digits."""
    if not math.isfinite(value):
        return digits
    shown = number(value, digits)
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1) if value else 0.0
    near = AT_MOST
    for tried in range(AT_MOST, digits - 1, -1):
        got = value_of(template, {name: float(number(each, tried)) for name, each in numbers.items()})
        if got is None:
            return digits
        if abs(got - float(shown)) <= unit:
            near = tried
    for tried in range(digits, EQUAL_UP_TO + 1):
        got = value_of(template, {name: float(number(each, tried)) for name, each in numbers.items()})
        if got is not None and number(got, digits) == shown:
            return tried
    return near
