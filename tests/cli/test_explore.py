"""``explore`` and ``train --page``: what they write, what they say, when a browser is opened, what they refuse."""

import subprocess
import sys
import time
import webbrowser
from pathlib import Path

import numpy as np
import pytest
from page_file import PageFile

import neurosim as ns
from neurosim.cli import explore

ROOT = Path(__file__).parents[2]
SMALL = ("explore", "--data", "digits", "--epochs", "1", "--train-size", "300", "--hidden", "8", "--quiet")


@pytest.fixture(autouse=True)
def opened(monkeypatch):
    """The addresses that the browser was asked to open; there is a screen."""
    addresses = []
    monkeypatch.setattr(webbrowser, "open", lambda address: addresses.append(address) or True)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(explore, "has_display", lambda: True)
    return addresses


def read(path):
    return PageFile(Path(path).read_text("utf-8"))


@pytest.mark.full
def test_it_trains_writes_and_opens_a_page(cli, tmp_path, opened):
    result = cli("explore", "--out", "new/own.html", "--epochs", "1")
    assert result.code == 0, result.err
    assert all(len(line) < 80 for line in (result.out + result.err).splitlines())
    assert "NOT MNIST" in result.out and result.err == "training: 1 of 1 epochs\n"
    assert "Network(784 -> 32 -> 16 -> 10" in result.out and "test accuracy" in result.out
    assert result.out.splitlines()[-2:] == ["opened in the browser:", "  new/own.html"]
    assert opened == [(tmp_path / "new/own.html").as_uri()]
    page = read(tmp_path / "new/own.html")
    assert page.manifest["made"]["command"] == "python main.py explore --out new/own.html --epochs 1"
    assert page.manifest["settings"]["hidden"] == [32, 16] and len(page.manifest["snapshots"]) > 10
    assert page.manifest["snapshots"][-1]["step"] == 157 and page.manifest["history"][0]["val_accuracy"] > 0.5
    size = (tmp_path / "new/own.html").stat().st_size
    said = " ".join(result.out.split())
    assert (
        f"page: {size / 1e6:.1f} MB with 500 test images, 60 more that the network misreads, 2,000 training images"
        in said
    )


@pytest.mark.full
def test_no_browser_is_opened_where_none_is_wanted_or_can_be(cli, opened, monkeypatch):
    assert cli(*SMALL, "--no-open").out.endswith("open it in a browser:\n  results/page.html\n")
    monkeypatch.undo()
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if sys.platform not in ("darwin", "win32"):
        assert not explore.has_display()
    assert opened == []


def test_options_say_what_is_in_it(cli, tmp_path):
    words = ("--samples", "20", "--snapshots", "3", "--seed", "4", "--validation", "0.1", "--dtype", "float64")
    result = cli(*SMALL, *words, "--batch-size", "30")
    assert result.code == 0, result.err
    manifest = read(tmp_path / "results/page.html").manifest
    assert [manifest["samples"][split]["count"] for split in ("test", "train")] == [20, 80]
    assert [each["step"] for each in manifest["snapshots"]] == [0, 1, 9]
    assert manifest["network"]["seed"] == 4 and manifest["network"]["dtype"] == "float64"
    assert (manifest["batch_size"], manifest["data"]["train_size"]) == (30, 270)


def test_a_saved_network_is_shown_as_it_is(cli, tmp_path):
    assert cli("train", *SMALL[1:], "--out", "run").code == 0
    result = cli("explore", "--model", "run/net.npz", "--data", "digits", "--no-open", "--batch-size", "20")
    assert result.code == 0 and result.out.endswith("  results/page.html\n")
    page, net = read(tmp_path / "results/page.html"), ns.Network.load(tmp_path / "run/net.npz")
    assert np.array_equal(page.array("theta"), net.parameters.theta)
    assert [each["step"] for each in page.manifest["snapshots"]] == [net.optimizer.t]
    assert page.manifest["run"] is None and page.manifest["batch_size"] == 20


