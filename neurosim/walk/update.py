"""The stage of the update: the optimizer's algorithm line by line, for the weight that moves most and the bias."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import NeurosimError
from ..optimizers import Optimizer
from ..schedules import Schedule
from . import words
from .formula import fill, names_in
from .rows import Row, in_text, plural
from .stages import Stage


@dataclass(frozen=True)
class Step:
    """The quantities of one update that all parameters of the neuron share.

    Attributes:
        optimizer: the optimizer after the step; `earlier`: the optimizer before it.
        rate: the learning rate of the step.
        norm: the norm of the whole gradient before clipping.
        factor: the factor on the neuron's changes: 1, or another one if it is slowed down; 0: it is frozen.
        bound: the largest norm of the weights; ``None``: this neuron has no bound.
        weights_norm: the norm of its weights without the bound.
        interventions: the interventions on the neuron, in words.
    """

    optimizer: Optimizer
    earlier: Optimizer
    rate: float
    norm: float
    factor: float
    bound: float | None
    weights_norm: float
    interventions: Sequence[str]

    @property
    def is_bounded(self) -> bool:
        """Whether the bound on the norm changes the weights."""
        return self.bound is not None and self.weights_norm > self.bound


@dataclass(frozen=True)
class Move:
    """The update of one parameter.

    Attributes:
        symbol: "w" or "b".
        name: its name, such as "w of pixel 3,4".
        before, after: its value before and after the update.
        gradient: the row that derives dL/dw, or gives dL/db.
        seen: the gradient that the optimizer uses, after clipping.
        state: name -> number, the optimizer's state of the parameter before the step.
        terms: name -> number, the terms of the rule; the last is "step".
        penalty: the row that derives the part of a penalty; ``None``: no penalty, or one without an equation.
    """

    symbol: str
    name: str
    before: float
    after: float
    gradient: Row
    seen: float
    state: Mapping[str, float]
    terms: Mapping[str, float]
    penalty: Row | None = None

    @property
    def is_unasked(self) -> bool:
        """Whether the parameter moves without a gradient."""
        return self.seen == 0.0 and self.after != self.before


def update(step: Step, weight: Move, bias: Move | None, counts: Mapping[str, float]) -> Stage:
    """Return the stage of the update by the optimizer.

    Args:
        step: the quantities that all parameters share.
        weight: the update of the weight that moves most.
        bias: the update of the bias; ``None``: there is no bias.
        counts: the number of weights ("count"), of those that move ("moved"), and their largest change ("most").
            The numbers that move without a gradient, by cause: "memory", "decay", "memory and decay", "norm".
    """
    rows = [Row("update.intervention", names={"what": what}) for what in step.interventions]
    rows += _settings(step)
    rows.append(Row("update.most" if counts["moved"] else "update.none", weight.name))
    rows += [*_gradient(step, weight), *_remembered(step, weight), *_lines(step, weight), _change(step, weight)]
    rows += _unasked_row(step, weight)
    if step.bound is not None:
        kind = "update.max_norm" if step.is_bounded else "update.within max_norm"
        rows.append(Row(kind, factors={"norm": step.weights_norm, "bound": step.bound}))
    if bias is not None:
        rows += [Row("update.the bias"), *_gradient(step, bias), *_remembered(step, bias, " of bias")]
        rows += [*_lines(step, bias, " of bias"), _change(step, bias), *_unasked_row(step, bias)]
    moved = Row("update.result", factors={each: counts[each] for each in ("moved", "count", "most")})
    names = {"optimizer": step.optimizer.key, "rule": _rule(step.optimizer)}
    return Stage("update", rows, result=moved, why=_unasked(step.optimizer, counts), names=names)


def _rule(optimizer: Optimizer) -> str:
    """Return the algorithm in one line, written with names."""
    symbols = words.SYMBOLS
    lines = [
        f"{symbols.get(name, name)} = " + fill(each, {used: symbols.get(used, used) for used in names_in(each)})
        for name, each in optimizer.formulas.items()
    ]
    return ";  ".join([*lines, fill(words.RULES["step"]["text"], {})])


def _settings(step: Step) -> list[Row]:
    """Return rows of the learning rate and the hyperparameters, each with its name and its letter."""
    optimizer, schedule = step.optimizer, step.optimizer.learning_rate
    key = {"optimizer": optimizer.key}
    kind = "update.rate"
    if isinstance(schedule, Schedule):
        kind, key = "update.rate of schedule", key | {"schedule": schedule.key}
    rows = [Row(kind, factors={"rate": step.rate, "t": optimizer.t}, names=key)]
    return rows + [
        Row("update.setting", f"{name} {words.SYMBOLS[name]}" if name in words.SYMBOLS else name, value)
        for name, value in hyperparameters(optimizer).items()
    ]


def hyperparameters(optimizer: Optimizer) -> dict[str, float]:
    """Return the hyperparameters of an optimizer without its learning rate: name -> number."""
    chosen = [name for name in optimizer.setting_names() if name not in ("learning_rate", "clip_norm")]
    chosen += [
        name
        for name in optimizer.hyper()
        if name not in optimizer.formulas and not isinstance(getattr(type(optimizer), name, None), property)
    ]
    values = {name: getattr(optimizer, name) for name in chosen}
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}


def _gradient(step: Step, move: Move) -> list[Row]:
    """Return the rows that derive g: the gradient, then its clipped value."""
    rows = [move.gradient] if move.penalty is None else [move.penalty, move.gradient]
    clip = step.optimizer.clip_norm
    gradient = move.gradient.value
    assert gradient is not None
    if clip is not None and step.norm + 1e-6 > clip:
        numbers = {"g": gradient, "c": clip, "norm": step.norm}
        rows.append(Row("update.clipped", "g", move.seen, numbers))
    return rows


def _remembered(step: Step, move: Move, of: str = "") -> list[Row]:
    """Return rows of the state before the step; once also of other values kept between steps, as Nadam's product."""
    formulas = {} if of else step.optimizer.formulas
    others = {name: getattr(step.earlier, name) for name in formulas if name not in move.terms}
    kept = dict(move.state) | {name: value for name, value in others.items() if name in names_in(formulas[name])}
    return [Row(f"update.state{of}", name, value) for name, value in kept.items()]


