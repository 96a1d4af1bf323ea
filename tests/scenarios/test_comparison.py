"""A user's own comparison, over any settings."""

from itertools import product

import pytest

import main
import neurosim as ns
from neurosim.training.settings import Settings
from scenarios import SCENARIOS, redraw
from scenarios.comparison import comparison


def test_every_combination_is_a_variant():
    scenario = comparison(["optimizer=sgd,adam", "learning_rate=0.1,0.01,1e-3"], Settings(epochs=2))
    expected = list(product(("sgd", "adam"), (0.1, 0.01, 0.001)))
    assert [(each.settings["optimizer"], each.settings["learning_rate"]) for each in scenario.variants] == expected
    assert scenario.variants[0].name == "optimizer sgd, learning_rate 0.1"
    assert scenario.baseline == ""  # each is compared with each
    assert scenario.grid == {"optimizer": ("sgd", "adam"), "learning_rate": ("0.1", "0.01", "1e-3")}
    assert scenario.variants[5].name == "optimizer adam, learning_rate 1e-3"
    assert scenario.base.epochs == 2


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("hidden=128,64;32", "hidden", [(128, 64), (32,)]),
        ("hidden=128,64", "hidden", [(128,), (64,)]),
        ("hidden=none;8", "hidden", [(), (8,)]),
        ("batch-norm=yes,no", "batch_norm", [True, False]),
        ("schedule=none,one_cycle", "schedule", [None, "one_cycle"]),
        (" l2 = 0, 1e-4", "l2", [0.0, 1e-4]),
    ],
)
def test_values_are_read_as_the_options_of_train_are(text, name, values):
    assert [each.settings[name] for each in comparison([text], Settings()).variants] == values


def test_the_number_of_training_images_can_be_varied_too():
    scenario = comparison(["train_size=100,20000"], Settings())
    assert [each.train_size for each in scenario.variants] == [100, 20_000]
    assert scenario.train_size == 20_000  # as many as the largest needs


@pytest.mark.parametrize(
    ("varied", "words"),
    [
        ([], "at least two"),
        (["optimizer=adam"], "at least two"),
        (["optimizer="], "at least two"),
        (["optimizer"], "optimizer=sgd,adam"),
        (["optimiser=sgd,adam"], "did you mean 'optimizer'"),
        (["optimizer=sgd,adan"], "did you mean 'adam'"),
        (["dropout=0.1,2"], "--vary dropout"),
        (["dropout=0.1,0.10"], "twice"),
        (["l1=0.1,0.2", "l1=0.3,0.4"], "each setting once"),
        (["train_size=ten,20"], "--vary train_size"),
        (["l1=0.1,0.2", "l2=0.1,0.2"], "received both"),
    ],
)
def test_what_cannot_be_compared_is_one_line(varied, words, refused):
    with refused(words):
        comparison(varied, Settings())


def test_a_baseline_can_be_chosen(refused):
    assert comparison(["loss=mse,cross_entropy"], Settings(), "loss cross_entropy").baseline == "loss cross_entropy"
    two = ["loss=mse,cross_entropy", "batch-norm=yes,no"]
    assert comparison(two, Settings()).baseline == ""
    assert comparison(two, Settings(), "loss mse, batch_norm no").baseline == "loss mse, batch_norm no"
    for other in (["loss=mse,cross_entropy"], [*two, "l2=0,0.1"], ["loss=mse", "batch-norm=yes,no"]):
        scenario = comparison(other, Settings())  # two settings that vary make a grid, nothing else
        assert not scenario.grid and scenario.baseline == scenario.variants[0].name
    with refused("baseline", "did you mean 'loss mse'"):
        comparison(["loss=mse,cross_entropy"], Settings(), "loss mze")


def test_a_setting_both_varied_and_given_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main.main(["compare", "--vary", "optimizer=sgd,adam", "--optimizer", "sgd"])
    assert ended.value.code == 2 and "--vary optimizer" in capsys.readouterr().err


@pytest.mark.full
def test_compare_writes_what_a_scenario_writes_and_plot_draws_it_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main.main(
        [
            "compare",
            "--vary",
            "hidden=8,8;4",
            "--vary",
            "optimizer=sgd,adam",
            "--data",
            "digits",
            "--offline",
            "--train-size",
            "200",
            "--epochs",
            "1",
            "--seeds",
            "2",
            "--jobs",
            "1",
        ]
    )
    printed = capsys.readouterr().out
    folder = tmp_path / "results/compare-hidden-optimizer"
    for file in ("results.csv", "summary.csv", "run.json", "report.md", "report.html", "figures/comparison.png"):
        assert (folder / file).exists()
    assert max(map(len, printed.splitlines())) <= 80 and "hidden 8,8, optimizer adam" in printed
    files = [*(folder / "figures").iterdir(), folder / "report.md", folder / "report.html"]
    before = {path: path.read_bytes() for path in files}
    for path in files:
        path.unlink()
    redraw(SCENARIOS, folder)
    assert {path: path.read_bytes() for path in files} == before


def test_a_folder_that_holds_no_results_is_one_line(tmp_path, refused):
    with refused("run.json", "python main.py scenario", error=ns.DataError):
        redraw(SCENARIOS, tmp_path)
    (tmp_path / "run.json").write_text("[]")
    with refused("run.json", error=ns.DataError):
        redraw(SCENARIOS, tmp_path)
