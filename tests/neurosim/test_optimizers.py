import copy
import functools
import inspect
import json
import math
import pickle
import types
from typing import NamedTuple

import numpy as np
import pytest
import reference

import neurosim as ns
from neurosim import optimizer_base
from neurosim.optimizer_base import BLOCK, clip_by_global_norm_, sign_
from neurosim.optimizers import OPTIMIZERS, SGDTerms
from neurosim.schedules import SCHEDULES

KEYS = list(OPTIMIZERS)
RATES = {
    "sgd": 0.1,
    "momentum": 0.02,
    "nesterov": 0.02,
    "adagrad": 0.3,
    "rmsprop": 0.02,
    "adadelta": 1.0,
    "lion": 0.01,
}  # else 0.05
VARIANTS = [(key, {}) for key in KEYS] + [
    ("momentum", {"momentum": 0.5}),
    ("nesterov", {"momentum": 0.5}),
    ("adagrad", {"epsilon": 1e-3}),
    ("rmsprop", {"rho": 0.99, "epsilon": 1e-3}),
    ("adadelta", {"rho": 0.8, "epsilon": 1e-3}),
    ("adam", {"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-2}),
    ("amsgrad", {"beta2": 0.9, "epsilon": 1e-2}),
    ("adamax", {"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-2}),
    ("nadam", {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-2, "momentum_decay": 0.02}),
    ("adamw", {"weight_decay": 0.3, "epsilon": 1e-2}),
    ("lion", {"weight_decay": 0.3, "beta1": 0.8}),
]
# a bowl whose axes differ in steepness, with a little waviness, so that no two parameters see the same gradients
STEEPNESS = [0.3, 1.0, 2.5, 4.0, 0.05, 1.7]
START = [1.0, -2.0, 0.5, 1.5, -0.7, 3.0]


def slope(theta):
    return [c * p + 0.3 * math.sin(5.0 * p + k) for k, (c, p) in enumerate(zip(STEEPNESS, theta, strict=True))]


def run(optimizer, steps, start=START, dtype="float64"):
    theta, grad = np.array(start, dtype), np.empty(len(start), dtype)
    for _ in range(steps):
        grad[...] = slope(theta.tolist())
        optimizer.step(theta, grad)
    return theta


@pytest.mark.parametrize(("key", "settings"), VARIANTS)
def test_100_steps_are_those_of_the_published_formula(key, settings):
    rate = RATES.get(key, 0.05)
    theta = run(OPTIMIZERS[key](rate, **settings), 100)
    expected = reference.OPTIMIZERS[key](START, slope, [rate] * 100, **settings)
    np.testing.assert_allclose(theta, expected, rtol=1e-9, atol=1e-11)
    assert not np.allclose(theta, START)


@pytest.mark.parametrize("key", KEYS)
def test_100_steps_with_a_falling_rate_are_those_of_the_published_formula(key):
    rates = [RATES.get(key, 0.05) * 0.97**t for t in range(100)]
    optimizer = OPTIMIZERS[key](ns.Exponential(rates[0], factor=0.97**100, steps=100))
    np.testing.assert_allclose(run(optimizer, 100), reference.OPTIMIZERS[key](START, slope, rates), rtol=1e-9)


@pytest.mark.parametrize("key", KEYS)
def test_defaults_are_those_of_the_reference(key):
    optimizer = OPTIMIZERS[key]()
    rate = optimizer.rate
    np.testing.assert_allclose(run(optimizer, 20), reference.OPTIMIZERS[key](START, slope, [rate] * 20), rtol=1e-9)


@pytest.mark.parametrize("key", KEYS)
def test_float32_is_float64_to_a_few_digits(key):
    single = run(OPTIMIZERS[key](RATES.get(key, 0.05)), 10, dtype="float32")
    double = run(OPTIMIZERS[key](RATES.get(key, 0.05)), 10)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("key", KEYS)
def test_vectors_longer_than_a_block_are_updated_everywhere(key):
    size = 2 * BLOCK + 17
    rng = np.random.default_rng(0)
    theta, grads = rng.normal(size=size), rng.normal(size=(3, size))
    start = theta.copy()
    optimizer = OPTIMIZERS[key](0.05)
    grad = np.empty(size)
    for row in grads:
        grad[...] = row
        optimizer.step(theta, grad)
    for i in (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, size - 1):
        sequence = iter(grads[:, i].tolist())
        expected = reference.OPTIMIZERS[key]([start[i]], lambda _, s=sequence: [next(s)], [0.05] * 3)
        assert theta[i] == pytest.approx(expected[0], rel=1e-10, abs=1e-12), i
    # every rule is elementwise: a whole run on the tail alone has to give the same numbers
    tail, tail_grad, other = start[BLOCK - 5 :].copy(), np.empty(size - BLOCK + 5), OPTIMIZERS[key](0.05)
    for row in grads:
        tail_grad[...] = row[BLOCK - 5 :]
        other.step(tail, tail_grad)
    np.testing.assert_allclose(theta[BLOCK - 5 :], tail, rtol=1e-13)


@pytest.mark.parametrize("key", KEYS)
def test_a_rate_of_zero_moves_nothing(key):
    np.testing.assert_array_equal(run(OPTIMIZERS[key](0.0), 3), START)


@pytest.mark.parametrize("key", KEYS)
def test_a_gradient_of_zero_moves_nothing_but_by_decay(key):
    theta, grad = np.array(START), np.zeros(len(START))
    OPTIMIZERS[key](0.1).step(theta, grad)
    np.testing.assert_allclose(theta, np.array(START) * (1 - 0.1 * 0.01 if key == "adamw" else 1.0), rtol=1e-15)


@pytest.mark.parametrize("key", KEYS)
def test_the_gradient_is_left_alone_without_clip_norm(key):
    grad = np.linspace(-1.0, 1.0, 6)
    OPTIMIZERS[key](0.1).step(np.array(START), grad)
    np.testing.assert_array_equal(grad, np.linspace(-1.0, 1.0, 6))


@pytest.mark.parametrize("max_norm", [0.5, 3.0, 1e3, math.inf])
def test_clipping_is_the_reference(max_norm):
    g = np.array([3.0, -1.0, 0.5, 2.0])
    expected = reference.clip_by_norm(g.tolist(), max_norm)
    clip_by_global_norm_(g, max_norm)
    np.testing.assert_allclose(g, expected, rtol=1e-14)


def test_clip_norm_bounds_the_norm_of_the_whole_gradient_in_a_step():
    theta, grad = np.zeros(2 * BLOCK), np.full(2 * BLOCK, 1.0)
    ns.SGD(1.0, clip_norm=2.0).step(theta, grad)
    assert np.linalg.norm(grad) == pytest.approx(2.0, rel=1e-6)
    np.testing.assert_allclose(theta, -grad)


@pytest.mark.parametrize("key", KEYS)
def test_clip_norm_clips_before_the_rule(key):
    def clipped(theta):
        return reference.clip_by_norm(slope(theta), 0.7)

    theta = run(OPTIMIZERS[key](RATES.get(key, 0.05), clip_norm=0.7), 50)
    expected = reference.OPTIMIZERS[key](START, clipped, [RATES.get(key, 0.05)] * 50)
    np.testing.assert_allclose(theta, expected, rtol=1e-9)


def test_clipping_survives_a_gradient_whose_square_overflows():
    grad = np.full(4, 1e20, np.float32)
    with np.errstate(over="ignore"):
        clip_by_global_norm_(grad, 1.0)
    np.testing.assert_allclose(grad, 0.5, rtol=1e-5)


@pytest.mark.parametrize(
    "via", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))], ids=["deepcopy", "pickle"]
)
@pytest.mark.parametrize("key", KEYS)
def test_state_survives_a_copy_and_is_no_longer_shared(key, via):
    original = OPTIMIZERS[key](ns.Cosine(RATES.get(key, 0.05), steps=40))
    halfway = run(original, 10)
    twin = via(original)
    for name in original.state_names:
        assert np.array_equal(twin.state[name], original.state[name])
        assert not np.shares_memory(twin.state[name], original.state[name])
    first, second = run(original, 10, halfway), run(twin, 10, halfway)
    np.testing.assert_array_equal(first, second)
    assert twin.t == original.t == 20


@pytest.mark.parametrize("key", KEYS)
def test_scalars_and_state_restore_exactly_after_json(key):
    original = OPTIMIZERS[key](ns.Cosine(RATES.get(key, 0.05), steps=40))
    halfway = run(original, 10)
    scalars = json.loads(json.dumps(original.scalars()))
    state = {name: vector.copy() for name, vector in original.state.items()}
    fresh = OPTIMIZERS.create(json.loads(json.dumps(original.config())))
    fresh.restore(scalars, state)
    np.testing.assert_array_equal(run(fresh, 10, halfway), run(original, 10, halfway))
    for name in state:
        assert not np.shares_memory(fresh.state[name], state[name])


@pytest.mark.parametrize("key", KEYS)
def test_restore_goes_back_in_place(key):
    theta, grad = np.array(START), np.linspace(-1.0, 1.0, 6)
    optimizer = OPTIMIZERS[key](0.05)
    optimizer.step(theta, grad)
    scalars, state = optimizer.scalars(), {name: vector.copy() for name, vector in optimizer.state.items()}
    vectors, kept = dict(optimizer.state), theta.copy()
    optimizer.step(theta, grad)
    once = theta.copy()
    optimizer.restore(scalars, state)
    assert all(optimizer.state[name] is vectors[name] for name in vectors)
    theta[...] = kept
    optimizer.step(theta, grad)
    np.testing.assert_array_equal(theta, once)


@pytest.mark.parametrize("key", KEYS)
def test_forget_goes_back_to_before_the_first_step(key):
    optimizer = OPTIMIZERS[key](ns.Cosine(RATES.get(key, 0.05), steps=40))
    first = run(optimizer, 10)
    optimizer.forget()
    assert optimizer.t == 0
    assert all(not vector.any() for vector in optimizer.state.values())
    np.testing.assert_array_equal(run(optimizer, 10), first)


@pytest.mark.parametrize("key", KEYS)
def test_an_optimizer_works_for_one_network_only(key, make_net, refused):
    optimizer = OPTIMIZERS[key]()
    make_net(optimizer=optimizer)
    with refused("already works for another network", "new optimizer", type(optimizer).__name__):
        make_net(optimizer=optimizer)


def test_networks_made_from_one_name_share_no_optimizer(make_net):
    assert make_net(optimizer="adam").optimizer is not make_net(optimizer="adam").optimizer


@pytest.mark.parametrize("key", KEYS)
def test_state_is_shaped_and_typed_as_the_parameters(key):
    for dtype in ("float32", "float64"):
        optimizer = OPTIMIZERS[key](0.1)
        run(optimizer, 1, dtype=dtype)
        assert tuple(optimizer.state) == optimizer.state_names
        assert all(vector.shape == (6,) and vector.dtype == dtype for vector in optimizer.state.values())


@pytest.mark.parametrize("key", KEYS)
def test_a_step_allocates_nothing_of_the_vectors_size(key, peak_memory):
    size = 3 * BLOCK
    theta, grad, optimizer = np.zeros(size, np.float32), np.ones(size, np.float32), OPTIMIZERS[key](1e-3, clip_norm=1.0)
    assert peak_memory(lambda: optimizer.step(theta, grad)) < 16_384  # NumPy casts through a buffer of 8 kB


def test_vectors_that_do_not_match_are_refused(refused):
    for theta, grad in (
        (np.zeros(3), np.zeros(4)),
        (np.zeros((2, 2)), np.zeros((2, 2))),
        (np.zeros(3), np.zeros(3, np.float32)),
    ):
        with refused("adam", "received", error=ns.ShapeError):
            ns.Adam().step(theta, grad)


@pytest.mark.parametrize("key", [key for key in KEYS if OPTIMIZERS[key].state_names])
def test_state_of_another_size_is_refused(key, refused):
    optimizer = OPTIMIZERS[key]()
    optimizer.step(np.zeros(3), np.zeros(3))
    with refused("3 float64", "4 float64", "new", error=ns.ShapeError):
        optimizer.step(np.zeros(4), np.zeros(4))


@pytest.mark.parametrize("rate", list(SCHEDULES))
def test_the_learning_rate_may_be_a_schedule_by_name(rate):
    optimizer = ns.SGD(rate)
    assert isinstance(optimizer.learning_rate, SCHEDULES[rate])
    optimizer.learning_rate.begin(0, 10)
    assert 0.0 <= optimizer.rate <= optimizer.learning_rate.rate


def test_the_learning_rate_may_be_changed_between_steps():
    optimizer = ns.SGD(0.5)
    theta, grad = np.zeros(2), np.ones(2)
    optimizer.step(theta, grad)
    optimizer.learning_rate = 0.25
    optimizer.step(theta, grad)
    np.testing.assert_array_equal(theta, [-0.75, -0.75])


@pytest.mark.parametrize(
    "make",
    [
        lambda: ns.SGD(-1.0),
        lambda: ns.SGD(math.nan),
        lambda: ns.SGD(math.inf),
        lambda: ns.SGD(None),
        lambda: ns.SGD(True),
        lambda: ns.SGD(0.1, clip_norm=0.0),
        lambda: ns.Momentum(momentum=1.0),
        lambda: ns.RMSProp(rho=1.5),
        lambda: ns.Adam(beta1=1.0),
        lambda: ns.Adam(beta2=-0.1),
        lambda: ns.Adam(epsilon=0.0),
        lambda: ns.AdamW(weight_decay=-1.0),
        lambda: ns.Lion(beta2="0.9"),
        lambda: ns.Nadam(momentum_decay=-1.0),
    ],
)
def test_settings_out_of_bounds_are_refused(make, refused):
    with refused("expected a ", "number ", "received"):
        make()


def test_an_unknown_schedule_name_lists_the_choices(refused):
    with refused("learning_rate: expected a number or a schedule, received", "did you mean 'cosine'"):
        ns.SGD("cosin")
    with refused("received 'fast'") as error:
        ns.SGD("fast")
    assert "did you mean" not in str(error.value)


# --- the rule: the algorithm spelled out ---------------------------------------------------------------------------


def by_rule(optimizer):
    """The same optimizer, but it updates with its rule, like one without a fast form."""
    optimizer.update_ = types.MethodType(ns.Optimizer.update_, optimizer)
    return optimizer


def in_step(t, key):
    """An optimizer with its default settings, in step t."""
    optimizer = OPTIMIZERS[key]()
    for optimizer.t in range(1, t + 1):
        optimizer.begin_step()
    return optimizer


@pytest.mark.parametrize(("key", "settings"), VARIANTS)
def test_100_steps_of_the_rule_on_plain_numbers_are_those_of_the_published_formula(key, settings):
    rates = [RATES.get(key, 0.05) * 0.97**t for t in range(100)]
    optimizer, theta = OPTIMIZERS[key](**settings), list(START)
    state = [[0.0] * len(optimizer.state_names) for _ in theta]
    for optimizer.t, rate in enumerate(rates, start=1):
        optimizer.begin_step()
        grad = slope(theta)
        for i, values in enumerate(state):
            terms = optimizer.rule(theta[i], grad[i], *values, rate, optimizer.t, **optimizer.hyper())
            theta[i] = float(theta[i] - terms.step)
            state[i] = [float(getattr(terms, name)) for name in optimizer.state_names]
    expected = reference.OPTIMIZERS[key](START, slope, rates, **settings)
    np.testing.assert_allclose(theta, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("key", "settings"), VARIANTS)
def test_100_steps_by_the_rule_are_those_of_the_published_formula(key, settings):
    rate = RATES.get(key, 0.05)
    theta = run(by_rule(OPTIMIZERS[key](rate, **settings)), 100)
    expected = reference.OPTIMIZERS[key](START, slope, [rate] * 100, **settings)
    np.testing.assert_allclose(theta, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("key", "settings"), VARIANTS)
def test_the_fast_form_is_the_rule_over_many_steps(key, settings, dtype):
    """State is equal bit for bit, because both compute it alike; parameters are equal up to the last digits."""
    steps, size, rng = 300, 1000, np.random.default_rng(0)
    fast, slow = (OPTIMIZERS[key](ns.Cosine(RATES.get(key, 0.05), steps=steps), **settings) for _ in range(2))
    by_rule(slow)
    start, grad = rng.normal(size=size).astype(dtype), np.empty(size, dtype)
    one, other, largest = start.copy(), start.copy(), np.abs(start)
    for _ in range(steps):
        grad[...] = rng.normal(size=size) * rng.choice([0.0, 1e-4, 1.0, 100.0], size=size)
        kept = grad.copy()
        fast.step(one, grad)
        slow.step(other, grad)
        largest = np.maximum(largest, np.abs(one))
        assert np.array_equal(grad, kept)
    for name in fast.state_names:
        np.testing.assert_array_equal(fast.state[name], slow.state[name])
    assert np.abs(one - start).max() > 0.05
    assert (np.abs(one - other) <= 40 * np.finfo(dtype).eps * largest).all()
    assert one.dtype == other.dtype == dtype


@pytest.mark.parametrize(("key", "settings"), VARIANTS)
def test_the_rules_terms_are_the_step_that_was_taken(key, settings):
    optimizer = OPTIMIZERS[key](RATES.get(key, 0.05), **settings)
    theta, grad = np.array(START), np.empty(len(START))
    for t in range(1, 6):
        grad[...] = slope(theta.tolist())
        before = [optimizer.state[name].copy() if t > 1 else np.zeros(len(START)) for name in optimizer.state_names]
        given = [theta.copy(), grad.copy(), *(vector.copy() for vector in before)]
        optimizer.step(theta, grad)
        theta_before = given[0]
        terms = optimizer.rule(theta_before, grad, *before, optimizer.last_rate, optimizer.t, **optimizer.hyper())
        assert all(map(np.array_equal, (theta_before, grad, *before), given))  # the rule changes nothing it is given
        terms = terms._asdict()
        assert list(terms)[-1] == "step"
        np.testing.assert_allclose(terms["step"], theta_before - theta, rtol=1e-9, atol=1e-13)
        for name in optimizer.state_names:
            np.testing.assert_array_equal(terms[name], optimizer.state[name])
        if "m_hat" in terms:
            np.testing.assert_allclose(terms["m_hat"] * (1.0 - optimizer.beta1**t), optimizer.state["m"], rtol=1e-12)
        if "v_hat" in terms:
            second = optimizer.state["v_max" if key == "amsgrad" else "v"]
            np.testing.assert_allclose(terms["v_hat"] * (1.0 - optimizer.beta2**t), second, rtol=1e-12)
        if "decay" in terms:
            np.testing.assert_allclose(terms["decay"], RATES.get(key, 0.05) * optimizer.weight_decay * theta_before)


@pytest.mark.parametrize(
    ("key", "names"),
    {
        "sgd": "step",
        "momentum": "velocity step",
        "nesterov": "velocity look_ahead step",
        "adagrad": "square_sum step",
        "rmsprop": "v step",
        "adadelta": "v d u step",
        "adam": "m v m_hat v_hat step",
        "amsgrad": "m v v_max m_hat v_hat step",
        "adamax": "m u m_hat step",
        "nadam": "m v m_ahead v_hat step",
        "adamw": "decay m v m_hat v_hat step",
        "lion": "direction decay m step",
    }.items(),
)
def test_terms_have_the_names_and_the_order_of_the_paper(key, names):
    optimizer = in_step(1, key)
    terms = optimizer.rule(1.0, 0.5, *[0.0 for _ in optimizer.state_names], 0.1, 1, **optimizer.hyper())
    assert list(terms._fields) == names.split() and set(optimizer.state_names) <= set(terms._fields)


@pytest.mark.parametrize("key", KEYS)
def test_a_rule_takes_numbers_and_arrays_of_any_shape_alike(key):
    optimizer, rng = in_step(3, key), np.random.default_rng(0)
    vectors = rng.uniform(0.1, 2.0, size=(2 + len(optimizer.state_names), 4, 5))
    whole = optimizer.rule(*vectors, 0.1, 3, **optimizer.hyper())
    for i, j in np.ndindex(4, 5):
        single = optimizer.rule(*vectors[:, i, j].tolist(), 0.1, 3, **optimizer.hyper())
        np.testing.assert_allclose(single, [values[i, j] for values in whole], rtol=1e-14)


@pytest.mark.parametrize("key", KEYS)
def test_a_rule_takes_its_parameters_by_position_too(key):
    """A compiler knows no keywords."""
    optimizer = in_step(3, key)
    given = [0.7, -0.3, *[0.2 for _ in optimizer.state_names], 0.1, 3]
    assert optimizer.rule(*given, *optimizer.hyper().values()) == optimizer.rule(*given, **optimizer.hyper())
    parameters = inspect.signature(OPTIMIZERS[key].rule).parameters.values()
    assert all(each.kind is each.POSITIONAL_OR_KEYWORD and each.default is each.empty for each in parameters)


# --- an optimizer of your own: a rule is enough ---------------------------------------------------------------------


def test_a_rule_alone_makes_an_optimizer():
    class Terms(NamedTuple):
        m: float
        step: float

    class Signum(ns.Optimizer):
        state_names = ("m",)
        beta = 0.75

        @staticmethod
        def rule(theta, grad, m, rate, t, beta):
            m = beta * m + (1 - beta) * grad
            return Terms(m, step=rate * np.sign(m))

    optimizer, theta, m = Signum(0.125), list(START), [0.0] * len(START)
    for _ in range(20):
        m = [0.75 * old + 0.25 * g for old, g in zip(m, slope(theta), strict=True)]
        theta = [p - 0.125 * ((each > 0) - (each < 0)) for p, each in zip(theta, m, strict=True)]
    np.testing.assert_array_equal(run(optimizer, 20), theta)
    np.testing.assert_array_equal(optimizer.state["m"], m)
    assert Signum().learning_rate == 1e-3 and Signum(clip_norm=2.0).clip_norm == 2.0


def test_a_rule_may_give_back_what_it_was_given_and_plain_numbers():
    """Each state is the old value of another (the gradient of two steps before), so no order of writing them works."""

    class Terms(NamedTuple):
        last: float
        before: float
        step: float

    class Late(ns.Optimizer):
        state_names = ("last", "before")

        @staticmethod
        def rule(theta, grad, last, before, rate, t):
            return Terms(grad, last, step=before)

    theta, grads = np.zeros(2), [np.array([k, -k], float) for k in range(1, 7)]
    late = Late()
    for grad in grads:
        late.step(theta, grad.copy())
    np.testing.assert_array_equal(theta, -sum(grads[:4]))
    assert late.state["last"].tolist() == [6.0, -6.0] and late.state["before"].tolist() == [5.0, -5.0]

    class Fixed(ns.Optimizer):
        @staticmethod
        def rule(theta, grad, rate, t):
            return SGDTerms(step=rate)

    theta = np.zeros(3, np.float32)
    Fixed(0.5).step(theta, np.ones(3, np.float32))
    assert theta.tolist() == [-0.5] * 3 and theta.dtype == np.float32


@pytest.mark.parametrize("key", KEYS)
def test_a_subclass_with_another_rule_does_not_run_its_parents_fast_form(key):
    downhill = OPTIMIZERS[key].rule

    class Uphill(OPTIMIZERS[key]):
        @staticmethod
        @functools.wraps(downhill)
        def rule(*args, **kwargs):
            terms = downhill(*args, **kwargs)
            return terms._replace(step=-terms.step)

    rate = RATES.get(key, 0.05)
    up, down = (run(make(rate), 1) for make in (Uphill, OPTIMIZERS[key]))
    np.testing.assert_allclose(up - START, np.array(START) - down, rtol=1e-9)
    np.testing.assert_array_equal(run(type("Same", (OPTIMIZERS[key],), {})(rate), 9), run(OPTIMIZERS[key](rate), 9))


def test_an_optimizer_without_a_rule_is_abstract():
    class Fast(ns.Optimizer):
        def update_(self, theta, grad, state, scratch, rate):
            theta -= rate

    with pytest.raises(TypeError, match=r"abstract.*rule"):
        Fast(0.5)


@pytest.mark.parametrize(
    "parameters", ["self, theta, grad, rate, t", "theta, grad, t, rate", "theta, grad, m, rate, t"]
)
def test_a_rule_with_other_parameters_is_refused_where_it_is_defined(parameters, refused):
    rule = eval(f"lambda {parameters}: None")
    with refused("Odd.rule", "staticmethod of (theta, grad, rate, t,", f"received one of ({parameters})"):
        type("Odd", (ns.Optimizer,), {"rule": staticmethod(rule)})


# --- defaults and beginnings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("sgd", {"learning_rate": 0.1}),
        ("momentum", {"learning_rate": 0.01, "momentum": 0.9}),
        ("nesterov", {"learning_rate": 0.01, "momentum": 0.9}),
        ("adagrad", {"learning_rate": 0.01, "epsilon": 1e-10}),
        ("rmsprop", {"learning_rate": 1e-3, "rho": 0.9, "epsilon": 1e-8}),
        ("adadelta", {"learning_rate": 1.0, "rho": 0.9, "epsilon": 1e-6}),
        *(
            (key, {"learning_rate": rate, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8})
            for key, rate in (("adam", 1e-3), ("amsgrad", 1e-3), ("adamax", 2e-3), ("nadam", 2e-3), ("adamw", 1e-3))
        ),
        ("nadam", {"momentum_decay": 4e-3}),
        ("adamw", {"weight_decay": 0.01}),
        ("lion", {"learning_rate": 1e-4, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0}),
    ],
)
def test_defaults_are_those_of_the_papers_or_pytorch(key, settings):
    config = OPTIMIZERS[key]().config()
    assert {name: config[name] for name in settings} == settings and config["clip_norm"] is None


