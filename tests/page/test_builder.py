"""The contents of a page: exact arrays, fair samples, the numbers of the run; and the limits for a large network."""

import copy
import json

import numpy as np
import pytest
from page_file import PageFile

import neurosim as ns
from neurosim.page.manifest import run_of


def dataset(x, labels, split="train", **more):
    more = (
        {"class_names": tuple(str(k) for k in range(int(labels.max()) + 1))} | more
        if labels.dtype.kind in "ui"
        else more
    )
    return ns.data.Dataset(x, labels, "made up", split, "made here", **more)


@pytest.fixture(scope="module")
def digits():
    train, test = ns.data.load("digits")
    return train.subset(3000), test


@pytest.fixture(scope="module")
def trained(digits):
    """A network, its history and its snapshots."""
    net = ns.Network([ns.Input((28, 28)), ns.Dense(12, "relu"), ns.Dense(10, "softmax")], seed=0)
    snapshots = ns.Snapshots(8)
    history = net.fit(digits[0], epochs=2, callbacks=[snapshots], verbose=False)
    return net, history, snapshots


@pytest.fixture(scope="module")
def page(digits, trained):
    net, history, snapshots = trained
    return PageFile(ns.explore(net, *digits, history=history, snapshots=snapshots).html)


def test_arrays_are_those_of_the_network_to_the_bit(page, trained):
    net, _, snapshots = trained
    arrays = net.arrays()
    flat = np.concatenate([arrays[name].ravel() for name in ("W1", "W2", "b1", "b2")])
    assert page.array("theta").dtype == np.float32 and np.array_equal(page.array("theta"), flat)
    for name in ("m", "v"):
        assert np.array_equal(page.array(f"state/{name}"), arrays[f"optimizer.{name}"])
    assert (
        page.manifest["network"] == json.loads(json.dumps(net.config()))
        and page.manifest["optimizer"]["t"] == net.optimizer.t
    )
    kept = page.manifest["snapshots"]
    assert [each["step"] for each in kept] == snapshots.steps and kept[-1]["epoch"] == 2
    assert [each["dtype"] for each in kept] == ["float32", *["float16"] * (len(kept) - 2), "float32"]
    for each, theta in zip(kept, snapshots.thetas, strict=True):
        assert np.array_equal(page.array(each["array"]), theta.astype(each["dtype"]))
    assert np.array_equal(page.array(kept[-1]["array"]), flat)


def test_a_network_is_left_as_it_is(digits, trained):
    net = trained[0]
    before = copy.deepcopy(net.snapshot())
    ns.explore(net, *digits)
    after = net.snapshot()
    assert before["scalars"] == after["scalars"] and before["streams"] == after["streams"]
    assert all(np.array_equal(before["arrays"][name], after["arrays"][name]) for name in before["arrays"])


def test_test_samples_are_a_fair_sample_and_misread_ones_are_kept_apart(page, digits, trained):
    net, (_, test) = trained[0], digits
    about = page.manifest["samples"]["test"]
    index, count = np.array(about["index"]), about["count"]
    assert count == 500 and len(set(index.tolist())) == len(index) == count + about["mistakes"]
    assert np.array_equal(page.array("test/x"), test.x[index]) and page.array("test/x").dtype == np.uint8
    assert np.array_equal(page.array("test/labels"), test.labels[index])
    share = np.bincount(test.labels[index[:count]], minlength=10) / count
    assert np.abs(share - np.bincount(test.labels, minlength=10) / len(test)).max() < 0.003
    wrong = np.flatnonzero(net.predict(test.x) != test.labels)
    expected = [k for k in wrong if k not in set(index[:count].tolist())][:60]
    assert index[count:].tolist() == expected and expected
    accuracy = net.evaluate(test.x[index[:count]], test.labels[index[:count]])["accuracy"]
    assert accuracy == pytest.approx(net.evaluate(test)["accuracy"], abs=0.04)  # 3 standard errors of 500
    train = page.manifest["samples"]["train"]
    assert train == {"count": 2000, "mistakes": 0, "index": sorted(train["index"])}


def test_the_run_is_told_with_its_losses(page, trained):
    history, manifest = trained[1], page.manifest
    assert manifest["history"] == history.rows and manifest["steps_per_epoch"] == 47 and manifest["batch_size"] == 64
    losses = manifest["run"]["losses"]
    assert losses["step"] == list(range(1, 95)) and losses["loss"] == history.batch_losses
    assert manifest["diverged"] is False and manifest["left_out"] == []


