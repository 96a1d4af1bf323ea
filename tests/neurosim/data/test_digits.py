"""The built-in digits: equal for equal seeds, similar to MNIST, and not too easy."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import neurosim as ns
from neurosim.data import digits
from neurosim.data.digits import draw_digits
from neurosim.errors import NeurosimError

REAL_MNIST = os.environ.get("NEUROSIM_DATA", "")


@pytest.fixture(scope="module")
def drawn():
    return draw_digits(2000, seed=0)


@pytest.fixture(scope="module")
def reader():
    """Train a small network on drawn digits alone; return it and other drawn digits."""
    images, labels = draw_digits(12_000, seed=0)
    net = ns.Network(
        [ns.Input(784), ns.Dense(128, "relu"), ns.Dense(64, "relu"), ns.Dense(10, "softmax")],
        loss="cross_entropy",
        optimizer=ns.Adam(learning_rate=1e-3),
        seed=0,
    )
    net.fit(images[:10_000], labels[:10_000], epochs=5, batch_size=64)
    return net, images[10_000:], labels[10_000:]


def digest(images, labels):
    return hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()


def ink_box(image):
    """Return height and width of the ink, in pixels."""
    return [np.ptp(np.flatnonzero(image.max(axis=axis) > 25)) + 1 for axis in (1, 0)]


# --- shape, labels, seeds ------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 9, 10, 257, np.int64(3)])
def test_shapes_and_types(count):
    images, labels = draw_digits(count)
    assert (images.shape, labels.shape) == ((count, 28, 28), (count,))
    assert images.dtype == labels.dtype == np.uint8
    tally = np.bincount(labels, minlength=10)
    assert len(tally) == 10
    assert np.ptp(tally) <= 1


def test_labels_are_balanced_and_shuffled(drawn):
    labels = drawn[1]
    assert (np.bincount(labels) == 200).all()
    assert (np.bincount(labels[:1000], minlength=10) > 70).all()
    assert (np.diff(labels) == 0).mean() == pytest.approx(0.1, abs=0.03)


def test_same_seed_same_bytes():
    assert digest(*draw_digits(600, seed=7)) == digest(*draw_digits(600, seed=7))
    assert digest(*draw_digits(600)) == digest(*draw_digits(600, seed=0))


def test_same_bytes_in_another_process():
    code = (
        "import hashlib; from neurosim.data.digits import draw_digits;"
        "images, labels = draw_digits(600, seed=7);"
        "print(hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest())"
    )
    for threads in ("1", "2"):
        names = ("PYTHONHASHSEED", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, threads)}
        run = subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[3],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.strip() == digest(*draw_digits(600, seed=7))


def test_other_seeds_draw_others():
    first, second = draw_digits(500, seed=0), draw_digits(500, seed=1)
    assert not np.array_equal(first[1], second[1])
    assert len({image.tobytes() for images in (first[0], second[0]) for image in images}) == 1000


def test_results_belong_to_the_caller():
    images, labels = draw_digits(20)
    before = digest(images, labels)
    images[:], labels[:] = 0, 0
    assert digest(*draw_digits(20)) == before


def test_global_random_state_is_left_alone():
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    draw_digits(20)
    assert np.array_equal(np.random.random(3), expected)  # noqa: NPY002


@pytest.mark.parametrize("wrong", [-1, 2.0, 2.5, "10", None, True, np.float64(3), [5]])
@pytest.mark.parametrize("name", ["count", "seed"])
def test_wrong_numbers_are_refused(name, wrong):
    with pytest.raises(NeurosimError) as caught:
        draw_digits(**{"count": 10, name: wrong})
    message = str(caught.value)
    assert message.startswith(f"{name}: expected a whole number of 0 or more, received {wrong!r}; give")
    assert "\n" not in message


# --- made like MNIST -----------------------------------------------------------------------------


def test_centre_of_mass_is_in_the_middle(drawn):
    images = drawn[0].astype(np.float64)
    grid = np.arange(28)
    mass = images.sum(axis=(1, 2))
    for axis in (1, 2):
        centre = images.sum(axis=3 - axis) @ grid / mass
        assert (np.abs(centre - 14) < 0.51).mean() > 0.995  # the box moves by whole pixels
        assert np.abs(centre - 14).max() < 2  # a box stops at the edge of the field
        assert centre.mean() == pytest.approx(14, abs=0.05)


def test_ink_fills_a_box_of_20_pixels(drawn):
    sides = np.array([ink_box(image) for image in drawn[0]])
    assert sides.max() == 20
    assert np.median(sides.max(axis=1)) == 20
    assert sides.max(axis=1).min() >= 17
    assert 14 < sides[:, 1].mean() < 17  # most digits are higher than wide: 15.5 in MNIST
    edges = drawn[0][:, [0, -1]].any(axis=(1, 2)) | drawn[0][:, :, [0, -1]].any(axis=(1, 2))
    assert edges.mean() < 0.04  # 1.4 % in MNIST


def test_ink_is_spread_as_in_mnist(drawn):
    images = drawn[0] / 255
    ink = images.sum(axis=(1, 2))
    # The 5 %, 50 % and 95 % quantiles of MNIST's training images are 51, 100 and 162.
    assert np.quantile(ink, [0.05, 0.5, 0.95]) == pytest.approx([51, 100, 162], rel=0.08)
    changes = sum(np.abs(np.diff(images, axis=axis)).sum(axis=(1, 2)) for axis in (1, 2))
    assert np.median(2 * ink / changes) == pytest.approx(1.97, rel=0.05)  # width of the strokes
    assert (images.max(axis=(1, 2)) > 0.8).all()
    grey = ((images > 0.02) & (images < 0.98)).sum(axis=(1, 2))
    assert grey.mean() == pytest.approx(89, rel=0.15)  # the rims


def test_ones_have_the_least_ink_and_noughts_the_most(drawn):
    images, labels = drawn
    ink = [images[labels == digit].mean() for digit in range(10)]
    assert np.argmin(ink) == 1
    assert np.argmax(ink) in (0, 8)


# --- the table of strokes ------------------------------------------------------------------------


@pytest.mark.parametrize("digit", range(10))
def test_every_style_is_readable(digit):
    styles, probabilities = digits._styles(digit)
    assert len(styles) == len(digits.STYLES[digit]) >= 3
    assert len({name for _, name, _ in digits.STYLES[digit]}) == len(styles)
    assert (probabilities > 0).all()
    assert probabilities.sum() == pytest.approx(1)
    for style in styles:
        assert style.curve.shape == (digits.PATH_POINTS, len(style.points))
        assert np.allclose(style.curve.sum(axis=1), 1, atol=1e-5)  # a moved digit is the same digit at another place
        height = np.ptp(style.points[:, 1])
        assert 0.75 < height < 1.1


def test_curve_passes_its_points_and_keeps_corners():
    style = digits._read_style("0,0 50,0 50,0 50,50 / 50,50 0,50")
    assert len(style.points) == 4  # the corner and the joint are one point each
    path = style.curve @ style.points
    for point in style.points:
        assert np.linalg.norm(path - point, axis=1).min() < 0.01
    assert (np.minimum.reduce([path[:, 1], np.abs(0.5 - path[:, 0]), np.abs(0.5 - path[:, 1])]) < 1e-6).all()
    assert np.allclose(np.linalg.norm(np.diff(path, axis=0), axis=1), 1.5 / digits.PATH_POINTS, atol=0.005)


# --- neither too easy nor too far ----------------------------------------------------------------


@pytest.mark.slow
def test_held_out_digits_are_hard_enough_to_teach(reader):
    net, images, labels = reader
    assert 0.93 <= net.evaluate(images, labels)["accuracy"] <= 0.995


@pytest.mark.slow
@pytest.mark.skipif(not REAL_MNIST, reason="set NEUROSIM_DATA to a folder with MNIST")
def test_who_learned_from_drawn_digits_reads_mnist(reader):
    test = ns.data.load("mnist")[1]
    assert reader[0].evaluate(test.images, test.labels)["accuracy"] >= 0.85
