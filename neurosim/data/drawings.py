"""Your own pictures in the form of MNIST's: a drawn, scanned or photographed digit becomes 28 x 28 grey levels.

MNIST was made from scanned black and white digits.  A network trained on it expects the processing of its makers:

    "The original black and white (bilevel) images from NIST were size normalized to fit in a 20x20 pixel box while
    preserving their aspect ratio. The resulting images contain grey levels as a result of the anti-aliasing technique
    used by the normalization algorithm. [T]he images were centered in a 28x28 image by computing the center of mass of
    the pixels, and translating the image so as to position this point at the center of the 28x28 field."
    (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", yann.lecun.com/exdb/mnist;
    Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, section III.A)

Pictures that are not yet black and white need these steps first:

1. **Paper** (`_paper`).  The border shows the tone of the paper, and so whether the ink is darker or lighter.  Light is
   uneven in photographs, so the paper is first a smooth surface through the border.  Then, at all places without ink,
   it is the mean of the pixels around.
2. **Ink** (`drawing_of`).  The difference between a pixel and its paper is compared with a threshold, the one that
   separates ink from paper best.
3. **Specks** (`_without_specks`).  Parts that are far smaller than the drawing are dust.  Parts that touch the edge of
   a photograph do not belong to the drawing, if there is anything else.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, NeurosimError
from ..text import thousands
from .pictures import Float32, read_picture

if TYPE_CHECKING:
    from ..network import Network

Bools = NDArray[np.bool_]

FIELD = (28, 28)  # height and width of MNIST's pictures
BOX = 20 / 28  # share of the field that the longer side of a drawing fills
SMALL = 160  # pixels: the longer side of the original that is kept for display
AS_IS = "as it is"
WORK = 400  # pixels: larger pictures are reduced to this size first
RING = 0.04  # width of the border, as a share of the shorter side
AROUND = 0.12  # half the width of the window for the mean of the paper, as a share of the longer side
LOOKS = 8  # how many times paper and ink are separated
NOISE = 5.0  # standard deviations of the paper; a larger difference may be ink
FEWEST = 3  # pixels: fewer are not a drawing
DARKEST = 0.05  # paper: on darker paper, any noise would be a contrast
FAINTEST = 0.06  # smallest difference of ink, as a share of the paper's brightness
INSIDE = 0.3  # a part inside is the drawing if it has more than this share of the largest part
SPECK = 0.02  # a part with less than this share of the largest part is dust


@dataclass(frozen=True)
class Drawing:
    """A picture in the form that a network takes, and what was done to it.

    Attributes:
        pixels: (height, width) or (height, width, 3) uint8, 255 is the brightest.
        said: what was found and done, e.g. "black on white, cropped and centred".
        original: the original picture at a small size: (height, width) or (height, width, 3) uint8.
    """

    pixels: NDArray[np.uint8]
    said: str
    original: NDArray[np.uint8]


def read_image(
    path: str | os.PathLike[str],
    shape: tuple[int, ...] = FIELD,
    invert: bool | None = None,
    as_is: bool = False,
) -> NDArray[np.uint8]:
    """Read a picture for a network: the drawing is made bright on black, cropped and centred like MNIST's digits.

    Args:
        path: a picture file of any size, grey or in colour; see `neurosim.data.pictures.read_picture`.
        shape: height and width of the result; with a third number, 3, the colours are kept and nothing is moved.
        invert: whether the picture is black on white; ``None``: its border decides.
        as_is: whether to use the whole picture, only scaled to the size and not moved.

    Returns:
        (height, width) or (height, width, 3) uint8.

    Raises:
        DataError: the file cannot be read, or there is no drawing on it.

    Example:
        >>> net.predict(ns.data.read_image("two.png"))
    """
    return read_drawing(path, shape, invert, as_is).pixels


def read_drawing(
    path: str | os.PathLike[str], shape: tuple[int, ...] = FIELD, invert: bool | None = None, as_is: bool = False
) -> Drawing:
    """Read a picture like `read_image`, and return it with a few words on what was found and done."""
    colour = len(shape) == 3 and shape[2] == 3
    if not colour and len(shape) != 2:
        raise NeurosimError(f"shape: expected (height, width) or (height, width, 3), received {shape}")
    pixels = read_picture(path, colour)
    original = _as_bytes(_at_most(pixels, SMALL))
    if colour:
        pixels = 1 - pixels if invert else pixels
        return Drawing(
            _as_bytes(_whole(pixels, shape[:2])), f"in colour, {AS_IS}{', inverted' if invert else ''}", original
        )
    height, width = shape
    pixels = _at_most(pixels, max(WORK, height, width))
    dark = ink_is_dark(pixels) if invert is None else invert
    said = "black on white" if dark else "white on black"
    pixels = 1 - pixels if not dark else pixels  # from here on, ink is dark
    if as_is:
        return Drawing(_as_bytes(1 - _whole(pixels, (height, width))), f"{said}, {AS_IS}", original)
    ink = drawing_of(pixels)
    if ink is None:
        raise DataError(f"{path}: expected a drawing. Nothing in this picture stands out clearly from the background")
    at_edge = np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]]).max() > 0.5
    said += ", cropped and centred" + ("; the drawing touches the edge of the picture" if at_edge else "")
    return Drawing(_as_bytes(as_mnist(ink, (height, width))), said, original)


def picture_shape(network: Network) -> tuple[int, ...]:
    """Return the shape of the pictures that a network takes: (height, width), or (height, width, 3) in colour.

    Raises:
        NeurosimError: the network does not take pictures.
    """
    layer = network.input
    if layer.image_shape is not None:
        return layer.image_shape
    for shape in (layer.out_shape, () if layer.learned is None else layer.learned.shape):
        if len(shape) == 3 and shape[2] == 3:
            return shape
    if layer.n_out == math.prod(FIELD):  # flat, as MNIST's often are
        return FIELD
    raise NeurosimError(
        f"expected a network that takes pictures, received one that takes {thousands(layer.n_out)} numbers. "
        "Give the shape of the pictures to its Input, e.g. ns.Input((28, 28)), or train it on pictures"
    )


def as_samples(network: Network, drawings: Sequence[Drawing]) -> Float32:
    """Return drawings as samples (N, ...) of a network, in the units of its training samples."""
    levels = np.stack([each.pixels for each in drawings]).astype(np.float32) / np.float32(255.0)
    learned = network.input.learned
    if learned is None:
        return levels
    low, high = 0.0, learned.top or 1.0
    if learned.top is None and learned.low is not None and learned.high is not None:
        low, high = learned.low, learned.high
    return (low + (high - low) * levels).astype(np.float32)


def _as_bytes(values: Float32) -> NDArray[np.uint8]:
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)


# -- paper and ink -----------------------------------------------------------------------------------------------------


def ink_is_dark(grey: Float32) -> bool:
    """Return whether the drawing is darker than the border, for grey levels (height, width)."""
    difference = grey - _surface(grey, _ring(grey.shape))
    noise = NOISE * _noise(grey)
    return float(np.maximum(-difference - noise, 0).sum()) >= float(np.maximum(difference - noise, 0).sum())


def drawing_of(grey: Float32) -> Float32 | None:
    """Return the ink at each pixel, from 0 to 1, of a picture (height, width) of dark ink; None if there is no ink."""
    paper = _surface(grey, _ring(grey.shape))
    noise = NOISE * _noise(grey)
    for look in range(LOOKS):
        contrast: Float32 = ((paper - grey) / np.maximum(paper, DARKEST)).astype(np.float32)
        stands_out = contrast > np.maximum(FAINTEST, noise / np.maximum(paper, DARKEST))
        if np.count_nonzero(stands_out) < FEWEST:
            return None
        threshold = _threshold(contrast[stands_out])
        if look < LOOKS - 1:  # knowing the ink better shows the paper better
            paper = _paper(grey, contrast > threshold / 2, paper)
    ink: Float32 = np.clip(contrast / threshold - 0.5, 0, 1).astype(np.float32)  # 1/2 at the threshold
    return _without_specks(ink)


def _ring(shape: tuple[int, ...]) -> Bools:
    """Return the border of a picture, (height, width)."""
    ring = np.ones(shape, bool)
    width = max(1, round(RING * min(shape)))
    ring[width:-width, width:-width] = False
    return ring


def _noise(grey: Float32) -> float:
    """Return the standard deviation of the noise, from differences between neighbours, so without uneven light."""
    steps = np.concatenate([np.diff(grey, axis=axis).ravel() for axis in (0, 1)])
    return float(np.median(np.abs(steps))) / (0.6745 * math.sqrt(2)) if steps.size else 0.0  # of normal noise


def _surface(grey: Float32, known: Bools) -> Float32:
    """Return a quadratic surface through the known pixels, except those that lie far from it."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in grey.shape)
    y, x = np.broadcast_arrays(y[:, None], x)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)  # (height, width, 6)
    surface = np.full_like(grey, np.median(grey[known]))
    for _ in range(4):
        difference = np.abs(grey - surface)
        limit = max(3 * float(np.median(difference[known])), 0.02)
        used = known & (difference <= limit)
        surface = (terms @ np.linalg.lstsq(terms[used], grey[used], rcond=None)[0]).astype(np.float32)
    return np.clip(surface, grey.min(), grey.max())


