"""Fixtures of the page's tests."""

import pytest
from page_browser import Tab, chromium
from page_file import PageFile

import neurosim as ns


@pytest.fixture(scope="module")
def browser():
    """Chromium, or a skip with the command that installs it."""
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def file(net, digits, tmp_path_factory):
    """A page of the test module's `net`, with its `digits`; a module can define its own."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    ns.explore(net, *digits, path, net.history, snapshots=net.snapshots, batch_size=32)
    return path


@pytest.fixture(scope="module")
def held(file):
    """The contents of that page."""
    return PageFile(file.read_text("utf-8"))


@pytest.fixture
def tab(browser, file):
    """The page of the test module's `file`, without hints; at the end it is checked for errors."""
    with Tab(browser, file) as opened:
        opened.no_hints()
        yield opened
        opened.check()
