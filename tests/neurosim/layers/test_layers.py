import copy
import math

import numpy as np
import pytest
from small_problem import X, Y, network

import neurosim as ns
from neurosim.layers import LAYERS
from neurosim.parameters import FlatParameters, aligned_zeros


def run(layers, x, training=False, n_out=None, dtype="float64", **settings):
    """A network of these layers behind an input, after one forward pass on x."""
    net = ns.Network([ns.Input(x.shape[1], scale=1 / 255), *layers], **{"loss": "mse", "dtype": dtype} | settings)
    net.set_batch_size(len(x))
    net.input.fill(x)
    net.forward_(training)
    return net


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(2.0, 3.0, size=(12, 5))


# --- flat parameters -----------------------------------------------------------------------------------------------


def test_matrices_come_before_vectors_in_the_order_of_the_layers():
    flat = FlatParameters({"W1": (3, 4), "b1": (4,), "W2": (4, 2), "b2": (2,)})
    assert list(flat) == ["W1", "W2", "b1", "b2"]
    assert flat.size == flat.theta.size == flat.grad.size == 12 + 8 + 4 + 2
    flat.theta[...] = np.arange(26)
    np.testing.assert_array_equal(flat["W2"], np.arange(12, 20).reshape(4, 2))
    np.testing.assert_array_equal(flat["b2"], [24, 25])
    assert np.shares_memory(flat["W1"], flat.theta) and np.shares_memory(flat.gradient("W1"), flat.grad)


