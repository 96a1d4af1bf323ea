"""What a scenario can record while its networks train: callbacks that each fill a table.

A recorder is made anew for every run, in the process that trains it; the runner puts variant and seed in front of its
table and writes those of all runs as one CSV.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from neurosim import training
from neurosim.history import History
from neurosim.layers import BatchNorm, _Activated
from neurosim.network import EVALUATION_BATCH, Network
from neurosim.report import FLAT, off_and_saturated, steepest
from neurosim.training import Callback

if TYPE_CHECKING:
    from neurosim.data import Dataset

    from .base import Run


class Recorder(Callback, ABC):
    """A callback that builds a table.

    Attributes:
        table: its name; "gradients" is written as gradients.csv.
    """

    table: ClassVar[str]

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """What was recorded, tidy, without variant and seed."""


def steps_between(run: Run, train: Dataset, records: int = 20) -> int:
    """How many steps apart a recorder has to look, to look about `records` times an epoch."""
    steps = math.ceil(len(train) / (run.settings.batch_size or len(train)))
    return max(1, steps // records)


class GradientNorms(training.GradientNorms, Recorder):
    """The Euclidean norm of the gradient of each layer's weights; columns step, layer, norm."""

    table = "gradients"


class UnitHealth(Recorder):
    """The share of dead and of saturated units in each hidden layer, before training and after each epoch.

    A unit is dead when it is off for every one of the images: it answers nothing and learns nothing.  It is saturated
    for an image when its activation is flat there without being off; the share is the average over the images.  Off
    and flat are those of `neurosim.report.report_card`.

    Args:
        images: (N, height, width) what the units are looked at with, at least one.

    Attributes:
        rows: dicts of epoch (0: before training), layer (its place among the hidden layers, from 1), dead, saturated.
    """

    table = "units"

    def __init__(self, images: Any) -> None:
        self.images = images
        self.rows: list[dict[str, float]] = []

    def on_start(self, network: Network, history: History) -> None:
        self._look(network, epoch=0)

    def on_epoch(self, network: Network, history: History) -> None:
        self._look(network, epoch=len(history))

    def _look(self, network: Network, epoch: int) -> None:
        """Run the images through the network in evaluation mode and count."""
        # a layer in front of batch normalization is linear: its activation is applied behind the normalization
        hidden = [layer for layer, above in pairwise(network.layers)
                  if isinstance(layer, _Activated) and not isinstance(above, BatchNorm)]
        limits = [FLAT * steepest(layer.activation) for layer in hidden]
        always_off = [np.ones(layer.n_out, bool) for layer in hidden]
        saturated = np.zeros(len(hidden))
        rows = network.input.check(self.images)
        for start in range(0, len(rows), EVALUATION_BATCH):
            network.predict_proba(rows[start : start + EVALUATION_BATCH])
            for k, layer in enumerate(hidden):
                off, flat = off_and_saturated(layer.activation, layer.z, limits[k])  # (B, n) each
                always_off[k] &= off.all(axis=0)
                saturated[k] += flat.mean(axis=1).sum()
        self.rows += [{"epoch": epoch, "layer": k + 1, "dead": float(always_off[k].mean()),
                       "saturated": float(saturated[k] / len(rows))} for k in range(len(hidden))]

    def to_frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=["epoch", "layer", "dead", "saturated"])
