"""Locks that a dead process does not hold: the system takes them back with the process, however that ended.

A folder is locked while one process works in it, and a file while it is half written.  So whatever is found unlocked
under a name that only neurosim gives was left by a process that was killed, and can be removed.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _open(folder: str) -> int:  # a folder cannot be locked there, but a file in it that goes with its process
        return os.open(os.path.join(folder, ".neurosim-lock"), os.O_CREAT | os.O_RDWR | os.O_TEMPORARY)

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _open(folder: str) -> int:
        return os.open(folder, os.O_RDONLY)

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_held: dict[str, tuple[int, int]] = {}  # folder -> descriptor, and how many locks of this process share it


def try_lock(descriptor: int) -> bool | None:
    """Lock what a descriptor stands for. False: another has it; None: this file system has no locks."""
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
        folder: has to be there when the lock is taken.
    """

    taken = False

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.path.realpath(folder)

    def take(self) -> bool:
        """Take it, or learn that another process has it. Where there are no locks, nobody is kept out."""
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
        """Give it back."""
        if self.taken:
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
    """A temporary folder for the time of a block. Those of this name that killed processes left are removed first."""
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{prefix}*"):
        if is_own(left) and left.is_dir():
            _remove(left, FolderLock(left))
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        lock = FolderLock(folder)
        if lock.take() and folder.exists():  # nobody took it for left behind before it was locked
            break
        lock.release()
    try:
        yield folder
    finally:
        _remove(folder, lock)


def _remove(folder: Path, lock: FolderLock) -> None:
    """Remove a folder, unless another process has its lock."""
    if lock.take():
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        with suppress(OSError):  # on Windows the lock is a file in it
            folder.rmdir()


def is_own(path: str | os.PathLike[str]) -> bool:
    """Whether a file or folder, and no link to one, belongs to this user."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return not stat.S_ISLNK(status.st_mode) and (os.name == "nt" or status.st_uid == os.getuid())
