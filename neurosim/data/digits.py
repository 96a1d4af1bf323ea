"""The built-in digits: handwriting drawn by arithmetic, so that neurosim always has something to learn.

MNIST has to be found or downloaded; a class room without a network has neither.  This module *draws* an
MNIST-like data set instead: nothing is shipped but a table of pen strokes, and any number of images comes
out of one seed.  The images are meant to be close to MNIST (a small network trained on nothing else reads
most of MNIST's test set) and hard enough to teach with (the same network does not read all of *them*).

How a digit is drawn, one array operation over a whole batch at each step:

1. **Style.**  Each digit is written in several ways (:data:`STYLES`): a 7 with or without a bar, a 4 open or
   closed.  A style is a few strokes, a stroke a list of points that the pen passes.
2. **Hand.**  Every point is moved a little, at random.  The curve through the points (Catmull-Rom) is *linear*
   in them, so a style is one matrix, and drawing all its samples is one matrix product (:class:`_Style`).
3. **Slant, width, warp.**  The curves are sheared, stretched, turned and bent by a smooth random field.
4. **Size.**  As in MNIST, the ink is scaled to fill a box of 20x20 pixels, keeping its proportions.
5. **Ink.**  The grey of a pixel is its distance from the pen's path, held against the pen's radius.
6. **Centre.**  As in MNIST, the box is placed in the 28x28 field so that the centre of mass is in the middle.

The constants below were tuned by eye and against a few statistics of MNIST's *training* images (ink, stroke
width, slant); no MNIST pixel is in here.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..errors import NeurosimError

Float = NDArray[np.float32]

FIELD = 28
"""Side of an image, in pixels."""

BOX = 20
"""Side of the box that the ink fills, in pixels."""

PATH_POINTS = 112
"""Points at which the pen's path is sampled: closer together than the pen is wide."""

CHUNK = 256
"""Images drawn at once: the working arrays of a chunk fit the processor's cache."""

