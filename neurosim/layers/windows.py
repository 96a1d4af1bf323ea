"""The places of the windows that convolution and pooling slide over an image."""

from __future__ import annotations

import numpy as np

from ..errors import ShapeError
from ..parameters import Array, Shape


def image_sides(layer: object, shape: Shape) -> tuple[int, int, int]:
    """Return (H, W, C) of the input of a convolutional or pooling layer; (H, W) is an image of one channel.

    Raises:
        ShapeError: the shape is not that of an image.
    """
    if len(shape) not in (2, 3):
        raise ShapeError(
            f"{layer!r}: expected images, shape (H, W) or (H, W, C), received samples of shape {shape}. Give the Input "
            "layer the shape of one image, e.g. Input((28, 28)), and put this layer before any Flatten or Dense"
        )
    height, width, channels = (*shape, 1)[:3]
    return height, width, channels


class Windows:
    """Windows of size x size pixels, one every `stride` pixels in both directions.

        "valid": they lie within the image;               H' = ⌊(H - size) / stride⌋ + 1
        "same":  zeros are put around it, so that without a stride H' is H:   H' = ⌈H / stride⌉
                 (H' - 1) stride + size - H rows of zeros, half of them above, the odd one below

    Args:
        layer: the layer of the windows, for error messages.
        shape: (H, W, C) of the image; (H, W) has one channel.
        size: pixels along a side of a window.
        stride: pixels from one window to the next.
        padding: "valid" or "same".

    Attributes:
        shape: (H, W, C).
        places: (H', W'), the number of places down and across.
        padded: (rows, columns, C) of the image with the zeros around it.
        before: the rows of zeros above, and the columns of zeros to the left.

    Raises:
        ShapeError: the input is not an image, or no window fits into it.

    Reference: Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning; "same" is Keras's.
    """

    def __init__(self, layer: object, shape: Shape, size: int, stride: int, padding: str = "valid") -> None:
        height, width, channels = self.shape = image_sides(layer, shape)
        if padding == "valid" and size > min(height, width):
            raise ShapeError(
                f"{layer!r}: expected images of at least {size} x {size} pixels, received {height} x {width}, channels "
                "last. Choose a smaller size here, or less pooling before it"
            )
        self.size, self.stride = size, stride
        places, padded, before = [], [], []
        for side in (height, width):
            count = (side - size) // stride + 1 if padding == "valid" else -(-side // stride)
            zeros = max(0, (count - 1) * stride + size - side) if padding == "same" else 0
            places.append(count)
            padded.append(side + zeros)
            before.append(zeros // 2)
        self.places = places[0], places[1]
        self.padded = padded[0], padded[1], channels
        self.before = before[0], before[1]

    def over(self, images: Array) -> Array:
        """Return all windows over padded images (B, …) as (B, H', W', size, size, C): a live view with overlaps."""
        per_sample, down, across, channel = images.strides
        strides = (per_sample, down * self.stride, across * self.stride, down, across, channel)
        shape = (len(images), *self.places, self.size, self.size, self.shape[2])
        return np.lib.stride_tricks.as_strided(images, shape, strides)

    def inside(self, images: Array) -> Array:
        """Return padded images (B, …) without their padding, (B, H, W, C). A live view."""
        (top, left), (height, width, _) = self.before, self.shape
        return images[:, top : top + height, left : left + width]

    def field(self, rows: slice, columns: slice) -> tuple[slice, slice]:
        """Return the rows and columns of the image that the windows at these places see, without the padding."""
        found = []
        for places, before, side in zip((rows, columns), self.before, self.shape[:2], strict=True):
            first, end = places.start * self.stride - before, (places.stop - 1) * self.stride - before + self.size
            found.append(slice(max(0, first), min(end, side)))
        return found[0], found[1]

    def patch(self, images: Array, row: int, column: int) -> Array:
        """Return what the window at a place sees of images (B, H, W, C): (B, size, size, C), padded with 0. A copy."""
        return self.over(self.with_zeros(images))[:, row, column].copy()

    def with_zeros(self, images: Array) -> Array:
        """Return images (B, H, W, C) with their padding, (B, …). A new array."""
        padded = np.zeros((len(images), *self.padded), images.dtype)
        self.inside(padded)[...] = images
        return padded

    def sources(self, row: int, column: int) -> Array:
        """Return (size size C,) the indices, in an image as one row, of what a window sees; -1 in the padding."""
        height, width, channels = self.shape
        down, across = (
            at * self.stride - before + np.arange(self.size)
            for at, before in zip((row, column), self.before, strict=True)
        )
        inside = ((down >= 0) & (down < height))[:, None] & (across >= 0) & (across < width)
        pixels = np.where(inside, down[:, None] * width + across, -1)[..., None]
        numbers: Array = np.where(pixels < 0, -1, pixels * channels + np.arange(channels)).ravel()
        return numbers

    def that_see(self, row: int, column: int) -> tuple[Array, Array]:
        """Return the windows that see a pixel: (n,) their places, and (n,) its index within each window, row by row."""
        seen = []
        for at, before, count in zip((row, column), self.before, self.places, strict=True):
            own = at + before - self.stride * np.arange(count)  # the pixel's position in each window
            inside = np.flatnonzero((own >= 0) & (own < self.size))
            seen.append((inside, own[inside]))
        (rows, down), (columns, across) = seen
        places = rows[:, None] * self.places[1] + columns
        return places.ravel(), (down[:, None] * self.size + across).ravel()
