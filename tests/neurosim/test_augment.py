import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import neurosim as ns
from neurosim.augment import affine_sources, gaussian, warp
from neurosim.training.settings import Settings


@pytest.fixture(scope="module")
def digits():
    """Twenty built-in digits: images (20, 28, 28) uint8, labels (20,)."""
    train, _ = ns.data.load("digits")
    return train.images[:20], train.labels[:20]


def noise(seed, B=7, height=9, width=6):
    return np.random.default_rng(seed).integers(0, 256, (B, height, width), dtype=np.uint8)


def slow_warp(images, row, column):
    """Bilinear interpolation, one pixel at a time, in Python's own numbers."""
    _, height, width = images.shape

    def pixel(i, r, c):
        return int(images[i, r, c]) if 0 <= r < height and 0 <= c < width else 0

    result = np.empty(images.shape)
    for i, r, c in np.ndindex(images.shape):
        y, x = float(row[i, r, c]), float(column[i, r, c])
        top, left = math.floor(y), math.floor(x)
        down, right = y - top, x - left
        result[i, r, c] = (1 - down) * ((1 - right) * pixel(i, top, left) + right * pixel(i, top, left + 1)) + down * (
            (1 - right) * pixel(i, top + 1, left) + right * pixel(i, top + 1, left + 1)
        )
    return result


def one_affine(angle=0.0, tall=1.0, wide=1.0, shear=0.0, down=0.0, right=0.0, shape=(9, 6), B=1):
    """`affine_sources` of B images that are all treated alike."""
    full = np.ones(B)
    return affine_sources(
        angle * full, np.stack([tall * full, wide * full]), shear * full, np.stack([down * full, right * full]), *shape
    )


# --- warp ------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 30.0), st.integers(1, 40), st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_warp_is_bilinear_interpolation_with_background_outside(seed, reach, B, height, width):
    rng = np.random.default_rng(seed)
    images = noise(seed, B, height, width)
    row = (np.arange(height)[:, None] + rng.uniform(-reach, reach, images.shape)).astype(np.float32)
    column = (np.arange(width) + rng.uniform(-reach, reach, images.shape)).astype(np.float32)
    before = row.copy(), column.copy(), images.copy()
    warped = warp(images, row, column)
    assert warped.dtype == np.uint8 and warped.shape == images.shape
    assert np.abs(warped - slow_warp(images, row, column)).max() <= 0.5 + 1e-3
    assert all(np.array_equal(a, b) for a, b in zip(before, (row, column, images), strict=True))


def test_a_place_on_the_rim_or_far_outside_is_background():
    images = np.full((1, 3, 3), 255, np.uint8)
    for place in (-1.0, -1e30, 3.0, 1e30):
        assert not warp(images, np.full((1, 3, 3), place), np.ones((1, 3, 3))).any()
        assert not warp(images, np.ones((1, 3, 3)), np.full((1, 3, 3), place)).any()
    assert (warp(images, np.full((1, 3, 3), -0.25), np.ones((1, 3, 3))) == round(0.75 * 255)).all()


# --- shift -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pixels", [0, 1, 2, 4])
def test_shift_rolls_the_image_and_fills_with_zeros(pixels):
    images = np.maximum(noise(1, B=300), 1)
    shifted = ns.Shift(pixels)(images, np.random.default_rng(2))
    seen = set()
    for old, new in zip(images, shifted, strict=True):
        found = []
        for down in range(-pixels, pixels + 1):
            for right in range(-pixels, pixels + 1):
                rolled = np.roll(old, (down, right), axis=(0, 1))
                rolled[: max(down, 0)] = 0
                rolled[len(rolled) + min(down, 0) :] = 0
                rolled[:, : max(right, 0)] = 0
                rolled[:, rolled.shape[1] + min(right, 0) :] = 0
                if np.array_equal(rolled, new):
                    found.append((down, right))
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) > 0.9 * (2 * pixels + 1) ** 2  # everywhere in the square


# --- affine ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [-1, 1, 2])
@pytest.mark.parametrize("side", [7, 28])
def test_a_quarter_turn_is_rot90(turns, side):
    images = noise(3, B=2, height=side, width=side)
    row, column = one_affine(turns * math.pi / 2, shape=(side, side), B=2)
    assert np.array_equal(warp(images, row, column), np.rot90(images, turns, axes=(1, 2)))


def test_translation_moves_down_and_to_the_right():
    images = noise(4, B=1)
    row, column = one_affine(down=2.0, right=-1.0)
    moved = np.zeros_like(images)
    moved[:, 2:, :-1] = images[:, :-2, 1:]
    assert np.array_equal(warp(images, row, column), moved)


