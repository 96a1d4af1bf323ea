"""Filters: what training does to random kernels, and whether it makes edges of them."""

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
from ..report.listed import Listed, of_each

WATCHED = 500  # training images on which the filters are measured
RECORDS = 12
SHOWN = 12  # filters in a picture
IS_EDGE = 0.5  # the share of its energy from which on a kernel is called an edge detector
RANDOM = 10_000  # kernels of random numbers, to compare with


def recorders(run: Run, train: Dataset) -> list[Recorder]:
    """Record the kernels of the first layer, and what can be measured of them."""
    return [FilterLife(early_steps(run, train, RECORDS), train, WATCHED)]


@cache
def of_random_kernels(height: int, width: int) -> float:
    """Return the share of its energy that an edge explains in 99 of 100 kernels of random numbers, or less."""
    kernels = np.random.default_rng(0).standard_normal((RANDOM, height, width))
    return float(np.quantile(explained(kernels, 1), 0.99))


def pictures(results: Results) -> Iterator[Picture]:
    """Draw each variant's kernels as a film, in its first seed; how edge-like they are, and how like their start."""
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
            f"{variant}: the kernels of the first layer, one row per filter, from before training (left) to its "
            "end. Red raises z, blue lowers it. An edge detector is red on one side and blue on the other. On the "
            "left: the filter's number, and the share of its energy that an edge explains, before and after "
            "training. The film shows the filters in this order, row by row.",
            partial(viz.filmstrip, names=_names(run[whole]), **frames),
            partial(_film, frames),
        )
    styles = viz.variant_style(results.names)
    measured = ["edge", "likeness", "watched_accuracy"]
    means = life.groupby(["variant", "seed", "step"], as_index=False, sort=False)[measured].mean()
    yield Picture(
        "edge",
        "How much of a kernel's energy (the sum of its squared weights) the best oriented edge explains, the mean "
        "of all filters. 100 % is an edge and nothing else.",
        lambda: viz.learning_curves(means, "edge", x="step", title="How much of a kernel is an edge", styles=styles),
    )
    yield Picture(
        "likeness",
        "The cosine between a kernel and what it was before training, the mean of all filters. 1 is the same "
        "pattern; 0 has nothing in common with it.",
        lambda: viz.learning_curves(
            means, "likeness", x="step", title="How like its random start a kernel still is", styles=styles
        ),
    )
    yield Picture(
        "accuracy_by_step",
        "Accuracy at the same steps, on the training images that the filters are measured with. Does it wait for "
        "the kernels to change?",
        lambda: viz.learning_curves(
            means, "watched_accuracy", x="step", title="Accuracy while the kernels change", styles=styles
        ),
    )


def _frames(run: pd.DataFrame, variant: str) -> dict[str, Any]:
    """Return the arguments from which a film of kernels is drawn."""
    shape = int(run["height"].iloc[0]), int(run["width"].iloc[0])
    steps = sorted({int(step) for step in run["step"]})
    weights = run[[f"w{k}" for k in range(shape[0] * shape[1])]].to_numpy(float)
    kernels = weights.reshape(len(steps), -1, *shape)
    return {"images": kernels, "steps": steps, "title": f"{variant}: the kernels of {kernels.shape[1]} filters"}


def _names(run: pd.DataFrame) -> list[str]:
    """Return the number of each filter, and how edge-like it was and is."""
    edge = run.pivot(index="filter", columns="step", values="edge")
    return [
        f"{int(j)}: edge {_share(before, 0)} to {_share(after, 0)}"
        for j, before, after in zip(edge.index, edge.iloc[:, 0], edge.iloc[:, -1], strict=True)
    ]


def _film(frames: dict[str, Any], path: Path, note: str) -> object:
    """Draw the kernels in motion."""
    return viz.weight_film(path=path, note=note, **frames)


def findings(results: Results) -> Iterator[str]:
    """Compare how edge-like the kernels were and are, how far they moved, and how many filters are dead."""
    life, baseline = results.table("filter_life"), results.scenario.baseline
    if life.empty:
        return
    steps = life.groupby(["variant", "seed"])["step"]
    first, last = (life[life["step"] == steps.transform(end)] for end in ("min", "max"))
    names = [name for name in results.names if name in set(last["variant"])]
    yield Listed(
        "The kernels of the first layer at the end, the mean of all filters and seeds",
        ("variant", "before", "edge", "edges", "line", "likeness", "moved", "dead"),
        [
            (name, _share(first.loc[first["variant"] == name, "edge"].mean()), *_row(last[last["variant"] == name]))
            for name in names
        ],
        "Edge and line: the share of a kernel's energy that the best oriented edge or line explains, at the end. "
        f"Before: the share of an edge before training. Edges: kernels with at least {percent(IS_EDGE, 0)} of edge. "
        "Likeness: the cosine with the random start. Moved: the distance from this start, in lengths of the start. "
        "Dead: filters that are off at every place of all images measured.",
    )
    height, width = (int(life[side].iloc[0]) for side in ("height", "width"))
    yield (
        f"An edge explains less than {percent(of_random_kernels(height, width))} in 99 of 100 kernels of random "
        f"numbers (of {thousands(RANDOM)} kernels, {height} x {width})."
    )
    before, after = (each.groupby(["variant", "seed"])["edge"].mean() for each in (first, last))
    yield of_each(
        "Change in the share that an edge explains, by training",
        ("variant", "change"),
        [(name, Difference.between(after[name], before[name]).text(decimals=1)) for name in names],
        joint="; ",
    )
    others = [name for name in names if name != baseline]
    if baseline in names and others:
        yield of_each(
            f"That share at the end, against {baseline}",
            ("variant", "difference"),
            [(name, Difference.between(after[name], after[baseline]).text(decimals=1)) for name in others],
            joint="; ",
        )


def _share(value: float, decimals: int = 1) -> str:
    """Return a share in percent; "-" if it is NaN."""
    return percent(value, decimals) if value == value else "-"


def _row(filters: pd.DataFrame) -> tuple[str, ...]:
    """Return the cells for the filters of a variant, in all its seeds."""
    edge, line, likeness, moved = (filters[column] for column in ("edge", "line", "likeness", "moved"))
    counts = [f"{int(found.sum())} of {len(filters)}" for found in (edge >= IS_EDGE, filters["active"] == 0.0)]
    return _share(edge.mean()), counts[0], _share(line.mean()), fixed(likeness.mean()), fixed(moved.mean()), counts[1]


SCENARIO = Scenario(
    name="filters",
    question="What does training make of random kernels: edge detectors?",
    what_to_watch=(
        "Each strip shows the kernels of the first layer, one row per filter. It goes from random numbers on the "
        "left to the end of training on the right; steps are closer together at the beginning. Look for kernels "
        "that become red on one side and blue on the other: they answer to an edge of that direction. Then look at "
        "the curves before you believe your eyes: how much of a kernel an edge explains, and how like its start it "
        "still is. A network can read digits well with kernels that are still mostly random, because later layers "
        "learn to use what they get. A smaller start has less to unlearn, and a penalty wears off what the loss "
        "does not need. A filter that answers nowhere is dead: no image gives it a gradient any more."
    ),
    variants=(
        Variant("usual start"),
        Variant("usual start + L2", {"l2": 0.03}),
        Variant("small start", {"initializer": "normal:standard_deviation=0.05"}),
    ),
    baseline="usual start",
    base=Settings(conv=("8x7same", "pool2", "16x3same", "pool4"), hidden=(64,), epochs=5),
    of_images=True,
    of_filters=True,
    recorders=recorders,
    pictures=pictures,
    findings=findings,
    quick={"epochs": 5},
)
