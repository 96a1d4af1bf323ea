"""Callbacks: what else should happen during a run, and where the run stands."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import check_count, check_number
from ..errors import NeurosimError
from ..network import Network
from ..parameters import Array
from .history import History

if TYPE_CHECKING:
    import pandas as pd


@dataclass(eq=False)
class Progress:
    """Where a run stands. `fit` keeps it, and goes on from where it says.

    Attributes:
        callbacks: all that the run has.
        plan: what `fit` was asked to do, JSON-ready.
        data: the arrays that it was given.
        epoch: the one in progress, from 1.
        order: (N,) the order in which that goes through the samples; ``None`` before its first step.
        steps: how many of its steps are done.
        loss: the sum of their losses, each times its samples.
        right: the sum of their right predictions.
        seconds: the time they took.
    """

    callbacks: list[Callback]
    plan: dict[str, Any]
    data: list[Array]
    epoch: int = 1
    order: Array | None = None
    steps: int = 0
    loss: float = 0.0
    right: float = 0.0
    seconds: float = 0.0

    def end_epoch(self) -> None:
        """Stand before the next epoch."""
        self.epoch += 1
        self.order, self.steps, self.loss, self.right, self.seconds = None, 0, 0.0, 0.0, 0.0


class Callback:
    """Something to do during training. Override what is needed.

    Attributes:
        reason: what `History.stopped` says when `on_epoch` ended the training.
        progress: where the run stands, from `check` to `on_end`.
    """

    reason: str = "callback"
    progress: Progress

    def check(self, columns: Collection[str]) -> None:
        """Before anything: raise a NeurosimError if it needs a figure that is not among those that will be recorded."""

    def on_start(self, network: Network, history: History) -> None:
        """Before the first step of a run."""

    def on_step(self, network: Network, history: History) -> None:
        """After each update; gradients and activations of the batch are in the layers."""

    def on_epoch(self, network: Network, history: History) -> bool | None:
        """After each epoch, its figures in ``history.rows[-1]``. Return True to end the training."""

    def on_end(self, network: Network, history: History) -> None:
        """After the last step, however training ended."""

    def state(self) -> dict[str, Any]:
        """What it has to remember in the middle of a run: arrays, and JSON-ready values."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """After `on_start`: go on from a `state`."""


class EarlyStopping(Callback):
    """Stop when `monitor` has not improved for `patience` epochs, and go back to the best weights.

    The best weights are restored however training ends: stopped early, interrupted, diverged or run to its last epoch.

    Args:
        monitor: a column of `History`; one with "accuracy" in its name should rise, any other fall.
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

    def check(self, columns: Collection[str]) -> None:
        if self.monitor not in columns:
            raise NeurosimError(
                f"early stopping: expected monitor to be one of {', '.join(columns)}, received "
                f"{self.monitor!r}; pass validation_data to have val_loss and val_accuracy"
            )

    def on_start(self, network: Network, history: History) -> None:
        self.best_epoch, self._best = 0, math.inf
        self._snapshot: Any = None

    def on_epoch(self, network: Network, history: History) -> bool:
        row = history.rows[-1]
        value = -row[self.monitor] if "accuracy" in self.monitor else row[self.monitor]
        if value < self._best - (self.min_delta if math.isfinite(self._best) else 0.0):
            self.best_epoch, self._best = len(history), value
            self._snapshot = network.snapshot(weights_only=True)
        return len(history) - self.best_epoch >= self.patience

    def state(self) -> dict[str, Any]:
        arrays = None if self._snapshot is None else self._snapshot["arrays"]
        return {"best_epoch": self.best_epoch, "best": self._best, "arrays": arrays}

    def restore(self, state: dict[str, Any]) -> None:
        self.best_epoch, self._best = int(state["best_epoch"]), float(state["best"])
        self._snapshot = None if state["arrays"] is None else {"arrays": dict(state["arrays"])}

    def on_end(self, network: Network, history: History) -> None:
        if self._snapshot is not None:
            network.restore(self._snapshot, weights_only=True)
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
        rows: dicts of step (from 1), layer (its index among the weight layers, from 1), norm.
    """

    def __init__(self, every: int = 20) -> None:
        self.every = check_count("every", every)
        self.rows: list[dict[str, float]] = []
        self._step = 0

    def on_step(self, network: Network, history: History) -> None:
        self._step += 1
        if self._step % self.every == 1 or self.every == 1:
            weights = [layer.views[f"d{layer.weight_name}"] for layer in network if layer.weight_name]
            self.rows += [
                {"step": self._step, "layer": k, "norm": float(np.linalg.norm(dW))}
                for k, dW in enumerate(weights, start=1)
            ]

    def state(self) -> dict[str, Any]:
        rows = [[row["step"], row["layer"], row["norm"]] for row in self.rows]
        return {"step": self._step, "rows": np.array(rows, np.float64).reshape(-1, 3)}

    def restore(self, state: dict[str, Any]) -> None:
        self._step = int(state["step"])
        self.rows = [
            {"step": int(step), "layer": int(layer), "norm": float(norm)} for step, layer, norm in state["rows"]
        ]

    def to_frame(self) -> pd.DataFrame:
        """A new DataFrame with the columns step, layer, norm."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=["step", "layer", "norm"])
