"""Sums over nonzero numbers, compared with products of whole matrices; and nothing beyond the arrays is touched."""

import ctypes
import math
import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import neurosim as ns
from neurosim.processors import core_count

pytest.importorskip("numba")
pytestmark = [pytest.mark.full, pytest.mark.usefixtures("home")]
ROOT = Path(__file__).parents[3]
RNG = np.random.default_rng(0)
N_IN = [1, 2, 3, 5, 7, 8, 13, 15, 16, 17, 31, 33, 64, 100, 131]
N_OUT = [8, 16, 17, 30, 64, 65, 100, 130, 800]
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def sparse_rows(B, n, density, dtype="float64", rng=RNG):
    """Return rows with a random share `density` of nonzero numbers."""
    x = rng.normal(size=(B, n)) + 3.0 * np.sign(rng.normal(size=(B, n)))
    return np.where(rng.random((B, n)) < density, x, 0.0).astype(dtype)


class Products:
    """The kernels of one layer on arrays of its own: z = x W, and dW = xᵀ delta.

    Args:
        place: makes an array of a shape and a type, with arbitrary content.
    """

    def __init__(self, B, n_in, n_out, dtype, most, place=np.empty):
        from neurosim.compiled import sparse
        from neurosim.compiled.machine import kernel
        from neurosim.compiled.table import Table

        dtype = np.dtype(dtype)
        self.x, self.W, self.z = place((B, n_in), dtype), place((n_in, n_out), dtype), place((B, n_out), dtype)
        self.delta, self.dW = place((B, n_out), dtype), place((n_in, n_out), dtype)
        columns, rows = place((B, n_in), np.int32), place((n_in, B), np.int32)
        numbers, turned = place((B, n_in), dtype), place((n_in, B), dtype)
        self.counts, filled = place((B,), np.int64), place((n_in,), np.int64)
        self.counts[:] = 0
        self.table, size = Table(dtype), dtype.itemsize
        add = lambda function, *arguments: self.table.add(kernel(function, dtype), *arguments)  # noqa: E731
        words, blocks = place((B, -(-n_in // 64)), np.int64), place((64 * 8,), np.int64)
        add(sparse.find, self.x, words, columns, numbers, self.counts, most, size)
        add(sparse.multiply, columns, numbers, self.counts, self.W, self.z, self.counts, size)
        add(sparse.turn, self.x, words, self.counts, rows, turned, filled, blocks)
        add(sparse.multiply, rows, turned, filled, self.delta, self.dW, self.counts, size)

    def __call__(self, x, W, delta, parts=1):
        """Return z and dW; None if x is left to the usual product."""
        self.x[:], self.W[:], self.delta[:] = x, W, delta
        self.z[:] = self.dW[:] = math.pi
        self.table(parts)
        if self.counts.min() < 0:
            assert (self.z == self.z.dtype.type(math.pi)).all() and (self.dW == self.z.dtype.type(math.pi)).all()
            return None
        return self.z, self.dW


def agree(products, x, parts=1, rng=RNG):
    """Return whether the sums were made, and check that they equal whole products."""
    W, delta = (rng.normal(size=each.shape) for each in (products.W, products.delta))
    W, delta = W.astype(x.dtype), delta.astype(x.dtype)
    found = products(x, W, delta, parts)
    if found is None:
        return False
    tolerance = TOLERANCE[x.dtype.name]
    with np.errstate(invalid="ignore"):
        for got, expected, terms in zip(found, (x @ W, x.T @ delta), (x.shape[1], len(x)), strict=True):
            np.testing.assert_allclose(got, expected, rtol=tolerance * 10, atol=tolerance * 10 * math.sqrt(terms))
    return True


# -- the kernels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_out", N_OUT)
def test_every_shape(n_out, dtype):
    if n_out * np.dtype(dtype).itemsize < 64:
        return  # narrower than a vector: nothing is looked for
    for n_in in N_IN:
        for B in (1, 7, 64, 65, 130):
            products = Products(B, n_in, n_out, dtype, n_in)
            for density in (0.0, 0.1, 0.5, 1.0):
                assert agree(products, sparse_rows(B, n_in, density, dtype), parts=1 + (B + n_in) % 3)


@pytest.mark.parametrize("parts", [1, 2, 3, 8])
def test_every_cut_of_the_work_is_the_same_bits(parts):
    x = sparse_rows(37, 61, 0.2)
    W, delta = RNG.normal(size=(61, 30)), RNG.normal(size=(37, 30))
    whole, cut = Products(37, 61, 30, "float64", 61), Products(37, 61, 30, "float64", 61)
    for one, other in zip(whole(x, W, delta), cut(x, W, delta, parts), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_no_ordinary_number(dtype):
    for value in (np.nan, np.inf, -np.inf, np.finfo(dtype).tiny / 4, -0.0, np.finfo(dtype).max):
        for n_in, at in ((5, 4), (16, 0), (40, 39), (40, 17), (61, 60)):
            x = sparse_rows(9, n_in, 0.2, dtype)
            x[3, at] = value
            W, delta = np.ones((n_in, 17), dtype), np.ones((9, 17), dtype)
            z, dW = Products(9, n_in, 17, dtype, n_in)(x, W, delta)
            with np.errstate(all="ignore"):
                np.testing.assert_allclose(z, x @ W, rtol=1e-5, atol=1e-4)
                np.testing.assert_allclose(dW, x.T @ delta, rtol=1e-5, atol=1e-4)
            assert not np.isnan(np.delete(z, 3, 0)).any() and not np.isnan(np.delete(dW, at, 0)).any()


@pytest.mark.parametrize("parts", [1, 2])
def test_the_limit(parts):
    """Up to the limit numbers are summed, above it not; nor if the first rows alone are far too full."""
    n, most = 40, 10
    products = Products(12, n, 17, "float64", most)
    x = np.zeros((12, n))
    x[:, 5 : 5 + most] = 1.5
    assert agree(products, x, parts)
    x[11, 0] = x[0, 0] = 1.5
    assert not agree(products, x, parts)
    x[11], x[0] = 0.0, 0.0
    assert agree(products, x, parts)
    x[:] = 0.0
    x[0] = x[6] = 1.0  # one full row among empty ones
    assert agree(products, x, parts)
    x[1:6] = 1.0
    assert not agree(products, x, parts)


def test_batches_dense_and_sparse_one_after_the_other():
    products = Products(20, 50, 30, "float64", 20)
    for k in range(60):
        density = (0.0, 0.05, 0.3, 0.9, 1.0)[int(RNG.integers(5))]
        x = sparse_rows(20, 50, density)
        x[int(RNG.integers(20))] = float(k % 2)
        made = agree(products, x, parts=1 + k % 3)
        assert made or density > 0.1
        assert not made or density < 0.5


EDGE = """
import sys
sys.path.insert(0, "tests/neurosim/compiled")
import test_sparse as tests
tests.at_the_edge(sys.argv[1] == "end")
print("done")
"""


def guarded(at_end):
    """Return a function that makes arrays next to a memory page that no one may touch."""
    libc, kept = ctypes.CDLL(None, use_errno=True), []

    def place(shape, dtype):
        dtype, page = np.dtype(dtype), mmap.PAGESIZE
        size = int(np.prod(shape)) * dtype.itemsize
        whole = -(-size // page) * page
        memory = mmap.mmap(-1, whole + page)
        kept.append(memory)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        forbidden = address + whole if at_end else address
        assert libc.mprotect(ctypes.c_void_p(forbidden), ctypes.c_size_t(page), 0) == 0
        start = whole - size if at_end else page
        return np.frombuffer(memory, np.uint8, size, start).view(dtype).reshape(shape)

    return place


def at_the_edge(at_end):
    """Check some shapes on arrays that end, or begin, at the edge of memory."""
    rng = np.random.default_rng(1)
    for dtype in ("float32", "float64"):
        for n_out in (16, 17, 30, 65, 100, 130):
            for n_in in (1, 7, 17, 33, 63, 64, 65, 130):
                for B in (1, 5, 65):
                    products = Products(B, n_in, n_out, dtype, n_in, guarded(at_end))
                    for density in (0.0, 0.3, 1.0):
                        assert agree(products, sparse_rows(B, n_in, density, dtype, rng), 1 + B % 2, rng)


@pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect")
@pytest.mark.parametrize("side", ["end", "start"])
def test_nothing_is_read_or_written_beside_the_arrays(side):
    result = subprocess.run([sys.executable, "-c", EDGE, side], cwd=ROOT, capture_output=True, text=True)
    assert (result.returncode, result.stdout.strip()) == (0, "done"), result.stderr


# -- in a network ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parts", [1, pytest.param(2, marks=pytest.mark.skipif(core_count() < 2, reason="one processor"))]
)
@pytest.mark.parametrize("n_out", [7, 8, 17, 65])
def test_a_layer_of_a_network_is_that_of_numpy(n_out, parts):
    net, twin = (
        ns.Network(
            [ns.Input(45, None), ns.Dense(n_out, "tanh"), ns.Dense(3, "softmax")],
            optimizer="sgd",
            seed=0,
            dtype="float64",
            engine=engine,
        )
        for engine in ("compiled", "numpy")
    )
    assert net.engine == "compiled"
    with ns.threads(parts):
        for density in (0.0, 0.02, 0.2, 0.5, 0.6, 0.7, 0.8, 1.0):
            x, y = sparse_rows(24, 45, density), RNG.integers(0, 3, 24)
            W, b = net[1].W.copy(), net[1].b.copy()
            assert net.train_batch(x, y) == pytest.approx(twin.train_batch(x, y), rel=1e-9)
            np.testing.assert_allclose(net[1].z, x @ W + b, rtol=1e-10, atol=1e-10)
            np.testing.assert_allclose(net[1].dW, x.T @ net[1].delta, rtol=1e-10, atol=1e-10)
            np.testing.assert_allclose(net.predict_proba(x), twin.predict_proba(x), atol=1e-10)
    np.testing.assert_allclose(net.parameters.theta, twin.parameters.theta, atol=1e-10)


def test_the_only_layer_of_a_network():
    nets = [
        ns.Network([ns.Input(45, None), ns.Dense(9, "softmax")], seed=0, dtype="float64", engine=engine)
        for engine in ("compiled", "numpy")
    ]
    x, y = sparse_rows(100, 45, 0.2), RNG.integers(0, 9, 100)
    for net in nets:
        net.fit(x, y, epochs=3, batch_size=16, verbose=False)
    np.testing.assert_allclose(nets[0].parameters.theta, nets[1].parameters.theta, atol=1e-9)


def test_a_batch_too_large_to_be_looked_at():
    from neurosim.compiled.lines import LARGEST_SPARSE

    n = 1024
    x, y = sparse_rows(LARGEST_SPARSE // n + 1, n, 0.05), RNG.integers(0, 9, LARGEST_SPARSE // n + 1)
    net = ns.Network([ns.Input(n, None), ns.Dense(9, "softmax")], seed=0, dtype="float64", engine="compiled")
    for rows in (slice(None), slice(0, -1)):  # the second is as large as is looked at
        W, b = net[1].W.copy(), net[1].b.copy()
        net.train_batch(x[rows], y[rows])
        np.testing.assert_allclose(net[1].z, x[rows] @ W + b, atol=1e-10)
        np.testing.assert_allclose(net[1].dW, x[rows].T @ net[1].delta, atol=1e-10)