@pytest.mark.parametrize("shape", [0, 1, 7, (3, 5), (0, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_buffers_begin_on_a_cache_line(shape, dtype):
    array = aligned_zeros(shape, dtype)
    assert array.shape == (shape if isinstance(shape, tuple) else (shape,)) and array.dtype == dtype
    assert array.size == 0 or array.ctypes.data % 64 == 0
    assert not array.any() and array.flags.c_contiguous


# --- input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_integers_are_scaled(dtype):
    images = np.arange(24, dtype=dtype).reshape(2, 3, 4) * 10
    net = run([ns.Dense(2)], images.reshape(2, 12))
    np.testing.assert_allclose(net[0].a, images.reshape(2, 12) / 255.0, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_taken_as_they_are(dtype):
    x = np.array([[0.5, -300.0, 2.0]], dtype)
    np.testing.assert_array_equal(run([ns.Dense(2)], x)[0].a, x)


def test_truth_values_become_0_and_1():
    np.testing.assert_array_equal(run([ns.Dense(2)], np.array([[True, False]]))[0].a, [[1.0, 0.0]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, np.float64, np.bool_])
def test_gather_is_take_of_the_same_rows(kind, dtype):
    rows = (np.random.default_rng(0).random((20, 6)) * 200).astype(kind)
    chosen = np.array([3, 19, 0, 3])
    one, other = run([ns.Dense(2)], rows[:4], dtype=dtype), run([ns.Dense(2)], rows[:4], dtype=dtype)
    one.input.gather(rows, chosen)
    other.input.fill(rows[chosen])
    np.testing.assert_array_equal(one[0].a, other[0].a)


def test_images_rows_and_single_samples_are_understood():
    layer = ns.Input((3, 4))
    assert len(layer) == 12
    assert layer.as_rows(np.zeros((5, 3, 4))).shape == (5, 12)
    assert layer.as_rows(np.zeros((5, 12))).shape == (5, 12)
    assert layer.as_rows(np.zeros((5, 3, 4, 1))).shape == (5, 12)
    assert layer.as_rows(np.zeros((3, 4))).shape == (1, 12)
    assert layer.as_rows(np.zeros(12)).shape == (1, 12)
    assert layer.as_rows(np.zeros((0, 3, 4))).shape == (0, 12)
    assert layer.as_rows([[1.0] * 12]).shape == (1, 12)


@pytest.mark.parametrize("shape", [(5, 11), (13,), (5, 4, 4), (), (2, 24)])
def test_samples_of_another_size_are_refused(shape, refused):
    with refused("12", str(shape), error=ns.ShapeError):
        ns.Input((3, 4)).as_rows(np.zeros(shape))


@pytest.mark.parametrize("x", [np.array([["a"] * 12]), np.array([[None] * 12]), np.zeros((1, 12), complex)])
def test_samples_that_are_not_numbers_are_refused(x, refused):
    with refused("numbers", "received"):
        ns.Input(12).as_rows(x)


def test_rows_of_different_lengths_are_refused_in_one_line(refused):
    with refused("expected", "received"):
        ns.Input(2).as_rows([[1, 2], [1]])


# --- dense ---------------------------------------------------------------------------------------------------------


def test_dense_is_x_W_plus_b_and_then_f(x):
    net = run([ns.Dense(3, "tanh")], x)
    net[1].b = [0.1, -0.2, 0.3]
    net.forward_()
    np.testing.assert_allclose(net[1].z, x @ net[1].W + [0.1, -0.2, 0.3], rtol=1e-13)
    np.testing.assert_allclose(net[1].a, np.tanh(net[1].z), rtol=1e-13)
    assert net[1].x is net[0].a or np.shares_memory(net[1].x, net[0].a)


def test_dense_without_bias_has_none(x, refused):
    net = run([ns.Dense(3, use_bias=False)], x)
    np.testing.assert_allclose(net[1].z, x @ net[1].W, rtol=1e-13)
    assert list(net.parameters) == ["W1"] and net[1].parameter_count == 15
    with refused("no b"):
        net[1].b  # noqa: B018


def test_a_smaller_batch_uses_the_same_buffers(x):
    net = run([ns.Dense(3)], x)
    full = net[1].z
    net.set_batch_size(5)
    assert net[1].z.shape == (5, 3) and np.shares_memory(net[1].z, full)
    net.set_batch_size(12)
    assert net[1].z.shape == (12, 3) and np.shares_memory(net[1].z, full)


# --- dropout -------------------------------------------------------------------------------------------------------


def test_dropout_does_nothing_in_evaluation(x):
    net = run([ns.Dropout(0.9), ns.Dense(2)], x)
    np.testing.assert_array_equal(net[1].a, x)
    assert (net[1].mask == 1.0).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_keeps_the_expectation_and_drops_its_share(rate, dtype):
    x = np.ones((400, 500))
    net = run([ns.Dropout(rate), ns.Dense(2)], x, training=True, dtype=dtype)
    a, mask = net[1].a, net[1].mask
    assert set(np.unique(mask).tolist()) == {0.0, np.dtype(dtype).type(1.0 / (1.0 - rate)).item()}
    noise = math.sqrt(rate * (1 - rate) / a.size)
    assert abs((mask == 0).mean() - rate) < 5 * noise
    assert abs(a.mean() - 1.0) < 5 * noise / (1 - rate)
    np.testing.assert_array_equal(a, mask)


def test_dropout_gives_back_only_through_what_it_kept(x):
    net = run([ns.Dense(8), ns.Dropout(0.5), ns.Dense(2)], x, training=True)
    net.targets[...] = 0.0
    net.backward_()
    np.testing.assert_array_equal(net[1].da, net[2].da * net[2].mask)


def test_dropout_draws_a_new_mask_each_step_and_the_same_ones_for_a_seed(x):
    def masks(seed):
        net = run([ns.Dropout(0.5), ns.Dense(2)], x, seed=seed)
        result = []
        for _ in range(2):
            net.forward_(training=True)
            result.append(net[1].mask.copy())
        return result

    first, second = masks(1)
    assert not np.array_equal(first, second)
    assert np.array_equal(masks(1), [first, second]) and not np.array_equal(masks(2)[0], first)


def test_dropout_at_rate_zero_is_the_identity_and_draws_nothing(x):
    net = run([ns.Dropout(0.0), ns.Dense(2)], x)
    before = net.streams["dropout"].bit_generator.state
    net.forward_(training=True)
    np.testing.assert_array_equal(net[1].a, x)
    assert net.streams["dropout"].bit_generator.state == before


def test_dropout_layers_do_not_use_up_the_shuffles_or_the_weights():
    plain, dropped = (
        ns.Network([ns.Input(3), ns.Dense(4, "tanh"), *more, ns.Dense(2, "softmax")], seed=5)
        for more in ([], [ns.Dropout(0.5)])
    )
    assert np.array_equal(plain[1].W, dropped[1].W) and np.array_equal(plain[2].W, dropped[3].W)
    x, y = np.zeros((9, 3)), np.zeros(9, int)
    for net in (plain, dropped):
        net.fit(x, y, epochs=2, verbose=False)
    assert plain.streams["shuffling"].bit_generator.state == dropped.streams["shuffling"].bit_generator.state


# --- batch normalization -------------------------------------------------------------------------------------------


def test_batch_norm_is_the_papers_algorithm_1(x):
    net = run([ns.BatchNorm(epsilon=1e-3)], x)
    gamma, beta = np.linspace(0.5, 2.0, 5), np.linspace(-1.0, 1.0, 5)
    net[1].gamma, net[1].beta = gamma, beta
    net.forward_(training=True)
    for j in range(5):
        column = x[:, j].tolist()
        mean = sum(column) / 12
        variance = sum((value - mean) ** 2 for value in column) / 12
        for i in range(12):
            x_hat = (column[i] - mean) / math.sqrt(variance + 1e-3)
            assert net[1].x_hat[i, j] == pytest.approx(x_hat, rel=1e-12)
            assert net[1].z[i, j] == pytest.approx(gamma[j] * x_hat + beta[j], rel=1e-12)


def test_batch_norm_keeps_running_averages_and_uses_them_in_evaluation(x):
    net = run([ns.BatchNorm(momentum=0.25)], x)
    assert not net[1].running_mean.any() and (net[1].running_variance == 1.0).all()
    for _ in range(2):
        net.forward_(training=True)
        net.forward_(training=True)  # they move with the update, not with looking
        net.update_()
    keep = 0.75**2
    np.testing.assert_allclose(net[1].running_mean, (1 - keep) * x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(net[1].running_variance, keep + (1 - keep) * x.var(axis=0, ddof=1), rtol=1e-12)
    before = net[1].running_mean.copy()
    z = net.predict_proba(x[:1])  # one sample, no batch statistics needed
    expected = (x[:1] - before) / np.sqrt(net[1].running_variance + 1e-5)
    np.testing.assert_allclose(z, expected, rtol=1e-12)
    assert np.array_equal(net[1].running_mean, before)


def test_batch_norm_follows_the_batch_in_evaluation_only_through_its_averages(x):
    net = run([ns.BatchNorm()], x)
    together = net.predict_proba(x)
    alone = np.concatenate([net.predict_proba(row[None]) for row in x])
    np.testing.assert_array_equal(together, alone)


def test_batch_norm_learns_no_variance_from_a_single_sample(x):
    net = run([ns.BatchNorm()], x[:1], training=True)
    assert (net[1].running_variance == 1.0).all()


def test_batch_norm_of_a_constant_column_is_finite(x):
    x[:, 2] = 7.0
    net = run([ns.BatchNorm("tanh")], x, training=True)
    net.targets[...] = 0.0
    net.backward_()
    assert np.isfinite(net.parameters.grad).all() and not net[1].x_hat[:, 2].any()


# --- building ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [ns.Input(3)],
        [ns.Dense(3), ns.Dense(2)],
        [ns.Input(3), ns.Input(3), ns.Dense(2)],
        [ns.Input(3), ns.Dense(2), ns.Dropout(0.5)],
        [ns.Input(3), "dense"],
        [ns.Input(3), ns.Dense],
    ],
    ids=range(7),
)
def test_stacks_that_make_no_network_are_refused(layers, refused):
    with refused("layers: expected", "received"):
        ns.Network(layers)


def test_a_layer_cannot_be_in_two_places(refused):
    layer = ns.Dense(3, "tanh")
    with refused("in this network twice", "make a new layer"):
        ns.Network([ns.Input(3), layer, layer, ns.Dense(2, "softmax")])
    first = ns.Input(3)
    ns.Network([ns.Input(3), layer, ns.Dense(2, "softmax")])
    with refused("is already layer 1 of a network", "make a new layer"):
        ns.Network([first, layer, ns.Dense(2, "softmax")])
    ns.Network([first, ns.Dense(2, "softmax")])  # the other layers are still free


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: ns.Input(0), "Input size"),
        (lambda: ns.Input((28, -1)), "Input size"),
        (lambda: ns.Input(2.5), "2.5"),
        (lambda: ns.Input(3, scale=0.0), "scale"),
        (lambda: ns.Dense(0), "units"),
        (lambda: ns.Dense("3"), "'3'"),
        (lambda: ns.Dense(3, "rleu"), "did you mean 'relu'"),
        (lambda: ns.Dropout(1.0), "rate"),
        (lambda: ns.Dense(3, initializer="he"), "he_normal"),
        (lambda: ns.BatchNorm(momentum=0.0), "momentum"),
        (lambda: ns.BatchNorm(epsilon=0.0), "epsilon"),
        (lambda: ns.Dense(3, ns.ReLU), "make an instance of it: ReLU()"),
        (lambda: ns.Network([ns.Input(3), ns.Dense(2, "softmax")], dtype="float16"), "float16"),
        (lambda: ns.Network([ns.Input(3), ns.Dense(2, "softmax")], dtype=np.float64), "dtype"),
        (lambda: ns.Network([ns.Input(3), ns.Dense(2, "softmax")], seed=-1), "seed"),
        (lambda: ns.Network([ns.Input(3), ns.Dense(2, "softmax")], seed=None), "seed"),
        (lambda: ns.Network([ns.Input(3), ns.Dense(2, "softmax")], max_norm=0), "max_norm"),
        (
            lambda: ns.Network([ns.Input(3), ns.Dense(2, "softmax")], loss="crossentropy"),
            "did you mean 'cross_entropy'",
        ),
    ],
)
def test_wrong_settings_are_refused(make, word, refused):
    with refused(word):
        make()


