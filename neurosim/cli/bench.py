"""``bench``: how fast neurosim is, beside what a user would take instead."""

from __future__ import annotations

import argparse

from scenarios.bench.cases import choose_cases, choose_competitors, choose_peers
from scenarios.bench.command import MODES, ROUNDS, measure

from .. import data as datasets
from ..checks import check_count
from ..files.atomic import writable_folder
from ..text import command_line
from .options import DATA, at_least, place
from .terminal import makes_files


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of `bench`."""
    parser.add_argument(
        "--cases",
        default="small",
        metavar="NAMES",
        help="small (two of all), all (ten dense networks), conv (a convolutional one, LeNet-like, beside these), or "
        "names as in the table, with commas between them [%(default)s]",
    )
    parser.add_argument(
        "--peers",
        metavar="NAMES",
        help="sklearn (has no convolution), torch, jax, with commas between them, or none [those that are installed]",
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, metavar="N", help="rounds, the more the surer [%(default)s]"
    )
    parser.add_argument(
        "--threads", type=at_least(1), metavar="N", help="of every competitor [the number that each is fastest with]"
    )
    group = parser.add_argument_group("instead of the comparison")
    modes = group.add_mutually_exclusive_group()
    for mode, does in MODES.items():
        modes.add_argument(f"--{mode}", action="store_true", help=does)
    group = parser.add_argument_group("data and results")
    group.add_argument("--data", default=DATA, metavar="NAME", help="images to train on, as in train [%(default)s]")
    group.add_argument("--offline", action="store_true", help="never download")
    group.add_argument(
        "--fresh", action="store_true", help="begin anew, even if some of the cases are finished already"
    )
    group.add_argument("--out", type=place, default="results/bench", metavar="DIR", help="where to write [%(default)s]")


def run(arguments: argparse.Namespace) -> None:
    """Measure how fast neurosim is, beside scikit-learn, PyTorch and JAX on the same work."""
    makes_files()
    rounds = check_count("--rounds", arguments.rounds)
    cases, peers = choose_cases(arguments.cases), choose_peers(arguments.peers)
    mode = next((name for name in MODES if getattr(arguments, name)), None)
    folder = writable_folder(arguments.out)
    train, _ = datasets.load(arguments.data, offline=arguments.offline)
    measure(
        mode,
        cases,
        choose_competitors(peers),
        train,
        rounds,
        folder,
        command_line(*arguments.words),
        arguments.threads,
        arguments.fresh,
    )
