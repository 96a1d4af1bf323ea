"""Where the time of a scenario goes: what is counted, what workers share, and what they need not do."""

import json
import os
import pickle
import random
import subprocess
import sys
import time
from argparse import Namespace
from functools import partial
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import neurosim as ns
from neurosim.cli import experiment
from neurosim.errors import NeurosimError
from neurosim.files.atomic import atomic_file, sweep
from neurosim.processors import VARIABLES, core_count
from neurosim.training.settings import Settings
from scenarios import Scenario, Variant
from scenarios.protocol import executors
from scenarios.protocol.clock import Clock, Done, covered
from scenarios.protocol.executors import in_process, processes
from scenarios.protocol.runner import Experiment, run_experiments
from scenarios.report.figures import drawings

ROOT = Path(__file__).parents[2]
ARGUMENTS = ["--data", "digits", "--offline", "--seeds", "1", "--train-size", "200", "--epochs", "1", "--hidden", "4"]
COMPARE = ["compare", "--vary", "optimizer=sgd,adam", *ARGUMENTS]


class Look:
    """A piece of work that says something of the process that does it."""

    kind, writes = "runs", False

    def __init__(self, what):
        self.what = what

    def perform(self, data):
        return self.what(data)


def write_slowly(path, data):
    kept = bytearray(2**28)  # a process of this size takes a while to end
    with atomic_file(path) as file:
        file.write(kept[:9])
        time.sleep(60)


def look(what, data=None, jobs=1):
    with processes(data, jobs) as pool:
        return pool.submit(Look(what)).result()


# -- what is counted -------------------------------------------------------------------------------------------------


def test_what_is_covered_by_spans_is_what_a_second_by_second_count_finds():
    rng = random.Random(0)
    for _ in range(50):
        spans = [(begin, begin + rng.randrange(20)) for begin in (rng.randrange(100) for _ in range(rng.randrange(12)))]
        assert covered(spans) == sum(any(begin <= k < end for begin, end in spans) for k in range(120))


def test_time_is_serial_while_nothing_is_done_that_a_second_process_could_do(monkeypatch):
    now = iter([100.0, 110.0, 112.0, 160.0])
    monkeypatch.setattr("scenarios.protocol.clock.perf_counter", lambda: next(now))
    clock = Clock(began=97.0)  # 3 seconds for its imports
    with clock.phase("data"):
        pass
    for scenario, kind, seconds, ended in [("a", "search", 4.0, 120.0), ("a", "runs", 5.0, 125.0),
                                           ("a", "runs", 6.0, 127.0), ("a", "figures", 2.0, 150.0),
                                           ("b", "runs", 8.0, 153.0)]:  # fmt: skip
        work = Look(None)
        work.kind = kind
        clock.add(scenario, work, Done(None, seconds, seconds / 2), ended)
    assert clock.seconds("a") == {
        "start": 3.0,
        "data": 2.0,
        "search": {"wall": 4.0, "work": 4.0, "processor": 2.0},
        "runs": {"wall": 7.0, "work": 11.0, "processor": 5.5},  # from 120 to 127
        "figures": {"wall": 2.0, "work": 2.0, "processor": 1.0},
        "whole": 63.0,
        "serial": 63.0 - (4 + 7) - 8,  # the figures are drawn while the runs of b go on
    }


@pytest.mark.full
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_run_json_says_where_the_time_went(jobs, cli):
    result = cli(*COMPARE, "--jobs", jobs, "--out", "here")
    assert result.code == 0, result.err
    seconds = json.loads(Path("here/compare-optimizer/run.json").read_text())["seconds"]
    assert seconds["runs"]["work"] >= seconds["runs"]["wall"] > 0 and seconds["runs"]["processor"] > 0
    assert seconds["figures"]["work"] >= seconds["figures"]["wall"] > 0 and seconds["search"]["work"] == 0
    alone = seconds["start"] + seconds["data"] + seconds["report"]
    assert alone <= seconds["serial"] + 0.002 < seconds["whole"]  # each is rounded
    assert seconds["serial"] <= seconds["whole"] - seconds["runs"]["wall"] + 0.002
    assert cli("plot", "here/compare-optimizer").code == 0


