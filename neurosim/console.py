"""Standard output and standard error, safe to write even if closed, full, without a reader or without some letters.

A program may be started without them (``2>&-``, pythonw, a daemon), and their reader may end first (`head`). Then the
printed text is lost, and no result is.
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
    """A text stream that does not fail: text that cannot be written is lost, with all text after it.

    Args:
        stream: where to write; None: nowhere.
        lost: called once, with the error, when nothing more can be written. It may raise.
        raw: whether to write control characters unchanged, as a progress bar needs. Otherwise they are shown as
            escapes, because names of files, classes and data may contain them.
    """

    def __init__(self, stream: IO[str] | None, lost: Lost | None = None, raw: bool = False) -> None:
        self.stream, self.lost, self.is_lost, self.raw = stream, lost, False, raw

    def write(self, text: str) -> int:
        """Write the text, or lose it."""
        self._try(lambda stream: stream.write(text if self.raw else visible(text)))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        if self.stream is not None:
            self._try(lambda stream: stream.flush())

    def isatty(self) -> bool:
        """Whether the stream is a terminal that can still be written."""
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

    def __eq__(self, other: object) -> bool:  # with it, tqdm finds the bars on a stream
        return isinstance(other, Outlet) and self.stream is other.stream  # not the stream: tqdm would flush it itself

    def __hash__(self) -> int:
        return id(self.stream)


def standard_error() -> Outlet:
    """Return the present standard error, as an `Outlet`."""
    return sys.stderr if isinstance(sys.stderr, Outlet) else Outlet(sys.stderr)


def above_bars() -> AbstractContextManager[Any]:
    """In this block, write text above any progress bar."""
    bars = getattr(sys.modules.get("tqdm"), "tqdm", None)
    where = standard_error()  # the stream of our bars; tqdm would look for bars on its own standard output
    return bars.external_write_mode(file=where) if bars else nullcontext()


def tell(text: str) -> None:
    """Write a line on standard error, above any progress bar. Never fails."""
    with above_bars():
        print(text, file=standard_error(), flush=True)
