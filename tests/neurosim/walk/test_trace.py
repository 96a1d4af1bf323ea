"""A trace: its sums add up, its words say its numbers, and it leaves the network alone."""

import copy
import json
import re
from typing import NamedTuple

import numpy as np
import pytest
from small_problem import X, Y, network

import neurosim as ns
from neurosim.activations import ACTIVATIONS
from neurosim.losses import LOSSES
from neurosim.optimizers import OPTIMIZERS
from neurosim.walk.trace import Trace

PAIRS = [(loss, output) for loss in LOSSES for output in ACTIVATIONS if LOSSES[loss]().accepts(ACTIVATIONS[output]())]
STAGES = [
    "inputs",
    "weighted_sum",
    "activation",
    "output",
    "output_delta",
    "downstream",
    "derivative",
    "delta",
    "gradients",
    "update",
    "loss_after",
]


def state(net):
    """Everything that a network is, as bytes."""
    arrays = {name: array.tobytes() for name, array in net.arrays().items()}
    buffers = {f"{layer.index}.{name}": getattr(layer, name).tobytes() for layer in net for name in layer.buffers()}
    return (
        arrays,
        buffers,
        net.parameters.grad.tobytes(),
        net.targets.tobytes(),
        json.dumps(net.config()),
        json.dumps(net.optimizer.scalars()),
        {purpose: json.dumps(rng.bit_generator.state, default=str) for purpose, rng in net.streams.items()},
    )


def dense(trace):
    return [trace[layer.index][j] for layer in trace.network if isinstance(layer, ns.Dense) for j in range(len(layer))]


def close(one, other, scale=1.0):
    assert abs(one - other) <= 1e-12 * max(abs(scale), abs(one), 1e-3), (one, other)


def adds_up(neuron):
    """The forward sum, the downstream sum and the two products."""
    close(neuron.products.sum() + neuron.bias, neuron.z, np.abs(neuron.products).sum())
    np.testing.assert_array_equal(neuron.products, neuron.weights * neuron.inputs)
    if not neuron.is_output:
        close(neuron.downstream_products.sum(), neuron.dL_da, np.abs(neuron.downstream_products).sum())
    if neuron.trace.network[neuron.layer].activation.elementwise:
        close(neuron.dL_da * neuron.da_dz, neuron.delta)
    close(neuron.dL_db, neuron.delta if neuron.trace.network[neuron.layer].use_bias else 0.0)


@pytest.fixture
def make(make_net, blobs):
    """A function that makes a small float64 network, trained for some steps, and a trace of a sample."""

    def make(i=0, steps=3, y=None, **settings):
        net = make_net(**{"dtype": "float64"} | settings)
        rng = np.random.default_rng(0)
        for layer in net:
            if isinstance(layer, ns.Dense) and layer.use_bias:
                layer.b = rng.normal(scale=0.2, size=len(layer))
        x, labels = blobs
        for step in range(steps):
            net.train_batch(x[10 * step : 10 * step + 10], labels[10 * step : 10 * step + 10])
        return net, net.trace(x[i], labels[i] if y is None else y)

    return make


# --- sums and products -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_sums_add_up_for_every_activation(activation, make):
    net, trace = make(activation=activation)
    for neuron in dense(trace):
        adds_up(neuron)
        np.testing.assert_allclose(neuron.dL_dW, neuron.delta * neuron.inputs, rtol=1e-12, atol=1e-15)
        assert neuron.activation.key == net[neuron.layer].activation.key


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_output_neurons_for_every_loss_and_output(loss, output, make):
    net, trace = make(loss=loss, output=output)
    a, y = trace.probabilities[None], trace.targets[None]
    gradient = net.loss.gradient(a, y)
    delta = trace.network.output.activation.vjp(trace.flows[-1]["z"][None], gradient)[0]
    for j in range(3):
        neuron = trace[-1][j]
        assert neuron.is_output and len(neuron.downstream_products) == 0
        adds_up(neuron)
        close(neuron.dL_da, gradient[0, j])
        close(neuron.delta, delta[j])
        assert "an output neuron" in neuron.explain()
    assert trace.loss == pytest.approx(net.loss(a, y), rel=1e-12)


