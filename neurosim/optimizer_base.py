"""The common part of all optimizers: the learning rate, the count of steps, and the work block by block.

`Optimizer.step` sees only flat vectors: all parameters of a network and all gradients.  An optimizer's memory
(velocities, moments) consists of flat vectors too, so the part of one neuron is a slice.  A step works block by block.
Each block fits into the processor's caches, because ten passes over a block in the cache are faster than ten over
memory.
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
from .registry import Configurable, did_you_mean, use_defaults_of
from .schedules import SCHEDULES, Schedule
from .schema import Rule, anything, count, one_of

BLOCK = 131_072  # elements; measured from 4k to 262k: with smaller blocks, calls cost more than the cache saves

SWEEP = 32  # steps; a sweep takes as long as a sixth of a step of Adam

Rate = float | Schedule | str | dict[str, Any]
Value = float | Array  # a number or an array: every rule is elementwise
Arrays = Sequence[Array]
Formulas = Mapping[str, str]  # term -> its equation


def equations(**lines: str) -> Formulas:
    """Return the equation of each term of a rule, in the order of the algorithm. See `Optimizer.formulas`."""
    return lines


class Optimizer(Configurable, ABC):
    """An update rule for flat vectors.

    A subclass writes its algorithm once. `rule` is a pure function of numbers or arrays that returns every term under
    its name in the paper. This is enough: the optimizer trains, is traced, saved and resumed.

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

    `update_` applies the rule to one block. A class may override it with a faster form that works in place. That form
    needs `scratch_count` buffers and a test that compares it with the rule. A subclass with its own rule does not
    inherit the faster form of its parent.

    State that has decayed below the smallest normal number of its type becomes 0. This happens within 32 steps, with
    compiled steps at once: see `flush_subnormals_`. It changes nothing else.

    Args:
        learning_rate: η, or a schedule.
        clip_norm: the largest norm of the whole gradient; ``None``: no bound.

    Attributes:
        state_names: the vectors kept from step to step, in the order of the rule's parameters.
        never_negative: the state vectors that are never below 0, for example means of squares.
        scratch_count: how many buffers of a block's length `update_` needs.
        formulas: term -> its equation, as the walk shows it line by line. Names in braces are parameters of the rule,
            earlier terms, or attributes. The name of a state means its value at that line. A number that is not a term
            but exists in every step may have a line too. A subclass with its own rule does not inherit the equations.
            Without them the walk shows only the terms.
        learning_rate: a number, or a `Schedule`.
        t: the number of steps taken.
        last_rate: the learning rate of the last step.
        state: name -> flat vector laid out like θ; all zeros before the first step. Live.
        blocks: the parts of the vectors that a step processes one after the other.

    Raises:
        NeurosimError: when a class is defined whose rule has other parameters.
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
                f"{cls.__name__}.rule: expected a staticmethod of ({', '.join(expected)}, and then hyperparameters), "
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
        """The learning rate: a number, or a `Schedule`, which is copied. It may be set at any time."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Rate) -> None:
        if isinstance(rate, str) and rate.partition(":")[0] not in SCHEDULES:
            raise NeurosimError(
                f"learning_rate: expected a number or a schedule, received {rate!r}{did_you_mean(rate, SCHEDULES)} "
                f"(schedules: {', '.join(SCHEDULES)})"
            )
        if isinstance(rate, (Schedule, str, dict)):
            # a copy, because a schedule keeps its position in a run
            self._learning_rate: float | Schedule = deepcopy(SCHEDULES.create(rate))
        else:
            self._learning_rate = check_number("learning_rate", rate, 0.0, math.inf, open_high=True)

    @property
    def clip_norm(self) -> float | None:
        """The largest Euclidean norm of the whole gradient; ``None``: no bound. It may be set at any time."""
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
        """Compute one step: ``rule(theta, grad, *state, rate, t, *hyperparameters)``.

        It works on each element alone, without branches on arrays. It uses only functions that NumPy and compilers both
        have (np.sqrt, np.abs, np.maximum, np.sign). So it takes numbers or arrays, and it can be compiled unchanged.

        `theta` and `grad` are any part of the parameters before the step, and of their gradient. The same part of each
        vector in `state_names` follows, in this order, before the step. `rate` is η of the step, and `t` its number,
        from 1. Each parameter after t is an attribute of the optimizer with the same name (see `hyper`). A value that
        depends on t alone, such as β₁ᵗ, should be a property: it is then computed once per step.

        Returns:
            A named tuple of the terms in the order of the algorithm. It holds the new state under the names of
            `state_names`, the terms between, and last ``step``: θ_after = θ - step. The arguments are not changed.
        """

    def hyper(self) -> dict[str, Any]:
        """Return the rule's hyperparameters for the present or the last step: name -> number."""
        return {name: getattr(self, name) for name in self._hyper_names}

    def step(self, theta: Array, grad: Array) -> None:
        """Update `theta` in place. If `clip_norm` is set, `grad` is scaled in place first.

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
        """Update the values that belong to the whole step; ``self.t`` is 1 in the first step."""

    def update_(self, theta: Array, grad: Array, state: Arrays, scratch: Arrays, rate: float) -> None:
        """Take one step on one block, in place, with the rule.

        Args:
            theta: (k,) parameters of the block.
            grad: (k,) their gradient; it is not changed.
            state: (k,) each: their part of the state vectors, in the order of `state_names`.
            scratch: (k,) each: `scratch_count` buffers with arbitrary content.
            rate: η of the step.
        """
        terms = self.rule(theta, grad, *state, rate, self.t, **self.hyper())
        new_state = [np.array(getattr(terms, name)) for name in self.state_names]  # a term may be an old state itself
        theta -= terms.step
        for vector, new in zip(state, new_state, strict=True):
            vector[...] = new

    def bind_to_network(self, theta: Array, grad: Array) -> None:
        """Bind the optimizer to a network's vectors, permanently.

        Raises:
            NeurosimError: the optimizer already works for another network.
        """
        if self._theta is not theta:
            self.check_free()
        self.bind(theta, grad)

    def check_free(self) -> None:
        """Check that the optimizer does not work for a network yet.

        Raises:
            NeurosimError: it already works for one.
        """
        if self._theta is not None:
            raise NeurosimError(f"{self!r} already works for another network: make a new optimizer for each network")

    def bind_if_needed(self, theta: Array, grad: Array) -> None:
        """Bind to these vectors, unless they are bound already."""
        if theta is not self._theta or grad is not self._grad:
            self.bind(theta, grad)

    def bind(self, theta: Array, grad: Array) -> None:
        """Cut the vectors into blocks, and make the state vectors if there are none yet."""
        if theta.ndim != 1 or grad.shape != theta.shape or grad.dtype != theta.dtype:
            raise ShapeError(
                f"{self.key}: expected theta and grad as two vectors of one length and dtype, "
                f"received {theta.shape} {theta.dtype} and {grad.shape} {grad.dtype}"
            )
        for name in self.state_names:
            vector = self.state.setdefault(name, aligned_zeros(theta.size, theta.dtype))
            if vector.shape != theta.shape or vector.dtype != theta.dtype:
                raise ShapeError(
                    f"{self.key}: expected {vector.size:,} {vector.dtype} parameters, as in its state, received "
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
        """Go back to the state before the first step."""
        self.t = 0
        for vector in self.state.values():
            vector.fill(0.0)
        if isinstance(self._learning_rate, Schedule):
            self._learning_rate = self._learning_rate.renewed()

    def scalars(self) -> dict[str, Any]:
        """Return the step count and the other numbers, besides the vectors, that an exact resume needs. JSON-ready."""
        schedule = self._learning_rate.state() if isinstance(self._learning_rate, Schedule) else None
        return {"t": self.t, "schedule": schedule}

    def scalar_rules(self) -> dict[str, Rule]:
        """Return the rule that each of the `scalars` must satisfy."""
        schedule = self._learning_rate.state_rule() if isinstance(self._learning_rate, Schedule) else one_of(None)
        return dict.fromkeys(self.scalars(), anything) | {"t": count(), "schedule": schedule}

    def restore(self, scalars: dict[str, Any], state: dict[str, Array]) -> None:
        """Continue from `scalars` and copies of the `state` vectors."""
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
    """Set values to 0 that are closer to 0 than the smallest normal number.

    It is 1.2e-38 in float32 and 2.2e-308 in float64. Moments of pixels that are rarely lit decay to such *subnormal*
    numbers. Many processors take ten to a hundred times as long for each of them.
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
    if math.isinf(norm):  # the square overflowed; clipping matters most then
        norm = float(np.linalg.norm(grad.astype(np.float64)))
    if norm + 1e-6 > max_norm:
        grad *= max_norm / (norm + 1e-6)


