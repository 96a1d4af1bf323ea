"""``scenario``, and ``plot`` of what it wrote."""

import json
import os
from pathlib import Path

import pytest
from cli_runner import run_cli

from scenarios import SCENARIOS

WORDS = ("scenario", "optimizers", "symmetry", "--quick", "--train-size", "300", "--epochs", "1", "--hidden", "8")


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Two scenarios, run where MNIST cannot be found: what was printed, and the folder."""
    folder = tmp_path_factory.mktemp("quick")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("NEUROSIM") and name != "NEUROSIM_ENGINE"]:
            patch.delenv(name)
        patch.setenv("NEUROSIM_HOME", str(folder / "home"))
        patch.setenv("NEUROSIM_OFFLINE", "1")
        patch.chdir(folder)
        return run_cli(*WORDS), folder


@pytest.mark.full
def test_scenario_without_mnist_says_so_first_and_writes_everything(quick):
    result, place = quick
    assert result.code == 0, result.err
    assert "NOT MNIST" in " ".join(result.out.split("data:")[0].split())
    for name in ("optimizers", "symmetry"):
        folder = place / "results" / name
        for file in ("results.csv", "summary.csv", "run.json", "report.md", "figures/accuracy.png"):
            assert (folder / file).stat().st_size > 0
        record = json.loads((folder / "run.json").read_text())
        assert record["data"]["train"]["images"] == 300 and len(record["data"]["test"]["sha256"]) == 64
        assert record["note"] == "data: built-in digits, NOT MNIST, 300 training images"
        assert record["command"] == f"python main.py {' '.join(WORDS)}"
        for figure in (folder / "report.md").read_text().split("](figures/")[1:]:
            path = folder / "figures" / figure.split(")")[0]
            assert path.exists() and str(path.relative_to(place)) in result.out
    assert max(len(line) for line in result.out.splitlines()) <= 80


@pytest.mark.full
def test_plot_draws_the_figures_again_from_the_tables(quick, cli, monkeypatch):
    _, place = quick
    monkeypatch.chdir(place)
    figures = Path("results/optimizers/figures")
    before = sorted(path.name for path in figures.iterdir())
    for path in figures.iterdir():
        path.unlink()
    result = cli("plot", "results/optimizers")
    assert result.code == 0 and sorted(path.name for path in figures.iterdir()) == before
    for name in (*(f"figures/{each}" for each in before if each.endswith(".png")), "report.md", "report.html"):
        assert str(Path("results/optimizers") / name) in result.out


def test_scenario_list_gives_each_question(cli):
    result = cli("scenario", "--list")
    assert result.code == 0
    for name, scenario in SCENARIOS.items():
        assert name in result.out and scenario.question in " ".join(result.out.split())
    assert result.out.count("?") >= 3


@pytest.mark.parametrize(
    ("words", "seeds", "size", "epochs"),
    [
        (["losses"], 3, 10_000, SCENARIOS["losses"].base.epochs),
        (["losses", "--quick"], 1, 2_000, 2),
        (["vanishing-gradients", "--quick"], 1, 2_000, SCENARIOS["vanishing-gradients"].quick.get("epochs", 2)),
        (["losses", "--quick", "--seeds", "2", "--epochs", "5", "--train-size", "50"], 2, 50, 5),
        (["losses", "--seed", "7", "--seeds", "1"], 1, 10_000, SCENARIOS["losses"].base.epochs),
    ],
)
def test_how_much_is_run(words, seeds, size, epochs, cli, monkeypatch):
    found = []

    def run_experiments(experiments, *_, **__):
        found.extend(experiments)
        yield from ()

    monkeypatch.setattr("neurosim.cli.experiment.run_experiments", run_experiments)
    assert cli("scenario", *words, "--data", "digits").code == 0
    (experiment,) = found
    settings = experiment.scenario.base.change(**experiment.overrides)
    assert (experiment.seeds, len(experiment.train), settings.epochs) == (seeds, size, epochs)
    assert experiment.first_seed == (7 if "--seed" in words else 0)
