"""A run that diverges stops and reports the origin.  Each cause of a number that is not finite is made separately,
so its origin is known."""

import json
import math

import numpy as np
import pytest

import neurosim as ns
from neurosim.training.divergence import LARGE_INPUT, all_finite, explain_divergence, is_finite

pytestmark = pytest.mark.filterwarnings("error")
F32 = float(np.finfo(np.float32).max)


def net(*hidden, optimizer=None, loss="mse", output="linear", n_in=5, **settings):
    """Make a network 5 -> hidden -> 3, by default without anything that keeps numbers small."""
    return ns.Network(
        [ns.Input(n_in, scale=None), *hidden, ns.Dense(3, output)],
        loss,
        optimizer or ns.SGD(0.1),
        **{"seed": 0} | settings,
    )


def fit(network, x, y, epochs=3, batch_size=16, callbacks=(), **options):
    return network.fit(x, y, epochs, batch_size, verbose=False, callbacks=callbacks, **options)


class At(ns.Callback):
    """A callback that acts after one step, counted from 1."""

    def __init__(self, step, do):
        self.step, self.do = step, do

    def on_step(self, run):
        if len(run.history.batch_losses) == self.step:
            self.do(run.network)


def put(layer, name, value):
    def do(network):
        getattr(network[layer], name)[0] = value

    return do


def told(history, *words):
    """Check everything that is true for every record, and return it."""
    record = history.divergence
    assert history.stopped == "diverged"
    lines = history.message.split("\n")
    assert len(lines) <= 3 and max(map(len, lines)) <= 80, history.message
    for word in (f"epoch {record['epoch']}", f"at step {record['step']}", "Try ", *words):
        assert word in " ".join(lines), history.message
    assert record["step"] == len(history.batch_losses) and record["epoch"] == len(history) + 1
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    return record


# --- where it began --------------------------------------------------------------------------------------------------


def test_a_run_that_does_not_diverge_has_no_record(blobs):
    assert fit(net(), *blobs).divergence is None


@pytest.mark.parametrize(
    ("layer", "name", "value"),
    [(1, "W", math.nan), (2, "b", math.nan), (2, "b", math.inf), (3, "gamma", math.inf), (4, "W", -math.inf)],
)
def test_a_parameter_that_an_update_spoiled(blobs, layer, name, value):
    network = net(ns.Dense(8, "tanh"), ns.Dense(6), ns.BatchNorm("relu"))
    record = told(
        fit(network, *blobs, callbacks=[At(4, put(layer, name, value))]), f"{name} of layer {layer}", "update of step 4"
    )
    assert (record["phase"], record["layer"], record["quantity"]) == ("update", layer, name)
    assert (record["step"], record["step_of_origin"], record["found"]) == (5, 4, "loss")


@pytest.mark.parametrize(("layer", "name"), [(2, "delta"), (2, "dW"), (1, "db"), (3, "dW")])
def test_a_gradient_of_the_step_before_comes_before_its_update(blobs, layer, name):
    network = net(ns.Dense(8, "tanh"), ns.Dense(6, "tanh"))

    def spoil(network):
        getattr(network[layer], name)[0] = math.nan
        network[1].W = math.nan

    record = told(fit(network, *blobs, callbacks=[At(2, spoil)]), f"backward pass of step 2, with {name}")
    assert (record["phase"], record["layer"], record["quantity"]) == ("backward", layer, name)


def test_the_backward_pass_begins_at_the_output(blobs):
    network = net(ns.Dense(8, "tanh"), ns.Dense(6, "tanh"))

    def spoil(network):
        network[1].dW[0, 0] = network[2].dW[0, 0] = math.inf
        network[3].W = math.inf

    assert told(fit(network, *blobs, callbacks=[At(1, spoil)]))["layer"] == 2


def test_the_forward_pass_begins_at_the_input(blobs):
    x, y = blobs[0].copy(), blobs[1]

    def spoil(network):
        x[:] = math.inf

    record = told(fit(net(ns.Dense(8)), x, y, callbacks=[At(3, spoil)]), "forward pass", "check its values")
    assert (record["phase"], record["layer"], record["largest_input"]) == ("forward", 0, None)