@pytest.mark.parametrize("key", KEYS)
def test_before_the_first_step_there_is_no_last_rate(key):
    optimizer = OPTIMIZERS[key](0.25)
    assert (optimizer.t, optimizer.last_rate, optimizer.rate) == (0, 0.0, 0.25)
    run(optimizer, 1)
    assert (optimizer.t, optimizer.last_rate) == (1, 0.25)


def test_forgetting_takes_the_schedule_back_too():
    optimizer = ns.SGD(ns.ReduceOnPlateau(0.5, monitor="loss", factor=0.1, patience=1))
    for _ in range(4):
        optimizer.learning_rate.observe({"loss": 1.0})
    assert optimizer.rate < 0.5
    optimizer.forget()
    assert optimizer.rate == 0.5


@pytest.mark.parametrize("numbers", [[-3.0, -0.0, 0.0, 2.0, 1e-30, -1e-30]])
def test_the_sign_without_branches_is_the_sign(numbers):
    x = np.array(numbers)
    sign_(x, np.empty(len(x)))
    np.testing.assert_array_equal(x, [-1.0, 0.0, 0.0, 1.0, 1.0, -1.0])


@pytest.mark.parametrize("name", ["weight_decay", "learning_rate", "momentum_decay", "epsilon", "beta1", "clip_norm"])
@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan])
def test_no_setting_is_negative_or_infinite(name, value, refused):
    if (name, value) == ("clip_norm", math.inf):  # no bound
        assert ns.Adam(clip_norm=value).clip_norm == value
        return
    made = 0
    for key in KEYS:
        if name in OPTIMIZERS[key]().config():
            made += 1
            with refused(name, "received"):
                OPTIMIZERS[key](**{name: value})
    assert made


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("key", [key for key in ns.OPTIMIZERS if ns.OPTIMIZERS[key].state_names])
def test_subnormal_state_becomes_zero_and_nothing_else_changes(key, dtype, monkeypatch):
    tiny = float(np.finfo(dtype).tiny)
    rng = np.random.default_rng(0)
    grad = np.where(np.arange(90) < 60, rng.normal(size=90), 0.0).astype(dtype)
    ends = []
    for sweep in (optimizer_base.SWEEP, 10**9):
        monkeypatch.setattr(optimizer_base, "SWEEP", sweep)
        optimizer, theta = ns.OPTIMIZERS.create(key), np.ones(90, dtype)
        optimizer.bind(theta, grad)
        for vector in optimizer.state.values():
            vector[60:75] = tiny / 8  # decayed, and no gradient comes
        for _ in range(32):
            optimizer.step(theta, grad)
        ends.append((theta, *optimizer.state.values()))
    for swept, kept in zip(*ends, strict=True):
        assert np.abs(swept[60:] - kept[60:]).max() <= 1e-6 and (swept[:60] == kept[:60]).all()
    for swept in ends[0][1:]:
        assert not ((swept != 0) & (np.abs(swept) < tiny)).any()
