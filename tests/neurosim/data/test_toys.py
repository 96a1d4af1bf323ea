"""The toy sets: their geometry follows their equations, and a small network learns each of them."""

import math

import numpy as np
import pytest

import neurosim as ns
from neurosim.data import TOYS

EVERY = sorted(TOYS)


@pytest.mark.parametrize("name", EVERY)
def test_points_and_classes_of_the_right_kind_in_random_order(name):
    x, y = TOYS[name](101)
    assert x.shape == (101, 2) and x.dtype == np.float32 and y.shape == (101,) and y.dtype == np.int64
    counts = np.bincount(y)
    assert counts.max() - counts.min() <= 2 if name == "xor" else counts.max() - counts.min() <= 1
    assert not np.array_equal(y, np.sort(y))


@pytest.mark.parametrize("name", EVERY)
def test_a_seed_gives_the_same_points_and_another_seed_others(name):
    x, y = TOYS[name](50, seed=3)
    again, classes = TOYS[name](50, seed=3)
    assert np.array_equal(x, again) and np.array_equal(y, classes)
    other, _ = TOYS[name](50, seed=4)
    assert len({tuple(point) for point in x} & {tuple(point) for point in other}) == 0


def test_moons_are_half_circles():
    x, y = ns.data.moons(300, noise=0.0)
    upper, lower = x[y == 0], x[y == 1]
    assert np.hypot(*upper.T) == pytest.approx(1.0, abs=1e-6) and upper[:, 1].min() >= -1e-6
    assert np.hypot(lower[:, 0] - 1.0, lower[:, 1] - 0.5) == pytest.approx(1.0, abs=1e-6)
    assert lower[:, 1].max() <= 0.5 + 1e-6
    for part, left in ((upper, -1.0), (lower, 0.0)):  # both go from end to end
        assert left - 1e-6 <= part[:, 0].min() < left + 0.1 and left + 1.9 < part[:, 0].max() <= left + 2.0 + 1e-6


def test_circles_have_their_radii():
    x, y = ns.data.circles(300, noise=0.0, inner=0.3)
    radius = np.hypot(*x.T)
    assert radius[y == 0] == pytest.approx(1.0, abs=1e-6) and radius[y == 1] == pytest.approx(0.3, abs=1e-6)
    quadrants = {(a > 0, b > 0) for a, b in x[y == 1]}
    assert len(quadrants) == 4


@pytest.mark.parametrize("classes", [2, 3])
def test_spirals_turn_with_their_radius(classes):
    x, y = ns.data.spirals(300, noise=0.0, turns=1.5, classes=classes)
    for (a, b), k in zip(x.astype(float), y, strict=True):
        r = math.hypot(a, b)
        assert r <= 1 + 1e-6
        turned = math.atan2(b, a) / (2 * math.pi) - k / classes - 1.5 * r  # whole turns
        assert r < 1e-3 or abs(turned - round(turned)) < 1e-3


def test_xor_is_the_sign_of_the_product():
    x, y = ns.data.xor(401)
    for (a, b), k in zip(x, y, strict=True):
        assert max(abs(a), abs(b)) <= 1 and k == ((a > 0) != (b > 0))
    quarters = np.bincount((x[:, 0] > 0) * 2 + (x[:, 1] > 0))
    assert sorted(quarters) == [100, 100, 100, 101]


def test_blobs_stand_on_the_circle():
    x, y = ns.data.blobs(20_000, noise=0.3, classes=4)
    for k, centre in enumerate([(1, 0), (0, 1), (-1, 0), (0, -1)]):
        assert x[y == k].mean(axis=0) == pytest.approx(centre, abs=5 * 0.3 / math.sqrt(5000))
        assert x[y == k].std(axis=0) == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize("name", EVERY)
def test_noise_is_gaussian_of_that_width_and_leaves_the_classes_alone(name):
    still, y = TOYS[name](20_000, noise=0.0)
    moved, classes = TOYS[name](20_000, noise=0.25)
    assert np.array_equal(y, classes)
    shift = (moved - still).astype(float)
    assert shift.mean(axis=0) == pytest.approx(0.0, abs=5 * 0.25 / math.sqrt(20_000))
    assert shift.std(axis=0) == pytest.approx(0.25, rel=0.03)
    assert (np.abs(shift) < 0.25).mean() == pytest.approx(0.6827, abs=0.01)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: ns.data.moons(0), ("count", "0")),
    (lambda: ns.data.moons(2.5), ("count", "2.5")),
    (lambda: ns.data.moons(10, noise=-0.1), ("noise", "-0.1")),
    (lambda: ns.data.moons(10, noise=math.nan), ("noise", "nan")),
    (lambda: ns.data.xor(10, seed=-1), ("seed", "-1")),
    (lambda: ns.data.circles(10, inner=1.0), ("inner", "1.0")),
    (lambda: ns.data.spirals(10, classes=1), ("classes", "1")),
    (lambda: ns.data.spirals(10, turns=0.0), ("turns", "0.0")),
    (lambda: ns.data.blobs(10, classes="three"), ("classes", "three")),
    (lambda: ns.data.load("moon"), ("did you mean 'moons'",)),
])  # fmt: skip
def test_a_wrong_number_is_one_clear_line(call, words, refused):
    with refused(*words):
        call()


@pytest.mark.parametrize(("name", "hidden", "rate", "epochs"), [
    ("moons", [8], 0.03, 60), ("circles", [8], 0.03, 60), ("xor", [8], 0.03, 60), ("blobs", [4], 0.03, 30),
    ("spirals", [16, 16], 0.01, 200),
])  # fmt: skip
def test_a_small_network_learns_it_and_a_single_neuron_does_not(name, hidden, rate, epochs):
    x, y = TOYS[name](400)
    x_test, y_test = TOYS[name](400, seed=1)
    classes = y.max() + 1
    layers = [ns.Dense(width, "tanh") for width in hidden]
    net = ns.Network([ns.Input(2), *layers, ns.Dense(classes, "softmax")], optimizer=ns.Adam(rate), seed=3)
    net.fit(x, y, epochs=epochs, batch_size=32, verbose=False)
    assert net.evaluate(x_test, y_test)["accuracy"] >= 0.95
    if name in ("circles", "xor", "spirals"):
        line = ns.Network([ns.Input(2), ns.Dense(2, "softmax")], optimizer=ns.Adam(0.03))
        line.fit(x, y, epochs=30, verbose=False)
        assert line.evaluate(x_test, y_test)["accuracy"] < 0.7
