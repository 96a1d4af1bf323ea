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
from ..text import command_line, number, percent, points, setting
from ..training import Callback, Checkpoint, History, Snapshots
from ..training.checkpoint import KEPT, delete_checkpoints, read_checkpoint, take_folder
from ..training.divergence import all_finite
from ..training.settings import Settings
from .figures import boundaries, draw_training as draw
from .options import (
    DATA,
    MIN_TRAIN_SIZE,
    READING,
    add_data_options,
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

SETTINGS: dict[str, Any] = {"schedule": "one_cycle"}  # where they differ from those of `Settings`
MARGIN = 0.05  # predictions that miss by so little less than the targets vary say nothing of them
RUN: dict[str, Any] = {"data": DATA, "train_size": None, "validation": None, "seed": 0, "out": "runs/latest"}
RUN |= dict.fromkeys(READING) | {"page": False}
PAGE = "page.html"
Written = TypeVar("Written")
FIGURES = 2**20  # bytes: about what tables and figures take beside the network


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of `train`."""
    add_data_options(parser)
    add_settings(parser, SETTINGS)
    parser.set_defaults(data=None)  # filled in later: what is given must not contradict a run that goes on
    group = parser.add_argument_group("run")
    group.add_argument("--train-size", type=at_least(MIN_TRAIN_SIZE), metavar="N", help="training samples [all]")
    group.add_argument(
        "--validation", type=share, metavar="SHARE", help="of the training samples, held out to validate on, e.g. 0.1"
    )
    group.add_argument("--seed", type=at_least(0), metavar="N", help=f"of everything random [{RUN['seed']}]")
    group.add_argument("--out", type=place, metavar="DIR", help=f"where to write [{RUN['out']}]")
    group.add_argument(
        "--checkpoint-every",
        type=at_least(1),
        metavar="N",
        help="keep a checkpoint in --out every N steps, to go on from after an interruption",
    )
    group.add_argument(
        "--resume",
        type=place,
        metavar="DIR",
        help="go on with the run in this folder, with its options, from its last checkpoint",
    )
    group.add_argument(
        "--page",
        action="store_true",
        default=None,
        help="write page.html, too: the network for any browser (see explore)",
    )
    group.add_argument("--quiet", action="store_true", help="no progress")
    group.add_argument("--profile", action="store_true", help="say where the time of a step goes, and stop")


def run(arguments: argparse.Namespace) -> None:
    """Train one network; save it with its history and figures."""
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
    """Train, with nobody else in the folder."""
    session = start(arguments, settings)
    settings = session.settings
    check_room(folder, room_for(session, KEPT if arguments.checkpoint_every else 0))
    if not arguments.resume:
        delete_checkpoints(folder)  # what is written there now is of another run
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
        say(f"no test {'accuracy' if session.test.class_names else 'loss'}: the network gives out NaN")
    print(f"{session.trained_in(history)} ({history.stopped})")
    if history["loss"] and (idle := learned_nothing(session, figures["accuracy"], outputs)):
        say(idle)
    for path in paths:
        print(f"  {path}")
    if moved:
        fail(moved)
    if history.stopped == "interrupted":
        if arguments.checkpoint_every:
            print(f"to go on: {command_line('train', '--resume', str(folder))}")
        raise KeyboardInterrupt
    if history.stopped == "diverged":
        fail_diverged(session.network, history, folder, was_said=not arguments.quiet)


def start(arguments: argparse.Namespace, settings: Settings) -> Session:
    """The data and the untrained network."""
    data, settings = load_with_settings(arguments, settings, adapt=not arguments.resume)
    return Session.new(settings, *data, arguments.seed, always_validate=True, share=arguments.validation)


def share(text: str) -> float:
    """An argument type: a number between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a share between 0 and 1, such as 0.1, received {text!r}")
    return value


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
        of_run = state["about"]["run"]
        added = {name: of_run.get(name, RUN[name]) for name in ("validation", "page", *READING)}  # not in older runs
        options = {name: of_run[name] for name in RUN if name not in added} | added | {"out": arguments.resume}
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
            had, received = ("none" if each is None else setting(each) for each in (its_own[name], value))
            raise NeurosimError(
                f"{option_of(name)}: the run in {arguments.resume} has {had}, "
                f"received {received}; expected --resume without it"
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


def room_for(session: Session, kept: int) -> int:
    """About how many bytes the files of a run take, where so many checkpoints are kept and another is written."""
    size = sum(array.nbytes for array in session.network.arrays().values())
    return size * (2 + kept if kept else 1) + FIGURES


def write_somewhere(write: Callable[[Path], Written], folder: Path) -> tuple[Written, str]:
    """Write what came of the training: to the folder, and where that fails to another one in the cache.

    Returns:
        What was written, and what has to be said if it is not where it should be.

    Raises:
        WriteError: neither can be written.
    """
    try:
        return write(folder), ""
    except WriteError as error:
        other = cache_folder() / "saved" / f"{folder.absolute().name}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        try:
            return write(other), f"{error}; everything is in {other} instead"
        except WriteError as second:
            raise WriteError(f"{error}, and {second}; set NEUROSIM_HOME to a folder with room") from None


@contextmanager
def alone_in(folder: Path, needed: bool) -> Iterator[None]:
    """Keep other processes that train out of a folder. If there is one already, this is an error if `needed`.

    Raises:
        NeurosimError: another process trains there.
    """
    lock = FolderLock(folder)
    if needed:
        lock = take_folder(folder)
    elif not lock.take():
        print(
            f"warning: another process is training in {folder}, too: what ends last stays; --out chooses another "
            "folder",
            file=sys.stderr,
        )
    try:
        yield
    finally:
        lock.release()


def write_page(
    session: Session, history: History, callbacks: Sequence[Callback], folder: Path, words: list[str]
) -> list[Path]:
    """Write the network as a page for a browser, if its training was watched for one; in place of an earlier one."""
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
    _, text = profile_step(session.network, session.train.x, session.train.labels, session.settings.batch_size)
    print("\n" + text)


def test_figures(session: Session, figures: Mapping[str, float], outputs: Array, targets: Sequence[str] = ()) -> str:
    """How well the test samples are read; of numbers that are predicted, by how much they are missed."""
    if session.test.class_names:
        return f"test accuracy {100 * figures['accuracy']:.2f} %, test loss {figures['loss']:.4f}"
    each = [
        f"predictions of {name} miss by {number(missed, 4)} (root mean square), where it varies by {number(spread, 4)} "
        "(standard deviation)"
        for name, missed, spread in misses(session.test, outputs, targets)
    ]
    return f"test loss {number(figures['loss'], 4)}; {'; '.join(each)}"


def misses(test: Dataset, outputs: Array, targets: Sequence[str] = ()) -> list[tuple[str, float, float]]:
    """Of each target its name, the root mean square of what is missed, and its own standard deviation."""
    true = test.labels.reshape(len(test), -1)
    missed = np.sqrt(np.mean((outputs.reshape(true.shape) - true) ** 2, axis=0))  # (n,)
    return list(zip(target_names(test, targets), missed.tolist(), true.std(axis=0).tolist(), strict=True))


def target_names(test: Dataset, targets: Sequence[str]) -> list[str]:
    """What the targets are called: by the names of their columns, if they have some."""
    count = test.outputs
    if len(targets) == count:
        return list(targets)
    return ["target"] if count == 1 else [f"target {k}" for k in range(count)]


def predictions(session: Session, outputs: Array, targets: Sequence[str] = ()) -> pd.DataFrame:
    """A table of the test samples: index, label, prediction and its probability; or targets and predictions.

    What is no probability is called value, as in `predict`.
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


def learned_nothing(session: Session, accuracy: float, outputs: Array) -> str:
    """What there is to say where a network that was trained is no better than a guess; "" where it is.

    Args:
        session: the network and its test samples.
        accuracy: on these; NaN where they have no classes.
        outputs: (N, n_out) what the network makes of them.
    """
    test = session.test
    if test.class_names:
        guess = metrics.commonest_share(test.labels)
        if not accuracy <= guess + metrics.MARGIN_OVER_CHANCE:  # NaN too
            return ""
        why = (
            f"to answer the commonest class every time is right for {percent(guess, 2)} of the test {test.noun}s, and "
            f"it is no more than {points(metrics.MARGIN_OVER_CHANCE, 0)} point above that"
        )
    else:
        if not all(missed >= (1 - MARGIN) * spread for _, missed, spread in misses(test, outputs)):  # NaN too
            return ""
        why = "it misses by no less than if it answered the mean of the targets every time"
    return (
        f"It has learned nothing: {why}. Often the learning rate is too large or too small, or there were too few "
        f"steps: try --learning-rate and --epochs; `{command_line('step')}` shows what reaches a neuron."
    )


def fail_diverged(network: Network, history: History, folder: Path, was_said: bool) -> None:
    """End with status 2; say why the run diverged, unless that `was_said`, and what can be done with its file."""
    its_file = "can be loaded" if all_finite(network) else "cannot be loaded, it holds NaN or infinity"
    why = "the run diverged, as said above:" if was_said else history.message
    fail(f"{why} {folder / 'net.npz'} {its_file}")
