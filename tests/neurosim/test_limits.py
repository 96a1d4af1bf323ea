"""Extreme input and settings: training gives finite numbers or reports that it diverged. It never crashes or warns."""

import math

import numpy as np
import pytest

import neurosim as ns
from neurosim.regularizers import limit_norms_
from neurosim.training.divergence import all_finite

pytestmark = pytest.mark.filterwarnings("error")

PAIRS = [
    (loss, activation)
    for loss in ns.LOSSES
    for activation in ns.ACTIVATIONS
    if ns.LOSSES[loss]().accepts(ns.ACTIVATIONS[activation]())
]


def network(*layers, n_in=6, n_out=3, output="softmax", loss="cross_entropy", optimizer="adam", **settings):
    return ns.Network(
        [ns.Input(n_in, scale=settings.pop("scale", None)), *layers, ns.Dense(n_out, output)],
        loss,
        optimizer,
        **{"seed": 0} | settings,
    )


def survives(net, x, y, epochs=3, batch_size=8, **options):
    """Train and return the history. All results are finite, or the history reports the divergence."""
    history = net.fit(x, y, epochs, batch_size, verbose=False, validation_data=(x, y), **options)
    if history.stopped == "diverged":
        assert history.divergence and history.message and len(history) < epochs
    else:
        assert history.stopped == "finished" and all_finite(net)
        assert all(math.isfinite(row["loss"]) and math.isfinite(row["val_loss"]) for row in history.rows)
    return history


def learns(*arguments, **options):
    """Do the same, if there is no excuse for a divergence."""
    history = survives(*arguments, **options)
    assert history.stopped == "finished", history.message
    return history


# --- images ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("hidden", ["dense", "batch_norm"])
def test_images_without_any_contrast(value, hidden):
    """Nothing distinguishes the classes, so the best outputs are their frequencies: the loss falls to their entropy."""
    x, y = np.full((40, 6), value, np.uint8), np.array([0, 0, 0, 1] * 10)
    layers = [ns.Dense(5, "relu")] if hidden == "dense" else [ns.Dense(5), ns.BatchNorm("relu")]
    net = network(*layers, optimizer=ns.Adam(0.05), scale="auto")
    history = learns(net, x, y, epochs=150, batch_size=None)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert history.batch_losses[-1] == pytest.approx(entropy, abs=0.01)


@pytest.mark.parametrize("hidden", ["dense", "batch_norm"])
def test_features_that_never_change(hidden):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 6)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    x[:, 1:4] = [0.0, 1.0, 50.0]
    layers = [ns.Dense(8, "tanh")] if hidden == "dense" else [ns.BatchNorm(), ns.Dense(8, "tanh")]
    net = network(*layers, optimizer=ns.Adam(0.02))
    learns(net, x, y, epochs=40)
    if hidden == "batch_norm":
        assert net.evaluate(x, y)["accuracy"] > 0.95


@pytest.mark.parametrize("batch_size", [1, 8, 1000, None])
@pytest.mark.parametrize("layer", [None, ns.BatchNorm, ns.Dropout])
def test_one_sample(batch_size, layer):
    net = network(ns.Dense(16, "relu"), *([layer()] if layer else []), scale="auto")
    x = np.full((1, 6), 200, np.uint8)
    if layer is ns.BatchNorm:
        with pytest.raises(ns.NeurosimError, match="batch_size: expected at least 2, because batch normalization"):
            net.fit(x, [2], batch_size=batch_size, verbose=False)
    else:
        learns(net, x, [2], batch_size=batch_size)


def test_one_class():
    net = network(ns.Dense(8, "relu"), optimizer=ns.SGD(1.0))
    x = np.random.default_rng(0).random((30, 6))
    learns(net, x, np.full(30, 1), epochs=200)
    assert net.evaluate(x, np.full(30, 1))["accuracy"] == 1.0
    assert net.evaluate(x, np.full(30, 1))["loss"] >= 0.0


def test_a_single_output_of_softmax_is_always_right():
    history = learns(network(ns.Dense(4, "relu"), n_out=1), np.random.default_rng(0).random((9, 6)), np.ones(9))
    assert history["loss"] == [0.0] * 3


def test_a_batch_larger_than_the_set_is_the_whole_set():
    x, y = np.random.default_rng(0).random((10, 6)), np.arange(10) % 3
    nets = [network(ns.Dense(4, "relu")) for _ in range(2)]
    histories = [learns(net, x, y, batch_size=size) for net, size in zip(nets, (10_000_000, None), strict=True)]
    assert histories[0].batch_losses == histories[1].batch_losses and len(histories[0].batch_losses) == 3
    np.testing.assert_array_equal(nets[0].parameters.theta, nets[1].parameters.theta)


def test_batch_normalization_of_single_samples():
    """Nine samples in batches of eight leave one of one: x̂ is 0, z is β, and no gradient goes through x̂."""
    x, y = np.random.default_rng(0).normal(size=(9, 6)), np.arange(9) % 3
    net = network(ns.Dense(5), ns.BatchNorm("tanh"), optimizer=ns.SGD(0.1))
    net[2].beta = [0.5, -0.5, 0.0, 1.0, 2.0]
    learns(net, x, y, batch_size=8)
    beta = net[2].beta.copy()
    net.gradients(x[:1], y[:1], training=True)
    np.testing.assert_array_equal(net[2].x_hat, np.zeros((1, 5)))
    np.testing.assert_array_equal(net[2].z[0], beta)
    assert not net[1].dW.any() and not net[2].dgamma.any() and net[2].dbeta.any()


