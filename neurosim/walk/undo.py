"""The changes that a walk can take back: the latest ones, within a limit of memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..text import counted, thousands

BYTES = 500_000_000  # limit for all kept changes together, for networks of any size
SMALL = 8192  # bytes of a change without its arrays: random streams, a schedule, places


class Undo:
    """A list of changes, each with the data that restore the state before it. The oldest are dropped first.

    Args:
        budget: bytes for all changes together.

    Attributes:
        let_go: whether older changes were dropped and can no longer be taken back.
        too_large: bytes of a change that exceeds the whole budget; 0: there was none.
    """

    def __init__(self, budget: int = BYTES) -> None:
        self.budget = budget
        self.held, self.let_go, self.too_large = 0, False, 0
        self._entries: deque[tuple[str, dict[str, Any], int]] = deque()
        self._reserved = 0

    @property
    def labels(self) -> list[str]:
        """The names of the changes that can be taken back, the latest at the end."""
        return [label for label, _, _ in self._entries]

    def last_place(self) -> Any:
        """Return the order of samples that the last change keeps; None if there is no change."""
        return self._entries[-1][1]["place"][0] if self._entries else None

    def fits(self, size: int) -> bool:
        """Return whether arrays of `size` bytes fit in the budget."""
        return size + SMALL <= self.budget - self._reserved

    def make_room(self, size: int) -> bool:
        """Drop the oldest changes until `size` bytes fit. Return False if they never fit."""
        if not self.fits(size):
            self.too_large = size
            return False
        while self._entries and self.held + size + SMALL > self.budget - self._reserved:
            self.held -= self._entries.popleft()[2]
            self.let_go = True
        return True

    @contextmanager
    def reserving(self, size: int) -> Iterator[None]:
        """Reserve `size` bytes of the budget for something else while the block runs."""
        self._reserved = size
        try:
            yield
        finally:
            self._reserved = 0

    def push(self, label: str, before: dict[str, Any], size: int) -> None:
        """Record a change: its name, the state before it, and the bytes of the arrays in that state."""
        self._entries.append((label, before, size + SMALL))
        self.held += size + SMALL

    def last(self) -> tuple[str, dict[str, Any]]:
        """Return the name of the last change, and the state before it."""
        label, before, _ = self._entries[-1]
        return label, before

    def pop(self) -> None:
        """Remove the last change, which was taken back."""
        self.held -= self._entries.pop()[2]

    def mark(self) -> object:
        """Return the present last change, for `back_to`."""
        return self._entries[-1] if self._entries else None

    def back_to(self, mark: object) -> None:
        """Drop the changes after `mark`: their method failed, and the state before them is restored."""
        while self._entries and self._entries[-1] is not mark:
            self._entries.pop()
        self.held, self._reserved = sum(size for _, _, size in self._entries), 0

    def forget(self) -> None:
        """Drop all changes: the present one cannot be taken back, so the earlier ones cannot either."""
        self.held, self.let_go = 0, True
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def __str__(self) -> str:
        """Return a sentence on the changes that cannot be taken back; empty if all can."""
        budget = f"{thousands(self.budget / 1e6)} MB"
        if self.too_large:
            return (
                f"training of a network of this size cannot be undone: it needs "
                f"{thousands(self.too_large / 1e6)} MB, and undo may use at most {budget}"
            )
        if not self.let_go:
            return ""
        reach = f"undo can take back {counted(len(self), 'change')}"
        return f"{reach}; older ones were dropped to keep memory under {budget}"
