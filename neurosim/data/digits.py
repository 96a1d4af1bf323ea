"""The built-in digits: handwriting drawn by arithmetic, so that data are always available.

MNIST must be found or downloaded, which is impossible in a classroom without internet.  This module *draws* an
MNIST-like data set instead.  It contains only a table of pen strokes, and draws any number of images from one
seed.  The images are close to MNIST: a small network that is trained on them alone reads nine in ten of MNIST's
images.  They are hard enough for teaching: such a network misreads one in thirty of the drawn images.

The images are drawn in these steps, each for a chunk of images at once:

1. **Style** (`STYLES`).  Each digit is written in several ways: a 7 with or without a bar, a 4 open or
   closed.  A style is a few strokes; a stroke is a list of points on the pen's way.
2. **Hand** (`_write`).  Every point is moved a little at random.  The smooth curve through the points is *linear*
   in them, so a style is one matrix, and one matrix product writes it many times.
3. **Shape** (`_bend`).  The curves are bent by a smooth random field, then stretched, slanted and turned.
4. **Size** (`_fit`).  As in MNIST, the ink is scaled to a box of 20x20 pixels, keeping its proportions.
5. **Ink** (`_ink`).  A pixel's grey depends on its distance from the pen's path and on the pen's radius.
6. **Place** (`_place`).  As in MNIST, the box is placed so that its centre of mass is the middle of the 28x28 field.

A person wrote the strokes by hand after MNIST's *training* images.  The constants were chosen so that ink, stroke
width, slant and proportions vary as in these images.  MNIST's test images were not used, and this file contains
no pixel of MNIST.
"""

from __future__ import annotations

import operator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import NeurosimError
from ..processors import computes

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Uint8 = NDArray[np.uint8]

FIELD = 28  # side of an image, in pixels
BOX = 20  # side of the box that the ink fills, in pixels
PATH_POINTS = 112  # points of a pen's path: closer together than the pen is wide
CHUNK = 256  # images drawn at once: few enough for the processor's cache

# The quantities that vary between images.  Lengths are in heights of the digit unless another unit is given;
# a pair is the mean and the standard deviation of a normal distribution.
SHAKE = 0.02  # standard deviation of a point of a stroke, across and down
WARP = 0.038  # standard deviation of the slowest wave of the bending field
WAVES = 4  # waves of the bending field, across and down: 0, 1/2, 1 and 3/2 periods per height
SLANT = (0.10, 0.20)  # how far the top leans to the right
STRETCH = (0.0, 0.17)  # logarithm of the width's factor
TURN = (0.0, 0.08)  # rotation, in radians
PEN = (0.20, 0.27)  # logarithm of the pen's radius, in pixels
PRESSURE = 0.09  # standard deviation of the slowest of the waves that make the pen thicker and thinner
EDGE = 1.05  # width of the grey rim between ink and paper, in pixels

