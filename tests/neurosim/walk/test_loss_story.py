"""Where the loss and its first gradient come from: each printed line is computed again from the printed numbers."""

import math
import re

import numpy as np
import pytest

import neurosim as ns
from neurosim.activations import ACTIVATIONS
from neurosim.losses import LOSSES, Loss
from neurosim.walk.formula import value_of

PAIRS = [(loss, output) for loss in LOSSES for output in ACTIVATIONS if LOSSES[loss]().accepts(ACTIVATIONS[output]())]
NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
RNG = np.random.default_rng(3)
X = RNG.normal(size=(8, 6))


def network(loss, output, n_out=4, dtype="float64", **settings):
    layers = [ns.Input(6), ns.Dense(5, "tanh"), ns.Dense(n_out, output)]
    return ns.Network(layers, loss, "sgd", seed=2, dtype=dtype, **settings)


def stages_of(net, y=1, layer=1, x=0):
    return {stage.key: stage for stage in net.trace(X[x], y)[layer][0].stages(top=9)}


def unbroken(text):
    return re.sub(r"\n {4,}", " ", text)


def computed(equation):
    equation = re.sub(r"\|([^|]+)\|", r"abs(\1)", equation).replace("²", "**2").replace("^", "**")
    names = {"ln": math.log, "sign": np.sign, "max": max, "abs": abs}
    return float(eval(equation, {"__builtins__": {}}, names))


def agree(value, text, digits=5):
    """Whether a number is the printed one, but for one unit of its last digit."""
    printed = float(text)
    unit = 10.0 ** (math.floor(math.log10(abs(printed))) - digits + 1) if printed else 1e-12
    return abs(value - printed) <= 1.0000001 * unit


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_the_loss_is_the_sum_of_the_terms_that_are_printed(loss, output, dtype):
    net = network(loss, output, dtype=dtype)
    text = unbroken(stages_of(net)["output"].text)
    terms = re.findall(rf"output (\d): (.*) = ({NUMBER})$", text, re.MULTILINE)
    rest = re.search(rf"the other \d terms? (?:sum|comes) to ({NUMBER})", text)
    total = re.search(rf"^  L = ({NUMBER})$", text, re.MULTILINE)[1]
    for _, numbers, value in terms:
        assert agree(computed(numbers), value), (numbers, value)
    assert agree(sum(float(value) for *_, value in terms) + float(rest[1] if rest else 0.0), total, digits=4)
    assert f"loss {loss}: L = {LOSSES[loss].formula}" in text
    assert ("the mean over the n = 4 outputs" in text) == (loss != "cross_entropy")


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_the_gradient_that_is_printed_is_the_slope_of_the_loss(loss, output):
    """By central differences of the loss itself, an output at a time."""
    net = network(loss, output)
    net[2].b = [0.3, -0.2, 0.1, 0.4]
    trace = net.trace(X[0], 1)
    a, y = trace.probabilities.astype(float), trace.targets.astype(float)
    for k in range(4):
        text = unbroken(trace[2][k].stages()[5].text)
        value = re.search(rf"dL/da = (?:.* = )?({NUMBER})$", text, re.MULTILINE)[1]
        names, numbers = "", value
        if value != "0" or " = " in text.split("dL/da = ")[1].split("\n")[0]:
            names, numbers = re.search(rf"dL/da = (.*) = (.*) = {NUMBER}$", text, re.MULTILINE).groups()
        assert agree(computed(numbers), value)
        assert not re.search(r"[a-z]_?\b", numbers.replace("max", "").replace("sign", ""))
        moved = np.eye(4)[k] * 1e-6
        slope = (net.loss((a + moved)[None], y[None]) - net.loss((a - moved)[None], y[None])) / 2e-6
        assert float(value) == pytest.approx(slope, rel=1e-3, abs=1e-6), (k, names)


@pytest.mark.parametrize(
    ("a", "text"),
    [(0.9948, "-ln(0.9948) = 0.0052136"), (0.5, "-ln(0.5) = 0.69315"), (0.03, "-ln(0.03) = 3.5066")],
)
def test_the_surprise_at_the_right_answer(a, text):
    """An output of a known probability: the number is the logarithm of a pocket calculator."""
    net = network("cross_entropy", "softmax", n_out=2)
    net[2].W, net[2].b = 0.0, [0.0, math.log(a / (1 - a))]
    said = stages_of(net)["output"].text
    assert f"output 1: {text}" in said and "loss cross_entropy: L = -Σ y_k ln a_k\n" in said
    assert "a is rounded" not in said


def test_where_the_probability_rounds_to_nothing_the_loss_is_said_to_come_from_z():
    net = network("cross_entropy", "softmax", n_out=2, dtype="float32")
    net[2].W, net[2].b = 0.0, [200.0, 0.0]
    said = stages_of(net)["output"].text
    assert "a is rounded to float32: L comes from z, which loses fewer digits" in said
    assert "output 1: -ln(0) = inf" in said and said.endswith("\n  L = 200")


