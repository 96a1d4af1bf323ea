"""The stages of the walk through one neuron: numbers with their names, and the kinds of their sentences.

Every function below takes numbers and returns one `Stage`.  A stage contains no sentences: each of its rows names a
kind, and `neurosim.walk.words` holds the templates of that kind.  The terminal, notebooks, figures and JSON show a
stage from these rows only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from textwrap import fill as wrapped
from typing import Any

import numpy as np

from .. import html
from ..losses import Loss
from ..parameters import Array
from ..text import short, typeset
from . import words
from .formula import fill, names_in, value_of
from .rows import Form, Row, in_columns, in_text, plural

WIDTH = 79
"""Columns of a line of text: one less than a terminal has."""

STAGES = tuple(words.STAGES)
"""The keys of the stages, in their order."""

FEATURE = ("feature", "mean", "deviation")
"""The numbers from which a standardized input is computed."""

OF_ONE_NEURON = ("weighted_sum", "activation", "downstream", "derivative", "delta")
"""The stages whose result is a number of the neuron itself: z, a, dL/da, da/dz, delta."""


@dataclass(frozen=True)
class Stage:
    """A stage of the walk through a neuron.

    Attributes:
        key: its name in `STAGES`.
        rows: the single rows, in reading order.
        rest: the number of the other terms and their sum; ``None``: there are none.
        result: the result; ``None`` if nothing is computed.
        why: the reason, true of this neuron and this sample; empty if there is none.
        names: name -> text to fill into title and formula.
        variant: the ending of the key "formula" that selects the formula.
    """

    key: str
    rows: Sequence[Row] = ()
    rest: Row | None = None
    result: Row | None = None
    why: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    variant: str = ""

    @property
    def title(self) -> str:
        """The title, with its names filled in."""
        return fill(words.STAGES[self.key]["title"], self.names)

    @property
    def formula(self) -> str:
        """The equation of the stage, written with names."""
        return fill(words.STAGES[self.key][f"formula{self.variant}"], self.names)

    @property
    def heading(self) -> str:
        """The title, with the formula if it belongs there."""
        return fill(words.STAGES[self.key]["heading"], {"title": self.title, "formula": self.formula})

    @property
    def lines(self) -> list[Row]:
        """All its rows in reading order: the terms, then the rest, bias and result."""
        first = [row for row in self.rows if row.role != "bias"]
        bias = [row for row in self.rows if row.role == "bias"]
        return [row for row in (*first, self.rest, *bias, self.result) if row is not None]

    @property
    def text(self) -> str:
        """The rows as lines of text, for the terminal."""
        width = {
            role: max((len(row.name) for row in self.rows if row.role == role), default=0) for role in words.ALIGNED
        }
        said = []
        for role, rows in groupby(self.lines, key=lambda row: row.role):
            form = in_columns if role in words.IN_COLUMNS else in_text
            each = [row.line(form, f"{row.name:<{width[role]}}" if role in words.ALIGNED else None) for row in rows]
            if role in words.JOINED:
                joined = words.JOINED[role]
                each = [fill(joined["line"], {"items": joined["between"].join(each)})]
            said += each
        said.append(" ".join(self.why.split()))
        return "\n".join(_within_width(f"  {line}") for lines in said if lines for line in lines.split("\n"))

    def caption(self, form: Form = in_text) -> str:
        """Return the stage in one line, for a picture."""
        return (self.result or self.rows[0]).caption(form)

    def to_dict(self) -> dict[str, Any]:
        """Return the stage as plain numbers and texts, ready for JSON."""
        return {
            "key": self.key,
            "title": self.title,
            "formula": self.formula,
            "rows": [row.to_dict() for row in self.rows],
            "rest": None if self.rest is None else self.rest.to_dict(),
            "result": None if self.result is None else self.result.to_dict(),
            "why": self.why,
        }


def _within_width(line: str) -> str:
    """Return a line, broken if it is too long for a terminal."""
    indent = " " * (len(line) - len(line.lstrip()))
    return (
        line
        if len(line) <= WIDTH
        else wrapped(line.lstrip(), WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")
    )


def _note(text: str) -> str:
    """Return a sentence as HTML for a notebook; '' if there is none."""
    return f"<div>{html.small(typeset(text))}</div>" if text else ""


def as_html(stages: Iterable[Stage]) -> str:
    """Return the stages below each other as HTML, for a notebook."""
    parts = []
    for place, stage in enumerate(stages, start=1):
        heading = stage.heading.replace(stage.formula, typeset(stage.formula))
        parts.append(html.title(f"{place}. {heading}"))
        for is_note, rows in groupby(stage.lines, key=lambda row: row.value is None):
            if is_note:
                parts += [_note(row.line()) for row in rows]
                continue
            cells = [
                (typeset(row.name), typeset(row.substituted), typeset(in_text("value", row.value or 0.0)))
                for row in rows
            ]
            parts.append(html.table(("", "", ""), cells))
        parts.append(_note(stage.why))
    return "".join(parts)


# -- one function per stage --------------------------------------------------------------------------------------------


def inputs(
    name: Callable[[int], str], x: Array, layer: int, standardized: tuple[Array, Array, Array] | None, top: int
) -> Stage:
    """Return the stage of the inputs.

    Args:
        name: function that returns the name of an input.
        x: (n_in,) the inputs.
        layer: the layer that computed them; 0: they are numbers of the sample.
        standardized: (n_in,) the raw features, their means and deviations; ``None``: x is not standardized.
        top: number of features to show.
    """
    numbers = {"count": len(x), "zero": int(np.count_nonzero(x == 0.0)), "low": float(x.min()), "high": float(x.max())}
    if layer:
        return Stage("inputs", [Row(plural("inputs.layer", len(x)), factors=numbers | {"layer": layer})])
    if standardized is None:
        return Stage("inputs", [Row(plural("inputs.sample", len(x)), factors=numbers)])
    rows = [Row(plural("inputs.standardized", len(x)), factors=numbers)]
    for i in range(min(top, len(x))):
        factors = {each: float(values[i]) for each, values in zip(FEATURE, standardized, strict=True)}
        rows.append(Row("inputs.feature", name(i), float(x[i]), factors))
    if len(x) > top:
        rows.append(Row("inputs.rest"))
    return Stage("inputs", rows)


def weighted_sum(
    name: Callable[[int], str], w: Array, x: Array, products: Array, bias: float | None, z: float, top: int
) -> Stage:
    """Return the stage z = Σ w x + b with the `top` largest of the products (n_in,); `bias` is None without a bias."""
    rows, rest = largest_terms("weighted_sum.term", name, {"w": w, "x": x}, products, top)
    total = {"Σ w x": float(products.sum(dtype=np.float64))}
    if bias is None:
        result = Row("weighted_sum.result without bias", "z", z, total)
        return Stage("weighted_sum", rows, rest, result, variant=" without bias")
    rows.append(Row("weighted_sum.bias", "bias", bias))
    return Stage("weighted_sum", rows, rest, Row("weighted_sum.result", "z", z, total | {"b": bias}))


def activation(key: str, z: float, a: float, forced: float | None, together: Array | None) -> Stage:
    """Return the stage a = f(z).

    Args:
        key: key of f.
        z: the weighted sum of the neuron.
        a: its activation.
        forced: the value to which `a` is forced; ``None``: it is not forced.
        together: (n,) z of all neurons of the layer if f depends on all of them, as softmax does; else ``None``.
    """
    rows: list[Row] = []
    if forced is not None:
        row = Row("activation.forced", "a", a, {"forced": forced})
    elif together is None:
        row = Row("activation.result", "a", a, {"z": z}, {"activation": key})
    elif key == "softmax":
        largest = float(together.max())
        of_all = largest + float(np.log(np.exp(together.astype(np.float64) - largest).sum()))
        rows.append(Row("activation.log of sum", factors={"S": of_all, "count": len(together)}))
        row = Row("activation.softmax", "a", a, {"z": z, "S": of_all})
    else:
        row = Row("activation.together", "a", a, {"z": z, "count": len(together)}, {"activation": key})
    return Stage("activation", rows, result=row, names={"activation": key})


def output(
    layers: Iterable[tuple[int, str, Array]],
    a: Array,
    classes: Sequence[str],
    y: Array,
    target: Array,
    verdict: str,
    loss: Loss,
    L: float,
    top: int,
) -> Stage:
    """Return the stage of the network's output and its loss.

    Args:
        layers: index, kind and activations of each layer above the neuron.
            kind: the title of a layer without weights, else "".
        a: (n,) the activations of the output layer.
        classes: (n,) the class name of each output; empty if the outputs do not stand for classes.
        y: (n,) the targets.
        target: (n,) the targets that the loss uses: y, or y with label smoothing.
        verdict: the label and the prediction, in words.
        loss: the loss function of the network.
        L: its value.
        top: number of terms of the loss to show.
    """
    rows = _through(layers, a, classes)
    told = {"verdict": verdict, "loss": loss.key, "formula of L": loss.formula}
    terms, rest = _loss_terms(loss, a, classes, target, top)
    if not terms:
        result = Row("output.result without formula", "L", L, {"L": L}, told)
        return Stage("output", rows, result=result, names={"loss": loss.key}, variant=" unknown")
    mean = "n" in terms[0].factors
    rows.append(Row("output.mean loss" if mean else "output.loss", factors={"n": len(a)} if mean else {}, names=told))
    if not np.array_equal(y, target):
        rows.append(Row("output.smoothed", factors={"high": float(target.max()), "low": float(target.min())}))
    rows += terms
    total = sum(row.value or 0.0 for row in terms) + (rest.value or 0.0 if rest else 0.0)
    if abs(total - L) > 1e-4 * abs(L) and np.isfinite(L):
        rows.append(Row("output.from z", names={"dtype": str(a.dtype)}))
    return Stage(
        "output", rows, rest, Row("output.result", "L", L, {"L": L}, told), names={"formula of L": loss.formula}
    )


def reading(layers: Iterable[tuple[int, str, Array]], a: Array, classes: Sequence[str], verdict: str) -> Stage:
    """Return the stage of the output for a sample without a label: `output` without a loss."""
    rows = [*_through(layers, a, classes), Row("output.read", names={"verdict": verdict})]
    return Stage("output", rows, variant=" of a")


def _output_name(k: int, classes: Sequence[str]) -> str:
    """Return the name of output k: its number, and its class if that has a name."""
    named = bool(classes) and classes[k] != str(k)
    return fill(
        words.NAMES["output of class" if named else "output"], {"i": str(k), "class": classes[k] if named else ""}
    )


def _through(layers: Iterable[tuple[int, str, Array]], a: Array, classes: Sequence[str]) -> list[Row]:
    """Return rows of the layers above and of the largest outputs; of the first outputs if they are not classes."""
    rows = [
        Row(
            "output.layer",
            fill(words.NAMES["layer of kind" if kind else "layer"], {"layer": str(layer), "kind": kind}),
            factors={"layer": layer, "count": len(each), "low": float(each.min()), "high": float(each.max())},
        )
        for layer, kind, each in layers
    ]
    kind = "output.class" if len(a) > 1 else "output.number"
    for k in np.argsort(-a, kind="stable")[:3] if classes else range(min(3, len(a))):
        called = "class" if classes else "number" if len(a) > 1 else "output"
        name = fill(words.NAMES[called], {"i": classes[k] if classes else str(k)})
        rows.append(Row(kind, name, float(a[k]), {"output": float(a[k])}))
    return rows


def _loss_terms(loss: Loss, a: Array, classes: Sequence[str], y: Array, top: int) -> tuple[list[Row], Row | None]:
    """Return the `top` largest terms of the loss, and the rest; no terms if the loss does not provide them."""
    rows = []
    for k in range(len(a)):
        derived = loss.derive(a, y, k)
        if derived is None:
            return [], None
        value = value_of(derived.term, derived.numbers)
        assert value is not None
        if "y" in derived.numbers and derived.numbers["y"] == 0.0 and np.isnan(value):
            value = 0.0  # 0 ln 0
        rows.append(Row("output.term", _output_name(k, classes), value, derived.numbers, template=derived.term))
    order = sorted(range(len(a)), key=lambda k: (-abs(rows[k].value or 0.0), -y[k]))
    largest = [rows[k] for k in order]
    shown = [row for row in largest[:top] if row.value] or largest[:1]
    others = [row.value or 0.0 for row in largest[len(shown) :]]
    if not others:
        return shown, None
    counts = {"count": len(others)}
    return shown, Row(plural("rest", len(others)), words.NAMES["others"], float(sum(others)), counts)


def output_delta(
    loss: Loss,
    activation: str,
    rule: str,
    factors: Mapping[str, Array],
    classes: Sequence[str],
    target: Array,
    delta: Array,
    top: int,
) -> Stage:
    """Return the stage dL/dz of the output layer.

    Args:
        loss: the loss function of the network.
        activation: the key of the activation of the output layer.
        rule: the rule for delta, a key of `words.RULES`.
        factors: name -> (n,) the numbers in the rule.
        classes: (n,) the class name of each output; empty if the outputs do not stand for classes.
        target: (n,) the targets that the loss uses.
        delta: (n,) delta of each output.
        top: number of outputs to show, at most three.
    """
    told = {"rule": words.RULES[rule]["text"], "loss": loss.key, "activation": activation}
    rows = [Row("output_delta.rule", names=told)]
    for k in np.argsort(-np.abs(delta), kind="stable")[: min(top, 3)]:
        name = _output_name(int(k), classes)
        numbers = {each: values[k].item() for each, values in factors.items()}
        template = words.RULES[rule]["formula"]
        if "dL/da" in factors:
            rows.append(_loss_gradient("output_delta", loss, factors["a"], target, int(k), numbers["dL/da"], name))
        used = {each: numbers[each] for each in names_in(template)}
        kind = "output_delta.output" if template else "output_delta.unknown"
        rows.append(Row(kind, name, float(delta[k]), used, template=template))
    return Stage("output_delta", rows, names=told, why=words.WHY[f"rule {rule}"])


def _loss_gradient(stage: str, loss: Loss, a: Array, y: Array, k: int, dL_da: float, name: str) -> Row:
    """Return the row that derives dL/da of output k from the loss."""
    derived = loss.derive(a, y, k)
    kinds = {"output_delta": ("gradient", "given gradient"), "downstream": ("output", "output given")}[stage]
    if derived is None or not names_in(derived.gradient):  # the loss does not derive it, or it is simply 0
        return Row(f"{stage}.{kinds[1]}", name, dL_da)
    used = {each: derived.numbers[each] for each in names_in(derived.gradient)}
    return Row(f"{stage}.{kinds[0]}", name, dL_da, used, template=derived.gradient)


def downstream_of_output(loss: Loss, a: Array, target: Array, k: int, dL_da: float, shared: str) -> Stage:
    """Return the stage that replaces the sum at output neuron k.

    Args:
        loss: the loss function of the network.
        a: (n,) the activations of the output layer.
        target: (n,) the targets that the loss uses.
        k: the neuron.
        dL_da: the gradient of the loss with respect to its a.
        shared: the key of the activation if z of the neuron changes all outputs, else "".
    """
    result = _loss_gradient("downstream", loss, a, target, k, dL_da, "dL/da")
    why = ""
    if dL_da == 0.0:
        absent = loss.key == "cross_entropy" and target[k] == 0.0
        key = (
            "no slope of the loss"
            if not shared
            else "not in the loss, but shared"
            if absent
            else "no slope, but shared"
        )
        why = fill(words.WHY[key], {"activation": shared})
    if not result.formula:
        return Stage("downstream", result=result, why=why, variant=" of output given")
    return Stage("downstream", result=result, why=why, names={"formula of dL/da": result.formula}, variant=" of output")


def derivative(key: str, z: float, a: float, da_dz: float, forced: bool, alone: bool) -> Stage:
    """Return the stage da/dz of the activation `key`; `alone`: whether a depends only on the neuron's own z."""
    kind, why, factors = "result", "", {"z": z}
    if forced:
        kind, why, factors = "forced", words.WHY["forced"], {}
    elif not alone:
        kind, why, factors = "softmax" if key == "softmax" else "together", words.WHY["together"], {"a": a}
    elif da_dz == 0.0 and not np.isnan(z):
        kind, why = "flat", words.WHY["flat"]
    row = Row(f"derivative.{kind}", "da/dz", da_dz, factors, {"why": why})
    return Stage("derivative", result=row, why=why.replace("\n", " "))


