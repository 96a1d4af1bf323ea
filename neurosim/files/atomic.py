"""Files: written whole or not at all, and looked at before they are read."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, NeurosimError, WriteError
from ..text import readable
from .lock import is_own, try_lock

BLOCK = 2**20  # bytes that are read at a time
PART = ".neurosim"  # ends the name of a file that is half written
_PARTS = re.compile(r"\..*\.[a-z0-9_]{8}" + re.escape(PART), re.DOTALL)
_swept: set[Path] = set()  # folders that this process has looked through


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file to write to, which takes its place at `path` only when it is complete and on disk.

    Missing folders are made. If anything goes wrong, what was at `path` before is still there. What killed processes
    left half written in the folder is removed.

    Raises:
        WriteError: the file cannot be written.
    """
    path = Path(path)
    temporary, held = None, -1
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent.absolute() not in _swept:
            sweep(path.parent)
        with _part_of(path) as file:
            temporary = file.name
            held = os.dup(file.fileno()) if os.name == "posix" else -1  # its lock lasts until it has its name
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise WriteError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        if held >= 0:
            os.close(held)


def _part_of(path: Path) -> Any:
    """A new file beside `path` to write to, locked as long as it is open."""
    while True:
        file = tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=PART, delete=False)  # noqa: SIM115
        if os.name != "posix" or (try_lock(file.fileno()) is not False and os.path.exists(file.name)):
            return file
        file.close()  # taken for left behind, before it was locked


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove what killed processes of this user left half written in a folder; what one still writes is locked."""
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
    """Make a folder, unless it is there.

    Raises:
        WriteError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot make the folder {folder}: {error.strerror or error}") from None


@contextmanager
def made_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder for the time of a block, made if it is not there. If it is empty at the end it is taken away again.

    Raises:
        OSError: it cannot be made.
    """
    folder = Path(path)
    missing = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    finally:
        for each in missing:
            with suppress(OSError):  # it was not made, or something is in it
                each.rmdir()


def writable_folder(path: str | os.PathLike[str], option: str = "--out") -> Path:
    """The folder to write to, tried before the work and not after it.

    Where it is not there yet it is made only for the trial: the first file makes it anew, and where nothing comes of
    the work no empty folder stays.

    Args:
        path: where it is, or is to be.
        option: what a message calls it.

    Raises:
        NeurosimError: it cannot be made or written to.
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
    """Hold the free space of a disk to what is to be written: before the work, and not after it.

    Args:
        folder: where it goes; it need not be there yet.
        size: how many bytes.
        option: what a message calls the folder.

    Raises:
        NeurosimError: there is not enough.
    """
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError:  # nobody knows
        return
    if free < size:
        raise NeurosimError(
            f"{option}: what comes of the run takes {size / 2**20:,.1f} MB, and the disk of {folder} has "
            f"{free / 2**20:,.1f} MB free; make room, or choose another folder"
        )


def _umask() -> int:
    """The permissions that new files are not given (a temporary file is made private, the result should not be)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write a text file as UTF-8, whole or not at all; returns its path."""
    with atomic_file(path) as file:
        file.write(readable(text).encode())
    return Path(path)


def file_size(path: str | os.PathLike[str]) -> int:
    """Bytes in a regular file; opening a folder, pipe or device instead would fail late or wait for ever.

    Raises:
        DataError: there is no such file, or it is none.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or pipe"
        raise DataError(f"{path}: expected a file, received {kind}")
    return status.st_size


def read_bytes(file: Any, count: int) -> tuple[NDArray[np.uint8], int]:
    """Read from a file that may be compressed, without ever holding more than what was asked for.

    Args:
        file: an open binary file.
        count: how many bytes to read.

    Returns:
        A uint8 vector of that length, and how many bytes of it the file could fill.
    """
    values = np.empty(count, np.uint8)
    view, filled = memoryview(values), 0
    while filled < count and (received := file.readinto(view[filled : filled + BLOCK])):
        filled += received
    return values, filled


def sha256_of(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file, read block by block."""
    import hashlib

    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