def unconnected(make):
    return pytest.param(make, id=make().key)


@pytest.mark.parametrize(
    "make",
    [
        unconnected(make)
        for make in (
            lambda: ns.Input(3),
            lambda: ns.Dense(3, "elu"),
            lambda: ns.Dropout(0.2),
            lambda: ns.BatchNorm("tanh"),
        )
    ],
)
def test_a_layer_can_be_copied_before_it_is_in_a_network(make):
    twin = copy.deepcopy(make())
    assert twin.config() == make().config()


def test_a_layer_outside_a_network_says_so(refused):
    with refused("build a Network"):
        ns.Dense(3).W  # noqa: B018
    assert "Neuron 0" in repr(ns.Dense(3)[0])
    with refused("layers: expected"):
        ns.Network(ns.Dense(3))


def test_layers_can_be_used_again_after_a_network_could_not_be_made():
    layers = [ns.Input(3), ns.Dense(2, "softmax")]
    with pytest.raises(ns.NeurosimError, match="adamm"):
        ns.Network(layers, optimizer="adamm")
    ns.Network(layers)


def test_every_layer_of_the_registry_is_covered_here():
    of_images = {"conv2d", "max_pool2d", "average_pool2d", "flatten"}  # in test_conv.py and test_pooling.py
    assert set(LAYERS) == {"input", "dense", "dropout", "batch_norm"} | of_images