# Strokes are written "x,y x,y ...", in hundredths of the height of the digit, x to the right, y downwards.
# A point that is repeated at once is a corner.  Equal points of a style are one point: joined strokes stay
# joined when the hand shakes.  The number in front is how often the style is used, relative to its digit.
STYLES: dict[int, list[tuple[float, str, tuple[str, ...]]]] = {
    0: [
        (4, "round", ("62,0 36,8 15,33 6,62 14,90 38,100 64,92 86,64 93,34 82,8 58,1",)),
        (3, "narrow", ("60,0 40,8 25,33 18,62 22,90 40,100 57,90 72,62 79,33 74,8 56,1",)),
        (4, "overlapping", ("40,14 22,32 8,62 17,90 40,100 67,91 89,62 92,33 74,8 50,4 32,20",)),
        (3, "tail inside", ("68,4 38,8 15,35 8,62 17,90 40,100 67,91 89,62 92,33 75,8 54,6 52,24",)),
        (0.3, "slashed", ("62,0 36,8 15,33 6,62 14,90 38,100 64,92 86,64 93,34 82,8 58,1", "86,4 14,96")),
        (2, "open at the top", ("42,4 20,30 8,62 17,90 40,100 67,91 88,62 90,33 78,8 62,6",)),
    ],
    1: [
        (8, "plain", ("54,0 46,100",)),
        (6, "bent", ("54,0 50,50 46,100",)),
        (4, "gone over twice", ("52,0 44,100", "58,0 51,100")),
        (2, "flag", ("38,16 54,0 54,0 47,100",)),
        (1, "flag and foot", ("28,18 50,0 50,0 50,100", "22,100 50,100 78,100")),
    ],
    2: [
        (3, "flat foot", ("12,20 27,5 48,0 68,9 72,30 58,55 35,78 8,97 8,97 45,96 92,92",)),
        (2, "heavy head", ("8,14 30,3 54,0 72,12 74,32 64,54 48,74 18,97 18,97 40,90 74,96",)),
        (3, "small loop", ("14,22 32,3 54,0 70,14 68,38 54,62 32,87 12,96 6,86 20,75 44,80 66,88 94,85",)),
        (4, "big loop", ("22,12 40,1 60,4 68,22 60,48 44,78 24,97 10,92 8,74 28,60 50,66 66,80 86,84",)),
        (3, "broad", ("18,32 36,12 60,3 76,14 66,38 38,66 6,86 0,80 24,71 60,76 104,90",)),
        (3, "wide foot", ("22,22 36,3 56,8 60,34 46,64 22,86 4,88 6,76 36,78 80,84 118,78",)),
        (2, "tall", ("14,14 34,0 56,6 58,30 42,60 22,92 22,92 44,92 66,88",)),
        (2, "narrow", ("22,10 42,0 56,10 56,40 46,70 30,92 20,94 24,82 38,82 50,92 70,98",)),
        (1, "foot down", ("20,18 46,1 66,6 62,32 46,62 26,92 12,88 20,70 38,70 50,84 56,104",)),
        (4, "round back", ("16,24 34,3 58,2 74,22 74,54 58,84 32,97 14,88 24,70 50,70 74,80 94,90",)),
        (2, "like a Z", ("10,6 40,3 74,5 74,5 46,50 10,98 10,98 48,96 86,92",)),
    ],
    3: [
        (3, "round", ("14,14 36,0 62,4 70,20 56,38 26,46 26,46 60,52 80,71 66,94 36,100 10,90",)),
        (3, "soft waist", ("16,12 40,0 64,6 70,22 56,40 36,46 60,52 78,72 66,94 40,100 14,92",)),
        (3, "flat top", ("2,6 36,4 64,8 58,26 28,44 28,44 60,52 74,71 60,94 34,100 14,94",)),
        (2, "straight end", ("18,16 42,2 66,7 60,30 30,46 30,46 58,52 66,70 50,92 30,100",)),
        (2, "zigzag", ("4,6 36,4 64,10 54,26 30,42 30,42 56,53 66,65 54,84 34,100",)),
        (3, "big belly", ("16,10 38,0 55,9 52,27 28,41 28,41 62,46 84,64 78,88 50,98 18,88",)),
        (2, "small head", ("8,10 34,0 54,8 44,32 28,42 28,42 60,50 78,68 64,92 42,99 24,88",)),
        (2, "long tail", ("48,6 74,0 82,10 66,29 38,42 38,42 66,48 74,63 58,87 26,98 0,92",)),
        (2, "tail to the left", ("36,10 58,0 72,8 64,30 38,42 38,42 66,46 74,62 60,88 30,98 4,84 0,72",)),
        (1, "curled ends", ("18,26 20,8 44,0 66,10 64,30 46,43 30,46 58,50 76,68 68,92 38,100 14,92 12,80",)),
        (2, "loop at the waist", ("16,14 38,0 64,6 68,24 52,44 30,50 34,42 62,52 78,74 64,97 34,100 12,88",)),
    ],
    4: [
        (5, "open", ("22,6 16,30 12,52 12,52 40,54 74,48", "70,0 64,50 58,100")),
        (4, "open, bar ends at the stem", ("20,4 14,32 16,52 40,54 64,44", "72,2 64,44 56,100")),
        (2, "closed", ("62,0 36,30 10,62 10,62 46,63 82,60", "62,0 60,50 56,100")),
        (2, "short stem", ("26,4 18,32 12,54 12,54 44,54 76,46", "66,14 60,50 52,100")),
        (3, "tall stem", ("34,20 22,40 10,58 10,58 38,60 66,52", "74,0 58,50 42,100")),
        (0.5, "in one stroke", ("62,0 34,32 10,62 8,72 32,68 74,60", "58,34 54,66 50,96")),
    ],
    5: [
        (5, "hat last", ("22,6 15,44 15,44 44,39 68,50 75,70 58,95 12,94", "22,6 54,4 80,0")),
        (2, "round neck", ("98,4 66,6 38,10 22,26 22,44 48,48 68,62 62,87 36,98 10,94",)),
        (1, "falling neck", ("96,2 62,6 34,10 22,28 28,46 46,58 54,76 40,94 14,97",)),
        (4, "in one stroke", ("80,2 54,4 28,8 18,43 18,43 48,41 72,58 70,84 44,99 10,92",)),
        (1, "like an S", ("80,6 56,1 30,10 20,32 44,46 70,60 66,86 38,100 10,94",)),
        (2, "long hat", ("42,12 28,46 28,46 54,45 70,62 60,88 34,99 4,93", "42,12 74,8 108,2")),
        (2, "flag", ("18,10 10,46 10,46 44,46 62,62 48,92 10,98", "18,10 60,6 106,0")),
        (2, "wide belly", ("12,10 8,44 8,44 38,39 72,43 88,62 74,91 44,98 12,91", "12,10 40,6 68,0")),
        (1, "narrow", ("64,0 44,4 28,24 30,42 52,52 60,74 44,96 12,97",)),
        (3, "upright", ("28,4 20,42 20,42 44,37 64,54 62,84 36,99 10,92", "28,4 46,2 68,1")),
    ],
    6: [
        (3, "curved", ("66,0 40,18 16,50 10,78 28,98 60,97 78,78 68,60 46,62 32,84",)),
        (4, "straight", ("50,0 30,30 14,60 14,86 34,100 58,94 68,76 58,62 42,68 32,92",)),
        (3, "upright", ("34,0 18,32 8,66 14,92 38,100 66,92 76,72 64,56 44,62 36,86",)),
        (3, "wide", ("40,0 18,26 6,62 16,92 46,100 80,94 94,74 78,58 52,66 40,90",)),
        (2, "closed", ("62,2 38,20 18,50 12,78 30,99 58,94 70,76 58,60 36,62 16,76",)),
        (1, "round", ("62,8 40,3 18,24 8,60 16,92 42,100 70,92 78,72 62,58 38,64 26,80",)),
        (2, "tight", ("60,0 40,30 26,62 26,86 42,100 58,90 62,74 50,64 38,74 30,88",)),
    ],
    7: [
        (4, "angular", ("6,9 40,6 74,4 74,4 58,45 44,100",)),
        (3, "round shoulder", ("8,12 38,3 66,6 68,28 58,60 50,100",)),
        (3, "serif", ("10,26 14,6 14,6 44,6 74,4 74,4 58,48 44,100",)),
        (2, "hook", ("8,40 20,14 44,6 70,8 70,28 58,62 46,100",)),
        (3, "upright", ("2,6 40,4 66,5 66,5 64,45 62,100",)),
        (3, "crossed", ("8,8 40,6 70,4 70,4 56,45 44,100", "26,52 50,50 78,48")),
    ],
    8: [
        (3, "one stroke", ("74,12 54,0 32,10 34,32 50,50 62,72 50,97 28,98 20,80 38,56 64,34 76,14",)),
        (2, "narrow", ("62,8 50,0 36,10 36,34 48,52 58,74 50,98 34,98 28,80 42,54 58,34 64,10",)),
        (3, "big head", ("76,10 48,0 20,12 22,32 46,54 58,76 48,98 30,97 28,80 46,56 72,34 76,12",)),
        (2, "long arm", ("88,4 60,6 34,16 28,34 46,54 52,76 38,98 20,96 20,80 44,56 76,36 94,18",)),
        (2, "two rings", ("50,46 30,34 28,12 50,0 72,12 70,34 50,46 50,46 26,62 24,90 50,100 76,90 74,62 50,46",)),
        (0.5, "wide rings", ("24,46 16,16 40,0 66,10 66,36 24,46 24,46 8,70 20,96 56,100 86,84 78,56 24,46",)),
        (3, "open top", ("80,12 56,2 30,12 32,34 52,52 64,72 54,97 32,98 24,80 42,56 66,34 84,2",)),
        (2, "leaning back", ("60,10 36,0 14,8 16,30 44,48 70,70 76,94 56,100 44,82 52,54 62,34 60,12",)),
        (2, "from the waist", ("52,48 30,32 36,6 60,0 74,16 60,42 36,60 24,82 40,100 60,92 64,68 50,46",)),
    ],
    9: [
        (3, "straight tail", ("70,14 48,0 20,14 12,40 32,54 58,42 72,14 72,14 69,56 64,100",)),
        (4, "slanted tail", ("72,8 48,0 24,18 14,42 30,54 56,38 74,8 62,54 46,100",)),
        (2, "narrow", ("64,10 50,0 34,14 26,40 38,52 54,40 64,10 64,10 58,54 46,100",)),
        (3, "small head", ("66,8 50,0 36,12 34,32 46,40 58,28 68,10 62,54 46,100",)),
        (2, "big head", ("76,10 50,0 18,12 6,38 26,57 58,46 78,14 78,14 76,54 72,100",)),
        (2, "flat head", ("76,8 52,2 22,14 14,28 32,35 58,24 74,12 62,56 44,100",)),
        (3, "open head", ("66,4 42,2 22,18 18,38 34,48 56,38 68,20 68,20 66,60 58,100",)),
        (3, "hooked head", ("72,10 62,0 42,2 20,20 16,40 34,50 56,38 66,20 64,58 56,100",)),
        (2, "in two strokes", ("56,4 32,4 14,24 16,44 38,50 62,36", "70,2 66,50 60,100")),
        (1, "curved tail", ("70,16 50,0 24,10 16,36 34,50 60,42 72,16 74,54 66,88 44,100 20,94",)),
        (1, "like a g", ("70,12 46,0 20,12 16,36 38,48 64,36 72,16 72,16 74,60 58,96 30,98 12,86",)),
    ],
}

