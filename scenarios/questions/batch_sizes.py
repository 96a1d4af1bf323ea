"""Batch sizes from one image per step to all of them: noise, speed and accuracy."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

import viz
from neurosim.data.dataset import Dataset
from neurosim.text import fixed, percent, plain, rounded, thousands
from neurosim.training.settings import Settings

from ..protocol.recorders import GradientNoise
from ..protocol.results import METRIC, Results
from ..protocol.scenario import Picture, Recorder, Run, Scenario, Variant
from ..report.findings import seconds_per_epoch
from ..report.listed import AND, of_each

BASELINE = "batch 64"


def recorders(run: Run, train: Dataset) -> list[Recorder]:
    """Record the noise of the batches' gradients."""
    return [GradientNoise(train, run.settings.batch_size)]


def pictures(results: Results) -> Iterator[Picture]:
    """Draw the same runs by update and by second, and the noise."""
    styles = viz.variant_style(results.names)
    noise = results.table("gradient_noise")
    if len(noise):
        yield Picture(
            "accuracy_by_update",
            "The same runs against the number of updates, on a logarithmic axis. At one place on this axis, all "
            "runs have taken the same number of steps. The larger the batch, the more an update is worth, and the "
            "more images it needs.",
            lambda: viz.learning_curves(_by_update(results), METRIC, x="updates", styles=styles),
        )
    timed = _by_time(results)
    if len(timed):
        yield Picture(
            "accuracy_by_time",
            "The same runs against the time spent training. Small batches take many small matrix products. Large "
            "batches take a few large ones, which a processor computes faster.",
            lambda: viz.learning_curves(timed, METRIC, x="time", styles=styles),
        )
    noisy = noise[noise["gradient_noise"] > 0] if len(noise) else noise
    if len(noisy):
        yield Picture(
            "gradient_noise",
            "How far the gradient of one batch lies from that of all images, before training (0) and after each "
            "epoch. Above 1, a batch misses the gradient by more than the gradient's length. Each value is "
            "measured with the weights of its own run. The full batch has no noise, and so no line.",
            lambda: viz.learning_curves(
                noisy, "gradient_noise", styles=styles, title="Noise of a batch's gradient by epoch"
            ),
        )
    if len(results.table("rates")):
        yield Picture(
            "learning_rates",
            "The search: accuracy on held-out training images at each learning rate, the mean of the seeds. It is "
            "measured after two epochs, or after more if two have few updates. The chosen rate has a ring. Compare "
            "along one line only, because the epochs differ. Do larger batches allow larger rates?",
            lambda: viz.rate_sensitivity(results.search_curves(), styles=styles),
        )


def _by_update(results: Results) -> pd.DataFrame:
    """Return variant, seed, updates and test_accuracy of every epoch that was reached."""
    updates = results.table("gradient_noise")[["variant", "seed", "epoch", "updates"]]
    return results.epochs[["variant", "seed", "epoch", METRIC]].merge(updates, on=["variant", "seed", "epoch"])[
        ["variant", "seed", "updates", METRIC]
    ]


def _by_time(results: Results) -> pd.DataFrame:
    """Return variant, seed, time (until the end of an epoch, the mean over the seeds) and test_accuracy."""
    epochs = results.epochs.sort_values("epoch", kind="stable")
    spent = epochs.groupby(["variant", "seed"])["seconds"].cumsum()
    time = spent.groupby([epochs["variant"], epochs["epoch"]]).transform("mean")
    return epochs.assign(time=time)[["variant", "seed", "time", METRIC]].dropna(subset=["time"])


def findings(results: Results) -> Iterator[str]:
    """Compare updates and accuracy, times, the noise with the square-root law, the rates with the scaling rule."""
    yield from _updates(results)
    yield from _time(results)
    yield from _noise(results)
    yield from _rates(results)


def _updates(results: Results) -> Iterator[str]:
    noise = results.table("gradient_noise")
    if not len(noise):
        return
    updates = noise.groupby("variant")["updates"].max()
    accuracy = results.final().mean()
    names = [name for name in results.names if name in updates and not math.isnan(accuracy[name])]
    if len(names) > 1:
        most, least = max(names, key=updates.get), min(names, key=updates.get)
        yield (
            f"In the same {results.epochs['epoch'].max()} epochs, {most} makes {thousands(updates[most])} updates "
            f"and ends at {percent(accuracy[most])}. {least} makes {thousands(updates[least])} and ends at "
            f"{percent(accuracy[least])}."
        )


