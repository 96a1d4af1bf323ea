"""What may stand in a file, declared as a value: every number, text and array that is read is held to such a rule.

    ROW = record({"epoch": count(1), "loss": number()}, others=number(nan=True))
    hold("history", listed(ROW), rows)

A rule is a function of a place, which names the value in a message, and the value.  It raises a `NeurosimError` of one
line where the value is another than declared; otherwise it does nothing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .errors import NeurosimError

Rule = Callable[[str, Any], None]

MOST = 2**53  # the largest count: below it a float is exact, too


def brief(what: object) -> str:
    """A text from a file, or an error about it, on one line and not too long for a message."""
    text = " ".join(str(what).split())
    return text if len(text) <= 120 else f"{text[:117]}..."


def refuse(place: str, expected: str, value: Any) -> NeurosimError:
    """The error for a value that is another than expected."""
    received = f"an array of shape {value.shape}, {value.dtype}" if isinstance(value, np.ndarray) else repr(value)
    return NeurosimError(f"{brief(place)}: expected {expected}, received {brief(received)}")


def anything(place: str, value: Any) -> None:
    """Whatever it is: somebody else holds it to something."""


def plain(place: str, value: Any) -> None:
    """Whatever JSON can hold, and nothing else; somebody else holds it to more."""
    if isinstance(value, dict):
        for name, each in value.items():
            plain(f"{place}/{name}", each)
    elif isinstance(value, list):
        for k, each in enumerate(value):
            plain(f"{place}/{k}", each)
    elif isinstance(value, str):
        text(place, value)
    elif not (value is None or type(value) in (bool, int, float)):
        raise refuse(place, "a value that JSON has", value)


def number(low: float = -math.inf, high: float = math.inf, *, infinite: bool = False, nan: bool = False) -> Rule:
    """A number from `low` to `high`."""
    expected = f"a number from {low:g} to {high:g}" if math.isfinite(high) else f"a number of at least {low:g}"
    expected = "a number" if low == -math.inf and high == math.inf else expected

    def rule(place: str, value: Any) -> None:
        plain = type(value) in (int, float)
        if not plain or not (
            (nan and math.isnan(value)) or (low <= value <= high and (infinite or abs(value) <= sys.float_info.max))
        ):
            raise refuse(place, expected, value)

    return rule


def count(low: int = 0, high: int = MOST) -> Rule:
    """A whole number from `low` to `high`."""

    def rule(place: str, value: Any) -> None:
        if type(value) is not int or not low <= value <= high:
            raise refuse(place, f"a whole number from {low} to {high}", value)

    return rule


def text(place: str, value: Any) -> None:
    """A text that can be written; a name of a file that is not UTF-8 can be, too."""
    try:
        value.encode("utf-8", "surrogateescape")
    except (AttributeError, UnicodeEncodeError):
        raise refuse(place, "a text", ascii(value)) from None


def flag(place: str, value: Any) -> None:
    """True or false."""
    if type(value) is not bool:
        raise refuse(place, "true or false", value)


def one_of(*choices: Any) -> Rule:
    """One of these values, of its type."""

    def rule(place: str, value: Any) -> None:
        if not any(type(value) is type(each) and value == each for each in choices):
            raise refuse(place, f"one of {', '.join(map(repr, choices))}", value)

    return rule


def optional(rule: Rule) -> Rule:
    """Nothing, or what the rule says."""

    def of_none(place: str, value: Any) -> None:
        if value is not None:
            rule(place, value)

    return of_none


def listed(rule: Rule, least: int = 0, most: float = math.inf) -> Rule:
    """A list, of so many."""

    def of_list(place: str, value: Any) -> None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise refuse(place, "a list" if most == math.inf else f"a list of {least} to {most}", value)
        for k, each in enumerate(value):
            rule(f"{place}/{k}", each)

    return of_list


def unlike(rule: Rule, most: float = math.inf) -> Rule:
    """A list in which no value is twice."""

    def of_set(place: str, value: Any) -> None:
        listed(rule, most=most)(place, value)
        if len(set(value)) < len(value):
            raise refuse(place, "a list in which none is twice", value)

    return of_set


def record(rules: Mapping[str, Rule], others: Rule | None = None, left_out: Mapping[str, Rule] | None = None) -> Rule:
    """Values by name.

    Args:
        rules: those that have to be there.
        others: what any other may be; None: there is none.
        left_out: those that may be missing.
    """
    known = {**rules, **(left_out or {})}

    def of_record(place: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise refuse(place, "values by name", value)
        for name in rules:
            if name not in value:
                raise NeurosimError(f"{brief(place)}: expected {name} there, received {brief(list(value))}")
        for name, each in value.items():
            text(place, name)
            rule = known.get(name, others)
            if rule is None:
                raise NeurosimError(f"{brief(place)}: expected no {brief(repr(name))} there, received one")
            rule(f"{place}/{name}", each)

    return of_record


def array(
    kinds: str,
    shape: tuple[int | None, ...] | None = None,
    low: float = -math.inf,
    dtype: Any = None,
    finite: bool = False,
) -> Rule:
    """An array.

    Args:
        kinds: letters of its type, as NumPy's ``dtype.kind``.
        shape: a None is any length; None: any shape.
        low: of its numbers; NaN may be among them unless it has to be `finite`.
        dtype: its type, in any order of bytes; None: any of these kinds.
        finite: whether NaN and infinity are refused.
    """

    def rule(place: str, value: Any) -> None:
        fits = isinstance(value, np.ndarray) and value.dtype.kind in kinds
        fits = fits and (dtype is None or value.dtype.newbyteorder("=") == dtype)
        if fits and shape is not None:
            fits = len(value.shape) == len(shape) and all(
                wanted in (None, given) for wanted, given in zip(shape, value.shape, strict=True)
            )
        if not fits:
            size = "" if shape is None else f" of shape ({', '.join('any' if n is None else str(n) for n in shape)})"
            raise refuse(place, f"an array{size}, {dtype or kinds}", value)
        if finite and not np.isfinite(value).all():
            raise NeurosimError(f"{brief(place)}: expected finite numbers, received NaN or infinity")
        if low > -math.inf and (value < low).any():
            raise NeurosimError(f"{brief(place)}: expected numbers of at least {low:g}, received {value.min():g}")

    return rule


def hold(place: str, rule: Rule, value: Any) -> None:
    """Hold a value to a rule.

    Raises:
        NeurosimError: it is another, or nested too deep to be told.
    """
    try:
        rule(place, value)
    except RecursionError:
        raise NeurosimError(f"{place}: expected fewer values within each other") from None
