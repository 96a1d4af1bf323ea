"""Full disks, two processes in one folder, and files of killed processes, with real processes and file systems."""

import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import numpy as np
import pytest

import neurosim as ns
from neurosim.files import atomic
from neurosim.files.atomic import atomic_file, sweep, write_text
from neurosim.files.lock import FolderLock, _held, scratch_folder

ROOT = Path(__file__).parents[3]
SMALL = ("train", "--data", "digits", "--train-size", "500", "--quiet", "--threads", "1")
posix = pytest.mark.skipif(os.name != "posix", reason="sends signals, mounts file systems")


def start(*words, cwd, home=None):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NEUROSIM_HOME": str(home or cwd / "home")}
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )


def command(*words, cwd):
    process = start(ROOT / "main.py", *words, cwd=cwd)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def stopped(program, cwd):
    """Start a Python process that runs this program, prints a line and then waits to be killed."""
    process = start("-c", program + "\nprint('ready', flush=True)\nimport time\ntime.sleep(100)", cwd=cwd)
    said = process.stdout.readline()
    assert said == "ready\n", process.communicate()[1]
    return process


def kill(process):
    process.kill()
    process.communicate()


@pytest.fixture
def disk(tmp_path):
    """Mount a file system of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        not sys.platform.startswith("linux")
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True
        ).returncode
    ):
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_once_it_trains(disk, process):
    """Fill a disk as soon as a process has checked its free space."""
    while not process.stdout.readline().startswith("optimizer"):
        assert process.poll() is None, process.communicate()
    with open(disk / "filler", "wb", buffering=0) as file, pytest.raises(OSError, match="space"):
        while file.write(bytes(4096)):
            pass


# -- a full disk -------------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_a_disk_without_room_is_refused_before_the_training(disk, tmp_path):
    status, out, err = command(*SMALL, "--hidden", "1024", "--out", disk / "run", cwd=tmp_path)
    assert status == 2 and len(err.splitlines()) == 1
    assert "need 10.3 MB" in err and "MB free" in err
    assert not list(disk.iterdir()) and "test accuracy" not in out


@pytest.mark.full
def test_a_disk_that_fills_up_while_training_sends_everything_to_the_cache(disk, tmp_path):
    process = start(ROOT / "main.py", *SMALL, "--epochs", "30", "--out", disk / "run", cwd=tmp_path)
    fill_once_it_trains(disk, process)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2 and len(err.splitlines()) == 1, err
    (saved,) = (tmp_path / "home" / "saved").iterdir()
    assert "cannot write" in err and f"everything is in {saved} instead" in err
    assert f"{saved / 'net.npz'}" in out and "test accuracy" in out
    assert len(ns.Network.load(saved / "net.npz")) == 4 and len((saved / "history.csv").read_text().splitlines()) == 31
    assert (saved / "mistakes.png").exists()
    assert not list((disk / "run").glob(".*"))


@pytest.mark.full
def test_a_page_for_which_there_is_no_room_is_written_to_the_cache(disk, tmp_path):
    (disk / "big").write_bytes(bytes(2_950_000))  # of its 3 MB
    status, out, err = command(
        "explore", "--data", "moons", "--epochs", "2", "--no-open", "--out", disk / "page.html", cwd=tmp_path
    )
    (saved,) = (tmp_path / "home" / "saved").iterdir()
    assert status == 2 and f"everything is in {saved} instead" in err and str(saved / "page.html") in out
    assert (saved / "page.html").stat().st_size > 50_000 and [each.name for each in disk.iterdir()] == ["big"]


@pytest.mark.full
def test_where_the_cache_is_full_too_both_are_named(disk, tmp_path):
    process = start(ROOT / "main.py", *SMALL, "--epochs", "30", "--out", disk / "run", cwd=tmp_path, home=disk / "home")
    fill_once_it_trains(disk, process)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2 and len(err.splitlines()) == 1
    assert "run/net.npz" in err and "home/saved/run-" in err and "set NEUROSIM_HOME" in err


# -- two processes -----------------------------------------------------------------------------------------------------

HOLD = "from neurosim.files.lock import FolderLock\nlock = FolderLock('run')\nassert lock.take()"


@pytest.mark.full
def test_a_folder_in_which_another_process_trains_is_refused_until_that_is_dead(tmp_path):
    status, _, err = command(*SMALL, "--epochs", "1", "--checkpoint-every", "5", "--out", "run", cwd=tmp_path)
    assert status == 0, err
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    other = stopped(HOLD, tmp_path)
    for words in (["train", "--resume", "run"], [*SMALL, "--checkpoint-every", "5", "--out", "run"]):
        status, _, err = command(*words, cwd=tmp_path)
        assert status == 2 and len(err.splitlines()) == 1 and "run: another process is training in" in err, err
    net = ns.Network([ns.Input(2), ns.Dense(2, "softmax")])
    with pytest.raises(ns.NeurosimError, match="another process is training in this folder"):
        net.fit(np.eye(2), [0, 1], callbacks=[ns.Checkpoint(tmp_path / "run")], verbose=False)
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    kill(other)
    status, out, err = command("train", "--resume", "run", "--quiet", cwd=tmp_path)
    assert status == 0 and "had ended already" in out, err


@pytest.mark.full
def test_two_trainings_into_one_folder_are_warned_of(tmp_path):
    (tmp_path / "run").mkdir()
    other = stopped(HOLD, tmp_path)
    status, _, err = command(*SMALL, "--epochs", "1", "--out", "run", cwd=tmp_path)
    kill(other)
    assert status == 0 and err.startswith("warning: another process is training in run, too"), err
    status, _, err = command(*SMALL, "--epochs", "1", "--out", "run", cwd=tmp_path)
    assert (status, err) == (0, "")


def test_a_process_may_take_its_lock_twice_and_gives_it_back_once_for_each(tmp_path):
    (tmp_path / "run").mkdir()
    one, two = FolderLock(tmp_path / "run"), FolderLock(tmp_path / "." / "run")
    probe = "from neurosim.files.lock import FolderLock\nprint(FolderLock('run').take())"
    assert one.take() and one.take() and two.take()
    for lock, taken in ((one, "False"), (one, "False"), (two, "True")):
        lock.release()
        assert start("-c", probe, cwd=tmp_path).communicate()[0].strip() == taken
    assert not list((tmp_path / "run").iterdir())


# -- what is left behind -----------------------------------------------------------------------------------------------

WRITE = """
from neurosim.files.atomic import atomic_file
half = atomic_file("run/mistakes.png")
half.__enter__().write(b"half")
"""


@pytest.mark.full
@posix
def test_a_file_half_written_goes_with_the_next_start_once_its_process_is_dead(tmp_path):
    (tmp_path / "run").mkdir()
    foreign = [".mistakes.png.abcdefgh", ".neurosim", ".x.neurosim", "a.abcdefgh.neurosim"]
    for name in foreign:
        (tmp_path / "run" / name).write_text("mine")
    dead, living = stopped(WRITE, tmp_path), stopped(WRITE, tmp_path)
    kill(dead)
    assert len(list((tmp_path / "run").glob(".mistakes.png.*.neurosim"))) == 2
    status, _, err = command(*SMALL, "--epochs", "0", "--out", "run", cwd=tmp_path)
    assert status == 0, err
    assert len(list((tmp_path / "run").glob(".mistakes.png.*.neurosim"))) == 1  # the file of the living process
    kill(living)
    atomic._swept.clear()
    write_text(tmp_path / "run" / "a.txt", "a")  # a process that writes there also cleans up
    assert sorted(path.name for path in (tmp_path / "run").glob("*.neurosim")) == sorted(foreign[1:])
    assert (tmp_path / "run" / foreign[0]).exists()


@posix
def test_a_file_of_another_user_or_a_link_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "target").write_text("mine")
    (tmp_path / ".a.abcdefgh.neurosim").symlink_to(tmp_path / "target")
    (tmp_path / ".b.abcdefgh.neurosim").write_text("theirs")
    monkeypatch.setattr(os, "getuid", lambda: -1)
    sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    monkeypatch.undo()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.abcdefgh.neurosim", "target"]


def test_a_file_that_is_being_written_is_not_swept_away_by_its_own_process(tmp_path):
    with atomic_file(tmp_path / "a") as file:
        file.write(b"x")
        sweep(tmp_path)
    assert (tmp_path / "a").read_bytes() == b"x" and len(list(tmp_path.iterdir())) == 1


@posix
def test_many_who_write_and_sweep_at_once_lose_nothing(tmp_path):
    program = """
