"""Standard output and standard error as they really are: closed, full, without a reader, without some letters.

A program may be started without them (``2>&-``, pythonw, a daemon), and whoever reads them may go away (`head`). What
is said on the way is then lost; what is computed never is.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import IO, Any

from .text import visible

Lost = Callable[[OSError], None]


class Outlet:
    """A text stream that does not fail: what cannot be written is lost, and all that follows.

    Args:
        stream: where to write; None: nowhere.
        lost: is told once why nothing more can be written. It may raise.
        raw: whether control characters go through, as a bar needs; in other text, names of files, classes and data
            among it, they are shown and do nothing.
    """

    def __init__(self, stream: IO[str] | None, lost: Lost | None = None, raw: bool = False) -> None:
        self.stream, self.lost, self.is_lost, self.raw = stream, lost, False, raw

    def write(self, text: str) -> int:
        """Write it, or lose it."""
        self._try(lambda stream: stream.write(text if self.raw else visible(text)))
        return len(text)

    def flush(self) -> None:
        """Hand over what was written."""
        if self.stream is not None:
            self._try(lambda stream: stream.flush())

    def isatty(self) -> bool:
        """Whether somebody looks on."""
        with suppress(AttributeError, OSError, ValueError):  # closed
            return self.stream is not None and not self.is_lost and self.stream.isatty()
        return False

    def _try(self, do: Callable[[IO[str]], Any]) -> None:
        if self.is_lost:
            return
        try:
            if self.stream is None or self.stream.closed:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            do(self.stream)
        except OSError as error:
            self.is_lost = True
            if self.lost is not None:
                self.lost(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def __eq__(self, other: object) -> bool:  # by which tqdm finds the bars on a stream
        return isinstance(other, Outlet) and self.stream is other.stream  # not the stream: tqdm would flush it itself

    def __hash__(self) -> int:
        return id(self.stream)


def standard_error() -> Outlet:
    """Standard error of this moment, to write to whatever it is."""
    return sys.stderr if isinstance(sys.stderr, Outlet) else Outlet(sys.stderr)


def above_bars() -> AbstractContextManager[Any]:
    """Within this, what is written stands above any progress bar."""
    bars = getattr(sys.modules.get("tqdm"), "tqdm", None)
    where = standard_error()  # theirs; tqdm would look for those of its own standard output
    return bars.external_write_mode(file=where) if bars else nullcontext()


def tell(text: str) -> None:
    """Write a line on standard error, above any progress bar. Never fails."""
    with above_bars():
        print(text, file=standard_error(), flush=True)
