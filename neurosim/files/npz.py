"""Reading npz files that anyone may have made, and writing those that describe themselves.

An npz file is a zip archive of npy files. Both formats say how much memory they want, and one of them can hold Python
objects, so nothing of it is believed before it has been held to the size of the file: a few kilobytes neither run code
nor ask for gigabytes. All arrays that neurosim reads from npz files come through here.
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
MAX_CONFIG = 2**24  # bytes of the JSON text, four a character; that of a few layers has 10,000
MAX_CODE = 0x10FFFF  # the last letter of Unicode
_ZIP = b"PK\x03\x04"
_STARTS = tuple(b"\x93NUMPY" + bytes([version, 0]) for version in (1, 2, 3))
_PLAIN = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|U[1-9][0-9]{0,8})")  # the types of plain numbers and text
_HEADER_KEYS = {"descr", "fortran_order", "shape"}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others are unpacked without a bound on memory
_ENCRYPTED = 0x1
# what a JSON text that may hold anything can raise where something is made of it
MALFORMED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def read_arrays(path: str | os.PathLike[str], names: Collection[str] | None = None) -> dict[str, Array]:
    """The arrays of an npz file, without ever unpickling or asking for more memory than the file accounts for.

    Args:
        path: an npz file, compressed or not.
        names: the arrays wanted, those of them that are there; ``None``: all, and then nothing else may be there.

    Returns:
        Name -> new array of numbers or text.

    Raises:
        DataError: there is no such file, it is damaged, or it holds something else than plain arrays.
    """
    size = file_size(path)
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            file.seek(0)
            if file.read(len(_ZIP)) != _ZIP:  # zipfile would pass over whatever stands before the archive
                raise _Refused("something else")
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
    """The config and the arrays of an npz file that holds its description as a JSON text called "config".

    Args:
        path: the file.
        kind: what the config has to say under "format".
        version: and under "version".

    Returns:
        The config, a dict whose values may still be anything, and name -> array of all the others.

    Raises:
        DataError: it is no such file, or one of another version.
    """
    arrays = read_arrays(path)
    text = arrays.pop("config", None)
    try:
        if text is None or text.shape != () or text.dtype.kind != "U" or text.nbytes > MAX_CONFIG:
            raise ValueError("no config in it, or none that is a short text")
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
    """Write a description and arrays as `read_configured` reads them; the bytes of the same ones are the same.

    Args:
        file: open for writing.
        config: the description, JSON-ready, with "format" and "version".
        arrays: name -> array; no name is "config".
    """
    with zipfile.ZipFile(file, "w") as archive:  # np.savez left it open where the disk was full, until NumPy 2
        for name, values in {"config": np.array(json.dumps(config)), **arrays}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(values), allow_pickle=False)


def check_arrays(
    path: str | os.PathLike[str],
    arrays: Mapping[str, Array],
    shapes: Mapping[str, tuple[int, ...]],
    dtype: np.dtype[Any],
) -> None:
    """Hold arrays from a file to what they have to be.

    Args:
        path: the file, for the message.
        arrays: name -> array.
        shapes: name -> shape of each that has to be there; no other may be.
        dtype: of all of them, in any order of bytes.

    Raises:
        DataError: one is missing, not expected, of another shape or type, or holds NaN or infinity.
    """
    missing = [name for name in shapes if name not in arrays]
    if missing:
        raise DataError(
            f"{path}: expected the arrays {brief(', '.join(shapes))}; it holds no {brief(', '.join(missing))}"
        )
    for name, array in arrays.items():
        if name not in shapes:
            raise DataError(f"{path}: holds an array {brief(repr(name))} that its network does not have")
        if array.shape != shapes[name] or array.dtype.newbyteorder("=") != dtype:
            raise DataError(
                f"{path}: expected {name} of shape {brief(shapes[name])} and type {dtype}, "
                f"received {array.shape} and {array.dtype}"
            )
        if not np.isfinite(array).all():
            raise DataError(f"{path}: expected finite numbers, {name} holds NaN or infinity; did the training diverge?")


def first_mismatch(said: Any, made: Any, place: str = "config") -> str:
    """Path of the first setting in a file's config that differs from the object built from it; '' if none does.

    What the file leaves out has a default, so only what it does say is compared.
    """
    if isinstance(said, dict) and isinstance(made, dict):
        pairs = [(name, value, made.get(name, first_mismatch)) for name, value in said.items()]  # equal to nothing
    elif isinstance(said, (list, tuple)) and isinstance(made, (list, tuple)) and len(said) == len(made):
        pairs = [(k, *pair) for k, pair in enumerate(zip(said, made, strict=True))]
    else:
        both_nan = said != said and made != made
        return "" if said == made or both_nan else place
    return next(filter(None, (first_mismatch(one, other, f"{place}/{name}") for name, one, other in pairs)), "")


def array_names(path: str | os.PathLike[str]) -> list[str]:
    """The names of the arrays in an npz file that `read_arrays` could read, for a message."""
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


class _Refused(Exception):
    """Something in the file is not as it should be; the text says what was received."""


def _check_sizes(members: list[zipfile.ZipInfo], size: int) -> None:
    """Hold what all members together declare to the size of the file."""
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
    """One array, its header held to the member's size before anything is made."""
    name = member.filename
    if not name.endswith(".npy"):
        raise _Refused(f"a member {name!r} that is no npy file")
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
        raise _Refused(f"{name} encrypted or compressed in an unusual way")
    with archive.open(member) as file:
        start = file.read(len(_STARTS[0]))
        if start not in _STARTS:
            raise _Refused(f"{name}, which does not begin as an npy file of version 1 to 3")
        length_bytes = 2 if start == _STARTS[0] else 4
        length = int.from_bytes(file.read(length_bytes), "little")
        if length > MAX_HEADER:
            raise _Refused(f"{name} with a header of {length:,} bytes")
        dtype, shape, order = _parse_header(name, file.read(length))
        declared = prod(shape) * dtype.itemsize
        held = member.file_size - len(start) - length_bytes - length
        if declared != held:
            raise _Refused(f"{name} of shape {shape} and type {dtype}, which is {declared:,} bytes, in {held:,}")
        values, filled = read_bytes(file, declared)
        if filled < declared or file.read(1):
            raise _Refused(f"{name} cut off after {filled:,} of {declared:,} bytes")
    if dtype.kind == "U" and (values.view(f"{dtype.str[0]}u4") > MAX_CODE).any():  # Python would stumble over it
        raise _Refused(f"characters that are none in {name}")
    array: Array = values.view(dtype).reshape(shape, order=order)
    return array


def _parse_header(name: str, raw: bytes) -> tuple[np.dtype[Any], tuple[int, ...], Any]:
    """Type, shape and order of an array out of the text of an npy header, which is a Python literal."""
    try:
        header = ast.literal_eval(raw.decode("ascii").strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        header = None
    if not isinstance(header, dict) or header.keys() != _HEADER_KEYS:
        raise _Refused(f"{name} with a header that is none")
    descr, fortran, shape = header["descr"], header["fortran_order"], header["shape"]
    if not (isinstance(descr, str) and _PLAIN.fullmatch(descr)):
        raise _Refused(f"{name} of type {str(descr)[:40]!r}: neither numbers nor text")
    whole = isinstance(shape, tuple) and all(type(length) is int and 0 <= length < 2**62 for length in shape)
    if not whole or len(shape) > MAX_DIMENSIONS or not isinstance(fortran, bool):
        raise _Refused(f"{name} of a shape that is none: {str(shape)[:40]}")
    return np.dtype(descr), shape, "F" if fortran else "C"
