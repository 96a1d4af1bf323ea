"""The report card, the comparison and the maximizing input, compared with loops over samples and real ablations."""

import copy
import math
import re
import statistics
import time

import numpy as np
import pytest
import reference
from small_problem import X, network

import neurosim as ns
from neurosim.analysis.comparison import compare
from neurosim.analysis.maximizing_input import _input_gradient, maximizing_input
from neurosim.analysis.report_card import (
    class_indices,
    report_card,
)
from neurosim.text import percent

COLUMNS = [
    "layer",
    "neuron",
    "mean_activation",
    "variance",
    "dead_fraction",
    "saturated_fraction",
    "strongest_class",
    "weakest_class",
    "selectivity",
    "weight_norm",
    "gradient_norm",
    "accuracy_lost",
    "most_similar",
    "correlation",
]


@pytest.fixture
def crowd():
    """Six overlapping clouds, more samples than one batch of the evaluation: x (700, 5), y (700,)."""
    rng = np.random.default_rng(5)
    y = rng.integers(0, 6, 700)
    return rng.normal(size=(6, 5))[y] + rng.normal(scale=0.7, size=(700, 5)), y


def trained(layers, x, y, loss="cross_entropy", epochs=5, **settings):
    net = ns.Network(
        [ns.Input(x.shape[1]), *layers],
        **{"loss": loss, "optimizer": ns.Adam(learning_rate=0.02), "seed": 2, "dtype": "float64"} | settings,
    )
    net.fit(x, y, epochs=epochs, batch_size=50, verbose=False)
    return net


def mixed_interventions(x, y):
    net = trained([ns.Dense(6, "relu"), ns.Dense(5, "tanh"), ns.Dense(6, "softmax")], x, y)
    net[1][0].activation, net[1][3].activation = "sigmoid", "sigmoid"
    net[1][2].clamp(0.7)
    net[2][4].ablate()
    net[2][1].freeze()
    return net


NETWORKS = {
    "relu": lambda x, y: trained([ns.Dense(8, "relu"), ns.Dense(7, "relu"), ns.Dense(6, "softmax")], x, y),
    "every layer": lambda x, y: trained(
        [
            ns.Dropout(0.1),
            ns.Dense(8),
            ns.BatchNorm("relu"),
            ns.Dropout(0.3),
            ns.Dense(6, "tanh"),
            ns.Dropout(0.2),
            ns.Dense(6, "softmax"),
        ],
        x,
        y,
        regularizer="l2",
    ),
    "sigmoid, mse": lambda x, y: trained([ns.Dense(5, "gelu"), ns.Dense(6, "sigmoid")], x, y, loss="mse"),
    "linear, hinge": lambda x, y: trained([ns.Dense(5, "elu"), ns.Dense(6, "linear")], x, y, loss="hinge"),
    "one neuron": lambda x, y: trained([ns.Dense(1, "softplus"), ns.Dense(6, "softmax")], x, y),
    "no hidden layer": lambda x, y: trained([ns.Dense(6, "softmax")], x, y),
    "one output": lambda x, y: trained([ns.Dense(5, "silu"), ns.Dense(1, "sigmoid")], x, y % 2, "binary_cross_entropy"),
    "batch norm last": lambda x, y: trained([ns.Dense(7, "relu"), ns.Dense(6), ns.BatchNorm("softmax")], x, y),
    "softmax inside": lambda x, y: trained([ns.Dense(5, "softmax"), ns.Dense(6, "softmax")], x, y),
    "interventions": mixed_interventions,
}


def accuracy(net, x, y):
    return net.evaluate(x, y)["accuracy"]


