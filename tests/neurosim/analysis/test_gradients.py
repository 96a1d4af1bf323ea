"""Backpropagation through whole networks, compared with central differences and with the reference's loops."""

import numpy as np
import pytest
import reference
from small_problem import X, Y, network

import neurosim as ns
from neurosim.activations import ACTIVATIONS
from neurosim.analysis.gradcheck import check_everything, relative_error
from neurosim.layers import LAYERS
from neurosim.losses import LOSSES
from neurosim.regularizers import REGULARIZERS

HIDDEN = list(ACTIVATIONS)
PAIRS = [(loss, output) for loss in LOSSES for output in ACTIVATIONS if LOSSES[loss]().accepts(ACTIVATIONS[output]())]
EVERY = [(hidden, loss, output) for hidden in HIDDEN for loss, output in PAIRS]


def three_layers(hidden, loss, output, seed=1, **settings):
    """5 -> 4 -> 4 -> 3 in float64, with biases that are not zero (zeros would hide a wrong one)."""
    net = ns.Network(
        [ns.Input(5), ns.Dense(4, hidden), ns.Dense(4, hidden), ns.Dense(3, output)],
        loss=loss,
        seed=seed,
        dtype="float64",
        **settings,
    )
    rng = np.random.default_rng(seed)
    for layer in list(net)[1:]:
        layer.b = rng.normal(scale=0.3, size=len(layer))
    return net


def batch(loss, B=6, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(B, 5))
    if LOSSES[loss].one_hot:
        return x, rng.integers(0, 3, B)
    return x, rng.uniform(0.05, 0.95, size=(B, 3))


def as_rows(y):
    return np.eye(3)[y] if y.ndim == 1 else y


@pytest.mark.quick_every(4)
@pytest.mark.parametrize(("hidden", "loss", "output"), EVERY)
def test_every_gradient_is_the_central_difference(hidden, loss, output):
    net = three_layers(hidden, loss, output)
    x, y = batch(loss)
    result = ns.check_gradients(net, x, y, entries=6)
    assert result.passed and result.max_relative_error <= 1e-6, result
    assert result.checked >= 18


@pytest.mark.parametrize(
    ("hidden", "loss", "output"),
    [*((hidden, "cross_entropy", "softmax") for hidden in HIDDEN), *(("tanh", *pair) for pair in PAIRS)],
)
def test_every_gradient_is_the_references(hidden, loss, output):
    net = three_layers(hidden, loss, output)
    x, y = batch(loss)
    value = net.gradients(x, y)
    layers = [(layer.W.tolist(), layer.b.tolist(), layer.activation.key) for layer in list(net)[1:]]
    expected, gradients = reference.DenseNet(layers).gradients(x.tolist(), as_rows(y).tolist(), loss)
    assert value == pytest.approx(expected, rel=1e-12)
    for layer, (dW, db, delta) in zip(list(net)[1:], gradients, strict=True):
        np.testing.assert_allclose(layer.dW, dW, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(layer.db, db, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(layer.delta, delta, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_every_pre_activation_and_activation_is_the_references(hidden):
    net = three_layers(hidden, "cross_entropy", "softmax")
    x, _ = batch("cross_entropy")
    np.testing.assert_array_equal(net.predict_proba(x), net[-1].a)
    oracle = reference.DenseNet([(layer.W.tolist(), layer.b.tolist(), layer.activation.key) for layer in list(net)[1:]])
    for i, row in enumerate(x.tolist()):
        zs, activations = oracle.forward(row)
        for k, layer in enumerate(list(net)[1:]):
            np.testing.assert_allclose(layer.z[i], zs[k], rtol=1e-11, atol=1e-13)
            np.testing.assert_allclose(layer.a[i], activations[k + 1], rtol=1e-11, atol=1e-13)
            np.testing.assert_allclose(layer.x[i], activations[k], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "cross_entropy", "label_smoothing": 0.2},
        {"name": "huber", "threshold": 0.2},
        {"name": "hinge", "margin": 0.3},
        {"name": "squared_hinge", "margin": 2.0},
    ],
    ids=str,
)
def test_gradients_with_settings_of_the_loss(settings):
    output = "softmax" if settings["name"] == "cross_entropy" else "linear"
    x, y = batch(settings["name"])
    result = ns.check_gradients(three_layers("tanh", settings, output), x, y)
    assert result.passed, result


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [ns.Dropout(0.4), ns.Dense(6, "tanh"), ns.Dropout(0.5), ns.Dense(3, "softmax")],
        lambda: [ns.BatchNorm("tanh"), ns.Dense(6), ns.BatchNorm("sigmoid"), ns.Dense(3, "softmax")],
        lambda: [
            ns.Dense(6, use_bias=False),
            ns.BatchNorm("gelu"),
            ns.Dropout(0.3),
            ns.Dense(3),
            ns.BatchNorm("softmax"),
        ],
        lambda: [ns.Dense(4, "softmax"), ns.Dense(3, "softmax")],
        lambda: [ns.Dense(3, "softmax")],
    ],
    ids=["dropout", "batch_norm", "mixed", "softmax inside", "one layer"],
)
@pytest.mark.parametrize("training", [True, False])
def test_gradients_through_every_kind_of_layer(layers, training):
    net = ns.Network([ns.Input(5), *layers()], dtype="float64", seed=2)
    x, y = batch("cross_entropy", B=8)
    for layer in net:
        if isinstance(layer, ns.BatchNorm):
            rng = np.random.default_rng(0)
            layer.gamma, layer.beta = rng.uniform(0.5, 2.0, len(layer)), rng.normal(size=len(layer))
            layer.running_mean[...], layer.running_variance[...] = rng.normal(size=len(layer)), 2.0
    result = ns.check_gradients(net, x, y, training=training)
    assert result.passed and result.skipped == 0, result


