"""How ReLU neurons die, by a large learning rate or a bad start, and what keeps them alive or revives them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd

import viz
from neurosim.data.dataset import Dataset
from neurosim.text import percent
from neurosim.training.settings import Settings

from ..protocol.measures import commonest_class
from ..protocol.recorders import UnitLife
from ..protocol.results import Results
from ..protocol.scenario import Picture, Recorder, Run, Scenario, Variant
from ..protocol.statistics import Difference
from ..protocol.steps import even_steps
from ..report.findings import learned_nothing, versus
from ..report.listed import of_each

WATCHED = 500  # training images on which the neurons are measured
RECORDS = 33
LARGE: dict[str, Any] = {"learning_rate": 1.0}
NEGATIVE: dict[str, Any] = {"initializer": "normal:standard_deviation=0.05,mean=-0.05"}
REMEDIES: dict[str, dict[str, Any]] = {
    "leaky": {"activation": "leaky_relu"},
    "batch norm": {"batch_norm": True},
    "clipped": {"clip_norm": 1.0},
}
CAUSES = {"large rate": (LARGE, tuple(REMEDIES)), "negative start": (NEGATIVE, ("leaky", "batch norm"))}


def recorders(run: Run, train: Dataset) -> list[Recorder]:
    """Record the life of every hidden neuron."""
    return [UnitLife(even_steps(run, train, RECORDS), train.images[:WATCHED])]


def silence(results: Results) -> pd.DataFrame:
    """Return the share of hidden neurons that are on for none of the images: variant, seed, step, silent."""
    life = results.table("unit_life")
    if life.empty:
        return pd.DataFrame(columns=["variant", "seed", "step", "silent"])
    return (
        life.assign(silent=life["active"] == 0.0)
        .groupby(["variant", "seed", "step"], sort=False, as_index=False)["silent"]
        .mean()
    )


def fates(results: Results) -> pd.DataFrame:
    """Return the fate of the neurons of each run that reached the last recorded step.

    Columns variant, seed, first and last (the shares that were silent at the first and the last step), fallen (how many
    neurons were silent at any step), revived (how many of these were on for some image at the last step).
    """
    life = results.table("unit_life")
    rows = []
    for (variant, seed), run in life.groupby(["variant", "seed"], sort=False) if len(life) else ():
        if run["step"].max() < life["step"].max():  # it diverged
            continue
        silent = run.pivot(index=["layer", "neuron"], columns="step", values="active").sort_index(axis="columns") == 0.0
        fallen = silent.any(axis="columns")
        rows.append(
            {
                "variant": variant,
                "seed": seed,
                "first": silent.iloc[:, 0].mean(),
                "last": silent.iloc[:, -1].mean(),
                "fallen": int(fallen.sum()),
                "revived": int((fallen & ~silent.iloc[:, -1]).sum()),
            }
        )
    return pd.DataFrame(rows, columns=["variant", "seed", "first", "last", "fallen", "revived"])


def pictures(results: Results) -> Iterator[Picture]:
    """Draw the share of silent neurons, and single neurons where most died and where most came back."""
    life, fate = results.table("unit_life"), fates(results)
    if life.empty:
        return
    yield Picture(
        "silent",
        "The share of hidden neurons whose z is at or below zero for every image measured. Such a neuron is silent: it "
        "answers to no image. With ReLU it gets no gradient. It is dead, unless the layers below change its input. "
        "With leaky ReLU it is only quiet.",
        lambda: viz.unit_health(
            silence(results),
            styles=viz.variant_style(results.names),
            shares=("silent",),
            title=f"Hidden neurons that answer to no {results.noun}",
        ),
    )
    mean = fate.groupby("variant", sort=False)[["first", "last", "revived"]].mean()
    if mean.empty:
        return
    fell = mean["last"] - mean["first"]
    shown = {"timeline_lost": (fell.idxmax(), "This variant loses the most neurons in training.")}
    back = mean["revived"].drop(fell.idxmax())
    if len(back) and back.max() > 0:
        shown["timeline_revived"] = back.idxmax(), "Of the other variants, this one brings the most neurons back."
    for name, (variant, which) in shown.items():
        run = life[life["variant"] == variant]
        run = run[(run["seed"] == run["seed"].min()) & (run["layer"] == run["layer"].min())]
        yield Picture(
            name,
            f"The neurons of the first hidden layer with {variant}, in the first seed. {which} One row per neuron: the "
            "darker, the more images it answers to; white: none.",
            partial(viz.timeline, run, title=timeline_title(run, variant)),
        )


def timeline_title(run: pd.DataFrame, variant: str) -> str:
    """Return a title that says how many neurons of one run and layer are silent at the end."""
    end = run[run["step"] == run["step"].max()]["active"]
    layer = int(run["layer"].iloc[0])
    return f"{variant}: {int((end == 0.0).sum())} of {len(end)} neurons of layer {layer} are silent at the end"


def findings(results: Results) -> Iterator[str]:
    """State how many neurons fell silent, what each remedy changes, and how many neurons came back."""
    fate = fates(results)
    mean = fate.groupby("variant")[["first", "last"]].mean()
    names = [name for name in results.names if name in mean.index]
    if names:
        yield of_each(
            "Hidden neurons that answer to no image, before and after training",
            ("variant", "before", "after"),
            [(name, percent(mean.loc[name, "first"], 0), percent(mean.loc[name, "last"], 0)) for name in names],
            "{} {} and {}",
        )
    last = fate.pivot(index="seed", columns="variant", values="last")
    for cause, (_, remedies) in CAUSES.items():
        for remedy in remedies:
            name = f"{cause} + {remedy}"
            accuracy = versus(results, name, cause)
            if accuracy and {name, cause} <= set(last):
                difference = Difference.between(last[name], last[cause])
                yield (
                    f"Silent neurons, {name} against {cause}: {difference.text(decimals=0)}. Test accuracy: "
                    f"{accuracy.partition(': ')[2]}."
                )
    counts = fate.groupby("variant")[["fallen", "revived"]].sum()
    if len(counts) and counts["fallen"].any():
        yield of_each(
            "Neurons that answered again at the end, of those that were silent for a while, in all seeds together",
            ("variant", "answered again", "of silent neurons"),
            [
                (name, str(counts.loc[name, "revived"]), str(counts.loc[name, "fallen"]))
                for name in names
                if counts.loc[name, "fallen"]
            ],
            "{} {} of {}",
        )
    yield from learned_nothing(results)


SCENARIO = Scenario(
    name="dead-neurons",
    question="What kills ReLU neurons, and what revives them?",
    what_to_watch=(
        "A ReLU neuron whose z is below zero for every image answers nothing and gets no gradient, so it cannot "
        "learn its way out. Two things drive neurons there. One is a step that is too long: after it, the bias or "
        "the weights are far too negative. The other is initial weights that are negative on average, because "
        "pixels are never negative. Look first at the share of silent neurons, and at when it rises: a large rate "
        "kills within the first steps. Then compare each cause with its remedies. A leak lets a gradient through "
        "on the negative side. Batch normalization brings every neuron's z back around zero in each batch. Clipping "
        "shortens the longest steps."
    ),
    variants=(
        Variant("healthy"),
        *(
            variant
            for cause, (settings, remedies) in CAUSES.items()
            for variant in (
                Variant(cause, settings),
                *(Variant(f"{cause} + {remedy}", {**settings, **REMEDIES[remedy]}) for remedy in remedies),
            )
        ),
    ),
    baseline="healthy",
    base=Settings(hidden=(64, 64), optimizer="sgd", learning_rate=0.1, epochs=4),
    recorders=recorders,
    measure=commonest_class,
    pictures=pictures,
    findings=findings,
)
