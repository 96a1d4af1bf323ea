"""Options that several commands share, and how their values are read.

A default that help shows is the one that is used: ``[%(default)s]`` where argparse fills it in, elsewhere the constant
that the command fills in.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from ..checks import check_count
from ..compiled import ENGINES
from ..data import NAMES
from ..errors import NeurosimError
from ..training.settings import Settings

DATA = "auto"
MIN_TRAIN_SIZE = 10  # images: fewer teach nothing
OF_A_LOADED_NETWORK = ("optimizer", "learning_rate", "batch_size", "augment")  # settings that make sense for one

READING = {  # option -> what its value is called, and what it says
    "label_column": ("NAME", "the column with the labels: its name or number, first, or last [found by evidence]"),
    "target": ("NAME,NAME", "columns of numbers to predict instead of classes; with --loss mse"),
    "one_hot": ("NAME,NAME", "columns whose values become columns of 0 and 1, such as text"),
    "missing": ("WAY", "empty cells: mean (of their column in training), or drop (their rows) [refused]"),
    "scale": (
        "HOW",
        "auto, standardize, none, or a number to multiply by [auto: pixels to 0..1, features standardized]",
    ),
    "split_seed": ("N", "draws the rows that are held out for testing where there is no test set [0]"),
    "transpose": ("YES", "whether to exchange rows and columns of pictures: yes or no [yes for files of EMNIST]"),
}


def place(text: str) -> str:
    """An argument type: the name of a file or a folder, which "" is not (and would be the current folder)."""
    if not text:
        raise argparse.ArgumentTypeError("expected the name of a file or a folder, received an empty one")
    return text


def at_least(low: int) -> Callable[[str], int]:
    """An argument type: a whole number of at least `low`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if number < low:
            raise argparse.ArgumentTypeError(f"expected a whole number of at least {low}, received {text!r}")
        return number

    return read


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Options that say which data to use."""
    group = parser.add_argument_group("data")
    group.add_argument(
        "--data", metavar="NAME", default=DATA, help=f"{', '.join(NAMES)}, or the path of your own files [{DATA}]"
    )
    group.add_argument("--offline", action="store_true", help="never download")
    group = parser.add_argument_group("how to read your own files")
    for name, (metavar, text) in READING.items():
        group.add_argument(option_of(name), metavar=metavar, help=text)


def _whole(text: str) -> Any:
    """The number that a text spells, or the text."""
    return int(text) if text.isdecimal() else text


def reading(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the command line says about reading own files, as `neurosim.data.load` takes it.

    Raises:
        NeurosimError: a value that an option cannot have.
    """
    given = {name: value for name in READING if (value := getattr(arguments, name, None)) is not None}
    for name in ("target", "one_hot"):
        if name in given:
            given[name] = tuple(part.strip() for part in given[name].split(",") if part.strip())
    if "split_seed" in given:
        given["split_seed"] = check_count("--split-seed", _whole(given["split_seed"]), 0)
    if "transpose" in given:
        if given["transpose"] not in ("yes", "no"):
            raise NeurosimError(f"--transpose: expected yes or no, received {given['transpose']!r}")
        given["transpose"] = given["transpose"] == "yes"
    return given


def add_computing(parser: argparse.ArgumentParser) -> None:
    """The options of every command that computes; what they say holds until the command ends."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        help="what runs training steps: NumPy, or code that numba compiles [auto: compiled where numba is installed]",
    )
    parser.add_argument(
        "--threads",
        type=at_least(1),
        metavar="N",
        help="to compute with; without numba more than 1 is slow on a busy machine [1]",
    )


def add_settings(parser: argparse.ArgumentParser, defaults: Mapping[str, Any] = {}) -> None:
    """An option for every setting of a run.

    Args:
        parser: of the command.
        defaults: the command's own. They are only shown: it has to fill them in where `given_settings` has none.
    """
    group = parser.add_argument_group("network and training")
    for each in fields(Settings):
        default = defaults.get(each.name, each.default)
        kind: dict[str, Any] = {"nargs": "?", "const": "yes"} if isinstance(default, bool) else {}
        group.add_argument(
            option_of(each.name),
            metavar=each.metadata["metavar"],
            help=each.metadata["help"] + default_text(default, each.metadata["help"]),
            **kind,
        )


def refuse_with_model(given: Mapping[str, Any], others: Sequence[str]) -> None:
    """Refuse what is for a network that is trained now, where one is loaded.

    Args:
        given: the settings that the command line names.
        others: the names of further options that it names, which are for training.

    Raises:
        NeurosimError: there is one.
    """
    of_training = [*(name for name in given if name not in OF_A_LOADED_NETWORK), *others]
    if of_training:
        raise NeurosimError(
            f"{option_of(of_training[0])} is for a network that is trained now: expected it without --model"
        )


def option_of(setting: str) -> str:
    """The option for a setting, or for any other argument of that name: "--batch-size"."""
    return "--" + setting.replace("_", "-")


def default_text(default: object, help_text: str) -> str:
    """A default as help shows it: " [64]"; nothing where the help text says it already."""
    if "[" in help_text or default is None:
        return ""
    if isinstance(default, tuple):
        return f" [{','.join(map(str, default))}]"
    return f" [{'no' if default is False else f'{default:g}' if isinstance(default, float) else default}]"


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that the command line names, checked one by one so that a message can name its option.

    Raises:
        NeurosimError: a value that a setting cannot have.
    """
    given = {}
    for each in fields(Settings):
        value = getattr(arguments, each.name, None)
        if value is not None:
            given[each.name] = each.metadata["read"](option_of(each.name), value)
    return given
