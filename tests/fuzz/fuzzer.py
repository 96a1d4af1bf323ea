"""Fuzzing of the file readers: ``python tests/fuzz/fuzzer.py --runs 5000``.

Each reader gets mutated files. A file joins the corpus if it makes the reader execute a new line, and is then mutated
further. For every file, the reader must raise a `DataError` of one line, or return the same as an independent reader.
It must do so within five seconds and with memory in proportion to the file. Anything else is a finding.

With ``--keep`` the corpus is reduced to a few files that reach the same lines. They are written to
``tests/fuzz/corpus``, gzipped, and the tests replay them. All images in them are random numbers.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gzip
import hashlib
import io
import json
import random
import re
import resource
import signal
import struct
import sys
import tempfile
import time
import tracemalloc
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

import neurosim as ns
from neurosim.data.arrays import read_npz
from neurosim.data.columns import LABEL_NAMES
from neurosim.data.idx import read_idx
from neurosim.data.tables import Samples, read_csv
from neurosim.files.npz import MAX_RATIO
from neurosim.training.checkpoint import _read as read_checkpoint
from scenarios import SCENARIOS, redraw, run_scenario
from scenarios.report import files as report_files

CORPUS = Path(__file__).parent / "corpus"
SECONDS = 5
MEMORY = 8 * 2**20  # bytes of memory that any file may need, in addition to MAX_RATIO times its size
WATCHED = (
    "files/npz.py",
    "files/atomic.py",
    "files/model.py",
    "training/checkpoint.py",
    "network.py",
    "layers/",
    "schedules.py",
    "registry.py",
    "checks.py",
    "optimizers.py",
    "optimizer_base.py",
    "data/idx.py",
    "data/arrays.py",
    "data/columns.py",
    "data/tables.py",
    "data/delimited.py",
)


class Target(NamedTuple):
    """A reader, an independent reader of the same bytes (or None), and the first files."""

    read: Callable[[Path], Any]
    oracle: Callable[[bytes], Any]
    agree: Callable[[Any, Any], bool]
    seeds: Callable[[], list[bytes]]
    mutate: Callable[[random.Random, bytes, list[bytes]], bytes] | None = None


class Finding(Exception):
    """The error for a file that a reader handled wrongly; the kind is "traceback", "hang", "memory", …"""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


# --- IDX -------------------------------------------------------------------------------------------------------------


def idx_seeds() -> list[bytes]:
    """Make small images and labels, plain and gzipped."""
    pixels = random.Random(0).randbytes(2 * 3 * 4)
    images = struct.pack(">4B3I", 0, 0, 8, 3, 2, 3, 4) + pixels
    labels = struct.pack(">4BI", 0, 0, 8, 1, 5) + bytes(5)
    return [images, gzip.compress(images, mtime=0), labels, b"<html>", b"PK\3\4"]


def idx_oracle(content: bytes) -> Any:
    """Read the images of an IDX file by its definition."""
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, ValueError, struct.error, gzip.zlib.error):  # type: ignore[attr-defined]
            return None
    if content[:4] != b"\0\0\x08\x03" or len(content) < 16:
        return None
    count, height, width = (int.from_bytes(content[at : at + 4], "big") for at in (4, 8, 12))
    values = list(content[16:])
    if len(values) != count * height * width or not values:
        return None
    return [[values[(k * height + i) * width :][:width] for i in range(height)] for k in range(count)]


# --- CSV -------------------------------------------------------------------------------------------------------------


def csv_seeds() -> list[bytes]:
    """Make tables in several dialects."""
    rows = [[k % 3, *(7 * k * j % 256 for j in range(49))] for k in range(12)]
    plain = "".join(",".join(map(str, row)) + "\n" for row in rows)
    return [
        b"label,p0,p1,p2,p3\n3,0,255,7,9\n5,1,2,3,4\n",
        b"a;b;class\r\n0,5;-1,25;yes\r\n1,0;2,5;no\r\n",
        b"\xef\xbb\xbfp0\tp1\tclass\n1.5\t2e1\t0\n",
        b'"","label","a"\n"1","7","255"\n"2","7","0"\n"3","8","4"\n',
        b"# made by hand\ny a\r7 1.0\r8 3\r",
        "id,f 1,species\n4,5.1,\u00e4sop\n5,4.9,\u00f6\n6,.5,\u00f6\n".encode("cp1252"),
        plain.encode(),
        plain.replace(",", " ").encode("utf-16"),
        gzip.compress(b"sep=,\na,b,y\n1,2,0\n", mtime=0),
    ]


def csv_oracle(content: bytes) -> Any:
    """Return the lines of a table that are not blank."""
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, ValueError, struct.error, gzip.zlib.error):  # type: ignore[attr-defined]
            return None
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = content.decode("utf-16", "replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252", "replace")
    return [line for line in re.split("\r\n|\r|\n", text) if re.search(r"[^\s,;|]", line)] or None


def csv_agree(received: Samples, lines: list[str]) -> bool:
    """Return whether every number and label is in its row and column, for one way of writing rows."""
    count = len(received.x)
    before, rows = lines[: len(lines) - count], lines[len(lines) - count :]
    plan = received.plan
    if plan is None or len(rows) != count or received.labels is None:
        return False
    remarks = before[:-1] if plan.named else before
    if not all(line.startswith("#") or line.lower().startswith("sep=") for line in remarks):
        return False
    ways = [",", ";", "\t", ""]
    return any(_csv_agree(received, before[-1:], rows, way) for way in ways)


def _csv_agree(received: Samples, header: list[str], rows: list[str], separator: str) -> bool:
    plan, labels = received.plan, received.labels
    keys = [*plan.labels, *plan.features, *plan.row_numbers]  # type: ignore[union-attr]
    cells = [cells_of(row, separator) for row in rows]
    names: list[Any] = list(range(len(keys)))
    if plan.named:  # type: ignore[union-attr]
        names = cells_of(header[0].lstrip("# "), separator)
        unnamed = len(names) == len(cells[0]) - 1 and any(
            row[-1] for row in cells
        )  # R writes no name for the first column
        names = ["", *names] if unnamed else names
        names = [
            *names[:1],
            *(name or f"column {k}" for k, name in enumerate(names[1 : len(keys)], 2)),
            *names[len(keys) :],
        ]
    if sorted(map(str, names[: len(keys)])) != sorted(map(str, keys)) or any(names[len(keys) :]):
        return False
    called = [name for name in names if str(name).lower() in LABEL_NAMES]
    if len(called) == 1 and called != plan.labels:  # type: ignore[union-attr]
        return False
    flat = received.x.reshape(len(rows), -1).tolist()
    dark = "pixels from -1 to 1 were brought to 0 to 1" in received.notes
    for row, x, label in zip(cells, flat, labels.tolist(), strict=True):  # type: ignore[union-attr]
        if len(row) != len(cells[0]) or len(row) < len(keys) or any(row[len(keys) :]):
            return False
        by_name = dict(zip(names, row, strict=False))
        for key, value in zip(plan.features, x, strict=True):  # type: ignore[union-attr]
            wanted = number_in(by_name[key], separator)
            wanted = (wanted + 1) / 2 if dark else wanted
            if not (wanted == value or (received.x.dtype == np.float32 and abs(wanted - value) < 1e-6)):
                return False
        found = [by_name[key] for key in plan.labels]  # type: ignore[union-attr]
        if len(found) > 1:
            if [number_in(cell, separator) for cell in found] != [float(k == label) for k in range(len(found))]:
                return False
        elif found[0] != label and number_in(found[0], separator) != number_in(str(label), separator):
            return False
    return True


def cells_of(line: str, separator: str) -> list[str]:
    """Return the cells of a line, by Python's CSV reader."""
    if not separator:
        return [cell.strip('"') for cell in re.findall(r'"[^"]*"|[^"\s]\S*', line)]
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True))]


