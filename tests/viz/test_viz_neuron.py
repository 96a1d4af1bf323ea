"""The story of one neuron says what its trace says, in every kind of neuron, and nothing overlaps."""

import sys

import matplotlib
import numpy as np
import pytest
from figure_checks import assert_story_legible as assert_legible, story_words as words
from matplotlib.figure import Figure

import neurosim as ns
import viz
from neurosim.activations import ACTIVATIONS
from neurosim.errors import NeurosimError, ShapeError
from neurosim.text import short, short_pair
from neurosim.walk import STAGES, Trace, stages
from viz.film import _indexed, stage_caption
from viz.neuron import _draw_activation, draw_story
from viz.page import HEIGHT, Page

ALL = sorted(ACTIVATIONS)


def make_net(n_in, k, act, shape, width, output=None, use_bias=True, **settings):
    """A network whose layer `at` has `width` neurons of that activation, which look at `n_in` numbers and feed `k`."""
    hidden = [] if shape else [ns.Dense(n_in, "relu")]
    own = [ns.Dense(width, act, use_bias=use_bias)] if k else []
    last = ns.Dense(10, output or ("softmax" if k else act), use_bias=use_bias or bool(k))
    above = [ns.Dense(k, "linear")] if k and k != 10 else []
    layers = [ns.Input(shape or 20), *hidden, *own, *above, last]
    return ns.Network(layers, **{"dtype": "float64", "seed": n_in + k} | settings)


def make_trace(
    n_in=128, k=64, act="relu", shape=None, z=None, a=None, scale=1.0, label=4, index=7, sample=12, x=None,
    change=lambda net, at: None, **settings,
):  # fmt: skip
    """A real trace of a neuron that looks at `n_in` numbers and feeds `k` others, with its z where it is wanted."""
    rng = np.random.default_rng(n_in + k)
    net = make_net(n_in, k, act, shape, max(12, index + 1), **settings)
    at = 1 if shape else 2
    x = np.maximum(rng.normal(size=n_in if shape else 20), 0) * scale if x is None else x
    y = np.full(10, 0.1) if label is None else np.eye(10)[label]
    neuron = net[at][index]
    neuron.weights[...] *= scale
    if a is not None:  # of a softmax whose other outputs are all alike
        net[at].W, net[at].b = 0.0, 0.0
        neuron.bias = np.log(9 * a / (1 - a))
    if z is not None:
        net.predict(x[None])
        neuron.bias = z - neuron.z[0]
    change(net, at)
    return Trace(net, x[None], y, sample)[at][index]


def diverge(net, at):
    net.parameters.theta[...] = np.nan


def remember(net, at):
    """Let Adam move everything by a remembered gradient."""
    net.optimizer.state["m"][...], net.optimizer.state["v"][...] = 1e-3, 1e-6


KINDS = {
    "image": make_trace(784, 64, shape=(28, 28), z=1.0),
    "hidden": make_trace(128, 10, z=1.0),
    "many downstream": make_trace(784, 800, "tanh"),
    "right output": make_trace(64, 0, "softmax", label=7, a=0.9999996),
    "wrong output": make_trace(64, 0, "softmax", label=None),
    "no shortcut": make_trace(64, 0, "softmax", loss="mse"),
    "sigmoid output": make_trace(64, 0, "sigmoid", loss="binary_cross_entropy"),
    "mse output": make_trace(64, 0, "sigmoid", loss="mse", label=7),
    "hinge output": make_trace(64, 0, "linear", loss="hinge"),
    "dead": make_trace(784, 64, shape=(28, 28), z=-2.0),
    "one input": make_trace(1, 1),
    "long numbers": make_trace(
        128, 64, scale=12345.678, index=1234, sample=59999, loss="mse", output="linear", optimizer=ns.SGD(1e-12),
    ),
    "tiny numbers": make_trace(128, 64, "sigmoid", scale=1.2345e-7, z=0.1),
    "wide image": make_trace(60, 3, "leaky_relu", shape=(3, 20)),
    "strip": make_trace(50, 12, shape=(1, 50)),
    "four pixels": make_trace(4, 2, "sigmoid", shape=(2, 2, 1)),
    "in colour": make_trace(48, 2, shape=(4, 4, 3)),
    "diverged": make_trace(128, 10, change=diverge),
    "far right": make_trace(128, 10, "relu6", z=250.0),
    "shared softmax": make_trace(30, 10, "softmax"),
    "forced": make_trace(30, 10, "tanh", change=lambda net, at: net[at][7].clamp(0.75)),
    "frozen with penalty": make_trace(20, 5, regularizer="l1", z=1.0, change=lambda net, at: net[at][7].freeze()),
    "without bias": make_trace(20, 5, use_bias=False),
}  # fmt: skip


