"""Checks of the samples that pictures need: images, labels, and names of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neurosim.errors import NeurosimError, ShapeError
from neurosim.parameters import Array


def as_images(images: Any, shape: tuple[int, int] | None = None) -> Array:
    """Return images as (n, height, width), or (n, height, width, 3) in colour.

    Rows of pixels are folded to `shape`, or to a square.
    """
    array: Array = np.asarray(images)
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 2:
        side = round(array.shape[1] ** 0.5)
        height, width = shape or (side, side)
        if height * width == array.shape[1]:
            array = array.reshape(-1, height, width)
    if array.ndim != 3 and not (array.ndim == 4 and array.shape[3] == 3):
        raise ShapeError(
            "images: expected (n, height, width), (n, height, width, 3) in colour, or (n, pixels) of square images, "
            f"received {array.shape}"
        )
    return array


def as_labels(labels: Any, n: int, what: str) -> Array:
    """Return n labels as integers."""
    array: Array = np.asarray(labels)
    if array.shape != (n,):
        raise ShapeError(f"{what}: expected one per image, shape ({n},), received {array.shape}")
    return array.astype(int)


def names_of_classes(class_names: Sequence[str] | None, least: int) -> list[str]:
    """Return a name for each class: its number unless given."""
    if class_names is None:
        return [str(i) for i in range(least)]
    if len(class_names) < least:
        raise NeurosimError(f"class_names: expected at least {least}, received {len(class_names)}")
    return [str(name) for name in class_names]


def names_of_channels(count: int, names: Sequence[str] | None = None) -> list[str]:
    """Return a name for each channel of an image: its number unless given."""
    if names is None:
        return [str(i) for i in range(count)]
    if len(names) != count:
        raise NeurosimError(f"channels: expected {count} names, received {len(names)}")
    return [str(name) for name in names]