def test_summary_and_repr_read_aloud(full_net):
    net = full_net()
    text = str(net.summary())
    assert repr(net.summary()) == text
    for words in (
        "Layer",
        "Output shape",
        "Parameters",
        "0 Input",
        "1 Dense linear",
        "2 BatchNorm relu",
        "3 Dropout 0.3",
        "(B, 8)",
        "5 Dense softmax",
        "float32",
        "cross_entropy",
        "nadam",
    ):
        assert words in text
    counts = [layer.parameter_count for layer in net]
    assert counts == [0, 5 * 8 + 8, 16, 0, 8 * 6 + 6, 6 * 3 + 3] and f"{sum(counts)} parameters" in text
    assert repr(net).startswith("Network(5 -> 8 -> 8 -> 6 -> 3: ")


@pytest.mark.parametrize("index", [4, -5, "x", 1.5, None])
def test_a_layer_that_does_not_exist_is_refused(index, make_net, refused):
    with refused("layers 0 (input) to 3", repr(index), error=ns.OutOfRangeError):
        make_net()[index]


# --- buffers and settings at their edges -----------------------------------------------------------------------------


@pytest.mark.parametrize("twin", [lambda net: net, copy.deepcopy])
def test_before_the_first_batch_there_are_no_rows(twin, full_net):
    net = twin(full_net())
    for layer in net:
        assert layer.batch_size == 0 and layer.a.shape == layer.z.shape == (0, layer.n_out)
    for layer in net.layers[1:]:
        assert layer.delta.shape == layer.da.shape == (0, layer.n_out)
        assert layer.is_output == (layer is net.output)


