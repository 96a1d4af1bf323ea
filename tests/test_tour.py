"""A tour of the Python names, in the order in which a learner meets them. Each test asserts what it shows."""

import copy

import numpy as np
import pytest

import neurosim as ns
import viz


@pytest.fixture(scope="module")
def digits():
    """600 of the built-in digits to train on, 200 to test with."""
    train, test = ns.data.load("digits")
    return train.subset(600, seed=0), test.subset(200, seed=0)


@pytest.fixture(scope="module")
def trained(digits):
    """A small network that has learned to read most of them."""
    train, _ = digits
    net = ns.Network([ns.Input(784), ns.Dense(32, "relu"), ns.Dense(10, "softmax")], optimizer=ns.Adam(0.005), seed=0)
    net.fit(train.images, train.labels, epochs=5, batch_size=32, verbose=False)
    return net


@pytest.fixture
def net(trained):
    return copy.deepcopy(trained)


def test_train_and_evaluate(digits):
    train, test = digits
    net = ns.Network([ns.Input(784), ns.Dense(16, "relu"), ns.Dense(10, "softmax")], optimizer="adam", seed=0)
    history = net.fit(train.images, train.labels, epochs=3, verbose=False, validation_data=(test.images, test.labels))
    assert history["loss"][0] > history["loss"][-1] and history.stopped == "finished"
    assert list(history.to_frame()["epoch"]) == [1, 2, 3]
    assert net.evaluate(test.images, test.labels)["accuracy"] == history["val_accuracy"][-1]
    assert net.predict(test.images).shape == (200,) and net.predict_proba(test.images).shape == (200, 10)


def test_open_a_neuron_and_change_it(net, digits):
    _, test = digits
    neuron = net[1][17]  # layer 1, neuron 17: a view, which stores nothing
    assert np.shares_memory(neuron.weights, net.parameters.theta) and neuron.weights.shape == (784,)
    net.gradients(test.images[:1], test.labels[:1])  # forward and backward, no update
    assert neuron.z.shape == neuron.a.shape == neuron.delta.shape == (1,)
    assert set(neuron.optimizer_state()) == {"m", "v", "m_bias", "v_bias"}
    neuron.weights[:], neuron.bias = 0.0, 0.0  # now its output is always 0
    net.predict(test.images)
    assert not neuron.a.any()


def test_freeze_ablate_and_release(net, digits):
    train, _test = digits
    before = net[1][5].weights.copy()
    net[1][5].freeze()
    net[1][6].ablate()
    net.fit(train.images, train.labels, epochs=1, verbose=False)
    assert np.array_equal(net[1][5].weights, before) and net[1][6].clamped == 0.0
    net[1][6].release()
    assert net[1][6].clamped is None and net[1][5].interventions == ["frozen"]


def test_trace_one_sample_through_one_neuron(net, digits):
    _, test = digits
    trace = net.trace(test.images[0], test.labels[0])
    layer, j, why = trace.interesting()
    neuron = trace[layer][j]
    assert neuron.z == pytest.approx(float(neuron.products.sum()) + neuron.bias, rel=1e-4)
    assert neuron.delta == pytest.approx(neuron.dL_da * neuron.da_dz) and neuron.check().passed
    assert "weighted sum" in neuron.explain() and "delta" in why


def test_step_and_undo(net, digits):
    train, _ = digits
    stepper = ns.Stepper(net, train.images, train.labels, batch_size=32, layer=1, neuron=17)
    theta = net.parameters.theta.copy()
    stepper.next()
    assert len(stepper.batch(3)) == 3 and not np.array_equal(net.parameters.theta, theta)
    for _ in range(3):
        stepper.undo()
    assert np.array_equal(net.parameters.theta, theta)


def test_report_and_compare(net, digits):
    _, test = digits
    card = net.report(test)
    assert len(card) == 42 and {"dead_fraction", "selectivity", "accuracy_lost"} <= set(card)
    without = copy.deepcopy(net)
    without[1][int(card["accuracy_lost"][:32].argmax())].ablate()
    assert ns.compare(net, without, test).change == pytest.approx(-card["accuracy_lost"][:32].max())


def test_save_load_and_continue(net, digits, tmp_path):
    train, _ = digits
    again = ns.Network.load(net.save(tmp_path / "net.npz"))
    for each in (net, again):
        each.fit(train.images, train.labels, epochs=1, verbose=False)
    assert np.array_equal(net.parameters.theta, again.parameters.theta)


def test_draw(net, tmp_path):
    path = viz.save(viz.weight_grid(net[1].W, (28, 28), 8), tmp_path / "weights.png")
    assert path.read_bytes().startswith(b"\x89PNG")