def without(net, x, y, index, j):
    """The accuracy without one neuron, the slow way: change a copy and evaluate it."""
    twin = copy.deepcopy(net)
    if index == len(net) - 1:
        hits = 0
        for row, label in zip(net.predict_proba(x).tolist(), y.tolist(), strict=True):
            if len(row) == 1:
                hits += label == 0
            else:
                best = max((k for k in range(len(row)) if k != j), key=lambda k: row[k])
                hits += best == label
        return hits / len(y)
    place = index + 1
    while isinstance(twin[place], ns.Dropout):
        place += 1
    if isinstance(twin[place], ns.Dense):
        twin[place].W[j] = 0.0
    else:
        twin[index][j].ablate()
    return accuracy(twin, x, y)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_figure_is_that_of_a_loop_over_the_samples(name, crowd):
    x, y = crowd
    net = NETWORKS[name](x, y)
    if name == "one output":
        y = y % 2
    card = report_card(net, x, y)
    assert list(card.columns) == COLUMNS
    dense = [layer for layer in net if isinstance(layer, ns.Dense)]
    assert list(zip(card.layer, card.neuron, strict=True)) == [(d.index, j) for d in dense for j in range(len(d))]

    twin = copy.deepcopy(net)
    for layer in twin:
        if isinstance(layer, ns.Dense):
            layer.regularizer = None
    twin.gradients(x, y)  # all samples in one batch, in evaluation mode
    card = card.set_index(["layer", "neuron"])
    base = accuracy(net, x, y)
    for layer in dense:
        index = layer.index
        behind = index + 1 < len(net) and isinstance(net[index + 1], ns.BatchNorm) and layer.activation.key == "linear"
        activations = twin[index + behind].a  # what its neurons give out may be behind a normalization
        for j in range(len(layer)):
            row, a = card.loc[(index, j)], activations[:, j].tolist()
            assert row.mean_activation == pytest.approx(statistics.fmean(a), abs=1e-12)
            assert row.variance == pytest.approx(statistics.pvariance(a), rel=1e-9, abs=1e-15)
            assert row.weight_norm == pytest.approx(math.hypot(*layer.W[:, j]), rel=1e-12)
            assert row.gradient_norm == pytest.approx(math.hypot(*twin[index].dW[:, j]), rel=1e-9, abs=1e-15)
            assert row.accuracy_lost == pytest.approx(base - without(net, x, y, index, j), abs=1e-12)

            groups = {k: [value for value, label in zip(a, y.tolist(), strict=True) if label == k] for k in set(y)}
            means = {k: statistics.fmean(group) for k, group in groups.items()}
            top = max(means, key=means.get)
            if max(a) - min(a) > 1e-9:
                assert (row.strongest_class, row.weakest_class) == (top, min(means, key=means.get))
                floor = min(0.0, *a)
                high = means[top] - floor
                rest = statistics.fmean(mean for k, mean in means.items() if k != top) - floor
                assert row.selectivity == pytest.approx((high - rest) / (high + rest), rel=1e-9)
            else:
                assert row.selectivity == 0.0

            others = {
                k: statistics.correlation(a, activations[:, k].tolist())
                for k in range(len(layer))
                if k != j and np.ptp(activations[:, k]) > 1e-9 and max(a) - min(a) > 1e-9
            }
            if others:
                assert row.correlation == pytest.approx(max(others.values()), abs=1e-9)
                assert others[row.most_similar] == pytest.approx(max(others.values()), abs=1e-9)
            else:
                assert math.isnan(card.correlation[index, j]) and card.most_similar.isna()[index, j]


def forward_by_loops(net, image, silent=()):
    """Of both convolutions {(r, c, f): (z, a)} place by place, and the outputs; filters (layer, f) may be silent."""
    found, x = {}, image.tolist()
    for index in (1, 3):
        layer = net[index]
        z = reference.convolve(x, layer.W.tolist(), layer.b.tolist(), 1, layer.padding)
        rule = (lambda v: max(v, 0.0)) if layer.activation.key == "relu" else math.tanh
        a = {at: 0.0 if (index, at[2]) in silent else rule(value) for at, value in z.items()}
        found[index] = {at: (z[at], a[at]) for at in z}
        x = nested(a)
        if index == 1:
            x = nested(reference.pool(x, 2, 2, "max")[0])
    flat = [value for row in x for pixel in row for value in pixel]
    W, b = net[4].W.tolist(), net[4].b.tolist()
    return found, [b[j] + sum(value * W[i][j] for i, value in enumerate(flat)) for j in range(len(b))]