SLOPPINESS = (0.0, 0.25)
"""Mean and deviation of the logarithm of one writer's sloppiness, which scales shaking and warping."""

SHAKE = 0.023
"""Deviation of a control point, in heights of a digit."""

WARP = 0.038
"""Deviation of the smooth warp's slowest wave, in heights of a digit."""

SLANT = (0.1, 0.2)
"""Mean and deviation of the slant: how far the top leans to the right, in heights."""

DECAY = 0.4
MAXF = 4
TURN = 0.08
"""Deviation of the rotation, in radians."""

STRETCH = (0.0, 0.17)
"""Mean and deviation of the logarithm of width against height."""

PEN = (0.2, 0.27)
"""Mean and deviation of the logarithm of the pen's radius in pixels."""

EDGE = 1.05
"""Width of the grey rim between ink and paper, in pixels."""


class _Style:
    """One way of writing a digit, compiled to the matrix that turns its points into the pen's path.

    Attributes:
        points: the K control points, (K, 2), float32, in heights of the digit.
        path: the matrix of the curve, (PATH_POINTS, K): ``path @ points`` is the path, evenly spaced.
    """

    def __init__(self, strokes: tuple[str, ...]) -> None:
        written = [[_parse_point(word) for word in stroke.split()] for stroke in strokes]
        distinct = list(dict.fromkeys(point for stroke in written for point in stroke))
        self.points: Float = np.array(distinct, dtype=np.float32)  # (K, 2)
        identity = np.eye(len(distinct))
        fine = [_catmull_rom(identity[[distinct.index(point) for point in stroke]]) for stroke in written]
        self.path: Float = _evenly_spaced(fine, self.points).astype(np.float32)  # (PATH_POINTS, K)


