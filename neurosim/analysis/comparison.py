"""Before against after: what an intervention, or more training, has changed in the predictions.

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

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """What became of a network's predictions; made by `compare`.

    Attributes:
        count: N, the number of samples.
        class_counts: (K,) how many of them are of each class.
        changed: how many samples are put into another class after than before.
        losses: mean loss before, after, and later where there is a later network.
        accuracies: the same of the accuracy.
        class_accuracies: (2 or 3, K) the same for each class; NaN for a class that does not occur.
    """

    count: int
    class_counts: Array
    changed: int
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    class_accuracies: Array

    @property
    def change(self) -> float:
        """Accuracy after minus accuracy before, in [-1, 1]."""
        return self.accuracies[1] - self.accuracies[0]

    @property
    def recovery(self) -> float:
        """The share of the accuracy lost that has been won back later.

        (accuracy later - accuracy after) / (accuracy before - accuracy after): 0 nothing, 1 all of it, above 1 more
        than was lost, below 0 it has become worse still.  NaN where there is no later network, or nothing was lost.
        """
        if len(self.accuracies) < 3 or self.change >= 0.0:
            return math.nan
        return (self.accuracies[2] - self.accuracies[1]) / -self.change

    def to_frame(self) -> pd.DataFrame:
        """A new DataFrame: one row per class and one for "all"; samples, accuracy before, after, change, and later."""
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
        """Read as a short report."""
        frame = self.to_frame()
        shares = ["before", "after", "later"][: len(self.accuracies)]
        table = frame.to_string(formatters=dict.fromkeys(shares, "{:.2%}".format) | {"change": "{:+.2%}".format})
        loss = " -> ".join(f"{value:.4g}" for value in self.losses)
        lines = [
            f"accuracy {' -> '.join(f'{value:.2%}' for value in self.accuracies)} ({self.change:+.2%} after), "
            f"loss {loss}",
            f"{self.changed:,} of {self.count:,} samples are put into another class after than before",
        ]
        if len(self.accuracies) > 2:
            lines.append(
                "nothing was lost, so there is nothing to recover"
                if math.isnan(self.recovery)
                else f"{self.recovery:.0%} of the accuracy lost was won back later"
            )
        return "\n".join([*lines, "", table])


@computes
def compare(before: Network, after: Network, x: Any, y: Any = None, later: Network | None = None) -> Comparison:
    """What an intervention, or more training, has changed: overall, class by class, and what was won back later.

    Args:
        before: the network as it was, usually a copy (``copy.deepcopy``) made in time.
        after: the network as it is.
        x: a `Dataset`, or samples (N, …), at least one.
        y: (N,) class indices or one-hot rows, where x are samples.
        later: the network after it was trained on, for `Comparison.recovery`.

    Raises:
        ShapeError: samples or labels do not fit the networks, or there are none.
        NeurosimError: one network is given twice, or the labels are no classes.

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
            "compare: expected different networks, received one of them twice; make a copy before you "
            "change it: before = copy.deepcopy(net)"
        )
    x, y = samples_and_labels(x, y)
    rows = before.input.as_rows(x)
    if len(rows) == 0:
        raise ShapeError("compare: expected at least one sample, received none")
    classes = class_indices(before.as_targets(y, len(rows)))
    if classes is None:
        raise NeurosimError(
            "compare: expected class indices or one-hot rows as labels, received rows that are no "
            "classes; accuracy has no meaning for them"
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
