import json
import math

import numpy as np
import pytest
import reference
from small_problem import X, Y, network

import neurosim as ns
from neurosim.schedules import SCHEDULES

KEYS = list(SCHEDULES)
STRETCHING = [key for key in KEYS if "steps" in SCHEDULES[key].setting_names()]
RUN_LONG = [*STRETCHING, "step"]
VARIANTS = [(key, {}) for key in KEYS] + [
    ("constant", {"rate": 0.5}),
    ("step", {"rate": 0.2, "factor": 0.5, "every": 7}),
    ("step", {"factor": 1.0}),
    ("exponential", {"rate": 0.2, "factor": 0.5}),
    ("inverse_time", {"rate": 0.2, "decay": 0.0}),
    ("inverse_time", {"decay": 3.0}),
    ("cosine", {"rate": 0.2, "final": 0.05}),
    ("warm_up", {"rate": 0.2, "warmup": 0.25}),
    ("warm_up", {"warmup": 1.0}),
    ("one_cycle", {"rate": 0.2, "up": 0.5, "div": 10.0, "final_div": 100.0}),
]


@pytest.mark.parametrize("T", [20, 97])
@pytest.mark.parametrize(("key", "settings"), VARIANTS)
def test_rates_are_the_closed_form(key, settings, T):
    schedule = SCHEDULES[key](**settings)
    schedule.begin(0, T)
    rates = [schedule(t) for t in range(T)]
    expected = [reference.SCHEDULES[key](t, T, **settings) for t in range(T)]
    np.testing.assert_allclose(rates, expected, rtol=1e-12, atol=1e-18)
    assert all(isinstance(rate, float) for rate in rates)


@pytest.mark.parametrize("key", STRETCHING)
def test_a_length_of_its_own_wins_over_the_runs(key):
    schedule, stretched = SCHEDULES[key](steps=50), SCHEDULES[key]()
    schedule.begin(3, 999)
    stretched.begin(0, 50)
    assert [schedule(t) for t in range(50)] == [stretched(t) for t in range(50)]


@pytest.mark.parametrize("key", RUN_LONG)
def test_without_a_length_and_a_run_the_error_says_what_to_do(key, refused):
    with refused("has no length", "fit()"):
        SCHEDULES[key]()(0)


@pytest.mark.parametrize("key", RUN_LONG)
def test_begin_stretches_it_over_the_second_run_too(key):
    schedule = SCHEDULES[key]()
    schedule.begin(0, 30)
    first = [schedule(t) for t in range(30)]
    schedule.begin(30, 30)
    assert [schedule(t) for t in range(30, 60)] == first
    schedule.begin(60, 60)
    fresh = SCHEDULES[key]()
    fresh.begin(0, 60)
    assert [schedule(t) for t in range(60, 120)] == [fresh(t) for t in range(60)]


@pytest.mark.parametrize("key", RUN_LONG)
def test_a_run_of_one_step_or_none_is_fine(key):
    for length in (0, 1):
        schedule = SCHEDULES[key]()
        schedule.begin(0, length)
        assert 0.0 <= schedule(0) <= schedule.rate


@pytest.mark.parametrize("key", RUN_LONG)
def test_rates_after_the_end_are_finite_and_never_above_the_largest(key):
    schedule = SCHEDULES[key]()
    schedule.begin(0, 20)
    assert all(0.0 <= schedule(t) <= schedule.rate * (1 + 1e-12) for t in range(20, 200))


@pytest.mark.parametrize("key", KEYS)
def test_no_rate_is_above_the_attribute_rate_and_the_largest_comes_near_it(key):
    schedule = SCHEDULES[key]()
    schedule.begin(0, 100)
    top = max(schedule(t) for t in range(100))
    assert top == pytest.approx(schedule.rate, rel=0.02) and top <= schedule.rate * (1 + 1e-12)


@pytest.mark.parametrize("key", KEYS)
def test_state_restores_exactly_after_json(key):
    schedule = SCHEDULES[key]()
    schedule.begin(5, 40)
    for k in range(6):
        schedule.observe({"loss": 1.0 + k, "val_loss": 1.0 + k})
    twin = SCHEDULES.create(json.loads(json.dumps(schedule.config())))
    twin.restore(json.loads(json.dumps(schedule.state())))
    for k in range(6):
        assert [twin(t) for t in range(5, 45)] == [schedule(t) for t in range(5, 45)]
        for each in (twin, schedule):
            each.observe({"loss": 1.0 + k, "val_loss": 1.0 + k})


@pytest.mark.parametrize("after", KEYS)
def test_warm_up_ramps_into_any_other_schedule(after):
    T = 50
    schedule, plain = ns.WarmUp(warmup=0.2, after=after), SCHEDULES[after]()
    for first in (0, 50):
        schedule.begin(first, T)
        plain.begin(first, T)
        rates = [schedule(first + t) for t in range(T)]
        follows = [plain(first + t) for t in range(T)]
        np.testing.assert_allclose(rates, [rate * min(1.0, (t + 1) / 10) for t, rate in enumerate(follows)], rtol=1e-12)


def test_warm_up_hands_on_state_and_figures():
    schedule = ns.WarmUp(after=ns.ReduceOnPlateau(rate=0.1, patience=0))
    schedule.begin(0, 10)
    for _ in range(3):
        schedule.observe({"val_loss": 1.0})
    assert schedule(9) == pytest.approx(0.001)
    twin = SCHEDULES.create(schedule.config())
    twin.restore(json.loads(json.dumps(schedule.state())))
    assert twin(9) == schedule(9)


