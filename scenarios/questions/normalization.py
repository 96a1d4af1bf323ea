"""What batch normalization does for deep nets: with and without it, for sigmoids and for ReLUs."""

from __future__ import annotations

from collections.abc import Iterator

import viz
from neurosim.data.dataset import Dataset
from neurosim.text import percent, rounded
from neurosim.training.settings import Settings

from ..protocol.measures import commonest_class
from ..protocol.recorders import Preactivations
from ..protocol.results import METRIC, Results
from ..protocol.scenario import Picture, Recorder, Run, Scenario, Variant
from ..protocol.statistics import geometric_mean
from ..protocol.steps import even_steps
from ..report.findings import learned_nothing, versus
from ..report.listed import of_each

RECORDS = 60
ACTIVATIONS = ("sigmoid", "relu")
WITH = " + batch norm"


def recorders(run: Run, train: Dataset) -> list[Recorder]:
    """Record the distribution of the pre-activations."""
    return [Preactivations({1, *even_steps(run, train, RECORDS)})]


def pictures(results: Results) -> Iterator[Picture]:
    """Draw the pre-activations in the first, the middle and the last hidden layer."""
    table = results.table("preactivations")
    if len(table):
        yield Picture(
            "preactivations",
            "The weighted sums z that enter the activation function, over all units of a layer and the images of "
            "the batch. One row per variant, one column per layer. Without normalization, the bands may drift, "
            "widen or shrink as the layers below change. With normalization, they nearly keep their place.",
            lambda: viz.histogram_over_time(table, label="pre-activation z"),
        )
        yield Picture(
            "between_images",
            "How different two images look to a unit at the last step, in the first, the middle and the last "
            "hidden layer. The measure is the standard deviation of z over the images. If it falls to nothing, the "
            "layer gets the same input for every image. After batch normalization it is about 1 by construction, "
            "except for the scale that each unit learns. So that line shows what the normalization does, not a "
            "result of training.",
            lambda: viz.spread_by_layer(
                table[table["step"] == table["step"].max()],
                "images",
                styles=viz.variant_style(results.names),
                label=f"spread over {results.noun}s",
                title=f"How different {results.noun}s look to each layer, at the last step",
            ),
        )


def findings(results: Results) -> Iterator[str]:
    """Compare with and without, early and at the end, and state what happened to the pre-activations."""
    first = results.epochs[results.epochs["epoch"] == 1].groupby("variant")[METRIC].mean().dropna()
    for name in ACTIVATIONS:
        words = versus(results, name + WITH, name)
        if words:
            early = (
                f" After the first epoch: {percent(first[name + WITH])} against {percent(first[name])}."
                if {name, name + WITH} <= set(first.index)
                else ""
            )
            yield f"Test accuracy at the end, {words}.{early}"
    table = results.table("preactivations")
    if len(table):
        last = table[table["layer"] == table["layer"].max()]
        spread = last.groupby(["variant", "step"])["images"].agg(geometric_mean).unstack("step")
        spread = spread[[spread.columns.min(), spread.columns.max()]].dropna()
        spreads = [
            (name, rounded(spread.loc[name].iloc[0], 2), rounded(spread.loc[name].iloc[1], 2))
            for name in results.names
            if name in spread.index
        ]
        if spreads:
            yield of_each(
                f"Standard deviation of z over the images in hidden layer {int(table['layer'].max())}, at the first "
                "and the last step",
                ("variant", "first step", "last step"),
                spreads,
                "{} {} and {}",
            )
    yield from learned_nothing(results)


SCENARIO = Scenario(
    name="normalization",
    question="What does batch normalization do for a deep net?",
    what_to_watch=(
        "Compare each activation function with itself: the same net and the same initial weights, with and without "
        "normalization. Look first at how different two images still look to the units of the last hidden layer. "
        "If the difference is next to nothing, that layer gets the same input for every image, and nothing can be "
        "learned from it. Batch normalization sets the mean and the spread of every unit anew in each batch. So "
        "differences between images reach every layer, whatever the weights below. It matters more to sigmoids, "
        "which lose the signal layer by layer, than to ReLUs with He's weights, which were made to keep it. The "
        "cost is in the column of seconds."
    ),
    variants=tuple(
        Variant(name + extra, {"activation": name, "batch_norm": bool(extra)})
        for name in ACTIVATIONS
        for extra in ("", WITH)
    ),
    baseline="relu",
    base=Settings(hidden=(64,) * 8, optimizer="sgd", learning_rate=0.05, epochs=4),
    train_size=20_000,
    recorders=recorders,
    measure=commonest_class,
    pictures=pictures,
    findings=findings,
)