# -- what workers do -------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_who_trains_or_only_lists_the_figures_imports_no_matplotlib(tmp_path):
    code = f"""
import sys
from pathlib import Path
import neurosim as ns
from scenarios import SCENARIOS, run_scenario
from scenarios.report.figures import drawings
train, test = ns.data.load("digits")
changed = {{"hidden": (4,), "epochs": 1}}
data = train.subset(100), test.subset(50)
results = run_scenario(SCENARIOS["activations"], *data, seeds=1, overrides=changed, progress=False)
heavy = {{"matplotlib", "PIL", "asyncio", "distributed"}}
print(len(drawings(results, Path({str(tmp_path)!r}))), heavy & {{*sys.modules}})
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "6 set()\n"


@pytest.mark.full
def test_workers_map_the_data_in_place_of_taking_a_copy():
    train, test = ns.data.load("digits")
    head, arrays = executors._shared({"data": (train, test)})
    assert (
        len(head) < 5_000 < sum(map(len, arrays)) == sum(each.x.nbytes + each.labels.nbytes for each in (train, test))
    )
    given = {"data": (train, test.subset(100))}
    sums, writeable, owned = look(of_arrays, given).result
    assert sums == [int(array.astype(np.int64).sum()) for each in given["data"] for array in (each.x, each.labels)]
    assert not any(writeable) and not any(owned)
    odd = {"every second": np.arange(20.0)[::2], "names": ["a"], "none": np.empty((0, 3))}
    got = look(as_it_came, odd).result
    assert pickle.dumps(got["names"]) == pickle.dumps(odd["names"])
    assert all(np.array_equal(got[name], odd[name]) and got[name].dtype == odd[name].dtype for name in list(odd)[::2])


def of_arrays(data):
    arrays = [array for each in data["data"] for array in (each.x, each.labels)]
    return (
        [int(array.astype(np.int64).sum()) for array in arrays],
        [array.flags.writeable for array in arrays],
        [array.flags.owndata for array in arrays],
    )


def as_it_came(data):
    return data


def test_workers_see_the_same_memory():
    shared = executors._shared(np.zeros(4, np.uint8))
    array = pickle.loads(shared[0], buffers=[memoryview(each).cast("B").toreadonly() for each in shared[1]])
    memoryview(shared[1][0]).cast("B")[2] = 7
    assert array.tolist() == [0, 0, 7, 0] and not array.flags.writeable


def test_by_default_no_more_processes_are_started_than_there_are_processors(monkeypatch):
    asked = Namespace(executor="processes", scheduler=None, jobs=None)
    for cores, count, jobs in [(16, 1, 16), (16, 2, 8), (16, 16, 1), (2, 1, 2), (3, 2, 1), (1, 1, 1)]:
        monkeypatch.setattr(experiment, "core_count", lambda cores=cores: cores)
        monkeypatch.setattr(experiment, "threads", lambda count=count: Namespace(count=count))
        executor = experiment.choose_executor(asked)
        assert (executor is in_process) if jobs == 1 else executor.keywords == {"jobs": jobs}
    assert core_count() <= (os.cpu_count() or 1)


# -- figures ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def two():
    train, test = ns.data.load("digits")
    scenario = Scenario(
        *("two", "?", ".", (Variant("relu", {"activation": "relu"}), Variant("tanh", {"activation": "tanh"})), "relu"),
        base=Settings(hidden=(8,), epochs=1),
    )
    return scenario, train.subset(200), test.subset(100)


@pytest.mark.full
@pytest.mark.parametrize("jobs", [1, 2])
def test_figures_are_drawn_where_the_runs_are(jobs, two, tmp_path):
    drawn = []

    def watched(results):
        drawn.extend(drawings(results, tmp_path / str(jobs)))
        return drawn

    clock = Clock()
    executor = in_process if jobs == 1 else lambda data: processes(data, jobs)
    stream = run_experiments([Experiment(*two, seeds=1, drawings=watched)], executor, progress=False, clock=clock)
    assert next(stream).names == ["relu", "tanh"] and next(stream, None) is None
    assert len(drawn) == 3 and all(each.path.stat().st_size > 1000 for each in drawn)  # before the results are given
    assert len(clock.spans["two", "figures"]) == 3 and len(clock.spans["two", "runs"]) == 2
    here = tmp_path / "here"
    for each in drawings(drawn[0].results, here):
        each.perform()
        same = tmp_path / str(jobs) / "figures" / each.path.name
        assert each.path.read_bytes() == same.read_bytes()


@pytest.mark.full
def test_a_figure_that_cannot_be_drawn_in_a_worker_is_one_line(cli, tmp_path):
    (tmp_path / "here/compare-optimizer/figures/loss.png").mkdir(parents=True)
    result = cli(*COMPARE, "--jobs", "2", "--out", "here")
    assert result.code == 2 and "loss.png" in result.err and "Traceback" not in result.err
    (tmp_path / "here/compare-optimizer/figures/loss.png").rmdir()
    result = cli(*COMPARE, "--jobs", "2", "--out", "here")
    assert result.code == 0 and "2 of 2 runs were finished before" in result.err


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (NeurosimError("a worker ended"), 2)])
def test_what_workers_had_half_drawn_is_removed_after_ctrl_c_or_an_error(error, code, cli, monkeypatch, tmp_path):
    half = tmp_path / "here/compare-optimizer/figures/.loss.png.0a1b2c3d.neurosim"

    def run_experiments(*_, **__):
        half.parent.mkdir(parents=True)
        half.touch()
        raise error
        yield

    monkeypatch.setattr(experiment, "run_experiments", run_experiments)
    assert cli(*COMPARE, "--out", "here").code == code and not half.exists()


def test_a_file_that_a_worker_was_writing_can_be_removed_as_soon_as_the_workers_are_ended(tmp_path):
    with pytest.raises(KeyboardInterrupt), processes(None, 1) as pool:
        pool.submit(Look(partial(write_slowly, tmp_path / "picture.png")))
        while not list(tmp_path.glob(".*.neurosim")):
            time.sleep(0.01)
        raise KeyboardInterrupt
    sweep(tmp_path)
    assert not list(tmp_path.iterdir())


def test_pictures_are_compressed_without_loss_and_small(two, tmp_path):
    results = next(run_experiments([Experiment(*two, seeds=1)], progress=False))
    for each in drawings(results, tmp_path):
        each.perform()
        pixels = matplotlib.image.imread(each.path)
        assert pixels.shape[1:] == (1200, 3) or pixels.shape[1:] == (1200, 4)
        assert each.path.stat().st_size < pixels.shape[0] * 1200 * 3 / 15


FORKED = """
import multiprocessing, os, threading
import pandas as pd
import neurosim as ns
from neurosim.training.settings import Settings
from scenarios import Scenario, Variant, run_scenario
from scenarios.protocol import executors