def number_in(cell: str, separator: str) -> float:
    """Return the number in a cell; NaN if there is none."""
    cell = cell.replace(",", ".") if separator != "," else cell
    return float(cell) if re.fullmatch(r"[-+.eE0-9]*[0-9.]", cell, re.ASCII) and is_float(cell) else float("nan")


def is_float(text: str) -> bool:
    """Return whether Python reads it as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


# --- npz -------------------------------------------------------------------------------------------------------------


def npz_bytes(arrays: dict[str, Any], packed: bool = False) -> bytes:
    """Make an npz file."""
    stream = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(stream, **arrays)
    return stream.getvalue()


def npz_seeds() -> list[bytes]:
    """Make data sets as npz files."""
    pixels = np.frombuffer(random.Random(1).randbytes(3 * 4 * 4), np.uint8).reshape(3, 4, 4)
    labels = np.array([0, 2, 1])
    both = {"x_train": pixels, "y_train": labels}
    rows = np.asfortranarray(pixels.reshape(3, 16))
    others = {
        "x_train": pixels / 255,
        "y_train": np.eye(3)[labels],
        "x_test": pixels > 99,
        "y_test": np.array(["a"] * 3),
    }
    return [
        npz_bytes(both),
        npz_bytes(both, packed=True),
        npz_bytes(both | {"x_test": pixels.astype(">i2"), "y_test": labels}),
        npz_bytes({"x_train": rows, "y_train": labels.astype(np.uint8), "more": labels}),
        npz_bytes(others),
    ]


def npz_oracle(content: bytes, names: tuple[str, ...] = ()) -> Any:
    """Read these arrays, or all, with NumPy and without pickles."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                return {name: file[name] for name in names or file.files if name in file.files}
    except Exception:  # NumPy may raise any error
        return None


