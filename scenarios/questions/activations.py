"""Which hidden activation learns fastest, and why."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

import viz
from neurosim.activations import ACTIVATIONS
from neurosim.data.dataset import Dataset
from neurosim.text import rounded
from neurosim.training.settings import Settings

from ..protocol.recorders import GradientNorms, UnitHealth
from ..protocol.results import Results
from ..protocol.scenario import Picture, Recorder, Run, Scenario, Variant
from ..protocol.steps import step_interval

WATCHED = 1_000  # training images on which the health of the neurons is measured


def recorders(run: Run, train: Dataset) -> list[Recorder]:
    """Record the gradients of the layers, and the shares of dead and saturated neurons."""
    return [GradientNorms(step_interval(run, train)), UnitHealth(train.images[:WATCHED])]


def pictures(results: Results) -> Iterator[Picture]:
    """Draw the functions themselves, and the gradient that reaches each layer's weights."""
    yield Picture(
        "functions",
        "Each activation function f (solid) and its derivative f' (dashed). Where f' is near zero, the neuron "
        "passes on hardly any gradient.",
        lambda: viz.activation_curves([ACTIVATIONS.create(name) for name in results.names]),
        note="",
    )
    yield Picture(
        "gradient_flow",
        "The gradient norm of each layer's weights during training. If the lines lie far apart, the gradients of "
        "the layers differ in size. Plain gradient descent would then move the layers at different speeds. Adam, "
        "used here, divides each weight's step by the usual size of its gradient. So a small "
        "gradient does not mean a low accuracy.",
        lambda: viz.gradient_flow(results.table("gradients")),
    )
    yield Picture(
        "unit_health",
        "The share of hidden neurons that are dead or saturated, before training and after each epoch. A dead neuron "
        "is off for all of the images measured. A saturated neuron is on the flat part of f; its share is an average "
        "over the images. Neither passes on a gradient.",
        lambda: viz.unit_health(_all_hidden(results.table("units")), styles=viz.variant_style(results.names)),
    )


def _all_hidden(units: pd.DataFrame) -> pd.DataFrame:
    """Return the health of all hidden layers together: the mean over the layers."""
    return units.groupby(["variant", "seed", "epoch"], sort=False, as_index=False)[["dead", "saturated"]].mean()


def findings(results: Results) -> Iterator[str]:
    """Compare the first layer's gradient at the start of training with the last layer's."""
    g = results.table("gradients")
    early = g[g["step"] <= g["step"].quantile(0.1)]
    norm = early.groupby(["variant", "layer"])["norm"].mean().unstack("layer").reindex(results.names)
    ratio = (norm.iloc[:, 0] / norm.iloc[:, -1]).dropna().sort_values() if norm.shape[1] else pd.Series(dtype=float)
    if len(ratio) > 1 and ratio.iloc[0] < ratio.iloc[-1]:
        yield (
            f"In the first tenth of the steps, the mean gradient of the first layer is {rounded(ratio.iloc[0], 2)} "
            f"times the output layer's with {ratio.index[0]}. With {ratio.index[-1]} it is "
            f"{rounded(ratio.iloc[-1], 2)} times. Adam removes such differences of size from its steps, so this alone "
            "does not make a first layer slow."
        )


SCENARIO = Scenario(
    name="activations",
    question="Which hidden activation learns fastest, and why?",
    what_to_watch=(
        "All networks start from the same weights and see the same batches; only f differs. Compare the first "
        "epoch, not the last. Then look at the gradient norms. An activation function with a small derivative "
        "everywhere passes less gradient down to the layers near the input. Adam divides each weight's step by the "
        "usual size of its gradient, so these layers need not learn more slowly. The scenario vanishing-gradients "
        "shows ten layers without that help."
    ),
    variants=tuple(
        Variant(name, {"activation": name})
        for name in (
            "sigmoid",
            "tanh",
            "relu",
            "leaky_relu",
            "elu",
            "selu",
            "gelu",
            "silu",
            "mish",
            "softplus",
            "softsign",
            "hard_tanh",
            "relu6",
            "linear",
        )
    ),
    baseline="relu",
    base=Settings(epochs=4, initializer="glorot_uniform"),
    recorders=recorders,
    pictures=pictures,
    findings=findings,
)