@pytest.mark.quick_every(10)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_overlaps_or_leaves_its_cell_at_1200_pixels(kind):
    figure, page, _ = draw_story(KINDS[kind], None, None, HEIGHT)
    assert isinstance(figure, Figure) and figure.bbox.width == 1200
    cells = [cell.frame.get_window_extent() for cell in page.cells]
    for text, box in assert_legible(figure):
        home = [cell for cell in cells if cell.contains(box.x0, (box.y0 + box.y1) / 2)]
        assert not home or box.x1 <= home[0].x1 + 1, text


@pytest.mark.parametrize("key", ALL)
def test_every_activation(key):
    trace = make_trace(20, 0 if key == "softmax" else 5, key)
    figure = viz.new_figure(height=HEIGHT)
    page = Page(figure, HEIGHT)
    told = {stage.key: stage for stage in trace.stages()}
    _draw_activation(page, page.cell(1, 0, (3, 7), "activation"), trace, told)
    (point,) = figure.findobj(lambda each: each.get_gid() == "point")
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (trace.z, trace.a)
    (tangent,) = figure.findobj(lambda each: each.get_gid() == "tangent")
    (x0, x1), (y0, y1) = tangent.get_data()
    assert (y1 - y0) / (x1 - x0) == pytest.approx(trace.da_dz)
    assert trace.curve(np.array([trace.z]))[0] == pytest.approx(trace.a)
    above, below = (trace.curve(np.array([trace.z + h]))[0] for h in (1e-6, -1e-6))
    assert (above - below) / 2e-6 == pytest.approx(trace.da_dz, abs=1e-5)


def test_images_are_the_arrays_and_signed_maps_are_centred():
    trace = KINDS["image"]
    figure = viz.neuron_story(trace)
    pictures = [ax.images[0] for ax in figure.axes if ax.images]
    change = trace.weights_after - trace.weights
    for picture, values in zip(
        pictures, (trace.inputs, trace.weights, trace.products, trace.dL_dW, change), strict=True
    ):
        np.testing.assert_array_equal(picture.get_array(), values.reshape(28, 28))
        low, high = picture.get_clim()
        assert low <= values.min() and high >= values.max()
        assert low == (0 if values is trace.inputs else -high)


@pytest.mark.full
def test_signed_inputs_get_a_signed_map():
    x = np.linspace(-1, 2, 4)
    figure = viz.neuron_story(make_trace(4, 2, shape=(2, 2), x=x))
    assert next(ax.images[0] for ax in figure.axes if ax.images).get_clim() == (-2, 2)


def test_bars_are_the_largest_terms_and_the_rest():
    trace = KINDS["hidden"]
    figure = viz.neuron_story(trace)
    bars = [[bar.get_width() for bar in ax.patches] for ax in figure.axes if len(ax.patches) >= 9]
    top = np.argsort(-np.abs(trace.products), kind="stable")[:9]
    inputs, weights, products, downstream, gradient, change = bars
    np.testing.assert_array_equal(inputs, trace.inputs[top])
    np.testing.assert_array_equal(weights, trace.weights[top])
    np.testing.assert_array_equal(products[:9], trace.products[top])
    assert sum(products) == pytest.approx(trace.products.sum())
    np.testing.assert_array_equal(downstream, trace.downstream_products)
    assert np.abs(gradient).max() == np.abs(trace.dL_dW).max()
    assert np.abs(change).max() == np.abs(trace.weights_after - trace.weights).max()
    centred = [ax.get_xlim() for ax in figure.axes if len(ax.patches) >= 9][1:]
    assert all(low == -high for low, high in centred)


