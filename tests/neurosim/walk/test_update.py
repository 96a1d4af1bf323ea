"""The stage of the update: what it prints is computed again from the printed numbers alone, for every optimizer."""

import math
import re
from collections import namedtuple
from typing import ClassVar

import numpy as np
import pytest

import neurosim as ns
from neurosim.optimizers import OPTIMIZERS, Optimizer, SGDTerms
from neurosim.walk import STAGES, words
from neurosim.walk.formula import digits_for, fill_numbers, names_in, value_of

X = np.random.default_rng(5).normal(size=(60, 12)) * (np.random.default_rng(7).random((60, 12)) < 0.6)
Y = np.random.default_rng(6).integers(0, 3, 60)
NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
SETTINGS = {
    "adamw": {"weight_decay": 0.3},
    "lion": {"weight_decay": 0.3},
    "nadam": {"momentum_decay": 0.02},
}
NAMES = r"[βηερμλψ]|\b[a-z]{1,2}\b(?!\()|velocity|delta|look|square|mu_|m_|v_|direction|decay"
LETTERS = {"η": "rate", "β₁": "beta1", "β₂": "beta2", "ε": "epsilon", "ρ": "rho", "μ": "momentum", "λ": "weight_decay"}
FUNCTIONS = {"sqrt": math.sqrt, "sign": np.sign, "max": max, "abs": abs}


def network(optimizer, steps=4, dtype="float32", **settings):
    layers = [ns.Input(12), ns.Dense(8, "tanh"), ns.Dense(3, "softmax")]
    net = ns.Network(layers, optimizer=optimizer, seed=4, dtype=dtype, **settings)
    for step in range(steps):
        net.train_batch(X[10 * step : 10 * step + 10], Y[10 * step : 10 * step + 10])
    return net


def told(net, neuron=2, sample=50):
    """The text of the stage, without line breaks where a long line was broken."""
    text = net.trace(X[sample], Y[sample])[1][neuron].stages()[STAGES.index("update")].text
    return re.sub(r"\n {6,}(?!=)(?=[^ ])", " ", text)


def python(equation):
    """An equation of the text as Python."""
    equation = equation.replace("√(", "sqrt(")
    equation = re.sub(rf"√({NUMBER}|\w+)", r"sqrt(\1)", equation)
    equation = re.sub(r"\|([^|]+)\|", r"abs(\1)", equation)
    for letter, name in (*LETTERS.items(), ("ψ", "momentum_decay"), ("²", "**2"), ("^", "**")):
        equation = equation.replace(letter, name)
    return equation


def computed(equation, values=()):
    return float(eval(python(equation), {"__builtins__": {}}, FUNCTIONS | dict(values)))


def is_shown_as(value, text, units=1.0):
    """Return whether a number is the printed one, up to some units of its last digit (five digits at least)."""
    mantissa, _, exponent = text.lstrip("-").partition("e")
    whole, _, decimals = mantissa.partition(".")
    places = len(decimals)
    digits = len((whole + decimals).lstrip("0"))
    places += max(0, 5 - digits)  # zeros at the end are not printed
    return abs(value - float(text)) <= 1.0000001 * units * 10.0 ** (int(exponent or 0) - places)


def equations(text):
    """(names, numbers, result) of every equation with numbers: ``m = β₁ * m + … = 0.9 * 0.1 + … = 0.2``."""
    joined = re.sub(r"\n +=", " =", text)
    for line in joined.splitlines():
        parts = [part.strip() for part in line.split(" = ")]
        if re.match(r" {4}(g|w|b|[a-z_]+)(: | = )", line) and len(parts) >= 2:
            head = re.split(r": ", parts[0])
            yield head[0], [*head[1:], *parts[1:]]


@pytest.mark.quick_every(4)
@pytest.mark.parametrize("clip", [None, 0.05])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("steps", [0, 4])
@pytest.mark.parametrize("key", list(OPTIMIZERS))
def test_each_line_comes_out_of_its_printed_numbers(key, steps, dtype, clip):
    optimizer = OPTIMIZERS[key](clip_norm=clip, **SETTINGS.get(key, {}))
    text = told(network(optimizer, steps, dtype))
    checked = 0
    for name, parts in equations(text):
        result = parts[-1]
        numbers = [part for part in parts[:-1] if re.search(r"\d", part) and not re.search(NAMES, part)]
        if numbers and re.fullmatch(NUMBER, result):
            assert is_shown_as(computed(numbers[-1]), result), (name, parts)
            checked += 1
    terms = len(OPTIMIZERS[key].formulas)
    assert checked >= terms + len([name for name in OPTIMIZERS[key].formulas if not name.startswith("mu")]) + 3


