"""Augmentation: each time an image is used for training it is changed a little; its label stays the same.

A network that sees a digit shifted, turned or bent in every epoch cannot memorize its pixels.  ``fit`` augments each
batch of images before it is scaled, with a separate stream of random numbers.  Evaluation never augments.

    net.fit(train.images, train.labels, augment="affine")
    net.fit(train.images, train.labels, augment=ns.Compose(["affine", "elastic"]))

All except `Shift` give, for every pixel of the new image, its place in the old image.  `warp` then interpolates between
the old pixels.  Everything outside the image is background, 0.

Keys: shift, affine, elastic, compose.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import check_count, check_number
from .errors import NeurosimError
from .parameters import Array
from .processors import computes
from .registry import Configurable, Registry

Images = NDArray[np.uint8]
Float32 = NDArray[np.float32]

CHUNK = 16  # images warped at once: their coordinates stay in the processor's cache


class Augmentation(Configurable, ABC):
    """A random distortion that keeps the meaning of an image."""

    @abstractmethod
    def __call__(self, images: Images, rng: np.random.Generator) -> Images:
        """Distort every image in its own way.

        Args:
            images: (B, height, width) uint8; 0 is background.
            rng: the source of the random numbers.

        Returns:
            (B, height, width) uint8, a new array.
        """


AUGMENTATIONS: Registry[Augmentation] = Registry("augmentation", Augmentation)  # type: ignore[type-abstract]


@AUGMENTATIONS.register("shift")
class Shift(Augmentation):
    """Move by whole pixels: new[r, c] = old[r - down, c - right], or 0 if that place is outside.

    Args:
        pixels: the largest shift in each direction, at least 0; down and right are uniform in -pixels … pixels.
    """

    def __init__(self, pixels: int = 2) -> None:
        self.pixels = check_count("pixels", pixels, 0)

    def __call__(self, images: Images, rng: np.random.Generator) -> Images:
        B, height, width = images.shape
        k = self.pixels
        down, right = rng.integers(-k, k, (2, B), endpoint=True)
        padded = np.zeros((B, height + 2 * k, width + 2 * k), images.dtype)
        padded[:, k : k + height, k : k + width] = images
        windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
        shifted: Images = windows[np.arange(B), k - down, k - right]  # (B, height, width)
        return shifted


class _Warp(Augmentation):
    """An augmentation that gives the place in the old image from which each pixel comes."""

    @abstractmethod
    def sources(self, B: int, height: int, width: int, rng: np.random.Generator) -> Float32:
        """Return row and column, (2, B, height, width), of the place that each pixel of each new image comes from."""

    def __call__(self, images: Images, rng: np.random.Generator) -> Images:
        B, height, width = images.shape
        row, column = self.sources(B, height, width, rng)
        return warp(images, row, column)


@AUGMENTATIONS.register("affine")
class Affine(_Warp):
    """Turn, stretch, shear and move; straight lines stay straight.

    A point p (row, column) of the old image goes to c + R S D (p - c) + t. Here c is the centre, R a rotation, S a
    shear, D a scaling and t a translation. Each is uniform within these bounds:

    Args:
        rotation: degrees in both directions, in [0, 180].
        scale: height and width are multiplied by factors from 1 - scale to 1 + scale, in [0, 1).
        shear: pixels to the side for each pixel upwards, in both directions, at least 0.
        translation: pixels in each direction, at least 0.
    """

    def __init__(
        self, rotation: float = 12.0, scale: float = 0.12, shear: float = 0.15, translation: float = 1.5
    ) -> None:
        self.rotation = check_number("rotation", rotation, 0.0, 180.0)
        self.scale = check_number("scale", scale, 0.0, 1.0, open_high=True)
        self.shear = check_number("shear", shear, 0.0, math.inf, open_high=True)
        self.translation = check_number("translation", translation, 0.0, math.inf, open_high=True)

    def draw(self, B: int, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
        """Draw angles (B,) in radians, factors (2, B), shears (B,) and translations (2, B)."""
        angle, tall, wide, shear, down, right = rng.uniform(-1.0, 1.0, (6, B))
        return (
            math.radians(self.rotation) * angle,
            1.0 + self.scale * np.stack([tall, wide]),
            self.shear * shear,
            self.translation * np.stack([down, right]),
        )

    def sources(self, B: int, height: int, width: int, rng: np.random.Generator) -> Float32:
        return affine_sources(*self.draw(B, rng), height, width)


def affine_sources(angle: Array, factors: Array, shear: Array, translation: Array, height: int, width: int) -> Float32:
    """Return the place that each pixel comes from: p = c + (R S D)⁻¹ (p_new - c - t).

    Args:
        angle: (B,) radians, counter-clockwise as seen on the screen.
        factors: (2, B) of height and width, above 0.
        shear: (B,) pixels to the right for each pixel upwards.
        translation: (2, B) pixels down and to the right.
        height: the height of the images in pixels.
        width: the width of the images in pixels.

    Returns:
        (2, B, height, width) row and column.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    inverse: Array = np.array([[cos, sin], [shear * cos - sin, shear * sin + cos]]) / factors[:, None]  # (2, 2, B)
    centre = (height - 1) / 2, (width - 1) / 2
    rows = (np.arange(height) - centre[0] - translation[0][:, None]).astype(np.float32)  # (B, height)
    columns = (np.arange(width) - centre[1] - translation[1][:, None]).astype(np.float32)  # (B, width)
    inverse = inverse.astype(np.float32)[..., None]
    sources = np.empty((2, len(angle), height, width), np.float32)
    for k in range(2):
        along = inverse[k, 0] * rows + np.float32(centre[k])  # (B, height)
        np.add(along[:, :, None], (inverse[k, 1] * columns)[:, None, :], out=sources[k])
    return sources