def table_trace(names, targets=None):
    """A real trace of a neuron that looks at the columns of a table."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, len(names))), rng.integers(0, 3, 40)
    labels = y if targets is None else rng.normal(size=(40, targets)) * 100
    data = ns.data.Dataset(
        x, labels, "flowers", "train", "drawn in a test", ("a", "b", "c") if targets is None else (),
        feature_names=tuple(names), scaling="standardize",
    )  # fmt: skip
    last = ns.Dense(3, "softmax") if targets is None else ns.Dense(targets, "linear")
    net = ns.Network(
        [ns.Input(len(names)), ns.Dense(5, "tanh"), last], loss="cross_entropy" if targets is None else "mse", seed=0
    )
    net.fit(data, epochs=1, batch_size=8, verbose=False)
    return net.trace(x[0], labels[0])[1][2]


@pytest.mark.quick_for("many")
@pytest.mark.parametrize("names", [
    ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"],
    ["x", "a name with far more letters than any cell of the picture has room for", "W" * 40],
    [f"column number {k} of a wide table" for k in range(30)],
], ids=["iris", "far too long", "many"])  # fmt: skip
def test_bars_of_features_with_long_names_stay_in_their_cells(names):
    neuron = table_trace(names)
    figure, page, _ = draw_story(neuron, None, None, HEIGHT)
    cells = [cell.frame.get_window_extent() for cell in page.cells]
    for text, box in assert_legible(figure):
        home = [cell for cell in cells if cell.contains(box.x1, (box.y0 + box.y1) / 2)]
        assert not home or (home[0].x0 - 1 <= box.x0 and box.x1 <= home[0].x1 + 1), text
    shown = {each.get_text() for ax in figure.axes for each in ax.get_yticklabels()}
    assert shown >= set(names) or any(each.endswith("\u2026") for each in shown)
    assert any(each.startswith(names[0][:6]) for each in shown)


@pytest.mark.quick_every(4)
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_targets_that_are_numbers_stand_beside_the_outputs(count):
    neuron = table_trace(["a", "b"], targets=count)
    text = words(viz.neuron_story(neuron))
    assert "output a" in text and "target y" in text and "verdict" not in text and "prediction" not in text
    for a, y in list(zip(neuron.trace.probabilities, neuron.trace.targets, strict=True))[:3]:
        assert f"| {short(a)} | {short(y)} |" in text
    assert f"loss L | {short(neuron.loss)}" in text


@pytest.mark.full
def test_the_number_line_ends_at_z():
    trace = KINDS["hidden"]
    (ax,) = [ax for ax in viz.neuron_story(trace).axes if any(t.get_text() == "bias b" for t in ax.texts)]
    up, down, bias, z = ax.patches
    assert up.get_x() == 0 and up.get_width() == pytest.approx(trace.products[trace.products > 0].sum())
    assert bias.get_x() == pytest.approx(down.get_x() + down.get_width())
    assert bias.get_x() + bias.get_width() == pytest.approx(trace.z) == z.get_width()


@pytest.mark.full
def test_words_for_outputs_and_dead_neurons():
    right = words(viz.neuron_story(KINDS["right output"]))
    assert "7 is the label" in right and "0.9999996" in right and "comes from the loss" in right
    assert "through the whole" not in right and "δ = a − y" in right
    other = words(viz.neuron_story(KINDS["no shortcut"]))
    assert "the whole softmax" in other and "δ = a − y" not in other and "7 is not the label" in other
    mean = words(viz.neuron_story(KINDS["sigmoid output"]))
    assert "δ = (a − y) / n" in mean and "/ n" in mean
    dead = words(viz.neuron_story(KINDS["dead"]))
    assert "Every gradient is 0." in dead and "No weight moves." in dead
    assert "The slope is 0" in " ".join(dead.split())
    assert "+ penalty" in words(viz.neuron_story(KINDS["frozen with penalty"]))
    assert "784 weights with zero gradient move, because of momentum" in words(
        viz.neuron_story(make_trace(784, 64, shape=(28, 28), z=-2.0, change=remember))
    )


@pytest.mark.full
def test_a_neuron_without_a_bias_has_none_in_its_picture():
    figure = viz.neuron_story(KINDS["without bias"])
    assert "Σ w x = " in words(figure) and "dL/db" not in words(figure)
    assert "bias b" not in words(figure)


@pytest.mark.full
def test_the_drawn_function_is_the_constant_where_the_output_is_forced():
    figure = viz.neuron_story(KINDS["forced"])
    assert "a is forced to 0.75, whatever z is" in words(figure) and "slope da/dz = 0" in words(figure)
    assert (KINDS["forced"].curve(np.linspace(-3, 3, 5)) == 0.75).all()


@pytest.mark.full
def test_a_real_trace():
    net = ns.Network([ns.Input((6, 5)), ns.Dense(8, "relu"), ns.Dense(3, "softmax")], seed=0)
    trace = net.trace(np.random.default_rng(0).random((1, 6, 5)), np.array([1]))
    for layer, j in (trace.interesting()[:2], (2, 1), (2, 0)):
        figure = viz.neuron_story(trace[layer][j])
        assert f"Neuron {j} of layer {layer}" in words(figure)
        a, z = short(trace[layer][j].a), short(trace[layer][j].z)
        assert f"a = relu({z}) = {a}" in words(figure) if layer == 1 else f"a = e^({z} − " in words(figure)
        assert len([ax for ax in figure.axes if ax.images]) == (5 if layer == 1 else 0)


@pytest.mark.full
def test_it_draws_in_a_subfigure_and_leaves_pyplot_alone():
    before = dict(matplotlib.rcParams)
    top, bottom = Figure(figsize=(8, 15), dpi=150, layout="constrained").subfigures(2, 1)
    assert viz.neuron_story(KINDS["image"], fig=top) is top
    assert viz.neuron_story(KINDS["hidden"], fig=bottom) is bottom
    assert_legible(top.figure)
    assert "matplotlib.pyplot" not in sys.modules or not matplotlib.pyplot.get_fignums()
    assert dict(matplotlib.rcParams) == before


def test_errors_say_what_was_expected():
    for wrong in ({}, Trace(make_net(4, 2, "relu", None, 8), np.zeros((1, 20)), 3)):
        with pytest.raises(NeurosimError, match=rf"expected a NeuronTrace.*received {type(wrong).__name__}"):
            viz.neuron_story(wrong)
    with pytest.raises(NeurosimError, match=r"fig: expected"):
        viz.neuron_story(KINDS["hidden"], fig=3)


def test_numbers_in_short_form():
    assert [short(v) for v in (0, 2.0, 1234.5, -0.01234, 1.2e-5, 1e100, np.nan, -np.inf)] == [
        "0", "2", "1234", "−0.0123", "1.2e−5", "1e100", "nan", "−∞"
    ]  # fmt: skip
    for before, after in ((0.152, 0.15201), (1.0, 1.0), (1e-9, 2e-9), (0.3, -0.3), (123456.789, 123456.788)):
        one, two = short_pair(before, after)
        assert (one == two) == (before == after) and max(len(one), len(two)) <= 12
    assert stages.loss_after(1.0, 1.5).why == "The update raises the loss of this sample by 50 %."


@pytest.mark.parametrize("kind", KINDS)
def test_captions_have_the_numbers_filled_in(kind):
    told = KINDS[kind]
    lines = [stage_caption(stage) for stage in told.stages()]
    assert len(lines) == len(STAGES)  # the same walk, the same numbers
    assert all(0 < len(line) < 110 for line in lines)
    assert short(told.loss) in lines[3] and short(told.delta) in lines[7]
    assert kind == "forced" or short(told.z) in lines[1]


@pytest.mark.full
def test_film(tmp_path):
    from PIL import Image

    path = tmp_path / "new" / "walk.gif"
    assert viz.neuron_film(KINDS["image"], path, note="made up", seconds_per_stage=0.5) == path
    assert list(path.parent.iterdir()) == [path] and path.stat().st_size < 2_000_000
    with Image.open(path) as film:
        assert film.n_frames == len(STAGES) and film.size[0] == 1200
        durations, grey = [], []
        for frame in range(film.n_frames):
            film.seek(frame)
            durations.append(film.info["duration"])
            picture = np.asarray(film.convert("RGB"))
            assert tuple(picture[2, 2]) == (255, 255, 255)
            grey.append((picture.min(axis=2) < 100).sum())
    assert durations == [500] * (len(STAGES) - 1) + [1000]
    assert grey[-1] > 2 * grey[0]  # it fills up


def test_film_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    from PIL import Image

    path = tmp_path / "walk.gif"
    path.write_bytes(b"old")

    def fail(self, file, *_, **__):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    monkeypatch.setattr("viz.film._frames", lambda *_: [np.zeros((4, 4, 3), np.uint8)])
    with pytest.raises(NeurosimError, match="cannot write"):
        viz.neuron_film(make_trace(4, 2), path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(NeurosimError, match=r"ends in \.gif"):
        viz.neuron_film(make_trace(4, 2), tmp_path / "walk.png")
    with pytest.raises(NeurosimError, match="seconds_per_stage"):
        viz.neuron_film(make_trace(4, 2), path, seconds_per_stage=0)


def test_the_palette_keeps_the_common_colours():
    frame = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    frame[:20] = 255
    (indices,), palette = _indexed([frame])
    assert (palette[indices][:20] == 255).all() and palette.shape == (256, 3)
    assert np.abs(palette[indices].astype(int) - frame).mean() < 25


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 2000)
    return np.maximum(rng.normal(labels / 5 - 1, 1), 0), labels


def test_activation_by_class(answers):
    a, labels = answers
    ax = viz.activation_by_class(a, labels)
    means = [each.get_xdata()[0] for each in ax.lines if each.get_gid() == "mean"]
    np.testing.assert_allclose(means, [a[labels == c].mean() for c in range(10)])
    outlines = [each.get_data() for each in ax.patches if each.get_gid() == "outline"]
    heights = np.array([(each.baseline - each.values).sum() for each in outlines])
    lit = np.array([(a[labels == c] > 0).mean() for c in range(10)])
    np.testing.assert_allclose(heights / heights.sum(), lit / lit.sum())
    shares = [each.get_text() for each in ax.texts if each.get_text().endswith("%")]
    assert shares == [f"{100 * (1 - share):.0f}\u00a0%" for share in lit]
    assert "9 most" in ax.get_title(loc="left")
    assert_legible(ax.figure)


def test_activation_by_class_of_other_neurons(answers):
    a, labels = answers
    names = [f"a rather long class name {i}" for i in range(12)]
    smooth = viz.activation_by_class(np.tanh(a - 0.5), labels, names, title="mine")
    assert "zero" not in words(smooth.figure) and smooth.get_title(loc="left") == "mine"
    assert_legible(smooth.figure)
    dead = viz.activation_by_class(np.zeros(2000), labels)
    assert "dead" in dead.get_title(loc="left") and "all 2,000 samples" in words(dead.figure)
    with pytest.raises(ShapeError, match="one neuron"):
        viz.activation_by_class(np.zeros((5, 3)), np.zeros(5))
    with pytest.raises(ShapeError, match="labels: expected"):
        viz.activation_by_class(a, labels[:-1])
    with pytest.raises(NeurosimError, match="finite"):
        viz.activation_by_class(np.array([np.nan, 1.0]), np.array([0, 1]))


@pytest.mark.parametrize("count", [1, 4, 9, 30])
def test_top_samples(answers, count):
    a, labels = answers
    images = np.random.default_rng(1).integers(0, 256, (2000, 14, 12)).astype(np.uint8)
    ax = viz.top_samples(images, a, labels, count=count)
    best = np.argsort(-a, kind="stable")[:count]
    captions = [each.get_text() for each in ax.texts if "a =" in each.get_text()]
    assert [caption.split()[0] for caption in captions] == [str(labels[i]) for i in best]
    assert [caption.split()[1] for caption in captions] == [f"#{i}" for i in best]
    assert [float(caption.split()[-1]) for caption in captions] == pytest.approx(a[best], abs=0.006)
    first = ax.patches[0]
    left, top = round(first.get_x() + 0.5), round(first.get_y() + 0.5)
    sheet = ax.images[0].get_array()
    np.testing.assert_array_equal(sheet[top : top + 14, left : left + 12], images[best[0]])
    assert_legible(ax.figure)


def test_top_samples_of_a_dead_neuron_and_errors(answers):
    a, labels = answers
    images = np.zeros((2000, 4))
    assert "nothing to show" in words(viz.top_samples(images, np.zeros(2000), labels).figure)
    with pytest.raises(ShapeError, match="images: expected"):
        viz.top_samples(images[:5], a, labels)


def test_maximizing_input():
    image = np.random.default_rng(0).random((7, 9))
    ax = viz.maximizing_input(image, 12.345)
    np.testing.assert_array_equal(ax.images[0].get_array(), image)
    assert ax.images[0].get_clim() == (0, 1) and "a = 12.3" in words(ax.figure)
    assert_legible(ax.figure)
    assert viz.maximizing_input(image.ravel()[:49], 1.0).images[0].get_array().shape == (7, 7)
    with pytest.raises(ShapeError, match="images: expected"):
        viz.maximizing_input(np.ones((2, 3, 4, 5)), 1.0)