@pytest.mark.parametrize("key", list(OPTIMIZERS))
def test_the_algorithm_run_by_hand_on_the_printed_settings_state_and_gradient_gives_the_printed_change(key):
    """The stage says everything that the published loop needs: tests/reference.py is not asked, nor the rule."""
    for neuron in range(8):
        text = told(network(OPTIMIZERS[key](**SETTINGS.get(key, {})), dtype="float64"), neuron)
        weight, bias = text.split("the bias in the same way:")
        known = dict(re.findall(rf"(\w+) [^\s=]+ = ({NUMBER})", text.split("the weight that")[0]))
        known |= {"rate": re.search(r"η = (\S+?),", text)[1], "t": re.search(r"t = (\d+)", text)[1]}
        lines = dict(re.findall(r"^    ([a-z_]+) = ([^=\n]*[^=\d\s][^=\n]*)\n      =", weight, re.MULTILINE))
        assert list(lines) == list(OPTIMIZERS[key].formulas)
        for part, symbol in ((weight, "w"), (bias, "b")):
            now = {name: float(value) for name, value in known.items()}
            now |= {name: float(v) for name, v in re.findall(rf"(\w+) = ({NUMBER})", _line(weight, "before"))}
            now |= {name: float(v) for name, v in re.findall(rf"(\w+) = ({NUMBER})", _line(part, "before"))}
            now["g"] = float(re.search(rf"g = .*?({NUMBER})$", part, re.MULTILINE)[1])
            before, sign, size, after = re.search(
                rf"    {symbol}: ({NUMBER}) ([+-]) ({NUMBER}) = ({NUMBER})", part
            ).groups()
            now["w"] = float(before)
            for name, equation in lines.items():
                now[name] = computed(equation, now)
            change = float(sign + size)
            assert now["step"] == pytest.approx(-change, rel=2e-3, abs=1e-12), (key, neuron, symbol)
            assert float(before) + change == pytest.approx(float(after), rel=1e-4, abs=1e-9)


def _line(text, start):
    return next((line for line in text.splitlines() if line.strip().startswith(start)), "")


@pytest.mark.parametrize("key", list(OPTIMIZERS))
def test_the_formulas_are_the_rule(key):
    """Each formula, at numbers of its own, is what `rule` gives, which other tests hold to the published loops."""
    optimizer = OPTIMIZERS[key](**SETTINGS.get(key, {}))
    theta, grad = np.array([0.3, -0.2, 0.0]), np.array([0.7, -1.3, 0.0])
    optimizer.bind(theta, grad)
    for vector in optimizer.state.values():
        vector[...] = [0.04, 0.5, 0.2]
    optimizer.t = 6
    before = {name: getattr(optimizer, name) for name in optimizer.formulas if hasattr(optimizer, name)}
    state = [vector.copy() for vector in optimizer.state.values()]
    optimizer.t += 1
    optimizer.begin_step()
    terms = optimizer.rule(theta, grad, *state, 0.02, optimizer.t, **optimizer.hyper())._asdict()
    for i in range(3):
        now = {"theta": theta[i], "grad": grad[i], "rate": 0.02, "t": optimizer.t} | before
        now |= {name: each[i] for name, each in zip(optimizer.state_names, state, strict=True)}
        for name, formula in optimizer.formulas.items():
            for used in names_in(formula):
                now.setdefault(used, getattr(optimizer, used, None))
            now[name] = value_of(formula, now)
            expected = np.full(3, terms[name])[i] if name in terms else getattr(optimizer, name)
            assert now[name] == pytest.approx(expected, rel=1e-12, abs=1e-300), name


@pytest.mark.parametrize("key", list(OPTIMIZERS))
def test_every_optimizer_says_its_rule_and_its_settings(key):
    optimizer = OPTIMIZERS[key]()
    text = told(network(optimizer, 2))
    stage = network(optimizer := OPTIMIZERS[key](), 2).trace(X[0], Y[0])[1][0].stages()[9]
    assert stage.title == f"update by {key}" and stage.heading == f"update by {key}: θ ← θ - step"
    assert stage.formula.endswith("θ ← θ - step") and "\n" not in stage.formula
    assert list(optimizer.formulas)[-1] == "step"
    assert text.startswith(f"  learning rate η = {optimizer.rate:g}, update number t = 3\n")
    for name in optimizer.setting_names():
        if name not in ("learning_rate", "clip_norm"):
            assert f"{name} {words.SYMBOLS[name]} = {getattr(optimizer, name):g}" in text
    assert max(map(len, stage.text.splitlines())) <= 79


