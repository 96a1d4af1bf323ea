"""Optimizers: how the parameters θ move, given the gradient g of the mean batch loss.

`Optimizer.step` sees only flat vectors: all parameters of a network, all gradients.  What an optimizer remembers
from step to step (velocities, moments) are flat vectors too, so that one neuron's share of them is a slice.  It
works block by block, each small enough for the processor's caches, because a rule of ten passes over a block in
cache is faster than ten passes over memory.  `update_` is the published algorithm on one block; it
is the same for a million parameters and for one.

Every rule follows PyTorch's where PyTorch has it, its place of ε included; the docstrings give the formulas.

Keys: sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam, amsgrad, adamax, nadam, adamw, lion.
"""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Callable
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np

from .checks import check_number
from .errors import NeurosimError, ShapeError
from .parameters import Array, aligned_zeros
from .registry import Configurable, Registry
from .schedules import SCHEDULES, Schedule

BLOCK = 131_072  # elements; measured from 4k to 262k: in smaller ones the calls cost more than a nearer cache saves

Rate = float | Schedule | str | dict[str, Any]
State = dict[str, Array]


def move_average_(average: Array, x: Array, beta: float, scratch: Array) -> None:
    """Average ← β average + (1 - β) x."""
    average *= beta
    np.multiply(x, 1.0 - beta, out=scratch)
    average += scratch


def move_average_of_square_(average: Array, x: Array, beta: float, scratch: Array) -> None:
    """Average ← β average + (1 - β) x²."""
    average *= beta
    np.multiply(x, x, out=scratch)
    scratch *= 1.0 - beta
    average += scratch


def sign_(x: Array, scratch: Array) -> None:
    """X ← sign(x), as (x > 0) - (x < 0): `np.sign` branches at every element, and takes six times as long."""
    np.less(x, 0.0, out=scratch, casting="unsafe")
    np.greater(x, 0.0, out=x, casting="unsafe")
    x -= scratch


def step_over_root_(theta: Array, rate: float, numerator: Array, square: Array, epsilon: float, scratch: Array) -> None:
    """θ ← θ - rate · numerator / (√square + ε)."""
    np.sqrt(square, out=scratch)
    scratch += epsilon
    np.divide(numerator, scratch, out=scratch)
    scratch *= rate
    theta -= scratch