# Digit -> its styles.  A style has its relative frequency, a name for the reader, and its strokes, separated by
# " / ".  A stroke is "x,y x,y ...", in hundredths of the digit's height, x to the right, y down.  A point that is
# repeated at once is a corner.  Equal points of one style are one point, so joined strokes stay joined when the
# points are moved.
STYLES: dict[int, list[tuple[float, str, str]]] = {
    0: [
        (4, "round", "62,0 36,8 15,33 6,62 14,90 38,100 64,92 86,64 93,34 82,8 58,1"),
        (3, "narrow", "60,0 40,8 25,33 18,62 22,90 40,100 57,90 72,62 79,33 74,8 56,1"),
        (4, "overlapping", "40,14 22,32 8,62 17,90 40,100 67,91 89,62 92,33 74,8 50,4 32,20"),
        (3, "tail inside", "68,4 38,8 15,35 8,62 17,90 40,100 67,91 89,62 92,33 75,8 54,6 52,24"),
        (0.3, "slashed", "62,0 36,8 15,33 6,62 14,90 38,100 64,92 86,64 93,34 82,8 58,1 / 86,4 14,96"),
        (2, "open at the top", "42,4 20,30 8,62 17,90 40,100 67,91 88,62 90,33 78,8 62,6"),
    ],
    1: [
        (8, "plain", "54,0 46,100"),
        (6, "bent", "54,0 50,50 46,100"),
        (4, "gone over twice", "52,0 44,100 / 58,0 51,100"),
        (2, "flag", "38,16 54,0 54,0 47,100"),
        (1, "flag and foot", "28,18 50,0 50,0 50,100 / 22,100 50,100 78,100"),
    ],
    2: [
        (3, "flat foot", "12,20 27,5 48,0 68,9 72,30 58,55 35,78 8,97 8,97 45,96 92,92"),
        (2, "heavy head", "8,14 30,3 54,0 72,12 74,32 64,54 48,74 18,97 18,97 40,90 74,96"),
        (3, "small loop", "14,22 32,3 54,0 70,14 68,38 54,62 32,87 12,96 6,86 20,75 44,80 66,88 94,85"),
        (4, "big loop", "22,12 40,1 60,4 68,22 60,48 44,78 24,97 10,92 8,74 28,60 50,66 66,80 86,84"),
        (3, "broad", "18,32 36,12 60,3 76,14 66,38 38,66 6,86 0,80 24,71 60,76 104,90"),
        (3, "wide foot", "22,22 36,3 56,8 60,34 46,64 22,86 4,88 6,76 36,78 80,84 118,78"),
        (2, "tall", "14,14 34,0 56,6 58,30 42,60 22,92 22,92 44,92 66,88"),
        (2, "narrow", "22,10 42,0 56,10 56,40 46,70 30,92 20,94 24,82 38,82 50,92 70,98"),
        (1, "foot down", "20,18 46,1 66,6 62,32 46,62 26,92 12,88 20,70 38,70 50,84 56,104"),
        (4, "round back", "16,24 34,3 58,2 74,22 74,54 58,84 32,97 14,88 24,70 50,70 74,80 94,90"),
        (2, "like a Z", "10,6 40,3 74,5 74,5 46,50 10,98 10,98 48,96 86,92"),
    ],
    3: [
        (3, "round", "14,14 36,0 62,4 70,20 56,38 26,46 26,46 60,52 80,71 66,94 36,100 10,90"),
        (3, "soft waist", "16,12 40,0 64,6 70,22 56,40 36,46 60,52 78,72 66,94 40,100 14,92"),
        (3, "flat top", "2,6 36,4 64,8 58,26 28,44 28,44 60,52 74,71 60,94 34,100 14,94"),
        (2, "straight end", "18,16 42,2 66,7 60,30 30,46 30,46 58,52 66,70 50,92 30,100"),
        (2, "zigzag", "4,6 36,4 64,10 54,26 30,42 30,42 56,53 66,65 54,84 34,100"),
        (3, "big belly", "16,10 38,0 55,9 52,27 28,41 28,41 62,46 84,64 78,88 50,98 18,88"),
        (2, "small head", "8,10 34,0 54,8 44,32 28,42 28,42 60,50 78,68 64,92 42,99 24,88"),
        (2, "long tail", "48,6 74,0 82,10 66,29 38,42 38,42 66,48 74,63 58,87 26,98 0,92"),
        (2, "tail to the left", "36,10 58,0 72,8 64,30 38,42 38,42 66,46 74,62 60,88 30,98 4,84 0,72"),
        (1, "curled ends", "18,26 20,8 44,0 66,10 64,30 46,43 30,46 58,50 76,68 68,92 38,100 14,92 12,80"),
        (2, "loop at the waist", "16,14 38,0 64,6 68,24 52,44 30,50 34,42 62,52 78,74 64,97 34,100 12,88"),
    ],
    4: [
        (5, "open", "22,6 16,30 12,52 12,52 40,54 74,48 / 70,0 64,50 58,100"),
        (4, "open, bar ends at the stem", "20,4 14,32 16,52 40,54 64,44 / 72,2 64,44 56,100"),
        (2, "closed", "62,0 36,30 10,62 10,62 46,63 82,60 / 62,0 60,50 56,100"),
        (2, "short stem", "26,4 18,32 12,54 12,54 44,54 76,46 / 66,14 60,50 52,100"),
        (3, "tall stem", "34,20 22,40 10,58 10,58 38,60 66,52 / 74,0 58,50 42,100"),
        (0.5, "in one stroke", "62,0 34,32 10,62 8,72 32,68 74,60 / 58,34 54,66 50,96"),
    ],
    5: [
        (5, "hat last", "22,6 15,44 15,44 44,39 68,50 75,70 58,95 12,94 / 22,6 54,4 80,0"),
        (2, "round neck", "98,4 66,6 38,10 22,26 22,44 48,48 68,62 62,87 36,98 10,94"),
        (1, "falling neck", "96,2 62,6 34,10 22,28 28,46 46,58 54,76 40,94 14,97"),
        (4, "in one stroke", "80,2 54,4 28,8 18,43 18,43 48,41 72,58 70,84 44,99 10,92"),
        (1, "like an S", "80,6 56,1 30,10 20,32 44,46 70,60 66,86 38,100 10,94"),
        (2, "long hat", "42,12 28,46 28,46 54,45 70,62 60,88 34,99 4,93 / 42,12 74,8 108,2"),
        (2, "flag", "18,10 10,46 10,46 44,46 62,62 48,92 10,98 / 18,10 60,6 106,0"),
        (2, "wide belly", "12,10 8,44 8,44 38,39 72,43 88,62 74,91 44,98 12,91 / 12,10 40,6 68,0"),
        (1, "narrow", "64,0 44,4 28,24 30,42 52,52 60,74 44,96 12,97"),
        (3, "upright", "28,4 20,42 20,42 44,37 64,54 62,84 36,99 10,92 / 28,4 46,2 68,1"),
    ],
    6: [
        (3, "curved", "66,0 40,18 16,50 10,78 28,98 60,97 78,78 68,60 46,62 32,84"),
        (4, "straight", "50,0 30,30 14,60 14,86 34,100 58,94 68,76 58,62 42,68 32,92"),
        (3, "upright", "34,0 18,32 8,66 14,92 38,100 66,92 76,72 64,56 44,62 36,86"),
        (3, "wide", "40,0 18,26 6,62 16,92 46,100 80,94 94,74 78,58 52,66 40,90"),
        (2, "closed", "62,2 38,20 18,50 12,78 30,99 58,94 70,76 58,60 36,62 16,76"),
        (1, "round", "62,8 40,3 18,24 8,60 16,92 42,100 70,92 78,72 62,58 38,64 26,80"),
        (2, "tight", "60,0 40,30 26,62 26,86 42,100 58,90 62,74 50,64 38,74 30,88"),
    ],
    7: [
        (4, "angular", "6,9 40,6 74,4 74,4 58,45 44,100"),
        (3, "round shoulder", "8,12 38,3 66,6 68,28 58,60 50,100"),
        (3, "serif", "10,26 14,6 14,6 44,6 74,4 74,4 58,48 44,100"),
        (2, "hook", "8,40 20,14 44,6 70,8 70,28 58,62 46,100"),
        (3, "upright", "2,6 40,4 66,5 66,5 64,45 62,100"),
        (3, "crossed", "8,8 40,6 70,4 70,4 56,45 44,100 / 26,52 50,50 78,48"),
    ],
    8: [
        (3, "one stroke", "74,12 54,0 32,10 34,32 50,50 62,72 50,97 28,98 20,80 38,56 64,34 76,14"),
        (2, "narrow", "62,8 50,0 36,10 36,34 48,52 58,74 50,98 34,98 28,80 42,54 58,34 64,10"),
        (3, "big head", "76,10 48,0 20,12 22,32 46,54 58,76 48,98 30,97 28,80 46,56 72,34 76,12"),
        (2, "long arm", "88,4 60,6 34,16 28,34 46,54 52,76 38,98 20,96 20,80 44,56 76,36 94,18"),
        (
            2,
            "two rings",
            "50,46 30,34 28,12 50,0 72,12 70,34 50,46 50,46 26,62 24,90 50,100 76,90 74,62 50,46",
        ),
        (0.5, "wide rings", "24,46 16,16 40,0 66,10 66,36 24,46 24,46 8,70 20,96 56,100 86,84 78,56 24,46"),
        (3, "open top", "80,12 56,2 30,12 32,34 52,52 64,72 54,97 32,98 24,80 42,56 66,34 84,2"),
        (2, "leaning back", "60,10 36,0 14,8 16,30 44,48 70,70 76,94 56,100 44,82 52,54 62,34 60,12"),
        (2, "from the waist", "52,48 30,32 36,6 60,0 74,16 60,42 36,60 24,82 40,100 60,92 64,68 50,46"),
    ],
    9: [
        (3, "straight tail", "70,14 48,0 20,14 12,40 32,54 58,42 72,14 72,14 69,56 64,100"),
        (4, "slanted tail", "72,8 48,0 24,18 14,42 30,54 56,38 74,8 62,54 46,100"),
        (2, "narrow", "64,10 50,0 34,14 26,40 38,52 54,40 64,10 64,10 58,54 46,100"),
        (3, "small head", "66,8 50,0 36,12 34,32 46,40 58,28 68,10 62,54 46,100"),
        (2, "big head", "76,10 50,0 18,12 6,38 26,57 58,46 78,14 78,14 76,54 72,100"),
        (2, "flat head", "76,8 52,2 22,14 14,28 32,35 58,24 74,12 62,56 44,100"),
        (3, "open head", "66,4 42,2 22,18 18,38 34,48 56,38 68,20 68,20 66,60 58,100"),
        (3, "hooked head", "72,10 62,0 42,2 20,20 16,40 34,50 56,38 66,20 64,58 56,100"),
        (2, "in two strokes", "56,4 32,4 14,24 16,44 38,50 62,36 / 70,2 66,50 60,100"),
        (1, "curved tail", "70,16 50,0 24,10 16,36 34,50 60,42 72,16 74,54 66,88 44,100 20,94"),
        (1, "like a g", "70,12 46,0 20,12 16,36 38,48 64,36 72,16 72,16 74,60 58,96 30,98 12,86"),
    ],
}


