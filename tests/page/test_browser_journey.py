"""A learner's way through a page in Chromium, from a file and offline, compared with Python's numbers."""

import copy
import json
import re

import numpy as np
import pytest
from page_browser import Tab
from page_file import PageFile

import neurosim as ns
from neurosim.text import number, percent, typeset

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def digits():
    train, test = ns.data.load("digits")
    return train.subset(4000), test


@pytest.fixture(scope="module")
def net(digits):
    made = ns.Network([ns.Input((28, 28)), ns.Dense(32, "relu"), ns.Dense(16, "relu"), ns.Dense(10, "softmax")], seed=0)
    made.snapshots = ns.Snapshots(8)
    made.history = made.fit(digits[0], epochs=3, batch_size=32, callbacks=[made.snapshots], verbose=False)
    return made


def fair(held):
    """Return the test samples on which the page measures."""
    count = held.manifest["samples"]["test"]["count"]
    return held.array("test/x")[:count], held.array("test/labels")[:count]


def plain(text):
    return " ".join(text.split())


def draw_seven(tab):
    box = tab.page.locator("#pad").bounding_box()

    def at(x, y):
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    tab.page.mouse.move(*at(0.25, 0.2))
    tab.page.mouse.down()
    for k in range(10):
        tab.page.mouse.move(*at(0.25 + 0.05 * k, 0.2))
    for k in range(14):
        tab.page.mouse.move(*at(0.72 - 0.025 * k, 0.2 + 0.045 * k))
    tab.page.mouse.up()
    tab.settle()


def test_the_answer_follows_the_pen(tab, net):
    tab.button("Clear").click()
    tab.settle()
    empty = tab.text("#verdict")
    draw_seven(tab)
    assert tab.text("#verdict").startswith("Read as 7") and tab.text("#verdict") != empty
    assert tab.state()["sample"] is None
    assert tab.page.locator(".dots button").count() == 4  # without a label the walk ends at the output
    tab.page.locator("#input .classes").get_by_role("button", name="7", exact=True).click()
    tab.settle()
    assert tab.page.locator(".dots button").count() == 11 and tab.state()["label"] == 7


def test_hovering_shows_a_neuron_and_a_click_opens_it(tab, net, held):
    index = tab.state()["sample"]
    row = held.manifest["samples"]["test"]["index"].index(index)
    net.predict(held.array("test/x")[row : row + 1])
    for layer, neuron in ((1, 5), (2, 3), (3, 7)):
        tab.page.locator(f"#neuron-{layer}-{neuron}").hover()
        tab.settle()
        expected = float(net[layer].a[0, neuron])
        shown = re.search(r"a = (\S+)", tab.text("#hovered"))[1].replace("−", "-")
        assert float(shown) == pytest.approx(expected, rel=1e-3, abs=1e-6)
        tab.page.locator(f"#neuron-{layer}-{neuron}").click()
        tab.settle()
        assert tab.text("#microscope-title").startswith(f"Neuron {neuron} of layer {layer}")


def test_the_walk_says_what_python_says(tab, net, held):
    index = tab.state()["sample"]
    row = held.manifest["samples"]["test"]["index"].index(index)
    x, label = held.array("test/x")[row], int(held.array("test/labels")[row])
    tab.goto(layer=2, neuron=4, stage="inputs")
    stages = net.trace(x, label, sample=index)[2][4].stages()
    tab.page.locator("#walk").focus()
    for place, stage in enumerate(stages):
        shown = plain(tab.text("#stage"))
        assert f"{place + 1}. {stage.title}" in shown and plain(typeset(stage.formula).replace(";", "")) in shown
        if stage.result is not None and stage.result.value is not None and stage.key != "output":
            assert typeset(number(stage.result.value, 5)) in shown, stage.key
        for term in [line for line in stage.rows if line.role in ("term", "gradient", "optimizer")]:
            assert plain(typeset(term.substituted)) in shown, (stage.key, term.name)
        if stage.why:
            assert plain(typeset(stage.why)) in shown
        tab.page.keyboard.press("ArrowRight")
        tab.settle()
    assert tab.state()["stage"] == "loss_after"