def _paper(grey: Float32, ink: Bools, surface: Float32) -> Float32:
    """Return the mean of the paper around each pixel; the less paper there is, the more of the surface."""
    half = max(1, round(AROUND * max(grey.shape)))
    free = (~ink).astype(np.float32)
    share = _mean_around(free, half)
    level = _mean_around(free * (grey - surface), half)
    return (surface + level / np.maximum(share, 0.1)).astype(np.float32)


def _mean_around(values: Float32, half: int) -> Float32:
    """Return means over windows of 2 half + 1 rows and columns; outside the picture, its edge is repeated."""
    for axis in (0, 1):
        pad = [(half + 1, half) if each == axis else (0, 0) for each in (0, 1)]
        sums = np.cumsum(np.pad(values, pad, "edge"), axis=axis, dtype=np.float64)
        count = values.shape[axis]
        ends = np.take(sums, range(2 * half + 1, 2 * half + 1 + count), axis) - np.take(sums, range(count), axis)
        values = (ends / (2 * half + 1)).astype(np.float32)
    return values


def _threshold(contrast: Float32) -> float:
    """Return the contrast that best separates ink from paper.

    The values are those (n,) of the pixels that stand out, and one of paper (0).

    Reference: N. Otsu, "A threshold selection method from gray-level histograms", 1979, equation 18.
    """
    values = np.concatenate([[0.0], np.sort(contrast)])
    n = len(values)
    below = np.arange(1, n)  # the number of values below a threshold
    sums = np.cumsum(values)[:-1]  # and their sum
    between = (values.sum() * below / n - sums) ** 2 / (below * (n - below))  # times a constant
    best = int(below[np.argmax(between)])
    return float(values[best - 1] + values[best]) / 2


