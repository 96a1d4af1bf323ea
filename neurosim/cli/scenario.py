"""``scenario``: run scenarios. Each one answers a question with a fair experiment."""

from __future__ import annotations

import argparse
from typing import Any

from scenarios import SCENARIOS, Scenario

from ..errors import NeurosimError
from ..registry import unknown
from ..text import counted, thousands
from .experiment import add_experiment, run_and_report
from .options import given_settings
from .terminal import wrapped

COURSE = ("activations", "losses", "optimizers")
QUICK: dict[str, Any] = {"epochs": 2}  # settings of --quick, unless the scenario has others
QUICK_SEEDS = 1
QUICK_TRAIN_SIZE = 2_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `scenario`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"scenarios to run [{' '.join(COURSE)}]")
    parser.add_argument("--all", action="store_true", help="run all scenarios")
    parser.add_argument("--list", action="store_true", help="list the scenarios with their questions")
    group = add_experiment(parser, f"the scenario's, mostly {Scenario.train_size}")
    group.add_argument("--epochs", metavar="N", help="passes over the training samples [the scenario's]")
    group.add_argument("--batch-size", metavar="N", help="samples per step [the scenario's]")
    group.add_argument(
        "--conv",
        metavar="FxK,poolS",
        help="convolutional and pooling layers before the hidden ones [the scenario's]",
    )
    group.add_argument("--hidden", metavar="W,W", help="widths of the hidden layers [the scenario's]")
    group.add_argument(
        "--quick",
        action="store_true",
        help=f"a small version: {counted(QUICK_SEEDS, 'seed')}, {thousands(QUICK_TRAIN_SIZE)} images, few epochs",
    )


def run(arguments: argparse.Namespace) -> None:
    """Run scenarios. Each one answers a question with a fair experiment."""
    if arguments.list:
        width = max(map(len, SCENARIOS)) + 2
        for each in SCENARIOS.values():
            print(wrapped(f"{each.name:<{width}}{each.question}", indent=width))
        return
    for name in arguments.names:
        if name not in SCENARIOS:
            raise unknown("scenario", name, SCENARIOS)
    if arguments.all and arguments.names:
        raise NeurosimError(f"--all: expected no names with it, received {' '.join(arguments.names)}")
    chosen = [SCENARIOS[name] for name in (SCENARIOS if arguments.all else dict.fromkeys(arguments.names or COURSE))]
    given = given_settings(arguments)
    if arguments.quick:
        quick = [(each, {**QUICK, **each.quick, **given}) for each in chosen]
        run_and_report(arguments, quick, QUICK_SEEDS, QUICK_TRAIN_SIZE)
    else:
        run_and_report(arguments, [(each, given) for each in chosen])