def test_an_output_neuron_says_where_its_numbers_come_from(tab, net, held):
    index = tab.state()["sample"]
    row = held.manifest["samples"]["test"]["index"].index(index)
    x, label = held.array("test/x")[row], int(held.array("test/labels")[row])
    tab.goto(layer=3, neuron=label, stage="downstream")
    shown = plain(tab.text("#stage"))
    assert "An output neuron has no layer above it: the loss gives" in shown and "Σ" not in shown
    assert plain(typeset("dL/da = -1 / a")) in shown
    tab.goto(layer=3, neuron=label, stage="activation")
    net.predict(x[None])
    of_all = np.log(np.exp(net[3].z[0].astype(float)).sum())
    assert plain(typeset(f"S = ln Σ e^(z_k) = {number(of_all, 5)}, over the 10 neurons")) in plain(tab.text("#stage"))


def test_a_number_beyond_the_last_neuron_says_which_there_are(tab):
    tab.goto(layer=1, neuron=0)
    last = tab.page.locator("#view-network [id^=neuron-1-]").count() - 1
    field = tab.page.get_by_label("Neuron", exact=True)
    field.fill("99")
    field.press("Enter")
    tab.settle()
    said = f"Neuron of layer 1: expected a whole number from 0 to {last}, received 99."
    assert tab.text("#notice") == said and tab.state()["neuron"] == 0 and field.input_value() == "0"


def test_predict_first_hides_the_number_and_names_the_mistake(tab, net, held):
    index = tab.state()["sample"]
    row = held.manifest["samples"]["test"]["index"].index(index)
    x, label = held.array("test/x")[row], int(held.array("test/labels")[row])
    neuron = net.trace(x, label, sample=index)[2]
    j = next(j for j in range(16) if neuron[j].da_dz and abs(neuron[j].bias) > 0.02 * abs(neuron[j].z))
    here = neuron[j]
    tab.goto(layer=2, neuron=j, stage="weighted_sum")
    tab.page.get_by_label("predict first").check()
    tab.settle()
    answer = tab.page.locator(".quiz input")
    shown = tab.page.locator("#stage")
    assert typeset(number(here.z)) not in shown.inner_text()
    for value, said in (
        (here.z - here.bias, "You forgot the bias."),
        (-here.z, "Wrong sign."),
        (1234.5, "Not right. The correct calculation:"),
    ):
        answer.fill(f"{value:.5g}")
        tab.button("Check").click()
        assert said in shown.inner_text() and typeset(number(here.z)) in shown.inner_text()
    answer.fill(f"{1.005 * here.z:.6g}")
    tab.button("Check").click()
    assert "Right." in shown.inner_text()
    first = net.trace(x, label, sample=index)[1]
    learns = next(k for k in range(32) if first[k].delta)  # with a delta of 0 all gradients are 0
    tab.goto(layer=1, neuron=learns, stage="gradients")
    assert tab.page.locator(".quiz").is_visible()


def test_an_ablated_neuron_costs_what_python_says_and_undo_gives_it_back(tab, net, held):
    x, labels = fair(held)
    tab.goto(layer=2, neuron=4)
    tab.page.locator(".tools summary").click()
    tab.page.get_by_label("ablate").check()
    tab.page.wait_for_timeout(300)
    before = net.evaluate(x, labels)["accuracy"]
    ablated = copy.deepcopy(net)
    ablated[2][4].ablate()
    after = ablated.evaluate(x, labels)["accuracy"]
    assert f"accuracy {percent(before)} → {percent(after)}" in tab.text("#changes")
    assert tab.page.evaluate("neurosim.accuracy()") == pytest.approx(after)
    tab.button("Undo").click()
    tab.page.wait_for_timeout(200)
    assert tab.page.evaluate("neurosim.accuracy()") == pytest.approx(before)


