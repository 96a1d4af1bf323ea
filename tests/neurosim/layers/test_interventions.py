"""Interventions on single neurons: each does exactly what it says, to that neuron alone, and is undone exactly."""

import copy
import json
import pickle

import numpy as np
import pytest
from small_problem import X, Y, network

import neurosim as ns
from neurosim.activations import ACTIVATIONS
from neurosim.analysis.gradcheck import check_gradients
from neurosim.layers.interventions import Interventions, PerNeuronActivation
from neurosim.optimizers import OPTIMIZERS

ELEMENTWISE = [key for key in ACTIVATIONS if ACTIVATIONS[key].elementwise]


def theta(net):
    return net.parameters.theta.tobytes()


def column(net, layer, j):
    return np.append(net[layer].W[:, j], net[layer].b[j])


def fit(net, blobs, epochs=1, batch_size=16):
    net.fit(*blobs, epochs=epochs, batch_size=batch_size, verbose=False)
    return net


def change_much(net):
    """One of each intervention, and two on one neuron."""
    net[1][0].freeze()
    net[1][1].rate_factor = 0.25
    net[1][2].activation = "leaky_relu:negative_slope=0.3"
    net[1][3].clamp(0.8)
    net[1][4].l2 = 0.2
    net[1][5].ablate()
    net[1][5].freeze()
    net[1][6].activation = "sigmoid"
    net[1][6].rate_factor = 2.0
    net[1][6].l2 = 0.1
    net[2][1].activation = "gelu"
    net[-1][0].freeze()
    return net


# --- freeze ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize("max_norm", [None, 0.5])
@pytest.mark.parametrize("key", list(OPTIMIZERS))
def test_a_frozen_neuron_stays_bit_for_bit_and_all_others_move(key, max_norm, layer, make_net, blobs):
    settings = {"weight_decay": 0.1} if key in ("adamw", "lion") else {}
    net = make_net(optimizer=OPTIMIZERS[key](0.02, **settings), max_norm=max_norm, regularizer="l2")
    net[layer][1].freeze()
    before = {k: (net[k].W.copy(), net[k].b.copy()) for k in (1, 2, 3)}
    fit(net, blobs)
    for k, (W, b) in before.items():
        for j in range(net[k].n_out):
            same = (k, j) == (layer, 1)
            assert np.array_equal(net[k].W[:, j], W[:, j]) == same and (net[k].b[j] == b[j]) == same
            assert same or (net[k].W[:, j] != W[:, j]).all()
    assert net[layer][1].frozen and net[layer][1].interventions == ["frozen"]


def test_unfrozen_it_moves_again(make_net, blobs):
    net = make_net()
    net[1][0].freeze()
    fit(net, blobs)
    before = column(net, 1, 0)
    net[1][0].unfreeze()
    assert not net[1][0].frozen
    fit(net, blobs)
    assert (column(net, 1, 0) != before).all()


def test_a_frozen_neuron_still_passes_gradients_down(make_net, blobs):
    net, twin = make_net(), make_net()
    net[2][0].freeze()
    net.gradients(*blobs), twin.gradients(*blobs)
    np.testing.assert_array_equal(net.parameters.grad, twin.parameters.grad)


def test_freezing_twice_and_unfreezing_once_is_free(make_net):
    net = make_net()
    net[1][0].freeze()
    net[1][0].freeze()
    net[1][0].unfreeze()
    assert not net[1].interventions
    net[1][0].unfreeze()  # nothing to undo: nothing happens
    assert not net[1].interventions


def test_a_layer_without_bias_can_be_frozen(make_net, blobs):
    net = make_net(hidden=[ns.Dense(8, use_bias=False), ns.BatchNorm("relu")])
    net[1][3].freeze()
    before = net[1].W.copy()
    fit(net, blobs)
    assert [j for j in range(8) if np.array_equal(net[1].W[:, j], before[:, j])] == [3]


