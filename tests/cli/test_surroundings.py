"""What happens around a command: its output has no reader, its streams are closed or full, a signal ends it."""

import os
import re
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import pytest

from neurosim.cli.terminal import is_of_memory
from neurosim.console import Outlet, tell
from neurosim.progress import progress_bar
from neurosim.training.checkpoint import checkpoints

ROOT = Path(__file__).parents[2]
TRAIN = ["train", "--data", "digits", "--train-size", "200", "--hidden", "8", "--epochs", "1", "--out", "made"]
COMPARE = ["compare", "--vary", "optimizer=sgd,adam", "--data", "digits", "--train-size", "60", "--epochs", "1"]
COMPARE += ["--seeds", "1", "--jobs", "2", "--out", "made"]
EXPLORE = ["explore", *TRAIN[1:-1], "made/page.html", "--no-open"]
BENCH = ["bench", "--data", "digits", "--rounds", "1", "--peers", "none", "--out", "made"]
STEP = ["step", *TRAIN[1:-2]]
FILES = {"train": "net.npz", "compare": "compare-optimizer/report.html", "explore": "page.html", "bench": "bench.png"}
COMMANDS = {"train": TRAIN, "compare": COMPARE, "explore": EXPLORE, "bench": BENCH, "step": STEP, "help": ["--help"]}
LONG = ["--data", "digits", "--hidden", "32", "--batch-size", "4", "--epochs", "9000"]
REDIRECTED = {  # how a shell starts a command
    "no reader": "| true",
    "no reader of both": "2>&1 | true",
    "output closed": ">&-",
    "errors closed": "2>&-",
    "all closed": "<&- >&- 2>&-",
    "output full": ">/dev/full",
    "errors full": "2>/dev/full",
    "both full": ">/dev/full 2>&1",
}
posix = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def environment(**more):
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("NEUROSIM") or name == "NEUROSIM_ENGINE"
    } | {
        "NEUROSIM_OFFLINE": "1",
        **more,
    }


def in_a_shell(words, redirected, folder, **more):
    """Run a command line as a shell does; returns its exit status and what is left of its standard error."""
    line = '{ "$@" {}; }'.replace("{}", redirected.partition("|")[0])
    line = f"{line}; echo $? > {folder}/status"
    if "|" in redirected:
        line = f"( {line} ) |{redirected.partition('|')[2]}"
    result = subprocess.run(
        ["bash", "-c", line, "bash", sys.executable, str(ROOT / "main.py"), *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(**more),
        timeout=300,
    )
    while not (folder / "status").exists() or not (folder / "status").read_text():
        time.sleep(0.05)
    return int((folder / "status").read_text()), result.stderr.decode()


@posix
@pytest.mark.quick_for(*(f"help-{how}" for how in REDIRECTED))
@pytest.mark.parametrize(
    ("name", "how"), [pytest.param(*case, id="-".join(case)) for case in product(COMMANDS, REDIRECTED)]
)
def test_files_are_made_whoever_reads_and_text_without_a_reader_is_no_success(name, how, tmp_path):
    status, err = in_a_shell(COMMANDS[name], REDIRECTED[how], tmp_path)
    assert "Traceback" not in err and "Exception ignored" not in err
    if name in FILES:
        assert status == 0 and (tmp_path / "made" / FILES[name]).stat().st_size > 1000
        lines = [line for line in err.splitlines() if "cannot write" in line]
        assert len(lines) == (how in ("output closed", "output full"))
    elif "errors" in how:
        assert status == 0
    else:
        assert status == (141 if "reader" in how else 2)
        told = "cannot write to standard output"
        assert (told in err) == (how in ("output closed", "output full"))


@posix
@pytest.mark.full
@pytest.mark.parametrize("words", [["train", *TRAIN[1:-2], "--profile"], ["scenario", "--list"]])
def test_a_command_of_files_that_is_asked_for_text_ends_without_a_reader(words, tmp_path):
    assert in_a_shell(words, "| true", tmp_path)[0] == 141


FIT = """
import sys
import numpy as np, neurosim as ns
how = sys.argv[1]
if how == "none":
    sys.stderr = None
elif how == "closed":
    sys.stderr.close()
x, y = np.random.default_rng(0).random((60, 4)), np.arange(60) % 3
net = ns.Network([ns.Input(4), ns.Dense(3, "softmax")], seed=0)
for verbose in (True, False):
    assert net.fit(x, y, epochs=2, verbose=verbose).stopped == "finished"
print("trained", flush=True)
"""


@posix
@pytest.mark.quick_for("none")
@pytest.mark.parametrize("how", ["none", "closed", "2>&-", "2>/dev/full", "2> >(true)"])
def test_a_program_trains_whatever_its_standard_error_is(how, tmp_path):
    (tmp_path / "program.py").write_text(FIT)
    result = subprocess.run(
        ["bash", "-c", f'"$@" {how if how[0] == "2" else ""}', "bash", sys.executable, "program.py", how],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        env=environment(PYTHONPATH=str(ROOT)),
    )
    assert result.stdout == b"trained\n"


class Gone:
    """A terminal that has been closed."""

    closed = False

    def isatty(self):
        return True

    def write(self, text):
        raise OSError(5, "Input/output error")

    flush = write


def test_a_bar_in_a_terminal_that_goes_away_is_lost_and_no_more(monkeypatch):
    gone = Gone()
    monkeypatch.setattr(sys, "stderr", gone)
    with progress_bar(10, "training", "steps", leave=True) as bar:
        bar.update(5)
        tell("a line above it")
        bar.update(5)


def test_an_outlet_says_once_why_it_is_lost():
    why = []
    outlet = Outlet(Gone(), why.append)
    for _ in range(3):
        print("something", file=outlet)
    assert [error.errno for error in why] == [5] and not outlet.isatty()


# -- signals -----------------------------------------------------------------------------------------------------------


def sent(number, words, folder, is_ready, before=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)):
    """Run a command line, send it a signal once it is ready; returns exit status, output and errors."""
    with open(folder / "errors", "w") as errors:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(PYTHONUNBUFFERED="1"),
            preexec_fn=before,
        )
    until = time.monotonic() + 100
    while not is_ready() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(number)
    out, _ = process.communicate(timeout=120)
    err = (folder / "errors").read_text()
    assert "Traceback" not in err, err
    return process.returncode, out, err


