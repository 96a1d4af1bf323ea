"""Reasons are true of the neuron and the sample, and what passes a layer above is walked through, not skipped."""

import re

import numpy as np
import pytest

import neurosim as ns
import viz
from neurosim.walk.stages import downstream_of_output as at_output

NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
X = np.random.default_rng(5).normal(size=(40, 6))
Y = np.random.default_rng(6).integers(0, 3, 40)


def network(*layers, n_out=3, output="softmax", steps=3, dtype="float64", **settings):
    layers = layers or (ns.Dense(5, "relu"), ns.Dense(4, "tanh"))
    net = ns.Network([ns.Input(6), *layers, ns.Dense(n_out, output)], seed=4, dtype=dtype, **settings)
    for step in range(steps):
        net.train_batch(X[10 * step : 10 * step + 10], Y[10 * step : 10 * step + 10])
    return net


def told(net, x=None, y=1, layer=1, neuron=0):
    trace = net.trace(X[30] if x is None else x, y)
    return {stage.key: stage for stage in trace[layer][neuron].stages(top=9)}


def number_after(text, words):
    return float(re.search(words + rf"({NUMBER})$", text, re.MULTILINE)[1])


# --- dropout and batch normalization above ----------------------------------------------------------------------------

ABOVE = {
    "dropout": lambda: network(ns.Dense(5, "tanh"), ns.Dropout(0.4), ns.Dense(4, "tanh")),
    "batch norm": lambda: network(ns.Dense(5), ns.BatchNorm("tanh"), ns.Dense(4, "tanh")),
    "batch norm without activation": lambda: network(ns.Dense(5), ns.BatchNorm(), ns.Dense(4, "tanh")),
    "both": lambda: network(ns.Dense(5), ns.BatchNorm("sigmoid"), ns.Dropout(0.2), ns.Dense(4, "tanh")),
    "two norms": lambda: network(ns.Dense(5), ns.BatchNorm("tanh"), ns.BatchNorm("sigmoid"), ns.Dense(4)),
    "dropout below the output": lambda: network(ns.Dense(5, "tanh"), ns.Dropout(0.4)),
}


@pytest.mark.parametrize("name", ABOVE)
@pytest.mark.parametrize("neuron", [0, 3])
def test_what_comes_back_is_followed_up_to_the_next_sum(name, neuron):
    """The printed lines alone, from the far end down, give dL/da of the neuron: by central differences of the loss."""
    net = ABOVE[name]()
    stage = told(net, neuron=neuron)["downstream"]
    lines = [line.strip() for line in stage.text.splitlines()]
    coming = waiting = None
    for line in reversed(lines[:-1]):
        sum_of_terms = re.match(rf"dL/da_k of layer \d = ({NUMBER})$", line)
        if sum_of_terms:
            expected, total = float(sum_of_terms[1]), 0.0
        term = re.match(rf"neuron \d+ +({NUMBER}) \* +({NUMBER}) = +({NUMBER})$", line)
        if term and coming is None:
            assert float(term[3]) == pytest.approx(float(term[1]) * float(term[2]), rel=1e-3)
            total += float(term[3])
        if re.match(r"dL/da_k of layer \d = Σ", line) and coming is None:
            assert total == pytest.approx(expected, rel=1e-3, abs=1e-6)
            coming = total * waiting[0]
            assert waiting[1] == pytest.approx(coming, rel=1e-3, abs=1e-7)
            coming = waiting[1]
        delta = re.match(
            rf"delta_k of layer \d = dL/da_k(?: \* f'\(z_k\) = ({NUMBER}) \* ({NUMBER}))? = ({NUMBER})$", line
        )
        if delta:
            waiting = float(delta[2] or 1.0), float(delta[3])  # its sum stands before it
            if coming is not None:
                assert waiting[1] == pytest.approx(coming * waiting[0], rel=1e-3, abs=1e-7)
                coming = waiting[1]
        slope = re.match(
            rf"w = (?:γ / √\(variance \+ ε\) = ({NUMBER}) / √\(({NUMBER}) \+ ({NUMBER})\) = )?({NUMBER})", line
        )
        if slope:
            gamma, variance, epsilon = (float(slope[k] or (1.0, 1.0, 0.0)[k - 1]) for k in (1, 2, 3))
            assert float(slope[4]) == pytest.approx(gamma / np.sqrt(variance + epsilon), rel=1e-4)
            coming *= float(slope[4])
    assert coming == pytest.approx(stage.result.value, rel=1e-3, abs=1e-7)
    bias, step = net[1].views["b"], 1e-6
    losses = []
    for sign in (1, -1):
        bias[neuron] += sign * step
        losses.append(net.evaluate(X[30][None], [1])["loss"])
        bias[neuron] -= sign * step
    slope_of_a = told(net, neuron=neuron)["derivative"].result.value
    assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(coming * slope_of_a, rel=1e-3, abs=1e-7)
    assert max(map(len, stage.text.splitlines())) <= 79