def npz_agree(received: Any, expected: Any) -> bool:
    """Return whether numbers and labels are finite and NumPy's, with one-hot rows as class indices."""
    for name, array in received.items():
        values = expected[name]
        if name.startswith("y") and values.ndim == 2 and values.shape[1] > 1:
            rows = values.tolist()
            if not all(sorted(row) == [0] * (len(row) - 1) + [1] for row in rows):
                return False
            values = np.array([row.index(1) for row in rows])
        if name.startswith("x") and (array.ndim not in (2, 3, 4) or not np.isfinite(array).all()):
            return False
        if array.dtype.kind not in "uifU" or array.ravel().tolist() != values.ravel().tolist():
            return False
    return True


def network_seeds() -> list[bytes]:
    """Make saved networks with everything that a file can contain."""
    made = []
    for hidden, optimizer in (
        ([ns.Dense(3, "tanh"), ns.BatchNorm("relu"), ns.Dropout(0.2)], ns.Nadam("one_cycle")),
        ([ns.Dense(4, ns.LeakyReLU(0.2), max_norm=2.0)], ns.SGD(ns.ReduceOnPlateau(0.1))),
    ):
        net = ns.Network([ns.Input((1, 3)), *hidden, ns.Dense(2, "softmax")], optimizer=optimizer, regularizer="l2")
        net.neuron(1, 0).rate_factor = 0.5
        net.neuron(1, 1).clamp(0.25)
        net.neuron(1, 2).activation = "sigmoid"
        net.fit(np.eye(3), [0, 1, 1], epochs=1, verbose=False)
        with tempfile.TemporaryDirectory() as folder:
            made.append(net.save(Path(folder) / "net.npz").read_bytes())
    return made


def network_agree(net: ns.Network, expected: Any) -> bool:
    """Return whether a network has the arrays and the config of its file, and can continue."""
    config = json.loads(str(expected.pop("config")))
    arrays = net.arrays()
    same = arrays.keys() == expected.keys() and all(
        np.array_equal(array, expected[name]) and np.isfinite(array).all() for name, array in arrays.items()
    )
    ours = json.loads(
        json.dumps(
            {
                "network": net.config(),
                "scalars": net.optimizer.scalars(),
                "streams": {name: rng.bit_generator.state for name, rng in net.streams.items()},
            }
        )
    )
    with np.errstate(all="ignore"):
        net.train_batch(np.eye(net.input.n_out)[:2], [0, 0])
    return same and all(contains(ours[part], config[part]) for part in ours)


