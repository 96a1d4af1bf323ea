"""Loss functions: the value L, its gradient dL/da, and the delta dL/dz of the output layer.

L is the mean over the batch.  A loss that adds up over the outputs takes their mean too, as PyTorch and Keras do.  Its
size then does not depend on the number of classes.  Targets y are rows as wide as the output, one-hot for classes.

A textbook that sums over the n outputs has larger gradients and smaller learning rates.  To use its rate here,
multiply:

    its loss of one sample                              here                    times    with 10 outputs
    ½ Σ (a - y)²                                        mse                     n / 2    3.0 becomes 15
    Σ (a - y)²                                          mse                     n        1.5 becomes 15
    -Σ y ln a + (1 - y) ln(1 - a), on sigmoids          binary_cross_entropy    n        0.5 becomes 5
    Σ |a - y|, Σ h(a - y), Σ max(0, m - a_c + a_j)      mae, huber, hinge       n        1.0 becomes 10
    -Σ y ln a, on softmax                               cross_entropy           1        0.5 stays 0.5

Like activations, a loss has a *readable* form, ``loss(a, y)`` and ``loss.gradient(a, y)``; a new loss needs only this.
The losses of this module also have an *in-place* form, which the training step runs on the output layer's buffers.  In
general, the output delta is the vector-Jacobian product of dL/da.  With the matching activation it simplifies to (a -
y), up to a constant factor.  This *shortcut* is faster and cannot divide by zero.

Keys: cross_entropy, binary_cross_entropy, mse, mae, huber, hinge, squared_hinge.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from .activations import ACTIVATIONS, Activation, Sigmoid, Softmax
from .checks import check_number
from .errors import NeurosimError
from .parameters import Array
from .registry import Configurable, Registry, use_defaults_of


class Output(Protocol):
    """The buffers of the output layer that a loss needs, for the present batch."""

    activation: Activation
    z: Array  # (B, n)
    a: Array  # (B, n)
    da: Array  # (B, n)
    delta: Array  # (B, n)
    scratch: Sequence[Array]  # the activation's buffers, after its forward pass


def _total(values: Array) -> float:
    """Return the sum of all values, accumulated in float64."""
    return float(np.add.reduce(values, axis=None, dtype=np.float64))


class Derivation(NamedTuple):
    """How one output enters the loss of one sample: equations with names in braces, and the numbers of these names.

    Attributes:
        term: the output's term in the sum L.
        gradient: dL/da of it.
        numbers: name -> number.
    """

    term: str
    gradient: str
    numbers: Mapping[str, float]


def _numbers(a: Array, y: Array, k: int) -> dict[str, float]:
    """Return the numbers in the terms of output k: a, y, and the number of outputs n."""
    return {"a": float(a[k]), "y": float(y[k]), "n": len(a)}


class Loss(Configurable, ABC):
    """A scalar L(a, y): the distance between the outputs a (B, n) and the targets y (B, n).

    A subclass needs two methods, `__call__` and `gradient`:

        @LOSSES.register("log_cosh")
        class LogCosh(Loss):
            one_hot = False

            def __call__(self, a, y):
                return np.log(np.cosh(a - y)).mean()

            def gradient(self, a, y):
                return np.tanh(a - y) / y.size

    You may override `value_`, `gradient_` and `delta_` with faster forms that work in place. A subclass with its own
    readable form does not inherit the in-place form of its parent.

    Attributes:
        shortcut: the output activation for which `delta_` writes the short form with (a - y); ``None``: there is none.
        natural_output: the key of the output activation that suits it best, used by default.
        one_hot: whether each target row must be a distribution over the classes.
        formula: L of one sample as an equation with names, as the walk shows it. `derive` gives the terms of L and
            dL/da.
    """

    shortcut: ClassVar[type[Activation] | None] = None
    natural_output: ClassVar[str] = "linear"
    one_hot: ClassVar[bool] = True
    formula: ClassVar[str] = ""
    _spare_buffer: Array | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        restated = ("value_", "gradient_", "delta_", "shortcut", "formula", "derive")
        use_defaults_of(Loss, cls, readable=("__call__", "gradient", "term", "slope"), fast=restated)

    @abstractmethod
    def __call__(self, a: Array, y: Array) -> float:
        """Return L, the mean over the batch. a: (B, n), y: (B, n)."""

    @abstractmethod
    def gradient(self, a: Array, y: Array) -> Array:
        """Return dL/da, a new array (B, n)."""

    def each(self, a: Array, y: Array) -> Array:
        """Return L of each sample alone, (B,). Their mean is L of the batch."""
        return np.array([self(a[i : i + 1], y[i : i + 1]) for i in range(len(y))])

    def value_(self, out: Output, y: Array) -> float:
        """Return L for the output layer's buffers. It overwrites ``out.da`` and ``out.delta``, not yet in use."""
        return float(self(out.a, y))

    def gradient_(self, a: Array, y: Array, da: Array) -> None:
        """Write dL/da into `da`."""
        da[...] = self.gradient(a, y)

    def delta_(self, out: Output, y: Array) -> None:
        """Write the output layer's delta = dL/dz by the chain rule. It overwrites ``out.da``."""
        self.gradient_(out.a, y, out.da)
        out.activation.backward_(out.da, out.z, out.a, out.delta, out.scratch)

    def simplifies(self, activation: Activation) -> bool:
        """Return whether the shortcut (a - y) holds: the activation computes the same function as `shortcut`."""
        return self.shortcut is not None and type(activation).__call__ is self.shortcut.__call__

    def accepts(self, activation: Activation) -> bool:
        """Return whether the loss is meaningful on outputs of this activation."""
        return True

    def aim(self, y: Array) -> Array:
        """Return the values that the outputs approach for targets y (B, n): y itself, or a softened form of it."""
        return y

    def refuses(self, y: Array) -> str:
        """Return what is wrong with the target rows y (N, n), as "expected …, received …"; "" if they are valid."""
        if self.one_hot and not ((y >= 0).all() and np.allclose(y.sum(axis=1), 1.0, atol=1e-4)):
            return "expected class indices or rows that sum to 1, received rows that do not"
        return ""

    def derive(self, a: Array, y: Array, k: int) -> Derivation | None:
        """Return how output k of one sample enters L, and dL/da_k, for the walk.

        Args:
            a: (n,) the outputs.
            y: (n,) the targets, as `aim` returns them.
            k: the index of the output.

        Returns:
            The derivation; None if the loss gives none.
        """
        return None

    def kink_arguments(self, a: Array, y: Array) -> Array:
        """Return the quantities at whose zeros dL/da or its slope jumps.

        A central difference across such a zero is invalid.
        """
        return np.empty(0)

    def _spare(self, y: Array) -> tuple[Array, Array]:
        """Return working space (B, n) and (B, 1).

        It is made anew only for a larger batch, another width or another dtype.
        """
        B, n = y.shape
        spare = self._spare_buffer
        if spare is None or len(spare) < B or spare.shape[1] != n + 1 or spare.dtype != y.dtype:
            spare = self._spare_buffer = np.empty((B, n + 1), y.dtype)
        return spare[:B, :n], spare[:B, n:]


