"""Constant, staircase, cosine, warm-up, one cycle: what a learning rate that changes during the run gains."""

from __future__ import annotations

from collections.abc import Iterator

import viz
from neurosim.data import Dataset
from neurosim.settings import Settings

from .base import METRIC, Difference, Picture, Results, Run, Scenario, Variant
from .recorders import Recorder, StepLosses, steps_between

RATE = 0.3
LOW = RATE / 10


def recorders(run: Run, train: Dataset) -> list[Recorder]:
    """Rate and loss of about fifty steps an epoch."""
    return [StepLosses(steps_between(run, train, 50))]


def pictures(results: Results) -> Iterator[Picture]:
    """Rate and loss together."""
    steps = results.table("steps")
    if len(steps):
        yield Picture("schedule_and_loss", "Above, the learning rate of each step; below, the training loss of the "
                      "same steps. Compare the loss and its jitter where the rate is large with where it is small.",
                      lambda: viz.schedule_and_loss(steps))


def roughness(results: Results) -> dict[str, float]:
    """How much the test accuracy moves from epoch to epoch in the second half of training: the mean of |change|."""
    late = results.epochs[results.epochs["epoch"] > results.epochs["epoch"].max() / 2].sort_values("epoch")
    change = late.groupby(["variant", "seed"])[METRIC].diff().abs()
    means = change.groupby(late["variant"]).mean().dropna()
    return {name: float(means[name]) for name in results.names if name in means}


def findings(results: Results) -> Iterator[str]:
    """What each schedule gains on the better of the constant rates, and how restless each is at the end."""
    final = results.final()
    constants = [name for name in results.names if name.startswith("constant") and final[name].notna().any()]
    schedules = [name for name in results.names if not name.startswith("constant")]
    if constants and schedules:
        best = final[constants].mean().idxmax()
        each = [f"{name} {Difference.between(final[name], final[best]).text()}" for name in schedules]
        yield f"Against the better constant rate, {best}: {'; '.join(each)}."
    restless = roughness(results)
    if len(restless) > 1:
        most, least = max(restless, key=restless.__getitem__), min(restless, key=restless.__getitem__)
        if restless[most] > restless[least]:
            yield (f"From epoch to epoch of the second half, the test accuracy moves by "
                   f"{100 * restless[most]:.2f} points on average with {most}, and by {100 * restless[least]:.2f} with "
                   f"{least}.")
    spread = 100 * final.std().dropna()
    if len(spread) > 1:
        yield (f"Over the seeds, the final accuracy spreads most with {spread.idxmax()} (a standard deviation of "
               f"{spread.max():.2f} points) and least with {spread.idxmin()} ({spread.min():.2f} points).")


SCENARIO = Scenario(
    name="schedules",
    question="What does a learning rate that changes during training gain over a constant one?",
    what_to_watch=(
        f"All runs but one have the same largest learning rate, {RATE:g}; the other is constant at a tenth of it. Look "
        "at rate and loss together first: a large rate comes down fast and then jitters about the valley's floor, a "
        "small one creeps along without jitter. A schedule wants both, speed at first and calm at the end. "
        "Staircase and cosine begin high and fall; warm-up begins low and stays high; one cycle does both. Then "
        "look at the accuracy from epoch to epoch and from seed to seed: with a rate that is still large at the end, "
        "it is partly chance where the last step lands."),
    variants=(
        Variant("constant"),
        Variant(f"constant at {LOW:g}", {"learning_rate": LOW}),
        *(Variant(name, {"schedule": name}) for name in ("step", "cosine", "warm_up", "one_cycle"))),
    baseline="constant",
    base=Settings(epochs=8, optimizer="sgd", learning_rate=RATE),
    recorders=recorders,
    pictures=pictures,
    findings=findings,
    quick={"epochs": 4},
)
