"""The batches of a data set, epoch after epoch, and the training step on each: written once, for every user.

`fit` runs all batches, a `Stepper` runs them one by one, and the benchmark times the parts of their step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from ..augment import AUGMENTATIONS, Augmentation
from ..checks import check_count, check_number, samples_and_labels
from ..compiled import Feed
from ..errors import NeurosimError, ShapeError
from ..metrics import HitCounter, class_indices
from ..network import Network
from ..parameters import Array
from ..registry import unknown
from ..samples import as_numbers
from ..signals import signals_wait
from ..text import counted, thousands

if TYPE_CHECKING:
    from ..compiled.program import Program

Place = tuple[Array | None, int, float, float]


class Batches:
    """The training set of a network in batches, and the current place in the epoch.

    Args:
        network: the network to train.
        x: a `Dataset`, or (N, …) samples; the `Input` scales whole numbers batch by batch.
        y: (N,) class indices or names, or (N, n_out) rows, if x are samples.
        batch_size: B, samples per step; ``None``: all. The last batch of an epoch may be smaller.
        shuffle: whether each epoch uses the samples in a new random order.
        drop_last: whether each epoch leaves out the samples that do not fill its last batch.
        augment: the augmentation of each batch of uint8 images before it is scaled.
        class_weight: the weights of the classes, see `weights_of`.
        sample_weight: (N,) the weight of each sample; the loss of a batch is Σ w L / Σ w.

    Attributes:
        rows: (N, n_0) the samples.
        targets: (N, n_out) the targets.
        batch_size: B, at most N.
        steps_per_epoch: the number of batches in an epoch.
        samples_per_epoch: the number of samples that an epoch uses.
        order: (N,) int64, the order of this epoch; ``None`` before its first step.
        steps: the number of finished steps in this epoch.
        loss: the sum of their losses, each multiplied by its number of samples.
        right: the number of their right predictions; NaN if the targets are not classes.
        one_by_one: whether the steps of this epoch are known to run only one at a time.

    Raises:
        NeurosimError: the data or the settings do not fit.
    """

    def __init__(
        self,
        network: Network,
        x: Any,
        y: Any,
        batch_size: int | None,
        *,
        shuffle: bool = True,
        drop_last: bool = False,
        augment: str | Augmentation | dict[str, Any] | None = None,
        class_weight: Any = None,
        sample_weight: Any = None,
    ) -> None:
        self.network = network
        network.learn(x, y)
        x, y = samples_and_labels(x, y)
        self.rows, self.targets = as_data(network, x, y)
        N = len(self.rows)
        self.batch_size = B = N if batch_size is None else min(check_count("batch_size", batch_size), N)
        if network.least_batch > B:
            raise NeurosimError(
                f"batch_size: expected at least {network.least_batch}, because batch normalization learns nothing from "
                f"a batch of one, received {B}"
            )
        self.weights = weights_of(network, self.targets, class_weight, sample_weight)
        self.shuffle, self.drop_last = bool(shuffle), bool(drop_last)
        self.steps_per_epoch = N // B if drop_last else math.ceil(N / B)
        self.samples_per_epoch = min(self.steps_per_epoch * B, N)
        self.augment = None if augment is None else AUGMENTATIONS.create(augment)
        self._gather: Callable[[Array, Array], None] = network.input.gather
        if self.augment is not None:
            self._gather = augmenting_gather(network, self.augment, x)
        self._hits = HitCounter(self.targets, network.threshold)
        feed = Feed(self.rows, self.targets, network.threshold)
        at_once = self.augment is None and self.weights is None and feed.fits
        self._feed = feed if at_once else None
        self.begin_epoch()

    def __repr__(self) -> str:
        count, steps = counted(len(self.rows), "sample"), f"step {self.steps:,} of {self.steps_per_epoch:,}"
        return f"Batches({count} in batches of {self.batch_size:,}, {steps} in this epoch)"

    def begin_epoch(self) -> None:
        """Go to the first step of a new epoch."""
        self.order: Array | None = None
        self.steps, self.loss, self.right = 0, 0.0, 0.0
        self.one_by_one = self._feed is None

    @property
    def epoch_is_done(self) -> bool:
        """Whether the last step of the epoch is done."""
        return self.steps >= self.steps_per_epoch

    def _next(self) -> tuple[Array, int]:
        """Return the order of the epoch, and the position of the next batch in it."""
        if self.order is None:
            N = len(self.rows)
            order = self.network.streams["shuffling"].permutation(N) if self.shuffle else np.arange(N)
            self.order = order.astype(np.int64, copy=False)
        return self.order, self.steps * self.batch_size

    def load(self) -> Array:
        """Put the next batch into the network's workspaces; return the indices of its samples, (B,)."""
        network = self.network
        order, start = self._next()
        indices = order[start : start + self.batch_size]
        network.set_batch_size(len(indices))
        self._gather(self.rows, indices)
        self.targets.take(indices, 0, network.targets, "clip")
        return indices

    def step(self) -> float:
        """Run one training step on the next batch; return its loss.

        If the loss is not finite, nothing was changed, and the step does not count.
        """
        losses: list[float] = []
        self.advance(1, losses)
        return losses[0]

    def advance(self, most: int, losses: list[float], look: Callable[[], None] | None = None) -> None:
        """Run one step, or several in one call if they are compiled.

        Args:
            most: the largest number of steps.
            losses: a list; the losses of the steps are appended. If the last one is not finite, its step changed
                nothing and does not count.
            look: a function to call after each step that counts.
        """
        if self.one_by_one or not self._run(most, losses, look):
            self.one_by_one = True  # for the rest of the epoch: asking again takes as long as half a step
            losses.append(self._step())
            if look is not None and math.isfinite(losses[-1]):
                look()

    def _run(self, most: int, losses: list[float], look: Callable[[], None] | None) -> bool:
        """Run several compiled steps. Return False if the network has no compiled form, or no samples are left."""
        assert self._feed is not None
        order, start = self._next()
        size = min(self.batch_size, len(order) - start)
        if size < 1:
            return False
        self.network.set_batch_size(size)
        if (program := self.network.compiled()) is None:
            return False
        done = np.full((max(1, min(most, (len(order) - start) // size)), 2), math.nan)
        if look is not None and len(done) > 1:
            self._run_watched(program, start, done, size, losses, look)
            return True
        with signals_wait() if len(done) > 1 else nullcontext():
            try:
                program.run_(self._feed, order, start, done)
            finally:
                finished = self._count(done, size, losses)
            if finished < len(done):
                losses.append(float(done[finished, 0]))
        if look is not None and finished:
            look()
        return True

    def _run_watched(
        self, program: Program, start: int, done: Array, size: int, losses: list[float], look: Callable[[], None]
    ) -> None:
        """Run several compiled steps, and count each one before `look` is called."""
        assert self._feed is not None and self.order is not None
        before = self.steps

        def counted(step: int) -> None:
            loss, right = done[step].tolist()
            self._count_one(loss, right, size, losses)
            look()

        with signals_wait():
            stopped = program.run_(self._feed, self.order, start, done, counted)
            finished = self.steps - before
            if finished < len(done) and not stopped:
                losses.append(float(done[finished, 0]))

    def _count(self, done: Array, size: int, losses: list[float]) -> int:
        """Count the steps, on batches of one size, whose loss and right predictions `run_` has written."""
        finished = 0
        for loss, right in done.tolist():
            if math.isnan(right):
                break
            finished += 1
            self._count_one(loss, right, size, losses)
        return finished

    def _count_one(self, loss: float, right: float, size: int, losses: list[float]) -> None:
        losses.append(loss)
        self.loss += loss * size
        self.right += right if self._hits.counts else math.nan
        self.steps += 1

    def _step(self) -> float:
        """Run one step that compiled code cannot do alone from the data set."""
        indices = self.load()
        loss = self.network.step_() if self.weights is None else self.network.step_(self.weights[indices])
        if math.isfinite(loss):
            self.loss += loss * len(indices)
            self.right += self._hits(self.network.output.a, indices)
            self.steps += 1
        return loss

    def pieces(self) -> dict[str, Callable[[], object]]:
        """Return the parts of a step on the next batch, by name and in order, so that each can be timed."""
        network = self.network
        order, start = self._next()
        network.set_batch_size(min(self.batch_size, len(order) - start))
        if self._feed is not None and (program := network.compiled()) is not None:
            return program.pieces(self._feed, order, start)
        return {
            "gather": self.load,
            "forward": lambda: network.forward_(training=True),
            "loss": lambda: network.loss.value_(network.output, network.targets),
            "backward": network.backward_,
            "update": network.update_,
        }

    def figures(self) -> dict[str, float]:
        """Return loss and accuracy of the epoch: means over its steps, while the weights were changing."""
        return {"loss": self.loss / self.samples_per_epoch, "accuracy": self.right / self.samples_per_epoch}

    @property
    def place(self) -> Place:
        """The current place: order, steps, loss and right. To go back, assign an earlier value."""
        return self.order, self.steps, self.loss, self.right

    @place.setter
    def place(self, place: Place) -> None:
        order, self.steps, self.loss, self.right = place
        self.order = None if order is None else order.astype(np.int64, copy=False)  # the type that compiled steps read


def as_data(network: Network, x: Any, y: Any, name: str = "") -> tuple[Array, Array]:
    """Return samples and targets as rows that fit the network.

    Args:
        network: the network.
        x: (N, …) samples.
        y: (N,) class indices or (N, n_out) rows.
        name: the name of the data in an error message.

    Raises:
        NeurosimError: the data do not fit the network, or there are no samples.
    """
    x, y = samples_and_labels(x, y)
    rows = network.input.as_rows(x, name or "x")
    targets = network.as_targets(y, len(rows))
    if len(rows) == 0:
        raise ShapeError(f"{name + ': ' if name else ''}expected at least one sample, received none")
    return rows, targets


def weights_of(network: Network, targets: Array, class_weight: Any, sample_weight: Any) -> Array | None:
    """Return the weight of each sample, (N,); None if all weights are equal.

    Args:
        network: the network, for the names of the classes.
        targets: (N, n_out) the targets.
        class_weight: the weight of each class, at least 0: a dict by index or name (a missing class has weight 1), or
            one number per class. "balanced" gives a class the weight N / (classes · its samples), so that all classes
            have the same total.
        sample_weight: (N,) at least 0; multiplied by the weight of the sample's class.

    Raises:
        NeurosimError: a class is unknown, the number of weights is wrong, or a weight is below 0.
    """
    if class_weight is None and sample_weight is None:
        return None
    weights = np.ones(len(targets))
    if sample_weight is not None:
        weights = weights * _checked_weights("sample_weight", sample_weight, len(targets))
    if class_weight is not None:
        classes = class_indices(targets)
        if classes is None:
            raise NeurosimError("class_weight: expected targets that are classes, received numbers; use sample_weight")
        K = max(2, targets.shape[1])
        if isinstance(class_weight, str) and class_weight == "balanced":
            counts = np.bincount(classes, minlength=K)
            by_class = len(classes) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        elif isinstance(class_weight, Mapping):
            by_class = np.ones(K)
            for name, weight in class_weight.items():
                index = network.class_names.index(name) if name in network.class_names else name
                if not (isinstance(index, (int, np.integer)) and 0 <= index < K):
                    raise unknown("class", name, network.class_names or map(str, range(K)))
                by_class[index] = check_number("class_weight", weight, 0.0, math.inf, open_high=True)
        else:
            by_class = _checked_weights("class_weight", class_weight, K)
        weights = weights * by_class[classes]
    if not weights.any():
        raise NeurosimError("weights: expected at least one above 0, received none")
    return weights


def _checked_weights(name: str, weights: Any, count: int) -> Array:
    """Return (count,) finite weights of at least 0.

    Raises:
        NeurosimError: the weights are not of this kind.
    """
    array, _ = as_numbers(weights, name)
    array = array.astype(np.float64)
    wrong = array[~((array >= 0.0) & (array < np.inf))]
    if array.shape != (count,) or wrong.size:
        what = f"{wrong[0]:g}" if wrong.size else f"numbers of shape {array.shape}"
        raise NeurosimError(f"{name}: expected {thousands(count)} finite numbers of at least 0, received {what}")
    return array


def augmenting_gather(network: Network, augmentation: Augmentation, x: Any) -> Callable[[Array, Array], None]:
    """Return a replacement of ``network.input.gather`` that augments images.

    Args:
        network: the network that provides the random numbers and receives the images.
        augmentation: the augmentation of each batch.
        x: the training images (N, height, width), or rows (N, pixels) if the `Input` knows their shape.

    Raises:
        ShapeError: the height and width of the images are unknown.
        NeurosimError: the images are not uint8.
    """
    x, _ = as_numbers(x)
    if x.dtype != np.uint8:
        raise NeurosimError(
            f"augment: expected images as uint8, 0 to 255, received {x.dtype}. The Input layer scales the images after "
            "the augmentation"
        )
    shapes = x.shape[1:], network.input.out_shape
    shape = next((each[:2] for each in shapes if len(each) > 1 and math.prod(each[2:]) == 1), None)
    if shape is None:
        raise ShapeError(
            f"augment: expected images of shape (N, height, width), received {x.shape}. Reshape them, or "
            "make the first layer Input((height, width))"
        )

    def gather(rows: Array, indices: Array) -> None:
        images = rows.take(indices, 0).reshape(-1, *shape)
        network.input.fill(augmentation(images, network.streams["augmentation"]).reshape(len(indices), -1))

    return gather
