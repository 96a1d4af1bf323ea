"""Tables for pictures: the columns that they need, means over seeds, and useful axes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from neurosim.errors import NeurosimError
from neurosim.metrics import rises
from neurosim.parameters import Array
from neurosim.text import decimals_of, fixed, mean_and_sd, plain, rounded

NO_VARIANT = "run"
"""The name of the only variant, if a table has no column for it."""


class Quantity(NamedTuple):
    """The way to draw a column: its label, whether it is a share shown in percent, and which direction is better."""

    label: str
    percent: bool = False
    higher_is_better: bool = False
    unit: str = ""

    @property
    def factor(self) -> float:
        """Return the factor for a value before it is drawn."""
        return 100.0 if self.percent else 1.0

    @property
    def axis(self) -> str:
        """Return the axis label, with the unit."""
        unit = "%" if self.percent else self.unit
        return f"{self.label} ({unit})" if unit else self.label

    def text(self, value: float, decimals: int = 1) -> str:
        """Return a value that is already in drawn units as text."""
        return f"{fixed(value, decimals)} %" if self.percent else fixed(value, decimals_of(value))

    def with_sd(self, mean: float, sd: float, decimals: int = 1) -> str:
        """Return mean ± standard deviation (NaN: none) as text, both with the same decimals."""
        if not np.isfinite(sd):
            return self.text(mean, decimals)
        places = enough_decimals(sd, decimals if self.percent else decimals_of(mean))
        return mean_and_sd(mean, sd, places) + (" %" if self.percent else "")


QUANTITIES = {
    "loss": Quantity("training loss"),
    "val_loss": Quantity("validation loss"),
    "accuracy": Quantity("training accuracy", True, True),
    "val_accuracy": Quantity("validation accuracy", True, True),
    "test_accuracy": Quantity("test accuracy", True, True),
    "test_loss": Quantity("test loss"),
    "seconds": Quantity("training time", unit="s"),
    "learning_rate": Quantity("learning rate"),
    "shifted_accuracy": Quantity("accuracy on shifted test images", True, True),
    "watched_accuracy": Quantity("accuracy on some training images", True, True),
    "shift": Quantity("shift", unit="pixels"),
    "edge": Quantity("energy that the best oriented edge explains", True, True),
    "likeness": Quantity("similarity to the random kernel (cosine)"),
    "gap": Quantity("training accuracy minus test accuracy", unit="points"),
    "gradient_noise": Quantity("noise of a batch's gradient (full gradient = 1)"),
    "time": Quantity("training time so far", unit="s"),
    "updates": Quantity("updates of the weights"),
    "images": Quantity("training images"),
}


def enough_decimals(sd: float, decimals: int) -> int:
    """Return how many decimals a deviation needs so that it is not written as 0: `decimals`, or up to two more."""
    return next((places for places in range(decimals, decimals + 3) if sd >= 0.5 * 10.0**-places), decimals)


def quantity(column: str) -> Quantity:
    """Return how to draw `column`: an accuracy is a share, any other column a plain number."""
    if column in QUANTITIES:
        return QUANTITIES[column]
    return Quantity(column.replace("_", " "), percent=rises(column), higher_is_better=rises(column))


def as_frame(data: Any, columns: Iterable[str], what: str) -> pd.DataFrame:
    """Return `data` as a DataFrame that has `columns` and at least one row.

    Args:
        data: a DataFrame, an object with `to_frame()` such as a History, or anything that `pd.DataFrame` takes.
        columns: the columns that the table must have.
        what: the name of the argument, for the message.

    Raises:
        NeurosimError: if it is not a table, a column is missing, or it is empty.
    """
    if not isinstance(data, pd.DataFrame):
        try:
            data = data.to_frame() if hasattr(data, "to_frame") else pd.DataFrame(data)
        except (TypeError, ValueError) as error:
            raise NeurosimError(f"{what}: expected a table (a DataFrame), received {type(data).__name__}") from error
    missing = [column for column in columns if column not in data.columns]
    if missing:
        raise NeurosimError(
            f"{what}: expected the columns {', '.join(columns)}, received {', '.join(map(str, data.columns))}; "
            f"add {', '.join(missing)}"
        )
    if data.empty:
        raise NeurosimError(f"{what}: expected at least one row, received none")
    return data


def finite(values: Any) -> pd.Series:
    """Return `values` as floats, with every infinity as NaN.

    Raises:
        NeurosimError: if they are not numbers.
    """
    series = pd.Series(values)
    try:
        return series.astype(float).replace([np.inf, -np.inf], np.nan)
    except (TypeError, ValueError) as error:
        raise NeurosimError(f"{series.name or 'values'}: expected numbers, received {series.iloc[0]!r}") from error


def with_variants(frame: pd.DataFrame, by: str = "variant") -> pd.DataFrame:
    """Return a copy with new row numbers, a column `by` of text and a column "seed"."""
    frame = frame.reset_index(drop=True)
    if by in frame:
        frame[by] = frame[by].astype(str)
    elif by == "variant":
        frame[by] = NO_VARIANT
    else:
        raise NeurosimError(f"by: expected one of the columns {', '.join(map(str, frame.columns))}, received {by!r}")
    if "seed" not in frame:
        frame["seed"] = 0
    return frame


def without_diverged(frame: pd.DataFrame, metric: str, by: str = "variant") -> pd.Series:
    """Return a column with NaN in every row of a diverged run.

    A row belongs to a diverged run if the metric or the training loss is not finite.  A network full of NaN still has
    an accuracy (it always predicts class 0), but that is not a result.  A column "diverged" may describe the whole run,
    so it removes only the last epoch of each run.

    Args:
        frame: rows in the order of their epochs.
        metric: the column.
        by: the column that, with "seed", identifies a run.
    """
    values = finite(frame[metric])
    if "loss" in frame:
        values = values.mask(finite(frame["loss"]).isna())
    if "diverged" in frame:
        flagged = frame["diverged"].eq(True)
        keys = [column for column in (by, "seed") if column in frame]
        if "epoch" in frame:
            last = ~frame.duplicated(keys, keep="last") if keys else frame.index == frame.index[-1]
            flagged &= last
        values = values.mask(flagged)
    return values


def step_column(frame: pd.DataFrame) -> str:
    """Return the name of the column of training time: "step" or, if it is missing, "epoch"."""
    for column in ("step", "epoch"):
        if column in frame:
            if finite(frame[column]).isna().any():
                raise NeurosimError(f"{column}: expected finite numbers, received NaN or infinity")
            return column
    raise NeurosimError(f'frame: expected a column "step" or "epoch", received {", ".join(map(str, frame.columns))}.')


def the_only_run(frame: pd.DataFrame, *more: str) -> pd.DataFrame:
    """Return `frame` if it has one variant, one seed and one value in each of the columns `more`; refuse several."""
    for column in ("variant", "seed", *more):
        if column in frame and frame[column].nunique() > 1:
            found = ", ".join(map(str, frame[column].unique()[:6]))
            raise NeurosimError(
                f"frame: expected one {column}, received {found}; choose: frame[frame[{column!r}] == ...]"
            )
    return frame


def checked_sizes(frame: pd.DataFrame, column: str) -> pd.Series:
    """Return a column of sizes (norms, standard deviations), NaN where not finite; none may be negative."""
    values = finite(frame[column])
    if (values < 0).any():
        raise NeurosimError(f"{column}: expected at least 0, received {plain(values.min())}")
    return values


def checked_shares(frame: pd.DataFrame, column: str) -> pd.Series:
    """Return a column of shares, NaN where not finite; each must lie in 0..1."""
    values = finite(frame[column])
    if not values.dropna().between(0, 1).all():
        raise NeurosimError(
            f"{column}: expected shares in 0..1, received {plain(values.min())} to {plain(values.max())}"
        )
    return values


def checked_positive(frame: pd.DataFrame, column: str) -> None:
    """Refuse a column with anything except positive finite numbers."""
    values = finite(frame[column])
    if not (values > 0).all():
        wrong = frame.loc[~(values > 0), column].iloc[0]
        raise NeurosimError(f"{column}: expected positive numbers, received {plain(wrong)}")


def ended_with(frame: pd.DataFrame, by: str | None = None) -> pd.DataFrame:
    """Return one row per run, that of its final weights: the row in which `kept` is true, or else the last row.

    Args:
        frame: rows in the order of their epochs, with a column `seed`.
        by: the column that, with "seed", identifies a run; None: the seed alone does.
    """
    if "kept" in frame:
        frame = frame.assign(kept=frame["kept"].eq(True)).sort_values("kept", kind="stable")
    return frame.groupby(["seed"] if by is None else [by, "seed"], sort=False).tail(1)


def band(mean: Any, sd: Any, percent: bool) -> Array:
    """Return mean ± standard deviation, shape (2, ...); of a share in percent it ends at 0 and 100."""
    ends = np.array([mean - sd, mean + sd], dtype=float)
    return np.clip(ends, 0.0, 100.0) if percent else ends


def foot(sizes: Any) -> float:
    """Return the place of zero on a logarithmic axis of these sizes: a third of the smallest size above zero."""
    sizes = np.asarray(sizes, dtype=float)
    positive = sizes[sizes > 0]
    return float(positive.min()) / 3 if positive.size else 1e-12


def seeds_text(count: int, mark: str = "line", run: str = "line") -> str:
    """Return a text on the number of seeds and the meaning of the band or bar.

    Args:
        count: the number of seeds.
        mark: what shows the mean: "line", in a band, or "point", with a bar.
        run: what shows one run if there is one seed: "line", "point" or "panel".
    """
    if count < 2:
        return f"one seed: each {run} is one run"
    return f"{mark}: mean of {count} seeds; {'bar' if mark == 'point' else 'band'}: ± 1 standard deviation"


def cut_text(low: float, percent: bool) -> str:
    """Return a text on values that lie below the lower limit of the axis."""
    limit = f"{plain(round(low, 1))} %" if percent else rounded(low)
    return f"values below {limit} are cut off"


def decades(values: Any) -> float:
    """Return how many powers of ten positive values span; 0 if any value is not positive."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if values.size == 0 or values.min() <= 0:
        return 0.0
    return float(np.log10(values.max() / values.min()))


