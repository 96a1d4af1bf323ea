"""The compiled engine compared with NumPy's: the same numbers, live buffers, and NumPy if there is no compiled form."""

import copy
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import neurosim as ns

pytest.importorskip("numba")
pytestmark = [pytest.mark.full, pytest.mark.usefixtures("home")]
ROOT = Path(__file__).parents[3]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(700, 20)), RNG.integers(0, 4, 700)
HIDDEN = [key for key in ns.ACTIVATIONS if key != "softmax"]
OUTPUTS = {key: ns.ACTIVATIONS.create(key) for key in ns.ACTIVATIONS}
PAIRS = [(key, out) for key in ns.LOSSES for out in OUTPUTS if ns.LOSSES.create(key).accepts(OUTPUTS[out])]


def made(engine, hidden="relu", *, loss="cross_entropy", out="softmax", norm=False, rate=0.0, **options):
    layers = [ns.Input(20)]
    for n in (12, 7):
        layers += [ns.Dense(n, use_bias=False), ns.BatchNorm(hidden)] if norm else [ns.Dense(n, hidden)]
        layers += [ns.Dropout(rate)] if rate else []
    options = {"dtype": "float64", "optimizer": "adam", "seed": 1} | options
    return ns.Network([*layers, ns.Dense(4, out)], loss, engine=engine, **options)


def buffers(net):
    """Return everything that a step leaves in the buffers; da of the output is working space."""
    found = dict(net.arrays())
    for layer in net.layers[1:]:
        names = ("z", "a", "delta") if layer.is_output else ("z", "a", "da", "delta")
        found |= {f"{name}{layer.index}": getattr(layer, name) for name in names}
        found |= {f"{name}{layer.index}": view for name, view in layer.views.items()}
    return found


def compare_steps(steps=50, tolerance=1e-9, **options):
    """Train both, batch by batch, the last one smaller; every buffer has to agree after every step."""
    numpys, compiled = made("numpy", **options), made("compiled", **options)
    assert (numpys.engine, compiled.engine) == ("numpy", "compiled"), compiled.summary()
    for step in range(steps):
        batch = slice((step * 32) % 600, (step * 32) % 600 + (20 if step % 7 == 0 else 32))
        expected, loss = numpys.train_batch(X[batch], Y[batch]), compiled.train_batch(X[batch], Y[batch])
        assert loss == pytest.approx(expected, rel=tolerance)
    received = buffers(compiled)
    for name, array in buffers(numpys).items():
        assert np.abs(received[name] - array).max() <= tolerance * max(1.0, np.abs(array).max()), name


# -- the same numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ns.OPTIMIZERS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_every_activation_with_every_optimizer(hidden, optimizer):
    compare_steps(hidden=hidden, optimizer=optimizer)


@pytest.mark.parametrize(("loss", "out"), PAIRS)
def test_every_loss_with_every_output_and_every_optimizer(loss, out):
    # the gradient of a hinge is a sum of ±1/(B n), which may be 0 but for rounding: what takes its sign, or divides it
    # by its own size, makes a whole step of the rounding
    for optimizer in ("sgd", "momentum", "nesterov") if loss == "hinge" else ns.OPTIMIZERS:
        compare_steps(hidden="tanh", loss=loss, out=out, optimizer=optimizer, steps=12)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_dropout_and_batch_normalization(hidden):
    compare_steps(hidden=hidden, norm=True, rate=0.3)


@pytest.mark.parametrize(
    "options",
    [
        {"regularizer": "l2"},
        {"regularizer": "l1", "max_norm": 1.0},
        {"optimizer": {"name": "adam", "clip_norm": 0.01}},
        {"optimizer": {"name": "sgd", "clip_norm": 1e9}},
        {"loss": ns.CrossEntropy(label_smoothing=0.1)},
        {"loss": ns.Huber(0.1), "out": "linear"},
        {"loss": ns.Hinge(0.5), "out": "tanh"},
        {"hidden": {"name": "leaky_relu", "negative_slope": 0.3}},
        {"hidden": {"name": "elu", "alpha": 2.0}},
    ],
    ids=str,
)
def test_penalties_bounds_and_settings(options):
    compare_steps(**options)


