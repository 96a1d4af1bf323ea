"""Several trainings at once: each takes little longer than a single one with its share of the processors."""

import csv
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neurosim.processors import VARIABLES, core_count

ROOT = Path(__file__).parents[2]
BAR, ROUNDS = 1.5, 3
PROGRAM = """
import sys
from pathlib import Path
import time
import neurosim as ns
train, _ = ns.data.load("digits")
net = ns.Network([ns.Input(784), *(ns.Dense(512, "relu") for _ in range(2)), ns.Dense(10, "softmax")], seed=0)
net.train_batch(train.images[:64], train.labels[:64])
Path(sys.argv[1]).touch()
while not Path(sys.argv[2]).exists():
    time.sleep(0.001)
begin = time.perf_counter()
net.fit(train.images[:4000], train.labels[:4000], epochs=2, batch_size=64, verbose=False)
print(time.perf_counter() - begin)
"""


def start(*arguments):
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def of_programs(count, folder):
    """Return the seconds of several `fit`s that begin at the same moment."""
    ready, go = [folder / f"ready{k}" for k in range(count)], folder / "go"
    running = [start("-c", PROGRAM, each, go) for each in ready]
    while not all(each.exists() for each in ready):
        assert all(each.poll() is None for each in running)
        time.sleep(0.01)
    go.touch()
    return [float(each.communicate()[0]) for each in running]


def of_commands(count, folder):
    """Return the seconds of several `train` commands that begin at the same moment."""
    options = ("--data", "digits", "--train-size", 4000, "--hidden", "512,512", "--epochs", 2, "--quiet")
    running = [start("main.py", "train", *options, "--out", folder / str(k)) for k in range(count)]
    for each in running:
        each.communicate()
    tables = [list(csv.DictReader((folder / str(k) / "history.csv").open())) for k in range(count)]
    return [sum(float(row["seconds"]) for row in table) for table in tables]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("seconds_of", [of_programs, of_commands])
def test_trainings_at_once_take_their_share_of_the_processors(seconds_of, count, tmp_path):
    """Alone and together by turns, and the median of the ratios: other load on the machine slows both."""
    ratios = []
    for k in range(ROUNDS):
        folders = tmp_path / f"{k}-alone", tmp_path / f"{k}-at-once"
        for each in folders:
            each.mkdir()
        (alone,) = seconds_of(1, folders[0])
        ratios.append(statistics.mean(seconds_of(count, folders[1])) / alone)
    share = max(1, count / core_count())
    print(f"{seconds_of.__name__}, {count} at once: {statistics.median(ratios):.2f} times, share {share:g}")
    assert statistics.median(ratios) <= BAR * share, ratios
