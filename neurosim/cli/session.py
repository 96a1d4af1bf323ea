"""What a command works with: data, and a network for them, made from settings.

`Session` knows nothing of the command line: whatever else wants to start in the same way can.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import data as datasets
from ..data import Dataset
from ..errors import NeurosimError
from ..network import Network
from ..optimizers import OPTIMIZERS
from ..page.samples import check_fit
from ..processors import threads
from ..text import computed_with, counted, listing, thousands
from ..training import Callback, History
from ..training.settings import HELD_OUT, Settings
from ..walk import Stepper
from ..walk.trace import traceable
from .options import given_settings, reading, refuse_with_model
from .terminal import WIDTH, say

SMALL = 2_000  # training samples: with fewer the usual epochs are too few steps
SMALL_BATCH = 16  # samples a step, then
UPDATES, TABLE_UPDATES = 2_000, 1_000  # steps at least, then; of a table
SMOOTH = "tanh"  # the hidden activation for a small table of classes: a boundary without corners between few rows
MOVED = 7  # parts of a picture's side, by one of which it is moved, then


@dataclass
class Session:
    """A network, and the data to train it on and to look at it with.

    Attributes:
        settings: of the network and its training; of a network that was loaded, only what is changed in it.
        network: it.
        train: the images that it is trained on.
        test: the images that it is looked at with.
        validation: what is evaluated after each epoch; None: nothing.
    """

    settings: Settings
    network: Network
    train: Dataset
    test: Dataset
    validation: Dataset | None = None

    @classmethod
    def new(
        cls,
        settings: Settings,
        train: Dataset,
        test: Dataset,
        seed: int = 0,
        always_validate: bool = False,
        share: float | None = None,
    ) -> Session:
        """An untrained network. Says which images are used for validation, if any.

        Args:
            settings: of the network and its training.
            train: the training images. Some are held out of them where something is decided in training.
            test: the test images.
            seed: of everything random in the network.
            always_validate: whether to validate on the test images where nothing is decided by that.
            share: of the training images, to be held out for validation in any case.

        Raises:
            NeurosimError: settings that do not fit the data.
        """
        train, validation = hold_out(settings, train, share)
        if validation is None and always_validate:
            print(f"validation: the test {test.noun}s; nothing is chosen by them")
            validation = test
        return cls(settings, settings.network_for(train, seed), train, test, validation)

    @classmethod
    def around(cls, network: Network, train: Dataset, test: Dataset, changes: dict[str, Any]) -> Session:
        """A network that is there, with another optimizer or learning rate where `changes` has one.

        Args:
            network: it; changed.
            train: the training images.
            test: the test images.
            changes: settings: optimizer and learning_rate of the network, batch_size and augment of further training.
        """
        if "optimizer" in changes:
            network.optimizer = OPTIMIZERS.create(changes["optimizer"])
        if "learning_rate" in changes:
            network.optimizer.learning_rate = changes["learning_rate"]
        return cls(Settings(**changes), network, train, test)

    @property
    def note(self) -> str:
        """What a figure must say of the data."""
        return figure_note(self.train)

    def check_place(
        self,
        layer: int | None,
        neuron: int | None,
        sample: int | str | None,
        place: tuple[int, int] | None = None,
    ) -> None:
        """Refuse a layer, neuron, place or sample that does not exist: before the network is trained.

        Raises:
            NeurosimError: one of them does not.
        """
        if isinstance(sample, int) and sample >= len(self.test):
            raise NeurosimError(f"--sample: expected a number from 0 to {len(self.test) - 1}, received {sample}")
        if layer is not None:
            found = traceable(self.network, layer)
            if neuron is not None:
                found[neuron]
        if place is not None:
            found = next(each for each in self.network if each.weight_name) if layer is None else self.network[layer]
            found[neuron or 0].at(*place)

    def fit(self, callbacks: Sequence[Callback], verbose: bool = True) -> History:
        """Train the network as the settings say, but with these callbacks: those of the settings, and any others."""
        return self.network.fit(
            self.train,
            None,
            self.settings.epochs,
            self.settings.batch_size,
            validation_data=self.validation,
            verbose=verbose,
            callbacks=callbacks,
            augment=self.settings.augment,
        )

    def trained_in(self, history: History) -> str:
        """How long that took, and with what."""
        means = computed_with(threads().count, self.network.engine)
        return f"trained in {sum(history['seconds']):.1f} s with {means}"

    def stepper(
        self,
        layer: int | None = None,
        neuron: int | None = None,
        sample: int | str | None = None,
        place: tuple[int, int] | None = None,
    ) -> Stepper:
        """A walk through the network, one test image at a time; None begins at an interesting place."""
        return Stepper(
            self.network,
            self.train,
            None,
            samples=(self.test, None),
            batch_size=self.settings.batch_size or len(self.train),
            layer=layer,
            neuron=neuron,
            place=place,
            sample=sample,
            augment=self.settings.augment,
        )


def load_data(
    name: str | os.PathLike[str], offline: bool = False, train_size: int | None = None, **reading: Any
) -> tuple[Dataset, Dataset]:
    """Load training and test samples, and say at once which they are.

    Args:
        name: as `neurosim.data.load` takes it.
        offline: never download.
        train_size: how many training samples; None: all.
        reading: how to read own files, as `neurosim.data.load` takes it.

    Raises:
        NeurosimError: the data cannot be found or read, or there are fewer.
    """
    train, test = datasets.load(name, offline=offline, **reading)
    if train.note.startswith(datasets.NOT_MNIST):
        print("!" * WIDTH)
        say(train.note)
        print("!" * WIDTH)
    elif train.note:
        for note in train.note.split("; "):
            say(f"note: {note}")
    if train_size is not None:
        train = first_images(train, train_size)
    counts = f"{thousands(len(train))} training and {thousands(len(test))} test {test.noun}s"
    print(f"data: {train.name}, {counts}", flush=True)
    return train, test


def load_with_settings(
    arguments: argparse.Namespace, settings: Settings, adapt: bool = True
) -> tuple[tuple[Dataset, Dataset], Settings]:
    """The data that a command's options ask for, and settings for a new network of them.

    Args:
        arguments: the options; with a number of training samples these are what was asked for, few or not.
        settings: as given.
        adapt: whether a small data set may change them, as `enough_updates` does.

    Raises:
        NeurosimError: the data cannot be found or read, or there are fewer.
    """
    data = load_asked(arguments)
    if adapt and arguments.train_size is None:
        settings = enough_updates(settings, given_settings(arguments), data[0])
    return data, settings


def load_asked(arguments: argparse.Namespace) -> tuple[Dataset, Dataset]:
    """The data that a command's options ask for; raises as `load_data` does."""
    return load_data(arguments.data, arguments.offline, arguments.train_size, **reading(arguments))


