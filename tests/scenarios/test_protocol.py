"""The protocol of the scenarios: fairness, statistics, findings that follow the numbers."""

import base64
import html
import math
import re
from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from made_up import made_up

import neurosim as ns
from neurosim.text import signed
from neurosim.training.settings import HELD_OUT, HELD_OUT_TEXT, Settings
from scenarios import (
    SCENARIOS,
    GradientNorms,
    Results,
    Run,
    Scenario,
    UnitHealth,
    Variant,
    all_findings,
    redraw,
    run_scenario,
    write_report,
)
from scenarios.protocol import runner, task
from scenarios.protocol.runner import SEARCH_SEEDS, Experiment, Plan
from scenarios.protocol.statistics import Difference
from scenarios.report import terminal_table
from scenarios.report.contents import how_it_was_done

TINY = {"hidden": (8,), "epochs": 2}


@pytest.fixture(scope="module")
def digits():
    train, test = ns.data.load("digits")
    return train.subset(240), test.subset(120)


@pytest.fixture
def two():
    """A scenario of two variants, one of which is the other again."""
    return Scenario(
        "two", "Does a name matter?", "Nothing.", (Variant("a"), Variant("b")), baseline="a", base=Settings(**TINY)
    )


@pytest.mark.quick_for("symmetry")
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_runs_one_tiny_epoch_and_reports(name, digits, tmp_path):
    results = run_scenario(
        SCENARIOS[name],
        *digits,
        seeds=1,
        overrides={"hidden": (8,), "epochs": 1},
        note="made for a test",
        progress=False,
    )
    assert results.names == [variant.name for variant in SCENARIOS[name].variants]
    figures = write_report(results, *digits, tmp_path, {"seeds": [0], "command": "test"})
    assert all(path.stat().st_size > 1000 for path in figures)
    report = (tmp_path / "report.md").read_text()
    assert SCENARIOS[name].question in report and "made for a test" in report
    again = Results.read(SCENARIOS[name], tmp_path, "")
    assert all_findings(again) == all_findings(results)
    assert redraw(SCENARIOS, tmp_path) == figures


@pytest.mark.full
@pytest.mark.parametrize(("name", "table"), [("dead-neurons", "unit_life"), ("neuron-life", "neuron_life")])
def test_tables_under_their_earlier_names_are_drawn_as_well(name, table, digits, tmp_path):
    """Results of the first commits: both kinds of life were written to life.csv."""
    results = run_scenario(SCENARIOS[name], *digits, seeds=1, overrides={"hidden": (8,), "epochs": 1}, progress=False)
    figures = write_report(results, *digits, tmp_path, {"seeds": [0], "command": "test"})
    drawn = {path: path.read_bytes() for path in figures}
    (tmp_path / f"{table}.csv").rename(tmp_path / "life.csv")
    record = (tmp_path / "run.json").read_text()
    (tmp_path / "run.json").write_text(record.replace(f'"{table}"', '"life"'))
    report = (tmp_path / "report.md").read_text()
    assert redraw(SCENARIOS, tmp_path) == figures
    assert {path: path.read_bytes() for path in figures} == drawn
    assert (tmp_path / "report.md").read_text() == report.replace(f"`{table}.csv`", "`life.csv`")


def test_the_share_held_out_is_said_as_it_is():
    words = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth", 6: "a sixth", 7: "a seventh", 8: "an eighth"}
    assert words[round(1 / HELD_OUT)] == HELD_OUT_TEXT and pytest.approx(1 / HELD_OUT) == round(1 / HELD_OUT)


def test_variants_of_a_seed_start_from_the_same_weights_and_seeds_do_not(digits):
    train, _ = digits
    base = SCENARIOS["activations"].base.change(**TINY)
    start = {
        (variant.name, seed): Run(variant.name, seed, base.change(**variant.settings)).network(train).parameters.theta
        for variant in SCENARIOS["activations"].variants
        for seed in (0, 1)
    }
    for one, two in pairwise(variant.name for variant in SCENARIOS["activations"].variants):
        assert np.array_equal(start[one, 0], start[two, 0])
        assert not np.array_equal(start[one, 0], start[one, 1])


