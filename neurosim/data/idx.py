"""The IDX format of the published files of MNIST and its relatives.

    bytes 0-1   zero
    byte  2     type of the values: images have 0x08 (uint8), labels may have other integers, big-endian
    byte  3     number of dimensions: 3 for images (count, height, width), 1 for labels (2 for those of QMNIST)
    then        each dimension as a big-endian uint32
    then        the values, last dimension fastest

A file declares its length, so this is compared with the file's real length before any memory is allocated.
"""

from __future__ import annotations

import hashlib
import io
import struct
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..files.atomic import file_size, read_bytes

Bytes: TypeAlias = NDArray[np.uint8]

MAX_BYTES = 2**31  # pixels in one file; MNIST has 47 million
_UINT8 = 0x08
_INTEGERS = {_UINT8: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4"}
_OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
_OTHER_FORMATS = {
    b"<": "a web page: download the file again",
    b"PK": "a zip archive: unpack it first",
    b"version https://git-lfs": "a Git LFS pointer: fetch the file itself with 'git lfs pull'",
}
_GZIP = b"\x1f\x8b"
_GZIP_MAX_RATIO = 1032  # deflate cannot make anything smaller than this


def read_idx(path: Path, dimensions: int) -> NDArray[Any]:
    """Read an IDX file of uint8 images or of labels of any integer type, gzipped or not, with any name.

    Args:
        path: The file.
        dimensions: 3 for images, 1 for labels, 2 for labels that are rows of numbers.

    Returns:
        An array with this number of dimensions: uint8, a read-only memory map if the file is not compressed. Labels of
        another type become uint8 if they fit, otherwise int64.

    Raises:
        DataError: The file is missing, damaged, or contains something else; the message says what and where.
    """
    size = file_size(path)
    try:
        with open(path, "rb") as file:
            if file.read(2) != _GZIP:
                file.seek(0)
                dtype, shape = _read_header(file, path, dimensions)
                start = file.tell()
                if size != start + prod(shape) * dtype.itemsize:
                    raise _wrong_length(path, shape, f"{(size - start) // dtype.itemsize:,}")
                return _in_bytes(np.asarray(np.memmap(path, dtype, "r", start, shape)))
        return _read_gzip(path, size, dimensions)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def idx_sha256(*arrays: Bytes) -> str:
    """Return the checksum of the arrays as uncompressed IDX files, one after the other.

    An IDX header follows from the array's shape. So this is the checksum of the published file, even if the array
    was stored as gzip, CSV or npz.
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(struct.pack(f">BBBB{array.ndim}I", 0, 0, _UINT8, array.ndim, *array.shape))
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _read_gzip(path: Path, size: int, dimensions: int) -> NDArray[Any]:
    import gzip
    import zlib

    try:
        with gzip.open(path, "rb") as file:
            dtype, shape = _read_header(file, path, dimensions)
            if prod(shape) * dtype.itemsize > size * _GZIP_MAX_RATIO:
                raise _wrong_length(path, shape, f"{size:,} bytes of gzip, which cannot contain so much")
            values, filled = read_bytes(file, prod(shape) * dtype.itemsize)
            # One more byte shows whether there are more, without unpacking the rest.
            if filled < len(values) or file.read(1):
                raise _wrong_length(path, shape, "more" if filled == len(values) else f"{filled // dtype.itemsize:,}")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged or cut off gzip data ({error}); get the file again") from error
    return _in_bytes(values.view(dtype).reshape(shape))


def _in_bytes(values: NDArray[Any]) -> NDArray[Any]:
    """Return integers as uint8 if they fit, otherwise as int64."""
    if values.dtype == np.uint8:
        return values
    fits = values.min() >= 0 and values.max() <= 255
    return values.astype(np.uint8 if fits else np.int64)


def _read_header(file: io.BufferedIOBase, path: Path, dimensions: int) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Read the header up to the first value; return the type and the shape that it declares."""
    content = f"{'images' if dimensions == 3 else 'labels'} as IDX with {dimensions} dimension(s)"
    start = file.read(4 + 4 * dimensions)
    if not start:
        raise DataError(f"{path}: expected {content}, received an empty file")
    for prefix, what in _OTHER_FORMATS.items():
        if start.startswith(prefix[: len(start)]):
            raise DataError(f"{path}: expected {content}, received {what}")
    if len(start) < 4 or start[:2] != b"\0\0":
        raise DataError(f"{path}, byte 0: expected {content}, starting with 00 00, received {start[:4].hex(' ')}")
    type_code, count = start[2], start[3]
    if type_code != _UINT8 and (dimensions == 3 or type_code not in _INTEGERS):
        known = _OTHER_TYPES.get(type_code, "not an IDX type")
        raise DataError(f"{path}, byte 2: expected type 0x08 (uint8), received 0x{type_code:02x} ({known})")
    if count != dimensions:
        hint = {1: ": these are labels", 3: ": these are images"}.get(count, "")
        raise DataError(f"{path}, byte 3: expected {content}, received {count}{hint}")
    if len(start) < 4 + 4 * dimensions:
        raise DataError(f"{path}, byte {len(start)}: the file ends inside its header")
    shape: tuple[int, ...] = struct.unpack(f">{dimensions}I", start[4:])
    if not 0 < prod(shape) <= MAX_BYTES:
        raise DataError(f"{path}, byte 4: expected 1 to {MAX_BYTES:,} values, received {_times(shape)}")
    return np.dtype(_INTEGERS[type_code]), shape


def _wrong_length(path: Path, shape: tuple[int, ...], received: str) -> DataError:
    return DataError(
        f"{path}: the header says {_times(shape)} = {prod(shape):,} values, received {received}; "
        "the file is incomplete or its header is wrong"
    )


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape)
