"""The contents of a page: network, samples, snapshots and words, as a JSON-ready manifest and blobs of arrays."""

from __future__ import annotations

import copy
import json
import math
import platform
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..activations import ACTIVATIONS
from ..data import Dataset
from ..errors import NeurosimError
from ..glossary import GLOSSARY
from ..layers.interventions import SAID as INTERVENTIONS
from ..losses import LOSSES
from ..network import BATCH_SIZE, Network
from ..optimizers import OPTIMIZERS
from ..parameters import Array
from ..registry import Registry
from ..regularizers import REGULARIZERS
from ..text import listing, thousands
from ..training import History, Snapshots
from ..training.history import finite_or_null
from ..walk import figure_words, words
from .moments import Moments, layer_arrays
from .packing import Blobs, size_of
from .samples import TEST, TRAIN, Kept, check_fit, misread

SCHEME = re.compile(r"\bhttps?://")  # removed from texts, so that no text is an address
FORMAT, VERSION = "neurosim page", 1
FOR_NUMBERS = 40_000  # characters for the indices of samples and the places of arrays
FEWEST = 50  # samples of each kind in a page, however large they are
LEAST = 1_000_000  # characters beside the network, even if the network fills the room
FOR_SAMPLES = 2 / 3  # of the room beside the network, if snapshots need some of it too
POINTS = 400  # of the curve of a run's loss, which has a logarithmic axis
WORDS = (
    "STAGES", "PHASES", "RULES", "ROWS", "JOINED", "WHY", "NAMES", "DIGITS", "PLAIN", "SIGNED", "IN_COLUMNS", "ALIGNED",
    "SYMBOLS",
)  # fmt: skip
"""The names of the tables of `neurosim.walk.words`."""


@dataclass(frozen=True)
class Run:
    """The known facts about a network's training.

    Attributes:
        history: its figures; ``None`` if unknown.
        snapshots: its parameters at earlier steps; ``None`` if only the current ones are known.
        settings: JSON-ready.
        batch_size: samples per step; ``None``: that of the snapshots.
        command: the command that made the page.
    """

    history: History | None = None
    snapshots: Snapshots | None = None
    settings: Mapping[str, Any] | None = None
    batch_size: int | None = None
    command: str = ""


@dataclass(frozen=True)
class Limits:
    """Limits for the data in a page.

    Attributes:
        room: the number of characters for all contents.
        samples: the number of test samples, a quarter of the number of training samples, whatever the size. ``None``:
            as many as the room allows, at most `TEST` and `TRAIN`.
        all_snapshots: whether to store all snapshots, whatever the size.
    """

    room: int
    samples: int | None = None
    all_snapshots: bool = False


@dataclass(frozen=True)
class Contents:
    """The contents of a page.

    Attributes:
        manifest: JSON-ready, without NaN.
        blobs: texts in base64.
    """

    manifest: dict[str, Any]
    blobs: list[str]


def contents(network: Network, train: Dataset, test: Dataset, run: Run, limits: Limits) -> Contents:
    """Collect the contents of a page.

    Args:
        network: the network; it is not changed.
        train: the training set.
        test: the test set.
        run: the known facts about its training.
        limits: the limits for samples and snapshots.

    Raises:
        NeurosimError: the data do not fit the network, or a part of it has a class without a key.
    """
    network = copy.copy(network)
    for each in (train, test):
        check_fit(network, each)
    if network.input.learned is None:
        network.learn(train)
    blobs, moments = Blobs(), Moments(network, run.snapshots)
    blobs.add(network_arrays(network))
    choice = Choice(network, train, test)
    told, alone = as_plain(described(network, train, test, run)), len(blobs)
    room = limits.room - len(json.dumps(told)) - FOR_NUMBERS
    left = max(room - alone, LEAST)
    if not limits.all_snapshots and left - moments.size_of_first() < choice.of(FEWEST, FEWEST).size:
        moments.keep([len(moments) - 1])
    left -= moments.size_of_first()
    if limits.samples is not None:
        samples = choice.of(limits.samples, 4 * limits.samples)
    else:
        samples = choice.within(left * FOR_SAMPLES if len(moments) > 2 else left)
    if not limits.all_snapshots:
        moments.keep_within(left - samples.size + moments.size_of_first())
    for part in (samples.test_arrays, samples.train_arrays):
        blobs.add(part)
    parts = {
        "diverged": has_diverged(network, run),
        "samples": {"test": samples.test.config(), "train": samples.train.config()},
        "snapshots": moments.add_to(blobs),
        "left_out": [*left_out(samples, moments, limits), *larger(alone, len(blobs) - room, limits)],
        "arrays": blobs.arrays,
        "blobs": blobs.about,
    }
    return Contents(finite_or_null(told | as_plain(parts)), blobs.texts)