def delta(
    kind: str,
    rule: str,
    factors: Mapping[str, float],
    value: float,
    dL_da: float,
    da_dz: float,
    forced: bool,
    names: Mapping[str, str],
    one_of_many: bool = False,
) -> Stage:
    """Return the stage dL/dz of the neuron.

    Args:
        kind: the kind of the row, one of "delta.…".
        rule: the rule for delta, a key of `words.RULES`.
        factors: the numbers in the rule.
        value: delta.
        dL_da: the gradient that comes back to the neuron.
        da_dz: the slope; at 0 it stops the gradient.
        forced: whether the output of the neuron is forced.
        names: the key of f as "activation", and "dtype".
        one_of_many: whether this is one of several places of a filter.
    """
    row = Row(kind, "delta", value, factors, names, words.RULES[rule]["formula"])
    why = "delta is positive" if value > 0 else "delta is negative" if value < 0 else "delta is zero"
    if np.isnan(value):
        why = "delta is lost"
    elif value == 0.0 and forced:
        why = "delta is forced"
    elif value == 0.0 and da_dz == 0.0:
        why = "delta is stopped"
    elif value == 0.0 and rule in ("difference", "mean_difference"):
        why = "output is right"
    elif value == 0.0 and rule == "chain" and dL_da != 0.0:
        why = "delta is too small"
    elif value == 0.0 and one_of_many:
        why = "delta is zero here"
    return Stage("delta", result=row, why=fill(words.WHY[why], names), names={"rule": words.RULES[rule]["text"]})