def _without_specks(ink: Float32) -> Float32:
    """Remove dust from ink (height, width), and parts that come in from the edge, such as the table below the paper."""
    parts, count = connected(ink > 0.5)
    if count < 2:
        return ink
    mass = np.bincount(parts.ravel(), minlength=count + 1)
    mass[0] = 0
    kept = mass >= SPECK * mass.max()
    sides = [np.unique(side) for side in (parts[0], parts[-1], parts[:, 0], parts[:, -1])]
    inside = mass.copy()
    inside[np.concatenate(sides)] = 0
    touched = sum(bool(kept[side].any()) for side in sides)
    if touched <= 2 and inside.max() >= INSIDE * mass.max():  # on more sides: the drawing was cut out along its edges
        kept &= inside > 0
    near = _mean_around(kept[parts].astype(np.float32), 2) > 0  # the grey rim belongs to the drawing
    return np.where(near, ink, np.float32(0))


def connected(mask: Bools) -> tuple[NDArray[np.intp], int]:
    """Number the connected parts of a mask (height, width) from 1, and count them. 0 is outside; corners connect.

    Each run in a row is joined with the runs of the row above that it touches.
    """
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), np.int8)
    padded[:, 1:-1] = mask
    step = np.diff(padded, axis=1)
    rows, starts = np.nonzero(step == 1)
    _, ends = np.nonzero(step == -1)  # one past each run
    root = list(range(len(rows)))

    def find(k: int) -> int:
        while root[k] != k:
            root[k] = root[root[k]]
            k = root[k]
        return k

    first = np.searchsorted(rows, np.arange(mask.shape[0] + 1))
    for k, (row, start, end) in enumerate(zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True)):
        for above in range(first[row - 1], first[row]) if row else ():
            if starts[above] <= end and start <= ends[above]:
                root[find(k)] = find(above)
    names = {each: name for name, each in enumerate(dict.fromkeys(map(find, range(len(rows)))), start=1)}
    parts = np.zeros(mask.shape, np.intp)
    for k, (row, start, end) in enumerate(zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True)):
        parts[row, start:end] = names[find(k)]
    return parts, len(names)


