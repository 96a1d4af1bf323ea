"""The page's script as its own worker, and the page in a notebook's frame: in Chromium, from a file."""

import pytest
from page_browser import Tab

import neurosim as ns

pytestmark = pytest.mark.browser

TRAIN = "neurosim.ready.then(() => neurosim.train({ steps: 40 })).then((state) => state.step)"


@pytest.fixture(scope="module")
def explored():
    train, test = ns.data.load("moons")
    net = ns.Network([ns.Input(2), ns.Dense(8, "tanh"), ns.Dense(2, "softmax")], optimizer="adam", seed=0)
    history = net.fit(train, epochs=2, verbose=False)
    return ns.explore(net, train, test, history=history)


def test_the_page_trains_in_a_worker_made_of_its_own_script(browser, explored, tmp_path):
    with Tab(browser, explored.save(tmp_path / "page.html")) as tab:
        start = tab.state()["step"]
        before = tab.page.evaluate("neurosim.parameters()")
        with tab.page.expect_worker() as worker:
            assert tab.page.evaluate(TRAIN) == start + 40
        assert worker.value.url.startswith("blob:") and worker.value.evaluate("typeof document") == "undefined"
        assert tab.page.evaluate("neurosim.parameters()") != before
        assert tab.page.evaluate("document.scripts.unpacked.textContent.split('class Network ').length") == 2
        assert f"step={start + 40}&" in tab.page.evaluate(
            "new Promise((done) => setTimeout(() => done(location.hash), 400))"
        )
        tab.check()


def test_in_a_notebooks_frame_the_page_leaves_the_address_alone(browser, explored, tmp_path):
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><title>notebook</title><body>{explored._repr_html_()}</body>", "utf-8")
    context = browser.new_context(offline=True)
    page = context.new_page()
    loaded, errors = [], []
    page.on("framenavigated", lambda frame: loaded.append(frame.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    frame = page.frames[1]
    with page.expect_worker():
        step = frame.evaluate(TRAIN)
    frame.evaluate("neurosim.goto({ layer: 2, neuron: 1 })")
    page.wait_for_timeout(600)  # the address is written 150 ms after a change
    assert loaded == [path.as_uri(), "about:srcdoc"] and frame.evaluate("location.href") == "about:srcdoc"
    assert frame.evaluate("[neurosim.state().step, neurosim.state().neuron]") == [step, 1]
    assert (errors, page.url, len(page.frames)) == ([], path.as_uri(), 2)
    context.close()
