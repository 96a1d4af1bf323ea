"""How many processors there are, and with how many threads neurosim computes on them.

The linear algebra behind NumPy takes as many threads as there are processors, and they wait for each other by spinning:
where another program runs as well, a product of matrices can take thirty times as long.  So neurosim computes with one
thread, unless it is asked for more.  A product can differ in its last bit between one thread and two.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, wraps
from threading import Lock, get_ident
from typing import Any, ParamSpec, TypeVar

from .errors import NeurosimError
from .text import counted

P = ParamSpec("P")
R = TypeVar("R")

VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def core_count() -> int:
    """How many processors this program may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Processes that are started in the block make no pool of threads when they import NumPy: nobody would use it."""
    before = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update(dict.fromkeys(VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# -- what is asked for -----------------------------------------------------------------------------------------------


class threads:
    """How many threads neurosim computes with: one, unless more are asked for.

        ns.threads(2)            # from now on, in the whole program
        with ns.threads(2):      # in this block, in whichever Python thread
            net.fit(x, y)
        ns.threads()             # says how many there are

    The number holds while neurosim computes, callbacks of `fit` included, whatever OPENBLAS_NUM_THREADS and its like
    say. Between its calls the libraries have their own numbers back. They are looked for once, when neurosim first
    computes: what is loaded later is not NumPy's, and keeps its number.

    Args:
        count: from 1 to the number of processors; ``None``: as many as now.

    Attributes:
        count: how many were asked for.

    Raises:
        NeurosimError: no whole number, or more than there are processors: they would wait for each other.

    Example:
        >>> ns.threads()
        1 thread
    """

    def __init__(self, count: int | None = None) -> None:
        self._is_block = False
        if count is None:
            self.count: int = _asked[-1].count if _asked else 1
            return
        from .checks import check_count  # imports NumPy, for which --help need not wait

        self.count = check_count("threads", count)
        if self.count > core_count():
            raise NeurosimError(
                f"threads: expected at most {core_count()}, the processors that this program may use, received {count}"
            )
        self._ask()

    def _ask(self) -> None:
        with _lock:
            _asked.append(self)
            _set_all(get_ident())

    def __enter__(self) -> threads:
        self._is_block = True
        if self not in _asked:
            self._ask()
        return self

    def __exit__(self, *_: object) -> None:
        with _lock:
            if self in _asked:  # what was asked for since ends with it; blocks of other Python threads go on
                at = _asked.index(self)
                _asked[at:] = [each for each in _asked[at + 1 :] if each._is_block]
                _set_all(get_ident())

    def __repr__(self) -> str:
        found = _in_force()
        if not found:
            return f"as many threads as NumPy's linear algebra likes ({self.count} asked for)"
        asked = "" if max(found) == self.count else f" ({self.count} asked for)"
        return counted(max(found), "thread") + asked


# -- while neurosim computes -----------------------------------------------------------------------------------------

_lock = Lock()
_asked: list[threads] = []  # the last one counts
_inside: set[int] = set()  # the Python threads that compute for neurosim
_before: dict[tuple[int, Any], int] = {}  # (Python thread, or 0 for all of them; library) -> its own number of threads


def computes(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function one that computes with neurosim's `threads`; inside another such function it costs nothing."""

    @wraps(function)
    def limited(*arguments: P.args, **named: P.kwargs) -> R:
        me = get_ident()
        if me in _inside:
            return function(*arguments, **named)
        try:
            _begin(me)
            return function(*arguments, **named)
        finally:
            _inside.discard(me)  # first of all: wherever Ctrl-C comes, the next call begins anew and ends properly
            _end(me)

    return limited


def _begin(me: int) -> None:
    with _lock:
        _inside.add(me)
        _set_all(me)


def _end(me: int) -> None:
    """Give back their own numbers: this Python thread's now, those that all share with the last one that computes."""
    with _lock:
        for (whose, library), count in list(_before.items()):
            if whose == me or (whose == 0 and not _inside):
                _set(library, count)
                del _before[whose, library]


def _set_all(me: int) -> None:
    """Set every library to what is asked for, if somebody computes that it serves. The lock is held."""
    for library in _libraries() if _inside else ():
        whose = me if _is_per_thread(library) else 0
        if whose == 0 or me in _inside:
            _before.setdefault((whose, library), library.num_threads)
            _set(library, _asked[-1].count if _asked else 1)


def _set(library: Any, count: int) -> None:
    """Set the number of threads of a library."""
    if library.num_threads != count:
        free = getattr(library, "clear_controlling_thread", lambda force: None)
        free(force=True)  # from 3.8 on threadpoolctl lets only the Python thread set it that did so first
        library.set_num_threads(count)
        free(force=True)


@cache
def _libraries() -> list[Any]:
    """The linear algebra in this process whose number of threads can be set: NumPy's, if threadpoolctl knows it."""
    import numpy  # noqa: F401, ICN001  it loads the library

    with suppress(Exception):  # whatever stands in its way, e.g. a path that is not UTF-8: neurosim works without
        from threadpoolctl import ThreadpoolController

        found = ThreadpoolController().select(user_api="blas").lib_controllers
        return [each for each in found if each.num_threads]
    return []


def _is_per_thread(library: Any) -> bool:
    """Whether every Python thread has a number of its own."""
    return library.internal_api == "mkl" or getattr(library, "threading_layer", "") == "openmp"


@computes
def _in_force() -> list[int]:
    return [library.num_threads for library in _libraries()]


def _after_fork() -> None:
    """In a new process only the Python thread that forked lives on, and nobody frees the lock."""
    global _lock
    _lock = Lock()
    _inside.intersection_update({get_ident()})


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