def has_diverged(network: Network, run: Run) -> bool:
    """Return whether a network holds NaN or infinity, or its training diverged."""
    stopped = "" if run.history is None else run.history.stopped
    return stopped == "diverged" or not bool(np.isfinite(network.parameters.theta).all())


def network_arrays(network: Network) -> dict[str, Array]:
    """Return the network's arrays: all parameters, the optimizer's state, and the running statistics of layers."""
    return (
        {"theta": network.parameters.theta}
        | {f"state/{name}": vector for name, vector in network.optimizer.state.items()}
        | {f"arrays/{name}": array for name, array in layer_arrays(network).items()}
    )


# -- samples, as many as there is room for ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Samples:
    """The test and training samples of a page, as arrays, and the number of characters that they take."""

    test: Kept
    train: Kept
    test_arrays: dict[str, Array]
    train_arrays: dict[str, Array]
    size: int


class Choice:
    """Chooses samples of two data sets for a page."""

    def __init__(self, network: Network, train: Dataset, test: Dataset) -> None:
        self.network, self.train, self.test = network, train, test
        with np.errstate(over="ignore", invalid="ignore"):  # a network that has diverged overflows
            self.misread = misread(network, test)

    def of(self, tests: int, trainings: int) -> Samples:
        """Return these numbers of samples, or all, with some extra misread test samples."""
        test, train = Kept.of(self.test, tests, self.misread), Kept.of(self.train, trainings)
        arrays = test.arrays(self.network, "test"), train.arrays(self.network, "train")
        return Samples(test, train, *arrays, size_of(arrays[0]) + size_of(arrays[1]))

    def within(self, room: float) -> Samples:
        """Return as many samples as fit into `room` characters, at most `TEST` and `TRAIN`, at least `FEWEST`."""
        share = 1.0
        while True:
            found = self.of(max(FEWEST, int(TEST * share)), max(FEWEST, int(TRAIN * share)))
            if found.size <= room or TRAIN * share <= FEWEST:
                return found
            share *= min(0.95, max(room, 0.0) / found.size)


def left_out(samples: Samples, moments: Moments, limits: Limits) -> list[str]:
    """Return sentences on the parts left out to keep the file small."""
    found = []
    if limits.samples is None:
        for what, kept, usual in (("test", samples.test, TEST), ("training", samples.train, TRAIN)):
            usual = min(usual, len(kept.data))
            if len(kept.index) < usual:
                found.append(f"{thousands(len(kept.index))} of {thousands(usual)} {what} {kept.data.noun}s")
    if len(moments) < moments.all:
        found.append(f"{len(moments)} of {moments.all} snapshots")
    return [f"To keep the file small, it holds {listing(found)}."] if found else []


def larger(network: int, excess: int, limits: Limits) -> list[str]:
    """Return a sentence if the network alone makes the file larger than the limit."""
    if excess <= 0 or limits.samples is not None or limits.all_snapshots:
        return []
    return [f"It is still large: the network alone takes {network / 1e6:.1f} MB."]


# -- the description ------------------------------------------------------------------------------------------------


