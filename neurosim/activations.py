"""Activation functions: f, its derivative f', and the vector-Jacobian product of the backward pass.

Each has a *readable* form, ``f(z)`` and ``f.derivative(z)``: the equations of the textbook, for reading, plotting and
tests.  A new activation needs only these two.  The activations of this module also have an *in-place* form,
``forward_`` and ``backward_``, which a training step runs.  It writes into buffers of the layer and allocates nothing.
Tests compare the two forms with each other and with central differences.

Every function here is finite, and free of overflow, for |z| up to 1e4 in float32.

Keys: linear, sigmoid, tanh, relu, leaky_relu, elu, selu, gelu, silu, mish, softplus, softsign, hard_tanh, relu6,
softmax.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .checks import check_number
from .parameters import Array, aligned_zeros
from .registry import Configurable, Registry, use_defaults_of

Scratch = Sequence[Array]


class Activation(Configurable, ABC):
    """A function a = f(z) from weighted sums z to activations a.

    A subclass needs two methods, `__call__` and `derivative`. If its neurons depend on each other, it needs `vjp` too:

        @ACTIVATIONS.register("square")
        class Square(Activation):
            def __call__(self, z):
                return z**2

            def derivative(self, z):
                return 2 * z

    You may override `forward_` and `backward_` with faster forms that work in place. A subclass with its own readable
    form does not inherit the in-place form of its parent.

    Attributes:
        range: the bounds of a.
        kinks: the z at which f' jumps. A central difference across a kink proves nothing.
        curvature_jumps: the z at which f'' jumps but f' does not. A central difference across one is inexact.
        elementwise: whether a_j depends on z_j alone (for softmax it does not).
        initializer: the key of the weight initializer that suits it.
        scratch_count: how many buffers shaped like z the in-place form needs. They start as zeros. `backward_` finds in
            them what `forward_` wrote.
    """

    range: tuple[float, float] = (-math.inf, math.inf)
    kinks: ClassVar[tuple[float, ...]] = ()
    curvature_jumps: ClassVar[tuple[float, ...]] = ()
    elementwise: ClassVar[bool] = True
    initializer: ClassVar[str] = "glorot_uniform"
    scratch_count: ClassVar[int] = 0

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        readable = ("__call__", "derivative", "vjp")
        use_defaults_of(Activation, cls, readable, fast=("forward_", "backward_"))

    @abstractmethod
    def __call__(self, z: Array) -> Array:
        """Return a = f(z), a new array shaped like z (B, n)."""

    @abstractmethod
    def derivative(self, z: Array) -> Array:
        """Return f'(z) = da_j/dz_j, a new array shaped like z (B, n).

        At a kink it is the one-sided value that PyTorch uses.
        """

    def vjp(self, z: Array, da: Array) -> Array:
        """Return dL/dz = Jᵀ dL/da with the Jacobian J = da/dz, in the readable form. A new array (B, n)."""
        return da * self.derivative(z)

    def make_scratch(self, capacity: int, width: int, dtype: DTypeLike) -> list[Array]:
        """Return `scratch_count` new buffers (capacity, width) for the in-place form."""
        return [aligned_zeros((capacity, width), dtype) for _ in range(self.scratch_count)]

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        """Write f(z) into `a`. All arrays are (B, n)."""
        a[...] = self(z)

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        """Write dL/dz = Jᵀ da into `delta`, after `forward_` on the same buffers."""
        delta[...] = self.vjp(z, da)


ACTIVATIONS: Registry[Activation] = Registry("activation", Activation)  # type: ignore[type-abstract]


@ACTIVATIONS.register("linear")
class Linear(Activation):
    """f(z) = z. The identity."""

    def __call__(self, z: Array) -> Array:
        return z.copy()

    def derivative(self, z: Array) -> Array:
        return np.ones_like(z)

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        np.copyto(a, z)

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        np.copyto(delta, da)


def sigmoid(z: Array, out: Array | None = None) -> Array:
    """Return the logistic function 1 / (1 + e^-z). If e^-z overflows, the result 1/inf = 0 is its limit."""
    with np.errstate(over="ignore"):
        out = np.negative(z, out=out)
        np.exp(out, out=out)
        out += 1.0
        return np.reciprocal(out, out=out)


def _softplus_(z: Array, zeros: Array, out: Array, work: Array) -> None:
    """Write ln(1 + e^z) into `out` as max(z, 0) + ln(1 + e^-|z|), which cannot overflow."""
    np.abs(z, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    np.maximum(z, zeros, out=work)
    out += work


@ACTIVATIONS.register("sigmoid")
class Sigmoid(Activation):
    """f(z) = 1 / (1 + e^-z), between 0 and 1. f'(z) = a (1 - a), at most 1/4."""

    range = (0.0, 1.0)
    scratch_count = 1

    def __call__(self, z: Array) -> Array:
        return sigmoid(z)

    def derivative(self, z: Array) -> Array:
        a = self(z)
        return a * (1.0 - a)

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        sigmoid(z, out=a)

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        (slope,) = scratch
        np.subtract(1.0, a, out=slope)
        slope *= a
        np.multiply(da, slope, out=delta)