def test_in_float32_to_rounding():
    for hidden in HIDDEN:
        compare_steps(hidden=hidden, dtype="float32", optimizer="sgd", tolerance=2e-4)


def test_frozen_and_slowed_neurons():
    numpys, compiled = made("numpy"), made("compiled")
    for net in (numpys, compiled):
        net[1][2].freeze()
        net[2][3].rate_factor = 0.1
        for step in range(20):
            net.train_batch(X[step : step + 32], Y[step : step + 32])
    assert compiled.engine == "compiled"
    np.testing.assert_allclose(compiled.parameters.theta, numpys.parameters.theta, atol=1e-12)


def test_fit_with_schedule_augmentation_and_a_last_smaller_batch():
    images = RNG.integers(0, 256, (150, 8, 8)).astype(np.uint8)
    labels = RNG.integers(0, 3, 150)
    nets = {}
    for engine in ("numpy", "compiled"):
        layers = [ns.Input((8, 8)), ns.Dense(12, "relu"), ns.Dropout(0.2), ns.Dense(3, "softmax")]
        net = nets[engine] = ns.Network(layers, optimizer="adam", seed=3, dtype="float64", engine=engine)
        net.optimizer.learning_rate = ns.OneCycle(0.01)
        history = net.fit(images, labels, epochs=3, batch_size=32, augment="shift", verbose=False)
        nets[engine + " losses"] = history.batch_losses
    np.testing.assert_allclose(nets["compiled"].parameters.theta, nets["numpy"].parameters.theta, atol=1e-10)
    np.testing.assert_allclose(nets["compiled losses"], nets["numpy losses"], rtol=1e-10)


# -- what is promised of it --------------------------------------------------------------------------------------------

TRAINED = """
import hashlib, numpy as np, neurosim as ns
rng = np.random.default_rng(0)
x, y = rng.random((600, 64), dtype=np.float32), rng.integers(0, 10, 600)
layers = [ns.Input(64), ns.Dense(30, "gelu"), ns.Dropout(0.1), ns.Dense(10, "softmax")]
net = ns.Network(layers, optimizer="adam", seed=0, engine="compiled")
net.fit(x, y, epochs=2, verbose=False)
print(net.engine, hashlib.sha256(net.parameters.theta.tobytes()).hexdigest())
"""


def in_a_process(code, **environment):
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split(), result.stderr


def test_the_same_bits_in_two_processes_and_what_is_compiled_is_kept(tmp_path):
    home = {"NEUROSIM_HOME": str(tmp_path)}
    first, said = in_a_process(TRAINED, **home)
    second, nothing = in_a_process(TRAINED, **home)
    assert first == second and first[0] == "compiled"
    assert len(said.splitlines()) <= 1 and nothing == ""
    kept = sorted((tmp_path / "compiled").glob("update_*.py"))
    assert len(kept) == 1 and "def update(p, like, me, of)" in kept[0].read_text()


def test_where_nothing_can_be_kept_it_works_all_the_same(tmp_path):
    (tmp_path / "file").touch()
    first, _ = in_a_process(TRAINED, NEUROSIM_HOME=str(tmp_path / "file"))
    second, _ = in_a_process(TRAINED, NEUROSIM_HOME=str(tmp_path / "home"))
    assert first == second


def test_a_callback_sees_the_numbers_of_its_step():
    seen = []

    class Look(ns.Callback):
        def on_step(self, run):
            net = run.network
            below, layer = net[1], net[2]
            seen.append(np.allclose(layer.z, below.a @ W[-1] + b[-1]))
            seen.append(np.allclose(layer.dW, below.a.T @ layer.delta))
            W.append(layer.W.copy())
            b.append(layer.b.copy())

    net = made("compiled")
    W, b = [net[2].W.copy()], [net[2].b.copy()]
    net.fit(X, Y, epochs=1, batch_size=50, callbacks=[Look()], verbose=False)
    assert len(seen) == 28 and all(seen) and net.engine == "compiled"


