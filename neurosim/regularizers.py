"""Regularizers: penalties on the weights, and a bound on their norm. Biases are not penalized.

A `Regularizer` adds its gradient to dW before the update.  The losses that `fit` and `evaluate` report do not include
the penalty, so runs with different penalties can be compared.  `Network.penalty()` returns it.

Keys: l1, l2.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from .checks import check_number
from .parameters import Array
from .registry import Configurable, Registry


class Regularizer(Configurable, ABC):
    """A penalty R(W) that is added to the loss.

    Attributes:
        formula: the gradient for one weight, with names in braces, as the walk shows it; "": the walk shows no formula.
    """

    formula: ClassVar[str] = ""
    strength: float
    has_kink: ClassVar[bool] = False  # whether its gradient jumps at a weight of 0

    def __init__(self, strength: float = 1e-4) -> None:
        self.strength = check_number("strength", strength, 0.0, math.inf, open_high=True)

    @abstractmethod
    def __call__(self, W: Array) -> float:
        """Return R(W), summed in float64."""

    @abstractmethod
    def add_gradient_(self, W: Array, dW: Array, scratch: Array) -> None:
        """Add dR/dW to dW. All three arrays have the shape of W; `scratch` is overwritten."""


REGULARIZERS: Registry[Regularizer] = Registry("regularizer", Regularizer)  # type: ignore[type-abstract]


@REGULARIZERS.register("l1")
class L1(Regularizer):
    """R(W) = λ Σ |w|: drives weights that are not needed to 0.

    Args:
        strength: λ, at least 0.

    Reference: Goodfellow et al. (2016), Deep learning, section 7.1.2.
    """

    formula = "{λ} * sign({w})"
    has_kink = True

    def __call__(self, W: Array) -> float:
        return self.strength * float(np.abs(W).sum(dtype=np.float64))

    def add_gradient_(self, W: Array, dW: Array, scratch: Array) -> None:
        np.sign(W, out=scratch)
        scratch *= self.strength
        dW += scratch


@REGULARIZERS.register("l2")
class L2(Regularizer):
    """R(W) = λ/2 Σ w²: keeps all weights small. The same as PyTorch's ``weight_decay=λ`` on the weights.

    Args:
        strength: λ, at least 0.

    Reference: Goodfellow et al. (2016), Deep learning, section 7.1.1.
    """

    formula = "{λ} * {w}"

    def __call__(self, W: Array) -> float:
        return 0.5 * self.strength * float(np.square(W).sum(dtype=np.float64))

    def add_gradient_(self, W: Array, dW: Array, scratch: Array) -> None:
        np.multiply(W, self.strength, out=scratch)
        dW += scratch


def limit_norms_(W: Array, max_norm: float, scratch: Array) -> None:
    """Scale down the weights of each neuron (last axis of W) whose Euclidean norm exceeds `max_norm`.

    Reference: Srivastava et al. (2014), Dropout, section 5.1.
    """
    columns = W.reshape(-1, W.shape[-1])  # a view: (weights of a neuron, neurons)
    np.multiply(W, W, out=scratch)
    norms = np.sqrt(scratch.reshape(columns.shape).sum(axis=0))  # (neurons,)
    if not np.isfinite(norms).all():  # a square overflowed; the bound matters most then
        norms = np.linalg.norm(columns.astype(np.float64), axis=0)
    norms = np.maximum(norms, max_norm, out=norms)
    W *= max_norm / norms