def test_the_word_step_is_said_of_one_thing_only():
    for key in OPTIMIZERS:
        text = network(key).trace(X[50], Y[50])[1][2].explain()
        for line in text.splitlines():
            if "step" in line:
                assert re.match(r" {4}step = |10\. update by \w+: θ ← θ - step$", line), line


def test_a_schedule_is_named_with_the_rate_that_it_gives():
    net = network(ns.Adam(ns.Exponential(0.01, steps=30)))
    rate = net.optimizer.rate
    assert f"learning rate η = {rate:.6g} (schedule exponential), update number t = 5" in told(net)


# --- why a weight moves that has no gradient --------------------------------------------------------------------------


def moved_without_a_gradient(optimizer, steps=4, **settings):
    """The stage of a neuron whose every input is zero: no weight has a gradient."""
    net = network(optimizer, steps, **settings)
    return net.trace(np.zeros(12), 1)[1][2].stages()[9]


@pytest.mark.parametrize(
    ("optimizer", "steps", "why", "cause"),
    [
        (
            ns.Adam(),
            4,
            "12 weights with zero gradient move, because of momentum (kept in m).",
            "m still holds earlier gradients",
        ),
        (ns.Momentum(), 4, "because of momentum (kept in velocity).", "velocity still holds earlier gradients"),
        (ns.Nesterov(), 4, "because of momentum (kept in velocity).", "velocity still holds"),
        (ns.Nadam(), 4, "because of momentum (kept in m).", "m still holds"),
        (
            ns.AdamW(weight_decay=0.1),
            4,
            "because of momentum (kept in m) and weight decay.",
            "and weight decay shrinks every weight",
        ),
        (
            ns.AdamW(weight_decay=0.1),
            0,
            "move, because of weight decay.",
            ": weight decay shrinks every weight",
        ),
        (
            ns.Lion(weight_decay=0.1),
            0,
            "move, because of weight decay.",
            ": weight decay shrinks every weight",
        ),
        (ns.SGD(), 4, "", ""),
        (ns.RMSProp(), 4, "", ""),
        (ns.AdaDelta(), 4, "", ""),
        (ns.Adam(), 0, "", ""),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Optimizer) else None,
)
def test_why_a_weight_without_a_gradient_moves(optimizer, steps, why, cause):
    stage = moved_without_a_gradient(optimizer, steps)
    text = " ".join(stage.text.split())
    assert stage.why.endswith(why) if why else stage.why == ""
    assert (f"its gradient is 0, but it moves{':' if cause else ''}" in text) == bool(cause) and cause in text
    assert ("no weight moves; an example" in text) == (not why)


def test_a_penalty_is_shown_as_part_of_the_gradient():
    stage = moved_without_a_gradient(ns.SGD(0.1), regularizer="l2:strength=0.05")
    assert stage.why == "" and "zero gradient" not in stage.text
    said = re.search(rf"g = dL/dw = delta \* x \+ penalty = ({NUMBER}) \* 0 ([+-]) ({NUMBER}) = ({NUMBER})", stage.text)
    assert float(said[4]) == float(said[2] + said[3]) != 0.0


def test_the_bound_on_the_norm_moves_weights_and_is_shown():
    stage = moved_without_a_gradient(ns.SGD(0.1), 0, max_norm=0.3)
    text = " ".join(stage.text.split())
    assert "12 weights with zero gradient move, because of the bound on the norm." in text
    assert "its gradient is 0, but it moves: the bound on the norm scales every weight" in text
    w, bound, norm, after = re.search(rf"w: \(({NUMBER}) \+ 0\) \* ({NUMBER}) / ({NUMBER}) = ({NUMBER})", text).groups()
    assert float(w) * float(bound) / float(norm) == pytest.approx(float(after), rel=1e-4) and bound == "0.3"
    within = moved_without_a_gradient(ns.SGD(0.1), 0, max_norm=30.0)
    assert "within the bound 30" in within.text and "scales it down" not in within.text


# --- your own optimizers ------------------------------------------------------------------------------------------


SignumTerms = namedtuple("SignumTerms", "m step")


class Halve(ns.SGD):
    """θ ← θ / 2, without formulas."""

    @staticmethod
    def rule(theta, grad, rate, t):
        return SGDTerms(step=0.5 * theta)


