"""The state of a run of `fit`, and the callbacks that it calls."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
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
    """A run of `fit`: its data, its settings and its progress. Every method of a `Callback` receives it.

    Attributes:
        network: the network that is trained.
        batches: the training set, and the place in the epoch.
        history: the record up to now.
        callbacks: all callbacks of the run.
        epochs: the requested number of epochs.
        evaluate_train: whether each epoch ends with an evaluation on the training data.
        validation: (x, y) rows for an evaluation after each epoch; ``None``: no evaluation.
        verbose: whether the progress is printed.
        epoch: the current epoch, from 1.
        seconds: the time of the steps in this epoch.
        at_once: the number of steps in one call, if they are compiled.
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
        """The number of steps since the beginning of the run."""
        return len(self.history.batch_losses)

    @property
    def plan(self) -> dict[str, Any]:
        """The settings of `fit`, JSON-ready."""
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
        """The arrays of the run: rows and targets, for training and for validation."""
        return [self.batches.rows, self.batches.targets, *(self.validation or ())]

    @cached_property
    def columns(self) -> list[str]:
        """The names of the figures that each epoch records."""
        figures = ["loss", "accuracy"] if class_indices(self.batches.targets) is not None else ["loss"]
        of_train = [f"train_{name}" for name in figures if self.evaluate_train]
        of_validation = [f"val_{name}" for name in figures if self.validation is not None]
        return ["epoch", *figures, *of_train, *of_validation, "seconds", "learning_rate"]

    def end_epoch(self) -> None:
        """Go to the next epoch."""
        self.epoch += 1
        self.seconds = 0.0
        self.batches.begin_epoch()


class Callback:
    """An action during training. Override the methods that you need.

    Attributes:
        reason: the text of `History.stopped` after `on_epoch` has ended the training.
    """

    reason: str = "callback"

    def __repr__(self) -> str:
        """Return the class and its settings that are texts, numbers or paths."""
        given = {name: getattr(self, name, None) for name in inspect.signature(type(self)).parameters}
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}
        shown = [f"{name}={value!r}" for name, value in plain.items() if isinstance(value, str | int | float)]
        return f"{type(self).__name__}({', '.join(shown)})"

    def check(self, run: TrainingRun) -> None:
        """Check the run before anything else. Raise a NeurosimError if it lacks something, e.g. a column."""

    def on_start(self, run: TrainingRun) -> None:
        """Act before the first step of a run."""

    def on_step(self, run: TrainingRun) -> None:
        """Act after each step. The gradients and activations of its batch are still in the layers."""

    def on_epoch(self, run: TrainingRun) -> bool | None:
        """Act after each epoch. Its figures are in ``run.history.rows[-1]``. Return True to end the training."""

    def on_end(self, run: TrainingRun) -> None:
        """Act after the last step, for every reason that ends a training."""

    def state(self) -> dict[str, Any]:
        """Return the state to keep in a checkpoint: arrays, and JSON-ready values."""
        return {}

    def state_rule(self, run: TrainingRun) -> Rule:
        """Return the rule for a `state` that is read from a file."""
        return record({}, others=anything)

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state`. It is called after `on_start`."""


class EarlyStopping(Callback):
    """Stop when `monitor` has not improved for `patience` epochs, and go back to the best weights.

    The best weights are restored in every case: after an early stop, an interruption, divergence or the last epoch.

    Args:
        monitor: a column of `History`; an accuracy should rise, any other figure should fall.
        patience: epochs without improvement, at least 1.
        min_delta: the smallest change that counts as an improvement, at least 0.

    Attributes:
        best_epoch: the epoch whose weights were restored, from 1; 0 if there is none.

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
                f"{self.monitor!r}. Pass validation_data to record val_loss and val_accuracy"
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
            space = "\n" if history.divergence else " "  # the divergence report is a separate paragraph
            history.message = (
                f"{history.message}{space}Weights are those of epoch {self.best_epoch}, the best by "
                f"{self.monitor}.".strip()
            )
            self._snapshot = None


class GradientNorms(Callback):
    """Record the size of the gradient of each layer's weights: the Euclidean norm of dW.

    Args:
        every: the number of steps between two records, at least 1.

    Attributes:
        rows: dicts of step (from 1), layer and norm. `layer` is the place among the layers with weights, from 1. In a
            network with image layers it is the number of the layer, k in ``net[k]``.
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
        """Return a new DataFrame with the columns step, layer and norm."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=["step", "layer", "norm"])
