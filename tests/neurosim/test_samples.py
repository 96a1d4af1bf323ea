"""Samples x: their scaling, the facts that the network remembers, refusals and warnings.

The expected values are those of a network with the same samples, scaled by hand.
"""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import neurosim as ns
from neurosim.samples import Learned, pixel_top

rng = np.random.default_rng(3)
IMAGES = rng.integers(0, 256, (60, 6, 6), dtype=np.uint8)
IMAGES[0, 0, 0], IMAGES[0, 0, 1] = 0, 255
LABELS = np.arange(60) % 3
UNIT = IMAGES / 255.0


def net(size=(6, 6), n_out=3, **options):
    return ns.Network([ns.Input(size, **options), ns.Dense(8, "tanh"), ns.Dense(n_out, "softmax")], seed=2)


def fitted(x, y=LABELS, **options):
    network = net(np.asarray(x).shape[1:], **options)
    network.fit(x, y, epochs=2, batch_size=16, verbose=False)
    return network


def same_as(network, x, prepared):
    """Return whether `network` reads x like a twin without scaling reads the hand-scaled floats."""
    config = network.config()
    config["layers"][0]["scale"] = None
    twin = ns.Network.from_config(config | {"samples": None})
    twin.restore(network.snapshot())
    np.testing.assert_allclose(network.predict_proba(x), twin.predict_proba(prepared), rtol=2e-4, atol=1e-6)
    return True


# --- the rule --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [int, np.uint8, np.int8, float, bool])
def test_xor_is_learned_however_it_is_typed(kind):
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], kind)
    network = ns.Network([ns.Input(2), ns.Dense(8, "tanh"), ns.Dense(1, "sigmoid")], "binary_cross_entropy", seed=1)
    network.optimizer = ns.Adam(0.1)
    network.fit(x, [0, 1, 1, 0], epochs=200, batch_size=4, verbose=False)
    assert network.predict(x).tolist() == [0, 1, 1, 0] and network.predict_proba(x).max() > 0.95
    np.testing.assert_array_equal(network.input.a, x.astype(np.float32))


def test_a_line_through_whole_numbers_is_found():
    x = np.arange(10)[:, None]
    network = ns.Network([ns.Input(1), ns.Dense(1)], "mse", ns.SGD(0.01))
    network.fit(x, 2 * x[:, 0] + 1, epochs=2000, batch_size=10, verbose=False)
    assert network[1].W[0, 0] == pytest.approx(2.0, abs=1e-3) and network[1].b[0] == pytest.approx(1.0, abs=1e-2)


