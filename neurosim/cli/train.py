"""``train``: train one network; save it with its history and figures."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .. import metrics
from ..data import Dataset
from ..errors import DataError, NeurosimError, WriteError
from ..files.atomic import check_room, made_folder, writable_folder, write_text
from ..files.lock import FolderLock
from ..network import Network
from ..parameters import Array
from ..places import cache_folder
from ..processors import core_count, threads
from ..text import command_line, number, percent, points, rounded, setting
from ..training import Callback, Checkpoint, History, Snapshots
from ..training.checkpoint import KEPT, delete_checkpoints, read_checkpoint, take_folder
from ..training.divergence import all_finite
from ..training.settings import Settings
from .figures import boundaries, draw_training as draw
from .options import (
    DATA,
    READING,
    add_data_options,
    add_sample_options,
    add_settings,
    at_least,
    given_settings,
    option_of,
    place,
    reading,
)
from .pages import make_page
from .session import Session, load_with_settings
from .terminal import WIDTH, fail, makes_files, say

if TYPE_CHECKING:
    import pandas as pd

SETTINGS: dict[str, Any] = {"schedule": "one_cycle"}  # defaults that differ from those of `Settings`
MARGIN = 0.05  # share by which an error must be below the guess's, and a loss must fall, to count
RUN: dict[str, Any] = {"data": DATA, "train_size": None, "validation": None, "seed": 0, "out": "runs/latest"}
RUN |= dict.fromkeys(READING) | {"page": False}
PAGE = "page.html"
Written = TypeVar("Written")
FIGURES = 2**20  # bytes: about the size of the tables and figures beside the network


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train`."""
    add_data_options(parser)
    add_settings(parser, SETTINGS)
    parser.set_defaults(data=None)  # filled in later: a given option must not contradict a resumed run
    group = parser.add_argument_group("run")
    add_sample_options(group)
    group.add_argument("--seed", type=at_least(0), metavar="N", help=f"seed of all random numbers [{RUN['seed']}]")
    group.add_argument("--out", type=place, metavar="DIR", help=f"folder to write to [{RUN['out']}]")
    group.add_argument(
        "--checkpoint-every",
        type=at_least(1),
        metavar="N",
        help="write a checkpoint to --out every N steps, so that an interrupted training can be resumed",
    )
    group.add_argument(
        "--resume",
        type=place,
        metavar="DIR",
        help="resume the run in this folder from its last checkpoint, with its own options",
    )
    group.add_argument(
        "--page",
        action="store_true",
        default=None,
        help="also write page.html, which holds the network for any browser (see explore)",
    )
    group.add_argument("--quiet", action="store_true", help="print no progress")
    group.add_argument(
        "--profile", action="store_true", help="print how long each part of a step takes, instead of training"
    )


def run(arguments: argparse.Namespace) -> None:
    """Train one network. Save it with its history and figures."""
    if not arguments.profile:
        makes_files()
    settings = resume_options(arguments) if arguments.resume else fresh_options(arguments)
    if arguments.profile:
        profile(arguments, settings)
        return
    folder = writable_folder(arguments.out)
    with made_folder(folder), alone_in(folder, bool(arguments.checkpoint_every)):
        train(arguments, settings, folder)


