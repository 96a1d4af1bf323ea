"""The rules for the tables of a scenario, column by column: every table from a file is checked before it is drawn.

A table without rules here, from a user's own recorder, needs only a variant and a seed.
"""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from neurosim.errors import NeurosimError
from neurosim.schema import brief

MOST = 2**31  # epochs, steps, neurons
MOST_UNPACKED = 2**24  # bytes that a packed cell may hold


class Column(NamedTuple):
    """The rule for one column: "whole" or any "number"s, a "flag", "text", anything, or "packed" numbers."""

    kind: str
    low: float = -math.inf
    high: float = math.inf
    missing: bool = False

    @property
    def words(self) -> str:
        """The expected values, in words."""
        bounds = "" if self.low == -math.inf else f" of at least {self.low:g}"
        bounds = bounds if self.high == math.inf else f" from {self.low:g} to {self.high:g}"
        names = {"whole": "whole numbers", "number": "numbers", "flag": "True or False", "text": "text"}
        return names.get(self.kind, "packed numbers") + bounds

    def holds(self, values: pd.Series) -> bool:
        """Return whether all values follow the rule."""
        present = values.dropna() if self.missing else values
        if self.kind == "any":
            return True
        if self.kind == "flag":
            return bool(present.map(lambda each: isinstance(each, (bool, np.bool_))).all())
        if self.kind in ("text", "packed"):
            of_text = bool(present.map(lambda each: isinstance(each, str)).all())
            return of_text and (self.kind == "text" or all(map(_unpacks, present)))
        if len(present) and (present.dtype.kind not in "uif"):
            return False
        array = present.to_numpy(np.float64)
        whole = self.kind == "number" or bool((array == np.floor(array)).all())
        return whole and bool(((array >= self.low) & (array <= self.high)).all())


class Table(NamedTuple):
    """The columns of a table, which of them name a row together with variant and seed, and which may be left out."""

    key: tuple[str, ...]
    columns: Mapping[str, Column]
    left_out: Mapping[str, Column] = {}


def _unpacks(text: str) -> bool:
    """Return whether a cell holds packed numbers, and no more than a cell may."""
    try:
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(base64.b64decode(text, validate=True), MOST_UNPACKED)
    except (ValueError, binascii.Error, zlib.error):
        return False
    return unpacker.eof and len(raw) % 2 == 0


INDEX, FIRST = Column("whole", 0, MOST), Column("whole", 1, MOST)
ANY, GAPS = Column("number"), Column("number", missing=True)
SIZE, SIZES = Column("number", 0), Column("number", 0, missing=True)  # never below 0
SHARE, SHARES = Column("number", 0, 1), Column("number", 0, 1, missing=True)
TEXT, FLAG = Column("text"), Column("flag")
RUN = {"variant": TEXT, "seed": Column("whole", 0)}

TABLES = {
    "results": Table(
        ("epoch",),
        {
            "epoch": FIRST,
            "loss": GAPS,
            "accuracy": SHARES,
            "test_loss": GAPS,
            "test_accuracy": SHARES,
            "seconds": SIZES,
            "learning_rate": SIZES,
            "diverged": FLAG,
            "kept": FLAG,
        },
        {"val_loss": GAPS, "val_accuracy": SHARES},
    ),
    "rates": Table(
        ("learning_rate",),
        {"learning_rate": SIZE, "epochs": FIRST, "val_accuracy": SHARES, "chosen": FLAG},
    ),
    "divergences": Table(
        (),
        {
            "epoch": FIRST,
            "step": INDEX,
            "layer": Column("whole", 0, MOST, missing=True),
            "quantity": TEXT,
            "phase": TEXT,
            "learning_rate": SIZES,
            "largest_weight": SIZES,
        },
    ),
    "gradients": Table(("step", "layer"), {"step": FIRST, "layer": FIRST, "norm": SIZES}),
    "units": Table(("epoch", "layer"), {"epoch": INDEX, "layer": FIRST, "dead": SHARES, "saturated": SHARES}),
    "steps": Table(("step",), {"step": FIRST, "learning_rate": SIZES, "loss": GAPS}),
    "train": Table(("epoch",), {"epoch": FIRST, "train_loss": GAPS, "train_accuracy": SHARES}),
    "gradient_noise": Table(
        ("epoch",), {"epoch": INDEX, "updates": INDEX, "batch_size": FIRST, "gradient_noise": SIZES}
    ),
    "preactivations": Table(
        ("step", "layer"),
        {"step": FIRST, "layer": FIRST, "images": SIZE} | {f"p{q}": GAPS for q in (5, 25, 50, 75, 95)},
    ),
    "neuron_life": Table(
        ("step",),
        {
            "step": INDEX,
            "neuron": INDEX,
            "height": FIRST,
            "width": FIRST,
            "smoothness": GAPS,
            "selectivity": GAPS,
        },
    ),
    "filter_life": Table(
        ("step", "filter"),
        {
            "step": INDEX,
            "filter": INDEX,
            "height": FIRST,
            "width": FIRST,
            "edge": SHARES,
            "line": SHARES,
            "likeness": GAPS,
            "moved": SIZES,
            "active": SHARES,
            "watched_accuracy": SHARES,
        },
    ),
    "unit_life": Table(("step", "layer", "neuron"), {"step": INDEX, "layer": FIRST, "neuron": INDEX, "active": SHARES}),
    "parting": Table(("step",), {"step": INDEX, "neurons": FIRST, "distance": SIZES, "distinct": SHARES}),
    "neurons": Table(("step", "neuron", "weight"), {"step": INDEX, "neuron": INDEX, "weight": INDEX, "value": GAPS}),
    "chance": Table((), {"accuracy": SHARE}),
    "boundary": Table(
        (),
        {
            "epoch": INDEX,
            "classes": Column("whole", 2, 1000),
            "columns": Column("whole", 1, 1000),
            "places": Column("packed"),
            "points": Column("packed"),
        },
    ),
}
MEASURED = {
    ("initializers", "signal"): Table(("layer",), {"layer": FIRST, "activation": SIZES, "delta": SIZES}),
    ("augmentation", "sizes"): Table((), {"augmentation": TEXT, "images": FIRST}),
    ("architectures", "networks"): Table((), {"depth": INDEX, "width": INDEX, "parameters": INDEX}),
    ("convolution", "networks"): Table((), {"parameters": INDEX, "products": INDEX}),
    ("convolution", "shifts"): Table(("shift",), {"shift": INDEX, "images": FIRST, "shifted_accuracy": SHARE}),
    ("convolution", "readings"): Table(("shift",), {"shift": INDEX, "answer": Column("any"), "label": Column("any")}),
    ("convolution", "example"): Table(("row", "column"), {"row": INDEX, "column": INDEX, "value": GAPS}),
    ("learning-rates", "range_test"): Table(("step",), {"step": FIRST, "learning_rate": SIZE, "loss": GAPS}),
}
"""(scenario, table) -> the table that this scenario measures for itself."""
OF_WEIGHTS = ("neuron_life", "filter_life")
"""Tables with the weights of a neuron in each row."""
NEEDED = {"activations": ("gradients", "units"), "vanishing-gradients": ("gradients",)}
"""scenario -> tables without which it cannot be drawn; the others draw what is there."""
POINTS = {"x1": ANY, "x2": ANY, "label": Column("whole", 0, 1000), "class": Column("any")}


