"""Optimizers: rules that update the parameters θ with the gradient g of the mean batch loss.

Each optimizer writes its algorithm once, in `rule`: a pure function of numbers or arrays that returns every term under
its name in the paper. The trace shows these terms, and tests compare them with the published algorithms. A training
step runs `update_`, which does the same to one block of the vectors in place. A test compares it with the rule.

Every rule follows PyTorch's version if PyTorch has one, including the place of ε. The docstrings give the formulas.

Keys: sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam, amsgrad, adamax, nadam, adamw, lion.
"""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any, ClassVar

import numpy as np

from .checks import check_number
from .optimizer_base import (
    Arrays,
    Optimizer as Optimizer,
    Rate,
    Value,
    equations,
    move_average_,
    move_average_of_square_,
    sign_,
    step_over_root_,
)
from .parameters import Array
from .registry import Registry
from .schema import Rule, number

OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", Optimizer)  # type: ignore[type-abstract]


# formulas that several optimizers use
M, V = "{beta1} * {m} + (1 - {beta1}) * {grad}", "{beta2} * {v} + (1 - {beta2}) * {grad}²"
M_HAT, V_HAT = "{m} / (1 - {beta1}^{t})", "{v} / (1 - {beta2}^{t})"
ADAM_STEP, DECAY = "{rate} * {m_hat} / (√{v_hat} + {epsilon})", "{rate} * {weight_decay} * {theta}"


def _check_beta(name: str, value: float) -> float:
    return check_number(name, value, 0.0, 1.0, open_high=True)


def _check_epsilon(value: float) -> float:
    return check_number("epsilon", value, 0.0, math.inf, open_low=True, open_high=True)


SGDTerms = namedtuple("SGDTerms", "step")


@OPTIMIZERS.register("sgd")
class SGD(Optimizer):
    """θ ← θ - η g. Stochastic gradient descent. The batch size makes it full-batch or single-sample descent."""

    formulas = equations(step="{rate} * {grad}")
    scratch_count = 1

    def __init__(self, learning_rate: Rate = 0.1, clip_norm: float | None = None) -> None:
        super().__init__(learning_rate, clip_norm)

    @staticmethod
    def rule(theta: Value, grad: Value, rate: float, t: int) -> SGDTerms:
        return SGDTerms(step=rate * grad)

    def update_(self, theta: Array, grad: Array, state: Arrays, scratch: Arrays, rate: float) -> None:
        (work,) = scratch
        np.multiply(grad, rate, out=work)
        theta -= work


class _WithMomentum(Optimizer):
    """The common part of Momentum and Nesterov: the velocity v ← μ v + g."""

    state_names = ("velocity",)
    scratch_count = 1

    def __init__(self, learning_rate: Rate = 0.01, momentum: float = 0.9, clip_norm: float | None = None) -> None:
        super().__init__(learning_rate, clip_norm)
        self.momentum = _check_beta("momentum", momentum)


MomentumTerms = namedtuple("MomentumTerms", "velocity step")


@OPTIMIZERS.register("momentum")
class Momentum(_WithMomentum):
    """v ← μ v + g;  θ ← θ - η v.

    Reference: Polyak (1964). In Sutskever et al. (2013) the rate is inside v. Here, as in PyTorch, it is outside, which
    differs if the rate changes.
    """

    formulas = equations(velocity="{momentum} * {velocity} + {grad}", step="{rate} * {velocity}")

    @staticmethod
    def rule(theta: Value, grad: Value, velocity: Value, rate: float, t: int, momentum: float) -> MomentumTerms:
        velocity = momentum * velocity + grad
        return MomentumTerms(velocity, step=rate * velocity)

    def update_(self, theta: Array, grad: Array, state: Arrays, scratch: Arrays, rate: float) -> None:
        (velocity,), (work,) = state, scratch
        velocity *= self.momentum
        velocity += grad
        np.multiply(velocity, rate, out=work)
        theta -= work


