"""The samples of a page: raw, in the order of the network's columns and classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import is_dataset, samples_and_labels
from ..data import Dataset
from ..errors import NeurosimError, ShapeError
from ..labels import read_labels
from ..network import Network
from ..parameters import Array
from ..samples import as_numbers

TEST, TRAIN = 500, 2_000  # samples of each in a page, at most
MISTAKES = 60  # extra test samples that the network misreads
OTHER_DATA = "give the data that the network was trained on (on the command line: --data)"
SEED = 0  # for drawing them
WIDE = {"i": np.int32, "u": np.int32}  # JavaScript's type for whole numbers of other sizes


def as_dataset(data: Any, split: str) -> Dataset:
    """Return a `Dataset`, made from a pair (x, y) if necessary.

    Raises:
        NeurosimError: the data are neither.
    """
    if is_dataset(data):
        found: Dataset = data
        return found
    try:
        x, y = data
    except (TypeError, ValueError):
        raise NeurosimError(f"{split}: expected a Dataset or a pair (x, y), received a {type(data).__name__}") from None
    x, features = as_numbers(x)
    labels, names = read_labels(y)
    if not names and labels.ndim == 1 and labels.dtype.kind in "ui" and labels.size and labels.min() >= 0:
        names = tuple(map(str, range(int(labels.max()) + 1)))
    kind = "points" if x.ndim == 2 and x.shape[1] == 2 else ""
    labels = labels if names else labels.astype(np.float64)
    return Dataset(x, labels, "data", split, "arrays", names, kind=kind, feature_names=features)


def check_fit(network: Network, data: Dataset, model: str = "the network") -> None:
    """Raise an error if data do not have the network's size.

    Raises:
        ShapeError: samples have another size, or the number of classes differs.
    """
    n_in, n_out = network.input.n_out, network.output.n_out
    if data.x[0].size != n_in:
        shape = " x ".join(map(str, data.sample_shape)) + " numbers" * (len(data.sample_shape) == 1)
        raise ShapeError(
            f"{model} takes samples of {n_in:,} numbers, received {data.noun}s of {shape} ({data.name}): {OTHER_DATA}"
        )
    fits = (1, 2) if n_out == 1 else (n_out,)
    known = network.class_names
    if data.outputs not in fits and not (data.class_names and set(data.class_names) <= set(known)):
        raise ShapeError(
            f"{model} has {n_out} outputs, received {data.name} with {data.outputs} "
            f"{'classes' if data.class_names else 'targets'}: {OTHER_DATA}"
        )


@dataclass(frozen=True)
class Kept:
    """Samples of a data set for a page.

    Attributes:
        data: the whole data set.
        index: the indices of the chosen samples, in order.
        mistakes: the indices of extra samples that the network misreads.
    """

    data: Dataset
    index: Array
    mistakes: Array

    @classmethod
    def of(cls, data: Dataset, count: int, misread: Array | None = None) -> Kept:
        """Choose samples with each class in its share, and the first misread samples that are not among them."""
        index = data.places(min(count, len(data)), SEED)
        beside = np.empty(0, np.intp) if misread is None else np.setdiff1d(misread, index)[:MISTAKES]
        return cls(data, index, beside)

    @property
    def places(self) -> Array:
        """All indices: the chosen samples, then the extra misread ones."""
        return np.concatenate([self.index, self.mistakes])

    def config(self) -> dict[str, Any]:
        """Return their numbers and indices, JSON-ready."""
        return {"count": len(self.index), "mistakes": len(self.mistakes), "index": self.places.tolist()}

    def arrays(self, network: Network, split: str) -> dict[str, Array]:
        """Return raw samples (N, …) and labels, as typed arrays that JavaScript knows."""
        places = self.places
        x = raw(network, self.data.x, self.data.feature_names)[places]
        return {
            f"{split}/x": x.reshape(len(x), *self.data.sample_shape),
            f"{split}/labels": labels_of(network, self.data)[places],
        }


def raw(network: Network, x: Array, features: tuple[str, ...]) -> Array:
    """Return samples (N, n) in the network's order of columns.

    They are whole numbers that its input scales, or floats in its units. If the input standardizes, they are in the
    units of the data.
    """
    learned = network.input.learned
    rows = x.reshape(len(x), -1)
    if learned is not None:
        rows = learned.in_order(rows, features, "x")
    standardized = learned is not None and bool(learned.mean)
    if not standardized:
        rows = np.asarray(network.input.as_rows(rows))
    if rows.dtype in (np.uint8, np.uint16, np.int32):
        return rows
    if rows.dtype.kind in "ui" and not (rows.size and np.abs(rows.astype(np.float64)).max() >= 2**31):
        return rows.astype(np.int32)
    exact = rows.dtype.kind in "uif" and rows.dtype.itemsize > 4 and (standardized or network.dtype == np.float64)
    return rows.astype(np.float64 if exact else np.float32)


def labels_of(network: Network, data: Dataset) -> Array:
    """Return the classes (N,) by the network's numbers, or the targets (N,) or (N, n)."""
    _, y = samples_and_labels(data, None)
    labels, _ = read_labels(y, network.class_names) if network.class_names else (data.labels, ())
    if data.class_names:
        return labels.astype(np.uint8 if labels.max(initial=0) < 256 else np.int32)
    return labels.astype(network.dtype)


def misread(network: Network, data: Dataset) -> Array | None:
    """Return the indices of the misread samples, in order; None if there are no classes."""
    if not data.class_names:
        return None
    a = network.predict_proba(data)
    if not np.isfinite(a).all():
        return None
    return np.flatnonzero(network.decide(a) != labels_of(network, data))
