"""``train``: train one network; save it with its history and figures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import metrics
from ..data import Dataset
from ..errors import DataError, NeurosimError
from ..files.atomic import writable_folder, write_text
from ..network import Network
from ..parameters import Array
from ..processors import core_count, threads
from ..text import command_line, percent, points
from ..training import Callback, Checkpoint, EarlyStopping, History
from ..training.checkpoint import delete_checkpoints, read_checkpoint
from ..training.divergence import all_finite
from ..training.settings import Settings
from .options import DATA, MIN_TRAIN_SIZE, add_data_options, add_settings, at_least, given_settings, option_of
from .session import Session, load_data
from .terminal import fail, say

if TYPE_CHECKING:
    import pandas as pd

SETTINGS: dict[str, Any] = {"schedule": "one_cycle"}  # where they differ from those of `Settings`
RUN: dict[str, Any] = {"data": DATA, "train_size": None, "seed": 0, "out": "runs/latest"}
PICTURES = ("learning_curves", "confusion_matrix", "mistakes", "weights")
MOST_PICTURED = 128  # neurons whose weights are drawn


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of `train`."""
    add_data_options(parser)
    add_settings(parser, SETTINGS)
    parser.set_defaults(data=None)  # filled in later: what is given must not contradict a run that goes on
    group = parser.add_argument_group("run")
    group.add_argument("--train-size", type=at_least(MIN_TRAIN_SIZE), metavar="N", help="training images [all]")
    group.add_argument("--seed", type=at_least(0), metavar="N", help=f"of everything random [{RUN['seed']}]")
    group.add_argument("--out", metavar="DIR", help=f"where to write [{RUN['out']}]")
    group.add_argument(
        "--checkpoint-every",
        type=at_least(1),
        metavar="N",
        help="keep a checkpoint in --out every N steps, to go on from after an interruption",
    )
    group.add_argument(
        "--resume", metavar="DIR", help="go on with the run in this folder, with its options, from its last checkpoint"
    )
    group.add_argument("--quiet", action="store_true", help="no progress")
    group.add_argument("--profile", action="store_true", help="say where the time of a step goes, and stop")


def run(arguments: argparse.Namespace) -> None:
    """Train one network; save it with its history and figures."""
    settings = resume_options(arguments) if arguments.resume else fresh_options(arguments)
    if arguments.profile:
        profile(arguments, settings)
        return
    folder = writable_folder(arguments.out)
    session = start(arguments, settings)
    if not arguments.resume:
        delete_checkpoints(folder)  # what is written there now is of another run
    print(session.network.summary())
    print(f"optimizer {settings.optimizer}, learning rate {settings.rate_text()}", flush=True)
    callbacks = settings.callbacks()
    if arguments.checkpoint_every:
        callbacks.append(checkpoint(arguments, settings, folder))
    history = session.fit(callbacks, verbose=not arguments.quiet)
    if arguments.quiet and arguments.resume and history.message:
        say(history.message)
    with np.errstate(over="ignore", invalid="ignore"):  # a network that has diverged overflows here again
        probabilities = session.network.predict_proba(session.test.images)
        figures = session.network.evaluate(session.test.images, session.test.labels)
    frame = history.to_frame()
    paths = [
        session.network.save(folder / "net.npz"),
        write_text(folder / "history.csv", frame.to_csv(index=False)),
        *draw(session, frame, callbacks, probabilities, folder),
    ]
    seconds = sum(history["seconds"])
    if np.isfinite(probabilities).all():
        print(
            f"\ntest accuracy {100 * figures['accuracy']:.2f} %, test loss {figures['loss']:.4f}, "
            f"trained in {seconds:.1f} s with {threads()} ({history.stopped})"
        )
    else:
        print(
            "\nno test accuracy: the network gives out NaN "
            f"(trained in {seconds:.1f} s with {threads()}, {history.stopped})"
        )
    if history["loss"] and (idle := learned_nothing(figures["accuracy"], session.test)):
        say(idle)
    for path in paths:
        print(f"  {path}")
    if history.stopped == "interrupted":
        if arguments.checkpoint_every:
            print(f"to go on: {command_line('train', '--resume', str(folder))}")
        sys.exit(130)
    if history.stopped == "diverged":
        fail_diverged(session.network, history, folder, was_said=not arguments.quiet)


def start(arguments: argparse.Namespace, settings: Settings) -> Session:
    """The data and the untrained network."""
    data = load_data(arguments.data, arguments.offline, arguments.train_size)
    return Session.new(settings, *data, arguments.seed, always_validate=True)


# -- options ---------------------------------------------------------------------------------------------------------


def fresh_options(arguments: argparse.Namespace) -> Settings:
    """Fill in the defaults of a new run; returns its settings."""
    settings = Settings(**SETTINGS | given_settings(arguments))
    for name, default in RUN.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, default)
    return settings


