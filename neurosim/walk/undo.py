"""What a walk can take back: its last changes, as many as a number of bytes holds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..text import counted, thousands

BYTES = 500_000_000  # that all kept changes may take together, whatever the size of the network
SMALL = 8192  # bytes that a change takes beside its arrays: random streams, a schedule, places


class Undo:
    """A list of changes, each with what brings back the state before it. The oldest go first.

    Args:
        budget: bytes for all of them together.

    Attributes:
        let_go: whether changes below the oldest that is kept cannot be taken back any more.
        too_large: bytes of a change that the whole budget does not hold; 0: there was none.
    """

    def __init__(self, budget: int = BYTES) -> None:
        self.budget = budget
        self.held, self.let_go, self.too_large = 0, False, 0
        self._entries: deque[tuple[str, dict[str, Any], int]] = deque()
        self._reserved = 0

    @property
    def labels(self) -> list[str]:
        """What can be taken back, the last of them last."""
        return [label for label, _, _ in self._entries]

    def last_place(self) -> Any:
        """The order of samples that the last change holds, if there is one."""
        return self._entries[-1][1]["place"][0] if self._entries else None

    def fits(self, size: int) -> bool:
        """Whether so many bytes of arrays are within the budget."""
        return size + SMALL <= self.budget - self._reserved

    def make_room(self, size: int) -> bool:
        """Before so many bytes are copied: let the oldest changes go; False: there cannot be room enough."""
        if not self.fits(size):
            self.too_large = size
            return False
        while self._entries and self.held + size + SMALL > self.budget - self._reserved:
            self.held -= self._entries.popleft()[2]
            self.let_go = True
        return True

    @contextmanager
    def reserving(self, size: int) -> Iterator[None]:
        """Within this, so many bytes of the budget are taken by something else."""
        self._reserved = size
        try:
            yield
        finally:
            self._reserved = 0

    def push(self, label: str, before: dict[str, Any], size: int) -> None:
        """A change was made: its name, the state before it, and the bytes of arrays in that."""
        self._entries.append((label, before, size + SMALL))
        self.held += size + SMALL

    def last(self) -> tuple[str, dict[str, Any]]:
        """The last change: its name, and the state before it."""
        label, before, _ = self._entries[-1]
        return label, before

    def pop(self) -> None:
        """The last change was taken back."""
        self.held -= self._entries.pop()[2]

    def mark(self) -> object:
        """The last change as it stands now, to come `back_to`."""
        return self._entries[-1] if self._entries else None

    def back_to(self, mark: object) -> None:
        """Drop the changes after `mark`: what made them failed, and the state before them is brought back."""
        while self._entries and self._entries[-1] is not mark:
            self._entries.pop()
        self.held, self._reserved = sum(size for _, _, size in self._entries), 0

    def forget(self) -> None:
        """A change was made that cannot be taken back, and so those before it cannot."""
        self.held, self.let_go = 0, True
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def __str__(self) -> str:
        """Where it ends, and why there; nothing as long as everything can be taken back."""
        budget = f"{thousands(self.budget / 1e6)} MB"
        if self.too_large:
            return (
                f"training of a network of this size cannot be undone: what it would take back is "
                f"{thousands(self.too_large / 1e6)} MB, and undo holds at most {budget}"
            )
        if not self.let_go:
            return ""
        reach = f"undo reaches back {counted(len(self), 'change')}"
        return f"{reach}; older ones were let go to hold memory under {budget}"