NesterovTerms = namedtuple("NesterovTerms", "velocity look_ahead step")


@OPTIMIZERS.register("nesterov")
class Nesterov(_WithMomentum):
    """v ← μ v + g;  θ ← θ - η (g + μ v). The gradient acts as if taken ahead, where the velocity leads.

    Reference: Sutskever et al. (2013), On the importance of initialization and momentum, in PyTorch's form.
    """

    formulas = equations(
        velocity="{momentum} * {velocity} + {grad}",
        look_ahead="{grad} + {momentum} * {velocity}",
        step="{rate} * {look_ahead}",
    )

    @staticmethod
    def rule(theta: Value, grad: Value, velocity: Value, rate: float, t: int, momentum: float) -> NesterovTerms:
        velocity = momentum * velocity + grad
        look_ahead = grad + momentum * velocity
        return NesterovTerms(velocity, look_ahead, step=rate * look_ahead)

    def update_(self, theta: Array, grad: Array, state: Arrays, scratch: Arrays, rate: float) -> None:
        (velocity,), (work,) = state, scratch
        velocity *= self.momentum
        velocity += grad
        np.multiply(velocity, self.momentum, out=work)
        work += grad
        work *= rate
        theta -= work


AdaGradTerms = namedtuple("AdaGradTerms", "square_sum step")


@OPTIMIZERS.register("adagrad")
class AdaGrad(Optimizer):
    """G ← G + g²;  θ ← θ - η g / (√G + ε). Each parameter's rate falls with the sum of its squared gradients.

    Reference: Duchi, Hazan and Singer (2011), Adaptive subgradient methods, figure 1.
    """

    formulas = equations(square_sum="{square_sum} + {grad}²", step="{rate} * {grad} / (√{square_sum} + {epsilon})")
    state_names = never_negative = ("square_sum",)
    scratch_count = 1

    def __init__(self, learning_rate: Rate = 0.01, epsilon: float = 1e-10, clip_norm: float | None = None) -> None:
        super().__init__(learning_rate, clip_norm)
        self.epsilon = _check_epsilon(epsilon)

    @staticmethod
    def rule(theta: Value, grad: Value, square_sum: Value, rate: float, t: int, epsilon: float) -> AdaGradTerms:
        square_sum = square_sum + grad * grad
        return AdaGradTerms(square_sum, step=rate * grad / (np.sqrt(square_sum) + epsilon))

    def update_(self, theta: Array, grad: Array, state: Arrays, scratch: Arrays, rate: float) -> None:
        (square_sum,), (work,) = state, scratch
        np.multiply(grad, grad, out=work)
        square_sum += work
        step_over_root_(theta, rate, grad, square_sum, self.epsilon, work)


RMSPropTerms = namedtuple("RMSPropTerms", "v step")


@OPTIMIZERS.register("rmsprop")
class RMSProp(Optimizer):
    """v ← ρ v + (1 - ρ) g²;  θ ← θ - η g / (√v + ε).

    Reference: Tieleman and Hinton (2012), Neural networks for machine learning, lecture 6.5 (ρ = 0.9; PyTorch's
    default is 0.99).
    """

    formulas = equations(v="{rho} * {v} + (1 - {rho}) * {grad}²", step="{rate} * {grad} / (√{v} + {epsilon})")
    state_names = never_negative = ("v",)
    scratch_count = 1

    def __init__(
        self, learning_rate: Rate = 1e-3, rho: float = 0.9, epsilon: float = 1e-8, clip_norm: float | None = None
    ) -> None:
        super().__init__(learning_rate, clip_norm)
        self.rho = _check_beta("rho", rho)
        self.epsilon = _check_epsilon(epsilon)

    @staticmethod
    def rule(theta: Value, grad: Value, v: Value, rate: float, t: int, rho: float, epsilon: float) -> RMSPropTerms:
        v = rho * v + (1.0 - rho) * (grad * grad)
        return RMSPropTerms(v, step=rate * grad / (np.sqrt(v) + epsilon))

    def update_(self, theta: Array, grad: Array, state: Arrays, scratch: Arrays, rate: float) -> None:
        (v,), (work,) = state, scratch
        move_average_of_square_(v, grad, self.rho, work)
        step_over_root_(theta, rate, grad, v, self.epsilon, work)