LOSSES: Registry[Loss] = Registry("loss", Loss)  # type: ignore[type-abstract]


@LOSSES.register("cross_entropy")
class CrossEntropy(Loss):
    """L = -(1/B) Σ_samples Σ_k y_k ln a_k, on a softmax output.

    On softmax the output delta is (a - y) / B. It sums over the classes, as in textbooks: learning rates are the same.

    Args:
        label_smoothing: ε in [0, 1): the target becomes (1 - ε) y + ε / n.

    Reference: Goodfellow et al. (2016), Deep learning, section 6.2.2; Szegedy et al. (2016), Rethinking the Inception
    architecture, section 7, for the smoothing.
    """

    shortcut = Softmax
    formula = "-Σ y_k ln a_k"
    natural_output = "softmax"

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = check_number("label_smoothing", label_smoothing, 0.0, 1.0, open_high=True)

    def accepts(self, activation: Activation) -> bool:
        return isinstance(activation, Softmax)

    def aim(self, y: Array) -> Array:
        """Return (1 - ε) y + ε / n, in its own working space."""
        if self.label_smoothing == 0.0:
            return y
        smooth, _ = self._spare(y)
        np.multiply(y, 1.0 - self.label_smoothing, out=smooth)
        smooth += self.label_smoothing / y.shape[1]
        return smooth

    def __call__(self, a: Array, y: Array) -> float:
        # 0 ln 0 = 0: a class that the target rules out adds nothing
        y = self.aim(y)
        return -_total(y * np.log(np.maximum(a, np.finfo(a.dtype).tiny))) / len(y)

    def derive(self, a: Array, y: Array, k: int) -> Derivation:
        numbers = {"a": float(a[k])} | ({} if y[k] == 1.0 else {"y": float(y[k])})
        return Derivation(
            "-ln({a})" if y[k] == 1.0 else "-{y} * ln({a})", "-1 / {a}" if y[k] == 1.0 else "-{y} / {a}", numbers
        )

    def gradient(self, a: Array, y: Array) -> Array:
        da: Array = -self.aim(y) / (np.maximum(a, np.finfo(a.dtype).tiny) * len(y))
        return da

    def gradient_(self, a: Array, y: Array, da: Array) -> None:
        np.maximum(a, np.finfo(a.dtype).tiny, out=da)
        da *= -len(y)
        np.divide(self.aim(y), da, out=da)

    def value_(self, out: Output, y: Array) -> float:
        if not self.simplifies(out.activation):
            return super().value_(out, y)
        log_a = Softmax.log_probabilities(out.scratch)  # unlike ln(a) it is exact if a rounds to 0
        np.multiply(self.aim(y), log_a, out=out.da)
        return 0.0 - _total(out.da) / len(y)  # not -0 if every prediction is right

    def delta_(self, out: Output, y: Array) -> None:
        if not self.simplifies(out.activation):
            return super().delta_(out, y)
        delta = np.subtract(out.a, self.aim(y), out=out.delta)
        delta *= 1.0 / len(y)