# --- a learning rate of its own -------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0])
def test_the_first_step_is_scaled_by_the_factor(factor, make_net, blobs):
    net, twin = (make_net(optimizer=ns.SGD(0.1), dtype="float64") for _ in range(2))
    net[1][2].rate_factor = factor
    start = column(net, 1, 2)
    for each in (net, twin):
        each.train_batch(*blobs)
    np.testing.assert_allclose(column(net, 1, 2) - start, factor * (column(twin, 1, 2) - start), rtol=1e-12, atol=1e-17)
    for j in {0, 1, 3, 4, 5, 6, 7}:
        np.testing.assert_array_equal(column(net, 1, j), column(twin, 1, j))
    assert net[1][2].rate_factor == factor and net[1][0].rate_factor == 1.0


def test_different_factors_in_one_layer(make_net, blobs):
    net, twin = (make_net(optimizer=ns.SGD(0.1), dtype="float64") for _ in range(2))
    factors = [0.5, 1.0, 0.0, 3.0, 0.1, 1.0, 1.0, 7.0]
    for j, factor in enumerate(factors):
        net[1][j].rate_factor = factor
    net[1][5].freeze()
    factors[5] = 0.0
    start = net[1].W.copy()
    for each in (net, twin):
        each.train_batch(*blobs)
    np.testing.assert_allclose(net[1].W - start, np.array(factors) * (twin[1].W - start), rtol=1e-11, atol=1e-17)
    np.testing.assert_array_equal(net[1].W[:, [2, 5]], start[:, [2, 5]])


def test_a_factor_of_one_is_none(make_net):
    net = make_net()
    net[1][2].rate_factor = 0.5
    net[1][2].rate_factor = 1.0
    assert not net[1].interventions and net[1]._update_scaling is None


# --- ablate, clamp, restore -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, -1.5, 0.3])
def test_a_clamped_neuron_gives_out_its_value_and_learns_nothing(value, make_net, blobs):
    net = make_net(optimizer="sgd", dtype="float64")
    net[1][3].clamp(value)
    before = column(net, 1, 3)
    fit(net, blobs)
    assert (net[1][3].a == value).all() and (net[1][3].delta == 0.0).all()
    assert (column(net, 1, 3) == before).all() and net[1][3].clamped == value
    assert (net[1].z[:, 3] != value).all()  # z goes on being what comes in


def test_an_ablated_neuron_is_one_that_was_cut_off(make_net, blobs):
    net, twin = make_net(dtype="float64"), make_net(dtype="float64")
    net[1][3].ablate()
    twin[2].W[3] = 0.0
    np.testing.assert_array_equal(net.predict_proba(blobs[0]), twin.predict_proba(blobs[0]))
    assert net[1][3].interventions == ["ablated"]


def test_ablation_to_the_mean_is_a_shift_of_the_biases_above(make_net, blobs):
    net, twin = make_net(dtype="float64"), make_net(dtype="float64")
    net.predict(blobs[0])
    mean = float(net[1][3].a.mean())
    net[1][3].ablate("mean")
    assert net[1][3].clamped == pytest.approx(mean)
    twin[2].b += mean * twin[2].W[3]
    twin[2].W[3] = 0.0
    np.testing.assert_allclose(net.predict_proba(blobs[0]), twin.predict_proba(blobs[0]), rtol=1e-12)


def test_the_mean_is_that_of_the_output_before_it_was_forced(make_net, blobs):
    net = make_net(dtype="float64")
    net.predict(blobs[0])
    mean = float(net[1][3].a.mean())
    net[1][3].ablate()
    net.predict(blobs[0])
    net[1][3].ablate("mean")
    assert mean != 0.0 and net[1][3].clamped == pytest.approx(mean, rel=1e-12)
    net.predict(blobs[0])
    net[1][3].release()
    net[1][3].ablate("mean")
    assert net[1][3].clamped == pytest.approx(mean, rel=1e-12)
    images = ns.Network(
        [ns.Input((6, 6)), ns.Conv2D(4, 3, activation="tanh"), ns.Dense(2, "softmax")], seed=1, dtype="float64"
    )
    x = np.random.default_rng(0).random((5, 6, 6))
    images.predict(x)
    means = images[1].by_neuron(images[1].a).mean(axis=0)
    images[1][2].clamp(7.0)
    images[1][1].ablate()
    images.predict(x)
    images[1][2].ablate("mean")
    assert images[1][2].clamped == pytest.approx(means[2], rel=1e-12)