def contains(whole: Any, part: Any) -> bool:
    """Return whether every setting of a config is true; missing settings have defaults."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(name in whole and contains(whole[name], value) for name, value in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    if isinstance(whole, dict) and isinstance(part, str):  # a name, with or without settings, means its config
        return whole.get("name") == part.partition(":")[0]
    return bool(whole == part)


# --- checkpoints -----------------------------------------------------------------------------------------------------


ROWS, CLASSES = np.linspace(0.0, 1.0, 15).reshape(5, 3), [0, 1, 1, 0, 1]


def checkpoint_fit(folder: Path, **more: Any) -> tuple[ns.Network, ns.History]:
    """Train the run that the checkpoints belong to."""
    net = ns.Network(
        [ns.Input(3), ns.Dense(3), ns.BatchNorm("relu"), ns.Dropout(0.2), ns.Dense(2, "softmax")],
        optimizer=ns.Nadam(ns.ReduceOnPlateau(0.01, patience=0)),
    )
    history = net.fit(
        ROWS,
        CLASSES,
        epochs=3,
        batch_size=2,
        verbose=False,
        validation_data=(ROWS, CLASSES),
        callbacks=[
            ns.EarlyStopping(patience=2),
            ns.GradientNorms(1),
            ns.Snapshots(3),
            ns.Checkpoint(folder, every=4, **more),
        ],
    )
    return net, history


def checkpoint_seeds() -> list[bytes]:
    """Make checkpoints of a run: at its beginning, in it and at its end."""
    kept = []

    class Keep(ns.Checkpoint):
        def _write(self, run: Any) -> None:
            super()._write(run)
            kept.append(self._written[-1].read_bytes())

    Keep.__name__ = "Checkpoint"  # which identifies the run
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(ns, "Checkpoint", Keep):
        checkpoint_fit(Path(folder))
    return [*kept, *kept[1:-1]]


def signed(content: bytes) -> bytes:
    """Write a checkpoint with the checksum of its contents."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    config = json.loads(str(arrays.pop("config")))
    digest = hashlib.sha256(json.dumps(config["state"]).encode())
    for name in sorted(arrays):
        digest.update(f"{arrays[name].dtype.str} {arrays[name].shape}".encode() + arrays[name].tobytes())
    config["sha256"] = digest.hexdigest()
    return npz_bytes({"config": np.array(json.dumps(config)), **arrays})


