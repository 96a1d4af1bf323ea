import math
import tracemalloc

import numpy as np
import pytest
import reference

import neurosim as ns
from neurosim.activations import ACTIVATIONS

KEYS = list(ACTIVATIONS)
ELEMENTWISE = [key for key in KEYS if ACTIVATIONS[key].elementwise]
DTYPES = ["float32", "float64"]
# in float32 a value near x is known to a few parts in 1e7 of what the formula went through
TOLERANCE = {"float32": {"rtol": 3e-6, "atol": 3e-6}, "float64": {"rtol": 1e-12, "atol": 1e-12}}


def in_place(f, z, da):
    """(a, delta) by the in-place form, in buffers made the way a layer makes them."""
    a, delta = np.empty_like(z), np.empty_like(z)
    scratch = [np.zeros_like(z) for _ in range(f.scratch_count)]
    f.forward_(z, a, scratch)
    f.backward_(da.copy(), z, a, delta, scratch)
    return a, delta


def grid(dtype, kinks=()):
    """z in [-8, 8], away from kinks, as a batch (50, 8)."""
    z = np.linspace(-8.0, 8.0, 400) + 0.0037
    for kink in kinks:
        z = np.where(np.abs(z - kink) < 1e-3, z + 0.01, z)
    return z.reshape(50, 8).astype(dtype)


def gradient_of_output(z, seed=0):
    return np.random.default_rng(seed).normal(size=z.shape).astype(z.dtype)


