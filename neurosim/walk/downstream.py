"""The stage of the downstream sum: the gradient that comes back from above, also through layers without weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..layers import Layer
from ..parameters import Array
from . import words
from .formula import fill
from .places import fed_name, split
from .rows import Row, plural
from .sample import SampleRun
from .stages import Stage, largest_terms


class Fed(NamedTuple):
    """The units of the layer above that depend on one number x.

    Attributes:
        above: that layer.
        number: the index of x.
        numbers: (k,) indices of the z of that layer that depend on x.
        weights, deltas, products: (k,) dz/dx of each, its delta, and their product.
    """

    above: Layer
    number: int
    numbers: Array
    weights: Array
    deltas: Array
    products: Array

    @property
    def kind(self) -> str:
        """Their kind: "neurons", "windows" that pool, or "units", which are filters at one place."""
        return "neurons" if self.above.windows is None else "units" if self.above.weight_name else "windows"

    @classmethod
    def nothing(cls, output: Layer) -> Fed:
        """Return the empty `Fed` of an output neuron."""
        none = np.empty(0, output.dtype)
        return cls(output, 0, np.empty(0, np.intp), none, none, none)

    def name(self, i: int) -> str:
        """Return the name of the i-th unit."""
        return fed_name(self.above, int(self.numbers[i]))


def fed_by(trace: SampleRun, layer: int, number: int) -> Fed:
    """Return the units above that depend on one output of a layer."""
    above = trace.network[layer + 1]
    while above.reshapes and not above.is_output:
        above = trace.network[above.index + 1]
    numbers, weights = above.outgoing(number)
    deltas = trace.flows[above.index]["delta"][numbers]
    return Fed(above, number, numbers, weights, deltas, weights * deltas)


def downstream(trace: SampleRun, fed: Fed, dL_da: float, top: int) -> Stage:
    """Return the stage dL/da = Σ w_k delta_k over the units above, with the `top` largest products."""
    rows, rest = largest_terms("downstream.term", fed.name, {"w": fed.weights, "delta": fed.deltas}, fed.products, top)
    factors = {"layer": fed.above.index, "count": len(fed.products)}
    result = Row("downstream.result", "dL/da", dL_da, factors, {"above": fed.kind})
    rows = [_over(trace, fed), *_contests(trace, fed), *rows]
    if rest is not None and not fed.above.neuron_by_neuron:  # the way through a window follows after all terms
        passed = _passed_on(trace, fed, top)
        rows, rest = ([*rows, rest, *passed], None) if passed else (rows, rest)
    else:
        rows += _passed_on(trace, fed, top)
    return Stage("downstream", rows, rest, result, _why_nothing(fed, dL_da))


def _over(trace: SampleRun, fed: Fed, below: int | None = None) -> Row:
    """Return the row that names the units of the sum; `below`: the layer whose sum it is, if it is one further up."""
    layer = fed.above
    above = "" if below is None else " above"
    numbers = {"layer": layer.index} | ({} if below is None else {"below": below})
    names = {"above": layer.title}
    passed = trace.network[layer.index - 1]
    if passed.reshapes:
        told = names | {"layer": str(passed.index), "kind": passed.title}
        names["above"] = fill(words.NAMES["through"], told)
    if layer.windows is None:
        return Row(f"downstream.over{above}", factors=numbers, names=names)
    if not layer.weight_name:
        return Row(f"downstream.over windows{above}", factors=numbers, names=names)
    places = len(fed.numbers) // layer.neuron_count
    return Row(plural(f"downstream.over filters{above}", places), factors=numbers | {"places": places}, names=names)


def _contests(trace: SampleRun, fed: Fed, indent: str = "") -> list[Row]:
    """Return a row for each max-pooling window: whether it passes this number on."""
    layer, rows = fed.above, []
    a = trace.flows[layer.index - 1]["a"]
    for number, winner, ties in layer.contests(fed.number):
        numbers: dict[str, float] = {"own": float(a[fed.number])}
        told = {"indent": indent}
        if winner == fed.number:
            kind = "won first" if ties > 1 else "won"
            numbers |= {"ties": ties} if ties > 1 else {"count": layer.windows.size**2 if layer.windows else 1}
        else:
            row, column, _ = split(trace.network[layer.index - 1], winner)
            told |= {"row": str(row), "column": str(column)}
            kind = "lost" if a[winner] != a[fed.number] else "lost to the first"
            numbers |= {"winner": float(a[winner])} if kind == "lost" else {}
        rows.append(Row(f"downstream.{kind}", fed_name(layer, number), factors=numbers, names=told))
    return rows


def _why_nothing(fed: Fed, dL_da: float) -> str:
    """Return why no gradient comes back from above; '' if some does."""
    if dL_da != 0.0:
        return ""
    w, delta = fed.weights, fed.deltas
    if fed.products.any():
        return words.WHY["terms cancel"]
    if not len(w) and fed.above.windows is not None:
        return words.WHY["no win" if fed.above.contests(fed.number) else "not looked at"]
    if not delta.any():
        return words.WHY["no term" if fed.above.windows is None else "no term here"]
    return words.WHY["no product" if w.any() else "no weight"]


def _passed_on(trace: SampleRun, fed: Fed, top: int) -> list[Row]:
    """Return the rows of a layer above without weights, through which the gradient passes, and so on upwards."""
    layer = fed.above
    if not (layer.neuron_by_neuron or layer.hands_on) or not len(fed.numbers):
        return []
    best = int(np.abs(fed.products).argmax())
    number = int(fed.numbers[best])
    rows = [Row("downstream.one of them", fed.name(best))] if len(fed.numbers) > 1 else []
    rows.append(_slope(fed, best))
    if layer.is_output:
        return [*rows, _delta(trace, layer, number)]
    further = fed_by(trace, layer.index, number)
    terms, rest = largest_terms(
        "downstream.term above", further.name, {"w": further.weights, "delta": further.deltas}, further.products, top
    )
    if rest is not None:
        key = "downstream.rest above" if further.products.any() else "downstream.rest zero above"
        kind = plural(key, rest.factors["count"])
        terms.append(Row(kind, rest.name, rest.value, rest.factors))
    dL_da = float(trace.flows[layer.index]["da"][number])
    rows += [_over(trace, further, layer.index), *_contests(trace, further, "  "), *terms]
    rows.append(Row("downstream.sum above", "dL/da", dL_da, {"below": layer.index}))
    rows.append(_delta(trace, layer, number))
    return rows + _passed_on(trace, further, top)


def _slope(fed: Fed, i: int) -> Row:
    """Return the row that derives the slope dz/dx of a layer without weights."""
    layer = fed.above
    equation, numbers = layer.explain_slope(fed.number)
    kind = layer.hands_on or ("slope" if equation else "handed on")
    told: dict[str, float] = {"layer": layer.index}
    if layer.hands_on:
        numbers = told | numbers
    return Row(f"downstream.{kind}", "w", float(fed.weights[i]), numbers if equation else told, template=equation)


def _delta(trace: SampleRun, layer: Layer, number: int) -> Row:
    """Return the row that derives the delta of one z."""
    flow, activation = trace.flows[layer.index], layer.activation
    told: dict[str, float] = {"layer": layer.index}
    kind = "above"
    if layer.is_output:
        kind = "of the output"
    elif activation is None:
        kind = "handed on"
    elif not activation.elementwise:
        kind = "together"
    else:
        told["dL/da"] = float(flow["da"][number])
        told["f'(z)"] = float(layer.derivative(flow["z"][None, :])[0, number])
    names = {"activation": "" if activation is None else activation.key}
    return Row(f"downstream.delta {kind}", "delta", float(flow["delta"][number]), told, names)
