"""Progress: a bar that moves where somebody looks on, and now and then a line where it goes into a file."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from .console import Outlet, standard_error, tell
from .text import visible

LINE_EVERY = 10.0  # seconds


def progress_bar(total: int, what: str, unit: str, *, done: int = 0, shown: bool = True, leave: bool = False) -> Any:
    """A progress bar on standard error, with `update(count)`, `write(text)` and `n`; to be used in a ``with`` block.

    A bar draws itself anew over its own line, which only a terminal or a notebook can show: in a file it would leave
    lines of blanks and half-drawn bars. There it is a `ProgressLines`. Where nothing can be written
    it is lost, and no more than it.

    Args:
        total: how many there are.
        what: what is done, before the bar.
        unit: what is counted, in the plural.
        done: how many were done before.
        shown: whether to show anything at all.
        leave: whether what was reached stays to be read at the end.
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
    """Whether what is written can be drawn over: in a terminal, or in a notebook."""
    return stream.isatty() or type(stream.stream).__module__.startswith("ipykernel")


class ProgressLines:
    """Progress in a file: a line at most every `LINE_EVERY` seconds, each of them whole.

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
        """Count on, and say so if it is time."""
        self.n += count
        if self.n != self._said and time.monotonic() - self._at >= LINE_EVERY:
            self._say()

    def set_description(self, what: str) -> None:
        """Do something else from now on."""
        self.what = what

    def _say(self) -> None:
        self._said, self._at = self.n, time.monotonic()
        if self.shown:
            tell(f"{self.what}: {self.n:,} of {self.total:,} {self.unit}")

    def __enter__(self) -> ProgressLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.leave:
            self._say()