@pytest.mark.parametrize("key", KEYS)
def test_readable_form_is_the_reference(key):
    z = np.random.default_rng(1).normal(scale=3.0, size=(20, 6))
    expected = [reference.activate(key, row) for row in z.tolist()]
    np.testing.assert_allclose(ACTIVATIONS[key]()(z), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("key", KEYS)
def test_vjp_is_the_reference(key):
    z = np.random.default_rng(1).normal(scale=3.0, size=(20, 6))
    da = gradient_of_output(z)
    expected = [reference.pull_back(key, *rows) for rows in zip(z.tolist(), da.tolist(), strict=True)]
    np.testing.assert_allclose(ACTIVATIONS[key]().vjp(z, da), expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("key", KEYS)
def test_in_place_form_is_the_readable_form(key, dtype):
    f = ACTIVATIONS[key]()
    z = grid(dtype)
    da = gradient_of_output(z)
    a, delta = in_place(f, z, da)
    np.testing.assert_allclose(a, f(z), **TOLERANCE[dtype])
    np.testing.assert_allclose(delta, f.vjp(z, da), **TOLERANCE[dtype])


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "leaky_relu", "negative_slope": 0.3},
        {"name": "elu", "alpha": 0.4},
        {"name": "leaky_relu", "negative_slope": 0.0},
        {"name": "elu", "alpha": 2.5},
    ],
    ids=str,
)
def test_in_place_form_is_the_readable_form_with_other_settings(settings):
    f = ACTIVATIONS.create(settings)
    z = grid("float64")
    da = gradient_of_output(z)
    a, delta = in_place(f, z, da)
    np.testing.assert_allclose(a, f(z), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(delta, f.vjp(z, da), rtol=1e-13, atol=1e-14)
    if settings["name"] == "leaky_relu":
        expected = np.where(z > 0, z, settings["negative_slope"] * z)
    else:
        expected = np.where(z > 0, z, settings["alpha"] * (np.exp(np.minimum(z, 0.0)) - 1.0))
    np.testing.assert_allclose(a, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("key", KEYS)
def test_default_in_place_form_is_the_reference(key):
    """What an activation of two methods runs, here for those that have faster forms."""
    f, z = ACTIVATIONS[key](), np.random.default_rng(1).normal(scale=3.0, size=(20, 6))
    da, a, delta = gradient_of_output(z), np.empty_like(z), np.empty_like(z)
    ns.Activation.forward_(f, z, a, [])
    ns.Activation.backward_(f, da, z, a, delta, [])
    np.testing.assert_allclose(a, [reference.activate(key, row) for row in z.tolist()], rtol=1e-13, atol=1e-14)
    expected = [reference.pull_back(key, *rows) for rows in zip(z.tolist(), da.tolist(), strict=True)]
    np.testing.assert_allclose(delta, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("key", KEYS)
def test_a_subclass_with_another_equation_does_not_run_its_parents_in_place_form(key):
    class Twice(ACTIVATIONS[key]):
        def __call__(self, z):
            return 2.0 * ACTIVATIONS[key]()(z)

        def vjp(self, z, da):
            return ACTIVATIONS[key]().vjp(z, 2.0 * da)

    z = np.random.default_rng(1).normal(scale=3.0, size=(20, 6))
    da = gradient_of_output(z)
    a, delta = in_place(Twice(), z, da)
    expected = [reference.activate(key, row) for row in z.tolist()]
    np.testing.assert_allclose(a, 2.0 * np.array(expected), rtol=1e-13, atol=1e-14)
    expected = [reference.pull_back(key, *rows) for rows in zip(z.tolist(), da.tolist(), strict=True)]
    np.testing.assert_allclose(delta, 2.0 * np.array(expected), rtol=1e-11, atol=1e-13)


def test_an_activation_needs_both_methods():
    class Half(ns.Activation):
        def __call__(self, z):
            return z / 2

    with pytest.raises(TypeError, match="derivative"):
        Half()


@pytest.mark.parametrize("key", KEYS)
def test_in_place_form_can_be_run_again_on_the_same_buffers(key):
    f = ACTIVATIONS[key]()
    scratch = [np.zeros((50, 8)) for _ in range(f.scratch_count)]
    a, delta = np.empty((50, 8)), np.empty((50, 8))
    for k in range(3):
        z = np.random.default_rng(k).normal(scale=4.0, size=(50, 8))
        da = gradient_of_output(z, seed=k)
        f.forward_(z, a, scratch)
        f.backward_(da, z, a, delta, scratch)
        np.testing.assert_allclose(a, f(z), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(delta, f.vjp(z, da), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("key", KEYS)
def test_in_place_form_leaves_z_and_da_alone(key):
    z, f = grid("float64"), ACTIVATIONS[key]()
    da = gradient_of_output(z)
    z_before, da_before = z.copy(), da.copy()
    scratch = [np.zeros_like(z) for _ in range(f.scratch_count)]
    a, delta = np.empty_like(z), np.empty_like(z)
    f.forward_(z, a, scratch)
    f.backward_(da, z, a, delta, scratch)
    assert np.array_equal(z, z_before) and np.array_equal(da, da_before)


@pytest.mark.parametrize("key", KEYS)
def test_readable_forms_return_new_arrays(key):
    z, f = grid("float64"), ACTIVATIONS[key]()
    assert not np.shares_memory(f(z), z)
    assert not np.shares_memory(f.derivative(z), z)


@pytest.mark.parametrize("key", KEYS)
def test_derivative_is_the_central_difference(key):
    f, h = ACTIVATIONS[key](), 1e-5
    z = grid("float64", f.kinks)
    if f.elementwise:
        difference = (f(z + h) - f(z - h)) / (2.0 * h)
    else:  # the diagonal of the Jacobian
        difference = np.empty_like(z)
        for j in range(z.shape[1]):
            e = np.zeros(z.shape[1])
            e[j] = h
            difference[:, j] = (f(z + e) - f(z - e))[:, j] / (2.0 * h)
    np.testing.assert_allclose(f.derivative(z), difference, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("key", KEYS)
def test_backward_is_the_central_difference_of_a_scalar(key):
    """L = Σ c_j a_j has dL/da = c, so delta_k has to be the change of L with z_k."""
    f, h = ACTIVATIONS[key](), 1e-5
    z = grid("float64", f.kinks)[::5]
    c = gradient_of_output(z)
    _, delta = in_place(f, z, c)
    for k in range(z.shape[1]):
        e = np.zeros(z.shape[1])
        e[k] = h
        difference = ((f(z + e) - f(z - e)) * c).sum(axis=1) / (2.0 * h)
        np.testing.assert_allclose(delta[:, k], difference, rtol=1e-6, atol=1e-8)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("key", KEYS)
def test_everything_is_finite_up_to_1e4_without_a_warning(key, dtype):
    f = ACTIVATIONS[key]()
    sizes = np.concatenate([[0.0], np.logspace(-30, 4, 119)])
    z = np.concatenate([sizes, -sizes]).reshape(24, 10).astype(dtype)
    da = gradient_of_output(z)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        a, delta = in_place(f, z, da)
        results = {"f(z)": f(z), "f'(z)": f.derivative(z), "vjp": f.vjp(z, da), "a": a, "delta": delta}
    for name, array in results.items():
        assert np.isfinite(array).all(), name
        assert array.dtype == dtype, name
    low, high = f.range
    for array in (a, results["f(z)"]):
        assert (array >= low).all() and (array <= high).all()
    np.testing.assert_allclose(a, results["f(z)"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(delta, results["vjp"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("key", KEYS)
def test_extreme_values_are_the_reference(key):
    z = np.array([[-1e4, -700.0, -50.0, 0.0, 50.0, 700.0, 1e4]])
    a, _ = in_place(ACTIVATIONS[key](), z, np.ones_like(z))
    np.testing.assert_allclose(a[0], reference.activate(key, z[0].tolist()), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("key", KEYS)
def test_range_is_held_and_reached(key):
    f = ACTIVATIONS[key]()
    low, high = f.range
    if f.elementwise:
        a = f(np.concatenate([np.linspace(-30.0, 30.0, 200_001), [-1e4, 1e4]]))
    else:
        a = f(np.array([[-1e3, 0.0, 1e3], [0.0, 0.0, 0.0]]))
    assert a.min() >= low and a.max() <= high
    for bound, extreme in ((low, a.min()), (high, a.max())):
        assert not math.isfinite(bound) or abs(extreme - bound) < 2e-4, f"the bound {bound} is not tight: {extreme}"
    for bound, extreme in ((low, a.min()), (high, a.max())):
        assert math.isfinite(bound) or abs(extreme) > 20, f"never beyond {extreme}, though the range says unbounded"


@pytest.mark.parametrize("key", ELEMENTWISE)
def test_slope_jumps_exactly_at_the_kinks(key):
    f, h = ACTIVATIONS[key](), 1e-6
    z = np.arange(-8.0, 8.0625, 0.0625)  # multiples of 1/16: every kink is one of them
    jump = np.abs((f(z + h) - f(z)) - (f(z) - f(z - h))) / h > 1e-3
    declared = [kink for kink in f.kinks if key != "elu"]  # with alpha = 1 ELU is smooth at 0
    assert z[jump].tolist() == sorted(declared)


@pytest.mark.parametrize("key", ELEMENTWISE)
def test_curvature_jumps_exactly_where_it_says(key):
    f, h = ACTIVATIONS[key](), 1e-5
    z = np.arange(-8.0, 8.0625, 0.0625)
    slope = f.derivative
    jump = np.abs((slope(z + h) - slope(z)) - (slope(z) - slope(z - h))) / h > 1e-2
    assert z[jump].tolist() == sorted({*f.kinks, *f.curvature_jumps})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("key", ELEMENTWISE)
def test_slope_at_a_kink_is_one_of_the_two_sides_in_both_forms(key, dtype):
    f = ACTIVATIONS[key]()
    for kink in f.kinks:
        z = np.full((1, 1), kink, dtype)
        sides = [f.derivative(z - 0.01).item(), f.derivative(z + 0.01).item()]
        assert min(abs(f.derivative(z).item() - side) for side in sides) < 0.02
        _, delta = in_place(f, z, np.ones_like(z))
        assert delta.item() == pytest.approx(f.derivative(z).item(), abs=1e-7)


def test_relu_and_its_kin_have_slope_of_the_left_side_at_zero():
    z = np.zeros((1, 1))
    slopes = {
        key: in_place(ACTIVATIONS[key](), z, np.ones((1, 1)))[1].item()
        for key in ("relu", "leaky_relu", "relu6", "hard_tanh")
    }
    assert slopes == {"relu": 0.0, "leaky_relu": pytest.approx(0.01), "relu6": 0.0, "hard_tanh": 1.0}


@pytest.mark.parametrize("key", ELEMENTWISE)
def test_elementwise_activations_do_not_mix_neurons(key):
    f, z = ACTIVATIONS[key](), grid("float64")
    moved = z.copy()
    moved[:, 3] += 1.0
    others = [j for j in range(z.shape[1]) if j != 3]
    assert np.array_equal(f(z)[:, others], f(moved)[:, others])


def test_softmax_rows_are_distributions_and_do_not_change_with_a_shift():
    z = np.random.default_rng(0).normal(scale=5.0, size=(30, 10))
    a, shifted = ns.Softmax()(z), ns.Softmax()(z + 1000.0)
    np.testing.assert_allclose(a.sum(axis=1), 1.0, rtol=1e-14)
    assert (a > 0).all()
    np.testing.assert_allclose(shifted, a, rtol=1e-10)


def test_softmax_jacobian_is_the_central_difference():
    f, h = ns.Softmax(), 1e-5
    z = np.random.default_rng(0).normal(size=(4, 6))
    J = f.jacobian(z)
    assert J.shape == (4, 6, 6)
    for k in range(6):
        e = np.zeros(6)
        e[k] = h
        np.testing.assert_allclose(J[:, :, k], (f(z + e) - f(z - e)) / (2.0 * h), atol=1e-10)
    np.testing.assert_allclose(J.sum(axis=1), 0.0, atol=1e-15)  # the outputs always add up to 1
    np.testing.assert_allclose(np.diagonal(J, axis1=1, axis2=2), f.derivative(z), rtol=1e-14)


def test_softmax_leaves_the_logarithm_of_a_behind_even_where_a_is_zero():
    f = ns.Softmax()
    z = np.array([[0.0, 1e4, -1e4]], np.float32)
    scratch, a = [np.zeros_like(z) for _ in range(2)], np.empty_like(z)
    f.forward_(z, a, scratch)
    np.testing.assert_array_equal(a, [[0.0, 1.0, 0.0]])
    np.testing.assert_array_equal(f.log_probabilities(scratch), [[-1e4, 0.0, -2e4]])


@pytest.mark.parametrize("key", KEYS)
def test_in_place_form_allocates_nothing_that_grows(key):
    f = ACTIVATIONS[key]()
    peaks = []
    for rows in (1024, 8192):  # both beyond NumPy's own casting buffer, which has 8192 elements and does not grow
        z = np.random.default_rng(0).normal(size=(rows, 32)).astype(np.float32)
        da, a, delta = np.ones_like(z), np.empty_like(z), np.empty_like(z)
        scratch = [np.zeros_like(z) for _ in range(f.scratch_count)]
        f.forward_(z, a, scratch)
        f.backward_(da, z, a, delta, scratch)
        tracemalloc.start()
        f.forward_(z, a, scratch)
        f.backward_(da, z, a, delta, scratch)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] <= peaks[0] + 8192, f"{peaks[0]} bytes for 1024 rows, {peaks[1]} for 8192 (one buffer: {z.nbytes})"


@pytest.mark.parametrize("key", KEYS)
def test_a_batch_of_no_samples_is_fine(key):
    f = ACTIVATIONS[key]()
    a, delta = in_place(f, np.zeros((0, 4)), np.zeros((0, 4)))
    assert a.shape == delta.shape == (0, 4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ns.LeakyReLU(1.0), ("negative_slope", "1.0")),
        (lambda: ns.LeakyReLU(-0.1), ("-0.1",)),
        (lambda: ns.LeakyReLU("0.1"), ("'0.1'",)),
        (lambda: ns.LeakyReLU(math.nan), ("nan",)),
        (lambda: ns.ELU(0.0), ("alpha", "0.0")),
        (lambda: ns.ELU(math.inf), ("inf",)),
    ],
    ids=["one", "negative", "text", "nan", "zero", "infinite"],
)
def test_settings_out_of_bounds_are_refused(make, words, refused):
    with refused("expected", "received", *words):
        make()


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 100])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_of_few_and_of_many_neurons(n, dtype):
    rng = np.random.default_rng(n)
    z, da = rng.normal(scale=3.0, size=(5, n)).astype(dtype), rng.normal(size=(5, n)).astype(dtype)
    softmax = ACTIVATIONS.create("softmax")
    scratch, a, delta = softmax.make_scratch(5, n, dtype), np.empty_like(z), np.empty_like(z)
    softmax.forward_(z, a, scratch)
    softmax.backward_(da, z, a, delta, scratch)
    for k in range(5):
        e = [math.exp(each - max(z[k])) for each in z[k].tolist()]
        expected = [each / sum(e) for each in e]
        inner = sum(p * g for p, g in zip(expected, da[k].tolist(), strict=True))
        np.testing.assert_allclose(a[k], expected, rtol=1e-5)
        np.testing.assert_allclose(
            delta[k], [p * (g - inner) for p, g in zip(expected, da[k].tolist(), strict=True)], rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(softmax(z[k]), expected, rtol=1e-5)  # a single row will do