AdaDeltaTerms = namedtuple("AdaDeltaTerms", "v d u step")


@OPTIMIZERS.register("adadelta")
class AdaDelta(Optimizer):
    """v ← ρ v + (1 - ρ) g²;  d = g √(u + ε) / √(v + ε);  u ← ρ u + (1 - ρ) d²;  θ ← θ - η d.

    The step has the units of θ, so the rate needs no tuning: η = 1.

    Reference: Zeiler (2012), ADADELTA, algorithm 1.
    """

    formulas = equations(
        v="{rho} * {v} + (1 - {rho}) * {grad}²",
        d="√(({u} + {epsilon}) / ({v} + {epsilon})) * {grad}",
        u="{rho} * {u} + (1 - {rho}) * {d}²",
        step="{rate} * {d}",
    )
    state_names = never_negative = ("v", "u")
    scratch_count = 2

    def __init__(
        self, learning_rate: Rate = 1.0, rho: float = 0.9, epsilon: float = 1e-6, clip_norm: float | None = None
    ) -> None:
        super().__init__(learning_rate, clip_norm)
        self.rho = _check_beta("rho", rho)
        self.epsilon = _check_epsilon(epsilon)

    @staticmethod
    def rule(
        theta: Value, grad: Value, v: Value, u: Value, rate: float, t: int, rho: float, epsilon: float
    ) -> AdaDeltaTerms:
        v = rho * v + (1.0 - rho) * (grad * grad)
        d = np.sqrt((u + epsilon) / (v + epsilon)) * grad
        u = rho * u + (1.0 - rho) * (d * d)
        return AdaDeltaTerms(v, d, u, step=rate * d)

    def update_(self, theta: Array, grad: Array, state: Arrays, scratch: Arrays, rate: float) -> None:
        (v, u), (d, work) = state, scratch
        move_average_of_square_(v, grad, self.rho, work)
        np.add(u, self.epsilon, out=d)
        np.add(v, self.epsilon, out=work)
        d /= work
        np.sqrt(d, out=d)
        d *= grad
        move_average_of_square_(u, d, self.rho, work)
        d *= rate
        theta -= d


class _Adaptive(Optimizer):
    """The common part of Adam and its relatives: two moments, m ← β₁ m + (1 - β₁) g and v ← β₂ v + (1 - β₂) g²."""

    state_names: ClassVar[tuple[str, ...]] = ("m", "v")
    never_negative: ClassVar[tuple[str, ...]] = ("v",)
    scratch_count = 1

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

    @property
    def beta1_t(self) -> float:
        """β₁ᵗ."""
        return self.beta1**self.t

    @property
    def beta2_t(self) -> float:
        """β₂ᵗ."""
        return self.beta2**self.t

    def _step_(self, theta: Array, m: Array, v: Array, scratch: Array, rate: float) -> None:
        """Update θ in place: θ ← θ - η m̂ / (√v̂ + ε), with m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ).

        The rate and ε absorb both bias corrections, which saves a pass (Kingma and Ba, end of section 2).
        """
        root = math.sqrt(1.0 - self.beta2_t)
        step_over_root_(theta, rate * root / (1.0 - self.beta1_t), m, v, self.epsilon * root, scratch)