def test_of_many_steps_the_losses_keep_every_peak():
    history = ns.History()
    history.batch_losses = [1 / (k + 1) for k in range(30_000)]
    history.batch_losses[7_777], history.batch_losses[20_001] = 9.0, 0.0
    losses = run_of(history)["losses"]
    kept = dict(zip(losses["step"], losses["loss"], strict=True))
    assert len(kept) <= 402 and list(kept) == sorted(kept) and {1, 2, 3, 30_000} <= kept.keys()
    assert kept[7_778] == 9.0 and kept[20_002] == 0.0
    assert all(history.batch_losses[step - 1] == loss for step, loss in kept.items())


def made(kind):
    """Return a training set, a test set, and a network trained on them; all of one kind."""
    rng = np.random.default_rng(0)
    if kind == "points":
        train, test = ns.data.load("moons")
    elif kind in ("table", "numbers", "float64"):
        x, labels = rng.normal(3.0, [1, 50, 0.01, 4], (300, 4)), rng.integers(0, 3, 300)
        labels = x[:, 0] ** 2 if kind == "numbers" else labels
        names = ("age", "income", "ratio", "height")
        parts = [(x[:200], labels[:200]), (x[200:], labels[200:])]
        train, test = (dataset(*part, feature_names=names, scaling="standardize") for part in parts)
    else:
        top, dtype = {"colour": (255, np.uint8), "deep": (65_535, np.uint16), "sixteen": (16, np.int64)}[kind]
        shape = {"colour": (6, 5, 3), "deep": (7, 4), "sixteen": (4, 4)}[kind]
        x, labels = rng.integers(0, top + 1, (120, *shape)).astype(dtype), rng.integers(0, 3, 120)
        x.flat[0] = top
        train, test = dataset(x[:80], labels[:80]), dataset(x[80:], labels[80:], "test")
    settings = {"loss": "mse"} if kind == "numbers" else {}
    output = ns.Dense(train.outputs, "linear" if kind == "numbers" else "softmax")
    net = ns.Network(
        [ns.Input(train.sample_shape), ns.Dense(5, "tanh"), output], **settings,
        dtype="float64" if kind == "float64" else "float32", seed=1,
    )  # fmt: skip
    net.fit(train, epochs=3, verbose=False)
    return net, train, test


@pytest.mark.parametrize("kind", ["points", "table", "numbers", "float64", "colour", "deep", "sixteen"])
def test_data_of_every_kind_give_the_networks_answers_from_the_file_alone(kind):
    net, train, test = made(kind)
    page = PageFile(ns.explore(net, train, test).html)
    (W1, b1), (W2, b2) = page.parameters()
    z = np.tanh(page.inputs() @ W1 + b1) @ W2 + b2
    a = z if kind == "numbers" else np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    index = page.manifest["samples"]["test"]["index"]
    assert np.allclose(a, net.predict_proba(test.x[index]), rtol=1e-12 if kind == "float64" else 2e-5, atol=1e-6)
    assert np.allclose(page.array("test/labels"), test.labels[index], rtol=1e-6)
    data = page.manifest["data"]
    assert data["kind"] == test.kind and data["shape"] == list(test.sample_shape)
    assert data["feature_names"] == list(test.feature_names) and data["class_names"] == list(test.class_names)
    assert page.array("test/x").dtype.name in ("uint8", "uint16", "int32", "float32", "float64")


def test_columns_and_classes_are_in_the_networks_order():
    net, train, test = made("table")
    order, classes = [2, 0, 3, 1], [2, 0, 1]
    turned = dataset(
        test.x[:, order], np.array(classes)[test.labels], "test", scaling="standardize",
        feature_names=tuple(test.feature_names[k] for k in order), class_names=("1", "2", "0"),
    )  # fmt: skip
    straight, other = (PageFile(ns.explore(net, train, each).html) for each in (test, turned))
    index = other.manifest["samples"]["test"]["index"]
    assert np.array_equal(other.array("test/x"), test.x.astype(other.array("test/x").dtype)[index])
    assert other.manifest["data"]["feature_names"] == list(test.feature_names)
    assert np.array_equal(other.array("test/labels"), test.labels[index])
    assert other.manifest["class_names"] == straight.manifest["class_names"] == ["0", "1", "2"]