class Look:
    kind, writes = "runs", False
    def perform(self, data):
        return data[0], os.getppid(), type(multiprocessing.current_process()).__name__

def see(data):
    with executors.processes(data, 2) as pool:
        return [each.result().result for each in [pool.submit(Look()) for _ in range(4)]]

if __name__ == "__main__":
    print(executors._is_safe_to_fork())
    assert see("abc") == [("a", os.getpid(), "ForkProcess")] * 4
    data = [each.subset(100) for each in ns.data.load("digits")]
    names = {"sgd", "adam"}
    scenario = Scenario("s", "?", ".", tuple(Variant(each, {"optimizer": each}) for each in sorted(names)), "sgd",
                        base=Settings(hidden=(8,), epochs=1))
    tables = [run_scenario(scenario, *data, seeds=2, progress=False, jobs=jobs).epochs for jobs in (1, 2)]
    pd.testing.assert_frame_equal(*[each.drop(columns="seconds") for each in tables], check_exact=True)
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    print(executors._is_safe_to_fork())
    assert see("abc") == [("a", os.getpid(), "SpawnProcess")] * 4
    over.set()
    other.join()
    assert not multiprocessing.active_children()
"""


@pytest.mark.full
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how many threads a process has")
def test_workers_are_forked_where_there_is_no_other_thread_and_give_the_same_numbers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(FORKED)
    alone = os.environ | dict.fromkeys(VARIABLES, "1") | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, script], env=alone, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "True\nFalse\n"), result.stderr
