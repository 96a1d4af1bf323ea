"""Why deep sigmoid nets do not learn: the gradient on its way down through ten layers."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

import viz
from neurosim.data.dataset import Dataset
from neurosim.text import rounded
from neurosim.training.settings import Settings

from ..protocol.measures import commonest_class
from ..protocol.recorders import GradientNorms
from ..protocol.results import Results
from ..protocol.scenario import Picture, Recorder, Run, Scenario, Variant
from ..protocol.statistics import geometric_mean
from ..protocol.steps import step_interval
from ..report.findings import learned_nothing
from ..report.listed import of_each


def recorders(run: Run, train: Dataset) -> list[Recorder]:
    """Record the gradients of the layers."""
    return [GradientNorms(step_interval(run, train))]


def first_step(results: Results) -> pd.DataFrame:
    """Return the norms at the first step that was recorded: the gradients of the initial weights."""
    gradients = results.table("gradients")
    return gradients[gradients["step"] == gradients["step"].min()] if len(gradients) else gradients


def pictures(results: Results) -> Iterator[Picture]:
    """Draw the gradient by layer, at the first step and during training."""
    first = first_step(results)
    if first.empty:
        return
    yield Picture(
        "first_step",
        "The gradient norm of each layer's weights at the first step, on a logarithmic axis: each grid line is a "
        "factor of ten or more. Read it from right (the output layer) to left. The steeper a line, the more each "
        "layer takes away. Layer 1 stands apart, because its inputs are the pixels, and there are more of them.",
        lambda: viz.spread_by_layer(
            first,
            "norm",
            styles=viz.variant_style(results.names),
            label="gradient norm",
            title="Gradient of each layer at the first step",
        ),
    )
    yield Picture(
        "gradient_flow",
        "The same norms during training, one panel per activation function. If the lines stay far apart, the "
        "layers near the input learn far more slowly than those near the output.",
        lambda: viz.gradient_flow(results.table("gradients")),
    )


def findings(results: Results) -> Iterator[str]:
    """Compare what arrives at the first layer with the output layer and with the baseline."""
    first, baseline = first_step(results), results.scenario.baseline
    if len(first) and first["layer"].nunique() > 1:
        norm = first.groupby(["variant", "layer"])["norm"].agg(geometric_mean).unstack("layer")
        norm = norm.loc[[name for name in results.names if name in norm.index]]
        layers = sorted(norm.columns)
        low, high = layers[0], layers[-1]
        share = (norm[low] / norm[high]).dropna()  # NaN: 0 / 0
        if len(share):
            yield _multiples(f"Gradient of layer {low} at the first step, as a multiple of the output layer's", share)
        # layer 1 looks at pixels and the output layer has ten units: only those between are all of one kind
        between = layers[1:-1]
        if len(between) > 1:
            lower, upper = between[0], between[-1]
            factor = ((norm[lower] / norm[upper]) ** (1 / (len(between) - 1))).dropna()
            if len(factor):
                yield _multiples(
                    f"From layer {upper} down to layer {lower}, each layer multiplies the gradient by", factor
                )
        if baseline in norm.index and norm.loc[baseline, low] > 0:
            against = (norm[low] / norm.loc[baseline, low]).drop(baseline).dropna()
            if len(against):
                yield _multiples(
                    f"Gradient of layer {low} at the first step, as a multiple of that with {baseline}", against
                )
    yield from learned_nothing(results)


def _multiples(lead: str, values: pd.Series) -> str:
    """Return a finding with a number for each variant."""
    rows = [(str(name), rounded(value, 2)) for name, value in values.items()]
    return of_each(lead, ("variant", "times"), rows)


SCENARIO = Scenario(
    name="vanishing-gradients",
    question="Why does a deep net of sigmoids not learn?",
    what_to_watch=(
        "Look at the gradients of the first step before any accuracy. On the way down from the output, every layer "
        "multiplies the gradient by its weights and by f'(z). The derivative of the sigmoid is never above 1/4, so "
        "ten layers leave next to nothing for the first. The derivative of tanh reaches 1 at zero, and that of "
        "ReLU is 1 for half of the units. SELU is made to keep the size of the signal. Each activation function starts "
        "from the initializer that suits it: Glorot for sigmoid and tanh, He for ReLU, LeCun for SELU. Then look "
        "at the loss: a network whose first layers cannot move answers the same for every image."
    ),
    variants=tuple(Variant(name, {"activation": name}) for name in ("sigmoid", "tanh", "relu", "selu")),
    baseline="relu",
    base=Settings(hidden=(64,) * 9, optimizer="sgd", learning_rate=0.02, epochs=5),
    train_size=20_000,
    recorders=recorders,
    measure=commonest_class,
    pictures=pictures,
    findings=findings,
)
