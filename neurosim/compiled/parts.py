"""What a compiled step is made of."""

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
    """What a compiled step needs of a network."""

    layers: list[Layer]
    parameters: FlatParameters
    targets: Array
    dtype: np.dtype[Any]

    def compiled(self) -> Any:
        """The compiled step for batches of the size that the workspaces have."""

    @property
    def output(self) -> ActivationLayer:
        """The last layer."""

    @property
    def loss(self) -> Loss:
        """What is minimized."""

    @property
    def optimizer(self) -> Optimizer:
        """The update rule."""


KINDS = ("uint8", "float32", "float64")  # of samples that kernels read


@dataclass(eq=False)
class Feed:
    """A data set that compiled steps take their batches from.

    Args:
        rows: (N, n_0) the samples, C-contiguous, of one of the `KINDS`.
        targets: (N, n_out), C-contiguous.
        threshold: of a single output, above which it says yes.
        aim: what the steps that took from it last were told.
    """

    rows: Array
    targets: Array
    threshold: float
    aim: tuple[Any, Any] = (None, None)

    @property
    def fits(self) -> bool:
        """Whether it is in a form that kernels read."""
        return self.rows.dtype in KINDS and self.rows.flags.c_contiguous and self.targets.flags.c_contiguous


class Parts:
    """All that compiled steps are made for: where one of it is another object, other steps are needed.

    It is asked at every step, so it holds where each part stands and what stood there.

    Args:
        network: whose.
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
        """Whether the network still has them."""
        return all(map(is_, map(dict.get, self._owners, self._names), self._found))