def _parse_point(word: str) -> tuple[float, float]:
    """Read ``"x,y"`` in hundredths."""
    x, y = word.split(",")
    return float(x) / 100, float(y) / 100


def _catmull_rom(knots: NDArray[np.float64], steps: int = 40) -> NDArray[np.float64]:
    """Pass a smooth curve through `knots`, (n, K), finely sampled: (m, K).

    Between knots q1 and q2 the curve is the cubic with the tangents (q2 - q0) / 2 and (q3 - q1) / 2.  A knot
    repeated is a corner: the piece of no length between the two is left out.

    Reference: E. Catmull and R. Rom, *A class of local interpolating splines*, 1974.
    """
    t = np.linspace(0.0, 1.0, steps)[:, None]  # (steps, 1)
    before, after = 2 * knots[0] - knots[1], 2 * knots[-1] - knots[-2]
    q = np.vstack([before, knots, after])
    pieces = []
    for q0, q1, q2, q3 in zip(q, q[1:], q[2:], q[3:], strict=False):
        if not np.array_equal(q1, q2):
            start, end = (q2 - q0) / 2, (q3 - q1) / 2
            pieces.append(q1 + t * (start + t * (3 * (q2 - q1) - 2 * start - end + t * (2 * (q1 - q2) + start + end))))
    return np.vstack(pieces)


