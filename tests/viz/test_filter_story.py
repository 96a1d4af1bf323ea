"""The story and the film of a filter show its trace, at its place, in every kind of convolutional and pooling layer."""

import itertools

import numpy as np
import pytest
from figure_checks import assert_story_legible, story_words as words
from matplotlib.colors import to_rgba

import neurosim as ns
import viz
from neurosim.walk import STAGES, figure_words
from viz.film import stage_caption
from viz.filters import FIELD, channel_sheet
from viz.neuron import draw_story
from viz.page import HEIGHT


def traced(layer, j, layers, shape=(28, 28), place=None, change=lambda net: None, spread=1.0):
    """A trace of filter j of a layer of a network, whose biases are not 0."""
    rng = np.random.default_rng(3)
    net = ns.Network([ns.Input(shape), *layers, ns.Dense(10, "softmax")], seed=2, dtype="float64")
    for each in net.layers[1:]:
        if "b" in each.views:
            each.b = rng.normal(size=each.b.shape) * 0.1
    change(net)
    trace = net.trace(rng.random((1, *shape)) * spread, np.eye(10)[4])[layer][j]
    return trace if place is None else trace.at(*place)


def kill(net):
    net[1].W, net[1].b = 0.0, -1.0


def lenet():
    return [ns.Conv2D(4, 5, "relu"), ns.MaxPool2D(2), ns.Conv2D(6, 3, "relu"), ns.MaxPool2D(2)]


KINDS = {
    "first layer": lambda: traced(1, 2, lenet()),
    "second layer": lambda: traced(3, 5, lenet()),
    "lost": lambda: losing(traced(1, 2, lenet())),
    "one filter of 1 x 1": lambda: traced(1, 0, [ns.Conv2D(1, 1, "tanh"), ns.AveragePool2D(2)]),
    "as large as the image": lambda: traced(1, 3, [ns.Conv2D(12, 28, "tanh")]),
    "in colour": lambda: traced(1, 3, [ns.Conv2D(6, 5, "tanh")], (12, 11, 3)),
    "64 channels": lambda: traced(2, 3, [ns.Conv2D(64, 3, "relu"), ns.Conv2D(6, 3, "tanh")], (12, 11)),
    "on padding": lambda: traced(1, 1, [ns.Conv2D(2, 5, "tanh", 2, "same")], (9, 9), (0, 0)),
    "overlapping windows": lambda: traced(1, 1, [ns.Conv2D(2, 3, "tanh"), ns.MaxPool2D(3, 1)], (9, 9)),
    "dead": lambda: traced(1, 1, [ns.Conv2D(3, 3, "relu")], (9, 9), change=kill),
    "tiny": lambda: traced(1, 1, [ns.Conv2D(3, 3, "tanh"), ns.MaxPool2D(2)], (9, 9), spread=1.2345e-7),
    "without bias": lambda: traced(1, 1, [ns.Conv2D(3, 3, "tanh", use_bias=False)], (9, 9)),
    "penalty": lambda: traced(1, 1, [ns.Conv2D(3, 3, "tanh", regularizer="l2")], (9, 9)),
}


def losing(trace):
    """A filter of that layer at a place where it is active, and that no window passes on."""
    for j, place in itertools.product(range(4), np.ndindex(trace.place_deltas.shape)):
        other = trace.trace[trace.layer][j].at(*place)
        if other.a > 0.0 and not len(other.downstream_products):
            return other
    raise AssertionError


def outlined(ax):
    """The outline in a picture, as rows and columns."""
    found = [each for each in ax.patches if each.get_gid() == "field"]
    assert all(each.get_edgecolor() == to_rgba(FIELD) for each in found)
    return [
        (
            slice(round(each.get_y() + 0.5), round(each.get_y() + 0.5 + each.get_height())),
            slice(round(each.get_x() + 0.5), round(each.get_x() + 0.5 + each.get_width())),
        )
        for each in found
    ]


