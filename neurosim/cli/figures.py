"""What commands draw of data of every kind: pictures as pictures, points with the boundary between classes, tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import metrics
from ..data import Dataset
from ..network import Network
from ..parameters import Array
from ..training import Callback, EarlyStopping
from ..training.callbacks import TrainingRun
from .session import Session

if TYPE_CHECKING:
    import pandas as pd

PICTURES = ("learning_curves", "confusion_matrix", "mistakes", "weights", "boundary", "predictions")
FILM = "boundary.gif"
MOST_PICTURED = 128  # neurons whose weights are drawn
MOST_FEATURES = 60  # whose weights are drawn as a table
MOST_LINES = 16  # neurons that are drawn as lines in the plane
FRAMES = 24  # of the film of a boundary
RESOLUTION = 80  # places across and up, in a film


def grey_images(data: Dataset) -> Array | None:
    """The samples as grey images (N, height, width), of colours their mean; None where they are no images."""
    if data.kind != "image":
        return None
    return grey(data.x)


def grey(images: Array) -> Array:
    """Images (N, height, width), of colours (N, height, width, colours) their mean."""
    return images if images.ndim == 3 else images.mean(axis=3).astype(images.dtype)


def draw_training(
    session: Session, frame: pd.DataFrame, callbacks: Sequence[Callback], outputs: Array, folder: Path
) -> list[Path]:
    """Draw the figures of a training into a folder, in place of those of an earlier run. NaN is nothing to see.

    Args:
        session: the network, trained, and the data.
        frame: the history of its training.
        callbacks: of its training.
        outputs: (N, n_out) what it makes of the test samples.
        folder: where to write.

    Returns:
        The paths of the figures.
    """
    import viz  # only here, so that --help and a wrong option need not wait for matplotlib

    test, network, pictures = session.test, session.network, dict[str, Callable[[], Any]]()
    finite = bool(np.isfinite(outputs).all())
    if len(frame):
        kept = next((each.best_epoch for each in callbacks if isinstance(each, EarlyStopping)), None)
        pictures["learning_curves"] = lambda: viz.history_curves(frame, kept=kept)
    if finite and test.class_names:
        predicted, confidence = network.decide(outputs), outputs.max(axis=1)
        matrix = metrics.confusion_matrix(test.labels, predicted, len(test.class_names))
        pictures["confusion_matrix"] = lambda: viz.confusion_matrix(matrix, test.class_names)
        if (images := grey_images(test)) is not None:
            pictures["mistakes"] = lambda: viz.mistakes(
                images, test.labels, predicted, np.clip(confidence, 0, 1), test.class_names
            )
        if test.kind == "points":
            pictures["boundary"] = lambda: boundary(network, test)
    elif finite and test.labels.ndim == 1:
        pictures["predictions"] = lambda: viz.predicted_and_true(test.labels, outputs[:, 0])
    first = next((layer for layer in network if layer.weight_name), None)
    if first is not None and np.isfinite(W := first.views[first.weight_name]).all():
        shown = min(first.n_out, MOST_PICTURED)
        if test.kind == "image" or (test.kind == "table" and len(W) <= MOST_FEATURES):
            pictures["weights"] = lambda: draw_weights(W[:, :shown], test)
    for name in (*(f"{name}.png" for name in PICTURES), FILM):
        (folder / name).unlink(missing_ok=True)
    paths = [viz.save(picture(), folder / f"{name}.png", session.note) for name, picture in pictures.items()]
    watched = next((each for each in callbacks if isinstance(each, BoundaryWatch)), None)
    return [*paths, *([] if watched is None or not finite else [watched.film(folder / FILM, session.note)])]


def draw_weights(W: Array, data: Dataset, title: str | None = None, titles: Sequence[str] | None = None) -> Any:
    """Draw the weights (n_in, n) of neurons that look at samples: as pictures, or as a table of features."""
    import viz

    if data.kind != "image":
        names = data.feature_names or [f"input {i}" for i in range(len(W))]
        return viz.weight_table(W, names, title=title)
    if len(data.sample_shape) == 3:
        W = W.reshape(-1, data.sample_shape[2], W.shape[1]).mean(axis=1)  # over the colours
    height, width = data.sample_shape[:2]
    return viz.weight_grid(W, (height, width), titles=titles, title=title)


def boundary(network: Network, data: Dataset) -> Any:
    """Draw where the answer of a network changes between points of the plane."""
    import viz

    lines: dict[str, Any] = {}
    first = next((layer for layer in network if layer.weight_name), None)
    if first is not None and first.n_out <= MOST_LINES and first.source is network.input:
        lines = {"weights": first.views[first.weight_name], "biases": first.views[first.bias_name]}
    return viz.decision_boundary(
        network.predict_proba, data.x, data.labels, class_names=data.class_names, axis_names=data.feature_names, **lines
    )


def draw_boundary(session: Session, folder: Path) -> list[Path]:
    """Draw the boundary of a network that looks at points, into a folder; nothing for other data."""
    import viz

    if session.test.kind != "points" or not session.test.class_names:
        return []
    return [viz.save(boundary(session.network, session.test), folder / "boundary.png", session.note)]


def boundaries(session: Session) -> list[Callback]:
    """What has to watch the training of a network for the film of its boundary."""
    data = session.test
    return [BoundaryWatch(data, session.settings.epochs)] if data.kind == "points" and data.class_names else []


class BoundaryWatch(Callback):
    """Keeps what the network answers in the plane, from before training to its end.

    Args:
        data: points, whose part of the plane is watched.
        epochs: how many there will be.
    """

    def __init__(self, data: Dataset, epochs: int) -> None:
        import viz

        self.data, self.every = data, max(1, -(-epochs // FRAMES))
        self.across, self.up, self.places = viz.places_around(data.x, RESOLUTION)
        self.epochs: list[int] = []
        self.shares: list[Array] = []

    def on_start(self, run: TrainingRun) -> None:
        """Keep what it answers before training."""
        self._keep(run, 0)

    def on_epoch(self, run: TrainingRun) -> bool:
        """Keep what it answers after some of the epochs."""
        if run.epoch % self.every == 0 or run.epoch == run.epochs:
            self._keep(run, run.epoch)
        return False

    def _keep(self, run: TrainingRun, epoch: int) -> None:
        share = run.network.predict_proba(self.places)
        if np.isfinite(share).all():
            self.epochs.append(epoch)
            self.shares.append(share)

    def film(self, path: Path, note: str) -> Path:
        """Write the boundary over training as an animated GIF."""
        import viz

        data = self.data
        return viz.boundary_film(
            self.shares, self.epochs, data.x, data.labels, path, class_names=data.class_names,
            axis_names=data.feature_names, note=note,
        )  # fmt: skip