@pytest.mark.parametrize("key", list(REGULARIZERS))
def test_gradients_of_penalties(key):
    x, y = batch("cross_entropy")
    net = three_layers("tanh", "cross_entropy", "softmax", regularizer=REGULARIZERS[key](0.1))
    assert ns.check_gradients(net, x, y).passed


@pytest.mark.parametrize("B", [1, 2, 33])
def test_gradients_for_other_batch_sizes(B):
    x, y = batch("cross_entropy", B=B)
    assert ns.check_gradients(three_layers("silu", "cross_entropy", "softmax"), x, y).passed


def test_a_single_output(make_net):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 5)), rng.integers(0, 2, 6)
    for loss, output in (("binary_cross_entropy", "sigmoid"), ("mse", "linear"), ("huber", "tanh")):
        assert ns.check_gradients(make_net(n_out=1, output=output, loss=loss, dtype="float64"), x, y).passed


def test_gradients_in_float32_are_those_in_float64():
    x, y = batch("cross_entropy", B=32)
    single, double = (
        ns.Network([ns.Input(5), ns.Dense(20, "relu"), ns.Dense(3, "softmax")], seed=0, dtype=dtype)
        for dtype in ("float32", "float64")
    )
    double.parameters.theta[...] = single.parameters.theta
    single.gradients(x, y)
    double.gradients(x, y)
    np.testing.assert_allclose(single.parameters.grad, double.parameters.grad, rtol=1e-4, atol=1e-6)


def test_the_input_gradient_is_the_central_difference_where_it_is_wanted():
    first = ns.Input(5)
    first.wants_gradient = True
    net = ns.Network([first, ns.Dense(4, "tanh"), ns.Dense(3, "softmax")], dtype="float64")
    x, y = batch("cross_entropy", B=2)
    net.gradients(x, y)
    dx, h = net.input.da.copy(), 1e-6
    for i, j in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[i, j] += h
        below[i, j] -= h
        assert dx[i, j] == pytest.approx((net.gradients(above, y) - net.gradients(below, y)) / (2 * h), abs=1e-8)


# --- the checker itself --------------------------------------------------------------------------------------------


def wrong_by(factor, method):
    def backward_(self, *buffers):
        method(self, *buffers)
        buffers[3][...] *= factor  # delta

    return backward_