# -- size and place ----------------------------------------------------------------------------------------------------


def as_mnist(ink: Float32, field: tuple[int, int] = FIELD) -> Float32:
    """Place ink (height, width) from 0 to 1 in a field of this size, as in MNIST; see the top of this file."""
    rows, columns = np.flatnonzero((ink > 0.5).any(axis=1)), np.flatnonzero((ink > 0.5).any(axis=0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    box = BOX * min(field)
    scale = box / max(ink.shape)
    height, width = (max(1, round(scale * side)) for side in ink.shape)
    small = np.clip(_resized(ink, (height, width)), 0, 1)
    small /= max(float(small.max()), 0.1)  # a thin pen's lines are as dark as a thick one's
    top, left = (
        _corner(profile, side) for profile, side in zip((small.sum(axis=1), small.sum(axis=0)), field, strict=True)
    )
    result = np.zeros(field, np.float32)
    result[top : top + height, left : left + width] = small
    return result


def _corner(profile: Float32, side: int) -> int:
    """Return the first row (or column) of a drawing with this ink in each, for a centre of mass in the middle."""
    centre = float(profile @ np.arange(len(profile), dtype=np.float32)) / float(profile.sum())
    return int(np.clip(round(side / 2 - centre), 0, side - len(profile)))


def _whole(pixels: Float32, size: tuple[int, ...]) -> Float32:
    """Scale a whole picture to fit a size (height, width). If its proportions differ, add the tone of its border."""
    scale = min(size[0] / pixels.shape[0], size[1] / pixels.shape[1])
    height, width = (max(1, round(scale * side)) for side in pixels.shape[:2])
    result = np.empty((*size, *pixels.shape[2:]), np.float32)
    result[...] = np.median(pixels[_ring(pixels.shape[:2])], axis=0)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    result[top : top + height, left : left + width] = _resized(pixels, (height, width))
    return result


def _at_most(pixels: Float32, side: int) -> Float32:
    """Reduce grey levels or colours so that no side is longer than `side`."""
    scale = side / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    return _resized(pixels, (max(1, round(scale * pixels.shape[0])), max(1, round(scale * pixels.shape[1]))))


def _resized(pixels: Float32, size: tuple[int, int]) -> Float32:
    """Resize pixels (height, width) or (height, width, colours): average them if smaller, interpolate if larger."""
    from PIL import Image

    def resize(plane: Any) -> Float32:
        image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
        return np.asarray(image.resize((size[1], size[0]), Image.Resampling.HAMMING), np.float32)

    return (
        resize(pixels) if pixels.ndim == 2 else np.stack([resize(each) for each in np.moveaxis(pixels, 2, 0)], axis=2)
    )