def _time(results: Results) -> Iterator[str]:
    """State which variant computes an epoch fastest, and which reaches a good accuracy in the shortest time."""
    seconds = seconds_per_epoch(results)
    if len(seconds) > 1:
        yield (
            f"Median time per epoch: {rounded(seconds.max(), 2)} s with {seconds.idxmax()}, "
            f"{rounded(seconds.min(), 2)} s with {seconds.idxmin()}. That is {fixed(seconds.max() / seconds.min(), 0)} "
            "times as fast, on this machine."
        )
    goal = math.floor(97 * results.final().mean().max()) / 100 if results.final().notna().any(axis=None) else math.nan
    when = {name: _seconds_to(results, goal, name) for name in results.names}
    arrived = {name: time for name, time in when.items() if not math.isnan(time)}
    if len(arrived) > 1:
        first = sorted(arrived, key=arrived.__getitem__)
        yield of_each(
            f"Time until {percent(goal, 0)} test accuracy at the end of an epoch",
            ("variant", "seconds"),
            [(name, rounded(arrived[name], 2)) for name in first],
            "{} in {} s",
            end="These times depend on the machine. Their order is not tested for noise.",
        )


def _seconds_to(results: Results, accuracy: float, name: str) -> float:
    """Return the time until a variant reached a test accuracy, the mean over the seeds; NaN if one did not."""
    times = []
    for _, run in results.epochs[results.epochs["variant"] == name].sort_values("epoch").groupby("seed"):
        spent = run["seconds"].cumsum()
        times.append(spent[run[METRIC] >= accuracy].min())
    return float(np.mean(times))


def law(noise: pd.DataFrame) -> tuple[float, pd.Series]:
    """Fit a power law to the noise over the batch size.

    Args:
        noise: columns batch_size, gradient_noise.

    Returns:
        k of the power law noise ∝ B^k, by least squares of the logarithms, and the noise (root of the mean square) by
        batch size. Independent images have k = -1/2.
    """
    squares = noise.assign(square=noise["gradient_noise"] ** 2).groupby("batch_size")["square"].mean()
    sizes = np.sqrt(squares[squares > 0].dropna())
    if len(sizes) < 2:
        return math.nan, sizes
    return float(np.polyfit(np.log(sizes.index.to_numpy(float)), np.log(sizes), 1)[0]), sizes


def _noise(results: Results) -> Iterator[str]:
    noise = results.table("gradient_noise")
    if not len(noise):
        return
    power, start = law(noise[noise["epoch"] == 0])
    if math.isnan(power):
        return
    yield (
        f"Before training, one batch of {thousands(start.index[0])} misses the full gradient by "
        f"{rounded(start.iloc[0], 2)} times its length. One of {thousands(start.index[-1])} misses it by "
        f"{rounded(start.iloc[-1], 2)} times. The noise follows the batch size to the power {fixed(power)} "
        "(independent images: -0.50)."
    )
    _, end = law(noise[noise["epoch"] == noise["epoch"].max()])
    grown = {size: end[size] / start[size] for size in start.index if size in end}
    if len(grown) > 1:
        low, high = min(grown.values()), max(grown.values())
        yield (
            f"After the last epoch, the noise is {fixed(low, 1)} to {fixed(high, 1)} times what it was before "
            "training" + (". The mean gradient has shrunk more than its spread." if low > 1 else ".")
        )


def _rates(results: Results) -> Iterator[str]:
    """Compare the chosen rates with the rule that they grow with the batch size."""
    rates = results.rates()
    if not len(rates):
        return
    chosen = rates[rates["chosen"]].set_index("variant")["learning_rate"]
    sizes = {name: int(size) for name in results.names if name in chosen and (size := name.split()[-1]).isdigit()}
    if len(sizes) < 2:
        return
    low, high = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    growth, grown = sizes[high] / sizes[low], chosen[high] / chosen[low]
    yield of_each(
        "Learning rates chosen on validation images",
        ("variant", "learning rate"),
        [(name, plain(chosen[name])) for name in chosen.index],
        "{1} for {0}",
        AND,
        f"From {low} to {high}, the batch grows {fixed(growth, 0)}-fold and its rate {rounded(grown)}-fold. The "
        f"linear scaling rule (Goyal et al., 2017) gives {fixed(growth, 0)}-fold, the square-root rule "
        f"{fixed(math.sqrt(growth), 0)}-fold.",
    )


SCENARIO = Scenario(
    name="batch-sizes",
    question="How does the batch size, from one image to all of them, change noise, speed and accuracy?",
    what_to_watch=(
        "All runs see the same images equally often; only the number of images per step differs. Each batch size "
        "first searches its own learning rate, because a mean over more images is less noisy and allows longer "
        "steps. The search is short: two seeds, and rates about a factor of 3 apart. Large batches make few "
        "updates in it, so each rate is only about right. Look at the accuracy by epoch, by update and by second, "
        "one after the other: the order of the lines changes. By epoch small batches lead, because they take more "
        "steps. By update large batches lead, because each step is better. By second the winner lies in between. "
        "Then look at the noise. Four times the images only halve it, so very large batches gain little."
    ),
    variants=tuple(
        Variant(f"batch {size}" if size else "full batch", {"batch_size": size}) for size in (1, 8, 64, 512, None)
    ),
    baseline=BASELINE,
    base=Settings(epochs=12, optimizer="sgd"),
    rate_factors=(0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    train_size=2_000,
    recorders=recorders,
    pictures=pictures,
    findings=findings,
)