def test_a_weight_can_be_typed_dragged_and_painted(tab):
    tab.goto(layer=1, neuron=3)
    start = tab.page.evaluate("neurosim.parameters()")
    tab.page.locator(".tools summary").click()
    field = tab.page.get_by_label("The weight", exact=True)
    field.fill("0.75")
    field.press("Enter")
    tab.settle()
    slider = tab.page.locator(".tools input[type=range]").first
    slider.focus()
    for _ in range(3):
        slider.press("ArrowRight")
    tab.settle()
    canvas = tab.page.locator(".tools canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    tab.page.mouse.move(box["x"] + 60, box["y"] + 60)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + 90, box["y"] + 80)
    tab.page.mouse.up()
    tab.page.wait_for_timeout(300)
    painted = tab.page.evaluate("neurosim.parameters()")
    moved = np.flatnonzero(np.array(painted) != np.array(start))
    assert len(moved) > 4 and (moved % 32 == 3).all()  # of this neuron alone
    assert "painted on the weights of layer 1, neuron 3" in tab.text("#changes")
    while tab.button("Undo").is_enabled():
        tab.button("Undo").click()
        tab.page.wait_for_timeout(150)
    assert tab.page.evaluate("neurosim.parameters()") == start


def test_a_typed_bias_changes_the_walk_as_in_python(tab, net, held):
    index = tab.state()["sample"]
    row = held.manifest["samples"]["test"]["index"].index(index)
    x, label = held.array("test/x")[row], int(held.array("test/labels")[row])
    place = {"layer": 2, "neuron": 4, "sample": index}
    tab.goto(**place, stage="weighted_sum")
    start = tab.page.evaluate("place => neurosim.trace(place)", place)
    tab.page.locator(".tools summary").click()
    field = tab.page.get_by_label("The bias", exact=True)
    field.fill("1.25")
    field.press("Enter")
    tab.settle()
    other = copy.deepcopy(net)
    other[2].b[4] = 1.25
    expected = other.trace(x, label, sample=index)[2][4]
    found = tab.page.evaluate("place => neurosim.trace(place)", place)
    for name in ("bias", "z", "a", "dL_da", "delta", "loss"):
        assert found[name] == pytest.approx(getattr(expected, name), rel=1e-4, abs=1e-7), name
    assert found["z"] != start["z"] and typeset(number(expected.z)) in tab.text("#stage")
    assert "bias of layer 2, neuron 4" in tab.text("#changes")
    tab.button("Undo").click()
    tab.settle()
    assert tab.page.evaluate("place => neurosim.trace(place)", place) == start
    assert typeset(number(start["z"])) in tab.text("#stage")


def test_a_clamped_and_a_frozen_neuron(tab):
    tab.goto(layer=1, neuron=3)
    tab.page.locator(".tools summary").click()
    tab.page.get_by_label("clamp to").check()
    tab.settle()
    assert "a = 1" in tab.text("#hovered") and "clamped to 1" in tab.text("#hovered")
    tab.page.get_by_label("freeze").check()
    before = np.array(tab.page.evaluate("neurosim.parameters()"))
    tab.button("1 batch").click()
    tab.page.wait_for_timeout(500)
    after = np.array(tab.page.evaluate("neurosim.parameters()"))
    column = np.arange(3, 784 * 32, 32)
    assert (before != after).any() and (before[column] == after[column]).all()


def test_the_walk_of_a_changed_neuron_says_what_python_says(tab, net, held):
    index = tab.state()["sample"]
    row = held.manifest["samples"]["test"]["index"].index(index)
    x, label = held.array("test/x")[row], int(held.array("test/labels")[row])
    tab.goto(layer=2, neuron=4)
    tab.page.locator(".tools summary").click()
    other = copy.deepcopy(net)
    for name, change in (("clamp to", lambda: other[2][4].clamp(1)), ("freeze", other[2][4].freeze)):
        tab.page.get_by_label(name).check()
        change()
    walk = {stage.key: stage for stage in other.trace(x, label, sample=index)[2][4].stages()}
    for key, said in (
        ("activation", "a is forced to 1, whatever z is"),
        ("derivative", "da/dz = 0, whatever z is"),
        ("update", "unchanged: the neuron is frozen"),
    ):
        tab.goto(stage=key)
        lines = [row.line() for row in [*walk[key].rows, walk[key].result] if said in row.line()]
        assert len(lines) == (2 if key == "update" else 1)
        assert all(plain(typeset(line)) in plain(tab.text("#stage")) for line in lines), key
    tab.page.get_by_label("predict first").check()
    tab.goto(stage="activation")
    assert "forced" not in tab.text("#stage")
    tab.page.locator(".quiz input").fill("7")
    tab.button("Check").click()
    assert tab.text(".quiz").endswith("a is forced to 1, whatever z is")
    assert tab.page.get_by_title("Hide each result of the walk until you type your own answer").count() == 1


def test_the_effect_of_a_change_is_told_in_points_of_the_class_that_moved_most(tab):
    tab.goto(layer=2, neuron=4)
    tab.page.locator(".tools summary").click()
    for _ in range(2):
        tab.page.get_by_label("ablate").click()
        tab.page.wait_for_timeout(300)
        said = tab.text("#changes")
        before, after = map(float, re.search(r"accuracy ([\d.]+)\s% → ([\d.]+)\s%", said).groups())
        way = "gained" if after > before else "lost"
        assert re.search(rf"class \d {way} the most: [\d.]+ points?\.", said), said
    assert "layer 2, neuron 4 no longer ablated" in said and "released" not in said


def test_no_sentence_of_a_sum_without_terms_is_lost(tab):
    tab.button("Clear").click()
    tab.settle()
    tab.goto(layer=1, neuron=3, stage="weighted_sum")
    shown = plain(tab.text("#stage"))
    assert "all 784 terms are 0" in shown and "the others" not in shown
    assert "1e" not in shown and shown.count("all 0") == 2  # the inputs and the products


def test_it_trains_pauses_goes_back_and_resets(tab):
    def wait_for(step):
        tab.page.wait_for_function("step => neurosim.state().step === step", arg=step)
        tab.page.wait_for_timeout(100)  # and no further

    first = tab.state()["step"]
    start = tab.page.evaluate("neurosim.parameters()")
    tab.button("Play").click()
    tab.page.wait_for_function("first => neurosim.state().training && neurosim.state().step > first", arg=first)
    tab.button("Pause").click()
    tab.page.wait_for_timeout(200)
    stopped = tab.state()
    assert not stopped["training"] and stopped["step"] > first
    tab.button("Undo training").click()
    wait_for(first)
    assert tab.state()["step"] == first and tab.page.evaluate("neurosim.parameters()") == start
    for name, steps in (("1 sample", 1), ("1 batch", 1), ("1 epoch", 125)):
        before = tab.state()["step"]
        tab.button(name).click()
        wait_for(before + steps)
        assert tab.state()["step"] - before == steps, name
    tab.button("Reset").click()
    wait_for(0)
    initial = tab.page.evaluate("neurosim.parameters()")
    assert tab.state()["step"] == 0 and initial != start
    tab.button("New seed").click()
    tab.page.wait_for_timeout(200)
    other = tab.page.evaluate("neurosim.parameters()")
    assert tab.state()["step"] == 0 and other != initial
    tab.button("1 epoch").click()
    wait_for(125)
    tab.button("Reset").click()
    wait_for(0)
    assert tab.page.evaluate("neurosim.parameters()") == other  # the same initial weights


def test_the_timeline_leads_to_each_stored_step(tab, net):
    line = tab.page.get_by_role("slider", name="Step of the training")
    line.focus()
    line.press("Home")
    tab.settle()
    assert tab.state()["step"] == 0
    first = np.asarray(net.snapshots.thetas[0])
    assert np.array_equal(np.array(tab.page.evaluate("neurosim.parameters()"), np.float32), first)
    line.press("End")
    tab.settle()
    assert tab.state()["step"] == net.snapshots.steps[-1]
    box = line.bounding_box()
    tab.page.mouse.click(box["x"] + 0.45 * box["width"], box["y"] + 40)
    tab.settle()
    assert tab.state()["step"] in net.snapshots.steps[1:-1]


def test_settings_change_the_rule_and_the_hidden_layers(tab):
    tab.button("Settings").click()
    tab.page.get_by_label("optimizer").select_option("sgd")
    tab.page.get_by_label("learning rate").fill("0.25")
    tab.page.get_by_label("learning rate").press("Enter")
    tab.page.get_by_label("batch size").fill("50")
    tab.page.get_by_label("batch size").press("Enter")
    tab.settle()
    assert "sgd 0.25" in tab.text("#summary")
    tab.goto(stage="update")
    assert "η = 0.25" in tab.text("#stage")
    before = tab.state()["step"]
    tab.button("1 epoch").click()
    tab.page.wait_for_timeout(900)
    assert tab.state()["step"] - before == 40
    tab.page.get_by_label("activation of hidden layers").select_option("tanh")
    tab.page.wait_for_timeout(200)
    assert "(tanh)" in tab.text("#microscope-title") and tab.state()["step"] == 0


def test_report_card_and_mistakes_lead_to_neurons_and_samples(tab, net, held):
    x, labels = fair(held)
    tab.page.get_by_role("tab", name="Report card").click()
    tab.page.wait_for_selector(".sheet tbody tr")
    card = net.report(x, labels)
    rows = tab.page.evaluate(
        """[...document.querySelectorAll(".sheet tbody tr")].map((row) => [
          row.dataset.place, ...[...row.cells].map((cell) => cell.textContent)])"""
    )
    assert len(rows) == len(card) == 58
    for place, _, lost, strongest, *_rest in rows:
        layer, neuron = map(int, place.split("/"))
        expected = card[(card.layer == layer) & (card.neuron == neuron)].iloc[0]
        assert lost == percent(expected.accuracy_lost)
        assert strongest == ("–" if expected.isna().strongest_class else str(int(expected.strongest_class)))
    tab.button("norm of w").click()
    tab.page.locator(".sheet tbody button").first.click()
    tab.settle()
    place = tab.state()
    norms = card.loc[card.weight_norm.idxmax()]
    assert (place["layer"], place["neuron"]) == (norms.layer, norms.neuron)
    tab.page.get_by_role("tab", name="Confusion matrix").click()
    tab.page.wait_for_selector("#mistakes button")
    tab.page.locator("#mistakes button").first.click()
    tab.settle()
    row = held.manifest["samples"]["test"]["index"].index(tab.state()["sample"])
    assert net.predict(held.array("test/x")[row : row + 1])[0] != held.array("test/labels")[row]


def test_a_link_leads_to_the_same_place(tab, browser, file, net):
    tab.goto(layer=2, neuron=7, stage="delta", step=net.snapshots.steps[3], tab="network")
    tab.page.get_by_label("predict first").check()
    tab.page.wait_for_function("() => location.hash.includes('neuron=7') && location.hash.includes('predict=1')")
    address = tab.page.evaluate("location.hash")
    with Tab(browser, file, hash=address) as other:
        assert other.state() == tab.state()
        assert other.page.evaluate("neurosim.parameters()") == tab.page.evaluate("neurosim.parameters()")


def test_a_saved_page_holds_the_network_as_it_is(tab, browser, tmp_path):
    tab.button("1 epoch").click()
    tab.page.wait_for_timeout(900)
    tab.goto(layer=1, neuron=2)
    tab.page.locator(".tools summary").click()
    tab.page.get_by_label("ablate").check()
    tab.settle()
    with tab.page.expect_download() as download:
        tab.button("Save page").click()
    saved = tmp_path / "saved.html"
    download.value.save_as(saved)
    expected = tab.page.evaluate("[neurosim.parameters(), neurosim.accuracy(), neurosim.state().step]")
    PageFile(saved.read_text("utf-8"))  # strict JSON, whole blobs
    with Tab(browser, saved) as other:
        assert other.page.evaluate("[neurosim.parameters(), neurosim.accuracy(), neurosim.state().step]") == expected
        other.goto(layer=1, neuron=2)
        assert "ablated" in other.text("#hovered")
        other.button("1 batch").click()
        other.page.wait_for_timeout(400)
        other.check()


def test_weights_as_json_are_those_of_the_network(tab, net, tmp_path):
    with tab.page.expect_download() as download:
        tab.button("Weights as JSON").click()
    path = tmp_path / "weights.json"
    download.value.save_as(path)
    arrays = json.loads(path.read_text("utf-8"))["arrays"]
    for name in ("W1", "b1", "W2", "b3"):
        assert np.array_equal(np.array(arrays[name], np.float32), net.arrays()[name])


def test_the_keyboard_is_enough(tab):
    tab.page.locator("#net").focus()
    tab.page.keyboard.press("ArrowDown")
    tab.page.keyboard.press("ArrowRight")
    tab.page.keyboard.press("Enter")
    tab.settle()
    assert tab.page.evaluate("document.activeElement.id") == "walk"
    tab.page.keyboard.press("ArrowRight")
    tab.settle()
    assert tab.state()["stage"] == "activation"
    assert "Stage 3 of 11" in tab.page.text_content("#microscope [aria-live]")
    tab.page.keyboard.press("Escape")
    assert tab.page.evaluate("document.activeElement.id") == "net"
    tab.page.locator("#pad").focus()
    tab.page.keyboard.press("ArrowLeft")
    tab.settle()
    assert tab.state()["sample"] is None
    tab.page.keyboard.press("?")
    tab.settle()
    assert tab.page.locator("#help").is_visible()
    tab.page.get_by_role("tab", name="Network").focus()
    tab.page.keyboard.press("ArrowRight")
    tab.settle()
    assert tab.state()["tab"] == "report"
