import math

import numpy as np
import pytest

import neurosim as ns
from neurosim.activations import ACTIVATIONS
from neurosim.initializers import INITIALIZERS

KEYS = list(INITIALIZERS)
RANDOM = [key for key in KEYS if key not in ("zeros", "constant")]
SHAPES = [(300, 200), (200, 300), (784, 64)]
VARIANCE = {  # key -> variance for (n_in, n_out)
    "glorot_uniform": lambda n_in, n_out: 2.0 / (n_in + n_out),
    "glorot_normal": lambda n_in, n_out: 2.0 / (n_in + n_out),
    "he_uniform": lambda n_in, n_out: 2.0 / n_in,
    "he_normal": lambda n_in, n_out: 2.0 / n_in,
    "lecun_uniform": lambda n_in, n_out: 1.0 / n_in,
    "lecun_normal": lambda n_in, n_out: 1.0 / n_in,
    "normal": lambda n_in, n_out: 0.05**2,
    "uniform": lambda n_in, n_out: 0.05**2 / 3.0,
}
LIMIT = {
    "glorot_uniform": lambda n_in, n_out: math.sqrt(6.0 / (n_in + n_out)),
    "he_uniform": lambda n_in, n_out: math.sqrt(6.0 / n_in),
    "lecun_uniform": lambda n_in, n_out: math.sqrt(3.0 / n_in),
    "uniform": lambda n_in, n_out: 0.05,
}


def draw(key, shape=(300, 200), seed=0):
    return INITIALIZERS[key]()(shape, np.random.default_rng(seed))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("key", KEYS)
def test_shape_and_dtype(key, shape):
    W = draw(key, shape)
    assert W.shape == shape and W.dtype == np.float64


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("key", VARIANCE)
def test_mean_and_variance_are_the_papers(key, shape):
    W, variance = draw(key, shape), VARIANCE[key](*shape)
    assert W.var() == pytest.approx(variance, rel=0.03)
    assert abs(W.mean()) < 5.0 * math.sqrt(variance / W.size)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("key", LIMIT)
def test_uniform_ones_fill_their_limits(key, shape):
    W, limit = draw(key, shape), LIMIT[key](*shape)
    assert np.abs(W).max() <= limit
    assert W.max() > 0.999 * limit and W.min() < -0.999 * limit
    counts, _ = np.histogram(W, bins=10, range=(-limit, limit))
    assert counts.min() > 0.93 * W.size / 10 and counts.max() < 1.07 * W.size / 10


@pytest.mark.parametrize("key", ["normal", "glorot_normal", "he_normal", "lecun_normal"])
def test_normal_ones_have_normal_tails(key):
    W = draw(key)
    standard = W / W.std()
    assert (standard**4).mean() == pytest.approx(3.0, abs=0.15)
    assert (np.abs(standard) > 1.96).mean() == pytest.approx(0.05, abs=0.005)


@pytest.mark.parametrize("gain", [1.0, 2.0])
@pytest.mark.parametrize("shape", [(40, 15), (15, 40), (20, 20), (1, 5), (5, 1)])
def test_orthogonal_has_orthonormal_columns_or_rows(shape, gain):
    W = ns.Orthogonal(gain)(shape, np.random.default_rng(0))
    product = W.T @ W if shape[0] >= shape[1] else W @ W.T
    np.testing.assert_allclose(product, gain**2 * np.eye(min(shape)), atol=1e-12)


def test_orthogonal_has_no_preferred_sign():
    rng = np.random.default_rng(0)
    first = [ns.Orthogonal()((4, 4), rng)[0, 0] for _ in range(400)]
    assert 0.4 < np.mean(np.array(first) > 0) < 0.6


def test_zeros_and_constant_are_what_they_say():
    assert not draw("zeros").any()
    assert (ns.Constant(0.7)((3, 4), np.random.default_rng(0)) == 0.7).all()
    assert ns.Normal(0.1, mean=5.0)((100, 100), np.random.default_rng(0)).mean() == pytest.approx(5.0, abs=0.01)


@pytest.mark.parametrize("key", RANDOM)
def test_one_instance_never_gives_two_layers_the_same_weights(key):
    one = INITIALIZERS[key]()
    hidden = [ns.Dense(6, "tanh", initializer=one) for _ in range(3)]
    net = ns.Network([ns.Input(6), *hidden, ns.Dense(6, "softmax", one)])
    matrices = [layer.W for layer in list(net)[1:]]
    for k, W in enumerate(matrices):
        for other in matrices[k + 1 :]:
            assert not np.allclose(W, other)


@pytest.mark.parametrize("key", RANDOM)
def test_the_seed_decides(key):
    def weights(seed):
        return ns.Network([ns.Input(6), ns.Dense(5, "softmax", key)], seed=seed)[1].W

    assert np.array_equal(weights(1), weights(1))
    assert not np.allclose(weights(1), weights(2))


@pytest.mark.parametrize("key", KEYS)
def test_biases_start_at_zero_and_weights_as_drawn(key):
    net = ns.Network([ns.Input(6), ns.Dense(5, "tanh", key), ns.Dense(4, "softmax", key)], dtype="float64")
    rng = net.streams["weights"].__class__(np.random.PCG64(np.random.SeedSequence(0, spawn_key=(0,))))
    for layer in list(net)[1:]:
        assert not layer.b.any()
        np.testing.assert_array_equal(layer.W, INITIALIZERS[key]()(layer.W.shape, rng))


@pytest.mark.parametrize("key", list(ACTIVATIONS))
def test_the_default_is_the_one_that_suits_the_activation(key):
    suits = ACTIVATIONS[key].initializer
    assert suits in INITIALIZERS
    left, right = (
        ns.Network([ns.Input(6), ns.Dense(5, key, chosen), ns.Dense(3, "softmax")], seed=4) for chosen in (None, suits)
    )
    assert np.array_equal(left[1].W, right[1].W)


def test_defaults_follow_the_papers():
    defaults = {key: ACTIVATIONS[key].initializer for key in ACTIVATIONS}
    assert defaults["relu"].startswith("he_") and defaults["leaky_relu"].startswith("he_")
    assert defaults["selu"] == "lecun_normal"
    assert all(defaults[key].startswith("glorot_") for key in ("tanh", "sigmoid", "softmax", "linear", "softsign"))


@pytest.mark.parametrize(
    ("activation", "key"), [("relu", "he_normal"), ("tanh", "glorot_uniform"), ("selu", "lecun_normal")]
)
def test_the_signal_keeps_its_size_through_ten_layers(activation, key):
    net = ns.Network([ns.Input(256), *(ns.Dense(256, activation, key) for _ in range(10)), ns.Dense(2, "softmax")])
    net.predict(np.random.default_rng(0).normal(size=(64, 256)))
    first, last = (float(np.mean(net[k].a.astype(float) ** 2)) for k in (1, 10))
    assert 0.1 < last / first < 10.0


def test_reset_goes_back_to_the_same_weights(make_net, blobs):
    net = make_net()
    before = net.parameters.theta.copy()
    net.fit(*blobs, epochs=1, verbose=False)
    net.reset()
    assert np.array_equal(net.parameters.theta, before)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ns.Normal(-1.0),
        lambda: ns.Uniform(-0.1),
        lambda: ns.Constant(math.nan),
        lambda: ns.Orthogonal(-1.0),
        lambda: ns.Constant("a"),
    ],
)
def test_settings_out_of_bounds_are_refused(make, refused):
    with refused("expected a ", "number ", "received"):
        make()
