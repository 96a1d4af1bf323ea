"""What the tests of the page share."""

import pytest
from page_browser import chromium


@pytest.fixture(scope="module")
def browser():
    """Chromium, or a skip that says how to get it."""
    with chromium() as opened:
        yield opened
