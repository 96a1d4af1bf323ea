"""What the initial weights let through: zeros, too small, too large, Glorot, He, in a net of ten hidden layers."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

import viz
from neurosim.data.dataset import Dataset
from neurosim.layers.stack import numbers_of
from neurosim.text import listing, plain, rounded
from neurosim.training.settings import Settings

from ..protocol.measures import commonest_class, hidden_layers
from ..protocol.results import Results
from ..protocol.scenario import Picture, Run, Scenario, Variant
from ..protocol.statistics import geometric_mean
from ..report.findings import learned_nothing
from ..report.listed import of_each

MEASURED = 1_000  # training images that are sent through each network before it is trained
LEVEL = 10.0  # a signal that changes by less than this factor from the first to the last layer has passed through


def measure(run: Run, train: Dataset, test: Dataset) -> dict[str, pd.DataFrame]:
    """Measure what reaches each hidden layer before training: the spread of its activations and of its deltas."""
    network = run.network(train)
    network.gradients(train.images[:MEASURED], train.labels[:MEASURED], training=True)
    hidden = [layer for layer, _ in hidden_layers(network)]
    signal = [
        {"layer": k, "activation": float(layer.a.std(dtype=float)), "delta": float(layer.delta.std(dtype=float))}
        for k, layer in zip(numbers_of(hidden, network.layers), hidden, strict=True)
    ]
    return {
        "signal": pd.DataFrame(signal, columns=["layer", "activation", "delta"]),
        **commonest_class(run, train, test),
    }


def pictures(results: Results) -> Iterator[Picture]:
    """Draw what passes forward and backward through the layers before the first step."""
    signal, styles = results.table("signal"), viz.variant_style(results.names)
    if signal.empty:
        return
    yield Picture(
        "forward",
        "Before training: the standard deviation of the activations in each hidden layer, over all its units and "
        "images. A level line carries the image to the output. A falling one loses it; a rising one drowns "
        "everything.",
        lambda: viz.spread_by_layer(signal, "activation", styles=styles, label="standard deviation of activations"),
    )
    yield Picture(
        "backward",
        "Before training: the standard deviation of the deltas dL/dz in each hidden layer. Read it from right to "
        "left, because the deltas travel that way. If the deltas of a layer are tiny, its weights hardly move.",
        lambda: viz.spread_by_layer(signal, "delta", styles=styles, label="standard deviation of deltas"),
    )


def findings(results: Results) -> Iterator[str]:
    """State by what factor the signal changes on its way, which variants keep it, and which learn nothing."""
    signal = results.table("signal")
    if len(signal) and signal["layer"].nunique() > 1:
        first, last = int(signal["layer"].min()), int(signal["layer"].max())
        sizes = signal.groupby(["variant", "layer"])[["activation", "delta"]].agg(geometric_mean)
        names = [name for name in results.names if {(name, first), (name, last)} <= set(sizes.index)]
        for column, what, start, end in (
            ("activation", "activations", first, last),
            ("delta", "deltas", last, first),
        ):
            size = {name: sizes.loc[name, column] for name in names}
            factor = {name: float(size[name][end] / size[name][start]) for name in names if size[name][start] > 0}
            none = [name for name in names if size[name][start] == 0]
            if factor:
                yield of_each(
                    f"Before training, the {what} change from layer {start} to layer {end} by a factor of",
                    ("variant", "factor"),
                    [(name, rounded(factor[name], 2)) for name in factor],
                    end=f"With {listing(none)} there is no signal at the start." if none else "",
                )
            level = [name for name in factor if 1 / LEVEL < factor[name] < LEVEL]
            if level and len(level) < len(names):
                yield (
                    f"Changed by less than a factor of {plain(LEVEL)} {'forward' if end > start else 'backward'}: "
                    f"{listing(level)}."
                )
    yield from learned_nothing(results)


SCENARIO = Scenario(
    name="initializers",
    question="With which initial weights does the signal reach the tenth layer, neither faded nor exploded?",
    what_to_watch=(
        "Look first at the two figures drawn before training. The images enter at layer 1, and what matters is how "
        "much of their differences arrives at layer 10. Each layer multiplies the signal by about the same factor. "
        "So a factor a little below or above 1 becomes a very small or very large one after ten layers. The deltas "
        "meet the same factors on their way back. Glorot's rule aims at a factor of 1 for activations that are "
        "straight near zero. He's rule allows for the half that ReLU cuts off. Only then look at the curves. A "
        "network that lets nothing through learns nothing, and one that multiplies too much diverges."
    ),
    variants=(
        Variant("zeros", {"initializer": "zeros"}),
        Variant("too small", {"initializer": "normal:standard_deviation=0.01"}),
        Variant("too large", {"initializer": "normal:standard_deviation=0.3"}),
        Variant("Glorot", {"initializer": "glorot_normal"}),
        Variant("He", {"initializer": "he_normal"}),
    ),
    baseline="He",
    base=Settings(hidden=(64,) * 10, optimizer="sgd", learning_rate=0.02, epochs=5),
    train_size=20_000,
    measure=measure,
    pictures=pictures,
    findings=findings,
)
