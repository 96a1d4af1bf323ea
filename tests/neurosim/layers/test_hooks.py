"""What a layer says about itself, compared with differences: what a number feeds, slopes, and kinks."""

import numpy as np
import pytest

import neurosim as ns

H = 1e-6


@pytest.fixture
def net(blobs):
    """One layer of each kind after the other, in evaluation, with one sample in the buffers."""
    layers = [
        ns.Input(5),
        ns.Dense(8, "tanh"),
        ns.Dropout(0.3),
        ns.Dense(6),
        ns.BatchNorm("sigmoid"),
        ns.Dense(4, "relu"),
    ]
    net = ns.Network([*layers, ns.Dense(3, "softmax")], seed=3, dtype="float64")
    net.fit(*blobs, epochs=1, verbose=False)
    net.predict(blobs[0][:1])
    return net


def jacobian(layer, of):
    """Return (n_out, n_in) the slopes of z or a in x, by central differences in evaluation."""
    x = layer.previous.a
    slopes = np.empty((layer.n_out, layer.n_in))
    for j in range(layer.n_in):
        kept, results = x[0, j], []
        for sign in (1.0, -1.0):
            x[0, j] = kept + sign * H
            layer.forward_(training=False)
            results.append(getattr(layer, of)[0].copy())
        x[0, j] = kept
        slopes[:, j] = (results[0] - results[1]) / (2 * H)
    layer.forward_(training=False)
    return slopes


@pytest.mark.parametrize("index", range(1, 7))
def test_what_a_number_feeds_is_a_column_of_the_jacobian(net, index):
    layer = net[index]
    slopes = jacobian(layer, "z")
    for j in range(layer.n_in):
        fed, weights = layer.outgoing(j)
        column = np.zeros(layer.n_out)
        column[fed] = weights
        np.testing.assert_allclose(column, slopes[:, j], atol=1e-8)
        by_default = ns.Layer.outgoing(layer, j)
        np.testing.assert_allclose(by_default[1], column[by_default[0]], rtol=1e-12)
        assert set(by_default[0]) <= set(fed)


@pytest.mark.parametrize("index", range(1, 7))
def test_the_slope_of_the_activation_is_that_of_a_in_z(net, index):
    layer = net[index]
    z, a = layer.z.copy(), layer.a.copy()
    f = (lambda z: z) if layer.activation is None else layer.activation
    numeric = np.empty((layer.n_out, layer.n_out))
    for j in range(layer.n_out):
        moved = np.zeros_like(z)
        moved[0, j] = H
        numeric[:, j] = (f(z + moved) - f(z - moved))[0] / (2 * H)
    np.testing.assert_allclose(f(z), a)
    np.testing.assert_allclose(layer.derivative(z)[0], np.diag(numeric), atol=1e-8)
    da = np.linspace(-1.0, 1.0, layer.n_out)[None]
    np.testing.assert_allclose(layer.delta_for(da)[0], numeric.T @ da[0], atol=1e-8)


@pytest.mark.parametrize("index", range(1, 7))
def test_without_an_input_is_with_that_input_at_0(net, index):
    layer = net[index]
    x, z = layer.previous.a, layer.z.copy()
    for j in range(layer.n_in):
        kept = x.copy()
        layer.forward_without_(j, z)
        found = layer.z.copy(), layer.a.copy()
        assert np.array_equal(x, kept)
        x[0, j] = 0.0
        layer.forward_(training=False)
        np.testing.assert_allclose(found[0], layer.z, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(found[1], layer.a, rtol=1e-10, atol=1e-14)
        x[...] = kept
        layer.forward_(training=False)


def test_kinks_are_those_of_the_activation_and_of_an_l1_penalty():
    net = ns.Network([ns.Input(5), ns.Dense(4, "relu"), ns.Dense(3, "softmax", regularizer=ns.L1(0.1))], seed=0)
    net.predict(np.ones((1, 5)))
    (side,) = net[1].kink_sides()
    assert np.array_equal(side, net[1].z > 0)
    (of_weights,) = net[2].kink_sides()
    assert np.array_equal(of_weights, net[2].W > 0)
    assert list(net[0].kink_sides()) == []


def test_a_penalty_is_that_of_the_layer_or_of_the_neuron():
    net = ns.Network(
        [ns.Input(5), ns.Dense(4, "tanh"), ns.BatchNorm(), ns.Dense(3, "softmax", regularizer="l2")], seed=0
    )
    net[1][2].l2 = 0.1
    assert [net[1].penalizes(j) for j in range(4)] == [False, False, True, False]
    assert net[3].penalizes(0) and not net[2].penalizes(0) and not net[2].penalized
    assert net[1].penalized and net[1].penalty() == pytest.approx(
        0.05 * float((net[1].W[:, 2].astype(float) ** 2).sum())
    )


def test_shapes_go_from_layer_to_layer():
    net = ns.Network([ns.Input((2, 3)), ns.Dropout(0.1), ns.BatchNorm("relu"), ns.Dense(4), ns.Dense(3, "softmax")])
    assert [layer.in_shape for layer in net] == [(), (2, 3), (2, 3), (2, 3), (4,)]
    assert [layer.out_shape for layer in net] == [(2, 3), (2, 3), (2, 3), (4,), (3,)]
    assert [layer.n_in for layer in net] == [0, 6, 6, 6, 4] and [len(layer) for layer in net] == [6, 6, 6, 4, 3]
    assert ns.Dense(7).n_out == 7 and ns.Dense(7).n_in == 0 and ns.Dropout(0.1).n_out == 0
    assert net[3].source is net[2] and net[2].source is net[0] and net[0].source is None
    net[3][1].weights = np.arange(6.0).reshape(2, 3)
    assert net[3].W[:, 1].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        (784, None),
        ((28, 28), (28, 28)),
        ((3, 4), (3, 4)),
        ((28, 28, 1), (28, 28)),
        (12, None),
        (1, None),
        ((4, 4, 3), None),
        ((16, 1), None),
        ((7, 9), (7, 9)),
        (63, None),
        ((1, 8, 9), None),
        ((16,), None),
    ],
)
def test_an_input_knows_what_can_be_seen_as_an_image(size, shape):
    assert ns.Input(size).image_shape == shape
    net = ns.Network([ns.Input(size), ns.Dropout(0.1), ns.Dense(2, "softmax"), ns.Dense(2, "softmax")])
    assert (
        net[2].weight_image_shape == shape and net[3].weight_image_shape is None and net[1].weight_image_shape is None
    )


def test_a_layer_without_weights_takes_no_interventions(refused):
    net = ns.Network([ns.Input(5), ns.BatchNorm("relu"), ns.Dense(3, "softmax")])
    with refused("allow no interventions", "choose a neuron of a Dense or Conv2D layer"):
        net[1].intervene(ns.layers.Interventions())
    with refused("is in no network yet"):
        ns.Dense(3)[0].freeze()
    assert (
        net[1].title == "BatchNorm relu"
        and net[2].title == "Dense softmax"
        and ns.Dropout(0.25).title == "Dropout 0.25"
    )