def test_the_same_variant_under_two_names_gets_the_same_numbers(two, digits):
    results = run_scenario(two, *digits, seeds=2, progress=False)
    a, b = (
        results.epochs[results.epochs["variant"] == name].drop(columns=["variant", "seconds"]).to_numpy()
        for name in "ab"
    )
    assert np.array_equal(a, b)
    row = results.summary().set_index("variant").loc["b"]
    assert row.difference == 0.0


def test_running_twice_gives_the_same_numbers(two, digits):
    first, second = (
        run_scenario(two, *digits, seeds=1, progress=False).epochs.drop(columns="seconds") for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, second)


def test_a_comparison_of_no_epochs_is_refused(two, digits):
    with pytest.raises(ns.NeurosimError, match="epochs: expected a whole number of at least 1, received 0"):
        run_scenario(replace(two, variants=(Variant("a"), Variant("b", {"epochs": 0}))), *digits, progress=False)


def test_a_diverged_run_is_a_result(digits):
    scenario = Scenario(
        "rates",
        "?",
        ".",
        (Variant("sane"), Variant("mad", {"learning_rate": 1e30})),
        "sane",
        base=Settings(**TINY, optimizer="sgd"),
    )
    results = run_scenario(scenario, *digits, seeds=2, progress=False)
    summary = results.summary().set_index("variant")
    assert summary.loc["mad", "diverged"] == 2 and summary.loc["mad", "verdict"] == "diverged"
    assert any("mad diverged in 2 of 2 seeds, in epoch" in finding for finding in all_findings(results))
    assert "diverged" in terminal_table(results)
    found = results.table("divergences")
    assert found["variant"].tolist() == ["mad", "mad"] and (found["learning_rate"] == 1e30).all()
    assert any("The first NaN or infinity appeared in layer" in finding for finding in all_findings(results))


def test_the_search_reports_every_rate_and_uses_the_best(digits):
    scenario = Scenario(
        "search",
        "?",
        ".",
        (Variant("sgd", {"optimizer": "sgd"}),),
        "sgd",
        base=Settings(**TINY),
        rate_factors=(1e-6, 3.0),
    )
    results = run_scenario(scenario, *digits, seeds=1, progress=False)
    rates = results.table("rates")
    assert list(rates["learning_rate"]) == [1e-7, 1e-7, 0.3, 0.3] and rates["seed"].nunique() == 2
    means = results.rates()
    assert list(means["val_accuracy"]) == pytest.approx(
        [rates["val_accuracy"][:2].mean(), rates["val_accuracy"][2:].mean()]
    )
    assert means.loc[means["chosen"], "val_accuracy"].item() == means["val_accuracy"].max()
    assert results.settings["sgd"].learning_rate == means.loc[means["chosen"], "learning_rate"].item()


def test_the_search_never_sees_the_test_images(digits, monkeypatch):
    train, test = digits
    seen = []
    train_run = task.train_run
    monkeypatch.setattr(
        task, "train_run", lambda run, *data, **more: seen.append((run, *data[:3])) or train_run(run, *data, **more)
    )
    run_scenario(SCENARIOS["losses"], train, test, seeds=1, overrides=TINY, progress=False)
    of_train, of_test = ({image.tobytes() for image in part.images} for part in (train, test))
    searches = [parts for run, *parts in seen if run.seed in runner.SEARCH_SEEDS]
    assert searches
    for kept, held, measured in searches:
        kept, held, measured = ({image.tobytes() for image in part.images} for part in (kept, held, measured))
        assert held == measured and held and not held & kept and held | kept == of_train and not held & of_test


