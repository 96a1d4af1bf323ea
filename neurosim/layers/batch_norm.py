"""Batch normalization."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..activations import Activation
from ..checks import check_number
from ..parameters import Array, Shape
from .base import LAYERS, ActivationLayer, Layer, ParameterView


@LAYERS.register("batch_norm")
class BatchNorm(ActivationLayer):
    """z = γ x̂ + β with x̂ = (x - mean) / √(variance + ε), then a = f(z).

    Each neuron of the layer below has one mean, one variance, one γ and one β.  For the images (B, H, W, C) of a
    convolution, the neurons are the channels: mean and variance are over all samples and places.  Directly after the
    input layer, each number is a neuron: every pixel of each channel is normalized separately.

    In training, mean and variance are those of the batch; in evaluation, they are running averages.  (The running
    variance averages the unbiased estimate.)  Put the layer behind a linear layer and give it the activation:
    ``Dense(128, use_bias=False), BatchNorm("relu")``.

    Args:
        activation: by name or as an instance.
        momentum: the weight of the new batch in the running averages, in (0, 1].
        epsilon: ε, above 0.

    Attributes:
        gamma, beta: (neurons,) scale and shift. Live; assigning copies.
        dgamma, dbeta: their gradients. Live.
        running_mean, running_variance: (neurons,) the averages for evaluation. Live.
        x_hat: (B, n_out) the normalized input of the last batch. Live.

    Reference: Ioffe and Szegedy (2015), Batch normalization, algorithms 1 and 2; defaults and the meaning of `momentum`
    are PyTorch's.
    """

    state_names = ("running_mean", "running_variance")
    never_negative = ("running_variance",)
    neuron_by_neuron = True
    least_batch = 2  # a single sample is its own mean: x̂ is then always 0
    gamma = ParameterView("The scale γ of each neuron. Live; assigning copies.")
    beta = ParameterView("The shift β of each neuron. Live; assigning copies.")
    dgamma = ParameterView("The gradient of the mean batch loss for gamma. Live.")
    dbeta = ParameterView("The gradient of the mean batch loss for beta. Live.")
    x_hat: Array
    _work: Array

    def __init__(
        self,
        activation: str | Activation | dict[str, Any] = "linear",
        momentum: float = 0.1,
        epsilon: float = 1e-5,
    ) -> None:
        self.activation = activation
        self.momentum = check_number("momentum", momentum, 0.0, 1.0, open_low=True)
        self.epsilon = check_number("epsilon", epsilon, 0.0, math.inf, open_low=True)

    def take_shape(self, below: Layer | None) -> None:
        super().take_shape(below)
        while below is not None and (below.neuron_by_neuron or below.passes_through):
            below = below.previous
        self.by_channel &= below is not None and below.previous is not None  # each number of the input is a neuron

    def connect(self, index: int, previous: Layer | None, dtype: DTypeLike) -> None:
        super().connect(index, previous, dtype)
        self.running_mean = np.zeros(self.neuron_count, self.dtype)
        self.running_variance = np.ones(self.neuron_count, self.dtype)

    def reserve(self, capacity: int) -> None:
        super().reserve(capacity)
        self._mean, self._variance, self._inverse = (np.zeros(self.neuron_count, self.dtype) for _ in range(3))
        self._in_training = False  # whether the last forward pass was in training mode

    def set_batch_size(self, batch_size: int) -> None:
        super().set_batch_size(batch_size)
        # (B · places, neurons), live views, made once: see `Dense`
        self._x, self._normalized, self._room = map(self.by_neuron, (self.x, self.x_hat, self._work))

    def parameter_shapes(self) -> dict[str, Shape]:
        return {"gamma": (self.neuron_count,), "beta": (self.neuron_count,)}

    def state_shapes(self) -> dict[str, Shape]:
        return dict.fromkeys(self.state_names, (self.neuron_count,))

    def initialize_(self, rng: np.random.Generator) -> None:
        self.gamma, self.beta = 1.0, 0.0
        self.running_mean[...], self.running_variance[...] = 0.0, 1.0

    def buffers(self) -> dict[str, int]:
        return super().buffers() | {"x_hat": self.n_out, "_work": self.n_out}

    def forward_(self, training: bool) -> None:
        x, x_hat, z = self._x, self._normalized, self._z
        self._in_training = training
        if training:
            mean, variance = self._mean, self._variance
            np.mean(x, axis=0, out=mean)
            np.subtract(x, mean, out=x_hat)
            np.multiply(x_hat, x_hat, out=z)
            np.mean(z, axis=0, out=variance)
        else:
            mean, variance = self.running_mean, self.running_variance
            np.subtract(x, mean, out=x_hat)
        inverse = self._inverse
        np.add(variance, self.epsilon, out=inverse)
        np.sqrt(inverse, out=inverse)
        np.reciprocal(inverse, out=inverse)  # 1 / √(variance + ε)
        x_hat *= inverse
        np.multiply(x_hat, self.gamma, out=z)
        z += self.beta
        self.activate_()

    def after_update_(self) -> None:
        """Move the running averages towards mean and variance of the batch, after a forward pass in training mode."""
        if not self._in_training:
            return
        count = self.batch_size * self.places
        self.running_mean *= 1.0 - self.momentum
        self.running_mean += self.momentum * self._mean
        if count > 1:  # a single number has no variance
            self.running_variance *= 1.0 - self.momentum
            self.running_variance += self.momentum * count / (count - 1) * self._variance

    def parameter_gradients_(self) -> None:
        np.multiply(self._delta, self._normalized, out=self._room)
        np.add.reduce(self._room, axis=0, out=self.dgamma)
        np.add.reduce(self._delta, axis=0, out=self.dbeta)

    def input_gradient_(self, delta: Array, dx: Array) -> None:
        delta, dx = self.by_neuron(delta), self.by_neuron(dx)
        if self._in_training:
            # dL/dx = γ/√(variance + ε) (delta - mean(delta) - x̂ mean(delta x̂)): mean and variance depend on x too
            work = self._room
            np.multiply(self._normalized, self.dgamma, out=work)
            work += self.dbeta
            work *= 1.0 / len(delta)
            np.subtract(delta, work, out=dx)
            dx *= self.gamma
        else:
            np.multiply(delta, self.gamma, out=dx)
        dx *= self._inverse

    def outgoing(self, j: int) -> tuple[Array, Array]:
        k = j % self.neuron_count
        own = slice(k, k + 1)
        return np.array([j]), self.gamma[own] / np.sqrt(self.running_variance[own] + self.epsilon)

    def explain_slope(self, j: int) -> tuple[str, dict[str, float]]:
        k = j % self.neuron_count
        numbers = {"γ": float(self.gamma[k]), "variance": float(self.running_variance[k]), "ε": self.epsilon}
        return "{γ} / √({variance} + {ε})", numbers