@pytest.mark.parametrize(("name", "kind"), [("moons", "points"), ("table.csv", "table")])
def test_points_and_tables_have_pages(name, kind, cli, tmp_path):
    rows = [f"{k % 7},{k % 3},{'ab'[k % 7 > 3]}" for k in range(90)]
    (tmp_path / "table.csv").write_text("\n".join(["age,height,<b>name", *rows]))
    result = cli("explore", "--data", name, "--epochs", "2", "--no-open")
    assert result.code == 0, result.err
    data = read(tmp_path / "results/page.html").manifest["data"]
    assert data["kind"] == kind and data["feature_names"] == (["x1", "x2"] if kind == "points" else ["age", "height"])
    assert "/" not in data["source"]  # a page is handed on


def test_a_run_that_diverged_makes_a_page_that_says_so(cli, tmp_path):
    hot = ("--optimizer", "sgd", "--learning-rate", "1e30", "--loss", "mse", "--output", "linear")
    result = cli(*SMALL, *hot, "--no-open")
    assert result.code == 0 and "The network has diverged" in result.out
    assert read(tmp_path / "results/page.html").manifest["diverged"] is True


@pytest.mark.full
def test_train_writes_a_page_beside_the_run(cli, tmp_path):
    words = ("train", *SMALL[1:], "--out", "run")
    assert "run/page.html" in cli(*words, "--page").out
    page = read(tmp_path / "run/page.html")
    assert page.manifest["snapshots"][-1]["step"] == len(page.manifest["run"]["losses"]["step"]) == 5
    assert np.array_equal(page.array("theta"), ns.Network.load(tmp_path / "run/net.npz").parameters.theta)
    assert "page.html" not in cli(*words).out and not (tmp_path / "run/page.html").exists()


@pytest.mark.full
def test_a_run_with_a_page_is_taken_up_with_it(cli, tmp_path):
    words = ("train", *SMALL[1:], "--page", "--checkpoint-every", "2", "--out")
    assert cli(*words, "run").code == 0
    whole = read(tmp_path / "run/page.html")
    (tmp_path / "run/page.html").unlink()
    result = cli("train", "--resume", "run", "--quiet")
    assert result.code == 0, result.err
    again = read(tmp_path / "run/page.html")
    assert again.manifest["snapshots"] == whole.manifest["snapshots"]
    for k in range(len(whole.manifest["snapshots"])):
        assert np.array_equal(again.array(f"snapshot/{k}"), whole.array(f"snapshot/{k}"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "nowhere.npz"), "nowhere.npz"),
        (
            ("--model", "net.npz", "--data", "moons"),
            "net.npz takes samples of 784 numbers, received points of 2 numbers (moons)",
        ),
        (("--model", "net.npz", "--epochs", "3"), "--epochs: expected a new network, received --model"),
        (("--model", "net.npz", "--seed", "3"), "--seed: expected a new network, received --model"),
        (("--model", "net.npz", "--snapshots", "3"), "--snapshots: expected a new network, received --model"),
        (("--model", "net.npz", "--validation", "0.1"), "--validation: expected a new network, received --model"),
        (("--out", "."), "--out: expected the name of a file"),
        (("--out", "folder/"), "--out: expected the name of a file"),
        (("--out", "net.npz/page.html"), "--out: cannot make the folder"),
        (("--data", "nowhere"), "nowhere"),
        (("--samples", "0"), "--samples: expected a whole number of at least 1"),
        (("--snapshots", "1"), "--snapshots: expected a whole number of at least 2"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_before_the_work(words, said, cli, tmp_path):
    net = ns.Network([ns.Input(784), ns.Dense(3), ns.Dense(10, "softmax")])
    net.save(tmp_path / "net.npz")
    result = cli("explore", "--no-open", *words)
    assert result.code == 2 and said in result.err and result.err.count("\n") == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_on_a_bare_machine_it_writes_the_file_in_time(tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "NEUROSIM_OFFLINE": "1", "NEUROSIM_ENGINE": "numpy"}
    began = time.monotonic()
    result = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), "explore"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert time.monotonic() - began < 25 and result.stdout.endswith("  results/page.html\n")
    assert read(tmp_path / "results/page.html").manifest["data"]["name"] == "digits"