def test_numbers_are_those_of_the_vectorized_pass(make, blobs):
    net, trace = make()
    x, y = blobs
    net.gradients(x[:1], y[:1])
    for neuron in dense(trace):
        live = net[neuron.layer][neuron.index]
        assert (neuron.z, neuron.a, neuron.delta) == (live.z[0], live.a[0], live.delta[0])
        np.testing.assert_array_equal(neuron.dL_dW, live.weight_gradient)
        np.testing.assert_array_equal(neuron.weights, live.weights)
        assert neuron.dL_db == live.bias_gradient and neuron.bias == live.bias
    net.update_()
    for neuron in dense(trace):
        np.testing.assert_array_equal(neuron.weights_after, net[neuron.layer][neuron.index].weights)
        assert neuron.bias_after == net[neuron.layer][neuron.index].bias
    assert trace.loss_after == net.evaluate(x[:1], y[:1])["loss"]
    np.testing.assert_array_equal(trace.theta_after, net.parameters.theta)


def test_whole_numbers_that_a_network_has_not_learned_from_are_scaled_for_the_loss_after_the_update_too():
    net = ns.Network([ns.Input((4, 4)), ns.Dense(3, "tanh"), ns.Dense(2, "softmax")], loss="mse", seed=1)
    image = np.arange(0, 256, 17, dtype=np.uint8).reshape(4, 4)
    trace = net.trace(image, 1)
    net.gradients(image[None], [1])
    net.update_()
    assert trace.loss_after == net.evaluate(image[None], [1])["loss"] and net.input.a.max() == 1.0


def test_dropout_between_is_off_and_passes_on(make):
    _, trace = make(hidden=[ns.Dense(8, "tanh"), ns.Dropout(0.5), ns.Dense(6, "tanh")])
    for j in range(8):
        neuron = trace[1][j]
        adds_up(neuron)
        assert neuron.downstream_neurons.tolist() == [j] and neuron.downstream_weights.tolist() == [1.0]
        assert trace[3][0].inputs[j] == neuron.a
    assert max(neuron.check().max_relative_error for neuron in dense(trace)) < 1e-6


@pytest.mark.parametrize("bias", [True, False])
def test_batch_norm_between_works_with_its_running_statistics(bias, make):
    net, trace = make(hidden=[ns.Dense(8, use_bias=bias), ns.BatchNorm("tanh"), ns.Dense(6, "tanh")], steps=8)
    norm = net[2]
    for j in range(8):
        neuron = trace[1][j]
        adds_up(neuron)
        assert neuron.downstream_neurons.tolist() == [j]
        slope = norm.gamma[j] / np.sqrt(norm.running_variance[j] + norm.epsilon)
        close(neuron.downstream_weights[0], slope)
        if not bias:
            assert neuron.bias == neuron.dL_db == neuron.bias_after == 0.0
            assert all(each["bias"] == 0.0 for each in neuron.update_terms.values())
            assert "bias:" not in neuron.explain()
    assert max(neuron.check().max_relative_error for neuron in dense(trace)) < 1e-6
    assert len(trace[2]) == 8 and "BatchNorm" in repr(trace[2].layer)


@pytest.mark.parametrize("key", ["l1", "l2"])
def test_penalties_are_part_of_the_gradient_and_shown(key, make):
    _, trace = make(regularizer={"name": key, "strength": 0.05})
    for neuron in dense(trace):
        penalty = 0.05 * (np.sign(neuron.weights) if key == "l1" else neuron.weights)
        np.testing.assert_allclose(neuron.dL_dW, neuron.delta * neuron.inputs + penalty, rtol=1e-12, atol=1e-15)
        assert neuron.check().max_relative_error < 1e-6
        for line in re.findall(r"dL/dw of .*", neuron.explain(3)):
            assert "+ -" not in line
            numbers = re.sub(r"- +(?=\d)", "-", line.split("=", 1)[1])
            delta, x, share, total = map(float, re.findall(r"(-?\d[\d.e+-]*)(?= |$)", numbers))
            assert total == pytest.approx(delta * x + share, rel=1e-3, abs=1e-6)


