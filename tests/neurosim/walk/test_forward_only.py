"""A trace without a label: the forward pass is the same as with one, and nothing backward is shown."""

import json
import math

import numpy as np
import pytest
from small_problem import X, Y, network

import neurosim as ns
import viz


@pytest.fixture(scope="module")
def net():
    net = network()
    net.fit(X, Y, epochs=2, verbose=False)
    return net


def test_the_way_forward_is_that_of_any_label(net):
    before = net.parameters.theta.copy(), net.parameters.grad.copy()
    trace = net.trace(X[0])
    for label in range(3):
        other = net.trace(X[0], label)
        for layer in (1, 2):
            for mine, theirs in zip(trace[layer], other[layer], strict=True):
                assert (mine.z, mine.a, mine.bias) == (theirs.z, theirs.a, theirs.bias)
                assert np.array_equal(mine.products, theirs.products)
                assert [each.to_dict() for each in mine.stages()[:3]] == [
                    each.to_dict() for each in theirs.stages()[:3]
                ]
        assert trace.prediction == other.prediction == net.predict(X[:1])[0]
    assert np.array_equal(net.parameters.theta, before[0]) and np.array_equal(net.parameters.grad, before[1])


def test_it_ends_with_what_the_network_reads(net, refused):
    trace = net.trace(X[3])
    neuron = trace[1][2]
    assert [stage.key for stage in neuron.stages()] == ["inputs", "weighted_sum", "activation", "output"]
    text = neuron.explain()
    assert f"read as {trace.prediction}; without a label there is no loss and no backward pass" in text
    assert "nan" not in text and "delta" not in text and "label " not in str(neuron)
    assert math.isnan(trace.loss) and math.isnan(neuron.delta) and np.isnan(neuron.dL_dW).all()
    assert trace.label is None and "forward only" in repr(trace) and "nan" not in repr(trace)
    with refused("has no label"):
        neuron.check()
    with refused("a label"):
        viz.neuron_story(neuron)


def test_where_it_begins(net):
    layer, j, why = net.trace(X[5]).interesting()
    a = np.array([neuron.a for neuron in net.trace(X[5])[1]])
    assert (layer, j) == (1, int(np.abs(a).argmax())) and "largest |a|" in why


def test_as_json_and_in_a_notebook(net):
    trace = net.trace(X[1])
    document = json.loads(json.dumps(trace[2][0].to_dict(), allow_nan=False))
    assert [stage["key"] for stage in document["stages"]] == ["inputs", "weighted_sum", "activation", "output"]
    assert not {"loss", "delta", "dL_dW", "update", "check"} & set(document) and document["sample"]["label"] is None
    assert "nan" not in trace._repr_html_() and "nan" not in trace[1][0]._repr_html_()


@pytest.mark.parametrize(
    ("outputs", "activation", "loss"),
    [(1, "sigmoid", "binary_cross_entropy"), (1, "linear", "mse"), (4, "linear", "mse"), (3, "softmax", "mse")],
)
def test_outputs_of_other_kinds(outputs, activation, loss):
    net = ns.Network([ns.Input(4), ns.Dense(3), ns.Dense(outputs, activation)], loss, seed=0)
    x = X[7]
    trace = net.trace(x)
    assert trace.probabilities == pytest.approx(net.predict_proba(x[None])[0])
    assert trace[2][0].explain() and "read as" in trace.verdict