def described(network: Network, train: Dataset, test: Dataset, run: Run) -> dict[str, Any]:
    """Return the parts of the manifest that do not depend on the limits."""
    config = network.config()
    batch_size, per_epoch = pace(train, run)
    return {
        "format": FORMAT,
        "version": VERSION,
        "network": config,
        "interventions": config["interventions"],
        "optimizer": optimizer_state(network),
        "class_names": list(network.class_names or test.class_names),
        "threshold": network.threshold,
        "data": {
            "name": test.name,
            "kind": test.kind,
            "shape": list(test.sample_shape),
            "class_names": list(test.class_names),
            "feature_names": list(test.feature_names if network.input.learned is None else _features(network, test)),
            "note": SCHEME.sub("", train.note),
            "source": _source(train),
            "train_size": len(train),
            "test_size": len(test),
        },
        "history": [] if run.history is None else run.history.rows,
        "run": None if run.history is None else run_of(run.history),
        "steps_per_epoch": per_epoch,
        "batch_size": batch_size,
        "settings": dict(run.settings or {}),
        "words": {name: getattr(words, name) for name in WORDS}
        | {"figure": figure_words.FIGURE, "interventions": INTERVENTIONS},
        "glossary": GLOSSARY,
        "formulas": {
            "optimizer": {key: dict(OPTIMIZERS[key].formulas) for key in OPTIMIZERS},
            "loss": {key: LOSSES[key].formula for key in LOSSES},
            "regularizer": {key: REGULARIZERS[key].formula for key in REGULARIZERS},
        },
        "choices": {
            "optimizer": _choices(OPTIMIZERS),
            "activation": _choices(ACTIVATIONS),
            "loss": _choices(LOSSES),
        },
        "made": {
            "neurosim": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "command": run.command,
            "date": date.today().isoformat(),
        },
    }


def _choices(registry: Registry[Any]) -> dict[str, Any]:
    """Return key -> config with the defaults, for all classes that need no settings."""
    found = {}
    for key in registry:
        with suppress(NeurosimError):
            found[key] = registry.create(key).config()
    return found


def optimizer_state(network: Network) -> dict[str, Any]:
    """Return the state of the optimizer, without its vectors."""
    optimizer = network.optimizer
    own = _choices(OPTIMIZERS).get(optimizer.key, {})
    return {
        "t": optimizer.t,
        "rate": optimizer.rate,
        "last_rate": optimizer.last_rate,
        "own_rate": own.get("learning_rate"),
        "scalars": optimizer.scalars(),
    }


def pace(train: Dataset, run: Run) -> tuple[int, int]:
    """Return samples per step and steps per epoch of the run, or the defaults."""
    if run.snapshots is not None and len(run.snapshots):
        return run.snapshots.batch_size, run.snapshots.steps_per_epoch
    size = min(run.batch_size or BATCH_SIZE, len(train))
    return size, math.ceil(len(train) / size)


def run_of(history: History) -> dict[str, Any]:
    """Return the end of a run, and its loss by step; of many steps, the lowest and highest of each section."""
    losses = np.array(history.batch_losses, np.float64)
    kept = np.arange(len(losses))
    if len(losses) > POINTS:
        ends = np.unique(np.expm1(np.linspace(0, np.log1p(len(losses)), POINTS // 2 + 1)).round().astype(int))
        low, high = (np.where(np.isfinite(losses), losses, away) for away in (np.inf, -np.inf))
        extremes = [
            a + int(find(each[a:b])) for a, b in pairwise(ends) for each, find in ((low, np.argmin), (high, np.argmax))
        ]
        kept = np.unique([0, *extremes, len(losses) - 1])
    return {
        "stopped": history.stopped,
        "message": history.message,
        "losses": {"step": (kept + 1).tolist(), "loss": losses[kept].tolist()},
    }


def _features(network: Network, data: Dataset) -> tuple[str, ...]:
    """Return the names of the columns in the network's order."""
    learned = network.input.learned
    assert learned is not None
    return learned.feature_names or data.feature_names


def _source(data: Dataset) -> str:
    """Return the source of the data; only the last part of a path, because pages are shared."""
    return Path(data.source).name if Path(data.source).is_absolute() else SCHEME.sub("", data.source)


def as_plain(value: Any) -> Any:
    """Copy nested values as plain Python numbers, lists and dicts."""
    if isinstance(value, Mapping):
        return {str(name): as_plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value
