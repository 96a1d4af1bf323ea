"""A folder of pictures for each class: ``circle/*.png``, ``square/*.png``, or these inside ``train`` and ``test``.

They are read in grey where all of them are grey, and brought to one size.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..labels import in_order
from ..text import counted
from .pictures import SUFFIXES, read_picture

PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
MOST_SIDE = 64  # pixels: larger pictures are made smaller, a network of neurons has a weight for each pixel
MOST_BYTES = 2**31  # of all pictures together
GREY = 0.01  # between the colours of a pixel: less is none

Paths = dict[str, list[Path]]  # class -> its pictures


def find_classes(folder: Path) -> tuple[Paths, Paths]:
    """The pictures of each class, for training and, if there is a test folder, for testing; empty: none."""
    inside = {PARTS[each.name.lower()]: each for each in _folders(folder) if each.name.lower() in PARTS}
    if "train" in inside:
        return _classes(inside["train"]), _classes(inside["test"]) if "test" in inside else {}
    return _classes(folder), {}


def _folders(folder: Path) -> list[Path]:
    return [each for each in folder.iterdir() if each.is_dir() and not each.name.startswith((".", "__"))]


def _classes(folder: Path) -> Paths:
    found = {each.name: _pictures_in(each) for each in _folders(folder)}
    return {name: found[name] for name in sorted(sorted(found), key=in_order) if found[name]}


def _pictures_in(folder: Path) -> list[Path]:
    files = [each for each in folder.iterdir() if each.suffix.lower() in SUFFIXES and not each.name.startswith(".")]
    return sorted(sorted(files), key=lambda path: in_order(path.name))


def read_classes(
    classes: Paths, names: tuple[str, ...], size: tuple[int, int, bool] | None, notes: list[str]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], tuple[int, int, bool]]:
    """Read pictures, grey or of three colours, all of one size.

    Args:
        classes: The pictures of each class.
        names: All classes; a label is a class's number among them.
        size: Width, height and whether in colour; None: decided by these pictures.
        notes: What is done to the pictures is added.

    Returns:
        Pictures (N, height, width) or (N, height, width, 3), labels (N,), and their size.

    Raises:
        DataError: A file is no picture, or they are too many.
    """
    paths = [path for name in classes for path in classes[name]]
    labels = np.array([names.index(name) for name in classes for _ in classes[name]], np.int64)
    if size is None:
        size = _common_size(paths, notes)
    width, height, colour = size
    if len(paths) * width * height * (3 if colour else 1) > MOST_BYTES:
        raise DataError(f"expected at most {MOST_BYTES:,} bytes of pictures, received {counted(len(paths), 'picture')}")
    images = np.stack([_fitted(read_picture(path, colour=True), width, height) for path in paths])
    return images if colour else np.ascontiguousarray(images[..., 0]), labels, size


def _common_size(paths: list[Path], notes: list[str]) -> tuple[int, int, bool]:
    """The size that all pictures are brought to: their own if they have one, otherwise that of the middle one."""
    sizes: list[tuple[int, int]] = []
    colour = False
    for path in paths:
        picture = read_picture(path, colour=True)
        sizes.append((picture.shape[1], picture.shape[0]))
        colour = colour or float(np.ptp(picture, axis=2).max()) > GREY
    width, height = (int(side) for side in np.sort(np.array(sizes), axis=0)[len(sizes) // 2])
    largest, different = max(width, height), len(set(sizes)) > 1
    share = min(1.0, MOST_SIDE / largest)
    width, height = max(2, round(width * share)), max(2, round(height * share))
    if different or share < 1:
        received = "of different sizes" if different else f"of {largest} pixels"
        notes.append(f"the pictures are {received}: all are brought to {width} x {height}, with their proportions kept")
    return width, height, colour


def _fitted(picture: NDArray[np.float32], width: int, height: int) -> NDArray[np.uint8]:
    """A picture (h, w, 3) from 0 to 1 as bytes (height, width, 3); beside it, where it is narrower, its own border."""
    from PIL import Image, ImageOps  # only here: to look for other data need not wait for it

    pixels = np.round(picture * 255).astype(np.uint8)
    if pixels.shape[:2] != (height, width):
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        red, green, blue = (int(level) for level in np.median(border, axis=0))
        image = ImageOps.pad(Image.fromarray(pixels), (width, height), Image.Resampling.BOX, color=(red, green, blue))
        pixels = np.asarray(image, np.uint8)
    return pixels
