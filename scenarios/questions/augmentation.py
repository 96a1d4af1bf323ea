"""Shifted, turned, bent: what distorted copies of the training images are worth, for small and large training sets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

import viz
from neurosim.augment import AUGMENTATIONS
from neurosim.data.dataset import Dataset
from neurosim.data.digits import draw_digits
from neurosim.parameters import Array
from neurosim.text import fixed, percent, thousands
from neurosim.training.settings import Settings

from ..protocol.results import METRIC, Results
from ..protocol.scenario import Picture, Run, Scenario, Variant
from ..protocol.statistics import Difference
from ..report.listed import of_each

NONE = "none"
KINDS = (NONE, "shift", "affine", "elastic")
SIZES = (500, 1_500, None)  # None: as many as the run has
IMAGES = 5_000  # by default
EXAMPLES = 12


def name_of(kind: str, size: int | None) -> str:
    """Return the name of a variant."""
    return f"{kind} on {thousands(size) if size else 'all'}"


def measure(run: Run, train: Dataset, test: Dataset) -> dict[str, pd.DataFrame]:
    """Record on how many images the run really trains: there may be fewer than the variant asks for."""
    kind = run.settings.augment or NONE
    rows = {"augmentation": [kind], "images": [len(train)]}
    return {"sizes": pd.DataFrame(rows)}


def ends(results: Results) -> pd.DataFrame:
    """Return the end of each run: seed, augmentation, images, test_accuracy (NaN if it diverged)."""
    merged = results.ends().merge(results.table("sizes"), on=["variant", "seed"])
    return merged[["seed", "augmentation", "images", METRIC]]


def examples() -> tuple[Array, Array]:
    """Return the same built-in digits once in each kind: images, and the index of the kind in `KINDS`."""
    plain, _ = draw_digits(EXAMPLES)
    rng = np.random.default_rng(0)
    rows = [plain if kind == NONE else AUGMENTATIONS.create(kind)(plain, rng) for kind in KINDS]
    return np.concatenate(rows), np.repeat(np.arange(len(KINDS)), EXAMPLES)


def pictures(results: Results) -> Iterator[Picture]:
    """Draw the distortions, and accuracy against the size of the training set."""
    yield Picture(
        "examples",
        "The same digits plain, and once with each kind of distortion. In training, each image is distorted anew "
        "every time. These are always the built-in digits, whatever the networks were trained on.",
        lambda: viz.contact_sheet(
            *examples(),
            columns=EXAMPLES,
            class_names=KINDS,
            title="Built-in digits, plain and distorted",
            kind="distortion",
        ),
        note="built-in digits",
    )
    if not len(results.table("sizes")):
        return
    frame = ends(results).drop_duplicates(["augmentation", "images", "seed"])
    yield Picture(
        "accuracy_by_size",
        "Final test accuracy against the number of training images. Read across: how many more images would a "
        "network need without augmentation to reach the same accuracy?",
        lambda: viz.learning_curves(
            frame,
            METRIC,
            x="images",
            by="augmentation",
            title="Final test accuracy against the size of the training set",
        ),
    )
    yield Picture(
        "gain",
        "The same numbers as a map: one row per kind of augmentation, one column per number of training images.",
        lambda: viz.heatmap(
            frame, "images", "augmentation", METRIC, title="Final test accuracy by augmentation and training images"
        ),
    )


def findings(results: Results) -> Iterator[str]:
    """State the gain of each kind at each size, and how many plain images the best kind is worth."""
    if not len(results.table("sizes")):
        return
    frame = ends(results)
    tables = {
        size: rows.drop_duplicates(["augmentation", "seed"]).pivot(index="seed", columns="augmentation", values=METRIC)
        for size, rows in frame.groupby("images")
    }
    for size, table in tables.items():
        kinds = [kind for kind in KINDS if kind in table and kind != NONE]
        if NONE in table and kinds:
            rows = [(kind, Difference.between(table[kind], table[NONE]).text()) for kind in kinds]
            yield of_each(
                f"With {thousands(size)} images, against none", ("augmentation", "difference"), rows, joint="; "
            )
    yield from _worth(tables)


def _worth(tables: dict[int, pd.DataFrame]) -> Iterator[str]:
    """Find the largest factor by which augmented images replace plain ones and are, in the mean, not worse.

    Args:
        tables: by number of images: test accuracy, one row per seed, one column per kind of augmentation.
    """
    trades, pairs = [], 0
    for few, augmented in tables.items():
        for many, plain in tables.items():
            for kind in augmented if many > few and NONE in plain else ():
                difference = Difference.between(augmented[kind], plain[NONE])
                pairs += kind != NONE
                if kind != NONE and difference.mean >= 0:  # a loss within the noise may be a loss
                    trades.append((many / few, augmented[kind].mean(), kind, few, many, difference))
    if trades:
        factor, accuracy, kind, few, many, difference = max(trades, key=lambda trade: trade[:3])
        yield (
            f"{thousands(few)} images with {kind} reach {percent(accuracy, 2)}. {thousands(many)} images without "
            f"augmentation, {fixed(factor, 1)} times as many, reach {percent(tables[many][NONE].mean(), 2)}: "
            f"{difference.text()}. Of {pairs} such pairs, this has the largest factor at which the smaller set is "
            "not behind in the mean."
        )
    elif pairs:
        seeds = max(len(table) for table in tables.values())
        yield (
            f"In {f'the mean of {seeds} seeds' if seeds > 1 else 'this one seed'}, no augmentation made up for the "
            "step to the next larger training set."
        )


SCENARIO = Scenario(
    name="augmentation",
    question="What are distorted copies of the training images worth?",
    what_to_watch=(
        "Each network trains on 500, on 1,500 or on all images of the run (5,000 by default). If the run has fewer "
        "than a name says, the numbers below tell. The images are plain, or moved by up to two pixels (shift), or "
        "turned, stretched and slanted (affine), or bent as by an unsteady hand (elastic). They are distorted anew "
        "in every epoch. The label stays the same, so the network is told what does not matter about a digit. Look "
        "first at the accuracy against the size of the training set, and compare its lines at one size. Then read "
        "across from line to line: collecting images is expensive, distorting them is nearly free. Training "
        "accuracy is lower with augmentation, because the task is harder. That is not a fault, but it takes time: "
        "a run of few epochs gains nothing yet. Only runs on the same number of images take the same number of "
        "steps."
    ),
    variants=tuple(
        Variant(name_of(kind, size), {} if kind == NONE else {"augment": kind}, size)
        for size in SIZES
        for kind in KINDS
    ),
    baseline=name_of(NONE, None),
    base=Settings(epochs=20),
    of_images=True,
    train_size=IMAGES,
    measure=measure,
    pictures=pictures,
    findings=findings,
    quick={"epochs": 10},
)
