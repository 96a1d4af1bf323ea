"""Options that several commands share, and how their values are read.

The default that help shows is the default that is used. ``[%(default)s]`` is filled in by argparse; every other default
is a constant that the command fills in.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from ..activations import ACTIVATIONS
from ..checks import check_count
from ..compiled import ENGINES
from ..data import NAMES
from ..errors import NeurosimError
from ..initializers import INITIALIZERS
from ..optimizers import OPTIMIZERS
from ..registry import Registry
from ..schedules import SCHEDULES
from ..text import listing
from ..training.settings import CONSTANT, HELD_OUT_TEXT, Settings

DATA = "auto"
OF_A_MODEL = "auto: mnist if found. With --model, name the data that the network was trained on"
MIN_TRAIN_SIZE = 10  # images: fewer teach nothing
OF_A_LOADED_NETWORK = ("optimizer", "learning_rate", "batch_size", "augment")  # settings that it can be given

NAMED: dict[str, Registry[Any]] = {  # settings whose help lists the names that they can have
    "activation": ACTIVATIONS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "initializer": INITIALIZERS,
}

READING = {  # option -> the name of its value, and its help text
    "label_column": ("NAME", "column with the labels: its name, its number, first or last [found from the data]"),
    "target": (
        "NAME,NAME",
        "columns of numbers that the network predicts instead of classes (train it with --loss mse)",
    ),
    "one_hot": ("NAME,NAME", "columns to write as one-hot columns of 0 and 1, such as columns of text"),
    "missing": (
        "WAY",
        "empty cells: mean (of the column in the training set) or drop (leave the row out) [an error]",
    ),
    "scale": (
        "HOW",
        "how to scale the inputs: auto, standardize, none, or a factor [auto: pixels to 0..1, other features "
        "standardized]",
    ),
    "split_seed": ("N", "seed that chooses the test rows if there is no test set [0]"),
    "transpose": ("{yes,no}", "exchange the rows and columns of each picture [yes for files of EMNIST]"),
}


def place(text: str) -> str:
    """Read the name of a file or a folder; refuse "", which would mean the current folder. An argument type."""
    if not text:
        raise argparse.ArgumentTypeError("expected the name of a file or a folder, received an empty name")
    return text


def at_least(low: int) -> Callable[[str], int]:
    """Make an argument type: a whole number of at least `low`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if number < low:
            raise argparse.ArgumentTypeError(f"expected a whole number of at least {low}, received {text!r}")
        return number

    return read


def share(text: str) -> float:
    """Read a number between 0 and 1. An argument type."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a share between 0 and 1, such as 0.1, received {text!r}")
    return value


def add_sample_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that choose training samples: how many, and which share to validate on."""
    group.add_argument(
        "--train-size", type=at_least(MIN_TRAIN_SIZE), metavar="N", help="number of training samples [all]"
    )
    group.add_argument(
        "--validation",
        type=share,
        metavar="SHARE",
        help="share of the training samples to keep as validation set, e.g. 0.1 "
        f"[none; {HELD_OUT_TEXT} if the training needs one]",
    )


def add_data_options(parser: argparse.ArgumentParser, default: str = DATA, *, classes_only: bool = False) -> None:
    """Add the options that choose the data. `default` describes the default in the help.

    Commands that compare accuracies take classes only. They refuse numbers to predict, and do not list --target.
    """
    group = parser.add_argument_group("data")
    group.add_argument(
        "--data", metavar="NAME", default=DATA, help=f"{', '.join(NAMES)}, or the path of your own files [{default}]"
    )
    group.add_argument("--offline", action="store_true", help="do not download anything")
    group = parser.add_argument_group("how to read your own files")
    for name, (metavar, text) in READING.items():
        hidden = classes_only and name == "target"
        group.add_argument(option_of(name), metavar=metavar, help=argparse.SUPPRESS if hidden else text)


def _whole(text: str) -> Any:
    """Return a text as a whole number, or unchanged if it is not one."""
    return int(text) if text.isdecimal() else text


def reading(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options for reading your own files, as arguments of `neurosim.data.load`.

    Raises:
        NeurosimError: an option has a wrong value.
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


def add_computing(parser: argparse.ArgumentParser, trains: bool = True) -> None:
    """Add the options of every command that computes, and of those that train. They are in force until it ends."""
    if trains:
        parser.add_argument(
            "--engine",
            choices=ENGINES,
            help="what computes a training step: NumPy, or code that numba compiles [auto: compiled if numba is "
            "installed]",
        )
    parser.add_argument(
        "--threads",
        type=at_least(1),
        metavar="N",
        help="number of threads; without numba, more than 1 is slow on a busy machine [1]",
    )


def add_settings(parser: argparse.ArgumentParser, defaults: Mapping[str, Any] = {}) -> None:
    """Add an option for every setting of a run.

    Args:
        parser: the parser of the command.
        defaults: the command's own defaults. Help shows them; the command must fill them in itself.
    """
    group = parser.add_argument_group("network and training")
    for each in fields(Settings):
        default = defaults.get(each.name, CONSTANT if each.name == "schedule" else each.default)
        kind: dict[str, Any] = {"nargs": "?", "const": "yes"} if isinstance(default, bool) else {}
        group.add_argument(
            option_of(each.name),
            metavar=each.metadata["metavar"],
            help=with_names(each.name, each.metadata["help"]) + default_text(default, each.metadata["help"]),
            **kind,
        )


def with_names(setting: str, help_text: str) -> str:
    """Return the help of a setting with the names that it can have, before the default that the help text contains."""
    if setting not in NAMED:
        return help_text
    text, bracket, default = help_text.partition(" [")
    return f"{text}: {listing(list(NAMED[setting]), 'or')}{bracket}{default}"


def refuse_with_model(given: Mapping[str, Any], others: Sequence[str]) -> None:
    """Refuse options for a new network if a saved network is loaded.

    Args:
        given: the settings that the command line names.
        others: the names of its other options for training.

    Raises:
        NeurosimError: an option is for a new network.
    """
    of_training = [*(name for name in given if name not in OF_A_LOADED_NETWORK), *others]
    if of_training:
        raise NeurosimError(
            f"{option_of(of_training[0])}: expected a new network, received --model; leave one of the two out"
        )


def option_of(setting: str) -> str:
    """Return the option for a setting or another argument: "batch_size" as "--batch-size"."""
    return "--" + setting.replace("_", "-")


def default_text(default: object, help_text: str) -> str:
    """Return a default as help shows it, " [64]"; "" if the help text contains it already."""
    if "[" in help_text or default is None:
        return ""
    if isinstance(default, tuple):
        return f" [{','.join(map(str, default))}]"
    return f" [{'no' if default is False else f'{default:g}' if isinstance(default, float) else default}]"


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line names. Each is checked alone, so that an error names its option.

    Raises:
        NeurosimError: a setting has a wrong value.
    """
    given = {}
    for each in fields(Settings):
        value = getattr(arguments, each.name, None)
        if value is not None:
            given[each.name] = each.metadata["read"](option_of(each.name), value)
    return given
