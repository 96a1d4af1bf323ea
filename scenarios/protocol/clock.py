"""A clock for the time of an experiment: the part that several processes share, and the part that all wait for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter, process_time
from typing import Any, ClassVar, NamedTuple, Protocol

Span = tuple[float, float]  # from, to


class Work(Protocol):
    """A piece of work for any process.

    Attributes:
        writes: whether it writes files, which another computer would write elsewhere.
    """

    writes: ClassVar[bool]

    @property
    def kind(self) -> str:
        """The kind of its time: search, runs or figures."""

    def perform(self, data: Any) -> Any:
        """Do it, and return the result."""


class Done(NamedTuple):
    """The result of a piece of work, and its cost: seconds of wall time, and of a processor."""

    result: Any
    seconds: float
    processor: float


def timed(work: Work, data: Any) -> Done:
    """Do a piece of work, and measure how long it took."""
    began, used = perf_counter(), process_time()
    result = work.perform(data)
    return Done(result, perf_counter() - began, process_time() - used)


class Clock:
    """A record of where the time of a command went.

    Args:
        began: when the command began, by `perf_counter`; None: now.

    Attributes:
        phases: seconds that this process took for what it does alone.
    """

    def __init__(self, began: float | None = None) -> None:
        self.began = perf_counter() if began is None else began
        self.phases = {"start": perf_counter() - self.began, "data": 0.0}
        self.spans: dict[tuple[str, str], list[Span]] = {}  # (scenario, kind of work) -> when some of it was done
        self.costs: dict[tuple[str, str], list[float]] = {}  # processor seconds of each

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time the block as a phase."""
        began = perf_counter()
        try:
            yield
        finally:
            self.phases[name] = perf_counter() - began

    def add(self, scenario: str, work: Work, done: Done, ended: float) -> None:
        """Take note of a piece of work, which ended at a time of this process's clock."""
        key = scenario, work.kind
        self.spans.setdefault(key, []).append((ended - done.seconds, ended))
        self.costs.setdefault(key, []).append(done.processor)

    def seconds(self, scenario: str) -> dict[str, Any]:
        """Return where the time of a scenario went, in seconds.

        Returns:
            start (imports), data and report (tables and documents): this process does them alone. search, runs and
            figures, each with wall (while some of it was being done), work (summed over the processes) and processor
            (their computing time). whole: since the command began. serial: the part of it without any work that a
            second process could have done.
        """
        found: dict[str, Any] = {name: round(seconds, 3) for name, seconds in self.phases.items()}
        for kind in ("search", "runs", "figures"):
            spans = self.spans.get((scenario, kind), [])
            found[kind] = {
                "wall": round(covered(spans), 3),
                "work": round(sum(end - begin for begin, end in spans), 3),
                "processor": round(sum(self.costs.get((scenario, kind), [])), 3),
            }
        whole = perf_counter() - self.began
        shared = covered(span for spans in self.spans.values() for span in spans)
        return found | {"whole": round(whole, 3), "serial": round(whole - shared, 3)}


def covered(spans: Iterable[Span]) -> float:
    """Return how long at least one of several spans lasted."""
    total, last = 0.0, -math.inf
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, last))
        last = max(last, end)
    return total