SIGNALS = [
    pytest.param(signal.SIGTERM, id="TERM"),
    pytest.param(getattr(signal, "SIGHUP", None), id="HUP"),
    pytest.param(signal.SIGINT, id="INT"),
]


@posix
@pytest.mark.full
@pytest.mark.parametrize("number", SIGNALS)
def test_a_training_that_is_asked_to_end_saves_what_there_is(number, tmp_path):
    folder = tmp_path / "made"
    words = ["train", *LONG, "--checkpoint-every", "500", "--out", "made"]
    status, out, err = sent(number, words, tmp_path, lambda: len(checkpoints(folder)) == 2)
    assert status == 128 + number and re.search("Interrupted (in|after) epoch", err) and err.endswith("interrupted\n")
    assert "to resume: python main.py train --resume made" in out
    assert {"net.npz", "history.csv", "weights.png"} <= {path.name for path in folder.iterdir()}
    steps = int(checkpoints(folder)[-1].stem.partition("-")[2])  # where it ended: within the 500 steps or at their end
    assert steps >= 500 and f"after {steps} steps. Its last checkpoint is" in err


@posix
@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_every_command_that_is_asked_to_end_keeps_what_it_has(number, tmp_path):
    status, out, _ = sent(number, ["train", *LONG, "--out", "net"], tmp_path, told("epoch +1/", tmp_path))
    assert status == 128 + number and (tmp_path / "net/net.npz").exists()
    words = ["explore", *LONG, "--no-open", "--out", "page.html"]
    status, out, _ = sent(number, words, tmp_path, told("training: [1-9]", tmp_path))
    assert status == 128 + number and "page.html" in out and (tmp_path / "page.html").stat().st_size > 100_000
    for jobs in ("1", "2"):
        words = ["scenario", "optimizers", "--data", "digits", "--jobs", jobs, "--out", f"results{jobs}"]
        runs = tmp_path / f"results{jobs}/optimizers/runs"
        status, _, err = sent(number, words, tmp_path, lambda runs=runs: len(list(runs.glob("*.json"))) > 2)
        assert status == 128 + number and "finished runs are kept" in err
    words = ["bench", "--data", "digits", "--rounds", "200", "--peers", "none", "--out", "bench"]
    status, _, err = sent(number, words, tmp_path, told(r" [3-9]\d* of [\d,]+ rounds", tmp_path))
    assert status == 128 + number and (tmp_path / "bench/bench.csv").exists() and "finished cases are kept" in err
    status, out, _ = sent(number, ["step", *LONG], tmp_path, told("epoch +1/", tmp_path))
    if number == signal.SIGINT:  # the training ends, and the walk uses the network as it is
        assert status == 0 and "relative error" in out
    else:
        assert status == 128 + number and "relative error" not in out


def told(pattern, folder):
    """A function: whether a command that runs in a folder has told this."""
    return lambda: re.search(pattern, (folder / "errors").read_text())


@posix
@pytest.mark.full
def test_under_nohup_the_end_of_the_terminal_is_nothing(tmp_path):
    def nohup():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    words = [*TRAIN, "--checkpoint-every", "1"]
    status, _, _ = sent(signal.SIGHUP, words, tmp_path, lambda: (tmp_path / "made").exists(), nohup)
    assert status == 0 and (tmp_path / "made/net.npz").exists()


# -- names and places --------------------------------------------------------------------------------------------------

STRANGE = os.fsdecode(b"caf\xe9")  # é in Latin-1
ENCODINGS = {
    "utf-8": {},
    "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
}


def table(path):
    path.write_text("a,b,label\n" + "".join(f"{k},{7 * k % 13},c{k % 2}\n" for k in range(60)))
    return path