def test_a_loss_that_is_not_finite_changes_nothing():
    net = made("compiled", optimizer=ns.Momentum(0.1))
    net.train_batch(X[:32], Y[:32])
    before, t = {name: array.copy() for name, array in net.arrays().items()}, net.optimizer.t
    bad = X[:32].copy()
    bad[3, 4] = np.nan
    assert math.isnan(net.train_batch(bad, Y[:32])) and net.optimizer.t == t
    for name, array in net.arrays().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_is_never_hidden_by_an_activation(hidden, dtype):
    net = made("compiled", hidden, dtype=dtype)
    x = X[:8].copy()
    x[0, 0] = np.nan
    net.train_batch(x, Y[:8])
    assert np.isnan(net[1].a[0]).all() and np.isfinite(net[1].a[1:]).all()


# -- NumPy if there is no compiled form -----------------------------------------------------------------------------


class Branching(ns.Activation):
    """An activation without a compiled form."""

    def __call__(self, z):
        return np.sort(z) if z.size > 1e9 else z * 1.0

    def derivative(self, z):
        return np.ones_like(z)


class Square(ns.Activation):
    """An activation with a compiled form."""

    def __call__(self, z):
        return 0.1 * z**2

    def derivative(self, z):
        return 0.2 * z


class Own(ns.SGD):
    """An activation whose fast form computes something else."""

    def update_(self, theta, grad, state, scratch, rate):
        theta -= 2 * rate * grad


def test_a_users_activation_is_compiled_if_possible():
    compare_steps(hidden=Square())
    net = made("compiled", Branching())
    assert net.engine == "numpy" and "training steps: NumPy (" in net.summary()
    net.train_batch(X[:8], Y[:8])


def test_a_fast_form_that_says_something_else_is_left_alone():
    net, twin = made("compiled", optimizer=Own(0.1)), made("numpy", optimizer=Own(0.1))
    assert net.engine == "numpy"
    for each in (net, twin):
        each.train_batch(X[:32], Y[:32])
    np.testing.assert_array_equal(net.parameters.theta, twin.parameters.theta)


def test_a_neuron_with_an_activation_of_its_own_and_back():
    net = made("compiled")
    net[1][3].activation = "tanh"
    assert net.engine == "numpy"
    net[1][3].activation = None
    assert net.engine == "compiled"


def test_changes_between_steps_take_effect():
    numpys, compiled = made("numpy"), made("compiled")
    for net in (numpys, compiled):
        net.train_batch(X[:32], Y[:32])
        net[1].activation = "gelu"
        net.train_batch(X[:32], Y[:32])
        net.optimizer = ns.Momentum(0.05)
        net.train_batch(X[:32], Y[:32])
        net.loss = ns.CrossEntropy(0.1)
        net.train_batch(X[:16], Y[:16])
        net.optimizer.momentum = 0.5
        net.loss.label_smoothing = 0.3
        net.train_batch(X[:16], Y[:16])
        net.restore(net.snapshot())
        net.train_batch(X[:32], Y[:32])
    np.testing.assert_allclose(compiled.parameters.theta, numpys.parameters.theta, atol=1e-12)


