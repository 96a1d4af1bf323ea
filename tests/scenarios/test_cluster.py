"""The runs of a scenario on a Dask cluster: the same numbers as here, and clear words where there is no cluster."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import neurosim as ns
from neurosim.training.settings import Settings
from scenarios import Scenario, Variant
from scenarios.protocol import executors
from scenarios.protocol.executors import dask, processes
from scenarios.protocol.runner import Experiment, run_experiments
from scenarios.questions.activations import recorders

ROOT = Path(__file__).parents[2]


def results(executor, folder=None, epochs=2, factors=(0.3, 1.0, 3.0)):
    train, test = ns.data.load("digits")
    scenario = Scenario(
        "rates",
        "?",
        ".",
        tuple(Variant(name, {"optimizer": name}) for name in ("sgd", "adam")),
        "sgd",
        base=Settings(hidden=(16,), epochs=epochs),
        rate_factors=factors,
        recorders=recorders,
    )
    experiment = Experiment(scenario, train.subset(600), test.subset(300), seeds=2, folder=folder)
    return next(run_experiments([experiment], executor, progress=False))


@pytest.mark.slow
def test_a_cluster_computes_the_same_numbers():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        there = results(partial(dask, scheduler=cluster.scheduler_address))
    here = results(partial(processes, jobs=2))
    pd.testing.assert_frame_equal(
        there.epochs.drop(columns="seconds"), here.epochs.drop(columns="seconds"), check_exact=True
    )
    assert there.tables.keys() == here.tables.keys() == {"rates", "gradients", "units"}
    for name in there.tables:
        pd.testing.assert_frame_equal(there.tables[name], here.tables[name], check_exact=True)


@pytest.mark.slow
def test_a_scheduler_without_workers_is_one_line(refused):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=None) as cluster,
        refused("--scheduler", "found none", "dask worker"),
    ):
        results(partial(dask, scheduler=cluster.scheduler_address))


# -- what is no scheduler --------------------------------------------------------------------------------------------


def test_an_address_that_nobody_listens_to_is_one_line(refused, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "PATIENCE", 0.5)
    with refused("--scheduler", "tcp://127.0.0.1:9", "0.5 seconds", "dask scheduler"):
        results(partial(dask, scheduler="tcp://127.0.0.1:9"))


@contextlib.contextmanager
def listening(answer):
    """The address of a socket that says the same to everybody; None: nothing."""
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            with contextlib.suppress(OSError):  # the end
                while True:
                    connections.append(server.accept()[0])
                    if answer is not None:
                        connections[-1].sendall(answer)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    for each in connections:
        each.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer", [None, b"HTTP/1.0 200 OK\r\n\r\n", b"\0" * 8, b"\xff" * 100, b"SSH-2.0-OpenSSH_9.2\r\n"]
)
def test_what_accepts_and_is_no_scheduler_is_one_line_within_10_seconds(refused, answer):
    pytest.importorskip("distributed")
    with listening(answer) as address:
        before = time.monotonic()
        with refused("--scheduler", address, "5 seconds", "dask scheduler"):
            results(partial(dask, scheduler=address))
        assert time.monotonic() - before < 10


@pytest.mark.slow
def test_an_http_server_is_one_line_within_10_seconds(tmp_path, refused):
    pytest.importorskip("distributed")
    with started("http.server", "--bind", "127.0.0.1", "--directory", tmp_path, "0", says=r"port (\d+)") as (_, port):
        before = time.monotonic()
        with refused("--scheduler", port, "5 seconds"):
            results(partial(dask, scheduler=f"tcp://127.0.0.1:{port}"))
        assert time.monotonic() - before < 10


@pytest.mark.slow
def test_a_worker_is_no_scheduler(refused):
    pytest.importorskip("distributed")
    with started_cluster(1) as (_, [(_, address)], _), refused("--scheduler", address, "received Worker"):
        results(partial(dask, scheduler=address))


def test_an_address_that_is_none_is_one_line(refused):
    pytest.importorskip("distributed")
    with refused("--scheduler", "tcp://10.0.0.1:8786", "'here'"):
        results(partial(dask, scheduler="here"))


def test_without_the_package_it_says_what_to_install(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with refused("--executor dask", "pip install distributed"):
        results(partial(dask, scheduler="tcp://127.0.0.1:9"))


# -- a cluster that is lost ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def started(module, *arguments, says):
    """A Python module as a process, with the group that `says` finds in what it says; killed at the end."""
    command = [sys.executable, "-u", "-m", module, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=ROOT
    )
    try:
        found = next(filter(None, (re.search(says, line) for line in process.stdout)))
        threading.Thread(target=process.stdout.read, daemon=True).start()  # a full pipe would stop it
        yield process, found[1]
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def started_cluster(count):
    """A scheduler and workers as processes: (scheduler, [(worker, its address), …], the scheduler's address)."""
    module, quiet = "distributed.cli.dask_", ("--no-dashboard", "--host", "127.0.0.1")
    with contextlib.ExitStack() as stack:
        scheduler, address = stack.enter_context(
            started(f"{module}scheduler", "--port", 0, *quiet, says=r"Scheduler at:\s+(tcp://\S+)")
        )
        workers = [
            stack.enter_context(
                started(f"{module}worker", address, "--no-nanny", "--nthreads", 1, *quiet, says=r"at:\s+(tcp://\S+)")
            )
            for _ in range(count)
        ]
        yield scheduler, workers, address


@pytest.mark.slow
@pytest.mark.parametrize(
    ("who", "how", "seconds"),
    [("workers", "SIGKILL", 10), ("scheduler", "SIGKILL", 10), ("scheduler", "SIGSTOP", 20)],
)
def test_a_cluster_that_is_lost_is_one_line_and_the_run_goes_on_elsewhere(
    who, how, seconds, tmp_path, refused, monkeypatch, capfd
):
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "SILENCE", 3.0)
    lost = []
    with started_cluster(2) as (scheduler, workers, address):

        def lose():
            while not list(tmp_path.iterdir()):  # until a run is finished
                time.sleep(0.01)
            for process in [scheduler] if who == "scheduler" else [process for process, _ in workers]:
                process.send_signal(getattr(signal, how))
            lost.append(time.monotonic())

        thread = threading.Thread(target=lose)
        thread.start()
        with refused(f"the cluster at {address} was lost", "finished runs are kept", "goes on from there"):
            results(partial(dask, scheduler=address), tmp_path, epochs=60, factors=())
        thread.join()
        assert time.monotonic() - lost[0] < seconds
    assert "Traceback" not in "".join(capfd.readouterr())
    finished = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert 0 < len(finished) < 4
    again = results(partial(processes, jobs=2), tmp_path, epochs=60, factors=())
    whole = results(partial(processes, jobs=2), epochs=60, factors=())
    assert all(path.stat().st_mtime_ns == before for path, before in finished.items())
    pd.testing.assert_frame_equal(
        again.epochs.drop(columns="seconds"), whole.epochs.drop(columns="seconds"), check_exact=True
    )


@pytest.mark.slow
def test_one_worker_of_two_may_go(tmp_path):
    pytest.importorskip("distributed")
    with started_cluster(2) as (_, workers, address):

        def lose():
            while not list(tmp_path.iterdir()):
                time.sleep(0.01)
            workers[0][0].kill()

        threading.Thread(target=lose, daemon=True).start()
        there = results(partial(dask, scheduler=address), tmp_path, epochs=60, factors=())
        assert workers[0][0].wait(10) == -signal.SIGKILL
    here = results(partial(processes, jobs=2), epochs=60, factors=())
    pd.testing.assert_frame_equal(
        there.epochs.drop(columns="seconds"), here.epochs.drop(columns="seconds"), check_exact=True
    )