@pytest.mark.parametrize("factor", [0.0, -1.0, 1.001])
def test_check_fails_where_a_derivative_is_wrong(monkeypatch, factor):
    monkeypatch.setattr(ns.Tanh, "backward_", wrong_by(factor, ns.Tanh.backward_))
    x, y = batch("cross_entropy")
    result = ns.check_gradients(three_layers("tanh", "cross_entropy", "softmax"), x, y)
    assert not result.passed and result.max_relative_error > 1e-4


def test_check_fails_where_a_bias_gradient_is_missing(monkeypatch):
    original = ns.Dense.backward_from_delta_

    def forgetful(self):
        original(self)
        self.db = 0.0

    monkeypatch.setattr(ns.Dense, "backward_from_delta_", forgetful)
    x, y = batch("cross_entropy")
    result = ns.check_gradients(three_layers("tanh", "cross_entropy", "softmax"), x, y)
    assert not result.passed
    assert max(result.errors["W1"], result.errors["W3"]) < 1e-6 < min(result.errors["b1"], result.errors["b3"])


def test_check_fails_where_the_loss_is_a_sum_and_its_gradient_a_mean(monkeypatch):
    value = ns.MSE.value_
    monkeypatch.setattr(ns.MSE, "value_", lambda self, out, y: value(self, out, y) * y.size)
    x, y = batch("mse")
    assert not ns.check_gradients(three_layers("tanh", "mse", "sigmoid"), x, y).passed


def test_check_fails_where_the_penalty_has_the_wrong_gradient(monkeypatch):
    monkeypatch.setattr(ns.L2, "add_gradient_", lambda self, W, dW, scratch: None)
    x, y = batch("cross_entropy")
    net = three_layers("tanh", "cross_entropy", "softmax", regularizer=ns.L2(0.1))
    assert not ns.check_gradients(net, x, y).passed


def test_check_fails_where_batch_norm_forgets_that_the_mean_depends_on_x(monkeypatch):
    original = ns.BatchNorm.backward_from_delta_

    def careless(self):
        self._in_training = False
        original(self)

    monkeypatch.setattr(ns.BatchNorm, "backward_from_delta_", careless)
    net = ns.Network([ns.Input(5), ns.Dense(4), ns.BatchNorm("tanh"), ns.Dense(3, "softmax")], dtype="float64")
    assert not ns.check_gradients(net, *batch("cross_entropy")).passed


@pytest.mark.parametrize("activation", [key for key in ns.ACTIVATIONS if ns.ACTIVATIONS[key]().elementwise])
@pytest.mark.parametrize("z", [-3.0, -1.0, 0.0, 1.0, 3.0, 6.0])
def test_a_right_network_is_right_wherever_its_sums_lie(activation, z):
    """Not at a kink of f, nor where f'' jumps: softsign's does at 0."""
    net = ns.Network([ns.Input(2), ns.Dense(2, activation), ns.Dense(1)], "mse", dtype="float64")
    net[1].W, net[1].b = 0.0, z
    assert ns.check_gradients(net, np.array([[1.0, 2.0]]), np.array([[0.7]])).max_relative_error < 1e-6


@pytest.mark.parametrize("loss", [key for key in ns.LOSSES if ns.LOSSES[key]().accepts(ns.ACTIVATIONS["linear"]())])
@pytest.mark.parametrize("error", [-1.0, 0.0, 1.0])
def test_a_right_network_is_right_wherever_its_errors_lie(loss, error):
    """Huber's slope bends where the error is its threshold."""
    net = ns.Network([ns.Input(2), ns.Dense(3)], loss, dtype="float64")
    y = np.array([[0.0, 0.0, 1.0]])
    net[1].W, net[1].b = 0.0, y[0] + error
    assert ns.check_gradients(net, np.array([[1.0, 2.0]]), y).max_relative_error < 1e-6


def test_a_check_says_in_a_sentence_whether_the_gradients_agree():
    right = ns.GradientCheck({"W1": 3e-9, "b1": 1e-10}, checked=34, skipped=0, tolerance=1e-6)
    said = "central differences agree: largest relative error 3.0e-09 in 34 parameters (tolerance 1e-06)"
    assert str(right) == said
    wrong = ns.GradientCheck({"W1": 0.94, "b1": 1e-10, "W2": np.nan}, checked=34, skipped=0, tolerance=1e-6)
    assert "DISAGREE: relative error 9.4e-01 in W1, nan in W2 (" in str(wrong) and not wrong.passed
    few = ns.GradientCheck({"W1": 0.0}, checked=4, skipped=30, tolerance=1e-6)
    assert "say little: 30 of 34 parameters are at a kink" in str(few) and not few.passed