@ACTIVATIONS.register("tanh")
class Tanh(Activation):
    """f(z) = tanh z, between -1 and 1. f'(z) = 1 - a²."""

    range = (-1.0, 1.0)
    scratch_count = 1

    def __call__(self, z: Array) -> Array:
        return np.tanh(z)

    def derivative(self, z: Array) -> Array:
        return 1.0 - np.tanh(z) ** 2

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        np.tanh(z, out=a)

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        (slope,) = scratch
        np.multiply(a, a, out=slope)
        np.subtract(1.0, slope, out=slope)
        np.multiply(da, slope, out=delta)


@ACTIVATIONS.register("relu")
class ReLU(Activation):
    """f(z) = max(z, 0). f'(z) = 1 if z > 0, else 0.

    Reference: Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.
    """

    range = (0.0, math.inf)
    kinks = (0.0,)
    initializer = "he_uniform"
    scratch_count = 2

    def __call__(self, z: Array) -> Array:
        return np.maximum(z, 0.0)

    def derivative(self, z: Array) -> Array:
        return (z > 0.0).astype(z.dtype)

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        zeros = scratch[0]  # an array of zeros: NumPy compares two arrays several times faster than array and scalar
        np.maximum(z, zeros, out=a)

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        zeros, slope = scratch
        np.greater(z, zeros, out=slope, casting="unsafe")
        np.multiply(da, slope, out=delta)


@ACTIVATIONS.register("leaky_relu")
class LeakyReLU(Activation):
    """f(z) = z if z > 0, else s z, with a small slope s.

    Args:
        negative_slope: s, in [0, 1).

    Reference: Maas, Hannun and Ng (2013), Rectifier nonlinearities improve neural network acoustic models.
    """

    kinks = (0.0,)
    initializer = "he_uniform"
    scratch_count = 2

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = check_number("negative_slope", negative_slope, 0.0, 1.0, open_high=True)

    def __call__(self, z: Array) -> Array:
        return np.maximum(z, self.negative_slope * z)

    def derivative(self, z: Array) -> Array:
        return np.where(z > 0.0, 1.0, self.negative_slope).astype(z.dtype)

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        np.multiply(z, self.negative_slope, out=a)
        np.maximum(z, a, out=a)

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        zeros, slope = scratch
        np.greater(z, zeros, out=slope, casting="unsafe")
        slope *= 1.0 - self.negative_slope
        slope += self.negative_slope
        np.multiply(da, slope, out=delta)


