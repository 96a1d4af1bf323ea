"""Locks that end with their process: the system releases them, even if the process is killed.

A folder is locked while one process works in it, and a file while it is unfinished.  So an unlocked file with a name
that only neurosim uses was left by a killed process, and can be removed.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..signals import signals_wait

if sys.platform == "win32":
    import msvcrt

    def _open(folder: str) -> int:  # Windows locks no folders, but a file in it that ends with its process
        return os.open(os.path.join(folder, ".neurosim-lock"), os.O_CREAT | os.O_RDWR | os.O_TEMPORARY)

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _open(folder: str) -> int:
        return os.open(folder, os.O_RDONLY)

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_held: dict[str, tuple[int, int]] = {}  # folder -> descriptor, and the number of locks of this process that share it


def try_lock(descriptor: int) -> bool | None:
    """Lock the file or folder of a descriptor. False: another process has the lock; None: there are no locks here."""
    try:
        _lock(descriptor)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return None
    return True


class FolderLock:
    """A lock on a folder, which a process may take several times.

    Args:
        folder: the folder; it must exist when the lock is taken.
    """

    taken = False

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.path.realpath(folder)

    def take(self) -> bool:
        """Take the lock; return False if another process has it. A file system without locks allows everyone."""
        with signals_wait():  # Ctrl-C in between would leave a lock for ever
            if not self.taken:
                descriptor, count = _held.get(self.folder, (-1, 0))
                try:
                    descriptor = descriptor if count else _open(self.folder)
                except OSError as error:
                    return not isinstance(error, PermissionError)
                if not count and try_lock(descriptor) is False:
                    os.close(descriptor)
                    return False
                _held[self.folder] = descriptor, count + 1
                self.taken = True
            return True

    def release(self) -> None:
        """Release the lock."""
        if self.taken:
            with signals_wait():
                self.taken = False
                descriptor, count = _held.pop(self.folder)
                if count > 1:
                    _held[self.folder] = descriptor, count - 1
                else:
                    os.close(descriptor)

    def __del__(self) -> None:
        self.release()


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """Make a temporary folder for the time of a block. First remove those of this name that killed processes left."""
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{prefix}*"):
        if is_own(left) and left.is_dir():
            _remove(left, FolderLock(left))
    with ExitStack() as made:
        with signals_wait():  # Ctrl-C before the folder is known would leave it behind
            folder, lock = _new_folder(prefix)
            made.callback(_remove, folder, lock)
        yield folder


def _new_folder(prefix: str) -> tuple[Path, FolderLock]:
    """Make a temporary folder and take its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        lock = FolderLock(folder)
        if lock.take() and folder.exists():  # no other process removed it before it was locked
            return folder, lock
        lock.release()


def _remove(folder: Path, lock: FolderLock) -> None:
    """Remove a folder, unless another process has its lock."""
    with signals_wait():
        if lock.take():
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()
            with suppress(OSError):  # on Windows the lock is a file in it
                folder.rmdir()


def is_own(path: str | os.PathLike[str]) -> bool:
    """Return whether a file or folder belongs to this user. A link does not count."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return not stat.S_ISLNK(status.st_mode) and (os.name == "nt" or status.st_uid == os.getuid())
