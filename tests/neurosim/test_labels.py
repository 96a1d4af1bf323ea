"""Labels y: class indices, names or rows; and the weights of classes and samples."""

import numpy as np
import pandas as pd
import pytest

import neurosim as ns
from neurosim.labels import read_labels

rng = np.random.default_rng(4)
X = rng.normal(size=(60, 5))
INDEX = np.arange(60) % 3
MISSING = "nan" if np.asarray(pd.array([0, None], "Int64")).dtype.kind == "f" else "missing"  # before pandas 2.2 <NA>
NAMES = np.array(["circle", "square", "triangle"])


def net(n_out=3, output="softmax", loss="cross_entropy", **options):
    return ns.Network([ns.Input(5), ns.Dense(6, "tanh"), ns.Dense(n_out, output)], loss, seed=2, **options)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (NAMES[INDEX], tuple(NAMES)),
        (NAMES[INDEX].tolist(), tuple(NAMES)),
        (NAMES[INDEX].astype(object), tuple(NAMES)),
        (NAMES[INDEX].astype("S"), tuple(NAMES)),
        (NAMES[INDEX][:, None], tuple(NAMES)),
        (pd.Series(NAMES[INDEX]), tuple(NAMES)),
        (pd.Series(NAMES[INDEX], dtype="string"), tuple(NAMES)),
        (pd.Series(NAMES[INDEX], dtype="category"), tuple(NAMES)),
        (pd.Categorical(NAMES[INDEX]), tuple(NAMES)),
        (np.array(["8", "9", "10"])[INDEX], ("8", "9", "10")),  # sorted as numbers, not "10" before "8"
        (INDEX, ()),
        (INDEX[:, None], ()),
        (INDEX.astype(np.uint8), ()),
        (INDEX.astype(float), ()),
        (pd.Series(INDEX), ()),
        (pd.Series(INDEX, dtype="Int64"), ()),
        (pd.DataFrame({"y": INDEX}), ()),
    ],
    ids=str,
)
def test_labels_of_any_kind_are_class_indices(labels, names):
    network, twin = net(), net()
    losses = network.fit(X, labels, epochs=2, verbose=False).batch_losses
    assert losses == twin.fit(X, INDEX, epochs=2, verbose=False).batch_losses
    assert network.class_names == names
    assert network.evaluate(X, labels) == twin.evaluate(X, INDEX)
    if names:
        assert network.evaluate(X, INDEX) == twin.evaluate(X, INDEX)  # indices are still allowed


def test_categories_keep_their_own_order():
    sizes = pd.Categorical(np.array(["large", "medium", "small"])[INDEX], ["small", "medium", "large"])
    network = net()
    network.fit(X, sizes, epochs=1, verbose=False)
    assert network.class_names == ("small", "medium", "large")
    np.testing.assert_array_equal(network.as_targets(sizes, 60).argmax(1), 2 - INDEX)


def test_the_names_are_kept_with_the_network(tmp_path, refused):
    network = net()
    network.fit(X, NAMES[INDEX], epochs=1, verbose=False)
    loaded = ns.Network.load(network.save(tmp_path / "net.npz"))
    assert loaded.class_names == tuple(NAMES)
    some = np.array(["triangle", "circle"])  # fewer classes than it knows: its own order stays
    np.testing.assert_array_equal(loaded.as_targets(some, 2).argmax(1), [2, 0])
    with refused("labels: expected one of circle, square, triangle", "'cirle'", "circle"):
        loaded.evaluate(X[:1], ["cirle"])


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["a", None, "b"], object),
        pd.Series(["a", None, "b"]),
        pd.Series(["a", pd.NA, "b"], dtype="string"),
        pd.Categorical(["a", None, "b"]),
        [float("nan"), "a", "b"],
    ],
    ids=str,
)
def test_missing_names_are_refused(labels, refused):
    with refused("labels: expected a label for each sample", "missing"):
        read_labels(labels)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (INDEX + 1, ("0 to 2", "received 3", "begin at 1: pass y - 1")),
        (INDEX - 1, ("0 to 2", "received -1")),
        (INDEX + 0.5, ("whole numbers", "0.5")),
        (np.array(list("abcd"))[np.arange(60) % 4], ("0 to 2", "received 3")),
        (np.where(INDEX == 1, np.nan, INDEX), ("received nan",)),
        (pd.array([0, None, 1] * 20, "Int64"), (MISSING,)),
    ],
    ids=str,
)
def test_labels_that_are_no_class_are_refused(labels, words, refused):
    network = net()
    with refused(*words):
        network.fit(X, labels, verbose=False)
    assert network.class_names == ()


# --- what each sample counts -----------------------------------------------------------------------------------------


LOSSES = [("cross_entropy", "softmax"), ("mse", "sigmoid"), ("huber", "linear"), ("hinge", "linear")]
LOSSES += [("binary_cross_entropy", "sigmoid"), ("mae", "linear"), ("squared_hinge", "linear")]


