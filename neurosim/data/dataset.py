"""A labelled set of samples, with two ways to take a part of it."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..text import counted, number, thousands
from .idx import idx_sha256

KINDS = ("image", "table", "points")
NOUNS = {"image": "image", "table": "row", "points": "point"}
SHOWN = 10  # names shown in a description


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Samples and labels, with everything that a report needs to know about them.

    The arrays are read-only views, and several runs can share one data set. To change the arrays, copy them.

    Args:
        x: Samples of any number type: images (N, height, width) or (N, height, width, colours), rows of a table
            (N, features), points in the plane (N, 2).
        labels: Integers (N,), indices into `class_names`; or, without `class_names`, float targets (N,) or (N, n).
        name: The name of the data, such as ``"mnist"``.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        source: The origin of the data: a path, or ``"drawn by neurosim, seed 0"``.
        class_names: One name for each class. A classifier needs as many outputs.
        note: What a reader of any figure must know about these data; empty if there is nothing.
        kind: ``"image"``, ``"table"`` or ``"points"``; empty: it depends on the shape of a sample.
        feature_names: One name for each column of a table; empty: the columns have numbers only.
        scaling: How `Input` scales x: "auto", "standardize", a number or None.

    Attributes:
        images: The same as `x`.

    Raises:
        DataError: The arrays do not match each other or the names.

    Example:
        >>> train, test = load("digits")
        >>> print(train.describe())
    """

    x: NDArray[Any]
    labels: NDArray[Any]
    name: str
    split: str
    source: str
    class_names: tuple[str, ...] = ()
    note: str = ""
    kind: str = ""
    feature_names: tuple[str, ...] = ()
    scaling: str | float | None = "auto"

    def __post_init__(self) -> None:
        where = f"{self.name} {self.split}"
        x, labels = np.asarray(self.x), np.asarray(self.labels)
        kind = self.kind or ("image" if x.ndim > 2 else "table")
        if kind not in KINDS or x.dtype.kind not in "buif" or x.ndim not in ((3, 4) if kind == "image" else (2,)):
            raise DataError(
                f"{where}: expected images (N, height, width) or (N, height, width, colours), or rows (N, features), "
                f"of numbers, received {x.dtype} of shape {x.shape} as {kind}"
            )
        if labels.dtype.kind not in ("ui" if self.class_names else "f") or labels.ndim not in (1, 2):
            expected = "integer labels (N,)" if self.class_names else "float targets (N,) or (N, n), or class names"
            raise DataError(f"{where} labels: expected {expected}, received {labels.dtype} of shape {labels.shape}")
        if len(x) != len(labels) or len(labels) == 0:
            raise DataError(
                f"{where}: expected at least one sample, with one label for each sample, "
                f"received {thousands(len(x))} samples and {thousands(len(labels))} labels"
            )
        if self.class_names and not (labels.min() >= 0 and labels.max() < len(self.class_names)):
            wrong = labels.max() if labels.max() >= len(self.class_names) else labels.min()
            raise DataError(
                f"{where} ({self.source}): expected labels from 0 to {len(self.class_names) - 1}, received {wrong}"
            )
        if self.feature_names and len(self.feature_names) != x[0].size:
            raise DataError(
                f"{where}: expected {thousands(x[0].size)} feature names, one for each column, "
                f"received {len(self.feature_names)}"
            )
        object.__setattr__(self, "kind", kind)
        for field, array in (("x", x), ("labels", labels)):
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(self, field, view)

    @property
    def images(self) -> NDArray[Any]:
        """The samples: images, or the rows of a table."""
        return self.x

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.x.shape[1:]

    @property
    def outputs(self) -> int:
        """The number of outputs that a network needs: one for each class, or for each target."""
        return len(self.class_names) or (1 if self.labels.ndim == 1 else self.labels.shape[1])

    @property
    def noun(self) -> str:
        """The word for one sample: "image", "row" or "point"."""
        return NOUNS[self.kind]

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.sample_shape))
        target = counted(len(self.class_names), "class", "classes") if self.class_names else "float targets"
        return f"<Dataset {self.name} {self.split}: {counted(len(self), self.noun)} of {shape}, {target}>"

    @cached_property
    def sha256(self) -> str:
        """The checksum of samples and labels; for bytes, it is that of their two uncompressed IDX files, joined."""
        if self.x.dtype == self.labels.dtype == np.uint8:
            return idx_sha256(self.x, self.labels)
        digest = hashlib.sha256()
        for array in (self.x, self.labels):
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def describe(self) -> str:
        """Describe the data in a few lines: how many samples, their size, their classes and their origin."""
        shape = " x ".join(map(str, self.sample_shape))
        unit = {"image": "pixels", "table": "features", "points": "coordinates"}[self.kind]
        lines = [
            f"{self.name}, {self.split}: {counted(len(self), self.noun)} of {shape} {unit}",
            f"  numbers  {self.x.dtype}, {number(float(self.x.min()))} to {number(float(self.x.max()))}",
        ]
        if self.feature_names:
            lines.append(f"  features {_few(self.feature_names)}")
        if self.class_names:
            counts = np.bincount(self.labels, minlength=len(self.class_names))
            fewest, most = thousands(int(counts.min())), thousands(int(counts.max()))
            span = fewest if fewest == most else f"{fewest} to {most}"
            lines.append(f"  classes  {len(counts)}: {_few(self.class_names)}; {span} {self.noun}s each")
        else:
            low, high = float(self.labels.min()), float(self.labels.max())
            lines.append(f"  targets  {self.outputs}: {number(low)} to {number(high)}")
        lines += [f"  source   {self.source}", f"  sha256   {self.sha256}"]
        return "\n".join([*lines, *(f"  NOTE     {each}" for each in self.notes)])

    @property
    def notes(self) -> list[str]:
        """The notes one by one. A reason in brackets stays whole."""
        return re.split(r"; (?![^()]*\))", self.note) if self.note else []

    def subset(self, count: int, seed: int | None = None) -> Dataset:
        """Return `count` samples that keep the share of each class, in their original order.

        Subsets are nested: a larger subset contains all samples of a smaller one. So the points of a learning curve
        over the size of the training set differ only by the added samples.

        Args:
            count: 1 to the number of samples.
            seed: ``None`` takes the first samples of each class; a number draws them with this seed.

        Raises:
            DataError: `count` is out of range.
        """
        if not 1 <= count <= len(self) or count != int(count):
            raise DataError(f"{self.name} {self.split}: expected 1 to {len(self):,} samples, received {count:,}")
        count = int(count)
        return self._take(self.places(count, seed), self.split)

    def places(self, count: int, seed: int | None = None) -> NDArray[np.intp]:
        """Return the indices of the samples that `subset` takes, in ascending order."""
        rng = None if seed is None else np.random.default_rng(seed)
        return np.sort(self._stratified_order(rng)[:count])

    def hold_out(self, size: float, rng: np.random.Generator | None = None) -> tuple[Dataset, Dataset]:
        """Hold out a validation set with the same share of each class.

        Args:
            size: A fraction between 0 and 1, or a number of samples.
            rng: The generator that draws the samples; ``None`` takes the first samples of each class.

        Returns:
            The remaining samples, and the held-out samples (their `split` is ``"validation"``).

        Raises:
            DataError: Nothing would remain or nothing would be held out.
        """
        count = round(size * len(self)) if 0 < size < 1 else int(size) if math.isfinite(size) else 0
        if not 1 <= count < len(self) or (size >= 1 and size != count):
            raise DataError(
                f"{self.name} {self.split}: expected to hold out some of {len(self):,} samples, but not all, "
                f"received {size:g}, which is {count:,} samples"
            )
        order = self._stratified_order(rng)
        return self._take(order[count:], self.split), self._take(order[:count], "validation")

    def _stratified_order(self, rng: np.random.Generator | None) -> NDArray[np.intp]:
        """Return all indices, ordered so that every prefix has nearly the share of each class.

        The k-th sample of a class of n has the position (k + 1/2) / n. All classes are merged by this position.
        """
        shuffled = np.arange(len(self)) if rng is None else rng.permutation(len(self))
        if not self.class_names:
            return shuffled
        by_class = shuffled[np.argsort(self.labels[shuffled], kind="stable")]
        counts = np.bincount(self.labels)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        position = (np.arange(len(self)) - first + 0.5) / np.repeat(counts, counts)
        order: NDArray[np.intp] = by_class[np.argsort(position, kind="stable")]
        return order

    def _take(self, indices: NDArray[np.intp], split: str) -> Dataset:
        indices = np.sort(indices)
        return replace(self, x=self.x[indices], labels=self.labels[indices], split=split)


def _few(names: tuple[str, ...]) -> str:
    """Return the names in one text, or only the first names if there are many."""
    return ", ".join(names if len(names) <= SHOWN else (*names[: SHOWN - 1], "..."))