@computes
def draw_digits(count: int, seed: int = 0) -> tuple[Uint8, Uint8]:
    """Draw handwriting-like digits with the size and style of MNIST's.

    Args:
        count: The number of images, 0 or more; about 10,000 per second.
        seed: Chooses the images, 0 or more.  The same count and seed give the same images, byte for byte.  Another
            processor or NumPy version may round a grey level differently.  With another count, all images differ.

    Returns:
        ``(images, labels)``, new arrays.  Images are (count, 28, 28) uint8, from 0 (paper) to 255 (ink).  Labels are
        (count,) uint8, from 0 to 9, in random order; all digits are equally frequent, up to rounding.

    Raises:
        NeurosimError: `count` or `seed` is not a whole number of 0 or more.

    Example:
        >>> images, labels = draw_digits(1000, seed=0)
        >>> images.shape, labels.shape
        ((1000, 28, 28), (1000,))
    """
    count = _whole_number(count, "count", "how many images to draw, for example draw_digits(12000)")
    rng = np.random.default_rng(_whole_number(seed, "seed", "which images to draw, for example seed=0"))
    labels = rng.permutation(np.arange(count) % 10).astype(np.uint8)
    images = np.empty((count, FIELD, FIELD), dtype=np.uint8)
    for start in range(0, count, CHUNK):
        chunk = slice(start, min(start + CHUNK, count))
        path = _bend(_write(labels[chunk], rng), rng)
        path, radius = _fit(path, rng)
        images[chunk] = _place(_ink(path, radius, rng))
    return images, labels