def test_smoothed_labels_are_said():
    said = stages_of(network(ns.CrossEntropy(0.2), "softmax"))["output"].text
    assert "label smoothing: y is 0.85 for the label and 0.05 for all others" in said
    assert re.search(rf"output 1: -0\.85 \* ln\({NUMBER}\) = ", said) and len(re.findall(r"-0\.05 \* ln", said)) == 3


@pytest.mark.parametrize("residual", [0.2, 3.0])
def test_huber_says_the_branch_that_holds(residual):
    net = network("huber", "linear", n_out=1)
    net[2].W, net[2].b = 0.0, 1.0
    said = stages_of(net, [1.0 - residual])["output"].text
    near = "(1 - 0.8)² / 2 / 1 = 0.02" in said
    far = "1 * (|1 + 2| - 1 / 2) / 1 = 2.5" in said
    assert (near, far) == (residual < 1, residual > 1)


def test_your_own_loss_is_named_but_not_explained():
    class Quartic(Loss):
        one_hot = False

        def __call__(self, a, y):
            return float(((a - y) ** 4).mean())

        def gradient(self, a, y):
            return 4 * (a - y) ** 3 / y.size

    Quartic.key = "quartic"
    told = stages_of(network(Quartic(), "sigmoid"))
    assert "L = quartic = " in told["output"].text and told["output"].formula == "L = quartic(a, y)"
    assert "from the loss" in told["output_delta"].text
    output = stages_of(network(Quartic(), "sigmoid"), layer=2)["downstream"]
    assert "the loss gives dL/da = " in output.text and output.formula == "dL/da, from the loss"

    class Doubled(ns.MSE):
        def __call__(self, a, y):
            return 2 * super().__call__(a, y)

        def gradient(self, a, y):
            return 2 * super().gradient(a, y)

    assert Doubled.formula == "" and Doubled().derive(np.ones(2), np.zeros(2), 0) is None


# --- a textbook's learning rate ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "textbook", "factor"),
    [
        ("mse", lambda a, y: 0.5 * ((a - y) ** 2).sum(), lambda n: n / 2),
        ("mse", lambda a, y: ((a - y) ** 2).sum(), lambda n: n),
        ("binary_cross_entropy", lambda a, y: -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum(), lambda n: n),
        ("cross_entropy", lambda a, y: -(y * np.log(a)).sum(), lambda n: 1),
        ("mae", lambda a, y: np.abs(a - y).sum(), lambda n: n),
        ("hinge", lambda a, y: (np.maximum(0, 1 - a[1] + a) * (1 - y)).sum(), lambda n: n),
    ],
)
@pytest.mark.parametrize("n", [2, 4, 10])
def test_the_factor_between_a_textbooks_rate_and_ours(loss, textbook, factor, n):
    """Their step, rate times the slope of their loss (by central differences), is ours at `factor` times the rate."""
    a, y = np.linspace(0.1, 0.8, n), np.eye(n)[1]
    theirs = np.array([(textbook(a + e, y) - textbook(a - e, y)) / 2e-6 for e in 1e-6 * np.eye(n)])
    ours = LOSSES[loss]().gradient(a[None], y[None])[0]
    np.testing.assert_allclose(0.3 * theirs, 0.3 * factor(n) * ours, rtol=1e-5, atol=1e-9)


def test_the_factors_are_said_where_a_rate_is_chosen(cli):
    help_text = " ".join(cli("train", "--help").out.split())
    assert "mean over the n outputs" in help_text and "3.0 becomes 15" in help_text and "0.5 becomes 5" in help_text
    for loss, words in (("mse", "its 3.0 is 15 here"), ("binary_cross_entropy", "its 0.5 is 5 here")):
        assert words in " ".join(LOSSES[loss].__doc__.split())
    assert "rates are the same" in LOSSES["cross_entropy"].__doc__


def test_every_term_is_the_loss_for_random_outputs():
    """Σ of the terms against the readable form of the loss, which has tests of its own."""
    for key in LOSSES:
        loss = LOSSES[key]()
        for seed in range(20):
            rng = np.random.default_rng(seed)
            a = rng.random(5) + 0.01
            a /= a.sum()
            y = np.eye(5)[seed % 5]
            derived = [loss.derive(a, y, k) for k in range(5)]
            total = sum(value_of(each.term, each.numbers) for each in derived)
            assert total == pytest.approx(loss(a[None], y[None]), rel=1e-12), key if key != "cross_entropy" else total
            slopes = [value_of(each.gradient, each.numbers) for each in derived]
            np.testing.assert_allclose(slopes, loss.gradient(a[None], y[None])[0], rtol=1e-12, atol=1e-300)
