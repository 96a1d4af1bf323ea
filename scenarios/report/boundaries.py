"""The decision boundaries of the variants, side by side: only for data that are points in the plane."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import viz
from neurosim.parameters import Array
from neurosim.text import thousands

from ..protocol.boundary import FINEST, title, unpacked
from ..protocol.results import Results
from ..protocol.scenario import Picture

MOST_PANELS = 16
MOST_FILMED = 6  # panels: more would be a large file, drawn for a long time

Looks = list[tuple[int, Array]]  # (epoch, answers at the places and at the points)


def boundary_pictures(results: Results) -> Iterator[Picture]:
    """Draw one panel per variant: its first seed at the end of training; and the way there as a film."""
    if results.table("boundary").empty or results.table("points").empty:
        return
    points, seed = results.table("points"), results.epochs["seed"].min()
    names = points.drop_duplicates("label").set_index("label")["class"].sort_index()
    final = results.final().loc[seed]
    shown = [name for name in results.names if np.isfinite(final[name])][:MOST_PANELS]
    looks = {name: _looks(results.table("boundary"), name, seed, points) for name in shown}
    if not looks:
        return
    x, y = points[["x1", "x2"]].to_numpy(np.float32), points["label"].to_numpy()  # the same from a file
    given: dict[str, Any] = {"class_names": [str(names.get(k, k)) for k in range(int(y.max()) + 1)]}
    left_out = (
        f" Only the first {len(shown)} of {len(final)} variants are shown." if len(final.dropna()) > MOST_PANELS else ""
    )
    diverged = " A run that diverged has no panel." if final.isna().any() else ""

    def film(path: Path, note: str) -> None:
        frames, titles = film_frames(looks)
        viz.boundary_film(frames, titles, x, y, path, note=note, **given)

    yield Picture(
        "boundary",
        "The class that each variant predicts at every point of the plane, at the end of training with seed "
        f"{seed}. The dots are the {thousands(len(points))} test points. Above each panel: how many of these it "
        f"reads correctly.{left_out}{diverged}",
        lambda: viz.decision_boundaries({name: each[-1][1] for name, each in looks.items()}, x, y, **given),
        film if len(shown) <= MOST_FILMED else None,
    )


def _looks(table: pd.DataFrame, name: str, seed: int, points: pd.DataFrame) -> Looks:
    """Return what was recorded of one run."""
    rows = table[(table["variant"] == name) & (table["seed"] == seed)]
    found = []
    for row in rows.itertuples():
        places = unpacked(row.places, -1, row.columns) / FINEST
        if row.columns < row.classes:
            places = np.hstack([places, np.clip(1 - places.sum(axis=1, keepdims=True), 0, 1)])
        decided = np.eye(row.classes)[unpacked(row.points, len(points))]  # exactly, whatever the rounding
        found.append((int(row.epoch), np.vstack([places, decided])))
    return found


def film_frames(looks: Mapping[str, Looks]) -> tuple[list[dict[str, Array]], list[str]]:
    """Return the answers at each epoch at which any run was recorded; a run that has ended stays as it ended."""
    frames: list[dict[str, Array]] = []
    epochs = sorted({epoch for each in looks.values() for epoch, _ in each})
    for epoch in epochs:
        frames.append({name: _at(each, epoch) for name, each in looks.items()})
    titles = [title(epoch, 0) for epoch in epochs]
    if any(each[-1][0] < each[-2][0] for each in looks.values() if len(each) > 1):
        frames.append({name: each[-1][1] for name, each in looks.items()})
        titles.append("Weights that are kept")
    return frames, titles


def _at(looks: Looks, epoch: int) -> Array:
    """Return the last answers up to an epoch. Weights kept from an earlier epoch do not count before the end."""
    before, answers = looks[0]
    for at, each in looks:
        if before < at <= epoch:
            before, answers = at, each
    return answers
