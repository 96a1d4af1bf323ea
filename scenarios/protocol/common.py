"""What several scenarios measure and say."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from neurosim.data import Dataset
from neurosim.text import listing, percent

from .base import METRIC, Difference, Results, Run

MARGIN_OVER_CHANCE = 0.01  # who is no more than a point above the commonest class has learned nothing to speak of


def commonest_class(run: Run, train: Dataset, test: Dataset) -> dict[str, pd.DataFrame]:
    """The accuracy of answering the commonest class of the test images every time; table "chance"."""
    return {"chance": pd.DataFrame([{"accuracy": np.bincount(test.labels).max() / len(test)}])}


def learned_nothing(results: Results) -> Iterator[str]:
    """Which variants end no better than if they answered one class every time; says so too where there is none."""
    chance = results.table("chance")
    if chance.empty:
        return
    share = float(chance["accuracy"].mean())
    final = results.final().dropna(how="all", axis="columns")
    if final.empty:
        return
    idle = {name: int((final[name] <= share + MARGIN_OVER_CHANCE).sum()) for name in final}
    names = [
        f"{name} ({count} of {final[name].count()} seeds)" if len(final) > 1 else name
        for name, count in idle.items()
        if count
    ]
    if names:
        yield (
            f"Learned nothing: {listing(names)}. To answer the commonest class every time is right for "
            f"{percent(share, 2)} of the test images, and these end no more than "
            f"{100 * MARGIN_OVER_CHANCE:g} point above it."
        )
    else:
        low = final.mean().idxmin()
        yield (
            f"All that did not diverge learned something: the lowest mean, that of {low}, is "
            f"{100 * (final[low].mean() - share):.1f} points above answering the commonest class every time."
        )


def versus(results: Results, name: str, other: str, metric: str = METRIC) -> str:
    """How one variant ends against another, seed by seed; empty where one of them is missing.

    Example:
        >>> versus(results, "relu + batch norm", "relu")
        'relu + batch norm against relu: +1.20 points, within the noise'
    """
    if not {name, other} <= set(results.names):
        return ""
    final = results.final(metric)
    return f"{name} against {other}: {Difference.between(final[name], final[other]).text()}"


def search_curves(results: Results) -> pd.DataFrame:
    """The search for learning rates as it is drawn: a rate that diverged in one seed did so altogether."""
    rates = results.table("rates")
    means = rates.groupby(["variant", "learning_rate"])["val_accuracy"].transform(lambda each: each.mean(skipna=False))
    return rates.assign(val_accuracy=rates["val_accuracy"].where(means.notna()))


def geometric_mean(values: pd.Series) -> float:
    """exp of the mean log of sizes: 0 where one of them is 0, NaN where there is none."""
    values = values.replace([np.inf, -np.inf], np.nan).dropna()
    if values.empty:
        return math.nan
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(values.to_numpy(float)).mean()))
