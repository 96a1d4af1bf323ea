"""Pooling and flattening: their numbers compared with slow loops, ties, and errors."""

import numpy as np
import pytest
import reference

import neurosim as ns
from neurosim.layers.base import Layer


def passed(shape, layer, x, seed=0):
    """The network of this layer and a Dense, after a pass forward and back."""
    net = ns.Network([ns.Input(shape), layer, ns.Dense(3, "softmax")], dtype="float64", seed=seed)
    net.input.wants_gradient = True
    net.input.reserve(0)
    net.gradients(x, np.arange(len(x)) % 3)
    return net


@pytest.mark.parametrize("whole", [False, True], ids=["different", "ties"])
@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (2, 2), (2, 1), (3, 2), (3, 1), (2, 3)])
@pytest.mark.parametrize("shape", [(6, 7, 1), (5, 4, 3)])
def test_forward_and_gradient_are_those_of_slow_loops(shape, size, stride, kind, whole):
    x = np.random.default_rng(size).normal(size=(3, *shape))
    x = np.round(x) if whole else x
    layer = (ns.MaxPool2D if kind == "max" else ns.AveragePool2D)(size, stride)
    net = passed(shape, layer, x)
    for n in range(3):
        z, slopes = reference.pool(x[n].tolist(), size, stride, kind)
        delta, dx = layer.delta[n].reshape(layer.out_shape), np.zeros(shape)
        assert set(z) == set(np.ndindex(layer.out_shape))
        for place, value in z.items():
            assert layer.a[n].reshape(layer.out_shape)[place] == pytest.approx(value, rel=1e-13)
            for (row, column), slope in slopes[place].items():
                dx[row, column, place[2]] += delta[place] * slope
        np.testing.assert_allclose(net.input.da[n].reshape(shape), dx, rtol=1e-11, atol=1e-16)


def test_the_first_of_equal_maxima_gets_the_gradient():
    net = passed((2, 2), ns.MaxPool2D(2), np.ones((1, 2, 2)))
    delta = net[1].delta[0, 0]
    assert delta != 0.0 and net.input.da[0].tolist() == [delta, 0.0, 0.0, 0.0]
    assert net[1].winners().tolist() == [[[[0]]]]


@pytest.mark.parametrize("layer", [ns.MaxPool2D(2), ns.MaxPool2D(3, 1), ns.AveragePool2D(3, 2), ns.Flatten()])
def test_what_a_number_feeds_is_what_the_gradient_says(layer):
    layer = ns.LAYERS.create(layer.config())
    passed((5, 6, 2), layer, np.random.default_rng(0).normal(size=(1, 5, 6, 2)))
    slopes = np.empty((layer.n_out, layer.n_in))
    for row, unit in zip(slopes, np.eye(layer.n_out), strict=True):
        layer.input_gradient_(unit[None], row[None])
    for j in range(layer.n_in):
        fed, found = layer.outgoing(j)
        assert sorted(fed.tolist()) == np.flatnonzero(slopes[:, j]).tolist()
        np.testing.assert_array_equal(found, slopes[fed, j])


def test_the_neurons_are_channels_that_have_no_weights(refused):
    net = passed((6, 6, 4), ns.MaxPool2D(2), np.zeros((2, 6, 6, 4)))
    layer = net[1]
    assert len(layer) == 4 and layer[1].z.shape == (2, 3, 3) and layer.parameter_count == 0
    with refused("have no W"):
        _ = layer[0].weights
    with refused("no interventions"):
        layer[0].freeze()


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_gradient_in_double_precision_goes_back_through_a_network_in_single(stride):
    net = ns.Network([ns.Input((6, 7, 3)), ns.MaxPool2D(2, stride), ns.Dense(2, "softmax")], dtype="float32")
    x = np.random.default_rng(0).normal(size=(4, 6, 7, 3)).astype(np.float32)
    net.predict(x)
    delta = np.random.default_rng(1).integers(-3, 4, (4, net[1].n_out))
    single, double = (np.empty((4, net[0].n_out), dtype) for dtype in ("float32", "float64"))
    net[1].input_gradient_(delta.astype(np.float32), single)
    net[1].input_gradient_(delta.astype(np.float64), double)
    np.testing.assert_array_equal(single, double)
    assert np.count_nonzero(double) > 0


def test_a_flatten_hands_on_and_is_looked_through():
    x = np.random.default_rng(0).normal(size=(2, 4, 5))
    net = passed((4, 5), ns.Flatten(), x)
    np.testing.assert_array_equal(net[1].a, x.reshape(2, 20))
    assert net[1].out_shape == (20,) and net[2].source is net[0] and net[2].weight_image_shape == (4, 5)
    assert isinstance(net[1], Layer) and np.array_equal(net.input.da, net[1].delta)


def test_the_stride_is_the_size_unless_it_is_given():
    assert ns.MaxPool2D(3).stride == 3 and ns.AveragePool2D(3, 2).stride == 2
    assert ns.MaxPool2D(3).detail == "3" and ns.MaxPool2D(3, 2).detail == "3 stride 2"


@pytest.mark.parametrize("kind", [ns.MaxPool2D, ns.AveragePool2D])
def test_what_does_not_fit_is_refused(kind, refused):
    with refused("at least 4 x 4 pixels, received 3 x 8", error=ns.ShapeError):
        ns.Network([ns.Input((3, 8)), kind(4), ns.Dense(2, "softmax")])
    with refused("expected images", error=ns.ShapeError):
        ns.Network([ns.Input(9), kind(2), ns.Dense(2, "softmax")])
    with refused("size: expected a whole number"):
        kind(0)