def test_running_statistics_go_with_their_snapshots(digits):
    layers = [ns.Input(784), ns.Dense(6, use_bias=False), ns.BatchNorm("relu"), ns.Dense(10, "softmax")]
    net, snapshots = ns.Network(layers, seed=0), ns.Snapshots(5)
    net.fit(digits[0], epochs=1, callbacks=[snapshots], verbose=False)
    page = PageFile(ns.explore(net, *digits, snapshots=snapshots).html)
    for each, arrays in zip(page.manifest["snapshots"], snapshots.arrays, strict=True):
        assert arrays.keys() == each["arrays"].keys() and len(arrays) == 2
        assert all(np.array_equal(page.array(each["arrays"][name]), arrays[name]) for name in arrays)
    assert all(np.array_equal(page.array(f"arrays/{name}"), net.arrays()[name]) for name in snapshots.arrays[0])


def test_interventions_and_hyperparameters_are_told(digits):
    net = ns.Network(
        [ns.Input(784), ns.Dense(6), ns.Dense(10, "softmax")], optimizer=ns.Nadam(ns.OneCycle(0.01)), seed=0
    )
    net.fit(digits[0], epochs=1, verbose=False)
    net[1][2].freeze(), net[1][3].clamp(0.5)
    manifest = PageFile(ns.explore(net, *digits).html).manifest
    assert manifest["interventions"] == net.config()["interventions"] == manifest["network"]["interventions"]
    assert manifest["optimizer"]["scalars"] == net.optimizer.scalars()
    assert manifest["optimizer"]["own_rate"] == ns.Nadam().learning_rate
    assert manifest["optimizer"]["rate"] == net.optimizer.rate < 1e-6  # the end of the schedule


def test_a_page_knows_that_its_run_diverged(digits):
    net = ns.Network([ns.Input(784), ns.Dense(6), ns.Dense(10, "linear")], "mse", ns.SGD(1e30), seed=0)
    snapshots = ns.Snapshots()
    history = net.fit(digits[0], epochs=1, callbacks=[snapshots], verbose=False)
    assert history.stopped == "diverged"
    page = PageFile(ns.explore(net, *digits, history=history, snapshots=snapshots).html)
    assert page.manifest["diverged"] is True and page.manifest["run"]["losses"]["loss"][-1] is None
    assert np.array_equal(page.array("theta"), net.parameters.theta, equal_nan=True)
    for each, theta in zip(page.manifest["snapshots"], snapshots.thetas, strict=True):  # too large for half precision
        assert np.array_equal(page.array(each["array"]), theta.astype(each["dtype"]), equal_nan=True)
        assert np.isfinite(theta).all() == np.isfinite(page.array(each["array"])).all()
    net.parameters.theta[3] = np.nan
    page = PageFile(ns.explore(net, *digits).html)
    assert page.manifest["diverged"] is True and page.manifest["samples"]["test"]["mistakes"] == 0


def test_an_untrained_network_decides_how_samples_are_scaled(digits):
    net = ns.Network([ns.Input(784), ns.Dense(6), ns.Dense(10, "softmax")], seed=0)
    page = PageFile(ns.explore(net, *digits).html)
    assert page.manifest["network"]["layers"][0]["scale"] == 1 / 255 and net.input.scale == "auto"
    assert page.manifest["snapshots"] == [
        {"step": 0, "epoch": None, "dtype": "float32", "array": "snapshot/0", "arrays": {}}
    ]


def test_a_network_that_went_on_after_its_snapshots_ends_with_what_it_is_now(digits):
    net, snapshots = ns.Network([ns.Input(784), ns.Dense(6), ns.Dense(10, "softmax")], seed=0), ns.Snapshots(4)
    net.fit(digits[0], epochs=1, callbacks=[snapshots], verbose=False)
    net.fit(digits[0], epochs=1, verbose=False)
    page = PageFile(ns.explore(net, *digits, snapshots=snapshots).html)
    assert [each["step"] for each in page.manifest["snapshots"]] == [*snapshots.steps, 94]
    assert np.array_equal(page.array("snapshot/4"), net.parameters.theta)