def test_batch_norm_that_is_the_output_points_to_the_output_delta():
    net = ns.Network([ns.Input(6), ns.Dense(3), ns.BatchNorm("softmax")], seed=1)
    assert "layer 2 is the output layer, see stage output delta" in told(net)["downstream"].text


# --- why a number is zero ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [lambda neuron: neuron.clamp(2.0), lambda neuron: neuron.ablate()])
def test_a_forced_output_is_said_to_be_forced_and_not_flat(act):
    net = network()
    act(net[1][0])
    stages = told(net)
    text = "\n".join(stages[key].text for key in ("derivative", "delta"))
    assert "a is forced" in text and "The output is forced" in text and "flat" not in text and "slope is 0" not in text
    assert "Every gradient is 0, because delta is 0." in stages["gradients"].text


def test_a_neuron_that_is_off_is_flat():
    net = network()
    net[1][0].bias = -50.0
    stages = told(net)
    assert "f is flat here" in stages["derivative"].text and "The slope is 0" in stages["delta"].text
    assert "because delta is 0" in stages["gradients"].text


def test_inputs_of_zero_are_the_reason_and_the_bias_has_none():
    net = network()
    net[1].b = 0.3
    stages = told(net, np.zeros(6))
    delta = stages["delta"].result.value
    assert delta != 0 and "Every dL/dw is 0, because every input is 0. A bias has no input" in stages["gradients"].text
    assert number_after(stages["gradients"].text, "dL/db = ") == pytest.approx(delta, rel=1e-4)
    without = told(network(ns.Dense(5, "tanh", use_bias=False)), np.zeros(6))["gradients"]
    assert without.why == "Every dL/dw is 0, because every input is 0."


def test_some_inputs_of_zero():
    x = X[30] * [1, 0, 1, 0, 1, 1]
    assert told(network(), x, neuron=2)["gradients"].why in ("dL/dw is 0 for each input that is 0.", "")
    net = network(ns.Dense(5, "tanh"))
    assert told(net, x)["gradients"].why == "dL/dw is 0 for each input that is 0." and told(net)["gradients"].why == ""


def test_a_penalty_is_what_is_left():
    net = network(regularizer="l2:strength=0.1")
    net[1][0].bias = -50.0
    assert told(net)["gradients"].why == "delta is 0: only the penalty is left in dL/dw."


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda net: net[2].W.__setitem__(0, 0.0), "Every weight to the layer above is 0"),
        (lambda net: net[2].b.fill(-90.0), "Every neuron above has delta 0"),
    ],
)
def test_why_nothing_comes_back(change, why):
    net = network(ns.Dense(5, "tanh"), ns.Dense(4, "relu"))
    change(net)
    stages = told(net)
    assert why in stages["downstream"].why and stages["downstream"].result.value == 0
    assert stages["delta"].why == "dL/da is 0: no gradient comes back. The neuron learns nothing from this sample."


def test_terms_that_cancel_are_said_to_cancel():
    net = network(ns.Dense(2, "linear"), n_out=2, output="linear", loss="mse", steps=0)
    net[2].W, net[2].b = 1.0, 0.0
    net[1].W, net[1].b = 0.0, [0.25, 0.25]
    assert told(net, y=1)["downstream"].why == "The terms cancel."


def test_an_output_that_is_right_teaches_nothing():
    net = network(n_out=1, output="linear", loss="mse", steps=0)
    net[3].W, net[3].b = 0.0, 0.5
    stages = told(net, y=[0.5], layer=3)
    assert stages["downstream"].why == "The slope of the loss at this output is 0."
    assert stages["delta"].why == "dL/da is 0: no gradient comes back. The neuron learns nothing from this sample."


def test_an_output_that_the_loss_does_not_contain_is_changed_through_softmax():
    stages = told(network(), layer=3, neuron=0)  # the label is 1
    assert "dL/da = -y / a = 0 / " in stages["downstream"].text and "-0" not in stages["downstream"].text
    assert "because its y is 0. But z also changes the other outputs, through softmax." in stages["downstream"].why
    assert stages["delta"].result.value > 0 and stages["delta"].why == "A smaller z would lower the loss."
    said = " ".join(stages["activation"].text.split())
    log, z, again, a = re.search(
        rf"S = ln Σ e\^\(z_k\) = ({NUMBER}), over the 3 neurons of the layer "
        rf"a = e\^\(z - S\) = e\^\(({NUMBER}) [-+] ({NUMBER})\) = ({NUMBER})$",
        said,
    ).groups()
    sign = 1 if float(log) < 0 else -1
    assert float(again) == pytest.approx(abs(float(log)), rel=1e-4)
    assert np.exp(float(z) + sign * float(again)) == pytest.approx(float(a), rel=1e-4)
    target, nothing = np.array([0.2, 0.8]), "The slope of the loss at this output is 0."
    told_by = [at_output(ns.MSE(), target, target, 0, 0.0, shared).why for shared in ("", "softmax")]
    assert told_by == [nothing, f"{nothing} But z also changes the other outputs, through softmax."]


