"""Too low, right, too high, diverged: what the learning rate does, and a test that suggests one."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

import viz
from neurosim.analysis.range_test import steepest_rate, suggested_rate
from neurosim.data.dataset import Dataset
from neurosim.text import fixed, listing, percent, plain, rounded
from neurosim.training.settings import Settings

from ..protocol.results import METRIC, Results
from ..protocol.scenario import Picture, Run, Scenario, Variant
from ..protocol.statistics import Difference
from ..report.listed import of_each

RATES = (0.001, 0.01, 0.1, 0.3, 1.0, 10.0)
BASELINE = "rate 0.1"
TEST_FROM, TEST_TO = 1e-4, 10.0  # the range test's first and last rate
TEST_STEPS = 100  # the fewest steps of a range test: enough that the rate grows by an eighth from one to the next


def range_test(run: Run, train: Dataset) -> pd.DataFrame:
    """Train for one pass while the learning rate rises geometrically from step to step.

    Args:
        run: its network, its batches, its seed.
        train: the images. If one pass has fewer than `TEST_STEPS` batches, there are further passes.

    Returns:
        Columns step (from 1), learning_rate, loss: of the batch, before its update; NaN after divergence.

    Reference: Smith (2017), Cyclical learning rates for training neural networks, section 3.3. His rate rises along a
    straight line; a geometric one, as is usual today, gives each decade the same number of steps.
    """
    network = run.network(train)
    rng = network.streams["shuffling"]
    B = min(run.settings.batch_size or len(train), len(train))
    steps = max(TEST_STEPS, math.ceil(len(train) / B))
    rates = np.geomspace(TEST_FROM, TEST_TO, steps)
    losses = np.full(steps, np.nan)
    order = np.empty(0, int)
    with np.errstate(all="ignore"):  # its end is meant to overflow
        for k, rate in enumerate(rates):
            if len(order) < B:
                order = np.concatenate([order, rng.permutation(len(train))])
            batch, order = order[:B], order[B:]
            network.optimizer.learning_rate = float(rate)
            loss = network.train_batch(train.images[batch], train.labels[batch])
            if not math.isfinite(loss):
                break
            losses[k] = loss
    return pd.DataFrame({"step": np.arange(1, steps + 1), "learning_rate": rates, "loss": losses})


def measure(run: Run, train: Dataset, test: Dataset) -> dict[str, pd.DataFrame]:
    """Run the range test, once per seed: it is the same for all variants."""
    return {"range_test": range_test(run, train)} if run.variant == BASELINE else {}


def suggestions(results: Results) -> dict[str, float]:
    """Return what the range test suggests, by two rules, from the mean of its losses over the seeds."""
    table = results.table("range_test")
    if not len(table):
        return {}
    losses = table.groupby("learning_rate")["loss"].agg(lambda each: each.mean(skipna=False))
    rates = losses.index.to_numpy(float)
    found = {
        "a tenth of the rate at which the smoothed loss is lowest": suggested_rate(rates, losses),
        "the rate at which the smoothed loss falls most steeply": steepest_rate(rates, losses),
    }
    return {rule: rate for rule, rate in found.items() if rate > 0}


def pictures(results: Results) -> Iterator[Picture]:
    """Draw the end of training against the rate, and the range test."""
    yield Picture(
        "accuracy_by_rate",
        "Where training ended, against the learning rate. To the left of the top there was not enough time; to the "
        "right the steps overshoot. A cross: the loss became infinite in at least one seed.",
        lambda: viz.rate_sensitivity(
            _by_rate(results), metric=METRIC, title="Test accuracy at the end against learning rate"
        ),
    )
    if len(results.table("range_test")):
        yield Picture(
            "range_test",
            "A learning-rate range test: one pass over the data, during which the rate rises. On the left nothing "
            "happens yet, then the loss falls, on the right it climbs again. The ring marks a tenth of the rate at "
            "which the smoothed loss is lowest. There the loss still falls, with room before the cliff.",
            lambda: viz.range_test(results.table("range_test").drop(columns="variant")),
        )


def _rate(name: str) -> float:
    """Return the learning rate of a variant."""
    return float(name.split()[-1])


def _by_rate(results: Results) -> pd.DataFrame:
    """Return the end of each run: seed, learning_rate, test_accuracy (NaN if this rate diverged in any seed)."""
    ends = results.ends()
    lost = ends.groupby("variant")[METRIC].transform(lambda each: each.isna().any())
    ends[METRIC] = ends[METRIC].mask(lost)
    return ends.assign(learning_rate=ends["variant"].map(_rate))[["seed", "learning_rate", METRIC]]


def findings(results: Results) -> Iterator[str]:
    """State which rates are too low and too high, and how good the suggestions of the range test are."""
    final = results.final()
    means = final.mean()  # of the seeds that did not diverge
    whole = means[final.notna().all()]
    if not len(whole):
        yield f"Every rate diverged{' in some seed: all of them are too high' if len(final) > 1 else ''}."
        return
    best = whole.idxmax()
    yield (
        f"The best of the rates tried is {best}, with {percent(whole[best], 2)} at the end. It was picked by these "
        "same test accuracies, which favours it in what follows."
    )
    yield from _against(final, best, results.epochs["epoch"].max()) if len(final) > 1 else _of_one_seed(final, best)
    each = [
        f"suggests {rounded(rate, 2)}, {_distance(rate, _rate(best), best)}. This is {rule}."
        for rule, rate in suggestions(results).items()
    ]
    if each:
        yield f"The range test {' It also '.join(each)}"


def _against(final: pd.DataFrame, best: str, epochs: int) -> Iterator[str]:
    """State which rates are too low or too high against the best one, as far as several seeds can tell."""
    words: dict[str, list[str]] = {"too low": [], "too high": [], "as good": [], "diverged": []}
    for name in final.columns:
        if name == best:
            continue
        lost, lower = int(final[name].isna().sum()), _rate(name) < _rate(best)
        if lost:
            words["diverged" if lower else "too high"].append(f"{name} (diverged in {lost} of {len(final)} seeds)")
        else:
            noise = Difference.between(final[name], final[best]).verdict == "within noise"
            kind = "as good" if noise else "too low" if lower else "too high"
            words[kind].append(f"{name} ({percent(final[name].mean())})")
    for kind, names in words.items():
        if names and kind == "as good":
            yield f"{len(final)} seeds cannot tell these from it: {listing(names)}."
        elif names and kind == "diverged":
            yield f"Smaller, but not safe either: {listing(names)}."
        elif names:
            yield f"{kind.capitalize()} for these {epochs} epochs: {listing(names)}."


def _of_one_seed(final: pd.DataFrame, best: str) -> Iterator[str]:
    """State where each rate ended in one seed, and no more."""
    others = final.drop(columns=best).iloc[0]
    ends = [(str(name), "diverged" if math.isnan(end) else percent(end, 2)) for name, end in others.items()]
    if ends:
        yield of_each(
            "Test accuracy of the other rates at the end, in this one seed",
            ("variant", "test accuracy"),
            ends,
            end="One seed cannot tell which of them are too low or too high.",
        )


def _distance(rate: float, best: float, name: str) -> str:
    """Describe how far a suggestion is from the best rate."""
    factor = max(rate / best, best / rate)
    if factor < 1.05:
        return f"the same as {name}"
    return f"{fixed(factor, 1)} times {'smaller' if rate < best else 'larger'} than {name}"


SCENARIO = Scenario(
    name="learning-rates",
    question="What happens when the learning rate is too low, right, or too high, and how is a good one found?",
    what_to_watch=(
        "Only the learning rate differs: plain gradient descent, the same weights, the same batches. Look first at "
        "the accuracy curves. A rate that is too low gives a smooth curve that is still rising when training ends. "
        "One that is too high learns fast and then jumps about, because its steps are longer than the valley is "
        "wide. Beyond a limit, the loss explodes within a few steps. Then look at the range test. It finds that "
        "limit in one pass over the data, before any rate is tried in full. Compare the rate in its ring with the "
        "top of accuracy against rate."
    ),
    variants=tuple(Variant(f"rate {plain(rate)}", {"learning_rate": rate}) for rate in RATES),
    baseline=BASELINE,
    # a leaky unit cannot die: with relu a run that is much too fast gets stuck with dead units before it can explode
    base=Settings(epochs=6, optimizer="sgd", activation="leaky_relu"),
    measure=measure,
    pictures=pictures,
    findings=findings,
)
