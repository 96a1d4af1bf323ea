"""One folder of pictures per class: ``circle/*.png``, ``square/*.png``, or these inside ``train`` and ``test``.

The pictures are read in grey if all of them are grey, and scaled to one size.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..labels import in_order
from ..text import counted, picture_size
from .pictures import SUFFIXES, read_picture

PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
MOST_SIDE = 64  # pixels: larger pictures are reduced, because a neuron has one weight per pixel
MOST_BYTES = 2**31  # for all pictures together
GREY = 0.01  # largest difference between the colours of a grey pixel

Paths = dict[str, list[Path]]  # class -> its pictures


def find_classes(folder: Path) -> tuple[Paths, Paths]:
    """Return the pictures of each class for training, and for testing if there is a test folder; empty: none."""
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
    """Read pictures, grey or with three colours, all at one size.

    Args:
        classes: The pictures of each class.
        names: All classes; a label is the place of its class among them.
        size: Width, height and whether in colour; None: these pictures decide.
        notes: A list; notes about changes to the pictures are added.

    Returns:
        Pictures (N, height, width) or (N, height, width, 3), labels (N,), and their size.

    Raises:
        DataError: A file is not a picture, or there are too many.
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
    """Return the common size: that of the pictures if they agree, otherwise the median width and height."""
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
        received = "have different sizes" if different else f"have sides of up to {largest} pixels"
        notes.append(f"the images {received}. All are scaled to {picture_size(height, width)}, in their proportions")
    return width, height, colour


def _fitted(picture: NDArray[np.float32], width: int, height: int) -> NDArray[np.uint8]:
    """Scale a picture (h, w, 3) from 0 to 1 to bytes (height, width, 3). Fill the rest with the tone of its border."""
    from PIL import Image, ImageOps  # imported only here, because other data do not need it

    pixels = np.round(picture * 255).astype(np.uint8)
    if pixels.shape[:2] != (height, width):
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        red, green, blue = (int(level) for level in np.median(border, axis=0))
        image = ImageOps.pad(Image.fromarray(pixels), (width, height), Image.Resampling.BOX, color=(red, green, blue))
        pixels = np.asarray(image, np.uint8)
    return pixels
