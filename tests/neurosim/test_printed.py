"""What a user prints is readable: no public object of neurosim or scenarios prints its address in memory."""

import copy
import inspect
import re

import numpy as np
import pytest

import neurosim as ns
import scenarios

ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")
PUBLIC = {
    f"{package.__name__}.{name}": getattr(package, name)
    for package in (ns, scenarios)
    for name in dir(package)
    if not name.startswith("_") and not inspect.ismodule(getattr(package, name))
}
CLASSES = [name for name, each in PUBLIC.items() if isinstance(each, type) and not issubclass(each, BaseException)]
X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.arange(30) % 2


def trained():
    net = ns.Network([ns.Input(4), ns.Dense(3, "relu"), ns.Dense(2, "softmax")], seed=0)
    return net, net.fit(X, Y, epochs=1, verbose=False)


def usual():
    """Return objects that a learner meets, from a network to the pieces of a trace."""
    net, history = trained()
    twin = copy.deepcopy(net)
    twin[1][0].ablate()
    trace = net.trace(X[0], 0)
    double = ns.Network.from_config(net.config() | {"dtype": "float64"})
    return [
        net, net[1], net[1][0], net.optimizer, net.loss, net.parameters, history, trace, trace[1], trace[1][0],
        trace[1][0].stages()[0], ns.Stepper(net, X, Y), ns.Batches(net, X, Y, 8), ns.compare(net, twin, X, Y),
        ns.check_gradients(double, X[:3], Y[:3]), ns.Checkpoint("run", every=5), *ns.data.load("moons"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
def test_no_public_class_prints_an_address(name):
    assert PUBLIC[name].__repr__ is not object.__repr__
    try:
        made = PUBLIC[name]()
    except (TypeError, ns.NeurosimError):
        return  # it needs arguments, or is abstract
    assert not ADDRESS.search(repr(made)) and not ADDRESS.search(str(made))


def test_no_object_that_a_learner_meets_prints_an_address():
    found = [text for each in usual() for text in (repr(each), str(each)) if ADDRESS.search(text)]
    assert found == []


def test_a_callback_prints_its_settings():
    early = ns.EarlyStopping("val_accuracy", patience=3)
    assert repr(early) == "EarlyStopping(monitor='val_accuracy', patience=3, min_delta=0.0)"
    assert repr(ns.Checkpoint("run", every=5)) == "Checkpoint(folder='run', every=5, resume=False)"


def test_batches_print_their_size_and_place():
    batches = ns.Batches(trained()[0], X, Y, 8)
    batches.step()
    assert repr(batches) == "Batches(30 samples in batches of 8, step 1 of 4 in this epoch)"