def train(arguments: argparse.Namespace, settings: Settings, folder: Path) -> None:
    """Train and save, while no other process writes to the folder."""
    session = start(arguments, settings)
    settings = session.settings
    check_room(folder, room_for(session, KEPT if arguments.checkpoint_every else 0))
    if not arguments.resume:
        delete_checkpoints(folder)  # they belong to another run
    print(session.network.summary())
    told = f"optimizer {settings.optimizer}, learning rate {settings.rate_text()}"
    print(told if len(told) <= WIDTH else told.replace(", schedule ", ",\nschedule "))
    sys.stdout.flush()
    callbacks = [*settings.callbacks(), *boundaries(session), *([Snapshots()] if arguments.page else [])]
    if arguments.checkpoint_every:
        callbacks.append(checkpoint(arguments, settings, folder))
    history = session.fit(callbacks, verbose=not arguments.quiet)
    if arguments.quiet and arguments.resume and history.message:
        say(history.message)
    with np.errstate(over="ignore", invalid="ignore"):  # a network that has diverged overflows here again
        outputs = session.network.predict_proba(session.test)
        figures = session.network.evaluate(session.test)
    targets = reading(arguments).get("target", ())

    def write(folder: Path) -> list[Path]:
        frame = history.to_frame()
        return [
            session.network.save(folder / "net.npz"),
            write_text(folder / "history.csv", frame.to_csv(index=False)),
            write_text(folder / "predictions.csv", predictions(session, outputs, targets).to_csv(index=False)),
            *draw(session, frame, callbacks, outputs, folder, targets),
            *write_page(session, history, callbacks, folder, arguments.words),
        ]

    paths, moved = write_somewhere(write, folder)
    print()
    if np.isfinite(outputs).all():
        say(test_figures(session, figures, outputs, targets))
    else:
        say(f"no test {'accuracy' if session.test.class_names else 'loss'}: the network's outputs are not finite")
    print(f"{session.trained_in(history)} ({history.stopped})")
    if history["loss"] and (idle := no_better_than_a_guess(session, figures["accuracy"], outputs, history["loss"])):
        say(idle)
    for path in paths:
        print(f"  {path}")
    if moved:
        fail(moved)
    if history.stopped == "interrupted":
        if arguments.checkpoint_every:
            print(f"to resume: {command_line('train', '--resume', str(folder))}")
        raise KeyboardInterrupt
    if history.stopped == "diverged":
        fail_diverged(session.network, history, folder, was_said=not arguments.quiet)


def start(arguments: argparse.Namespace, settings: Settings) -> Session:
    """Load the data and make the untrained network."""
    data, settings = load_with_settings(arguments, settings, adapt=not arguments.resume)
    return Session.new(settings, *data, arguments.seed, always_validate=True, share=arguments.validation)


# -- options ---------------------------------------------------------------------------------------------------------


def fresh_options(arguments: argparse.Namespace) -> Settings:
    """Fill in the defaults of a new run. Return its settings."""
    settings = Settings(**SETTINGS | given_settings(arguments))
    for name, default in RUN.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, default)
    return settings


def resume_options(arguments: argparse.Namespace) -> Settings:
    """Fill in the options of the run that `--resume` names, from its checkpoint. Return its settings.

    Raises:
        NeurosimError: another option contradicts them.
        DataError: there is no checkpoint that `train` wrote.
    """
    path, state = read_checkpoint(arguments.resume)
    try:
        settings = Settings(**state["about"]["settings"])
        of_run = state["about"]["run"]
        added = {name: of_run.get(name, RUN[name]) for name in ("validation", "page", *READING)}  # not in older runs
        options = {name: of_run[name] for name in RUN if name not in added} | added | {"out": arguments.resume}
        every = at_least(1)(str(state["about"]["checkpoint_every"]))
        at, stopped = state["progress"], state["history"]["stopped"]
        count = min(state["run"].get("threads", 1), core_count())
    except (KeyError, TypeError, argparse.ArgumentTypeError):
        raise DataError(
            f"--resume: expected a run of train, received {arguments.resume}, which another program wrote; resume it "
            "in that program with ns.Checkpoint(…, resume=True)"
        ) from None
    given = {name: getattr(arguments, name) for name in options if getattr(arguments, name) is not None}
    if "out" in given and Path(given["out"]).absolute() == Path(arguments.resume).absolute():
        del given["out"]
    its_own = vars(settings) | options
    for name, value in (given | given_settings(arguments)).items():
        if value != its_own[name]:
            had, received = ("none" if each is None else setting(each) for each in (its_own[name], value))
            raise NeurosimError(
                f"{option_of(name)}: the run in {arguments.resume} has {had}, "
                f"received {received}; resume it without {option_of(name)}"
            )
    if arguments.threads is None:
        threads(count)
    vars(arguments).update(options)
    arguments.checkpoint_every = arguments.checkpoint_every or every
    if stopped == "running":
        print(f"resuming from {path}: epoch {at['epoch']}, of which {at['steps']} steps are done")
    return settings


