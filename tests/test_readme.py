"""The README's code does what it says."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest

import neurosim as ns
from neurosim.activations import ACTIVATIONS
from neurosim.cli.main import COMMANDS
from neurosim.layers import LAYERS
from neurosim.losses import LOSSES
from neurosim.optimizers import OPTIMIZERS
from scenarios import Scenario, Variant

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture(autouse=True)
def registries():
    """Leave the registries as they were."""
    kept = [(registry, dict(registry._classes)) for registry in (ACTIVATIONS, LAYERS, LOSSES, OPTIMIZERS)]
    yield
    for registry, classes in kept:
        registry._classes = classes


def test_the_five_extensions_work_as_shown():
    names = {"np": np, "Scenario": Scenario, "Variant": Variant}
    for block in BLOCKS:
        exec(block, names)
    assert len(BLOCKS) == 5 and names["SCENARIO"].baseline == "64"
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


def test_the_commands_and_files_that_it_names_exist():
    root = Path(__file__).parents[1]
    for path in re.findall(r"\]\(([^)]+)\)", README):
        assert (root / path).exists(), path
    commands = set(re.findall(r"python main\.py (\w+)", README))
    assert commands <= set(COMMANDS) and {"scenario", "step", "train"} <= commands
