"""What the page does with changes, in Chromium: undo, numbers that are not accepted, a loss that is not a number."""

import copy

import numpy as np
import pytest
from page_browser import Tab

import neurosim as ns
from neurosim.walk import STAGES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def digits():
    train, test = ns.data.load("digits")
    return train.subset(400), test.subset(100)


@pytest.fixture(scope="module")
def net(digits):
    layers = [ns.Input((28, 28)), ns.Conv2D(4, 5, "relu"), ns.MaxPool2D(4), ns.Flatten(), ns.Dense(12, "relu")]
    made = ns.Network([*layers, ns.Dense(10, "softmax")], seed=0)
    made.snapshots = ns.Snapshots(4)
    made.history = made.fit(digits[0], epochs=1, batch_size=32, callbacks=[made.snapshots], verbose=False)
    return made


def press(tab, name, step):
    tab.button(name).click()
    tab.page.wait_for_function("step => neurosim.state().step === step && !neurosim.state().training", arg=step)
    tab.settle()


def parameters(tab):
    return tab.page.evaluate("neurosim.parameters()")


def test_undo_after_reset_gives_back_the_trained_weights_and_the_optimizer(tab):
    first, initial = tab.state()["step"], None
    tab.button("Settings").click()
    tab.page.get_by_label("optimizer").select_option("sgd")
    tab.settle()
    press(tab, "1 batch", first + 1)
    trained, accuracy = parameters(tab), tab.page.evaluate("neurosim.accuracy()")
    for _ in range(2):
        press(tab, "Reset", 0)
        initial = initial or parameters(tab)
        assert parameters(tab) == initial != trained and "sgd 0.1" in tab.text("#summary")
        press(tab, "Undo", first + 1)
        assert parameters(tab) == trained and tab.page.evaluate("neurosim.accuracy()") == accuracy
        assert f"sgd 0.1 · step {first + 1} of {first + 1}" in tab.text("#summary")


def test_reset_returns_to_the_initial_weights_of_this_network(tab):
    tab.button("New seed").click()
    tab.page.wait_for_function("() => neurosim.state().step === 0")
    fresh = parameters(tab)
    tab.button("Settings").click()
    tab.page.get_by_label("optimizer").select_option("sgd")
    tab.settle()
    press(tab, "1 batch", 1)
    trained = parameters(tab)
    press(tab, "Reset", 0)
    assert parameters(tab) == fresh and "sgd 0.1" in tab.text("#summary")
    press(tab, "Undo", 1)
    assert parameters(tab) == trained


def test_a_number_that_is_not_accepted_leaves_a_message_until_one_is(tab):
    tab.goto(layer=1, neuron=1, row=3, column=4)
    tab.button("Settings").click()
    tab.page.locator(".tools summary").click()

    def typed(name, text):
        field = tab.page.get_by_label(name, exact=True)
        field.fill(text)
        field.press("Enter")
        tab.settle()
        return tab.text("#notice"), field.input_value()

    whole = "expected a whole number from"
    for name, refused, accepted, said in (
        ("Filter", ("2.5", "-1", "4"), "2", f"Filter of layer 1: {whole} 0 to 3, received "),
        ("Row", ("24", "-1", "", "0.5"), "5", f"Row: {whole} 0 to 23, received "),
        ("Column", ("24", "-1", "", "0.5"), "0", f"Column: {whole} 0 to 23, received "),
        ("batch size", ("2.5", "0", "401"), "50", f"Batch size: {whole} 1 to 400, received "),
        ("learning rate", ("0", "-1", ""), "0.5", "Learning rate: expected a number above 0, received "),
        ("Value of the clamped output", ("1e39", ""), "2", "Value of the clamped output: expected a finite number, "),
        ("The weight", ("1e99", "-1e39", ""), "0.5", "Weight: expected a finite number, received "),
        ("The bias", ("1e39", ""), "0.25", "Bias: expected a finite number, received "),
    ):
        before = tab.state(), parameters(tab), tab.page.get_by_label(name, exact=True).input_value()
        for text in refused:
            notice, shown = typed(name, text)
            assert notice.startswith(said) and notice.endswith(f"received {text or 'nothing'}."), (name, text, notice)
            assert (tab.state(), parameters(tab), shown) == before, (name, text)
        notice, shown = typed(name, accepted)
        assert shown == accepted and "expected" not in notice, (name, notice)
        assert "expected" in typed(name, refused[0])[0], name
        notice, shown = typed(name, accepted)  # the number in force
        assert shown == accepted and notice == "", (name, notice)
    assert [tab.state()[name] for name in ("neuron", "row", "column")] == [2, 5, 0]


def test_the_address_is_written_while_other_things_change(tab):
    tab.page.evaluate("neurosim.goto({ layer: 1, neuron: 2, row: 4, column: 5, stage: 'gradients' })")
    box = tab.page.locator("#neuron-1-0").bounding_box()
    for k in range(16):
        tab.page.mouse.move(box["x"] + 2 + 3 * (k % 8), box["y"] + 8)
        tab.page.wait_for_timeout(50)
    assert "row=4&column=5&" in tab.page.evaluate("location.hash")


@pytest.fixture(scope="module")
def lost(net, digits, tmp_path_factory):
    """A page of the same network with a bias that is not a number."""
    path = tmp_path_factory.mktemp("lost") / "page.html"
    other = copy.deepcopy(net)
    other[5].b[0] = np.nan
    ns.explore(other, *digits, path, batch_size=32)
    return path


def test_outputs_that_are_not_numbers_are_no_prediction(browser, lost):
    with Tab(browser, lost) as tab:
        tab.no_hints()
        assert tab.text("#verdict") == "No prediction: the outputs are not numbers"
        assert "read as" not in tab.text("#microscope-title").lower()
        assert tab.page.locator("#net .top").count() == 0
        widths = tab.page.eval_on_selector_all("#net .output i", "(all) => all.map((each) => each.style.width)")
        assert set(widths) == {"0%"}
        for layer in (5, 4, 1):
            for stage in STAGES:
                tab.goto(layer=layer, neuron=0, stage=stage)
                assert "= =" not in tab.text("#stage") and tab.overlaps() == [], (layer, stage)
        assert tab.text("#stage h3").startswith("11. ") and "L = nan" in tab.text("#stage")
        tab.check()


def test_training_without_a_step_is_no_change(browser, lost):
    with Tab(browser, lost) as tab:
        tab.no_hints()
        before = tab.state()
        for name, said in (
            ("1 sample", "No step was trained: the loss of this sample is not a number."),
            ("1 batch", "No step was trained: the loss of the first batch is not a number."),
            ("1 epoch", "No step was trained: the loss of the first batch is not a number."),
            ("Play", "No step was trained: the loss of the first batch is not a number."),
        ):
            tab.goto(layer=4, neuron=1)
            tab.button(name).click()
            tab.page.wait_for_function(
                "said => document.getElementById('notice').textContent.startsWith(said)", arg=said
            )
            tab.page.wait_for_function("() => !neurosim.state().training")
            tab.settle()
            assert not tab.button("Undo").is_enabled() and "No changes yet." in tab.text("#changes")
        assert tab.state()["step"] == before["step"]
        tab.check()
