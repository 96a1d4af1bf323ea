"""Picture files: every format that Pillow reads becomes grey levels or colours from 0 (black) to 1 (white).

Pillow comes with matplotlib.  It is imported only when a file is opened, because most data sets do not need it.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..files.atomic import file_size
from ..labels import in_order
from ..text import thousands

Float32 = NDArray[np.float32]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pbm", ".pgm", ".ppm", ".pnm")
FOREIGN = (".heic", ".heif", ".avif", ".svg", ".pdf")  # pictures that Pillow cannot read
LARGEST = 200_000_000  # pixels: no camera makes larger photographs
SIDE = 1024  # pixels: larger pictures are reduced to this size when they are read
STANDS_OUT = 2.0  # a single colour is used if its contrast is more than this times that of the brightness
BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)  # weights of red, green and blue, ITU-R BT.601


def picture_files(path: str | os.PathLike[str]) -> list[Path]:
    """Return the pictures at a path: the file itself, or all in a folder and its subfolders, in natural order.

    Raises:
        DataError: the path does not exist, or the folder contains no pictures.
    """
    where = Path(os.path.expanduser(path))
    if not where.is_dir():
        file_size(where)
        return [where]
    found = [
        file
        for file in where.rglob("*")
        if file.suffix.lower() in SUFFIXES + FOREIGN
        and not any(part[0] in "._" for part in file.relative_to(where).parts)
    ]
    if not found:
        raise DataError(f"{path}: expected pictures ({', '.join(SUFFIXES[:3])}, ...), received a folder without any")
    return sorted(found, key=lambda file: [in_order(part) for part in file.relative_to(where).parts])


def read_picture(path: str | os.PathLike[str], colour: bool = False) -> Float32:
    """Read a picture of any kind and size, turned as its camera says. Transparent parts become background.

    Args:
        path: a PNG, JPEG, GIF (its first picture), BMP, TIFF, WebP or PNM file. It may have 1, 8, 16 or 32 bits, and
            grey levels, colours or a palette.
        colour: whether to keep the colours.

    Returns:
        Grey levels (height, width) or colours (height, width, 3), from 0 to 1; at most 1,024 pixels high and wide.

    Raises:
        DataError: the file does not exist, or cannot be read as a picture.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    size = file_size(path)
    expected = f"{path}: expected a picture (PNG, JPEG, BMP, GIF, TIFF, WebP)"
    if size == 0:
        raise DataError(f"{expected}, received an empty file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about metadata that is not needed here
            with Image.open(path) as image:
                if image.width * image.height > LARGEST:
                    pixels = thousands(image.width * image.height)
                    raise DataError(f"{path}: expected at most {thousands(LARGEST)} pixels, received {pixels}")
                image.draft("RGB" if image.mode == "YCbCr" else None, (SIDE, SIDE))  # a JPEG is read at a smaller size
                return _levels(ImageOps.exif_transpose(image), colour)
    except UnidentifiedImageError:
        hint = "; save it as PNG or JPEG" if Path(path).suffix.lower() in FOREIGN else ""
        raise DataError(f"{expected}, received another kind of file{hint}") from None
    except Image.DecompressionBombError:
        raise DataError(f"{path}: expected at most {thousands(LARGEST)} pixels, received more") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:  # of Pillow's readers
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: the picture is damaged ({' '.join(str(error).split())[:80]})") from None


def _levels(image: Any, colour: bool) -> Float32:
    """Return the pixels of an open picture, from 0 to 1: (height, width), or (height, width, 3)."""
    if image.mode[0] in "IF":  # 16 or 32 bits
        grey = _reduced(_from_numbers(np.asarray(image)))
        return np.repeat(grey[:, :, None], 3, axis=2) if colour else grey
    transparent = "A" in image.mode or "a" in image.mode or "transparency" in image.info
    image = image.convert("RGBA" if transparent else "RGB")
    image.thumbnail((SIDE, SIDE))
    pixels = np.asarray(image, np.float32) / np.float32(255.0)
    colours = pixels[:, :, :3]
    if transparent:
        colours = _on_background(colours, pixels[:, :, 3:])
    return colours if colour else _grey(colours)


def _from_numbers(values: NDArray[Any]) -> Float32:
    """Scale grey levels of more than 8 bits to 0 to 1: 16-bit levels by their type's range, others by their own."""
    low, high = (0.0, 65535.0) if values.dtype.kind in "ui" else (0.0, 1.0)
    values = np.nan_to_num(values.astype(np.float64))
    if values.min() < low or values.max() > high:
        low, high = values.min(), values.max()
    return ((values - low) / (high - low)).astype(np.float32)


def _reduced(grey: Float32) -> Float32:
    """Reduce grey levels to at most `SIDE` rows and columns by means over squares."""
    step = -(-max(grey.shape) // SIDE)
    height, width = (side // step * step for side in grey.shape)
    if step == 1 or not height or not width:
        return grey
    squares = grey[:height, :width].reshape(height // step, step, width // step, step)
    means: Float32 = squares.mean(axis=(1, 3))
    return means


def _on_background(colours: Float32, alpha: Float32) -> Float32:
    """Lay colours (height, width, 3) with opacity (height, width, 1) on the likely background of the drawing.

    If only ink is visible (less than half of the picture, or a single tone), the background is white or black,
    whichever differs more from the ink. If paper is visible too, the background has its tone.
    """
    seen = colours[alpha[:, :, 0] > 0.5]  # (n, 3)
    if len(seen) == 0:
        return np.ones_like(colours)
    tones = seen @ BRIGHTNESS
    low, high = np.quantile(tones, (0.05, 0.95))
    if len(seen) < alpha.size / 2 or high - low < 0.25:
        background = np.full(3, float(tones.mean() < 0.5), np.float32)
    else:
        background = np.median(seen, axis=0).astype(np.float32)
    return alpha * colours + (1 - alpha) * background


def _grey(colours: Float32) -> Float32:
    """Return the brightness (height, width); or one colour, if the drawing has little contrast in brightness."""
    grey: Float32 = colours @ BRIGHTNESS
    if (colours == colours[:, :, :1]).all():
        return grey
    spread = [float(np.ptp(np.quantile(each, (0.005, 0.995)))) for each in (grey, *np.moveaxis(colours, 2, 0))]
    best = int(np.argmax(spread))
    return colours[:, :, best - 1] if spread[best] > STANDS_OUT * spread[0] else grey
