"""What a run of training recorded."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .. import html
from ..errors import DataError
from ..registry import unknown
from ..schema import Rule, anything, brief, count, hold, listed, number, optional, record, text

if TYPE_CHECKING:
    import pandas as pd


COLUMNS = (
    "epoch",
    "loss",
    "accuracy",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "seconds",
    "learning_rate",
)


_FIGURE = number(infinite=True, nan=True)


def rows_rule(figure: Rule) -> Rule:
    """What the rows of a history may be, read from a file, with these figures; a callback may add others."""
    return listed(record({"epoch": count(1)}, others=figure, left_out={"seconds": optional(number(0.0))}))


ROWS = rows_rule(_FIGURE)
HISTORY = record(
    {
        "rows": rows_rule(optional(_FIGURE)),
        "batch_losses": listed(optional(_FIGURE)),
        "stopped": text,
        "message": text,
        "divergence": optional(record({}, others=anything)),
    }
)
"""What `History.to_json` may have written."""


class History:
    """One row an epoch, and one loss a step.

    Attributes:
        rows: a dict an epoch: epoch (from 1), loss and accuracy (averages over the epoch, while the weights were
            changing), val_loss and val_accuracy (at its end, on validation data), train_loss and train_accuracy (at
            its end, on the training data, if ``fit`` was asked to), seconds (training alone), learning_rate (of its
            last step).
        batch_losses: the loss of every step.
        stopped: why training ended: "finished", "interrupted", "early stopping", "diverged", or another reason that a
            callback gave; "running" until then.
        message: a sentence about it; of a run that diverged, up to three lines.
        divergence: of a run that diverged, where that began and what may help, as a JSON-ready record (see
            `neurosim.training.divergence.find_divergence`); otherwise ``None``.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.batch_losses: list[float] = []
        self.stopped = "running"
        self.message = ""
        self.divergence: dict[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.rows)

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def __getitem__(self, column: str) -> list[float]:
        """A column, e.g. ``history["val_accuracy"]``; epochs in which it was not recorded give NaN.

        Raises:
            NeurosimError: no run records a column of that name.
        """
        if column not in COLUMNS and column not in self:
            raise unknown("column", column, dict.fromkeys((*self.columns, *COLUMNS)))
        return [row.get(column, float("nan")) for row in self.rows]

    @property
    def columns(self) -> list[str]:
        """The names of what was recorded."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def to_frame(self) -> pd.DataFrame:
        """A new DataFrame, one row an epoch."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=self.columns or ["epoch", "loss", "accuracy"])

    def to_json(self) -> str:
        """Everything as JSON, with null for NaN and infinity; `from_json` is the way back (to NaN)."""
        return json.dumps(finite_or_null(vars(self)), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> History:
        """The history that `to_json` wrote.

        Raises:
            DataError: the text is another.
        """
        history = cls()
        try:
            values = json.loads(text)
            hold("history", HISTORY, values)
        except (ValueError, RecursionError) as error:
            raise DataError(f"expected a history as JSON, received something else ({brief(error)})") from None
        vars(history).update(values)
        history.batch_losses = [math.nan if loss is None else loss for loss in history.batch_losses]
        history.rows = [
            {name: math.nan if value is None else value for name, value in row.items()} for row in history.rows
        ]
        return history

    def _repr_html_(self) -> str:
        count = len(self)
        title = html.title(f"{count} epoch{'' if count == 1 else 's'}, {self.stopped}")
        message = f"<div>{html.small(self.message)}</div>" if self.message else ""
        if not count:
            return html.block(title, message)
        curves = "".join(html.curves(name, self[name], self[f"val_{name}"]) for name in ("loss", "accuracy"))
        rows = [[html.figure(name, row.get(name)) for name in self.columns] for row in self.rows[-5:]]
        last = f"<div>{html.small('the last 5 epochs')}</div>" if count > 5 else ""
        table = html.table([name.replace("_", " ") for name in self.columns], rows, left=0)
        return html.block(title, message, f"<div>{curves}</div>", last, table)

    def __repr__(self) -> str:
        figures: dict[str, Any] = self.rows[-1] if self.rows else {}
        shown = ", ".join(
            f"{name} {figures[name]:.4g}"
            for name in ("loss", "accuracy", "val_loss", "val_accuracy")
            if name in figures
        )
        return f"History({len(self)} epochs, {self.stopped}{': ' + shown if shown else ''})"


def finite_or_null(value: Any) -> Any:
    """A copy in which numbers that JSON does not have are None."""
    if isinstance(value, dict):
        return {name: finite_or_null(each) for name, each in value.items()}
    if isinstance(value, list):
        return [finite_or_null(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
