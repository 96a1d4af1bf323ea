"""Progress: a moving bar in a terminal or a notebook, and a line every few seconds in a file."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from .console import Outlet, standard_error, tell
from .text import visible

LINE_EVERY = 10.0  # seconds


def progress_bar(total: int, what: str, unit: str, *, done: int = 0, shown: bool = True, leave: bool = False) -> Any:
    """Make a progress bar on standard error, with `update(count)`, `write(text)` and `n`, for a ``with`` block.

    A bar draws over its own line, which works only in a terminal or a notebook. In a file, a `ProgressLines` is used
    instead. If standard error cannot be written, only the progress is lost.

    Args:
        total: the number of steps to count.
        what: the text before the bar.
        unit: the things that are counted, in the plural.
        done: how many were done before.
        shown: whether to show anything at all.
        leave: whether the final state stays visible.
    """
    stream = standard_error()
    if not shown or not is_live(stream):
        return ProgressLines(total, what, unit, done, leave, shown)
    from tqdm import tqdm

    return tqdm(
        file=Outlet(stream.stream, stream.lost, raw=True),
        total=total,
        desc=visible(what),
        unit=f" {unit}",
        initial=done,
        leave=leave,
        ncols=79,
        mininterval=0.2,
    )


def is_live(stream: Outlet) -> bool:
    """Whether text on the stream can be overwritten: in a terminal, or in a notebook."""
    return stream.isatty() or type(stream.stream).__module__.startswith("ipykernel")


class ProgressLines:
    """Progress in a file: a whole line, at most every `LINE_EVERY` seconds.

    Args:
        total, what, unit, done, leave, shown: as for `progress_bar`.

    Attributes:
        n: how many are done.
    """

    def __init__(
        self, total: int, what: str, unit: str, done: int = 0, leave: bool = False, shown: bool = True
    ) -> None:
        self.total, self.what, self.unit, self.n, self.leave, self.shown = total, what, unit, done, leave, shown
        self._said, self._at = done, time.monotonic()

    def update(self, count: int = 1) -> None:
        """Add `count`, and print a line if enough time has passed."""
        self.n += count
        if self.n != self._said and time.monotonic() - self._at >= LINE_EVERY:
            self._say()

    def set_description(self, what: str) -> None:
        """Change the text of the next lines."""
        self.what = what

    def _say(self) -> None:
        self._said, self._at = self.n, time.monotonic()
        if self.shown:
            unit = "" if self.unit == self.what else f" {self.unit}"
            tell(f"{self.what}: {self.n:,} of {self.total:,}{unit}")

    def __enter__(self) -> ProgressLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.leave:
            self._say()
