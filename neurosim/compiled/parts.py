"""What a compiled step is made of."""

from __future__ import annotations

from dataclasses import dataclass
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

    @property
    def output(self) -> ActivationLayer:
        """The last layer."""

    @property
    def loss(self) -> Loss:
        """What is minimized."""

    @property
    def optimizer(self) -> Optimizer:
        """The update rule."""


@dataclass(eq=False)
class Feed:
    """A data set that compiled steps take their batches from.

    Args:
        rows: (N, n_0) the samples, C-contiguous: uint8, or of the network's type.
        targets: (N, n_out), C-contiguous.
        threshold: of a single output, above which it says yes.
    """

    rows: Array
    targets: Array
    threshold: float

    def fits(self, dtype: np.dtype[Any]) -> bool:
        """Whether its samples are in a form that kernels read, in a network of this type."""
        return self.rows.dtype in ("uint8", dtype) and self.rows.flags.c_contiguous and self.targets.flags.c_contiguous


def parts_of(network: Network) -> list[Any]:
    """All that compiled steps are made for: where one of these is another object, other steps are needed."""
    optimizer, loss = network.optimizer, network.loss
    optimizer.bind_if_needed(network.parameters.theta, network.parameters.grad)
    parts = [optimizer, optimizer.blocks, optimizer.clip_norm is None, loss, *vars(loss).values()]
    for layer in network.layers:
        parts += layer.compiled_for()
    return parts