def test_an_optimizer_without_formulas_does_not_show_those_of_its_parent():
    assert Halve.formulas == {} and "η * g" in told(network(ns.SGD(0.1)))
    stage = network(Halve(0.1), 0).trace(np.zeros(12), 1)[1][0].stages()[9]
    assert stage.formula == "θ ← θ - step" and "η *" not in stage.text
    step = float(re.search(rf"    step = ({NUMBER})\n", stage.text)[1])
    before, after = map(float, re.search(rf"w: ({NUMBER}) [+-] {NUMBER} = ({NUMBER})", stage.text).groups())
    assert step == pytest.approx(before / 2, rel=1e-4) and after == pytest.approx(before / 2, rel=1e-4)
    assert stage.why == "12 weights with zero gradient move, because of the update rule."
    assert "the update rule moves it without a gradient" in " ".join(stage.text.split())


def test_your_own_optimizer_shows_its_formulas_and_settings():
    class Signum(Optimizer):
        formulas: ClassVar = {"m": "{beta} * {m} + (1 - {beta}) * {grad}", "step": "{rate} * sign({m})"}
        state_names = ("m",)
        beta = 0.9

        @staticmethod
        def rule(theta, grad, m, rate, t, beta):
            m = beta * m + (1 - beta) * grad
            return SignumTerms(m, step=rate * np.sign(m))

    text = told(network(Signum(0.01)))
    assert "beta = 0.9" in text and "m = beta * m + (1 - beta) * g\n" in text
    assert re.search(rf"step = η \* sign\(m\)\n      = 0\.01 \* sign\({NUMBER}\) = -?0\.01\n", text)


def test_a_formula_with_an_unknown_name_is_refused_in_one_clear_line(refused):
    class Wrong(ns.SGD):
        formulas: ClassVar = {"step": "{rate} * {gradient}"}

        @staticmethod
        def rule(theta, grad, rate, t):
            return SGDTerms(step=rate * grad)

    with refused("Wrong.formulas", "received 'gradient'"):
        told(network(Wrong(0.1), 0))


# --- equations --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equation", "numbers", "text", "value"),
    [
        ("{a} + {b}", {"a": 1, "b": -2}, "1 - 2", -1),
        ("{a} - {b}", {"a": 1, "b": -2}, "1 + 2", 3),
        ("{a} * {b}", {"a": 1, "b": -2}, "1 * -2", -2),
        ("{g}²", {"g": -3}, "(-3)²", 9),
        ("{g}²", {"g": 3}, "3²", 9),
        ("1 - {b}^{t}", {"b": 0.5, "t": 3}, "1 - 0.5^3", 0.875),
        ("√{v} + √({v} + {w})", {"v": 4, "w": 5}, "√4 + √(4 + 5)", 5),
        ("max({u}, |{g}| + {e})", {"u": 1, "g": -3, "e": 0.5}, "max(1, |-3| + 0.5)", 3.5),
        ("-ln({a})", {"a": 1}, "-ln(1)", 0),
        ("e^({z} - {s})", {"z": -1, "s": -1}, "e^(-1 + 1)", 1),
    ],
)
def test_equations_are_read_and_computed(equation, numbers, text, value):
    assert fill_numbers(equation, {name: f"{number:g}" for name, number in numbers.items()}) == text
    assert value_of(equation, numbers) == pytest.approx(value)


def test_an_equation_that_cannot_be_computed_gives_none():
    assert value_of("{activation}({z})", {"z": 1.0}) is None and value_of("", {}) is None
    assert value_of("relu({z})", {"z": 1.0}) is None


def test_numbers_get_the_digits_that_their_result_needs():
    assert digits_for("{a} * {b}", {"a": 2.0, "b": 0.5}, 1.0) == 5
    a, b = 0.123456789, -0.12345
    assert digits_for("{a} + {b}", {"a": a, "b": b}, a + b) == 9  # nearly all of it cancels
    for total in (1.2345678, 3.3333333, 9.9999999):
        digits = digits_for("{a} - {b}", {"a": total, "b": 1.1111111}, total - 1.1111111)
        shown = float(f"{total:.{digits}g}") - float(f"{1.1111111:.{digits}g}")
        assert f"{shown:.5g}" == f"{total - 1.1111111:.5g}"


def test_in_a_notebook_the_lines_keep_their_order():
    page = network("adam").trace(X[50], Y[50])[1][2]._repr_html_()
    places = [
        page.index(words) for words in ("10. update by adam", "beta1", "moves most", "in the same way", "weights move")
    ]
    assert places == sorted(places)