def test_the_paired_interval_is_students_t():
    difference = Difference.between(pd.Series([0.93, 0.95, 0.94]), pd.Series([0.90, 0.91, 0.92]))
    # by hand: d = .03, .04, .02; mean .03, sd .01, t(0.975; 2) = 4.303, half = 4.303 * .01 / sqrt(3)
    assert difference.mean == pytest.approx(0.03)
    assert difference.high - difference.mean == pytest.approx(4.303 * 0.01 / math.sqrt(3))


@pytest.mark.parametrize(
    ("variant", "verdict"),
    [((0.95, 0.96, 0.95), "better"), ((0.80, 0.81, 0.80), "worse"), ((0.91, 0.89, 0.90), "within noise")],
)
def test_the_verdict_and_the_findings_turn_round_with_the_numbers(two, variant, verdict):
    results = made_up(two, {"a": (0.90, 0.905, 0.90), "b": variant})
    assert results.summary().set_index("variant").loc["b", "verdict"] == verdict
    findings = " ".join(all_findings(results))
    sentence = {
        "better": "Better than a",
        "worse": "Worse than a",
        "within noise": "3 seeds cannot show a difference from a for",
    }[verdict]
    assert sentence in findings
    best = "b" if verdict == "better" else "a"
    assert f"Highest mean test accuracy: {best}" in findings


def test_a_variant_that_diverged_in_some_seeds_has_a_sentence_of_its_own(two):
    nan = math.nan
    three = replace(two, variants=(*two.variants, Variant("c"), Variant("d")))
    findings = all_findings(
        made_up(three, {"a": (0.9, 0.91, 0.9), "b": (0.9, 0.9, 0.91), "c": (0.95, 0.96, nan), "d": (nan, 0.5, nan)})
    )
    (none,) = [each for each in findings if each.startswith("3 seeds cannot show a difference")]
    assert "b (" in none and "c" not in none.partition(":")[2]
    assert any(
        each.startswith("Against a, in the 2 of 3 seeds in which neither diverged: c +5.00 points, beyond")
        for each in findings
    )
    assert any(
        each.startswith("Against a, in the 1 of 3 seeds in which neither diverged: d -41.00 points, one seed")
        for each in findings
    )
    lost = all_findings(made_up(two, {"a": (nan, 0.91, 0.9), "b": (0.9, 0.9, 0.91)}))  # the baseline's own divergence
    assert not any("3 seeds cannot show" in each for each in lost)
    assert any("in the 2 of 3 seeds in which neither diverged: b" in each for each in lost)


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1.2, 2, "+1.20"),
        (-0.35, 2, "-0.35"),
        (-0.004, 2, "-0.004"),
        (0.0004, 2, "+0.0004"),
        (-0.2, 0, "-0.2"),
        (0.0, 2, "0.00"),
        (-0.0, 2, "0.00"),
        (-1e-9, 2, "0.00"),
        (-1e-9, 0, "0"),
    ],
)
def test_no_number_is_a_bare_sign(value, decimals, text):
    assert signed(value, decimals) == text


def test_many_comparisons_come_with_the_false_alarms_to_expect(two):
    names = [f"v{k}" for k in range(7)]
    many = replace(two, variants=tuple(map(Variant, names)), baseline="v0")
    noise = ((0.0, 0.001, 0.0), (0.002, 0.0, 0.001))
    values = {name: [0.9 + each for each in noise[k % 2]] for k, name in enumerate(names)}
    assert not any("comparisons" in each for each in all_findings(made_up(many, values)))  # nothing is claimed
    values["v3"] = [0.95, 0.95, 0.951]
    (caveat,) = [each for each in all_findings(made_up(many, values)) if "comparisons" in each]
    assert caveat == (
        "These are 6 comparisons with v0, each at 5\u00a0%. If no variant differed from it, about 0.3 of them would "
        "still be beyond the noise. The chance of at least one such false alarm would be about 24\u00a0%. Here 1 is "
        "beyond the noise."
    )
    few = {name: values[name] for name in ("v0", "v1", "v3")}
    assert not any("comparisons" in each for each in all_findings(made_up(many, few)))