def checkpoint(arguments: argparse.Namespace, settings: Settings, folder: Path) -> Checkpoint:
    """Make the callback that writes checkpoints for `resume_options`."""
    about = {
        "settings": asdict(settings),
        "run": {name: getattr(arguments, name) for name in RUN},
        "checkpoint_every": arguments.checkpoint_every,
    }
    return Checkpoint(folder, arguments.checkpoint_every, bool(arguments.resume), about)


# -- results ---------------------------------------------------------------------------------------------------------


def room_for(session: Session, kept: int) -> int:
    """Estimate the bytes that the files of a run take, with `kept` checkpoints and one that is being written."""
    size = sum(array.nbytes for array in session.network.arrays().values())
    return size * (2 + kept if kept else 1) + FIGURES


def write_somewhere(write: Callable[[Path], Written], folder: Path) -> tuple[Written, str]:
    """Write the results of a training to the folder or, if that fails, to another one in the cache.

    Returns:
        The written files, and an error message if they are not in the folder.

    Raises:
        WriteError: neither folder can be written.
    """
    try:
        return write(folder), ""
    except WriteError as error:
        other = cache_folder() / "saved" / f"{folder.absolute().name}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        try:
            return write(other), f"{error}; everything is in {other} instead"
        except WriteError as second:
            raise WriteError(f"{error}, and {second}; set NEUROSIM_HOME to a folder with free space") from None


@contextmanager
def alone_in(folder: Path, needed: bool) -> Iterator[None]:
    """Keep other training processes out of a folder. If one is in it already, print a warning.

    Raises:
        NeurosimError: the lock is `needed`, and another process trains in the folder.
    """
    lock = FolderLock(folder)
    if needed:
        lock = take_folder(folder)
    elif not lock.take():
        print(
            f"warning: another process is training in {folder}, too. The last one to end overwrites the files of the "
            "other. Use --out for another folder.",
            file=sys.stderr,
        )
    try:
        yield
    finally:
        lock.release()


def write_page(
    session: Session, history: History, callbacks: Sequence[Callback], folder: Path, words: list[str]
) -> list[Path]:
    """Write the network as a page for a browser, if its training took snapshots. It replaces an earlier page."""
    path = folder / PAGE
    path.unlink(missing_ok=True)
    watched = next((each for each in callbacks if isinstance(each, Snapshots)), None)
    if watched is None:
        return []
    page = make_page(session, path, history, watched, words)
    for text in page.left_out:
        say(f"{PAGE}: {text}")
    return [path]


def profile(arguments: argparse.Namespace, settings: Settings) -> None:
    """Print how long each part of a step takes.

    Raises:
        NeurosimError: an option needs more than the step itself.
    """
    for option, given in (
        ("--resume", arguments.resume),
        ("--augment", settings.augment),
        ("--checkpoint-every", arguments.checkpoint_every),
    ):
        if given:
            raise NeurosimError(f"--profile: expected no {option} with it, because it measures only the step itself")
    from scenarios.bench import profile_step  # imports pandas and everything that draws

    session = start(arguments, settings)
    print(session.network.summary(), flush=True)
    _, text = profile_step(session.network, session.train.x, session.train.labels, session.settings.batch_size)
    print("\n" + text)


def test_figures(session: Session, figures: Mapping[str, float], outputs: Array, targets: Sequence[str] = ()) -> str:
    """Describe accuracy and loss on the test set; for numbers as targets, loss and errors."""
    if session.test.class_names:
        return f"test accuracy {100 * figures['accuracy']:.2f} %, test loss {figures['loss']:.4f}"
    each = [
        f"root mean square error of {name} {number(missed, 4)}, its standard deviation {number(spread, 4)}"
        for name, missed, spread in misses(session.test, outputs, targets)
    ]
    return f"test loss {number(figures['loss'], 4)}; {'; '.join(each)}"