def test_gather_of_another_type_of_integers_has_a_buffer_of_its_own():
    net = run([ns.Dense(2)], np.zeros((4, 6)))
    chosen = np.array([3, 0, 2, 2])
    for kind in (np.uint8, np.int64, np.uint16, np.uint8):
        rows = np.arange(24, dtype=kind).reshape(4, 6) * (1 if kind is np.uint8 else 1000)
        net.input.gather(rows, chosen)
        np.testing.assert_allclose(net[0].a, rows[chosen] / 255.0, rtol=1e-12)


def test_gather_reuses_its_buffer(peak_memory):
    net = run([ns.Dense(2)], np.zeros((64, 600)))
    rows, chosen = np.ones((64, 600), np.uint8), np.arange(64)
    net.input.gather(rows, chosen)
    assert peak_memory(lambda: net.input.gather(rows, chosen)) < rows.nbytes / 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_first_batch_may_be_one_sample(x, dtype):
    net = ns.Network([ns.Input(5), ns.Dense(3, "tanh")], "mse", dtype=dtype, seed=0)
    net.gradients(x[:1], [[0.0, 1.0, 2.0]])
    np.testing.assert_array_equal(net[1].db, net[1].delta[0])
    np.testing.assert_allclose(net[1].dW, np.outer(net[0].a[0], net[1].delta[0]), rtol=1e-6)


@pytest.mark.parametrize("max_norm", [0.5, 1e-6, 1e6])
def test_any_positive_bound_of_the_norm_is_held(x, max_norm):
    net = run([ns.Dense(3, max_norm=max_norm)], x)
    net[1].W = 10.0 * x[:5, :3]
    norms = np.linalg.norm(net[1].W, axis=0)
    net[1].after_update_()
    np.testing.assert_allclose(np.linalg.norm(net[1].W, axis=0), np.minimum(norms, max_norm), rtol=1e-12)


def test_initializing_again_forgets_everything(full_net, blobs):
    net = full_net()
    first = {name: array.copy() for name, array in net.arrays().items()}
    for layer in net:
        for name in layer.parameter_shapes():
            layer.views[name] += 1.0
    net.fit(*blobs, epochs=1, verbose=False)
    net.reset()
    for name, array in net.arrays().items():
        np.testing.assert_array_equal(array, first[name])
    assert not net[1].b.any() and (net[2].gamma == 1.0).all() and not net[2].beta.any()
    assert not net[2].running_mean.any() and (net[2].running_variance == 1.0).all()


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (lambda: ns.Dropout(), {"rate": 0.5}),
        (lambda: ns.BatchNorm(), {"momentum": 0.1, "epsilon": 1e-5}),
        (lambda: ns.Input(3), {"scale": "auto"}),
        (lambda: ns.Input(3, scale=None), {"scale": None}),
        (lambda: ns.Input(3, scale=1), {"scale": 1.0}),
        (lambda: ns.Dense(3), {"use_bias": True, "max_norm": None}),
        (lambda: ns.Dropout(0.0), {"rate": 0.0}),
        (lambda: ns.BatchNorm(momentum=1.0), {"momentum": 1.0}),
    ],
)
def test_defaults_and_bounds_that_are_allowed(make, settings):
    layer = make()
    assert {name: getattr(layer, name) for name in settings} == settings


