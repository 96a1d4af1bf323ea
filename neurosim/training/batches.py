"""Batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..augment import AUGMENTATIONS, Augmentation
from ..errors import NeurosimError, ShapeError
from ..network import Network
from ..parameters import Array


def gatherer(
    network: Network,
    augmentation: str | Augmentation | dict[str, Any],
    x: Any,
) -> Callable[[Array, Array], None]:
    """What takes the place of ``network.input.gather`` where images are augmented.

    Args:
        network: it provides the random numbers, and takes the images.
        augmentation: by name or as an instance.
        x: the training images (N, height, width), or rows (N, pixels) if the `Input` knows their shape.

    Raises:
        ShapeError: it is not known how high and wide the images are.
        NeurosimError: no such augmentation, or images that are not uint8.
    """
    augmentation = AUGMENTATIONS.create(augmentation)
    x = np.asarray(x)
    if x.dtype != np.uint8:
        raise NeurosimError(
            f"augment: expected images as uint8, 0 to 255, received {x.dtype}; the Input layer scales "
            "them after they were augmented"
        )
    sizes = [size for size in (x.shape[1:], network.input.size) if isinstance(size, tuple)]
    shape = next((size[:2] for size in sizes if len(size) > 1 and math.prod(size[2:]) == 1), None)
    if shape is None:
        raise ShapeError(
            f"augment: expected images of shape (N, height, width), received {x.shape}; reshape them, or "
            "make the first layer Input((height, width))"
        )

    def gather(rows: Array, indices: Array) -> None:
        images = rows.take(indices, 0).reshape(-1, *shape)
        network.input.fill(augmentation(images, network.streams["augmentation"]).reshape(len(indices), -1))

    return gather