def mutate_checkpoint(rng: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """Change a checkpoint, mostly in one value of its state or its arrays, and sign it again."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name].copy() for name in file.files}
        if rng.random() < 0.3:
            name = rng.choice([name for name in arrays if name != "config"])
            if arrays[name].size and rng.random() < 0.7:
                arrays[name].reshape(-1)[rng.randrange(arrays[name].size)] = rng.choice((-1, 0, 1, 7, 100))
            else:
                arrays[name] = rng.choice((arrays[name].astype(np.float16), arrays[name][..., :-1], -arrays[name]))
        else:
            config = json.loads(str(arrays["config"]))
            config["state"] = json.loads(mutate_json(rng, json.dumps(config["state"])))
            arrays["config"] = np.array(json.dumps(config))
        return signed(npz_bytes(arrays))
    except Exception:  # it is already damaged
        return mutate(rng, content, others)


def go_on(path: Path) -> Any:
    """Read a checkpoint, and resume from it."""
    state = read_checkpoint(path)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "checkpoint-000000001.npz").write_bytes(path.read_bytes())
        with warnings.catch_warnings(), np.errstate(all="ignore"), redirect_stderr(io.StringIO()):
            try:
                net, history = checkpoint_fit(Path(folder), resume=True)
            except ns.NeurosimError as error:
                if not isinstance(error, ns.DataError) and "received another" not in str(error):
                    raise  # its message for a different run
                raise ns.DataError(str(error).replace(folder, str(path))) from None
    return state, net, history


def checkpoint_oracle(content: bytes) -> Any:
    """Return the state and the arrays of a checkpoint, if its checksum matches both."""
    arrays = npz_oracle(content)
    try:
        config = json.loads(str(arrays.pop("config")))
        digest = hashlib.sha256(json.dumps(config["state"]).encode())
        for name in sorted(arrays):
            digest.update(f"{arrays[name].dtype.str} {arrays[name].shape}".encode() + arrays[name].tobytes())
        return (config["state"], arrays) if config["sha256"] == digest.hexdigest() else None
    except Exception:  # it may be anything
        return None


def checkpoint_agree(received: Any, expected: Any) -> bool:
    """Return whether a state is the one in the file, with its arrays, and the run ends correctly."""
    received, net, history = received
    state, arrays = expected

    def plain(value: Any) -> Any:
        return [value.dtype.str, value.shape, value.tobytes().hex()]

    def filled(value: Any) -> Any:
        return plain(arrays[value["array"]]) if value.keys() == {"array"} else value

    same = json.dumps(received, default=plain) == json.dumps(json.loads(json.dumps(state), object_hook=filled))
    return same and possible(json.loads(json.dumps(state), object_hook=filled), net, history)


def possible(state: Any, net: ns.Network, history: ns.History) -> bool:
    """Return whether its run of 3 epochs with 3 steps each can have such a state, and has ended with it."""
    progress, rows, stopped = state["progress"], state["history"]["rows"], state["history"]["stopped"]
    steps, t, streams = progress["steps"], state["network"]["scalars"]["t"], state["network"]["streams"]
    whole = (steps, t, progress["epoch"], *(row["epoch"] for row in rows))
    return (
        all(type(value) is int and 0 <= value < 2**53 for value in whole)
        and [row["epoch"] for row in rows] == [1, 2, 3][: len(rows)]
        and steps <= 3
        and 1 <= progress["epoch"] <= 4
        and not (progress["right"] < 0 or progress["right"] > 2 * steps)
        and progress["seconds"] >= 0
        and state["last_rate"] >= 0
        and 0 <= state["network"]["scalars"]["mu_product"] <= 1
        and all(each["state"]["inc"] % 2 == 1 for each in streams.values())
        and not any((net.optimizer.state["v"] < 0).tolist())
        and not (net[2].running_variance < 0).any()
        and (
            stopped != "running"
            or (len(history) == 3 and len(history.batch_losses) == 9)
            or history.stopped != "finished"
        )
        and all(len(row) >= 5 for row in rows)
    )


# --- results ---------------------------------------------------------------------------------------------------------

RESULTS = "results"


@contextlib.contextmanager
def without_figures(instead: Callable[..., None]) -> Iterator[None]:
    """Write reports without figures in this block; `instead` is called for each figure."""
    with (
        mock.patch.object(report_files, "draw", instead),
        mock.patch.object(report_files, "common_pictures", lambda _: []),
    ):
        yield


def results_seeds() -> list[bytes]:
    """Make result folders as archives: a scenario with recorders, one with a search, and one on points."""
    made = []
    train, test = ns.data.load("digits")
    plane = [each.subset(60) for each in ns.data.load("moons")]
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("activations", None), ("learning-rates", None), ("losses", plane)):
            few = replace(SCENARIOS[name], variants=SCENARIOS[name].variants[:3])
            if few.baseline not in [each.name for each in few.variants]:
                few = replace(few, baseline=few.variants[0].name)
            images = data or (train.subset(100), test.subset(50))
            results = run_scenario(few, *images, seeds=2, overrides={"epochs": 2, "hidden": (4,)}, progress=False)
            place = Path(folder) / name
            with without_figures(lambda *_: None):
                report_files.write_report(results, *images, place, {"seeds": [0, 1], "command": "x", "threads": 1})
            made.append(archive({path.name: path.read_bytes() for path in place.glob("*") if path.suffix in KEPT}))
    return made


KEPT = (".csv", ".json")
CELLS = ("", "-1", "1e308", "nan", "inf", "0.5", "7", "True", "x", "=1", "relu", "\x1b[31m")


def archive(files: dict[str, bytes]) -> bytes:
    """Put files into one archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in files.items():
            file.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


def mutate_results(rng: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """Change one file of a folder: a value of its JSON, or a cell, column or row of a table."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        files = {name: file.read(name) for name in file.namelist()}
    name = rng.choice(["run.json", *files])
    try:
        if name == "run.json":
            files[name] = mutate_json(rng, files[name].decode()).encode()
        elif rng.random() < 0.1:
            files[name] = mutate_bytes(rng, files[name], list(files.values()))
        else:
            rows = list(csv.reader(files[name].decode().splitlines()))
            row = rng.choice(rows)
            kind, at = rng.randrange(6), rng.randrange(len(row))
            if kind == 0:
                rows.remove(row)
            elif kind == 1:
                rows.append(row)
            elif kind == 2:
                rows = [each[:at] + each[at + 1 :] for each in rows]
            else:
                row[at] = rng.choice(
                    ("", "-1", "1e308", "nan", "inf", "0.5", "7", "True", "x", "=1", row[0], "\x1b[31m")
                )
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(rows)
            files[name] = text.getvalue().encode()
    except Exception:  # it is already damaged
        files[name] = mutate_bytes(rng, files[name], list(files.values()))
    return archive(files)


def read_results(path: Path) -> Any:
    """Write the reports of a folder again without figures; return its tables."""
    with tempfile.TemporaryDirectory() as folder:
        kept: list[Any] = []
        with zipfile.ZipFile(path) as file:
            for name in file.namelist():
                if Path(name).name == name and name.isprintable() and name:
                    (Path(folder) / name).write_bytes(file.read(name))

        with without_figures(lambda results, _: kept.append(results)), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                redraw(SCENARIOS, Path(folder))
            except ns.DataError as error:
                raise ns.DataError(str(error).replace(folder, str(path))) from None
        return kept[0]


def results_oracle(content: bytes) -> Any:
    """Return the rows of results.csv, by Python's CSV reader."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        record, text = json.loads(file.read("run.json")), file.read("results.csv").decode()
    return record, list(csv.DictReader(text.splitlines()))


def results_agree(received: Any, expected: Any) -> bool:
    """Return whether runs can have the values that were read."""
    record, rows = expected
    runs = Counter((row["variant"], row["seed"]) for row in rows)

    def within(cell: str, low: float, high: float) -> bool:
        return cell == "" or low <= float(cell) <= high

    return (
        {name for name, _ in runs} == set(record["settings"])
        and len(set(runs.values())) <= len(runs)
        and all(float(row["epoch"]) >= 1 and float(row["epoch"]) % 1 == 0 and float(row["seed"]) >= 0 for row in rows)
        and all(within(row[name], 0, 1) for row in rows for name in ("accuracy", "test_accuracy"))
        and all(within(row[name], 0, float("inf")) for row in rows for name in ("seconds", "learning_rate"))
        and all(row[name] in ("True", "False") for row in rows for name in ("kept", "diverged"))
        and all(sum(row["kept"] == "True" for row in rows if (row["variant"], row["seed"]) == run) == 1 for run in runs)
        and len(received.epochs) == len(rows)
    )


TARGETS = {
    "idx": Target(lambda path: read_idx(path, 3), idx_oracle, lambda a, b: a.tolist() == b, idx_seeds),
    "csv": Target(read_csv, csv_oracle, csv_agree, csv_seeds),
    "npz": Target(
        read_npz, lambda content: npz_oracle(content, ("x_train", "y_train", "x_test", "y_test")), npz_agree, npz_seeds
    ),
    "network": Target(ns.Network.load, npz_oracle, network_agree, network_seeds),
    RESULTS: Target(read_results, results_oracle, results_agree, results_seeds, mutate_results),
    "checkpoint": Target(go_on, checkpoint_oracle, checkpoint_agree, checkpoint_seeds, mutate_checkpoint),
}


# --- judging one file ------------------------------------------------------------------------------------------------


class _Late(BaseException):
    """The error for a reader that needs too much time."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Stop a block that needs more processor time; clock time would depend on other processes."""

    def stop(*_: Any) -> None:
        raise _Late

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def judge(target: Target, path: Path, seconds: float = SECONDS) -> tuple[str, int]:
    """Give a file to a reader.

    Returns:
        "accepted" or "refused", and the peak of memory in bytes.

    Raises:
        Finding: a traceback, a hang, too much memory, or a wrong answer.
    """
    content = path.read_bytes()
    received, verdict = None, "accepted"
    tracemalloc.start()
    try:
        with time_limit(seconds):
            received = target.read(path)
    except ns.DataError as error:
        verdict = "refused"
        if "\n" in str(error) or str(path) not in str(error):
            raise Finding("message", repr(str(error))) from None
    except _Late:
        raise Finding("hang", f"more than {seconds} seconds") from None
    except Exception as error:
        raise Finding("traceback", f"{type(error).__name__}: {error}") from error
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if peak > MEMORY + MAX_RATIO * len(content):
        raise Finding("memory", f"{peak:,} bytes for a file of {len(content):,}")
    if verdict == "accepted":
        expected = target.oracle(content)
        if expected is None or not target.agree(received, expected):
            raise Finding("wrong acceptance", repr(received))
    return verdict, peak


@contextmanager
def lines_reached(found: set[tuple[str, int]]) -> Iterator[None]:
    """Collect the lines of the watched modules that are executed."""

    def local(frame: Any, event: str, _: Any) -> Any:
        if event == "line":
            found.add((frame.f_code.co_filename, frame.f_lineno))
        return local

    def enter(frame: Any, event: str, argument: Any) -> Any:
        name = frame.f_code.co_filename
        return local if any(f"/neurosim/{part}" in name for part in WATCHED) else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


# --- mutating --------------------------------------------------------------------------------------------------------

NUMBERS = (0, 1, -1, 3, 255, 256, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 10**30)
WORDS = (
    b"nan",
    b"-1",
    b"256",
    b"1e999",
    b"99999999999999999999",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b",",
    b'"',
    b"\0",
    b"label",
    b"0x1",
    b"1_0",
    b"\xd9\xa3",
    b"'descr': '|O'",
    b"True",
    b"(",
    b"<f8",
    b"<U9",
    b", 0",
    b"PK\x01\x02",
    b"<html>",
    b";",
    b"\t",
    b" ",
    b"1e400",
    b"0,5",
    b"?",
    b"#",
    b"y",
)
TYPES = (b"<f4", b">f4", b"<i4", b"|O8", b"<m8")
VALUES = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2.5,
    10**9,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "relu",
    "nan",
    "x" * 300,
    [],
    [1],
    {},
    [[[]]],
    {"name": "relu"},
    {"name": "adam", "beta1": 1},
    "one_cycle",
    {"name": "warm_up", "after": "cosine"},
)


def mutate_bytes(rng: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """Change a file without knowing its format."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        end = min(at + rng.choice((1, 2, 4, 16, 64)), len(data))
        kind = rng.randrange(8)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at:end]
        elif kind == 2:
            data[at:at] = data[at:end]
        elif kind == 3:
            data[at:at] = rng.choice(WORDS)
        elif kind == 4:
            data[at:end] = rng.choice(WORDS)
        elif kind == 5:
            del data[at:]
        elif kind == 6:
            number = rng.choice(NUMBERS) % 2**32
            data[at : at + 4] = number.to_bytes(4, rng.choice(("big", "little")))
        else:
            other = rng.choice(others)
            data[at:] = other[rng.randrange(len(other) + 1) :]
    return bytes(data)


def mutate_json(rng: random.Random, text: str) -> str:
    """Change one place in a JSON text, or the text."""
    if rng.random() < 0.1:
        return mutate_bytes(rng, text.encode(), [text.encode()]).decode("utf-8", "replace")
    tree = json.loads(text)
    places = list(places_of(tree))
    where, key = rng.choice(places)
    kind = rng.randrange(4)
    if kind == 0:
        del where[key]
    elif kind == 1:
        other, its_key = rng.choice(places)
        where[key] = json.loads(json.dumps(other[its_key]))
    elif kind == 2 and isinstance(where, dict):
        where[rng.choice(("extra", "name", "_rate", "units", "0", "99", key))] = rng.choice(VALUES)
    else:
        where[key] = rng.choice(VALUES)
    return json.dumps(tree)


def places_of(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container and key in a JSON tree."""
    for key in tree if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], (dict, list)):
            yield from places_of(tree[key])