def test_interventions_are_traced(make, blobs):
    net, _ = make()
    net[1][0].activation = "sigmoid"
    net[1][1].clamp(0.7)
    net[1][2].freeze()
    net[1][3].rate_factor = 0.5
    net[1][4].l2 = 0.3
    trace = net.trace(blobs[0][0], blobs[1][0])
    own, forced, frozen, slow, shrinking, free = (trace[1][j] for j in range(6))
    assert own.activation.key == "sigmoid" and own.a == pytest.approx(1.0 / (1.0 + np.exp(-own.z)))
    assert forced.a == 0.7 and forced.da_dz == forced.delta == 0.0 and "a is forced to 0.7" in forced.explain()
    assert trace[2][0].inputs[1] == 0.7
    np.testing.assert_array_equal(frozen.weights_after, frozen.weights)
    assert frozen.bias_after == frozen.bias and frozen.dL_dW.any() and frozen.update_terms["step"]["weights"].any()
    assert "this neuron: frozen" in frozen.explain() and "0 of 5 weights move" in frozen.explain()
    np.testing.assert_allclose(slow.weights - slow.weights_after, 0.5 * slow.update_terms["step"]["weights"], rtol=1e-9)
    assert "this neuron: learning rate times 0.5" in slow.explain()
    np.testing.assert_allclose(shrinking.dL_dW, shrinking.delta * shrinking.inputs + 0.3 * shrinking.weights)
    np.testing.assert_allclose(free.weights - free.weights_after, free.update_terms["step"]["weights"], rtol=1e-9)
    for neuron in dense(trace):
        assert neuron.check().max_relative_error < 1e-6
        if neuron is not forced:
            close(neuron.dL_da * neuron.da_dz, neuron.delta) if neuron.layer < 3 else None


def test_clipping_is_seen_by_the_optimizer_but_not_in_the_gradient(make):
    _, free = make(optimizer=ns.SGD(0.1))
    _, trace = make(optimizer=ns.SGD(0.1, clip_norm=0.01), steps=0)
    _, free = make(optimizer=ns.SGD(0.1), steps=0)
    norm = np.linalg.norm(free.grad)
    assert norm > 0.1
    for neuron, other in zip(dense(trace), dense(free), strict=True):
        np.testing.assert_array_equal(neuron.dL_dW, other.dL_dW)
        np.testing.assert_allclose(
            neuron.update_terms["step"]["weights"], 0.1 * other.dL_dW * 0.01 / (norm + 1e-6), rtol=1e-9
        )
        assert neuron.check().max_relative_error < 1e-6
    said = re.search(
        r"above clip_norm = 0\.01:\n +g is scaled by .*\n +g = (\S+) \* 0\.01 / \((\S+) \+ 1e-06\) = (\S+)",
        trace[1][0].explain(),
    )
    gradient, of_all, seen = map(float, said.groups())
    assert of_all == pytest.approx(norm, rel=1e-4) and seen == pytest.approx(
        gradient * 0.01 / (of_all + 1e-6), rel=1e-4
    )
    assert "clip_norm" not in free[1][0].explain()


def test_max_norm_comes_after_the_step_and_is_shown(make):
    _, trace = make(max_norm=0.3, steps=0)
    neuron = trace[1][0]
    assert np.linalg.norm(neuron.weights) > 0.3
    moved = neuron.weights - neuron.update_terms["step"]["weights"]
    np.testing.assert_allclose(neuron.weights_after, moved * 0.3 / np.linalg.norm(moved), rtol=1e-9)
    would_be = float(np.linalg.norm(moved))
    assert f"would have a norm of {would_be:.6g}: the bound scales it down to 0.3" in neuron.explain()


