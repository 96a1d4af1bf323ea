"""What notebooks show: each piece of HTML alone, and a notebook that is executed."""

import base64
import html.parser
import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

import neurosim as ns
from neurosim.html import diverging, png, weight_image
from neurosim.text import typeset
from neurosim.walk import Trace


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (120, 6, 8), dtype=np.uint8), rng.integers(0, 3, 120)


@pytest.fixture
def net(images):
    net = ns.Network(
        [
            ns.Input((6, 8)),
            ns.Dense(5, "relu"),
            ns.Dropout(0.1),
            ns.Dense(4, use_bias=False),
            ns.BatchNorm("tanh"),
            ns.Dense(3, "softmax"),
        ],
        seed=1,
    )
    net.fit(*images, epochs=1, verbose=False)
    return net


class Checker(html.parser.HTMLParser):
    """Reads HTML, refuses unbalanced tags, and collects tags and text."""

    def __init__(self, source):
        super().__init__()
        self.open, self.tags, self.text, self.images = [], [], [], []
        self.feed(source)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        assert not any(name.startswith("on") or name == "class" for name, _ in attributes)
        if tag == "img":
            self.images.append(dict(attributes)["src"])
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        self.text.append(data)


def read(source, limit=40_000):
    """Return what a browser would find, after checking the rules for every piece."""
    checker = Checker(source)
    assert not {"script", "style", "link", "iframe"} & set(checker.tags)
    assert "http://" not in source.replace("http://www.w3.org/2000/svg", "") and "https://" not in source
    assert len(source) < limit
    assert not re.search(r"(?<![-\w])color:\s*(#|rgb|black|white)|background(-color)?:\s*(#|rgb|white)", source), (
        "text and background take the notebook's colours"
    )
    checker.joined = " ".join(" ".join(checker.text).split())
    return checker


def pixels_of(uri):
    """The picture in a data URI, read by another library."""
    image = pytest.importorskip("PIL.Image")
    prefix = "data:image/png;base64,"
    assert uri.startswith(prefix)
    with image.open(io.BytesIO(base64.b64decode(uri[len(prefix) :], validate=True))) as picture:
        assert picture.format == "PNG" and picture.mode == "RGB"
        picture.load()
        return np.asarray(picture)


