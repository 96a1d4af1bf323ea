"""The runs of a scenario on a Dask cluster: the same numbers as here, and clear words where there is no cluster."""

import sys
from functools import partial

import pandas as pd
import pytest

import neurosim as ns
from neurosim.training.settings import Settings
from scenarios import Scenario, Variant
from scenarios.protocol import executors
from scenarios.protocol.executors import dask, processes
from scenarios.protocol.runner import Experiment, run_experiments
from scenarios.questions.activations import recorders


def results(executor):
    train, test = ns.data.load("digits")
    scenario = Scenario(
        "rates",
        "?",
        ".",
        tuple(Variant(name, {"optimizer": name}) for name in ("sgd", "adam")),
        "sgd",
        base=Settings(hidden=(16,), epochs=2),
        rate_factors=(0.3, 1.0, 3.0),
        recorders=recorders,
    )
    experiment = Experiment(scenario, train.subset(600), test.subset(300), seeds=2)
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


def test_a_scheduler_that_does_not_answer_is_one_line(refused, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "PATIENCE", 0.5)
    with refused("--scheduler", "tcp://127.0.0.1:9", "0.5 seconds", "dask scheduler"):
        results(partial(dask, scheduler="tcp://127.0.0.1:9"))


def test_an_address_that_is_none_is_one_line(refused):
    pytest.importorskip("distributed")
    with refused("--scheduler", "tcp://10.0.0.1:8786", "'here'"):
        results(partial(dask, scheduler="here"))


def test_without_the_package_it_says_what_to_install(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with refused("--executor dask", "pip install distributed"):
        results(partial(dask, scheduler="tcp://127.0.0.1:9"))
