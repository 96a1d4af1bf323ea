"""``plot``: draw an earlier comparison again and write its reports, without training."""

from __future__ import annotations

import argparse
from pathlib import Path

from scenarios import SCENARIOS, redraw

from .options import place
from .terminal import makes_files


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `plot`."""
    parser.add_argument(
        "folder", type=place, metavar="DIR", help="folder that scenario or compare wrote, e.g. results/activations"
    )


def run(arguments: argparse.Namespace) -> None:
    """Draw an earlier comparison again and write its reports, without training."""
    makes_files()
    folder = Path(arguments.folder)
    for path in (*redraw(SCENARIOS, folder), folder / "report.md", folder / "report.html"):
        print(path)