from neurosim.files.atomic import sweep, write_text
import sys
for k in range(60):
    sweep("run")
    write_text(f"run/{sys.argv[1]}-{k}", str(k))
"""
    (tmp_path / "run").mkdir()
    processes = [start("-c", program, k, cwd=tmp_path) for k in range(4)]
    for process in processes:
        assert (process.communicate()[1], process.returncode) == ("", 0)
    assert len(list((tmp_path / "run").iterdir())) == 240


def struck(work, moment):
    """Do work with Ctrl-C before one of its lines, in any file; return whether it reaches line number `moment`."""
    passed = count()

    def trace(frame, event, _):
        if event == "line" and next(passed) == moment:
            signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    try:
        sys.settrace(trace)
        work()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return next(passed) > moment


def write(path):
    with atomic_file(path) as file:
        file.write(b"new")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a file is closed with its frame
def test_ctrl_c_at_any_moment_leaves_the_old_file_or_the_new_one_and_nothing_else(tmp_path):
    path, lines, contents = tmp_path / "file", count(), []
    path.write_bytes(b"old")
    write(tmp_path / "other")  # the folder is cleaned once
    while struck(lambda: write(path), next(lines)):
        assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "other"], contents
        contents.append(path.read_bytes())
        path.write_bytes(b"old")
    assert set(contents) == {b"old", b"new"} and len(contents) > 60


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a file is closed with its frame
def test_ctrl_c_at_any_moment_leaves_no_scratch_folder_and_no_lock(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def work():
        with scratch_folder("neurosim-bench-") as folder:
            (folder / "images.npy").write_bytes(b"pixels")

    lines = count()
    while struck(work, next(lines)):
        assert not list(tmp_path.iterdir()) and not _held
    assert next(lines) > 100


@posix
def test_the_scratch_folder_of_a_dead_process_is_removed_and_that_of_a_living_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    program = """
from neurosim.files.lock import scratch_folder
folder = scratch_folder("neurosim-bench-")
(folder.__enter__() / "images.npy").write_bytes(bytes(1000))
"""
    dead, living = stopped(program, tmp_path), stopped(program, tmp_path)
    kill(dead)
    assert len(list(tmp_path.glob("neurosim-bench-*"))) == 2
    with scratch_folder("neurosim-bench-") as mine:
        assert len(list(tmp_path.glob("neurosim-bench-*"))) == 2 and mine.is_dir()
    (left,) = tmp_path.glob("neurosim-bench-*")
    assert (left / "images.npy").exists()
    kill(living)
    with scratch_folder("neurosim-bench-"):
        pass
    assert not list(tmp_path.glob("neurosim-bench-*"))


@pytest.mark.slow
@posix
def test_a_bench_that_was_killed_leaves_its_data_until_the_next_one(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    words = ("bench", "--rounds", "1", "--cases", "784-30-10/10/sgd", "--data", "digits", "--out", "out")
    process = start(ROOT / "main.py", *words, cwd=tmp_path)
    while not list(tmp_path.glob("neurosim-bench-*/labels.npy")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(list(tmp_path.glob("neurosim-bench-*"))) == 1
    status, _, err = command(*words, cwd=tmp_path)
    assert status == 0, err
    assert not list(tmp_path.glob("neurosim-bench-*"))
