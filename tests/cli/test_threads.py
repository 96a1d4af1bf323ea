"""``--threads``: what the commands compute with, say and record."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

import neurosim as ns
from neurosim.processors import core_count
from neurosim.training.checkpoint import read_checkpoint

ROOT = Path(__file__).parents[2]
TRAIN = ("train", "--data", "digits", "--epochs", "1", "--train-size", "300", "--hidden", "8", "--out", "here")
SCENARIO = ("scenario", "symmetry", "--data", "digits", "--seeds", "1", "--train-size", "300", "--epochs", "1")
pytestmark = pytest.mark.skipif(core_count() < 2, reason="needs two processors")


@pytest.fixture
def seen(monkeypatch):
    """NumPy's numbers of threads at every forward pass of a layer of neurons."""
    found, forward = [], ns.Dense.forward_

    def watched(self, *more):
        if not found:
            found.extend(each["num_threads"] for each in threadpool_info() if "numpy" in each["filepath"])
        return forward(self, *more)

    monkeypatch.setattr(ns.Dense, "forward_", watched)
    return found


@pytest.mark.quick_for("words1-2-2 threads")
@pytest.mark.parametrize(
    ("words", "count", "said"),
    [((), 1, "1 thread"), (("--threads", "2"), 2, "2 threads"), (("--threads=1",), 1, "1 thread")],
)
def test_train_says_with_how_many(cli, seen, words, count, said):
    result = cli(*TRAIN, *words)
    assert result.code == 0 and f" s with {said} and the NumPy engine (finished)" in result.out and seen == [count]
    assert ns.threads().count == 1  # the option ends with its command


def test_step_says_with_how_many(cli, seen):
    words = ("step", "--data", "digits", "--train-size", "300", "--hidden", "8", "--threads", "2")
    result = cli(*words)
    assert " s with 2 threads and the NumPy engine\n" in result.out and seen == [2]
    document = cli(*words, "--json")
    assert " s with 2 threads and the NumPy engine\n" in document.err and json.loads(document.out)


@pytest.mark.quick_for("words0")
@pytest.mark.parametrize(
    "words",
    [
        ("inspect", "here/net.npz", "--data", "digits"),
        ("step", "--model", "here/net.npz", "--data", "digits"),
        ("gradcheck",),
        (*TRAIN, "--profile"),
    ],
)
def test_every_command_that_computes_takes_it(cli, seen, words):
    assert cli(*TRAIN).code == 0
    seen.clear()
    assert cli(*words, "--threads", "2").code == 0 and seen == [2]


def test_wrong_numbers_and_commands_that_compute_nothing(cli):
    result = cli(*TRAIN, "--threads", "1000")
    assert result.code == 2 and f"threads: expected at most {core_count()}" in result.err
    assert not Path("here").exists()
    assert cli(*TRAIN, "--threads", "0").code == 2
    for words in (("data",), ("plot", "here")):
        result = cli(*words, "--threads", "2")
        assert result.code == 2 and "unknown option '--threads'" in result.err


@pytest.mark.full
def test_a_resumed_run_takes_its_own_number_or_says_that_it_is_another(cli, seen):
    every = ("--checkpoint-every", "2")
    result = cli(*TRAIN, *every, "--threads", "2")
    assert result.code == 0 and read_checkpoint("here")[1]["run"]["threads"] == 2
    result = cli("train", "--resume", "here")
    assert result.code == 0 and " s with 2 threads and" in result.out and "threads were" not in result.err
    result = cli("train", "--resume", "here", "--threads", "1")
    assert result.code == 0 and " s with 1 thread and the NumPy engine (" in result.out
    assert "resume: threads were 2 and are 1. Results may now differ in their last bits" in result.err


@pytest.mark.full
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_scenario_says_and_records_it_and_keeps_the_runs_apart(cli, jobs):
    result = cli(*SCENARIO, "--jobs", jobs, "--threads", "2", "--out", "here")
    assert result.code == 0 and "(300 training images, 2 threads per run)" in result.out
    folder = Path("here/symmetry")
    assert json.loads((folder / "run.json").read_text())["threads"] == 2
    assert "Every run used 2 threads. All training steps used NumPy." in (folder / "report.md").read_text()
    kept = len(list((folder / "runs").glob("*.json")))
    result = cli(*SCENARIO, "--jobs", jobs, "--out", "here")
    assert "were finished before" not in result.err and "1 thread per run" in result.out
    assert json.loads((folder / "run.json").read_text())["threads"] == 1
    assert len(list((folder / "runs").glob("*.json"))) == 2 * kept
    assert "were finished before" in cli(*SCENARIO, "--jobs", jobs, "--threads", "2", "--out", "here").err


def test_a_process_of_its_own_starts_no_pool_that_nobody_uses():
    """The command asks for one thread before NumPy is imported, and `--threads` for more afterwards."""
    code = """
import sys
import main
from neurosim.cli import main as cli
from neurosim.processors import computes
from threadpoolctl import threadpool_info

def look():
    return [each["num_threads"] for each in threadpool_info() if "numpy" in each["filepath"]]

file_of = cli.file_of
def watched(name):
    module = file_of(name)
    module.run = lambda arguments: print(computes(look)(), look())
    return module

cli.file_of = watched
main.main(sys.argv[1:])
"""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    for words, printed in (((), "[1] [1]"), (("--threads", "2"), "[2] [1]")):
        result = subprocess.run(
            [sys.executable, "-c", code, "gradcheck", *words], env=environment, cwd=ROOT, capture_output=True, text=True
        )
        assert result.stdout.strip() == printed, result.stdout + result.stderr