def test_restore_gives_back_every_output_bit_for_bit(make_net, blobs):
    net = fit(make_net(), blobs)
    before, function = net.predict_proba(blobs[0]), net[1].function
    net[1][3].ablate()
    net[1][4].clamp(2.0)
    assert not np.array_equal(net.predict_proba(blobs[0]), before)
    for j in (3, 4):
        net[1][j].release()
    np.testing.assert_array_equal(net.predict_proba(blobs[0]), before)
    assert net[1].function is function is net[1].activation
    net[1][3].release()  # nothing to undo: nothing happens


def test_the_mean_of_no_batch_is_refused(make_net, refused):
    with refused("mean", "none was run yet", "net.predict(x)"):
        make_net()[1][0].ablate("mean")


# --- an activation of its own ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", list(ACTIVATIONS))
def test_mixed_activations_pass_the_gradient_check(base, make_net, blobs):
    net = make_net(activation=base, dtype="float64", hidden=[ns.Dense(18, base), ns.Dense(6, base)])
    rng = np.random.default_rng(2)
    for layer in list(net)[1:]:
        layer.b = rng.normal(scale=0.3, size=len(layer))
    for j, key in enumerate(ELEMENTWISE):  # two neurons have no activation of their own
        net[1][j].activation = key
    net[1][len(ELEMENTWISE)].activation = "tanh"  # a group of two columns
    net[2][0].activation = "silu"
    net[2][1].clamp(0.4)
    net[2][2].ablate()
    net[2][2].activation = "mish"  # forced all the same
    x, y = blobs[0][:7], blobs[1][:7]
    result = check_gradients(net, x, y)
    assert result.passed and result.max_relative_error < 1e-6, result.errors
    delta = net[2].delta.copy()
    np.testing.assert_allclose(net[2].function(net[2].z), net[2].a, rtol=1e-12)
    np.testing.assert_allclose(net[2].function.vjp(net[2].z, net[2].da), delta, rtol=1e-10, atol=1e-14)


def test_each_neuron_computes_its_own_function_and_slope(make_net, blobs):
    net = make_net(dtype="float64")
    for j, key in ((0, "relu"), (1, "gelu"), (5, "relu"), (7, "softplus")):
        net[1][j].activation = key
    net[1][6].clamp(0.25)
    net.gradients(*blobs)
    z = net[1].z
    for j in range(8):
        f = net[1][j].activation
        if j == 6:
            assert (net[1].a[:, 6] == 0.25).all() and (net[1].function.derivative(z)[:, 6] == 0.0).all()
            continue
        np.testing.assert_allclose(net[1].a[:, j], f(z[:, j : j + 1])[:, 0], rtol=1e-12)
        np.testing.assert_allclose(net[1].function.derivative(z)[:, j], f.derivative(z[:, j : j + 1])[:, 0], rtol=1e-12)
        np.testing.assert_allclose(
            net[1].delta[:, j], net[1].da[:, j] * f.derivative(z[:, j : j + 1])[:, 0], rtol=1e-11, atol=1e-16
        )
    assert (
        isinstance(net[1].function, PerNeuronActivation) and len(net[1].function.groups) == 3
    )  # the two relus are one group
    assert set(net[1].function.kinks) == {0.0}


def test_a_whole_layer_of_own_activations_is_that_layer(make_net, blobs):
    net, twin = (
        make_net(activation="tanh"),
        make_net(
            activation="gelu",
            hidden=[
                ns.Dense(8, "gelu", initializer="glorot_uniform"),
                ns.Dense(6, "gelu", initializer="glorot_uniform"),
            ],
        ),
    )
    for layer in (1, 2):
        for neuron in net[layer]:
            neuron.activation = "gelu"
    assert theta(net) == theta(twin)
    for each in (net, twin):
        fit(each, blobs, epochs=3)
    assert theta(net) == theta(twin)


