"""Dropout: in training, random activations are set to 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..checks import check_number
from ..parameters import Array
from .base import LAYERS, Layer


@LAYERS.register("dropout")
class Dropout(Layer):
    """In training, each activation is set to 0 with probability `rate`; the others are divided by 1 - rate.

    The expected activation thus stays the same (*inverted* dropout), and evaluation changes nothing.

    Args:
        rate: in [0, 1).

    Attributes:
        mask: (B, n_out) of the last training batch: 0 or 1 / (1 - rate). Live.
        rng: the stream of random numbers, which the network provides.

    Reference: Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting.
    """

    passes_through = True
    neuron_by_neuron = True
    mask: Array

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = check_number("rate", rate, 0.0, 1.0, open_high=True)
        self.rng = np.random.default_rng(0)

    def use_streams(self, streams: Mapping[str, np.random.Generator]) -> None:
        self.rng = streams["dropout"]

    def buffers(self) -> dict[str, int]:
        return super().buffers() | {"mask": self.n_out}

    def forward_(self, training: bool) -> None:
        np.copyto(self.z, self.x)
        if training and self.rate > 0.0:
            mask = self.mask
            self.draw_()
            np.greater_equal(mask, self.rate, out=mask, casting="unsafe")  # 1 with probability 1 - rate
            mask *= 1.0 / (1.0 - self.rate)
            np.multiply(self.x, mask, out=self.a)
        else:
            self.mask.fill(1.0)
            np.copyto(self.a, self.x)

    def draw_(self) -> None:
        """Fill `mask` with random numbers from 0 to 1, from which the mask is made."""
        self.rng.random(out=self.mask, dtype=self.dtype.name)  # type: ignore[call-overload]

    def delta_from_da_(self) -> None:
        np.multiply(self.da, self.mask, out=self.delta)

    def input_gradient_(self, delta: Array, dx: Array) -> None:
        np.copyto(dx, delta)

    def compiled_for(self) -> list[tuple[Any, str]]:
        return [*super().compiled_for(), (self, "rate"), (self, "rng")]

    @property
    def detail(self) -> str:
        return f"{self.rate:g}"
