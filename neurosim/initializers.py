"""Weight initializers: they fill a layer's matrix W (n_in, n_out) before training.

If the weights are too small, the signal of the first layers fades before the last; if too large, it explodes.  The
families of Glorot, He and LeCun keep the variance of the signal the same from layer to layer.

Keys: zeros, constant, normal, uniform, glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform,
lecun_normal, orthogonal.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from .checks import check_number
from .parameters import Array
from .registry import Configurable, Registry


class Initializer(Configurable, ABC):
    """A rule that draws a matrix W (n_in, n_out).

    It holds no random state, so two layers never get the same weights.
    """

    @abstractmethod
    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        """Return a new float64 matrix of this shape (n_in, n_out), drawn with `rng`."""


INITIALIZERS: Registry[Initializer] = Registry("initializer", Initializer)  # type: ignore[type-abstract]


@INITIALIZERS.register("zeros")
class Zeros(Initializer):
    """W = 0. All neurons of a layer stay equal to each other, so nothing is learned."""

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        return np.zeros(shape)


@INITIALIZERS.register("constant")
class Constant(Initializer):
    """W = value."""

    def __init__(self, value: float = 0.1) -> None:
        self.value = check_number("value", value, -math.inf, math.inf, open_low=True, open_high=True)

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        return np.full(shape, self.value)


@INITIALIZERS.register("normal")
class Normal(Initializer):
    """W ~ N(mean, standard_deviation²), for every layer size."""

    def __init__(self, standard_deviation: float = 0.05, mean: float = 0.0) -> None:
        self.standard_deviation = check_number("standard_deviation", standard_deviation, 0.0, math.inf, open_high=True)
        self.mean = check_number("mean", mean, -math.inf, math.inf, open_low=True, open_high=True)

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        return rng.normal(self.mean, self.standard_deviation, shape)


@INITIALIZERS.register("uniform")
class Uniform(Initializer):
    """W ~ U(-limit, limit), for every layer size."""

    def __init__(self, limit: float = 0.05) -> None:
        self.limit = check_number("limit", limit, 0.0, math.inf, open_high=True)

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        return rng.uniform(-self.limit, self.limit, shape)


class _VarianceScaling(Initializer):
    """W with mean 0 and variance gain / fan."""

    _gain: ClassVar[float]
    _fan_average: ClassVar[bool] = False  # fan: n_in, or the average of n_in and n_out
    _uniform: ClassVar[bool]

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        n_in, n_out = shape
        variance = self._gain / ((n_in + n_out) / 2 if self._fan_average else n_in)
        if self._uniform:
            limit = math.sqrt(3.0 * variance)  # U(-limit, limit) has variance limit²/3
            return rng.uniform(-limit, limit, shape)
        return rng.normal(0.0, math.sqrt(variance), shape)


@INITIALIZERS.register("glorot_uniform")
class GlorotUniform(_VarianceScaling):
    """W ~ U(±√(6 / (n_in + n_out))). Keeps the variance in the forward and the backward pass; for tanh and sigmoid.

    Reference: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward networks, eq. 16.
    """

    _gain, _fan_average, _uniform = 1.0, True, True


@INITIALIZERS.register("glorot_normal")
class GlorotNormal(_VarianceScaling):
    """W ~ N(0, 2 / (n_in + n_out)).

    Reference: Glorot and Bengio (2010), equation 12.
    """

    _gain, _fan_average, _uniform = 1.0, True, False


@INITIALIZERS.register("he_uniform")
class HeUniform(_VarianceScaling):
    """W ~ U(±√(6 / n_in)). Compensates for the half of the signal that ReLU cuts off.

    Reference: He et al. (2015), Delving deep into rectifiers, equation 10.
    """

    _gain, _uniform = 2.0, True


@INITIALIZERS.register("he_normal")
class HeNormal(_VarianceScaling):
    """W ~ N(0, 2 / n_in).

    Reference: He et al. (2015), Delving deep into rectifiers, equation 10.
    """

    _gain, _uniform = 2.0, False


@INITIALIZERS.register("lecun_uniform")
class LeCunUniform(_VarianceScaling):
    """W ~ U(±√(3 / n_in)).

    Reference: LeCun et al. (1998), Efficient backprop, section 4.6.
    """

    _gain, _uniform = 1.0, True


@INITIALIZERS.register("lecun_normal")
class LeCunNormal(_VarianceScaling):
    """W ~ N(0, 1 / n_in). SELU needs it to normalize itself.

    Reference: LeCun et al. (1998), Efficient backprop, section 4.6; Klambauer et al. (2017).
    """

    _gain, _uniform = 1.0, False


@INITIALIZERS.register("orthogonal")
class Orthogonal(Initializer):
    """W with orthonormal columns, times `gain`; with orthonormal rows if there are fewer rows than columns.

    Reference: Saxe, McClelland and Ganguli (2014), Exact solutions to the nonlinear dynamics of learning.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = check_number("gain", gain, 0.0, math.inf, open_high=True)

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        n_in, n_out = shape
        q, r = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))
        q *= np.sign(np.diag(r))  # without this the columns are not uniformly distributed
        return self.gain * (q if n_in >= n_out else q.T)
