"""Fixtures that the tests of the compiled engine share."""

import threading

import pytest

import neurosim as ns
from neurosim import processors
from neurosim.processors import core_count

THREADS = [1, pytest.param(2, marks=pytest.mark.skipif(core_count() < 2, reason="needs two processors"))]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Keep what these tests compile, separately from what the user has compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROSIM_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(params=THREADS)
def threads(request):
    """Run with one thread and with two; none is left afterwards."""
    cores = processors.cores_from_here()
    with ns.threads(request.param):
        yield request.param
    assert threading.active_count() == 1
    assert sorted(processors.cores_from_here()) == sorted(cores)  # no thread is left bound to a core
