"""Toy sets: points in the plane, in classes that need a bent decision boundary.

With two inputs the whole network can be drawn: its prediction is a map, and a hidden neuron is the line w·x + b = 0.

A toy set is a pair of arrays `x`, `y` for ``net.fit(x, y)``, not a `Dataset`.  The sizes of the classes differ by one
point at most, and the order is random.  Gaussian noise, the same in both directions, is added after the class is
decided.  Another seed gives other points with the same geometry: a test set.

    >>> x, y = moons(400, noise=0.1, seed=0)
    >>> x_test, y_test = moons(400, noise=0.1, seed=1)

Reference: moons and circles are those of scikit-learn's `make_moons` and `make_circles`, but the places along
the curves are random here, not even.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..checks import check_count, check_number

Points = NDArray[np.float32]
Labels = NDArray[np.int64]


def moons(count: int = 400, noise: float = 0.1, seed: int = 0) -> tuple[Points, Labels]:
    """Draw two half circles, each with one end inside the other.

    With t uniform in [0, π]::

        class 0: (cos t, sin t)        class 1: (1 - cos t, 1/2 - sin t)

    Args:
        count: the number of points, at least 1.
        noise: the standard deviation of the noise on each coordinate, at least 0.
        seed: chooses the points, at least 0.

    Returns:
        ``(x, y)``, new arrays: points (count, 2) float32, classes (count,) int64, 0 or 1.

    Raises:
        NeurosimError: a number is out of range.

    Example:
        >>> x, y = moons(400, noise=0.1)
        >>> x.shape, y.shape
        ((400, 2), (400,))
    """
    rng, y = _begin(count, 2, seed)
    t = rng.uniform(0.0, math.pi, len(y))
    x = np.where(y == 0, [np.cos(t), np.sin(t)], [1.0 - np.cos(t), 0.5 - np.sin(t)])  # (2, N)
    return _noisy(x.T, noise, rng), y


def circles(count: int = 400, noise: float = 0.05, seed: int = 0, inner: float = 0.5) -> tuple[Points, Labels]:
    """Draw a circle inside a circle: no straight line separates them.

    With t uniform in [0, 2π)::

        class 0: (cos t, sin t)        class 1: inner (cos t, sin t)

    Args:
        count: the number of points, at least 1.
        noise: the standard deviation of the noise on each coordinate, at least 0.
        seed: chooses the points, at least 0.
        inner: radius of the inner circle, between 0 and 1; the outer has radius 1.

    Returns:
        ``(x, y)``, new arrays: points (count, 2) float32, classes (count,) int64, 0 (outer) or 1 (inner).

    Raises:
        NeurosimError: a number is out of range.
    """
    inner = check_number("inner", inner, 0.0, 1.0, open_low=True, open_high=True)
    rng, y = _begin(count, 2, seed)
    t = rng.uniform(0.0, 2.0 * math.pi, len(y))
    radius = np.where(y == 0, 1.0, inner)
    return _noisy(_polar(radius, t), noise, rng), y


def spirals(
    count: int = 400, noise: float = 0.02, seed: int = 0, turns: float = 1.25, classes: int = 2
) -> tuple[Points, Labels]:
    """Draw spiral arms that wind around each other from the middle, one arm per class.

    With r uniform in [0, 1], for class k of K::

        angle = 2π (turns r + k/K)        (r cos angle, r sin angle)

    Args:
        count: the number of points, at least 1.
        noise: the standard deviation of the noise on each coordinate, at least 0.
        seed: chooses the points, at least 0.
        turns: the number of turns of an arm, above 0; more turns are harder to learn.
        classes: K, the number of arms, at least 2.

    Returns:
        ``(x, y)``, new arrays: points (count, 2) float32, classes (count,) int64, 0 to K - 1.

    Raises:
        NeurosimError: a number is out of range.
    """
    turns = check_number("turns", turns, 0.0, math.inf, open_low=True, open_high=True)
    rng, y = _begin(count, check_count("classes", classes, 2), seed)
    r = rng.uniform(0.0, 1.0, len(y))
    return _noisy(_polar(r, 2.0 * math.pi * (turns * r + y / classes)), noise, rng), y


def xor(count: int = 400, noise: float = 0.0, seed: int = 0) -> tuple[Points, Labels]:
    """Draw a square of four quarters; opposite quarters belong to one class: the exclusive or of the signs.

    With both coordinates uniform in [-1, 1]::

        class 0: x1 x2 > 0        class 1: x1 x2 < 0

    The numbers of points in the quarters differ by one at most.

    Args:
        count: the number of points, at least 1.
        noise: the standard deviation of the noise on each coordinate, at least 0.
        seed: chooses the points, at least 0.

    Returns:
        ``(x, y)``, new arrays: points (count, 2) float32, classes (count,) int64, 0 or 1.

    Raises:
        NeurosimError: a number is out of range.

    Reference: Minsky and Papert (1969), Perceptrons: no single neuron can separate these.
    """
    rng, quarter = _begin(count, 4, seed)
    y = quarter % 2
    signs = np.stack([np.where(quarter < 2, 1.0, -1.0), np.where((quarter < 2) == (y == 0), 1.0, -1.0)], axis=1)
    size = 1.0 - rng.uniform(0.0, 1.0, (len(y), 2))  # in (0, 1]: no point lies on an axis
    return _noisy(signs * size, noise, rng), y


def blobs(count: int = 400, noise: float = 0.2, seed: int = 0, classes: int = 3) -> tuple[Points, Labels]:
    """Draw round clouds at equal distances on a circle: straight lines separate them if the noise is small.

    Class k of K is scattered about::

        (cos 2πk/K, sin 2πk/K)

    Args:
        count: the number of points, at least 1.
        noise: the standard deviation of a cloud in each direction, at least 0.
        seed: chooses the points, at least 0.
        classes: K, the number of clouds, at least 2.

    Returns:
        ``(x, y)``, new arrays: points (count, 2) float32, classes (count,) int64, 0 to K - 1.

    Raises:
        NeurosimError: a number is out of range.
    """
    rng, y = _begin(count, check_count("classes", classes, 2), seed)
    return _noisy(_polar(np.ones(len(y)), 2.0 * math.pi * y / classes), noise, rng), y


TOYS: dict[str, Callable[..., tuple[Points, Labels]]] = {
    function.__name__: function for function in (moons, circles, spirals, xor, blobs)
}
"""Name -> function of every toy set."""


def _begin(count: int, classes: int, seed: int) -> tuple[np.random.Generator, Labels]:
    """Return the random numbers of a toy set, and `count` labels in random order, evenly divided among the classes."""
    rng = np.random.default_rng(check_count("seed", seed, 0))
    return rng, rng.permutation(np.arange(check_count("count", count), dtype=np.int64) % classes)


def _polar(radius: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points at these radii and angles, (N, 2)."""
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _noisy(x: NDArray[np.float64], noise: float, rng: np.random.Generator) -> Points:
    """Return points (N, 2) as float32, with noise added."""
    noise = check_number("noise", noise, 0.0, math.inf, open_high=True)
    return (x + rng.normal(0.0, noise, x.shape)).astype(np.float32)
