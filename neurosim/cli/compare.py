"""``compare``: compare settings of the user's choice: every combination, with several seeds."""

from __future__ import annotations

import argparse

from scenarios import Scenario
from scenarios.comparison import SIZE, comparison, setting_of

from ..errors import NeurosimError
from ..training.settings import Settings
from .experiment import add_experiment, run_and_report
from .options import add_settings, given_settings, option_of


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `compare`."""
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="NAME=A,B",
        help="a setting and its values to compare, e.g. optimizer=sgd,adam. If the values contain commas, separate "
        'them with semicolons: "hidden=128,64;32". The setting is train_size, or an option of "network and '
        'training" below. With several --vary, every combination is compared',
    )
    parser.add_argument(
        "--baseline",
        metavar="NAME",
        help='variant to compare the others with, e.g. "optimizer sgd" [the first; none with two --vary]',
    )
    add_experiment(parser, str(Scenario.train_size))
    add_settings(parser)


def run(arguments: argparse.Namespace) -> None:
    """Compare settings of the user's choice: every combination, with several seeds."""
    given = given_settings(arguments)
    varied = [setting_of(text) for text in arguments.vary]
    both = [name for name in varied if name in given or (name == SIZE and arguments.train_size is not None)]
    if both:
        raise NeurosimError(f"--vary {both[0]}: expected no {option_of(both[0])} with it, received both")
    own = comparison(arguments.vary, Settings(**given), arguments.baseline)
    if SIZE in varied:
        arguments.train_size = own.train_size
    run_and_report(arguments, [(own, {})])