# -- in place: the pieces of the fast forms ----------------------------------------------------------------------------


def move_average_(average: Array, x: Array, beta: float, scratch: Array) -> None:
    """Update a moving average in place: average ← β average + (1 - β) x."""
    average *= beta
    np.multiply(x, 1.0 - beta, out=scratch)
    average += scratch


def move_average_of_square_(average: Array, x: Array, beta: float, scratch: Array) -> None:
    """Update a moving average of squares in place: average ← β average + (1 - β) x²."""
    average *= beta
    np.multiply(x, x, out=scratch)
    scratch *= 1.0 - beta
    average += scratch


def sign_(x: Array, scratch: Array) -> None:
    """Replace x by sign(x), computed as (x > 0) - (x < 0).

    `np.sign` branches at every element and takes six times as long.
    """
    np.less(x, 0.0, out=scratch, casting="unsafe")
    np.greater(x, 0.0, out=x, casting="unsafe")
    x -= scratch


def step_over_root_(theta: Array, rate: float, numerator: Array, square: Array, epsilon: float, scratch: Array) -> None:
    """Update θ in place: θ ← θ - rate · numerator / (√square + ε)."""
    np.sqrt(square, out=scratch)
    scratch += epsilon
    np.divide(numerator, scratch, out=scratch)
    scratch *= rate
    theta -= scratch
