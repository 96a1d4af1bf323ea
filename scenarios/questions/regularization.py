"""Penalties, dropout, bounded weights, early stopping: what holds a network back from learning its images by heart."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

import viz
from neurosim.data.dataset import Dataset
from neurosim.text import fixed, listing, percent
from neurosim.training.settings import Settings

from ..protocol.recorders import TrainFigures
from ..protocol.results import METRIC, Results
from ..protocol.scenario import Picture, Recorder, Run, Scenario, Variant
from ..protocol.statistics import Difference
from ..report.listed import of_each

NONE = "none"


def recorders(run: Run, train: Dataset) -> list[Recorder]:
    """How well the training images are read by the same weights as the test images."""
    return [TrainFigures(train)]


def gaps(results: Results) -> pd.DataFrame:
    """One row per run and epoch: the columns of the results, those of TrainFigures, and the gaps.

    gap is training minus test accuracy in points, loss_gap test minus training loss.
    """
    table = results.epochs.merge(results.table("train"), on=["variant", "seed", "epoch"], how="left")
    return table.assign(
        gap=100 * (table["train_accuracy"] - table[METRIC]), loss_gap=table["test_loss"] - table["train_loss"]
    )


def at_the_end(results: Results) -> Results:
    """The results with `gaps` for epochs, so that `final` and `ends` give them at the end of each run."""
    return Results(results.scenario, gaps(results))


def pictures(results: Results) -> Iterator[Picture]:
    """The gaps over the run and at its end."""
    if not len(results.table("train")):
        return
    styles = viz.variant_style(results.names)
    table = gaps(results)
    yield Picture(
        "gap",
        "By how many points the training images are read better than the test images, at the end of "
        "each epoch and by the same weights. A line that climbs: the network learns its images by heart.",
        lambda: viz.learning_curves(
            table, "gap", styles=styles, title="Gap between training and test accuracy by epoch"
        ),
    )
    yield Picture(
        "final_gap",
        "The same gap with the weights that each run ended with, one dot per seed.",
        lambda: viz.comparison(
            at_the_end(results).ends("gap"),
            "gap",
            NONE if NONE in results.names else None,
            styles=styles,
            title="Gap between training and test accuracy, smallest on top",
        ),
    )
    yield Picture(
        "test_loss",
        "Test loss at the end of each epoch. Where it climbs while accuracy stays, the network "
        "grows ever surer of its mistakes: that is overfitting, too.",
        lambda: viz.learning_curves(table, "test_loss", styles=styles),
    )


def findings(results: Results) -> Iterator[str]:
    """Which gaps are narrower than without regularization, and whether that helped the test accuracy."""
    if not len(results.table("train")) or NONE not in results.names:
        return
    end = at_the_end(results)
    train, gap, loss_gap, accuracy = (end.final(name) for name in ("train_accuracy", "gap", "loss_gap", METRIC))
    if gap[NONE].notna().any():
        yield (
            f"Without regularization the network reads {percent(train[NONE].mean())} of its training images and "
            f"{percent(accuracy[NONE].mean())} of the test images: a gap of {fixed(gap[NONE].mean())} points."
        )
    others = [name for name in results.names if name != NONE]
    for what, table, unit in (
        ("The gap in accuracy", gap, "points"),
        ("The gap in loss (test minus training)", loss_gap, ""),
    ):
        rows = [(name, Difference.between(table[name], table[NONE]).text(unit, 1.0)) for name in others]
        if rows:
            yield of_each(f"{what}, against {NONE}", ("variant", "difference"), rows, joint="; ")
    narrower = [name for name in others if Difference.between(loss_gap[name], loss_gap[NONE]).high < 0]
    better = [name for name in narrower if Difference.between(accuracy[name], accuracy[NONE]).verdict == "better"]
    if narrower:
        yield (
            f"Narrower in loss beyond the noise: {listing(narrower)}. Of these, better at the test images, too, "
            f"beyond the noise: {listing(better) if better else 'none'}."
        )


SCENARIO = Scenario(
    name="regularization",
    question="What keeps a network from learning a small training set by heart?",
    what_to_watch=(
        "There are only 1,000 images to train on, a wide layer and many epochs, so the network learns all of them by "
        "heart, while the test accuracy stops rising early. Look at the gap between training and test accuracy first, "
        "then at the test loss: without regularization it climbs, because the network grows ever surer of its "
        "mistakes. A penalty or a bound keeps the weights small, dropout keeps any neuron from relying on a certain "
        "other one, early stopping just ends in time, by images that it does not train on. A narrow gap is no aim in "
        "itself: a network that has learned nothing has none. So look last at whether the test accuracy gained, or "
        "whether the narrower gap was paid for with it."
    ),
    # strong enough that each changes something; not tuned, and so no verdict on which kind is best
    variants=(
        Variant(NONE),
        Variant("l1", {"l1": 1e-3}),
        Variant("l2", {"l2": 2e-2}),
        Variant("dropout", {"dropout": 0.5, "input_dropout": 0.2}),  # the rates of Srivastava et al. (2014)
        Variant("max-norm", {"max_norm": 1.0}),
        Variant("early stopping", {"early_stopping": 5}),
    ),
    baseline=NONE,
    base=Settings(hidden=(512,), epochs=30, batch_size=32),
    train_size=1_200,  # of which some are held out for early stopping
    recorders=recorders,
    pictures=pictures,
    findings=findings,
    quick={"epochs": 12},
)
