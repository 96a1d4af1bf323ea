"""An activation and a loss of two methods and an optimizer of one rule, all defined here, work everywhere."""

import inspect
import math
import re
import textwrap
from collections import namedtuple

import numpy as np
import pytest
import reference

import neurosim as ns

Terms = namedtuple("Terms", "m step")


@pytest.fixture(autouse=True)
def own(monkeypatch):
    """Register "wavy", "log_cosh" and "signum", here and in the reference, for one test."""
    for registry in (ns.ACTIVATIONS, ns.LOSSES, ns.OPTIMIZERS):
        monkeypatch.setattr(registry, "_classes", dict(registry._classes))

    @ns.ACTIVATIONS.register("wavy")
    class Wavy(ns.Activation):
        """f(z) = z + sin(z) / 2."""

        def __call__(self, z):
            return z + 0.5 * np.sin(z)

        def derivative(self, z):
            return 1.0 + 0.5 * np.cos(z)

    @ns.LOSSES.register("log_cosh")
    class LogCosh(ns.Loss):
        """L = (1/Bn) Σ ln cosh(a - y)."""

        one_hot = False

        def __call__(self, a, y):
            return np.log(np.cosh(a - y)).mean()

        def gradient(self, a, y):
            return np.tanh(a - y) / y.size

    @ns.OPTIMIZERS.register("signum")
    class Signum(ns.Optimizer):
        """m ← β m + (1 - β) g;  θ ← θ - η sign(m)."""

        state_names = ("m",)

        def __init__(self, learning_rate=0.01, beta=0.9, clip_norm=None):
            super().__init__(learning_rate, clip_norm)
            self.beta = beta

        @staticmethod
        def rule(theta, grad, m, rate, t, beta):
            m = beta * m + (1.0 - beta) * grad
            return Terms(m, step=rate * np.sign(m))

    monkeypatch.setitem(reference.ACTIVATIONS, "wavy", (lambda z: z + math.sin(z) / 2, lambda z: 1 + math.cos(z) / 2))
    log_cosh = reference._each_output(lambda p, t: math.log(math.cosh(p - t)), lambda p, t: math.tanh(p - t))
    monkeypatch.setitem(reference.LOSSES, "log_cosh", log_cosh)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, 4)), rng.normal(size=(12, 3))


def make(dtype="float64", optimizer="signum", output="wavy"):
    layers = [ns.Input(4), ns.Dense(6, "wavy"), ns.Dense(5, "wavy"), ns.Dense(3, output)]
    return ns.Network(layers, "log_cosh", optimizer, seed=3, dtype=dtype)


