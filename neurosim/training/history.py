"""The record of a training run."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .. import html
from ..errors import DataError
from ..registry import unknown
from ..schema import Rule, anything, brief, count, hold, listed, number, optional, record, text
from ..text import counted, number as decimal

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
    """Return the rule for the rows of a history in a file, with these figures. A callback may add others."""
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
"""The rule for the JSON text of `History.to_json`."""


class History:
    """The record of a training: one row per epoch, and one loss per step.

    Attributes:
        rows: one dict per epoch. epoch counts from 1. loss and accuracy are means over the epoch, while the weights
            were changing. val_loss and val_accuracy are computed at its end, on validation data. train_loss and
            train_accuracy are the same on the training data, if ``fit`` has ``evaluate_train``. seconds is the time of
            the steps alone, and learning_rate that of the last step.
        batch_losses: the loss of every step.
        stopped: the reason why training ended: "finished", "interrupted", "early stopping", "diverged", or the reason
            of another callback; "running" before the end.
        message: a sentence about the end; up to three lines if the run diverged.
        divergence: the cause of a divergence and possible remedies, as a JSON-ready record (see
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
        """Return a column, e.g. ``history["val_accuracy"]``, with NaN for epochs that did not record it.

        Raises:
            NeurosimError: the column is unknown.
        """
        if column not in COLUMNS and column not in self:
            raise unknown("column", column, dict.fromkeys((*self.columns, *COLUMNS)))
        return [row.get(column, float("nan")) for row in self.rows]

    @property
    def columns(self) -> list[str]:
        """The names of the recorded columns."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def to_frame(self) -> pd.DataFrame:
        """Return a new DataFrame with one row per epoch."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=self.columns or ["epoch", "loss", "accuracy"])

    def to_json(self) -> str:
        """Return everything as JSON, with null for NaN and infinity; `from_json` reads it (null becomes NaN)."""
        return json.dumps(finite_or_null(vars(self)), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> History:
        """Return the history that `to_json` wrote.

        Raises:
            DataError: the text is not such a history.
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
            f"{name} {decimal(figures[name], 4)}"
            for name in ("loss", "accuracy", "val_loss", "val_accuracy")
            if name in figures
        )
        return f"History({counted(len(self), 'epoch')}, {self.stopped}{': ' + shown if shown else ''})"


def finite_or_null(value: Any) -> Any:
    """Copy a value, with None for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {name: finite_or_null(each) for name, each in value.items()}
    if isinstance(value, list):
        return [finite_or_null(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