def test_gradients_of_zero_get_no_lines():
    net = network()
    net[1][0].ablate()
    lines = told(net)["gradients"].text.splitlines()
    assert [line.strip() for line in lines] == ["dL/db = 0", "Every gradient is 0, because delta is 0."]
    x = X[30] * [1, 0, 1, 0, 1, 1]
    text = told(network(ns.Dense(5, "tanh")), x)["gradients"].text
    assert text.count("dL/dw of") == 4 and "and 2 others, all of them zero" in text


def test_an_intervention_is_said_at_the_top_of_the_update():
    net = network()
    net[1][0].ablate()
    assert told(net)["update"].text.splitlines()[0].strip() == "this neuron: ablated"


def test_layers_without_weights_are_named():
    net = network(ns.Dense(5, "tanh"), ns.Dropout(0.4), ns.Dense(4))
    lines = told(net)["output"].text.splitlines()
    assert lines[0].strip().startswith("layer 2, Dropout 0.4: 5 activations") and lines[1].strip()[:8] == "layer 3:"


def test_a_product_too_small_for_its_numbers_is_said_to_be_too_small():
    net = network(ns.Dense(3, "sigmoid"), steps=0, dtype="float32")
    net[2].W *= 1e-30
    net[1].b = -60.0
    stages = told(net)
    assert stages["downstream"].result.value != 0 != stages["derivative"].result.value
    assert stages["delta"].result.value == 0 and "too small for float32" in stages["delta"].why


@pytest.mark.full
def test_the_figure_says_of_the_bias_what_it_does_not_say_of_the_weights():
    net = network()
    net[1].b = 0.3
    trace = net.trace(np.zeros(6), 1)[1][0]
    texts = " ".join(
        each.get_text() for each in viz.neuron_story(trace).findobj(lambda each: hasattr(each, "get_text"))
    )
    assert "Every gradient is 0" not in texts and "Every dL/dw is 0" in texts and "dL/db = " in texts
    assert trace.dL_db != 0


@pytest.mark.parametrize("use_bias", [True, False])
def test_the_check_speaks_of_a_bias_only_where_there_is_one(use_bias):
    net = network(ns.Dense(5, use_bias=use_bias), ns.BatchNorm("tanh"), ns.Dense(4, "tanh"))
    check = net.trace(X[30], 1)[1][0].check()
    assert check.passed and ("(bias)" in str(check)) == use_bias and (check.bias is None) == (not use_bias)


@pytest.mark.parametrize(
    ("settings", "own", "names", "by_hand"),
    [
        ({"regularizer": "l2:strength=0.05"}, 0.0, "λ * w", lambda w: 0.05 * w),
        ({"regularizer": "l1:strength=0.05"}, 0.0, "λ * sign(w)", lambda w: 0.05 * np.sign(w)),
        ({}, 0.3, "own λ * w", lambda w: 0.3 * w),
        ({"regularizer": "l1:strength=0.05"}, 0.3, "λ * sign(w) + own λ * w", lambda w: 0.05 * np.sign(w) + 0.3 * w),
    ],
)
def test_a_penalty_is_derived_from_the_weight(settings, own, names, by_hand):
    net = network(ns.Dense(5, "tanh"), optimizer="sgd", **settings)
    net[1][0].l2 = own
    text = re.sub(r"\n {6,}", " ", told(net)["update"].text)
    said = re.search(rf"penalty = {re.escape(names)} = (.*) = ({NUMBER})\n", text)
    w = float(re.search(rf" w: ({NUMBER}) ", text)[1])
    assert float(said[2]) == pytest.approx(by_hand(w), rel=1e-4)
    assert eval(said[1], {"__builtins__": {}, "sign": np.sign}) == pytest.approx(float(said[2]), rel=2e-5)


def test_the_delta_of_an_output_is_derived_though_it_is_not_among_those_shown():
    net = network(ns.Dense(5, "tanh"), n_out=3, output="sigmoid", loss="mse")
    for k in range(3):
        stage = net.trace(X[30], 1)[2][k].stages(top=1)[7]
        said = re.search(rf"delta = dL/da \* f'\(z\) = ({NUMBER}) \* ({NUMBER}) = ({NUMBER})", stage.text)
        assert float(said[1]) * float(said[2]) == pytest.approx(float(said[3]), rel=2e-5) and "above" not in stage.text


def test_a_small_penalty_in_float32_keeps_its_digits():
    net = network(ns.Dense(5, "tanh"), optimizer="sgd", dtype="float32", regularizer="l2:strength=1e-5")
    text = told(net)["update"].text
    strength, w, value = re.search(rf"penalty = λ \* w = ({NUMBER}) \* ({NUMBER}) = ({NUMBER})", text).groups()
    assert float(value) == pytest.approx(float(strength) * float(w), rel=2e-5) and strength == "1e-05"