def test_check_counts_entries_at_a_kink_instead_of_failing():
    net = three_layers("relu", "cross_entropy", "softmax")
    x, y = batch("cross_entropy")
    net[1].W[:, 2], net[1].b[2] = 0.0, 0.0  # z of neuron 2 is exactly at the kink
    result = ns.check_gradients(net, x, y)
    assert result.skipped >= 6 and result.max_relative_error < 1e-6


def test_check_does_not_pass_when_hardly_anything_could_be_compared():
    assert not ns.GradientCheck({"W1": 0.0}, checked=1, skipped=9, tolerance=1e-6).passed
    assert ns.GradientCheck({"W1": 0.0}, checked=9, skipped=1, tolerance=1e-6).passed
    assert not ns.GradientCheck({"W1": 1e-3}, checked=9, skipped=0, tolerance=1e-6).passed


def test_check_changes_nothing(full_net, blobs):
    net = full_net(dtype="float64")
    net.fit(*blobs, epochs=1, verbose=False)
    before = net.snapshot()
    ns.check_gradients(net, blobs[0][:8], blobs[1][:8], entries=4)
    after = net.snapshot()
    assert before["scalars"] == after["scalars"] and before["streams"] == after["streams"]
    assert all(np.array_equal(before["arrays"][name], after["arrays"][name]) for name in before["arrays"])


def test_check_refuses_float32(make_net, blobs, refused):
    with refused("float64", "float32"):
        ns.check_gradients(make_net(), *blobs)


def test_relative_error_is_between_0_and_1():
    one, other = np.array([3.0, 4.0]), np.array([-3.0, -4.0])
    assert relative_error(one, one) == 0.0
    assert relative_error(one, other) == 1.0
    assert relative_error(one, one * 1.02) == pytest.approx(0.02 / 2.02)
    assert relative_error(np.zeros(2), np.zeros(2)) == 0.0
    assert relative_error(np.empty(0), np.empty(0)) == 0.0


def test_result_as_a_frame(make_net, blobs):
    result = ns.check_gradients(make_net(dtype="float64"), blobs[0][:4], blobs[1][:4], entries=3)
    frame = result.to_frame()
    assert list(frame["array"]) == ["W1", "W2", "W3", "b1", "b2", "b3"]
    assert frame["relative_error"].max() == result.max_relative_error


def test_check_everything_covers_every_registry_and_passes():
    results = list(check_everything())
    assert all(result.passed for _, _, result in results), [(k, n) for k, n, result in results if not result.passed]
    kinds = ("activation", "loss", "layer", "regularizer")
    names = {kind: [name for k, name, _ in results if k == kind] for kind in kinds}
    assert names["activation"] == list(ACTIVATIONS)
    assert names["loss"] == [f"{loss} on {output}" for loss, output in PAIRS]
    assert {name.split()[0] for name in names["layer"]} == set(LAYERS) - {"input"}
    assert names["regularizer"] == list(REGULARIZERS)


@pytest.mark.parametrize("setting", [{"step": 0.0}, {"entries": -1}])
def test_a_gradient_check_needs_a_step_and_something_to_check(refused, setting):
    with refused(*setting):
        ns.check_gradients(network(dtype="float64"), X[:3], Y[:3], **setting)


def test_a_gradient_that_is_not_a_number_never_passes_a_check():
    from neurosim.analysis.gradcheck import GradientCheck, relative_error

    for wrong in (np.nan, np.inf):
        assert np.isnan(relative_error(np.array([wrong, 1.0]), np.ones(2)))
    assert not GradientCheck({"W1": 0.0, "b1": np.nan, "W2": 0.0}, 10, 0, 1e-6).passed
    net = network()
    net[1].W = np.nan
    check = net.trace(X[0], Y[0])[2][0].check()
    assert not check.passed and "DISAGREE" in str(check)
    assert "differences agree" in str(network().trace(X[0], Y[0])[2][0].check())
