"""Which optimizer gets there first, per step and per second, each at a learning rate of its own."""

from __future__ import annotations

from collections.abc import Iterator

import viz
from neurosim.optimizers import OPTIMIZERS
from neurosim.settings import Settings

from .base import METRIC, Picture, Results, Scenario, Variant


def pictures(results: Results) -> Iterator[Picture]:
    """The same curves against time, and what the learning rate does to each optimizer."""
    styles = viz.variant_style(results.names)
    yield Picture("accuracy_by_time", "The same accuracy against the time spent training: a rule with fewer operations "
                  "takes its steps sooner.",
                  lambda: viz.learning_curves(results.epochs, METRIC, x="seconds", styles=styles))
    yield Picture("learning_rates", "The search: accuracy on held-out training images after two epochs at each "
                  "learning rate, the chosen one ringed. A flat curve forgives a bad guess.",
                  lambda: viz.rate_sensitivity(results.table("rates"), styles=styles))


def findings(results: Results) -> Iterator[str]:
    """The rates that were chosen, who is least sensitive to them, and the price of a step."""
    rates = results.table("rates")
    yield "Learning rates chosen on held-out images: " + ", ".join(
        f"{row.variant} {row.learning_rate:g}" for row in rates[rates["chosen"]].itertuples()) + "."
    spread = rates.assign(val_accuracy=rates["val_accuracy"].fillna(0.0)).groupby("variant")["val_accuracy"].agg(
        lambda a: a.max() - a.min())
    if len(spread) > 1:
        yield (f"Least sensitive to the rate over the range searched: {spread.idxmin()} (accuracy varies by "
               f"{100 * spread.min():.1f} points); most: {spread.idxmax()} ({100 * spread.max():.1f} points).")
    seconds = results.summary().set_index("variant")["seconds_mean"].dropna()
    if len(seconds) > 1:
        yield (f"Quickest per epoch: {seconds.idxmin()}; {seconds.idxmax()} takes "
               f"{seconds.max() / seconds.min():.1f} times as long.")


SCENARIO = Scenario(
    name="optimizers",
    question="Which optimizer gets there first, per step and per second?",
    what_to_watch=(
        "Every optimizer first searches its own learning rate on images held out of the training set: one rate for all "
        "would only show whom that rate suits. Then all start from the same weights. Look at the first epoch, at the "
        "spread over seeds, and at how narrow the range of rates is in which each works."),
    variants=tuple(Variant(name, {"optimizer": name}) for name in OPTIMIZERS),
    baseline="sgd",
    base=Settings(epochs=4),
    rate_factors=(0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
    pictures=pictures,
    findings=findings,
)