@pytest.mark.parametrize(
    ("batch_size", "epochs", "expected"),
    [
        (64, 8, 8),  # 200 images of 240: 4 steps an epoch, 30 updates in 8 epochs
        (None, 12, 12),
        (None, 60, 30),  # an update an epoch, and no more epochs than the scenario's
        (8, 12, 2),
        (8, 1, 1),
    ],
)
def test_a_search_has_enough_updates_to_tell_rates_apart(two, digits, batch_size, epochs, expected):
    scenario = replace(two, rate_factors=(0.3, 1.0), base=Settings(batch_size=batch_size, epochs=epochs))
    plan = Plan(Experiment(scenario, *digits))
    assert {task.run.settings.epochs for task in plan.searches["a"]} == {expected}
    assert [task.run.seed for task in plan.searches["a"]] == 2 * list(SEARCH_SEEDS)


def test_the_best_rate_is_that_of_the_mean_over_the_seeds_of_the_search(two, digits):
    plan = Plan(Experiment(replace(two, rate_factors=(0.3, 1.0, 3.0)), *digits))
    found = iter([0.9, 0.5, 0.6, 0.9, 0.99, math.nan])  # a rate that diverged in one seed is out
    for each in plan.searches["a"]:
        plan.done[each] = {"epochs": [{"test_accuracy": next(found)}], "tables": {}}
    assert [row["chosen"] for row in plan.found("a")] == [False, False, True, True, False, False]
    for each in plan.searches["a"]:
        plan.done[each] = {"epochs": [{"diverged": True}], "tables": {}}
    assert [row["chosen"] for row in plan.found("a")] == [True, True, False, False, False, False]


def test_a_rate_that_diverged_in_one_seed_of_the_search_is_drawn_and_told_as_diverged():
    results = made_up(SCENARIOS["optimizers"], {"sgd": (0.9, 0.9)})
    results.tables["rates"] = pd.DataFrame(
        {
            "variant": "sgd",
            "learning_rate": [0.1, 0.1, 1.0, 1.0],
            "seed": [0, 1, 0, 1],
            "val_accuracy": [0.5, 0.7, 0.9, math.nan],
            "chosen": [True, True, False, False],
        }
    )
    assert list(results.rates()["val_accuracy"]) == pytest.approx([0.6, math.nan], nan_ok=True)
    assert list(results.search_curves()["val_accuracy"]) == pytest.approx([0.5, 0.7, math.nan, math.nan], nan_ok=True)


def test_one_seed_claims_nothing(two):
    results = made_up(two, {"a": (0.5,), "b": (0.9,)})
    assert results.summary().set_index("variant").loc["b", "verdict"] == "one seed"
    assert any("One seed cannot tell" in finding for finding in all_findings(results))


def test_a_small_gradient_is_not_called_slow_where_adam_makes_the_steps():
    scenario = SCENARIOS["activations"]
    assert scenario.base.optimizer == "adam"
    results = made_up(scenario, {each.name: (0.5, 0.5) for each in scenario.variants})
    norms = {(each.name, layer): 1.0 for each in scenario.variants for layer in (1, 2)} | {("sigmoid", 1): 0.1}
    results.tables = {
        "gradients": pd.DataFrame(
            [
                {"variant": name, "seed": 0, "step": 1, "layer": layer, "norm": norm}
                for (name, layer), norm in norms.items()
            ]
        )
    }
    text = all_findings(results)[-1]
    assert "0.1 times the output layer's with sigmoid" in text and "Adam removes such differences of size" in text
    assert "slower" not in text