class Optimizer(Configurable, ABC):
    """An update rule for flat vectors.

    Attributes:
        learning_rate: a number, or a `Schedule`.
        t: how many steps have been taken.
        last_rate: the learning rate of the last of them.
        state: name -> flat vector laid out as θ; all zeros before the first step. Live.
        rule_text: the rule in one line, as the walk shows it.
        update_: ``update_(theta, grad, *state, *scratch, rate)`` applies the rule to one block, in place.
    """

    state_names: ClassVar[tuple[str, ...]] = ()
    scratch_count: ClassVar[int] = 1
    rule_text: ClassVar[str] = ""
    update_: Callable[..., None]

    def __init__(self, learning_rate: Rate, clip_norm: float | None = None) -> None:
        self.learning_rate = learning_rate
        self.clip_norm = clip_norm
        self.t = 0
        self.last_rate = 0.0
        self.state: dict[str, Array] = {}
        self._theta: Array | None = None
        self._grad: Array | None = None
        self._blocks: list[tuple[Array, ...]] = []

    @property
    def learning_rate(self) -> float | Schedule:
        """A number, or a `Schedule`, which is copied. May be set at any time."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Rate) -> None:
        if isinstance(rate, (Schedule, str, dict)):
            self._learning_rate: float | Schedule = deepcopy(SCHEDULES.create(rate))  # it has a place in a run
        else:
            self._learning_rate = check_number("learning_rate", rate, 0.0, math.inf, open_high=True)

    @property
    def clip_norm(self) -> float | None:
        """The largest Euclidean norm that the whole gradient may have; ``None``: no bound. May be set at any time."""
        return self._clip_norm

    @clip_norm.setter
    def clip_norm(self, norm: float | None) -> None:
        self._clip_norm = None if norm is None else check_number("clip_norm", norm, 0.0, math.inf, open_low=True)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return self._learning_rate(self.t) if isinstance(self._learning_rate, Schedule) else self._learning_rate

    def step(self, theta: Array, grad: Array) -> None:
        """Update `theta` in place. With `clip_norm` set, `grad` is scaled in place first.

        Args:
            theta: (size,) the parameters.
            grad: (size,) dL/dθ, of the same dtype.

        Raises:
            ShapeError: the vectors do not match each other, or the optimizer's state.
        """
        if theta is not self._theta or grad is not self._grad:
            self.bind(theta, grad)
        if self.clip_norm is not None:
            clip_by_global_norm_(grad, self.clip_norm)
        rate = self.last_rate = self.rate
        self.t += 1
        self.begin_step()
        for block in self._blocks:
            self.update_(*block, rate)

    def begin_step(self) -> None:
        """Move on what belongs to the step as a whole; ``self.t`` is 1 in the first."""

    def bind_to_network(self, theta: Array, grad: Array) -> None:
        """Bind to a network's vectors, for good.

        Raises:
            NeurosimError: the optimizer works for another network already.
        """
        if self._theta is not theta:
            self.check_free()
        self.bind(theta, grad)

    def check_free(self) -> None:
        """Refuse to work for a second network.

        Raises:
            NeurosimError: it works for one already.
        """
        if self._theta is not None:
            raise NeurosimError(f"{self!r} works for another network already: make a new one for each network")

    def bind(self, theta: Array, grad: Array) -> None:
        """Cut the vectors into blocks, and make the state that goes with them if there is none yet."""
        if theta.ndim != 1 or grad.shape != theta.shape or grad.dtype != theta.dtype:
            raise ShapeError(
                f"{self.key}: expected theta and grad as two vectors of one length and dtype, "
                f"received {theta.shape} {theta.dtype} and {grad.shape} {grad.dtype}"
            )
        for name in self.state_names:
            vector = self.state.setdefault(name, aligned_zeros(theta.size, theta.dtype))
            if vector.shape != theta.shape or vector.dtype != theta.dtype:
                raise ShapeError(
                    f"{self.key}: its state is of {vector.size:,} {vector.dtype} parameters, received "
                    f"{theta.size:,} {theta.dtype}; use a new {type(self).__name__} for another network"
                )
        vectors = [theta, grad, *(self.state[name] for name in self.state_names)]
        scratch = [aligned_zeros(min(BLOCK, theta.size), theta.dtype) for _ in range(self.scratch_count)]
        self._blocks = []
        for start in range(0, theta.size, BLOCK):
            parts = [vector[start : start + BLOCK] for vector in vectors]
            self._blocks.append((*parts, *(work[: parts[0].size] for work in scratch)))
        self._theta, self._grad = theta, grad

    def terms(self, theta: Array, grad: Array, before: State, after: State, rate: float) -> dict[str, Array]:
        """The arithmetic of the step just taken, in the readable form, on any part of the vectors.

        Args:
            theta: the parameters before the step.
            grad: their gradient.
            before: name -> their part of each state vector before the step.
            after: the same after it.
            rate: the learning rate of the step.

        Returns:
            Name -> new array, in the order of the algorithm; the last is "step", and θ_after = θ - step. An optimizer
            that does not spell out its arithmetic gives nothing.
        """
        return {}

    def forget(self) -> None:
        """Back to before the first step."""
        self.t = 0
        for vector in self.state.values():
            vector.fill(0.0)
        if isinstance(self._learning_rate, Schedule):
            self._learning_rate = self._learning_rate.renewed()

    def scalars(self) -> dict[str, Any]:
        """The step count and whatever else, beside the vectors, is needed to go on exactly. JSON-ready."""
        schedule = self._learning_rate.state() if isinstance(self._learning_rate, Schedule) else None
        return {"t": self.t, "schedule": schedule}

    def restore(self, scalars: dict[str, Any], state: dict[str, Array]) -> None:
        """Go on from `scalars` and copies of the `state` vectors."""
        self.t = int(scalars["t"])
        if isinstance(self._learning_rate, Schedule) and scalars["schedule"] is not None:
            self._learning_rate.restore(scalars["schedule"])
        if self.state.keys() == state.keys():
            for name, vector in state.items():
                self.state[name][...] = vector
        else:
            self.state = {name: vector.copy() for name, vector in state.items()}
            self._theta = None

    def __getstate__(self) -> dict[str, Any]:
        # blocks are views: a copy would detach them, so the next step cuts them anew
        return vars(self) | {"_theta": None, "_grad": None, "_blocks": []}


def clip_by_global_norm_(grad: Array, max_norm: float) -> None:
    """Scale `grad` down to a Euclidean norm of at most `max_norm`: g ← g · min(1, c / (‖g‖ + 1e-6)).

    Reference: Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent neural networks,
    algorithm 1; PyTorch's ``clip_grad_norm_``.
    """
    with np.errstate(over="ignore"):
        norm = math.sqrt(float(np.dot(grad, grad)))
    if math.isinf(norm):  # the square overflowed, where clipping matters most
        norm = float(np.linalg.norm(grad.astype(np.float64)))
    if norm + 1e-6 > max_norm:
        grad *= max_norm / (norm + 1e-6)


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", Optimizer)


def _check_beta(name: str, value: float) -> float:
    return check_number(name, value, 0.0, 1.0, open_high=True)


def _check_epsilon(value: float) -> float:
    return check_number("epsilon", value, 0.0, math.inf, open_low=True, open_high=True)


@OPTIMIZERS.register("sgd")
class SGD(Optimizer):
    """θ ← θ - η g. Stochastic gradient descent; full-batch and single-sample descent too, by the batch size."""

    rule_text = "θ ← θ - η g. Stochastic gradient descent; full-batch and single-sample descent too, by the batch size."

    def __init__(self, learning_rate: Rate = 0.1, clip_norm: float | None = None) -> None:
        super().__init__(learning_rate, clip_norm)

    def update_(self, theta: Array, grad: Array, scratch: Array, rate: float) -> None:
        np.multiply(grad, rate, out=scratch)
        theta -= scratch

    def terms(self, theta: Array, grad: Array, before: State, after: State, rate: float) -> dict[str, Array]:
        return {"step": rate * grad}


class _WithMomentum(Optimizer):
    """What Momentum and Nesterov share: the velocity v ← μ v + g."""

    state_names = ("velocity",)

    def __init__(self, learning_rate: Rate = 0.01, momentum: float = 0.9, clip_norm: float | None = None) -> None:
        super().__init__(learning_rate, clip_norm)
        self.momentum = _check_beta("momentum", momentum)


@OPTIMIZERS.register("momentum")
class Momentum(_WithMomentum):
    """v ← μ v + g;  θ ← θ - η v.

    Reference: Polyak (1964); in the form of Sutskever et al. (2013) the rate is inside v, here (as in PyTorch)
    outside, which differs when the rate changes.
    """

    rule_text = "v ← μ v + g;  θ ← θ - η v."

    def update_(self, theta: Array, grad: Array, velocity: Array, scratch: Array, rate: float) -> None:
        velocity *= self.momentum
        velocity += grad
        np.multiply(velocity, rate, out=scratch)
        theta -= scratch

    def terms(self, theta: Array, grad: Array, before: State, after: State, rate: float) -> dict[str, Array]:
        return {"velocity": after["velocity"], "step": rate * after["velocity"]}


@OPTIMIZERS.register("nesterov")
class Nesterov(_WithMomentum):
    """v ← μ v + g;  θ ← θ - η (g + μ v). The gradient as if at the point to which the velocity leads.

    Reference: Sutskever et al. (2013), On the importance of initialization and momentum, in PyTorch's form.
    """

    rule_text = "v ← μ v + g;  θ ← θ - η (g + μ v). The gradient as if at the point to which the velocity leads."

    def update_(self, theta: Array, grad: Array, velocity: Array, scratch: Array, rate: float) -> None:
        velocity *= self.momentum
        velocity += grad
        np.multiply(velocity, self.momentum, out=scratch)
        scratch += grad
        scratch *= rate
        theta -= scratch

    def terms(self, theta: Array, grad: Array, before: State, after: State, rate: float) -> dict[str, Array]:
        ahead = grad + self.momentum * after["velocity"]
        return {"velocity": after["velocity"], "look_ahead": ahead, "step": rate * ahead}


@OPTIMIZERS.register("adagrad")
class AdaGrad(Optimizer):
    """G ← G + g²;  θ ← θ - η g / (√G + ε). Each parameter's rate falls with what it has seen.

    Reference: Duchi, Hazan and Singer (2011), Adaptive subgradient methods, figure 1.
    """

    rule_text = "G ← G + g²;  θ ← θ - η g / (√G + ε). Each parameter's rate falls with what it has seen."
    state_names = ("square_sum",)

    def __init__(self, learning_rate: Rate = 0.01, epsilon: float = 1e-10, clip_norm: float | None = None) -> None:
        super().__init__(learning_rate, clip_norm)
        self.epsilon = _check_epsilon(epsilon)

    def update_(self, theta: Array, grad: Array, square_sum: Array, scratch: Array, rate: float) -> None:
        np.multiply(grad, grad, out=scratch)
        square_sum += scratch
        step_over_root_(theta, rate, grad, square_sum, self.epsilon, scratch)

    def terms(self, theta: Array, grad: Array, before: State, after: State, rate: float) -> dict[str, Array]:
        square_sum = after["square_sum"]
        return {"square_sum": square_sum, "step": rate * grad / (np.sqrt(square_sum) + self.epsilon)}


@OPTIMIZERS.register("rmsprop")
class RMSProp(Optimizer):
    """v ← ρ v + (1 - ρ) g²;  θ ← θ - η g / (√v + ε).

    Reference: Tieleman and Hinton (2012), Neural networks for machine learning, lecture 6.5 (ρ = 0.9; PyTorch's
    default is 0.99).
    """

    rule_text = "v ← ρ v + (1 - ρ) g²;  θ ← θ - η g / (√v + ε)."
    state_names = ("v",)

    def __init__(
        self, learning_rate: Rate = 1e-3, rho: float = 0.9, epsilon: float = 1e-8, clip_norm: float | None = None
    ) -> None:
        super().__init__(learning_rate, clip_norm)
        self.rho = _check_beta("rho", rho)
        self.epsilon = _check_epsilon(epsilon)

    def update_(self, theta: Array, grad: Array, v: Array, scratch: Array, rate: float) -> None:
        move_average_of_square_(v, grad, self.rho, scratch)
        step_over_root_(theta, rate, grad, v, self.epsilon, scratch)

    def terms(self, theta: Array, grad: Array, before: State, after: State, rate: float) -> dict[str, Array]:
        return {"v": after["v"], "step": rate * grad / (np.sqrt(after["v"]) + self.epsilon)}


@OPTIMIZERS.register("adadelta")
class AdaDelta(Optimizer):
    """v ← ρ v + (1 - ρ) g²;  d = g √(u + ε) / √(v + ε);  u ← ρ u + (1 - ρ) d²;  θ ← θ - η d.

    The step has the units of θ, so the rate needs no tuning: η = 1.

    Reference: Zeiler (2012), ADADELTA, algorithm 1.
    """

    rule_text = "v ← ρ v + (1 - ρ) g²;  d = g √(u + ε) / √(v + ε);  u ← ρ u + (1 - ρ) d²;  θ ← θ - η d."
    state_names = ("v", "u")
    scratch_count = 2

    def __init__(
        self, learning_rate: Rate = 1.0, rho: float = 0.9, epsilon: float = 1e-6, clip_norm: float | None = None
    ) -> None:
        super().__init__(learning_rate, clip_norm)
        self.rho = _check_beta("rho", rho)
        self.epsilon = _check_epsilon(epsilon)

    def update_(self, theta: Array, grad: Array, v: Array, u: Array, d: Array, scratch: Array, rate: float) -> None:
        move_average_of_square_(v, grad, self.rho, scratch)
        np.add(u, self.epsilon, out=d)
        np.add(v, self.epsilon, out=scratch)
        d /= scratch
        np.sqrt(d, out=d)
        d *= grad
        move_average_of_square_(u, d, self.rho, scratch)
        d *= rate
        theta -= d

    def terms(self, theta: Array, grad: Array, before: State, after: State, rate: float) -> dict[str, Array]:
        d = grad * np.sqrt(before["u"] + self.epsilon) / np.sqrt(after["v"] + self.epsilon)
        return {"v": after["v"], "d": d, "u": after["u"], "step": rate * d}


class _Adaptive(Optimizer):
    """What Adam and its kin share: two moments, m ← β₁ m + (1 - β₁) g and v ← β₂ v + (1 - β₂) g²."""

    state_names: ClassVar[tuple[str, ...]] = ("m", "v")

    def __init__(
        self,
        learning_rate: Rate = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(learning_rate, clip_norm)
        self.beta1 = _check_beta("beta1", beta1)
        self.beta2 = _check_beta("beta2", beta2)
        self.epsilon = _check_epsilon(epsilon)

    def _corrected(self, m: Array, v: Array) -> tuple[Array, Array]:
        """m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ), new arrays."""
        return m / (1.0 - self.beta1**self.t), v / (1.0 - self.beta2**self.t)

    def _step_(self, theta: Array, m: Array, v: Array, scratch: Array, rate: float) -> None:
        """θ ← θ - η m̂ / (√v̂ + ε), with the bias corrections m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ).

        Both corrections are taken into the rate and ε, which saves a pass (Kingma and Ba, end of section 2).
        """
        root = math.sqrt(1.0 - self.beta2**self.t)
        step_over_root_(theta, rate * root / (1.0 - self.beta1**self.t), m, v, self.epsilon * root, scratch)


@OPTIMIZERS.register("adam")
class Adam(_Adaptive):
    """m ← β₁ m + (1 - β₁) g;  v ← β₂ v + (1 - β₂) g²;  θ ← θ - η m̂ / (√v̂ + ε).

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ); ε stands outside the root, after the correction.

    Args:
        learning_rate: η, or a schedule.
        beta1: β₁ in [0, 1).
        beta2: β₂ in [0, 1).
        epsilon: ε, above 0.
        clip_norm: the largest norm of the whole gradient; ``None``: no bound.

    Reference: Kingma and Ba (2015), Adam: a method for stochastic optimization, algorithm 1.
    """

    rule_text = "m ← β₁ m + (1 - β₁) g;  v ← β₂ v + (1 - β₂) g²;  θ ← θ - η m̂ / (√v̂ + ε)."

    def update_(self, theta: Array, grad: Array, m: Array, v: Array, scratch: Array, rate: float) -> None:
        move_average_(m, grad, self.beta1, scratch)
        move_average_of_square_(v, grad, self.beta2, scratch)
        self._step_(theta, m, v, scratch, rate)

    def terms(self, theta: Array, grad: Array, before: State, after: State, rate: float) -> dict[str, Array]:
        m_hat, v_hat = self._corrected(after["m"], after["v"])
        step = rate * m_hat / (np.sqrt(v_hat) + self.epsilon)
        return {"m": after["m"], "v": after["v"], "m_hat": m_hat, "v_hat": v_hat, "step": step}


@OPTIMIZERS.register("amsgrad")
class AMSGrad(_Adaptive):
    """Adam with v_max ← max(v_max, v) in the place of v: the rate of a parameter never rises again.

    Reference: Reddi, Kale and Kumar (2018), On the convergence of Adam and beyond, algorithm 2, with Adam's bias
    corrections (as in PyTorch).
    """

    rule_text = "Adam with v_max ← max(v_max, v) in the place of v: the rate of a parameter never rises again."
    state_names = ("m", "v", "v_max")

    def update_(self, theta: Array, grad: Array, m: Array, v: Array, v_max: Array, scratch: Array, rate: float) -> None:
        move_average_(m, grad, self.beta1, scratch)
        move_average_of_square_(v, grad, self.beta2, scratch)
        np.maximum(v_max, v, out=v_max)
        self._step_(theta, m, v_max, scratch, rate)

    def terms(self, theta: Array, grad: Array, before: State, after: State, rate: float) -> dict[str, Array]:
        m_hat, v_hat = self._corrected(after["m"], after["v_max"])
        step = rate * m_hat / (np.sqrt(v_hat) + self.epsilon)
        return {"m": after["m"], "v": after["v"], "v_max": after["v_max"], "m_hat": m_hat, "v_hat": v_hat, "step": step}


@OPTIMIZERS.register("adamax")
class AdaMax(_Adaptive):
    """m ← β₁ m + (1 - β₁) g;  u ← max(β₂ u, |g| + ε);  θ ← θ - η m̂ / u.

    Reference: Kingma and Ba (2015), algorithm 2, with ε as in PyTorch.
    """

    rule_text = "m ← β₁ m + (1 - β₁) g;  u ← max(β₂ u, |g| + ε);  θ ← θ - η m̂ / u."
    state_names = ("m", "u")

    def __init__(
        self,
        learning_rate: Rate = 2e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, clip_norm)

    def update_(self, theta: Array, grad: Array, m: Array, u: Array, scratch: Array, rate: float) -> None:
        move_average_(m, grad, self.beta1, scratch)
        np.abs(grad, out=scratch)
        scratch += self.epsilon
        u *= self.beta2
        np.maximum(u, scratch, out=u)
        np.divide(m, u, out=scratch)
        scratch *= rate / (1.0 - self.beta1**self.t)
        theta -= scratch

    def terms(self, theta: Array, grad: Array, before: State, after: State, rate: float) -> dict[str, Array]:
        m_hat, _ = self._corrected(after["m"], after["u"])
        return {"m": after["m"], "u": after["u"], "m_hat": m_hat, "step": rate * m_hat / after["u"]}


@OPTIMIZERS.register("nadam")
class Nadam(_Adaptive):
    """Adam with Nesterov's look ahead:  θ ← θ - η (c_g g + c_m m) / (√v̂ + ε).

    μ_t = β₁ (1 - 0.96^(0.004 t) / 2);  c_g = (1 - μ_t) / (1 - Π μ);  c_m = μ_{t+1} / (1 - μ_{t+1} Π μ), where Π μ is
    the product of all μ up to t.

    Args:
        learning_rate: η, or a schedule.
        beta1: β₁ in [0, 1).
        beta2: β₂ in [0, 1).
        epsilon: ε, above 0.
        momentum_decay: the 0.004 in μ_t, at least 0.
        clip_norm: the largest norm of the whole gradient; ``None``: no bound.

    Reference: Dozat (2016), Incorporating Nesterov momentum into Adam, algorithm 2; PyTorch's ``NAdam``.
    """

    rule_text = "Adam with Nesterov's look ahead:  θ ← θ - η (c_g g + c_m m) / (√v̂ + ε)."
    scratch_count = 2

    def __init__(
        self,
        learning_rate: Rate = 2e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        momentum_decay: float = 4e-3,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, clip_norm)
        self.momentum_decay = check_number("momentum_decay", momentum_decay, 0.0, math.inf, open_high=True)
        self.mu_product = 1.0

    def _mu(self, t: int) -> float:
        return float(self.beta1 * (1.0 - 0.5 * 0.96 ** (t * self.momentum_decay)))

    def begin_step(self) -> None:
        self.mu_product *= self._mu(self.t)

    def update_(
        self, theta: Array, grad: Array, m: Array, v: Array, numerator: Array, scratch: Array, rate: float
    ) -> None:
        mu, mu_next = self._mu(self.t), self._mu(self.t + 1)
        move_average_(m, grad, self.beta1, scratch)
        move_average_of_square_(v, grad, self.beta2, scratch)
        np.multiply(grad, (1.0 - mu) / (1.0 - self.mu_product), out=numerator)
        np.multiply(m, mu_next / (1.0 - self.mu_product * mu_next), out=scratch)
        numerator += scratch
        root = math.sqrt(1.0 - self.beta2**self.t)
        step_over_root_(theta, rate * root, numerator, v, self.epsilon * root, scratch)

    def terms(self, theta: Array, grad: Array, before: State, after: State, rate: float) -> dict[str, Array]:
        mu, mu_next = self._mu(self.t), self._mu(self.t + 1)
        m_ahead = (1.0 - mu) / (1.0 - self.mu_product) * grad + mu_next / (1.0 - self.mu_product * mu_next) * after["m"]
        _, v_hat = self._corrected(after["m"], after["v"])
        step = rate * m_ahead / (np.sqrt(v_hat) + self.epsilon)
        return {"m": after["m"], "v": after["v"], "m_ahead": m_ahead, "v_hat": v_hat, "step": step}

    def forget(self) -> None:
        super().forget()
        self.mu_product = 1.0

    def scalars(self) -> dict[str, Any]:
        return super().scalars() | {"mu_product": self.mu_product}

    def restore(self, scalars: dict[str, Any], state: dict[str, Array]) -> None:
        super().restore(scalars, state)
        self.mu_product = float(scalars["mu_product"])


@OPTIMIZERS.register("adamw")
class AdamW(_Adaptive):
    """θ ← θ - η λ θ, then a step of Adam: weight decay that the moments do not see.

    All parameters decay, biases too, as in PyTorch.

    Args:
        learning_rate: η, or a schedule.
        beta1: β₁ in [0, 1).
        beta2: β₂ in [0, 1).
        epsilon: ε, above 0.
        weight_decay: λ, at least 0.
        clip_norm: the largest norm of the whole gradient; ``None``: no bound.

    Reference: Loshchilov and Hutter (2019), Decoupled weight decay regularization, algorithm 2.
    """

    rule_text = "θ ← θ - η λ θ, then a step of Adam: weight decay that the moments do not see."

    def __init__(
        self,
        learning_rate: Rate = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, clip_norm)
        self.weight_decay = check_number("weight_decay", weight_decay, 0.0, math.inf, open_high=True)

    def update_(self, theta: Array, grad: Array, m: Array, v: Array, scratch: Array, rate: float) -> None:
        theta *= 1.0 - rate * self.weight_decay
        move_average_(m, grad, self.beta1, scratch)
        move_average_of_square_(v, grad, self.beta2, scratch)
        self._step_(theta, m, v, scratch, rate)

    def terms(self, theta: Array, grad: Array, before: State, after: State, rate: float) -> dict[str, Array]:
        m_hat, v_hat = self._corrected(after["m"], after["v"])
        decay = rate * self.weight_decay * theta
        step = decay + rate * m_hat / (np.sqrt(v_hat) + self.epsilon)
        return {"decay": decay, "m": after["m"], "v": after["v"], "m_hat": m_hat, "v_hat": v_hat, "step": step}


@OPTIMIZERS.register("lion")
class Lion(Optimizer):
    """θ ← θ - η (sign(β₁ m + (1 - β₁) g) + λ θ);  m ← β₂ m + (1 - β₂) g. Every parameter moves by η.

    Args:
        learning_rate: η, or a schedule; about a tenth of Adam's.
        beta1: β₁ in [0, 1).
        beta2: β₂ in [0, 1).
        weight_decay: λ, at least 0.
        clip_norm: the largest norm of the whole gradient; ``None``: no bound.

    Reference: Chen et al. (2023), Symbolic discovery of optimization algorithms, program 1.
    """

    rule_text = "θ ← θ - η (sign(β₁ m + (1 - β₁) g) + λ θ);  m ← β₂ m + (1 - β₂) g. Every parameter moves by η."
    state_names = ("m",)
    scratch_count = 2

    def __init__(
        self,
        learning_rate: Rate = 1e-4,
        beta1: float = 0.9,
        beta2: float = 0.99,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(learning_rate, clip_norm)
        self.beta1 = _check_beta("beta1", beta1)
        self.beta2 = _check_beta("beta2", beta2)
        self.weight_decay = check_number("weight_decay", weight_decay, 0.0, math.inf, open_high=True)

    def update_(self, theta: Array, grad: Array, m: Array, direction: Array, scratch: Array, rate: float) -> None:
        np.multiply(m, self.beta1, out=direction)
        np.multiply(grad, 1.0 - self.beta1, out=scratch)
        direction += scratch
        sign_(direction, scratch)
        direction *= rate
        if self.weight_decay:
            theta *= 1.0 - rate * self.weight_decay
        theta -= direction
        move_average_(m, grad, self.beta2, scratch)

    def terms(self, theta: Array, grad: Array, before: State, after: State, rate: float) -> dict[str, Array]:
        direction = np.sign(self.beta1 * before["m"] + (1.0 - self.beta1) * grad)
        decay = rate * self.weight_decay * theta
        return {"direction": direction, "decay": decay, "m": after["m"], "step": rate * direction + decay}