def zoom(values: Any, *, percent: bool = False, cut: float = 0.2) -> tuple[float, float]:
    """Return axis limits for most values, without a few very low ones.

    The span from the `cut` quantile to the maximum holds most values.  If a value lies more than three spans below the
    quantile, the axis begins at most one and a half spans below it.  Example: one variant stays at 10 %, and eleven end
    near 97 %; then the axis shows the differences between the eleven.

    Args:
        values: the values to draw, any shape; NaN is ignored.
        percent: whether the values are in percent, so that the axis ends at 100.
        cut: the largest share of values below the axis, 0 to 1.

    Returns:
        Low and high limit.

    Example:
        >>> zoom([96.0, 97.0, 98.0], percent=True)
        (95.9, 98.1)
    """
    values = np.asarray(values, dtype=float).ravel()
    values = values[np.isfinite(values)]
    if values.size == 0:
        return (0.0, 100.0) if percent else (0.0, 1.0)
    high = float(values.max())
    knee = float(np.quantile(values, cut))
    low = float(values.min())
    if low < knee - 3 * (high - knee) < knee:
        low = float(values[values >= knee - 1.5 * (high - knee)].min())
    pad = 0.05 * (high - low) or (0.5 if percent else 0.05 * abs(high) or 0.5)
    return low - pad, min(high + pad, 100.0 + 0.3 * pad) if percent else high + pad
