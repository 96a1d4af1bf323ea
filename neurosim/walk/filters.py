"""The stages in which a filter differs from a dense neuron: its patch, and its gradient as a sum over places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from ..parameters import Array
from . import words
from .places import place_name
from .rows import Row, plural
from .stages import Stage, largest_terms


class Patch(NamedTuple):
    """The patch of a filter at one place.

    Attributes:
        size: pixels along a side.
        layer: the layer below, whose outputs are in the patch; 0: the sample. `below`: the title of that layer.
        field: rows and columns of the patch, in words; `seen`: those of its receptive field in the sample.
        outside: how many of its numbers lie outside of the image.
    """

    size: int
    layer: int
    below: str
    field: str
    seen: str
    outside: int


def inputs(patch: Patch, x: Array) -> Stage:
    """Return the stage of the inputs from a patch; x: (k k C,) its numbers."""
    names = {"field": patch.field, "seen": patch.seen, "below": patch.below}
    where = {"size": patch.size} | ({"layer": patch.layer} if patch.layer else {})
    numbers = {"count": len(x), "zero": int(np.count_nonzero(x == 0.0)), "low": float(x.min()), "high": float(x.max())}
    kind = plural("inputs.patch", len(x))
    if patch.outside:
        kind, numbers = "inputs.patch outside", numbers | {"outside": patch.outside}
    first = Row(f"inputs.patch of {'layer' if patch.layer else 'sample'}", factors=where, names=names)
    return Stage("inputs", [first, Row(kind, factors=numbers)])


class Sum(NamedTuple):
    """The gradient of one weight, as a sum over places.

    Attributes:
        name: the name of the weight.
        value: dL/dw, the penalty included; `penalty`: the part of the penalty; ``None``: there is none.
        deltas, x, terms: (H' W',) one number per place; the terms are delta x.
    """

    name: str
    value: float
    penalty: float | None
    deltas: Array
    x: Array
    terms: Array

    def row(self, kind: str, numbers: Mapping[str, float] | None = None) -> Row:
        """Return the row with the sum of the terms and the penalty."""
        factors = {"Σ delta x": float(self.terms.sum(dtype=np.float64)), **(numbers or {})}
        if self.penalty is None:
            return Row(kind, self.name, self.value, factors | {"Σ delta x": self.value})
        return Row(f"{kind} with penalty", self.name, self.value, factors | {"penalty": self.penalty})


def gradients(
    name: Callable[[int], str],
    delta: float,
    x: Array,
    largest: Sum,
    columns: int,
    dL_dW: Array,
    dL_db: float | None,
    top: int,
) -> Stage:
    """Return the stage of a filter's gradients: the part of one place, and the largest dL/dw as a sum over places.

    Args:
        name: function that returns the name of an input.
        delta: delta at the place.
        x: (k k C,) the inputs at the place.
        largest: the weight with the largest |dL/dw|.
        columns: W', the number of places in a row.
        dL_dW: (k k C,) the gradient of the filter's weights.
        dL_db: the gradient of its bias; ``None``: it has no bias.
        top: number of terms to show.
    """
    places = len(largest.terms)
    shares = delta * x
    factors = {"delta": np.full_like(x, delta), "x": x}
    terms, rest = largest_terms("gradients.share of one", name, factors, shares, top)
    rows = [Row("gradients.share"), *terms] if terms else []
    if terms and rest is not None:
        zero = int(np.count_nonzero(shares == 0.0))
        kind = plural("gradients.other shares", rest.factors["count"])
        rows.append(Row(kind, rest.name, factors={"count": rest.factors["count"], "zero": zero}))
    if places == 1:
        rows.append(Row("gradients.sum over one"))
    elif largest.terms.any():
        rows.append(Row("gradients.sum", largest.name, factors={"places": places}))
        rows += _places(largest, columns, top)
    elif largest.penalty is not None:
        rows.append(Row("gradients.only penalty", largest.name, factors={"places": places}))
    else:
        kind = plural("gradients.sum of nothing", len(dL_dW))
        rows.append(Row(kind, factors={"places": places, "count": len(dL_dW)}))
    if largest.value or largest.penalty is not None or places == 1:
        rows.append(largest.row("gradients.of filter"))
    numbers = {"low": float(dL_dW.min()), "high": float(dL_dW.max())}
    bias = " without bias"
    if dL_db is not None:
        bias = ""
        one = Row("gradients.bias", "dL/db", dL_db)
        rows.append(one if places == 1 else Row("gradients.bias of filter", "dL/db", dL_db, {"places": places}))
        numbers["dL/db"] = dL_db
    penalized = largest.penalty is not None
    rule = words.RULES["penalized gradient of filter" if penalized else "gradient of filter"]["text"]
    result = Row(f"gradients.result{bias}", "dL/dw", None, numbers, {"rule": rule})
    why = _why(delta, x, largest, bias)
    return Stage(
        "gradients", rows, None, result, why, variant=f" of filter{' with penalty' if penalized else ''}{bias}"
    )


def _places(sum_: Sum, columns: int, top: int) -> list[Row]:
    """Return rows of the places that add most to a weight's gradient, and a row of the rest."""

    def at(place: int) -> str:
        return place_name(*divmod(place, columns), "place")

    terms, rest = largest_terms("gradients.place", at, {"delta": sum_.deltas, "x": sum_.x}, sum_.terms, top)
    if rest is None:
        return terms
    return [*terms, Row(plural("gradients.other places", rest.factors["count"]), rest.name, rest.value, rest.factors)]


def _why(delta: float, x: Array, largest: Sum, bias: str) -> str:
    """Return why the gradients, or the part of this place in them, are zero; '' if they are not."""
    if not largest.deltas.any():
        return words.WHY["no gradient of filter" if largest.penalty is None else "only penalty of filter"]
    if delta == 0.0:
        return words.WHY["no share"]
    return "" if x.any() else words.WHY[f"no input here{bias}"]