@pytest.mark.parametrize("name", SCENARIOS)
def test_findings_of_every_scenario_follow_made_up_numbers(name, digits):
    """Best and worst variant change places when the numbers do."""
    scenario = SCENARIOS[name]
    names = [variant.name for variant in scenario.variants]
    seen = set()
    for order in (names, names[::-1]):
        results = made_up(
            scenario, {each: [0.5 + 0.03 * k + 0.001 * seed for seed in range(3)] for k, each in enumerate(order)}
        )
        layers = [
            {"variant": each, "seed": 0, "step": step, "layer": layer, "norm": (k + 1.0) ** -layer}
            for k, each in enumerate(order)
            for step in (1, 2)
            for layer in (1, 2)
        ]
        rates = [
            {"variant": each, "learning_rate": rate, "val_accuracy": 0.5 + rate * k, "chosen": rate == 0.02}
            for k, each in enumerate(order)
            for rate in (0.01, 0.02, 0.03)
        ]
        results.tables = {"gradients": pd.DataFrame(layers), "rates": pd.DataFrame(rates)}
        findings = all_findings(results)
        assert findings[0].startswith(f"Highest mean test accuracy: {order[-1]}")
        seen.add("\n".join(findings))
    assert len(seen) == 2


def test_delta_curves_agree_with_the_formulas():
    from scenarios.questions.losses import delta_curve

    curve = delta_curve("cross_entropy")
    assert np.allclose(curve["delta"], (1 - curve["probability"]) / 0.99)  # |a_c - 1|
    p = curve["probability"]
    mse = (1 - p) * p * (1 - p)  # |2 (a - 1) a (1 - a)| but for a constant
    assert np.allclose(delta_curve("mse")["delta"], mse / mse.max())


@pytest.mark.parametrize(
    ("change", "message"),
    [({"variants": (Variant("a"), Variant("a"))}, "different names"), ({"baseline": "z"}, "baseline")],
)
def test_a_scenario_that_does_not_fit_together_is_refused(two, change, message):
    with pytest.raises(ns.NeurosimError, match=message):
        replace(two, **change)


def recorders_for_test(run, train):
    return [GradientNorms(2), UnitHealth(train.images[:20])]


def measure_for_test(run, train, test):
    return {"sizes": pd.DataFrame({"images": [len(train), len(test)]})}


def test_tables_of_recorders_and_measurements_carry_variant_and_seed_and_survive_the_disk(two, digits, tmp_path):
    scenario = replace(
        two,
        recorders=recorders_for_test,
        measure=measure_for_test,
        variants=(Variant("a"), Variant("b", {}, train_size=100), Variant("none", {}, train_size=999)),
    )
    results = run_scenario(scenario, *digits, seeds=2, progress=False)
    for name in ("gradients", "units", "sizes"):
        assert list(results.table(name).columns[:2]) == ["variant", "seed"]
    sizes = results.table("sizes").groupby("variant")["images"].max()
    assert sizes["a"] == 240 and sizes["b"] == 120 and sizes["none"] == 240  # b: 100 to train on, 120 to test
    assert results.table("units").groupby(["variant", "seed"])["epoch"].unique().map(list).tolist() == [[0, 1, 2]] * 6
    assert results.table("there is none").empty
    results.write(tmp_path)
    again = Results.read(scenario, tmp_path)
    for name, table in results.tables.items():
        pd.testing.assert_frame_equal(again.table(name), table, check_dtype=False)
    assert again.names == ["a", "b", "none"]


def test_recorders_do_not_change_the_numbers(two, digits):
    plain, watched = (
        run_scenario(each, *digits, seeds=1, progress=False).epochs.drop(columns="seconds")
        for each in (two, replace(two, recorders=recorders_for_test))
    )
    pd.testing.assert_frame_equal(plain, watched, check_exact=True)