@AUGMENTATIONS.register("elastic")
class Elastic(_Warp):
    """Bend the image like an unsteady hand: each pixel moves a little, and nearby pixels move almost alike.

    The two coordinates of the displacement are random numbers for every pixel, uniform in -1 … 1. They are convolved
    with a Gaussian and multiplied by alpha. By default, the displacement is about 0.9 pixels (standard deviation) in
    each direction.

    Args:
        alpha: the strength, at least 0; the displacement is proportional to it.
        sigma: the standard deviation of the Gaussian in pixels, above 0. A larger sigma gives wider bends.

    Reference: Simard, Steinkraus and Platt (2003), Best practices for convolutional neural networks applied to visual
    document analysis, section 2. Their alpha of 34 makes some digits of 28 x 28 pixels hard to read.
    """

    def __init__(self, alpha: float = 24.0, sigma: float = 4.0) -> None:
        self.alpha = check_number("alpha", alpha, 0.0, math.inf, open_high=True)
        self.sigma = check_number("sigma", sigma, 0.0, math.inf, open_low=True, open_high=True)

    def sources(self, B: int, height: int, width: int, rng: np.random.Generator) -> Float32:
        noise = rng.random((2, B, height, width), np.float32)
        noise *= 2.0
        noise -= 1.0
        return self.displace(noise)

    @computes
    def displace(self, noise: Float32) -> Float32:
        """Return the place that each pixel comes from, for random numbers (2, B, height, width) in -1 … 1."""
        height, width = noise.shape[2:]
        across = noise.reshape(-1, width) @ gaussian(width, self.sigma)  # one product for all rows of all images
        field = gaussian(height, self.sigma) @ across.reshape(noise.shape)
        field *= self.alpha
        field[0] += np.arange(height, dtype=np.float32)[:, None]
        field[1] += np.arange(width, dtype=np.float32)
        return field


@cache
def gaussian(size: int, sigma: float) -> Float32:
    """Return the convolution with a Gaussian as a matrix (size, size).

    Entry (i, j) is the weight of pixel j in pixel i. Everything outside the image is 0.
    """
    reach = max(size, math.ceil(8 * sigma))
    total = float(np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2).sum())
    distance = np.subtract.outer(np.arange(size), np.arange(size))
    matrix = (np.exp(-0.5 * (distance / sigma) ** 2) / total).astype(np.float32)
    matrix.flags.writeable = False  # it is shared
    return matrix


@AUGMENTATIONS.register("compose")
class Compose(Augmentation):
    """Several augmentations, one after the other.

    Args:
        parts: a list of names or instances, or a text such as ``"affine+elastic"``.
    """

    def __init__(self, parts: str | Sequence[str | Augmentation | dict[str, Any]] = "affine+elastic") -> None:
        if isinstance(parts, str):
            parts = parts.split("+")
        if not isinstance(parts, (list, tuple)) or not parts:
            raise NeurosimError(
                "compose: expected parts as a list of augmentations, or as text such as "
                f"affine+elastic, received {parts!r}"
            )
        self.parts = [AUGMENTATIONS.create(part) for part in parts]

    def config(self) -> dict[str, Any]:
        return {"name": self.key, "parts": [part.config() for part in self.parts]}

    def __call__(self, images: Images, rng: np.random.Generator) -> Images:
        for part in self.parts:
            images = part(images, rng)
        return images


def warp(images: Images, row: Array, column: Array) -> Images:
    """Look up images between their pixels: bilinear interpolation, 0 outside, rounded to whole numbers.

    Args:
        images: (B, height, width) uint8.
        row: (B, height, width) the row in the old image for each new pixel; finite.
        column: (B, height, width) the column in the old image; finite.

    Returns:
        (B, height, width) uint8, a new array.
    """
    warped = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), CHUNK):
        part = slice(start, start + CHUNK)
        _warp_chunk(images[part], row[part], column[part], warped[part])
    return warped


def _warp_chunk(images: Images, row: Array, column: Array, out: Images) -> None:
    B, height, width = images.shape
    # a margin of background, so wide that the four neighbours of a place on it or beyond it are background too
    padded = np.zeros((B, height + 3, width + 3), np.float32)
    padded[:, 1:-2, 1:-2] = images
    row, column = np.clip(row, -1.0, height), np.clip(column, -1.0, width)
    top, left = np.floor(row), np.floor(column)
    row -= top  # the distance from the upper neighbour to the place, 0 … 1
    column -= left
    stride = width + 3
    index = top.astype(np.intp)
    index *= stride
    index += left.astype(np.intp)
    index += (np.arange(B) * padded[0].size + stride + 1)[:, None, None]  # the upper left neighbour
    flat = padded.ravel()

    def between(first: int) -> Array:
        """Return the values between the neighbours `first` and `first` + 1."""
        left_value = flat.take(index + first)
        value = flat.take(index + (first + 1))
        value -= left_value
        value *= column
        value += left_value
        return value

    upper, lower = between(0), between(stride)
    lower -= upper
    lower *= row
    lower += upper
    lower += 0.5  # the conversion below cuts off decimals, so this rounds
    np.copyto(out, lower, casting="unsafe")
