import math

import numpy as np
import pytest
import reference

import neurosim as ns
from neurosim.activations import ACTIVATIONS
from neurosim.losses import LOSSES, check_pair

KEYS = list(LOSSES)
DTYPES = ["float32", "float64"]
VARIANTS = [(key, {}) for key in KEYS] + [
    ("cross_entropy", {"label_smoothing": 0.1}),
    ("huber", {"threshold": 0.3}),
    ("hinge", {"margin": 0.5}),
    ("squared_hinge", {"margin": 1.5}),
]
PAIRS = [(loss, output) for loss in KEYS for output in ACTIVATIONS if LOSSES[loss]().accepts(ACTIVATIONS[output]())]


class Buffers:
    """The output layer of a loss's protocol, for one batch."""

    def __init__(self, activation, z):
        self.activation, self.z = activation, z
        self.a, self.da, self.delta = (np.empty_like(z) for _ in range(3))
        self.scratch = [np.zeros_like(z) for _ in range(activation.scratch_count)]
        activation.forward_(z, self.a, self.scratch)


def one_hot(labels, n, dtype="float64"):
    return np.eye(n, dtype=dtype)[labels]


def sample(key, B=7, n=4, dtype="float64", seed=0):
    """Return (z, y) with targets of the kind that the loss needs."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(B, n)).astype(dtype)
    if LOSSES[key].one_hot:
        return z, one_hot(rng.integers(0, n, B), n, dtype)
    return z, rng.uniform(0.05, 0.95, size=(B, n)).astype(dtype)


def outputs_for(key, z):
    """Activations as the loss sees them: of its natural output."""
    return ACTIVATIONS[LOSSES[key].natural_output]()(z)


@pytest.mark.parametrize(("key", "settings"), VARIANTS)
def test_value_and_gradient_are_the_reference(key, settings):
    z, y = sample(key)
    a = outputs_for(key, z)
    value, gradient = reference.LOSSES[key](a.tolist(), y.tolist(), **settings)
    loss = LOSSES[key](**settings)
    assert loss(a, y) == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(loss.gradient(a, y), gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("key", "settings"), VARIANTS)
def test_in_place_form_is_the_readable_form(key, settings, dtype):
    z, y = sample(key, dtype=dtype)
    loss, out = LOSSES[key](**settings), Buffers(ACTIVATIONS[LOSSES[key].natural_output](), z)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    assert loss.value_(out, y) == pytest.approx(loss(out.a, y), rel=tolerance)
    loss.gradient_(out.a, y, out.da)
    np.testing.assert_allclose(out.da, loss.gradient(out.a, y), rtol=tolerance, atol=tolerance / 10)
    assert loss.gradient(out.a, y).dtype == dtype
    assert isinstance(loss(out.a, y), float) and isinstance(loss.value_(out, y), float)


@pytest.mark.parametrize(("key", "settings"), VARIANTS)
def test_gradient_is_the_central_difference(key, settings):
    z, y = sample(key, seed=5)
    a, loss, h = outputs_for(key, z), LOSSES[key](**settings), 1e-6
    gradient = loss.gradient(a, y)
    for i, j in np.ndindex(a.shape):
        above, below = a.copy(), a.copy()
        above[i, j] += h
        below[i, j] -= h
        assert gradient[i, j] == pytest.approx((loss(above, y) - loss(below, y)) / (2 * h), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(("key", "output"), PAIRS)
def test_output_delta_is_the_reference_for_every_accepted_pair(key, output):
    z, y = sample(key, seed=2)
    z = z * 0.9 + 0.013
    loss, out = LOSSES[key](), Buffers(ACTIVATIONS[output](), z)
    loss.delta_(out, y)
    a = [reference.activate(output, row) for row in z.tolist()]
    value, da = reference.LOSSES[key](a, y.tolist())
    expected = [reference.pull_back(output, *rows) for rows in zip(z.tolist(), da, strict=True)]
    np.testing.assert_allclose(out.delta, expected, rtol=1e-10, atol=1e-14)
    assert loss.value_(out, y) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(("key", "output"), PAIRS)
def test_default_forms_are_the_reference_for_every_accepted_pair(key, output):
    """What a loss of two methods runs, here for those that have faster forms and shortcuts."""
    z, y = sample(key, seed=2)
    z = z * 0.9 + 0.013
    loss, out = LOSSES[key](), Buffers(ACTIVATIONS[output](), z)
    a = [reference.activate(output, row) for row in z.tolist()]
    value, da = reference.LOSSES[key](a, y.tolist())
    assert ns.Loss.value_(loss, out, y) == pytest.approx(value, rel=1e-12)
    assert type(ns.Loss.value_(loss, out, y)) is float
    ns.Loss.gradient_(loss, out.a, y, out.da)
    np.testing.assert_allclose(out.da, da, rtol=1e-12, atol=1e-15)
    ns.Loss.delta_(loss, out, y)
    expected = [reference.pull_back(output, *rows) for rows in zip(z.tolist(), da, strict=True)]
    np.testing.assert_allclose(out.delta, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(("key", "output"), PAIRS)
def test_a_subclass_with_another_equation_does_not_run_its_parents_in_place_form(key, output):
    class Twice(LOSSES[key]):
        def __call__(self, a, y):
            return 2.0 * LOSSES[key]()(a, y)

        def gradient(self, a, y):
            return 2.0 * LOSSES[key]().gradient(a, y)

    z, y = sample(key, seed=2)
    z = z * 0.9 + 0.013
    loss, out = Twice(), Buffers(ACTIVATIONS[output](), z)
    a = [reference.activate(output, row) for row in z.tolist()]
    value, da = reference.LOSSES[key](a, y.tolist())
    assert loss.value_(out, y) == pytest.approx(2.0 * value, rel=1e-12)
    loss.delta_(out, y)
    expected = [reference.pull_back(output, *rows) for rows in zip(z.tolist(), da, strict=True)]
    np.testing.assert_allclose(out.delta, 2.0 * np.array(expected), rtol=1e-10, atol=1e-14)
    assert loss.shortcut is None and not loss.simplifies(out.activation)


@pytest.mark.parametrize(("key", "output"), PAIRS)
def test_the_output_delta_simplifies_for_the_natural_partners_alone(key, output):
    partners = {("cross_entropy", "softmax"), ("binary_cross_entropy", "sigmoid")}
    assert LOSSES[key]().simplifies(ACTIVATIONS[output]()) == ((key, output) in partners)


def test_a_loss_needs_both_methods():
    class Half(ns.Loss):
        def gradient(self, a, y):
            return a - y

    with pytest.raises(TypeError, match="__call__"):
        Half()


@pytest.mark.parametrize("key", KEYS)
def test_value_leaves_what_the_delta_needs(key):
    """The loss is computed between the forward and the backward pass, and may use only da and delta."""
    z, y = sample(key)
    loss = LOSSES[key]()
    one, other = (Buffers(ACTIVATIONS[loss.natural_output](), z.copy()) for _ in range(2))
    y_before = y.copy()
    loss.value_(one, y)
    loss.delta_(one, y)
    loss.delta_(other, y)
    np.testing.assert_array_equal(one.delta, other.delta)
    assert np.array_equal(one.z, z) and np.array_equal(y, y_before)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.9])
def test_shortcut_of_cross_entropy_is_the_long_way_through_the_softmax_jacobian(label_smoothing):
    z, y = sample("cross_entropy", B=9, n=6)
    loss, out = ns.CrossEntropy(label_smoothing), Buffers(ns.Softmax(), z)
    loss.delta_(out, y)
    long_way = np.einsum("bjk,bj->bk", out.activation.jacobian(z), loss.gradient(out.a, y))
    np.testing.assert_allclose(out.delta, long_way, rtol=1e-11, atol=1e-15)


def test_shortcut_of_cross_entropy_holds_for_soft_targets():
    z = np.random.default_rng(0).normal(size=(5, 4))
    y = np.random.default_rng(1).dirichlet(np.ones(4), 5)
    loss, out = ns.CrossEntropy(), Buffers(ns.Softmax(), z)
    loss.delta_(out, y)
    np.testing.assert_allclose(out.delta, ns.Softmax().vjp(z, loss.gradient(out.a, y)), rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(out.delta, (out.a - y) / 5, rtol=1e-14)


def test_shortcut_of_binary_cross_entropy_is_the_long_way():
    z, y = sample("binary_cross_entropy")
    loss, out = ns.BinaryCrossEntropy(), Buffers(ns.Sigmoid(), z)
    loss.delta_(out, y)
    np.testing.assert_allclose(out.delta, loss.gradient(out.a, y) * ns.Sigmoid().derivative(z), rtol=1e-11)


def test_label_smoothing_moves_the_target_towards_uniform():
    a = np.array([[0.7, 0.2, 0.1]])
    y = one_hot([0], 3)
    expected = -(0.9 + 0.1 / 3) * math.log(0.7) - 0.1 / 3 * (math.log(0.2) + math.log(0.1))
    assert ns.CrossEntropy(0.1)(a, y) == pytest.approx(expected, rel=1e-14)
    assert ns.CrossEntropy(0.0)(a, y) == pytest.approx(-math.log(0.7), rel=1e-14)


def test_losses_have_the_values_worked_out_by_hand():
    a, y = np.array([[1.0, 3.0], [0.0, -2.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    assert ns.MSE()(a, y) == (0 + 9 + 0 + 9) / 4
    assert ns.MAE()(a, y) == (0 + 3 + 0 + 3) / 4
    assert ns.Huber()(a, y) == (0 + 2.5 + 0 + 2.5) / 4
    # wrong class beside the right one: 1 - 1 + 3 = 3 and 1 - (-2) + 0 = 3
    assert ns.Hinge()(a, y) == (3 + 3) / 4
    assert ns.SquaredHinge()(a, y) == (9 + 9) / 4


def test_the_loss_is_a_mean_over_the_batch():
    for key in KEYS:
        z, y = sample(key)
        a = outputs_for(key, z)
        twice = LOSSES[key]()(np.concatenate([a, a]), np.concatenate([y, y]))
        assert twice == pytest.approx(LOSSES[key]()(a, y), rel=1e-13)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_cross_entropy_is_finite_and_exact_for_z_up_to_1e4(dtype, label_smoothing):
    z = np.array([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0], [0.0, 1e4, 1e4]], dtype)
    y = one_hot([1, 0, 2], 3, dtype)
    loss, out = ns.CrossEntropy(label_smoothing), Buffers(ns.Softmax(), z)
    smooth = (1 - label_smoothing) * np.asarray(y, "float64") + label_smoothing / 3
    # ln a = z - max z - ln(how many share the maximum)
    log_a = np.array([[0.0, -2e4, -1e4], [0.0, -2e4, -1e4], [-1e4 - math.log(2), -math.log(2), -math.log(2)]])
    expected = -(smooth * log_a).sum() / 3
    assert loss.value_(out, y) == pytest.approx(expected, rel=1e-14 if dtype == "float64" else 1e-6)
    loss.delta_(out, y)
    np.testing.assert_allclose(out.delta, (np.exp(log_a) - smooth) / 3, atol=1e-7)
    assert math.isfinite(loss(out.a, y)) and np.isfinite(loss.gradient(out.a, y)).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", DTYPES)
def test_binary_cross_entropy_is_finite_and_exact_for_z_up_to_1e4(dtype):
    z = np.array([[1e4, -1e4], [1e4, -1e4], [0.0, 50.0]], dtype)
    y = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 1.0]], dtype)
    loss, out = ns.BinaryCrossEntropy(), Buffers(ns.Sigmoid(), z)
    assert loss.value_(out, y) == pytest.approx((1e4 + 1e4 + 0 + 0 + math.log(2) + math.exp(-50)) / 6, rel=1e-7)
    loss.delta_(out, y)
    np.testing.assert_allclose(out.delta * 6, [[1, -1], [0, 0], [0, 0]], atol=1e-7)
    assert math.isfinite(loss(out.a, y)) and np.isfinite(loss.gradient(out.a, y)).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("key", "output"), PAIRS)
def test_every_pair_is_finite_for_z_up_to_1e4(key, output, dtype):
    rng = np.random.default_rng(0)
    z = rng.choice([-1e4, -100.0, -1.0, 0.0, 1.0, 100.0, 1e4], size=(50, 4)).astype(dtype)
    y = one_hot(rng.integers(0, 4, 50), 4, dtype)
    loss, out = LOSSES[key](), Buffers(ACTIVATIONS[output](), z)
    assert math.isfinite(loss.value_(out, y))
    loss.delta_(out, y)
    assert np.isfinite(out.delta).all() and out.delta.dtype == dtype


def test_a_float32_loss_is_summed_in_float64():
    a = np.full((200_000, 10), 0.1, np.float32)
    y = np.zeros_like(a)
    out = Buffers(ns.Linear(), a)
    exact = float(np.float32(0.1)) ** 2
    assert ns.MSE().value_(out, y) == pytest.approx(exact, rel=1e-7)  # a float32 sum of 2e6 terms is off by 1e-5
    assert ns.MSE()(a, y) == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize(
    ("key", "output"),
    [(loss, output) for loss in KEYS for output in ACTIVATIONS if not LOSSES[loss]().accepts(ACTIVATIONS[output]())],
)
def test_a_loss_without_meaning_on_an_activation_is_refused_and_the_pairs_are_listed(key, output, refused):
    loss, activation = LOSSES[key](), ACTIVATIONS[output]()
    partners = [name for loss_key, name in PAIRS if loss_key == key]
    others = [name for name, activation_key in PAIRS if activation_key == output]
    with refused(f"'{key}'", f"'{output}'", ", ".join(partners), ", ".join(others)):
        check_pair(loss, activation)
    with refused(f"'{key}'"):
        ns.Network([ns.Input(3), ns.Dense(4, output)], loss=key)


@pytest.mark.parametrize("key", KEYS)
def test_a_loss_accepts_its_natural_output_and_its_shortcut(key):
    loss = LOSSES[key]()
    assert loss.accepts(ACTIVATIONS[loss.natural_output]())
    assert loss.shortcut is None or loss.accepts(loss.shortcut())
    check_pair(loss, ACTIVATIONS[loss.natural_output]())


def test_cross_entropy_accepts_softmax_alone_and_hinge_only_what_reaches_its_margin():
    accepted = {key: [name for loss, name in PAIRS if loss == key] for key in KEYS}
    assert accepted["cross_entropy"] == ["softmax"]
    assert accepted["binary_cross_entropy"] == ["sigmoid"]
    assert accepted["mse"] == list(ACTIVATIONS)
    assert not {"sigmoid", "softmax"} & set(accepted["hinge"])
    assert ns.Hinge(0.5).accepts(ns.Sigmoid()) and not ns.Hinge(2.0).accepts(ns.Tanh())


@pytest.mark.quick_every(3)
@pytest.mark.parametrize(("key", "settings"), VARIANTS)
def test_in_place_form_allocates_nothing_of_a_batchs_size(key, settings, peak_memory):
    loss = LOSSES[key](**settings)
    peaks = []
    for B in (2048, 16384):  # both beyond NumPy's own casting buffer, which has 8192 elements and does not grow
        z, y = sample(key, B=B, n=10, dtype="float32")
        out = Buffers(ACTIVATIONS[loss.natural_output](), z)

        def run(out=out, y=y):
            loss.value_(out, y)
            loss.delta_(out, y)

        peaks.append(peak_memory(run))
    assert peaks[1] <= peaks[0] + 8192, peaks


@pytest.mark.parametrize(
    "make",
    [
        lambda: ns.CrossEntropy(1.0),
        lambda: ns.CrossEntropy(-0.1),
        lambda: ns.Huber(0.0),
        lambda: ns.Huber(math.inf),
        lambda: ns.Hinge(0.0),
        lambda: ns.SquaredHinge(-1.0),
        lambda: ns.Hinge("1"),
        lambda: ns.Huber(True),
    ],
)
def test_settings_out_of_bounds_are_refused(make, refused):
    with refused("expected a ", "number ", "received"):
        make()


@pytest.mark.parametrize("key", ["hinge", "squared_hinge"])
def test_a_margin_loss_refuses_rows_that_do_not_name_one_class(key, refused):
    net = ns.Network([ns.Input(2), ns.Dense(3, "linear")], loss=key)
    with refused("one-hot", "received"):
        net.train_batch(np.zeros((1, 2)), [[0.5, 0.3, 0.2]])


def test_binary_cross_entropy_refuses_targets_outside_0_to_1(refused):
    net = ns.Network([ns.Input(2), ns.Dense(3, "sigmoid")], loss="binary_cross_entropy")
    with refused("received"):
        net.train_batch(np.zeros((1, 2)), [[7.0, 0.0, -1.0]])


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        ([0.2, 0.8], True),
        ([0.2, 0.80005], True),
        ([0.2, 0.80016], False),
        ([0.2, 0.79984], False),
        ([-0.2, 1.2], False),
        ([0.4, 0.4], False),
    ],
)
def test_cross_entropy_wants_distributions_up_to_rounding(row, fits):
    wrong = ns.CrossEntropy().refuses(np.array([[1.0, 0.0], row]))
    assert (wrong == "") is fits and (fits or "sum to 1" in wrong)
    for key in ("mse", "mae", "huber"):  # these compare numbers, of any size
        assert LOSSES[key]().refuses(np.array([[1.0, 0.0], row])) == ""


@pytest.mark.parametrize(
    ("key", "name", "usual"),
    [
        ("cross_entropy", "label_smoothing", 0.0),
        ("huber", "threshold", 1.0),
        ("hinge", "margin", 1.0),
        ("squared_hinge", "margin", 1.0),
    ],
)
def test_defaults_and_bounds_of_the_settings(key, name, usual, refused):
    assert LOSSES[key]().config()[name] == usual
    assert LOSSES[key](**{name: 0.25}).config()[name] == 0.25
    for value in (-0.5, math.inf, math.nan):
        with refused(name, "received"):
            LOSSES[key](**{name: value})


def test_soft_targets_of_mixed_rows_are_a_margin_losss_refusal():
    """One-hot needs both: entries of 0 and 1 alone, and one 1 per row."""
    for row in ([1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [2.0, -1.0, 0.0]):
        assert "do not name one class" in ns.Hinge().refuses(np.array([[0.0, 1.0, 0.0], row]))
    assert ns.Hinge().refuses(np.eye(3)) == ""


def test_kinks_of_a_margin_loss_lie_where_a_wrong_class_is_just_short_of_the_margin():
    a, y = np.array([[0.9, 0.2, -0.4], [0.1, 0.3, 0.6]]), np.eye(3)[[0, 2]]
    expected = [0.5 - 0.9 + 0.2, 0.5 - 0.9 - 0.4, 0.5 - 0.6 + 0.1, 0.5 - 0.6 + 0.3]
    for key in ("hinge", "squared_hinge"):
        assert LOSSES[key](margin=0.5).kink_arguments(a, y).tolist() == pytest.approx(expected)
    assert ns.MAE().kink_arguments(a, y).tolist() == (a - y).tolist() and ns.MSE().kink_arguments(a, y).size == 0


@pytest.mark.parametrize("value", [1.0001, 1.5, -0.0001])
def test_binary_cross_entropy_takes_shares_up_to_1(value):
    assert "expected numbers in [0, 1]" in ns.BinaryCrossEntropy().refuses(np.array([[0.5, value]]))
    assert ns.BinaryCrossEntropy().refuses(np.array([[0.0, 1.0]])) == ""