def _evenly_spaced(strokes: list[NDArray[np.float64]], points: Float) -> NDArray[np.float64]:
    """Choose PATH_POINTS rows of the strokes' matrices, at equal distances along the path."""
    rows = np.vstack(strokes)
    steps = [np.linalg.norm(np.diff(stroke @ points, axis=0), axis=1) for stroke in strokes]
    travelled = np.cumsum(np.concatenate([np.concatenate([[0.0], step]) for step in steps]))
    wanted = np.linspace(0.0, travelled[-1], PATH_POINTS)
    return rows[np.searchsorted(travelled, wanted).clip(0, len(rows) - 1)]


_COMPILED = [[_Style(strokes) for _, _, strokes in STYLES[digit]] for digit in range(10)]
_WEIGHTS = [np.array([w for w, _, _ in STYLES[digit]]) / sum(w for w, _, _ in STYLES[digit]) for digit in range(10)]


def draw_digits(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw handwritten-looking digits, MNIST's shape and manner.

    Args:
        count: how many images, 0 or more.
        seed: chooses the images; the same count and seed give the same bytes.

    Returns:
        ``(images, labels)``, new arrays: images (count, 28, 28) uint8, 0 the paper and 255 the ink; labels
        (count,) uint8, 0 to 9, each digit equally often (up to rounding), in random order.

    Raises:
        NeurosimError: count is not a whole number of 0 or more.

    Example:
        >>> images, labels = draw_digits(12_000, seed=0)
        >>> images.shape, labels.shape
        ((12000, 28, 28), (12000,))
    """
    count = _checked_count(count)
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 10).astype(np.uint8)
    images = np.empty((count, FIELD, FIELD), dtype=np.uint8)
    for chunk in _chunks(count):
        path = _write(labels[chunk], rng)  # (n, PATH_POINTS, 2)
        images[chunk] = _centre(_ink(*_fit(_bend(path, rng), rng)))
    return images, labels


def _checked_count(count: int) -> int:
    """Return `count` as an int, or say what is wrong with it."""
    try:
        number = operator.index(count)
    except TypeError:
        number = -1
    if number < 0 or isinstance(count, bool):
        raise NeurosimError(
            f"count: expected a whole number of images, 0 or more; received {count!r}. "
            "Pass an int, for example draw_digits(12000)."
        )
    return number


def _chunks(count: int) -> Iterator[slice]:
    """Cut range(count) into slices of at most CHUNK."""
    for start in range(0, count, CHUNK):
        yield slice(start, min(start + CHUNK, count))


def _write(labels: NDArray[np.uint8], rng: np.random.Generator) -> Float:
    """Choose a style for each label, shake its points, and follow the curve: (n, PATH_POINTS, 2)."""
    path = np.empty((len(labels), PATH_POINTS, 2), dtype=np.float32)
    for digit in range(10):
        where = np.flatnonzero(labels == digit)
        chosen = rng.choice(len(_WEIGHTS[digit]), size=len(where), p=_WEIGHTS[digit])
        for index, style in enumerate(_COMPILED[digit]):
            rows = where[chosen == index]
            shake = rng.standard_normal((len(rows), *style.points.shape), dtype=np.float32)
            shake *= SHAKE * np.exp(rng.normal(*SLOPPINESS, (len(rows), 1, 1))).astype(np.float32)
            path[rows] = style.path @ (style.points + shake)
    return path


def _bend(path: Float, rng: np.random.Generator) -> Float:
    """Slant, stretch, turn and warp each path, (n, PATH_POINTS, 2)."""
    n = len(path)
    x, y = np.moveaxis(path - np.float32(0.5), 2, 0)[..., None]  # (n, PATH_POINTS, 1) each
    x, y = x[..., 0], y[..., 0]
    warp = WARP * np.exp(rng.normal(*SLOPPINESS, n)).astype(np.float32)
    bent_x, bent_y = x.copy(), y.copy()
    for fx in range(MAXF):
        for fy in range(MAXF):
            if fx + fy == 0:
                continue
            wave = np.cos(np.pi * fx * (x + np.float32(0.5))) * np.cos(np.pi * fy * (y + np.float32(0.5)))
            push = rng.standard_normal((2, n, 1), dtype=np.float32) * (warp / (fx * fx + fy * fy) ** DECAY)[:, None]
            bent_x += push[0] * wave
            bent_y += push[1] * wave
    stretch = np.exp(rng.normal(*STRETCH, (n, 1))).astype(np.float32)
    slant = rng.normal(*SLANT, (n, 1)).astype(np.float32)
    turn = rng.normal(0.0, TURN, (n, 1)).astype(np.float32)
    x, y = bent_x * stretch - bent_y * slant, bent_y
    return np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=2)


def _fit(path: Float, rng: np.random.Generator) -> tuple[Float, Float]:
    """Scale each path so that its ink fills the 20x20 box; return it, in pixels, and the pens' radii, (n,)."""
    radius = np.exp(rng.normal(*PEN, len(path))).astype(np.float32).clip(0.55, 2.6)
    low, high = path.min(axis=1), path.max(axis=1)  # (n, 2) each
    scale = (BOX - 2 * radius) / (high - low).max(axis=1)  # (n,)
    middle = (low + high) / 2
    path = (path - middle[:, None]) * scale[:, None, None] + np.float32((BOX - 1) / 2)
    return path, radius


def _ink(path: Float, radius: Float) -> Float:
    """Render each path with a round pen: grey (BOX, BOX, n), 0 to 1, the samples along the last axis.

    The grey falls from 1 to 0 across a rim of EDGE pixels where the distance to the path equals the radius.
    """
    grid = np.arange(BOX, dtype=np.float32)[None, :, None]
    dx = np.square(grid - path[:, :, 0].T[:, None, :])  # (PATH_POINTS, BOX, n)
    dy = np.square(grid - path[:, :, 1].T[:, None, :])
    nearest = np.full((BOX, BOX, len(path)), np.inf, dtype=np.float32)
    here = np.empty_like(nearest)
    for dx2, dy2 in zip(dx, dy, strict=True):
        np.add(dy2[:, None, :], dx2[None, :, :], out=here)
        np.minimum(nearest, here, out=nearest)
    return np.clip((radius - np.sqrt(nearest)) / np.float32(EDGE) + np.float32(0.5), 0.0, 1.0)


def _centre(ink: Float) -> NDArray[np.uint8]:
    """Place each box so that its centre of mass is in the middle of the field: (n, FIELD, FIELD), 0 to 255."""
    n = ink.shape[2]
    mass = ink.sum(axis=(0, 1))
    grid = np.arange(BOX, dtype=np.float32)
    x = grid @ ink.sum(axis=0) / mass
    y = grid @ ink.sum(axis=1) / mass
    left = np.rint(FIELD / 2 - x).astype(np.intp).clip(0, FIELD - BOX)
    top = np.rint(FIELD / 2 - y).astype(np.intp).clip(0, FIELD - BOX)
    field = np.zeros((n, FIELD, FIELD), dtype=np.uint8)
    rows = top[:, None, None] + np.arange(BOX)[None, :, None]
    columns = left[:, None, None] + np.arange(BOX)[None, None, :]
    field[np.arange(n)[:, None, None], rows, columns] = np.rint(255 * np.moveaxis(ink, 2, 0))
    return field
