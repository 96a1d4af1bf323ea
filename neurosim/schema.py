"""Rules for the content of files: every number, text and array that is read is checked against a rule.

    ROW = record({"epoch": count(1), "loss": number()}, others=number(nan=True))
    hold("history", listed(ROW), rows)

A rule is a function of a place and a value; the place names the value in a message. It raises a `NeurosimError` of one
line if the value does not follow the rule; otherwise it does nothing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .errors import NeurosimError

Rule = Callable[[str, Any], None]

MOST = 2**53  # the largest count: a float is exact up to it, too


def brief(what: object) -> str:
    """Return a text from a file, or an error about it, on one line and short enough for a message."""
    text = " ".join(str(what).split())
    return text if len(text) <= 120 else f"{text[:117]}..."


def refuse(place: str, expected: str, value: Any) -> NeurosimError:
    """Make the error for a value that is not the expected one."""
    received = f"an array of shape {value.shape}, {value.dtype}" if isinstance(value, np.ndarray) else repr(value)
    return NeurosimError(f"{brief(place)}: expected {expected}, received {brief(received)}")


def anything(place: str, value: Any) -> None:
    """Allow any value: other code checks it."""


def plain(place: str, value: Any) -> None:
    """Allow any value that JSON can hold, and no other; other code checks it further."""
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
    """Make a rule: a number from `low` to `high`."""
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
    """Make a rule: a whole number from `low` to `high`."""

    def rule(place: str, value: Any) -> None:
        if type(value) is not int or not low <= value <= high:
            raise refuse(place, f"a whole number from {low} to {high}", value)

    return rule


def text(place: str, value: Any) -> None:
    """Allow a text that can be written. The name of a file may be other than UTF-8."""
    try:
        value.encode("utf-8", "surrogateescape")
    except (AttributeError, UnicodeEncodeError):
        raise refuse(place, "a text", ascii(value)) from None


def flag(place: str, value: Any) -> None:
    """Allow true or false."""
    if type(value) is not bool:
        raise refuse(place, "true or false", value)


def one_of(*choices: Any) -> Rule:
    """Make a rule: one of these values, with the same type."""

    def rule(place: str, value: Any) -> None:
        if not any(type(value) is type(each) and value == each for each in choices):
            raise refuse(place, f"one of {', '.join(map(repr, choices))}", value)

    return rule


def optional(rule: Rule) -> Rule:
    """Make a rule: None, or a value that follows `rule`."""

    def of_none(place: str, value: Any) -> None:
        if value is not None:
            rule(place, value)

    return of_none


def listed(rule: Rule, least: int = 0, most: float = math.inf) -> Rule:
    """Make a rule: a list of `least` to `most` values that follow `rule`."""

    def of_list(place: str, value: Any) -> None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise refuse(place, "a list" if most == math.inf else f"a list of {least} to {most}", value)
        for k, each in enumerate(value):
            rule(f"{place}/{k}", each)

    return of_list


def unlike(rule: Rule, most: float = math.inf) -> Rule:
    """Make a rule: a list in which no value occurs twice."""

    def of_set(place: str, value: Any) -> None:
        listed(rule, most=most)(place, value)
        if len(set(value)) < len(value):
            raise refuse(place, "a list in which no value occurs twice", value)

    return of_set


def record(rules: Mapping[str, Rule], others: Rule | None = None, left_out: Mapping[str, Rule] | None = None) -> Rule:
    """Make a rule: values by name.

    Args:
        rules: the rules of the values that must be there.
        others: the rule of values with other names; None: there must be none.
        left_out: the rules of values that may be missing.
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
    """Make a rule: an array.

    Args:
        kinds: the letters that its type may have, as in NumPy's ``dtype.kind``.
        shape: its shape, in which None means any length; None: any shape.
        low: the lower bound of its numbers. NaN is allowed unless `finite` is set.
        dtype: its type, in any byte order; None: any type of these kinds.
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
    """Check a value against a rule.

    Raises:
        NeurosimError: the value does not follow the rule, or is nested too deeply.
    """
    try:
        rule(place, value)
    except RecursionError:
        raise NeurosimError(f"{place}: expected a value that is nested less deeply") from None
