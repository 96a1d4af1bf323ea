"""Snapshots: the parameters of a network at moments of its training, close together at first, then ever further apart.

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
    """At most `count` steps from 0 to `last`: 0, 1 and powers of one ratio, of 2 where there are enough of them."""
    if last == 0:
        return [0]
    powers = np.geomspace(1.0, last, max(count - 1, 1)) if count > 2 else [last]
    return sorted({0, last, *(round(float(power)) for power in powers)})


class Snapshots(Callback):
    """Keep all parameters at a few steps of a run: before the first, after the last, and between them ever more rarely.

    Most of what is to be seen happens early, so that the steps are spaced evenly on a logarithmic axis. The optimizer's
    state is not kept: training taken up from a snapshot starts its optimizer afresh. Each snapshot takes as much memory
    as the network's parameters.

    Where `EarlyStopping` takes the network back to an earlier epoch, snapshots taken later are dropped, and the last
    is of that epoch. It has to stand before this one among the callbacks.

    Args:
        count: how many at most, at least 2.

    Attributes:
        steps: how many steps had been taken, for each snapshot.
        thetas: all parameters at these steps, copies laid out as ``network.parameters.theta``.
        arrays: what else training changes in the layers, by name (the running statistics of batch normalization).
        steps_per_epoch: of the run.
        batch_size: of the run.

    Raises:
        NeurosimError: when training begins: early stopping stands after it.

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
        """How many epochs had been done, for each snapshot; 0.5 in the middle of the first."""
        return [step / max(self.steps_per_epoch, 1) for step in self.steps]

    def check(self, run: TrainingRun) -> None:
        mine = run.callbacks.index(self)
        if any(isinstance(each, EarlyStopping) for each in run.callbacks[mine:]):
            raise NeurosimError(
                "snapshots: expected after early stopping among the callbacks, so that the last is of the weights that "
                "it goes back to, received before it"
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
        """Copy what the network is now."""
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
