"""The walk calls features and classes by their names, and shows how a feature was standardized."""

import json
import re

import numpy as np
import pytest

import neurosim as ns
import viz

FEATURES = ("length", "width", "weight in g")
CLASSES = ("apple", "pear", "plum")
rng = np.random.default_rng(3)
KIND = rng.permutation(np.repeat([0, 1, 2], 20)).astype(np.uint8)
X = np.array([[5.0, 2, 80], [7, 2.5, 160], [3, 3, 30]])[KIND] + rng.normal(size=(60, 3)) * [0.6, 0.3, 9]


def data(features=FEATURES, classes=CLASSES, x=X, labels=KIND, split="train"):
    return ns.data.Dataset(
        x, labels, "fruit", split, "drawn in a test", classes, feature_names=features, scaling="standardize"
    )


@pytest.fixture(scope="module")
def net():
    network = ns.Network([ns.Input(3), ns.Dense(8, "tanh"), ns.Dense(3, "softmax")], seed=1)
    network.fit(data(), epochs=60, batch_size=10, verbose=False)
    return network


def test_the_inputs_are_shown_as_they_came_and_standardized(net):
    told = net.trace(X[7], 1)[1][2]
    stage = told.stages()[0]
    assert [row.name for row in stage.rows[1:]] == list(FEATURES)
    mean, deviation = X.mean(axis=0), X.std(axis=0)
    for i, row in enumerate(stage.rows[1:]):
        assert row.value == pytest.approx((X[7, i] - mean[i]) / deviation[i], rel=1e-5)
        assert row.factors["feature"] == pytest.approx(X[7, i], rel=1e-5)
        shown = re.fullmatch(r" *(.*?)  \((\S+) ([-+]) (\S+)\) / (\S+) = (\S+)", stage.text.split("\n")[2 + i])
        name, feature, sign, m, s, x = shown.groups()
        assert name.strip() == FEATURES[i]
        by_hand = (float(feature) - (float(m) if sign == "-" else -float(m))) / float(s)
        assert by_hand == pytest.approx(float(x), rel=1e-4)
    assert "come from the training samples" in stage.text


def test_of_many_features_the_first_are_shown(net):
    wide = ns.Network([ns.Input(9), ns.Dense(2, "softmax")], seed=0)
    x = np.hstack([X, X**2, X + 1])
    wide.fit(data(tuple("abcdefghi"), x=x, labels=KIND % 2, classes=CLASSES[:2]), epochs=1, verbose=False)
    stage = wide.trace(x[0], 0)[1][0].stages(top=4)[0]
    assert [row.name for row in stage.rows[1:]] == ["a", "b", "c", "d", ""]
    assert stage.text.endswith("the rest is computed in the same way")


def test_behind_the_first_layer_nothing_is_said_of_features(net):
    assert "feature" not in net.trace(X[7], 1)[2][1].stages()[0].text


@pytest.mark.parametrize("label", [0, 1, 2])
def test_classes_are_called_by_their_names(net, label):
    x = X[label == KIND][0]
    trace = net.trace(x, label)
    read = CLASSES[trace.prediction]
    assert trace.verdict == f"label {CLASSES[label]}, read as {read}"
    assert trace.verdict in str(trace[1][0]) and trace.verdict in repr(trace)
    text = trace[1][0].explain()
    assert f"class {CLASSES[label]}: " in text and f"output {label} ({CLASSES[label]}): -ln(" in text
    assert f"output {label} ({CLASSES[label]}): delta = a - y" in text
    page = trace._repr_html_()
    assert f"{read} (right)" in page or f"{read} (wrong)" in page
    document = json.loads(json.dumps(trace[1][0].to_dict(check=False)))
    assert document["sample"]["classes"] == list(CLASSES) and document["sample"]["label"] == label
    assert net.trace(x).verdict == f"read as {read}"


@pytest.mark.full
def test_the_figure_has_the_names(net):
    figure = viz.neuron_story(net.trace(X[7], 1)[1][2])
    texts = {text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))}
    assert {"pear", *FEATURES} <= texts


def test_the_choice_of_a_sample_names_the_classes(net):
    read_right = net.predict(X) == KIND
    stepper = ns.Stepper(net, data(x=X[read_right], labels=KIND[read_right]), None, sample=None)
    assert re.search(r"closest, (apple|pear|plum) at \S+ and (apple|pear|plum) at \S+$", stepper.why_sample)


@pytest.mark.parametrize("n_out", [1, 2, 4])
def test_predicted_numbers_are_not_class_labels(n_out):
    network = ns.Network([ns.Input(3), ns.Dense(n_out)], loss="mse", seed=0)
    y = X @ rng.normal(size=(3, n_out))
    network.fit(ns.data.Dataset(X, y, "fruit", "train", "", scaling="standardize"), epochs=1, verbose=False)
    text = network.trace(X[0], y[0])[1][0].explain()
    assert "class" not in text
    first = "output: number 0: " if n_out > 1 else "output: "
    assert first in text and "output 0: " in text


# -- a data set with the same names in another order ------------------------------------------------------------------


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2), (0, 2, 1), (2, 1, 0)])
def test_columns_and_classes_are_matched_by_name(net, order):
    order = list(order)
    of = [order.index(k) for k in range(3)]  # class k of ours is class of[k] there
    other = data(
        tuple(FEATURES[i] for i in order), tuple(CLASSES[k] for k in order), X[:, order],
        np.array(of, np.uint8)[KIND], "test",
    )  # fmt: skip
    same = data(split="test")
    assert net.evaluate(other) == net.evaluate(same)
    assert net.evaluate(same)["accuracy"] > 0.9
    np.testing.assert_array_equal(net.predict_proba(other), net.predict_proba(X))
    assert net.report(other).equals(net.report(same))


def test_another_column_is_refused(net):
    with pytest.raises(ns.NeurosimError, match=r"length, width, weight in g\), received a table without width"):
        net.predict(data(("length", "height", "weight in g")))


def test_another_class_is_refused(net):
    with pytest.raises(ns.NeurosimError, match="expected one of apple, pear, plum, received 'fig'"):
        net.evaluate(data(classes=("apple", "fig", "plum")))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", ["standardize", None])
def test_the_check_sees_the_sample_as_the_network_does(dtype, scale):
    network = ns.Network([ns.Input(3, scale), ns.Dense(6, "tanh"), ns.Dense(3, "softmax")], dtype=dtype, seed=2)
    network.fit(X / 100 if scale is None else X, KIND, epochs=1, batch_size=10, verbose=False)
    told = network.trace(X[3] / 100 if scale is None else X[3], KIND[3])
    assert all(neuron.check().passed for layer in told for neuron in layer)