# --- pictures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (3, 40)])
def test_png_is_what_another_library_reads(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    uri = "data:image/png;base64," + base64.b64encode(png(pixels)).decode()
    np.testing.assert_array_equal(pixels_of(uri), pixels)


def test_colours_are_centred_on_zero():
    colours = diverging(np.array([-3.0, 0.0, 3.0, np.nan, 1.0, -1.0, np.inf])).astype(int)
    low, zero, high, unknown, some, less, infinite = colours
    assert zero.min() == zero.max() == 247
    assert low[2] > low[0] and high[0] > high[2] and some[0] > some[2] and less[2] > less[0]
    assert unknown.tolist() == infinite.tolist() == [128, 128, 128]
    np.testing.assert_array_equal(diverging(np.array([1.0, 2.0]), limit=1.0)[0], diverging(np.array([5.0]))[0])
    assert (diverging(np.zeros((2, 3))) == 247).all() and diverging(np.zeros((2, 3))).shape == (2, 3, 3)


def test_weight_image_is_the_weights():
    weights = np.linspace(-2.0, 1.0, 48)
    seen = read(weight_image(weights, (6, 8)))
    np.testing.assert_array_equal(pixels_of(seen.images[0]), diverging(weights.reshape(6, 8)))
    assert "blue \u22122 · white 0 · red +2" in seen.joined


# --- each piece ----------------------------------------------------------------------------------------------------


def test_network(net):
    seen = read(net._repr_html_())
    assert "Network 48 → 5 → 4 → 3" in seen.joined
    for text in (
        "Input",
        "(B, 6, 8)",
        "Dense",
        "relu",
        "Dropout",
        "Dropout 0.1",
        "BatchNorm",
        "tanh",
        "(B, 5)",
        "245",
        f"{net.parameters.size:,} parameters",
        "cross_entropy",
        "Adam",
    ):
        assert text in seen.joined, text
    net[1][2].ablate()
    assert "relu, 1 neuron changed" in read(net._repr_html_()).joined


def test_layers(net):
    for layer in net:
        seen = read(layer._repr_html_())
        assert f"Layer {layer.index}: {layer!r}".replace("\n", " ") in seen.joined
        assert bool(seen.images) == (layer.index == 1)
    seen = read(net[1]._repr_html_())
    W = net[1].W
    assert "48 × 5" in seen.joined and f"{W.max():.4g}" in seen.joined and "last batch" in seen.joined
    sheet = pixels_of(seen.images[0])
    assert sheet.shape == (6, 5 * 9 - 1, 3)
    np.testing.assert_array_equal(sheet[:, 9:17], diverging(W[:, 1].reshape(6, 8), float(np.abs(W).max())))
    for j in range(5):
        net[1][j].freeze()
    net[1][0].clamp(1.5)
    assert "neuron 0: frozen, clamped to 1.5" in read(net[1]._repr_html_()).joined
    assert "no parameters, and no batch so far" in read(ns.Dense(3, "relu")._repr_html_()).joined


def test_many_neurons_share_a_sheet():
    net = ns.Network([ns.Input((28, 28)), ns.Dense(128, "relu"), ns.Dense(10, "softmax")])
    sheet = pixels_of(read(net[1]._repr_html_()).images[0])
    assert sheet.shape == (2 * 29 - 1, 12 * 29 - 1, 3)


def test_neurons(net):
    for layer in net:
        for neuron in layer:
            seen = read(neuron._repr_html_())
            assert f"Neuron {neuron.index} of layer {layer.index}" in seen.joined
    first, second = read(net[1][3]._repr_html_()), read(net[3][1]._repr_html_())
    np.testing.assert_array_equal(pixels_of(first.images[0]), diverging(net[1][3].weights.reshape(6, 8)))
    assert f"{net[1][3].bias:.4g}".replace("-", "\u2212") in first.joined
    assert "from neuron (all)" in second.joined and not second.images
    net[1][3].activation = "tanh"
    assert "activation tanh" in read(net[1][3]._repr_html_()).joined
    fresh = ns.Network([ns.Input(5), ns.Dense(2, "softmax")])
    assert "last batch" not in read(fresh[1][0]._repr_html_()).joined and not read(fresh[1][0]._repr_html_()).images


def test_traces(net, images):
    trace = Trace(net, images[0][4], images[1][4])
    seen = read(trace._repr_html_())
    layer, j, _ = trace.interesting()
    assert f"neuron {j} of layer {layer}" in seen.joined and f"label {trace.label}" in seen.joined
    assert f"{trace.loss:.4g}" in seen.joined and f"{trace.probabilities.max():.4g}" in seen.joined
    neuron = trace[layer][j]
    for name, value in (("dL/da", neuron.dL_da), ("da/dz", neuron.da_dz), ("delta", neuron.delta)):
        assert name in seen.joined and f"{value:.4g}".replace("-", "−") in seen.joined
    opened = read(neuron._repr_html_())
    for place, stage in enumerate(neuron.stages(), start=1):
        assert f"{place}. {stage.heading.replace(stage.formula, typeset(stage.formula))}" in opened.joined
    assert str(neuron) in opened.joined and f"{neuron.z:.5g}".replace("-", "−") in opened.joined
    assert f"{trace.prediction} (right)" in read(Trace(net, images[0][4], trace.prediction)._repr_html_()).joined


def test_histories():
    history = ns.History()
    assert "0 epochs, running" in read(history._repr_html_()).joined
    for epoch in range(1, 1001):
        history.rows.append(
            {
                "epoch": epoch,
                "loss": 1.0 / epoch,
                "accuracy": 1.0 - 1.0 / epoch,
                "val_loss": float("nan") if epoch == 3 else 1.2 / epoch,
                "val_accuracy": 0.9,
            }
        )
    history.stopped, history.message = "early stopping", 'no better & <b>"so"</b>'
    source = history._repr_html_()
    seen = read(source, limit=25_000)
    assert "1000 epochs, early stopping" in seen.joined and 'no better & <b>"so"</b>' in seen.joined
    assert "996 " in seen.joined and "995 " not in seen.joined and "99.90%" in seen.joined
    drawings = re.findall(r"<svg.*?</svg>", source)
    assert len(drawings) == 2
    for drawing in drawings:
        lines = [element for element in ElementTree.fromstring(drawing).iter() if element.tag.endswith("polyline")]
        assert len(lines) == 2
        for line in lines:
            points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
            assert 150 < len(points) < 250 and all(0 <= x <= 260 and 0 <= y <= 90 for x, y in points)
            assert [x for x, _ in points] == sorted(x for x, _ in points)
    falling = re.search(r'points="([^"]*)"', drawings[0])[1].split()
    heights = [float(point.split(",")[1]) for point in falling]
    assert heights == sorted(heights)  # a loss that falls goes down, and y grows downwards


@pytest.mark.parametrize(
    "rows",
    [
        [{"epoch": 1, "loss": 0.5}],
        [{"epoch": 1, "loss": float("nan")}],
        [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.5, "accuracy": 1.0}],
    ],
)
def test_histories_with_little_in_them(rows):
    history = ns.History()
    history.rows = rows
    source = history._repr_html_()
    assert read(source).joined.startswith(f"{len(rows)} epoch") and "nan," not in source and ",nan" not in source


