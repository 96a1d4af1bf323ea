"""The hook for programs in a browser, compared with Python for networks of all kinds; and the hints of the page."""

import numpy as np
import pytest
from engine_cases import random_case
from engine_node import Limits, Run, contents
from page_browser import Tab

import neurosim as ns

pytestmark = pytest.mark.browser


def held(network, data):
    parts = contents(network, data, data, Run(), Limits(10**9, 10_000))
    return {"manifest": parts.manifest, "blobs": parts.blobs}


def share(one, other):
    """Return the largest difference, as a share of the largest number."""
    one, other = np.atleast_1d(np.asarray(one, float)), np.atleast_1d(np.asarray(other, float))
    return float(np.abs(one - other).max(initial=0.0) / (np.abs(one).max(initial=0.0) or 1.0))


@pytest.mark.full
def test_a_trace_is_that_of_step(browser, tmp_path):
    first = random_case(0)
    ns.explore(first.network, first.data, first.data, tmp_path / "page.html")
    with Tab(browser, tmp_path / "page.html") as tab:
        for seed in range(200):
            case = random_case(seed)
            tab.page.evaluate("source => neurosim.load(source)", held(case.network, case.data))
            place = {"layer": case.layer, "neuron": case.neuron, "sample": case.number, "check": False}
            found = tab.page.evaluate("place => neurosim.trace(place)", place)
            x, y = case.data.x[case.number], case.data.labels[case.number]
            told = case.network.trace(x, y, sample=case.number)[case.layer][case.neuron].to_dict(check=False)
            assert list(found) == list(told), case.words
            for name in ("inputs", "weights", "bias", "z", "a", "da_dz", "dL_da", "delta", "dL_dW", "dL_db", "loss"):
                assert share(told[name], found[name]) <= 1e-9, (case.words, name)
            assert share(told["update"]["weights_after"], found["update"]["weights_after"]) <= 1e-9, case.words
            assert share(told["sample"]["probabilities"], found["sample"]["probabilities"]) <= 1e-9, case.words
        tab.check()


def test_a_network_learns_from_scratch_in_the_page(browser, tmp_path):
    train, test = ns.data.load("digits")
    net = ns.Network([ns.Input((28, 28)), ns.Dense(32, "relu"), ns.Dense(16, "relu"), ns.Dense(10, "softmax")], seed=0)
    net.fit(train, epochs=1, verbose=False)
    ns.explore(net, train, test, tmp_path / "page.html")
    with Tab(browser, tmp_path / "page.html") as tab:
        tab.button("New seed").click()
        tab.settle()
        assert tab.page.evaluate("neurosim.accuracy()") < 0.4
        tab.page.evaluate("neurosim.train({steps: 1250})")  # 10 epochs of 2,000 images in batches of 16
        assert tab.page.evaluate("neurosim.accuracy()") >= 0.87


@pytest.mark.parametrize(
    ("name", "words"), [("moons", "This point is the input"), ("digits", "This image is the input")]
)
def test_the_first_hint_is_of_the_data_at_hand(browser, tmp_path, name, words):
    train, test = ns.data.load(name)
    net = ns.Network([ns.Input(train.sample_shape), ns.Dense(4, "tanh"), ns.Dense(train.outputs, "softmax")], seed=0)
    net.fit(train, epochs=1, verbose=False)
    ns.explore(net, train, test, tmp_path / "page.html")
    with Tab(browser, tmp_path / "page.html") as tab:
        assert words in tab.text("#hint")


def test_another_activation_leaves_the_linear_layer_before_a_normalization(browser, tmp_path):
    train, test = ns.data.load("digits")
    layers = [ns.Dense(8, "linear"), ns.BatchNorm("relu"), ns.Dense(10, "softmax")]
    net = ns.Network([ns.Input((28, 28)), *layers], seed=0)
    net.fit(train.subset(500), epochs=1, verbose=False)
    ns.explore(net, train, test, tmp_path / "page.html")
    with Tab(browser, tmp_path / "page.html") as tab:
        assert " · relu · " in tab.text("#summary")
        tab.button("Settings").click()
        tab.page.get_by_label("activation of hidden layers").select_option("tanh")
        tab.settle()
        assert " · tanh · " in tab.text("#summary") and "(linear)" in tab.text("#microscope-title")
        tab.check()
