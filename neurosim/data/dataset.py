"""One labelled set of images, and the two ways of taking a part of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .idx import Bytes, idx_sha256


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and labels, with everything that a report has to say about them.

    The arrays are read-only views, so one data set can be shared by many runs; copy them to change them.

    Args:
        images: uint8 of shape (N, height, width), 0 is background and 255 is full ink.
        labels: uint8 of shape (N,), indices into `class_names`.
        name: What the data are, such as ``"mnist"``.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        source: Where they came from: a path, or ``"drawn by neurosim, seed 0"``.
        class_names: One name a class; its length is the number of outputs that a classifier needs.
        note: What a reader of any figure has to know about these data; empty when there is nothing.

    Raises:
        DataError: The arrays do not fit each other or the class names.

    Example:
        >>> train, test = load("digits")
        >>> print(train.describe())
    """

    images: Bytes
    labels: Bytes
    name: str
    split: str
    source: str
    class_names: tuple[str, ...]
    note: str = ""

    def __post_init__(self) -> None:
        for field, array, dimensions in (("images", self.images, 3), ("labels", self.labels, 1)):
            if array.dtype != np.uint8 or array.ndim != dimensions:
                raise DataError(
                    f"{self.name} {self.split} {field}: expected a uint8 array of {dimensions} dimension(s), "
                    f"received {array.dtype} of shape {array.shape}"
                )
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(self, field, view)
        if len(self.images) != len(self.labels) or len(self.labels) == 0:
            raise DataError(
                f"{self.name} {self.split}: expected one label for each image and at least one of them, "
                f"received {len(self.images):,} images and {len(self.labels):,} labels"
            )
        if self.labels.max() >= len(self.class_names):
            raise DataError(
                f"{self.name} {self.split} ({self.source}): expected labels 0..{len(self.class_names) - 1}, "
                f"received {self.labels.max()}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        height, width = self.images.shape[1:]
        return (
            f"<Dataset {self.name} {self.split}: {len(self):,} images of {height}x{width}, "
            f"{len(self.class_names)} classes>"
        )

    @cached_property
    def sha256(self) -> str:
        """Checksum of images and labels, as of their two uncompressed IDX files one after the other."""
        return idx_sha256(self.images, self.labels)

    def describe(self) -> str:
        """A few lines for a person: how many, of what, how even the classes are, and where they came from."""
        height, width = self.images.shape[1:]
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        names = self.class_names if len(self.class_names) <= 10 else (*self.class_names[:9], "...")
        lines = [
            f"{self.name}, {self.split}: {len(self):,} images of {height} x {width} pixels",
            f"  classes  {len(counts)}: {', '.join(names)}; {counts.min():,} to {counts.max():,} images each",
            f"  source   {self.source}",
            f"  sha256   {self.sha256}",
        ]
        return "\n".join(lines + ([f"  NOTE     {self.note}"] if self.note else []))

    def subset(self, count: int, seed: int | None = None) -> Dataset:
        """The `count` samples that keep the share of each class, in their original order.

        Subsets are nested: the samples of a smaller one are all in a larger one, so that a learning curve
        over the size of the training set differs by the added samples only.

        Args:
            count: 1 to the number of samples.
            seed: ``None`` takes the first samples of each class, a number draws them with that seed.

        Raises:
            DataError: `count` is out of range.
        """
        if not 1 <= count <= len(self) or count != int(count):
            raise DataError(f"{self.name} {self.split}: expected 1 to {len(self):,} samples, received {count:,}")
        count = int(count)
        rng = None if seed is None else np.random.default_rng(seed)
        return self._take(self._stratified_order(rng)[:count], self.split)

    def hold_out(self, size: float, rng: np.random.Generator | None = None) -> tuple[Dataset, Dataset]:
        """Hold out a validation set with the same share of each class.

        Args:
            size: A fraction between 0 and 1, or a number of samples.
            rng: Draws the samples; ``None`` takes the first ones of each class.

        Returns:
            What remains, and what was held out (its `split` is ``"validation"``).

        Raises:
            DataError: Nothing would remain or nothing would be held out.
        """
        count = round(size * len(self)) if 0 < size < 1 else int(size) if math.isfinite(size) else 0
        if not 1 <= count < len(self) or (size >= 1 and size != count):
            raise DataError(
                f"{self.name} {self.split}: expected to hold out some of {len(self):,} samples, not all, "
                f"received {size:g}, which is {count:,} samples"
            )
        order = self._stratified_order(rng)
        return self._take(order[count:], self.split), self._take(order[:count], "validation")

    def _stratified_order(self, rng: np.random.Generator | None) -> NDArray[np.intp]:
        """Indices of all samples, in an order of which every beginning has nearly the share of each class.

        The k-th sample of a class of n stands at (k + 1/2) / n, and all classes are merged by that position.
        """
        shuffled = np.arange(len(self)) if rng is None else rng.permutation(len(self))
        by_class = shuffled[np.argsort(self.labels[shuffled], kind="stable")]
        counts = np.bincount(self.labels)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        position = (np.arange(len(self)) - first + 0.5) / np.repeat(counts, counts)
        order: NDArray[np.intp] = by_class[np.argsort(position, kind="stable")]
        return order

    def _take(self, indices: NDArray[np.intp], split: str) -> Dataset:
        indices = np.sort(indices)
        return replace(self, images=self.images[indices], labels=self.labels[indices], split=split)
