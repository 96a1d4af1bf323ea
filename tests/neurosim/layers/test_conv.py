"""Convolution: its numbers compared with slow loops, its filters as neurons, and its errors."""

import math

import numpy as np
import pytest
import reference

import neurosim as ns
from neurosim.layers import conv
from neurosim.layers.base import Layer
from neurosim.layers.windows import Windows


def one_layer(shape, layer, seed=0, batch=2):
    """A network of one layer and a Dense, in float64; its gradients for a batch; dL/dx of the layer."""
    rng = np.random.default_rng(seed)
    net = ns.Network([ns.Input(shape), layer, ns.Dense(3, "softmax")], dtype="float64", seed=seed)
    if "b" in layer.views:
        layer.b = rng.normal(size=layer.b.shape)
    net.input.wants_gradient = True
    net.input.reserve(0)
    x = rng.normal(size=(batch, *shape))
    net.gradients(x, rng.integers(0, 3, batch))
    return net, x


def as_array(numbers, shape):
    """{place: number} as an array; 0 where there is none."""
    result = np.zeros(shape)
    for place, number in numbers.items():
        result[place] = number
    return result


# --- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.quick_every(10)
@pytest.mark.parametrize("seed", range(200))
def test_forward_and_gradients_are_those_of_slow_loops(seed):
    rng = np.random.default_rng([3, seed])
    k, stride, padding = int(rng.integers(1, 6)), int(rng.integers(1, 4)), str(rng.choice(["valid", "same"]))
    shape = (int(rng.integers(k, 9)), int(rng.integers(k, 9)), int(rng.integers(1, 5)))
    layer = ns.Conv2D(int(rng.integers(1, 4)), k, "tanh", stride, padding)
    net, x = one_layer(shape, layer, seed)
    delta, z = (layer_buffer.reshape(2, *layer.out_shape) for layer_buffer in (layer.delta, layer.z))
    dW, db = 0.0, 0.0
    W = layer.W.tolist()
    for n in range(2):
        found = reference.convolve(x[n].tolist(), W, layer.b.tolist(), stride, padding)
        np.testing.assert_allclose(z[n], as_array(found, layer.out_shape), rtol=1e-11, atol=1e-13)
        its_delta = {place: float(delta[n][place]) for place in found}
        dx, its_dW, its_db = reference.convolve_back(x[n].tolist(), W, its_delta, stride, padding)
        np.testing.assert_allclose(net.input.da[n].reshape(shape), as_array(dx, shape), rtol=1e-9, atol=1e-14)
        dW, db = dW + as_array(its_dW, layer.W.shape), db + as_array(its_db, layer.b.shape)
    np.testing.assert_allclose(layer.dW, dW, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(layer.db, db, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    ("side", "size", "stride", "padding", "count", "before", "padded"),
    [
        (28, 5, 1, "valid", 24, 0, 28),
        (28, 5, 3, "valid", 8, 0, 28),
        (7, 7, 2, "valid", 1, 0, 7),
        (28, 5, 1, "same", 28, 2, 32),
        (5, 2, 1, "same", 5, 0, 6),  # the odd row of zeros lies below
        (5, 3, 2, "same", 3, 1, 7),
        (6, 3, 2, "same", 3, 0, 7),
        (6, 1, 3, "same", 2, 0, 6),  # no zeros where the windows do not reach them
        (3, 5, 2, "same", 2, 2, 7),
    ],
)
def test_windows_lie_as_keras_says(side, size, stride, padding, count, before, padded):
    windows = Windows("layer", (side, side + 40), size, stride, padding)
    assert (windows.places[0], windows.before[0], windows.padded[0]) == (count, before, padded)
    assert windows.padded[2] == 1


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 1), (3, 2), (2, 3), (5, 2)])
def test_fields_and_those_that_see_a_pixel_are_two_sides_of_one(size, stride, padding):
    windows = Windows("layer", (6, 7, 2), size, stride, padding)
    seen = {}
    for r in range(windows.places[0]):
        for c in range(windows.places[1]):
            rows, columns = windows.field(slice(r, r + 1), slice(c, c + 1))
            for row in range(rows.start, rows.stop):
                for column in range(columns.start, columns.stop):
                    seen.setdefault((row, column), []).append(r * windows.places[1] + c)
    for row in range(6):
        for column in range(7):
            places, own = windows.that_see(row, column)
            assert places.tolist() == seen.get((row, column), [])
            assert ((own >= 0) & (own < size**2)).all()


