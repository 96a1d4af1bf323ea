"""Schedules: the learning rate as a function of the step.

Give one to an optimizer instead of a number: ``ns.Adam(learning_rate=ns.Cosine(1e-3))``.  Steps are parameter updates,
counted from 0.  A schedule with ``steps=None`` stretches over the run: each call of ``fit`` tells it the length of that
run.

Keys: constant, step, exponential, inverse_time, cosine, warm_up, one_cycle, reduce_on_plateau.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any, ClassVar

from .checks import check_count, check_number
from .errors import NeurosimError
from .metrics import rises
from .registry import Configurable, Registry
from .schema import Rule, count, hold, number, one_of, optional, record


def _check_rate(name: str, value: float) -> float:
    return check_number(name, value, 0.0, math.inf, open_high=True)


def _check_steps(steps: int | None) -> int | None:
    return None if steps is None else check_count("steps", steps)


class Schedule(Configurable, ABC):
    """A learning rate η(step).

    Attributes:
        rate: the largest learning rate of the schedule.
        steps: its length in steps; ``None``: the length of the run.
        usual_peak: the usual `rate`, as a multiple of the optimizer's usual constant rate.
    """

    usual_peak: ClassVar[float] = 1.0

    rate: float
    steps: int | None = None
    _first: int = 0
    _run: int | None = None

    def begin(self, first_step: int, run_steps: int) -> None:
        """Record that a run of `run_steps` updates begins at `first_step`.

        A schedule that stretches over the run begins anew.
        """
        if self.stretches:
            self._first, self._run = first_step, max(run_steps, 1)

    def __call__(self, step: int) -> float:
        """Return the learning rate for update number `step` (from 0).

        Raises:
            NeurosimError: the length of the schedule is neither given nor known from a run.
        """
        return self._rate(max(step - self._first, 0))

    @property
    def stretches(self) -> bool:
        """Whether the schedule stretches over the run."""
        return self.steps is None

    @property
    def _length(self) -> int:
        length = self.steps or self._run
        if length is None:
            raise NeurosimError(f"{self!r} has no length: set steps=…, or train with fit()")
        return length

    @abstractmethod
    def _rate(self, step: int) -> float:
        """Return the rate `step` updates after the schedule began."""

    def observe(self, row: dict[str, float]) -> None:
        """Receive an epoch's row of the `History`. Only reduce_on_plateau acts on it."""

    def check(self, columns: Collection[str]) -> None:
        """Raise a NeurosimError if the schedule needs a column that the run will not record."""

    def renewed(self) -> Schedule:
        """Return a new schedule with the same settings that has seen no run."""
        settings = {name: getattr(self, name) for name in self.setting_names()}
        return type(self)(
            **{name: value.renewed() if isinstance(value, Schedule) else value for name, value in settings.items()}
        )

    def state(self) -> dict[str, Any]:
        """Return the values that, with the settings, are needed to continue exactly."""
        return {name: value for name, value in vars(self).items() if name.startswith("_")}

    def state_rules(self) -> dict[str, Rule]:
        """Return the rule that each value of a `state` must satisfy."""
        own = dict.fromkeys(self.state(), optional(number(infinite=True, nan=True)))
        return own | {"_first": count(), "_run": optional(count(1))}

    def state_rule(self) -> Rule:
        """Return the rule for a whole `state`. Values may be missing, as in files of earlier versions."""
        return record({}, left_out=self.state_rules())

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state`.

        Raises:
            NeurosimError: it is not a state of this schedule.
        """
        hold(f"state of {self.key}", self.state_rule(), state)
        vars(self).update(state)


SCHEDULES: Registry[Schedule] = Registry("schedule", Schedule)  # type: ignore[type-abstract]


@SCHEDULES.register("constant")
class ConstantRate(Schedule):
    """η(t) = rate."""

    def __init__(self, rate: float = 1e-3) -> None:
        self.rate = _check_rate("rate", rate)

    def _rate(self, step: int) -> float:
        return self.rate


@SCHEDULES.register("step")
class StepDecay(Schedule):
    """η(t) = rate · factor^⌊t / every⌋: a staircase.

    Args:
        rate: the first rate.
        factor: each stair multiplies the rate by it, in (0, 1].
        every: the length of a stair in steps; ``None``: a third of the run.
    """

    def __init__(self, rate: float = 1e-3, factor: float = 0.1, every: int | None = None) -> None:
        self.rate = _check_rate("rate", rate)
        self.factor = check_number("factor", factor, 0.0, 1.0, open_low=True)
        self.every = None if every is None else check_count("every", every)

    @property
    def stretches(self) -> bool:
        return self.every is None

    def _rate(self, step: int) -> float:
        return self.rate * self.factor ** (step // (self.every or max(math.ceil(self._length / 3), 1)))


@SCHEDULES.register("exponential")
class Exponential(Schedule):
    """η(t) = rate · factor^(t / steps): falls to `factor` times its start over `steps`.

    Args:
        rate: the first rate.
        factor: the last rate divided by the first, in (0, 1].
        steps: the length in steps; ``None``: the run.
    """

    def __init__(self, rate: float = 1e-3, factor: float = 0.01, steps: int | None = None) -> None:
        self.rate = _check_rate("rate", rate)
        self.factor = check_number("factor", factor, 0.0, 1.0, open_low=True)
        self.steps = _check_steps(steps)

    def _rate(self, step: int) -> float:
        return float(self.rate * self.factor ** (step / self._length))


@SCHEDULES.register("inverse_time")
class InverseTime(Schedule):
    """η(t) = rate / (1 + decay · t / steps): the schedule of Robbins and Monro (1951).

    Args:
        rate: the first rate.
        decay: at least 0; after `steps` the rate is 1 / (1 + decay) of the first.
        steps: the length in steps; ``None``: the run.
    """

    def __init__(self, rate: float = 1e-3, decay: float = 9.0, steps: int | None = None) -> None:
        self.rate = _check_rate("rate", rate)
        self.decay = check_number("decay", decay, 0.0, math.inf, open_high=True)
        self.steps = _check_steps(steps)

    def _rate(self, step: int) -> float:
        return self.rate / (1.0 + self.decay * step / self._length)


def _cosine(start: float, end: float, fraction: float) -> float:
    """Return a value on half a cosine wave from `start` to `end`."""
    return end + (start - end) * (1.0 + math.cos(math.pi * fraction)) / 2.0


@SCHEDULES.register("cosine")
class Cosine(Schedule):
    """η(t) = final + (rate - final) (1 + cos(π t / steps)) / 2.

    Args:
        rate: the first rate.
        final: the last rate.
        steps: the length in steps; ``None``: the run. Afterwards the rate stays at `final`.

    Reference: Loshchilov and Hutter (2017), SGDR, equation 5, without restarts.
    """

    def __init__(self, rate: float = 1e-3, final: float = 0.0, steps: int | None = None) -> None:
        self.rate = _check_rate("rate", rate)
        self.final = _check_rate("final", final)
        self.steps = _check_steps(steps)

    def _rate(self, step: int) -> float:
        return _cosine(self.rate, self.final, min(step / self._length, 1.0))


@SCHEDULES.register("warm_up")
class WarmUp(Schedule):
    """η(t) = after(t) · min(1, (t + 1) / w): another schedule, with a straight ramp over its first w steps.

    Args:
        rate: the rate at the end of the ramp, if `after` is not given.
        warmup: w, as a share of the run in (0, 1].
        after: the schedule to follow; ``None``: the constant `rate`.
        steps: the length in steps; ``None``: the run.

    Reference: Goyal et al. (2017), Accurate, large minibatch SGD, section 2.2.
    """

    def __init__(
        self,
        rate: float = 1e-3,
        warmup: float = 0.1,
        after: Schedule | str | dict[str, Any] | None = None,
        steps: int | None = None,
    ) -> None:
        self.rate = _check_rate("rate", rate)
        self.warmup = check_number("warmup", warmup, 0.0, 1.0, open_low=True)
        self.after = None if after is None else SCHEDULES.create(after)
        self.steps = _check_steps(steps)
        if self.after is not None and self.steps is not None:
            self.after.begin(0, self.steps)

    def begin(self, first_step: int, run_steps: int) -> None:
        super().begin(first_step, run_steps)
        if self.after is not None:
            self.after.begin(0, self.steps or run_steps)  # its steps count from the beginning of this schedule

    def _rate(self, step: int) -> float:
        after = self.rate if self.after is None else self.after(step)
        return after * min(1.0, (step + 1) / max(self.warmup * self._length, 1.0))

    def observe(self, row: dict[str, float]) -> None:
        if self.after is not None:
            self.after.observe(row)

    def check(self, columns: Collection[str]) -> None:
        if self.after is not None:
            self.after.check(columns)

    def state(self) -> dict[str, Any]:
        return super().state() | {"after": None if self.after is None else self.after.state()}

    def state_rules(self) -> dict[str, Rule]:
        return super().state_rules() | {"after": one_of(None) if self.after is None else self.after.state_rule()}

    def restore(self, state: dict[str, Any]) -> None:
        hold(f"state of {self.key}", self.state_rule(), state)
        if self.after is not None and "after" in state:
            self.after.restore(state["after"])
        vars(self).update({name: value for name, value in state.items() if name != "after"})


@SCHEDULES.register("one_cycle")
class OneCycle(Schedule):
    """Up from rate / div to `rate` during the share `up` of the run, then down to almost 0, along cosines.

    Args:
        rate: the peak.
        up: the share of the run with a rising rate, in (0, 1).
        div: the peak divided by the first rate, at least 1.
        final_div: the first rate divided by the last, at least 1.
        steps: the length in steps; ``None``: the run.

    Reference: Smith and Topin (2018), Super-convergence. The formula is that of PyTorch's ``OneCycleLR``, except for a
    rise of less than one step, up * steps < 1. The run then begins at the peak here, and beyond it in PyTorch.
    """

    usual_peak = 2.0  # a short time at a large rate does no harm and is the purpose of this schedule

    def __init__(
        self, rate: float = 1e-2, up: float = 0.3, div: float = 25.0, final_div: float = 1e4, steps: int | None = None
    ) -> None:
        self.rate = _check_rate("rate", rate)
        self.up = check_number("up", up, 0.0, 1.0, open_low=True, open_high=True)
        self.div = check_number("div", div, 1.0, math.inf, open_high=True)
        self.final_div = check_number("final_div", final_div, 1.0, math.inf, open_high=True)
        self.steps = _check_steps(steps)

    def _rate(self, step: int) -> float:
        first, last = self.rate / self.div, self.rate / self.div / self.final_div
        end = max(self._length - 1, 1)
        peak = min(max(self.up * self._length - 1, 0.0), end)
        if step <= peak:
            return _cosine(first, self.rate, step / peak if peak > 0.0 else 1.0)
        return _cosine(self.rate, last, min((step - peak) / (end - peak), 1.0))


@SCHEDULES.register("reduce_on_plateau")
class ReduceOnPlateau(Schedule):
    """η falls by `factor` if `monitor` has not improved for more than `patience` epochs.

    Args:
        rate: the first rate.
        factor: each reduction multiplies the rate by it, in (0, 1).
        patience: epochs without improvement that are allowed, at least 0.
        monitor: a column of `History` that should fall, or rise if it is an accuracy. If it was not recorded (there is
            no validation data), the column of the same name for the training data is used.
        threshold: the relative change that counts as improvement.
        minimum: the rate never falls below it.

    Reference: the rule of PyTorch's ``ReduceLROnPlateau`` in relative mode.
    """

    def __init__(
        self,
        rate: float = 1e-3,
        factor: float = 0.1,
        patience: int = 2,
        monitor: str = "val_loss",
        threshold: float = 1e-4,
        minimum: float = 0.0,
    ) -> None:
        self.rate = _check_rate("rate", rate)
        self.factor = check_number("factor", factor, 0.0, 1.0, open_low=True, open_high=True)
        self.patience = check_count("patience", patience, 0)
        if not isinstance(monitor, str):
            raise NeurosimError(f"monitor: expected the name of a column, received {monitor!r}")
        self.monitor = monitor
        self.threshold = check_number("threshold", threshold, 0.0, 1.0)
        self.minimum = _check_rate("minimum", minimum)
        self._now = self.rate
        self._best: float | None = None
        self._bad_epochs = 0

    def _rate(self, step: int) -> float:
        return self._now

    def check(self, columns: Collection[str]) -> None:
        self._watched(columns)

    def state_rules(self) -> dict[str, Rule]:
        return super().state_rules() | {
            "_now": number(0.0, self.rate),
            "_best": optional(number(infinite=True, nan=True)),
            "_bad_epochs": count(0, self.patience),
        }

    def _watched(self, columns: Collection[str]) -> str:
        """Return the column to act on: `monitor`, or the training column of the same name."""
        name = self.monitor if self.monitor in columns else self.monitor.removeprefix("val_")
        if name not in columns:
            raise NeurosimError(
                f"reduce_on_plateau: expected monitor to be one of {', '.join(columns)}, received {self.monitor!r}"
            )
        return name

    def observe(self, row: dict[str, float]) -> None:
        """Reduce the rate if the epoch's row completes the patience without improvement.

        Raises:
            NeurosimError: `monitor` is not among the columns.
        """
        name = self._watched(row)
        value, rising = row[name], rises(name)
        margin = 0.0 if self._best is None else self.threshold * abs(self._best)
        if self._best is None or (value > self._best + margin if rising else value < self._best - margin):
            self._best, self._bad_epochs = value, 0
        else:
            self._bad_epochs += 1
        if self._bad_epochs > self.patience:
            self._now, self._bad_epochs = min(self._now, max(self._now * self.factor, self.minimum)), 0
