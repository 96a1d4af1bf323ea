"""Where the runs of a scenario are computed: in this process, in several, or on a cluster.

Each is a context manager that gives a `Pool`: something to submit tasks to.  The data are handed over once, when it is
opened, and not with every task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, NamedTuple


class Pool(NamedTuple):
    """Something that performs tasks."""

    submit: Callable[[Any], Future[str]]
    slots: int  # how many tasks it can have at once without keeping one waiting for long


@contextmanager
def in_process(perform: Callable[[Any, Any], str], data: Any) -> Iterator[Pool]:
    """Perform every task here, as soon as it is submitted."""

    def submit(task: Any) -> Future[str]:
        future: Future[str] = Future()
        future.set_result(perform(task, data))
        return future

    yield Pool(submit, 1)
