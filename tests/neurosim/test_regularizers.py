import math

import numpy as np
import pytest

import neurosim as ns
from neurosim.regularizers import REGULARIZERS, limit_norms_

KEYS = list(REGULARIZERS)
FORMULA = {"l1": lambda w, s: s * abs(w), "l2": lambda w, s: 0.5 * s * w * w}
SLOPE = {"l1": lambda w, s: s * ((w > 0) - (w < 0)), "l2": lambda w, s: s * w}


@pytest.fixture
def W():
    W = np.random.default_rng(0).normal(size=(7, 4))
    W[2, 1] = 0.0
    return W


@pytest.mark.parametrize("key", KEYS)
def test_penalty_and_gradient_are_the_formula(key, W):
    penalty, dW = REGULARIZERS[key](0.3), np.ones_like(W)
    before = W.copy()
    penalty.add_gradient_(W, dW, np.empty_like(W))
    assert penalty(W) == pytest.approx(sum(FORMULA[key](w, 0.3) for w in W.ravel().tolist()), rel=1e-13)
    expected = [[1.0 + SLOPE[key](w, 0.3) for w in row] for row in W.tolist()]
    np.testing.assert_allclose(dW, expected, rtol=1e-14)
    assert np.array_equal(W, before)


@pytest.mark.parametrize("key", KEYS)
def test_gradient_is_the_central_difference(key, W):
    penalty, h = REGULARIZERS[key](0.3), 1e-6
    W[2, 1] = 0.5
    dW = np.zeros_like(W)
    penalty.add_gradient_(W, dW, np.empty_like(W))
    for i, j in np.ndindex(W.shape):
        above, below = W.copy(), W.copy()
        above[i, j] += h
        below[i, j] -= h
        assert dW[i, j] == pytest.approx((penalty(above) - penalty(below)) / (2 * h), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("key", KEYS)
def test_a_strength_of_zero_changes_nothing(key, make_net, blobs):
    plain, penalized = make_net(), make_net(regularizer=REGULARIZERS[key](0.0))
    for net in (plain, penalized):
        net.fit(*blobs, epochs=1, verbose=False)
    assert np.array_equal(plain.parameters.theta, penalized.parameters.theta)
    assert penalized.penalty() == 0.0


@pytest.mark.parametrize("key", KEYS)
def test_the_penalty_enters_the_weights_gradients_and_not_the_biases_or_the_reported_loss(key, make_net, blobs):
    plain, penalized = make_net(dtype="float64"), make_net(dtype="float64", regularizer=REGULARIZERS[key](0.3))
    for net in (plain, penalized):
        for layer in list(net)[1:]:
            layer.b = 0.4
    assert plain.gradients(*blobs) == penalized.gradients(*blobs)
    for one, other in zip(list(plain)[1:], list(penalized)[1:], strict=True):
        expected = [[SLOPE[key](w, 0.3) for w in row] for row in one.W.tolist()]
        np.testing.assert_allclose(other.dW - one.dW, expected, rtol=1e-8, atol=1e-12)
        assert np.array_equal(one.db, other.db)
    total = sum(FORMULA[key](w, 0.3) for layer in list(penalized)[1:] for w in layer.W.ravel().tolist())
    assert penalized.penalty() == pytest.approx(total, rel=1e-12)
    assert plain.penalty() == 0.0


def test_a_layers_own_penalty_and_bound_win_over_the_networks():
    net = ns.Network(
        [ns.Input(3), ns.Dense(4, "tanh", regularizer="l1", max_norm=2.0), ns.Dense(2, "softmax")],
        regularizer="l2",
        max_norm=1.0,
    )
    assert [layer.regularizer.key for layer in list(net)[1:]] == ["l1", "l2"]
    assert [layer.max_norm for layer in list(net)[1:]] == [2.0, 1.0]


def test_limit_norms_scales_columns_that_are_too_long_and_leaves_the_others_bit_for_bit(W):
    W[:, 0] *= 0.01
    before = W.copy()
    limit_norms_(W, 0.9, np.empty_like(W))
    for j in range(W.shape[1]):
        norm = math.sqrt(sum(w * w for w in before[:, j].tolist()))
        if norm <= 0.9:
            assert np.array_equal(W[:, j], before[:, j])
        else:
            np.testing.assert_allclose(W[:, j], before[:, j] * 0.9 / norm, rtol=1e-13)
    assert np.array_equal(W[:, 0], before[:, 0]) and not np.array_equal(W[:, 1], before[:, 1])


def test_limit_norms_leaves_columns_of_zeros_alone():
    W = np.zeros((3, 2))
    limit_norms_(W, 0.5, np.empty_like(W))
    assert not W.any()


def test_max_norm_holds_after_every_step(make_net, blobs):
    class Watch(ns.Callback):
        largest = 0.0

        def on_step(self, run):
            for layer in list(run.network)[1:]:
                self.largest = max(self.largest, float(np.linalg.norm(layer.W, axis=0).max()))

    watch = Watch()
    make_net(max_norm=0.5, optimizer=ns.SGD(1.0)).fit(*blobs, epochs=2, verbose=False, callbacks=[watch])
    assert 0.49 < watch.largest <= 0.5 * (1 + 1e-6)


def test_a_max_norm_of_infinity_is_no_bound_or_is_refused(make_net, blobs):
    try:
        net = make_net(max_norm=math.inf)
    except ns.NeurosimError:
        return
    with np.errstate(all="ignore"):
        net.train_batch(*blobs)
    assert np.isfinite(net.parameters.theta).all()


@pytest.mark.parametrize(
    "make", [lambda: ns.L1(-1.0), lambda: ns.L2(math.inf), lambda: ns.L2("1"), lambda: ns.Dense(3, max_norm=0.0)]
)
def test_settings_out_of_bounds_are_refused(make, refused):
    with refused("expected a ", "number ", "received"):
        make()