def test_warm_up_with_a_length_of_its_own_needs_no_run():
    assert ns.WarmUp(steps=10, after="cosine")(9) > 0.0


def test_the_learning_rate_of_the_settings_reaches_what_a_warm_up_leads_into():
    from neurosim.training.settings import Settings

    schedule = Settings(schedule="warm_up:after=cosine", learning_rate=0.1).make_optimizer().learning_rate
    schedule.begin(0, 100)
    assert max(schedule(t) for t in range(100)) == pytest.approx(0.1, rel=0.1)


def test_step_decay_is_a_staircase():
    schedule = ns.StepDecay(1.0, factor=0.5, every=3)
    assert [schedule(t) for t in range(7)] == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]


def test_reduce_on_plateau_waits_for_its_patience_and_stops_at_the_minimum():
    schedule = ns.ReduceOnPlateau(1.0, factor=0.5, patience=1, minimum=0.2)
    seen = []
    for loss in (1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.5):
        schedule.observe({"val_loss": loss})
        seen.append(schedule(0))
    assert seen == [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]


def test_reduce_on_plateau_watches_accuracy_rise_and_falls_back_to_training_figures(refused):
    rising = ns.ReduceOnPlateau(1.0, patience=0, monitor="val_accuracy")
    for value in (0.5, 0.6, 0.7):
        rising.observe({"accuracy": value})
    assert rising(0) == 1.0
    rising.observe({"accuracy": 0.7})
    assert rising(0) == pytest.approx(0.1)
    with refused("reduce_on_plateau", "loss", "'val_accuracy'"):
        rising.observe({"loss": 1.0})


def test_reduce_on_plateau_counts_nan_as_no_improvement():
    schedule = ns.ReduceOnPlateau(1.0, patience=0)
    for value in (1.0, math.nan):
        schedule.observe({"val_loss": value})
    assert schedule(0) == pytest.approx(0.1)


def test_fit_drives_a_schedule_and_records_it(make_net, blobs):
    net = make_net(optimizer=ns.SGD(ns.Cosine(0.1)))
    history = net.fit(*blobs, epochs=4, batch_size=30, verbose=False)  # 12 steps
    expected = [reference.SCHEDULES["cosine"](t, 12, rate=0.1) for t in (2, 5, 8, 11)]
    np.testing.assert_allclose(history["learning_rate"], expected, rtol=1e-12)
    again = net.fit(*blobs, epochs=2, batch_size=30, verbose=False)
    expected = [reference.SCHEDULES["cosine"](t, 6, rate=0.1) for t in (2, 5)]
    np.testing.assert_allclose(again["learning_rate"], expected, rtol=1e-12)


def test_fit_shows_reduce_on_plateau_each_epoch(make_net, blobs):
    net = make_net(optimizer=ns.SGD(ns.ReduceOnPlateau(1e-12, patience=0, threshold=0.5)))
    history = net.fit(*blobs, epochs=4, batch_size=None, verbose=False)
    np.testing.assert_allclose(history["learning_rate"], [1e-12, 1e-12, 1e-13, 1e-14], rtol=1e-9)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ns.ConstantRate(-1.0),
        lambda: ns.StepDecay(factor=0.0),
        lambda: ns.StepDecay(every=0),
        lambda: ns.Exponential(factor=1.5),
        lambda: ns.InverseTime(decay=-1.0),
        lambda: ns.Cosine(steps=0),
        lambda: ns.Cosine(steps=2.5),
        lambda: ns.WarmUp(warmup=0.0),
        lambda: ns.OneCycle(up=1.0),
        lambda: ns.OneCycle(div=0.5),
        lambda: ns.ReduceOnPlateau(factor=1.0),
        lambda: ns.ReduceOnPlateau(patience=-1),
    ],
)
def test_settings_out_of_bounds_are_refused(make, refused):
    with refused("expected a", "received"):
        make()


@pytest.mark.parametrize("schedule", [ns.StepDecay(0.1, every=10), ns.Exponential(0.1, steps=30)])
def test_a_schedule_of_a_length_of_its_own_goes_on_from_fit_to_fit_and_in_a_stepper(schedule):
    whole, parts, walked = (network(optimizer=ns.SGD(schedule)) for _ in range(3))
    expected = whole.fit(X, Y, epochs=3, batch_size=10, verbose=False)["learning_rate"]
    assert [parts.fit(X, Y, epochs=1, batch_size=10, verbose=False)["learning_rate"][0] for _ in range(3)] == expected
    stepper = ns.Stepper(walked, X, Y, batch_size=10)
    rates = []
    for _ in range(3):
        stepper.epoch()
        rates.append(walked.optimizer.last_rate)
    assert rates == expected
    assert np.array_equal(walked.parameters.theta, whole.parameters.theta)


def test_a_rate_below_the_minimum_is_not_raised_to_it():
    schedule = ns.ReduceOnPlateau(1e-8, patience=0, monitor="loss", minimum=0.5)
    for _ in range(3):
        schedule.observe({"loss": 1.0})
    assert schedule(0) == 1e-8


def test_a_schedule_is_copied_into_an_optimizer():
    schedule = ns.ReduceOnPlateau(0.1, patience=0, threshold=0.9, monitor="loss")
    one, other = network(), network()
    one.optimizer, other.optimizer = ns.SGD(schedule), ns.SGD(schedule)
    one.fit(X, Y, epochs=4, verbose=False)
    assert one.optimizer.rate < 0.1 and other.optimizer.rate == 0.1
