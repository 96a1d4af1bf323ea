"""The recorders of scenarios: callbacks that each fill a table while a network trains.

A recorder is made anew for every run, in the process that trains it.  The runner puts variant and seed in front of its
table, and writes the tables of all runs as one CSV.
"""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from neurosim import training
from neurosim.analysis.report_card import FLAT, off_and_saturated, steepest
from neurosim.data.dataset import Dataset
from neurosim.layers.stack import numbers_of
from neurosim.network import EVALUATION_BATCH, Network
from neurosim.parameters import Array
from neurosim.training.callbacks import TrainingRun

from .measures import (
    class_means,
    distances,
    explained,
    hidden_layers,
    layer_outputs,
    selectivity,
    smoothness,
    weights_of,
)
from .scenario import Recorder


class GradientNorms(training.GradientNorms, Recorder):
    """The Euclidean norm of the gradient of each layer's weights; columns step, layer, norm."""

    table = "gradients"


class Divergences(Recorder):
    """The beginning of each run's divergence; no row for a run that did not diverge.

    Columns epoch, step (where it was noticed), layer (missing where it was the loss), quantity, phase, learning_rate,
    largest_weight; see `neurosim.training.divergence.find_divergence`.
    """

    table = "divergences"
    COLUMNS = ("epoch", "step", "layer", "quantity", "phase", "learning_rate", "largest_weight")

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def on_end(self, run: TrainingRun) -> None:
        if run.history.divergence is not None:
            self.found.append(run.history.divergence)

    def to_frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.found, columns=list(self.COLUMNS))


class UnitHealth(Recorder):
    """The share of dead and of saturated units in each hidden layer, before training and after each epoch.

    A unit is dead if it is off for every one of the images: it answers nothing and learns nothing.  It is saturated
    for an image if its activation is flat there without being off; the share is the average over the images.  A unit
    of a convolutional layer is a filter.  It is dead if it is off at every place, and the shares are over the places,
    too.  Off and flat are defined as in `neurosim.analysis.report_card.report_card`.

    Args:
        images: (N, height, width) the images to measure the units with, at least one.

    Attributes:
        rows: dicts of epoch (0: before training), layer (see `numbers_of`), dead, saturated.
    """

    table = "units"

    def __init__(self, images: Any) -> None:
        self.images = images
        self.rows: list[dict[str, float]] = []

    def on_start(self, run: TrainingRun) -> None:
        self._record(run.network, epoch=0)

    def on_epoch(self, run: TrainingRun) -> None:
        self._record(run.network, epoch=len(run.history))

    def _record(self, network: Network, epoch: int) -> None:
        """Run the images through the network in evaluation mode and count."""
        hidden = hidden_layers(network)
        limits = [FLAT * steepest(activation) for _, activation in hidden]
        always_off = [np.ones(layer.neuron_count, bool) for layer, _ in hidden]
        saturated = np.zeros(len(hidden))
        rows = network.input.as_rows(self.images)
        for start in range(0, len(rows), EVALUATION_BATCH):
            network.predict_proba(rows[start : start + EVALUATION_BATCH])
            for k, (layer, activation) in enumerate(hidden):
                off, flat = off_and_saturated(activation, layer.by_neuron(layer.z), limits[k])  # (B places, n) each
                always_off[k] &= off.all(axis=0)
                saturated[k] += flat.mean(axis=1).sum() / layer.places
        self.rows += [
            {
                "epoch": epoch,
                "layer": number,
                "dead": float(always_off[k].mean()),
                "saturated": float(saturated[k] / len(rows)),
            }
            for k, number in enumerate(numbers_of([layer for layer, _ in hidden], network.layers))
        ]

    def to_frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=["epoch", "layer", "dead", "saturated"])


class StepLosses(Recorder):
    """The loss of single steps, and the learning rate of each; columns step (from 1), learning_rate, loss.

    Args:
        every: the number of steps from one record to the next.
    """

    table = "steps"

    def __init__(self, every: int) -> None:
        self.every = every
        self.rows: list[dict[str, float]] = []

    def on_step(self, run: TrainingRun) -> None:
        step = len(run.history.batch_losses)
        if (step - 1) % self.every == 0:
            self.rows.append(
                {"step": step, "learning_rate": run.network.optimizer.last_rate, "loss": run.history.batch_losses[-1]}
            )

    def to_frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=["step", "learning_rate", "loss"])


