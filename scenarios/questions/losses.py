"""Cross-entropy, squared error and the rest: what the choice of loss changes in learning."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

import viz
from neurosim.activations import ACTIVATIONS
from neurosim.losses import LOSSES
from neurosim.text import listing, percent
from neurosim.training.settings import Settings

from ..protocol.results import METRIC, Results
from ..protocol.scenario import Picture, Scenario, Variant
from ..protocol.statistics import Difference
from ..report.listed import of_each

CLASSES = 10


def delta_curve(name: str) -> pd.DataFrame:
    """Return the size of the right output's delta against the output that the right class gets, for one loss.

    The right class c gets p, the other nine share 1 - p; delta_c = dL/dz_c comes from the loss and its natural output
    activation. Sizes are given as shares of the largest, because the learning rate makes up for a constant factor.
    """
    loss = LOSSES.create(name)
    activation = ACTIVATIONS.create(loss.natural_output)
    p = np.linspace(0.99, 0.01, 99)
    a = np.column_stack([p, *[(1.0 - p) / (CLASSES - 1)] * (CLASSES - 1)])  # (99, 10)
    z = {"softmax": np.log(a), "sigmoid": np.log(a / (1.0 - a))}.get(activation.key, a)
    y = np.zeros_like(a)
    y[:, 0] = 1.0
    delta = np.abs(activation.vjp(z, loss.gradient(a, y))[:, 0])
    return pd.DataFrame({"loss": name, "probability": p, "delta": delta / delta.max()})


def curved(results: Results) -> list[str]:
    """Return the losses whose outputs are probabilities. A hinge's are plain sums, and its delta has no such curve."""
    return [name for name in results.names if LOSSES.create(name).natural_output != "linear"]


def pictures(results: Results) -> Iterator[Picture]:
    """Draw how hard each loss corrects a mistake."""
    names = curved(results)
    if names:
        yield Picture(
            "delta_against_error",
            "The size of the delta at the output of the right class; 1 is the largest on the curve of this loss. The "
            "output goes from certain and right (left) to certain and wrong (right). A loss whose curve falls towards "
            "the right corrects its worst mistakes least. huber, with its threshold of 1, is half of mse on outputs "
            "in [0, 1], so their curves coincide. The hinges are left out, because their outputs are plain sums "
            "and not probabilities. hinge pushes with full strength until its margin is reached, and then not at all. "
            "squared_hinge pushes harder, the farther the margin is missed.",
            lambda: viz.delta_against_error(
                pd.concat([delta_curve(name) for name in names]),
                styles=viz.variant_style(results.names),
                ylabel="size of the delta |dL/dz| at the right output\n(1: the largest on this curve)",
            ),
            note="",
        )


def findings(results: Results) -> Iterator[str]:
    """Compare the deltas at the surest mistakes, the losses after one epoch, and how mse begins."""
    alike: dict[str, list[str]] = {}
    for push, name in sorted(
        ((float(delta_curve(name)["delta"].iloc[-1]), name) for name in curved(results)), key=lambda each: -each[0]
    ):
        alike.setdefault(percent(push, 0), []).append(name)
    if len(alike) > 1:
        yield of_each(
            "The largest delta of each loss, for outputs of the right class from 99\u00a0% to 1\u00a0%, counts as "
            "100\u00a0%. At an output of 1\u00a0% the delta is",
            ("loss", "size of the delta"),
            [(listing(names), share) for share, names in alike.items()],
        )
    first, baseline = results.epochs[results.epochs["epoch"] == 1], results.scenario.baseline
    early = first.pivot(index="seed", columns="variant", values=METRIC)
    rows = [
        (name, Difference.between(early[name], early[baseline]).text())
        for name in results.names
        if name != baseline and baseline in early
    ]
    if rows:
        yield of_each(f"Test accuracy after one epoch, against {baseline}", ("loss", "difference"), rows, joint="; ")
    if {"mse", "cross_entropy"} <= set(results.names):
        start = first.pivot(index="seed", columns="variant", values="accuracy")
        yield (
            "Training accuracy during the first epoch, mse on sigmoids against cross_entropy on softmax: "
            f"{Difference.between(start['mse'], start['cross_entropy']).text()}."
        )


SCENARIO = Scenario(
    name="losses",
    question="What does the loss change: speed, final accuracy, or how hard a confident mistake is corrected?",
    what_to_watch=(
        "Each loss has its natural output: softmax for cross-entropy, sigmoids for binary cross-entropy and the "
        "regression losses, plain sums for the hinges. Values of different losses cannot be compared; accuracies "
        "can. Absolute error is smallest at the median of the targets, and the median of one-hot targets is zero. "
        "Look at how large the output's delta is when the network is certain and wrong: with squared error on a "
        "sigmoid it vanishes there. Each loss runs at the learning rate that did best in a short search on held-out "
        "images. The search has two seeds and rates about a factor of 3 apart, so each rate is only about right. "
        "With its threshold of 1, huber is half of mse here, because outputs in [0, 1] never miss by more. Adam "
        "makes up for the half."
    ),
    variants=tuple(
        Variant(name, {"loss": name})
        for name in ("cross_entropy", "binary_cross_entropy", "mse", "mae", "huber", "hinge", "squared_hinge")
    ),
    baseline="cross_entropy",
    base=Settings(epochs=4),
    rate_factors=(0.3, 1.0, 3.0, 10.0, 30.0),
    pictures=pictures,
    findings=findings,
)
