"""The snapshots of a page: parameters before and after training, and in half precision at steps between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..network import Network
from ..parameters import Array
from ..training import Snapshots
from .packing import Blobs, size_of

HALF = float(np.finfo(np.float16).max)


class Moments:
    """Parameters at steps of a network's training, in order; the last are the current ones.

    Args:
        network: the network in its current state.
        snapshots: those of its training, if any.
    """

    def __init__(self, network: Network, snapshots: Snapshots | None) -> None:
        self.network = network
        self.per_epoch = 0
        now, others = network.parameters.theta, layer_arrays(network)
        self.steps, self.thetas, self.arrays = [network.optimizer.t], [now], [others]
        if snapshots is not None and len(snapshots) and snapshots.thetas[-1].shape == now.shape:
            self.per_epoch = snapshots.steps_per_epoch
            is_last = np.array_equal(snapshots.thetas[-1], now, equal_nan=True)
            earlier = len(snapshots) - 1 if is_last else len(snapshots)
            last = snapshots.steps[-1] if is_last else max(network.optimizer.t, snapshots.steps[-1] + 1)
            self.steps = [*snapshots.steps[:earlier], last]
            self.thetas = [*snapshots.thetas[:earlier], now]
            self.arrays = [*snapshots.arrays[:earlier], others]
        self.all = len(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def keep(self, indices: Sequence[int]) -> None:
        """Keep the moments with these indices, and drop all others."""
        self.steps = [self.steps[k] for k in indices]
        self.thetas = [self.thetas[k] for k in indices]
        self.arrays = [self.arrays[k] for k in indices]

    def size_of_first(self) -> int:
        """Return the number of characters of the parameters before training."""
        return size_of(self._packed(0)) if len(self) > 1 else 0

    def keep_within(self, room: int) -> None:
        """Drop moments between the first and the last, until all except the last take at most `room` characters."""
        between = len(self) - 2
        if between < 1:
            return
        each = size_of(self._packed(1))
        count = min(between, max(0, (room - self.size_of_first()) // each))
        if count < between:
            self.keep([0, *(1 + np.linspace(0, between - 1, count).round().astype(int)).tolist(), len(self) - 1])

    def add_to(self, blobs: Blobs) -> list[dict[str, Any]]:
        """Add all except the last to blobs, which have the last. Return the manifest's entry of each."""
        packed: dict[str, Array] = {}
        for k in range(len(self) - 1):
            packed |= self._packed(k)
        if packed:
            blobs.add(packed)
        last = len(self) - 1
        blobs.point(f"snapshot/{last}", "theta")
        for name in self.arrays[last]:
            blobs.point(f"snapshot/{last}/{name}", f"arrays/{name}")
        return [
            {
                "step": step,
                "epoch": step / self.per_epoch if self.per_epoch else None,
                "dtype": blobs.arrays[f"snapshot/{k}"]["dtype"],
                "array": f"snapshot/{k}",
                "arrays": {name: f"snapshot/{k}/{name}" for name in self.arrays[k]},
            }
            for k, step in enumerate(self.steps)
        ]

    def _packed(self, k: int) -> dict[str, Array]:
        """Return the arrays of moment k: exact before training, later in half precision if its range is enough."""
        theta = self.thetas[k]
        finite = theta[np.isfinite(theta)]
        if k and float(np.abs(finite).max(initial=0.0)) <= HALF:
            theta = theta.astype(np.float16)
        return {f"snapshot/{k}": theta} | {f"snapshot/{k}/{name}": array for name, array in self.arrays[k].items()}


def layer_arrays(network: Network) -> dict[str, Array]:
    """Return name -> array that training changes in layers beside their parameters: running statistics."""
    return {f"{name}{layer.index}": getattr(layer, name) for layer in network for name in layer.state_names}
