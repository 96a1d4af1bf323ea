"""Filters: what training makes of random kernels, and whether that is edges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import viz
from neurosim.data.dataset import Dataset
from neurosim.text import fixed, percent, thousands
from neurosim.training.settings import Settings

from ..protocol.measures import explained
from ..protocol.recorders import FilterLife
from ..protocol.results import Results
from ..protocol.scenario import Picture, Recorder, Run, Scenario, Variant
from ..protocol.statistics import Difference
from ..protocol.steps import early_steps
from ..report.listed import of_each

WATCHED = 500  # training images with which the filters are looked at
RECORDS = 12
SHOWN = 12  # filters in a picture
IS_EDGE = 0.5  # the share of its energy from which on a kernel is called an edge detector
RANDOM = 10_000  # kernels of random numbers, to compare with


def recorders(run: Run, train: Dataset) -> list[Recorder]:
    """The kernels of the first layer, and what can be said of them."""
    return [FilterLife(early_steps(run, train, RECORDS), train, WATCHED)]


@cache
def of_random_kernels(height: int, width: int) -> float:
    """The share of its energy that an edge explains in 99 of 100 kernels of random numbers, or less."""
    kernels = np.random.default_rng(0).standard_normal((RANDOM, height, width))
    return float(np.quantile(explained(kernels, 1), 0.99))


def pictures(results: Results) -> Iterator[Picture]:
    """For each variant, in its first seed, the kernels as a film; and how edge-like they are, and how like the start."""
    life = results.table("filter_life")
    if not len(life):
        return
    for variant in results.names:
        run = life[life["variant"] == variant]
        run = run[(run["seed"] == run["seed"].min()) & (run["filter"] < SHOWN)].sort_values(["step", "filter"])
        whole = run.groupby("step")["filter"].transform("size") == run["filter"].nunique()
        if not whole.any():
            continue
        frames, name = _frames(run[whole], variant), re.sub(r"\W+", "_", variant)
        yield Picture(
            f"kernels_{name}",
            f"{variant}: the kernels of the first layer, a row each, from before training (left) to its end. Red ink "
            "raises z, blue ink lowers it. An edge detector is red on one side and blue on the other.",
            partial(viz.filmstrip, **frames),
            partial(_film, frames),
        )
    styles = viz.variant_style(results.names)
    means = life.groupby(["variant", "seed", "step"], as_index=False, sort=False)[["edge", "likeness"]].mean()
    yield Picture(
        "edge",
        "How much of a kernel's energy (the sum of its squared weights) the best oriented edge explains, the mean of "
        "all filters: 100 % is an edge and nothing else.",
        lambda: viz.learning_curves(means, "edge", x="step", title="How much of a kernel is an edge", styles=styles),
    )
    yield Picture(
        "likeness",
        "The cosine between a kernel and what it was before training, the mean of all filters: 1 is the same pattern, "
        "0 another one.",
        lambda: viz.learning_curves(
            means, "likeness", x="step", title="How like its random start a kernel still is", styles=styles
        ),
    )


def _frames(run: pd.DataFrame, variant: str) -> dict[str, Any]:
    """What a film of kernels is drawn from."""
    shape = int(run["height"].iloc[0]), int(run["width"].iloc[0])
    steps = sorted({int(step) for step in run["step"]})
    weights = run[[f"w{k}" for k in range(shape[0] * shape[1])]].to_numpy(float)
    kernels = weights.reshape(len(steps), -1, *shape)
    return {"images": kernels, "steps": steps, "title": f"{variant}: the kernels of {kernels.shape[1]} filters"}


def _film(frames: dict[str, Any], path: Path, note: str) -> object:
    """The kernels in motion."""
    return viz.weight_film(path=path, note=note, **frames)


def findings(results: Results) -> Iterator[str]:
    """How edge-like the kernels were and are, how many are edges by a number, how far they went, and which died."""
    life, baseline = results.table("filter_life"), results.scenario.baseline
    if life.empty:
        return
    runs = life.groupby(["variant", "seed"])["step"]
    first, last = (life[life["step"] == runs.transform(end)] for end in ("min", "max"))
    means = {moment: table.groupby(["variant", "seed"])["edge"].mean() for moment, table in (("first", first), ("last", last))}
    names = [name for name in results.names if name in set(last["variant"])]
    yield of_each(
        "Share of a kernel's energy that the best oriented edge explains (the mean of all filters), before training "
        "and at the last look",
        ("variant", "before", "at the last look", "change"),
        [
            (
                name,
                percent(means["first"][name].mean()),
                percent(means["last"][name].mean()),
                Difference.between(means["last"][name], means["first"][name]).text(decimals=1),
            )
            for name in names
        ],
        "{} {} and {} ({})",
        "; ",
        f"Of {thousands(RANDOM)} kernels of random numbers, 99 in 100 have less than "
        f"{percent(of_random_kernels(int(life['height'].iloc[0]), int(life['width'].iloc[0])))}.",
    )
    yield of_each(
        f"Edge detectors, that is filters of which an edge explains at least {percent(IS_EDGE, 0)}, before training "
        "and at the last look, all seeds together",
        ("variant", "before", "at the last look"),
        [(name, _count(first, name, "edge", IS_EDGE), _count(last, name, "edge", IS_EDGE)) for name in names],
        "{} {} and {}",
    )
    if baseline in names:
        against = [
            (name, Difference.between(means["last"][name], means["last"][baseline]).text(decimals=1))
            for name in names
            if name != baseline
        ]
        if against:
            yield of_each(
                f"That share at the last look, against {baseline}", ("variant", "difference"), against, joint="; "
            )
    yield of_each(
        "How like its random start a kernel is at the last look (cosine: 1 the same pattern, 0 another one), and how "
        "far it went, as a multiple of its length at the start",
        ("variant", "likeness", "way"),
        [
            (name, *(fixed(last.loc[last["variant"] == name, column].mean()) for column in ("likeness", "moved")))
            for name in names
        ],
        "{} {} and {}",
    )
    dead = last.assign(dead=(last["active"] == 0.0).astype(float))
    yield of_each(
        "Filters that are dead at the last look (off at every place of every image looked at)",
        ("variant", "dead"),
        [(name, _count(dead, name, "dead", 1.0)) for name in names],
    )


def _count(table: pd.DataFrame, variant: str, column: str, least: float) -> str:
    """How many filters of a variant have at least so much of something: "3 of 24"."""
    values = table.loc[table["variant"] == variant, column]
    return f"{int((values >= least).sum())} of {len(values)}"


SCENARIO = Scenario(
    name="filters",
    question="What does training make of random kernels: edge detectors?",
    what_to_watch=(
        "Each strip shows the kernels of the first layer, a row each, from random numbers on the left to the end of "
        "training on the right; steps are closer together at the beginning. Look for kernels that become red on one "
        "side and blue on the other: they answer to an edge of that direction. Then look at the curves before you "
        "believe your eyes: how much of a kernel an edge explains, and how like its start it still is. A network can "
        "read digits well with kernels that are still mostly random, because the layers behind them learn to use "
        "whatever they are given. A smaller start has less to unlearn, and a penalty wears off what the loss does not "
        "ask for. A filter that answers nowhere any more is dead; it stays as it was when it died."
    ),
    variants=(
        Variant("usual start"),
        Variant("usual start + L2", {"l2": 0.03}),
        Variant("small start", {"initializer": "normal:standard_deviation=0.01"}),
    ),
    baseline="usual start",
    base=Settings(conv=("8x7same", "pool2", "16x3same", "pool4"), hidden=(64,), epochs=5),
    of_images=True,
    recorders=recorders,
    pictures=pictures,
    findings=findings,
)