def mutate_zip(rng: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """Change a member of a zip archive, or the list of members, and correct all checksums."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        members = [[member.filename, file.read(member)] for member in file.infolist()]
    chosen = rng.choice(members)
    kind = rng.randrange(8)
    if kind == 0:
        members.remove(chosen)
    elif kind == 1:
        chosen[0] = rng.choice(("config.npy", "W9.npy", "run.sh", "../up.npy", "x_train", "", rng.choice(members)[0]))
    elif kind == 2:
        members.append([rng.choice(("b1.npy", "x_test.npy", "optimizer.q.npy")), chosen[1]])
    elif kind == 3:
        chosen[1] = npy_bytes(np.array(rng.choice((1.5, [1, 2], [[np.nan]], "text", [True], [2 + 1j]))))
    elif kind == 4:
        header = chosen[1][:128]
        for old, new in (
            (b"(", (b"(1, ", b"(-1, ", b"(0, ", b"(10**9, ")),
            (b"False", (b"False", b"True ", b"0")),
            (b"<f4", TYPES),
        ):
            header = header.replace(old, rng.choice(new))
        chosen[1] = header[:128] + chosen[1][128:]
    elif kind > 5 and members[0][0] == "config.npy":
        members[0][1] = npy_bytes(np.array(mutate_json(rng, str(np.load(io.BytesIO(members[0][1]))))))
    else:
        chosen[1] = mutate_bytes(rng, chosen[1], [chosen[1]])
    stream = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, data in members:
            file.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


def npy_bytes(array: Any) -> bytes:
    """Return an array as an npy file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def mutate(rng: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """Change a file, or the contents of a compressed one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if content[:2] == b"PK" and rng.random() < 0.8:
                return mutate_zip(rng, content, others)
            if content[:2] == b"\x1f\x8b" and rng.random() < 0.5:
                return gzip.compress(mutate_bytes(rng, gzip.decompress(content), others), rng.choice((1, 9)), mtime=0)
    except Exception:  # it is already damaged
        pass
    return mutate_bytes(rng, content, others)


# --- running ---------------------------------------------------------------------------------------------------------


class Session:
    """Fuzzing of one reader.

    Attributes:
        corpus: bytes -> the lines that they reach.
        reached: all reached lines.
        verdicts: the numbers of accepted and refused files, and of findings of each kind.
        findings: kind -> the files, with their problem.
        peak: the largest memory of any file.
        slowest: the seconds of the slowest file.
    """

    def __init__(self, target: Target, folder: Path) -> None:
        self.target, self.path = target, folder / "file"
        self.corpus: dict[bytes, frozenset[tuple[str, int]]] = {}
        self.reached: set[tuple[str, int]] = set()
        self.verdicts: Counter[str] = Counter()
        self.findings: list[tuple[str, bytes]] = []
        self.peak, self.slowest = 0, 0.0

    def run(self, content: bytes) -> None:
        """Try one file; keep it if it reaches a new line."""
        lines: set[tuple[str, int]] = set()
        self.path.write_bytes(content)
        began = time.perf_counter()
        try:
            with lines_reached(lines):
                verdict, peak = judge(self.target, self.path)
            self.peak = max(self.peak, peak)
        except Finding as finding:
            verdict = finding.kind
            self.findings.append((str(finding), content))
        self.slowest = max(self.slowest, time.perf_counter() - began)
        self.verdicts[verdict] += 1
        if lines - self.reached:
            self.corpus[content] = frozenset(lines)
            self.reached |= lines

    def fuzz(self, runs: int, seed: int, known: list[bytes]) -> None:
        """Try the seeds and the known files, then `runs` mutated ones."""
        rng = random.Random(seed)
        seeds = self.target.seeds()
        for content in [*seeds, *known]:
            self.run(content)
        self.verdicts.clear()
        for _ in range(runs):
            pool = [*self.corpus, *seeds]
            self.run((self.target.mutate or mutate)(rng, rng.choice(rng.choice((pool, seeds))), pool))

    def smallest_corpus(self) -> list[bytes]:
        """Return a few files, short ones first, that together reach every line."""
        left, chosen = set(self.reached), []
        while left:
            best = max(self.corpus, key=lambda content: (len(self.corpus[content] & left), -len(content)))
            chosen.append(best)
            left -= self.corpus[best]
        return chosen


def known_files(name: str) -> list[Path]:
    """Return the corpus files of a target."""
    return sorted(CORPUS.glob(f"{name}-*.gz"))


def main() -> None:
    """Run from the command line; exit with status 1 if there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5000, help="mutated files in all [5000]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=TARGETS, help="one reader")
    parser.add_argument("--keep", action="store_true", help="write the corpus")
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, target in TARGETS.items():
            if arguments.only not in (None, name):
                continue
            session = Session(target, Path(folder))
            began = time.perf_counter()
            session.fuzz(
                arguments.runs // (1 if arguments.only else len(TARGETS)),
                arguments.seed,
                [gzip.decompress(path.read_bytes()) for path in known_files(name)],
            )
            print(
                f"{name:<10} {dict(session.verdicts)}, {len(session.reached)} lines by {len(session.corpus)} files, "
                f"peak {session.peak / 2**20:.2f} MiB, slowest {session.slowest:.2f} s, "
                f"{time.perf_counter() - began:.0f} s",
                flush=True,
            )
            for text, content in session.findings[:20]:
                print(f"  {text[:300]}\n    {content[:60]!r}… ({len(content)} bytes)")
            failed = failed or bool(session.findings)
            if arguments.keep:
                CORPUS.mkdir(exist_ok=True)
                for path in known_files(name):
                    path.unlink()
                for content in [*session.smallest_corpus(), *(content for _, content in session.findings[:20])]:
                    digest = hashlib.sha256(content).hexdigest()[:10]
                    (CORPUS / f"{name}-{digest}.gz").write_bytes(gzip.compress(content, mtime=0))
    print(f"peak resident memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    sys.exit(failed)


if __name__ == "__main__":
    main()