def test_unit_health_counts_as_a_slow_loop_does(digits):
    """ReLU by its definition (off: z <= 0), tanh by its slope 1 - tanh(z)^2 below 1 %."""
    train, _ = digits
    images = train.images[:40]
    for activation, is_off, is_flat in (
        ("relu", lambda z: z <= 0, lambda z: False),
        ("tanh", lambda z: False, lambda z: 1 - math.tanh(z) ** 2 < 0.01),
    ):
        net = Settings(hidden=(6, 5), activation=activation, dtype="float64").network((28, 28), 10, seed=1)
        net[1].W *= 8.0
        net[1].b[0] = -1e6 if activation == "relu" else 1e6
        recorder = UnitHealth(images)
        recorder.on_start(ns.TrainingRun(net, ns.Batches(net, images, train.labels[:40], 10), ns.History(), [], 1))
        x = [[pixel / 255 for pixel in image.ravel().tolist()] for image in images]
        for layer in (1, 2):
            W, b = net[layer].W.tolist(), net[layer].b.tolist()
            z = [
                [sum(v * row[j] for v, row in zip(sample, W, strict=True)) + b[j] for j in range(len(b))]
                for sample in x
            ]
            dead = sum(all(is_off(sample[j]) for sample in z) for j in range(len(b))) / len(b)
            flat = sum(is_flat(value) for sample in z for value in sample) / (len(z) * len(b))
            row = recorder.to_frame().iloc[layer - 1]
            assert (row.epoch, row.layer) == (0, layer)
            assert row.dead == pytest.approx(dead) and row.saturated == pytest.approx(flat)
            x = [[max(v, 0.0) if activation == "relu" else math.tanh(v) for v in sample] for sample in z]
        assert recorder.rows[0]["dead" if activation == "relu" else "saturated"] > 0


@pytest.mark.parametrize("setting", [{"early_stopping": 1}, {"schedule": "reduce_on_plateau"}])
def test_what_decides_sees_held_out_images_only_and_all_variants_train_on_the_same(two, digits, monkeypatch, setting):
    seen, train_run = [], task.train_run
    monkeypatch.setattr(task, "train_run", lambda run, *data: seen.append(data[:3]) or train_run(run, *data))
    scenario = replace(two, variants=(Variant("a"), Variant("b", setting)))
    train, test = digits
    results = run_scenario(scenario, train, test, seeds=1, progress=False)
    assert len(seen) == 2
    for kept, deciding, measured in seen:
        assert measured is test and len(deciding) == 40 and len(kept) == 200
        assert np.array_equal(kept.images, seen[0][0].images)
        held = {image.tobytes() for image in deciding.images}
        assert not held & {image.tobytes() for image in (*kept.images, *test.images)}
    assert {"val_loss", "val_accuracy"} <= set(results.epochs)


def test_the_report_says_on_how_many_images_each_variant_trained(two, digits, monkeypatch):
    seen, train_run = {}, task.train_run
    monkeypatch.setattr(
        task,
        "train_run",
        lambda run, train, *others: seen.update({run.variant: len(train)}) or train_run(run, train, *others),
    )
    scenario = replace(
        two, variants=(Variant("a", {}, 50), Variant("b", {}, 230)), base=Settings(**TINY, early_stopping=1)
    )
    results = run_scenario(scenario, *digits, seeds=1, progress=False)
    data = {
        part: {"images": len(each), "name": "", "source": ""}
        for part, each in zip(("train", "test"), digits, strict=True)
    }
    text = " ".join(
        how_it_was_done(results, {"data": data, "train_sizes": {"a": 50, "b": 230}, "seeds": [], "command": ""})
    )
    assert seen == {"a": 50, "b": 200}
    assert "On 50 of these images only, by design: a." in text
    assert "fewer images than some variants ask for: b on 200 instead of 230." in text