def nested(values):
    """{(r, c, f): value} as image[row][column][channel]."""
    down, across, channels = (max(at[k] for at in values) + 1 for k in range(3))
    return [[[values[r, c, f] for f in range(channels)] for c in range(across)] for r in range(down)]


def test_every_figure_of_a_filter_is_that_of_a_loop_over_samples_and_places():
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(24, 6, 7, 2)), rng.permutation(np.arange(24) % 3)
    layers = [ns.Conv2D(3, 3, "relu", padding="same"), ns.MaxPool2D(2), ns.Conv2D(4, 2, "tanh"), ns.Dense(3, "softmax")]
    net = ns.Network([ns.Input((6, 7, 2)), *layers], optimizer=ns.Adam(learning_rate=0.01), seed=3, dtype="float64")
    net.fit(x, y, epochs=20, batch_size=8, verbose=False)
    card = report_card(net, x, y).set_index(["layer", "neuron"])
    runs = [forward_by_loops(net, image) for image in x]

    def share_right(outputs):
        return sum(max(range(3), key=z.__getitem__) == label for z, label in zip(outputs, y, strict=True)) / len(y)

    right = share_right([z for _, z in runs])
    assert right > 0.8  # an ablation has something to lose
    for index, count in ((1, 3), (3, 4)):
        answers = [  # of each filter, (label, z, a) of every sample and place
            [
                (label, *pair)
                for (found, _), label in zip(runs, y, strict=True)
                for at, pair in found[index].items()
                if at[2] == f
            ]
            for f in range(count)
        ]
        for f in range(count):
            row, a = card.loc[(index, f)], [value for _, _, value in answers[f]]
            assert row.mean_activation == pytest.approx(statistics.fmean(a), rel=1e-9)
            assert row.variance == pytest.approx(statistics.pvariance(a), rel=1e-9)
            if index == 1:
                assert row.dead_fraction == pytest.approx(sum(z <= 0 for _, z, _ in answers[f]) / len(a))
            means = [statistics.fmean(value for label, _, value in answers[f] if label == k) for k in range(3)]
            top = means.index(max(means))
            assert (row.strongest_class, row.weakest_class) == (top, means.index(min(means)))
            floor = min(0.0, *a)
            high, rest = means[top] - floor, statistics.fmean(means[:top] + means[top + 1 :]) - floor
            assert row.selectivity == pytest.approx((high - rest) / (high + rest), rel=1e-9)
            alike = {g: statistics.correlation(a, [each[2] for each in answers[g]]) for g in range(count) if g != f}
            assert row.most_similar == max(alike, key=alike.get)
            assert row.correlation == pytest.approx(max(alike.values()), rel=1e-9)
            without_it = share_right([forward_by_loops(net, image, {(index, f)})[1] for image in x])
            assert row.accuracy_lost == pytest.approx(right - without_it, abs=1e-12)
    assert card.loc[1, "accuracy_lost"].abs().sum() > 0


def test_a_rectifier_behind_batch_normalization_is_off_where_it_gives_out_nothing(crowd):
    x, y = crowd
    net = trained([ns.Dense(8), ns.BatchNorm("relu"), ns.Dense(6, "softmax")], x, y)
    card = report_card(net, x, y)
    silent = [float((net.activations(x, 2, j) == 0.0).mean()) for j in range(8)]
    assert card.dead_fraction[:8].tolist() == pytest.approx(silent) and 0.1 < max(silent) < 1.0


def test_it_is_the_same_in_float32(crowd):
    x, y = crowd
    net = trained([ns.Dense(20, "relu"), ns.Dense(12, "tanh"), ns.Dense(6, "softmax")], x, y, dtype="float32")
    card = report_card(net, x, y).set_index(["layer", "neuron"])
    base = accuracy(net, x, y)
    for index, n in ((1, 20), (2, 12), (3, 6)):
        for j in range(n):
            assert card.accuracy_lost[index, j] == pytest.approx(base - without(net, x, y, index, j), abs=1e-12)


