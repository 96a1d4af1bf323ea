"""Mini-batches of a data set, epoch after epoch, and the training step on each: written once, for all who train.

`fit` runs through them to the end, a `Stepper` one by one, and the benchmark takes their step apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..augment import AUGMENTATIONS, Augmentation
from ..checks import check_count
from ..errors import NeurosimError, ShapeError
from ..metrics import hit_counter
from ..network import Network
from ..parameters import Array

Place = tuple[Array | None, int, float, float]


class Batches:
    """The training set of a network in mini-batches, and where in the epoch training stands.

    Args:
        network: what is trained.
        x: (N, …) samples; integers are scaled by the `Input` batch by batch.
        y: (N,) class indices, or (N, n_out) rows.
        batch_size: B, samples per step; ``None``: all. The last batch of an epoch may be smaller.
        shuffle: whether each epoch goes through the samples in a new random order.
        drop_last: whether each epoch leaves out the samples that do not fill its last batch.
        augment: what is done to each batch of uint8 images before it is scaled.

    Attributes:
        rows: (N, n_0) the samples.
        targets: (N, n_out).
        batch_size: B, at most N.
        steps_per_epoch: how many batches an epoch has.
        samples_per_epoch: how many samples it sees.
        order: (N,) the order of this epoch; ``None`` before its first step.
        steps: how many steps of this epoch are done.
        loss: the sum of their losses, each times its samples.
        right: the sum of their right predictions; NaN where the targets are not classes.

    Raises:
        NeurosimError: data or settings that do not fit.
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
    ) -> None:
        self.network = network
        self.rows, self.targets = as_data(network, x, y)
        N = len(self.rows)
        self.batch_size = B = N if batch_size is None else min(check_count("batch_size", batch_size), N)
        self.shuffle, self.drop_last = bool(shuffle), bool(drop_last)
        self.steps_per_epoch = N // B if drop_last else math.ceil(N / B)
        self.samples_per_epoch = min(self.steps_per_epoch * B, N)
        self.augment = None if augment is None else AUGMENTATIONS.create(augment)
        self._gather: Callable[[Array, Array], None] = network.input.gather
        if self.augment is not None:
            self._gather = augmenting_gather(network, self.augment, x)
        self._hits = hit_counter(self.targets)
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Stand before the first step of another epoch."""
        self.order: Array | None = None
        self.steps, self.loss, self.right = 0, 0.0, 0.0

    @property
    def epoch_is_done(self) -> bool:
        """Whether this was the last step of the epoch."""
        return self.steps >= self.steps_per_epoch

    def load(self) -> Array:
        """Put the next batch into the network's workspaces; returns which samples it has, (B,)."""
        network = self.network
        if self.order is None:
            N = len(self.rows)
            self.order = network.streams["shuffling"].permutation(N) if self.shuffle else np.arange(N)
        start = self.steps * self.batch_size
        indices = self.order[start : start + self.batch_size]
        network.set_batch_size(len(indices))
        self._gather(self.rows, indices)
        self.targets.take(indices, 0, network.targets, "clip")
        return indices

    def step(self) -> float:
        """One step of training on the next batch; returns its loss.

        Where that is not finite, nothing was changed, and the step does not count as done.
        """
        indices = self.load()
        loss = self.network.step_()
        if math.isfinite(loss):
            self.loss += loss * len(indices)
            self.right += self._hits(self.network.output.a, indices)
            self.steps += 1
        return loss

    def figures(self) -> dict[str, float]:
        """Loss and accuracy of the epoch: averages over its steps, while the weights were changing."""
        return {"loss": self.loss / self.samples_per_epoch, "accuracy": self.right / self.samples_per_epoch}

    @property
    def place(self) -> Place:
        """Where it stands: order, steps, loss and right. May be assigned, to go back there."""
        return self.order, self.steps, self.loss, self.right

    @place.setter
    def place(self, place: Place) -> None:
        self.order, self.steps, self.loss, self.right = place


def as_data(network: Network, x: Any, y: Any, name: str = "") -> tuple[Array, Array]:
    """Samples and targets as rows, if they fit the network and there are any.

    Args:
        network: it says what fits.
        x: (N, …) samples.
        y: (N,) class indices or (N, n_out) rows.
        name: what they are called in an error message.

    Raises:
        NeurosimError: they do not.
    """
    rows = network.input.as_rows(x)
    _check_finite(rows, network.dtype, name or "x")
    targets = network.as_targets(y, len(rows))
    if len(rows) == 0:
        raise ShapeError(f"{name + ': ' if name else ''}expected at least one sample, received none")
    return rows, targets


def _check_finite(rows: Array, dtype: np.dtype[Any], name: str) -> None:
    """Refuse numbers that are NaN or infinite, or become so in `dtype`. Integers are not looked at.

    Raises:
        NeurosimError: there is one.
    """
    if rows.size == 0 or rows.dtype.kind != "f":
        return
    largest = np.finfo(dtype).max
    if -largest <= rows.min() and rows.max() <= largest:  # false for NaN too
        return
    wrong = ~(np.abs(rows) <= largest)
    sample, position = np.unravel_index(int(np.argmax(wrong)), rows.shape)
    raise NeurosimError(
        f"{name}: expected finite numbers of at most {largest:.2g}, received "
        f"{rows[sample, position]} in sample {sample}, at position {position} of it; leave such "
        "samples out, or fill in a number"
    )


def augmenting_gather(network: Network, augmentation: Augmentation, x: Any) -> Callable[[Array, Array], None]:
    """What takes the place of ``network.input.gather`` where images are augmented.

    Args:
        network: it provides the random numbers, and takes the images.
        augmentation: what is done to each batch.
        x: the training images (N, height, width), or rows (N, pixels) if the `Input` knows their shape.

    Raises:
        ShapeError: it is not known how high and wide the images are.
        NeurosimError: images that are not uint8.
    """
    x = np.asarray(x)
    if x.dtype != np.uint8:
        raise NeurosimError(
            f"augment: expected images as uint8, 0 to 255, received {x.dtype}; the Input layer scales "
            "them after they were augmented"
        )
    shapes = x.shape[1:], network.input.out_shape
    shape = next((each[:2] for each in shapes if len(each) > 1 and math.prod(each[2:]) == 1), None)
    if shape is None:
        raise ShapeError(
            f"augment: expected images of shape (N, height, width), received {x.shape}; reshape them, or "
            "make the first layer Input((height, width))"
        )

    def gather(rows: Array, indices: Array) -> None:
        images = rows.take(indices, 0).reshape(-1, *shape)
        network.input.fill(augmentation(images, network.streams["augmentation"]).reshape(len(indices), -1))

    return gather