class _ExponentialLinear(Activation):
    """f(z) = scale z if z > 0, else scale alpha (e^z - 1)."""

    initializer = "he_uniform"
    scratch_count = 2
    _scale: float
    _alpha: float

    def __call__(self, z: Array) -> Array:
        return self._scale * np.where(z > 0.0, z, self._alpha * np.expm1(np.minimum(z, 0.0)))

    def derivative(self, z: Array) -> Array:
        return self._scale * np.where(z > 0.0, 1.0, self._alpha * np.exp(np.minimum(z, 0.0)))

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        # f(z) = scale (max(z, 0) + alpha (e^min(z,0) - 1)); one of the two terms is always zero
        zeros, negative_part = scratch
        np.minimum(z, zeros, out=negative_part)
        np.expm1(negative_part, out=negative_part)
        negative_part *= self._scale * self._alpha
        np.maximum(z, zeros, out=a)
        if self._scale != 1.0:
            a *= self._scale
        a += negative_part

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        # f'(z) = scale if z > 0, else a + scale alpha.  Left of zero that is negative_part + scale alpha
        zeros, slope = scratch
        slope += self._scale * self._alpha
        np.greater(z, zeros, out=delta, casting="unsafe")
        delta *= self._scale - self._scale * self._alpha
        slope += delta
        np.multiply(da, slope, out=delta)


@ACTIVATIONS.register("elu")
class ELU(_ExponentialLinear):
    """f(z) = z if z > 0, else alpha (e^z - 1).

    Args:
        alpha: above 0; f approaches -alpha for large negative z.

    Reference: Clevert, Unterthiner and Hochreiter (2016), Fast and accurate deep network learning by ELUs.
    """

    kinks = (0.0,)

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = check_number("alpha", alpha, 0.0, math.inf, open_low=True, open_high=True)
        self._scale, self._alpha = 1.0, self.alpha
        self.range = (-self.alpha, math.inf)


@ACTIVATIONS.register("selu")
class SELU(_ExponentialLinear):
    """f(z) = λ z if z > 0, else λ α (e^z - 1), with λ ≈ 1.0507 and α ≈ 1.6733: self-normalizing.

    Reference: Klambauer et al. (2017), Self-normalizing neural networks, equation 2.
    """

    kinks = (0.0,)
    initializer = "lecun_normal"
    _scale = 1.0507009873554805
    _alpha = 1.6732632423543772
    range = (-_scale * _alpha, math.inf)


@ACTIVATIONS.register("gelu")
class GELU(Activation):
    """f(z) = z/2 (1 + tanh(√(2/π) (z + 0.044715 z³))): the *tanh form* of z Φ(z).

    It differs from the exact form with the error function by less than 5e-4; PyTorch calls it
    ``approximate="tanh"``.

    Reference: Hendrycks and Gimpel (2016), Gaussian error linear units, section 2.
    """

    range = (-0.17005, math.inf)
    initializer = "he_uniform"
    scratch_count = 2
    _c = math.sqrt(2.0 / math.pi)
    _k = 0.044715

    def __call__(self, z: Array) -> Array:
        return 0.5 * z * (1.0 + np.tanh(self._c * (z + self._k * z**3)))

    def derivative(self, z: Array) -> Array:
        t = np.tanh(self._c * (z + self._k * z**3))
        return 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t**2) * self._c * (1.0 + 3.0 * self._k * z**2)

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        half_1_plus_t, z_squared = scratch
        np.multiply(z, z, out=z_squared)
        np.multiply(z_squared, self._c * self._k, out=half_1_plus_t)
        half_1_plus_t += self._c
        half_1_plus_t *= z
        np.tanh(half_1_plus_t, out=half_1_plus_t)
        half_1_plus_t += 1.0
        half_1_plus_t *= 0.5
        np.multiply(z, half_1_plus_t, out=a)

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        # with h = (1 + t)/2:  f' = h + 2 z h (1 - h) c (1 + 3 k z²) = h + a (1 - h) (2c + 6ck z²)
        half_1_plus_t, z_squared = scratch
        z_squared *= 6.0 * self._c * self._k
        z_squared += 2.0 * self._c
        np.subtract(1.0, half_1_plus_t, out=delta)
        delta *= z_squared
        delta *= a
        delta += half_1_plus_t
        delta *= da