def _whole_number(value: int, name: str, meaning: str) -> int:
    """Return `value` as an int of 0 or more; raise an error if it is not one."""
    try:
        number = -1 if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = -1
    if number < 0:
        raise NeurosimError(
            f"{name}: expected a whole number of 0 or more, received {value!r}; give an int that says {meaning}"
        )
    return number


class _Style(NamedTuple):
    """One way of writing a digit, ready for use.

    Attributes:
        points: The K points of its strokes, (K, 2), columns x and y, in heights of the digit.
        curve: The matrix (PATH_POINTS, K) that gives the pen's path: ``curve @ points``.
    """

    points: Float32
    curve: Float32


@cache
def _styles(digit: int) -> tuple[list[_Style], Float64]:
    """Return the styles of `digit`, and the probability of each."""
    weights = np.array([weight for weight, _, _ in STYLES[digit]], dtype=np.float64)
    return [_read_style(strokes) for _, _, strokes in STYLES[digit]], weights / weights.sum()


def _read_style(strokes: str) -> _Style:
    """Turn the text of a style's strokes into points and the matrix of its curve."""
    words = [stroke.split() for stroke in strokes.split(" / ")]
    column = {word: k for k, word in enumerate(dict.fromkeys(word for stroke in words for word in stroke))}
    points = np.array([word.split(",") for word in column], dtype=np.float64) / 100  # (K, 2)
    pick = np.eye(len(column))  # row k picks point k
    curves = [_smooth_curve(pick[[column[word] for word in stroke]]) for stroke in words]
    return _Style(points.astype(np.float32), _even_steps(curves, points).astype(np.float32))


