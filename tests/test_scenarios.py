"""The protocol of the scenarios: fairness, statistics, findings that follow the numbers."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import neurosim as ns
from neurosim.settings import Settings
from scenarios import SCENARIOS, Results, Run, Scenario, Variant, run_scenario
from scenarios.base import Difference
from scenarios.report import terminal_table

TINY = {"hidden": (8,), "epochs": 2}


@pytest.fixture(scope="module")
def digits():
    train, test = ns.data.load("digits")
    return train.subset(240), test.subset(120)


@pytest.fixture
def two():
    """A scenario of two variants, one of which is the other again."""
    return Scenario("two", "Does a name matter?", "Nothing.", (Variant("a"), Variant("b")), baseline="a",
                    base=Settings(**TINY))


def made_up(scenario, accuracies):
    """Results with the given final test accuracies: variant -> one a seed; NaN for diverged."""
    rows = [{"variant": name, "seed": seed, "epoch": epoch, "loss": 1.0 / epoch, "accuracy": value,
             "test_loss": 1.0, "test_accuracy": value * epoch / 2, "seconds": 1.0, "learning_rate": 0.1,
             "diverged": math.isnan(value)}
            for name, values in accuracies.items() for seed, value in enumerate(values) for epoch in (1, 2)]
    return Results(scenario, pd.DataFrame(rows))


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_runs_one_tiny_epoch_and_reports(name, digits, tmp_path):
    from scenarios import redraw, write_report

    results = run_scenario(SCENARIOS[name], *digits, seeds=1, overrides={"hidden": (8,), "epochs": 1},
                                     note="made for a test", progress=False)
    assert results.names == [variant.name for variant in SCENARIOS[name].variants]
    figures = write_report(results, *digits, tmp_path, {"seeds": [0], "command": "test"})
    assert all(path.stat().st_size > 1000 for path in figures)
    report = (tmp_path / "report.md").read_text()
    assert SCENARIOS[name].question in report and "made for a test" in report
    again = Results.read(SCENARIOS[name], tmp_path, "")
    assert again.all_findings() == results.all_findings()
    assert redraw(SCENARIOS, tmp_path) == figures


def test_variants_of_a_seed_start_from_the_same_weights_and_seeds_do_not(digits):
    train, _ = digits
    base = SCENARIOS["activations"].base.change(**TINY)
    start = {(variant.name, seed):
                 Run(variant.name, seed, base.change(**variant.settings)).network(train).parameters.theta
             for variant in SCENARIOS["activations"].variants for seed in (0, 1)}
    for (one, two) in pairwise(variant.name for variant in SCENARIOS["activations"].variants):
        assert np.array_equal(start[one, 0], start[two, 0])
        assert not np.array_equal(start[one, 0], start[one, 1])


def test_the_same_variant_under_two_names_gets_the_same_numbers(two, digits):
    results = run_scenario(two, *digits, seeds=2, progress=False)
    a, b = (results.epochs[results.epochs["variant"] == name].drop(columns=["variant", "seconds"]).to_numpy()
            for name in "ab")
    assert np.array_equal(a, b)
    row = results.summary().set_index("variant").loc["b"]
    assert row.difference == 0.0


def test_running_twice_gives_the_same_numbers(two, digits):
    first, second = (run_scenario(two, *digits, seeds=1, progress=False).epochs.drop(columns="seconds")
                     for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_a_diverged_run_is_a_result(digits):
    scenario = Scenario("rates", "?", ".", (Variant("sane"), Variant("mad", {"learning_rate": 1e30})), "sane",
                        base=Settings(**TINY, optimizer="sgd"))
    results = run_scenario(scenario, *digits, seeds=2, progress=False)
    summary = results.summary().set_index("variant")
    assert summary.loc["mad", "diverged"] == 2 and summary.loc["mad", "verdict"] == "diverged"
    assert any("mad diverged in 2 of 2 seeds, in epoch" in finding for finding in results.all_findings())
    assert "diverged" in terminal_table(results)


def test_the_search_reports_every_rate_and_uses_the_best(digits):
    scenario = Scenario("search", "?", ".", (Variant("sgd", {"optimizer": "sgd"}),), "sgd", base=Settings(**TINY),
                        rate_factors=(1e-6, 3.0))
    results = run_scenario(scenario, *digits, seeds=1, progress=False)
    rates = results.table("rates")
    assert list(rates["learning_rate"]) == [1e-7, 0.3]
    assert rates.loc[rates["chosen"], "val_accuracy"].item() == rates["val_accuracy"].max()
    assert results.settings["sgd"].learning_rate == rates.loc[rates["chosen"], "learning_rate"].item()


def test_the_search_never_sees_the_test_images(digits, monkeypatch):
    import scenarios.runner as runner

    train, test = digits
    seen = []
    train_run = runner.train_run
    monkeypatch.setattr(runner, "train_run", lambda run, *data, **more: seen.append((run, *data[:3])) or train_run(
        run, *data, **more))
    run_scenario(SCENARIOS["losses"], train, test, seeds=1, overrides=TINY, progress=False)
    of_train, of_test = ({image.tobytes() for image in part.images} for part in (train, test))
    searches = [parts for run, *parts in seen if run.seed == runner.SEARCH_SEED]
    assert searches
    for kept, held, measured in searches:
        kept, held, measured = ({image.tobytes() for image in part.images} for part in (kept, held, measured))
        assert held == measured and held and not held & kept and held | kept == of_train and not held & of_test


def test_the_paired_interval_is_students_t():
    difference = Difference.between(pd.Series([0.93, 0.95, 0.94]), pd.Series([0.90, 0.91, 0.92]))
    # by hand: d = .03, .04, .02; mean .03, sd .01, t(0.975; 2) = 4.303, half = 4.303 * .01 / sqrt(3)
    assert difference.mean == pytest.approx(0.03)
    assert difference.high - difference.mean == pytest.approx(4.303 * 0.01 / math.sqrt(3))


@pytest.mark.parametrize(("variant", "verdict"), [
    ((0.95, 0.96, 0.95), "better"), ((0.80, 0.81, 0.80), "worse"), ((0.91, 0.89, 0.90), "within noise")])
def test_the_verdict_and_the_findings_turn_round_with_the_numbers(two, variant, verdict):
    results = made_up(two, {"a": (0.90, 0.905, 0.90), "b": variant})
    assert results.summary().set_index("variant").loc["b", "verdict"] == verdict
    findings = " ".join(results.all_findings())
    sentence = {"better": "Better than a", "worse": "Worse than a", "within noise": "No difference from a"}[verdict]
    assert sentence in findings
    best = "b" if verdict == "better" else "a"
    assert f"Highest mean test accuracy: {best}" in findings


def test_one_seed_claims_nothing(two):
    results = made_up(two, {"a": (0.5,), "b": (0.9,)})
    assert results.summary().set_index("variant").loc["b", "verdict"] == "one seed"
    assert any("One seed cannot tell" in finding for finding in results.all_findings())


@pytest.mark.parametrize("name", SCENARIOS)
def test_findings_of_every_scenario_follow_made_up_numbers(name, digits):
    """Best and worst variant change places when the numbers do."""
    scenario = SCENARIOS[name]
    names = [variant.name for variant in scenario.variants]
    seen = set()
    for order in (names, names[::-1]):
        results = made_up(scenario, {each: [0.5 + 0.03 * k + 0.001 * seed for seed in range(3)]
                                     for k, each in enumerate(order)})
        layers = [{"variant": each, "seed": 0, "step": step, "layer": layer, "norm": (k + 1.0) ** -layer}
                  for k, each in enumerate(order) for step in (1, 2) for layer in (1, 2)]
        rates = [{"variant": each, "learning_rate": rate, "val_accuracy": 0.5 + rate * k, "chosen": rate == 0.02}
                 for k, each in enumerate(order) for rate in (0.01, 0.02, 0.03)]
        results.tables = {"gradients": pd.DataFrame(layers), "rates": pd.DataFrame(rates)}
        findings = results.all_findings()
        assert findings[0].startswith(f"Highest mean test accuracy: {order[-1]}")
        seen.add("\n".join(findings))
    assert len(seen) == 2


def test_delta_curves_agree_with_the_formulas():
    from scenarios.losses import delta_curve

    curve = delta_curve("cross_entropy")
    assert np.allclose(curve["delta"], (1 - curve["probability"]) / 0.99)  # |a_c - 1|
    p = curve["probability"]
    mse = (1 - p) * p * (1 - p)  # |2 (a - 1) a (1 - a)| but for a constant
    assert np.allclose(delta_curve("mse")["delta"], mse / mse.max())


@pytest.mark.parametrize(("change", "message"), [
    ({"variants": (Variant("a"), Variant("a"))}, "different names"), ({"baseline": "z"}, "baseline")])
def test_a_scenario_that_does_not_fit_together_is_refused(two, change, message):
    from dataclasses import replace

    with pytest.raises(ns.NeurosimError, match=message):
        replace(two, **change)
