"""A safe reader of npz files from any source, and a writer of npz files that describe themselves.

An npz file is a zip archive of npy files.  Both formats declare how much memory they need, and npy files can contain
Python objects.  So every declared size is first compared with the size of the file, and objects are refused.  A small
file can neither run code nor need gigabytes of memory.  All npz files that neurosim reads go through this module.
"""

from __future__ import annotations

import ast
import json
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping
from math import prod
from typing import IO, Any

import numpy as np

from ..errors import DataError
from ..parameters import Array
from ..schema import brief
from .atomic import file_size, read_bytes

MAX_RATIO = 100  # unpacked to packed; MNIST as int64 reaches 22, zeros 1,000
MAX_HEADER = 2048  # characters of an npy header; one of 32 dimensions has fewer than 800
MAX_DIMENSIONS = 32
MAX_CONFIG = 2**24  # bytes of the JSON text, four per character; a few layers need 10,000
MAX_CODE = 0x10FFFF  # the last letter of Unicode
_ZIP = b"PK\x03\x04"
_STARTS = tuple(b"\x93NUMPY" + bytes([version, 0]) for version in (1, 2, 3))
_PLAIN = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|U[1-9][0-9]{0,8})")  # the types of plain numbers and text
_HEADER_KEYS = {"descr", "fortran_order", "shape"}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others have no limit on memory
_ENCRYPTED = 0x1
# errors that a JSON text with any contents can cause when it is used
MALFORMED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def read_arrays(path: str | os.PathLike[str], names: Collection[str] | None = None) -> dict[str, Array]:
    """Read the arrays of an npz file, without unpickling, and with no more memory than the file's size allows.

    Args:
        path: an npz file, compressed or not.
        names: the arrays to read, if they exist; ``None``: all, and the file may contain nothing else.

    Returns:
        Name -> new array of numbers or text.

    Raises:
        DataError: the file does not exist, is damaged, or contains something other than plain arrays.
    """
    size = file_size(path)
    try:
        with open(path, "rb") as file:
            if file.read(len(_ZIP)) != _ZIP:  # zipfile would ignore bytes before the archive
                raise _Refused("another kind of file" if size else "an empty file")
            archive = zipfile.ZipFile(file)
            members = archive.infolist()
            _check_sizes(members, size)
            wanted = {member.filename.removesuffix(".npy"): member for member in members}
            if names is not None:
                wanted = {name: wanted[name] for name in names if name in wanted}
            return {name: _read_member(archive, member) for name, member in wanted.items()}
    except _Refused as error:
        raise DataError(f"{path}: expected an npz file of plain arrays, received {error}") from None
    except (
        OSError,
        EOFError,
        ValueError,
        RuntimeError,
        OverflowError,
        struct.error,
        zlib.error,
        zipfile.BadZipFile,
    ) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not a readable npz file ({reason})") from error


def read_configured(path: str | os.PathLike[str], kind: str, version: int) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read the config and the arrays of an npz file with its description in a JSON text called "config".

    Args:
        path: the file.
        kind: the required "format" in the config.
        version: the required "version" in the config.

    Returns:
        The config, a dict whose values may still be anything, and name -> array for all other arrays.

    Raises:
        DataError: the file is not of this kind and version.
    """
    arrays = read_arrays(path)
    text = arrays.pop("config", None)
    try:
        if text is None or text.shape != () or text.dtype.kind != "U" or text.nbytes > MAX_CONFIG:
            raise ValueError("it has no config, or one that is not a short text")
        config = json.loads(str(text))
        received = f"{config['format']} of version {config['version']}"
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: expected a {kind} of version {version}, received something else "
            f"({type(error).__name__}: {brief(error)})"
        ) from None
    if (config["format"], config["version"]) != (kind, version):
        raise DataError(f"{path}: expected a {kind} of version {version}, received {brief(received)}")
    return config, arrays


def write_configured(file: IO[bytes], config: dict[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a description and arrays for `read_configured`. The same contents give the same bytes.

    Args:
        file: a file that is open for writing.
        config: the description, JSON-ready, with "format" and "version".
        arrays: name -> array; the name "config" is not allowed.
    """
    with zipfile.ZipFile(file, "w") as archive:  # before NumPy 2, np.savez left it open if the disk was full
        for name, values in {"config": np.array(json.dumps(config)), **arrays}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(values), allow_pickle=False)


