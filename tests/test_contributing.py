"""CONTRIBUTING.md is right: its examples run, its rooms are those on disk, and its files exist."""

import copy
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from first_lines import listed
from test_house import FLOOR_OF, ROOT

import neurosim as ns
from neurosim.activations import ACTIVATIONS
from neurosim.data import loading
from neurosim.data.toys import TOYS
from neurosim.layers import LAYERS
from neurosim.losses import LOSSES
from neurosim.optimizers import OPTIMIZERS
from scenarios import Scenario

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FILES = [
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.*", *(f"{name}/**/*.*" for name in ("neurosim", "scenarios", "tests", "viz")))
    for path in ROOT.glob(pattern)
]


@pytest.fixture
def names(monkeypatch):
    """What the examples define, in an otherwise unchanged program."""
    for registry in (ACTIVATIONS, LAYERS, LOSSES, OPTIMIZERS):
        monkeypatch.setattr(registry, "_classes", dict(registry._classes))
    monkeypatch.setitem(TOYS, "stripes", None)  # so that it is removed afterwards
    monkeypatch.setattr(loading, "NAMES", (*loading.NAMES, "stripes"))  # made from TOYS when the program starts
    names = {"np": np, "pd": pd}
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(block, names)
    return names


def test_the_new_rules_and_the_new_layer_train_and_are_walked_through(names):
    net = ns.Network([ns.Input(5), ns.Dense(4, "square"), ns.Dense(3, "softmax")], dtype="float64", optimizer="signsgd")
    x, y = np.random.default_rng(0).normal(size=(6, 5)), [0, 1, 2, 0, 1, 2]
    assert ns.check_gradients(net, x, y).passed
    before = copy.deepcopy(net.parameters.theta)
    net.train_batch(x, y)
    assert np.allclose(np.abs(net.parameters.theta - before), 1e-3)
    neuron = net.trace(x[0], 0)[1][2]
    assert neuron.explain() and list(neuron.update_terms) == ["direction", "step"]
    net = ns.Network([ns.Input(5), ns.Dense(4, "square"), ns.Dense(3, "softmax")], "log_cosh", dtype="float64")
    assert ns.check_gradients(net, x, y).passed
    layers = [ns.Input(5), ns.Dense(4, "tanh"), names["Reverse"](), ns.Dense(3, "softmax")]
    net = ns.Network(layers, dtype="float64")
    assert ns.check_gradients(net, x, y).passed and net.trace(x[0], 0)[1][0].downstream_neurons.tolist() == [3]


def test_the_new_data_source_is_loaded_by_name_and_recorded(names):
    train, test = ns.data.load("stripes")
    x, y = names["stripes"](8, noise=0.0, seed=1)
    assert (y == np.floor(2 * x[:, 0]) % 2).all() and set(train.labels) == set(test.labels) == {0, 1}
    recorder = names["WeightNorms"]()
    net = ns.Network([ns.Input(2), ns.Dense(8, "tanh"), ns.Dense(2, "softmax")], seed=0)
    net.fit(train, epochs=2, callbacks=[recorder], verbose=False)
    table = recorder.to_frame()
    assert table["epoch"].tolist() == [1, 1, 2, 2] and table["layer"].tolist() == [1, 2, 1, 2]
    assert table["norm"].iloc[-1] == pytest.approx(np.sqrt((net[2].W ** 2).sum()), rel=1e-6)


def test_the_new_scenario_and_the_new_picture(names):
    scenario = names["SCENARIO"]
    assert isinstance(scenario, Scenario) and [each.name for each in scenario.variants] == ["16", "64", "256"]
    ax = names["weight_histogram"]([[0.1, -0.1], [0.3, 0.0]])
    assert sum(bar.get_height() for bar in ax.patches) == 4 and ax.get_title(loc="left") == "Are most weights small?"
    plt.close(ax.figure)


def test_the_rooms_are_those_of_the_house():
    """Each row of the table names the rooms of one floor; together they are all rooms on disk, on the right floors."""
    table = TEXT.partition("## The rooms")[2].partition("## ")[0]
    rows = re.findall(r"^\| (\w+) \| (.*?) \|", table, re.MULTILINE)[1:]
    told = {}
    for floor, rooms in rows:
        folder = ""
        for path in re.findall(r"`([\w/.]+)`", rooms):
            folder = path.rpartition("/")[0] if "/" in path.rstrip("/") else folder
            whole = path if "/" in path else f"{folder}/{path}" if folder else path
            assert (ROOT / whole).exists(), whole
            told[whole.removesuffix(".py").rstrip("/").replace("/", ".")] = floor
    assert told == FLOOR_OF


def test_every_file_that_it_names_exists():
    for path in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (ROOT / path).exists(), path
    named = set(re.findall(r"`([\w/]+\.(?:py|pyi|js|css|html|md))`", TEXT))
    assert len(named) > 60
    for path in named:
        assert any(each == path or each.endswith("/" + path) for each in FILES), path


def test_the_list_of_files_is_that_of_the_files():
    assert TEXT.endswith("\n" + listed()), "python -m tests.first_lines writes it anew"
