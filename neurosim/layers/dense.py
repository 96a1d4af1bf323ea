"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..activations import Activation
from ..checks import check_count
from ..initializers import Initializer
from ..parameters import Array, FlatParameters, Shape
from ..regularizers import Regularizer
from .base import LAYERS
from .weighted import WeightedLayer


@LAYERS.register("dense")
class Dense(WeightedLayer):
    """A layer whose neurons are connected to every activation of the layer below: z = x W + b, a = f(z).

    Args:
        units: the number of neurons.
        activation: by name or as an instance.
        initializer: of W; ``None``: the one that suits the activation (He for ReLU and its relatives, LeCun for SELU,
            otherwise Glorot). Biases start at zero.
        use_bias: whether the layer has biases b.
        regularizer: a penalty on W; ``None``: the network's.
        max_norm: the largest Euclidean norm of one neuron's incoming weights; ``None``: the network's.

    Attributes:
        W: (n_in, n_out) weights; column j belongs to neuron j. Live; assigning copies.
        b: (n_out,) biases. Live.
        dW, db: their gradients of the mean batch loss. Live.
    """

    _full_ones: Array = np.ones(0)

    def __init__(
        self,
        units: int,
        activation: str | Activation | dict[str, Any] = "linear",
        initializer: str | Initializer | dict[str, Any] | None = None,
        use_bias: bool = True,
        regularizer: str | Regularizer | dict[str, Any] | None = None,
        max_norm: float | None = None,
    ) -> None:
        self.units = check_count("units", units)
        self.out_shape = (self.units,)
        super().__init__(activation, initializer, use_bias, regularizer, max_norm)

    def output_shape(self, in_shape: Shape) -> Shape:
        return (self.units,)

    def weight_shape(self) -> Shape:
        return (self.n_in, self.units)

    def attach(self, parameters: FlatParameters) -> None:
        super().attach(parameters)
        self._W_transposed = self._W.T

    def set_batch_size(self, batch_size: int) -> None:
        super().set_batch_size(batch_size)
        # the views that a step needs, made once: making them at every step would cost more than the step itself in
        # a small network
        if len(self._full_ones) < batch_size:
            self._full_ones = np.ones(batch_size, self.dtype)
        self._ones = self._full_ones[:batch_size]
        self._x = self.x
        self._x_transposed = self.x.T

    def forward_(self, training: bool) -> None:
        z = self.z
        self._x.dot(self._W, z)  # (B, n_out) z = x W
        if self._b is not None:
            np.add(z, self._b, z)  # z = x W + b
        self.activate_()

    def parameter_gradients_(self) -> None:
        np.dot(self._x_transposed, self.delta, self._dW)  # (n_in, n_out) dW = xᵀ delta
        if self._db is not None:
            self._ones.dot(self.delta, self._db)  # (n_out,) db = the sum of delta over the batch

    def input_gradient_(self, delta: Array, dx: Array) -> None:
        np.dot(delta, self._W_transposed, dx)  # (B, n_in) dL/dx = delta Wᵀ

    def forward_without_(self, j: int | slice, z: Array) -> None:
        if isinstance(j, slice):
            super().forward_without_(j, z)
            return
        np.multiply(self._x[:, j, None], self._W[j], out=self.z)
        np.subtract(z, self.z, out=self.z)  # z - x_j w_j, a product of rank one
        self.activate_()

    def outgoing(self, j: int) -> tuple[Array, Array]:
        return np.arange(self.units), self.W[j].copy()

    def __repr__(self) -> str:
        wiring = f" <- {self.n_in}" if self.index >= 0 else ""
        return f"Dense({self.units}, {self.activation.key!r}){wiring}"