@pytest.mark.parametrize(
    ("x", "top"),
    [
        (IMAGES, 255),
        (IMAGES.astype(np.int64), 255),  # from a CSV file
        (IMAGES.astype(float), 255),  # whole numbers in floats
        (IMAGES.reshape(60, 36), 255),
        (IMAGES // 16, 16),  # of 4 bits: the built-in digits of scikit-learn
        (IMAGES.astype(np.int64) // 16, 16),
        (IMAGES > 127, 1),
        ((IMAGES > 127).astype(np.int8), 1),
        ((IMAGES / 255).astype(np.uint8), 1),
        (IMAGES.astype(np.uint16) * 257, 65_535),
        (IMAGES[:, 0, :2], 255),  # bytes are always pixels
        (IMAGES[:, 0, :2].astype(int), None),  # two whole features
        (UNIT, None),
        (IMAGES - 128.0, None),
        (IMAGES * 0.999, None),
        (IMAGES.astype(int) * 300, None),
    ],
)
def test_the_rule_of_scaling(x, top):
    rows = x.reshape(len(x), -1)
    assert pixel_top(rows, x.shape[1:]) == top
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ns.NeurosimWarning)
        network = fitted(x)
    learned = network.input.learned
    assert (learned.top, learned.shape) == (top, x.shape[1:])
    assert (learned.low, learned.high) == (float(x.min()), float(x.max()))
    assert network.input.scale == (None if top is None else 1 / top)
    network.predict(x[:5])
    np.testing.assert_allclose(network.input.a, rows[:5] / (top or 1), rtol=1e-6)


def test_each_feature_can_be_standardized():
    x = rng.normal([5.0, -300.0, 0.01, 2.0], [1.0, 50.0, 0.001, 0.0], (60, 4))
    network = fitted(x, scale="standardize")
    expected = np.column_stack([*(((x - x.mean(0)) / np.maximum(x.std(0), 1e-300)).T[:3]), np.zeros(60)])
    assert same_as(network, x, expected)
    assert same_as(network, x[:1], expected[:1])  # by the mean and deviation of the training samples, not by its own


def test_standardizing_needs_training_samples(refused):
    with refused("standardize", "fit first"):
        net(4, scale="standardize").predict(np.zeros((2, 4)))


@pytest.mark.parametrize(("scale", "factor"), [(None, 1.0), (0.5, 0.5), (1 / 127, 1 / 127)])
def test_a_scale_of_ones_own(scale, factor):
    network = fitted(IMAGES, scale=scale)
    network.predict(IMAGES[:4])
    np.testing.assert_allclose(network.input.a, IMAGES[:4].reshape(4, 36) * factor, rtol=1e-6)


def test_floats_that_a_scale_of_ones_own_leaves_large_are_warned_about():
    network = fitted(IMAGES, scale=1 / 255)
    with pytest.warns(ns.NeurosimWarning, match=r"x has floats from 0 to 255, which are used unchanged"):
        network.predict(IMAGES.astype(float))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network.predict(UNIT)


@pytest.mark.parametrize("scale", ["255", "standard", -1.0, 0, np.inf, True])
def test_a_scale_that_means_nothing_is_refused(scale, refused):
    with refused("scale: expected"):
        ns.Input(4, scale=scale)


def test_training_far_from_one_is_warned_about():
    with pytest.warns(ns.NeurosimWarning, match=r"x goes from 0 to 254\.7\d* and is used unchanged") as caught:
        fitted(IMAGES * 0.999)
    assert Path(caught[0].filename).name == Path(__file__).name  # the line of the user, not of neurosim


# --- what comes later ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        IMAGES.astype(np.int64),
        IMAGES.astype(np.float32),
        UNIT,
        UNIT.astype(np.float16),
        IMAGES.reshape(60, 36),
        IMAGES.astype(np.uint16) * 257,
        IMAGES.tolist(),
        pd.DataFrame(IMAGES.reshape(60, 36)),
        pd.DataFrame(IMAGES.reshape(60, 36)).astype("Int64"),
        np.ma.masked_greater(IMAGES, 300),  # nothing is masked
        IMAGES[..., None],
    ],
    ids=str,
)
def test_pixels_of_any_type_are_brought_to_the_units_of_training(given):
    tolerance = 5e-4 if getattr(given, "dtype", None) == np.float16 else 1e-6
    network = fitted(IMAGES)
    np.testing.assert_allclose(network.predict_proba(given), network.predict_proba(IMAGES), atol=tolerance)
    network.fit(given, LABELS, epochs=1, verbose=False)
    assert network.input.learned.top == 255