def test_images_without_a_channel_have_one():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 8, 7)), rng.integers(0, 3, 5)
    flat, deep = (
        ns.Network([ns.Input(shape), ns.Conv2D(3, 3, "relu"), ns.Dense(3, "softmax")], dtype="float64")
        for shape in ((8, 7), (8, 7, 1))
    )
    assert flat.gradients(x, y) == deep.gradients(x[..., None], y)
    assert np.array_equal(flat.parameters.grad, deep.parameters.grad) and flat[1].W.shape == (3, 3, 1, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_whose_patches_do_not_fit_is_worked_through_in_parts(channels, monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(11, 6, 5, channels)), rng.integers(0, 3, 11)

    def made():
        hidden = ns.Conv2D(4, 3, "tanh", padding="same"), ns.Conv2D(3, 2, "tanh")
        net = ns.Network([ns.Input((6, 5, channels)), *hidden, ns.Dense(3, "softmax")], dtype="float64")
        net.gradients(x, y)
        return net

    whole = made()
    monkeypatch.setattr(conv, "MOST_NUMBERS", 1500)
    parts = made()
    assert 1 <= parts[1]._at_once < 11 and parts[2]._at_once < 11
    np.testing.assert_allclose(parts.parameters.grad, whole.parameters.grad, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(parts[1].da, whole[1].da, rtol=1e-11, atol=1e-15)


def test_training_in_one_batch_takes_no_columns_of_all_images(peak_memory, monkeypatch):
    monkeypatch.setattr(conv, "MOST_NUMBERS", 10_000)
    x, y = np.zeros((2000, 10, 10), np.float32), np.arange(2000) % 3
    net = ns.Network([ns.Input((10, 10)), ns.Conv2D(1, 5), ns.Dense(3, "softmax")])
    columns = 2000 * 36 * 25 * 4
    assert peak_memory(lambda: net.fit(x, y, epochs=1, batch_size=None, verbose=False)) < columns


def test_a_step_allocates_nothing_that_grows(image_net, peak_memory):
    rng = np.random.default_rng(0)
    net = image_net(dtype="float64")
    net.train_batch(rng.normal(size=(2048, 7, 6, 2)), rng.integers(0, 3, 2048))
    # a few of NumPy's own buffers, 8,192 numbers each
    assert peak_memory(net.step_) < 300_000 < net[3].z.nbytes < net[1].z.nbytes


def test_the_fan_in_is_that_of_one_kernel():
    net = ns.Network([ns.Input((30, 30, 8)), ns.Conv2D(200, 5, "relu", initializer="he_normal"), ns.Dense(2)], "mse")
    assert np.std(net[1].W) == pytest.approx(math.sqrt(2.0 / (5 * 5 * 8)), rel=0.02) and (net[1].b == 0.0).all()


# --- a filter is a neuron ------------------------------------------------------------------------------------------


@pytest.fixture
def net(image_net, images):
    """A network of every kind of layer, trained a little, with a batch in its buffers."""
    net = image_net(optimizer="adam", dtype="float64")
    net.fit(*images, epochs=2, batch_size=20, verbose=False)
    return net


def test_a_filter_shows_its_live_arrays(net, images):
    layer, filter_ = net[5], net[5][1]
    net.gradients(*images)
    assert len(layer) == 3 and layer.out_shape == (3, 2, 3) and net[1].out_shape == (7, 6, 4)
    assert filter_.weights.shape == (2, 2, 4) and np.shares_memory(filter_.weights, net.parameters.theta)
    assert np.array_equal(filter_.weight_gradient, layer.dW[..., 1])
    for name in ("z", "a", "delta"):
        whole = getattr(layer, name).reshape(40, 3, 2, 3)
        own = getattr(filter_, name)
        assert np.array_equal(own, whole[..., 1]) and np.shares_memory(own, getattr(layer, name))
    state = filter_.optimizer_state()
    assert state["m"].shape == (2, 2, 4) and state["m_bias"].shape == ()
    filter_.weights = np.arange(16.0).reshape(2, 2, 4)
    assert layer.W[1, 0, 2, 1] == 10.0
    filter_.weights[0, 1, 3] = -5.0
    filter_.bias = 2.0
    assert net.parameters["W5"][0, 1, 3, 1] == -5.0 and net.parameters["b5"][1] == 2.0
    assert net.activations(images[0], 5, 1).shape == (40, 3, 2)


def test_weights_of_another_shape_are_refused(net, refused):
    with refused("expected shape (2, 2, 4)", "received (7, 6, 4)", error=ns.ShapeError):
        net[5][1].weights = np.zeros((7, 6, 4))


def test_a_frozen_filter_stays_bit_for_bit_and_a_slowed_one_moves_in_part(net, images):
    free = net.snapshot()
    before, b = net[5].W.copy(), net[5].b.copy()
    net.fit(*images, epochs=2, batch_size=20, verbose=False)
    assert (before != net[5].W).all()
    net.restore(free)
    net[5][0].freeze()
    net[5][2].rate_factor = 0.5
    net.optimizer = ns.SGD(0.1)
    net.train_batch(*images)
    step = -0.1 * net[5].dW
    assert net[5].W[..., 0].tobytes() == before[..., 0].tobytes() and net[5].b[0] == b[0]
    np.testing.assert_allclose(net[5].W[..., 1], (before + step)[..., 1], rtol=1e-12)
    np.testing.assert_allclose(net[5].W[..., 2], (before + 0.5 * step)[..., 2], rtol=1e-12)
    net[5][0].unfreeze()
    net.train_batch(*images)
    assert (net[5].W[..., 0] != before[..., 0]).all()


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_a_clamped_filter_gives_out_one_number_everywhere_and_gets_no_gradient(value, net, images):
    expected = net.predict_proba(images[0])
    net[5][1].clamp(value)
    net.gradients(*images)
    assert (net[5][1].a == value).all() and (net[5][1].delta == 0.0).all() and (net[5].dW[..., 1] == 0.0).all()
    assert (net[5][0].delta != 0.0).any() and not np.allclose(net.predict_proba(images[0]), expected)
    assert ns.check_gradients(net, images[0][:4], images[1][:4], training=False).passed
    net[5][1].release()
    assert np.array_equal(net.predict_proba(images[0]), expected)


def test_a_filter_may_have_an_activation_and_a_penalty_of_its_own(net, images):
    net[5][2].activation = "sigmoid"
    net[5][0].l2 = 0.3
    net.gradients(*images)
    np.testing.assert_allclose(net[5][2].a, 1.0 / (1.0 + np.exp(-net[5][2].z)), rtol=1e-12)
    np.testing.assert_allclose(net[5][1].a, np.tanh(net[5][1].z), rtol=1e-12)
    assert net.penalty() == pytest.approx(0.15 * np.square(net[5].W[..., 0]).sum())
    assert ns.check_gradients(net, images[0][:4], images[1][:4], training=False).passed


def test_regularizers_and_max_norm_are_about_filters(images):
    hidden = ns.Conv2D(4, 3, "relu", regularizer=ns.L1(0.01), max_norm=0.5)
    net = ns.Network([ns.Input((7, 6, 2)), hidden, ns.Dense(3, "softmax")], dtype="float64")
    assert net.penalty() == pytest.approx(0.01 * np.abs(hidden.W).sum())
    net.fit(*images, epochs=3, verbose=False)
    norms = np.sqrt(np.square(hidden.W).sum(axis=(0, 1, 2)))
    assert (norms <= 0.5 + 1e-12).all() and norms.max() > 0.49


def test_interventions_on_filters_are_saved_and_loaded(net, images, tmp_path):
    net[1][3].freeze()
    net[5][2].clamp(0.25)
    again = ns.Network.load(net.save(tmp_path / "net.npz"))
    assert again[1][3].frozen and again[5][2].clamped == 0.25
    assert np.array_equal(again.predict_proba(images[0]), net.predict_proba(images[0]))


@pytest.mark.parametrize("index", [1, 5])
def test_what_a_number_feeds_is_what_the_gradient_says(index, net, images):
    net.predict(images[0][:1])
    layer = net[index]
    for j in range(layer.n_in):
        fed, slopes = layer.outgoing(j)
        theirs, their_slopes = Layer.outgoing(layer, j)
        order = np.argsort(fed)
        kept = slopes[order] != 0.0
        assert fed[order][kept].tolist() == theirs.tolist()
        np.testing.assert_array_equal(slopes[order][kept], their_slopes)


# --- a filter at one place -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [(0, 0), (6, 5), (3, 2), (-1, 0)])
def test_a_unit_shows_its_patch_and_its_numbers(place, net, images):
    net.gradients(*images)
    filter_, unit = net[1][2], net[1][2].at(*place)
    patch = unit.patch
    assert patch.shape == (40, 3, 3, 2)
    np.testing.assert_allclose(unit.z, (patch * filter_.weights).sum(axis=(1, 2, 3)), rtol=1e-11, atol=1e-14)
    assert np.array_equal(unit.z, filter_.z[(..., *place)]) and np.array_equal(unit.delta, filter_.delta[(..., *place)])
    assert np.shares_memory(unit.a, net[1].a) and unit.row == place[0] % 7
    rows, columns = unit.field
    inside = images[0][:, rows, columns]
    assert np.isin(inside, patch).all() and (patch != 0.0).sum() == inside.size  # zeros around the image


def test_dW_is_the_sum_over_places_of_patch_times_delta(net, images):
    net.gradients(*images)
    for j in range(3):
        units = [net[5][j].at(r, c) for r in range(3) for c in range(2)]
        terms = [np.einsum("bijc,b->ijc", unit.patch, unit.delta) for unit in units]
        np.testing.assert_allclose(sum(terms), net[5][j].weight_gradient, rtol=1e-10, atol=1e-15)


def test_a_unit_of_pooling_and_of_normalization_sees_its_own_channel(net, images):
    net.predict(images[0])
    pooled, normed = net[3][1].at(2, 3), net[2][1].at(2, 3)
    np.testing.assert_array_equal(pooled.patch, net[2][1].a[:, 2:4, 3:5])
    np.testing.assert_array_equal(pooled.a, pooled.patch.max(axis=(1, 2)))
    np.testing.assert_array_equal(normed.patch[:, 0, 0], net[1][1].z[:, 2, 3])


@pytest.mark.parametrize(("index", "place"), [(1, (0, 0)), (3, (4, 2)), (5, (1, 1)), (5, (2, 0)), (6, (0, 0))])
def test_nothing_but_its_receptive_field_reaches_a_unit(index, place, image_net, images):
    net = image_net(dtype="float64")
    unit, x = net[index][0].at(*place), images[0][:8].copy()
    rows, columns = unit.receptive_field
    net.predict(x)
    before = unit.z.copy()
    outside = np.ones(x.shape[1:3], bool)
    outside[rows, columns] = False
    x[:, outside] += 1.0
    net.predict(x)
    assert np.array_equal(unit.z, before)
    rng = np.random.default_rng(0)
    reached = np.zeros((7, 6), bool)
    for row in range(7):
        for column in range(6):
            other = x.copy()
            other[:, row, column] += rng.normal(scale=30.0, size=2)
            net.predict(other)
            reached[row, column] = not np.array_equal(unit.z, before)
    assert (reached == ~outside).all()
    assert f"rows {rows.start} to {rows.stop - 1}" in repr(unit)


def test_a_place_outside_the_image_is_refused(net, refused):
    with refused("layer 1 has rows 0 to 6, received 7", error=ns.OutOfRangeError):
        net[1][0].at(7, 0)
    with refused("layer 1 has columns 0 to 5, received 'x'", error=ns.OutOfRangeError):
        net[1][0].at(0, "x")
    for layer in (0, 7, 8):
        with refused("at: expected a filter, or a channel of a feature map"):
            net[layer][0].at(0, 0)


# --- the network around it -----------------------------------------------------------------------------------------


def test_it_learns_and_says_its_shapes(image_net, images):
    net = image_net(optimizer=ns.Adam(0.01))
    net.fit(*images, epochs=40, batch_size=10, verbose=False)
    assert net.evaluate(*images)["accuracy"] > 0.9
    text = str(net.summary())
    lines = ("1 Conv2D 4x3 same linear", "(B, 7, 6, 4)", "3 MaxPool2D 2 stride 1", "(B, 6, 5, 4)")
    for line in (*lines, "5 Conv2D 3x2 stride 2 tanh", "7 Flatten", "(B, 3)"):
        assert line in text
    assert repr(net[5]) == "Conv2D(3, 2, 'tanh', stride=2) <- 6 x 5 x 4"
    for layer in net:
        assert "last batch" in layer._repr_html_() and all(neuron._repr_html_() for neuron in layer)


def test_kernels_of_one_channel_are_pictures():
    net = ns.Network([ns.Input((9, 9)), ns.Conv2D(3, 4), ns.Conv2D(2, 3), ns.Dense(3, "softmax")])
    assert net[1].weight_image_shape == (4, 4) and "<img" in net[1]._repr_html_() and "<img" in net[1][0]._repr_html_()
    assert net[2].weight_image_shape is None and "<img" not in net[2]._repr_html_()


def test_a_run_goes_on_from_a_checkpoint_bit_for_bit(image_net, images, tmp_path):
    class Stop(ns.Callback):
        at = 0

        def on_step(self, run):
            if run.step == self.at:
                raise KeyboardInterrupt

    stop = Stop()

    def fit(*callbacks):
        net = image_net()
        net.fit(*images, epochs=4, batch_size=16, verbose=False, callbacks=[stop, *callbacks])
        return net.parameters.theta.tobytes()

    stop.at = 7
    stopped = fit(ns.Checkpoint(tmp_path / "run", every=2))
    stop.at = 0
    whole = fit()
    assert fit(ns.Checkpoint(tmp_path / "run", every=2, resume=True)) == whole != stopped


def test_a_batch_whose_activations_do_not_fit_into_memory_is_refused(images, monkeypatch, refused):
    x, y = images
    net = ns.Network([ns.Input(x.shape[1:]), ns.Conv2D(8, 3, "relu"), ns.Dense(3, "softmax")], seed=0)
    monkeypatch.setattr("neurosim.layers.stack.memory", lambda: 2.0**20)
    with refused("expected a batch that fits into 0.0 GiB of memory, received", "Choose a smaller batch_size"):
        net.fit(np.repeat(x, 10, 0), np.repeat(y, 10), batch_size=None, verbose=False)
    net.fit(x, y, epochs=1, batch_size=8, verbose=False)  # nothing is broken


@pytest.mark.full
def test_the_compiled_engine_has_steps_for_it(image_net, images):
    pytest.importorskip("numba")
    net, twin = image_net(engine="compiled"), image_net(engine="numpy")
    for each in (net, twin):
        each.fit(*images, epochs=2, batch_size=16, verbose=False)
    assert net.engine == "compiled" and "Conv2D" in str(net.summary())
    np.testing.assert_allclose(net.parameters.theta, twin.parameters.theta, atol=1e-5)


def test_augmented_images_come_in(images):
    net = ns.Network([ns.Input((12, 12)), ns.Conv2D(3, 3, "relu"), ns.MaxPool2D(2), ns.Dense(3, "softmax")])
    x = np.random.default_rng(0).integers(0, 256, (40, 12, 12)).astype(np.uint8)
    history = net.fit(x, images[1], epochs=2, batch_size=16, augment="affine", verbose=False)
    assert math.isfinite(history["loss"][-1])


# --- what looks at neurons -----------------------------------------------------------------------------------------


def test_a_report_card_has_one_row_per_filter(net, images):
    x, y = images
    card = net.report(x, y).set_index(["layer", "neuron"])
    assert card.groupby("layer").size().to_dict() == {1: 4, 5: 3, 8: 3}
    net.predict(x)
    right = (net.predict(x) == y).mean()
    for layer, speaking in ((1, 2), (5, 5)):  # the activation of the first is behind its normalization
        for j, filter_ in enumerate(net[layer]):
            row, a = card.loc[(layer, j)], net.activations(x, speaking, j)
            assert row["mean_activation"] == pytest.approx(a.mean()) and row["variance"] == pytest.approx(a.var())
            means = [a[y == k].mean() for k in range(3)]
            assert row["strongest_class"] == np.argmax(means)
            others = [
                np.corrcoef(a.ravel(), net.activations(x, speaking, k).ravel())[0, 1] for k in range(len(net[layer]))
            ]
            others[j] = -2.0
            assert row["most_similar"] == np.argmax(others) and row["correlation"] == pytest.approx(max(others))
            assert row["weight_norm"] == pytest.approx(np.linalg.norm(filter_.weights))
            filter_.ablate()
            assert row["accuracy_lost"] == pytest.approx(right - (net.predict(x) == y).mean())
            filter_.release()
    relu = net.activations(x, 2, 0)
    assert card.loc[(1, 0), "dead_fraction"] == pytest.approx((relu == 0.0).mean())
    net.gradients(x, y)
    assert card.loc[(5, 2), "gradient_norm"] == pytest.approx(np.linalg.norm(net[5].dW[..., 2]))


def test_what_a_filter_likes_best_raises_its_mean(net):
    _, before = ns.maximizing_input(net, 5, 1, steps=1)
    x, after = ns.maximizing_input(net, 5, 1, steps=60)
    assert x.shape == (7, 6, 2) and after > before
    assert net.activations(x[None], 5, 1).mean() == pytest.approx(after)


def test_filters_and_dense_neurons_above_are_traced(net, images):
    trace = net.trace(images[0][0], images[1][0])
    assert trace[8][1].check().passed and trace.interesting()[0] == 1 and trace._repr_html_()
    assert trace[5][1].at(0, 1).check().passed and len(trace[5]) == 3
    assert ns.Stepper(net, *images).layer == 1


# --- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (
            [ns.Input(784), ns.Conv2D(8, 5)],
            ["expected images", "(784,)", "Input((28, 28))", "before any Flatten or Dense"],
        ),
        ([ns.Input((2, 3, 4, 5)), ns.Conv2D(8, 2)], ["expected images", "(2, 3, 4, 5)"]),
        ([ns.Input((5, 9)), ns.Conv2D(8, 6)], ["at least 6 x 6 pixels, received 5 x 9", "Choose a smaller size"]),
        ([ns.Input((3, 32, 32)), ns.Conv2D(8, 5)], ["received 3 x 32, channels last"]),
        (
            [ns.Input((28, 28)), ns.Conv2D(8, 5), ns.MaxPool2D(2), ns.Conv2D(16, 5), ns.MaxPool2D(9)],
            ["at least 9 x 9", "8 x 8", "Input 28 x 28, Conv2D 24 x 24 x 8, MaxPool2D 12 x 12 x 8, Conv2D 8 x 8 x 16"],
        ),
        ([ns.Input((8, 8)), ns.Flatten(), ns.Conv2D(8, 3)], ["expected images", "Flatten 64"]),
    ],
)
def test_sizes_that_do_not_fit_are_refused_and_worked_out(layers, words, refused):
    with refused(*words, error=ns.ShapeError):
        ns.Network([*layers, ns.Dense(10, "softmax")])


def test_a_kernel_that_does_not_fit_into_memory_is_refused(refused):
    with refused("do not fit into memory"):
        ns.Network([ns.Input((8, 8)), ns.Conv2D(3, 10**9, padding="same"), ns.Dense(3, "softmax")])


def test_a_network_that_ends_in_images_is_refused(refused):
    with refused("received images of 6 x 6 x 3", "Flatten"):
        ns.Network([ns.Input((8, 8)), ns.Conv2D(3, 3, "softmax")])
    net = ns.Network([ns.Input((8, 8)), ns.Conv2D(3, 8, "softmax")])  # but one place is not an image
    assert net.predict_proba(np.zeros((2, 8, 8))).shape == (2, 3)


@pytest.mark.parametrize(
    "settings", [{"filters": 0}, {"kernel_size": 1.5}, {"stride": 0}, {"padding": "full"}, {"max_norm": -1.0}]
)
def test_settings_out_of_bounds_are_refused(settings, refused):
    with refused("expected", "received", next(iter(settings))):
        ns.Conv2D(**{"filters": 2, "kernel_size": 3} | settings)