@LOSSES.register("binary_cross_entropy")
class BinaryCrossEntropy(Loss):
    """L = -(1/Bn) Σ y ln a + (1 - y) ln(1 - a), on sigmoid outputs. Each output answers its own yes-or-no question.

    On sigmoid the output delta is (a - y) / (B n). L is the mean over the n outputs. A textbook that sums over them
    (Nielsen) uses a rate n times smaller: with ten classes its 0.5 is 5 here.

    Reference: Bishop (2006), Pattern recognition and machine learning, equation 4.90.
    """

    shortcut = Sigmoid
    formula = "-Σ (y_k ln a_k + (1 - y_k) ln(1 - a_k)) / n"
    natural_output = "sigmoid"
    one_hot = False

    def accepts(self, activation: Activation) -> bool:
        return isinstance(activation, Sigmoid)

    def refuses(self, y: Array) -> str:
        if not ((y >= 0.0) & (y <= 1.0)).all():
            return f"expected numbers in [0, 1], received numbers from {y.min():g} to {y.max():g}"
        return ""

    def __call__(self, a: Array, y: Array) -> float:
        tiny = np.finfo(a.dtype).tiny
        return -_total(y * np.log(np.maximum(a, tiny)) + (1.0 - y) * np.log(np.maximum(1.0 - a, tiny))) / y.size

    def derive(self, a: Array, y: Array, k: int) -> Derivation:
        terms = {1.0: "-ln({a}) / {n}", 0.0: "-ln(1 - {a}) / {n}"}
        term = terms.get(float(y[k]), "-({y} * ln({a}) + (1 - {y}) * ln(1 - {a})) / {n}")
        return Derivation(term, "({a} - {y}) / ({a} * (1 - {a})) / {n}", _numbers(a, y, k))

    def gradient(self, a: Array, y: Array) -> Array:
        da: Array = (a - y) / (np.maximum(a * (1.0 - a), np.finfo(a.dtype).tiny) * y.size)
        return da

    def value_(self, out: Output, y: Array) -> float:
        if not self.simplifies(out.activation):
            return super().value_(out, y)
        # computed from z, which cannot overflow or take ln 0:  max(z, 0) - y z + ln(1 + e^-|z|)
        z, work = out.z, out.da
        np.abs(z, out=work)
        np.negative(work, out=work)
        np.exp(work, out=work)
        np.log1p(work, out=work)
        total = _total(work)
        np.maximum(z, 0.0, out=work)
        total += _total(work)
        np.multiply(y, z, out=work)
        return (total - _total(work)) / y.size

    def delta_(self, out: Output, y: Array) -> None:
        if not self.simplifies(out.activation):
            return super().delta_(out, y)
        delta = np.subtract(out.a, y, out=out.delta)
        delta *= 1.0 / y.size