def test_scaling_stretches_about_the_centre():
    images = np.zeros((1, 9, 9), np.uint8)
    images[0, 3:6, 4] = 255  # a stroke three pixels tall
    row, column = one_affine(tall=3.0, shape=(9, 9))
    assert np.array_equal(warp(images, row, column)[0, :, 4] > 0, [True] * 9)
    assert (warp(images, row, column)[0, :, 3] == 0).all()


def test_shear_leans_the_top_to_the_right():
    images = np.zeros((1, 9, 9), np.uint8)
    images[0, :, 4] = 255
    row, column = one_affine(shear=1.0, shape=(9, 9))
    assert np.array_equal(warp(images, row, column)[0] > 0, np.eye(9, dtype=bool)[:, ::-1])


@given(
    st.floats(-math.pi, math.pi),
    st.floats(0.3, 2.0),
    st.floats(0.3, 2.0),
    st.floats(-1.0, 1.0),
    st.floats(-5.0, 5.0),
    st.floats(-5.0, 5.0),
)
@settings(max_examples=50, deadline=None)
def test_affine_sources_undo_the_map_of_the_docstring(angle, tall, wide, shear, down, right):
    # in (down, right) coordinates: a counter-clockwise turn takes "right" to "up"
    R = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    S = np.array([[1.0, 0.0], [-shear, 1.0]])
    D = np.diag([tall, wide])
    row, column = one_affine(angle, tall, wide, shear, down, right)
    centre, t = np.array([4.0, 2.5]), np.array([down, right])
    for r, c in np.ndindex(9, 6):
        p = np.array([row[0, r, c], column[0, r, c]], float)
        np.testing.assert_allclose(centre + R @ S @ D @ (p - centre) + t, [r, c], atol=1e-3)


def test_affine_draws_within_its_bounds_and_up_to_them():
    angle, factors, shear, translation = ns.Affine(20, 0.3, 0.4, 3).draw(4000, np.random.default_rng(5))
    for values, low, high in (
        (np.degrees(angle), -20, 20),
        (factors[0], 0.7, 1.3),
        (factors[1], 0.7, 1.3),
        (shear, -0.4, 0.4),
        (translation[0], -3, 3),
        (translation[1], -3, 3),
    ):
        assert low <= values.min() < low + 0.01 * (high - low) and high - 0.01 * (high - low) < values.max() <= high
    drawn = np.stack([angle, *factors, shear, *translation])
    assert np.abs(np.corrcoef(drawn) - np.eye(6)).max() < 0.1  # one independent of the other


# --- elastic ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width", "sigma"), [(9, 6, 1.0), (6, 9, 4.0), (12, 12, 0.4)])
def test_elastic_displacement_is_the_noise_convolved_with_a_gaussian(height, width, sigma):
    field = np.random.default_rng(6).uniform(-1, 1, (2, 1, height, width))
    sources = ns.Elastic(alpha=5.0, sigma=sigma).displace(field.astype(np.float32))
    weight = {d: math.exp(-d * d / (2 * sigma**2)) for d in range(-200, 201)}
    total = sum(weight.values())
    for r, c in np.ndindex(height, width):
        expected = [
            place
            + 5.0
            * sum(field[k, 0, i, j] * weight[r - i] * weight[c - j] / total**2 for i, j in np.ndindex(height, width))
            for k, place in ((0, r), (1, c))
        ]
        np.testing.assert_allclose(sources[:, 0, r, c], expected, atol=2e-5)


def test_elastic_moves_as_far_as_its_docstring_says():
    rows = ns.Elastic().sources(500, 28, 28, np.random.default_rng(7))[0] - np.arange(28)[:, None]
    assert rows[:, 10:18, 10:18].std() == pytest.approx(24 / 3**0.5 / (8 * math.pi**0.5), rel=0.03)  # far from the rim
    assert rows.std() == pytest.approx(0.9, rel=0.05) and abs(rows.mean()) < 0.05


def test_gaussian_is_shared_and_cannot_be_written():
    assert gaussian(28, 4.0) is gaussian(28, 4.0)
    with pytest.raises(ValueError):
        gaussian(28, 4.0)[0, 0] = 1.0


# --- all of them -----------------------------------------------------------------------------------------------------

NOTHING = {"shift": ns.Shift(0), "affine": ns.Affine(0, 0, 0, 0), "elastic": ns.Elastic(alpha=0)}
NOTHING["compose"] = ns.Compose(list(NOTHING.values()))