# --- off and saturated ---------------------------------------------------------------------------------------------

# what the documentation says, written out: where each activation is off, and where it is saturated
OFF = {
    "relu": lambda z, f: z <= 0,
    "relu6": lambda z, f: z <= 0,
    **dict.fromkeys(("gelu", "silu", "mish", "softplus", "elu", "selu"), lambda z, f: z <= 0 and f),
}
SATURATED = {
    "relu6": lambda z, f: z >= 6,
    "hard_tanh": lambda z, f: abs(z) >= 1,
    **dict.fromkeys(("sigmoid", "tanh", "softsign"), lambda z, f: f),
}
MAXIMUM = {"sigmoid": 0.25, "gelu": 1.12899, "silu": 1.09984, "mish": 1.08853, "selu": 1.0507009873554805 * 1.6732632}


@pytest.mark.parametrize("key", [key for key in ns.ACTIVATIONS if key != "softmax"])
def test_off_and_saturated_are_as_documented(key):
    net = ns.Network([ns.Input(1), ns.Dense(1, key), ns.Dense(2, "linear")], loss="mse", dtype="float64")
    net[1].W, net[1].b = 1.0, 0.0
    x = np.linspace(-12.0, 12.0, 1201)[:, None]
    slope = reference.ACTIVATIONS[key][1]
    flat = [abs(slope(z)) < 0.01 * MAXIMUM.get(key, 1.0) for z in x[:, 0].tolist()]
    row = report_card(net, x, np.zeros(len(x), int)).iloc[0]
    for figure, rule in (("dead_fraction", OFF), ("saturated_fraction", SATURATED)):
        expected = sum(rule.get(key, lambda z, f: False)(z, f) for z, f in zip(x[:, 0].tolist(), flat, strict=True))
        assert row[figure] == pytest.approx(expected / len(x), abs=2.1 / len(x)), figure
    assert row.dead_fraction + row.saturated_fraction < 0.95


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_leaky_and_linear_neurons_are_never_off(dtype, crowd):
    x, y = crowd
    net = ns.Network([ns.Input(5), ns.Dense(8, "leaky_relu"), ns.Dense(8), ns.Dense(6, "softmax")], dtype=dtype)
    card = report_card(net, x, y)
    assert not card[card.layer < 3][["dead_fraction", "saturated_fraction"]].to_numpy().any()


def test_softmax_is_saturated_where_it_is_certain(crowd):
    x, y = crowd
    net = NETWORKS["relu"](x, y)
    net[3].W *= 4.0
    card = report_card(net, x, y)
    a = net.predict_proba(x)
    np.testing.assert_allclose(card[card.layer == 3].saturated_fraction, (a * (1.0 - a) < 0.0025).mean(axis=0))


def test_a_dead_neuron_and_a_forced_one(crowd):
    x, y = crowd
    net = NETWORKS["relu"](x, y)
    net[1][2].bias = -1e6
    net[1][5].clamp(0.5)
    card = report_card(net, x, y)
    for j in (2, 5):
        assert card.dead_fraction[j] == 1.0 and card.saturated_fraction[j] == 0.0
        assert card.selectivity[j] == 0.0 and card.gradient_norm[j] == 0.0 and card.variance[j] == 0.0
        assert card.iloc[j].isna()[["strongest_class", "weakest_class", "most_similar", "correlation"]].all()
    assert card.accuracy_lost[2] == 0.0 and card.mean_activation[5] == pytest.approx(0.5)


# --- what surrounds it ---------------------------------------------------------------------------------------------