class ByOutput(Loss):
    """L = (1/Bn) Σ l(a, y): the mean of one function of a and y over all outputs."""

    natural_output = "sigmoid"
    one_hot = False

    @abstractmethod
    def term(self, a: Array, y: Array) -> Array:
        """Return l(a, y) for each output, a new array (B, n)."""

    @abstractmethod
    def slope(self, a: Array, y: Array) -> Array:
        """Return dl/da, a new array (B, n)."""

    def __call__(self, a: Array, y: Array) -> float:
        return _total(self.term(a, y)) / y.size

    def gradient(self, a: Array, y: Array) -> Array:
        da: Array = self.slope(a, y) / y.size
        return da


@LOSSES.register("mse")
class MSE(ByOutput):
    """L = (1/Bn) Σ (a - y)²: the mean squared error.

    L is the mean over the n outputs. A textbook that takes half of the sum (Nielsen) uses a rate n/2 times smaller:
    with ten classes its 3.0 is 15 here.

    Reference: Bishop (2006), equation 1.2, with the mean instead of half of the sum.
    """

    formula = "Σ (a_k - y_k)² / n"

    def term(self, a: Array, y: Array) -> Array:
        term: Array = (a - y) ** 2
        return term

    def slope(self, a: Array, y: Array) -> Array:
        slope: Array = 2.0 * (a - y)
        return slope

    def derive(self, a: Array, y: Array, k: int) -> Derivation:
        return Derivation("({a} - {y})² / {n}", "2 * ({a} - {y}) / {n}", _numbers(a, y, k))

    def gradient_(self, a: Array, y: Array, da: Array) -> None:
        np.subtract(a, y, out=da)
        da *= 2.0 / y.size

    def value_(self, out: Output, y: Array) -> float:
        work = np.subtract(out.a, y, out=out.da)
        np.multiply(work, work, out=work)
        return _total(work) / y.size


@LOSSES.register("mae")
class MAE(ByOutput):
    """L = (1/Bn) Σ |a - y|: the mean absolute error. Its gradient has the same size for every error."""

    formula = "Σ |a_k - y_k| / n"

    def term(self, a: Array, y: Array) -> Array:
        term: Array = np.abs(a - y)
        return term

    def slope(self, a: Array, y: Array) -> Array:
        slope: Array = np.sign(a - y)
        return slope

    def derive(self, a: Array, y: Array, k: int) -> Derivation:
        return Derivation("|{a} - {y}| / {n}", "sign({a} - {y}) / {n}", _numbers(a, y, k))

    def gradient_(self, a: Array, y: Array, da: Array) -> None:
        np.subtract(a, y, out=da)
        np.sign(da, out=da)
        da *= 1.0 / y.size

    def value_(self, out: Output, y: Array) -> float:
        work = np.subtract(out.a, y, out=out.da)
        np.abs(work, out=work)
        return _total(work) / y.size

    def kink_arguments(self, a: Array, y: Array) -> Array:
        return a - y