@pytest.mark.parametrize(("hidden", "optimizer", "small"), [((128, 64), "adam", True), ((600, 400), "adam", False)])
def test_a_page_of_a_large_network_has_fewer_snapshots_and_a_note_on_it(hidden, optimizer, small, digits):
    layers = [ns.Dense(width, "relu") for width in hidden]
    net = ns.Network([ns.Input(784), *layers, ns.Dense(10, "softmax")], optimizer=optimizer, seed=0)
    snapshots = ns.Snapshots(16)
    net.fit(digits[0].subset(640), epochs=2, callbacks=[snapshots], verbose=False)
    page = ns.explore(net, *digits, snapshots=snapshots)
    held = PageFile(page.html)
    kept = held.manifest["snapshots"]
    assert (len(page) <= 4_000_000) == small and len(kept) < len(snapshots) == 12
    assert page.left_out[0] == f"To keep the file small, it holds {len(kept)} of 12 snapshots."
    assert small or page.left_out[1].startswith("It is still large: the network alone takes ")
    assert np.array_equal(held.array("theta"), net.parameters.theta)
    if small:
        assert np.array_equal(held.array("snapshot/0"), snapshots.thetas[0]) and len(kept) > 3
        assert len(page) > 3_000_000  # the room is used


@pytest.mark.full
def test_a_page_has_fewer_large_pictures_unless_samples_is_given():
    rng = np.random.default_rng(0)
    x, labels = rng.integers(0, 256, (700, 64, 64, 3)).astype(np.uint8), rng.integers(0, 2, 700)
    train, test = dataset(x[:400], labels[:400]), dataset(x[400:], labels[400:], "test")
    net = ns.Network([ns.Input((64, 64, 3)), ns.Dense(3), ns.Dense(2, "softmax")], optimizer="sgd", seed=0)
    page = ns.explore(net, train, test)
    kept = [page.manifest["samples"][split]["count"] for split in ("test", "train")]
    assert len(page) <= 4_000_000 and 50 <= kept[0] < 300 and 50 <= kept[1] < 400
    assert page.left_out == [
        f"To keep the file small, it holds {kept[0]} of 300 test images and {kept[1]} of 400 training images."
    ]
    page = ns.explore(net, train, test, samples=80)
    assert [page.manifest["samples"][split]["count"] for split in ("test", "train")] == [80, 320]
    assert page.left_out == []


def test_arrays_can_replace_data_sets(blobs, make_net):
    x, y = blobs
    net = make_net()
    net.fit(x, np.array(["red", "green", "blue"])[y], epochs=1, verbose=False)
    names = np.array(["red", "green", "blue"])[y]
    page = PageFile(ns.explore(net, (x[:60], names[:60]), (x[60:], names[60:])).html)
    assert page.manifest["class_names"] == ["blue", "green", "red"]
    assert np.array_equal(page.array("test/labels"), 2 - y[60:])
    assert page.manifest["samples"]["test"]["index"] == list(range(30))


def test_each_error_is_one_line(digits, trained, refused):
    net = trained[0]
    moons = ns.data.load("moons")
    with refused("takes samples of 784 numbers", "points of 2 numbers (moons)"):
        ns.explore(net, *moons)
    three = dataset(digits[0].x[:30], np.arange(30) % 3, class_names=("a", "b", "c"))
    with refused("10 outputs", "3 classes"):
        ns.explore(net, three, three)
    with refused("test: expected a Dataset or a pair (x, y)"):
        ns.explore(net, digits[0], 5)
    with refused("samples", "at least 1"):
        ns.explore(net, *digits, samples=0)
    with refused("snapshots: expected the callback ns.Snapshots"):
        ns.explore(net, *digits, snapshots=[1])

    class Own(ns.ReLU):
        """A class without its own key."""

    own = ns.Network([ns.Input(784), ns.Dense(3, Own()), ns.Dense(10, "softmax")])
    with refused("Own has no key"):
        ns.explore(own, *digits)


def test_a_long_history_takes_room_from_the_snapshots(digits):
    net, snapshots = ns.Network([ns.Input(784), ns.Dense(128), ns.Dense(10, "softmax")], seed=0), ns.Snapshots(16)
    history = net.fit(digits[0].subset(640), epochs=2, callbacks=[snapshots], verbose=False)
    history.rows *= 5000
    page = ns.explore(net, *digits, history=history, snapshots=snapshots, settings={"rate": np.float32(0.5)})
    assert 3_000_000 < len(page) <= 4_000_000 and "snapshots" in page.left_out[0]
    assert page.manifest["settings"] == {"rate": 0.5}
