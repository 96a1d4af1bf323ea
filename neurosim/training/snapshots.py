"""Snapshots: copies of a network's parameters during training, frequent at first and then less and less frequent.

snapshots = ns.Snapshots(16)
net.fit(train, callbacks=[snapshots])
snapshots.steps  # [0, 1, 2, 4, … up to the last]
snapshots.thetas[0]  # all parameters before the first step
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import check_count
from ..errors import NeurosimError
from ..files.model import array_rules
from ..parameters import Array
from ..schema import Rule, array, count, listed, record
from .callbacks import Callback, EarlyStopping, TrainingRun

COUNT = 16


def moments(last: int, count: int) -> list[int]:
    """Return at most `count` steps from 0 to `last`: both ends, and powers of one ratio between them."""
    if last == 0:
        return [0]
    powers = np.geomspace(1.0, last, max(count - 1, 1)) if count > 2 else [last]
    return sorted({0, last, *(round(float(power)) for power in powers)})


class Snapshots(Callback):
    """Keep all parameters at a few steps of a run: before the first, after the last, and at some steps between them.

    Networks change most at the beginning, so the steps are evenly spaced on a logarithmic axis. The optimizer's state
    is not kept, so training from a snapshot starts with a new optimizer. Each snapshot needs as much memory as the
    network's parameters.

    If `EarlyStopping` restores an earlier epoch, later snapshots are removed, and the last one is of this epoch.
    `EarlyStopping` must come before `Snapshots` among the callbacks.

    Args:
        count: the largest number of snapshots, at least 2.

    Attributes:
        steps: the number of finished steps at each snapshot.
        thetas: copies of all parameters at these steps, in the order of ``network.parameters.theta``.
        arrays: other arrays that training changes in the layers, by name (running statistics of batch normalization).
        steps_per_epoch: the number of steps per epoch of the run.
        batch_size: the batch size of the run.

    Raises:
        NeurosimError: at the beginning of the training: early stopping comes after it.

    Example:
        >>> snapshots = ns.Snapshots(8)
        >>> net.fit(train, epochs=3, callbacks=[snapshots])
    """

    def __init__(self, count: int = COUNT) -> None:
        self.count = check_count("count", count, 2)
        self.steps: list[int] = []
        self.thetas: list[Array] = []
        self.arrays: list[dict[str, Array]] = []
        self.steps_per_epoch = self.batch_size = 0
        self._wanted: set[int] = set()

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def epochs(self) -> list[float]:
        """The number of finished epochs at each snapshot; 0.5 is the middle of the first."""
        return [step / max(self.steps_per_epoch, 1) for step in self.steps]

    def check(self, run: TrainingRun) -> None:
        mine = run.callbacks.index(self)
        if any(isinstance(each, EarlyStopping) for each in run.callbacks[mine:]):
            raise NeurosimError(
                "snapshots: expected early stopping first among the callbacks, received it after Snapshots. The last "
                "snapshot must have the weights that early stopping restores"
            )

    def on_start(self, run: TrainingRun) -> None:
        self.steps, self.thetas, self.arrays = [], [], []
        self.steps_per_epoch, self.batch_size = run.batches.steps_per_epoch, run.batches.batch_size
        self._wanted = set(moments(self.steps_per_epoch * run.epochs, self.count))
        self._keep(run, 0)

    def on_step(self, run: TrainingRun) -> None:
        if run.step in self._wanted:
            self._keep(run, run.step)

    def on_end(self, run: TrainingRun) -> None:
        kept = next((each.best_epoch for each in run.callbacks if isinstance(each, EarlyStopping)), 0)
        last = kept * self.steps_per_epoch or run.step
        while self.steps and self.steps[-1] >= max(last, 1):
            for each in (self.steps, self.thetas, self.arrays):
                each.pop()
        if last or not self.steps:
            self._keep(run, last)

    def _keep(self, run: TrainingRun, step: int) -> None:
        """Copy the current parameters and state of the network."""
        network = run.network
        self.steps.append(step)
        self.thetas.append(network.parameters.theta.copy())
        self.arrays.append(
            {f"{name}{layer.index}": getattr(layer, name).copy() for layer in network for name in layer.state_names}
        )

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps, "thetas": self.thetas, "arrays": self.arrays}

    def state_rule(self, run: TrainingRun) -> Rule:
        network = run.network
        theta = array("f", network.parameters.theta.shape, dtype=network.dtype)
        rules = array_rules(network)
        others = {
            each: rules[each] for each in (f"{name}{layer.index}" for layer in network for name in layer.state_names)
        }
        return record({"steps": listed(count()), "thetas": listed(theta), "arrays": listed(record(others))})

    def restore(self, state: dict[str, Any]) -> None:
        self.steps = [int(step) for step in state["steps"]]
        self.thetas = [np.array(theta) for theta in state["thetas"]]
        self.arrays = [{name: np.array(array) for name, array in each.items()} for each in state["arrays"]]
