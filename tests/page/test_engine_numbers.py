"""The page's small functions, compared with Python's: numbers and lines as text, equations, activations, optimizers."""

import math

import numpy as np
import pytest
from engine_node import engine_in, needs_node

from neurosim import text
from neurosim.activations import ACTIVATIONS
from neurosim.optimizers import OPTIMIZERS
from neurosim.schedules import SCHEDULES
from neurosim.walk import formula, stages, words

pytestmark = needs_node


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return engine_in(tmp_path_factory.mktemp("engine"))


def as_json(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def awkward_numbers():
    rng = np.random.default_rng(0)
    ties = [
        0.5,
        1.5,
        2.5,
        0.125,
        0.375,
        12.5,
        9.5,
        99.5,
        0.15625,
        100002.5,
        1000000.5,
        2.0**-14,
        3 * 2.0**-15,
        8.5,
        1e22,
    ]
    edges = [
        0.0,
        1.0,
        9.9999,
        9.99995,
        9.999949999,
        99999.5,
        1e-4,
        9.9999e-5,
        1e16,
        123456.0,
        5e-324,
        1.7e308,
        1e-7,
        0.1,
    ]
    special = [math.inf, -math.inf, math.nan, -0.0]
    drawn = rng.normal(size=300) * 10.0 ** rng.integers(-12, 12, size=300)
    rounded = [float(f"{each:.{k % 7 + 1}g}") for k, each in enumerate(drawn)]
    return [*ties, *edges, *special, *(-each for each in ties + edges), *drawn.tolist(), *rounded]


FORMATS = {
    "general": lambda value, digits: f"{value:.{digits}g}",
    "exponential": lambda value, digits: f"{value:.{digits}e}",
    "decimals": lambda value, digits: f"{value:.{digits}f}",
    "number": text.number,
    "thousands": text.thousands,
    "short": text.short,
    "fixed": text.fixed,
}


@pytest.mark.parametrize("name", FORMATS)
def test_numbers_with_digits(engine, name):
    large = 1e15 if name in ("decimals", "thousands", "fixed") else math.inf  # JavaScript has no %f beyond 1e21
    values = [value for value in awkward_numbers() if not abs(value) > large or math.isinf(value)]
    if name == "fixed":
        values = [value for value in values if math.isfinite(value)]
    calls = [(name, value, digits) for value in values for digits in (1, 2, 3, 5, 6)]
    (found,) = engine.ask({"do": "numbers", "calls": [[name, as_json(value), digits] for name, value, digits in calls]})
    wrong = [(call, got) for call, got in zip(calls, found, strict=True) if FORMATS[name](*call[1:]) != got]
    assert not wrong[:5]


PLAIN = {
    "column": text.column,
    "signedShort": text.signed_short,
    "probability": text.probability,
    "fourDigits": text.four_digits,
    "percent": text.percent,
    "certainty": text.certainty,
}


@pytest.mark.parametrize("name", PLAIN)
def test_numbers(engine, name):
    values = [value for value in awkward_numbers() if math.isfinite(value) and abs(value) < 1e12]
    (found,) = engine.ask({"do": "numbers", "calls": [[name, value] for value in values]})
    assert found == [PLAIN[name](value) for value in values]


def test_pairs_and_typesetting(engine):
    rng = np.random.default_rng(1)
    firsts = rng.normal(size=60) * 10.0 ** rng.integers(-6, 7, size=60)
    pairs = [
        (a, a * (1 + b)) for a, b in zip(firsts.tolist(), (10.0 ** rng.integers(-9, 1, size=60)).tolist(), strict=True)
    ]
    pairs += [(0.0, 0.0), (1.0, 0.0), (0.152, 0.15201)]
    said = [line for row in words.ROWS.values() for line in row.values()] + list(words.WHY.values())
    calls = [["shortPair", *pair] for pair in pairs] + [
        ["typeset", line] for line in [*said, "a * -2 - 3e-5 -> b_k", "(-y) 2.3 % -Σ x-axis"]
    ]
    (found,) = engine.ask({"do": "numbers", "calls": calls})
    assert [tuple(each) for each in found[: len(pairs)]] == [text.short_pair(*pair) for pair in pairs]
    assert found[len(pairs) :] == [text.typeset(call[1]) for call in calls[len(pairs) :]]


def test_long_lines_break_where_python_breaks_them(engine):
    rng = np.random.default_rng(2)
    parts = [
        "delta",
        "cross-entropy",
        "0.00012",
        "(a - y) / n",
        "one-way-street",
        "x" * 90,
        "--",
        "well--known",
        "a-b",
        "e-05,",
        "Σ",
        "ünï-cödé",
        "-1.5",
    ]
    lines = ["  " * int(rng.integers(1, 4)) + " ".join(rng.choice(parts, size=rng.integers(8, 40))) for _ in range(150)]
    (found,) = engine.ask({"do": "wrap", "lines": lines})
    assert found == [stages._within_width(line) for line in lines]


EQUATIONS = [
    "{a} * {b}", "-ln({a}) / {n}", "-({y} * ln({a}) + (1 - {y}) * ln(1 - {a})) / {n}", "({a} - {y})² / 2 / {n}",
    "{d} * (|{a} - {y}| - {d} / 2) / {n}", "max(0, {m} - {y} + {a})² / {n}", "e^({a} - {b})", "-{a}² - -{b}^2",
    "√(({u} + {e}) / ({a} + {e})) * {b}", "{r} * {b} / (√{a} + {e})", "0.96^(({n} + 1) * {m})", "sign({b} - {y})",
    "relu({a})", "f'({a})", "{gone} * 2", "", "{λ} * sign({w})", "{a} - {b} - {m} / {d} / {r}", "2 * {a}^{b}^2",
]  # fmt: skip


def test_equations(engine):
    rng = np.random.default_rng(3)
    calls, expected = [], []
    for equation in EQUATIONS:
        for _ in range(8):
            numbers = {name: float(rng.normal()) for name in "abnydmueruw"}
            numbers |= {"a": float(rng.uniform(0.01, 1)), "u": 0.5, "e": 1e-8, "n": 3.0, "λ": 0.01}
            value = formula.value_of(equation, numbers)
            calls.append(["valueOf", equation, numbers])
            expected.append(value)
            if value is not None and math.isfinite(value):
                calls.append(["digitsFor", equation, numbers, value])
                expected.append(formula.digits_for(equation, numbers, value))
                written = {name: text.number(each) for name, each in numbers.items()}
                calls.append(["fillNumbers", equation, written])
                expected.append(formula.fill_numbers(equation, written))
    (found,) = engine.ask({"do": "formula", "calls": calls})
    for call, got, wanted in zip(calls, found, expected, strict=True):
        if isinstance(wanted, float) and not math.isfinite(wanted):
            assert got is None  # JSON has no NaN
        elif isinstance(wanted, float):
            assert got == pytest.approx(wanted, rel=1e-14), call
        else:
            assert got == wanted, call


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_activations(engine, dtype):
    rng = np.random.default_rng(4)
    z = np.concatenate([rng.normal(size=40) * 3, [0.0, 1.0, -1.0, 6.0, 30.0, -30.0, 700.0, -700.0]]).astype(dtype)
    configs = [{"name": key} for key in ACTIVATIONS]
    configs += [{"name": "leaky_relu", "negative_slope": 0.2}, {"name": "elu", "alpha": 0.7}]
    requests = [{"do": "activations", "config": each, "z": z.tolist(), "dtype": dtype} for each in configs]
    tolerance = 1e-12 if dtype == "float64" else 4e-6
    for config, (a, slopes) in zip(configs, engine.ask(*requests), strict=True):
        f = ACTIVATIONS.create(config)
        np.testing.assert_allclose(np.float64(a), f(z), rtol=tolerance, atol=tolerance, err_msg=str(config))
        np.testing.assert_allclose(
            np.float64(slopes), f.derivative(z), rtol=tolerance, atol=tolerance, err_msg=str(config)
        )
    assert len(ACTIVATIONS) == 15


def test_schedules(engine):
    configs = [{"name": key} for key in SCHEDULES]
    configs += [{"name": "warm_up", "after": {"name": "cosine", "rate": 0.1}}, {"name": "step", "every": 4}]
    configs += [{"name": "exponential", "steps": 9}, {"name": "one_cycle", "up": 0.05}]
    steps = list(range(5, 40))
    requests = [{"do": "schedule", "config": each, "begin": [5, 20], "steps": steps} for each in configs]
    for config, found in zip(configs, engine.ask(*requests), strict=True):
        schedule = SCHEDULES.create(config)
        schedule.begin(5, 20)
        np.testing.assert_allclose(found, [schedule(step) for step in steps], rtol=1e-13, err_msg=str(config))


@pytest.mark.parametrize("clip", [None, 0.5])
def test_optimizers(engine, clip):
    rng = np.random.default_rng(5)
    theta, grads = rng.normal(size=7), rng.normal(size=(6, 7))
    grads[2:4, 3] = 0.0
    configs = [{"name": key, "clip_norm": clip} for key in OPTIMIZERS]
    configs += [{"name": "adamw", "weight_decay": 0.3}, {"name": "lion", "weight_decay": 0.2, "learning_rate": 0.01}]
    requests = [
        {"do": "optimizer", "config": each, "theta": theta.tolist(), "grads": grads.tolist()} for each in configs
    ]
    for config, found in zip(configs, engine.ask(*requests), strict=True):
        optimizer, mine = OPTIMIZERS.create(config), theta.copy()
        grad = np.empty(7)
        for each in grads:
            grad[...] = each
            optimizer.step(mine, grad)
        np.testing.assert_allclose(found, mine, rtol=1e-12, atol=1e-14, err_msg=str(config))
    assert len(OPTIMIZERS) == 12