def test_integers_that_their_scale_makes_infinite():
    network = ns.Network([ns.Input(4, scale=1e38), ns.Dense(2)], "mse")
    record = told(fit(network, np.full((8, 4), 255, np.uint8), np.zeros(8, int)), "scale of Input")
    assert (record["phase"], record["layer"], record["quantity"]) == ("forward", 0, "z")


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_a_sum_that_overflows_in_the_forward_pass(blobs, layer):
    network = net(ns.Dense(8), ns.Dense(6))
    network[layer].W = F32
    record = told(fit(network, *blobs), f"z of layer {layer} (Dense linear)")
    assert (record["phase"], record["quantity"], record["step_of_origin"]) == ("forward", "z", 1)
    assert record["largest_weight"] == pytest.approx(F32) and record["largest_gradient"] is None
    assert record["learning_rate"] is None and record["suggestions"][0] == "smaller initial weights"
    assert is_finite(network.parameters.theta)  # no update was made


def test_an_activation_that_overflows_though_its_sum_does_not(blobs):
    class Square(type(ns.ACTIVATIONS.create("linear"))):
        key = "square"

        def forward_(self, z, a, scratch):
            np.multiply(z, z, out=a)

    network = net(ns.Dense(8))
    network[1].activation = network[1].function = Square()
    network[1].W = 1e25
    record = told(fit(network, *blobs))
    assert (record["phase"], record["layer"], record["quantity"]) == ("forward", 1, "a")


def test_a_loss_that_overflows_though_the_outputs_do_not(blobs):
    network = net()
    network[1].W = 1e25  # its square is too large for float32
    record = told(fit(network, *blobs), "loss itself", "became inf")
    assert (record["phase"], record["layer"], record["value"]) == ("loss", None, "inf")


def test_weights_that_were_not_finite_when_training_began(blobs):
    network = net(ns.Dense(8))
    network[2].W[0] = math.nan
    record = told(fit(network, *blobs), "W of layer 2 (Dense linear) was not finite when training began")
    assert record["phase"] == "start" and record["suggestions"] == ["network.reset()"]


@pytest.mark.parametrize("batch_size", [16, None])
def test_a_real_divergence_has_its_origin_in_the_numbers(blobs, batch_size):
    network = net(ns.Dense(8, "relu"), optimizer=ns.SGD(1e6))
    seen = []

    class Watch(ns.Callback):
        def on_step(self, run):
            seen.append((np.abs(run.network.parameters.theta).max(), np.abs(run.network.parameters.grad).max()))

    history = fit(network, *blobs, epochs=50, batch_size=batch_size, callbacks=[Watch()])
    record = told(history, "smaller learning rate (0.1)", "clip_norm=1")
    assert record["largest_weight"] == seen[-1][0] and record["largest_gradient"] == seen[-1][1]
    assert len(seen) == record["step"] - 1 and record["learning_rate"] == 1e6


# --- what the loss does not show -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["W", "b"])
def test_a_last_update_that_spoils_the_weights_is_noticed(blobs, name):
    last = 12  # of two epochs of six steps
    record = told(
        fit(net(ns.Dense(8, "tanh")), *blobs, epochs=2, callbacks=[At(last, put(2, name, math.inf))]),
        "NaN or infinity was found",
        f"It is in {name} of layer 2",
    )
    assert (record["epoch"], record["step"], record["found"]) == (2, 12, "network")
    assert (record["phase"], record["step_of_origin"]) == ("update", 12)


def test_an_infinite_weight_that_tanh_hides_from_the_loss_is_noticed(blobs):
    network = net(ns.Dense(8, "tanh"))
    history = fit(network, *blobs, callbacks=[At(4, put(1, "W", math.inf))])
    record = told(history, "It is in W of layer 1")
    assert record["step"] == 6 and all(map(math.isfinite, history.batch_losses))


