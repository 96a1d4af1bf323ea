"""What a compiled step is made of."""

from __future__ import annotations

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


def parts_of(network: Network) -> list[Any]:
    """All that compiled steps are made for: where one of these is another object, other steps are needed."""
    optimizer, loss = network.optimizer, network.loss
    optimizer.bind_if_needed(network.parameters.theta, network.parameters.grad)
    parts = [optimizer, optimizer.blocks, optimizer.clip_norm is None, loss, *vars(loss).values()]
    for layer in network.layers:
        parts += layer.compiled_for()
    return parts
