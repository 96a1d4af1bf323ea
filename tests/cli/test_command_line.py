"""The command line, run as a user runs it: in a process of its own, without MNIST and without a network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import neurosim as ns

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path):
    """Run ``python main.py …`` in an empty folder; returns the finished process."""

    def run(*words, timeout=120):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NEUROSIM")}
        environment |= {"NEUROSIM_HOME": str(tmp_path / "home"), "NEUROSIM_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, str(ROOT / "main.py"), *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run


def test_help_of_every_command_is_short_of_80_columns_and_shows_an_example(run):
    result = run("--help")
    assert result.returncode == 0
    for command in ("scenario", "train", "data", "gradcheck", "plot", "step", "inspect"):
        assert command in result.stdout
        text = run(command, "--help").stdout
        assert f"python main.py {command}" in text.split("example:")[1]
        assert max(map(len, text.splitlines())) <= 80


def test_help_imports_neither_matplotlib_nor_pandas():
    code = (
        "import sys, main\ntry:\n    main.main(['--help'])\nexcept SystemExit: pass\n"
        "bad = {'matplotlib', 'pandas', 'viz', 'scenarios', 'tqdm'} & set(sys.modules)\nassert not bad, bad"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_importing_neurosim_imports_nothing_that_draws():
    code = (
        "import sys, neurosim\nbad = {'matplotlib', 'pandas', 'viz', 'scenarios', 'tqdm'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_no_module_of_neurosim_imports_matplotlib_viz_or_scenarios():
    for path in (ROOT / "neurosim").rglob("*.py"):
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"]):
                assert words[1].split(".")[0] not in ("matplotlib", "viz", "scenarios"), f"{path}: {line}"


def test_train_saves_the_network_its_history_and_its_figures(run, tmp_path):
    result = run(
        "train", "--data", "digits", "--epochs", "2", "--train-size", "500", "--hidden", "16", "--out", "first"
    )
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "first"
    assert {path.name for path in folder.iterdir()} == {
        "net.npz",
        "history.csv",
        "learning_curves.png",
        "confusion_matrix.png",
        "weights.png",
        "mistakes.png",
    }
    history = pd.read_csv(folder / "history.csv")
    assert list(history["epoch"]) == [1, 2]
    net = ns.Network.load(folder / "net.npz")
    _, test = ns.data.load("digits")
    accuracy = net.evaluate(test.images, test.labels)["accuracy"]
    assert f"test accuracy {100 * accuracy:.2f} %" in result.stdout
    assert history["val_accuracy"].iloc[-1] == pytest.approx(accuracy)


def test_train_takes_every_setting(run, tmp_path):
    result = run(
        "train",
        "--data",
        "digits",
        "--epochs",
        "1",
        "--train-size",
        "300",
        "--hidden",
        "12,8",
        "--activation",
        "leaky_relu:negative_slope=0.1",
        "--loss",
        "cross_entropy",
        "--optimizer",
        "momentum",
        "--learning-rate",
        "0.05",
        "--schedule",
        "cosine",
        "--initializer",
        "orthogonal",
        "--batch-size",
        "32",
        "--dropout",
        "0.1",
        "--input-dropout",
        "0.05",
        "--batch-norm",
        "--l2",
        "1e-4",
        "--max-norm",
        "3",
        "--clip-norm",
        "5",
        "--label-smoothing",
        "0.1",
        "--early-stopping",
        "3",
        "--dtype",
        "float64",
        "--seed",
        "4",
        "--quiet",
    )
    assert result.returncode == 0, result.stderr
    net = ns.Network.load(tmp_path / "runs/latest/net.npz")
    assert [type(layer).__name__ for layer in net] == [
        "Input",
        "Dropout",
        "Dense",
        "BatchNorm",
        "Dropout",
        "Dense",
        "BatchNorm",
        "Dropout",
        "Dense",
    ]
    assert net.dtype == np.float64 and net.seed == 4 and net.optimizer.clip_norm == 5
    assert net.loss.label_smoothing == 0.1 and net[2].max_norm == 3 and net[2].regularizer.strength == 1e-4
    assert net[3].activation.negative_slope == 0.1 and isinstance(net.optimizer.learning_rate, ns.Cosine)


def test_the_same_seed_trains_the_same_network_in_two_processes(run, tmp_path):
    for out in ("one", "two"):
        run("train", "--data", "digits", "--epochs", "1", "--train-size", "400", "--dropout", "0.2", "--out", out)
    one, two = (np.load(tmp_path / out / "net.npz") for out in ("one", "two"))
    assert one.files == two.files
    assert all(np.array_equal(one[name], two[name]) for name in one.files)


@pytest.fixture
def quick(run):
    return run("scenario", "optimizers", "losses", "--quick", "--train-size", "300", "--epochs", "1", "--hidden", "8")


def test_scenario_without_mnist_says_so_first_and_writes_everything(quick, tmp_path):
    assert quick.returncode == 0, quick.stderr
    assert "NOT MNIST" in " ".join(quick.stdout.split("data:")[0].split())
    for name in ("optimizers", "losses"):
        folder = tmp_path / "results" / name
        for file in ("results.csv", "summary.csv", "run.json", "report.md", "figures/accuracy.png"):
            assert (folder / file).stat().st_size > 0
        record = json.loads((folder / "run.json").read_text())
        assert record["data"]["train"]["images"] == 300 and len(record["data"]["test"]["sha256"]) == 64
        assert record["note"] == "data: built-in digits, NOT MNIST"
        for figure in (folder / "report.md").read_text().split("](figures/")[1:]:
            path = folder / "figures" / figure.split(")")[0]
            assert path.exists() and str(path.relative_to(tmp_path)) in quick.stdout
    assert max(len(line) for line in quick.stdout.splitlines()) <= 80


def test_plot_draws_the_figures_again_from_the_tables(quick, run, tmp_path):
    figures = tmp_path / "results/optimizers/figures"
    before = sorted(path.name for path in figures.iterdir())
    for path in figures.iterdir():
        path.unlink()
    assert run("plot", "results/optimizers").returncode == 0
    assert sorted(path.name for path in figures.iterdir()) == before


def test_scenario_list_gives_each_question(run):
    result = run("scenario", "--list")
    for name in ("activations", "losses", "optimizers"):
        assert name in result.stdout
    assert result.stdout.count("?") >= 3


def test_data_tells_what_was_found_and_saves_a_contact_sheet(run, tmp_path):
    result = run("data", "--preview")
    assert result.returncode == 0, result.stderr
    assert "found nothing there" in result.stdout and "drawn by neurosim" in result.stdout
    assert (tmp_path / "results/digits.png").exists()


def test_inspect_prints_a_report_card_and_draws_one_neuron(run, tmp_path):
    run("train", "--data", "digits", "--epochs", "1", "--train-size", "300", "--hidden", "8", "--out", "first")
    result = run("inspect", "first/net.npz")
    assert result.returncode == 0, result.stderr
    assert "18 neurons" in result.stdout and max(map(len, result.stdout.splitlines())) <= 80
    card = pd.read_csv(tmp_path / "results/inspect/neurons.csv")
    assert len(card) == 18 and list(card.columns[:2]) == ["layer", "neuron"]
    result = run("inspect", "first/net.npz", "--layer", "1", "--neuron", "5", "--out", "one")
    assert result.returncode == 0, result.stderr
    for kind in ("by_class", "top_samples", "maximizing_input", "weights"):
        assert (tmp_path / f"one/layer1-neuron5-{kind}.png").exists()


def test_gradcheck_covers_every_activation_and_loss_and_passes(run):
    result = run("gradcheck")
    assert result.returncode == 0, result.stdout
    for key in (*ns.ACTIVATIONS, *ns.LOSSES, "batch_norm", "dropout", "l1", "l2"):
        assert key in result.stdout
    assert "WRONG" not in result.stdout


WRONG = [
    (("scenari",), "did you mean 'scenario'"),
    (("scenario", "optimisers"), "did you mean 'optimizers'"),
    (("scenario", "--seeds", "0"), "--seeds"),
    (("scenario", "--epochs", "many"), "--epochs"),
    (("scenario", "--train-size", "20000", "--data", "digits"), "10,000"),
    (("train", "--activation", "rellu"), "did you mean 'relu'"),
    (("train", "--activation", "relu:slope=1"), "slope"),
    (("train", "--loss", "mse", "--output", "softplux"), "softplus"),
    (("train", "--loss", "cross_entropy", "--output", "sigmoid"), "softmax"),
    (("train", "--optimizer", "adma"), "did you mean 'adam'"),
    (("train", "--hidden", "128;64"), "128;64"),
    (("train", "--hidden", "0"), "--hidden"),
    (("train", "--learning-rate", "fast"), "--learning-rate"),
    (("train", "--learning-rate", "nan"), "--learning-rate"),
    (("train", "--learning-rate", "-1"), "--learning-rate"),
    (("train", "--dropout", "1"), "--dropout"),
    (("train", "--batch-size", "0"), "--batch-size"),
    (("train", "--l1", "0.1", "--l2", "0.1"), "l1"),
    (("train", "--label-smoothing", "0.1", "--loss", "mse"), "label_smoothing"),
    (("train", "--data", "mnits"), "mnist"),
    (("train", "--data", "mnist"), "not found"),
    (("train", "--data", "/nowhere"), "/nowhere"),
    (("train", "--epoch", "3"), "--epoch"),
    (("train", "--out", "/proc/nowhere", "--data", "digits"), "/proc/nowhere"),
    (("data", "--data", "fashion"), "fashion-mnist"),
    (("plot", "nowhere"), "nowhere"),
    (("gradcheck", "--seed", "x"), "--seed"),
    (("inspect", "nowhere.npz"), "nowhere.npz"),
    (("step", "--model", "nowhere.npz"), "nowhere.npz"),
    (("step", "--model", "net.npz", "--hidden", "8"), "--hidden"),
    (("step", "--animate"), "--plot"),
]


@pytest.mark.parametrize(("words", "expected"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_a_wrong_command_line_gets_one_clear_line_and_status_2(run, tmp_path, words, expected):
    result = run(*words)
    assert result.returncode == 2
    message = result.stderr.strip()
    assert message.startswith("error: ") and len(message.splitlines()) == 1 and expected in message
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.rglob("*.npz")) and not list(tmp_path.rglob("*.csv")) and not list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize("option", [("--early-stopping", "2"), ("--schedule", "reduce_on_plateau")])
def test_step_holds_images_out_for_what_decides_in_the_training_of_its_network(run, option):
    result = run("step", "--data", "digits", "--train-size", "300", "--hidden", "4", *option)
    assert result.returncode == 0, result.stderr
    assert "validation: 50 images held out of the training set" in result.stdout and "1. inputs" in result.stdout


def test_a_schedule_that_watches_the_validation_loss_never_watches_the_test_images(run):
    result = run(
        "train",
        "--data",
        "digits",
        "--epochs",
        "1",
        "--train-size",
        "300",
        "--hidden",
        "8",
        "--schedule",
        "reduce_on_plateau:patience=1",
        "--quiet",
    )
    assert result.returncode == 0, result.stderr
    assert "validation: 50 images held out of the training set" in result.stdout
