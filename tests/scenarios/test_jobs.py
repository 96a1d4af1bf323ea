"""Many runs at once, interrupted and resumed: always the same numbers, and nothing lost."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import neurosim as ns
from neurosim.compiled import is_installed
from neurosim.processors import VARIABLES, one_blas_thread
from neurosim.training.settings import Settings
from scenarios import Run, Scenario, Variant, run_scenario
from scenarios.protocol import kept, store, task
from scenarios.protocol.task import Task
from scenarios.questions import activations, learning_rates

ROOT = Path(__file__).parents[2]
ARGUMENTS = ["--data", "digits", "--offline", "--seeds", "2", "--train-size", "400", "--epochs", "1", "--hidden", "8"]
TIMES = ["seconds"]


def command(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, ROOT / "main.py", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def run(*arguments, cwd):
    process = command(*arguments, cwd=cwd)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out, err


def tables(folder):
    """All tables of a scenario, without times."""
    return {
        path.name: pd.read_csv(path).drop(columns=TIMES, errors="ignore")
        for path in folder.glob("*.csv")
        if path.name != "summary.csv"
    }


def assert_equal(one, two):
    assert one.keys() == two.keys() and len(one) >= 2
    for name in one:
        pd.testing.assert_frame_equal(one[name], two[name], check_exact=True)


@pytest.fixture(scope="module")
def digits():
    train, test = ns.data.load("digits")
    return train.subset(240), test.subset(120)


@pytest.fixture
def three():
    return Scenario(
        "three",
        "?",
        ".",
        tuple(Variant(name, {"activation": name}) for name in ("relu", "tanh", "elu")),
        baseline="relu",
        base=Settings(hidden=(8,), epochs=1),
    )


@pytest.fixture
def trained(monkeypatch):
    """The runs that were really trained, as they come."""
    seen = []
    train_run = task.train_run
    monkeypatch.setattr(
        task,
        "train_run",
        lambda run, *data, **more: seen.append((run.variant, run.seed)) or train_run(run, *data, **more),
    )
    return seen


@pytest.mark.full
def test_the_numbers_do_not_depend_on_how_many_run_at_once(tmp_path):
    for jobs in ("1", "2"):
        run("scenario", "activations", "losses", *ARGUMENTS, "--jobs", jobs, "--out", jobs, cwd=tmp_path)
    for name in ("activations", "losses"):
        assert_equal(tables(tmp_path / "1" / name), tables(tmp_path / "2" / name))


COMPILED = """
import neurosim as ns
from neurosim.training.settings import Settings
from scenarios import Scenario, Variant, run_scenario

if __name__ == "__main__":
    train, test = ns.data.load("digits")
    variants = tuple(Variant(each, {"activation": each}) for each in ("relu", "tanh"))
    scenario = Scenario("two", "?", ".", variants, "relu", base=Settings(hidden=(8,), epochs=1))
    run_scenario(scenario, train.subset(200), test.subset(100), seeds=2, jobs=2, progress=False)
