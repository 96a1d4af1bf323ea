"""Readable rules as lines of a loop: the lines compute what the rule says. These tests need no compiler."""

import math
from collections import namedtuple

import numpy as np
import pytest

import neurosim as ns
from neurosim.compiled.sources import activation_source, backward_source, loss_source, slope_source, update_source
from neurosim.compiled.tracing import NotTraceable, Trace, traced
from neurosim.losses import ByOutput

Z = [-30.0, -6.5, -1.0, -0.3, -1e-4, 0.0, 1e-4, 0.4, 1.0, 3.0, 6.5, 30.0]
PYTHON = {  # what a kernel finds in its module, one number at a time
    "real": float,
    "exp": math.exp,
    "expm1": math.expm1,
    "log": math.log,
    "log1p": math.log1p,
    "tanh": math.tanh,
    "sqrt": math.sqrt,
    "maximum": max,
    "minimum": min,
    "sign": np.sign,
    "logaddexp": np.logaddexp,
}


def computed(rule, numbers, scalars=()):
    """Return the results of a rule's lines for numbers, one element each, and for scalars: name -> number."""
    trace = Trace()
    elements = [trace.element(f"x{k}") for k in range(len(numbers))]
    found = traced(rule, trace, *elements, **{name: trace.scalar(name) for name in scalars})
    found = found._asdict() if isinstance(found, tuple) else {"it": found}
    given = PYTHON | {f"x{k}": number for k, number in enumerate(numbers)} | dict(scalars)
    names = {name: trace.text(each, True) for name, each in found.items()}
    exec("\n".join([*trace.before, *trace.lines]), given)
    return {name: eval(text, given) for name, text in names.items()}


@pytest.mark.parametrize("key", [key for key in ns.ACTIVATIONS if key != "softmax"])
def test_an_activation_and_its_derivative(key):
    activation = ns.ACTIVATIONS.create(key)
    for z in Z:
        for rule in (activation, activation.derivative):
            expected = float(rule(np.array([[z]]))[0, 0])
            assert computed(rule, [z])["it"] == pytest.approx(expected, rel=1e-13, abs=1e-300)


@pytest.mark.parametrize("key", ns.OPTIMIZERS)
def test_every_term_of_an_update_rule(key):
    optimizer, rng = ns.OPTIMIZERS.create(key), np.random.default_rng(0)
    optimizer.t = 3
    optimizer.begin_step()
    for _ in range(20):
        numbers = [rng.normal(), rng.normal(), *np.abs(rng.normal(size=len(optimizer.state_names)))]
        scalars = {"rate": 0.01, "t": 3, **optimizer.hyper()}
        expected = optimizer.rule(*numbers, **scalars)._asdict()
        assert computed(optimizer.rule, numbers, scalars) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("key", [key for key in ns.LOSSES if issubclass(ns.LOSSES[key], ByOutput)])
def test_a_loss_by_output_and_its_slope(key):
    loss = ns.LOSSES.create(key)
    for a, y in ((0.2, 0.0), (0.9, 1.0), (-3.0, 1.0), (0.5, 0.5), (4.0, 0.0)):
        for rule in (loss.term, loss.slope):
            assert computed(rule, [a, y])["it"] == pytest.approx(float(rule(np.array(a), np.array(y))))


def test_what_does_not_depend_on_an_element_is_computed_once_and_in_double_precision():
    optimizer = ns.Adam()
    source = update_source(optimizer)
    before = source[source.index("def update") : source.index("for k in")]
    assert "(1.0 - beta2)" in before and "sqrt" not in before and "real(1)" not in before


def test_the_same_call_is_written_once():
    for source in (backward_source(ns.ACTIVATIONS.create("mish")), activation_source(ns.Mish(), False)):
        assert source.count("logaddexp(") == 1
    assert loss_source(ns.Huber()).count("abs(") == 1 and "minimum" in slope_source(ns.Huber())


def branches(z):
    return z if z > 0 else 0 * z


def sums(z):
    return z - z.sum()


@pytest.mark.parametrize(
    "rule",
    [branches, sums, lambda z: np.sort(z), lambda z: z ** np.pi, lambda z: math.tanh(z), lambda z: z[0],
     lambda z: np.add.reduce(z), lambda z: np.add(z, 1, out=np.zeros(3)), lambda z: z + "1", lambda z: np.cumsum(z)],
)  # fmt: skip
def test_what_is_not_elementwise_is_refused(rule):
    with pytest.raises(NotTraceable):
        traced(rule, Trace(), Trace().element("z"))


def test_in_place_operations_and_old_values_stay_apart():
    def rule(theta, grad, m, rate, t):
        before = m.copy()
        m = m * 0.5
        m += grad
        return namedtuple("Terms", "m step")(m, step=rate * before)

    assert computed(rule, [1.0, 2.0, 8.0], {"rate": 0.5, "t": 1}) == {"m": 6.0, "step": 4.0}