@pytest.mark.parametrize("key", list(ns.AUGMENTATIONS))
def test_without_strength_the_image_is_the_same(key, digits):
    for images in (digits[0], noise(8), noise(9, B=1, height=1, width=5), noise(9, B=0)):
        result = NOTHING[key](images, np.random.default_rng(0))
        assert np.array_equal(result, images) and not np.shares_memory(result, images)


@pytest.mark.parametrize("key", list(ns.AUGMENTATIONS))
def test_the_same_seed_gives_the_same_images_and_each_image_its_own(key, digits):
    augmentation = ns.AUGMENTATIONS.create(key)
    same = np.repeat(digits[0][:1], 20, axis=0)
    first = augmentation(same, np.random.default_rng(1))
    assert np.array_equal(first, augmentation(same, np.random.default_rng(1)))
    assert not np.array_equal(first, augmentation(same, np.random.default_rng(2)))
    assert len(np.unique(first, axis=0)) > (10 if key == "shift" else 19)
    assert first.dtype == np.uint8 and first.shape == same.shape


@pytest.mark.parametrize("key", list(ns.AUGMENTATIONS))
def test_ink_is_neither_lost_nor_made(key):
    train, _ = ns.data.load("digits")
    images = train.images[:500]
    ink = ns.AUGMENTATIONS.create(key)(images, np.random.default_rng(3)).sum(axis=(1, 2)) / images.sum(axis=(1, 2))
    assert abs(ink.mean() - 1.0) < 0.05 and ink.min() > 0.5 and ink.max() < 1.7


@pytest.mark.full
@pytest.mark.parametrize("key", list(ns.AUGMENTATIONS))
def test_what_a_network_reads_it_still_reads(key):
    """Default strength leaves a digit the same digit, to a network that knows both."""
    train, test = ns.data.load("digits")
    net = ns.Network([ns.Input((28, 28)), ns.Dense(128, "relu"), ns.Dense(10, "softmax")], seed=0)
    net.fit(train.images, train.labels, epochs=8, augment=key, verbose=False)
    images = ns.AUGMENTATIONS.create(key)(test.images[:1000], np.random.default_rng(4))
    assert net.evaluate(images, test.labels[:1000])["accuracy"] > 0.85


@pytest.mark.parametrize(
    "what", [ns.Shift(3), ns.Affine(5, 0.2, 0.1, 0.5), ns.Elastic(20.0, 3.0), ns.Compose([ns.Shift(1), "elastic"])]
)
def test_config_is_the_way_back(what):
    again = ns.AUGMENTATIONS.create(what.config())
    assert again.config() == what.config() and type(again) is type(what)
    assert np.array_equal(*(each(noise(5), np.random.default_rng(6)) for each in (what, again)))


def test_compose_is_one_after_the_other():
    images, parts = noise(10), [ns.Shift(2), ns.Elastic(10, 2)]
    rng = np.random.default_rng(11)
    expected = parts[1](parts[0](images, rng), rng)
    assert np.array_equal(ns.Compose(parts)(images, np.random.default_rng(11)), expected)
    text = ns.AUGMENTATIONS.create("compose:parts=shift:pixels=3+elastic")
    assert [part.config() for part in text.parts] == [ns.Shift(3).config(), ns.Elastic().config()]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ns.Shift(-1), ["pixels", "-1"]),
        (lambda: ns.Shift(1.5), ["pixels", "1.5"]),
        (lambda: ns.Affine(rotation=181), ["rotation", "181"]),
        (lambda: ns.Affine(scale=1.0), ["scale", "1.0"]),
        (lambda: ns.Affine(shear=math.inf), ["shear", "inf"]),
        (lambda: ns.Affine(translation="2"), ["translation", "'2'"]),
        (lambda: ns.Elastic(alpha=math.nan), ["alpha", "nan"]),
        (lambda: ns.Elastic(sigma=0), ["sigma", "0"]),
        (lambda: ns.Compose([]), ["parts", "[]"]),
        (lambda: ns.Compose(["afine"]), ["afine", "did you mean 'affine'"]),
        (lambda: ns.Compose(3), ["parts", "3"]),
        (lambda: Settings(augment="elastc"), ["elastc", "did you mean 'elastic'"]),
        (lambda: Settings(augment="shift:pixel=2"), ["pixel", "pixels"]),
    ],
)
def test_wrong_settings_are_named(make, words, refused):
    with refused(*words):
        make()


# --- in training -----------------------------------------------------------------------------------------------------


