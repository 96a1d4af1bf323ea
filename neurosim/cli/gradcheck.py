"""``gradcheck``: compare the gradient of every activation, loss and layer with central differences."""

from __future__ import annotations

import argparse
import sys

from ..analysis.gradcheck import check_everything
from .options import at_least
from .terminal import WIDTH


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `gradcheck`."""
    parser.add_argument(
        "--seed", type=at_least(0), default=0, metavar="N", help="seed of weights and samples [%(default)s]"
    )


def run(arguments: argparse.Namespace) -> None:
    """Compare the gradient of every activation, loss and layer with central differences."""
    print(f"{'gradient of':<48}{'relative error':>15}{'numbers':>9}\n{'-' * WIDTH}")
    failed = count = 0
    for kind, name, result in check_everything(arguments.seed):
        verdict = "ok" if result.passed else "WRONG"
        print(f"{kind + ' ' + name:<48}{result.max_relative_error:>15.1e}{result.checked:>9}  {verdict}", flush=True)
        failed += not result.passed
        count += 1
    print("-" * WIDTH)
    print(f"{count - failed} of {count} agree with central differences (relative error at most {result.tolerance:g})")
    if failed:
        sys.exit(1)
