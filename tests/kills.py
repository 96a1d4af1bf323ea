"""Kills at random moments: ``python -m tests.kills --count 30``.

Trainings with checkpoints, scenarios and benchmarks are started, get a signal at a random moment, and resume.
Trainings and scenarios must end with the numbers of an undisturbed run.  Benchmarks must keep the seconds of the cases
that were finished before.  No file may be left behind: neither unfinished files in a run's folder, nor folders of bench
in the temporary folder.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import neurosim as ns

ROOT = Path(__file__).parents[1]
SIGNALS = {"KILL": -9, "TERM": 143, "HUP": 129, "INT": 130}  # name -> its exit status
TRAIN = [
    "train",
    "--data",
    "digits",
    "--train-size",
    "1500",
    "--hidden",
    "16",
    "--epochs",
    "6",
    "--batch-size",
    "8",
    "--quiet",
    "--dropout",
    "0.2",
]
FILTERS = [*TRAIN, "--conv", "4x3,pool2"]
SCENARIO = [
    "scenario",
    "activations",
    "--data",
    "digits",
    "--train-size",
    "1500",
    "--hidden",
    "8",
    "--epochs",
    "2",
    "--seeds",
    "1",
    "--jobs",
    "2",
]
BENCH = [
    *("bench", "--cases", "784-30-10/10/sgd,784-30-10/10/adam,784-128-64-10/256/sgd", "--peers"),
    *("none", "--rounds", "3", "--threads", "1", "--data", "digits"),
]


def start(words: list[str], cwd: Path) -> subprocess.Popen[str]:
    """Start a command in its own process group."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *words],
        cwd=cwd,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(cwd), "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def run(words: list[str], cwd: Path) -> str:
    """Run a command that must succeed; return its text on standard error."""
    process = start(words, cwd)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return err


def numbers(folder: Path) -> Any:
    """Return all numbers of a run except its seconds."""
    if (folder / "net.npz").exists():
        arrays = ns.Network.load(folder / "net.npz").arrays()
        return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}
    with open(folder / "activations" / "results.csv", newline="") as file:
        return [{name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def finished_cases(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rounds of every finished case of a benchmark; its tables must have them complete."""
    records = [json.loads(path.read_text()) for path in folder.glob("cases/*.json")]
    kept = {record["case"]: record["result"]["rows"] for record in records}
    if (folder / "bench-rounds.csv").exists():
        with open(folder / "bench-rounds.csv", newline="") as file:
            rows = [
                {**row, "round": int(row["round"]), "seconds": float(row["seconds"])} for row in csv.DictReader(file)
            ]
        written = {case: [row for row in rows if row["case"] == case] for case in {row["case"] for row in rows}}
        missing = [case for case in kept if case not in written]
        assert len(missing) <= 1, missing  # killed after it kept a case and before it wrote its tables
        assert all(written[case] == kept[case] for case in kept if case not in missing)
    if (folder / "bench.json").exists():
        json.loads((folder / "bench.json").read_text())
    return kept


def unowned(cwd: Path) -> list[Path]:
    """Return the files that a killed process left behind."""
    return [path for pattern in (".*.neurosim", "neurosim-bench-*") for path in cwd.rglob(pattern)]


def strike(kind: str, words: list[str], name: str, delay: float, cwd: Path) -> tuple[int, str]:
    """Start a command and send it a signal after a delay; return its exit status and its text on standard error."""
    process = start([*words, "--out", "run"], cwd)
    time.sleep(delay)
    process.send_signal(getattr(signal, f"SIG{name}"))
    _, err = process.communicate(timeout=600)
    assert "Traceback" not in err, f"{kind}, {name} after {delay:.2f} s: {err}"
    return process.returncode, err


def kills(kind: str, count: int, seed: int, names: list[str]) -> Counter[str]:
    """Disturb `count` runs of a kind; return how they ended.

    Raises:
        AssertionError: a run ended in a wrong way, with other numbers, or left files behind.
    """
    rng, ends = random.Random(f"{kind} {seed}"), Counter[str]()
    trainings = {"train": TRAIN, "filters": FILTERS}
    words = {"scenario": SCENARIO, "bench": BENCH}.get(kind) or [*trainings[kind], "--checkpoint-every", "50"]
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "whole"
        whole.mkdir()
        began = time.monotonic()
        run([*words, "--out", "run"], whole)
        seconds = time.monotonic() - began
        for number in range(count):
            cwd, name = Path(place) / str(number), names[number % len(names)]
            cwd.mkdir()
            status, said = strike(kind, words, name, rng.uniform(0.1, 1.0) * seconds, cwd)
            early = kind in trainings and status != 0 and not list(cwd.glob("run/checkpoint-*.npz"))
            # an early signal meets a Python that has not begun; a late one meets no process
            if kind == "bench" and "before the first round" in said:
                status = SIGNALS[name]  # no round was finished, so there is no report
            assert status in (0, SIGNALS[name], -int(getattr(signal, f"SIG{name}"))), f"{kind}, {name}: {status}"
            if name != "KILL" and status == SIGNALS[name]:
                assert not unowned(cwd), unowned(cwd)
            kept = finished_cases(cwd / "run")
            said = run(
                ["train", "--resume", "run", "--quiet"]
                if kind in trainings and not early
                else [*words, "--out", "run"],
                cwd,
            )
            assert not unowned(cwd), unowned(cwd)
            if kind == "bench":
                assert (f"{len(kept)} of 3 cases were finished before and are reused" in said) == bool(kept), said
                after = finished_cases(cwd / "run")
                assert len(after) == 3 and kept.items() <= after.items(), f"{name}: other seconds"
            else:
                assert numbers(cwd / "run") == numbers(whole / "run"), f"{kind}, {name}: other numbers"
            ends[f"{name} {status}"] += 1
    return ends


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=30, help="trainings; and shares of them of the others")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signals", default=",".join(SIGNALS), help="which [%(default)s]")
    arguments = parser.parse_args()
    for kind, share in (("train", 1.0), ("filters", 0.5), ("scenario", 0.4), ("bench", 0.2)):
        ends = kills(kind, max(1, round(share * arguments.count)), arguments.seed, arguments.signals.split(","))
        print(f"{kind}: {dict(ends)}", flush=True)


if __name__ == "__main__":
    main()