def net(size=(28, 28), **options):
    return ns.Network([ns.Input(size), ns.Dense(16, "relu"), ns.Dense(10, "softmax")], **{"seed": 4} | options)


class Record(ns.Augmentation):
    """An augmentation that turns every image upside down and keeps its input."""

    key = "record"

    def __init__(self):
        self.batches, self.states = [], []

    def __call__(self, images, rng):
        self.batches.append(images.copy())
        self.states.append(rng.bit_generator.state)
        rng.random()
        return images[:, ::-1]


class Seen(ns.Callback):
    """A callback that keeps the input layer's numbers at each step."""

    def __init__(self):
        self.a = []

    def on_step(self, run):
        self.a.append(run.network.input.a.copy())


def test_each_batch_is_augmented_before_it_is_scaled_with_a_stream_of_its_own(digits):
    x, y = digits
    network, record, seen = net(), Record(), Seen()
    before = copy.deepcopy(network.streams)
    network.fit(
        x, y, 2, 8, augment=record, callbacks=[seen], validation_data=(x, y), evaluate_train=True, verbose=False
    )
    assert [len(batch) for batch in record.batches] == [8, 8, 4] * 2  # training alone
    for k, (images, a) in enumerate(zip(record.batches, seen.a, strict=True)):
        np.testing.assert_allclose(a, images[:, ::-1].reshape(len(a), -1) / 255, rtol=1e-6)
        assert record.states[k] == before["augmentation"].bit_generator.state
        before["augmentation"].random()
    order = before["shuffling"].permutation(20)
    assert np.array_equal(np.concatenate(record.batches[:3]), x[order])


def test_without_strength_training_is_bit_identical_to_none(digits):
    thetas = []
    for augment in (None, "shift:pixels=0", "elastic:alpha=0"):
        network = net()
        network.fit(*digits, 3, 8, augment=augment, verbose=False)
        thetas.append(network.parameters.theta.copy())
    assert np.array_equal(thetas[0], thetas[1]) and np.array_equal(thetas[0], thetas[2])


def test_the_same_seed_trains_the_same_and_reset_starts_over(digits):
    network = net()
    for seed in (4, 4, 5):
        other = net(seed=seed)
        other.fit(*digits, 2, 8, augment="affine", verbose=False)
        network.reset()
        network.fit(*digits, 2, 8, augment="affine", verbose=False)
        assert np.array_equal(other.parameters.theta, network.parameters.theta) == (seed == 4)


@pytest.mark.parametrize(
    ("size", "shape"), [(784, (20, 28, 28)), ((28, 28), (20, 784)), (784, (20, 28, 28, 1)), ((28, 28, 1), (20, 784))]
)
def test_the_shape_comes_from_the_data_or_from_the_input_layer(size, shape, digits):
    network, expected = net(size), net()
    network.fit(digits[0].reshape(shape), digits[1], 1, 8, augment="shift", verbose=False)
    expected.fit(*digits, 1, 8, augment="shift", verbose=False)
    assert np.array_equal(network.parameters.theta, expected.parameters.theta)


def test_what_cannot_be_augmented_is_refused_and_nothing_is_changed(digits, refused):
    x, y = digits
    network = net(784)
    theta = network.parameters.theta.copy()
    with refused("height", "(20, 784)", error=ns.ShapeError):
        network.fit(x.reshape(20, 784), y, 1, augment="affine", verbose=False)
    with refused("uint8", "float64"):
        network.fit(x / 255.0, y, 1, augment="affine", verbose=False)
    with refused("rotate", "choose from: shift, affine, elastic, compose"):
        network.fit(x, y, 1, augment="rotate", verbose=False)
    assert np.array_equal(network.parameters.theta, theta)


def test_the_stepper_trains_on_what_fit_would(digits):
    network, expected = net(), net()
    expected.fit(*digits, 1, 8, augment="affine", verbose=False)
    stepper = ns.Stepper(network, *digits, batch_size=8, augment="affine")
    stepper.batch(3)
    assert np.array_equal(network.parameters.theta, expected.parameters.theta)
    np.testing.assert_allclose(stepper.trace[1][0].inputs, digits[0][0].reshape(-1) / 255, rtol=1e-6)  # as it is
    for _ in range(3):
        stepper.undo()
    stepper.epoch()
    assert np.array_equal(network.parameters.theta, expected.parameters.theta)


def test_settings_carry_it():
    assert Settings().augment is None and Settings(augment="none").augment is None
    assert Settings(augment="elastic:alpha=20,sigma=3").augment == "elastic:alpha=20,sigma=3"
