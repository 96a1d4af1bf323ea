"""Everything that looks like an array of the network is one: writing to it changes the network, after any copy too."""

import copy
import pickle

import numpy as np
import pytest

import neurosim as ns
from neurosim.layers import LAYERS


def saved(net, tmp_path):
    return ns.Network.load(net.save(tmp_path / "net.npz"))


COPIES = {
    "original": lambda net, _: net,
    "deepcopy": lambda net, _: copy.deepcopy(net),
    "pickle": lambda net, _: pickle.loads(pickle.dumps(net)),
    "save and load": saved,
}


@pytest.fixture(params=list(COPIES))
def via(request, tmp_path):
    return lambda net: COPIES[request.param](net, tmp_path)


@pytest.fixture
def trained(full_net, blobs):
    net = full_net()
    net.fit(*blobs, epochs=1, batch_size=32, verbose=False)
    return net


def test_parameters_gradients_and_optimizer_state_share_memory_after_every_copy(trained, via, blobs):
    net = via(trained)
    net.train_batch(*blobs)
    for layer in net:
        for name in layer.parameter_shapes():
            assert np.shares_memory(getattr(layer, name), net.parameters.theta)
            assert np.shares_memory(getattr(layer, "d" + name), net.parameters.grad)
            for vector in net.optimizer.state.values():
                assert np.shares_memory(layer.flat_view(vector, name), vector)
    assert net.optimizer._theta is net.parameters.theta and net.optimizer._grad is net.parameters.grad
    for layer in list(net)[1:]:
        assert layer.optimizer is net.optimizer and layer.parameters is net.parameters
        assert layer.previous is net[layer.index - 1]
    for layer in net:
        if isinstance(layer, ns.Dropout):
            assert layer.rng is net.streams["dropout"]


def test_views_cover_every_parameter_once(trained):
    theta = trained.parameters.theta
    theta[...] = 0.0
    for layer in trained:
        for name in layer.parameter_shapes():
            getattr(layer, name)[...] += 1.0
    assert (theta == 1.0).all()


def test_writing_one_weight_changes_the_prediction_after_every_copy(trained, via, blobs):
    net = via(trained)
    before = net.predict_proba(blobs[0])
    net[1][3].weights[2] = 50.0
    assert net.parameters.theta.max() == 50.0 and net[1].W[2, 3] == 50.0
    after = net.predict_proba(blobs[0])
    assert not np.allclose(before, after)


def test_writing_a_weight_can_turn_the_predicted_class(make_net, blobs):
    net = make_net()
    net[3][2].bias = 1e6
    assert (net.predict(blobs[0]) == 2).all()
    net[3][1].bias = 2e6
    assert (net.predict(blobs[0]) == 1).all()


@pytest.mark.parametrize("name", ["deepcopy", "pickle", "save and load"])
def test_a_copy_is_equal_and_changing_it_leaves_the_original_alone(name, trained, blobs, tmp_path):
    twin = COPIES[name](trained, tmp_path)
    expected, theta = trained.predict_proba(blobs[0]), trained.parameters.theta.copy()
    np.testing.assert_array_equal(twin.predict_proba(blobs[0]), expected)
    assert twin.config() == trained.config()
    for mine, its in zip(trained.arrays().items(), twin.arrays().items(), strict=True):
        assert mine[0] == its[0] and np.array_equal(mine[1], its[1]) and not np.shares_memory(mine[1], its[1])
    twin[1].W = 0.0
    twin[1][3].bias = 9.0
    twin.fit(*blobs, epochs=1, verbose=False)
    assert np.array_equal(trained.parameters.theta, theta)
    np.testing.assert_array_equal(trained.predict_proba(blobs[0]), expected)


@pytest.mark.parametrize("name", ["deepcopy", "pickle", "save and load"])
def test_a_copy_trains_on_as_the_original_bit_for_bit(name, trained, blobs, tmp_path):
    twin = COPIES[name](trained, tmp_path)
    for net in (trained, twin):
        net.fit(*blobs, epochs=2, batch_size=32, verbose=False)
    for mine, its in zip(trained.arrays().values(), twin.arrays().values(), strict=True):
        assert np.array_equal(mine, its)