@ACTIVATIONS.register("silu")
class SiLU(Activation):
    """f(z) = z σ(z), also called swish.

    Reference: Elfwing, Uchibe and Doya (2018), Sigmoid-weighted linear units, equation 1.
    """

    range = (-0.27847, math.inf)
    initializer = "he_uniform"
    scratch_count = 1

    def __call__(self, z: Array) -> Array:
        return z * sigmoid(z)

    def derivative(self, z: Array) -> Array:
        s = sigmoid(z)
        return s * (1.0 + z * (1.0 - s))

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        (s,) = scratch
        sigmoid(z, out=s)
        np.multiply(z, s, out=a)

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        # f' = σ + a (1 - σ)
        (s,) = scratch
        np.subtract(1.0, s, out=delta)
        delta *= a
        delta += s
        delta *= da


@ACTIVATIONS.register("mish")
class Mish(Activation):
    """f(z) = z tanh(ln(1 + e^z)).

    Reference: Misra (2019), Mish: a self regularized non-monotonic activation function, equation 1.
    """

    range = (-0.30885, math.inf)
    initializer = "he_uniform"
    scratch_count = 3

    def __call__(self, z: Array) -> Array:
        return z * np.tanh(np.logaddexp(0.0, z))

    def derivative(self, z: Array) -> Array:
        t = np.tanh(np.logaddexp(0.0, z))
        return t + z * (1.0 - t**2) * sigmoid(z)

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        zeros, t, _ = scratch
        _softplus_(z, zeros, t, a)
        np.tanh(t, out=t)
        np.multiply(z, t, out=a)

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        _, t, s = scratch
        sigmoid(z, out=s)
        s *= z
        np.multiply(t, t, out=delta)
        np.subtract(1.0, delta, out=delta)
        delta *= s
        delta += t
        delta *= da


@ACTIVATIONS.register("softplus")
class Softplus(Activation):
    """f(z) = ln(1 + e^z): a smooth ReLU. f'(z) = σ(z).

    Reference: Dugas et al. (2001), Incorporating second-order functional knowledge for better option pricing.
    """

    range = (0.0, math.inf)
    initializer = "he_uniform"
    scratch_count = 2

    def __call__(self, z: Array) -> Array:
        return np.logaddexp(0.0, z)

    def derivative(self, z: Array) -> Array:
        return sigmoid(z)

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        zeros, work = scratch
        _softplus_(z, zeros, a, work)

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        sigmoid(z, out=delta)
        delta *= da


@ACTIVATIONS.register("softsign")
class Softsign(Activation):
    """f(z) = z / (1 + |z|), between -1 and 1. f'(z) = 1 / (1 + |z|)².

    Reference: Turian, Bergstra and Bengio (2009), Quadratic features and deep architectures for chunking.
    """

    range = (-1.0, 1.0)
    curvature_jumps = (0.0,)
    scratch_count = 1

    def __call__(self, z: Array) -> Array:
        return z / (1.0 + np.abs(z))

    def derivative(self, z: Array) -> Array:
        return 1.0 / (1.0 + np.abs(z)) ** 2

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        (denominator,) = scratch
        np.abs(z, out=denominator)
        denominator += 1.0
        np.divide(z, denominator, out=a)

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        (denominator,) = scratch
        denominator *= denominator
        np.divide(da, denominator, out=delta)


class _Clipped(Activation):
    """f(z) = z between two bounds, and the nearer bound outside them. f' = 1 strictly inside, else 0."""

    scratch_count = 1

    def __call__(self, z: Array) -> Array:
        return np.clip(z, *self.range)

    def derivative(self, z: Array) -> Array:
        low, high = self.range
        return ((z > low) & (z < high)).astype(z.dtype)

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        np.clip(z, *self.range, out=a)

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        (inside,) = scratch
        low, high = self.range
        np.greater(z, low, out=inside, casting="unsafe")
        np.less(z, high, out=delta, casting="unsafe")
        delta *= inside
        delta *= da