def test_text_is_escaped():
    history = ns.History()
    history.rows, history.message = [{"epoch": 1, "<b>": 0.5}], "<i> &amp;"
    seen = read(history._repr_html_())
    assert not {"i", "b"} & set(seen.tags) and "<i> &amp;" in seen.joined and "<b>" in seen.joined


# --- in a notebook -------------------------------------------------------------------------------------------------

CELLS = [
    """import numpy as np
import neurosim as ns
rng = np.random.default_rng(0)
images, labels = rng.integers(0, 256, (60, 6, 8), dtype=np.uint8), rng.integers(0, 3, 60)
net = ns.Network([ns.Input((6, 8)), ns.Dense(5, "relu"), ns.Dense(3, "softmax")], seed=1)
history = net.fit(images, labels, epochs=2, verbose=False)""",
    "net",
    "net[1]",
    "net[1][3]",
    "history",
    "net.trace(images[0], labels[0])",
    "net.report(images, labels)",
]


@pytest.mark.full
def test_a_notebook_shows_tables_and_pictures(monkeypatch, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))  # nothing of the user's own settings, nothing left behind
    monkeypatch.setenv("PYTHONPATH", str(Path(ns.__file__).parents[1]))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbclient.NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    nbformat.validate(notebook)
    shown = {
        cell.source: output["data"]
        for cell in notebook.cells
        for output in cell.outputs
        if output["output_type"] == "execute_result"
    }
    assert list(shown) == CELLS[1:]
    for source, text in (
        ("net", "Network 48 → 5 → 3"),
        ("net[1]", "Layer 1: Dense(5, 'relu')"),
        ("net[1][3]", "Neuron 3 of layer 1"),
        ("history", "2 epochs, finished"),
        ("net.trace(images[0], labels[0])", "Trace of one sample"),
    ):
        assert text in read(shown[source]["text/html"]).joined
        assert shown[source]["text/plain"]  # for those who cannot show HTML
    assert pixels_of(read(shown["net[1][3]"]["text/html"]).images[0]).shape == (6, 8, 3)
    assert "<svg" in shown["history"]["text/html"] and "<table" in shown["net.report(images, labels)"]["text/html"]
