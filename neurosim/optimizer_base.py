"""What all optimizers share: they hold the learning rate, count the steps and work through the vectors block by block.

`Optimizer.step` sees only flat vectors: all parameters of a network, all gradients.  What an optimizer remembers
from step to step (velocities, moments) are flat vectors too, so that one neuron's share of them is a slice.  It
works block by block, each small enough for the processor's caches, because a rule of ten passes over a block in
cache is faster than ten passes over memory.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np

from .checks import check_number
from .errors import NeurosimError, ShapeError
from .parameters import Array, aligned_zeros
from .registry import Configurable, use_defaults_of
from .schedules import SCHEDULES, Schedule
from .schema import Rule, anything, count, one_of

BLOCK = 131_072  # elements; measured from 4k to 262k: in smaller ones the calls cost more than a nearer cache saves

SWEEP = 32  # steps; a sweep takes as long as a sixth of a step of Adam

Rate = float | Schedule | str | dict[str, Any]
Value = float | Array  # a number or an array: every rule is elementwise
Arrays = Sequence[Array]
Formulas = Mapping[str, str]  # term -> how it follows


def equations(**lines: str) -> Formulas:
    """How each term of a rule follows, in the order of the algorithm: see `Optimizer.formulas`."""
    return lines


class Optimizer(Configurable, ABC):
    """An update rule for flat vectors.

    A subclass states its algorithm once: `rule` is a pure function of numbers or arrays, which gives every term by its
    name in the paper. That alone makes an optimizer which trains, is traced, saved and resumed:

        SignumTerms = namedtuple("SignumTerms", "m step")

        @OPTIMIZERS.register("signum")
        class Signum(Optimizer):
            formulas = {"m": "{beta} * {m} + (1 - {beta}) * {grad}", "step": "{rate} * sign({m})"}
            state_names = ("m",)
            beta = 0.9  # or a parameter of __init__, kept under its name

            @staticmethod
            def rule(theta, grad, m, rate, t, beta):
                m = beta * m + (1 - beta) * grad
                return SignumTerms(m, step=rate * np.sign(m))

    `update_` applies the rule to one block. A class may override it by a form that works in place and is faster; it
    then needs `scratch_count` buffers and a test against the rule. A subclass with a rule of its own does not inherit
    the faster form of its parent.

    State that has decayed below the smallest normal number of its type becomes 0 within 32 steps, with compiled steps
    at once: see `flush_subnormals_`. Nothing else is changed by it.

    Args:
        learning_rate: η, or a schedule.
        clip_norm: the largest norm of the whole gradient; ``None``: no bound.

    Attributes:
        state_names: what it remembers from step to step, in the order of the rule's parameters.
        never_negative: those of them that are never below 0, such as means of squares.
        scratch_count: how many buffers as long as a block `update_` needs.
        formulas: term -> how it follows, with the names of numbers in braces, as the walk shows it line by line: the
            parameters of the rule, the terms before it, and any attribute. The name of a state is what it holds at that
            line. Of what is no term, as a number that every step has, there may be a line too. A subclass with a rule
            of its own does not inherit them; without them the walk shows the terms alone.
        learning_rate: a number, or a `Schedule`.
        t: how many steps have been taken.
        last_rate: the learning rate of the last of them.
        state: name -> flat vector laid out as θ; all zeros before the first step. Live.
        blocks: the parts of the vectors that a step works through, one after the other.

    Raises:
        NeurosimError: at the definition of a class whose rule has other parameters.
    """

    state_names: ClassVar[tuple[str, ...]] = ()
    never_negative: ClassVar[tuple[str, ...]] = ()
    scratch_count: ClassVar[int] = 0
    formulas: ClassVar[Formulas] = {}
    _hyper_names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        use_defaults_of(Optimizer, cls, readable=("rule",), fast=("update_", "formulas"))
        if getattr(cls.rule, "__isabstractmethod__", False):
            return
        names, expected = (
            tuple(inspect.signature(cls.rule).parameters),
            ("theta", "grad", *cls.state_names, "rate", "t"),
        )
        if names[: len(expected)] != expected:
            raise NeurosimError(
                f"{cls.__name__}.rule: expected a staticmethod of ({', '.join(expected)}, then its hyperparameters), "
                f"received one of ({', '.join(names)})"
            )
        cls._hyper_names = names[len(expected) :]

    def __init__(self, learning_rate: Rate = 1e-3, clip_norm: float | None = None) -> None:
        self.learning_rate = learning_rate
        self.clip_norm = clip_norm
        self.t = 0
        self.last_rate = 0.0
        self.state: dict[str, Array] = {}
        self._theta: Array | None = None
        self._grad: Array | None = None
        self.blocks: list[tuple[Array, Array, Arrays, Arrays]] = []

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

    @staticmethod
    @abstractmethod
    def rule(*args: Any, **kwargs: Any) -> Any:
        """Spell out one step: ``rule(theta, grad, *state, rate, t, *hyperparameters)``.

        It is elementwise, has no branches on arrays, and uses only functions that both NumPy and compilers have
        (np.sqrt, np.abs, np.maximum, np.sign): it takes numbers or arrays, and can be compiled as it is.

        `theta` and `grad` are any part of the parameters before the step and of their gradient; the state follows, the
        same part of each vector before the step, in the order of `state_names`; then η of the step, and its number,
        which is 1 in the first. Each parameter after t is an attribute of the optimizer by its name (see `hyper`). What
        depends on t alone, as β₁ᵗ, had better be one: a property of the optimizer, which is computed once a step.

        Returns:
            A named tuple of the terms in the order of the algorithm: the new state under the names of `state_names`,
            what lies between, and last ``step``: θ_after = θ - step. Nothing that was passed in is changed.
        """

    def hyper(self) -> dict[str, Any]:
        """The hyperparameters of the rule for the step being taken, or last taken: name -> number."""
        return {name: getattr(self, name) for name in self._hyper_names}

    def step(self, theta: Array, grad: Array) -> None:
        """Update `theta` in place. With `clip_norm` set, `grad` is scaled in place first.

        Args:
            theta: (size,) the parameters.
            grad: (size,) dL/dθ, of the same dtype.

        Raises:
            ShapeError: the vectors do not match each other, or the optimizer's state.
        """
        self.bind_if_needed(theta, grad)
        if self.clip_norm is not None:
            clip_by_global_norm_(grad, self.clip_norm)
        rate = self.last_rate = self.rate
        self.t += 1
        self.begin_step()
        for block in self.blocks:
            self.update_(*block, rate)
        if self.t % SWEEP == 0:
            flush_subnormals_(self.state)

    def begin_step(self) -> None:
        """Move on what belongs to the step as a whole; ``self.t`` is 1 in the first."""

    def update_(self, theta: Array, grad: Array, state: Arrays, scratch: Arrays, rate: float) -> None:
        """Take one step on one block, in place, by the rule.

        Args:
            theta: (k,) parameters of the block.
            grad: (k,) their gradient; is left as it is.
            state: (k,) each: their part of the state vectors, in the order of `state_names`.
            scratch: (k,) each: as many buffers as `scratch_count` says, with anything in them.
            rate: η of the step.
        """
        terms = self.rule(theta, grad, *state, rate, self.t, **self.hyper())
        new_state = [np.array(getattr(terms, name)) for name in self.state_names]  # a term may be an old state itself
        theta -= terms.step
        for vector, new in zip(state, new_state, strict=True):
            vector[...] = new

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

    def bind_if_needed(self, theta: Array, grad: Array) -> None:
        """Bind to these vectors, where it is bound to others."""
        if theta is not self._theta or grad is not self._grad:
            self.bind(theta, grad)

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
        state = [self.state[name] for name in self.state_names]
        scratch = [aligned_zeros(min(BLOCK, theta.size), theta.dtype) for _ in range(self.scratch_count)]
        self.blocks = []
        for start in range(0, theta.size, BLOCK):
            part = slice(start, start + BLOCK)
            its_theta, its_state = theta[part], tuple(vector[part] for vector in state)
            its_scratch = tuple(buffer[: its_theta.size] for buffer in scratch)
            self.blocks.append((its_theta, grad[part], its_state, its_scratch))
        self._theta, self._grad = theta, grad

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

    def scalar_rules(self) -> dict[str, Rule]:
        """What each of the `scalars` may be."""
        schedule = self._learning_rate.state_rule() if isinstance(self._learning_rate, Schedule) else one_of(None)
        return dict.fromkeys(self.scalars(), anything) | {"t": count(), "schedule": schedule}

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
        return vars(self) | {"_theta": None, "_grad": None, "blocks": []}


def flush_subnormals_(state: Mapping[str, Array]) -> None:
    """Make 0 of what is closer to 0 than the smallest normal number, 1.2e-38 in float32 and 2.2e-308 in float64.

    Moments of pixels that are seldom lit decay to such *subnormal* numbers and stay there, and many processors take
    ten to a hundred times as long for each of them.
    """
    for vector in state.values():
        vector[np.abs(vector) < np.finfo(vector.dtype).tiny] = 0.0


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


# -- in place: the pieces of the fast forms ----------------------------------------------------------------------------


def move_average_(average: Array, x: Array, beta: float, scratch: Array) -> None:
    """average ← β average + (1 - β) x."""
    average *= beta
    np.multiply(x, 1.0 - beta, out=scratch)
    average += scratch


def move_average_of_square_(average: Array, x: Array, beta: float, scratch: Array) -> None:
    """average ← β average + (1 - β) x²."""
    average *= beta
    np.multiply(x, x, out=scratch)
    scratch *= 1.0 - beta
    average += scratch


def sign_(x: Array, scratch: Array) -> None:
    """x ← sign(x), as (x > 0) - (x < 0): `np.sign` branches at every element, and takes six times as long."""
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
