"""The network as an object: assigning to it, copying, keeping and building it."""

import copy

import numpy as np
from small_problem import RNG, X, Y, network

import neurosim as ns


def test_a_new_loss_is_checked_and_an_error_tells_where_to_set_penalty_and_bound(refused):
    net = network()
    net.loss = ns.CrossEntropy(0.1)
    assert net.loss.label_smoothing == 0.1
    with refused("does not go with"):
        net.loss = "hinge"
    with refused("net[1].max_norm"):
        net.max_norm = 1.0
    with refused("net[1].regularizer"):
        net.regularizer = "l2"


def test_copy_copies_the_whole_network():
    net = network()
    net.train_batch(X[:8], Y[:8])
    twin = copy.copy(net)
    twin.train_batch(X[:8], Y[:8])
    assert not np.shares_memory(twin.parameters.theta, net.parameters.theta)


def test_numbers_of_numpy_can_be_saved_and_settings_are_checked_when_they_are_assigned(tmp_path, refused):
    net = ns.Network([ns.Input(np.prod((2, 2))), ns.Dense(3, "softmax")])
    net.optimizer.clip_norm = np.float32(1.0)
    assert ns.Network.load(net.save(tmp_path / "net.npz")).optimizer.clip_norm == 1.0
    assert type(ns.Input(16.0).size) is int
    with refused("clip_norm"):
        net.optimizer.clip_norm = -1.0


def test_accuracy_does_not_depend_on_the_order_of_the_rows():
    y = np.r_[np.eye(2)[RNG.integers(0, 2, 1000)], np.full((200, 2), 0.5)]
    x = RNG.normal(size=(1200, 4))
    net = ns.Network([ns.Input(4), ns.Dense(2, "softmax")])
    assert np.isnan(net.evaluate(x, y)["accuracy"]) and np.isnan(net.evaluate(x[::-1], y[::-1])["accuracy"])


def test_a_network_that_cannot_be_built_leaves_its_layers_free(refused):
    optimizer = ns.Adam()
    network(optimizer=optimizer)
    layers = [ns.Input(4), ns.Dense(3, "softmax")]
    with refused("already works for another network"):
        ns.Network(layers, optimizer=optimizer)
    ns.Network(layers)


def test_a_snapshot_of_another_network_is_refused_before_anything_is_changed(refused):
    narrow = ns.Network([ns.Input(1), ns.Dense(3, "softmax")], optimizer="sgd")
    wide = ns.Network([ns.Input(4), ns.Dense(3, "softmax")], optimizer="sgd")
    narrow.train_batch(X[:, :1], Y)
    before = wide.parameters.theta.copy()
    with refused("W1 of shape (4, 3)", "received shape (1, 3)"):
        wide.restore(narrow.snapshot())
    assert wide.optimizer.t == 0 and np.array_equal(wide.parameters.theta, before)