def test_the_network_is_left_unchanged(full_net, blobs):
    x, y = blobs
    net = full_net()
    net.fit(x, y, epochs=2, verbose=False)
    twin = copy.deepcopy(net)
    for call in (
        lambda: report_card(net, x, y),
        lambda: compare(net, copy.deepcopy(net), x, y),
        lambda: maximizing_input(net, 4, 1, steps=5),
    ):
        call()
        np.testing.assert_array_equal(net.parameters.theta, twin.parameters.theta)
        np.testing.assert_array_equal(net.parameters.grad, twin.parameters.grad)
        one, other = net.snapshot(), twin.snapshot()
        assert one["scalars"] == other["scalars"] and one["streams"] == other["streams"]
        for name, array in one["arrays"].items():
            np.testing.assert_array_equal(array, other["arrays"][name], err_msg=name)
    for each in (net, twin):
        each.fit(x, y, epochs=1, verbose=False)
    np.testing.assert_array_equal(net.parameters.theta, twin.parameters.theta)


def test_one_hot_rows_are_classes_and_other_rows_are_not(crowd):
    x, y = crowd
    net = trained([ns.Dense(4, "tanh"), ns.Dense(6, "linear")], x, y, loss="mse")
    rows = np.eye(6)[y]
    assert report_card(net, x, rows).equals(report_card(net, x, y))
    card = report_card(net, x, rows + 0.25)
    assert card[["strongest_class", "weakest_class", "selectivity", "accuracy_lost"]].isna().all(axis=None)
    assert not card[["mean_activation", "gradient_norm", "most_similar", "correlation"]].isna().any(axis=None)


def test_classes_that_do_not_occur(crowd):
    x, y = crowd
    net = NETWORKS["relu"](x, y)
    some = (y == 1) | (y == 4)
    card = report_card(net, x[some], y[some])
    assert set(card.strongest_class) | set(card.weakest_class) == {1, 4}
    one = report_card(net, x[y == 1], y[y == 1])
    assert one.strongest_class.isna().all() and not one.selectivity.any()
    single = report_card(net, x[0], y[:1])
    assert not single.variance.any() and single.correlation.isna().all()


def test_a_diverged_network_has_a_report_card(crowd):
    x, y = crowd
    net = NETWORKS["relu"](x, y)
    net[1].W[0, 0] = np.nan
    card = report_card(net, x, y)
    assert math.isnan(card.mean_activation[0]) and math.isnan(card.selectivity[0])
    assert len(card) == 21 and math.isfinite(card.mean_activation[1])


def test_wrong_data_are_refused(make_net, blobs, refused):
    x, y = blobs
    net = make_net()
    with refused("expected at least one sample", "received none", error=ns.ShapeError):
        report_card(net, x[:0], y[:0])
    with refused("expected samples of 5 numbers", error=ns.ShapeError):
        report_card(net, x[:, :4], y)
    with refused("labels: expected 90", error=ns.ShapeError):
        report_card(net, x, y[:-1])
    with refused("labels: expected whole numbers from 0 to 2"):
        report_card(net, x, y + 1)


def test_memory_does_not_grow_with_the_samples(peak_memory):
    net = ns.Network([ns.Input(20), ns.Dense(30, "relu"), ns.Dense(4, "softmax")])
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (8192, 20), dtype=np.uint8), rng.integers(0, 4, 8192)
    net.predict(x[:256])
    small, large = (peak_memory(lambda n=n: report_card(net, x[:n], y[:n]), repeats=1) for n in (1024, 8192))
    targets = 7168 * 4 * (4 + 4 + 1 + 8)  # one-hot rows, what is needed to check them, and class indices
    assert large - small < 2 * targets


def test_ten_thousand_images_take_seconds():
    net = ns.Network([ns.Input(784), ns.Dense(128, "relu"), ns.Dense(64, "relu"), ns.Dense(10, "softmax")])
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (10_000, 28, 28), dtype=np.uint8), rng.integers(0, 10, 10_000)
    start = time.perf_counter()
    report_card(net, images, labels)
    assert time.perf_counter() - start < 10.0


def test_class_indices():
    assert class_indices(np.array([[0.2, 0.8]])) is None and class_indices(np.array([[1.0, 1.0]])) is None
    assert class_indices(np.array([[0.0], [1.0]])).tolist() == [0, 1]
    assert class_indices(np.eye(3)[[2, 0]]).tolist() == [2, 0]


# --- before and after ----------------------------------------------------------------------------------------------


