"""The figures of a report: those that every scenario has, and its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import viz
from neurosim.text import plain

from ..protocol.results import METRIC, Results
from ..protocol.scenario import Picture
from .boundaries import boundary_pictures
from .grid import grid_pictures

FILM = ".gif"


def common_pictures(results: Results) -> Iterator[Picture]:
    """Yield the figures of every scenario, then its own. Each variant keeps its colour and marker in all of them."""
    styles = viz.variant_style(results.names)
    spread = "as a point with a bar" if results.epochs["epoch"].max() < 2 else "in a band"
    yield Picture(
        "accuracy",
        "Test accuracy at the end of each epoch"
        + (f": the mean over the seeds, {spread} of one standard deviation." if results.seeds > 1 else "."),
        lambda: viz.learning_curves(results.epochs, METRIC, styles=styles),
    )
    units = loss_units(results)
    yield Picture(
        "loss",
        "Training loss: the mean over the batches of each epoch, while the weights change from batch to batch."
        + (" Each loss has its own panel, because the losses have different units." if units else ""),
        lambda: (
            viz.curves_apart(results.epochs, units, styles=styles, title="Training loss by epoch")
            if units
            else viz.learning_curves(results.epochs, "loss", styles=styles)
        ),
    )
    yield Picture(
        "comparison",
        _comparison_text(results),
        lambda: viz.comparison(results.ends(), METRIC, results.scenario.baseline or None, styles=styles),
    )
    if results.scenario.grid:
        yield from grid_pictures(results)
    yield from boundary_pictures(results)
    if results.scenario.pictures:
        yield from results.scenario.pictures(results)


def _comparison_text(results: Results) -> str:
    """Return how to read the dots of the runs, as far as there are bars and intervals."""
    if results.seeds < 2:
        return (
            "Test accuracy at the end of training. One seed: each point is one run, so there are no bars and no "
            "intervals."
        )
    text = (
        "Test accuracy at the end of training, one dot per seed. The bars show how far the seeds spread: one "
        "standard deviation either way. They do not test a difference."
    )
    if results.has_intervals:
        text += (
            " Variants are compared seed by seed. So what decides is the paired interval in the table, whether bars "
            "overlap or not."
        )
    return text


def loss_units(results: Results) -> dict[str, str]:
    """Return the unit of each variant's loss; empty if it is the same for all."""
    units = {}
    for name, settings in results.settings.items():
        smoothing = settings.label_smoothing
        units[name] = settings.loss + (f", smoothed by {plain(smoothing)}" if smoothing else "")
    return units if len(set(units.values())) > 1 else {}


@dataclass(frozen=True)
class Drawing:
    """A figure, or the film beside it, as a piece of work.

    Args:
        results: what it is drawn from.
        name: of the picture.
        path: where to write it.
    """

    results: Results
    name: str
    path: Path
    kind: ClassVar[str] = "figures"
    writes: ClassVar[bool] = True

    def perform(self, data: object = None) -> None:
        """Draw it, and write the file."""
        picture = next(each for each in common_pictures(self.results) if each.name == self.name)
        note = self.results.note if picture.note is None else picture.note
        if picture.film and self.path.suffix == FILM:
            picture.film(self.path, note)
        else:
            viz.save(picture.draw(), self.path, note)


def drawings(results: Results, folder: Path) -> list[Drawing]:
    """List all figures and films, in ``folder/figures``. Remove old boundary pictures there: the data may be others."""
    for kind in (".png", FILM):  # of data that were points
        (folder / "figures" / f"boundary{kind}").unlink(missing_ok=True)
    found = [
        Drawing(results, picture.name, folder / "figures" / f"{picture.name}{kind}")
        for picture in common_pictures(results)
        for kind in ((".png", FILM) if picture.film else (".png",))
    ]
    return found[::-1]  # a scenario's own take longest: begun last, they would be waited for


def draw(results: Results, folder: Path) -> None:
    """Draw all figures and films here, one after the other."""
    for each in drawings(results, folder):
        each.perform()