def test_a_copy_of_a_copy_and_a_copy_before_any_training_work(full_net, blobs, tmp_path):
    for name in COPIES:
        net = COPIES[name](COPIES[name](full_net(), tmp_path), tmp_path)
        net.train_batch(*blobs)
        assert np.shares_memory(net[1].W, net.parameters.theta)


@pytest.mark.parametrize("key", list(LAYERS))
def test_every_kind_of_layer_is_among_those_copied(key, full_net, image_net):
    assert key in {layer.key for net in (full_net(), image_net()) for layer in net}


@pytest.mark.parametrize("name", list(COPIES))
def test_a_copy_of_a_network_of_images_is_live_and_trains_on_bit_for_bit(name, image_net, images, tmp_path):
    net = image_net(optimizer="nadam")
    net.fit(*images, epochs=1, batch_size=16, verbose=False)
    twin = COPIES[name](net, tmp_path)
    assert twin.config() == net.config() and np.shares_memory(twin[1].W, twin.parameters.theta)
    expected = image_net(optimizer="nadam")
    for each, epochs in ((expected, 1), (expected, 2), (twin, 2)):
        each.fit(*images, epochs=epochs, batch_size=16, verbose=False)
    for mine, its in zip(expected.arrays().values(), twin.arrays().values(), strict=True):
        assert np.array_equal(mine, its)


# --- setters -------------------------------------------------------------------------------------------------------


def test_assigning_an_array_copies_and_does_not_rebind(make_net):
    net = make_net()
    W, view = np.full((5, 8), 0.5), net[1].W
    net[1].W = W
    assert np.shares_memory(net[1].W, net.parameters.theta) and not np.shares_memory(net[1].W, W)
    assert (view == 0.5).all()
    W[...] = 7.0
    assert (net[1].W == 0.5).all()
    net[1].b = range(8)
    assert net.parameters["b1"].tolist() == list(range(8))
    net[1].W = 0.25
    assert (view == 0.25).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("W", np.zeros((8, 5))),
        ("W", np.zeros(8)),
        ("b", np.zeros(7)),
        ("W", "abc"),
        ("dW", np.zeros((5, 9))),
        ("b", [[0.0] * 8]),
        ("b", [1.0, [2.0]]),
    ],
)
def test_assigning_another_shape_is_refused_and_changes_nothing(name, value, make_net, refused):
    net = make_net()
    before = net.parameters.theta.copy()
    with refused(f"{name} of", "expected", "received", error=ns.ShapeError):
        setattr(net[1], name, value)
    assert np.array_equal(net.parameters.theta, before)


def test_in_place_arithmetic_on_a_layers_arrays_works(make_net):
    net = make_net()
    before = net[1].W.copy()
    net[1].W *= 2.0
    net[1].b += 1.0
    np.testing.assert_array_equal(net[1].W, 2.0 * before)
    assert (net.parameters["b1"] == 1.0).all() and np.shares_memory(net[1].W, net.parameters.theta)


# --- neurons -------------------------------------------------------------------------------------------------------


def test_a_neuron_stores_nothing(make_net):
    neuron = make_net()[1][3]
    assert not hasattr(neuron, "__dict__")
    assert set(type(neuron).__slots__) == {"layer", "index"}
    with pytest.raises(AttributeError):
        neuron.colour = "red"


def test_a_neuron_is_one_column_live(trained, blobs):
    trained.train_batch(*blobs)
    layer = trained[4]
    for j, neuron in enumerate(layer):
        for mine, column in (
            (neuron.weights, layer.W[:, j]),
            (neuron.weight_gradient, layer.dW[:, j]),
            (neuron.z, layer.z[:, j]),
            (neuron.a, layer.a[:, j]),
            (neuron.delta, layer.delta[:, j]),
        ):
            assert np.array_equal(mine, column) and np.shares_memory(mine, column) and not mine.flags.owndata
        assert neuron.bias == layer.b[j] and neuron.bias_gradient == layer.db[j]
        assert isinstance(neuron.bias, float) and isinstance(neuron.bias_gradient, float)