def test_none_takes_the_own_activation_away(make_net, blobs):
    net = make_net()
    before = net.predict_proba(blobs[0])
    net[1][0].activation = ns.GELU()
    assert net[1][0].activation.key == "gelu" and net[1][1].activation is net[1].activation
    net[1][0].activation = None
    assert net[1][0].activation is net[1].activation is net[1].function
    np.testing.assert_array_equal(net.predict_proba(blobs[0]), before)


# --- an L2 of its own -----------------------------------------------------------------------------------------------


def test_own_l2_adds_to_gradient_and_penalty_of_that_neuron(make_net, blobs):
    net, twin = make_net(dtype="float64", regularizer="l2"), make_net(dtype="float64", regularizer="l2")
    net[1][2].l2, net[1][5].l2 = 0.3, 0.1
    net.gradients(*blobs), twin.gradients(*blobs)
    extra = np.zeros(8)
    extra[[2, 5]] = 0.3, 0.1
    np.testing.assert_allclose(net[1].dW, twin[1].dW + extra * net[1].W, rtol=1e-12, atol=1e-16)
    np.testing.assert_array_equal(net[1].db, twin[1].db)
    np.testing.assert_array_equal(net[2].dW, twin[2].dW)
    assert net.penalty() == pytest.approx(
        twin.penalty() + 0.15 * (net[1].W[:, 2] ** 2).sum() + 0.05 * (net[1].W[:, 5] ** 2).sum()
    )
    assert check_gradients(net, blobs[0][:8], blobs[1][:8]).max_relative_error < 1e-6
    net[1][2].l2 = net[1][5].l2 = 0.0
    assert not net[1].interventions


def test_own_l2_shrinks_the_neuron(make_net, blobs):
    net, twin = make_net(optimizer=ns.SGD(0.1)), make_net(optimizer=ns.SGD(0.1))
    net[1][2].l2 = 0.5
    for each in (net, twin):
        fit(each, blobs, epochs=10)
    assert np.linalg.norm(net[1][2].weights) < 0.5 * np.linalg.norm(twin[1][2].weights)


# --- no interventions, no extra code -----------------------------------------------------------------------------


def test_a_layer_without_interventions_runs_the_very_same_objects(make_net):
    net = make_net()
    net[1][0].ablate()
    net[1][1].freeze()
    assert net[1].function is not net[1].activation and net[1]._update_scaling is not None
    for layer in (2, 3):
        assert net[layer].function is net[layer].activation and net[layer]._update_scaling is None
        assert not net[layer].interventions
    net[1][0].release()
    net[1][1].unfreeze()
    assert net[1].function is net[1].activation and net[1]._update_scaling is None and not net[1].interventions
    assert "interventions" in net.config() and net.config()["interventions"] == {}


def test_interventions_that_were_taken_away_leave_training_as_it_was(make_net, blobs):
    net, twin = make_net(), make_net()
    change_much(net)
    for neuron in (*net[1], *net[2], *net[3]):
        neuron.unfreeze()
        neuron.rate_factor, neuron.l2 = 1.0, 0.0
        if neuron.layer.index < 3:
            neuron.release()
            neuron.activation = None
    for each in (net, twin):
        fit(each, blobs, epochs=2)
    assert theta(net) == theta(twin)


def test_the_other_layers_and_neurons_are_left_alone(make_net, blobs):
    net = make_net()
    change_much(net)
    assert net[1][7].interventions == [] and net[2][0].interventions == []
    words = [net[1][j].interventions for j in range(7)]
    assert words == [
        ["frozen"],
        ["learning rate times 0.25"],
        ["its own activation leaky_relu"],
        ["clamped to 0.8"],
        ["its own L2 0.2"],
        ["frozen", "ablated"],
        ["learning rate times 2", "its own activation sigmoid", "its own L2 0.1"],
    ]
    assert "clamped to 0.8" in repr(net[1][3])


@pytest.mark.parametrize(
    ("count", "says"), [(1, "over the last batch of one sample"), (2, "over the last batch of 2 samples")]
)
def test_a_neuron_says_over_what_its_mean_is(count, says, make_net, blobs):
    net = make_net()
    net.predict(blobs[0][:count])
    assert f"{says}" in repr(net[1][0])
    assert f"mean activation {net[1].a[:, 0].mean():.3g} over the last batch of" in repr(net[1][0])
    net[1][0].ablate()  # after that batch
    assert "mean activation" not in repr(net[1][0]) and repr(net[1][0]).endswith("ablated")