def load_for(arguments: argparse.Namespace, refused: Collection[str]) -> Session:
    """The network of `--model`, with data that fit it.

    Args:
        arguments: the options.
        refused: those given that ask for a training.

    Raises:
        NeurosimError: they do not fit, or an option asks for a training.
    """
    given = given_settings(arguments)
    refuse_with_model(given, list(refused))
    network = Network.load(arguments.model)
    data = load_asked(arguments)
    for each in data:
        check_fit(network, each, arguments.model)
    return Session.around(network, *data, given)


def enough_updates(settings: Settings, given: Collection[str], train: Dataset) -> Settings:
    """Settings with epochs, batch size and more for a small data set, those `given` excepted; said.

    As many epochs as make `UPDATES` steps: a network learns by steps, and few samples make few of them in an epoch.
    Grey pictures are moved about, so that the network sees more than the few places where things are. Of a table of
    classes tanh reads more of the rows that were held out than ReLU: over 45 ways to split iris 97.5 and 94.2 %, over
    25 of wine 98.1 and 97.7 %, over 11 of breast cancer 98.2 and 97.3 %.
    """
    if len(train) >= SMALL:
        return settings
    changes: dict[str, Any] = {}
    if "batch_size" not in given:
        changes["batch_size"] = SMALL_BATCH
    size = changes.get("batch_size", settings.batch_size) or len(train)
    if "epochs" not in given:
        updates = TABLE_UPDATES if train.kind == "table" else UPDATES
        changes["epochs"] = max(settings.epochs, math.ceil(updates / math.ceil(len(train) / size)))
    if "activation" not in given and train.kind == "table" and train.class_names:
        changes["activation"] = SMOOTH
    grey = train.x.dtype == np.uint8 and len(train.sample_shape) == 2
    pixels = min(train.sample_shape) // MOVED if grey else 0
    if pixels and "augment" not in given:
        changes["augment"] = f"shift:pixels={pixels}"
    if not changes:
        return settings
    settings = settings.change(**changes)
    steps = settings.epochs * math.ceil(len(train) / size)
    options = listing([f"--{name.replace('_', '-')}" for name in changes])
    moved = f", each {train.noun} moved by up to {counted(pixels, 'pixel')}" if "augment" in changes else ""
    smooth = f", {SMOOTH} as activation" if "activation" in changes else ""
    say(
        f"few {train.noun}s: {counted(settings.epochs, 'epoch')} with batches of {size}, which are {thousands(steps)} "
        f"updates{moved}{smooth} ({options} {'chooses another' if len(changes) == 1 else 'choose others'})"
    )
    return settings


def first_images(train: Dataset, size: int) -> Dataset:
    """`size` training images, of each class its share. A smaller set is part of every larger one.

    Raises:
        NeurosimError: there are fewer.
    """
    if size > len(train):
        raise NeurosimError(
            f"train size: expected at most {thousands(len(train))}, all that {train.name} has, "
            f"received {thousands(size)}"
        )
    return train.subset(size, seed=0)


def hold_out(settings: Settings, train: Dataset, share: float | None = None) -> tuple[Dataset, Dataset | None]:
    """Split off a validation set if one is asked for, or early stopping or the schedule needs it; or (train, None)."""
    if share is None and not settings.needs_validation:
        return train, None
    train, validation = train.hold_out(share or HELD_OUT)  # what decides must not be the test images
    print(f"validation: {thousands(len(validation))} {train.noun}s held out of the training set")
    return train, validation


def figure_note(train: Dataset) -> str:
    """What a figure must say of its data."""
    built_in = train.source.startswith("drawn by neurosim")  # not by its name, which a file may have too
    return "data: built-in digits, NOT MNIST" if built_in else f"data: {train.name}"
