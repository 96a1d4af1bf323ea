"""Differences beyond noise: paired over seeds, with Student's t."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from neurosim.text import signed

# 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom; any table of statistics has them
T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def t_975(degrees: int) -> float:
    """Return the 97.5 % quantile of Student's t; beyond the table, to three digits."""
    return T_975[degrees - 1] if degrees <= len(T_975) else 1.96 + 2.4 / degrees


@cache
def chance_of_a_false_alarm(comparisons: int, seeds: int, draws: int = 20_000) -> float:
    """Estimate how likely at least one paired 95 % interval misses 0 if no variant differs from the baseline.

    1 - 0.95^k would be right for k independent comparisons. These share a baseline: if it is unlucky, all of them are.
    So the chance is smaller, and it is found by trial, on normal numbers of equal spread.

    Args:
        comparisons: k, how many variants are compared with the baseline.
        seeds: of each variant, at least 2.
        draws: how many trials; 20,000 give it to half a point.

    Reference: Dunnett (1955), A multiple comparison procedure for comparing several treatments with a control.
    """
    rng = np.random.default_rng(0)
    limit, alarms = t_975(seeds - 1), 0
    for part in np.array_split(np.arange(draws), 20):  # so that memory stays small
        x = rng.standard_normal((len(part), comparisons + 1, seeds))
        d = x[:, 1:] - x[:, :1]  # (draws, k, seeds)
        t = d.mean(axis=2) / d.std(axis=2, ddof=1) * math.sqrt(seeds)
        alarms += int((np.abs(t) > limit).any(axis=1).sum())
    return alarms / draws


@dataclass(frozen=True)
class Difference:
    """A paired difference over seeds, with the 95 % interval of its mean."""

    mean: float
    low: float
    high: float

    @classmethod
    def between(cls, variant: pd.Series, baseline: pd.Series) -> Difference:
        """Compare two columns with one value per seed; seeds in which either diverged are left out."""
        d = (variant - baseline).dropna().to_numpy(float)
        if len(d) == 0:
            return cls(math.nan, math.nan, math.nan)
        mean = float(d.mean())
        if len(d) == 1:
            return cls(mean, math.nan, math.nan)
        half = t_975(len(d) - 1) * float(d.std(ddof=1)) / math.sqrt(len(d))
        return cls(mean, mean - half, mean + half)

    @property
    def verdict(self) -> str:
        """Return what the interval shows: "better", "worse", "within noise", "one seed" or "diverged"."""
        if math.isnan(self.mean):
            return "diverged"
        if math.isnan(self.low):
            return "one seed"
        return "better" if self.low > 0 else "worse" if self.high < 0 else "within noise"

    def text(self, unit: str = "points", factor: float = 100.0, decimals: int = 2) -> str:
        """Describe it in words, with what the seeds can show: "+1.20 points, beyond the noise"."""
        says = {
            "better": "beyond the noise",
            "worse": "beyond the noise",
            "within noise": "within the noise",
            "one seed": "one seed",
        }
        if self.verdict not in says:
            return "unknown, because in every seed one of them diverged"
        return f"{signed(factor * self.mean, decimals)} {unit}".rstrip() + f", {says[self.verdict]}"


def geometric_mean(values: Any) -> float:
    """Return exp of the mean log of sizes: 0 if one of them is 0, NaN if none is finite.

    For ratios it is the fair mean: a ratio and its inverse average to 1.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if not values.size:
        return math.nan
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(values).mean()))
