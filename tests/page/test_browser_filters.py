"""A page of a convolutional network in Chromium: maps, places and filters, compared with Python's numbers."""

import copy
import re

import numpy as np
import pytest
from page_browser import Tab, axe

import neurosim as ns
from neurosim.text import number, percent, typeset
from neurosim.walk import STAGES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def digits():
    train, test = ns.data.load("digits")
    return train.subset(600), test.subset(150)


@pytest.fixture(scope="module")
def net(digits):
    layers = [ns.Input((28, 28)), ns.Conv2D(6, 5, "relu"), ns.MaxPool2D(2), ns.Conv2D(8, 3, "relu", padding="same")]
    layers += [ns.MaxPool2D(3, 2), ns.Flatten(), ns.Dense(24, "relu"), ns.Dense(10, "softmax")]
    made = ns.Network(layers, seed=0, dtype="float64")  # its numbers are written alike to the last digit
    made.snapshots = ns.Snapshots(8)
    made.history = made.fit(digits[0], epochs=2, batch_size=32, callbacks=[made.snapshots], verbose=False)
    return made


@pytest.fixture
def shown(tab, net, held):
    """The sample that the page shows, and its label; the network has it in its buffers."""
    row = held.manifest["samples"]["test"]["index"].index(tab.state()["sample"])
    x, label = held.array("test/x")[row], int(held.array("test/labels")[row])
    net.gradients(x[None], np.array([label]))
    return x, label


def plain(text):
    return " ".join(text.split())


def place_of(tab):
    return tuple(int(each) for each in re.search(r"row (\d+), column (\d+)", tab.text("#hovered")).groups())


def outlined(tab):
    """Return the rows and columns of the input that are outlined."""
    x, y, width, height = (
        int(tab.page.locator("#pad .fields rect").last.get_attribute(name)) for name in ("x", "y", "width", "height")
    )
    return slice(y, y + height), slice(x, x + width)


def click_map(tab, row, column, sides):
    box = tab.page.locator(".map-box").bounding_box()
    at = {"x": (column + 0.5) / sides[1] * box["width"], "y": (row + 0.5) / sides[0] * box["height"]}
    tab.page.locator(".map-box").click(position=at)
    tab.settle()


def test_a_place_of_a_map_shows_what_it_sees_and_a_click_opens_it(tab, net, shown):
    for layer, neuron in ((1, 2), (2, 3), (3, 5), (4, 7)):
        node = tab.page.locator(f"#neuron-{layer}-{neuron}")
        box = node.bounding_box()
        node.hover(position={"x": box["width"] * 0.8, "y": box["height"] * 0.6})
        tab.settle()
        row, column = place_of(tab)
        unit = net[layer][neuron].at(row, column)
        said = re.search(r"a = (\S+)", tab.text("#hovered"))[1].replace("−", "-")
        assert float(said) == pytest.approx(float(unit.a[0]), rel=1e-3, abs=1e-6)
        assert outlined(tab) == unit.receptive_field
        node.click(position={"x": box["width"] * 0.8, "y": box["height"] * 0.6})
        tab.settle()
        state = tab.state()
        if layer in (1, 3):
            assert (state["layer"], state["neuron"], state["row"], state["column"]) == (layer, neuron, row, column)
        else:  # a pooled number leads to the one that won its window
            below = net[layer - 1][neuron].at(state["row"], state["column"])
            assert state["layer"] == layer - 1 and float(below.a[0]) == float(unit.a[0])
            assert below.index in net[layer].windows.sources(row, column)
        opened = tab.text("#microscope-title")
        assert opened.startswith(f"Filter {neuron} of layer {state['layer']} at row {state['row']}, column")


def test_the_walk_of_a_unit_says_what_python_says(tab, net, shown):
    x, label = shown
    for layer, neuron, place in ((1, 2, (7, 9)), (3, 5, (0, 4))):
        tab.goto(layer=layer, neuron=neuron, row=place[0], column=place[1], stage="inputs")
        unit = net.trace(x, label, sample=tab.state()["sample"])[layer][neuron].at(*place)
        tab.page.locator("#walk").focus()
        for at, stage in enumerate(unit.stages()):
            text = plain(tab.text("#stage"))
            assert f"{at + 1}. {stage.title}" in text
            if stage.result is not None and stage.result.value is not None and stage.key != "output":
                assert typeset(number(stage.result.value, 6 if stage.key == "loss_after" else 5)) in text, stage.key
            for row in stage.rows:
                if row.role in ("term", "share", "place", "gradient of filter", "rest of places"):
                    assert typeset(number(row.value, 5)) in text, (stage.key, row.name)
                if row.role == "note" and stage.key in ("inputs", "downstream"):
                    assert plain(typeset(row.substituted)) in text, (stage.key, row.substituted)
            tab.page.keyboard.press("ArrowRight")
            tab.settle()


