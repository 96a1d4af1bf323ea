"""``explore``: make one HTML file that holds a network: draw, walk and train in the browser."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np

from ..console import tell
from ..errors import NeurosimError
from ..files.atomic import writable_folder
from ..page import Page
from ..progress import progress_bar
from ..training import Callback, History, Snapshots, TrainingRun
from ..training.settings import Settings
from ..training.snapshots import COUNT
from .options import (
    OF_A_MODEL,
    add_data_options,
    add_sample_options,
    add_settings,
    at_least,
    given_settings,
    place,
)
from .pages import described, make_page
from .session import Session, load_for, load_with_settings
from .terminal import fail, makes_files, say
from .train import test_figures, write_somewhere

SETTINGS: dict[str, Any] = {"hidden": (32, 16)}  # small enough to see all of it, and to train in seconds
SEED = 0
OUT = "results/page.html"
OF_TRAINING = ("seed", "validation", "snapshots")  # options for a new network, beside the settings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `explore`."""
    add_data_options(parser, OF_A_MODEL)
    add_settings(parser, SETTINGS)
    group = parser.add_argument_group("which network")
    group.add_argument("--model", type=place, metavar="FILE", help="a network saved by train [a new one is trained]")
    add_sample_options(group)
    group.add_argument("--seed", type=at_least(0), metavar="N", help=f"seed of a new network [{SEED}]")
    group.add_argument("--quiet", action="store_true", help="print no progress")
    group = parser.add_argument_group("the page")
    group.add_argument("--out", type=place, default=OUT, metavar="FILE", help="file to write [%(default)s]")
    group.add_argument("--no-open", action="store_true", help="do not open the page in the browser")
    group.add_argument(
        "--samples",
        type=at_least(1),
        metavar="N",
        help="number of test samples on the page, with four times as many training samples. If you give a "
        "number, the page may become larger than 4 MB [500, or as many as fit into 4 MB]",
    )
    group.add_argument(
        "--snapshots",
        type=at_least(2),
        metavar="N",
        help="number of snapshots of the training on the page. If you give a number, the page may "
        f"become larger than 4 MB [{COUNT}, or as many as fit into 4 MB]",
    )


def run(arguments: argparse.Namespace) -> None:
    """Make one HTML file that holds a network: draw, walk and train in the browser."""
    makes_files()
    path = writable_file(arguments.out)
    history: History | None
    if arguments.model is None:
        session, history, snapshots = train(arguments)
    else:
        refused = [name for name in OF_TRAINING if getattr(arguments, name) is not None]
        session, history, snapshots = load_for(arguments, refused), None, None

    def write(folder: Path) -> tuple[Page, Path]:
        where, every = folder / path.name, arguments.snapshots is not None
        return make_page(session, where, history, snapshots, arguments.words, arguments.samples, every), where

    (page, path), moved = write_somewhere(write, path.parent)
    for line in described(page):
        say(line)
    interrupted = history is not None and history.stopped == "interrupted"
    opened = not arguments.no_open and not interrupted and has_display() and webbrowser.open(path.absolute().as_uri())
    print("opened in the browser:" if opened else "open it in a browser:")
    print(f"  {path}")
    if moved:
        fail(moved)
    if interrupted:
        raise KeyboardInterrupt


def writable_file(name: str) -> Path:
    """Return the path of the file to write. Check before the work that it can be written.

    Raises:
        NeurosimError: it cannot be written.
    """
    path = Path(name)
    if path.is_dir() or name.endswith(("/", os.sep)):
        raise NeurosimError(f"--out: expected the name of a file, such as page.html, received the folder {name}")
    writable_folder(path.parent)
    return path


def train(arguments: argparse.Namespace) -> tuple[Session, History, Snapshots]:
    """Train a new network."""
    data, settings = load_with_settings(arguments, Settings(**SETTINGS | given_settings(arguments)))
    seed = SEED if arguments.seed is None else arguments.seed
    session = Session.new(settings, *data, seed, always_validate=True, share=arguments.validation)
    print(session.network)
    print(f"optimizer {settings.optimizer}, learning rate {settings.rate_text()}", flush=True)
    snapshots = Snapshots(arguments.snapshots or COUNT)
    with progress_bar(settings.epochs, "training", "epochs", shown=not arguments.quiet, leave=True) as bar:
        history = session.fit([*settings.callbacks(), snapshots, Counted(bar)], verbose=False)
    if history.message and not arguments.quiet:
        tell(history.message)
    with np.errstate(over="ignore", invalid="ignore"):  # a network that has diverged overflows here again
        outputs = session.network.predict_proba(session.test)
        figures = session.network.evaluate(session.test)
    said = (
        test_figures(session, figures, outputs)
        if np.isfinite(outputs).all()
        else "the network's outputs are not finite"
    )
    ended = "" if history.stopped == "finished" else f" ({history.stopped})"
    say(f"{said}, {session.trained_in(history)}{ended}")
    return session, history, snapshots


class Counted(Callback):
    """A callback that moves a progress bar by one epoch: one line for a training that takes seconds."""

    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def on_epoch(self, run: TrainingRun) -> bool:
        """Count the epoch; never stop the run."""
        self.bar.update(1)
        return False


def has_display() -> bool:
    """Whether there is a screen on which a browser can open."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