def test_the_final_figures_are_those_of_the_weights_that_early_stopping_kept(two, digits):
    scenario = replace(two, base=Settings(hidden=(8,), epochs=30, learning_rate=0.05, early_stopping=2))
    results = run_scenario(scenario, *digits, seeds=1, progress=False)
    run = results.epochs[results.epochs["variant"] == "a"]
    assert len(run) < 30 and run["kept"].sum() == 1
    best = run.loc[run["val_loss"].idxmin()]
    assert best["kept"] and best["epoch"] < run["epoch"].max()
    assert results.final()["a"].item() == best["test_accuracy"]


@pytest.mark.full
def test_both_reports_say_the_same_and_the_page_needs_no_other_file(two, digits, tmp_path):
    results = run_scenario(two, *digits, seeds=2, note="data: <made> & marked", progress=False)
    figures = write_report(results, *digits, tmp_path, {"seeds": [0, 1], "command": "python main.py"})
    page, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    sources = re.findall(r'<img src="([^"]*)" alt="([^"]+)">', page)
    assert len(sources) == len(figures) == text.count("](figures/")
    for (source, _), path in zip(sources, figures, strict=True):
        assert base64.b64decode(source.removeprefix("data:image/png;base64,")) == path.read_bytes()
    assert "<script" not in page and "http" not in page and "data: &lt;made&gt; &amp; marked" in page
    words = html.unescape(re.sub(r"<[^>]+>", " ", page))
    for finding in all_findings(results):
        assert finding in words and finding in text
    for each in fields(Settings):
        assert f"| {each.name} |" in text and each.name in words
    before = [path.read_bytes() for path in figures]
    for path in (*figures, tmp_path / "report.html", tmp_path / "report.md"):
        path.unlink()
    redraw({}, tmp_path)
    assert (tmp_path / "report.html").read_text() == page and (tmp_path / "report.md").read_text() == text
    assert [path.read_bytes() for path in figures] == before


def test_the_example_of_the_docstring_works():
    import doctest

    from scenarios.protocol import scenario

    finder = doctest.DocTestFinder(recurse=False)
    (example,) = finder.find(scenario.Scenario, "Scenario", globs={})
    assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.parametrize(
    ("accuracies", "cost"),
    [
        ([0.2, 0.8, 0.9, 0.9, 0.7], 0.2),  # best at 1 or 3: windows 0.1 to 10 (cost .7) and 0.3 to 30 (.2)
        ([0.9, 0.8, 0.9, 0.6, math.nan], 0.3),  # from 0.1 to 10; beyond it diverges
        ([0.1, 0.1, 0.1, 0.1, 0.9], 0.8),
    ],
)
def test_the_cost_of_a_bad_rate_is_that_of_the_kindest_two_decades(accuracies, cost):
    from scenarios.questions.optimizers import worst_of_window

    tried = pd.DataFrame({"learning_rate": [0.1, 0.3, 1.0, 10.0, 30.0], "val_accuracy": accuracies})
    assert worst_of_window(tried) == pytest.approx(cost)


def test_who_is_less_sensitive_to_the_rate_turns_round_with_the_numbers():
    scenario = SCENARIOS["optimizers"]
    for forgiving in ("adam", "sgd"):
        results = made_up(scenario, {"sgd": (0.9, 0.9), "adam": (0.9, 0.9)})
        results.tables["rates"] = pd.DataFrame(
            [
                {
                    "variant": name,
                    "learning_rate": rate,
                    "chosen": rate == 1.0,
                    "val_accuracy": 0.9 if rate == 1.0 else 0.85 if name == forgiving else 0.3,
                }
                for name in ("sgd", "adam")
                for rate in (0.1, 1.0, 10.0)
            ]
        )
        findings = " ".join(all_findings(results))
        word = "Less" if forgiving == "adam" else "More"
        assert f"{word} sensitive to the rate than sgd" in findings and "adam (" in findings
        assert ("Less sensitive" in findings) != ("More sensitive" in findings)
        assert findings.count("not tested for noise") == 2  # of the rates, and of the first to reach it
