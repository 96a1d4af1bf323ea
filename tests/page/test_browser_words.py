"""The words of the glossary in Chromium: shown in a dialog, from a button, from the help, and from a term in a text."""

import pytest
from page_browser import Tab, axe

import neurosim as ns
from neurosim.glossary import GLOSSARY

pytestmark = pytest.mark.browser
STAGES = ["weighted_sum", "activation", "output", "delta", "gradients"]


@pytest.fixture(scope="module")
def digits():
    train, test = ns.data.load("digits")
    return train.subset(300), test.subset(100)


@pytest.fixture(scope="module")
def net(digits):
    made = ns.Network([ns.Input((28, 28)), ns.Dense(8, "relu"), ns.Dense(10, "softmax")], seed=0)
    made.snapshots = ns.Snapshots(4)
    made.history = made.fit(digits[0], epochs=1, batch_size=32, callbacks=[made.snapshots], verbose=False)
    return made


def focused(tab):
    """The text of the focused element and the term that it explains."""
    return tab.page.evaluate("[document.activeElement.textContent, document.activeElement.dataset.term ?? null]")


def is_open(tab):
    tab.settle()
    return tab.page.locator("#words").is_visible()


def entries(tab):
    terms = tab.page.locator("#words dt").all_inner_texts()
    return dict(zip(terms, tab.page.locator("#words dd").all_inner_texts(), strict=True))


def expected(terms=GLOSSARY):
    return {term: GLOSSARY[term].replace("`read as 6`", "“read as 6”") for term in terms}


def test_the_dialog_shows_every_word_of_the_glossary_and_finds_one(tab):
    tab.button("Words").click()
    assert is_open(tab) and entries(tab) == expected() and f"{len(GLOSSARY)} words" in tab.text("#words")
    find = tab.page.get_by_label("Find")
    assert find.evaluate("(each) => each === document.activeElement")
    find.fill("stride")
    assert next(iter(entries(tab))) == "stride" and "1 word" in tab.text("#words")
    find.fill("no such word")
    assert entries(tab) == {} and "No word matches. Try a shorter text." in tab.text("#words")
    tab.button("Close").click()
    assert not is_open(tab)


def test_the_keyboard_opens_a_term_and_comes_back_to_it(tab):
    state = tab.state()
    tab.goto(stage="weighted_sum")
    term = tab.page.locator("#stage h3 .term")
    assert term.inner_text() == "weighted sum" and term.get_attribute("title") == GLOSSARY["weighted sum"]
    term.focus()
    tab.page.keyboard.press("Enter")
    assert is_open(tab)
    entry = tab.page.locator("#words [aria-current]")
    assert entry.evaluate("(each) => each === document.activeElement") and entry.is_visible()
    assert entry.inner_text().split("\n") == ["weighted sum", GLOSSARY["weighted sum"]]
    for key in ("ArrowRight", "Space", "?"):  # the keys of the page rest
        tab.page.keyboard.press(key)
    assert (
        is_open(tab) and tab.state() == state | {"stage": "weighted_sum"} and not tab.page.locator("#help").is_visible()
    )
    tab.page.keyboard.press("Escape")
    assert not is_open(tab) and focused(tab) == ["weighted sum", "weighted sum"]


def test_help_and_the_notes_of_the_panels_lead_to_the_words(tab):
    tab.button("Help and keys").click()
    tab.button("Explain the words").click()
    assert is_open(tab)
    tab.page.keyboard.press("Escape")
    for ask in tab.page.get_by_role("button", name="What is this?").all():
        if ask.is_visible():
            ask.click()
    terms = tab.page.eval_on_selector_all(".what .term", "(all) => all.map((each) => each.dataset.term)")
    assert {"weight", "loss", "accuracy", "prediction", "sample", "layer"} <= set(terms) <= GLOSSARY.keys()
    tab.page.locator("#input .what .term").first.click()
    assert is_open(tab) and tab.page.locator("#words [aria-current] dt").inner_text() in terms
    tab.button("Close").click()
    title = tab.page.locator("#microscope .tools label", has_text="freeze").locator("input").get_attribute("title")
    assert title == GLOSSARY["freeze"]


def test_a_term_that_is_drawn_anew_gives_the_focus_to_the_walk(tab):
    tab.goto(stage="activation")
    tab.page.locator("#stage h3 .term").click()
    assert is_open(tab)
    tab.goto(neuron=3)  # as while it trains
    tab.page.keyboard.press("Escape")
    assert not is_open(tab) and tab.page.evaluate("document.activeElement.id") == "walk"


@pytest.mark.parametrize("width", [390, 1280])
def test_no_word_lies_over_another_and_a_screen_reader_finds_its_way(browser, file, width):
    program = axe()
    with Tab(browser, file, width, reduced_motion="reduce") as tab:
        tab.no_hints()
        tab.page.evaluate(program)
        tab.button("Words").click()
        tab.settle()
        box = tab.page.locator("#words").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] >= 0
        sideways = "(each) => each.scrollWidth - each.clientWidth"
        assert tab.page.locator("#words").evaluate(sideways) == tab.page.locator("#words dl").evaluate(sideways) == 0
        assert tab.stumbles() == {}
        tab.page.keyboard.press("Escape")
        found = {}
        for stage in STAGES:
            tab.goto(stage=stage)
            found[stage] = tab.overlaps()
        assert {stage: texts for stage, texts in found.items() if texts} == {}
        tab.check()


def test_a_page_of_an_older_version_has_no_button_for_words(tab):
    tab.page.evaluate(
        """(() => {
          const manifest = JSON.parse(document.getElementById("manifest").textContent);
          delete manifest.glossary;
          const blobs = manifest.blobs.map((_, k) => document.getElementById(`blob-${k}`).textContent);
          return neurosim.load({ manifest, blobs }).then(() => true);
        })()"""
    )
    tab.settle()
    assert tab.button("Words").count() == 0 and tab.page.locator(".term").count() == 0
    assert tab.page.locator("#stage h3").inner_text() == "2. weighted sum"