def check_arrays(
    path: str | os.PathLike[str],
    arrays: Mapping[str, Array],
    shapes: Mapping[str, tuple[int, ...]],
    dtype: np.dtype[Any],
) -> None:
    """Check that a file contains exactly the expected arrays.

    Args:
        path: the file, for the message.
        arrays: name -> array.
        shapes: name -> shape of each required array; no other is allowed.
        dtype: the type of all arrays, in any byte order.

    Raises:
        DataError: an array is missing, unexpected, of another shape or type, or contains NaN or infinity.
    """
    missing = [name for name in shapes if name not in arrays]
    if missing:
        raise DataError(
            f"{path}: expected the arrays {brief(', '.join(shapes))}; it does not contain {brief(', '.join(missing))}"
        )
    for name, array in arrays.items():
        if name not in shapes:
            raise DataError(f"{path}: it contains an array {brief(repr(name))} that its network does not have")
        if array.shape != shapes[name] or array.dtype.newbyteorder("=") != dtype:
            raise DataError(
                f"{path}: expected {name} of shape {brief(shapes[name])} and type {dtype}, "
                f"received {array.shape} and {array.dtype}"
            )
        if not np.isfinite(array).all():
            raise DataError(
                f"{path}: expected finite numbers, received NaN or infinity in {name}; did the training diverge?"
            )


def first_mismatch(said: Any, made: Any, place: str = "config") -> str:
    """Return the path of the first setting in a file's config that differs from the object built from it, or ''.

    Missing settings have defaults, so only the settings in the file are compared.
    """
    if isinstance(said, dict) and isinstance(made, dict):
        pairs = [
            (name, value, made.get(name, first_mismatch)) for name, value in said.items()
        ]  # a default that equals nothing
    elif isinstance(said, (list, tuple)) and isinstance(made, (list, tuple)) and len(said) == len(made):
        pairs = [(k, *pair) for k, pair in enumerate(zip(said, made, strict=True))]
    else:
        both_nan = said != said and made != made
        return "" if said == made or both_nan else place
    return next(filter(None, (first_mismatch(one, other, f"{place}/{name}") for name, one, other in pairs)), "")


def array_names(path: str | os.PathLike[str]) -> list[str]:
    """Return the names of the arrays in an npz file that `read_arrays` could read, for a message."""
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


class _Refused(Exception):
    """The error for something unexpected in a file; its text says what was received."""


def _check_sizes(members: list[zipfile.ZipInfo], size: int) -> None:
    """Compare the total size that all members declare with the size of the file."""
    names: set[str] = set()
    for member in members:
        if member.filename in names:
            raise _Refused(f"two members called {member.filename!r}")
        names.add(member.filename)
    unpacked = sum(member.file_size for member in members)
    packed = min(sum(member.compress_size for member in members), size)  # members may share bytes of the file
    if unpacked > packed * MAX_RATIO:
        raise _Refused(f"{unpacked:,} bytes packed into {packed:,}")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    """Read one array. Its header is compared with the member's size before memory is allocated."""
    name = member.filename
    if not name.endswith(".npy"):
        raise _Refused(f"a member {name!r} that is not an npy file")
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
        raise _Refused(f"{name} encrypted or compressed in an unusual way")
    with archive.open(member) as file:
        start = file.read(len(_STARTS[0]))
        if start not in _STARTS:
            raise _Refused(f"{name}, which does not begin like an npy file of version 1 to 3")
        length_bytes = 2 if start == _STARTS[0] else 4
        length = int.from_bytes(file.read(length_bytes), "little")
        if length > MAX_HEADER:
            raise _Refused(f"{name} with a header of {length:,} bytes")
        dtype, shape, order = _parse_header(name, file.read(length))
        declared = prod(shape) * dtype.itemsize
        held = member.file_size - len(start) - length_bytes - length
        if declared != held:
            raise _Refused(
                f"{name} of shape {shape} and type {dtype}, which needs {declared:,} bytes, in {held:,} bytes"
            )
        values, filled = read_bytes(file, declared)
        if filled < declared or file.read(1):
            raise _Refused(f"{name} cut off after {filled:,} of {declared:,} bytes")
    if dtype.kind == "U" and (values.view(f"{dtype.str[0]}u4") > MAX_CODE).any():  # Python cannot use such text
        raise _Refused(f"invalid characters in {name}")
    array: Array = values.view(dtype).reshape(shape, order=order)
    return array


def _parse_header(name: str, raw: bytes) -> tuple[np.dtype[Any], tuple[int, ...], Any]:
    """Read type, shape and order of an array from the text of an npy header, which is a Python literal."""
    try:
        header = ast.literal_eval(raw.decode("ascii").strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        header = None
    if not isinstance(header, dict) or header.keys() != _HEADER_KEYS:
        raise _Refused(f"{name} with an invalid header")
    descr, fortran, shape = header["descr"], header["fortran_order"], header["shape"]
    if not (isinstance(descr, str) and _PLAIN.fullmatch(descr)):
        raise _Refused(f"{name} of type {str(descr)[:40]!r}, which is neither numbers nor text")
    whole = isinstance(shape, tuple) and all(type(length) is int and 0 <= length < 2**62 for length in shape)
    if not whole or len(shape) > MAX_DIMENSIONS or not isinstance(fortran, bool):
        raise _Refused(f"{name} with an invalid shape: {str(shape)[:40]}")
    return np.dtype(descr), shape, "F" if fortran else "C"
