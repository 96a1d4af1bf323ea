"""Tables of weights and predicted numbers show the numbers that they are given."""

import numpy as np
import pytest
from figure_checks import assert_legible, line, texts, title, words
from matplotlib.colors import to_rgb

import viz

NAMES = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
W = np.random.default_rng(2).normal(size=(4, 6)).round(3)


def cells(ax):
    """(feature, neuron) -> what is written there."""
    found = [text for text in texts(ax) if text.get_transform() == ax.transData]
    return {tuple(round(c) for c in text.get_position()[::-1]): text.get_text() for text in found}


def test_a_weight_table_writes_each_weight_in_its_cell():
    ax = viz.weight_table(W, NAMES)
    written = cells(ax)
    assert set(written) == {(i, j) for i in range(4) for j in range(6)}
    for (i, j), text in written.items():
        assert float(text.replace("\u2212", "-")) == pytest.approx(W[i, j], abs=0.0051)
    assert np.array_equal(ax.images[0].get_array(), W)
    assert ax.images[0].get_clim() == pytest.approx((-np.abs(W).max(), np.abs(W).max()))  # white is zero
    assert [label.get_text() for label in ax.get_yticklabels()] == NAMES and ax.get_ylim()[0] > ax.get_ylim()[1]
    assert [label.get_text() for label in ax.get_xticklabels()] == list("012345")
    assert "6 neurons" in title(ax) and ax.get_xlabel() == "neuron"
    assert_legible(ax)


def test_every_number_stands_out_from_its_colour():
    ax = viz.weight_table(W, NAMES)
    image = ax.images[0]
    for text in texts(ax):
        if text.get_transform() == ax.transData:
            column, row = map(round, text.get_position())
            paper = np.dot(image.cmap(image.norm(W[row, column]))[:3], (0.299, 0.587, 0.114))
            assert abs(paper - np.dot(to_rgb(text.get_color()), (0.299, 0.587, 0.114))) > 0.4


def test_neurons_keep_their_numbers_and_weights_their_unit():
    ax = viz.weight_table(W[:, :1], NAMES, title="Neuron 17", unit="per centimetre", neurons=[17])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["17"] and title(ax) == "Neuron 17"
    assert "weights per centimetre" in words(ax)
    assert_legible(ax)


def test_many_neurons_have_colours_without_numbers():
    wide = np.random.default_rng(0).normal(size=(3, 128))
    ax = viz.weight_table(wide, ["a", "b", "c"])
    assert cells(ax) == {} and np.array_equal(ax.images[0].get_array(), wide)
    assert_legible(ax)


def test_long_names_are_shortened_and_zeros_are_white():
    ax = viz.weight_table(np.zeros((2, 2)), ["x" * 90, "b"])
    assert len(ax.get_yticklabels()[0].get_text()) <= 32 and cells(ax)[0, 0] == "0.00"
    assert_legible(ax)


@pytest.mark.parametrize(("weights", "names", "more", "word"), [
    (W, NAMES[:3], {}, "(3, n)"), (W[0], NAMES[:1], {}, "(1, n)"), (np.zeros((0, 3)), [], {}, "(0, n)"),
    (W * np.nan, NAMES, {}, "finite"), (W, NAMES, {"neurons": [1]}, "expected 6 numbers"),
])  # fmt: skip
def test_weights_and_names_that_do_not_fit_are_refused(weights, names, more, word, refused):
    with refused(word):
        viz.weight_table(weights, names, **more)


# -- predictions -----------------------------------------------------------------------------------------------------


def test_predictions_stand_over_their_targets():
    true, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    figure = viz.predicted_and_true(true, predicted, ["price"])
    (ax,) = figure.axes
    assert line(ax, "samples").get_xydata().tolist() == [[1.0, 1.5], [2.0, 2.0], [4.0, 3.0]]
    assert line(ax, "right").get_xydata().tolist() == [[1.0, 1.0], [4.0, 4.0]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("true price", "predicted price")
    assert title(ax) == "root mean square error 0.645"  # sqrt((0.25 + 0 + 1) / 3)
    assert "3 predictions" in words(figure)
    assert_legible(ax, figure._suptitle)


@pytest.mark.quick_for("1", "2")
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_each_target_has_a_panel(count):
    rng = np.random.default_rng(count)
    true = rng.normal(size=(20, count))
    predicted = true + 0.1 * np.arange(1, count + 1)
    figure = viz.predicted_and_true(true, predicted)
    assert len(figure.axes) == count
    for k, ax in enumerate(figure.axes):
        assert np.allclose(line(ax, "samples").get_xydata(), np.column_stack([true[:, k], predicted[:, k]]))
        assert title(ax) == f"root mean square error {0.1 * (k + 1):g}"
        assert ax.get_xlabel() == ("true target" if count == 1 else f"true target {k}")
        assert_legible(ax)


@pytest.mark.parametrize(("true", "predicted", "names", "word"), [
    (np.zeros(3), np.zeros(2), (), "(3,)"), (np.zeros((3, 2)), np.zeros(6), (), "(3, 2)"),
    (np.zeros(0), np.zeros(0), (), "(0,)"), (np.zeros((3, 2)), np.zeros((3, 2)), ["a"], "names: expected 2"),
])  # fmt: skip
def test_predictions_that_do_not_fit_are_refused(true, predicted, names, word, refused):
    with refused(word):
        viz.predicted_and_true(true, predicted, names)
