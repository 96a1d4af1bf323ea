"""Memory does not grow in long trainings; `python -m tests.soak` is the long form."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soak

linux = pytest.mark.skipif(not soak.STATUS.exists(), reason="memory is read from /proc")


def laps(resident):
    return [soak.Lap(k, k, mib, 1.0) for k, mib in enumerate(resident)]


@linux
def test_memory_that_is_held_is_seen():
    lines = """
import numpy, soak
before = soak.resident_memory()
block = numpy.ones(200 * 2**20, numpy.uint8)
print(soak.resident_memory() - before)
"""  # in its own process: this one may release memory meanwhile
    run = subprocess.run(
        [sys.executable, "-c", lines], capture_output=True, text=True, cwd=Path(__file__).parent, check=True
    )
    assert 150 < float(run.stdout) < 250


def test_growth_passes_over_the_warm_up_and_over_single_peaks():
    level = [50.0, 80.0, 90.0, *[100.0] * 9]
    assert soak.growth(laps(level)) == 0.0
    level[10] = 500.0
    assert soak.growth(laps(level)) == 0.0


def test_growth_is_that_of_half_the_time():
    assert soak.growth(laps(np.arange(40.0))) == 20.0  # laps 10 to 19 against 30 to 39


@linux
@pytest.mark.slow
def test_memory_stays_where_it_is():
    """For five minutes, or for $NEUROSIM_SOAK_MINUTES (CI takes one)."""
    run = soak.soak(float(os.environ.get("NEUROSIM_SOAK_MINUTES", "5")))
    assert len(run) >= 20, "too slow a machine for this many minutes: set NEUROSIM_SOAK_MINUTES to more"
    assert soak.growth(run) < soak.LIMIT
    assert run[-1].loss < run[0].loss and all(np.isfinite(lap.loss) for lap in run)
