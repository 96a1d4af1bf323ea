"""``compare``: any settings of a user's own, every combination, over several seeds."""

from __future__ import annotations

import argparse

from scenarios.comparison import SIZE, comparison, setting_of

from ..errors import NeurosimError
from ..training.settings import Settings
from .experiment import add_experiment, run_and_report
from .options import add_settings, given_settings, option_of


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of `compare`."""
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="NAME=A,B",
        help="a setting and the values to compare, e.g. optimizer=sgd,adam; where values hold commas, "
        'semicolons stand between them: "hidden=128,64;32". Any option below, or train_size. Several '
        "--vary: every combination",
    )
    parser.add_argument(
        "--baseline",
        metavar="NAME",
        help='the variant that the others are compared with, e.g. "optimizer sgd" [the first; none with two --vary]',
    )
    add_experiment(parser)
    add_settings(parser)


def run(arguments: argparse.Namespace) -> None:
    """Compare any settings of your own: every combination, over several seeds."""
    given = given_settings(arguments)
    varied = [setting_of(text) for text in arguments.vary]
    both = [name for name in varied if name in given or (name == SIZE and arguments.train_size is not None)]
    if both:
        raise NeurosimError(f"--vary {both[0]}: expected without {option_of(both[0])}, received both")
    own = comparison(arguments.vary, Settings(**given), arguments.baseline)
    if SIZE in varied:
        arguments.train_size = own.train_size
    run_and_report(arguments, [(own, {})])
