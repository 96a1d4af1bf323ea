"""Files: written completely or not at all, and checked before they are read."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, NeurosimError, WriteError
from ..signals import signals_wait
from ..text import readable
from .lock import is_own, try_lock

BLOCK = 2**20  # bytes that are read at a time
PART = ".neurosim"  # the end of the name of an unfinished file
_PARTS = re.compile(r"\..*\.[a-z0-9_]{8}" + re.escape(PART), re.DOTALL)
_swept: set[Path] = set()  # folders that this process has cleaned


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file for writing. It gets the name `path` only when it is complete and on disk.

    Missing folders are made. After an error, the old file at `path` is still there. Unfinished files that killed
    processes left in the folder are removed.

    Raises:
        WriteError: the file cannot be written.
    """
    path = Path(path)
    temporary, held = "", -1
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent.absolute() not in _swept:
            sweep(path.parent)
        with ExitStack() as opened:
            with signals_wait():  # Ctrl-C before the name of the new file is known would leave the file behind
                file, temporary = _part_of(path)
                opened.enter_context(file)
                held = os.dup(file.fileno()) if os.name == "posix" else -1  # keeps the lock until the file has its name
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = ""
    except OSError as error:
        raise WriteError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        with signals_wait():  # some press Ctrl-C twice
            if temporary and os.path.exists(temporary):
                os.unlink(temporary)
            if held >= 0:
                os.close(held)


def _part_of(path: Path) -> tuple[BinaryIO, str]:
    """Open a new file in the folder of `path` for writing, locked as long as it is open; return it and its name."""
    while True:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART)
        if os.name != "posix" or (try_lock(descriptor) is not False and os.path.exists(name)):
            return os.fdopen(descriptor, "wb"), name
        os.close(descriptor)  # another process removed the file before it was locked


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove the unfinished files that killed processes of this user left in a folder. Files in use are locked."""
    _swept.add(Path(folder).absolute())
    with suppress(OSError):
        for each in [entry.path for entry in os.scandir(folder) if _PARTS.fullmatch(entry.name)]:
            with suppress(OSError):  # on Windows an open file cannot be removed
                if is_own(each) and os.path.isfile(each):
                    descriptor = os.open(each, os.O_RDONLY) if os.name == "posix" else -1
                    try:
                        if descriptor < 0 or try_lock(descriptor):
                            os.unlink(each)
                    finally:
                        if descriptor >= 0:
                            os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, unless it exists.

    Raises:
        WriteError: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot make the folder {folder}: {error.strerror or error}") from None


@contextmanager
def made_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Make a folder for the time of a block, unless it exists. If a new folder is empty at the end, remove it.

    Raises:
        OSError: the folder cannot be made.
    """
    folder = Path(path)
    missing = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    finally:
        for each in missing:
            with suppress(OSError):  # it was not made, or it is not empty
                each.rmdir()


def writable_folder(path: str | os.PathLike[str], option: str = "--out") -> Path:
    """Check that a folder can be written to, before the work that fills it, and return its path.

    A folder that does not exist is made only for this check. The first file makes it again, so work without a result
    leaves no empty folder.

    Args:
        path: the folder.
        option: its name in a message.

    Raises:
        NeurosimError: the folder cannot be made or written to.
    """
    try:
        with made_folder(path) as folder:
            if not os.access(folder, os.W_OK):
                raise NeurosimError(f"{option}: cannot write to the folder {folder}")
            sweep(folder)
    except OSError as error:
        raise NeurosimError(f"{option}: cannot make the folder {Path(path)}: {error.strerror}") from None
    return folder


def check_room(folder: Path, size: int, option: str = "--out") -> None:
    """Check before the work that a disk has enough free space for its results.

    Args:
        folder: the folder for the results; it may not exist yet.
        size: the size of the results in bytes.
        option: the name of the folder in a message.

    Raises:
        NeurosimError: there is not enough free space.
    """
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError:  # the free space is unknown
        return
    if free < size:
        raise NeurosimError(
            f"{option}: the results of the run need {size / 2**20:,.1f} MB, but the disk of {folder} has only "
            f"{free / 2**20:,.1f} MB free. Free some space, or choose another folder"
        )


def _umask() -> int:
    """Return the permissions that new files do not get. A temporary file is private, but the result should not be."""
    with signals_wait():
        mask = os.umask(0)
        os.umask(mask)
        return mask


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write a text file as UTF-8, completely or not at all; return its path."""
    with atomic_file(path) as file:
        file.write(readable(text).encode())
    return Path(path)


def file_size(path: str | os.PathLike[str]) -> int:
    """Return the size of a regular file in bytes. A folder, pipe or device would fail late or wait for ever.

    Raises:
        DataError: `path` is not a path, the file does not exist, or it is not a regular file.
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        kind = "a NumPy array" if isinstance(path, np.ndarray) else f"an object of type {type(path).__name__}"
        raise DataError(f"expected the path of a file, received {kind}")
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or pipe"
        raise DataError(f"{path}: expected a file, received {kind}")
    return status.st_size


def read_bytes(file: Any, count: int) -> tuple[NDArray[np.uint8], int]:
    """Read from a file that may be compressed, without more memory than `count` bytes.

    Args:
        file: an open binary file.
        count: the number of bytes to read.

    Returns:
        A uint8 vector of this length, and the number of its bytes that the file could fill.
    """
    values = np.empty(count, np.uint8)
    view, filled = memoryview(values), 0
    while filled < count and (received := file.readinto(view[filled : filled + BLOCK])):
        filled += received
    return values, filled


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, which is read block by block."""
    import hashlib

    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