def hold_table(scenario: str, name: str, table: pd.DataFrame, variants: Collection[str]) -> None:
    """Check a table that was read with its rules.

    Args:
        scenario: the name of its scenario.
        name: of the table.
        table: the table.
        variants: that the scenario has.

    Raises:
        NeurosimError: a column is missing, a value breaks the rule of its column, or a row is there twice.
    """
    declared = MEASURED.get((scenario, name), TABLES.get(name, Table((), {})))
    needed = POINTS if name == "points" else {**RUN, **declared.columns}
    for column, rule in {**needed, **declared.left_out}.items():
        if column not in table:
            if column in declared.left_out:
                continue
            raise NeurosimError(f"expected a column {column}, received {brief(', '.join(map(str, table.columns)))}")
        if not rule.holds(table[column]):
            raise NeurosimError(f"expected {rule.words} in the column {column}, received others")
    if name == "points":
        return
    unknown = [each for each in table["variant"].unique() if each not in variants]
    if unknown:
        raise NeurosimError(f"expected variants among {brief(', '.join(variants))}, received {brief(repr(unknown[0]))}")
    if declared.key and table.duplicated(["variant", "seed", *declared.key]).any():
        raise NeurosimError(f"expected each {' and '.join(declared.key)} of a run once, received some twice")
    if name == "results":
        _hold_runs(table, variants)
    if name in OF_WEIGHTS:
        _hold_weights(table)


def _hold_weights(table: pd.DataFrame) -> None:
    """Check that each row has as many weights, w0, w1, …, as fill its height and width.

    Raises:
        NeurosimError: it has another number.
    """
    found = [column for column in table if column[:1] == "w" and column[1:].isdigit()]
    sizes = table["height"] * table["width"]
    if found != [f"w{k}" for k in range(len(found))] or not (sizes == len(found)).all():
        raise NeurosimError("expected a column w0, w1, … for each place of height and width, received others")
    if not all(GAPS.holds(table[column]) for column in found):
        raise NeurosimError("expected numbers in the columns of weights, received others")


def _hold_runs(table: pd.DataFrame, variants: Collection[str]) -> None:
    """Check that the results are whole runs: each with epochs 1, 2, …, and with the weights of one of them kept.

    Raises:
        NeurosimError: they are not.
    """
    runs = table.groupby(["variant", "seed"])
    if len(runs) != len(variants) * table["seed"].nunique():
        raise NeurosimError("expected every variant with every seed, received fewer")
    if not ((runs["epoch"].max() == runs.size()) & (runs["kept"].sum() == 1)).all():
        raise NeurosimError("expected epochs 1, 2, … of each run, one of them kept, received others")


def hold_boundary(boundary: pd.DataFrame, points: pd.DataFrame) -> None:
    """Check that recorded boundaries have one grid of places, and fit the points.

    Raises:
        NeurosimError: they do not fit together.
    """
    grids = set()
    for row in boundary.itertuples():
        places, decided = (
            np.frombuffer(zlib.decompress(base64.b64decode(each)), "<u2") for each in (row.places, row.points)
        )
        grids.add(len(places) / row.columns)
        fits = row.columns in (row.classes - 1, row.classes) and len(decided) == len(points)
        if not fits or len(grids) > 1 or (decided >= row.classes).any() or points["label"].max() >= row.classes:
            raise NeurosimError("expected the classes at one grid of places and at each point, received others")
    if any(math.isqrt(int(size)) ** 2 != size for size in grids):
        raise NeurosimError("expected as many places across as up, received others")