def test_an_input_cannot_be_in_two_networks(refused):
    net = ns.Network([ns.Input(3), ns.Dense(2, "softmax")])
    with refused("is already layer 0 of a network"):
        ns.Network([net[0], ns.Dense(2, "softmax")])


@pytest.mark.parametrize("max_norm", [0.0, -1.0, math.inf, math.nan])
def test_a_bound_of_the_norm_that_bounds_nothing_is_refused(max_norm, refused):
    with refused("max_norm", "received"):
        ns.Dense(3, max_norm=max_norm)


def test_batch_norm_in_evaluation_passes_gradients_on_by_its_averages(x):
    net = ns.Network([ns.Input(5), ns.Dense(4), ns.BatchNorm("tanh"), ns.Dense(2)], "mse", dtype="float64", seed=0)
    rng = np.random.default_rng(2)
    norm = net[2]
    norm.gamma, norm.beta = rng.normal(size=4), rng.normal(size=4)
    norm.running_mean[...], norm.running_variance[...] = rng.normal(size=4), rng.uniform(0.5, 3.0, 4)
    net.gradients(x, rng.normal(size=(12, 2)), training=False)
    scale = norm.gamma / np.sqrt(norm.running_variance + norm.epsilon)
    np.testing.assert_allclose(net[1].da, norm.delta * scale, rtol=1e-12)
    x_hat = (net[1].a - norm.running_mean) / np.sqrt(norm.running_variance + norm.epsilon)
    np.testing.assert_allclose(norm.dgamma, (norm.delta * x_hat).sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(norm.dbeta, norm.delta.sum(axis=0), rtol=1e-12)


def test_batch_norm_in_training_passes_on_the_central_difference(x):
    net = ns.Network([ns.Input(5), ns.Dense(4), ns.BatchNorm("tanh"), ns.Dense(2)], "mse", dtype="float64", seed=0)
    rng = np.random.default_rng(2)
    net[2].gamma, net[2].beta = rng.normal(size=4), rng.normal(size=4)
    y = rng.normal(size=(12, 2))
    net.gradients(x, y, training=True)
    flowing, z = net[1].da.copy(), net[1].a.copy()

    def loss(a):
        np.copyto(net[1].a, a)
        for layer in net.layers[2:]:
            layer.forward_(True)
        return float(((net[3].a - y) ** 2).mean())

    for place in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[place] = 1e-5
        assert flowing[place] == pytest.approx((loss(z + step) - loss(z - step)) / 2e-5, rel=1e-5, abs=1e-9)


def test_an_intervention_between_two_batches_of_one_size_takes_effect(x):
    net = run([ns.Dense(4, "tanh"), ns.Dense(2)], x)
    net[1][2].activation = "relu"
    net.set_batch_size(len(x))
    net.forward_()
    expected = np.tanh(net[1].z)
    expected[:, 2] = np.maximum(net[1].z[:, 2], 0.0)
    np.testing.assert_allclose(net[1].a, expected, rtol=1e-12)


def test_an_activation_that_is_assigned_is_run_at_once(refused):
    net = network()
    net.predict(X[:10])
    net[1].activation = "tanh"
    now = net.predict_proba(X[:10])
    twin = ns.Network([ns.Input(4), ns.Dense(5, "tanh"), ns.Dense(3, "softmax")], seed=0)
    twin.parameters.theta[...] = net.parameters.theta
    np.testing.assert_array_equal(now, twin.predict_proba(X[:10]))
    assert copy.deepcopy(net)[1].activation.key == "tanh"
    with refused("output layer", "new Network"):
        net[-1].activation = "sigmoid"


def test_a_step_that_is_refused_leaves_the_running_averages_too():
    net = ns.Network([ns.Input(4), ns.Dense(5), ns.BatchNorm("relu"), ns.Dense(3, "softmax")], seed=0)
    net.train_batch(X[:8], Y[:8])
    before = {name: array.copy() for name, array in net.arrays().items()}
    broken = X[:8].copy()
    broken[0, 0] = np.nan
    assert np.isnan(net.train_batch(broken, Y[:8]))
    net.gradients(X[:8], Y[:8], training=True)
    for name, array in net.arrays().items():
        np.testing.assert_array_equal(array, before[name])