"""


@pytest.mark.skipif(not is_installed(), reason="numba is not installed")
@pytest.mark.full
@pytest.mark.parametrize("forks", [True, False])
def test_compiling_is_said_once_however_many_run_at_once(forks, tmp_path):
    (tmp_path / "program.py").write_text(COMPILED)
    own = {"NEUROSIM_HOME": str(tmp_path / "home"), "NEUROSIM_ENGINE": "compiled", "PYTHONPATH": str(ROOT)}
    own |= dict.fromkeys(VARIABLES, "1" if forks else "2")  # with other threads it does not fork
    program = [sys.executable, tmp_path / "program.py"]
    result = subprocess.run(program, env=os.environ | own, capture_output=True, text=True, check=True)
    assert result.stderr.count("compiling the training step") == 1


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupted_scenario_goes_on_and_ends_the_same(how, jobs, tmp_path):
    arguments = ["scenario", "activations", *ARGUMENTS, "--train-size", "4000", "--jobs", jobs, "--out"]
    process = command(*arguments, "cut", cwd=tmp_path)
    kept = tmp_path / "cut/activations/runs"
    deadline = time.monotonic() + 60
    while len(list(kept.glob("*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, how) if how == signal.SIGINT else process.kill()
    _, err = process.communicate(timeout=60)
    if how == signal.SIGINT:
        assert process.returncode == 130 and "the same command continues" in err and "Traceback" not in err
        assert "leaked" not in err
    deadline = time.monotonic() + 10
    with pytest.raises(ProcessLookupError):  # nothing that it started lives on
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.05)
    finished = len(list(kept.glob("*.json")))
    assert 3 <= finished < 28 and not (tmp_path / "cut/activations/results.csv").exists()
    _, err = run(*arguments, "cut", cwd=tmp_path)
    assert f"{finished} of 28 runs were finished before" in err
    run(*arguments, "whole", cwd=tmp_path)
    assert_equal(tables(tmp_path / "cut/activations"), tables(tmp_path / "whole/activations"))


def test_what_is_finished_is_not_run_again(three, digits, tmp_path, trained):
    first = run_scenario(three, *digits, seeds=2, folder=tmp_path, progress=False)
    assert len(trained) == 6
    again = run_scenario(three, *digits, seeds=3, folder=tmp_path, progress=False)
    assert trained[6:] == [("relu", 2), ("tanh", 2), ("elu", 2)]
    old = again.epochs[again.epochs["seed"] < 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(old, first.epochs, check_exact=True)
    run_scenario(three, *digits, seeds=2, folder=tmp_path, progress=False, fresh=True)
    assert len(trained) == 9 + 6


def test_damaged_and_foreign_files_are_ignored_and_run_again(three, digits, tmp_path, trained):
    first = run_scenario(three, *digits, seeds=2, folder=tmp_path, progress=False)
    files = sorted(tmp_path.glob("*.json"))
    assert len(files) == 6
    texts = [path.read_text() for path in files]
    files[0].write_text(texts[0][:-40])  # cut off
    files[1].write_text(texts[2])  # of another run
    files[3].write_text(texts[3].replace('"test_loss": ', '"test_loss": 1'))  # another number
    files[4].write_bytes(b"\xff\xfe\x00")
    (tmp_path / "0.json").write_text("[]")
    again = run_scenario(three, *digits, seeds=2, folder=tmp_path, progress=False)
    assert len(trained) == 6 + 4
    pd.testing.assert_frame_equal(again.epochs.drop(columns=TIMES), first.epochs.drop(columns=TIMES), check_exact=True)


def record(run, train):
    return []


def test_whatever_decides_the_numbers_changes_the_key(monkeypatch):
    settings = Settings()
    task = Task(Run("a", 0, settings), "data")
    others = [
        Task(Run("a", 1, settings), "data"),
        Task(Run("a", 0, settings.change(l2=1e-9)), "data"),
        Task(Run("a", 0, settings, 100), "data"),
        Task(Run("a", 0, settings), "other data"),
        Task(Run("a", 0, settings), "data", search=True),
        Task(Run("a", 0, settings), "data", hold_out=True),
        Task(Run("a", 0, settings), "data", recorders=record),
        Task(Run("a", 0, settings), "data", threads=2),
    ]
    keys = [store.key(each) for each in (task, *others)]
    monkeypatch.setattr(store, "_code", lambda: "another line somewhere in neurosim")
    keys.append(store.key(task))
    assert len(set(keys)) == len(keys)
    assert store.key(task) == store.key(Task(Run("a", 0, Settings()), "data"))


def test_the_code_counts_byte_by_byte_whatever_the_locale(tmp_path):
    source = tmp_path / "source.py"
    source.write_bytes(b"\x90\xff")
    assert kept.checksum_of([source]) == hashlib.sha256(b"source.py\n\x90\xff").hexdigest()


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A copy of the sources, from which the key of a task is computed: file -> the key after a line is added to it."""
    for package in ("neurosim", "scenarios", "viz"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    monkeypatch.setattr(store, "SIMULATOR", tmp_path / "neurosim")
    monkeypatch.setattr(store, "PROTOCOL", tmp_path / "scenarios/protocol")
    monkeypatch.setattr(store.inspect, "getfile", lambda each: tmp_path / f"{each.__module__.replace('.', '/')}.py")
    task = Task(Run("rate 0.1", 0, Settings()), "data", recorders=activations.recorders, measure=learning_rates.measure)

    def key_with(file=None):
        if file is not None:
            assert (tmp_path / file).exists(), f"{file} is not there: this test has to name the one that took its place"
            before = (tmp_path / file).read_bytes()
            (tmp_path / file).write_bytes(before + b"# another line\n")
        store._code.cache_clear()
        store._code_of.cache_clear()
        key = store.key(task)
        if file is not None:
            (tmp_path / file).write_bytes(before)
        return key

    yield key_with
    store._code.cache_clear()
    store._code_of.cache_clear()


@pytest.mark.quick_every(5)
@pytest.mark.parametrize(
    "file",
    [
        "neurosim/optimizers.py",
        "neurosim/layers/dense.py",
        "neurosim/network.py",
        "neurosim/augment.py",
        "neurosim/training/loop.py",
        "neurosim/training/settings.py",
        "neurosim/data/dataset.py",  # holds out, and takes subsets
        "neurosim/analysis/report_card.py",  # a recorder asks it which units are off
        "scenarios/protocol/task.py",
        "scenarios/protocol/scenario.py",
        "scenarios/protocol/recorders.py",
        "scenarios/protocol/measures.py",
        "scenarios/questions/activations.py",  # the recorders
        "scenarios/questions/learning_rates.py",  # the measure
    ],
)
def test_who_changes_what_computes_gets_new_numbers(file, house):
    assert house(file) != house()


@pytest.mark.quick_every(5)
@pytest.mark.parametrize(
    "file",
    [
        "neurosim/cli/prompt.py",
        "neurosim/html.py",
        "neurosim/text.py",
        "neurosim/walk/stepper.py",
        "neurosim/files/npz.py",
        "neurosim/analysis/landscape.py",
        "neurosim/data/download.py",
        "scenarios/report/contents.py",
        "scenarios/report/findings.py",
        "scenarios/questions/optimizers.py",
        "viz/rates.py",
    ],
)
def test_who_changes_what_is_shown_keeps_the_finished_runs(file, house):
    assert house(file) == house()


def test_a_measure_that_takes_names_from_a_room_or_from_the_package_counts_what_it_may_use(tmp_path):
    source = tmp_path / "own.py"
    counted = {}
    for line in ("import neurosim as ns", "from neurosim import data", "from neurosim.data import load"):
        source.write_text(f"def f():\n    {line}\n")
        counted[line] = {path.relative_to(store.SIMULATOR).as_posix() for path in store._lent_to([source])}
    assert {"data/download.py", "analysis/landscape.py"} <= counted["import neurosim as ns"]
    for line in ("from neurosim import data", "from neurosim.data import load"):
        assert "data/download.py" in counted[line] and "analysis/landscape.py" not in counted[line]
    source.write_text("from neurosim.analysis import landscape\nfrom neurosim.data.dataset import Dataset\n")
    assert [path.name for path in store._lent_to([source])] == ["landscape.py", "dataset.py"]


@pytest.mark.full
def test_one_thread_is_asked_for_before_numpy_is_imported():
    code = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == 'numpy': print([os.environ.get(each) for each in {VARIABLES}])\n"
        "sys.meta_path.insert(0, Watch())\n"
        "import main\n"
        "main.main(['scenario', '--list'])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "2"},
    )
    assert result.stdout.startswith("['1', '1', '1', '1']")


def test_the_environment_is_as_before_after_asking_for_one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with one_blas_thread():
        assert all(os.environ[name] == "1" for name in VARIABLES)
    assert os.environ["OMP_NUM_THREADS"] == "7" and "MKL_NUM_THREADS" not in os.environ


def refuse(run, train):
    raise ns.NeurosimError(f"no recorder for {run.variant}")


def end_at_once(run, train):
    os._exit(3)


@pytest.mark.full
@pytest.mark.parametrize(("recorders", "words"), [(refuse, "no recorder for"), (end_at_once, "ended unexpectedly")])
def test_what_goes_wrong_in_a_worker_is_one_line_here(three, digits, recorders, words, refused):
    with refused(words):
        run_scenario(replace(three, recorders=recorders), *digits, seeds=1, jobs=2, progress=False)


def test_a_finished_run_is_json_that_can_be_read(three, digits, tmp_path):
    run_scenario(three, *digits, seeds=1, folder=tmp_path, progress=False)
    for path in tmp_path.glob("*.json"):
        record = json.loads(path.read_text())
        assert record["format"] == store.FORMAT and record["result"]["epochs"][0]["epoch"] == 1