@pytest.mark.full
def test_without_a_place_the_walk_takes_the_strongest(tab, net, shown):
    tab.goto(layer=3, neuron=4)
    delta = np.abs(net[3][4].delta[0])
    row, column = np.unravel_index(delta.argmax(), delta.shape)
    assert place_of(tab) == (row, column) and tab.state()["row"] is None
    click_map(tab, 1, 2, delta.shape)
    assert (tab.state()["row"], tab.state()["column"]) == (1, 2)
    tab.button("strongest").click()
    tab.settle()
    assert place_of(tab) == (row, column) and tab.state()["row"] is None


def test_keys_lead_from_filter_to_filter_and_from_place_to_place(tab, net):
    tab.goto(layer=1, neuron=0, row=22, column=0)
    tab.page.locator(".map-box").focus()
    for key, place in (("ArrowDown", (23, 0)), ("ArrowDown", (23, 0)), ("ArrowRight", (23, 1)), ("ArrowUp", (22, 1))):
        tab.page.keyboard.press(key)
        tab.settle()
        assert (tab.state()["row"], tab.state()["column"]) == place == place_of(tab)
    assert outlined(tab) == net[1][0].at(22, 1).receptive_field
    assert "row 22, column 1" in tab.page.locator(".map-box").get_attribute("aria-label")
    tab.page.locator("#net").focus()
    tab.page.keyboard.press("ArrowDown")
    tab.page.keyboard.press("Enter")
    tab.settle()
    assert tab.state()["layer"] == 1 and tab.state()["neuron"] > 0
    assert tab.page.evaluate("document.activeElement.id") == "walk"


@pytest.mark.full
def test_the_address_keeps_the_place(tab, browser, file):
    tab.goto(layer=3, neuron=2, row=4, column=5, stage="gradients")
    tab.page.wait_for_function("() => location.hash.includes('row=4&column=5')")
    hash = tab.page.evaluate("location.hash")
    with Tab(browser, file, hash=hash) as other:
        there, here = other.state(), tab.state()
        assert all(there[name] == here[name] for name in ("layer", "neuron", "row", "column", "stage", "sample"))


def test_the_outline_stays_while_the_pen_is_down(tab):
    tab.goto(layer=1, neuron=1)
    before = outlined(tab)
    box = tab.page.locator("#pad").bounding_box()
    tab.page.mouse.move(box["x"] + 40, box["y"] + 50)
    tab.page.mouse.down()
    for k in range(6):
        tab.page.mouse.move(box["x"] + 40 + 10 * k, box["y"] + 50 + 8 * k)
        tab.settle()
        assert outlined(tab) == before
    tab.page.mouse.up()
    tab.settle()
    assert tab.state()["sample"] is None and tab.page.locator("#pad .fields rect").count() == 2


def test_a_change_of_a_filter_costs_what_python_says_and_can_be_undone(tab, net, held):
    count = held.manifest["samples"]["test"]["count"]
    x, labels = held.array("test/x")[:count], held.array("test/labels")[:count]
    before = net.evaluate(x, labels)["accuracy"]
    tab.goto(layer=1, neuron=3)
    tab.page.locator(".tools summary").click()
    assert tab.text(".tools summary") == "Change this filter"
    tab.page.get_by_label("ablate").check()
    tab.page.wait_for_timeout(300)
    ablated = copy.deepcopy(net)
    ablated[1][3].ablate()
    after = ablated.evaluate(x, labels)["accuracy"]
    assert "layer 1, filter 3 ablated: loss of this sample" in plain(tab.text("#changes"))
    assert f"accuracy {percent(before)} → {percent(after)}" in tab.text("#changes")
    tab.button("Undo").click()
    tab.page.wait_for_timeout(200)
    assert tab.page.evaluate("neurosim.accuracy()") == pytest.approx(before)
    tab.page.get_by_label("Which weight").select_option("w of kernel 1,2")
    tab.page.get_by_label("The weight", exact=True).fill("0.75")
    tab.page.keyboard.press("Enter")
    tab.settle()
    start = (1 * 5 + 2) * 6 + 3  # of W (5, 5, 1, 6), the first of all parameters
    assert tab.page.evaluate("neurosim.parameters()")[start] == 0.75
    assert "w of kernel 1,2 of layer 1, filter 3" in tab.text("#changes")