@pytest.mark.parametrize(("loss", "output"), LOSSES)
def test_the_loss_is_the_weighted_mean_and_its_gradient_is_that_of_differences(loss, output):
    """Σ w L / Σ w, where L is the loss of each sample alone; the gradient by central differences of this mean."""
    w = rng.uniform(0.0, 3.0, 7)
    network = net(loss=loss, output=output, dtype="float64")
    x, y = X[:7], INDEX[:7]
    network.learn(x, y)

    def objective():
        alone = [network.gradients(x[i : i + 1], y[i : i + 1]) for i in range(7)]
        return float(np.sum(w * alone) / w.sum())

    expected = objective()
    theta, numeric = network.parameters.theta, np.empty(network.parameters.size)
    for i in range(len(theta)):
        kept = theta[i]
        theta[i] = kept + 1e-6
        above = objective()
        theta[i] = kept - 1e-6
        numeric[i] = (above - objective()) / 2e-6
        theta[i] = kept
    network.optimizer = ns.SGD(0.0)
    network.load_batch(x, y)
    assert network.step_(w) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(network.parameters.grad, numeric, atol=2e-8)


def test_a_weight_of_two_is_the_sample_twice():
    x, y = np.vstack([X[:6], X[:2]]), np.concatenate([INDEX[:6], INDEX[:2]])
    nets = [net(dtype="float64", optimizer=ns.SGD(0.1)) for _ in range(2)]
    nets[0].fit(X[:6], INDEX[:6], 3, None, sample_weight=[2, 2, 1, 1, 1, 1], verbose=False)
    nets[1].fit(x, y, 3, None, verbose=False)
    np.testing.assert_allclose(nets[0].parameters.theta, nets[1].parameters.theta, rtol=1e-10)


@pytest.mark.parametrize("weights", [{0: 2.0, 2: 0.5}, [2.0, 1.0, 0.5], {"circle": 2.0, "triangle": 0.5}])
def test_classes_weigh_as_their_samples_would(weights):
    by_sample = np.array([2.0, 1.0, 0.5])[INDEX]
    nets = [net() for _ in range(2)]
    nets[0].fit(X, NAMES[INDEX], 2, 16, class_weight=weights, verbose=False)
    nets[1].fit(X, NAMES[INDEX], 2, 16, sample_weight=by_sample, verbose=False)
    np.testing.assert_array_equal(nets[0].parameters.theta, nets[1].parameters.theta)


def test_balanced_classes_count_the_same_in_all():
    y = np.repeat([0, 1, 2], [40, 15, 5])
    nets = [net() for _ in range(2)]
    nets[0].fit(X, y, 2, 16, class_weight="balanced", verbose=False)
    nets[1].fit(X, y, 2, 16, sample_weight=np.array([60 / 120, 60 / 45, 60 / 15])[y], verbose=False)
    np.testing.assert_allclose(nets[0].parameters.theta, nets[1].parameters.theta, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"class_weight": {3: 1.0}}, ("unknown class", "3")),
        ({"class_weight": {"a": 1.0}}, ("unknown class", "'a'")),
        ({"class_weight": [1.0, 2.0]}, ("class_weight: expected 3 finite numbers", "(2,)")),
        ({"class_weight": {0: -1.0}}, ("class_weight", "-1")),
        ({"class_weight": {0: 0, 1: 0, 2: 0}}, ("at least one above 0",)),
        ({"sample_weight": np.ones(59)}, ("sample_weight: expected 60", "(59,)")),
        ({"sample_weight": -np.ones(60)}, ("sample_weight", "at least 0")),
        ({"sample_weight": np.full(60, np.nan)}, ("sample_weight", "finite")),
    ],
)
def test_weights_that_mean_nothing_are_refused(options, words, refused):
    network = net()
    before = network.parameters.theta.copy()
    with refused(*words):
        network.fit(X, INDEX, verbose=False, **options)
    np.testing.assert_array_equal(network.parameters.theta, before)
    with refused("targets that are classes"):
        net(1, "linear", "mse").fit(X, X[:, 0], class_weight="balanced", verbose=False)


def test_weights_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    w = torch.tensor([0.5, 2.0, 1.5], dtype=torch.float64)
    network = net(dtype="float64")
    network.learn(X, INDEX)
    z = torch.tensor(np.log(network.predict_proba(X)))
    expected = torch.nn.functional.cross_entropy(z, torch.tensor(INDEX), weight=w)
    network.load_batch(X, INDEX)
    network.optimizer = ns.SGD(0.0)
    assert network.step_(w.numpy()[INDEX]) == pytest.approx(float(expected), rel=1e-9)


def test_names_that_differ_in_capitals_stand_in_one_order():
    names = [name for letter in "abcdefghij" for name in (letter, letter.upper())]
    for order in (names, names[::-1], names[::2] + names[1::2]):
        assert read_labels(order)[1] == tuple(name for letter in "abcdefghij" for name in (letter.upper(), letter))
