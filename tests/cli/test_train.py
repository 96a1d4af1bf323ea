"""``train``: what it saves, and that every setting reaches the network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import neurosim as ns
from neurosim.training.settings import HELD_OUT

ROOT = Path(__file__).parents[2]
SMALL = ("train", "--data", "digits", "--epochs", "1", "--train-size", "300", "--hidden", "8")


def test_train_saves_the_network_its_history_and_its_figures(cli, tmp_path):
    result = cli(
        "train", "--data", "digits", "--epochs", "2", "--train-size", "500", "--hidden", "16", "--out", "first"
    )
    assert result.code == 0, result.err
    folder = tmp_path / "first"
    assert {path.name for path in folder.iterdir()} == {
        "net.npz",
        "history.csv",
        "predictions.csv",
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
    assert f"test accuracy {100 * accuracy:.2f} %" in result.out
    assert history["val_accuracy"].iloc[-1] == pytest.approx(accuracy)


@pytest.mark.full
def test_figures_of_an_earlier_run_do_not_stay(cli, tmp_path):
    (tmp_path / "first").mkdir()
    (tmp_path / "first/learning_curves.png").write_bytes(b"old")
    assert cli(*SMALL, "--epochs", "0", "--out", "first").code == 0  # no epoch, no curve
    assert {path.name for path in (tmp_path / "first").glob("*.png")} == {
        "confusion_matrix.png",
        "mistakes.png",
        "weights.png",
    }


@pytest.mark.full
def test_train_takes_every_setting(cli, tmp_path):
    result = cli(
        *("train", "--data", "digits", "--epochs", "1", "--train-size", "300", "--hidden", "12,8"),
        *("--activation", "leaky_relu:negative_slope=0.1", "--loss", "cross_entropy", "--optimizer", "momentum"),
        *("--learning-rate", "0.05", "--schedule", "cosine", "--initializer", "orthogonal", "--batch-size", "32"),
        *("--dropout", "0.1", "--input-dropout", "0.05", "--batch-norm", "--l2", "1e-4", "--max-norm", "3"),
        *("--clip-norm", "5", "--label-smoothing", "0.1", "--early-stopping", "3", "--monitor", "val_accuracy"),
        *("--dtype", "float64", "--seed", "4", "--quiet"),
    )
    assert result.code == 0, result.err
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


@pytest.mark.full
def test_the_same_seed_trains_the_same_network_in_two_processes(tmp_path):
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("NEUROSIM") or name == "NEUROSIM_ENGINE"
    }
    for out in ("one", "two"):
        words = ["--data", "digits", "--epochs", "1", "--train-size", "400", "--dropout", "0.2", "--out", out]
        subprocess.run(
            [sys.executable, str(ROOT / "main.py"), "train", *words],
            cwd=tmp_path,
            env=environment | {"NEUROSIM_OFFLINE": "1"},
            capture_output=True,
            check=True,
        )
    one, two = (np.load(tmp_path / out / "net.npz") for out in ("one", "two"))
    assert one.files == two.files
    assert all(np.array_equal(one[name], two[name]) for name in one.files)


@pytest.mark.full
def test_a_schedule_that_watches_the_validation_loss_never_watches_the_test_images(cli):
    result = cli(*SMALL, "--schedule", "reduce_on_plateau:patience=1", "--quiet")
    assert result.code == 0, result.err
    assert "validation: 50 images, a sixth of the training set, kept out of it" in result.out


@pytest.mark.full
@pytest.mark.parametrize(("monitor", "best"), [("val_loss", "idxmin"), ("val_accuracy", "idxmax")])
def test_early_stopping_goes_by_the_figure_that_is_asked_for(monitor, best, cli, tmp_path):
    words = ("--epochs", "12", "--schedule", "none", "--learning-rate", "0.005", "--hidden", "32", "--seed", "1")
    result = cli(*SMALL, *words, "--early-stopping", "12", "--monitor", monitor, "--out", "run")
    assert result.code == 0, result.err
    history = pd.read_csv(tmp_path / "run/history.csv").set_index("epoch")
    assert history["val_loss"].idxmin() != history["val_accuracy"].idxmax()  # else this would prove nothing
    kept = getattr(history[monitor], best)()
    assert len(history) == 12 and f"Weights are those of epoch {kept}, the best by {monitor}." in result.err
    train, _ = ns.data.load("digits")
    _, validation = train.subset(300, seed=0).hold_out(HELD_OUT)
    figures = ns.Network.load(tmp_path / "run/net.npz").evaluate(validation.images, validation.labels)
    assert figures["loss"] == pytest.approx(history["val_loss"][kept], rel=1e-6)
    assert figures["accuracy"] == pytest.approx(history["val_accuracy"][kept])


VALIDATED = "validation: val loss and val acc are measured on the test images, which do not influence the training"


@pytest.mark.full
def test_what_is_decided_by_training_figures_needs_no_validation_images(cli):
    result = cli(*SMALL, "--early-stopping", "2", "--monitor", "accuracy", "--quiet")
    assert result.code == 0 and VALIDATED in " ".join(result.out.split())


def test_a_run_that_diverged_ends_with_status_2_and_says_what_its_file_is_good_for(cli):
    hot = ("--optimizer", "sgd", "--learning-rate", "1e30", "--loss", "mse", "--output", "linear")
    quiet, loud = cli(*SMALL, *hot, "--quiet"), cli(*SMALL, *hot)
    for result in (quiet, loud):
        assert result.code == 2 and "test accuracy" in result.out
        assert re.search(r"net\.npz can(not)? be loaded", result.err.splitlines()[-1])
    assert quiet.err.startswith("error: ") and len(quiet.err.splitlines()) == 1 and "(see above)" not in quiet.err
    assert "(see above)" in loud.err.splitlines()[-1]


def test_profile_says_where_the_time_goes_and_writes_nothing(cli, tmp_path):
    result = cli(*SMALL, "--profile")
    assert result.code == 0 and "the matrix products alone take" in result.out
    assert not (tmp_path / "runs").exists()
    for words in (("--augment", "affine"), ("--checkpoint-every", "5")):
        refused = cli(*SMALL, "--profile", *words)
        assert refused.code == 2 and f"expected no {words[0]} with it" in refused.err


@pytest.mark.quick_for("words0-True")
@pytest.mark.parametrize(
    ("words", "idle"),
    [
        (("--learning-rate", "1e-9", "--schedule", "none"), True),
        (("--initializer", "zeros"), True),
        (("--learning-rate", "3", "--optimizer", "sgd", "--hidden", "64,64,64", "--epochs", "3"), True),
        (("--epochs", "6"), False),
        (("--epochs", "0"), False),  # it was not even tried
        (("--learning-rate", "1e-9", "--schedule", "none", "--epochs", "2"), True),
    ],
)
def test_training_that_learned_nothing_says_so(words, idle, cli, tmp_path):
    result = cli(*SMALL, *words, "--out", "run", "--quiet")
    assert result.code == 0, result.err
    _, test = ns.data.load("digits")
    accuracy = ns.Network.load(tmp_path / "run/net.npz").evaluate(test.images, test.labels)["accuracy"]
    commonest = max(int((test.labels == c).sum()) for c in range(10)) / len(test)
    if idle:
        assert accuracy <= commonest + 0.01
    text = " ".join(result.out.split())
    one = idle and "--epochs" not in words  # with one epoch, there is no fall of the loss to see
    assert ("The network is no better than a guess: " in text) == one
    assert ("The network has learned nothing: " in text) == (idle and not one)
    assert (f"1 point above {100 * commonest:.2f} %, the accuracy of always answering" in text) == idle


@pytest.mark.quick_every(4)
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            (),
            "optimizer adam, learning rate up to 0.002 (twice adam's default),\nschedule one_cycle",
        ),  # in 80 columns
        (("--schedule", "none"), "optimizer adam, learning rate 0.001 (adam's default), schedule constant"),
        (
            ("--optimizer", "sgd", "--schedule", "cosine"),
            "optimizer sgd, learning rate up to 0.1 (sgd's default), schedule cosine",
        ),
        (("--learning-rate", "0.3", "--schedule", "none"), "optimizer adam, learning rate 0.3, schedule constant"),
    ],
)
def test_train_names_its_learning_rate_and_schedule(words, says, cli, tmp_path):
    result = cli(*SMALL, *words, "--epochs", "1", "--out", "run", "--quiet")
    assert f"\n{says}\n" in result.out
    optimizer = ns.Network.load(tmp_path / "run/net.npz").optimizer
    rate = optimizer.learning_rate
    assert (rate if isinstance(rate, float) else rate.rate) == float(re.search(r"rate (?:up to )?([\d.]+)", says)[1])
