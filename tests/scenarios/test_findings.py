"""Findings: no stronger than their seeds, tables where there is much to say, the same order everywhere."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up import made_up

import neurosim as ns
from neurosim.cli.experiment import bullet
from neurosim.training.settings import Settings
from scenarios import SCENARIOS, Scenario, Variant, all_findings, run_scenario, write_report
from scenarios.comparison import comparison
from scenarios.protocol.statistics import chance_of_a_false_alarm
from scenarios.report.contents import contents
from scenarios.report.document import Table, to_html, to_markdown
from scenarios.report.figures import common_pictures, loss_units
from scenarios.report.listed import MANY, Listed, of_each
from scenarios.report.summary import terminal_table

RECORD = {
    "data": {part: {"name": "made", "images": 10, "source": "up"} for part in ("train", "test")},
    "train_sizes": {},
    "seeds": None,
    "command": "",
    "tables": [],
}
VERDICTS = ("too low", "too high", "better than", "worse than", "all of them are", "beyond the noise of", "as good")


@pytest.fixture(scope="module")
def digits():
    train, test = ns.data.load("digits")
    return train.subset(240), test.subset(120)


def told(name, values):
    """All findings of a scenario, from made-up accuracies and the tables that it cannot do without."""
    results = made_up(SCENARIOS[name], values)
    rates = [
        {"variant": each, "learning_rate": rate, "seed": 0, "epochs": 2, "val_accuracy": 0.5, "chosen": rate == 1.0}
        for each in values
        for rate in (0.1, 1.0, 10.0)
    ]
    gradients = [
        {"variant": each, "seed": 0, "step": 1, "layer": layer, "norm": (k + 1.0) ** -layer}
        for k, each in enumerate(values)
        for layer in (1, 2)
    ]
    results.tables["gradients"] = pd.DataFrame(gradients)
    if SCENARIOS[name].rate_factors:
        results.tables["rates"] = pd.DataFrame(rates)
    return all_findings(results)


# -- one seed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("order", [1, -1])
def test_one_seed_gives_no_verdict_in_any_scenario(name, order):
    scenario = SCENARIOS[name]
    values = {each.name: (0.5 + 0.02 * order * k,) for k, each in enumerate(scenario.variants)}
    text = " ".join(told(name, values)).lower()
    assert not [verdict for verdict in VERDICTS if verdict in text.replace("which of them are too low or too high", "")]
    assert "one seed" in text


def test_one_seed_of_rates_says_where_each_ended_and_no_more():
    names = [each.name for each in SCENARIOS["learning-rates"].variants]
    ends = dict(zip(names, (0.3, 0.5, 0.9, 0.8, 0.6, math.nan), strict=True))
    scenario = SCENARIOS["learning-rates"]
    text = " ".join(scenario.findings(made_up(scenario, {name: (end,) for name, end in ends.items()})))
    assert "best of the rates tried is rate 0.1" in text
    for name, end in ends.items():
        if name != "rate 0.1":
            assert re.search(rf"{name} +{'diverged' if math.isnan(end) else f'{100 * end:.2f}'}", text)
    assert "One seed cannot tell" in text and "diverged" in text
    lost = made_up(SCENARIOS["learning-rates"], {"rate 0.1": (math.nan,)})
    assert "too high" not in " ".join(SCENARIOS["learning-rates"].findings(lost))


def test_a_smaller_rate_that_diverged_is_not_called_too_low():
    nan = math.nan
    results = made_up(
        SCENARIOS["learning-rates"], {"rate 0.01": [0.8, nan, 0.8], "rate 0.1": [0.9] * 3, "rate 1": [nan] * 3}
    )
    text = " ".join(SCENARIOS["learning-rates"].findings(results))
    assert "Smaller, but not safe either: rate 0.01 (diverged in 1 of 3 seeds)." in text
    assert "Too low" not in text and "Too high for these" in text


@pytest.mark.parametrize(
    ("tie", "says"), [(True, "adam and lion, 80.00\u00a0%"), (False, "lion, 80.10\u00a0% ± 1.00\u00a0%")]
)
def test_all_that_share_the_highest_mean_are_named(tie, says):
    values = {"adam": [0.79, 0.80, 0.81], "lion": [0.81, 0.79, 0.80], "sgd": [0.5, 0.6, 0.7]}
    if not tie:
        values["lion"] = [each + 0.001 for each in values["lion"]]
    sentence = told("optimizers", values)[0]
    assert sentence == f"Highest mean test accuracy: {says}. The baseline sgd has 60.00\u00a0%."
    if tie:  # over the seeds that did not diverge, which are named only with others of which as many did not
        broken = {
            "adam": [0.80, 0.80, math.nan],
            "lion": [0.81, 0.79, math.nan],
            "rmsprop": [0.8] * 3,
            "sgd": [0.5] * 3,
        }
        first, _, rest = told("optimizers", broken)[0].partition(", 80.00\u00a0%")
        assert first in ("Highest mean test accuracy: adam and lion", "Highest mean test accuracy: rmsprop")
        assert ("over the 2 of 3 seeds that did not diverge" in rest) == ("adam" in first)


@pytest.mark.parametrize(("seeds", "says"), [(1, "Never reached it"), (3, "At least one seed never reached it")])
@pytest.mark.parametrize("late", [2, MANY])
def test_who_is_late_is_named_where_they_are_few(seeds, says, late):
    scenario = SCENARIOS["optimizers"]
    names = [each.name for each in scenario.variants][: late + 1]
    values = {name: [0.9 if name == names[0] else 0.5] * seeds for name in names}
    (text,) = [each for each in told("optimizers", values) if each.startswith("First to reach")]
    few = f"{', '.join(names[1:-1])} and {names[-1]}"
    assert text.startswith("First to reach 87\u00a0% test accuracy (97\u00a0% of the highest, rounded down), after ")
    assert f"2 epochs{' (mean over 3 seeds)' if seeds > 1 else ''}: {names[0]}. Accuracy is measured at the end" in text
    assert text.endswith(f"{says}: {few if late < MANY else f'the other {late}'}.")


# -- false alarms ----------------------------------------------------------------------------------------------------


def test_one_comparison_misses_in_five_percent_of_all_cases():
    for seeds in (2, 3, 5, 40):
        assert chance_of_a_false_alarm(1, seeds) == pytest.approx(0.05, abs=0.006)


def test_the_chance_of_a_false_alarm_is_that_of_comparisons_with_one_baseline():
    # with many seeds: Dunnett (1955), P = 1 - ∫ [Φ((c - rz)/r) - Φ((-c - rz)/r)]^k φ(z) dz with r = √½, c = 1.96
    z = np.linspace(-8.0, 8.0, 4001)
    phi = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    normal = np.vectorize(lambda v: 0.5 * (1 + math.erf(v / math.sqrt(2))))
    r, c = math.sqrt(0.5), 1.959964
    for k in (5, 13):
        kept = ((normal((c - r * z) / r) - normal((-c - r * z) / r)) ** k * phi).sum() * (z[1] - z[0])
        assert chance_of_a_false_alarm(k, 200, draws=4_000) == pytest.approx(1 - kept, abs=0.025)
    found = [chance_of_a_false_alarm(13, seeds) for seeds in (2, 3, 5, 10)]
    assert all(0.35 < each < 0.47 for each in found) and found == sorted(found, reverse=True)
    assert found[0] < 1 - 0.95**13  # what independent comparisons would have


@pytest.mark.parametrize(("seeds", "percent"), [(2, 46), (3, 42), (5, 38)])
def test_thirteen_comparisons_say_how_likely_a_false_alarm_is(seeds, percent):
    scenario, rng = SCENARIOS["activations"], np.random.default_rng(seeds)
    values = {each.name: 0.9 + 1e-3 * rng.standard_normal(seeds) for each in scenario.variants}
    values["sigmoid"] = values["relu"] - 0.4 + 1e-6 * rng.standard_normal(seeds)
    (caveat,) = [each for each in told("activations", values) if "comparisons" in each]
    assert "These are 13 comparisons with relu" in caveat and "about 0.7 of them" in caveat
    said = int(caveat.split("would be about ")[1].split("\u00a0")[0])
    assert said == pytest.approx(percent, abs=1)


# -- tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, MANY - 1, MANY, 13])
def test_few_are_a_sentence_and_many_a_table(count):
    rows = [(f"v{k}", f"{k}.0") for k in range(count)]
    text = of_each("Ends", ("variant", "points"), rows, "{} ({} points)", joint="; ", end="So it is.")
    if count < MANY:
        assert not isinstance(text, Listed) and "\n" not in text
        assert text == f"Ends: {'; '.join(f'{name} ({value} points)' for name, value in rows)}. So it is."
    else:
        assert isinstance(text, Listed) and text.rows == rows and text.header == ("variant", "points")
        assert text.splitlines()[1].split() == ["variant", "points"] and text.splitlines()[-1] == "So it is."
        assert bullet(text).splitlines()[0] == "* Ends:"
        assert [line.split() for line in bullet(text).splitlines()[2:-1]] == [list(row) for row in rows]


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_sentence_of_any_scenario_goes_through_six_variants_with_numbers(name):
    scenario, rng = SCENARIOS[name], np.random.default_rng(0)
    values = {each.name: 0.5 + 0.3 * k / 14 + 1e-3 * rng.standard_normal(3) for k, each in enumerate(scenario.variants)}
    for finding in told(name, values):
        if not isinstance(finding, Listed):
            named = [each.name for each in scenario.variants if f"{each.name} (" in finding]
            assert len(named) < 6, finding
        assert max(map(len, bullet(finding).splitlines())) <= 80, finding


@pytest.mark.full
@pytest.mark.parametrize("name", SCENARIOS)
def test_tables_that_lack_rows_lack_findings_and_nothing_else_goes_wrong(name, digits):
    few = {"epochs": 2} | ({} if name == "architectures" else {"hidden": (4, 4)})
    results = run_scenario(SCENARIOS[name], *digits, seeds=1, overrides=few, progress=False)
    everything = dict(results.tables)
    assert all_findings(results)
    for table, rows in everything.items():
        for kept in (rows.head(0), rows.head(1), rows.tail(len(rows) // 2), rows.sample(frac=0.3, random_state=0)):
            results.tables = everything | {table: kept}
            assert all(isinstance(each, (str, Listed)) for each in all_findings(results))


def test_a_table_among_the_findings_is_a_table_in_both_reports(tmp_path):
    scenario = SCENARIOS["losses"]
    results = made_up(scenario, {each.name: [0.9 - 0.01 * k] * 3 for k, each in enumerate(scenario.variants)})
    blocks = list(contents(results, RECORD, []))
    listed = [each for each in all_findings(results) if isinstance(each, Listed)]
    assert listed
    for each in listed:
        assert any(isinstance(block, Table) and list(block.rows) == each.rows for block in blocks)
        for row in each.rows:
            assert f"| {' | '.join(row)} |" in to_markdown(blocks, tmp_path)
            assert f'<th scope="row">{row[0]}</th><td>{row[1]}</td>' in to_html(blocks).replace("&#x27;", "'")


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_report_tells_of_intervals_only_if_there_are_some(seeds, tmp_path):
    for varied, baseline in ((["optimizer=sgd,adam"], True), (["optimizer=sgd,adam", "l2=0,0.1"], False)):
        scenario = comparison(varied, Settings())
        rng = np.random.default_rng(0)
        results = made_up(scenario, {each.name: rng.uniform(0.5, 0.9, seeds) for each in scenario.variants})
        pictures = [(each, tmp_path / f"{each.name}.png") for each in common_pictures(results)]
        text = to_markdown(contents(results, RECORD | {"seeds": list(range(seeds))}, pictures), tmp_path)
        shown = baseline and seeds > 1
        for words in ("the paired interval in the table", "Each interval alone covers 95"):
            assert (words in text) == shown
        assert ("points, 95" in text) == shown and ("[95 %]" in terminal_table(results)) == shown
        assert ("One seed: each point is one run" in text) == (seeds == 1) != ("one standard deviation" in text)
        assert "Chart: accuracy of compare-" in text


def test_the_order_is_the_same_in_the_terminal_and_in_the_report():
    scenario = SCENARIOS["losses"]
    rng = np.random.default_rng(1)
    ends = {each.name: rng.uniform(0.5, 0.9, 3) for each in scenario.variants}
    ends["hinge"] = [math.nan] * 3
    results = made_up(scenario, ends)
    expected = sorted(ends, key=lambda name: -np.mean(ends[name]) if name != "hinge" else 1)
    numbers = [
        block for block in contents(results, RECORD, []) if isinstance(block, Table) and "verdict" in block.header
    ]
    assert [row[0] for row in numbers[0].rows] == expected
    lines = terminal_table(results).splitlines()
    assert lines[0] == f"baseline: {scenario.baseline}; differences in percentage points"
    assert lines[1] == "±: standard deviation over the seeds; [ ]: 95 % interval of the difference"
    rows = lines[4:]
    assert [row.split()[0] for row in rows] == expected


# -- the report holds what it promises -------------------------------------------------------------------------------


@pytest.mark.quick_for("varied0-0.001 (the optimizer's default)")
@pytest.mark.parametrize(
    ("varied", "shared"),
    [
        (["hidden=4;8"], "0.001 (the optimizer's default)"),
        (["optimizer=sgd,adam"], None),
        (["learning_rate=0.1,0.2"], None),
    ],
)
def test_the_report_and_run_json_name_the_rate_and_the_schedule(varied, shared, digits, tmp_path):
    scenario = replace(comparison(varied, Settings(epochs=1)), train_size=50)
    results = run_scenario(scenario, *digits, seeds=1, progress=False)
    write_report(results, *digits, tmp_path, {"seeds": [0], "command": "test"})
    text, used = (tmp_path / "report.md").read_text(), json.loads((tmp_path / "run.json").read_text())["used"]
    for name, settings in results.settings.items():
        rate = settings.make_optimizer().learning_rate
        assert used[name]["learning_rate"] == rate and used[name]["schedule"] == "constant"
        assert None not in (used[name]["output"], used[name]["initializer"])
    assert "| schedule | constant |" in text and "| output | softmax (chosen by the loss) |" in text
    assert "| clip_norm | none |" in text
    if shared:
        assert f"| learning_rate | {shared} |" in text
        assert "Learning rate: 0.001 (adam's default), schedule constant." in text
    else:
        assert "Learning rates and schedules: see the settings below." in text
        for name, settings in results.settings.items():
            assert re.search(rf"^\\| {name} \\|.* {settings.rate:g}( \\(the optimizer's default\\))? \\|", text, re.M)


@pytest.mark.parametrize(
    ("settings", "apart"),
    [
        ([{"loss": "mse"}, {"loss": "cross_entropy"}], True),
        ([{"label_smoothing": 0.1}, {}], True),
        ([{"optimizer": "sgd"}, {"optimizer": "adam"}], False),
    ],
)
def test_losses_of_different_units_are_not_drawn_on_one_axis(settings, apart, digits):
    variants = tuple(Variant(f"v{k}", each) for k, each in enumerate(settings))
    scenario = Scenario("units", "Which?", "Look.", variants, "v0", Settings(epochs=1, hidden=(4,)))
    results = run_scenario(scenario, *digits, seeds=1, progress=False)
    assert bool(loss_units(results)) == apart
    (picture,) = [each for each in common_pictures(results) if each.name == "loss"]
    drawn = picture.draw()
    axes = drawn.axes if apart else [drawn]
    assert len(axes) == (2 if apart else 1)
    assert ("different units" in picture.reading) == apart
    record = RECORD | {"train_sizes": {}}
    text = to_markdown(contents(results, record, []), Path())
    assert ("test loss (different losses cannot be compared)" in text) == apart
