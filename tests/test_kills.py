"""A few of the kills of `tests.kills`; ``NEUROSIM_KILLS=30`` makes them 30."""

import os

import pytest
from kills import SIGNALS, kills


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize(("kind", "share"), [("train", 1.0), ("filters", 0.5), ("scenario", 0.4), ("bench", 0.2)])
def test_what_was_killed_at_a_random_moment_goes_on_to_the_same_numbers_and_leaves_nothing(kind, share):
    count = int(os.environ.get("NEUROSIM_KILLS", "4"))
    kills(kind, max(2, round(share * count)), 1, list(SIGNALS))
