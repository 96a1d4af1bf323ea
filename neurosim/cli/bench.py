"""``bench``: measure the speed of neurosim and of other libraries on the same work."""

from __future__ import annotations

import argparse

from scenarios.bench.cases import choose_cases, choose_competitors, choose_peers
from scenarios.bench.command import MODES, ROUNDS, measure

from .. import data as datasets
from ..files.atomic import writable_folder
from ..text import command_line
from .options import DATA, at_least, place
from .terminal import makes_files


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `bench`."""
    parser.add_argument(
        "--cases",
        default="small",
        metavar="NAMES",
        help="small: two cases. all: the ten cases of dense networks. conv: two cases of a convolutional network like "
        "LeNet. Or names as in the table, separated by commas [%(default)s]",
    )
    parser.add_argument(
        "--peers",
        metavar="NAMES",
        help="libraries to compare with: sklearn (without convolution), torch, jax, separated by commas, or none [all "
        "that are installed]",
    )
    parser.add_argument(
        "--rounds",
        type=at_least(1),
        default=ROUNDS,
        metavar="N",
        help="number of rounds; more rounds are more exact [%(default)s]",
    )
    parser.add_argument(
        "--threads", type=at_least(1), metavar="N", help="threads per library [for each, the fastest number]"
    )
    group = parser.add_argument_group("instead of the comparison")
    modes = group.add_mutually_exclusive_group()
    for mode, does in MODES.items():
        modes.add_argument(f"--{mode}", action="store_true", help=does)
    group = parser.add_argument_group("data and results")
    group.add_argument("--data", default=DATA, metavar="NAME", help="images to train on, as in train [%(default)s]")
    group.add_argument("--offline", action="store_true", help="do not download anything")
    group.add_argument("--fresh", action="store_true", help="measure all cases again, also those that are finished")
    group.add_argument(
        "--out", type=place, default="results/bench", metavar="DIR", help="folder to write to [%(default)s]"
    )


def run(arguments: argparse.Namespace) -> None:
    """Measure the speed of neurosim, scikit-learn, PyTorch and JAX on the same work."""
    makes_files()
    cases, peers = choose_cases(arguments.cases), choose_peers(arguments.peers)
    mode = next((name for name in MODES if getattr(arguments, name)), None)
    folder = writable_folder(arguments.out)
    train, _ = datasets.load(arguments.data, offline=arguments.offline)
    measure(
        mode,
        cases,
        choose_competitors(peers),
        train,
        arguments.rounds,
        folder,
        command_line(*arguments.words),
        arguments.threads,
        arguments.fresh,
    )