def test_moments_that_overflowed_are_noticed(blobs):
    """g² overflows in Adam's v: its steps become 0, so the weights stay finite and never change again."""
    network = net(optimizer="adam", loss="mae")
    record = told(fit(network, np.full((90, 5), 1e30), blobs[1], epochs=1), "adam's v of W of layer 1", "input near 1")
    assert (record["phase"], record["layer"]) == ("update", 1) and record["largest_input"] == pytest.approx(1e30)
    assert is_finite(network.parameters.theta) and not all_finite(network)


def test_a_running_variance_that_overflowed_is_noticed():
    x = np.random.default_rng(0).normal(size=(32, 5)) * 1e25
    record = told(fit(net(ns.BatchNorm("tanh")), x, np.zeros(32, int), epochs=1), "running_variance of layer 1")
    assert (record["phase"], record["found"]) == ("forward", "network")


@pytest.mark.parametrize("evaluate_train", [False, True])
def test_an_evaluation_that_overflows_is_noticed(blobs, evaluate_train):
    x = blobs[0][:8] * 1e30
    network = net()
    with pytest.warns(ns.NeurosimWarning, match=r"validation_data goes from .*e\+30, but the network was trained on"):
        history = fit(network, *blobs, epochs=2, validation_data=(x, blobs[1][:8]), evaluate_train=evaluate_train)
    record = told(history, "val loss became inf", "too large for the evaluation")
    assert (record["phase"], record["found"], len(history)) == ("evaluation", "val_loss", 0)


def test_the_best_weights_come_back_all_the_same(blobs):
    network = net(ns.Dense(8, "tanh"))
    early = ns.EarlyStopping("loss", 5)
    history = fit(network, *blobs, epochs=3, callbacks=[early, At(15, put(1, "W", math.nan))])
    assert history.stopped == "diverged" and early.best_epoch == 2 and is_finite(network.parameters.theta)
    *report, last = history.message.split("\n")
    assert last == "Weights are those of epoch 2, the best by loss." and max(map(len, report)) <= 80


@pytest.mark.parametrize("optimizer", ns.OPTIMIZERS)
def test_a_network_that_was_trained_to_the_end_can_be_loaded(optimizer, blobs, tmp_path):
    """A run that did not report divergence saves finite numbers only."""
    for scale in (1.0, 1e10, 1e20, 1e30, 1e37):
        network = net(ns.Dense(4, "relu"), optimizer=optimizer, loss="mae")
        history = fit(network, blobs[0] * scale, blobs[1], epochs=2)
        assert history.stopped in ("finished", "diverged")
        if history.stopped == "finished":
            ns.Network.load(network.save(tmp_path / "net.npz"))
        else:
            told(history)


# --- a step by hand --------------------------------------------------------------------------------------------------


def test_a_step_whose_loss_is_not_finite_changes_no_parameter(full_net, blobs):
    network = full_net()
    network.train_batch(blobs[0][:8], blobs[1][:8])
    before = network.snapshot()
    x = blobs[0][:8].copy()
    x[3, 1] = math.nan
    assert math.isnan(network.train_batch(x, blobs[1][:8]))
    for name in network.parameters:
        np.testing.assert_array_equal(network.arrays()[name], before["arrays"][name])
    assert network.optimizer.t == 1


# --- data ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e39])
@pytest.mark.parametrize("where", ["x", "validation_data"])
def test_data_that_is_not_finite_is_refused_with_its_place(blobs, value, where, refused):
    x = blobs[0].copy()
    x[50, 2] = value
    network = net()
    before = network.parameters.theta.copy()
    with refused(where, "finite", str(value), "sample 50", "position 2"):
        fit(network, *((x, blobs[1]) if where == "x" else blobs), validation_data=(x, blobs[1]))
    np.testing.assert_array_equal(network.parameters.theta, before)


def test_what_float32_cannot_hold_float64_can(blobs):
    assert fit(net(dtype="float64", loss="mae"), blobs[0] + 1e39, blobs[1], epochs=1).stopped == "finished"