def gradients(
    name: Callable[[int], str],
    delta: float,
    x: Array,
    dL_dW: Array,
    penalty: Callable[[int], float] | None,
    dL_db: float | None,
    top: int,
) -> Stage:
    """Return the stage dL/dw with the `top` largest gradients; `penalty` gives the part beside delta x, if any.

    Without a penalty, gradients that are 0 get no rows: the reason says why they are 0.
    """
    penalized = penalty is not None
    shown = np.argsort(-np.abs(dL_dW), kind="stable")[:top]
    if not penalized:
        shown = shown[dL_dW[shown] != 0.0]
    kind = "gradients.term with penalty" if penalized else "gradients.term"
    rows = []
    for i in shown:
        factors = {"delta": delta, "x": float(x[i])} | ({"penalty": penalty(int(i))} if penalty else {})
        rows.append(Row(kind, name(i), float(dL_dW[i]), factors))
    others = np.delete(dL_dW, shown)
    rest = None
    if len(others) and len(shown):
        counts = {"count": len(others), "zero": int(np.count_nonzero(others == 0.0))}
        rest = Row(plural("rest.gradient", len(others)), words.NAMES["others"], factors=counts)
    numbers = {"low": float(dL_dW.min()), "high": float(dL_dW.max())}
    bias = " without bias"
    if dL_db is not None:
        bias = ""
        rows.append(Row("gradients.bias", "dL/db", dL_db))
        numbers["dL/db"] = dL_db
    rule = words.RULES["penalized gradient" if penalized else "gradient"]["text"]
    result = Row(f"gradients.result{bias}", "dL/dw", None, numbers, {"rule": rule})
    variant = f"{' with penalty' if penalized else ''}{bias}"
    return Stage("gradients", rows, rest, result, _why_no_gradient(delta, x, penalized, bias), variant=variant)