# --- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_ten_thousand_units(optimizer):
    x, y = np.random.default_rng(0).random((24, 6)).astype(np.float32), np.arange(24) % 3
    learns(network(ns.Dense(10_000, "relu"), optimizer=optimizer), x, y, epochs=2)


def test_ten_thousand_classes(peak_memory):
    x, y = np.random.default_rng(0).random((20, 6)), np.arange(20) * 500
    net = network(ns.Dense(4), n_out=10_000)
    assert learns(net, x, y, epochs=1).batch_losses[0] == pytest.approx(math.log(10_000), rel=0.05)
    assert peak_memory(lambda: net.as_targets(y, 20)) < 2 * 20 * 10_000 * 4  # bytes: the rows, and no more


@pytest.mark.parametrize("activation", ns.ACTIVATIONS)
def test_fifty_layers(activation):
    x, y = np.random.default_rng(0).normal(size=(24, 6)), np.arange(24) % 3
    learns(network(*[ns.Dense(12, activation) for _ in range(50)]), x, y)
    learns(network(*[layer for _ in range(25) for layer in (ns.Dense(12), ns.BatchNorm(activation))]), x, y)


# --- rates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ns.OPTIMIZERS)
def test_a_rate_of_zero_changes_nothing(optimizer, blobs):
    net = network(ns.Dense(8, "relu"), n_in=5, optimizer={"name": optimizer, "learning_rate": 0.0})
    before = net.parameters.theta.copy()
    learns(net, *blobs)
    np.testing.assert_array_equal(net.parameters.theta, before)


@pytest.mark.parametrize("optimizer", ns.OPTIMIZERS)
@pytest.mark.parametrize("output", [("cross_entropy", "softmax"), ("mse", "linear"), ("mse", "sigmoid")])
def test_a_rate_of_a_million(optimizer, output, blobs):
    loss, activation = output
    net = network(
        ns.Dense(8, "relu"), n_in=5, output=activation, loss=loss, optimizer={"name": optimizer, "learning_rate": 1e6}
    )
    survives(net, *blobs, epochs=5)


# --- huge numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e4, 1e30])
@pytest.mark.parametrize(("loss", "activation"), PAIRS)
def test_every_output_with_every_loss_at_huge_inputs(loss, activation, scale):
    x = (np.random.default_rng(0).normal(size=(24, 6)) * scale).astype(np.float32)
    survives(network(output=activation, loss=loss, optimizer="sgd"), x, np.arange(24) % 3)


@pytest.mark.parametrize("scale", [1e4, 1e30])
@pytest.mark.parametrize("activation", ns.ACTIVATIONS)
def test_every_hidden_activation_at_huge_inputs(activation, scale):
    x = (np.random.default_rng(0).normal(size=(24, 6)) * scale).astype(np.float32)
    survives(network(ns.Dense(8, activation), ns.Dense(8, activation)), x, np.arange(24) % 3)


@pytest.mark.parametrize("optimizer", ns.OPTIMIZERS)
def test_no_gradient_no_step(optimizer):
    """Zero gradients from the first step on: only weight decay may move a parameter, and towards zero."""
    rule = ns.OPTIMIZERS[optimizer]()
    theta = np.linspace(-2, 2, 11, dtype=np.float32)
    before = theta.copy()
    for _ in range(5):
        rule.step(theta, np.zeros_like(theta))
    decay = (1.0 - rule.last_rate * getattr(rule, "weight_decay", 0.0)) ** 5
    np.testing.assert_allclose(theta, before * decay, rtol=1e-6)
    assert all(np.isfinite(vector).all() for vector in rule.state.values())


@pytest.mark.parametrize("clip_norm", [None, 1.0])
@pytest.mark.parametrize("optimizer", ns.OPTIMIZERS)
def test_gradients_of_1e30(optimizer, clip_norm, blobs):
    """With x of 1e30 and mean absolute error, dL/dW is as large, but loss and outputs stay within float32."""
    net = network(n_in=5, output="linear", loss="mae", optimizer={"name": optimizer, "clip_norm": clip_norm})
    x = np.full_like(blobs[0], 1e30)
    net.gradients(x, blobs[1])
    assert 1e28 < np.abs(net[1].dW).max() < 1e31
    history = survives(net, x, blobs[1], epochs=2)
    if clip_norm:
        assert history.stopped == "finished"


@pytest.mark.parametrize("clip_norm", [1.0, 1e-3])
def test_a_clipped_gradient_of_1e30_has_the_requested_norm(clip_norm):
    grad = np.full(1000, 1e30, np.float32)
    ns.SGD(0.0, clip_norm=clip_norm).step(np.zeros(1000, np.float32), grad)
    assert np.linalg.norm(grad.astype(np.float64)) == pytest.approx(clip_norm, rel=1e-4)


def test_max_norm_holds_weights_whose_squares_overflow():
    W = np.array([[3e25, 3.0, 0.0], [4e25, 4.0, 0.0]], np.float32)
    with np.errstate(over="ignore"):
        limit_norms_(W, 2.5, np.empty_like(W))
    np.testing.assert_allclose(W, [[1.5, 1.5, 0.0], [2.0, 2.0, 0.0]], rtol=1e-6)
