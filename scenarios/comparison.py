"""A user's own comparison: any settings, every combination of their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from itertools import product
from typing import Any

from neurosim.checks import check_count
from neurosim.errors import NeurosimError
from neurosim.registry import unknown
from neurosim.text import listing
from neurosim.training.settings import ALIASES, Settings

from .protocol.scenario import Scenario, Variant

OPTION = "--vary"
SIZE = "train_size"  # may be varied as well, though it is not in `Settings`


def comparison(varied: Sequence[str], base: Settings, baseline: str | None = None) -> Scenario:
    """Return the scenario that compares all combinations of the values given.

    Args:
        varied: "name=value,value"; if values hold commas, semicolons separate them: "hidden=128,64;32".
        base: the settings that all variants share.
        baseline: the name of the variant that the others are compared with; None: the first, or none if two settings
            are varied, because then each is compared with each.

    Raises:
        NeurosimError: an unknown setting, a wrong value, a setting that is given twice, or fewer than two variants.

    Example:
        >>> comparison(["optimizer=sgd,adam"], Settings()).baseline
        'optimizer sgd'
    """
    choices = dict(_choices(text) for text in varied)
    if len(choices) < len(varied):
        raise NeurosimError(f"{OPTION}: expected each setting once, received {' and '.join(varied)}")
    variants = tuple(
        _variant(dict(zip(choices, combination, strict=True))) for combination in product(*choices.values())
    )
    if len(variants) < 2:
        raise NeurosimError(
            f"{OPTION}: expected at least two values to compare, such as optimizer=sgd,adam; received "
            f"{' and '.join(varied) or 'none'}"
        )
    for each in variants:
        base.change(**each.settings)  # an impossible combination is found before anything runs
    names = [each.name for each in variants]
    if baseline is not None and baseline not in names:
        raise unknown("baseline", baseline, names)
    what = listing(list(choices))
    written = {setting: tuple(text for text, _ in values) for setting, values in choices.items()}
    grid = written if len(written) == 2 and min(map(len, written.values())) > 1 else {}
    sizes = [each.train_size for each in variants if each.train_size is not None]
    return Scenario(
        name=f"compare-{'-'.join(choices)}",
        question=f"What does the choice of {what} change?",
        what_to_watch=f"{len(variants)} variants differ only in {what}, and in defaults that follow from this choice. "
        "Compare the dots of single seeds before you believe an order of the means."
        + (
            " Then look at the map of the interaction: does the effect of one setting depend on the other?"
            if grid
            else ""
        ),
        variants=variants,
        baseline=baseline or ("" if grid else names[0]),
        grid=grid,
        base=base,
        train_size=max(sizes, default=Scenario.train_size),
    )


def setting_of(text: str) -> str:
    """Return the setting that "name=value,value" varies, by its name in `Settings`."""
    name = text.partition("=")[0].strip().replace("-", "_")
    return ALIASES.get(name, name)


def _choices(text: str) -> tuple[str, list[tuple[str, Any]]]:
    """Return a setting, and its values: as they were written, and as they were read."""
    name, (_, equals, values) = setting_of(text), text.partition("=")
    readers = {each.name: each.metadata["read"] for each in fields(Settings)}
    readers[SIZE] = lambda label, value: check_count(label, int(value) if value.isdigit() else value)
    if not equals:
        raise NeurosimError(
            f"{OPTION}: expected a setting and its values, such as optimizer=sgd,adam; received {text!r}"
        )
    if name not in readers:
        raise unknown("setting", name, readers)
    written = [each.strip() for each in values.split(";" if ";" in values else ",") if each.strip()]
    read = [readers[name](f"{OPTION} {name}", each) for each in written]
    for k, value in enumerate(read):
        if value in read[:k]:
            raise NeurosimError(f"{OPTION} {name}: expected different values, received {written[k]} twice")
    return name, list(zip(written, read, strict=True))


def _variant(chosen: dict[str, tuple[str, Any]]) -> Variant:
    """Return the variant of one combination: setting -> (as written, as read)."""
    name = ", ".join(f"{setting} {written}" for setting, (written, _) in chosen.items())
    values = {setting: value for setting, (_, value) in chosen.items()}
    return Variant(name, {key: value for key, value in values.items() if key != SIZE}, values.get(SIZE))