class TrainFigures(Recorder):
    """Loss and accuracy on the training images at the end of each epoch: of the weights that are tested, too.

    The columns loss and accuracy of the results are averages over an epoch of changing weights, and with dropout
    switched on; a gap between training and test needs both of the same network.

    Args:
        train: the training images.

    Attributes:
        rows: dicts of epoch (from 1), train_loss, train_accuracy.
    """

    table = "train"

    def __init__(self, train: Dataset) -> None:
        self.train = train
        self.rows: list[dict[str, float]] = []

    def on_epoch(self, run: TrainingRun) -> None:
        figures = run.network.evaluate(self.train)
        self.rows.append({"epoch": len(run.history)} | {f"train_{name}": value for name, value in figures.items()})

    def to_frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=["epoch", "train_loss", "train_accuracy"])


class GradientNoise(Recorder):
    """The distance of the gradients of batches from that of all images, before training and after each epoch.

    noise = √(mean over batches |g_batch - g|²) / |g|, g being the gradient of the mean loss over all images. It is
    1 if a batch misses g by as much as g is long.

    Args:
        train: the training images.
        batch_size: images a batch; None: all, and no noise.
        draws: how many batches are drawn at random each time; None: ten, or as many as make a thousand images. Single
            images need many: once most of them are read rightly, a few make up nearly all of the spread.
        seed: of the draws.

    Attributes:
        rows: dicts of epoch (0: before training), updates (so far), batch_size, gradient_noise.

    Reference: McCandlish et al. (2018), An empirical model of large-batch training, section 2.2.
    """

    table = "gradient_noise"

    def __init__(self, train: Dataset, batch_size: int | None, draws: int | None = None, seed: int = 0) -> None:
        self.train = train
        self.batch_size = min(batch_size or len(train), len(train))
        self.draws = draws or max(10, 1_000 // self.batch_size)
        self.rng = np.random.default_rng(seed)
        self.rows: list[dict[str, float]] = []

    def on_start(self, run: TrainingRun) -> None:
        self._record(run.network, epoch=0)

    def on_epoch(self, run: TrainingRun) -> None:
        self._record(run.network, epoch=len(run.history))

    def _record(self, network: Network, epoch: int) -> None:
        self.rows.append(
            {
                "epoch": epoch,
                "updates": network.optimizer.t,
                "batch_size": self.batch_size,
                "gradient_noise": self.noise(network) if self.batch_size < len(self.train) else 0.0,
            }
        )

    def noise(self, network: Network) -> float:
        """Of its present weights; NaN where the gradient is 0."""
        images, labels = self.train.images, self.train.labels
        network.gradients(images, labels)
        whole = network.parameters.grad.astype(np.float64)
        missed = 0.0
        for _ in range(self.draws):
            batch = self.rng.choice(len(images), self.batch_size, replace=False)
            network.gradients(images[batch], labels[batch])
            missed += float(np.square(network.parameters.grad - whole).sum())
        length = float(np.linalg.norm(whole))
        return math.sqrt(missed / self.draws) / length if length > 0.0 else math.nan

    def to_frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=["epoch", "updates", "batch_size", "gradient_noise"])


class AtSteps(Recorder):
    """A recorder that records before training and again after some of the steps.

    Args:
        steps: after which ones, counted from 1; 0 is before training.

    Attributes:
        rows: what was recorded, as dicts of the columns.
    """

    columns: ClassVar[tuple[str, ...]]

    def __init__(self, steps: Collection[int]) -> None:
        self.steps = frozenset(steps)
        self.rows: list[dict[str, float]] = []
        self._step = 0

    def on_start(self, run: TrainingRun) -> None:
        if 0 in self.steps:
            self.record(run.network, 0)

    def on_step(self, run: TrainingRun) -> None:
        self._step += 1
        if self._step in self.steps:
            self.record(run.network, self._step)

    @abstractmethod
    def record(self, network: Network, step: int) -> None:
        """Add rows for the network as it is after this step."""

    def to_frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=list(self.columns))


