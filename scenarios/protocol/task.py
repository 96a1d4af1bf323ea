"""One task: train one variant with one seed, and give back what was recorded as JSON.

A task can be performed anywhere.  What comes of it is text, which is all that is sent back and kept on disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from neurosim.compiled import engine_is
from neurosim.data.dataset import Dataset
from neurosim.network import Network
from neurosim.processors import computes, threads
from neurosim.training.callbacks import Callback, EarlyStopping, TrainingRun
from neurosim.training.settings import HELD_OUT

from .boundary import Boundary
from .recorders import Divergences
from .scenario import Recorder, Run

Data = Mapping[str, tuple[Dataset, Dataset]]  # checksum -> training and test images


@dataclass(frozen=True)
class Task:
    """A run as a piece of work for any process.

    Args:
        run: what to train.
        data: the checksum of the images to use.
        search: whether it tries a rate in a search, measured on held-out images instead of the test images.
        watched: whether its boundary is recorded, if the data are points.
        hold_out: whether some of its training images are held out for decisions made in training.
        recorders: of the scenario.
        measure: of the scenario.
        measure_trained: of the scenario.
        threads: how many to compute with.
        engine: what runs the training steps, "numpy" or "compiled".
    """

    run: Run
    data: str
    search: bool = False
    watched: bool = False
    hold_out: bool = False
    recorders: Callable[[Run, Dataset], list[Recorder]] | None = None
    measure: Callable[[Run, Dataset, Dataset], dict[str, pd.DataFrame]] | None = None
    measure_trained: Callable[[Run, Network, Dataset, Dataset], dict[str, pd.DataFrame]] | None = None
    threads: int = 1
    engine: str = "numpy"
    writes: ClassVar[bool] = False

    @property
    def kind(self) -> str:
        """The kind of time that it takes."""
        return "search" if self.search else "runs"

    def perform(self, data: Data) -> str:
        """Do the task, with as many threads as it says.

        Returns:
            JSON: "epochs", one dict per epoch, and "tables", by name and column.

        Raises:
            NeurosimError: settings that do not fit each other or the data.
            KeyboardInterrupt: Ctrl-C.
        """
        with threads(self.threads), engine_is(self.engine):
            return _perform(self, *data[self.data])


class _TestMetrics(Callback):
    """Measure the test images after each epoch, where the validation images are others."""

    def __init__(self, test: Dataset) -> None:
        self.test = test

    def on_epoch(self, run: TrainingRun) -> None:
        figures = run.network.evaluate(self.test)
        run.history.rows[-1] |= {f"test_{name}": value for name, value in figures.items()}


class _Trained(Callback):
    """Measure the network that a run ends with, early stopping having gone back to the weights that are kept.

    Attributes:
        tables: what was measured; none where the run did not get to its end.
    """

    def __init__(self, task: Task, train: Dataset, test: Dataset) -> None:
        self.task, self.train, self.test = task, train, test
        self.tables: dict[str, pd.DataFrame] = {}

    def on_end(self, run: TrainingRun) -> None:
        if self.task.measure_trained and run.history.stopped not in ("diverged", "interrupted"):
            self.tables = self.task.measure_trained(self.task.run, run.network, self.train, self.test)


@computes
def _perform(task: Task, train: Dataset, test: Dataset) -> str:
    deciding = test
    if task.search or task.hold_out:
        train, deciding = train.hold_out(HELD_OUT)
    if task.search:
        test = deciding
    if task.run.train_size is not None:
        train = train.subset(min(task.run.train_size, len(train)), seed=0)
    tables = dict(task.measure(task.run, train, test)) if task.measure else {}
    recorders: list[Recorder] = [Divergences()]
    if task.watched:
        recorders.append(Boundary(test, task.run.settings.epochs))
    recorders += task.recorders(task.run, train) if task.recorders else []
    trained = _Trained(task, train, test)
    rows = train_run(task.run, train, deciding, test, [*recorders, trained])
    tables |= {recorder.table: recorder.to_frame() for recorder in recorders} | trained.tables
    return json.dumps(
        {
            "epochs": rows,
            "tables": {name: {column: frame[column].tolist() for column in frame} for name, frame in tables.items()},
        },
        default=_plain,
    )


def _plain(value: Any) -> Any:
    """A NumPy scalar as Python's own; a missing value as null."""
    return None if value is pd.NA else value.item()


def train_run(
    run: Run, train: Dataset, deciding: Dataset, test: Dataset, recorders: Sequence[Callback] = ()
) -> list[dict[str, Any]]:
    """Train a run.

    Args:
        run: what to train.
        train: on what.
        deciding: what early stopping and schedules may watch after each epoch.
        test: what it is measured on after each epoch; the same as `deciding` if nothing is decided.
        recorders: callbacks.

    Returns:
        One row per epoch, also for those that it did not reach because it diverged.
    """
    network = run.network(train)
    own = run.settings.callbacks()
    history = network.fit(
        train,
        None,
        run.settings.epochs,
        run.settings.batch_size,
        verbose=False,
        drop_last=True,  # accuracy is read at the end of an epoch, and must not hang on a step for a few images
        validation_data=deciding,
        callbacks=[*own, *recorders, *([_TestMetrics(test)] if deciding is not test else [])],
        augment=run.settings.augment,
    )
    if history.stopped == "interrupted":
        raise KeyboardInterrupt
    rename = "test_" if deciding is test else "val_"
    rows = [
        {name.replace("val_", rename): value for name, value in row.items()} | {"diverged": False}
        for row in history.rows
    ]
    kept = len(rows)
    if history.stopped == "diverged":
        rows += [{"epoch": epoch, "diverged": True} for epoch in range(len(rows) + 1, run.settings.epochs + 1)]
        kept = len(rows)
    elif stopping := [each for each in own if isinstance(each, EarlyStopping)]:
        kept = stopping[0].best_epoch or kept
    return [row | {"kept": row["epoch"] == kept} for row in rows]