@LOSSES.register("huber")
class Huber(ByOutput):
    """L = (1/Bn) Σ h(a - y), with h(r) = r²/2 if |r| ≤ d, else d (|r| - d/2): squared near, absolute far.

    Args:
        threshold: d, above 0, in the units of the output.

    Reference: Huber (1964), Robust estimation of a location parameter.
    """

    formula = "Σ h(a_k - y_k) / n, h(r) = r² / 2 if |r| ≤ d, else d (|r| - d / 2)"

    def __init__(self, threshold: float = 1.0) -> None:
        self.threshold = check_number("threshold", threshold, 0.0, math.inf, open_low=True, open_high=True)

    def term(self, a: Array, y: Array) -> Array:
        r, d = np.abs(a - y), self.threshold
        term: Array = np.where(r <= d, 0.5 * r**2, d * (r - 0.5 * d))
        return term

    def slope(self, a: Array, y: Array) -> Array:
        slope: Array = np.clip(a - y, -self.threshold, self.threshold)
        return slope

    def derive(self, a: Array, y: Array, k: int) -> Derivation:
        numbers = _numbers(a, y, k)
        if abs(numbers["a"] - numbers["y"]) <= self.threshold:
            return Derivation("({a} - {y})² / 2 / {n}", "({a} - {y}) / {n}", numbers)
        far = "{d} * (|{a} - {y}| - {d} / 2) / {n}"
        return Derivation(far, "{d} * sign({a} - {y}) / {n}", numbers | {"d": self.threshold})

    def gradient_(self, a: Array, y: Array, da: Array) -> None:
        np.subtract(a, y, out=da)
        np.clip(da, -self.threshold, self.threshold, out=da)
        da *= 1.0 / y.size

    def value_(self, out: Output, y: Array) -> float:
        # with c = min(|r|, d):  h(r) = c |r| - c²/2 = c (|r| - c/2)
        r, c = out.da, out.delta
        np.subtract(out.a, y, out=r)
        np.abs(r, out=r)
        np.minimum(r, self.threshold, out=c)
        np.multiply(r, c, out=r)
        np.multiply(c, c, out=c)
        return (_total(r) - 0.5 * _total(c)) / y.size

    def kink_arguments(self, a: Array, y: Array) -> Array:
        beyond: Array = np.abs(a - y) - self.threshold
        return beyond


