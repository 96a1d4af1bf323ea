"""The landscape is the loss that a slow, simple loop finds, and the network is left unchanged."""

import math

import numpy as np
import pytest

import neurosim as ns
from neurosim.analysis.landscape import random_direction


def everything(net):
    snapshot = net.snapshot()
    return (
        {name: array.tobytes() for name, array in snapshot["arrays"].items()},
        snapshot["scalars"],
        str(snapshot["streams"]),
    )


def slow_loss(W1, b1, W2, b2, x, y):
    """Mean cross-entropy of 5 -> 4 tanh -> 3 softmax, one sample and one neuron at a time."""
    total = 0.0
    for sample, label in zip(x, y, strict=True):
        a = [math.tanh(sum(sample[i] * W1[i, j] for i in range(5)) + b1[j]) for j in range(4)]
        z = [sum(a[j] * W2[j, k] for j in range(4)) + b2[k] for k in range(3)]
        total += math.log(sum(math.exp(each) for each in z)) - z[label]
    return total / len(x)


def test_every_point_agrees_with_a_slow_loop(blobs, make_net):
    x, y = blobs[0][:12], blobs[1][:12]
    net = make_net(hidden=[ns.Dense(4, "tanh")], dtype="float64")
    net[1].b, net[2].b = np.linspace(-1, 1, 4), [0.3, -0.2, 0.1]
    W1, b1, W2, b2 = (net.parameters[name].copy() for name in ("W1", "b1", "W2", "b2"))
    alpha, beta, loss = ns.loss_landscape(net, x, y, span=0.8, resolution=3, seed=5)
    assert alpha == pytest.approx([-0.8, 0.0, 0.8]) and beta == pytest.approx([-0.8, 0.0, 0.8])
    rng = np.random.default_rng(5)
    directions = []
    for _ in range(2):
        pair = []
        for W in (W1, W2):
            d = rng.standard_normal(W.shape)
            for j in range(W.shape[1]):
                own = math.sqrt(sum(w * w for w in W[:, j]))
                d[:, j] *= own / math.sqrt(sum(w * w for w in d[:, j]))
            pair.append(d)
        directions.append(pair)
    (d1, d2), (e1, e2) = directions
    for i in range(3):
        for k in range(3):
            expected = slow_loss(W1 + alpha[k] * d1 + beta[i] * e1, b1, W2 + alpha[k] * d2 + beta[i] * e2, b2, x, y)
            assert loss[i, k] == pytest.approx(expected, rel=1e-9)


def test_each_neuron_moves_by_its_own_norm_and_nothing_but_weights_moves(full_net):
    net = full_net()
    direction = random_direction(net, np.random.default_rng(0))
    for name in net.parameters:
        part = net.parameters.view(direction, name)
        if name.startswith("W"):
            for j in range(part.shape[1]):
                own = np.linalg.norm(net.parameters[name][:, j])
                assert np.linalg.norm(part[:, j]) == pytest.approx(own, rel=1e-5)
        else:
            assert not part.any()


def test_the_network_is_left_bit_identical_and_trains_on_as_if_nothing_had_been(blobs, full_net):
    x, y = blobs
    one, other = full_net(), full_net()
    for net in (one, other):
        net.fit(x, y, epochs=2, verbose=False)
    before = everything(one)
    found = ns.loss_landscape(one, x, y, resolution=5)
    assert everything(one) == before
    again = ns.loss_landscape(one, x, y, resolution=5)
    assert np.array_equal(found.loss, again.loss)
    assert found.loss[2, 2] == one.evaluate(x, y)["loss"]
    for net in (one, other):
        net.fit(x, y, epochs=1, verbose=False)
    assert everything(one) == everything(other)


def test_it_is_put_back_after_a_failure_too(blobs, full_net, monkeypatch):
    x, y = blobs
    net = full_net()
    before = everything(net)
    evaluate, calls = net.evaluate, []

    def fail(*batch):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return evaluate(*batch)

    monkeypatch.setattr(net, "evaluate", fail)
    with pytest.raises(KeyboardInterrupt):
        ns.loss_landscape(net, x, y, resolution=3)
    assert everything(net) == before


def test_a_loss_that_overflows_is_reported_not_hidden(blobs, make_net):
    x, y = blobs
    net = make_net(activation="relu")
    loss = ns.loss_landscape(net, x, y, span=1e20, resolution=3).loss
    assert np.isfinite(loss[1, 1]) and not np.isfinite(loss).all()


@pytest.mark.parametrize(("options", "words"), [
    ({"span": 0.0}, ("span", "0.0")), ({"span": math.inf}, ("span", "inf")),
    ({"resolution": 1}, ("resolution", "1")), ({"seed": -1}, ("seed", "-1")),
])  # fmt: skip
def test_wrong_numbers_are_refused(options, words, blobs, make_net, refused):
    with refused(*words):
        ns.loss_landscape(make_net(), *blobs, **options)


def test_its_repr_says_what_was_found(blobs, make_net):
    net = make_net()
    found = ns.loss_landscape(net, *blobs, span=0.5, resolution=3)
    here = net.evaluate(*blobs)["loss"]
    assert found.loss[1, 1] == here
    text = repr(found)
    assert len(text) < 160 and "array" not in text
    assert "3 x 3 losses" in text and f"{here:.3g} at the network" in text and "alpha −0.5 to 0.5" in text
    assert f"{found.loss.min():.3g} to {found.loss.max():.3g}" in text
    assert "at the network" not in repr(ns.loss_landscape(net, *blobs, resolution=4))  # none of 4 places is the middle
    lost = ns.loss_landscape(make_net(activation="relu"), *blobs, span=1e20, resolution=3)
    count = np.count_nonzero(~np.isfinite(lost.loss))
    assert f"{count} of them not finite" in repr(lost) and "3 x 3" in repr(lost)