@pytest.mark.parametrize(
    ("loss", "output", "y"),
    [
        ("binary_cross_entropy", "sigmoid", 1),
        ("binary_cross_entropy", "sigmoid", [0.3]),
        ("mse", "linear", 2.5),
        ("mae", "tanh", [[-0.5]]),
        ("huber", "sigmoid", 0),
    ],
)
def test_networks_with_one_output(loss, output, y, make_net):
    net = make_net(loss=loss, output=output, n_out=1, dtype="float64")
    trace = net.trace(np.linspace(-1, 1, 5), y)
    (target,) = trace.targets.tolist()
    assert target == float(np.ravel(y)[0]) and trace.label == (target if target in (0.0, 1.0) else None)
    assert trace.prediction == net.predict(np.linspace(-1, 1, 5))[0]
    for neuron in dense(trace):
        adds_up(neuron)
        assert neuron.check().max_relative_error < 1e-6
        json.dumps(neuron.to_dict())
    assert len(trace[-1]) == 1 and "class 0" not in trace[1][0].explain()
    share = re.search(r"with ([\d.]+)\s%", repr(trace))
    assert (share is not None) == (output == "sigmoid" and trace.label is not None)
    assert share is None or float(share[1]) >= 50.0


# --- the update ------------------------------------------------------------------------------------------------------


@pytest.mark.quick_every(5)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("steps", [0, 1, 7])
@pytest.mark.parametrize("key", list(OPTIMIZERS))
def test_theta_minus_step_is_theta_after_for_every_optimizer(key, steps, dtype, make):
    settings = {"weight_decay": 0.1} if key in ("adamw", "lion") else {}
    net, trace = make(optimizer=OPTIMIZERS[key](ns.Exponential(0.01, steps=30), **settings), steps=steps, dtype=dtype)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    assert trace.optimizer.t == steps + 1 and net.optimizer.t == steps
    assert trace.learning_rate == net.optimizer.rate
    assert not np.array_equal(trace.theta_after, net.parameters.theta)
    for neuron in dense(trace):
        terms = neuron.update_terms
        assert list(terms)[-1] == "step" and set(net.optimizer.state_names) <= set(terms)
        scale = np.abs(neuron.weights).max()
        assert np.abs(neuron.weights - terms["step"]["weights"] - neuron.weights_after).max() <= tolerance * scale
        assert abs(neuron.bias - terms["step"]["bias"] - neuron.bias_after) <= tolerance
        text = neuron.explain()
        assert f"update number t = {steps + 1}\n" in text and all(name in text for name in terms)
        for name, each in terms.items():
            assert each["weights"].shape == neuron.weights.shape and isinstance(each["bias"], float), name


def test_your_own_optimizer_shows_the_terms_of_its_rule(make):
    class Terms(NamedTuple):
        rate: float
        step: float

    class Halve(ns.SGD):
        """θ ← θ / 2."""

        @staticmethod
        def rule(theta, grad, rate, t):
            return Terms(rate, step=0.5 * theta)

    _, trace = make(optimizer=Halve(0.1))
    terms = trace[1][0].update_terms
    np.testing.assert_array_equal(terms["step"]["weights"], 0.5 * trace[1][0].weights)
    np.testing.assert_array_equal(trace[1][0].weights_after, 0.5 * trace[1][0].weights)
    assert list(terms) == ["rate", "step"] and terms["rate"]["weights"].tolist() == [0.1] * 5


# --- checks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_check_is_small_for_right_gradients_and_large_for_wrong_ones(dtype, make):
    _, trace = make(dtype=dtype)
    small = 1e-6 if dtype == "float64" else 1e-4  # rounding of the differences: about 1e-11 beside gradients of 1e-4
    for neuron in dense(trace):
        check = neuron.check()
        assert check.max_relative_error == max(check.weights, check.bias) < small
        neuron.dL_dW[np.abs(neuron.dL_dW).argmax()] *= 1.5
        neuron.dL_db *= 0.5
        wrong = neuron.check()
        assert wrong.weights > 0.02 and wrong.bias > 0.2
    assert "central differences" in str(check)


def test_check_knows_label_smoothing_and_penalties(make):
    _, trace = make(loss=ns.CrossEntropy(label_smoothing=0.2), regularizer=ns.L2(0.1))
    for neuron in dense(trace):
        assert neuron.check().max_relative_error < 1e-6


