"""The effect of an intervention, or of more training, on the predictions.

The networks are run in evaluation mode (dropout off, batch normalization with its running statistics).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import samples_and_labels
from ..errors import NeurosimError, ShapeError
from ..metrics import class_indices
from ..network import Network
from ..parameters import Array
from ..processors import computes
from ..text import number, percent, signed

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """The change in a network's predictions; made by `compare`.

    Attributes:
        count: N, the number of samples.
        class_counts: (K,) the number of samples of each class.
        changed: the number of samples whose prediction has changed.
        losses: mean loss before, after, and later if a later network was given.
        accuracies: the accuracies before, after and later.
        class_accuracies: (2 or 3, K) the accuracies for each class; NaN for a class that does not occur.
    """

    count: int
    class_counts: Array
    changed: int
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    class_accuracies: Array

    @property
    def change(self) -> float:
        """Return the accuracy after minus the accuracy before, in [-1, 1]."""
        return self.accuracies[1] - self.accuracies[0]

    @property
    def recovery(self) -> float:
        """Return the share of the lost accuracy that was won back later.

        It is (accuracy later - accuracy after) / (accuracy before - accuracy after).  0: nothing was won back; 1: all
        of it; above 1: more than was lost; below 0: the accuracy fell further.  NaN if there is no later network, or if
        nothing was lost.
        """
        if len(self.accuracies) < 3 or self.change >= 0.0:
            return math.nan
        return (self.accuracies[2] - self.accuracies[1]) / -self.change

    def to_frame(self) -> pd.DataFrame:
        """Return a new DataFrame with one row per class and one row for "all".

        The columns are samples, the accuracy before and after, the change, and the accuracy later.
        """
        import pandas as pd

        names = ("before", "after", "later")
        both = np.column_stack((self.class_accuracies, self.accuracies))  # (2 or 3, K + 1)
        columns = dict(zip(names, both, strict=False))
        data: dict[str, Any] = {
            "samples": [*self.class_counts.astype(int).tolist(), self.count],
            "before": columns["before"],
            "after": columns["after"],
            "change": columns["after"] - columns["before"],
        }
        if "later" in columns:
            data["later"] = columns["later"]
        return pd.DataFrame(data, index=pd.Index([*range(len(self.class_counts)), "all"], name="class"))

    def __repr__(self) -> str:
        """Return a short report."""
        frame = self.to_frame()
        for name in frame.columns.drop("samples"):
            frame[name] = [_written(share, difference=name == "change") for share in frame[name]]
        accuracies = " -> ".join(percent(share, 2) for share in self.accuracies)
        loss = " -> ".join(number(value, 4) for value in self.losses)
        lines = [
            f"accuracy {accuracies} ({signed(100 * self.change)} points), loss {loss}",
            f"the prediction of {self.changed:,} of {self.count:,} samples changed",
        ]
        if len(self.accuracies) > 2:
            lines.append(
                "no accuracy was lost, so there is nothing to recover"
                if math.isnan(self.recovery)
                else f"{percent(self.recovery, 0)} of the lost accuracy was won back later"
            )
        return "\n".join([*lines, "", frame.to_string()])


def _written(share: float, difference: bool) -> str:
    """Write an accuracy in percent, or a difference of two in points; "none" for a class without samples."""
    if math.isnan(share):
        return "none"
    return f"{signed(100 * share)} points" if difference else percent(share, 2)


@computes
def compare(before: Network, after: Network, x: Any, y: Any = None, later: Network | None = None) -> Comparison:
    """Compare the predictions before and after an intervention or more training: overall, and class by class.

    Args:
        before: the network before the change, usually a copy (``copy.deepcopy``).
        after: the network after the change.
        x: a `Dataset`, or samples (N, …), at least one.
        y: (N,) class indices or one-hot rows, if x are samples.
        later: the network after further training, for `Comparison.recovery`.

    Raises:
        ShapeError: samples or labels do not fit the networks, or there are none.
        NeurosimError: one network is given twice, or the labels are not class labels.

    Example:
        >>> before = copy.deepcopy(net)
        >>> net[1][17].ablate()
        >>> after = copy.deepcopy(net)
        >>> net.fit(train.images, train.labels, epochs=1)
        >>> print(ns.compare(before, after, test, later=net))
    """
    networks = [before, after] if later is None else [before, after, later]
    if len({id(network) for network in networks}) < len(networks):
        raise NeurosimError(
            "compare: expected different networks, received one network twice; make a copy before you "
            "change it: before = copy.deepcopy(net)"
        )
    x, y = samples_and_labels(x, y)
    rows = before.input.as_rows(x)
    if len(rows) == 0:
        raise ShapeError("compare: expected at least one sample, received none")
    classes = class_indices(before.as_targets(y, len(rows)))
    if classes is None:
        raise NeurosimError(
            "compare: expected class indices or one-hot rows as labels, received rows that are not "
            "class labels; they have no accuracy"
        )
    predictions = [network.predict(rows) for network in networks]  # (N,) each
    losses = [network.evaluate(rows, y)["loss"] for network in networks]
    K = max(2, *(network.output.n_out for network in networks))
    hits = np.array([predicted == classes for predicted in predictions])  # (2 or 3, N)
    counts = np.bincount(classes, minlength=K)
    with np.errstate(invalid="ignore"):
        by_class = np.array([np.bincount(classes, weights=row, minlength=K) for row in hits]) / counts
    return Comparison(
        len(rows),
        counts,
        int(np.count_nonzero(predictions[0] != predictions[1])),
        tuple(losses),
        tuple(float(row.mean()) for row in hits),
        by_class,
    )
