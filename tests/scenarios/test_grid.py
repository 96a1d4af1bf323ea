"""Two settings that are varied together: means, effects and interaction, held to loops."""

import json
import math

import numpy as np
import pytest
from made_up import made_up

import main
from neurosim.training.settings import Settings
from scenarios import all_findings
from scenarios.comparison import comparison
from scenarios.report.figures import common_pictures
from scenarios.report.grid import differences, grid_table, interaction
from scenarios.report.summary import terminal_table

TWO, SIX = ["optimizer=sgd,adam", "l2=0,0.1"], ["optimizer=sgd,adam", "learning_rate=0.1,0.01,1e-3"]


def results_of(varied, accuracy):
    """Results with accuracy (seeds, values of the first setting, values of the second)."""
    scenario = comparison(varied, Settings())
    names = [each.name for each in scenario.variants]
    accuracy = np.asarray(accuracy, float)
    return made_up(scenario, dict(zip(names, accuracy.reshape(len(accuracy), -1).T.tolist(), strict=True)))


def noisy(seeds, rows, columns, effect=0.0, seed=0):
    """Effects of rows and of columns that add up, noise, and an extra effect in the first cell."""
    rng = np.random.default_rng(seed)
    a = (
        0.6
        + 0.05 * np.arange(rows)[:, None]
        + 0.02 * np.arange(columns)
        + 1e-3 * rng.standard_normal((seeds, rows, columns))
    )
    a[:, 0, 0] += effect
    return a


@pytest.mark.parametrize("shape", [(3, 2, 2), (1, 2, 3), (4, 3, 2)])
def test_the_interaction_is_that_of_a_slow_loop(shape):
    a = noisy(*shape, effect=0.1)
    found = interaction(a)
    seeds, rows, columns = shape
    for s in range(seeds):
        mean = sum(a[s, i, j] for i in range(rows) for j in range(columns)) / (rows * columns)
        for i in range(rows):
            for j in range(columns):
                row = sum(a[s, i, k] for k in range(columns)) / columns
                column = sum(a[s, k, j] for k in range(rows)) / rows
                assert found[s, i, j] == pytest.approx(a[s, i, j] - row - column + mean, abs=1e-12)
    if (rows, columns) == (2, 2):  # a quarter of the difference of differences
        double = (a[:, 1, 1] - a[:, 1, 0]) - (a[:, 0, 1] - a[:, 0, 0])
        assert found[:, 1, 1] == pytest.approx(double / 4)


def test_effects_that_add_up_leave_nothing_and_a_seed_that_diverged_is_left_out():
    a = np.add.outer([0.1, 0.2], [0.3, 0.35, 0.5])[None].repeat(2, axis=0)
    assert interaction(a) == pytest.approx(0.0, abs=1e-15)
    a[1, 0, 0] = math.nan
    assert interaction(a).shape == (1, 2, 3)


@pytest.mark.parametrize(
    ("varied", "effect", "says"),
    [
        (TWO, 0.0, "No interaction of optimizer and l2 that 5 seeds can show"),
        (TWO, 0.05, "optimizer and l2 interact, beyond the noise of 5 seeds"),
        (SIX, 0.0, "No interaction of optimizer and learning_rate that 5 seeds can show"),
        (SIX, 0.05, "optimizer and learning_rate interact in 6 of 6 pairs, beyond the noise of 5 seeds"),
    ],
)
def test_findings_tell_whether_they_interact(varied, effect, says):
    a = noisy(5, 2, len(varied[1].split(",")), effect, seed=3)
    text = " ".join(all_findings(results_of(varied, a)))
    assert says in text
    assert "Better than" not in text and "Worse than" not in text and "baseline" not in text
    assert f"the optimizer with the highest accuracy is adam: {100 * a[:, 1].mean():.2f}\u00a0%." in text
    difference = 100 * (a[:, 0].mean() - a[:, 1].mean())
    assert f"sgd is {-difference:.2f} points lower, beyond the noise." in text


def test_one_seed_does_not_tell_whether_they_interact():
    text = " ".join(all_findings(results_of(TWO, noisy(1, 2, 2, effect=0.2))))
    assert "One seed cannot tell that from noise" in text and "interact," not in text and "beyond" not in text
    assert "Interaction: the strongest pair is" in text and "than its two settings alone predict" in text


def test_where_a_pair_always_diverges_nothing_is_averaged():
    a = noisy(3, 2, 2)
    a[:, 0, 1] = math.nan
    results = results_of(TWO, a)
    text = " ".join(all_findings(results))
    assert "and whether they interact, are unknown" in text and "n average over" not in text
    _, rows = grid_table(results)
    assert rows[0][2] == "diverged" and rows[0][-1] == "-" and rows[-1][2] == "-" and rows[-1][-1] == "-"
    assert rows[1][-1] == f"{100 * a[:, 1].mean():.2f}"
    assert [picture.name for picture in common_pictures(results)][-1] == "grid"
    for picture in common_pictures(results):
        picture.draw()


def test_the_table_has_the_mean_of_each_pair_and_the_terminal_shows_it():
    a = noisy(3, 2, 3)
    results = results_of(SIX, a)
    header, rows = grid_table(results)
    assert header == ("optimizer \\ learning_rate", "0.1", "0.01", "1e-3", "mean")
    for i, name in enumerate(("sgd", "adam")):
        assert rows[i][0] == name and rows[i][-1] == f"{100 * a[:, i].mean():.2f}"
        for j in range(3):
            assert rows[i][1 + j] == f"{100 * a[:, i, j].mean():.2f} ± {100 * a[:, i, j].std(ddof=1):.2f}"
    assert rows[2] == ("mean", *(f"{100 * a[:, :, j].mean():.2f}" for j in range(3)), f"{100 * a.mean():.2f}")
    text = terminal_table(results)
    assert text.startswith("test accuracy (%)\noptimizer \\ learning_rate") and "baseline" not in text


def test_the_map_of_the_interaction_has_its_numbers_and_frames():
    a = noisy(5, 2, 3, effect=0.1, seed=3)
    results = results_of(SIX, a)
    pictures = {picture.name: picture for picture in common_pictures(results)}
    assert list(pictures)[-2:] == ["grid", "interaction"]
    ax, residual = pictures["interaction"].draw(), interaction(a)
    numbers = [text.get_text() for text in ax.texts]
    for value in 100 * residual.mean(axis=0).ravel():
        assert any(text[0] in "+-" and float(text) == pytest.approx(value, abs=0.06) for text in numbers[:6])
    beyond = [d.verdict in ("better", "worse") for d in differences(residual).to_numpy().ravel()]
    assert sum(not patch.get_fill() for patch in ax.patches) == sum(beyond)
    low, high = ax.images[0].get_clim()
    assert low == -high  # colours part at 0


@pytest.mark.full
def test_compare_records_the_grid(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = "--data digits --offline --train-size 60 --epochs 1 --seeds 1 --jobs 1 --hidden 4"
    main.main(["compare", "--vary", "l2=0,0.1", "--vary", "lr=0.1,0.01,1", *words.split()])
    folder = tmp_path / "results/compare-l2-learning_rate"
    record = json.loads((folder / "run.json").read_text())
    assert record["grid"] == {"l2": ["0", "0.1"], "learning_rate": ["0.1", "0.01", "1"]} and record["baseline"] == ""
    report = (folder / "report.md").read_text()
    assert "figures/interaction.png" in report and "| l2 \\ learning_rate | 0.1 | 0.01 | 1 | mean |" in report
    assert "difference from" not in report
