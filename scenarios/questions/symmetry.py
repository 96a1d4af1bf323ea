"""What equal initial weights do: neurons stay copies of each other, until something makes them different."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import viz
from neurosim.data.dataset import Dataset
from neurosim.text import listing, percent, rounded
from neurosim.training.settings import Settings

from ..protocol.measures import commonest_class
from ..protocol.recorders import DistinctNeurons, NeuronWeights
from ..protocol.results import Results
from ..protocol.scenario import Picture, Recorder, Run, Scenario, Variant
from ..protocol.steps import even_steps
from ..report.findings import learned_nothing
from ..report.listed import of_each

RECORDS = 41
NEURONS, PIXELS = 4, 3  # few enough lines to tell apart


def recorders(run: Run, train: Dataset) -> list[Recorder]:
    """Record how different the neurons are, and some of their weights, at the pixels that vary most."""
    steps = even_steps(run, train, RECORDS)
    variance = train.images.reshape(len(train), -1).var(axis=0)
    return [
        DistinctNeurons(steps),
        NeuronWeights(steps, np.argsort(-variance, kind="stable")[:PIXELS].tolist(), NEURONS),
    ]


def pictures(results: Results) -> Iterator[Picture]:
    """Draw weights that stay together or part, and how many neurons are more than copies."""
    neurons, parting = results.table("neurons"), results.table("parting")
    if len(neurons):
        yield Picture(
            "weights",
            f"The weights of the first {NEURONS} neurons for the {PIXELS} pixels that vary most, in the first seed. "
            "If there is one band instead of several lines, the neurons are copies of each other.",
            lambda: viz.neurons_together(
                neurons[neurons["seed"] == neurons["seed"].min()], title="Do equal neurons part?"
            ),
        )
    if len(parting):
        yield Picture(
            "distinct",
            "The share of neurons in the hidden layer that are not copies of another one. A neuron is not a copy "
            f"if its weights differ by more than {percent(DistinctNeurons.apart, 0)} of the mean length of a "
            "neuron's weights. A layer of copies is worth one neuron.",
            lambda: viz.unit_health(
                parting,
                styles=viz.variant_style(results.names),
                shares=("distinct",),
                title="Neurons that are not copies of another",
            ),
        )


def findings(results: Results) -> Iterator[str]:
    """State which neurons stay equal to the last bit, which part and when, and which networks learn nothing."""
    parting = results.table("parting")
    if len(parting):
        end = parting[parting["step"] == parting["step"].max()]
        count = (end["distinct"] * end["neurons"]).groupby(end["variant"]).mean()
        names = [name for name in results.names if name in count.index]
        yield of_each(
            f"Distinct neurons after training, of {int(end['neurons'].max())}",
            ("variant", "neurons"),
            [(name, rounded(count[name])) for name in names],
        )
        farthest = parting.groupby("variant")["distance"].max()
        equal = [name for name in names if farthest[name] == 0.0]
        if equal:
            yield (
                f"Identical to the last bit all through training, in every seed: the neurons of {listing(equal)}. "
                "Equal weights get equal gradients."
            )
        parted = parting[parting["distinct"] > 0.5].groupby(["variant", "seed"])["step"].min().groupby("variant").max()
        start = parting.groupby("variant")["step"].min()
        when = [(name, str(int(parted[name]))) for name in names if name in parted.index and parted[name] > start[name]]
        if when:
            yield of_each(
                "Neurons that start as copies part in training. More than half of them were distinct, in the "
                "slowest seed",
                ("variant", "step"),
                when,
                "{} at step {}",
                end="The networks are measured every few steps only. Seeds that never got there are left out.",
            )
    yield from learned_nothing(results)


SCENARIO = Scenario(
    name="symmetry",
    question="Why do initial weights have to be random?",
    what_to_watch=(
        "If all neurons of a layer start with the same weights, they have the same activation, get the same delta, "
        "and take the same step. They stay copies of each other for ever, and the layer is worth one neuron. Look "
        "first at the lines of the weights: if they lie on top of each other, nothing tells the neurons apart. "
        "Then look at when they part. Differences of a millionth are enough in the end, because they grow, but the "
        "time until they have grown is lost. Dropout parts equal neurons too, because each step leaves out some "
        "and not others."
    ),
    variants=(
        Variant("random"),
        Variant("equal", {"initializer": "constant:value=0.01"}),
        Variant("equal + dropout", {"initializer": "constant:value=0.01", "dropout": 0.5}),
        Variant("noise 1e-6", {"initializer": "normal:standard_deviation=1e-6,mean=0.01"}),
        Variant("noise 1e-3", {"initializer": "normal:standard_deviation=1e-3,mean=0.01"}),
    ),
    baseline="random",
    base=Settings(hidden=(32,), optimizer="sgd", learning_rate=0.1, epochs=6),
    dense=True,
    recorders=recorders,
    measure=commonest_class,
    pictures=pictures,
    findings=findings,
)
