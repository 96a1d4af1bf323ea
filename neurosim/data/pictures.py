"""Pictures in files: whatever Pillow reads, as grey levels or colours from 0, black, to 1, white.

Pillow comes with matplotlib; it is imported where a file is opened, since most data sets need none.
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
FOREIGN = (".heic", ".heif", ".avif", ".svg", ".pdf")  # pictures to their owner, and to Pillow none
LARGEST = 200_000_000  # pixels: what no camera makes is no photograph
SIDE = 1024  # larger pictures are reduced to it as they are read
STANDS_OUT = 2.0  # so many times as much as in its brightness a drawing has to stand out in one of its colours
BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue, ITU-R BT.601


def picture_files(path: str | os.PathLike[str]) -> list[Path]:
    """The pictures that a path means: the file itself, or all in a folder and the folders in it, in natural order.

    Raises:
        DataError: there is nothing there, or a folder without pictures.
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
    """Read a picture of any kind and size, turned as its camera says; what is transparent becomes background.

    Args:
        path: PNG, JPEG, GIF (its first picture), BMP, TIFF, WebP, PNM; of 1, 8, 16 or 32 bits, grey, colour, palette.
        colour: whether to keep the colours.

    Returns:
        Grey levels (height, width) or colours (height, width, 3), from 0 to 1; at most 1,024 pixels high and wide.

    Raises:
        DataError: there is no such file, or none that can be read as a picture.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    size = file_size(path)
    expected = f"{path}: expected a picture (PNG, JPEG, BMP, GIF, TIFF, WebP)"
    if size == 0:
        raise DataError(f"{expected}, received an empty file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about metadata that nobody asks for
            with Image.open(path) as image:
                if image.width * image.height > LARGEST:
                    pixels = thousands(image.width * image.height)
                    raise DataError(f"{path}: expected at most {thousands(LARGEST)} pixels, received {pixels}")
                image.draft("RGB" if image.mode == "YCbCr" else None, (SIDE, SIDE))  # a JPEG is read smaller at once
                return _levels(ImageOps.exif_transpose(image), colour)
    except UnidentifiedImageError:
        hint = "; save it as PNG or JPEG" if Path(path).suffix.lower() in FOREIGN else ""
        raise DataError(f"{expected}, received something else{hint}") from None
    except Image.DecompressionBombError:
        raise DataError(f"{path}: expected at most {thousands(LARGEST)} pixels, received more") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:  # what Pillow's readers raise
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: the picture is damaged ({' '.join(str(error).split())[:80]})") from None


def _levels(image: Any, colour: bool) -> Float32:
    """The pixels of an open picture, from 0 to 1: (height, width), or (height, width, 3)."""
    if image.mode[0] in "IF":  # of 16 or 32 bits
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
    """Grey levels of more than 8 bits, as 0 to 1: of 16 bits by their range, any others by what there is."""
    low, high = (0.0, 65535.0) if values.dtype.kind in "ui" else (0.0, 1.0)
    values = np.nan_to_num(values.astype(np.float64))
    if values.min() < low or values.max() > high:
        low, high = values.min(), values.max()
    return ((values - low) / (high - low)).astype(np.float32)


def _reduced(grey: Float32) -> Float32:
    """Grey levels of at most `SIDE` rows and columns: means over squares."""
    step = -(-max(grey.shape) // SIDE)
    height, width = (side // step * step for side in grey.shape)
    if step == 1 or not height or not width:
        return grey
    squares = grey[:height, :width].reshape(height // step, step, width // step, step)
    means: Float32 = squares.mean(axis=(1, 3))
    return means


def _on_background(colours: Float32, alpha: Float32) -> Float32:
    """Colours (height, width, 3) laid by their opacity (height, width, 1) on what the drawing was made on.

    Where all that can be seen is ink (less than half of the picture, or of one tone), it lies on white or black,
    whichever is farther from it; where paper can be seen too, on the tone of that.
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
    """Brightness (height, width); or red, green or blue, where the drawing hardly stands out in brightness."""
    grey: Float32 = colours @ BRIGHTNESS
    if (colours == colours[:, :, :1]).all():
        return grey
    spread = [float(np.ptp(np.quantile(each, (0.005, 0.995)))) for each in (grey, *np.moveaxis(colours, 2, 0))]
    best = int(np.argmax(spread))
    return colours[:, :, best - 1] if spread[best] > STANDS_OUT * spread[0] else grey
