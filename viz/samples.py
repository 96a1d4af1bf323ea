"""What the pictures ask of samples: images, labels, and names of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neurosim.errors import NeurosimError, ShapeError


def as_images(images: Any, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Return images as (n, height, width); rows of pixels are folded to `shape`, or to a square."""
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim == 2:
        side = round(images.shape[1] ** 0.5)
        shape = shape or (side, side)
        if shape[0] * shape[1] == images.shape[1]:
            images = images.reshape(-1, *shape)
    if images.ndim != 3:
        raise ShapeError(
            f"images: expected (n, height, width) or (n, pixels) of square images; received {images.shape}."
        )
    return images


def as_labels(labels: Any, n: int, what: str) -> np.ndarray:
    """Return n labels as integers."""
    labels = np.asarray(labels)
    if labels.shape != (n,):
        raise ShapeError(f"{what}: expected one a image, shape ({n},); received {labels.shape}.")
    return labels.astype(int)


def names_of_classes(class_names: Sequence[str] | None, least: int) -> list[str]:
    """Return a name for each class: its number unless given."""
    if class_names is None:
        return [str(i) for i in range(least)]
    if len(class_names) < least:
        raise NeurosimError(f"class_names: expected at least {least}; received {len(class_names)}.")
    return [str(name) for name in class_names]