def test_comparison_is_counted_sample_by_sample(crowd):
    x, y = crowd
    before = NETWORKS["relu"](x, y)
    after = copy.deepcopy(before)
    after[1][0].ablate()
    after[2][3].ablate()
    later = copy.deepcopy(after)
    later.fit(x, y, epochs=2, verbose=False)
    result = compare(before, after, x, y, later)
    guesses = [net.predict(x).tolist() for net in (before, after, later)]
    assert result.count == 700 and result.changed == sum(p != q for p, q in zip(*guesses[:2], strict=True)) > 0
    frame = result.to_frame()
    assert list(frame.columns) == ["samples", "before", "after", "change", "later"]
    for name, guess in zip(("before", "after", "later"), guesses, strict=True):
        for k in range(6):
            of_class = [p == k for p, label in zip(guess, y, strict=True) if label == k]
            assert frame.loc[k, name] == pytest.approx(sum(of_class) / len(of_class))
            assert frame.loc[k, "samples"] == len(of_class)
        assert frame.loc["all", name] == pytest.approx(sum(p == q for p, q in zip(guess, y, strict=True)) / 700)
    assert result.losses == tuple(net.evaluate(x, y)["loss"] for net in (before, after, later))
    one, two, three = result.accuracies
    assert result.change == two - one < 0.0
    assert result.recovery == pytest.approx((three - two) / (one - two))
    text = repr(result)
    assert f"{result.changed} of 700 samples" in text and f"{percent(result.recovery, 0)} of the lost accuracy" in text
    assert " -> ".join(percent(each, 2) for each in (one, two, three)) in text and len(text.splitlines()) == 3 + 1 + 9


def test_comparison_without_a_change(crowd):
    x, y = crowd
    net = NETWORKS["relu"](x, y)
    result = compare(net, copy.deepcopy(net), x, y)
    assert result.changed == 0 and result.change == 0.0 and math.isnan(result.recovery)
    assert "later" not in result.to_frame() and "recover" not in repr(result)
    rows = repr(compare(net, copy.deepcopy(net), x[y == 2], y[y == 2])).splitlines()
    assert re.fullmatch(r"0 +0 +none +none +none", rows[5]) and rows[7].endswith("0.00 points")
    assert "nothing to recover" in repr(compare(net, copy.deepcopy(net), x, y, copy.deepcopy(net)))
    only = compare(net, copy.deepcopy(net), x[y == 2], y[y == 2]).to_frame()
    assert math.isnan(only.before[0]) and only.samples[0] == 0 and only.before[2] == only.before["all"]


def test_comparison_of_one_output(crowd):
    x, y = crowd
    net = NETWORKS["one output"](x, y)
    twin = copy.deepcopy(net)
    twin[1][0].ablate()
    frame = compare(net, twin, x, y % 2).to_frame()
    assert list(frame.index) == [0, 1, "all"] and frame.before["all"] == accuracy(net, x, y % 2)


def test_comparison_refuses_what_it_cannot_compare(make_net, blobs, refused):
    x, y = blobs
    net = make_net()
    with refused("received one network twice", "copy.deepcopy(net)"):
        compare(net, net, x, y)
    with refused("at least one sample", error=ns.ShapeError):
        compare(net, make_net(), x[:0], y[:0])
    with refused("not class labels"):
        linear = make_net(output="linear", loss="mse")
        compare(linear, copy.deepcopy(linear), x, np.eye(3)[y] + 0.5)


# --- what a neuron likes to see ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("index", "j"), [(1, 3), (2, 2), (4, 1), (5, 0), (-1, 2)])
def test_gradient_on_the_input_is_that_of_central_differences(full_net, index, j):
    net = full_net(dtype="float64")
    rng = np.random.default_rng(0)
    net[2].running_mean[...], net[2].running_variance[...] = rng.normal(size=8), rng.uniform(0.5, 2.0, 8)
    net[2].gamma, net[2].beta = rng.normal(size=8), rng.normal(size=8)
    x, h = rng.uniform(size=5), 1e-6

    def z(x):
        net.predict_proba(x[None, :])
        return net[index].z[0, j]

    numeric = [(z(x + h * e) - z(x - h * e)) / (2.0 * h) for e in np.eye(5)]
    np.testing.assert_allclose(_input_gradient(net, net[index], j, x), numeric, rtol=1e-6, atol=1e-9)


