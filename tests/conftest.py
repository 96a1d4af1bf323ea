"""Fixtures that several test modules share: small problems, networks for them, and checks."""

import collections
import contextlib
import gc
import os
import tracemalloc

import numpy as np
import pytest
from cli_runner import run_cli

import neurosim as ns

# NumPy's engine by default, so that the tests are the same with and without numba
os.environ.setdefault("NEUROSIM_ENGINE", "numpy")


@pytest.hookimpl(tryfirst=True)  # before unselected tests are removed
def pytest_collection_modifyitems(items):
    """Move cases that ``quick_for`` or ``quick_every`` does not name to the full tier."""
    counts = collections.Counter()
    for item in items:
        named, every = item.get_closest_marker("quick_for"), item.get_closest_marker("quick_every")
        if named and item.callspec.id not in named.args:
            item.add_marker("full")
        if every:
            if counts[item.function] % every.args[0]:
                item.add_marker("full")
            counts[item.function] += 1


@pytest.fixture
def blobs():
    """Draw three well-separated clouds in five dimensions: x (90, 5) float64, y (90,) class indices."""
    rng = np.random.default_rng(3)
    y = np.repeat(np.arange(3), 30)
    centres = rng.normal(scale=2.0, size=(3, 5))
    order = rng.permutation(90)
    return (centres[y] + rng.normal(size=(90, 5)))[order], y[order]


@pytest.fixture
def make_net():
    """Return a function that makes a small network for `blobs`: 5 -> 8 -> 6 -> 3."""

    def make(*, activation="tanh", hidden=None, output="softmax", n_in=5, n_out=3, **settings):
        if hidden is None:
            hidden = [ns.Dense(8, activation), ns.Dense(6, activation)]
        return ns.Network([ns.Input(n_in), *hidden, ns.Dense(n_out, output)], **{"seed": 1} | settings)

    return make


@pytest.fixture
def full_net(make_net):
    """Return a function that makes a network with every kind of layer, and an optimizer with moments and a schedule."""

    def make(**settings):
        return make_net(
            hidden=[ns.Dense(8), ns.BatchNorm("relu"), ns.Dropout(0.3), ns.Dense(6, "tanh")],
            **{"optimizer": ns.Nadam(ns.Cosine(0.01, steps=200)), "regularizer": "l2"} | settings,
        )

    return make


@pytest.fixture
def images():
    """Draw small images with two channels: x (40, 7, 6, 2) float64, y (40,) class indices that can be learned."""
    rng = np.random.default_rng(5)
    y = rng.integers(0, 3, 40)
    return rng.normal(size=(40, 7, 6, 2)) + rng.normal(size=(3, 7, 6, 2))[y], y


@pytest.fixture
def image_net():
    """Return a function that makes a network for `images` with every kind of image layer."""

    def make(**settings):
        hidden = [
            ns.Conv2D(4, 3, padding="same", use_bias=False),
            ns.BatchNorm("relu"),
            ns.MaxPool2D(2, 1),
            ns.Dropout(0.2),
            ns.Conv2D(3, 2, "tanh", stride=2),
            ns.AveragePool2D(2),
            ns.Flatten(),
        ]
        return ns.Network([ns.Input((7, 6, 2)), *hidden, ns.Dense(3, "softmax")], **{"seed": 1} | settings)

    return make


@pytest.fixture
def peak_memory():
    """Return a function (call, repeats) -> the peak of allocated bytes during repeated calls."""

    def peak(call, repeats):
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(repeats):
            call()
        return tracemalloc.get_traced_memory()[1] - before

    def measure(call, repeats=3):
        call()
        gc.freeze()  # existing objects need no search for cycles
        tracemalloc.start()
        try:
            call()
            gc.collect()  # objects in cycles would count or not, depending on when they are freed
            return min(peak(call, repeats) for _ in range(2))  # the thread between test processes allocates too
        finally:
            tracemalloc.stop()
            gc.unfreeze()

    return measure


@pytest.fixture
def refused():
    """Return a context manager: its block must raise a NeurosimError with a one-line message that has these words."""

    @contextlib.contextmanager
    def expect(*words, error=ns.NeurosimError):
        with pytest.raises(error) as caught:
            yield caught
        message = str(caught.value)
        assert "\n" not in message and len(message) < 400, message
        for word in words:
            assert word in message, f"{word!r} not in {message!r}"

    return expect


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """Return `run_cli` in an empty folder, `tmp_path`, without MNIST and internet."""
    for name in [name for name in os.environ if name.startswith("NEUROSIM") and name != "NEUROSIM_ENGINE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NEUROSIM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NEUROSIM_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return run_cli