def resume_options(arguments: argparse.Namespace) -> Settings:
    """Fill in the options of the run that `--resume` names, from its checkpoint; returns its settings.

    Raises:
        NeurosimError: another option contradicts them.
        DataError: there is no checkpoint, or none that `train` wrote.
    """
    path, state = read_checkpoint(arguments.resume)
    try:
        settings = Settings(**state["about"]["settings"])
        options = {name: state["about"]["run"][name] for name in RUN} | {"out": arguments.resume}
        every = at_least(1)(str(state["about"]["checkpoint_every"]))
        at, stopped = state["progress"], state["history"]["stopped"]
        count = min(state["run"].get("threads", 1), core_count())
    except (KeyError, TypeError, argparse.ArgumentTypeError):
        raise DataError(
            f"--resume: the run in {arguments.resume} was not made by train; go on with "
            "ns.Checkpoint(…, resume=True) in the program that made it"
        ) from None
    given = {name: getattr(arguments, name) for name in options if getattr(arguments, name) is not None}
    if "out" in given and Path(given["out"]).absolute() == Path(arguments.resume).absolute():
        del given["out"]
    its_own = vars(settings) | options
    for name, value in (given | given_settings(arguments)).items():
        if value != its_own[name]:
            raise NeurosimError(
                f"{option_of(name)}: the run in {arguments.resume} has {its_own[name]}, "
                f"received {value}; expected --resume without it"
            )
    if arguments.threads is None:
        threads(count)
    vars(arguments).update(options)
    arguments.checkpoint_every = arguments.checkpoint_every or every
    if stopped == "running":
        print(f"going on with {path}: epoch {at['epoch']}, {at['steps']} steps of it done")
    return settings


def checkpoint(arguments: argparse.Namespace, settings: Settings, folder: Path) -> Checkpoint:
    """The callback that keeps checkpoints from which `resume_options` can go on."""
    about = {
        "settings": asdict(settings),
        "run": {name: getattr(arguments, name) for name in RUN},
        "checkpoint_every": arguments.checkpoint_every,
    }
    return Checkpoint(folder, arguments.checkpoint_every, bool(arguments.resume), about)


# -- what comes of it ------------------------------------------------------------------------------------------------


def profile(arguments: argparse.Namespace, settings: Settings) -> None:
    """Say where the time of a step goes.

    Raises:
        NeurosimError: the step is not all that was asked for.
    """
    for option, given in (
        ("--resume", arguments.resume),
        ("--augment", settings.augment),
        ("--checkpoint-every", arguments.checkpoint_every),
    ):
        if given:
            raise NeurosimError(f"--profile times the step itself: expected it without {option}")
    from scenarios.bench import profile_step  # imports pandas and all that draws

    session = start(arguments, settings)
    print(session.network.summary(), flush=True)
    _, text = profile_step(session.network, session.train.images, session.train.labels, settings.batch_size)
    print("\n" + text)


def draw(
    session: Session, frame: pd.DataFrame, callbacks: Sequence[Callback], probabilities: Array, folder: Path
) -> list[Path]:
    """Draw the figures into a folder, in place of those of an earlier run. There is nothing to see in NaN.

    Args:
        session: the network, trained, and the data.
        frame: the history of its training.
        callbacks: of its training.
        probabilities: (N, classes) what it makes of the test images.
        folder: where to write.

    Returns:
        The paths of the figures.
    """
    import viz  # only here, so that --help and a wrong option need not wait for matplotlib

    test, pictures = session.test, dict[str, Callable[[], Any]]()
    if len(frame):
        kept = next((each.best_epoch for each in callbacks if isinstance(each, EarlyStopping)), None)
        pictures["learning_curves"] = lambda: viz.history_curves(frame, kept=kept)
    if np.isfinite(probabilities).all():
        predicted, confidence = session.network.decide(probabilities), probabilities.max(axis=1)
        matrix = metrics.confusion_matrix(test.labels, predicted, len(test.class_names))
        pictures["confusion_matrix"] = lambda: viz.confusion_matrix(matrix, test.class_names)
        pictures["mistakes"] = lambda: viz.mistakes(
            test.images, test.labels, predicted, np.clip(confidence, 0, 1), test.class_names
        )
    first = next((layer for layer in session.network if layer.weight_name), None)
    if first is not None and np.isfinite(W := first.views[first.weight_name]).all():
        shape = test.images.shape[1:]
        pictures["weights"] = lambda: viz.weight_grid(W, shape, min(first.n_out, MOST_PICTURED))
    for name in PICTURES:
        (folder / f"{name}.png").unlink(missing_ok=True)
    return [viz.save(picture(), folder / f"{name}.png", session.note) for name, picture in pictures.items()]


def learned_nothing(accuracy: float, test: Dataset) -> str:
    """What there is to say where a network that was trained is no better than a guess; "" where it is.

    Args:
        accuracy: on the test images; NaN where they have no classes.
        test: the test images.
    """
    guess = metrics.commonest_share(test.labels)
    if not accuracy <= guess + metrics.MARGIN_OVER_CHANCE:  # NaN too
        return ""
    return (
        f"It has learned nothing: to answer the commonest class every time is right for {percent(guess, 2)} of the "
        f"test images, and it is no more than {points(metrics.MARGIN_OVER_CHANCE, 0)} point above that. Often the "
        "learning rate is too large or too small, or there were too few steps: try --learning-rate and --epochs; "
        f"`{command_line('step')}` shows what reaches a neuron."
    )


def fail_diverged(network: Network, history: History, folder: Path, was_said: bool) -> None:
    """End with status 2; say why the run diverged, unless that `was_said`, and what can be done with its file."""
    its_file = "can be loaded" if all_finite(network) else "cannot be loaded, it holds NaN or infinity"
    why = "the run diverged, as said above:" if was_said else history.message
    fail(f"{why} {folder / 'net.npz'} {its_file}")
