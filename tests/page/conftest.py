"""What the tests of the page share."""

import pytest
from page_browser import Tab, chromium


@pytest.fixture(scope="module")
def browser():
    """Chromium, or a skip that says how to get it."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def tab(browser, file):
    """The page of the test module's `file`, without hints; afterwards nothing may have gone wrong in it."""
    with Tab(browser, file) as opened:
        opened.no_hints()
        yield opened
        opened.check()
