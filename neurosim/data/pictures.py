"""A folder of pictures for each class: ``circle/*.png``, ``square/*.png``, or these inside ``train`` and ``test``.

Pictures are read with Pillow, in grey where all of them are grey, and brought to one size.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..labels import in_order
from ..text import counted

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
MOST_SIDE = 64  # pixels: larger pictures are made smaller, a network of neurons has a weight for each pixel
MOST_BYTES = 2**31  # of all pictures together
GREY = ("1", "L", "LA", "I", "I;16", "I;16L", "I;16B", "I;16N", "F")  # Pillow's modes without colour

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
    return {name: found[name] for name in sorted(found, key=in_order) if found[name]}


def _pictures_in(folder: Path) -> list[Path]:
    files = [each for each in folder.iterdir() if each.suffix.lower() in SUFFIXES and not each.name.startswith(".")]
    return sorted(files, key=lambda path: in_order(path.name))


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
    images = np.stack([read_picture(path, (width, height), colour) for path in paths])
    return images, labels, size


def _common_size(paths: list[Path], notes: list[str]) -> tuple[int, int, bool]:
    """The size that all pictures are brought to: their own if they have one, otherwise that of the middle one."""
    sizes: Counter[tuple[int, int]] = Counter()
    colour = False
    for path in paths:
        with _opened(path) as picture:
            sizes[picture.size] += 1
            colour = colour or not _is_grey(picture)
    if len(sizes) == 1:
        width, height = next(iter(sizes))
    else:
        each = np.array(list(sizes.elements()))
        width, height = (int(side) for side in np.sort(each, axis=0)[len(each) // 2])
    largest = max(width, height)
    shown = min(1.0, MOST_SIDE / largest)
    width, height = max(2, round(width * shown)), max(2, round(height * shown))
    if len(sizes) > 1 or shown < 1:
        received = "of different sizes" if len(sizes) > 1 else f"of {largest} pixels"
        notes.append(
            f"the pictures are {received}; all were brought to {width} x {height}, with their proportions kept"
        )
    return width, height, colour


def read_picture(path: Path, size: tuple[int, int], colour: bool) -> NDArray[np.uint8]:
    """One picture as bytes (height, width) or (height, width, 3), fitted into `size` (width, height)."""
    from PIL import Image, ImageOps  # only here: to look for other data need not wait for it

    with _opened(path) as opened:
        picture = ImageOps.exif_transpose(opened)
        if picture.mode.startswith("I") or picture.mode == "F":
            numbers = np.asarray(picture, np.float64)
            top = 65_535.0 if numbers.max() > 255 else 255.0
            picture = Image.fromarray(np.clip(numbers / top * 255, 0, 255).astype(np.uint8))
        if "A" in picture.mode or "transparency" in picture.info:
            picture = picture.convert("RGBA")
            paper = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(paper, picture)
        picture = picture.convert("RGB" if colour else "L")
        if picture.size != size:
            corner: Any = picture.getpixel((0, 0))
            picture = ImageOps.pad(picture, size, Image.Resampling.BICUBIC, color=corner)
        return np.asarray(picture, np.uint8)


def _is_grey(picture: Any) -> bool:
    """Whether a picture has no colour, whatever it is stored as."""
    if picture.mode in GREY:
        return True
    rgb = np.asarray(picture.convert("RGB"), np.int16)
    return bool((np.abs(rgb - rgb[..., :1]) <= 2).all())


def _opened(path: Path) -> Any:
    """A picture, read whole.

    Raises:
        DataError: It is none.
    """
    import warnings

    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(os.fspath(path))
            picture.load()
        return picture
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError, Warning) as error:
        raise DataError(f"{path}: expected a picture, received something else ({str(error)[:80]})") from error