def test_check_leaves_the_trace_as_it_is(make):
    _, trace = make()
    before = json.dumps([neuron.to_dict(check=False) for neuron in dense(trace)])
    for neuron in dense(trace):
        neuron.check()
    assert json.dumps([neuron.to_dict(check=False) for neuron in dense(trace)]) == before


# --- words -----------------------------------------------------------------------------------------------------------


def numbers_in(text):
    return [float(word) for word in re.findall(r"(?<![\w.])-?\d+\.?\d*(?:e[+-]?\d+)?", text)]


@pytest.mark.parametrize("top", [1, 3, 5, 99])
def test_explain_gives_the_largest_terms_and_the_sum_of_the_others(top, make):
    _, trace = make()
    for neuron in dense(trace):
        forward = neuron.stages(top)[1].text.splitlines()
        order = np.argsort(-np.abs(neuron.products), kind="stable")
        shown = min(top, len(order))
        for line, i in zip(forward[:shown], order, strict=False):
            w, x, product = numbers_in(line.split(None, 2)[2])
            assert line.split()[:2] == ["input" if neuron.layer == 1 else "neuron", str(i)]
            assert (w, x, product) == pytest.approx((neuron.weights[i], neuron.inputs[i], neuron.products[i]), rel=1e-4)
        rest = len(neuron.inputs) - shown
        if rest > 0:
            words = f"the other {rest} terms sum to" if rest > 1 else "the other term is"
            total = re.search(rf"{words} (\S+)$", forward[shown])[1]
            assert float(total) == pytest.approx(neuron.products[order[shown:]].sum(), rel=1e-4, abs=1e-12)
        else:
            assert "the other" not in neuron.stages(top)[1].text
        assert numbers_in(forward[-1]) == pytest.approx([neuron.z], rel=1e-4)
        assert numbers_in(forward[-2]) == pytest.approx([neuron.bias], rel=1e-4)


def test_the_other_terms_of_a_big_sum_are_counted_and_summed_right():
    rng = np.random.default_rng(0)
    net = ns.Network([ns.Input((28, 28)), ns.Dense(20, "tanh"), ns.Dense(10, "softmax")], dtype="float64")
    image = (rng.integers(0, 256, (28, 28)) * (rng.random((28, 28)) < 0.3)).astype(np.uint8)
    neuron = net.trace(image, 3)[1][7]
    text = neuron.explain()
    order = np.argsort(-np.abs(neuron.products))
    total = re.search(r"the other 779 terms sum to (\S+)", text)[1]
    assert float(total) == pytest.approx(neuron.products[order[5:]].sum(), rel=1e-4)
    assert f"pixel {order[0] // 28},{order[0] % 28} " in text
    active = int(np.count_nonzero(image))
    assert f"784 numbers from the sample, {784 - active} of them zero" in text
    assert f"and 779 others, {784 - active} of them zero" in text
    below = np.abs(neuron.downstream_products).argmax()
    assert f"neuron {below} " in neuron.stages()[5].text


def test_terms_of_zero_are_not_shown_one_by_one_but_counted():
    net = ns.Network([ns.Input(6), ns.Dense(4, "relu"), ns.Dense(3, "softmax")], dtype="float64")
    x = np.array([0.0, 0.1, 0.0, 0.0, 0.2, 0.0])
    lines = net.trace(x, 0)[1][0].stages(5)[1].text.splitlines()
    assert len(lines) == 5 and lines[2].strip() == "the other 4 terms sum to 0"
    assert net.trace(np.zeros(6), 0)[1][0].stages()[1].text.startswith("  all 6 terms are 0")


