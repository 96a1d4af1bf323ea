"""Progress: a bar in a terminal, whole lines in a file, and nothing if none is wanted."""

import io
import os
import re
import subprocess
import sys

import pytest

import neurosim as ns
from neurosim import progress
from neurosim.console import above_bars, tell
from neurosim.walk import Stepper


class Screen(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


def fit(net, blobs, **options):
    net.fit(*blobs, epochs=3, batch_size=4, **options)


def epochs(net, blobs):
    stepper = Stepper(net, *blobs, batch_size=4, layer=1, neuron=3)
    stepper.epoch(verbose=True)
    stepper.epoch(verbose=True)


@pytest.mark.parametrize("work", [fit, epochs])
@pytest.mark.parametrize("every", [0.0, 10.0])
def test_a_log_file_gets_whole_lines_without_blanks(work, every, make_net, blobs, monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setattr(progress, "LINE_EVERY", every)
    work(make_net(), blobs)
    text = log.getvalue()
    assert "\r" not in text and all(line == line.rstrip() and line for line in text.splitlines())
    if every == 0.0:
        N = len(blobs[0])
        batches = -(-N // 4)
        assert re.search(rf"epoch( 1/3)?: \d+ of {batches} (steps|batches)$", text, re.M)
    else:  # it is done long before there is anything to say
        assert " of " not in text


@pytest.mark.parametrize("work", [fit, epochs])
def test_a_terminal_sees_a_bar_that_is_gone_at_the_end(work, make_net, blobs, monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    work(make_net(), blobs)
    assert "\r" in screen.getvalue() and "%|" in screen.getvalue()
    assert screen.getvalue().split("\r")[-1].strip() == "" or "epoch 3/3" in screen.getvalue()


def test_what_is_printed_meanwhile_stands_above_the_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    monkeypatch.setattr(sys, "stdout", screen)
    with progress.progress_bar(3, "bench", "rounds") as bar:
        bar.update()
        with above_bars():
            print("a row")
        tell("a word")
    lines = screen.getvalue().split("\n")
    for line, text in zip(lines, ("a row", "a word"), strict=False):
        assert line.rpartition("\r")[2] == text and line.split("\r")[-2].strip() == ""  # the bar was wiped out before


def test_a_walk_in_a_program_shows_nothing_unless_it_is_told_to(make_net, blobs, capsys):
    Stepper(make_net(), *blobs, batch_size=4, layer=1, neuron=3).epoch()
    assert capsys.readouterr() == ("", "")


def test_lines_count_on_from_what_was_done_and_say_at_the_end_what_was_reached(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    with progress.progress_bar(2_000, "runs", "runs", done=998, leave=True) as bar:
        bar.update(2)
        bar.update(0)  # nothing new
        tell("a line of its own")
        assert bar.n == 1_000
    assert capsys.readouterr().err.splitlines() == [
        "runs: 1,000 of 2,000",
        "a line of its own",
        "runs: 1,000 of 2,000",
    ]


@pytest.mark.full
def test_training_from_the_command_line_into_a_file_leaves_no_blanks(tmp_path):
    words = [
        "train",
        "--data",
        "digits",
        "--offline",
        "--epochs",
        "2",
        "--train-size",
        "500",
        "--hidden",
        "8",
        "--out",
        "run",
    ]
    root = os.path.dirname(os.path.dirname(os.path.abspath(ns.__file__)))
    with open(tmp_path / "log", "w") as log:
        subprocess.run(
            [sys.executable, os.path.join(root, "main.py"), *words], cwd=tmp_path, stdout=log, stderr=log, check=True
        )
    lines = (tmp_path / "log").read_bytes().decode().split("\n")
    assert not any("\r" in line or "\x1b" in line for line in lines)
    assert not any(line and not line.strip() for line in lines)
    assert sum(line.startswith("epoch ") for line in lines) == 2


# -- a command that fails --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "train --data nowhere --out a/b/c",
        "train --data digits --hidden 8 --train-size 99999999 --out a",
        "scenario losses --data nowhere --out a/b",
        "compare --vary optimizer=sgd,adam --data nowhere --out a",
        "inspect nothing.npz --out a/b",
        "train --resume a",
        "bench --cases small --data nowhere --out a",
    ],
)
def test_a_command_that_fails_leaves_no_empty_folder(words, cli, tmp_path):
    result = cli(*words.split())
    assert result.code == 2 and result.err.startswith("error: ")
    assert [path for path in tmp_path.rglob("*") if path.is_dir() and "home" not in path.name] == []


def test_a_folder_of_the_users_own_stays_though_it_is_empty(cli, tmp_path):
    (tmp_path / "mine").mkdir()
    assert cli("train", "--data", "nowhere", "--out", "mine/new").code == 2
    assert (tmp_path / "mine").is_dir() and not (tmp_path / "mine/new").exists()


def test_a_download_that_fails_leaves_no_empty_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSIM_MIRROR", "http://127.0.0.1:9/")
    monkeypatch.setattr("neurosim.data.download.MIRRORS", {"mnist": ()})
    from neurosim.data.catalog import CATALOG
    from neurosim.data.download import download

    with pytest.raises(ns.DataError):
        download(CATALOG["mnist"], tmp_path / "home/cache/mnist", timeout=0.3, progress=False)
    assert not (tmp_path / "home").exists()