def test_a_neuron_kept_from_before_cannot_go_stale(make_net, blobs):
    net = make_net()
    neuron = net[1][0]
    first = neuron.weights.copy()
    net.fit(*blobs, epochs=1, verbose=False)
    assert not np.array_equal(neuron.weights, first) and np.array_equal(neuron.weights, net[1].W[:, 0])
    net.predict(blobs[0][:7])
    assert neuron.a.shape == (7,)


def test_a_neurons_weights_are_a_picture_without_a_copy():
    net = ns.Network([ns.Input((4, 3)), ns.Dense(2, "softmax")])
    picture = net[1][1].weights.reshape(4, 3)
    picture[2, 1] = 5.0
    assert net[1].W[7, 1] == 5.0


def test_writing_to_a_neuron_checks_the_shape(make_net, refused):
    net = make_net()
    neuron = net[1][2]
    neuron.weights, neuron.bias = [1, 2, 3, 4, 5], 0.5
    assert net[1].W[:, 2].tolist() == [1, 2, 3, 4, 5] and net[1].b[2] == 0.5
    neuron.weights = 0.0
    assert not net[1].W[:, 2].any()
    for wrong in (np.zeros(4), np.zeros((5, 1)), np.zeros((1, 5))):
        with refused("weights of neuron 2 of layer", "(5,)", str(wrong.shape), error=ns.ShapeError):
            neuron.weights = wrong


def test_a_neuron_behind_images_takes_weights_as_an_image():
    net = ns.Network([ns.Input((4, 3)), ns.Dense(2, "softmax")])
    image = np.arange(12.0).reshape(4, 3)
    net[1][0].weights = image
    assert np.array_equal(net[1].W[:, 0], image.ravel())


@pytest.mark.parametrize(
    ("name", "value"), [("bias", [1.0, 2.0]), ("bias", "x"), ("weights", "x"), ("weights", [1.0, [2.0]])]
)
def test_wrong_values_for_a_neuron_are_refused(name, value, make_net, refused):
    with refused("expected", "received"):
        setattr(make_net()[1][0], name, value)


def test_neurons_are_counted_from_both_ends(make_net):
    net = make_net()
    layer = net[1]
    assert len(layer) == 8 and [neuron.index for neuron in layer] == list(range(8))
    assert layer[-1].index == 7 and layer[-8].index == 0 and layer[np.int64(3)].index == 3
    assert net.neuron(1, -1).index == 7 and net[-1][0].layer is net[3] and net.neuron(-1, 0).layer is net[3]
    assert layer.__bool__()


@pytest.mark.parametrize("index", [8, -9, 1.5, "a", None, slice(0, 2), float("nan")])
def test_a_neuron_that_does_not_exist_is_refused(index, make_net, refused):
    with refused("layer 1 has neurons 0 to 7", repr(index), error=ns.OutOfRangeError) as caught:
        make_net()[1][index]
    assert isinstance(caught.value, IndexError)


def test_one_neuron_and_a_layer_without_any_are_named_so(refused):
    net = ns.Network([ns.Input((5, 5)), ns.Conv2D(1, 5), ns.Dense(3, "softmax")])
    with refused("layer 1 has only neuron 0, received 1", error=ns.OutOfRangeError):
        net[1][1]
    with refused("layer 1 has only row 0, received 2", error=ns.OutOfRangeError):
        net[1][0].at(2, 0)
    with refused("Conv2D(4, 3, 'linear') is in no network yet", "build a Network", error=ns.OutOfRangeError):
        ns.Conv2D(4, 3)[0]


def test_an_input_neuron_has_activations_and_names_what_it_lacks(make_net, blobs, refused):
    net = make_net(dtype="float64")
    net.predict(blobs[0][:4])
    neuron = net[0][2]
    np.testing.assert_array_equal(neuron.a, blobs[0][:4, 2])
    np.testing.assert_array_equal(neuron.z, neuron.a)
    with refused("layer 0", "no W", "no parameters"):
        neuron.weights  # noqa: B018


def test_an_input_neuron_says_that_it_has_no_delta(make_net, refused):
    with refused("delta"):
        make_net()[0][0].delta  # noqa: B018


def test_a_batch_norm_neuron_says_what_it_has(trained, refused):
    with refused("no W", "gamma", "beta"):
        trained[2][0].weights  # noqa: B018


