"""The pictures that commands draw of networks and data: of images, of points with a decision boundary, of tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import metrics
from ..data import Dataset
from ..network import Network
from ..parameters import Array
from ..training import Callback, EarlyStopping
from .filters import channels_of, kernels_of
from .session import Session

if TYPE_CHECKING:
    import pandas as pd

PICTURES = ("learning_curves", "confusion_matrix", "mistakes", "weights", "boundary", "predictions")
FILM = "boundary.gif"
MOST_PICTURED = 128  # neurons whose weights are drawn
MOST_FEATURES = 60  # features whose weights are drawn as a table
MOST_LINES = 16  # neurons that are drawn as lines in the plane
FRAMES = 24  # frames of the film of a decision boundary
RESOLUTION = 80  # places across and up, in a film


def images_of(data: Dataset) -> Array | None:
    """Return the samples as images to draw, see `drawable`. None if they are not images."""
    if data.kind != "image":
        return None
    return drawable(data.x)


def drawable(images: Array) -> Array:
    """Return images (N, height, width), or (N, height, width, 3) in colour. Of other channels, return the mean."""
    return images if images.ndim == 3 or images.shape[3] == 3 else images.mean(axis=3).astype(images.dtype)


def draw_training(
    session: Session,
    frame: pd.DataFrame,
    callbacks: Sequence[Callback],
    outputs: Array,
    folder: Path,
    targets: Sequence[str] = (),
) -> list[Path]:
    """Draw the figures of a training into a folder. They replace those of an earlier run. NaN is not drawn.

    Args:
        session: the trained network and the data.
        frame: the history of its training.
        callbacks: the callbacks of its training.
        outputs: (N, n_out) its outputs for the test samples.
        folder: where to write.
        targets: the names of the predicted numbers, if the samples have no classes.

    Returns:
        The paths of the figures.
    """
    import viz  # only here, so that --help and a wrong option do not wait for matplotlib

    test, network, pictures = session.test, session.network, dict[str, Callable[[], Any]]()
    finite = bool(np.isfinite(outputs).all())
    if len(frame):
        kept = next((each.best_epoch for each in callbacks if isinstance(each, EarlyStopping)), None)
        pictures["learning_curves"] = lambda: viz.history_curves(frame, kept=kept)
    if finite and test.class_names:
        predicted, confidence = network.decide(outputs), outputs.max(axis=1)
        matrix = metrics.confusion_matrix(test.labels, predicted, len(test.class_names))
        pictures["confusion_matrix"] = lambda: viz.confusion_matrix(matrix, test.class_names)
        if (images := images_of(test)) is not None:
            pictures["mistakes"] = lambda: viz.mistakes(
                images, test.labels, predicted, np.clip(confidence, 0, 1), test.class_names
            )
        if test.kind == "points":
            pictures["boundary"] = lambda: boundary(network, test)
    elif finite:
        predictions = outputs.reshape(test.labels.shape)
        pictures["predictions"] = lambda: viz.predicted_and_true(test.labels, predictions, targets)
    first = next((layer for layer in network if layer.weight_name), None)
    if first is not None and np.isfinite(W := first.views[first.weight_name]).all():
        if (kernels := kernels_of(first)) is not None:
            pictures["weights"] = lambda: viz.kernel_grid(
                kernels, channels=channels_of(first), title="What each filter looks for: its kernel"
            )
        elif W.shape[:-1] == (test.x[0].size,) and (
            test.kind == "image" or (test.kind == "table" and len(W) <= MOST_FEATURES)
        ):
            title = None if first.n_out <= MOST_PICTURED else f"The first {MOST_PICTURED} of {first.n_out} neurons"
            pictures["weights"] = lambda: draw_weights(W[:, :MOST_PICTURED], test, title)
    for name in (*(f"{name}.png" for name in PICTURES), FILM):
        (folder / name).unlink(missing_ok=True)
    paths = [viz.save(picture(), folder / f"{name}.png", session.note) for name, picture in pictures.items()]
    watched = [each for each in callbacks if getattr(each, "table", "") == "boundary" and finite]
    return [*paths, *(draw_film(each, test, folder / FILM, session.note) for each in watched)]


def draw_weights(W: Array, data: Dataset, title: str | None = None, neuron: int | None = None) -> Any:
    """Draw the weights (n_in, n) of neurons whose inputs are the samples: as pictures, or as a table of features."""
    import viz

    if data.kind != "image":
        names = data.feature_names or [f"input {i}" for i in range(len(W))]
        standardized = data.scaling == "standardize"
        numbers = None if neuron is None else [neuron]
        return viz.weight_table(
            W, names, title=title, neurons=numbers, unit="per standard deviation of the feature" if standardized else ""
        )
    if len(data.sample_shape) == 3:
        W = W.reshape(-1, data.sample_shape[2], W.shape[1]).mean(axis=1)  # over the colours
    height, width = data.sample_shape[:2]
    return viz.weight_grid(W, (height, width), titles=None if neuron is None else [""], title=title)


def boundary(network: Network, data: Dataset) -> Any:
    """Draw the decision boundary of a network in the plane."""
    import viz
    from scenarios.protocol.boundary import answers_of

    lines: dict[str, Any] = {}
    first = next((layer for layer in network if layer.weight_name), None)
    if first is not None and first.n_out <= MOST_LINES and first.source is network.input:
        W, b = first.views[first.weight_name], first.views[first.bias_name]  # for the numbers after scaling
        if (learned := network.input.learned) is not None and learned.mean:
            W = W / np.array(learned.deviation)[:, None]
            b = b - np.array(learned.mean) @ W
        lines = {"weights": W, "biases": b}
    names: dict[str, Any] = {"class_names": data.class_names, "axis_names": data.feature_names}
    return viz.decision_boundary(partial(answers_of, network), data.x, data.labels, **names, **lines)


def draw_boundary(session: Session, folder: Path) -> list[Path]:
    """Draw the decision boundary of a network into a folder, if its data are points."""
    import viz

    if session.test.kind != "points" or not session.test.class_names:
        return []
    return [viz.save(boundary(session.network, session.test), folder / "boundary.png", session.note)]


def boundaries(session: Session) -> list[Callback]:
    """Return the callbacks that record the decision boundary during training, if the data are points."""
    if session.test.kind != "points":
        return []
    from scenarios.protocol.boundary import Boundary, is_drawn  # only for points: it imports matplotlib

    test, epochs = session.test, session.settings.epochs
    return [Boundary(test, epochs, RESOLUTION, FRAMES)] if is_drawn(test) else []


def draw_film(watched: Any, data: Dataset, path: Path, note: str) -> Path:
    """Write the recorded decision boundary as an animated GIF."""
    import viz

    look: dict[str, Any] = {"class_names": data.class_names, "axis_names": data.feature_names}
    return viz.boundary_film(watched.answers, watched.titles(), data.x, data.labels, path, note=note, **look)
