"""The learning rate that a range test suggests, from the loss at each step while the rate grew.

Reference: Smith (2017), Cyclical learning rates for training neural networks, section 3.3.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..parameters import Array


def running_mean(values: Any, width: int) -> Array:
    """Return the mean of the `width` values around each value; at either end there are fewer.

    Args:
        values: (n,) numbers; one that is not finite is left out of the means, and is NaN in the result.
        width: the number of values, made odd, so that the mean does not lag behind.

    Returns:
        (n,) float64, a copy.
    """
    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    reach = max(1, width) // 2
    window = np.ones(2 * reach + 1)
    inside = slice(reach, reach + len(values))
    sums = np.convolve(np.where(known, values, 0.0), window)[inside]
    counts = np.convolve(known, window)[inside]
    means: Array = np.divide(sums, counts, out=np.full(len(values), np.nan), where=known)
    return means


def suggested_rate(rates: Any, losses: Any, width: int | None = None) -> float:
    """Return the rate that a range test suggests: a tenth of the rate at which the smoothed loss is lowest.

    At this rate the loss still falls, far below the rates at which it climbs. This is the usual choice in Smith's test.

    Args:
        rates: (n,) learning rates that were tried, > 0, in any order.
        losses: (n,) the loss at each rate; NaN or infinite: diverged.
        width: the number of losses that are averaged; ``None``: a twentieth of them.

    Returns:
        The rate; NaN if no loss is finite.

    Raises:
        ShapeError: there is not one loss for each rate.

    Example:
        >>> suggested_rate([0.01, 0.1, 1.0, 10.0], [2.3, 1.2, 0.4, 9.0])
        0.1
    """
    rates, smooth = _smoothed(rates, losses, width)
    return float(rates[np.nanargmin(smooth)]) / 10 if np.isfinite(smooth).any() else math.nan


def steepest_rate(rates: Any, losses: Any, width: int | None = None) -> float:
    """Return the rate at which the smoothed loss falls most steeply, against the logarithm of the rate.

    Args:
        rates: (n,) learning rates that were tried, > 0, in any order.
        losses: (n,) the loss at each rate; NaN or infinite: diverged.
        width: the number of losses that are averaged; ``None``: a twentieth of them.

    Returns:
        The rate; NaN if fewer than two losses come up to the lowest.

    Raises:
        ShapeError: there is not one loss for each rate.
    """
    rates, smooth = _smoothed(rates, losses, width)
    if not np.isfinite(smooth).any() or (lowest := int(np.nanargmin(smooth))) < 1:
        return math.nan
    slope = np.gradient(smooth[: lowest + 1], np.log(rates[: lowest + 1]))
    return float(rates[np.nanargmin(slope)]) if np.isfinite(slope).any() else math.nan


def _smoothed(rates: Any, losses: Any, width: int | None) -> tuple[Array, Array]:
    """Return the rates in rising order, and the running mean of their losses."""
    rates, losses = np.asarray(rates, np.float64), np.asarray(losses, np.float64)
    if rates.ndim != 1 or rates.shape != losses.shape:
        raise ShapeError(f"losses: expected {rates.size}, one for each rate, received {losses.size}")
    order = np.argsort(rates, kind="stable")
    return rates[order], running_mean(losses[order], width or len(rates) // 20)