def test_first_layer_has_a_known_summit():
    net = ns.Network([ns.Input((7, 9)), ns.Dense(4, "relu"), ns.Dense(3, "softmax")], seed=3)
    w = net[1].W[:, 2]
    scaled = w / np.sqrt(np.mean(w**2))
    image, a = maximizing_input(net, 1, 2, l2=0.0, smooth=0.0, steps=3000)
    clear = np.abs(scaled) > 0.01  # the others do not get there in time
    np.testing.assert_array_equal(image.ravel()[clear], (w > 0)[clear])
    assert image.shape == (7, 9) and image.dtype == np.float32 and a == pytest.approx(w[w > 0].sum(), rel=1e-3)
    image, _ = maximizing_input(net, 1, 2, l2=2.0, smooth=0.0)
    np.testing.assert_allclose(image.ravel(), np.clip(scaled / 2.0, 0.0, 1.0), atol=1e-4)


@pytest.mark.parametrize(("index", "j"), [(1, 0), (2, 5), (3, 4)])
def test_it_excites_more_than_any_sample(index, j):
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(500, 64))
    net = ns.Network([ns.Input(64), ns.Dense(12, "relu"), ns.Dense(8, "tanh"), ns.Dense(6, "softmax")], seed=4)
    net.predict(x[:200])
    highest = net[index].a[:, j].max()
    image, a = maximizing_input(net, index, j, l2=0.1, smooth=0.0)  # weaker penalties than by default
    assert image.shape == (64,) and image.min() >= 0.0 and image.max() <= 1.0 and a > highest
    net.predict(image[None, :])
    assert net[index].a[0, j] == pytest.approx(a, rel=1e-6)
    again, _ = maximizing_input(net, index, j, l2=0.1, smooth=0.0)
    np.testing.assert_array_equal(image, again)
    assert not np.array_equal(image, maximizing_input(net, index, j, seed=1, steps=20)[0])


def test_smoothing_evens_out_the_image():
    net = ns.Network([ns.Input((8, 8)), ns.Dense(3, "relu"), ns.Dense(3, "softmax")], seed=4)

    def roughness(smooth):
        image = maximizing_input(net, 1, 0, smooth=smooth)[0].reshape(8, 8)
        return np.abs(np.diff(image, axis=0)).sum() + np.abs(np.diff(image, axis=1)).sum()

    assert roughness(2.0) < 0.6 * roughness(0.5) < 0.6 * roughness(0.0)


def test_a_neuron_that_no_path_leads_to():
    net = ns.Network([ns.Input(16), ns.Dense(3, "relu"), ns.Dense(2, "softmax")])
    net[1].b = -1e6
    image, a = maximizing_input(net, 2, 0)
    assert a == pytest.approx(0.5) and image.shape == (16,)


def test_wrong_settings_of_the_ascent_are_refused(make_net, refused):
    net = make_net()
    with refused("layers 0 (input) to 3", error=ns.OutOfRangeError):
        maximizing_input(net, 7, 0)
    with refused("neurons 0 to 7", error=ns.OutOfRangeError):
        maximizing_input(net, 1, 8)
    with refused("a layer above the input", error=ns.OutOfRangeError):
        maximizing_input(net, 0, 0)
    with refused("steps: expected a whole number"):
        maximizing_input(net, 1, 0, steps=0)
    with refused("rate: expected at most", "oscillates"):
        maximizing_input(net, 1, 0, rate=0.5)
    for name in ("rate", "l2", "smooth"):
        with refused(f"{name}: expected a finite number"):
            maximizing_input(net, 1, 0, **{name: -1.0})


def test_samples_without_labels_are_told_from_a_data_set(refused):
    with refused("samples and their labels", "ndarray"):
        network().report(X)