@pytest.mark.parametrize("key", list(ns.OPTIMIZERS))
def test_optimizer_state_of_a_neuron_is_a_live_slice(key, make_net, blobs):
    net = make_net(optimizer=key)
    net.train_batch(*blobs)
    state = net[2][4].optimizer_state()
    assert list(state) == [f"{name}{suffix}" for suffix in ("", "_bias") for name in net.optimizer.state_names]
    for name in net.optimizer.state_names:
        vector = net.optimizer.state[name]
        assert state[name].shape == (8,) and np.shares_memory(state[name], vector)
        assert np.array_equal(state[name], net.parameters.view(vector, "W2")[:, 4])
        assert np.shares_memory(state[name + "_bias"], vector)
        assert state[name + "_bias"] == net.parameters.view(vector, "b2")[4]
        state[name][...] = 42.0
        assert (vector == 42.0).sum() == 8


def test_optimizer_state_follows_the_optimizer(make_net, blobs):
    net = make_net(optimizer="adam")
    net.train_batch(*blobs)
    net.optimizer = "momentum"
    assert set(net[1][0].optimizer_state()) <= {"velocity", "velocity_bias"}
    net.train_batch(*blobs)
    assert set(net[1][0].optimizer_state()) == {"velocity", "velocity_bias"}


def test_the_repr_of_a_neuron_is_readable(trained, blobs):
    text = repr(trained[1][3])
    assert text.startswith("Neuron 3 of layer 1, Dense(8, 'linear') <- 5: 5 weights in [") and "bias" in text
    assert "mean activation" in text and "\n" not in text
    for layer in trained:
        assert repr(layer[0]).startswith("Neuron 0 of layer")


# --- copies where copies are promised ------------------------------------------------------------------------------


def test_predictions_are_copies(make_net, blobs):
    net = make_net()
    first = net.predict_proba(blobs[0])
    kept = first.copy()
    net[1].W = 0.0
    net.predict_proba(blobs[0])
    assert np.array_equal(first, kept)
    assert not any(np.shares_memory(first, layer.a) for layer in net)


def test_snapshot_is_a_copy_and_restore_is_exact_and_in_place(trained, blobs):
    snapshot = trained.snapshot()
    theta = trained.parameters.theta
    first = trained.fit(*blobs, epochs=2, batch_size=32, verbose=False).batch_losses
    once = {name: array.copy() for name, array in trained.arrays().items()}
    for _ in range(2):  # a snapshot may be used again
        trained.restore(snapshot)
        assert all(np.array_equal(array, snapshot["arrays"][name]) for name, array in trained.arrays().items())
        assert trained.parameters.theta is theta and trained.optimizer.scalars() == snapshot["scalars"]
        assert trained.fit(*blobs, epochs=2, batch_size=32, verbose=False).batch_losses == first
        assert all(np.array_equal(array, once[name]) for name, array in trained.arrays().items())


def test_restoring_weights_only_leaves_optimizer_and_streams(trained, blobs):
    snapshot = trained.snapshot(weights_only=True)
    assert not any(name.startswith("optimizer.") for name in snapshot["arrays"])
    trained.fit(*blobs, epochs=1, verbose=False)
    scalars, state = trained.optimizer.scalars(), {k: v.copy() for k, v in trained.optimizer.state.items()}
    streams = trained.snapshot()["streams"]
    trained.restore(snapshot, weights_only=True)
    assert trained.optimizer.scalars() == scalars and trained.snapshot()["streams"] == streams
    assert all(np.array_equal(trained.optimizer.state[name], state[name]) for name in state)
    for name, array in snapshot["arrays"].items():
        assert np.array_equal(trained.arrays()[name], array)


@pytest.mark.parametrize("other", ["sgd", "nadam"])
def test_a_snapshot_taken_with_another_optimizer_is_refused_or_restored_cleanly(other, make_net, blobs, tmp_path):
    net = make_net(optimizer="adam")
    snapshot = net.snapshot()
    net.optimizer = other
    try:
        net.restore(snapshot)
    except ns.NeurosimError:
        return
    net.train_batch(*blobs)
    assert tuple(net.optimizer.state) == net.optimizer.state_names
    ns.Network.load(net.save(tmp_path / "net.npz"))