class Preactivations(AtSteps):
    """The inputs of the activation functions of the first, the middle and the last hidden layer, in the training batch.

    Columns step, layer (see `numbers_of`), p5, p25, p50, p75, p95 (percentiles of z over all
    units and images), and images: how different images are to a unit, the root mean square over the units of the
    standard deviation of z over the images.
    """

    table = "preactivations"
    percentiles = (5, 25, 50, 75, 95)
    columns = ("step", "layer", "p5", "p25", "p50", "p75", "p95", "images")

    def record(self, network: Network, step: int) -> None:
        if step == 0:  # no batch has passed through yet
            return
        hidden = [layer for layer, _ in hidden_layers(network)]
        numbers = numbers_of(hidden, network.layers)
        for k in sorted({0, len(hidden) // 2, len(hidden) - 1} if hidden else ()):
            z = hidden[k].z
            values = np.percentile(z, self.percentiles)
            self.rows.append(
                {
                    "step": step,
                    "layer": numbers[k],
                    **{f"p{p}": float(value) for p, value in zip(self.percentiles, values, strict=True)},
                    "images": math.sqrt(z.var(axis=0, dtype=np.float64).mean()),
                }
            )


class NeuronLife(AtSteps):
    """The life of one neuron of the first hidden layer: the one that in the end tells the classes apart best.

    Columns step, neuron, height and width (of the image that its weights make), smoothness, selectivity (see the
    functions of these names), "mean for X" for each class X, and w0, w1, … its weights.

    Args:
        steps: when to record.
        train: its first images measure the neuron.
        images: how many of them.
    """

    table = "neuron_life"

    def __init__(self, steps: Collection[int], train: Dataset, images: int) -> None:
        super().__init__(steps)
        self.images, self.labels = train.images[:images], train.labels[:images]
        self.class_names, self.shape = train.class_names, train.images.shape[1:]
        self.records: list[tuple[int, Array, Array, Array]] = []  # step, W, means by class, selectivity

    def record(self, network: Network, step: int) -> None:
        a, classes = layer_outputs(network, network.layers[1], self.images), len(self.class_names)
        self.records.append(
            (
                step,
                weights_of(network.layers[1]).copy(),
                class_means(a, self.labels, classes),
                selectivity(a, self.labels, classes),
            )
        )

    def to_frame(self) -> pd.DataFrame:
        last = np.nan_to_num(self.records[-1][-1], nan=-1.0) if self.records else np.zeros(1)
        j = int(last.argmax())
        return pd.DataFrame(
            [
                {
                    "step": step,
                    "neuron": j,
                    "height": self.shape[0],
                    "width": self.shape[1],
                    "smoothness": smoothness(W[:, j].reshape(self.shape)),
                    "selectivity": float(selective[j]),
                    **{
                        f"mean for {name}": float(mean)
                        for name, mean in zip(self.class_names, means[:, j], strict=True)
                    },
                    **{f"w{k}": float(f"{weight:.4g}") for k, weight in enumerate(W[:, j])},
                }
                for step, W, means, selective in self.records
            ]
        )


class FilterLife(AtSteps):
    """The life of each filter of the first layer with weights, by its kernel and by what it answers.

    Columns:
        step, filter.
        height, width: of its kernel.
        edge, line: the share of the kernel's energy that one explains, see `measures.explained`.
        likeness: the cosine between the kernel and the first recorded one.
        moved: the distance from that one, as a multiple of its length.
        active: the share of places, over all images, at which it is on (z > 0); 0: dead.
        watched_accuracy: of the network, on these images.
        w0, w1, …: its weights.

    Args:
        steps: when to record.
        train: its first images measure the network.
        images: how many of them.
    """

    table = "filter_life"

    def __init__(self, steps: Collection[int], train: Dataset, images: int) -> None:
        super().__init__(steps)
        self.images, self.labels = train.images[:images], train.labels[:images]
        self.start = np.empty(0)

    def record(self, network: Network, step: int) -> None:
        layer = next(each for each in network.layers if each.weight_name)
        shape = layer.weight_image_shape or (1, len(weights_of(layer)))
        kernels = weights_of(layer).T.astype(np.float64)  # (n, height width), a copy
        self.start = kernels if not self.start.size else self.start
        length, first = np.linalg.norm(kernels, axis=1), np.linalg.norm(self.start, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):  # a kernel of zeros is like nothing
            likeness = (kernels * self.start).sum(axis=1) / (length * first)
            moved = np.linalg.norm(kernels - self.start, axis=1) / first
        tiles = kernels.reshape(-1, *shape)
        edge, line = explained(tiles, 1), explained(tiles, 2)
        active, accuracy = self._look(network)
        self.rows += [
            {
                "step": step,
                "filter": j,
                "height": shape[0],
                "width": shape[1],
                "edge": float(edge[j]),
                "line": float(line[j]),
                "likeness": float(likeness[j]),
                "moved": float(moved[j]),
                "active": float(active[j]),
                "watched_accuracy": accuracy,
                **{f"w{k}": float(f"{weight:.4g}") for k, weight in enumerate(kernels[j])},
            }
            for j in range(len(kernels))
        ]

    def _look(self, network: Network) -> tuple[Array, float]:
        """At how many places each filter is on, (n,), and how many of the images are read rightly: both as shares."""
        layer = next((each for each, _ in hidden_layers(network)), network.output)
        on, right = np.zeros(layer.neuron_count), 0
        rows = network.input.as_rows(self.images)
        for start in range(0, len(rows), EVALUATION_BATCH):
            part = slice(start, start + EVALUATION_BATCH)
            right += int((network.predict(rows[part]) == self.labels[part]).sum())
            on += (layer.by_neuron(layer.z) > 0.0).sum(axis=0)
        return on / (len(rows) * layer.places), right / len(rows)

    def to_frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows)


class UnitLife(AtSteps):
    """For how many images each hidden unit is on (z > 0), unit by unit: columns step, layer, neuron, active (0 to 1).

    A unit of a convolutional layer is a filter; it is on for an image if it is on at any place.

    It uses a copy of the network in training mode, so that batch normalization uses these images: its running
    statistics mean nothing before training.

    Args:
        steps: when to record.
        images: (N, height, width) the images to measure the units with, at least one.
    """

    table = "unit_life"
    columns = ("step", "layer", "neuron", "active")

    def __init__(self, steps: Collection[int], images: Any) -> None:
        super().__init__(steps)
        self.images = images

    def record(self, network: Network, step: int) -> None:
        twin = copy.deepcopy(network)  # its dropout and running statistics may change, those of the run may not
        rows = twin.input.as_rows(self.images)
        twin.set_batch_size(len(rows))
        twin.input.fill(rows)
        twin.forward_(training=True)
        hidden = [layer for layer, _ in hidden_layers(twin)]
        for number, layer in zip(numbers_of(hidden, twin.layers), hidden, strict=True):
            on = layer.by_neuron(layer.z > 0.0).reshape(len(rows), layer.places, layer.neuron_count)
            active = on.any(axis=1).mean(axis=0)  # (n,)
            self.rows += [
                {"step": step, "layer": number, "neuron": j, "active": float(share)} for j, share in enumerate(active)
            ]


class DistinctNeurons(AtSteps):
    """The differences between the neurons of the first hidden layer, by their weights and biases.

    Columns step, neurons (how many), distance (the largest between two of them), distinct (the share of neurons that
    are not copies of an earlier one: farther than `apart` times the mean norm of a neuron from each of those).
    """

    table = "parting"
    columns = ("step", "neurons", "distance", "distinct")
    apart = 0.01

    def record(self, network: Network, step: int) -> None:
        layer = network.layers[1]
        biases = [layer.views[layer.bias_name]] if layer.bias_name in layer.views else []
        vectors = np.vstack([weights_of(layer), *biases])  # (n_in + 1, n)
        between = distances(vectors)
        same = between <= self.apart * np.linalg.norm(vectors, axis=0).mean()
        kept: list[int] = []
        for j in range(len(between)):
            if not same[j, kept].any():
                kept.append(j)
        self.rows.append(
            {
                "step": step,
                "neurons": len(between),
                "distance": float(between.max()),
                "distinct": len(kept) / len(between),
            }
        )


class NeuronWeights(AtSteps):
    """Some weights of the first neurons of the first hidden layer: columns step, neuron, weight (its pixel), value.

    Args:
        steps: when to record.
        pixels: which weights.
        neurons: the number of neurons, the first ones.
    """

    table = "neurons"
    columns = ("step", "neuron", "weight", "value")

    def __init__(self, steps: Collection[int], pixels: Sequence[int], neurons: int) -> None:
        super().__init__(steps)
        self.pixels, self.neurons = pixels, neurons

    def record(self, network: Network, step: int) -> None:
        W = weights_of(network.layers[1])
        self.rows += [
            {"step": step, "neuron": j, "weight": pixel, "value": float(W[pixel, j])}
            for j in range(min(self.neurons, W.shape[1]))
            for pixel in self.pixels
        ]