def _smooth_curve(knots: Float64, steps: int = 200) -> Float64:
    """Return a curve through `knots`, (n, K), finely sampled, (m, K).

    From q1 to q2 the curve is a cubic in t, from 0 to 1.  Its slopes are (q2 - q0) / 2 at q1 and (q3 - q1) / 2 at q2.
    No piece is drawn between a knot and its repetition, so the slope jumps there: it is a corner.

    Reference: E. Catmull and R. Rom, "A class of local interpolating splines", 1974.
    """
    t = np.linspace(0.0, 1.0, steps)[:, None]  # (steps, 1)
    h0, h1 = (1 + 2 * t) * (1 - t) ** 2, t**2 * (3 - 2 * t)  # weights of the ends
    s0, s1 = t * (1 - t) ** 2, t**2 * (t - 1)  # weights of the slopes
    q = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    pieces = [
        h0 * q1 + h1 * q2 + s0 * (q2 - q0) / 2 + s1 * (q3 - q1) / 2  # (steps, K)
        for q0, q1, q2, q3 in zip(q, q[1:], q[2:], q[3:], strict=False)
        if not np.array_equal(q1, q2)
    ]
    return np.vstack(pieces)


def _even_steps(curves: list[Float64], points: Float64) -> Float64:
    """Choose PATH_POINTS rows of the strokes' `curves`, (m, K) each, at equal steps along the ink."""
    paths = [curve @ points for curve in curves]  # (m, 2) each
    steps = [np.linalg.norm(np.diff(path, axis=0, prepend=path[:1]), axis=1) for path in paths]
    travelled = np.cumsum(np.concatenate(steps))  # moves with the pen up, to the next stroke, do not count
    rows = np.searchsorted(travelled, np.linspace(0.0, travelled[-1], PATH_POINTS))
    chosen: Float64 = np.vstack(curves)[rows]
    return chosen


def _write(labels: Uint8, rng: np.random.Generator) -> Float32:
    """Write each label in a style of its digit, with points moved at random: paths (n, PATH_POINTS, 2)."""
    path = np.empty((len(labels), PATH_POINTS, 2), dtype=np.float32)
    for digit in range(10):
        where = np.flatnonzero(labels == digit)
        styles, probabilities = _styles(digit)
        chosen = rng.choice(len(styles), size=len(where), p=probabilities)
        for index, style in enumerate(styles):
            rows = where[chosen == index]
            shake = SHAKE * rng.standard_normal((len(rows), *style.points.shape), dtype=np.float32)
            path[rows] = style.curve @ (style.points + shake)  # (PATH_POINTS, K) @ (rows, K, 2)
    return path


def _bend(path: Float32, rng: np.random.Generator) -> Float32:
    """Bend each path, (n, PATH_POINTS, 2), by a smooth random field; then stretch, slant and turn it.

    The field is a sum of waves cos(i pi x) cos(j pi y), 0 <= i, j < WAVES, with random amplitudes whose
    standard deviation is WARP / sqrt(i^2 + j^2).
    """
    n = len(path)
    wave = np.arange(WAVES, dtype=np.float32)
    frequency = np.hypot(wave[:, None], wave)  # (WAVES, WAVES)
    frequency[0, 0] = np.inf  # this wave moves all points alike, which does not change the image
    strength = WARP / frequency.reshape(-1, 1)  # (WAVES * WAVES, 1)
    cosine = np.cos(np.float32(np.pi) * wave * path[..., None])  # (n, PATH_POINTS, 2, WAVES)
    waves = cosine[:, :, 0, :, None] * cosine[:, :, 1, None, :]  # (n, PATH_POINTS, WAVES, WAVES)
    push = strength * rng.standard_normal((n, WAVES * WAVES, 2), dtype=np.float32)
    bent: Float32 = path + waves.reshape(n, PATH_POINTS, -1) @ push

    stretch, slant, turn = np.exp(rng.normal(*STRETCH, n)), rng.normal(*SLANT, n), rng.normal(*TURN, n)
    one, zero, cos, sin = np.ones(n), np.zeros(n), np.cos(turn), np.sin(turn)
    lean = np.array([[stretch, zero], [-slant, one]]).transpose(2, 0, 1)  # (n, 2, 2): for rows (x, y)
    rotate = np.array([[cos, sin], [-sin, cos]]).transpose(2, 0, 1)
    turned: Float32 = bent @ (lean @ rotate).astype(np.float32)
    return turned