@posix
@pytest.mark.full
@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "cp1252"])
def test_a_name_that_is_not_utf_8_is_as_good_as_any(encoding, tmp_path):
    folder = tmp_path / STRANGE
    folder.mkdir()
    data, more = table(folder / f"{STRANGE}.csv"), ENCODINGS[encoding]
    short = ["--data", str(data), "--hidden", "4", "--epochs", "1"]
    for words, made in (
        (["train", *short, "--page", "--out", str(folder / "run")], "run/page.html"),
        (["explore", *short, "--no-open", "--out", str(folder / f"{STRANGE}.html")], f"{STRANGE}.html"),
        (["step", *short], ""),
        (["data", "--data", str(data)], ""),
        (["inspect", str(folder / "run/net.npz"), "--data", str(data), "--out", str(folder)], "neurons.csv"),
    ):
        status, err = in_a_shell(words, "", tmp_path, **more)
        assert status == 0 and "Traceback" not in err, (words[0], err)
        assert not made or (folder / made).exists()
    (folder / "run/history.csv").read_bytes().decode()  # what is written is UTF-8
    status, err = in_a_shell(["inspect", str(folder / "none.npz")], "", tmp_path, **more)
    assert status == 2 and len(err.splitlines()) == 1 and r"caf\xe9" in err


@posix
@pytest.mark.full
@pytest.mark.parametrize("name", ["train", "compare"])
def test_a_deleted_folder_to_stand_in_is_enough_where_the_place_to_write_is_named(name, tmp_path):
    out = tmp_path / "made"
    line = 'mkdir here; cd here; rmdir ../here; "$@"'
    result = subprocess.run(
        ["bash", "-c", line, "bash", sys.executable, str(ROOT / "main.py"), *COMMANDS[name][:-1], str(out)],
        cwd=tmp_path,
        capture_output=True,
        env=environment(),
    )
    assert result.returncode == 0, result.stderr
    assert (out / FILES[name]).exists()


@pytest.mark.parametrize(
    "words",
    [
        "train --out",
        "train --resume",
        "explore --out",
        "explore --model",
        "scenario --out",
        "compare --vary optimizer=sgd,adam --out",
        "bench --out",
        "predict net.npz two.png --out",
        "predict net.npz",
        "inspect net.npz --out",
        "inspect",
        "step --plot",
        "step --model",
        "data --preview --out",
        "plot",
    ],
)
def test_an_empty_name_is_refused_and_nothing_is_written_here(words, cli, tmp_path):
    result = cli(*words.split(), "")
    assert result.code == 2 and "received an empty name" in result.err and len(result.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


# -- data of hardly anything -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("1,2,x\n3,4,x\n5,6,x\n7,8,x\n", "at least two classes"),
        ("1,2,x\n", "at least two classes"),
        ('1,2,x\n3,4,"y\n4,4,x\n', "line 3"),
        ("".join(f"{k},1,c{k % 2}\n" for k in range(80)) + '5,6,"c1\n1,2,c0\n', "line 82"),
    ],
)
@pytest.mark.parametrize("command", ["data", "train", "step", "explore --no-open", "compare --vary optimizer=sgd,adam"])
def test_data_that_cannot_be_used_are_one_line(command, rows, told, cli, tmp_path):
    (tmp_path / "own.csv").write_text(f"a,b,label\n{rows}")
    result = cli(*command.split(), "--data", "own.csv")
    assert result.code == 2 and told in result.err and len(result.err.splitlines()) == 1


@pytest.mark.full
@pytest.mark.parametrize("rows", ["1,2,x\n3,4,y\n", "1,2,x\n3,4,y\n4,4,x\n"])
def test_two_or_three_rows_train(rows, cli, tmp_path):
    (tmp_path / "own.csv").write_text(f"a,b,label\n{rows}")
    assert cli("train", "--data", "own.csv", "--epochs", "1", "--hidden", "4").code == 0


# -- memory ------------------------------------------------------------------------------------------------------------


@posix
@pytest.mark.full
@pytest.mark.parametrize("limit", [120, 160, 200, 250, 300, 400])
def test_too_little_memory_is_one_line_that_says_what_was_asked_for(limit, tmp_path):
    words = [*TRAIN, "--hidden", "2000,2000"]
    result = subprocess.run(
        ["bash", "-c", f'ulimit -v {limit}000; "$@"', "bash", sys.executable, str(ROOT / "main.py"), *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert "Traceback" not in result.stderr, result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert (result.returncode, len(errors)) in ((0, 0), (2, 1))
    assert all("memory" in line for line in errors)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OSError(12, "Cannot allocate memory"), True),
        (ImportError("parsers.so: failed to map segment from shared object"), True),
        (RuntimeError("can't start new thread"), True),
        (OSError(28, "No space left on device"), False),
        (ImportError("No module named 'torch'"), False),
    ],
)
def test_what_is_an_error_of_memory(error, expected):
    assert is_of_memory(error) == expected


def test_a_memory_error_names_the_command(cli, monkeypatch):
    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr("neurosim.data.load", full)
    assert cli("data", "--data", "digits") == (
        2,
        "",
        "error: not enough memory for python main.py data --data digits (none was left)\n",
    )