@ACTIVATIONS.register("hard_tanh")
class HardTanh(_Clipped):
    """f(z) = z between -1 and 1, and the nearer bound outside.

    Reference: Collobert (2004), Large scale machine learning, PhD thesis.
    """

    range = (-1.0, 1.0)
    kinks = (-1.0, 1.0)


@ACTIVATIONS.register("relu6")
class ReLU6(_Clipped):
    """f(z) = min(max(z, 0), 6).

    Reference: Krizhevsky (2010), Convolutional deep belief networks on CIFAR-10.
    """

    range = (0.0, 6.0)
    kinks = (0.0, 6.0)
    initializer = "he_uniform"


@lru_cache(maxsize=16)
def _ones(n: int, dtype: np.dtype[Any]) -> Array:
    """Return an (n, n) matrix of ones."""
    return np.ones((n, n), dtype)


def row_sums_(x: Array, out: Array) -> None:
    """Write the sum Σ_k x_k of each row of x into every column of `out` (B, n).

    For a few classes, a product with a matrix of ones takes a third of the time of a sum along short rows. The result
    needs no broadcasting.
    """
    n = x.shape[1]
    if n <= 32:
        x.dot(_ones(n, x.dtype), out)
    else:
        out[...] = x.sum(axis=1, keepdims=True)


@ACTIVATIONS.register("softmax")
class Softmax(Activation):
    """a_j = e^z_j / Σ_k e^z_k over the neurons of the layer: positive, and each row sums to 1.

    Jacobian: da_j/dz_k = a_j (1[j = k] - a_k). The largest z of a row is subtracted first. This changes no result and
    keeps e^z from overflowing.

    Reference: Goodfellow, Bengio and Courville (2016), Deep learning, equations 4.1 and 6.29.
    """

    range = (0.0, 1.0)
    elementwise = False
    scratch_count = 2

    def __call__(self, z: Array) -> Array:
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        a: Array = e / e.sum(axis=-1, keepdims=True)
        return a

    def derivative(self, z: Array) -> Array:
        """Return da_j/dz_j = a_j (1 - a_j), the diagonal of the Jacobian. The backward pass uses all of it (`vjp`)."""
        a = self(z)
        return a * (1.0 - a)

    def jacobian(self, z: Array) -> Array:
        """Return da_j/dz_k for each sample, a new array (B, n, n)."""
        a = self(z)
        J: Array = a[:, :, None] * (np.eye(a.shape[1], dtype=a.dtype) - a[:, None, :])
        return J

    def vjp(self, z: Array, da: Array) -> Array:
        """Return dL/dz = Jᵀ da, row by row with the whole Jacobian."""
        delta: Array = np.einsum("bjk,bj->bk", self.jacobian(z), da)
        return delta

    @staticmethod
    def log_probabilities(scratch: Scratch) -> Array:
        """Return ln a as `forward_` left it in its buffers (B, n). It is exact even if a itself rounds to 0. Live."""
        return scratch[0]

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        """Write softmax(z) into `a`, and keep ln a for `log_probabilities`."""
        log_a, sums = self.log_probabilities(scratch), scratch[1]
        largest = sums[:, :1]
        np.maximum.reduce(z, axis=1, out=largest, keepdims=True)
        np.subtract(z, largest, log_a)
        np.exp(log_a, a)
        row_sums_(a, sums)
        np.divide(a, sums, a)
        np.log(sums, sums)
        np.subtract(log_a, sums, log_a)

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        # Jᵀ da = a * (da - Σ_k a_k da_k)
        sums = scratch[1]
        np.multiply(a, da, out=delta)
        row_sums_(delta, sums)
        np.subtract(da, sums, out=delta)
        delta *= a
