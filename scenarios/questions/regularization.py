"""Penalties, dropout, bounded weights, early stopping: what keeps a network from memorizing its training images."""

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
    """Record how well the training images are read by the same weights as the test images."""
    return [TrainFigures(train)]


def gaps(results: Results) -> pd.DataFrame:
    """Return one row per run and epoch: the columns of the results, those of TrainFigures, and the gaps.

    gap is training minus test accuracy in points, loss_gap test minus training loss.
    """
    table = results.epochs.merge(results.table("train"), on=["variant", "seed", "epoch"], how="left")
    return table.assign(
        gap=100 * (table["train_accuracy"] - table[METRIC]), loss_gap=table["test_loss"] - table["train_loss"]
    )


def at_the_end(results: Results) -> Results:
    """Return the results with `gaps` as epochs, so that `final` and `ends` give the gaps at the end of each run."""
    return Results(results.scenario, gaps(results))


def pictures(results: Results) -> Iterator[Picture]:
    """Draw the gaps over the run and at its end."""
    if not len(results.table("train")):
        return
    styles = viz.variant_style(results.names)
    table = gaps(results)
    yield Picture(
        "gap",
        "Training accuracy minus test accuracy in points, at the end of each epoch and with the same weights. If a "
        "line climbs, the network memorizes its training images.",
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
        "Test loss at the end of each epoch. If it climbs while accuracy stays, the network grows ever surer of "
        "its mistakes. That is overfitting, too.",
        lambda: viz.learning_curves(table, "test_loss", styles=styles),
    )


def findings(results: Results) -> Iterator[str]:
    """State which gaps are narrower than without regularization, and whether that helped the test accuracy."""
    if not len(results.table("train")) or NONE not in results.names:
        return
    end = at_the_end(results)
    train, gap, loss_gap, accuracy = (end.final(name) for name in ("train_accuracy", "gap", "loss_gap", METRIC))
    if gap[NONE].notna().any():
        yield (
            f"Without regularization, training accuracy is {percent(train[NONE].mean())} and test accuracy "
            f"{percent(accuracy[NONE].mean())}: a gap of {fixed(gap[NONE].mean())} points."
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
            f"Gap in loss narrower beyond the noise: {listing(narrower)}. Of these, also a better test accuracy "
            f"beyond the noise: {listing(better) if better else 'none'}."
        )


SCENARIO = Scenario(
    name="regularization",
    question="What keeps a network from memorizing a small training set?",
    what_to_watch=(
        "There are only 1,000 images to train on, a wide layer and many epochs. So the network memorizes all of "
        "them, while the test accuracy stops rising early. Look first at the gap between training and test "
        "accuracy, then at the test loss. Without regularization the loss climbs, because the network grows ever "
        "surer of its mistakes. A penalty or a bound keeps the weights small. Dropout keeps any neuron from "
        "relying on one particular other neuron. Early stopping just ends in time, by images that it does not "
        "train on. A narrow gap is not an aim in itself: a network that has learned nothing has none. So look last "
        "at whether the test accuracy gained, or whether it paid for the narrower gap."
    ),
    # strong enough that each changes something; not tuned, so this does not decide which kind is best
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
    train_size=1_200,  # some of them are held out for early stopping
    recorders=recorders,
    pictures=pictures,
    findings=findings,
    quick={"epochs": 12},
)