def _lines(step: Step, move: Move, of: str = "") -> Iterator[Row]:
    """Yield the algorithm line by line; only the terms if the optimizer has no formulas."""
    optimizer = step.optimizer
    if not optimizer.formulas:
        yield from (Row(f"update.given{of}", name, value) for name, value in move.terms.items())
        return
    given: dict[str, Any] = {"theta": move.before, "grad": move.seen, "rate": step.rate, "t": optimizer.t}
    given |= dict(move.state)
    given |= {name: getattr(step.earlier, name) for name in optimizer.formulas if hasattr(step.earlier, name)}
    for name, template in optimizer.formulas.items():
        for used in names_in(template):
            if used not in given:
                given[used] = _attribute(optimizer, used)
        value = move.terms[name] if name in move.terms else float(_attribute(optimizer, name))
        factors = {used: given[used] for used in names_in(template)}
        if name in move.terms or not of:  # a value that is not a term is the same for all parameters: shown once
            yield Row(f"update.term{of}", name, value, factors, {"theta": move.symbol}, template)
        given[name] = value


def _attribute(optimizer: Optimizer, name: str) -> Any:
    try:
        return getattr(optimizer, name)
    except AttributeError:
        raise NeurosimError(
            f"{type(optimizer).__name__}.formulas: expected names of terms, parameters of the rule or attributes, "
            f"received {name!r}"
        ) from None


def _change(step: Step, move: Move) -> Row:
    """Return the row of the parameter's new value, with the neuron's factor and bound."""
    of_bias = " of bias" if move.symbol == "b" else ""
    if step.factor == 0.0:
        return Row(f"update.frozen{of_bias}", move.name, move.after, {"before": move.before}, template="")
    numbers: dict[str, float] = {move.symbol: move.before, "change": -move.terms["step"]}
    equation = f"{{{move.symbol}}} + {{change}}"
    if step.factor != 1.0:
        numbers["factor"] = step.factor
        equation = f"{{{move.symbol}}} + {{factor}} * {{change}}"
    if step.is_bounded and not of_bias:
        assert step.bound is not None
        numbers |= {"bound": step.bound, "norm": step.weights_norm}
        equation = f"({equation}) * {{bound}} / {{norm}}"
    return Row(f"update.{'bias' if of_bias else 'weight'}", move.name, move.after, numbers, template=equation)


def _memory(optimizer: Optimizer) -> str:
    """Return the name of the state that holds earlier gradients and can move a parameter without one."""
    names = [name for name in optimizer.state_names if name in ("velocity", "m")] or optimizer.state_names
    return names[0] if names else ""


def causes(optimizer: Optimizer, terms: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return whether memory, and whether weight decay, is part of a step without a gradient (numbers or arrays)."""
    step = np.asarray(terms["step"])
    decay = np.asarray(terms.get("decay", np.zeros_like(step)))
    return step - decay != 0.0, decay != 0.0


def _unasked_row(step: Step, move: Move) -> list[Row]:
    """Return a row with the reason why a parameter without a gradient moves, if it does."""
    return [Row("update.unasked", names={"cause": _cause(step, move)})] if move.is_unasked else []


def _cause(step: Step, move: Move) -> str:
    """Return the reason why a parameter without a gradient moves, in words."""
    by_memory, by_decay = causes(step.optimizer, move.terms)
    found = []
    if by_memory:
        state = _memory(step.optimizer)
        found.append(fill(words.WHY["moved by memory" if state else "moved by rule"], {"state": state}))
    if by_decay:
        found.append(words.WHY["moved by decay"])
    return words.WHY["and"].join(found) or words.WHY["moved by norm"]


def _unasked(optimizer: Optimizer, counts: Mapping[str, float]) -> str:
    """Return how many weights move without a gradient, and why; '' if none does."""
    for cause in ("memory and decay", "memory", "decay", "norm"):
        if counts.get(cause):
            key = "rule" if cause == "memory" and not _memory(optimizer) else cause
            numbers = {"count": in_text("count", counts[cause]), "state": _memory(optimizer)}
            return fill(words.WHY[plural(key, counts[cause])], numbers)
    return ""