def _why_no_gradient(delta: float, x: Array, penalized: bool, bias: str) -> str:
    """Return why gradients are zero; '' if none is."""
    if delta == 0.0:
        return words.WHY["only penalty" if penalized else "no gradient"]
    if penalized or x.all():
        return ""
    return words.WHY["some inputs" if x.any() else f"no input{bias}"]


def loss_after(before: float, after: float) -> Stage:
    """Return the stage of the sample's loss before and after the update of all neurons."""
    change = after - before
    kind = "better" if change < 0 else "worse" if change > 0 else "same"
    if not np.isfinite(after):
        kind = "lost"
    numbers = {"L": before, "change": change, "L after": after}
    return Stage("loss_after", result=Row(f"loss_after.{kind}", "L", after, numbers), why=_why_loss(before, after))


def _why_loss(before: float, after: float) -> str:
    """Return the effect of the step on the loss, in words."""
    if not np.isfinite(after):
        return words.WHY["loss is lost"]
    if not np.isfinite(before):
        return ""
    if before == after:
        return words.WHY["loss stays"]
    share = abs(after - before) / abs(before) if before else np.inf
    if after < before:
        reason = "loss falls to almost nothing" if 0.99 < share < 1.0 else "loss falls"
    else:
        reason = "loss rises far" if share >= 10.0 else "loss rises"
    return fill(words.WHY[reason], {"percent": short(100.0 * share, 2)})


def largest_terms(
    kind: str, name: Callable[[int], str], factors: Mapping[str, Array], products: Array, top: int
) -> tuple[list[Row], Row | None]:
    """Return rows of the `top` largest nonzero products (k,), and a row of the rest: their number and their sum."""
    shown = [int(i) for i in np.argsort(-np.abs(products), kind="stable")[:top] if np.abs(products[i]) > 0]
    rows = [
        Row(kind, name(i), float(products[i]), {each: float(values[i]) for each, values in factors.items()})
        for i in shown
    ]
    count = len(products) - len(shown)
    if not count:
        return rows, None
    others = float(np.delete(products, shown).sum(dtype=np.float64))
    kind = "rest" if products.any() else "rest.zero"
    return rows, Row(plural(kind, count), words.NAMES["others"], others, {"count": count})
