"""Metrics: measures of predictions, in addition to the loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .errors import NeurosimError, ShapeError
from .parameters import Array


def _pair(true: Any, predicted: Any) -> tuple[Array, Array]:
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.ndim != 1 or true.shape != predicted.shape:
        raise ShapeError(
            f"expected two vectors of class indices of one length, received {true.shape} and {predicted.shape}"
        )
    return true, predicted


def accuracy(true: Any, predicted: Any) -> float:
    """Return the share of right predictions, in [0, 1]; NaN if there are none.

    Args:
        true: (N,) class indices.
        predicted: (N,) class indices.
    """
    true, predicted = _pair(true, predicted)
    return float(np.mean(true == predicted)) if len(true) else float("nan")


def confusion_matrix(true: Any, predicted: Any, classes: int | None = None) -> Array:
    """Count how often class i was predicted as class j.

    Args:
        true: (N,) class indices.
        predicted: (N,) class indices.
        classes: the number of classes; ``None``: the largest index plus 1.

    Returns:
        (classes, classes) counts: row i is the true class, column j the predicted class.
    """
    true, predicted = _pair(true, predicted)
    if classes is None:
        classes = int(max(true.max(), predicted.max())) + 1 if len(true) else 0
    for name, labels in (("true", true), ("predicted", predicted)):
        if not ((labels == np.floor(labels)) & (labels >= 0) & (labels < classes)).all():
            raise NeurosimError(
                f"{name}: expected whole numbers from 0 to {classes - 1}, "
                f"received {labels.min(initial=0):g} to {labels.max(initial=0):g}"
            )
    true, predicted = true.astype(np.intp), predicted.astype(np.intp)
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


def per_class(matrix: Array) -> dict[str, Array]:
    """Return precision, recall, F1 and support of each class, from a confusion matrix.

    Each is (classes,), and 0 if it is undefined.
    """
    hits, read, support = np.diag(matrix).astype(float), matrix.sum(axis=0), matrix.sum(axis=1)
    precision = hits / np.maximum(read, 1)
    recall = hits / np.maximum(support, 1)
    f1 = 2.0 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    return {"precision": precision, "recall": recall, "f1": f1, "support": support}


class HitCounter:
    """A counter of the rows of outputs that predict the right class.

    Args:
        targets: (N, n).
        threshold: a single output above it means class 1; ``None``: the middle of its two targets.

    Attributes:
        threshold: the same.
        counts: whether the targets are classes.
    """

    def __init__(self, targets: Array, threshold: float | None = None) -> None:
        self._single = targets.shape[1] == 1
        self.threshold = threshold_between(targets) if threshold is None else threshold
        classes = class_indices(targets)
        self.counts = classes is not None
        self._right: Any = targets > self.threshold if self._single else classes

    def __call__(self, a: Array, rows: Any) -> float:
        """Count the rows of a (B, n) that predict the class of their targets; NaN if the targets are not classes."""
        if not self.counts:
            return math.nan
        named = a > self.threshold if self._single else a.argmax(1)
        return float(np.count_nonzero(named == self._right[rows]))


def rises(figure: str) -> bool:
    """Return whether a larger value is better, by the figure's name: an accuracy should rise, a loss should fall."""
    return figure.endswith("accuracy")


def decisions(a: Array, threshold: float = 0.5) -> Array:
    """Return the predicted class (B,) for each row of outputs a (B, n).

    It is the index of the largest output; with a single output, it is 1 if a > threshold, else 0.
    """
    return (a[:, 0] > threshold).astype(np.intp) if a.shape[1] == 1 else a.argmax(axis=1)


def threshold_between(targets: Array) -> float:
    """Return the middle of a single output's two targets: 0 for targets -1 and 1, else 1/2."""
    return 0.0 if _no(targets) < 0.0 else 0.5


def _no(targets: Array) -> float:
    """Return the target that means class 0: -1 if any target is -1, else 0."""
    return -1.0 if bool((targets == -1.0).any()) else 0.0


def class_indices(targets: Array) -> Array | None:
    """Return the class of each row of targets (N, n), as (N,) indices; None if the rows are not classes.

    A row that names a class is 1 in one place, and 0 (or -1) in all others. With n = 1 the classes are 0 and 1.
    """
    single, no = targets.shape[1] == 1, _no(targets)
    for start in range(0, len(targets), 1000):  # most targets that are not classes show it in the first rows
        rows = targets[start : start + 1000]
        yes = rows == 1.0
        if not (yes | (rows == no)).all() or not (single or (yes.sum(axis=1) == 1).all()):
            return None
    indices: Array = (targets[:, 0] == 1.0).astype(np.intp) if single else targets.argmax(axis=1)
    return indices


MARGIN_OVER_CHANCE = 0.01  # an accuracy within 1 point of always guessing the most common class: nothing was learned


def commonest_share(labels: Array) -> float:
    """Return the accuracy of always predicting the most common class, for labels (N,), at least one."""
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))
