"""The parts from which a compiled step is made."""

from __future__ import annotations

from dataclasses import dataclass
from operator import is_
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    from ..layers.base import ActivationLayer, Layer
    from ..losses import Loss
    from ..optimizers import Optimizer
    from ..parameters import Array, FlatParameters


class Network(Protocol):
    """The attributes of a network that a compiled step needs."""

    layers: list[Layer]
    parameters: FlatParameters
    targets: Array
    dtype: np.dtype[Any]

    def compiled(self) -> Any:
        """Return the compiled step for the present batch size."""

    @property
    def output(self) -> ActivationLayer:
        """The last layer."""

    @property
    def loss(self) -> Loss:
        """The loss that is minimized."""

    @property
    def optimizer(self) -> Optimizer:
        """The update rule."""


KINDS = ("uint8", "float32", "float64")  # the dtypes of samples that kernels read


@dataclass(eq=False)
class Feed:
    """A data set from which compiled steps take their batches.

    Args:
        rows: (N, n_0) the samples, C-contiguous, of one of the `KINDS`.
        targets: (N, n_out), C-contiguous.
        threshold: a single output above it means class 1.
        aim: the table and the order of the last steps that used this data set.
    """

    rows: Array
    targets: Array
    threshold: float
    aim: tuple[Any, Any] = (None, None)

    @property
    def fits(self) -> bool:
        """Whether kernels can read it in its form."""
        return self.rows.dtype in KINDS and self.rows.flags.c_contiguous and self.targets.flags.c_contiguous


class Parts:
    """All objects that a compiled step depends on. If one is replaced, a new step is needed.

    They are checked at every step. So the object keeps, for each part, its place and what was there.

    Args:
        network: the network of the step.
    """

    def __init__(self, network: Network) -> None:
        optimizer, loss = network.optimizer, network.loss
        optimizer.bind_if_needed(network.parameters.theta, network.parameters.grad)
        places: list[tuple[Any, str]] = [
            (network, "_optimizer"),
            (network, "_loss"),
            *((loss, name) for name in vars(loss)),
        ]
        places += [(optimizer, name) for name in ("blocks", "_clip_norm", "_theta", "_grad")]
        for layer in network.layers:
            places += layer.compiled_for()
        self._owners, self._names = [vars(owner) for owner, _ in places], [name for _, name in places]
        self._found = [owner.get(name) for owner, name in zip(self._owners, self._names, strict=True)]

    def are_the_same(self) -> bool:
        """Return whether the network still has the same parts."""
        return all(map(is_, map(dict.get, self._owners, self._names), self._found))
