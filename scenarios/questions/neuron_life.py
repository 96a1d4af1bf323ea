"""The life of one neuron: from random weights to a detector of strokes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

import viz
from neurosim.data.dataset import Dataset
from neurosim.text import fixed
from neurosim.training.settings import Settings

from ..protocol.recorders import NeuronLife
from ..protocol.results import Results
from ..protocol.scenario import Picture, Recorder, Run, Scenario, Variant
from ..protocol.statistics import Difference
from ..protocol.steps import early_steps
from ..report.listed import of_each

WATCHED = 2_000  # training images on which the neurons are measured
RECORDS = 16
MEAN = "mean for "


def recorders(run: Run, train: Dataset) -> list[Recorder]:
    """Record the weights of the neuron and its answers to each class."""
    return [NeuronLife(early_steps(run, train, RECORDS), train, WATCHED)]


def pictures(results: Results) -> Iterator[Picture]:
    """Draw for each variant, in its first seed: the weights as a film, and the answers by class."""
    life = results.table("neuron_life")
    for variant in results.names:
        run = life[life["variant"] == variant] if len(life) else life
        run = run[run["seed"] == run["seed"].min()].sort_values("step") if len(run) else run
        if run.empty:
            continue
        neuron, name = int(run["neuron"].iloc[0]), re.sub(r"\W+", "_", variant)
        title = f"{variant}: the weights of neuron {neuron}"
        weights = run[[column for column in run if column[0] == "w" and column[1:].isdigit()]].to_numpy(float)
        frames: dict[str, Any] = {
            "images": weights,
            "steps": run["step"].tolist(),
            "shape": (int(run["height"].iloc[0]), int(run["width"].iloc[0])),
            "title": title,
        }
        yield Picture(
            f"weights_{name}",
            f"{variant}: the incoming weights of one hidden neuron, pixel by pixel, from before training to its "
            "end. It is the neuron that tells the classes apart best in the end. Ink on red raises its z, ink on "
            "blue lowers it.",
            partial(viz.filmstrip, **frames),
            partial(_film, frames),
        )
        began, ended = (fixed(share) if share == share else "nothing" for share in run["selectivity"].iloc[[0, -1]])
        yield Picture(
            f"answers_{name}",
            f"{variant}: the mean activation of the same neuron for each class, step by step. The class accounts "
            f"for {began} of its variance before training, and for {ended} at the last step (eta squared). The "
            "neuron was chosen as the best of its layer by the last value, so part of the rise is the choice.",
            partial(_answers, run, title=f"{variant}: the mean activation of neuron {neuron} by class"),
        )


def _film(frames: dict[str, Any], path: Path, note: str) -> object:
    """Draw the weights in motion."""
    return viz.weight_film(path=path, note=note, **frames)


def _answers(run: pd.DataFrame, title: str) -> object:
    """Draw the mean activation by class and step."""
    means = run[[column for column in run if column.startswith(MEAN)]]
    return viz.heatmap(
        means.to_numpy(float).T,
        "step",
        "class",
        "mean activation",
        title=title,
        x_labels=run["step"].tolist(),
        y_labels=[column.removeprefix(MEAN) for column in means],
    )


def findings(results: Results) -> Iterator[str]:
    """Compare how smooth and how selective the neurons were and are."""
    life, baseline = results.table("neuron_life"), results.scenario.baseline
    if life.empty:
        return
    ends = {
        moment: life[life["step"] == step].set_index(["variant", "seed"])
        for moment, step in (("first", life["step"].min()), ("last", life["step"].max()))
    }
    mean = {moment: table.groupby("variant")[["smoothness", "selectivity"]].mean() for moment, table in ends.items()}
    names = [name for name in results.names if all(name in table.index for table in mean.values())]
    for column, text, end in (
        ("smoothness", "Likeness of neighbouring weights (Moran's I: 0 for noise, towards 1 for broad strokes)", ""),
        (
            "selectivity",
            "Share of the neuron's variance that the class accounts for (eta squared)",
            "The neuron is the best of its layer after training, so part of the rise is the choice.",
        ),
    ):
        first, final = (mean[moment][column] for moment in ("first", "last"))
        yield of_each(
            f"{text}, before and after training",
            ("variant", "before", "after"),
            [(name, fixed(first[name]), fixed(final[name])) for name in names],
            "{} {} and {}",
            end=end,
        )
    last = ends["last"]["smoothness"].unstack("variant")
    against = [
        (name, Difference.between(last[name], last[baseline]).text("", 1.0))
        for name in names
        if name != baseline and baseline in last
    ]
    if against:
        yield of_each(
            f"Likeness of neighbouring weights after training, against {baseline}",
            ("variant", "difference"),
            against,
            joint="; ",
        )
    means = ends["last"].filter(like=MEAN).dropna(how="all").groupby("variant").first()
    best = means.idxmax(axis="columns") if means.size else pd.Series(dtype=str)
    chosen = [(name, best[name].removeprefix(MEAN)) for name in names if name in best.index]
    if chosen:
        yield of_each("Class that the neuron shown answers to most, after training", ("variant", "class"), chosen)


SCENARIO = Scenario(
    name="neuron-life",
    question="How does a neuron turn from random weights into a detector of strokes?",
    what_to_watch=(
        "Each frame shows one neuron's weights, laid out like the image that it sees. Read the strip from the top "
        "left. At first there is only noise. Then patches of one sign grow together until they look like a pen's "
        "stroke (red) with the gaps beside it (blue). Steps are closer together at the beginning, where most "
        "happens. With the usual start, the noise of the initial weights never quite goes away, because nothing in "
        "the loss removes it. An L2 penalty wears it off, and a smaller start hardly has any. Look at the corners, "
        "too: no image has ink there, so without a penalty those weights keep their initial values. Then see in "
        "the map of answers whether the neuron comes to prefer some classes. It is not a typical neuron: of its "
        "layer, it tells the classes apart best in the end."
    ),
    variants=(
        Variant("usual start"),
        Variant("usual start + L2", {"l2": 0.003}),
        Variant("small start", {"initializer": "normal:standard_deviation=0.01"}),
    ),
    baseline="usual start",
    base=Settings(hidden=(32,), epochs=8),
    of_images=True,
    dense=True,
    recorders=recorders,
    pictures=pictures,
    findings=findings,
)