@pytest.mark.quick_every(7)
@pytest.mark.parametrize("kind", KINDS)
def test_a_filter_is_drawn_as_it_is_traced_and_nothing_overlaps(kind):
    trace = KINDS[kind]()
    figure, page, _ = draw_story(trace, None, None, HEIGHT)
    cells = [cell.frame.get_window_extent() for cell in page.cells]
    for text, box in assert_story_legible(figure):
        home = [cell for cell in cells if cell.contains(box.x0, (box.y0 + box.y1) / 2)]
        assert not home or box.x1 <= home[0].x1 + 1, text
    said = words(figure)
    assert f"Filter {trace.index} of layer {trace.layer}" in said
    assert f"at row {trace.row}, column {trace.column}: what it does with" in said
    axes = [ax for ax in figure.axes if ax.images]
    pictures = [np.asarray(ax.images[0].get_array().filled(np.nan)) for ax in axes]
    sheet = [
        channel_sheet(values.reshape(trace.patch_shape)) for values in (trace.inputs, trace.weights, trace.products)
    ]
    sample = trace.trace.flows[0]["a"].reshape(trace.trace.network.input.out_shape)
    np.testing.assert_array_equal(pictures[0], sheet[0])
    np.testing.assert_array_equal(pictures[1], sample if sample.ndim == 2 else sample.mean(axis=2))
    np.testing.assert_array_equal(pictures[2], sheet[1])
    np.testing.assert_array_equal(pictures[3], sheet[2])
    assert outlined(axes[1]) == [trace.receptive_field]
    rest = pictures[4:]
    if trace.place_deltas.any():
        if trace.place_deltas.size > 1:  # the deltas of all places, this one outlined
            np.testing.assert_array_equal(rest.pop(0), trace.place_deltas)
            here = (slice(trace.row, trace.row + 1), slice(trace.column, trace.column + 1))
            assert outlined(axes[4]) == [here]
            assert f"its δ at {trace.place_deltas.size} places" in said
        np.testing.assert_array_equal(rest.pop(0), channel_sheet(trace.dL_dW.reshape(trace.patch_shape)))
    if np.any(trace.weights_after != trace.weights):
        change = trace.weights_after - trace.weights
        np.testing.assert_array_equal(rest.pop(0), channel_sheet(change.reshape(trace.patch_shape)))
    assert not rest
    for ax in axes[2:]:
        low, high = ax.images[0].get_clim()
        assert low == -high


@pytest.mark.quick_every(3)
@pytest.mark.parametrize("kind", KINDS)
def test_captions_of_a_filter_are_one_line_each_and_true(kind):
    trace = KINDS[kind]()
    lines = [stage_caption(stage) for stage in trace.stages()]
    assert len(lines) == len(STAGES) and all(0 < len(line) < 110 and "\n" not in line for line in lines)
    assert ("a patch of" in lines[0] and "rows" in lines[0]) or trace.patch_shape[0] == 1
    above = {"windows": "over the windows of", "units": "over the units of", "neurons": "over the neurons of"}
    assert above[trace.downstream_kind] in lines[5]


@pytest.mark.full
def test_the_result_of_a_pooling_window_is_written():
    won = " ".join(words(viz.neuron_story(traced(1, 2, lenet()))).split())
    assert "over 1 window k of layer 2" in won and "passes this place on" in won
    lost = " ".join(words(viz.neuron_story(losing(traced(1, 2, lenet())))).split())
    assert (
        "over 0 windows k of layer 2" in lost
        and "does not pass this place on" in lost
        and "No window passes it on" in lost
    )
    assert "over 24 units k of layer 2" in words(
        viz.neuron_story(traced(1, 2, [ns.Conv2D(4, 2, "tanh"), ns.Conv2D(6, 2, "tanh")], (6, 6), (2, 2)))
    )


@pytest.mark.full
def test_inputs_name_their_layer_and_weights_their_place_in_the_kernel():
    said = words(viz.neuron_story(traced(3, 5, lenet())))
    assert "36 inputs of layer 2" in said and "w of kernel" in said and "on filter" in said
    (trace,) = [traced(1, 2, lenet())]
    rows, columns = trace.field
    assert f"rows {rows.start} to {rows.stop - 1}, columns {columns.start} to {columns.stop - 1}" in words(
        viz.neuron_story(trace)
    )


@pytest.mark.full
def test_a_film_of_a_filter(tmp_path):
    from PIL import Image

    path = viz.neuron_film(traced(1, 2, [ns.Conv2D(4, 3, "relu"), ns.MaxPool2D(2)], (9, 9)), tmp_path / "walk.gif")
    with Image.open(path) as film:
        assert film.n_frames == len(STAGES)


def test_the_line_that_says_how_to_read_the_picture_is_whole():
    said = words(viz.neuron_story(traced(1, 0, [ns.Conv2D(1, 3)], (6, 6))))
    assert "each scale is centred on zero" in said and figure_words.FIGURE["how to read it"][:18] in said
