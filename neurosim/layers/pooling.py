"""Pooling makes each channel of an image smaller, window by window; Flatten turns images into rows of numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np

from ..checks import check_count
from ..parameters import Array, Shape
from .base import LAYERS, Layer
from .windows import Windows


class _Pooling(Layer):
    """The common part of max and average pooling: windows over each channel separately.

    Attributes:
        windows: the places of the windows.
    """

    windows: Windows
    _work: Array

    def __init__(self, size: int = 2, stride: int | None = None) -> None:
        self.size = check_count("size", size)
        self.stride = self.size if stride is None else check_count("stride", stride)

    def output_shape(self, in_shape: Shape) -> Shape:
        windows = Windows(self, in_shape, self.size, self.stride)
        return (*windows.places, windows.shape[2])

    def take_shape(self, below: Layer | None) -> None:
        super().take_shape(below)
        self.windows = Windows(self, self.in_shape, self.size, self.stride)

    def buffers(self) -> dict[str, int]:
        return super().buffers() | {"_work": self.n_out}

    def by_offset(self, images: Array) -> list[Array]:
        """Return live views (B, H', W', C): the first pixel of all windows, the second, … row by row.

        Args:
            images: (B, H W C).
        """
        over = self.windows.over(images.reshape(len(images), *self.windows.shape))
        return [over[:, :, :, row, column] for row in range(self.size) for column in range(self.size)]

    @staticmethod
    def move(pixels: Array, to: Array) -> None:
        """Copy (B, H', W', C), all channels of a pixel as one piece; a loop over a few numbers takes twice as long."""
        piece = np.dtype((np.void, pixels.itemsize * pixels.shape[-1]))
        np.copyto(to.view(piece), pixels.view(piece))

    def as_images(self, buffer: Array) -> Array:
        """Return a buffer (B, n_out) as (B, H', W', C). A live view."""
        return buffer.reshape(len(buffer), *self.out_shape)

    def outgoing(self, j: int) -> tuple[Array, Array]:
        _, width, channels = self.windows.shape
        pixel, channel = divmod(j, channels)
        places, own = self.windows.that_see(*divmod(pixel, width))
        fed = places * channels + channel
        slopes = self.slopes(fed, own)
        return fed[slopes != 0.0], slopes[slopes != 0.0]

    @abstractmethod
    def slopes(self, fed: Array, own: Array) -> Array:
        """Return (n,) dz/dx for outputs z (n,) and pixels of their windows (n,), for the first sample of the batch."""

    @property
    def detail(self) -> str:
        return f"{self.size}" if self.stride == self.size else f"{self.size} stride {self.stride}"


@LAYERS.register("max_pool2d")
class MaxPool2D(_Pooling):
    """The largest number of each window, for each channel: z[r, c] = max x[s r + i, s c + j] over i, j; a = z.

    In the backward pass only that number gets dL/dz. If several are equally large, the first in row order gets it.

    Args:
        size: pixels along a side of a window.
        stride: s, pixels from one window to the next; ``None``: `size`, without overlap. Pixels at the right and bottom
            edges that fill no window are ignored.

    Images are channels last: (B, H, W, C) comes in, (B, H', W', C) goes out with H' = ⌊(H - size) / s⌋ + 1.

    Raises:
        ShapeError: the input is not images, or no window fits into them.

    Reference: Jarrett et al. (2009), What is the best multi-stage architecture for object recognition?; ties are
    treated as in PyTorch.
    """

    hands_on = "largest"
    _left: Array

    def buffers(self) -> dict[str, int]:
        return super().buffers() | {"_left": self.n_out}

    def forward_(self, training: bool) -> None:
        z, pixels = map(self.as_images, (self.z, self._work))
        first, *others = self.by_offset(self.x)
        self.move(first, z)
        for x in others:
            self.move(x, pixels)
            np.maximum(self.z, self._work, out=self.z)
        np.copyto(self.a, self.z)

    def input_gradient_(self, delta: Array, dx: Array) -> None:
        left, take = self._left, self._work
        pixels, alone = self.as_images(take), self.stride >= self.size and dx.dtype == self.dtype  # no overlap
        dx.fill(0.0)
        np.copyto(left, delta, "same_kind")
        for x, to in zip(self.by_offset(self.x), self.by_offset(dx), strict=True):
            self.move(x, pixels)
            np.equal(take, self.z, out=take, casting="unsafe")  # 1 at the largest number
            take *= left
            if alone:
                self.move(pixels, to)
            else:
                to += pixels
            left -= take  # later equal numbers get nothing

    def winners(self) -> Array:
        """Return (B, H', W', C) the position of each maximum in its window, counted row by row. A new array."""
        z = self.as_images(self.z)
        found: Array = np.stack([x == z for x in self.by_offset(self.x)]).argmax(axis=0)  # the first equal one
        return found

    def contests(self, j: int) -> list[tuple[int, int, int]]:
        _, width, channels = self.windows.shape
        pixel, channel = divmod(j, channels)
        found = []
        for place in self.windows.that_see(*divmod(pixel, width))[0]:
            seen = self.windows.sources(*divmod(int(place), self.out_shape[1]))[channel::channels]
            x = self.x[0, seen]
            best = int(x.argmax())
            found.append((int(place) * channels + channel, int(seen[best]), int(np.count_nonzero(x == x[best]))))
        return found

    def slopes(self, fed: Array, own: Array) -> Array:
        won: Array = self.winners()[0].ravel()[fed] == own
        return won.astype(self.dtype)

    def kink_sides(self) -> Iterator[Array]:
        yield self.winners()


@LAYERS.register("average_pool2d")
class AveragePool2D(_Pooling):
    """The mean of each window, for each channel: z[r, c] = Σ_i Σ_j x[s r + i, s c + j] / size²; a = z.

    Args:
        size: pixels along a side of a window.
        stride: s, pixels from one window to the next; ``None``: `size`, without overlap. Pixels at the right and bottom
            edges that fill no window are ignored.

    Images are channels last: (B, H, W, C) comes in, (B, H', W', C) goes out with H' = ⌊(H - size) / s⌋ + 1.

    Raises:
        ShapeError: the input is not images, or no window fits into them.

    Reference: LeCun et al. (1998), Gradient-based learning applied to document recognition, section II.A.
    """

    hands_on = "mean"

    def explain_slope(self, j: int) -> tuple[str, dict[str, float]]:
        return "1 / {size}²", {"size": self.size}

    def forward_(self, training: bool) -> None:
        z = self.as_images(self.z)
        first, *others = self.by_offset(self.x)
        np.copyto(z, first)
        for x in others:
            z += x
        z *= 1.0 / self.size**2
        np.copyto(self.a, self.z)

    def input_gradient_(self, delta: Array, dx: Array) -> None:
        np.multiply(delta, 1.0 / self.size**2, out=self._work, casting="same_kind")
        share = self.as_images(self._work)
        dx.fill(0.0)
        for to in self.by_offset(dx):
            to += share

    def slopes(self, fed: Array, own: Array) -> Array:
        return np.full(len(fed), 1.0 / self.size**2, self.dtype)


@LAYERS.register("flatten")
class Flatten(Layer):
    """The numbers of an image as one row: (B, H, W, C) comes in, (B, H W C) goes out, in the same order.

    A `Dense` sees all numbers of an image even without a `Flatten` before it.
    """

    passes_through = True
    reshapes = True

    def output_shape(self, in_shape: Shape) -> Shape:
        return (int(np.prod(in_shape)),)

    def forward_(self, training: bool) -> None:
        np.copyto(self.z, self.x)
        np.copyto(self.a, self.x)

    def input_gradient_(self, delta: Array, dx: Array) -> None:
        np.copyto(dx, delta)

    def outgoing(self, j: int) -> tuple[Array, Array]:
        return np.array([j]), np.ones(1, self.dtype)