AdamTerms = namedtuple("AdamTerms", "m v m_hat v_hat step")


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

    formulas = equations(m=M, v=V, m_hat=M_HAT, v_hat=V_HAT, step=ADAM_STEP)

    @staticmethod
    def rule(
        theta: Value,
        grad: Value,
        m: Value,
        v: Value,
        rate: float,
        t: int,
        beta1: float,
        beta2: float,
        epsilon: float,
        beta1_t: float,
        beta2_t: float,
    ) -> AdamTerms:
        m = beta1 * m + (1.0 - beta1) * grad
        v = beta2 * v + (1.0 - beta2) * (grad * grad)
        m_hat = m / (1.0 - beta1_t)
        v_hat = v / (1.0 - beta2_t)
        return AdamTerms(m, v, m_hat, v_hat, step=rate * m_hat / (np.sqrt(v_hat) + epsilon))

    def update_(self, theta: Array, grad: Array, state: Arrays, scratch: Arrays, rate: float) -> None:
        (m, v), (work,) = state, scratch
        move_average_(m, grad, self.beta1, work)
        move_average_of_square_(v, grad, self.beta2, work)
        self._step_(theta, m, v, work, rate)


AMSGradTerms = namedtuple("AMSGradTerms", "m v v_max m_hat v_hat step")


@OPTIMIZERS.register("amsgrad")
class AMSGrad(_Adaptive):
    """Adam with v_max ← max(v_max, v) instead of v: the rate of a parameter never rises again.

    Reference: Reddi, Kale and Kumar (2018), On the convergence of Adam and beyond, algorithm 2, with Adam's bias
    corrections (as in PyTorch).
    """

    formulas = equations(
        m=M, v=V, v_max="max({v_max}, {v})", m_hat=M_HAT, v_hat="{v_max} / (1 - {beta2}^{t})", step=ADAM_STEP
    )
    state_names = ("m", "v", "v_max")
    never_negative = ("v", "v_max")

    @staticmethod
    def rule(
        theta: Value,
        grad: Value,
        m: Value,
        v: Value,
        v_max: Value,
        rate: float,
        t: int,
        beta1: float,
        beta2: float,
        epsilon: float,
        beta1_t: float,
        beta2_t: float,
    ) -> AMSGradTerms:
        m = beta1 * m + (1.0 - beta1) * grad
        v = beta2 * v + (1.0 - beta2) * (grad * grad)
        v_max = np.maximum(v_max, v)
        m_hat = m / (1.0 - beta1_t)
        v_hat = v_max / (1.0 - beta2_t)
        return AMSGradTerms(m, v, v_max, m_hat, v_hat, step=rate * m_hat / (np.sqrt(v_hat) + epsilon))

    def update_(self, theta: Array, grad: Array, state: Arrays, scratch: Arrays, rate: float) -> None:
        (m, v, v_max), (work,) = state, scratch
        move_average_(m, grad, self.beta1, work)
        move_average_of_square_(v, grad, self.beta2, work)
        np.maximum(v_max, v, out=v_max)
        self._step_(theta, m, v_max, work, rate)


AdaMaxTerms = namedtuple("AdaMaxTerms", "m u m_hat step")


@OPTIMIZERS.register("adamax")
class AdaMax(_Adaptive):
    """m ← β₁ m + (1 - β₁) g;  u ← max(β₂ u, |g| + ε);  θ ← θ - η m̂ / u.

    Reference: Kingma and Ba (2015), algorithm 2, with ε as in PyTorch.
    """

    formulas = equations(m=M, u="max({beta2} * {u}, |{grad}| + {epsilon})", m_hat=M_HAT, step="{rate} * {m_hat} / {u}")
    state_names = ("m", "u")
    never_negative = ("u",)

    def __init__(
        self,
        learning_rate: Rate = 2e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, clip_norm)

    @staticmethod
    def rule(
        theta: Value,
        grad: Value,
        m: Value,
        u: Value,
        rate: float,
        t: int,
        beta1: float,
        beta2: float,
        epsilon: float,
        beta1_t: float,
    ) -> AdaMaxTerms:
        m = beta1 * m + (1.0 - beta1) * grad
        u = np.maximum(beta2 * u, np.abs(grad) + epsilon)
        m_hat = m / (1.0 - beta1_t)
        return AdaMaxTerms(m, u, m_hat, step=rate * m_hat / u)

    def update_(self, theta: Array, grad: Array, state: Arrays, scratch: Arrays, rate: float) -> None:
        (m, u), (work,) = state, scratch
        move_average_(m, grad, self.beta1, work)
        np.abs(grad, out=work)
        work += self.epsilon
        u *= self.beta2
        np.maximum(u, work, out=u)
        np.divide(m, u, out=work)
        work *= rate / (1.0 - self.beta1_t)
        theta -= work


