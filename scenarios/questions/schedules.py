"""Constant, staircase, cosine, warm-up, one cycle: what a learning rate that changes during the run gains."""

from __future__ import annotations

from collections.abc import Iterator

import viz
from neurosim.data.dataset import Dataset
from neurosim.text import plain, points
from neurosim.training.settings import Settings

from ..protocol.recorders import StepLosses
from ..protocol.results import METRIC, Results
from ..protocol.scenario import Picture, Recorder, Run, Scenario, Variant
from ..protocol.statistics import Difference
from ..protocol.steps import step_interval
from ..report.listed import of_each

RATE = 0.3
LOW = RATE / 10


def recorders(run: Run, train: Dataset) -> list[Recorder]:
    """Record rate and loss of about fifty steps per epoch."""
    return [StepLosses(step_interval(run, train, 50))]


def pictures(results: Results) -> Iterator[Picture]:
    """Draw rate and loss together."""
    steps = results.table("steps")
    if len(steps):
        yield Picture(
            "schedule_and_loss",
            "Above, the learning rate of each step; below, the training loss of the same steps. Compare the loss "
            "and its jitter at a large rate with those at a small rate.",
            lambda: viz.schedule_and_loss(steps),
        )


def roughness(results: Results) -> dict[str, float]:
    """Return how far an epoch's test accuracy lies from the mean of its neighbours, in the second half of training.

    The mean of |a_t - (a_{t-1} + a_{t+1}) / 2|: steady progress counts nothing. Empty if the second half has fewer
    than three epochs, because then no epoch has two neighbours in it.
    """
    late = results.epochs[results.epochs["epoch"] > results.epochs["epoch"].max() / 2].sort_values("epoch")
    accuracy = late.groupby(["variant", "seed"])[METRIC]
    off = (late[METRIC] - (accuracy.shift(1) + accuracy.shift(-1)) / 2).abs()  # NaN at either end
    means = off.groupby(late["variant"]).mean().dropna()
    return {name: float(means[name]) for name in results.names if name in means}


def findings(results: Results) -> Iterator[str]:
    """State what each schedule gains on the better constant rate, and how restless each is at the end."""
    final = results.final()
    constants = [name for name in results.names if name.startswith("constant") and final[name].notna().any()]
    schedules = [name for name in results.names if not name.startswith("constant")]
    if constants and schedules:
        best = final[constants].mean().idxmax()
        rows = [(name, Difference.between(final[name], final[best]).text()) for name in schedules]
        yield of_each(
            f"Against the better constant rate, {best}",
            ("schedule", "difference"),
            rows,
            joint="; ",
            end="It was chosen by these same accuracies, so it may look a little too good."
            if len(constants) > 1
            else "",
        )
    restless = roughness(results)
    if restless:
        yield of_each(
            "Points between an epoch's test accuracy and the mean of its two neighbours, averaged over the second half",
            ("variant", "points"),
            [(name, points(value)) for name, value in restless.items()],
            end="These averages are not tested for noise.",
        )


SCENARIO = Scenario(
    name="schedules",
    question="What does a learning rate that changes during training gain over a constant one?",
    what_to_watch=(
        f"All runs have the same largest learning rate, {plain(RATE)}, except one: it is constant at a tenth of it. "
        "Look first at rate and loss together. At a large rate the loss comes down fast and then jitters about the "
        "valley's floor; at a small one it creeps along without jitter. A schedule wants both, speed at first and "
        "calm at the end. Staircase and cosine begin high and fall; warm-up begins low and stays high; one cycle "
        "does both. Then look at the accuracy from epoch to epoch and from seed to seed. If the rate is still "
        "large at the end, it is partly chance where the last step lands."
    ),
    variants=(
        Variant("constant"),
        Variant(f"constant at {plain(LOW)}", {"learning_rate": LOW}),
        *(Variant(name, {"schedule": name}) for name in ("step", "cosine", "warm_up", "one_cycle")),
    ),
    baseline="constant",
    base=Settings(epochs=8, optimizer="sgd", learning_rate=RATE),
    recorders=recorders,
    pictures=pictures,
    findings=findings,
    quick={"epochs": 4},
)