def test_gradients_are_those_of_the_loops(batch):
    net, (x, y) = make(), batch
    slow = reference.DenseNet([(layer.W.tolist(), layer.b.tolist(), "wavy") for layer in list(net)[1:]])
    value, gradients = slow.gradients(x.tolist(), y.tolist(), "log_cosh")
    loss = net.gradients(x, y)
    assert type(loss) is float and loss == pytest.approx(value, rel=1e-13)
    for layer, (dW, db, delta) in zip(list(net)[1:], gradients, strict=True):
        np.testing.assert_allclose(layer.dW, dW, rtol=1e-11, atol=1e-15)
        np.testing.assert_allclose(layer.db, db, rtol=1e-11, atol=1e-15)
        np.testing.assert_allclose(layer.delta, delta, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("output", ["wavy", "softmax", "sigmoid", "relu"])
def test_gradients_are_central_differences(batch, output):
    assert ns.check_gradients(make(output=output), *batch).passed


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_takes_the_steps_of_the_rule(batch, dtype):
    net, (x, y) = make(dtype, {"name": "signum", "learning_rate": 0.125, "beta": 0.5}), batch
    theta, m = net.parameters.theta.copy(), np.zeros_like(net.parameters.theta)
    for _ in range(5):
        net.train_batch(x, y)
        m = m / 2 + net.parameters.grad / 2
        theta -= np.where(m > 0, 1, np.where(m < 0, -1, 0)).astype(dtype) / 8
        np.testing.assert_array_equal(net.parameters.theta, theta)
    np.testing.assert_array_equal(net[1][2].optimizer_state()["m"], net[1].flat_view(m, "W")[:, 2])


def test_training_lowers_the_loss_in_each_dtype_with_every_optimizer(batch):
    x, y = batch
    for dtype in ("float32", "float64"):
        for optimizer in ns.OPTIMIZERS:
            net = make(dtype, optimizer)
            before = net.evaluate(x, y)["loss"]
            history = net.fit(x, y, epochs=20, batch_size=5, verbose=False)
            assert net.evaluate(x, y)["loss"] < before and len(history.batch_losses) == 60, (dtype, optimizer)


def test_a_trace_shows_the_terms_and_checks_the_gradient(batch):
    net, (x, y) = make(), batch
    net.fit(x, y, epochs=3, verbose=False)
    trace = net.trace(x[0], y[0])
    for layer in trace:
        for neuron in layer:
            m, step = neuron.update_terms["m"], neuron.update_terms["step"]
            before = net[neuron.layer][neuron.index].optimizer_state()
            np.testing.assert_allclose(m["weights"], 0.9 * before["m"] + 0.1 * neuron.dL_dW, rtol=1e-12)
            assert m["bias"] == pytest.approx(0.9 * float(before["m_bias"]) + 0.1 * neuron.dL_db, rel=1e-12)
            assert set(np.abs(step["weights"])) <= {0.0, 0.01}
            np.testing.assert_allclose(neuron.weights - step["weights"], neuron.weights_after, rtol=1e-14)
            assert neuron.check().max_relative_error < 1e-6
            assert neuron.to_dict()["activation"] == "wavy" and "step" in neuron.explain()


def test_a_loaded_network_trains_on_like_the_saved_one(batch, tmp_path):
    net, (x, y) = make("float32", {"name": "signum", "beta": 0.5}), batch
    net.fit(x, y, epochs=3, batch_size=5, verbose=False)
    twin = ns.Network.load(net.save(tmp_path / "net.npz"))
    assert twin.config() == net.config() and twin.optimizer.beta == 0.5
    np.testing.assert_array_equal(twin.optimizer.state["m"], net.optimizer.state["m"])
    losses = [each.fit(x, y, epochs=2, batch_size=5, verbose=False).batch_losses for each in (net, twin)]
    assert losses[0] == losses[1]
    np.testing.assert_array_equal(twin.parameters.theta, net.parameters.theta)


def test_single_neurons_may_have_a_users_activation(batch):
    net, (x, y) = make(), batch
    net[1].activation = "tanh"
    net[1][2].activation = "wavy"
    assert ns.check_gradients(net, x, y).passed
    np.testing.assert_allclose(net[1].a[:, 2], [z + math.sin(z) / 2 for z in net[1].z[:, 2]], rtol=1e-14)


@pytest.mark.parametrize("cls", [ns.Activation, ns.Loss, ns.Optimizer])
def test_the_example_of_each_base_class_works(cls, monkeypatch, batch):
    registries = {"ACTIVATIONS": ns.ACTIVATIONS, "LOSSES": ns.LOSSES, "OPTIMIZERS": ns.OPTIMIZERS}
    for registry in registries.values():
        monkeypatch.setattr(registry, "_classes", {})
    example = textwrap.dedent(re.search(r"\n\n((?:    .*\n|\n)+)", inspect.getdoc(cls))[1])
    exec(example, {"np": np, "namedtuple": namedtuple, cls.__name__: cls} | registries)
    (made,) = [registry[key] for registry in registries.values() for key in registry]
    monkeypatch.undo()
    settings = {"loss": "mse", "optimizer": "sgd", "dtype": "float64"}
    output = made() if cls is ns.Activation else "linear"
    if cls is not ns.Activation:
        settings[cls.__name__.lower()] = made()
    net = ns.Network([ns.Input(4), ns.Dense(5, "tanh"), ns.Dense(3, output)], **settings)
    assert ns.check_gradients(net, *batch).passed
    before = net.evaluate(*batch)["loss"]
    net.fit(*batch, epochs=5, verbose=False)
    assert net.evaluate(*batch)["loss"] < before


# --- a subclass of what is there ----------------------------------------------------------------------------------


def test_cross_entropy_takes_the_long_way_where_the_output_is_another_softmax(batch):
    """(a - y) would be wrong by the factor of the temperature, and its forward pass keeps no ln a."""

    class Tempered(ns.Softmax):
        def __call__(self, z):
            return super().__call__(z / 3.0)

        def jacobian(self, z):
            return super().jacobian(z) / 3.0

    x = batch[0]
    net = ns.Network([ns.Input(4), ns.Dense(5, "tanh"), ns.Dense(3, Tempered())], seed=0, dtype="float64")
    assert ns.check_gradients(net, x, [0, 1, 2] * 4).passed
    loss = net.gradients(x[:1], [1])
    expected = [math.exp(z / 3.0) for z in net.output.z[0].tolist()]
    assert loss == pytest.approx(-math.log(expected[1] / sum(expected)), rel=1e-12)
    assert net.loss.simplifies(ns.Softmax()) and not net.loss.simplifies(net.output.activation)


def test_binary_cross_entropy_takes_the_long_way_where_the_output_is_another_sigmoid(batch):
    class Steep(ns.Sigmoid):
        def __call__(self, z):
            return super().__call__(4.0 * z)

        def derivative(self, z):
            return 4.0 * super().derivative(z)  # a (1 - a), with this a

    x = batch[0]
    net = ns.Network([ns.Input(4), ns.Dense(5, "tanh"), ns.Dense(3, Steep())], "binary_cross_entropy", dtype="float64")
    net[2].W *= 0.25
    assert ns.check_gradients(net, x, [0, 1, 2] * 4).passed


def test_a_subclass_that_changes_no_equation_keeps_the_fast_forms():
    class Named(ns.Softmax):
        """Softmax under another name."""

    class Entropy(ns.CrossEntropy):
        """Cross-entropy under another name."""

    assert Named.forward_ is ns.Softmax.forward_ and Entropy.value_ is ns.CrossEntropy.value_
    assert Entropy().simplifies(Named())