class Margin(Loss):
    """L = (1/Bn) Σ_samples Σ_{j≠c} max(0, m - a_c + a_j)^p, where c is the right class."""

    margin: float
    _power: ClassVar[int]

    def accepts(self, activation: Activation) -> bool:
        low, high = activation.range
        return high - low > self.margin

    def refuses(self, y: Array) -> str:
        if not (((y == 0.0) | (y == 1.0)).all() and (y.sum(axis=1) == 1.0).all()):
            return "expected class indices or one-hot rows, received rows that do not name one class"
        return ""

    def _violations(self, a: Array, y: Array, out: Array | None = None) -> Array:
        """Return max(0, m - a_c + a_j) for each wrong class j, and 0 for the right class c. (B, n)."""
        work, right = self._spare(y)
        np.multiply(a, y, out=work)
        np.add.reduce(work, axis=1, out=right, keepdims=True)  # (B, 1) a_c
        out = np.subtract(a, right, out=out)
        out += self.margin
        np.maximum(out, 0.0, out=out)
        out *= np.subtract(1.0, y, out=work)
        return out

    def __call__(self, a: Array, y: Array) -> float:
        return _total(self._violations(a, y) ** self._power) / y.size

    def derive(self, a: Array, y: Array, k: int) -> Derivation:
        n, short = len(a), self._violations(a[None, :], y[None, :])[0]
        if y[k] == 1.0:  # a_c is in the term of every wrong class that comes too near
            if self._power == 1:
                return Derivation(
                    "0", "-{classes too near} / {n}", {"classes too near": int(np.count_nonzero(short)), "n": n}
                )
            return Derivation(
                "0",
                "-2 * {Σ max(0, m - a_c + a_k)} / {n}",
                {"Σ max(0, m - a_c + a_k)": float(short.sum(dtype=np.float64)), "n": n},
            )
        numbers = {"m": self.margin, "a_c": float(a[int(y.argmax())]), "a": float(a[k]), "n": n}
        distance = "max(0, {m} - {a_c} + {a})"
        if self._power == 1:
            return Derivation(f"{distance} / {{n}}", "1 / {n}" if short[k] > 0.0 else "0", numbers)
        return Derivation(f"{distance}² / {{n}}", f"2 * {distance} / {{n}}", numbers)

    def gradient(self, a: Array, y: Array) -> Array:
        pull = self._violations(a, y)
        pull = self._power * pull ** (self._power - 1) * (pull > 0.0)  # on each wrong class
        da: Array = (pull - y * pull.sum(axis=1, keepdims=True)) / y.size
        return da

    def gradient_(self, a: Array, y: Array, da: Array) -> None:
        self._violations(a, y, out=da)
        if self._power == 1:
            np.sign(da, out=da)
        else:
            da *= self._power
        work, total = self._spare(y)
        np.add.reduce(da, axis=1, out=total, keepdims=True)
        da -= np.multiply(y, total, out=work)
        da *= 1.0 / y.size

    def value_(self, out: Output, y: Array) -> float:
        work = self._violations(out.a, y, out=out.da)
        if self._power == 2:
            np.multiply(work, work, out=work)
        return _total(work) / y.size

    def kink_arguments(self, a: Array, y: Array) -> Array:
        right = np.einsum("bj,bj->b", a, y)[:, None]
        short: Array = (self.margin - right + a)[y == 0]
        return short


@LOSSES.register("hinge")
class Hinge(Margin):
    """L = (1/Bn) Σ_samples Σ_{j≠c} max(0, m - a_c + a_j), where c is the right class.

    An output counts if it is not at least m below the output of the right class.

    Args:
        margin: m, above 0. The range of the output activation must be wider than m, or no output could satisfy it.

    Reference: Weston and Watkins (1999), Support vector machines for multi-class pattern recognition, with the mean
    over the classes, as PyTorch's ``MultiMarginLoss``.
    """

    formula = "Σ max(0, m - a_c + a_k) / n over all k except the label c"
    _power = 1

    def __init__(self, margin: float = 1.0) -> None:
        self.margin = check_number("margin", margin, 0.0, math.inf, open_low=True, open_high=True)


@LOSSES.register("squared_hinge")
class SquaredHinge(Margin):
    """L = (1/Bn) Σ_samples Σ_{j≠c} max(0, m - a_c + a_j)²: the hinge loss without its kink.

    Args:
        margin: m, above 0. The range of the output activation must be wider than m, or no output could satisfy it.

    Reference: as `Hinge`; PyTorch's ``MultiMarginLoss(p=2)``.
    """

    formula = "Σ max(0, m - a_c + a_k)² / n over all k except the label c"
    _power = 2

    def __init__(self, margin: float = 1.0) -> None:
        self.margin = check_number("margin", margin, 0.0, math.inf, open_low=True, open_high=True)


def check_pair(loss: Loss, activation: Activation) -> None:
    """Refuse a loss that has no meaning for the output activation.

    Raises:
        NeurosimError: the message lists the activations that the loss accepts, and the losses that accept the
            activation.
    """
    if loss.accepts(activation):
        return
    partners = [key for key in ACTIVATIONS if loss.accepts(ACTIVATIONS[key]())]
    others = [key for key in LOSSES if LOSSES[key]().accepts(activation)]
    raise NeurosimError(
        f"loss '{loss.key}' does not go with the output activation '{activation.key}': "
        f"'{loss.key}' accepts {', '.join(partners)}; '{activation.key}' goes with {', '.join(others)}"
    )