def _fit(path: Float32, rng: np.random.Generator) -> tuple[Float32, Float32]:
    """Choose a pen and scale each path so that its ink fills the box.

    Returns:
        The paths in pixels, (n, PATH_POINTS, 2), with the origin at the centre of the box's first pixel, and the
        radii of the pens in pixels, (n,).
    """
    radius = np.exp(rng.normal(*PEN, len(path))).clip(0.55, 2.6).astype(np.float32)
    low, high = path.min(axis=1), path.max(axis=1)  # (n, 2)
    scale = (BOX - 2 * radius) / (high - low).max(axis=1)
    centred = path - ((low + high) / 2)[:, None, :]
    return centred * scale[:, None, None] + np.float32((BOX - 1) / 2), radius


def _ink(path: Float32, radius: Float32, rng: np.random.Generator) -> Float32:
    """Draw each path, in pixels, with a round pen of uneven pressure: grey (BOX, BOX, n), from 0 to 1.

    Take a point of the path where the pen has radius r, and a pixel at distance d from it.  The pixel is inside the
    ink if d^2 - r^2 < 0.  The least of these values along the path decides its grey.  The images are the last axis,
    so that NumPy's innermost loop is long.
    """
    n = len(path)
    wave = np.arange(1, 6)[:, None]
    amplitude = (PRESSURE / np.sqrt(wave)) * rng.standard_normal((5, n))  # (5, n)
    pressure = np.cos(np.pi * wave * np.linspace(0.0, 1.0, PATH_POINTS)).T @ amplitude  # (PATH_POINTS, n)
    thickness = (radius * np.exp(pressure)).clip(0.45, 3.0).astype(np.float32)

    pixel = np.arange(BOX, dtype=np.float32)[:, None]
    across = np.square(pixel - path[:, :, 0].T[:, None, :])  # (PATH_POINTS, BOX, n)
    down = np.square(pixel - path[:, :, 1].T[:, None, :]) - np.square(thickness)[:, None, :]
    nearest = np.full((BOX, BOX, n), np.inf, dtype=np.float32)
    here = np.empty_like(nearest)
    for across_one, down_one in zip(across, down, strict=True):
        np.add(down_one[:, None, :], across_one, out=here)
        np.minimum(nearest, here, out=nearest)
    # sqrt(d^2 - r^2 + radius^2) is the distance to the path if an even pen draws the same rim
    depth = radius - np.sqrt(np.maximum(nearest + np.square(radius), 0.0))  # in pixels; 0 on the rim
    grey: Float32 = np.clip(depth / np.float32(EDGE) + np.float32(0.5), 0.0, 1.0)
    return grey


def _place(ink: Float32) -> Uint8:
    """Place each box, (BOX, BOX, n), with its centre of mass in the middle of the field: (n, FIELD, FIELD)."""
    corners = []
    for profile in (ink.sum(axis=1), ink.sum(axis=0)):  # (BOX, n): ink of each row, of each column
        centre = (profile * np.arange(BOX, dtype=np.float32)[:, None]).sum(axis=0) / profile.sum(axis=0)
        corners.append(np.rint(FIELD / 2 - centre).astype(np.intp).clip(0, FIELD - BOX))
    top, left = corners
    image, row, column = np.ix_(np.arange(ink.shape[2]), np.arange(BOX), np.arange(BOX))
    field = np.zeros((ink.shape[2], FIELD, FIELD), dtype=np.uint8)
    field[image, top[image] + row, left[image] + column] = np.rint(255 * ink).transpose(2, 0, 1)
    return field