NadamTerms = namedtuple("NadamTerms", "m v m_ahead v_hat step")


@OPTIMIZERS.register("nadam")
class Nadam(_Adaptive):
    """Adam with Nesterov's look ahead:  θ ← θ - η (c_g g + c_m m) / (√v̂ + ε).

    μ_t = β₁ (1 - 0.96^(0.004 t) / 2);  c_g = (1 - μ_t) / (1 - Π μ);  c_m = μ_{t+1} / (1 - μ_{t+1} Π μ).
    Π μ is the product of all μ up to t.

    Args:
        learning_rate: η, or a schedule.
        beta1: β₁ in [0, 1).
        beta2: β₂ in [0, 1).
        epsilon: ε, above 0.
        momentum_decay: the 0.004 in μ_t, at least 0.
        clip_norm: the largest norm of the whole gradient; ``None``: no bound.

    Reference: Dozat (2016), Incorporating Nesterov momentum into Adam, algorithm 2; PyTorch's ``NAdam``.
    """

    formulas = equations(
        m=M,
        v=V,
        mu="{beta1} * (1 - 0.96^({t} * {momentum_decay}) / 2)",
        mu_next="{beta1} * (1 - 0.96^(({t} + 1) * {momentum_decay}) / 2)",
        mu_product="{mu_product} * {mu}",
        m_ahead="(1 - {mu}) / (1 - {mu_product}) * {grad} + {mu_next} / (1 - {mu_product} * {mu_next}) * {m}",
        v_hat=V_HAT,
        step="{rate} * {m_ahead} / (√{v_hat} + {epsilon})",
    )
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

    @property
    def mu(self) -> float:
        """μ of step t."""
        return self._mu(self.t)

    @property
    def mu_next(self) -> float:
        """μ of step t + 1."""
        return self._mu(self.t + 1)

    def _mu(self, t: int) -> float:
        return float(self.beta1 * (1.0 - 0.5 * 0.96 ** (t * self.momentum_decay)))

    def begin_step(self) -> None:
        self.mu_product *= self.mu

    @staticmethod
    def rule(
        theta: Value,
        grad: Value,
        m: Value,
        v: Value,
        rate: float,
        t: int,
        beta1: float,
        beta2: float,
        epsilon: float,
        beta2_t: float,
        mu: float,
        mu_next: float,
        mu_product: float,
    ) -> NadamTerms:
        m = beta1 * m + (1.0 - beta1) * grad
        v = beta2 * v + (1.0 - beta2) * (grad * grad)
        m_ahead = (1.0 - mu) / (1.0 - mu_product) * grad + mu_next / (1.0 - mu_product * mu_next) * m
        v_hat = v / (1.0 - beta2_t)
        return NadamTerms(m, v, m_ahead, v_hat, step=rate * m_ahead / (np.sqrt(v_hat) + epsilon))

    def update_(self, theta: Array, grad: Array, state: Arrays, scratch: Arrays, rate: float) -> None:
        (m, v), (numerator, work) = state, scratch
        mu, mu_next = self.mu, self.mu_next
        move_average_(m, grad, self.beta1, work)
        move_average_of_square_(v, grad, self.beta2, work)
        np.multiply(grad, (1.0 - mu) / (1.0 - self.mu_product), out=numerator)
        np.multiply(m, mu_next / (1.0 - self.mu_product * mu_next), out=work)
        numerator += work
        root = math.sqrt(1.0 - self.beta2_t)
        step_over_root_(theta, rate * root, numerator, v, self.epsilon * root, work)

    def forget(self) -> None:
        super().forget()
        self.mu_product = 1.0

    def scalars(self) -> dict[str, Any]:
        return super().scalars() | {"mu_product": self.mu_product}

    def scalar_rules(self) -> dict[str, Rule]:
        return super().scalar_rules() | {"mu_product": number(0.0, 1.0)}

    def restore(self, scalars: dict[str, Any], state: dict[str, Array]) -> None:
        super().restore(scalars, state)
        self.mu_product = float(scalars["mu_product"])