@pytest.mark.parametrize("x", [UNIT, UNIT.astype(np.float32), IMAGES > 127, (IMAGES > 127).astype(int), IMAGES // 16])
def test_bytes_are_read_right_by_a_network_trained_on_other_units(x):
    """Floats from 0 to 1, bits, 4 bits and bytes all mean the whole range of a pixel."""
    assert same_as(fitted(x), IMAGES, UNIT)


@pytest.mark.parametrize(
    ("trained", "given", "words"),
    [
        (IMAGES, UNIT * 2 - 1, ("0 to 255", "received -1 to 1")),
        (IMAGES, IMAGES.astype(int) * 4, ("0 to 255", "received 0 to 1020")),
        (IMAGES, IMAGES.astype(np.int16) - 128, ("0 to 255", "received -128 to 127")),
        (IMAGES // 16, IMAGES.astype(int), ("0 to 16", "0 to 255")),
    ],
)
def test_units_that_are_not_certain_are_refused_with_both_ranges(trained, given, words, refused):
    network = fitted(trained)
    before = network.snapshot()["arrays"]
    for call in (
        lambda: network.predict(given),
        lambda: network.evaluate(given, LABELS),
        lambda: network.report(given, LABELS),
        lambda: network.trace(given[0], 0),
        lambda: network.fit(given, LABELS, verbose=False),
        lambda: network.fit(trained, LABELS, validation_data=(given, LABELS), verbose=False),
        lambda: network.train_batch(given, LABELS),
    ):
        with refused(*words):
            call()
    assert all(np.array_equal(network.arrays()[name], array) for name, array in before.items())


def test_another_range_of_features_is_warned_about():
    x = rng.normal(size=(60, 4))
    network = fitted(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network.predict(x * 2)  # slightly outside the range
    with pytest.warns(ns.NeurosimWarning, match=r"x goes from .* but the network was trained on"):
        network.predict(x * 20)


def test_almost_black_pictures_are_warned_about():
    with pytest.warns(ns.NeurosimWarning, match="whole numbers from 0 to 1"):
        fitted(IMAGES).predict((IMAGES / 255).astype(np.uint8))


def test_a_second_fit_keeps_what_the_first_decided():
    x = rng.integers(0, 9, (60, 36)).astype(float)
    network = fitted(UNIT.reshape(60, 36))
    with pytest.warns(ns.NeurosimWarning, match="from 0 to 8, but the network was trained on 0 to 1") as caught:
        network.fit(x + 0.5 - 0.5 + (x == 1) * 0.25, LABELS, epochs=1, verbose=False)
    assert network.input.learned.high == 1.0 and len(caught) == 1


def test_a_first_batch_decides_for_those_that_follow():
    network, twin = net(), net()
    for part in (slice(0, 20), slice(20, 40), slice(40, 60)):
        loss = twin.train_batch(UNIT[part], LABELS[part])
        assert network.train_batch(IMAGES[part], LABELS[part]) == pytest.approx(loss, rel=1e-5)
    assert network.input.learned.top == 255 and network.input.learned.high is None
    features, x = net(4), rng.normal(size=(60, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in (1, 10, 100):
            features.train_batch(x * k, LABELS)  # one batch does not show the range of the others


def test_a_first_batch_that_is_refused_leaves_nothing_behind(refused):
    network = net()
    with refused("labels"):
        network.train_batch(IMAGES, LABELS + 7)
    with refused("labels"):
        network.fit(IMAGES, LABELS + 7, verbose=False)
    assert network.input.learned is None and network.input.scale == "auto" and network.class_names == ()


def test_an_untrained_network_scales_by_what_it_is_shown():
    network = net()
    for x, factor in ((IMAGES, 255), (IMAGES // 16, 16), (UNIT, 1), (IMAGES > 127, 1), (IMAGES.astype(float), 255)):
        network.predict(x[:5])
        np.testing.assert_allclose(network.input.a, x[:5].reshape(5, 36) / factor, rtol=1e-6)
    assert network.input.learned is None


# --- what is remembered is kept --------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: fitted(IMAGES), lambda: fitted(IMAGES[:, 0] / 7.0, scale="standardize")])
def test_it_is_saved_with_the_network(make, tmp_path):
    network = make()
    loaded = ns.Network.load(network.save(tmp_path / "net.npz"))
    assert loaded.input.learned == network.input.learned and loaded.input.scale == network.input.scale
    assert loaded.config() == network.config()
    x = IMAGES if network.input.image_shape else IMAGES[:, 0] / 7.0
    np.testing.assert_array_equal(loaded.predict_proba(x), network.predict_proba(x))


def test_a_memory_that_no_samples_have_is_refused(refused):
    config = fitted(IMAGES).config()["samples"]
    assert Learned.from_config(config).config() == config
    for change in ({"shape": [0]}, {"top": 0}, {"low": np.nan}, {"mean": [1.0]}, {"deviation": [0.0] * 36}):
        with refused("expected"):
            Learned.from_config(config | change)


def test_a_run_goes_on_with_what_it_remembers(tmp_path):
    class Stop(ns.Callback):
        def on_epoch(self, run):
            return run.epoch == 1

        reason = "asked to"

    x = IMAGES[:, 0] / 7.0
    nets = [net(6, scale="standardize") for _ in range(3)]
    options = {"epochs": 3, "batch_size": 16, "verbose": False}
    nets[0].fit(x, LABELS, **options)
    nets[1].fit(x, LABELS, **options, callbacks=[Stop(), ns.Checkpoint(tmp_path)])
    nets[2].fit(x, LABELS, **options, callbacks=[Stop(), ns.Checkpoint(tmp_path, resume=True)])
    assert nets[2].input.learned == nets[0].input.learned


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("what", ["predict", "predict_proba", "evaluate", "report", "trace", "activations"])
def test_what_is_no_number_is_refused_everywhere(value, what, refused):
    network = fitted(UNIT)
    x = UNIT.copy()
    x[7, 2, 1] = value
    call = {
        "predict": lambda: network.predict(x),
        "predict_proba": lambda: network.predict_proba(x),
        "evaluate": lambda: network.evaluate(x, LABELS),
        "report": lambda: network.report(x, LABELS),
        "activations": lambda: network.activations(x, 1, 0),
        "trace": lambda: network.trace(x[7], 1),
    }[what]
    with refused("finite", str(value), "position 13"):
        call()


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.ma.masked_greater(IMAGES, 100), ("masked", "x.filled(0)")),
        (np.ma.masked_invalid(np.where(UNIT > 0.5, np.nan, UNIT)), ("masked",)),
        ("two.png", ("a path", "ns.data.read_image(path)")),
        (Path("two.png"), ("a path", "ns.data.read_image(path)")),
        ([["a"] * 36], ("expected numbers", "<U1")),
        ([[0.0] * 36, [0.0] * 35], ("rows of different lengths",)),
        (IMAGES[:, :3].repeat(4, 2).reshape(60, 4, 18), ("36 numbers", "(N, 6, 6)")),
        (IMAGES.reshape(60, 9, 4), ("(N, 6, 6)", "(60, 9, 4)")),
        (pd.DataFrame({"a": ["x", "y"]}), ("expected numbers",)),
        ({"a": 1}, ("expected numbers",)),
        (UNIT * 1j, ("expected numbers", "complex")),
    ],
    ids=str,
)
def test_what_holds_no_samples_is_refused(x, words, refused):
    with refused(*words):
        fitted(IMAGES).predict(x)


def test_as_many_numbers_as_a_sample_are_not_a_sample(refused):
    with refused("samples of 4 numbers", "(2, 2)"):
        net(4).predict(np.zeros((2, 2)))
    for x in (np.zeros(4), np.zeros((1, 4)), np.zeros((1, 2, 2)), [0, 0, 0, 0]):
        assert net(4).predict(x).shape == (1,)
    network = fitted(IMAGES)  # the shape that it was trained on is one sample
    assert network.predict(IMAGES[3]).shape == (1,) and network.trace(IMAGES[3], 0).label == 0
    flat = net(36)
    flat.fit(IMAGES, LABELS, epochs=1, verbose=False)
    assert flat.predict(IMAGES[3]).shape == (1,) and flat.input.image_shape == (6, 6)


def test_a_table_is_no_picture():
    for n in (4, 9, 16, 36):
        x = rng.normal(size=(60, n))
        network = fitted(x)
        assert network.input.image_shape is None
        assert "pixel" not in network.trace(x[0], 0)[1][0].explain()


def test_a_network_that_is_saved_without_its_samples_and_784_inputs_takes_images():
    for size, shape in ((784, (28, 28)), (64, None), ((28, 28), (28, 28))):
        config = net(size, scale=1 / 255).config()
        del config["samples"]
        loaded = ns.Network.from_config(config)
        assert loaded.input.image_shape == shape
        images = rng.integers(0, 256, (3, 784 if size != 64 else 64), dtype=np.uint8)
        loaded.predict(images)
        np.testing.assert_allclose(loaded.input.a, images / 255, rtol=1e-6)


def test_a_tensor_that_wants_a_gradient_is_refused_in_a_sentence(refused):
    torch = pytest.importorskip("torch")
    network = fitted(UNIT)
    x = torch.tensor(UNIT)
    np.testing.assert_array_equal(network.predict_proba(x), network.predict_proba(UNIT))
    with refused("Tensor", "x.detach().cpu().numpy()"):
        network.predict(x.requires_grad_())


# --- tables ----------------------------------------------------------------------------------------------------------


def test_columns_are_matched_by_their_names(refused):
    table = pd.DataFrame(rng.normal(size=(60, 4)), columns=["width", "height", "depth", "mass"])
    network = fitted(table)
    assert network.input.learned.feature_names == ("width", "height", "depth", "mass")
    expected = network.predict_proba(table.to_numpy())
    np.testing.assert_array_equal(network.predict_proba(table[["mass", "depth", "height", "width"]]), expected)
    np.testing.assert_array_equal(network.predict_proba(table.iloc[:, ::-1].copy()), expected)
    assert network.evaluate(table.iloc[:, ::-1], LABELS) == network.evaluate(table, LABELS)
    with refused("width, height, depth, mass", "without mass"):
        network.predict(table.rename(columns={"mass": "colour"}))
    with refused("samples of 4 numbers"):
        network.predict(table.assign(colour=1.0))


def test_missing_numbers_of_a_table_are_refused(refused):
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": pd.array([1, None, 3], "Int64")})
    network = ns.Network([ns.Input(2), ns.Dense(2, "softmax")])
    with refused("finite", "nan", "sample 1", "position 1"):
        network.fit(table, [0, 1, 0], verbose=False)
    whole = table.fillna(2)
    network.fit(whole, [0, 1, 0], epochs=1, verbose=False)
    assert network.predict(whole).shape == (3,)


# --- data sets -------------------------------------------------------------------------------------------------------


def test_a_data_set_is_samples_and_labels():
    data = ns.data.Dataset(IMAGES, LABELS, "own", "train", "nowhere", ("a", "b", "c"))
    network, twin = net(), net()
    assert network.fit(data, epochs=1, validation_data=data, verbose=False).batch_losses == (
        twin.fit(IMAGES, LABELS, epochs=1, verbose=False).batch_losses
    )
    assert network.evaluate(data) == twin.evaluate(IMAGES, LABELS) and network.class_names == ("a", "b", "c")
    np.testing.assert_array_equal(network.predict(data), twin.predict(IMAGES))
    pd.testing.assert_frame_equal(network.report(data), twin.report(IMAGES, LABELS))


def test_a_data_set_brings_names_and_scaling():
    x = rng.normal([5.0, -300.0], [1.0, 50.0], (60, 2))
    data = ns.data.Dataset(
        x, LABELS, "own", "train", "nowhere", ("a", "b", "c"), feature_names=("age", "debt"), scaling="standardize"
    )
    network = net(2)
    network.fit(data, epochs=1, verbose=False)
    assert network.input.scale == "standardize" and network.input.learned.feature_names == ("age", "debt")
    assert network.class_names == ("a", "b", "c")
    twin = net(2, scale="standardize")
    twin.fit(x, LABELS, epochs=1, verbose=False)
    np.testing.assert_array_equal(network.predict_proba(x), twin.predict_proba(x))
    own = net(2, scale=None)  # the layer's own setting stays
    own.fit(data, epochs=1, verbose=False)
    assert own.input.scale is None and not own.input.learned.mean


def test_samples_without_labels_are_no_training_set(refused):
    with refused("a Dataset, or samples and their labels", "ndarray"):
        net().fit(IMAGES, verbose=False)


# --- batches of one --------------------------------------------------------------------------------------------------


def test_batch_normalization_refuses_batches_of_one(refused):
    network = ns.Network([ns.Input(4), ns.Dense(3), ns.BatchNorm("relu"), ns.Dense(2, "softmax")])
    x, y = rng.normal(size=(6, 4)), [0, 1] * 3
    with refused("batch_size: expected at least 2"):
        network.fit(x, y, batch_size=1, verbose=False)
    with refused("at least 2 samples", "batch normalization"):
        network.train_batch(x[:1], y[:1])
    with refused("batch_size: expected at least 2"):
        ns.Stepper(network, x, y, batch_size=1)
    assert np.isfinite(network.train_batch(x[:2], y[:2]))


# --- -1 and 1 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("output", "loss"), [("tanh", "mse"), ("linear", "mse"), ("linear", "huber"), ("tanh", "mae")])
def test_a_single_output_between_minus_one_and_one_is_cut_at_zero(output, loss):
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    network = ns.Network([ns.Input(2), ns.Dense(8, "tanh"), ns.Dense(1, output)], loss, ns.Adam(0.05), seed=1)
    y = np.array([-1, 1, 1, -1])
    network[2].b = 0.3  # between 0 and 1/2, where the two thresholds differ
    network[2].W = 0.0
    network.learn(x, y)
    assert network.threshold == 0.0
    assert network.predict(x).tolist() == [1, 1, 1, 1] and network.evaluate(x, y)["accuracy"] == 0.5
    assert network.evaluate(x[1:3], [1, 1])["accuracy"] == 1.0  # though no target here is -1
    card = network.report(x, y)
    assert card.accuracy_lost.tolist()[:8] == [0.0] * 8 and card.accuracy_lost[8] == 0.0
    network.fit(x, y, epochs=300, batch_size=4, verbose=False)
    assert network.predict(x).tolist() == [0, 1, 1, 0] and network.evaluate(x, y)["accuracy"] == 1.0
    assert network.trace(x[1], 1).prediction == 1
    assert ns.Network.from_config(network.config()).threshold == 0.0