# --- several at once, batches of any size, ways to keep them --------------------------------------------------------


def test_all_at_once_are_as_each_alone(make_net, blobs):
    net = change_much(make_net(dtype="float64", optimizer=ns.SGD(0.1)))
    frozen = [column(net, 1, 0), column(net, 1, 5), column(net, 3, 0)]
    assert check_gradients(net, blobs[0][:9], blobs[1][:9]).passed
    before = {k: net[k].W.copy() for k in (1, 2, 3)}
    net.gradients(*blobs)
    gradient = net[1].dW.copy()
    net.train_batch(*blobs)
    step = (before[1] - net[1].W) / 0.1
    factors = np.array([0.0, 0.25, 1.0, 1.0, 1.0, 0.0, 2.0, 1.0])
    np.testing.assert_allclose(step, factors * gradient, rtol=1e-9, atol=1e-13)
    fit(net, blobs, epochs=2)
    for (layer, j), kept in zip(((1, 0), (1, 5), (3, 0)), frozen, strict=True):
        np.testing.assert_array_equal(column(net, layer, j), kept)
    assert (net[1][3].a == np.float64(0.8)).all() and (net[1][5].a == 0.0).all()


@pytest.mark.parametrize("sizes", [(1, 7, 16, 3, 64, 2, 90), (90, 1, 33)])
def test_they_keep_working_when_the_batch_size_changes(sizes, make_net, blobs):
    x, y = blobs
    net = change_much(make_net(dtype="float64"))
    for size in sizes:
        fresh = copy.deepcopy(net)  # its workspaces are made for this size
        losses = [each.train_batch(x[:size], y[:size]) for each in (net, fresh)]
        assert losses[0] == losses[1] and theta(net) == theta(fresh)
        assert net[1].a.shape == (size, 8) and (net[1][3].a == 0.8).all()
        net.predict(x[:5])


def test_an_intervention_between_batches_keeps_what_was_in_the_buffers(make_net, blobs):
    net = make_net()
    net.train_batch(blobs[0][:16], blobs[1][:16])
    before = {name: getattr(net[1], name).copy() for name in ("z", "a", "da", "delta")}
    net[1][0].freeze()
    net[1][1].clamp(0.5)
    for name, buffer in before.items():
        np.testing.assert_array_equal(getattr(net[1], name), buffer)
    assert net[1].batch_size == 16 and net[1][2].z.shape == (16,)
    twin = copy.deepcopy(net)
    for each in (net, twin):  # the layers above and below see the buffers as they are now
        each.train_batch(blobs[0][:16], blobs[1][:16])
        each.train_batch(blobs[0][:5], blobs[1][:5])
    assert theta(net) == theta(twin) and (net[1][1].a == 0.5).all()


WAYS = {
    "deepcopy": lambda net, path: copy.deepcopy(net),
    "pickle": lambda net, path: pickle.loads(pickle.dumps(net)),
    "file": lambda net, path: ns.Network.load(net.save(path / "net.npz")),
    "config": lambda net, path: ns.Network.from_config(json.loads(json.dumps(net.config()))),
}


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("way", list(WAYS))
def test_they_survive_and_training_afterwards_is_the_same(way, trained, make_net, blobs, tmp_path):
    net = (
        change_much(make_net(hidden=[ns.Dense(8, "tanh"), ns.Dense(6, "relu"), ns.Dropout(0.2)]))
        if trained
        else change_much(make_net())
    )
    if trained and way != "config":
        fit(net, blobs, epochs=2)
    twin = WAYS[way](net, tmp_path)
    for layer, other in zip(net, twin, strict=True):
        assert [neuron.interventions for neuron in layer] == [neuron.interventions for neuron in other]
        assert not isinstance(layer, ns.Dense) or layer.interventions is not other.interventions
    np.testing.assert_array_equal(net.predict_proba(blobs[0]), twin.predict_proba(blobs[0]))
    for each in (net, twin):
        fit(each, blobs, epochs=2)
    assert theta(net) == theta(twin)
    twin[1][0].unfreeze()
    assert net[1][0].frozen  # the copy has interventions of its own