AdamWTerms = namedtuple("AdamWTerms", "decay m v m_hat v_hat step")


@OPTIMIZERS.register("adamw")
class AdamW(_Adaptive):
    """θ ← θ - η λ θ, then a step of Adam: weight decay that does not enter the moments.

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

    formulas = equations(decay=DECAY, m=M, v=V, m_hat=M_HAT, v_hat=V_HAT, step="{decay} + " + ADAM_STEP)

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

    @staticmethod
    def rule(
        theta: Value,
        grad: Value,
        m: Value,
        v: Value,
        rate: float,
        t: int,
        beta1: float,
        beta2: float,
        epsilon: float,
        beta1_t: float,
        beta2_t: float,
        weight_decay: float,
    ) -> AdamWTerms:
        decay = rate * weight_decay * theta
        m = beta1 * m + (1.0 - beta1) * grad
        v = beta2 * v + (1.0 - beta2) * (grad * grad)
        m_hat = m / (1.0 - beta1_t)
        v_hat = v / (1.0 - beta2_t)
        return AdamWTerms(decay, m, v, m_hat, v_hat, step=decay + rate * m_hat / (np.sqrt(v_hat) + epsilon))

    def update_(self, theta: Array, grad: Array, state: Arrays, scratch: Arrays, rate: float) -> None:
        (m, v), (work,) = state, scratch
        theta *= 1.0 - rate * self.weight_decay
        move_average_(m, grad, self.beta1, work)
        move_average_of_square_(v, grad, self.beta2, work)
        self._step_(theta, m, v, work, rate)


LionTerms = namedtuple("LionTerms", "direction decay m step")


@OPTIMIZERS.register("lion")
class Lion(Optimizer):
    """θ ← θ - η (sign(β₁ m + (1 - β₁) g) + λ θ);  m ← β₂ m + (1 - β₂) g. Each parameter moves by η (with λ = 0).

    Args:
        learning_rate: η, or a schedule; about a tenth of Adam's.
        beta1: β₁ in [0, 1).
        beta2: β₂ in [0, 1).
        weight_decay: λ, at least 0.
        clip_norm: the largest norm of the whole gradient; ``None``: no bound.

    Reference: Chen et al. (2023), Symbolic discovery of optimization algorithms, program 1.
    """

    formulas = equations(
        direction="sign({beta1} * {m} + (1 - {beta1}) * {grad})",
        decay=DECAY,
        m="{beta2} * {m} + (1 - {beta2}) * {grad}",
        step="{rate} * {direction} + {decay}",
    )
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

    @staticmethod
    def rule(
        theta: Value, grad: Value, m: Value, rate: float, t: int, beta1: float, beta2: float, weight_decay: float
    ) -> LionTerms:
        direction = np.sign(beta1 * m + (1.0 - beta1) * grad)
        decay = rate * weight_decay * theta
        m = beta2 * m + (1.0 - beta2) * grad
        return LionTerms(direction, decay, m, step=rate * direction + decay)

    def update_(self, theta: Array, grad: Array, state: Arrays, scratch: Arrays, rate: float) -> None:
        (m,), (direction, work) = state, scratch
        np.multiply(m, self.beta1, out=direction)
        np.multiply(grad, 1.0 - self.beta1, out=work)
        direction += work
        sign_(direction, work)
        direction *= rate
        if self.weight_decay:
            theta *= 1.0 - rate * self.weight_decay
        theta -= direction
        move_average_(m, grad, self.beta2, work)