def test_targets_that_overflow_are_refused_without_a_warning(blobs, refused):
    with refused("finite"):
        fit(net(), blobs[0], np.full((90, 3), 1e39))


def test_integers_cost_no_pass_over_them():
    class Looked(np.ndarray):
        def min(self, *arguments, **options):
            raise AssertionError("the data were searched")

        max = min

    x = np.zeros((20, 5), np.uint8).view(Looked)
    assert fit(net(), x, np.zeros(20, int), epochs=1).stopped == "finished"


# --- what may help ---------------------------------------------------------------------------------------------------


def suggestions(optimizer, *hidden, **settings):
    network = net(*hidden, optimizer=optimizer)
    x = np.random.default_rng(1).normal(size=(40, 5))
    return told(
        fit(
            network,
            x * settings.pop("scale", 1.0),
            np.arange(40) % 3,
            callbacks=[At(2, put(len(hidden) + 1, "W", math.nan))],
        )
    )["suggestions"]


def test_the_rate_to_try_is_a_tenth_or_the_usual_one():
    assert suggestions(ns.SGD(0.05))[0] == "a smaller learning rate (0.005)"
    assert suggestions(ns.SGD(3.0))[0] == "a smaller learning rate (0.1)"
    assert suggestions(ns.Adam(0.5))[0] == "a smaller learning rate (0.001)"
    assert suggestions(ns.Momentum(ns.InverseTime(0.02, 1.0, 10)))[0].startswith("a smaller learning rate (0.00")


def test_only_what_is_not_done_already_is_suggested():
    assert "clip_norm=1" in suggestions(ns.SGD(0.1)) and "clip_norm=1" not in suggestions(ns.SGD(0.1, clip_norm=2.0))
    assert "BatchNorm" in suggestions(ns.SGD(0.1), ns.Dense(4))
    assert "BatchNorm" not in suggestions(ns.SGD(0.1))  # there is no layer before it
    assert "BatchNorm" not in suggestions(ns.SGD(0.1), ns.Dense(4), ns.BatchNorm("relu"))
    assert not any("learning rate" in each for each in suggestions(ns.SGD(0.0)))


def test_a_large_input_is_named_first():
    assert suggestions(ns.SGD(1e-12), scale=1e5)[0].startswith("input near 1 (it reaches")
    assert not any("input" in each for each in suggestions(ns.SGD(0.1), scale=LARGE_INPUT / 10))


# --- the record ------------------------------------------------------------------------------------------------------


def test_the_record_survives_json(blobs):
    history = fit(net(optimizer=ns.SGD(1e6)), *blobs, epochs=50)
    assert ns.History.from_json(history.to_json()).divergence == history.divergence


@pytest.mark.parametrize("phase", ["start", "backward", "update", "forward", "loss", "evaluation"])
def test_the_longest_report_has_three_lines(phase):
    record = {
        "epoch": 10_000,
        "step": 10_000_000,
        "found": "network" if phase == "update" else "train_loss",
        "value": "-inf",
        "phase": phase,
        "layer": 100,
        "title": "Dense leaky_relu",
        "quantity": "square_sum of gamma",
        "step_of_origin": 9_999_999,
        "largest_weight": 3.1e-38,
        "largest_gradient": 3.1e-38,
        "largest_input": 1e-30,
        "learning_rate": 1e-10,
        "suggestions": ["input near 1 (it reaches 3.4e+38)", "a smaller learning rate (1e-05)", "clip_norm=1"],
    }
    lines = explain_divergence(record).split("\n")
    assert len(lines) <= 3 and max(map(len, lines)) <= 80, lines


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], True),
        ([0.0, -1.0], True),
        ([F32, -F32], True),
        ([1.0, math.nan], False),
        ([math.nan, 1.0], False),
        ([math.inf, 1.0], False),
        ([-math.inf, 1.0], False),
        ([math.inf, math.nan, -math.inf], False),
    ],
)
def test_is_finite(values, expected):
    assert is_finite(np.array(values, np.float32)) is expected