def test_steps_are_kept_for_each_batch_size_until_a_part_is_another(monkeypatch):
    from neurosim.compiled import program

    made_ones = []
    real = program.Program.__init__
    monkeypatch.setattr(program.Program, "__init__", lambda self, net: (made_ones.append(net), real(self, net))[1])
    net = made("compiled", norm=True, rate=0.2)
    net.fit(X, Y, epochs=4, batch_size=64, validation_data=(X, Y), verbose=False)  # the last batch has 60
    first = len(made_ones)
    net.fit(X, Y, epochs=4, batch_size=64, validation_data=(X, Y), verbose=False)
    assert first <= 6 and len(made_ones) == first  # 64, 60, 256, 188, and 64, 60 again in the larger workspaces
    net.train_batch(X[:300], Y[:300])  # larger workspaces: others
    net.fit(X, Y, epochs=1, batch_size=64, verbose=False)
    twin = made("numpy", norm=True, rate=0.2)
    for _ in range(2):
        twin.fit(X, Y, epochs=4, batch_size=64, validation_data=(X, Y), verbose=False)
    twin.train_batch(X[:300], Y[:300])
    twin.fit(X, Y, epochs=1, batch_size=64, verbose=False)
    np.testing.assert_allclose(net.parameters.theta, twin.parameters.theta, atol=1e-9)


def test_sample_weights_and_copies(tmp_path):
    numpys, compiled = made("numpy"), made("compiled")
    for net in (numpys, compiled):
        net.fit(X, Y, epochs=1, class_weight="balanced", verbose=False)
        net.fit(X, Y, epochs=1, verbose=False)
    again, copied = ns.Network.load(compiled.save(tmp_path / "net.npz")), copy.deepcopy(compiled)
    again.engine = "compiled"
    for net in (numpys, compiled, copied, again):
        net.train_batch(X[:32], Y[:32])
    np.testing.assert_allclose(compiled.parameters.theta, numpys.parameters.theta, atol=1e-12)
    np.testing.assert_array_equal(copied.parameters.theta, compiled.parameters.theta)
    np.testing.assert_array_equal(again.parameters.theta, compiled.parameters.theta)


def test_wrong_names_are_refused(refused):
    with refused("engine, or NEUROSIM_ENGINE: expected one of auto, numpy, compiled", "'fast'"):
        made("fast")


# -- runs that go on ---------------------------------------------------------------------------------------------------


class Stop(ns.Callback):
    """A callback that presses Ctrl-C after some steps."""

    def __init__(self, after):
        self.after = after

    def on_step(self, run):
        if run.step == self.after:
            raise KeyboardInterrupt


def test_a_run_goes_on_with_the_engine_it_had(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("NEUROSIM_ENGINE")

    def train(engine, *callbacks):
        net = made(engine, rate=0.2)
        net.fit(X, Y, epochs=3, batch_size=50, verbose=False, callbacks=callbacks)
        return net

    for engine in ("numpy", "compiled"):
        folder = tmp_path / engine
        whole = train(engine, Stop(10**9))
        train(engine, Stop(20), ns.Checkpoint(folder, every=7))
        resumed = train("auto", Stop(10**9), ns.Checkpoint(folder, resume=True))
        assert resumed.engine == engine and "engine" not in capsys.readouterr().err
        np.testing.assert_array_equal(resumed.parameters.theta, whole.parameters.theta)
    train("compiled", Stop(20), ns.Checkpoint(tmp_path / "other", every=7))
    train("numpy", Stop(10**9), ns.Checkpoint(tmp_path / "other", resume=True))
    assert "engine was compiled and is numpy" in capsys.readouterr().err


def test_the_command_line_says_and_records_it(cli, tmp_path):
    result = cli("train", "--data", "moons", "--epochs", "2", "--engine", "compiled", "--out", tmp_path / "run")
    assert result.code == 0 and "training steps: compiled" in result.out
    assert " s with 1 thread and the compiled engine (finished)" in result.out
    words = ["scenario", "symmetry", "--quick", "--data", "digits", "--out", tmp_path, "--jobs", "1"]
    result = cli(*words, "--engine", "compiled")
    assert result.code == 0 and "1 thread per run)" in result.out
    assert json.loads((tmp_path / "symmetry" / "run.json").read_text())["engine"] == "compiled"
    told = "Training steps used the compiled engine, except in runs that it cannot compile. NumPy computed those."
    assert told in (tmp_path / "symmetry" / "report.md").read_text()
