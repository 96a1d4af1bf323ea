"""A learner's way through the page in Firefox, by puppeteer-core and offline, compared with Python."""

import copy
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from drawn_digits import draw, strokes_of
from engine_cases import random_case
from engine_node import Limits, Run, contents
from page_browser import HOW

import neurosim as ns
from neurosim.text import number, percent, typeset

pytestmark = pytest.mark.browser

CASES = 50
KEYS = ("inputs", "weights", "bias", "z", "a", "da_dz", "dL_da", "delta", "dL_dW", "dL_db", "loss")


@pytest.fixture(scope="module")
def net():
    train, test = ns.data.load("digits")
    made = ns.Network([ns.Input((28, 28)), ns.Dense(32, "relu"), ns.Dense(16, "relu"), ns.Dense(10, "softmax")], seed=0)
    made.snapshots = ns.Snapshots(8)
    made.kept = train.subset(4000), test
    made.history = made.fit(made.kept[0], epochs=3, batch_size=32, callbacks=[made.snapshots], verbose=False)
    return made


@pytest.fixture(scope="module")
def cases():
    return [random_case(seed) for seed in range(1000, 1000 + CASES)]


@pytest.fixture(scope="module")
def file(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    ns.explore(net, *net.kept, path, net.history, snapshots=net.snapshots, batch_size=32)
    return path


@pytest.fixture(scope="module")
def told(file, cases):
    """The results of a way through the page: see firefox.mjs."""
    firefox, node = shutil.which("firefox-esr") or shutil.which("firefox"), shutil.which("node")
    if firefox is None or node is None:
        pytest.skip(f"needs Firefox and Node: {HOW}")
    if not (Path(os.environ.get("NODE_PATH", "")) / "puppeteer-core").exists():
        pytest.skip("needs puppeteer-core: npm install --prefix DIR puppeteer-core, and NODE_PATH=DIR/node_modules")
    sources = []
    for case in cases:
        parts = contents(case.network, case.data, case.data, Run(), Limits(10**9, 10_000))
        place = {"layer": case.layer, "neuron": case.neuron, "sample": case.number, "check": False}
        sources.append({"source": {"manifest": parts.manifest, "blobs": parts.blobs}, "place": place})
    written, folder = file.with_name("cases.json"), file.with_name("saved")
    written.write_text(json.dumps(sources, allow_nan=False), "utf-8")
    folder.mkdir()
    draw(strokes_of(3, np.random.default_rng(2)), 130, 14).save(file.with_name("three.png"))
    script = Path(__file__).with_name("firefox.mjs")
    command = [node, script, file, firefox, folder, written, file.with_name("three.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "told.json").read_text("utf-8"))


def sample(held, index):
    """A test sample by its number, and its label."""
    row = held.manifest["samples"]["test"]["index"].index(index)
    return held.array("test/x")[row], int(held.array("test/labels")[row])


def fair(held):
    """Return the test samples on which the page measures."""
    count = held.manifest["samples"]["test"]["count"]
    return held.array("test/x")[:count], held.array("test/labels")[:count]


def plain(text):
    return " ".join(text.split())


def alike(found, expected):
    """Return whether a trace of the page equals Python's, within rounding of float32."""
    for name in ("bias", "z", "a", "dL_da", "delta", "loss"):
        assert found[name] == pytest.approx(expected[name], rel=1e-4, abs=1e-7), name
    for name in ("weights", "dL_dW"):
        assert found[name] == pytest.approx(expected[name], rel=1e-3, abs=1e-6), name


def test_it_is_ready_soon_and_loads_nothing_without_a_network(told):
    assert told["ready"] < 1500 and told["offline"] and told["errors"] == []
    assert [url for url in told["asked"] if not url.startswith(("file:", "blob:", "data:"))] == []


def test_the_answer_follows_the_pen(told):
    drawing = told["drawing"]
    assert drawing["verdict"].startswith("Read as 7") and drawing["verdict"] != drawing["empty"]
    assert drawing["stages"] == 4 and drawing["label"] == 7 and drawing["labelled"] == 11


def test_hovering_shows_a_neuron_and_a_click_opens_it(told, net, held):
    net.predict(sample(held, told["look"]["sample"])[0][None])
    shown = re.search(r"a = (\S+)", told["look"]["hovered"])[1].replace("−", "-")
    assert float(shown) == pytest.approx(float(net[2].a[0, 3]), rel=1e-3, abs=1e-6)
    assert told["look"]["title"].startswith("Neuron 3 of layer 2")


def test_the_walk_says_what_python_says(told, net, held):
    walk = told["walk"]
    index = walk["place"]["sample"]
    neuron = net.trace(*sample(held, index), sample=index)[2][4]
    alike(walk["trace"], neuron.to_dict())
    stages = neuron.stages()
    assert len(stages) == len(walk["texts"]) == 11 and walk["last"] == stages[-1].key
    for place, (stage, text) in enumerate(zip(stages, walk["texts"], strict=True)):
        shown = plain(text)
        assert f"{place + 1}. {stage.title}" in shown and plain(typeset(stage.formula).replace(";", "")) in shown
        for term in [line for line in stage.rows if line.role in ("term", "gradient", "optimizer")]:
            assert plain(typeset(term.substituted)) in shown, (stage.key, term.name)
        if stage.why:
            assert plain(typeset(stage.why)) in shown


def test_a_change_of_a_neuron_costs_what_python_says(told, net, held):
    changes, place = told["changes"], told["walk"]["place"]
    x, labels = fair(held)
    other = copy.deepcopy(net)
    other[2][4].ablate()
    before, after = net.evaluate(x, labels)["accuracy"], other.evaluate(x, labels)["accuracy"]
    ablated = changes["ablated"]
    assert f"accuracy {percent(before)} → {percent(after)}" in ablated["said"]
    assert [ablated[name] for name in ("before", "after", "undone")] == pytest.approx([before, after, before])
    for name in ("bias", "weight"):
        other = copy.deepcopy(net)
        if name == "bias":
            other[2].b[4] = 1.25
        else:
            other[2].W[changes["which"], 4] = 0.75
        expected = other.trace(*sample(held, place["sample"]), sample=place["sample"])[2][4].to_dict()
        alike(changes[name], expected)
        assert changes[name]["z"] != changes["start"]["z"]
    assert changes["undone"] == changes["start"]


def test_it_trains_goes_back_and_resets(told, net):
    training = told["training"]
    assert training["paused"] > training["first"] == training["back"] == training["end"] == net.snapshots.steps[-1]
    assert training["sameAfterBack"] and training["sameAfterReset"]
    assert training["home"] == training["reset"] == 0
    assert np.array_equal(np.float32(training["initial"]), np.asarray(net.snapshots.thetas[0]))
    assert training["epoch"] - training["end"] == 125
    assert "sgd 0.25" in training["summary"] and "η = 0.25" in training["update"]


def test_tables_lead_to_neurons_and_samples(told, net, held):
    tables = told["tables"]
    card = net.report(*fair(held))
    layer, neuron = map(int, tables["first"]["place"].split("/"))
    expected = card[(card.layer == layer) & (card.neuron == neuron)].iloc[0]
    assert tables["rows"] == len(card) and tables["first"]["cells"][1] == percent(expected.accuracy_lost)
    assert (tables["opened"]["layer"], tables["opened"]["neuron"]) == (layer, neuron)
    x, label = sample(held, tables["mistake"])
    assert net.predict(x[None])[0] != label


def test_predict_first_names_the_mistake(told):
    predicted = told["predicted"]
    z = typeset(number(predicted["z"]))
    assert z not in predicted["hidden"]
    assert "You forgot the bias." in predicted["slip"] and z in predicted["slip"]
    assert "Right." in predicted["right"]


def test_a_link_and_a_saved_page_bring_everything_back(told):
    back = told["return"]
    assert "layer=2&neuron=7" in back["hash"] and back["here"] == back["linked"]
    assert back["kept"][0] == back["kept"][1] and "ablated" in back["ablated"]


def test_an_image_file_is_read_as_python_reads_it(told, net, file):
    picture = ns.data.read_image(file.with_name("three.png"))
    assert np.abs(np.array(told["picture"]["levels"]) - picture.ravel()).max() <= 2
    assert told["picture"]["verdict"].startswith(f"Read as {net.predict(picture[None])[0]}")
    assert told["picture"]["notice"] == ""


def test_the_keyboard_is_enough(told):
    assert told["keys"] == {"opened": "walk", "stage": "activation", "escaped": "net", "sample": None, "help": True}


def test_it_fits_a_phone_and_a_dark_room(told):
    assert max(told["phone"].values()) <= 0, told["phone"]
    assert told["dark"]["asked"] and told["dark"]["paper"] < 60 and told["dark"]["ink"] > 180


def test_traces_of_many_networks_are_python_s(told, cases):
    assert len(told["traces"]) == CASES
    for case, found in zip(cases, told["traces"], strict=True):
        x, y = case.data.x[case.number], case.data.labels[case.number]
        trace = case.network.trace(x, y, sample=case.number)[case.layer][case.neuron].to_dict(check=False)
        assert list(found) == list(trace), case.words
        for name in KEYS:
            one, other = np.asarray(trace[name], float), np.asarray(found[name], float)
            assert np.abs(one - other).max(initial=0.0) <= 1e-9 * (np.abs(one).max(initial=0.0) or 1.0), (
                case.words,
                name,
            )