@pytest.mark.parametrize("activation", ["tanh", "softmax", "relu"])
def test_every_stage_says_its_numbers(activation, make):
    _, trace = make(activation=activation)
    for neuron in dense(trace):
        stages = neuron.stages()
        assert [stage.key for stage in stages] == STAGES
        text = neuron.explain()
        for k, stage in enumerate(stages, start=1):
            assert f"{k}. {stage.heading}\n{stage.text}" in text
        said = {stage.key: numbers_in(stage.text) for stage in stages}

        def has(key, value, said=said):
            return any(abs(each - value) <= 1e-3 * abs(value) + 1e-9 for each in said[key])

        assert has("activation", neuron.z) and has("activation", neuron.a)
        assert has("output", trace.loss) and has("output", trace.probabilities.max())
        assert has("output_delta", trace[-1][trace.label].delta)
        assert has("downstream", neuron.dL_da) and has("derivative", neuron.da_dz) and has("delta", neuron.delta)
        assert has("gradients", neuron.dL_dW[np.abs(neuron.dL_dW).argmax()]) and has("gradients", neuron.dL_db)
        assert has("update", neuron.bias_after) and has("update", trace.learning_rate)
        most = np.abs(neuron.weights_after - neuron.weights).argmax()
        assert has("update", neuron.weights[most]) and has("update", neuron.weights_after[most])
        assert has("loss_after", trace.loss) and has("loss_after", trace.loss_after)
        if neuron.layer < 3:  # what is written as a product is one
            product = re.search(r"dL/da \* f'\(z\) = (\S+) \* (\S+) = (\S+)", stages[7].text)
            assert (product is None) == (activation == "softmax")
            if product:
                one, two, result = map(float, product.groups())
                assert result == pytest.approx(one * two, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize(("loss", "output"), PAIRS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_rule_for_the_output_delta_holds_for_the_numbers_beside_it(loss, output, smoothing, make):
    if smoothing and loss != "cross_entropy":
        return
    _, trace = make(loss=ns.CrossEntropy(smoothing) if smoothing else loss, output=output)
    text = re.sub(r"\n {4,}", " ", trace[1][0].stages()[4].text)
    lines = text[: text.index("Why:")].rstrip().splitlines()
    rule = lines[0].split("=", 1)[1].split("(" + loss)[0].strip()
    gradients = dict(re.findall(r"output (\d): dL/da = .*?(\S+?)(?:, from the loss)?$", text, re.MULTILINE))
    shown = re.findall(r"output (\d): delta = (.*) = (.*) = (\S+)$", text, re.MULTILINE)
    assert len(shown) == 3 and len(lines) == 4 + len(gradients)
    for k, names, numbers, delta in shown:
        value = trace[-1][int(k)].delta
        assert float(delta) == pytest.approx(value, rel=1e-4, abs=1e-12)
        computed = eval(numbers, {"__builtins__": {}})
        assert f"{computed:.5g}" == delta or computed == pytest.approx(value, rel=2e-5, abs=1e-12)
        if rule in ("a - y", "(a - y) / n"):
            assert names == rule and not gradients
        else:
            assert rule.startswith("Σ_k" if output == "softmax" else "dL/da * f'(z)") and "dL/da" in names
            assert float(gradients[k]) == pytest.approx(trace[-1][int(k)].dL_da, rel=1e-4, abs=1e-12)


def test_a_flat_place_and_a_step_for_the_worse_are_named(make):
    net, _ = make(activation="relu", loss="mse", output="linear", optimizer=ns.SGD(50.0), steps=0)
    net[1][0].weights[...], net[1][0].bias = -1.0, 0.0
    trace = net.trace(np.ones(5), 0)
    assert "flat here" in trace[1][0].stages()[6].text
    assert trace.loss_after > trace.loss and "worse" in trace[1][0].stages()[10].text


def test_a_loss_of_zero_has_no_sign(make):
    net, _ = make(activation="relu", optimizer=ns.SGD(1e3), steps=0)
    trace = net.trace(np.ones(5), 0)
    assert trace.loss_after == 0.0 and "-> 0 (" in trace[1][0].stages()[10].text


def test_to_frame_has_every_term_the_largest_first(make):
    _, trace = make(optimizer="adam")
    neuron = trace[1][2]
    frame = neuron.to_frame()
    assert list(frame.columns) == [
        "input",
        "x",
        "weight",
        "product",
        "dL_dw",
        "m",
        "v",
        "m_hat",
        "v_hat",
        "step",
        "weight_after",
    ]
    assert sorted(frame["input"]) == list(range(5)) and list(frame.index) == list(range(5))
    assert (frame["product"].abs().diff().dropna() <= 0).all()
    for name, array in (
        ("x", neuron.inputs),
        ("weight", neuron.weights),
        ("product", neuron.products),
        ("dL_dw", neuron.dL_dW),
        ("weight_after", neuron.weights_after),
        ("m", neuron.update_terms["m"]["weights"]),
    ):
        np.testing.assert_array_equal(frame[name], array[frame["input"]])


def test_to_dict_is_json_and_holds_everything(make):
    _, trace = make()
    neuron = trace[1][2]
    document = json.loads(json.dumps(neuron.to_dict(), allow_nan=False))
    assert set(document) == {
        "sample",
        "layer",
        "neuron",
        "activation",
        "inputs",
        "weights",
        "bias",
        "z",
        "a",
        "da_dz",
        "downstream",
        "dL_da",
        "delta",
        "dL_dW",
        "dL_db",
        "loss",
        "update",
        "loss_after",
        "stages",
        "check",
    }
    assert document["weights"] == neuron.weights.tolist() and document["inputs"] == neuron.inputs.tolist()
    assert document["z"] == neuron.z and len(document["downstream"]) == 6
    assert set(document["downstream"][0]) == {"neuron", "weight", "delta", "product"}
    assert document["update"]["weights_after"] == neuron.weights_after.tolist()
    assert "check" not in neuron.to_dict(check=False)


# --- it leaves the network alone -------------------------------------------------------------------------------------


def test_tracing_changes_nothing_of_the_network(full_net, blobs):
    x, y = blobs
    net = full_net()
    net[1][2].freeze()
    net[4][1].activation = "sigmoid"
    net.fit(x, y, epochs=2, batch_size=16, verbose=False)
    net.train_batch(x[:16], y[:16])
    before, twin = state(net), copy.deepcopy(net)
    trace = net.trace(x[3], y[3])
    for neuron in dense(trace):
        neuron.explain(), neuron.to_frame(), neuron.to_dict(), repr(neuron)
    assert state(net) == before and "Trace of one sample" in repr(trace) and trace._repr_html_()
    for each in (net, twin):  # and the training that follows is the same
        each.fit(x, y, epochs=2, batch_size=16, verbose=False)
    assert net.parameters.theta.tobytes() == twin.parameters.theta.tobytes()


def test_a_trace_stays_as_it_is_when_the_network_goes_on(make, blobs):
    net, trace = make()
    before = json.dumps([neuron.to_dict(check=False) for neuron in dense(trace)])
    net.fit(*blobs, epochs=1, verbose=False)
    net[1][0].clamp(3.0)
    net.parameters.theta.fill(0.0)
    assert json.dumps([neuron.to_dict(check=False) for neuron in dense(trace)]) == before


def test_integer_images_are_scaled_as_the_network_scales_them():
    net = ns.Network([ns.Input((4, 4)), ns.Dense(3, "relu"), ns.Dense(2, "softmax")])
    image = np.arange(0, 160, 10, dtype=np.uint8).reshape(4, 4)
    neuron = net.trace(image, 1)[1][0]
    np.testing.assert_allclose(neuron.inputs, image.ravel() / 255, rtol=1e-6)
    assert neuron.input_shape == (4, 4) and net.trace(image, 1)[2][0].input_shape is None


# --- interesting neurons, and neurons that do not exist ---------------------------------------------------------------


def test_the_interesting_neuron_has_the_largest_delta_and_says_so(make):
    _, trace = make()
    layer, j, why = trace.interesting()
    deltas = [abs(trace[1][k].delta) for k in range(8)]
    assert (layer, j) == (1, int(np.argmax(deltas))) and f"{max(deltas):.3g}" in why and "largest |delta|" in why


def test_where_no_delta_arrives_it_says_that(make):
    net, _ = make(activation="relu")
    net[1].b = -1e3
    layer, _, why = net.trace(np.zeros(5), 0).interesting()
    assert layer == 1 and "delta 0" in why


def test_labels_may_be_classes_or_rows(make):
    net, _ = make()
    x = np.zeros(5)
    rows = [net.trace(x, y).targets.tolist() for y in (1, [1], [0, 1, 0], [[0, 1, 0]], np.int64(1), 1.0)]
    assert rows == [[0.0, 1.0, 0.0]] * 6


def test_negative_numbers_count_from_the_end_and_layers_are_sequences(make):
    _, trace = make()
    assert trace[-1][-1].layer == 3 and trace[-1][-1].index == 2
    assert len(trace) == 4 and [len(trace[k]) for k in (1, 2, 3)] == [8, 6, 3]
    assert [neuron.index for neuron in trace[2]] == list(range(6))


def test_errors_are_one_line(make, make_net, blobs, refused):
    net, trace = make()
    x, y = blobs
    with refused("one sample", "received 2"):
        net.trace(x[:2], y[:2])
    with refused("one sample", "received 0"):
        net.trace(x[:0], y[:0])
    with refused("0 to 2", "received 7"):
        net.trace(x[0], 7)
    with refused("samples of 5 numbers", "(3,)", error=ns.ShapeError):
        net.trace(x[0][:3], 1)
    with refused("layer 0 is the input", "1 to 3", error=ns.OutOfRangeError):
        trace[0]
    with refused("layers 0 (input) to 3", "received 9", error=ns.OutOfRangeError):
        trace[9]
    with refused("neurons 0 to 7", "received 8", error=ns.OutOfRangeError):
        trace[1][8]
    with refused("neurons 0 to 7", error=ns.OutOfRangeError):
        trace[1]["first"]
    dropped = make_net(hidden=[ns.Dense(4), ns.Dropout(0.5)]).trace(x[0], y[0])
    with refused("no weights", "Dropout"):
        dropped[2][0]
    with refused("Dense"):
        ns.Network([ns.Input(5), ns.BatchNorm("softmax")]).trace(x[0], 1).interesting()


def test_a_diverged_network_is_traced_without_a_warning(make_net, recwarn):
    net = make_net(activation="relu")
    net.parameters.theta[...] = 1e30
    trace = net.trace(np.ones(5), 0)
    assert trace[1][0].explain() and not recwarn.list


def test_the_trace_of_a_stepper_knows_the_samples_number(make, blobs):
    net, _ = make()
    trace = Trace(net, blobs[0][4], blobs[1][4], sample=4)
    assert trace[1][0].sample == 4 and "sample 4" in str(trace[1][0]) and "sample 4" in repr(trace)


def test_a_blank_sample_on_a_fresh_network_stands_on_a_kink_and_that_is_said():
    check = network().trace([0.0] * 4, 1)[1][0].check()
    assert check.max_relative_error == 0.0 and check.skipped == 1 and "1 at a kink" in str(check)


def test_a_trace_is_a_sequence_of_the_layers_that_compute(refused):
    trace = network().trace(X[0], Y[0])
    assert [each.layer.index for each in trace] == [1, 2]
    with refused("layers 0 (input) to 2"):
        trace[1:2]


def test_targets_that_are_no_class_are_not_called_one():
    net = ns.Network([ns.Input(4), ns.Dense(5, use_bias=False), ns.Dense(3, "sigmoid")], "binary_cross_entropy", seed=0)
    trace = net.trace(X[0], [1.0, 1.0, 0.0])
    assert trace.label is None and "targets 1, 1, 0" in repr(trace) and "read as" not in trace[1][0].explain()
    assert "prediction" not in trace._repr_html_()
    assert "bias" not in trace[1][0].stages()[1].text and "bias" in trace[2][0].stages()[1].text


def test_a_trace_shows_itself_where_no_layer_has_weights():
    net = ns.Network([ns.Input(3), ns.BatchNorm("softmax")])
    assert "Trace of one sample" in net.trace([0.1, 0.2, 0.3], 1)._repr_html_()
