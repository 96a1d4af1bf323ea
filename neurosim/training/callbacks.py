"""What a run of `fit` knows about itself, and the hooks into it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import check_count, check_number
from ..errors import NeurosimError
from ..files.model import array_rules
from ..layers.stack import numbers_of
from ..metrics import class_indices, rises
from ..network import Network
from ..parameters import Array
from ..schema import Rule, anything, array, count, number, optional, record
from .batches import Batches
from .history import History

if TYPE_CHECKING:
    import pandas as pd


@dataclass(eq=False)
class TrainingRun:
    """A run of `fit`: what it works on, and where it stands. Every hook of a `Callback` is given it.

    Attributes:
        network: what is trained.
        batches: the training set, and the place in the epoch.
        history: what was recorded so far.
        callbacks: all that the run has.
        epochs: how many it was asked for.
        evaluate_train: whether each epoch ends with an evaluation on the training data.
        validation: (x, y) rows that each epoch is evaluated on; ``None``: none.
        verbose: whether it says how it goes.
        epoch: the one in progress, from 1.
        seconds: the time that the steps of this epoch took.
        at_once: how many steps are done in one call, where they are compiled.
    """

    network: Network
    batches: Batches
    history: History
    callbacks: list[Callback]
    epochs: int
    evaluate_train: bool = False
    validation: tuple[Array, Array] | None = None
    verbose: bool = True
    epoch: int = 1
    seconds: float = 0.0
    at_once: int = 1

    @property
    def step(self) -> int:
        """How many steps were taken, from the first epoch on."""
        return len(self.history.batch_losses)

    @property
    def plan(self) -> dict[str, Any]:
        """What `fit` was asked to do, JSON-ready."""
        batches = self.batches
        return {
            "epochs": self.epochs,
            "batch_size": batches.batch_size,
            "shuffle": batches.shuffle,
            "drop_last": batches.drop_last,
            "evaluate_train": self.evaluate_train,
            "augment": None if batches.augment is None else batches.augment.config(),
        }

    @property
    def data(self) -> list[Array]:
        """The arrays that it works on: rows and targets, of training and of validation."""
        return [self.batches.rows, self.batches.targets, *(self.validation or ())]

    @cached_property
    def columns(self) -> list[str]:
        """The figures that each epoch will record."""
        figures = ["loss", "accuracy"] if class_indices(self.batches.targets) is not None else ["loss"]
        of_train = [f"train_{name}" for name in figures if self.evaluate_train]
        of_validation = [f"val_{name}" for name in figures if self.validation is not None]
        return ["epoch", *figures, *of_train, *of_validation, "seconds", "learning_rate"]

    def end_epoch(self) -> None:
        """Stand before the next epoch."""
        self.epoch += 1
        self.seconds = 0.0
        self.batches.begin_epoch()


class Callback:
    """Something to do during training. Override what is needed.

    Attributes:
        reason: what `History.stopped` says when `on_epoch` ended the training.
    """

    reason: str = "callback"

    def check(self, run: TrainingRun) -> None:
        """Before anything: raise a NeurosimError if it needs what the run does not have, e.g. one of its columns."""

    def on_start(self, run: TrainingRun) -> None:
        """Before the first step of a run."""

    def on_step(self, run: TrainingRun) -> None:
        """After each update; gradients and activations of the batch are in the layers."""

    def on_epoch(self, run: TrainingRun) -> bool | None:
        """After each epoch, its figures in ``run.history.rows[-1]``. Return True to end the training."""

    def on_end(self, run: TrainingRun) -> None:
        """After the last step, however training ended."""

    def state(self) -> dict[str, Any]:
        """What it has to remember in the middle of a run: arrays, and JSON-ready values."""
        return {}

    def state_rule(self, run: TrainingRun) -> Rule:
        """What a `state` that is read from a file may be."""
        return record({}, others=anything)

    def restore(self, state: dict[str, Any]) -> None:
        """After `on_start`: go on from a `state`."""


class EarlyStopping(Callback):
    """Stop when `monitor` has not improved for `patience` epochs, and go back to the best weights.

    The best weights are restored however training ends: stopped early, interrupted, diverged or run to its last epoch.

    Args:
        monitor: a column of `History`; an accuracy should rise, any other fall.
        patience: epochs without improvement, at least 1.
        min_delta: how much better counts as better, at least 0.

    Attributes:
        best_epoch: the epoch whose weights were restored, from 1; 0 for none.

    Reference: Prechelt (1998), Early stopping, but when?
    """

    reason = "early stopping"

    def __init__(self, monitor: str = "val_loss", patience: int = 5, min_delta: float = 0.0) -> None:
        self.monitor = monitor
        self.patience = check_count("patience", patience)
        self.min_delta = check_number("min_delta", min_delta, 0.0, math.inf, open_high=True)
        self.best_epoch = 0

    def check(self, run: TrainingRun) -> None:
        if self.monitor not in run.columns:
            raise NeurosimError(
                f"early stopping: expected monitor to be one of {', '.join(run.columns)}, received "
                f"{self.monitor!r}; pass validation_data to have val_loss and val_accuracy"
            )

    def on_start(self, run: TrainingRun) -> None:
        self.best_epoch, self._best = 0, math.inf
        self._snapshot: Any = None

    def on_epoch(self, run: TrainingRun) -> bool:
        history = run.history
        row = history.rows[-1]
        value = -row[self.monitor] if rises(self.monitor) else row[self.monitor]
        if value < self._best - (self.min_delta if math.isfinite(self._best) else 0.0):
            self.best_epoch, self._best = len(history), value
            self._snapshot = run.network.snapshot(weights_only=True)
        return len(history) - self.best_epoch >= self.patience

    def state(self) -> dict[str, Any]:
        arrays = None if self._snapshot is None else self._snapshot["arrays"]
        return {"best_epoch": self.best_epoch, "best": self._best, "arrays": arrays}

    def state_rule(self, run: TrainingRun) -> Rule:
        rules = array_rules(run.network).items()
        arrays = {name: rule for name, rule in rules if not name.startswith("optimizer.")}
        best = number(infinite=True)
        return record({"best_epoch": count(0, run.epochs), "best": best, "arrays": optional(record(arrays))})

    def restore(self, state: dict[str, Any]) -> None:
        self.best_epoch, self._best = int(state["best_epoch"]), float(state["best"])
        self._snapshot = None if state["arrays"] is None else {"arrays": dict(state["arrays"])}

    def on_end(self, run: TrainingRun) -> None:
        if self._snapshot is not None:
            history = run.history
            run.network.restore(self._snapshot, weights_only=True)
            space = "\n" if history.divergence else " "  # that is a paragraph of its own
            history.message = (
                f"{history.message}{space}Weights are those of epoch {self.best_epoch}, the best by "
                f"{self.monitor}.".strip()
            )
            self._snapshot = None


class GradientNorms(Callback):
    """Record how large the gradient of each layer's weights is: the Euclidean norm of dW.

    Args:
        every: record every so many steps, at least 1.

    Attributes:
        rows: dicts of step (from 1), layer (its place among those with weights, from 1; where layers give out
            images its own number, `net[k]`), norm.
    """

    def __init__(self, every: int = 20) -> None:
        self.every = check_count("every", every)
        self.rows: list[dict[str, float]] = []
        self._step = 0

    def on_step(self, run: TrainingRun) -> None:
        self._step += 1
        if self._step % self.every == 1 or self.every == 1:
            weighted = [layer for layer in run.network if layer.weight_name]
            self.rows += [
                {"step": self._step, "layer": k, "norm": float(np.linalg.norm(layer.views[f"d{layer.weight_name}"]))}
                for k, layer in zip(numbers_of(weighted, run.network.layers), weighted, strict=True)
            ]

    def state(self) -> dict[str, Any]:
        rows = [[row["step"], row["layer"], row["norm"]] for row in self.rows]
        return {"step": self._step, "rows": np.array(rows, np.float64).reshape(-1, 3)}

    def state_rule(self, run: TrainingRun) -> Rule:
        return record({"step": count(), "rows": array("f", (None, 3))})

    def restore(self, state: dict[str, Any]) -> None:
        self._step = int(state["step"])
        self.rows = [
            {"step": int(step), "layer": int(layer), "norm": float(norm)} for step, layer, norm in state["rows"]
        ]

    def to_frame(self) -> pd.DataFrame:
        """A new DataFrame with the columns step, layer, norm."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=["step", "layer", "norm"])