def test_an_old_config_without_interventions_makes_a_network(make_net):
    config = make_net().config()
    del config["interventions"]
    assert not ns.Network.from_config(config)[1].interventions


def test_a_config_of_interventions_reads_back():
    given = Interventions({2: ns.LeakyReLU(0.3)}, {1: 0.5}, {0: 2.0}, {4: True}, {3: 0.1})
    again = Interventions.from_config(json.loads(json.dumps(given.config())), 5)
    assert again.config() == given.config() and bool(again) and not Interventions()


def test_a_changed_optimizer_leaves_them_in_place(make_net, blobs):
    net = make_net()
    net[1][0].freeze()
    before = column(net, 1, 0)
    net.optimizer = ns.Adam(0.1)
    fit(net, blobs)
    np.testing.assert_array_equal(column(net, 1, 0), before)


# --- what is refused ------------------------------------------------------------------------------------------------


def test_what_is_refused_changes_nothing_and_is_said_in_a_line(make_net, refused):
    net = make_net(hidden=[ns.Dense(8, "tanh"), ns.Dropout(0.1), ns.Dense(6, use_bias=False), ns.BatchNorm("relu")])
    before = json.dumps(net.config())
    neuron, output = net[1][0], net[-1][0]
    with refused("depends on its own z alone", "softmax"):
        neuron.activation = "softmax"
    with refused("did you mean 'relu'"):
        neuron.activation = "rellu"
    for change in (output.ablate, lambda: output.clamp(1.0), lambda: setattr(output, "activation", "sigmoid")):
        with refused("output layer", "hidden layer"):
            change()
    for value in (np.nan, np.inf, "much", None, "men"):
        with refused("finite number", repr(value)):
            neuron.clamp(value)
    for value in (-0.1, np.nan, np.inf, "fast"):
        with refused("rate_factor of a neuron", "at least 0"):
            neuron.rate_factor = value
        with refused("l2 of a neuron", "at least 0"):
            neuron.l2 = value
    for layer in (0, 2, 4):
        for change in (net[layer][0].freeze, net[layer][0].ablate, lambda k=layer: setattr(net[k][0], "l2", 0.1)):
            if layer == 0:
                with refused("a Dense or Conv2D layer"):
                    change()
            else:
                with refused("allow no interventions", "a Dense or Conv2D layer"):
                    change()
    assert json.dumps(net.config()) == before


def test_an_output_neuron_may_be_frozen_slowed_and_penalized(make_net, blobs):
    net = make_net(dtype="float64")
    net[3][0].freeze()
    net[3][1].rate_factor = 0.5
    net[3][2].l2 = 0.1
    assert check_gradients(net, blobs[0][:8], blobs[1][:8]).passed
    assert net[3].function is net[3].activation
    fit(net, blobs)


def test_a_bound_on_the_norm_holds_for_a_hurried_neuron_and_leaves_a_frozen_one_alone():
    net = network(optimizer=ns.SGD(1.0), max_norm=0.5)
    net[1][0].rate_factor = 3.0
    net[1][1].weights = 2.0
    net[1][1].freeze()
    for _ in range(5):
        net.train_batch(X, Y)
    norms = np.linalg.norm(net[1].W, axis=0)
    assert norms[0] <= 0.5 * (1 + 1e-6) and (net[1][1].weights == 2.0).all()
    trace = net.trace(X[0], Y[0])
    assert "within the bound" in trace[1][0].explain() and "within the bound" not in trace[1][1].explain()


def test_neurons_are_equal_if_they_are_the_same(refused):
    net, other = network(), network()
    assert net[1][3] == net[1][-2] and net[1][3] in net[1] and len({net[1][3], net[1][3], net[1][2]}) == 2
    assert net[1][3] != other[1][3]
    with refused("no activation"):
        net[0][0].activation  # noqa: B018
    with refused("in no network yet"):
        ns.Dense(4)[0].freeze()
    with refused("value: "):
        net[1][0].clamp(1e39)
    with refused("bias of neuron 0 of layer 1: "):
        net[1][0].bias = 1e300
