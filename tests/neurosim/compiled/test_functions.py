"""The float32 functions of the kernels, against float64."""

import numpy as np
import pytest

numba = pytest.importorskip("numba")
pytestmark = pytest.mark.full
EDGES = np.array([0.0, -0.0, 1e-38, -1e-38, 1e-20, 87.3, 88.7, -87.3, -87.4, 100.0, -110.0, np.inf, -np.inf, np.nan])


def over(function, x):
    """The function of each number, compiled."""

    @numba.njit(error_model="numpy")
    def loop(x, out):
        for k in range(len(x)):
            out[k] = function(x[k])

    out = np.empty_like(x)
    loop(x, out)
    return out


@pytest.mark.parametrize(
    ("name", "low", "high", "ulps"),
    [
        ("exp", -87.0, 88.5, 2),
        ("expm1", -80.0, 88.5, 4),
        ("expm1", -1e-3, 1e-3, 4),
        ("tanh", -12.0, 12.0, 4),
        ("tanh", -1e-3, 1e-3, 4),
        ("log", 1e-37, 1e38, 4),
        ("log", 0.5, 2.0, 4),
        ("log1p", -0.99, 100.0, 4),
        ("log1p", -1e-3, 1e-3, 4),
    ],
)
def test_within_a_few_units_of_the_last_place(name, low, high, ulps):
    from neurosim.compiled import functions

    rng = np.random.default_rng(0)
    x = rng.uniform(low, high, 200_000).astype(np.float32)
    if name == "log" and high > 10:
        x = np.exp(rng.uniform(np.log(low), np.log(high), 200_000)).astype(np.float32)
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(x.astype(np.float64))
    received = over(getattr(functions, f"{name}_float32"), x)
    spacing = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
    assert (np.abs(received - exact) <= ulps * spacing).all(), (np.abs(received - exact) / spacing).max()


@pytest.mark.parametrize("name", ["exp", "expm1", "tanh", "log", "log1p"])
def test_edges(name):
    from neurosim.compiled import functions

    x = EDGES.astype(np.float32)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x)
    received = over(getattr(functions, f"{name}_float32"), x)
    tiny = np.finfo(np.float32).tiny
    same = (received == expected) | (np.isnan(received) & np.isnan(expected))
    normal = (np.abs(x) >= tiny) | (x == 0) | (name != "log")  # of subnormal numbers no logarithm is promised
    assert (same | (np.abs(received - expected) <= np.maximum(2e-7 * np.abs(expected), tiny)) | ~normal).all(), received
