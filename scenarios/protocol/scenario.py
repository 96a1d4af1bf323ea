"""A scenario: a question, the variants that are compared, what is recorded of them and how it is drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pandas as pd

from neurosim.data.dataset import Dataset
from neurosim.errors import NeurosimError
from neurosim.network import Network
from neurosim.training.callbacks import Callback
from neurosim.training.settings import Settings

Results = Any  # `results.Results`, which needs the scenario: to name it here would close a circle


@dataclass(frozen=True)
class Variant:
    """One of the things compared.

    Args:
        name: its name.
        settings: the few settings in which it differs from the base.
        train_size: the number of the run's training images that it uses; never more than there are.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    train_size: int | None = None


@dataclass(frozen=True)
class Run:
    """One variant, one seed: all that is needed to train it anywhere."""

    variant: str
    seed: int
    settings: Settings
    train_size: int | None = None

    def network(self, train: Dataset) -> Network:
        """Return its network before training."""
        return self.settings.network_for(train, self.seed)


class Recorder(Callback, ABC):
    """A callback that builds a table.

    Attributes:
        table: its name; "gradients" is written as gradients.csv.
    """

    table: ClassVar[str]

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """Return what was recorded, as a tidy table without variant and seed."""


class Picture(NamedTuple):
    """A figure of a report: its file's name, how to read it, how to draw it, and how to set it in motion."""

    name: str
    reading: str
    draw: Callable[[], Any]  # returns an Axes or a Figure
    film: Callable[[Path, str], Any] | None = None  # writes a GIF beside it, given its path and the note on the data
    note: str | None = None  # at its foot; None: that of the results; "": none, where it shows no data


@dataclass(frozen=True)
class Scenario:
    """A question, and the experiment that answers it.

    Args:
        name: its name on the command line.
        question: one sentence.
        what_to_watch: a few sentences for the learner, read before looking at the figures.
        variants: the variants that are compared.
        baseline: the name of the variant that the others are compared with; "": none.
        base: the settings that all variants share.
        rate_factors: if given, every variant first searches its learning rate among these multiples of its
            optimizer's own, in a short search on images held out of the training set.
        pictures: its own figures, beside those that every scenario has. Like `findings` it uses only the tables, so
            that both can be made again without training.
        findings: its own findings, beside those that every scenario has.
        train_size: the default number of training images; enough to tell variants apart in about a minute.
        recorders: makes new recorders for a run, given the run and its training images; each fills a table.
        measure: measures further tables, given the run, its training images and the test images, before the run and
            apart from it. Like `recorders` a function of a module, because it is sent to other processes.
        measure_trained: measures further tables of the network that a run ends with, given the run, this network, the
            training images and the test images; not of one that diverged. It is a function of a module, too.
        quick: the settings that --quick changes beside the number of seeds, images and epochs.
        of_images: whether it looks at grey images, and can be run with no other data.
        dense: whether it looks at the weights that a neuron has for each feature of a sample; a filter has none.
        of_filters: whether it looks at the kernels of the first layer, which only a convolution has.
        grid: the two settings that are varied together, with their values as they are written; the variants are all
            pairs of them, in order. Empty: one setting is varied, or several are.

    Raises:
        NeurosimError: variants with the same name, or a baseline that is not one of them.

    Example:
        >>> from neurosim import data
        >>> from neurosim.training.settings import Settings
        >>> from scenarios import Scenario, Variant, run_scenario
        >>> widths = Scenario("widths", "Do more neurons help?", "Watch the gap between 16 and 64.",
        ...                   (Variant("16", {"hidden": (16,)}), Variant("64", {"hidden": (64,)})), baseline="16",
        ...                   base=Settings(epochs=2))
        >>> train, test = data.load("digits")
        >>> results = run_scenario(widths, train.subset(300), test, seeds=2, progress=False)
        >>> results.names
        ['16', '64']
    """

    name: str
    question: str
    what_to_watch: str
    variants: tuple[Variant, ...]
    baseline: str
    base: Settings = field(default_factory=lambda: Settings(epochs=4))
    rate_factors: tuple[float, ...] = ()
    pictures: Callable[[Results], Iterator[Picture]] | None = None
    findings: Callable[[Results], Iterator[str]] | None = None
    train_size: int = 10_000
    recorders: Callable[[Run, Dataset], list[Recorder]] | None = None
    measure: Callable[[Run, Dataset, Dataset], dict[str, pd.DataFrame]] | None = None
    measure_trained: Callable[[Run, Network, Dataset, Dataset], dict[str, pd.DataFrame]] | None = None
    quick: Mapping[str, Any] = field(default_factory=dict)
    of_images: bool = False
    dense: bool = False
    of_filters: bool = False
    grid: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [variant.name for variant in self.variants]
        if len(set(names)) != len(names):
            raise NeurosimError(f"scenario {self.name}: expected variants with different names, received {names}")
        if self.baseline and self.baseline not in names:
            raise NeurosimError(
                f"scenario {self.name}: expected its baseline to be one of {', '.join(names)}, "
                f"received {self.baseline!r}"
            )

    def check_settings(self, settings: Settings) -> None:
        """Refuse settings without the layers that the scenario looks at.

        Raises:
            NeurosimError: the first layers are convolutional or pooling layers, but it looks at dense neurons; or there
                is no convolution, but it looks at filters.
        """
        if self.dense and settings.conv:
            raise NeurosimError(
                f"{self.name}: expected no --conv, because it looks at the weights of neurons that see whole "
                f"samples; received {','.join(settings.conv)}"
            )

        if self.of_filters and not any("x" in each for each in settings.conv):
            raise NeurosimError(
                f"{self.name}: expected --conv with a convolution such as 8x5, because it looks at kernels; "
                f"received {','.join(settings.conv) or 'none'}"
            )

    def check_data(self, train: Dataset) -> None:
        """Refuse data that the scenario cannot use.

        Raises:
            NeurosimError: they are not grey images, but it looks at pixels; or they have no classes, so that there is
                no accuracy.
        """
        if self.of_images and train.x.ndim != 3:
            raise NeurosimError(
                f"{self.name}: expected grey images, because it looks at their pixels; received {train.name}, "
                f"{'colour images' if train.kind == 'image' else f'{train.noun}s'}"
            )
        if not train.class_names:
            raise NeurosimError(
                f"{self.name}: expected classes, because it compares accuracies; received {train.name}, whose "
                "targets are numbers; use train for them"
            )
