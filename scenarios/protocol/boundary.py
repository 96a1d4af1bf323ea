"""The predictions of a network everywhere in the plane, during training: only for data that are points."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import pandas as pd

import viz
from neurosim.data.dataset import Dataset
from neurosim.network import Network
from neurosim.parameters import Array
from neurosim.schema import Rule, array, count, listed, record
from neurosim.training.callbacks import EarlyStopping, TrainingRun

from .scenario import Recorder

RESOLUTION = 56  # places across and up
FINEST = 65_535  # parts of a probability in a table
FRAMES = 12  # records of a run, beside those before it and at its end


def points_table(data: Dataset) -> pd.DataFrame:
    """Return points (N, 2) and their classes as a table: columns x1, x2, label, class."""
    names = np.array(data.class_names)[data.labels]
    return pd.DataFrame({"x1": data.x[:, 0], "x2": data.x[:, 1], "label": data.labels, "class": names})


def is_drawn(data: Dataset) -> bool:
    """Return whether data are points of several classes, so that there is a boundary to draw."""
    return data.kind == "points" and bool(data.class_names)


class Boundary(Recorder):
    """The predictions of a network in the plane, from before training to its end.

    Columns:
        epoch: 0 is before training; the last may be an earlier epoch, whose weights are kept.
        classes: how many.
        columns: of places; one less than the classes if probabilities add up to 1.
        places: the probability of each class at each place of a grid, in 65,535ths; packed by `packed`.
        points: the predicted class of each test point; packed by `packed`.

    Args:
        data: points; the grid lies around them.
        epochs: how many there will be.
        resolution: how many places the grid has in each direction.
        frames: about how often to record.

    Attributes:
        epochs: of each record.
        answers: of each record (places + N, k): at the places of `viz.places_around` and, after these, at the points.
    """

    table = "boundary"

    def __init__(self, data: Dataset, epochs: int, resolution: int = RESOLUTION, frames: int = FRAMES) -> None:
        self.every, self.count = max(1, -(-epochs // frames)), len(data)
        self.places = np.vstack([viz.places_around(data.x, resolution)[2], data.x]).astype(np.float32)
        self.epochs: list[int] = []
        self.answers: list[Array] = []

    def on_start(self, run: TrainingRun) -> None:
        """Record the network before training."""
        self.epochs, self.answers = [], []
        self._look(run.network, 0)

    def on_epoch(self, run: TrainingRun) -> bool:
        """Record it after some of the epochs."""
        if run.epoch % self.every == 0:
            self._look(run.network, run.epoch)
        return False

    def on_end(self, run: TrainingRun) -> None:
        """Record the network that is left in the end."""
        stopping = next((each for each in run.callbacks if isinstance(each, EarlyStopping)), None)
        last = (stopping.best_epoch if stopping else 0) or len(run.history)
        if self.epochs and last != self.epochs[-1]:
            self._look(run.network, last)

    def _look(self, network: Network, epoch: int) -> None:
        answers = answers_of(network, self.places)
        if np.isfinite(answers).all():
            self.epochs.append(epoch)
            self.answers.append(answers.astype(np.float32))

    def state(self) -> dict[str, Any]:
        return {"epochs": list(self.epochs), "answers": np.stack(self.answers) if self.answers else np.empty(0)}

    def state_rule(self, run: TrainingRun) -> Rule:
        return record({"epochs": listed(count(0, run.epochs)), "answers": array("f")})

    def restore(self, state: dict[str, Any]) -> None:
        self.epochs, self.answers = [int(epoch) for epoch in state["epochs"]], list(state["answers"])

    def titles(self) -> list[str]:
        """Return the title of each record."""
        return [title(epoch, before) for epoch, before in zip(self.epochs, [0, *self.epochs], strict=False)]

    def to_frame(self) -> pd.DataFrame:
        rows = []
        for epoch, answers in zip(self.epochs, self.answers, strict=True):
            places, points = np.split(answers, [len(answers) - self.count])
            places = places[:, :-1] if np.allclose(places.sum(axis=1), 1.0, atol=1e-3) else places
            texts = packed(np.rint(FINEST * places)), packed(points.argmax(axis=1))
            rows.append((epoch, answers.shape[1], places.shape[1], *texts))
        return pd.DataFrame(rows, columns=["epoch", "classes", "columns", "places", "points"])


def title(epoch: int, before: int) -> str:
    """Return the title of a record after an epoch; `before` is the epoch of the record before it."""
    if epoch < before:
        return f"Weights of epoch {epoch}, which are kept"
    return f"After epoch {epoch}" if epoch else "Before training"


def answers_of(network: Network, x: Array) -> Array:
    """Return the probability of each class at points x (N, 2), (N, k); outputs that are not shares go through softmax.

    The predicted class stays the same. The farther the outputs are apart, the surer the prediction appears.
    """
    outputs = network.predict_proba(x).astype(np.float64)
    shares = network.output.activation.range == (0.0, 1.0)
    if outputs.shape[1] == 1:
        other = 1 - outputs if shares else np.full_like(outputs, network.threshold)
        outputs = np.hstack([other, outputs])
    if shares:
        return outputs
    e = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    softmax: Array = e / e.sum(axis=1, keepdims=True)
    return softmax


def packed(values: Array) -> str:
    """Pack whole numbers from 0 to `FINEST` as text for a cell of a table: base64 of zlib of their bytes."""
    return base64.b64encode(zlib.compress(values.astype("<u2").tobytes(), 9)).decode()


def unpacked(text: str, *shape: int) -> Array:
    """Undo `packed`: return an array of this shape."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), "<u2").reshape(*shape)