def misses(test: Dataset, outputs: Array, targets: Sequence[str] = ()) -> list[tuple[str, float, float]]:
    """Return the name of each target, the root mean square error of its predictions, and its standard deviation."""
    true = test.labels.reshape(len(test), -1)
    missed = np.sqrt(np.mean((outputs.reshape(true.shape) - true) ** 2, axis=0))  # (n,)
    return list(zip(target_names(test, targets), missed.tolist(), true.std(axis=0).tolist(), strict=True))


def target_names(test: Dataset, targets: Sequence[str]) -> list[str]:
    """Return the names of the targets: those of their columns, if they are known."""
    count = test.outputs
    if len(targets) == count:
        return list(targets)
    return ["target"] if count == 1 else [f"target {k}" for k in range(count)]


def predictions(session: Session, outputs: Array, targets: Sequence[str] = ()) -> pd.DataFrame:
    """Make a table of the test samples: index, label, prediction and its probability; or targets and predictions.

    If the outputs are not probabilities, their column is called value, as in `predict`.
    """
    import pandas as pd

    test, index = session.test, {"index": np.arange(len(session.test))}
    if not test.class_names:
        true, outputs = test.labels.reshape(len(test), -1), outputs.reshape(len(test), -1)
        names = target_names(test, targets)
        columns = {f"true {name}": true[:, k] for k, name in enumerate(names)}
        return pd.DataFrame(index | columns | {f"predicted {name}": outputs[:, k] for k, name in enumerate(names)})
    classes, predicted = np.array(test.class_names), session.network.decide(outputs)
    shares = session.network.output.activation.range == (0.0, 1.0)
    return pd.DataFrame(
        index
        | {
            "label": classes[test.labels],
            "prediction": classes[predicted],
            "probability" if shares else "value": outputs[index["index"], predicted],
        }
    )


def no_better_than_a_guess(session: Session, accuracy: float, outputs: Array, losses: Sequence[float]) -> str:
    """Return advice if a trained network is not better than a guess, or if the test set cannot show it; otherwise "".

    Args:
        session: the network and its test samples.
        accuracy: the accuracy on these; NaN if they have no classes.
        outputs: (N, n_out) the network's outputs for them.
        losses: the training loss of each epoch.
    """
    test = session.test
    if test.class_names:
        guess = metrics.commonest_share(test.labels)
        if guess == 1:
            return (
                f"All test {test.noun}s are of one class, so the test accuracy cannot show whether the network has "
                f"learned anything. Use more {test.noun}s."
            )
        if not accuracy <= guess + metrics.MARGIN_OVER_CHANCE:  # NaN too
            return ""
        why = (
            f"its accuracy is at most {points(metrics.MARGIN_OVER_CHANCE, 0)} point above {percent(guess, 2)}, the "
            f"accuracy of always answering the most common class of the test {test.noun}s"
        )
    else:
        errors = misses(test, outputs)
        if not all(missed >= (1 - MARGIN) * spread for _, missed, spread in errors):  # NaN too
            return ""
        below = [missed < spread for _, missed, spread in errors]
        side = "hardly below" if all(below) else "not below, or hardly below," if any(below) else "not below"
        why = f"its error is {side} the error of always answering the mean of the targets"
    if losses[-1] < (1 - MARGIN) * losses[0]:  # it learned something about the training samples
        return (
            f"On the test {test.noun}s, the network is no better than a guess: {why}. Its training loss fell from "
            f"{rounded(losses[0], 4)} to {rounded(losses[-1], 4)}. Try more --epochs or more training "
            f"{test.noun}s."
        )
    lead = "The network has learned nothing" if len(losses) > 1 else "The network is no better than a guess"
    return (
        f"{lead}: {why}. The learning rate may be too large or too small, or there were too "
        f"few steps. Try --learning-rate and --epochs. `{command_line('step')}` shows which gradient reaches a neuron."
    )


def fail_diverged(network: Network, history: History, folder: Path, was_said: bool) -> None:
    """End with status 2. Print why the run diverged, unless that `was_said`, and whether its file can be loaded."""
    its_file = "can be loaded" if all_finite(network) else "cannot be loaded, because it holds NaN or infinity"
    why = "the run diverged (see above);" if was_said else history.message
    fail(f"{why} {folder / 'net.npz'} {its_file}")
