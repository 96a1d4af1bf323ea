"""What can be told apart from noise: paired differences over seeds, with Student's t."""

from __future__ import annotations

import math
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Difference:
    """A paired difference over seeds, with the 95 % interval of its mean."""

    mean: float
    low: float
    high: float

    @classmethod
    def between(cls, variant: pd.Series, baseline: pd.Series) -> Difference:
        """Of two columns with one value per seed; seeds in which either diverged are left out."""
        d = (variant - baseline).dropna().to_numpy(float)
        if len(d) == 0:
            return cls(math.nan, math.nan, math.nan)
        mean = float(d.mean())
        if len(d) == 1:
            return cls(mean, math.nan, math.nan)
        degrees = len(d) - 1
        t = T_975[degrees - 1] if degrees <= len(T_975) else 1.96 + 2.4 / degrees
        half = t * float(d.std(ddof=1)) / math.sqrt(len(d))
        return cls(mean, mean - half, mean + half)

    @property
    def verdict(self) -> str:
        """What the interval allows to say: "better", "worse", "within noise", "one seed" or "diverged"."""
        if math.isnan(self.mean):
            return "diverged"
        if math.isnan(self.low):
            return "one seed"
        return "better" if self.low > 0 else "worse" if self.high < 0 else "within noise"

    def text(self, unit: str = "points", factor: float = 100.0, decimals: int = 2) -> str:
        """In words, with what the seeds allow to say of it: "+1.20 points, beyond the noise"."""
        says = {
            "better": "beyond the noise",
            "worse": "beyond the noise",
            "within noise": "within the noise",
            "one seed": "one seed",
        }
        if self.verdict not in says:
            return "unknown, for lack of runs that did not diverge"
        return f"{signed(factor * self.mean, decimals)} {unit}".rstrip() + f", {says[self.verdict]}"


def geometric_mean(values: Any) -> float:
    """exp of the mean log of sizes: 0 where one of them is 0, NaN where none is finite.

    Of ratios it is the fair mean: one and its inverse average to 1.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if not values.size:
        return math.nan
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(values).mean()))