@pytest.mark.full
def test_it_trains_here_and_keeps_a_frozen_filter(tab, net):
    tab.goto(layer=1, neuron=3)
    tab.page.locator(".tools summary").click()
    tab.page.get_by_label("freeze").check()
    tab.settle()
    before = np.array(tab.page.evaluate("neurosim.parameters()"))
    tab.page.evaluate("neurosim.train({ steps: 5 })")
    after = np.array(tab.page.evaluate("neurosim.parameters()"))
    kernels = (after - before)[: net[1].W.size].reshape(net[1].W.shape)
    assert not kernels[..., 3].any() and kernels[..., 4].any()
    tab.page.wait_for_timeout(300)
    assert tab.text("#life h2") == "Weights of this filter by step"
    pictures = tab.page.locator("#moments canvas")
    assert pictures.count() >= 2 and pictures.first.evaluate("(each) => [each.width, each.height]") == [5, 5]


@pytest.mark.full
def test_a_saved_page_holds_the_filters_as_they_are(tab, browser, tmp_path):
    tab.goto(layer=1, neuron=2)
    tab.page.evaluate("neurosim.train({ steps: 3 })")
    with tab.page.expect_download() as download:
        tab.button("Save page").click()
    saved = tmp_path / "saved.html"
    download.value.save_as(saved)
    asked = "[neurosim.parameters(), neurosim.accuracy(), neurosim.trace({ layer: 3, neuron: 1 })]"
    expected = tab.page.evaluate(asked)
    with Tab(browser, saved) as other:
        assert other.page.evaluate(asked) == expected
        other.check()


@pytest.mark.full
def test_the_report_card_has_one_row_per_filter(tab, net):
    tab.goto(tab="report")
    tab.page.wait_for_selector("#view-report tbody tr", timeout=20000)
    places = tab.page.eval_on_selector_all("#view-report tbody tr", "(rows) => rows.map((row) => row.dataset.place)")
    assert sorted(places) == sorted(f"{layer}/{j}" for layer, n in ((1, 6), (3, 8), (6, 24), (7, 10)) for j in range(n))


def colours(split):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    x = rng.integers(0, 120, (60, 10, 8, 3), dtype=np.uint8)
    x[labels == 1, ..., 0] += 100
    return ns.data.Dataset(x, labels, "colours", split, "made here", class_names=("dull", "red"))


@pytest.fixture(scope="module")
def files(file, digits, tmp_path_factory):
    """Pages of the network above, of one with 64 filters, of one filter that looks at single pixels, and in colour."""
    folder = tmp_path_factory.mktemp("pages")
    layers = {
        "many": [ns.Conv2D(64, 3, "relu"), ns.MaxPool2D(2), ns.Conv2D(64, 3, "relu"), ns.MaxPool2D(2), ns.Flatten()],
        "single": [ns.Conv2D(1, 1, "tanh"), ns.AveragePool2D(4)],
        "colour": [ns.Conv2D(5, 3), ns.BatchNorm("relu"), ns.Conv2D(3, 2, "relu", stride=2), ns.Dense(4, "relu")],
    }
    made = {"digits": file}
    for name, hidden in layers.items():
        train, test = (colours("train"), colours("test")) if name == "colour" else [each.subset(60) for each in digits]
        shape, classes = train.x.shape[1:], 2 if name == "colour" else 10
        net = ns.Network([ns.Input(shape), *hidden, ns.Dense(classes, "softmax")], seed=0)
        net.fit(train, epochs=1, verbose=False)
        ns.explore(net, train, test, folder / f"{name}.html")
        made[name] = folder / f"{name}.html"
    return made


@pytest.mark.full
@pytest.mark.parametrize("name", ["digits", "many", "single", "colour"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_text_lies_over_another_or_is_cut(browser, files, name, width):
    with Tab(browser, files[name], width, reduced_motion="reduce") as tab:
        tab.no_hints()
        found = {}
        for layer in tab.page.eval_on_selector_all(
            "#microscope select option", "(all) => all.map((each) => +each.value)"
        ):
            for stage in STAGES if name == "digits" else STAGES[:2]:
                tab.goto(layer=layer, stage=stage)
                found[f"{layer} {stage}"] = tab.overlaps()
        tab.button("Settings").click()
        tab.page.locator(".tools summary").click()
        tab.settle()
        found["all open"] = tab.overlaps()
        assert {where: texts for where, texts in found.items() if texts} == {}
        tab.check()


@pytest.mark.full
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screen_readers_find_their_way(browser, file, scheme):
    program = axe()
    with Tab(browser, file, color_scheme=scheme, reduced_motion="reduce") as tab:
        tab.page.evaluate(program)
        tab.goto(layer=3, neuron=2, stage="downstream")
        assert tab.stumbles() == {}
        tab.goto(stage="gradients")
        tab.page.locator(".tools summary").click()
        tab.page.get_by_label("predict first").check()
        tab.settle()
        assert tab.stumbles() == {}
