"""A learning-rate range test: the smoothing against a slow loop, the rates against functions whose shape is known."""

import math

import numpy as np
import pytest

import neurosim as ns
from neurosim.analysis.range_test import running_mean, steepest_rate, suggested_rate


@pytest.mark.parametrize("width", [1, 2, 3, 5, 99])
@pytest.mark.parametrize("size", [1, 2, 6, 40])
def test_the_running_mean_is_that_of_a_slow_loop(width, size):
    values = np.random.default_rng(size).normal(size=size)
    if size > 2:
        values[2], values[-1] = np.nan, np.inf
    reach = max(1, width) // 2  # as many on either side
    expected = []
    for i in range(size):
        near = [values[k] for k in range(max(i - reach, 0), min(i + reach + 1, size)) if math.isfinite(values[k])]
        expected.append(sum(near) / len(near) if math.isfinite(values[i]) else math.nan)
    before = values.copy()
    assert running_mean(values, width) == pytest.approx(expected, nan_ok=True)
    np.testing.assert_array_equal(values, before)


def test_one_huge_loss_does_not_blur_the_others():
    values = np.ones(30)
    values[10] = 1e30
    assert running_mean(values, 3)[14:] == pytest.approx(np.ones(16), abs=0)


def test_a_tenth_of_the_rate_of_the_lowest_loss_is_suggested():
    rates = np.geomspace(1e-4, 10, 51)
    losses = (np.log10(rates) + 1) ** 2 + 0.5  # lowest at 0.1
    assert suggested_rate(rates, losses, width=1) == pytest.approx(0.01)
    assert suggested_rate(rates[::-1], losses[::-1]) == pytest.approx(0.01)
    assert math.isnan(suggested_rate(rates, np.full(51, np.nan)))
    assert ns.suggested_rate is suggested_rate


def test_the_steepest_fall_is_found():
    rates = np.geomspace(1e-3, 10, 201)
    u = np.log10(rates)
    losses = 2.0 / (1.0 + np.exp(4 * (u + 1))) + np.where(u > 0, u**2, 0.0)  # a falling logistic curve about 0.1
    assert steepest_rate(rates, losses) == pytest.approx(0.1, rel=0.05)
    assert steepest_rate(rates[::-1], losses[::-1]) == pytest.approx(0.1, rel=0.05)
    assert math.isnan(steepest_rate(rates, np.full(201, np.nan)))
    assert math.isnan(steepest_rate(rates, rates))  # lowest at the beginning


@pytest.mark.parametrize("function", [suggested_rate, steepest_rate])
def test_there_is_one_loss_for_each_rate(function, refused):
    with refused("losses: expected 3, one for each rate, received 2", error=ns.ShapeError):
        function([0.1, 0.2, 0.3], [1.0, 2.0])
