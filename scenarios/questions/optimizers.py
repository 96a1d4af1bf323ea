"""Which optimizer gets there first, per step and per second, each at its own learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

import viz
from neurosim.optimizers import OPTIMIZERS
from neurosim.text import fixed, plain, points
from neurosim.training.settings import Settings

from ..protocol.results import METRIC, Results
from ..protocol.scenario import Picture, Scenario, Variant
from ..report.findings import seconds_per_epoch
from ..report.listed import AND, of_each

WINDOW = 100.0  # two decades of learning rates
ROUNDED = 1.01  # rates are tried at three digits
CLEAR = 0.03  # accuracies of a search, of two seeds and few images, differ by less without any reason


def pictures(results: Results) -> Iterator[Picture]:
    """Draw the same curves against time, and what the learning rate does to each optimizer."""
    styles = viz.variant_style(results.names)
    yield Picture(
        "accuracy_by_time",
        "The same accuracy against the time spent training. After one epoch all optimizers have taken the same "
        "number of steps. After one second, a rule with fewer operations has taken more.",
        lambda: viz.learning_curves(results.epochs, METRIC, x="seconds", styles=styles),
    )
    yield Picture(
        "learning_rates",
        "The search: accuracy on validation images after a few epochs at each learning rate, the mean of "
        "the seeds. The chosen rate has a ring. A flat curve forgives a bad guess.",
        lambda: viz.rate_sensitivity(results.search_curves(), styles=styles),
    )


def findings(results: Results) -> Iterator[str]:
    """State the chosen rates, which optimizers are least sensitive to them, and the cost of a step."""
    rates = results.rates()
    yield of_each(
        "Learning rates chosen on validation images",
        ("optimizer", "learning rate"),
        [(row.variant, plain(row.learning_rate)) for row in rates[rates["chosen"]].itertuples()],
    )
    yield from _forgiving(rates, results.scenario.baseline)
    seconds = seconds_per_epoch(results)
    if len(seconds) > 1:
        yield (
            f"Shortest median time per epoch: {seconds.idxmin()}. {seconds.idxmax()} takes "
            f"{fixed(seconds.max() / seconds.min(), 1)} times as long. These times depend on the machine and on "
            "what else it did. Small differences mean nothing."
        )


def worst_of_window(tried: pd.DataFrame) -> float:
    """Return what the worst learning rate costs against the best, over the `WINDOW` that suits the optimizer best.

    Args:
        tried: one row per rate: learning_rate, val_accuracy (NaN: diverged, counted as 0).

    Returns:
        The smallest of best - worst accuracy over all windows of two decades that contain the best rate; NaN if the
        rates that were tried do not span two decades.
    """
    tried = tried.sort_values("learning_rate")
    rate, accuracy = tried["learning_rate"].to_numpy(float), tried["val_accuracy"].fillna(0.0).to_numpy(float)
    best = accuracy.argmax()
    costs = []
    for k, low in enumerate(rate):
        inside = (rate >= low) & (rate <= low * WINDOW * ROUNDED)
        if k <= best and inside[best] and rate[-1] * ROUNDED >= low * WINDOW:
            costs.append(accuracy[best] - accuracy[inside].min())
    return min(costs, default=math.nan)


def _forgiving(rates: pd.DataFrame, baseline: str) -> Iterator[str]:
    """State which optimizers lose less than the baseline by a bad guess of the learning rate, and which lose more."""
    cost = {name: worst_of_window(tried) for name, tried in rates.groupby("variant", sort=False)}
    own = cost.pop(baseline, math.nan)
    words = {
        "Less": [name for name in cost if cost[name] < own - CLEAR],
        "More": [name for name in cost if cost[name] > own + CLEAR],
        "": [name for name in cost if abs(cost[name] - own) <= CLEAR],
    }
    told = {word: sorted(names, key=cost.__getitem__) for word, names in words.items() if names}
    if told:
        yield (
            "Sensitivity to the learning rate: how many points an optimizer loses by a badly chosen rate. It is the "
            "best accuracy minus the lowest in a range of rates. The range contains the best rate, its highest rate is "
            f"{plain(WINDOW)} times its lowest, and it is the one that loses least. {baseline} loses {points(own, 0)} "
            "points. These are means of the search's two seeds, not tested for noise."
        )
    for word, names in told.items():
        yield of_each(
            f"{word} sensitive to the rate than {baseline}, by points lost"
            if word
            else f"As sensitive to the rate as {baseline}, within {points(CLEAR, 0)} points",
            ("optimizer", "points lost"),
            [(name, points(cost[name], 0)) for name in names],
            "{} ({})",
            AND,
        )


SCENARIO = Scenario(
    name="optimizers",
    question="Which optimizer gets there first, per step and per second?",
    what_to_watch=(
        "Every optimizer first searches its own learning rate on images held out of the training set. One rate for "
        "all would only show which optimizer it suits. The search is short, with two seeds and rates about a "
        "factor of 3 apart, so each rate is only about right. Then all start from the same weights. Look at the "
        "first epoch, at the spread over seeds, and at how narrow the range of rates is in which each optimizer "
        "works."
    ),
    variants=tuple(Variant(name, {"optimizer": name}) for name in OPTIMIZERS),
    baseline="sgd",
    base=Settings(epochs=4),
    rate_factors=(0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
    pictures=pictures,
    findings=findings,
)
