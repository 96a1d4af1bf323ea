"""Compiled convolution, pooling and batch normalization of images, compared with NumPy's engine; promises for both."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import neurosim as ns
from neurosim.layers import AveragePool2D, BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D

pytest.importorskip("numba")
pytestmark = [pytest.mark.full, pytest.mark.usefixtures("home")]
ROOT = Path(__file__).parents[3]
RNG = np.random.default_rng(0)
Y = RNG.integers(0, 4, 120)
CASES = {
    "lenet": ((20, 20), lambda: [Conv2D(6, 5, "relu"), MaxPool2D(2), Conv2D(16, 5, "tanh"), MaxPool2D(2)]),
    "padding, stride, a filter more than a vector holds": (
        (15, 13, 2),
        lambda: [
            Conv2D(6, 3, "relu", padding="same"),
            AveragePool2D(3, 2),
            Conv2D(19, 3, "gelu", stride=2, padding="same"),
            Flatten(),
        ],
    ),
    "no bias, 1 x 1, windows that overlap, a stride that leaves pixels out": (
        (17, 14, 3),
        lambda: [Conv2D(3, 2, "elu", stride=3), Conv2D(9, 1, use_bias=False), BatchNorm("relu"), MaxPool2D(2, 1)],
    ),
    "pooling first, an even kernel with padding": (
        (14, 28, 5),
        lambda: [MaxPool2D(3, 2), Conv2D(17, 4, "relu", padding="same"), BatchNorm("relu"), AveragePool2D(2)],
    ),
    "one filter, many filters, more rows than are worked on at once": (
        (16, 30, 1),
        lambda: [Conv2D(33, 3, "relu"), MaxPool2D(3, 1), Conv2D(1, 3), Conv2D(2, 2, padding="same", stride=2)],
    ),
    "dropout, one place at the end": (
        (8, 7),
        lambda: [Conv2D(5, 4, "relu"), Dropout(0.3), BatchNorm(), Conv2D(4, (5 - 1), "relu", padding="same"), Dense(9)],
    ),
}


def made(engine, case="lenet", **options):
    shape, layers = CASES[case]
    options = {"dtype": "float64", "optimizer": "adam", "seed": 1} | options
    return ns.Network([ns.Input(shape), *layers(), Dense(4, "softmax")], engine=engine, **options)


def samples(case, count=120):
    return np.random.default_rng(1).normal(size=(count, *CASES[case][0]))


def assert_alike(compiled, numpys, tolerance=1e-9):
    """Every buffer, parameter, gradient and running average; da of the output is working space."""
    for received, expected in zip(compiled.layers[1:], numpys.layers[1:], strict=True):
        names = ("z", "a", "delta", *received.state_names) + (() if received.is_output else ("da",))
        pairs = {name: (getattr(received, name), getattr(expected, name)) for name in names}
        for name, (one, other) in (pairs | {n: (v, expected.views[n]) for n, v in received.views.items()}).items():
            assert np.abs(one - other).max() <= tolerance * max(1.0, np.abs(other).max()), (received, name)


@pytest.mark.parametrize("case", CASES)
def test_fifty_steps_are_those_of_numpy(case, threads):
    x = samples(case)
    numpys, compiled = made("numpy", case), made("compiled", case)
    assert compiled.engine == "compiled" and "training steps: compiled" in compiled.summary()
    for step in range(50):
        batch = slice(16 * step % 96, 16 * step % 96 + (11 if step % 7 == 0 else 16))
        expected = numpys.train_batch(x[batch], Y[batch])
        assert compiled.train_batch(x[batch], Y[batch]) == pytest.approx(expected, rel=1e-9)
    assert_alike(compiled, numpys)
    assert compiled.evaluate(x, Y) == pytest.approx(numpys.evaluate(x, Y), rel=1e-9)
    np.testing.assert_allclose(compiled.predict_proba(x), numpys.predict_proba(x), atol=1e-9)
    for net in (numpys, compiled):
        net.fit(x, Y, epochs=2, batch_size=50, verbose=False)
    assert_alike(compiled, numpys, 1e-8)


@pytest.mark.parametrize("optimizer", ns.OPTIMIZERS)
def test_every_optimizer_in_float32(optimizer):
    x = samples("lenet")
    numpys, compiled = (made(engine, dtype="float32", optimizer=optimizer) for engine in ("numpy", "compiled"))
    for step in range(3):
        batch = slice(32 * step, 32 * step + 32)
        expected = numpys.train_batch(x[batch], Y[batch])
        assert compiled.train_batch(x[batch], Y[batch]) == pytest.approx(expected, rel=1e-3)


def test_equal_numbers_and_nan_in_a_window():
    x = RNG.integers(0, 3, (120, 20, 20)).astype(np.float64)  # with many ties
    for hidden in ("relu", "linear"):
        nets = []
        for engine in ("numpy", "compiled"):
            layers = [MaxPool2D(3, 2), Conv2D(3, 3, hidden), MaxPool2D(2, 1), Dense(4, "softmax")]
            nets.append(ns.Network([ns.Input((20, 20)), *layers], dtype="float64", seed=2, engine=engine))
            for step in range(10):
                nets[-1].train_batch(x[step : step + 16], Y[step : step + 16])
        assert_alike(*reversed(nets))
    bad = x[:4].copy()
    bad[1, 3, 3] = np.nan
    assert np.isnan(nets[1].train_batch(bad, Y[:4]))
    assert np.isnan(nets[1][1].a[1]).any() and np.isfinite(nets[1][1].a[[0, 2, 3]]).all()


def test_what_is_done_to_filters():
    x = samples("lenet")
    numpys, compiled = made("numpy", regularizer="l2", max_norm=1.5), made("compiled", regularizer="l2", max_norm=1.5)
    for net in (numpys, compiled):
        net[1][2].freeze()
        net[3][4].rate_factor = 0.1
        net[3][5].l2 = 0.01
        for step in range(20):
            net.train_batch(x[step : step + 32], Y[step : step + 32])
    assert compiled.engine == "compiled"
    assert_alike(compiled, numpys)
    compiled[1][3].ablate()
    assert compiled.engine == "numpy"
    compiled.intervene({})
    assert compiled.engine == "compiled"


def bits(net):
    return {name: array.tobytes() for name, array in net.arrays().items()}


def test_many_steps_in_one_call_are_those_of_one_at_a_time(threads):
    class Look(ns.Callback):
        """A callback at every step, so that each step is a separate call."""

        def on_step(self, run):
            pass

    case = "pooling first, an even kernel with padding"
    x = samples(case)
    nets = [made("compiled", case, dtype="float32") for _ in range(3)]
    nets[0].fit(x, Y, epochs=3, batch_size=32, verbose=False)
    nets[1].fit(x, Y, epochs=3, batch_size=32, verbose=False, callbacks=[Look()])
    nets[2].fit(x, Y, epochs=3, batch_size=32, verbose=False)
    assert bits(nets[0]) == bits(nets[1]) == bits(nets[2])


TRAINED = """
import hashlib, numpy as np, neurosim as ns
rng = np.random.default_rng(0)
x, y = rng.integers(0, 256, (200, 20, 20)).astype(np.uint8), rng.integers(0, 4, 200)
layers = [ns.Input((20, 20)), ns.Conv2D(6, 5, "relu"), ns.MaxPool2D(2), ns.Conv2D(16, 5, "tanh"), ns.MaxPool2D(2)]
net = ns.Network([*layers, ns.Dense(4, "softmax")], engine="compiled")
net.fit(x, y, epochs=2, verbose=False)
print(net.engine, hashlib.sha256(net.parameters.theta.tobytes()).hexdigest())
"""


def test_the_same_bits_in_two_processes():
    said = []
    for _ in range(2):
        command = [sys.executable, "-c", TRAINED]
        result = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        said.append(result.stdout.split())
    assert said[0] == said[1] and said[0][0] == "compiled" and len(said[0][1]) == hashlib.sha256().digest_size * 2


def test_softmax_at_each_place_is_left_to_numpy():
    layers = [Conv2D(3, 3, "softmax"), Dense(4, "softmax")]
    net = ns.Network([ns.Input((6, 6)), *layers], engine="compiled")
    assert net.engine == "numpy" and "softmax at each place has no compiled form" in net.summary()
